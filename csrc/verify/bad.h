/* What is wrong, and where: the first bad place decides. */
#ifndef TALLY_VERIFY_BAD_H
#define TALLY_VERIFY_BAD_H

#include <tallystick/checkpoint.h>

#include "base/error.h"
#include "log/names.h"

/* invariant: reason 0 and all else zero: nothing is wrong */
typedef struct tally_bad {
    uint32_t reason;   /* TALLY_REASON_… */
    uint64_t place;    /* where in the order of the log: all events before it are right. Decides which is first */
    uint64_t position; /* of the event, or TALLY_POSITION_NONE */
    uint64_t offset;
    char file[TALLY_NAME_BYTES];
    char message[256];
} tally_bad;

void tally_bad_set(tally_bad *bad, uint32_t reason, uint64_t place, uint64_t position, const char *file,
                   uint64_t offset, const char *format, ...) TALLY_PRINTF(7, 8);

#endif
