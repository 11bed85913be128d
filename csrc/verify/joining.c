#define __USE_MINGW_ANSI_STDIO 1

#include "verify/joining.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const tally_segment *segment_of(const tally_joining *joining)
{
    return joining->checks->view->segments[joining->segment];
}

static void wrong(tally_joining *joining, uint32_t reason, uint64_t place, uint64_t position, uint64_t offset,
                  const char *what)
{
    const char *name = segment_of(joining)->name;
    if (joining->bad.reason != TALLY_REASON_NONE && joining->bad.place <= place) return;
    tally_bad_set(&joining->bad, reason, place, position, name, offset,
                  "%s, offset %" PRIu64 ", position %" PRIu64 ": %s", name, offset, position, what);
}

tally_status tally_joining_begin(tally_joining *joining, const tally_checks *checks, tally_judged_heads *heads,
                                 tally_error *error)
{
    uint64_t events = 0;
    const tally_view *view = checks->view;
    joining->checks = checks;
    joining->heads = heads;
    tally_tile_window_begin(&joining->tiles, &checks->tiles);
    for (size_t i = 0; i < view->segment_count; i++) events += checks->limits[i] / 256;
    if (!checks->full) events = 0;
    return tally_link_heads_open(&joining->streams, checks->platform, events, checks->full_from == 0, error);
}

void tally_joining_end(tally_joining *joining) { tally_link_heads_close(&joining->streams); }

/* ---------------------------------------------------------------------------------------- segments */

static void check_header(tally_joining *joining)
{
    const tally_segment *segment = segment_of(joining);
    const tally_segment_header *header = &segment->header;
    const tally_segment_header *first = &joining->checks->view->segments[0]->header;
    uint64_t at = joining->position;
    if (memcmp(header->lineage, first->lineage, sizeof header->lineage) != 0 || strcmp(header->name, first->name) != 0)
        wrong(joining, TALLY_REASON_WRONG_ORIGIN, at, at, 0, "the segment is of another store");
    else if (header->first_position > at)
        wrong(joining, TALLY_REASON_EVENT_MISSING, at, at, 0, "the segment begins behind the end of the one before it");
    else if (header->first_position < at)
        wrong(joining, TALLY_REASON_EVENT_ADDED, at, at, 0, "the segment begins before the end of the one before it");
    else if (header->first_commit != joining->commit)
        wrong(joining, TALLY_REASON_ORDER_CHANGED, at, at, 0, "the segment begins with another commit");
    else if (joining->hash_known && memcmp(header->event_before, joining->last_hash, sizeof joining->last_hash) != 0)
        wrong(joining, TALLY_REASON_LINK_BROKEN, at, at, 0, "the segment goes on from another event than the last one");
}

static void enter_segment(tally_joining *joining, size_t segment)
{
    bool first = !joining->any_segment;
    if (!first) joining->bytes += joining->checks->limits[joining->segment];
    joining->segment = segment;
    joining->any_segment = true;
    joining->offset = TALLY_SEGMENT_HEADER_BYTES;
    joining->any_event = false;
    joining->new_streams = 0;
    memset(&joining->sums, 0, sizeof joining->sums);
    if (first) {
        joining->position = segment_of(joining)->header.first_position;
        joining->commit = segment_of(joining)->header.first_commit;
        if (segment != 0) return; /* what is before it was verified before */
        if (joining->position != 0 || joining->commit != 0)
            wrong(joining, TALLY_REASON_EVENT_MISSING, 0, 0, 0,
                  "the first segment does not begin with the first event");
        return;
    }
    check_header(joining);
}

/* Whether all of a segment's events were looked at, so that its indexes can be compared. */
static bool was_whole(const tally_joining *joining)
{
    return joining->checks->full && segment_of(joining)->header.first_position >= joining->checks->full_from &&
           joining->offset == joining->checks->limits[joining->segment];
}

static const char *compare_trailer(const tally_joining *joining)
{
    const tally_segment *segment = segment_of(joining);
    const tally_trailer *trailer = &segment->trailer;
    if (trailer->last_position + 1 != joining->position) return "the trailer names another last position";
    if (trailer->commits != joining->commit - segment->header.first_commit) return "the trailer counts other commits";
    if (trailer->first_time_us != (joining->any_event ? joining->first_time.time_us : 0) ||
        trailer->last_time_us != (joining->any_event ? joining->time.time_us : 0))
        return "the trailer names another time";
    if (trailer->new_streams != joining->new_streams) return "the trailer counts other streams";
    return NULL;
}

static tally_status leave_segment(tally_joining *joining, tally_error *error)
{
    const tally_segment *segment = segment_of(joining);
    if (!segment->sealed || !was_whole(joining) || joining->bad.reason != TALLY_REASON_NONE) return TALLY_OK;
    const char *what = compare_trailer(joining);
    if (what != NULL) {
        wrong(joining, TALLY_REASON_INDEX_WRONG, joining->position, TALLY_POSITION_NONE, segment->trailer.data_end,
              what);
        return TALLY_OK;
    }
    tally_bad bad = {.reason = TALLY_REASON_NONE};
    tally_status status = tally_index_check(segment, &joining->sums, &joining->checks->index_secret,
                                            joining->checks->platform, &bad, error);
    if (bad.reason != TALLY_REASON_NONE) {
        bad.place = joining->position;
        joining->bad = bad;
    }
    return status;
}

/* ----------------------------------------------------------------------------------------- streams */

/* What the log's indexes say of a stream before a position; the event hash is made of the core that is there. */
static tally_status look_up(const tally_joining *joining, const tally_link *link, uint64_t *next_version,
                            uint8_t hash[TALLY_DIGEST_BYTES], bool *damaged, tally_error *error)
{
    const tally_view *view = joining->checks->view;
    tally_place place;
    tally_scan scan;
    tally_frame frame;
    tally_body_view body;
    char stream[TALLY_STREAM_MAX];
    uint64_t last;
    *next_version = 0;
    *damaged = false;
    /* Its name: that of the event that is to be linked, which has been checked. */
    tally_status status = tally_scan_begin(&scan, segment_of(joining), TALLY_SEGMENT_HEADER_BYTES, 0, 0, error);
    if (status != TALLY_OK) return status;
    status = tally_scan_frame(&scan, link->first_offset, &frame, error);
    if (status == TALLY_OK) status = tally_body_decode(frame.body, frame.body_length, &body, error);
    size_t length = status == TALLY_OK ? body.stream.length : 0;
    if (length != 0) memcpy(stream, body.stream.bytes, length);
    tally_scan_end(&scan);
    if (status == TALLY_OK)
        status =
            tally_lookup_stream(view, link->first_position, (tally_text){stream, length}, next_version, &last, error);
    if (status == TALLY_OK && *next_version == 0) return TALLY_OK;
    if (status == TALLY_OK) status = tally_lookup_place(view, last, &place, error);
    if (status == TALLY_OK) {
        status = tally_scan_begin(&scan, place.segment, TALLY_SEGMENT_HEADER_BYTES, 0, 0, error);
        if (status == TALLY_OK) status = tally_scan_frame(&scan, place.offset, &frame, error);
        if (status == TALLY_OK) tally_core_event_hash(frame.core, hash);
        tally_scan_end(&scan);
    }
    if (status == TALLY_E_NO_MEMORY) return status;
    *damaged = status != TALLY_OK;
    return TALLY_OK;
}

static tally_status check_link(tally_joining *joining, const tally_link *link, tally_error *error)
{
    static const uint8_t zero[TALLY_DIGEST_BYTES];
    uint8_t hash[TALLY_DIGEST_BYTES];
    uint64_t next_version = 0;
    bool damaged = false;
    const tally_link_head *head = tally_link_heads_find(&joining->streams, link->key);
    memcpy(hash, head != NULL ? head->last_hash : zero, sizeof hash);
    if (head != NULL) {
        next_version = head->next_version;
    } else if (!joining->streams.complete) {
        tally_status status = look_up(joining, link, &next_version, hash, &damaged, error);
        if (status != TALLY_OK) return status;
    }
    if (damaged)
        wrong(joining, TALLY_REASON_UNREADABLE, link->first_position, link->first_position, link->first_offset,
              "the event before it in its stream cannot be read");
    else if (link->first_version != next_version)
        wrong(joining, TALLY_REASON_LINK_BROKEN, link->first_position, link->first_position, link->first_offset,
              "its version does not go on in its stream");
    else if (memcmp(link->first_prev, hash, sizeof hash) != 0)
        wrong(joining, TALLY_REASON_LINK_BROKEN, link->first_position, link->first_position, link->first_offset,
              "it names another event as the one before it in its stream");
    return TALLY_OK;
}

static tally_status check_links(tally_joining *joining, const tally_chunk *chunk, tally_error *error)
{
    const tally_links *links = &chunk->links;
    tally_status status = TALLY_OK;
    for (size_t i = 0; status == TALLY_OK && links->count != 0 && i < links->capacity; i++) {
        if (links->slots[i].round == links->round) status = check_link(joining, &links->slots[i], error);
    }
    if (status != TALLY_OK || joining->bad.reason != TALLY_REASON_NONE) return status;
    for (size_t i = 0; links->count != 0 && i < links->capacity; i++) {
        const tally_link *link = &links->slots[i];
        if (link->round == links->round)
            tally_link_heads_put(&joining->streams, link->key, link->next_version, link->last_hash);
    }
    return TALLY_OK;
}

/* -------------------------------------------------------------------------------------------- tree */

static void compare_part(void *context, const tally_subtree *part)
{
    tally_tile_compare(context, part->level, part->index, part->hash);
}

static void suspect(tally_joining *joining, const tally_tile_window *window)
{
    if (!window->differs) return;
    if (window->level != 0) {
        if (joining->node_differs) return;
        joining->node_differs = true;
        joining->node_level = window->level;
        joining->node_index = window->index;
    } else if (!joining->leaf_differs) {
        joining->leaf_differs = true;
        joining->leaf_at = window->index;
        (void)snprintf(joining->leaf_file, sizeof joining->leaf_file, "%s", segment_of(joining)->name);
    }
}

static void tile_is_wrong(tally_joining *joining, uint32_t level, uint64_t index, uint64_t place)
{
    char name[TALLY_NAME_BYTES];
    uint64_t offset = index * TALLY_DIGEST_BYTES;
    tally_name_tile(level, name);
    if (joining->bad.reason != TALLY_REASON_NONE) return;
    tally_bad_set(&joining->bad, TALLY_REASON_INDEX_WRONG, place, TALLY_POSITION_NONE, name, offset,
                  "%s, offset %" PRIu64 ": the node is not what the events make", name, offset);
}

static void event_is_changed(tally_joining *joining, uint64_t place)
{
    tally_bad_set(&joining->bad, TALLY_REASON_CORE_CHANGED, place, joining->leaf_at, joining->leaf_file,
                  TALLY_POSITION_NONE, "%s, position %" PRIu64 ": the core is not the one whose hash is in the tree",
                  joining->leaf_file, joining->leaf_at);
}

/* The root where a head was signed says who is right: the events or the tree's files. */
static tally_status check_root(tally_joining *joining, uint64_t size, tally_error *error)
{
    tally_hash root;
    bool good;
    tally_bad bad = {.reason = TALLY_REASON_NONE};
    tally_frontier_root(&joining->frontier, root.bytes);
    tally_status status = tally_judged_heads_root(joining->heads, size, &root, &good, &bad, error);
    if (status != TALLY_OK) return status;
    bool suspected = joining->leaf_differs && joining->leaf_at < size;
    if (bad.reason == TALLY_REASON_SPLIT_VIEW && suspected) event_is_changed(joining, size);
    else if (bad.reason != TALLY_REASON_NONE) joining->bad = bad;
    else if (good && suspected) tile_is_wrong(joining, 0, joining->leaf_at, size);
    return TALLY_OK;
}

/* Everything up to the first bad place is put into the tree; a root that is wrong comes before it. */
static tally_status add_parts(tally_joining *joining, const tally_chunk *chunk, uint64_t *bad_offset,
                              tally_error *error)
{
    const tally_subtrees *parts = &chunk->parts;
    tally_status status = TALLY_OK;
    size_t part = 0;
    uint64_t last = joining->bad.reason != TALLY_REASON_NONE ? joining->bad.place : UINT64_MAX;
    for (size_t i = 0; status == TALLY_OK && i < chunk->stop_count && chunk->stops[i].size <= last; i++) {
        for (; part < chunk->stops[i].parts; part++)
            tally_frontier_add_subtree(&joining->frontier, &parts->parts[part], compare_part, &joining->tiles);
        status = check_root(joining, chunk->stops[i].size, error);
        *bad_offset = chunk->stops[i].offset;
        if (joining->bad.reason != TALLY_REASON_NONE && joining->bad.place == chunk->stops[i].size) return status;
    }
    if (status != TALLY_OK || joining->bad.reason != TALLY_REASON_NONE) return status;
    for (; part < parts->count; part++)
        tally_frontier_add_subtree(&joining->frontier, &parts->parts[part], compare_part, &joining->tiles);
    suspect(joining, &joining->tiles);
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------------ chunks */

static bool begins_here(const tally_joining *joining, const tally_chunk *chunk)
{
    return chunk->found && chunk->from_offset == joining->offset && chunk->from_position == joining->position &&
           chunk->from_commit == joining->commit;
}

static void walk_again(tally_joining *joining, tally_chunk *chunk)
{
    chunk->guessed = false;
    chunk->begin = joining->offset;
    chunk->from_position = joining->position;
    chunk->from_commit = joining->commit;
    tally_chunk_walk(chunk, joining->checks);
}

/* What changes from the chunk before to this one. */
static void check_seam(tally_joining *joining, const tally_chunk *chunk)
{
    uint64_t place = chunk->from_position;
    if (chunk->any_event && joining->time_known && tally_moment_compare(chunk->first_time, joining->time) < 0)
        wrong(joining, TALLY_REASON_ORDER_CHANGED, place, place, chunk->first_event_offset,
              "its time lies before that of the event before it");
    if (chunk->any_mark && joining->mark_known &&
        (chunk->first_epoch < joining->epoch || chunk->first_durable < joining->durable))
        wrong(joining, TALLY_REASON_ORDER_CHANGED, place, place, chunk->first_mark_offset,
              "the commit was written by an earlier writer");
}

static void take_state(tally_joining *joining, const tally_chunk *chunk)
{
    joining->offset = chunk->offset;
    joining->position = chunk->position;
    joining->commit = chunk->commit;
    if (chunk->any_event) {
        if (!joining->any_event) joining->first_time = chunk->first_time;
        joining->any_event = joining->time_known = true;
        joining->time = chunk->last_time;
    }
    if (chunk->any_hash) {
        memcpy(joining->last_hash, chunk->last_hash, sizeof joining->last_hash);
        joining->hash_known = true;
    }
    if (chunk->any_mark) {
        joining->mark_known = true;
        joining->epoch = chunk->last_epoch;
        joining->durable = chunk->last_durable;
    }
    joining->new_streams += chunk->new_streams;
    tally_index_join(&joining->sums, &chunk->sums);
}

static tally_status take_chunk(tally_joining *joining, const tally_chunk *chunk, tally_error *error)
{
    uint64_t bad_offset = chunk->offset;
    if (chunk->bad.reason != TALLY_REASON_NONE) joining->bad = chunk->bad;
    check_seam(joining, chunk);
    tally_status status = check_links(joining, chunk, error);
    if (status != TALLY_OK) return status;
    if (joining->bad.reason != TALLY_REASON_NONE && joining->bad.offset != TALLY_POSITION_NONE)
        bad_offset = joining->bad.offset;
    suspect(joining, &chunk->tiles);
    for (size_t i = 0; status == TALLY_OK && i < chunk->rotation_count; i++)
        status = tally_judged_heads_rotate(joining->heads, &chunk->rotations[i], error);
    if (status == TALLY_OK) status = add_parts(joining, chunk, &bad_offset, error);
    if (status != TALLY_OK) return status;
    if (joining->bad.reason == TALLY_REASON_NONE) {
        take_state(joining, chunk);
    } else {
        joining->offset = bad_offset;
        joining->position = joining->bad.place;
    }
    joining->done = joining->bytes + joining->offset;
    return TALLY_OK;
}

void tally_joining_behind(tally_joining *joining, const tally_chunk *chunk)
{
    joining->bad = chunk->bad;
    check_seam(joining, chunk);
}

tally_status tally_joining_chunk(tally_joining *joining, tally_chunk *chunk, bool last, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (!joining->any_segment || chunk->segment != joining->segment) enter_segment(joining, chunk->segment);
    joining->finished = joining->position >= joining->checks->end;
    if (joining->bad.reason != TALLY_REASON_NONE || joining->finished) return TALLY_OK;
    /* A commit that is longer than a chunk has taken this one with it. */
    bool taken = chunk->guessed && joining->offset > TALLY_SEGMENT_HEADER_BYTES &&
                 joining->offset - TALLY_MARK_BYTES >= chunk->until;
    if (!taken) {
        if (!begins_here(joining, chunk)) walk_again(joining, chunk);
        status = chunk->status;
        if (status != TALLY_OK && error != NULL) *error = chunk->error;
        if (status == TALLY_OK) status = take_chunk(joining, chunk, error);
    }
    if (status != TALLY_OK || joining->bad.reason != TALLY_REASON_NONE) return status;
    joining->finished = joining->position >= joining->checks->end;
    return last && !joining->finished ? leave_segment(joining, error) : TALLY_OK;
}

/* What a key has signed says more than a hint that the log was longer. */
static tally_status prefer_heads(tally_joining *joining, tally_error *error)
{
    tally_bad bad = {.reason = TALLY_REASON_NONE};
    tally_status status = tally_judged_heads_finish(joining->heads, joining->position, &bad, error);
    if (bad.reason == TALLY_REASON_CHECKPOINT_NOT_REACHED || bad.reason == TALLY_REASON_ROLLED_BACK) joining->bad = bad;
    return status;
}

tally_status tally_joining_finish(tally_joining *joining, tally_error *error)
{
    tally_bad bad = {.reason = TALLY_REASON_NONE};
    bool suspected = joining->leaf_differs && joining->leaf_at < joining->position;
    if (joining->bad.reason == TALLY_REASON_CORE_CHANGED || joining->bad.reason == TALLY_REASON_INDEX_WRONG)
        return TALLY_OK;
    if (suspected) {
        event_is_changed(joining, joining->position);
        return TALLY_OK;
    }
    if (joining->bad.reason == TALLY_REASON_TAIL_TRUNCATED) return prefer_heads(joining, error);
    if (joining->bad.reason != TALLY_REASON_NONE) return TALLY_OK;
    tally_status status = tally_judged_heads_finish(joining->heads, joining->position, &bad, error);
    if (status != TALLY_OK) return status;
    if (bad.reason != TALLY_REASON_NONE) joining->bad = bad;
    else if (joining->node_differs) tile_is_wrong(joining, joining->node_level, joining->node_index, joining->position);
    return TALLY_OK;
}
