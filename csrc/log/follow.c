#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "log/follow.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/evidence.h"
#include "log/run.h"

/* Without a HEAD that tells of a new writer, the names are looked at after so many refreshes. */
#define LOOK_EVERY 64u

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

static tally_segment *active(const tally_follow *follow)
{
    return follow->view->segments[follow->view->segment_count - 1];
}

/* ----------------------------------------------------------------------------------- taking the view */

static tally_status keep_mark(tally_follow *follow, tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    uint64_t offset = follow->scan.offset;
    follow->any_mark = false; /* also when it cannot be read: an older one is not the last one any more */
    if (offset <= TALLY_SEGMENT_HEADER_BYTES) return TALLY_OK;
    tally_status status =
        tally_scan_bytes(&follow->scan, offset - TALLY_MARK_BYTES, TALLY_MARK_BYTES, &bytes, &available, error);
    if (status == TALLY_OK && available < TALLY_MARK_BYTES) {
        status = tally_fail_at(error, TALLY_E_TRUNCATED, offset, "the segment %s shrank while it was read",
                               active(follow)->name);
    }
    if (status != TALLY_OK) return status;
    memcpy(follow->seen_mark, bytes, TALLY_MARK_BYTES);
    follow->any_mark = true;
    return TALLY_OK;
}

/* Stands behind what is known of the last segment of the view. */
static tally_status stand(tally_follow *follow, uint64_t next_position, uint64_t next_commit, tally_error *error)
{
    tally_segment *segment = active(follow);
    tally_scan_end(&follow->scan);
    tally_status status = tally_scan_begin(&follow->scan, segment, atomic_load(&segment->end), next_position,
                                           next_commit, error);
    return status == TALLY_OK ? keep_mark(follow, error) : status;
}

/* Runs are made of sealed segments: they are looked for when HEAD tells of new ones. */
static tally_status show(tally_follow *follow, tally_segment *const *segments, size_t count, bool look_for_runs,
                         tally_error *error)
{
    tally_view *view;
    const tally_view *old = follow->view;
    tally_status status = look_for_runs
                              ? tally_runs_view(follow->folder, segments, count, false, &view, error)
                              : tally_view_new(follow->folder->platform, segments, count, old->runs, old->run_count,
                                               &view, error);
    if (status != TALLY_OK) return status;
    tally_view_release(follow->view);
    follow->view = view;
    follow->changed = true;
    return TALLY_OK;
}

static tally_status take_chain(tally_follow *follow, tally_found *found, tally_error *error)
{
    tally_chain chain;
    tally_status status =
        tally_chain_open(&chain, follow->folder, follow->check, follow->map, false, error);
    if (status == TALLY_OK && chain.end == TALLY_CHAIN_UNKNOWN) {
        status = tally_chain_refuse(&chain, TALLY_E_FORMAT, "a later version of tallystick wrote it: use that one",
                                    error);
    }
    if (status == TALLY_OK) status = tally_found_fill(&chain, found, error);
    tally_chain_free(&chain);
    if (status != TALLY_OK || found->view == NULL) return status;
    follow->view = found->view;
    tally_view_hold(follow->view);
    follow->changed = true;
    follow->end = found->next_position;
    follow->durable = found->durable;
    memcpy(follow->last_hash, found->last_hash, sizeof follow->last_hash);
    return stand(follow, found->next_position, found->next_commit, error);
}

/* HEAD is a hint: what cannot be read tells nothing. */
static bool look_at_head(tally_follow *follow)
{
    tally_head head;
    bool valid, live;
    if (tally_head_read(follow->folder, &head, &valid, &live, NULL) != TALLY_OK) valid = live = false;
    bool changed = live && (!follow->head_live || head.writer_epoch != follow->head.writer_epoch ||
                            head.manifest_generation != follow->head.manifest_generation);
    follow->head_live = live;
    if (live) follow->head = head;
    return changed;
}

static void take_durable(tally_follow *follow)
{
    uint64_t durable = follow->scan.durable_position;
    if (follow->head_live && follow->head.durable > durable) durable = follow->head.durable;
    if (durable > follow->end) durable = follow->end;
    if (durable > follow->durable) follow->durable = durable;
}

tally_status tally_follow_open(const tally_folder *folder, uint32_t check, uint32_t map, tally_follow **follow,
                               tally_found *found, tally_error *error)
{
    tally_follow *made = folder->platform->allocate(folder->platform->context, sizeof *made);
    *follow = NULL;
    memset(found, 0, sizeof *found);
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to follow a store");
    memset(made, 0, sizeof *made);
    made->folder = folder;
    made->check = check;
    made->map = map;
    /* Before the segments: what HEAD says then, they show. */
    (void)look_at_head(made);
    tally_status status = take_chain(made, found, error);
    if (status == TALLY_OK) {
        take_durable(made);
        found->durable = made->durable;
        if (made->head_live && made->head.writer_epoch > found->writer_epoch) {
            found->writer_epoch = made->head.writer_epoch;
        }
        made->changed = false;
        *follow = made;
        return TALLY_OK;
    }
    tally_found_release(found);
    tally_follow_close(made);
    return status;
}

void tally_follow_close(tally_follow *follow)
{
    if (follow == NULL) return;
    tally_scan_end(&follow->scan);
    tally_view_release(follow->view);
    follow->folder->platform->release(follow->folder->platform->context, follow);
}

/* -------------------------------------------------------------------------------------- being cut */

static tally_status was_cut(tally_follow *follow, tally_error *error)
{
    follow->cut = true;
    (void)tally_fail_os(error, TALLY_E_DAMAGED, 0, follow->folder->path,
                        "events below position %" PRIu64 " that were seen here have been cut by the recovery of "
                        "another writer: open the store again",
                        follow->end);
    if (error != NULL) error->position = follow->end;
    return TALLY_E_DAMAGED;
}

/* In the same file the last mark that was taken is where it was. */
static tally_status check_mark(tally_follow *follow, tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    if (!follow->any_mark || follow->scan.segment->sealed) return TALLY_OK;
    uint64_t at = follow->scan.offset - TALLY_MARK_BYTES;
    tally_scan_forget(&follow->scan);
    tally_status status = tally_scan_bytes(&follow->scan, at, TALLY_MARK_BYTES, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    if (available < TALLY_MARK_BYTES || memcmp(bytes, follow->seen_mark, TALLY_MARK_BYTES) != 0) {
        return was_cut(follow, error);
    }
    return TALLY_OK;
}

/* The files that the names mean are those that are open here: an unsealed one could have been removed. */
static tally_status check_names(tally_follow *follow, tally_error *error)
{
    follow->quiet = 0;
    for (size_t i = 0; i < follow->view->segment_count; i++) {
        const tally_segment *segment = follow->view->segments[i];
        enum tally_header_state state;
        tally_segment_header header;
        if (segment->sealed) continue;
        tally_status status =
            tally_header_look(follow->folder, segment->header.number, &state, &header, NULL, error);
        if (status == TALLY_E_NOT_FOUND) return was_cut(follow, error);
        if (status != TALLY_OK) return status;
        if (state != TALLY_HEADER_WHOLE || memcmp(header.salt, segment->header.salt, sizeof header.salt) != 0) {
            return was_cut(follow, error);
        }
    }
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------- looking for more */

static tally_status scan_on(tally_follow *follow, tally_error *error)
{
    tally_segment *segment = active(follow);
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
        if (follow->scan.digest != 0) memcpy(follow->last_hash, follow->scan.last_hash, sizeof follow->last_hash);
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
    uint64_t number = active(follow)->header.number + 1;
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
        return was_cut(follow, error);
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
    status =
        tally_scan_begin(&scan, segment, mark.first_offset, mark.first_position, mark.commit, error);
    if (status == TALLY_OK) status = tally_scan_next(&scan, &what, NULL, error);
    if (what == TALLY_SCANNED_COMMIT) memcpy(hash, scan.last_hash, 32);
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
    tally_status status =
        tally_scan_begin(&scan, next, atomic_load(&next->end), next_position, next_commit, error);
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

static tally_status go_on(tally_follow *follow, bool *more, tally_error *error)
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
static tally_status take_sealed(tally_follow *follow, tally_error *error)
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

static tally_status look_for_more(tally_follow *follow, bool head_changed, tally_error *error)
{
    tally_found found;
    tally_status status = TALLY_OK;
    if (follow->view == NULL) {
        status = take_chain(follow, &found, error);
        tally_found_release(&found);
        return status;
    }
    if (head_changed || ++follow->quiet >= LOOK_EVERY) status = check_names(follow, error);
    if (status == TALLY_OK) status = check_mark(follow, error);
    for (bool more = true; status == TALLY_OK && more;) {
        more = false;
        if (!active(follow)->sealed) status = scan_on(follow, error);
        /* Not only when HEAD tells of it: a commit is seen when it is written, and HEAD may come later. */
        if (status == TALLY_OK) status = go_on(follow, &more, error);
    }
    if (status == TALLY_OK && head_changed) status = take_sealed(follow, error);
    return status;
}

tally_status tally_follow_refresh(tally_follow *follow, tally_view **view, uint64_t *end, uint64_t *durable,
                                  tally_error *error)
{
    *view = NULL;
    *end = follow->end;
    *durable = follow->durable;
    if (follow->cut) return was_cut(follow, error);
    bool head_changed = look_at_head(follow);
    tally_status status = look_for_more(follow, head_changed, error);
    if (follow->view != NULL) take_durable(follow);
    /* A failure in the middle does not hide what was found before it. */
    if (follow->changed && follow->view != NULL) {
        *view = follow->view;
        tally_view_hold(follow->view);
        follow->changed = false;
    }
    *end = follow->end;
    *durable = follow->durable;
    return status;
}
