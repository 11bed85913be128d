/* The state of notification; see notify.h. */
#ifndef TALLY_STORE_DELIVERY_H
#define TALLY_STORE_DELIVERY_H

#include "store/store.h"

/* invariant: one thread at a time has `running`; everything but the first four members is its own meanwhile */
typedef struct tally_delivery {
    tally_mutex mutex;
    _Atomic(const void *) thread; /* the record of the thread that delivers; NULL: none */
    bool running;
    uint64_t next; /* position of the event to be delivered next */
    uint8_t *scratch;
    size_t scratch_capacity;
    uint32_t kind; /* of the type seen last */
    size_t type_length;
    char type[TALLY_TYPE_MAX];
} tally_delivery;

/* Makes and frees body->delivery. */
tally_status tally_delivery_open(tally_store_body *body, tally_error *error);
void tally_delivery_close(tally_store_body *body);

#endif
