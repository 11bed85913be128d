/* Where in a view a key is: segment by segment, through runs where there are any. */
#ifndef TALLY_LOG_LOCATE_H
#define TALLY_LOG_LOCATE_H

#include "log/ask.h"
#include "log/run.h"

/* Zero but for the key at first; only remembers what the last run said. */
typedef struct tally_locator {
    tally_key key;
    const tally_run *run; /* that `entry` is of */
    bool known;           /* the run knows the key */
    tally_run_entry entry;
} tally_locator;

/* What segment number `i` knows of the key. When it does not know it (`*found` false), `*next` is where to go on:
 * forwards the next segment that may know it, or the view's segment_count; backwards one more than the one before
 * that may, or 0. */
tally_status tally_locate(tally_locator *locator, const tally_view *view, size_t i, bool backwards, bool *found,
                          tally_entry *entry, size_t *next, tally_error *error);

#endif
