/* Recovery: what an open finds in a directory, and what it has to do before the first append.
 * store.h, tally_store_open; docs/FORMAT.md, "Recovery". */
#ifndef TALLY_LOG_RECOVER_H
#define TALLY_LOG_RECOVER_H

#include "base/clock.h"
#include "log/head.h"
#include "log/view.h"

/* What was found; the next event, commit and time go on from here. */
typedef struct tally_found {
    tally_view *view;      /* held; segments with `end` set; NULL: an empty directory, or a store without a segment */
    uint64_t next_position;
    uint64_t next_commit;
    uint64_t durable;      /* all of it is proven durable now */
    uint64_t writer_epoch; /* of the last writer */
    tally_moment last_time;
    bool any_event;
    uint32_t digest;       /* of the last event, or 0 */
    uint8_t last_hash[32]; /* event hash of next_position - 1 */
    uint8_t lineage[16];
    char name[TALLY_STORE_NAME_MAX + 1];
    tally_recovery report;
} tally_found;

/* For the writer, under the lock: scans the unsealed segments, cuts or refuses as store.h says, writes again and
 * syncs what is not proven durable, and removes segments behind the cut. The clean-close mark lets it skip the
 * rewriting. */
tally_status tally_recover(const tally_folder *folder, uint32_t check, uint32_t map, tally_found *found,
                           tally_error *error);
void tally_found_release(tally_found *found);

/* Whether a directory holds a store, nothing, or something else (TALLY_E_FORMAT, naming a file that is none of
 * ours). TALLY_E_NOT_FOUND: no directory. */
tally_status tally_directory_look(const tally_folder *folder, bool *is_store, tally_error *error);

#endif
