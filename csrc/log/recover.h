/* Recovery: what an open finds in a directory, and what it has to do before the first append.
 * store.h, tally_store_open; docs/FORMAT.md, "Recovery".
 *
 * The log ends before the first commit X that is absent or does not check. Was X durable once (a later mark, a
 * later sealed segment, or HEAD of this boot says so), or do its bytes check and are not what has to come there,
 * it is damage: refused. Else X and all behind it are cut.
 *
 * In this order, each step synced before the next, so that a crash in between is met by the same recovery:
 *   1. segments behind the one of X are removed, the newest first; the directory
 *   2. the segment of X is cut at X, so that what is written there next meets zeros
 *   3. what is above the last proven durable position is written again, in place: after a failed sync the system's
 *      cache shows bytes that the device may not have; then every such segment, in order; the directory
 * After a clean close only its mark is written again and synced, for the same reason: that mark's own sync may
 * have failed, and the log must not go on behind a hole. */
#ifndef TALLY_LOG_RECOVER_H
#define TALLY_LOG_RECOVER_H

#include "base/clock.h"
#include "log/head.h"
#include "log/view.h"

/* What was found; the next event, commit and time go on from here. */
typedef struct tally_found {
    tally_view *
        view; /* held; segments with `end` set, and their runs; NULL: an empty directory, or a store without a segment. The
                       * last segment may be sealed: then the next event needs a new one */
    uint64_t next_position;
    uint64_t next_commit;
    uint64_t durable;      /* after tally_recover: next_position */
    uint64_t writer_epoch; /* of the last writer, as marks or HEAD tell */
    tally_moment last_time;
    bool any_event;
    uint32_t digest;       /* of the last event, or 0 */
    uint8_t last_hash[32]; /* event hash of next_position - 1; zero at 0 */
    uint8_t lineage[16];
    char name[TALLY_STORE_NAME_MAX + 1];
    tally_recovery report;
} tally_found;

/* For the writer, under the lock: scans the unsealed segments, cuts or refuses as store.h says, writes again and
 * syncs what is not proven durable, and removes segments behind the cut. TALLY_E_DAMAGED with file, offset and
 * position; TALLY_E_FORMAT; E_NOT_FOUND no directory; E_IO and the like. */
tally_status tally_recover(const tally_folder *folder, uint32_t check, uint32_t map, tally_found *found,
                           tally_error *error);
/* The same; `admit` sees what was found before anything is changed, and refuses it with any status. The view is not
 * there yet. */
typedef tally_status (*tally_admit)(void *context, const tally_found *found, tally_error *error);
tally_status tally_recover_if(const tally_folder *folder, uint32_t check, uint32_t map, tally_admit admit,
                              void *context, tally_found *found, tally_error *error);
void tally_found_release(tally_found *found);

/* Whether a directory holds a store, nothing, or something else (TALLY_E_FORMAT, naming a file that is none of
 * ours). TALLY_E_NOT_FOUND: no directory. */
tally_status tally_directory_look(const tally_folder *folder, bool *is_store, tally_error *error);

struct tally_chain;
/* What following tells of a chain: nothing is written, `durable` is what is proven, the report is left empty. */
tally_status tally_found_fill(const struct tally_chain *chain, tally_found *found, tally_error *error);

#endif
