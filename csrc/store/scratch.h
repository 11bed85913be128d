/* Scratches: what preparing an append needs on its thread and wants to find warm: random bytes, ids, memory
 * for bodies. They belong to the store and its platform; a thread takes the one that it had last time, if
 * nobody else has it. In a forked child no store goes on, so that no random byte is used twice. */
#ifndef TALLY_STORE_SCRATCH_H
#define TALLY_STORE_SCRATCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/uuid.h"
#include "log/commit.h"

#define TALLY_SCRATCHES 32u
#define TALLY_RANDOM_KEY_BYTES 32u
#define TALLY_RANDOM_BUFFER_BYTES 2048u

/* Random bytes without a system call each: a stream cipher whose key is made new with every buffer, so that
 * what was given cannot be computed from what is here, and by the system now and then. */
typedef struct tally_random {
    uint8_t key[TALLY_RANDOM_KEY_BYTES]; /* of the next buffer */
    uint8_t bytes[TALLY_RANDOM_BUFFER_BYTES];
    size_t used;      /* of the buffer */
    uint32_t buffers; /* until the system is asked again */
} tally_random;

/* What one append is prepared in. For one thread at a time. */
typedef struct tally_scratch {
    _Atomic(uint32_t) taken;
    bool is_extra; /* made for one append, because all others were taken */
    const tally_platform *platform;
    tally_random random;
    tally_uuid_generator ids;
    uint8_t *bodies;
    size_t bodies_capacity;
    tally_ready *events;
    size_t events_capacity;
    tally_expected *expected;
    size_t expected_capacity;
} tally_scratch;

typedef struct tally_scratches {
    const tally_platform *platform;
    _Atomic(tally_scratch *) list[TALLY_SCRATCHES];
} tally_scratches;

void tally_scratches_init(tally_scratches *scratches, const tally_platform *platform);
void tally_scratches_destroy(tally_scratches *scratches);
size_t tally_scratches_bytes(const tally_scratches *scratches);

/* TALLY_E_NO_MEMORY. `hint` is the thread's number. */
tally_status tally_scratch_take(tally_scratches *scratches, uint32_t hint, tally_scratch **scratch, tally_error *error);
void tally_scratch_give(tally_scratch *scratch);

/* `length` at most TALLY_RANDOM_BUFFER_BYTES; lent until the next call. The system's failure when it gave none. */
tally_status tally_scratch_random(tally_scratch *scratch, size_t length, const uint8_t **bytes, tally_error *error);
/* Room for so many; what was there is lost. TALLY_E_NO_MEMORY. */
tally_status tally_scratch_reserve(tally_scratch *scratch, size_t events, size_t expected, size_t body_bytes,
                                   tally_error *error);

#endif
