/* The parts of a follower; for follow*.c only. */
#ifndef TALLY_LOG_FOLLOW_BODY_H
#define TALLY_LOG_FOLLOW_BODY_H

#include "log/evidence.h"
#include "log/follow.h"

/* invariant: view NULL means no segment yet; else `scan` stands behind the last commit of its last segment, whose
 * `end` says the same, and `seen_mark` is that commit's mark when any_mark */
struct tally_follow {
    const tally_folder *folder;
    uint32_t check;
    uint32_t map;
    tally_view *view; /* held */
    tally_scan scan;
    bool any_mark;
    uint8_t seen_mark[TALLY_MARK_BYTES];
    uint8_t last_hash[32];
    uint64_t end;
    uint64_t durable;
    tally_head head; /* as it was at the last look */
    bool head_live;
    uint32_t quiet; /* refreshes since the names were looked at */
    bool changed;   /* the view, since it was last given out */
    bool cut;
};

static inline tally_segment *tally_follow_active(const tally_follow *follow)
{
    return follow->view->segments[follow->view->segment_count - 1];
}

/* What was seen is not there any more: TALLY_E_DAMAGED, for ever. */
tally_status tally_follow_was_cut(tally_follow *follow, tally_error *error);

/* Takes the commits that have come to the last segment of the view. */
tally_status tally_follow_scan_on(tally_follow *follow, tally_error *error);
/* Goes over to the next segment when it is there; `*more` says that it did. */
tally_status tally_follow_go_on(tally_follow *follow, bool *more, tally_error *error);
/* Takes the segments that were sealed since, and the runs that are there. */
tally_status tally_follow_take_sealed(tally_follow *follow, tally_error *error);

#endif
