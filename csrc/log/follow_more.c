/* What a follower does when there is more: the next commits, the next segment, indexes that were made. */
#include <string.h>

#include "base/error.h"
#include "log/follow_body.h"
#include "log/run.h"

/* Runs are made of sealed segments: they are looked for when HEAD tells of new ones. */
static tally_status show(tally_follow *follow, tally_segment *const *segments, size_t count, bool look_for_runs,
                         tally_error *error)
{
    tally_view *view;
    const tally_view *old = follow->view;
    tally_status status = look_for_runs ? tally_runs_view(follow->folder, segments, count, false, &view, error)
                                        : tally_view_new(follow->folder->platform, segments, count, old->runs,
                                                         old->run_count, &view, error);
    if (status != TALLY_OK) return status;
    tally_view_release(follow->view);
    follow->view = view;
    follow->changed = true;
    return TALLY_OK;
}

tally_status tally_follow_scan_on(tally_follow *follow, tally_error *error)
{
    tally_segment *segment = tally_follow_active(follow);
    uint64_t before = follow->scan.offset;
    enum tally_scanned what = TALLY_SCANNED_COMMIT;
    tally_error why;
    tally_status status = TALLY_OK;
    while (status == TALLY_OK && what == TALLY_SCANNED_COMMIT) {
        status = tally_scan_next(&follow->scan, &what, &why, error);
    }
    if (follow->scan.offset != before) {
        /* As it lies in the file: a mark has one form. */
        tally_mark_encode(segment->seed, &follow->scan.mark, follow->seen_mark);
        follow->any_mark = true;
        (void)tally_scan_last_hash(&follow->scan, follow->last_hash);
        atomic_store_explicit(&segment->end, follow->scan.offset, memory_order_release);
        follow->end = follow->scan.next_position;
    }
    if (status != TALLY_OK || what == TALLY_SCANNED_NOTHING) return status;
    if (error != NULL) *error = why;
    return why.status;
}

/* The next segment, when it is there and goes on from here; NULL when it is not. */
static tally_status open_next(tally_follow *follow, tally_segment **next, tally_error *error)
{
    uint64_t number = tally_follow_active(follow)->header.number + 1;
    enum tally_header_state state;
    tally_segment_header header;
    *next = NULL;
    tally_status status = tally_header_look(follow->folder, number, &state, &header, error, error);
    if (status == TALLY_E_NOT_FOUND) return TALLY_OK;
    if (status != TALLY_OK) return status;
    if (state == TALLY_HEADER_UNKNOWN) return TALLY_E_FORMAT; /* `error` says why */
    /* A header that is just being written, or whose predecessor's end is. */
    if (state != TALLY_HEADER_WHOLE || header.first_commit > follow->scan.next_commit) return TALLY_OK;
    if (header.first_commit != follow->scan.next_commit || header.first_position != follow->scan.next_position ||
        memcmp(header.event_before, follow->last_hash, sizeof header.event_before) != 0) {
        return tally_follow_was_cut(follow, error);
    }
    status = tally_segment_open(follow->folder, number, 0, follow->check, follow->map, false, next, error);
    /* Gone or begun anew in between: the next look tells. */
    return status == TALLY_E_NOT_FOUND || status == TALLY_E_DAMAGED || status == TALLY_E_TRUNCATED ? TALLY_OK : status;
}

static tally_status append_segment(tally_follow *follow, tally_segment *next, tally_error *error)
{
    const tally_platform *platform = follow->folder->platform;
    size_t count = follow->view->segment_count;
    tally_segment **segments = platform->allocate(platform->context, (count + 1) * sizeof *segments);
    if (segments == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    memcpy(segments, follow->view->segments, count * sizeof *segments);
    segments[count] = next;
    tally_status status = show(follow, segments, count + 1, false, error);
    platform->release(platform->context, segments);
    return status;
}

/* One that was sealed before it was seen is whole at once: finds the hash of its last event. */
static tally_status find_last_hash(const tally_segment *segment, uint8_t hash[32], tally_error *error)
{
    tally_scan scan;
    tally_mark mark;
    enum tally_scanned what = TALLY_SCANNED_NOTHING;
    uint64_t end = segment->trailer.data_end;
    bool found = true;
    tally_status status = tally_mark_before(segment, end, &found, &mark, error);
    while (status == TALLY_OK && found && mark.count == 0) {
        end = mark.first_offset;
        status = tally_mark_before(segment, end, &found, &mark, error);
    }
    if (status != TALLY_OK || !found) return status;
    status = tally_scan_begin(&scan, segment, mark.first_offset, mark.first_position, mark.commit, error);
    if (status == TALLY_OK) status = tally_scan_next(&scan, &what, NULL, error);
    if (what == TALLY_SCANNED_COMMIT) (void)tally_scan_last_hash(&scan, hash);
    tally_scan_end(&scan);
    return status;
}

/* Nothing of `follow` changes before all of it has worked. */
static tally_status move_to(tally_follow *follow, tally_segment *next, tally_error *error)
{
    tally_scan scan;
    uint64_t next_position = next->sealed ? next->trailer.last_position + 1 : next->header.first_position;
    uint64_t next_commit = next->header.first_commit + (next->sealed ? next->trailer.commits : 0);
    uint8_t hash[32];
    memcpy(hash, follow->last_hash, sizeof hash);
    tally_status status = tally_scan_begin(&scan, next, atomic_load(&next->end), next_position, next_commit, error);
    if (status == TALLY_OK && next->sealed) status = find_last_hash(next, hash, error);
    if (status == TALLY_OK) status = append_segment(follow, next, error);
    if (status != TALLY_OK) return status;
    scan.durable_position = next->sealed ? next_position : follow->scan.durable_position;
    scan.writer_epoch = follow->scan.writer_epoch;
    scan.last_time_us = follow->scan.last_time_us;
    scan.last_time_logical = follow->scan.last_time_logical;
    tally_scan_end(&follow->scan);
    follow->scan = scan;
    follow->any_mark = false;
    memcpy(follow->last_hash, hash, sizeof hash);
    follow->end = next_position;
    return TALLY_OK;
}

tally_status tally_follow_go_on(tally_follow *follow, bool *more, tally_error *error)
{
    tally_segment *next;
    tally_status status = open_next(follow, &next, error);
    if (status != TALLY_OK || next == NULL) return status;
    status = move_to(follow, next, error);
    tally_segment_release(next);
    *more = status == TALLY_OK;
    return status;
}

/* Segments that were sealed since, whose indexes are in the file now; and runs. */
tally_status tally_follow_take_sealed(tally_follow *follow, tally_error *error)
{
    const tally_platform *platform = follow->folder->platform;
    size_t count = follow->view->segment_count;
    tally_segment **segments = platform->allocate(platform->context, 2 * count * sizeof *segments);
    if (segments == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    tally_segment **opened = segments + count;
    size_t opened_count = 0;
    memcpy(segments, follow->view->segments, count * sizeof *segments);
    for (size_t i = 0; i + 1 < count; i++) {
        const tally_segment *old = segments[i];
        tally_segment *now;
        if (old->sealed || tally_segment_open(follow->folder, old->header.number, 0, follow->check, follow->map, false,
                                              &now, NULL) != TALLY_OK) {
            continue;
        }
        if (now->sealed && memcmp(now->header.salt, old->header.salt, sizeof old->header.salt) == 0 &&
            now->trailer.data_end == atomic_load(&old->end)) {
            segments[i] = now;
            opened[opened_count++] = now;
        } else {
            tally_segment_release(now);
        }
    }
    tally_status status = show(follow, segments, count, true, error);
    for (size_t i = 0; i < opened_count; i++) tally_segment_release(opened[i]); /* the view holds them */
    platform->release(platform->context, segments);
    return status;
}
