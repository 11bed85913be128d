#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "log/follow.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/follow_body.h"

/* Without a HEAD that tells of a new writer, the names are looked at after so many refreshes. */
#define LOOK_EVERY 64u

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
                               tally_follow_active(follow)->name);
    }
    if (status != TALLY_OK) return status;
    memcpy(follow->seen_mark, bytes, TALLY_MARK_BYTES);
    follow->any_mark = true;
    return TALLY_OK;
}

/* Stands behind what is known of the last segment of the view. */
static tally_status stand(tally_follow *follow, uint64_t next_position, uint64_t next_commit, tally_error *error)
{
    tally_segment *segment = tally_follow_active(follow);
    tally_scan_end(&follow->scan);
    tally_status status =
        tally_scan_begin(&follow->scan, segment, atomic_load(&segment->end), next_position, next_commit, error);
    return status == TALLY_OK ? keep_mark(follow, error) : status;
}

static tally_status take_chain(tally_follow *follow, tally_found *found, tally_error *error)
{
    tally_chain chain;
    tally_status status = tally_chain_open(&chain, follow->folder, follow->check, follow->map, 0, error);
    if (status == TALLY_OK && chain.end == TALLY_CHAIN_UNKNOWN) {
        status =
            tally_chain_refuse(&chain, TALLY_E_FORMAT, "a later version of tallystick wrote it: use that one", error);
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

tally_status tally_follow_was_cut(tally_follow *follow, tally_error *error)
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
        return tally_follow_was_cut(follow, error);
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
        tally_status status = tally_header_look(follow->folder, segment->header.number, &state, &header, NULL, error);
        if (status == TALLY_E_NOT_FOUND) return tally_follow_was_cut(follow, error);
        if (status != TALLY_OK) return status;
        if (state != TALLY_HEADER_WHOLE || memcmp(header.salt, segment->header.salt, sizeof header.salt) != 0) {
            return tally_follow_was_cut(follow, error);
        }
    }
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------- looking for more */

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
        if (!tally_follow_active(follow)->sealed) status = tally_follow_scan_on(follow, error);
        /* Not only when HEAD tells of it: a commit is seen when it is written, and HEAD may come later. */
        if (status == TALLY_OK) status = tally_follow_go_on(follow, &more, error);
    }
    if (status == TALLY_OK && head_changed) status = tally_follow_take_sealed(follow, error);
    return status;
}

tally_status tally_follow_refresh(tally_follow *follow, tally_view **view, uint64_t *end, uint64_t *durable,
                                  tally_error *error)
{
    *view = NULL;
    *end = follow->end;
    *durable = follow->durable;
    if (follow->cut) return tally_follow_was_cut(follow, error);
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
