#define __USE_MINGW_ANSI_STDIO 1

#include "verify/chunk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "proof/digests.h"

/* Looking for what is misplaced goes no further than this. */
#define LOOK_AHEAD_BYTES (UINT64_C(64) << 20)

typedef struct walk {
    tally_chunk *chunk;
    const tally_checks *checks;
    const tally_segment *segment;
    tally_scan scan;
    size_t next_stop;
    /* of the commit: */
    uint64_t commit_offset;
    uint64_t commit_position;
    uint32_t count;
    uint32_t batch_count;
    uint32_t frames_crc;
} walk;

/* How much is looked at of an event. */
enum depth { PASS, LEAF, FULL };

static enum depth depth_of(const tally_checks *checks, uint64_t position)
{
    if (position < checks->leaf_from) return PASS;
    return checks->full && position >= checks->full_from ? FULL : LEAF;
}

/* What is wrong at the offset; always false, so that a check is one line. */
static bool wrong(walk *at, uint32_t reason, uint64_t position, const char *what)
{
    tally_chunk *chunk = at->chunk;
    tally_bad_set(&chunk->bad, reason, chunk->position, position, at->segment->name, chunk->offset,
                  "%s, offset %" PRIu64 ", position %" PRIu64 ": %s", at->segment->name, chunk->offset, chunk->position,
                  what);
    return false;
}

static bool failed(walk *at, tally_status status, const char *what)
{
    at->chunk->status = tally_fail(&at->chunk->error, status, "%s", what);
    return false;
}

/* Bytes from the offset on, at least `length` unless the walk's part ends before. A file that cannot be read is no
 * failure of the verification. */
static bool read_bytes(walk *at, uint64_t offset, size_t length, const uint8_t **bytes, size_t *available)
{
    tally_error error;
    tally_status status = tally_scan_bytes(&at->scan, offset, length, bytes, available, &error);
    if (status == TALLY_OK) return true;
    if (status == TALLY_E_NO_MEMORY) return failed(at, status, error.message);
    return wrong(at, TALLY_REASON_UNREADABLE, at->chunk->position, error.message);
}

/* ------------------------------------------------------------------------------------------ order */

static size_t frame_bytes(const uint8_t *bytes)
{
    uint32_t body = tally_load_u32(bytes + 8);
    uint64_t data = tally_load_u64(bytes + 16);
    if (body < TALLY_BODY_FIXED_BYTES || body > TALLY_BODY_MAX || data > TALLY_STORED_MAX) return 0;
    return tally_frame_length(body, (size_t)data);
}

/* Whether an event comes later in the segment: then it was moved, else it is missing. */
static bool comes_later(walk *at, uint64_t position)
{
    uint64_t offset = at->chunk->offset;
    uint64_t end = offset + LOOK_AHEAD_BYTES;
    while (offset < end) {
        const uint8_t *bytes;
        size_t available;
        if (tally_scan_bytes(&at->scan, offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available, NULL) != TALLY_OK)
            return false;
        uint32_t kind = tally_frame_kind_at(bytes, available);
        if (kind == TALLY_FRAME_MARK) {
            offset += TALLY_MARK_BYTES;
            continue;
        }
        size_t length = kind == TALLY_FRAME_EVENT && available >= TALLY_FRAME_FIXED_BYTES ? frame_bytes(bytes) : 0;
        if (length == 0) return false;
        if (tally_load_u64(bytes + TALLY_FRAME_HEADER_BYTES + 8) == position) return true;
        offset += length;
    }
    return false;
}

static bool check_position(walk *at, uint64_t position)
{
    char what[128];
    uint64_t expected = at->chunk->position;
    if (position == expected) return true;
    if (position < expected) {
        (void)snprintf(what, sizeof what, "an event says that it is number %" PRIu64 ", which was there before",
                       position);
        return wrong(at, TALLY_REASON_EVENT_ADDED, position, what);
    }
    if (comes_later(at, expected)) {
        (void)snprintf(what, sizeof what, "event %" PRIu64 " stands here, and the one that belongs here comes later",
                       position);
        return wrong(at, TALLY_REASON_ORDER_CHANGED, expected, what);
    }
    (void)snprintf(what, sizeof what, "%" PRIu64 " events are missing: the next one is number %" PRIu64,
                   position - expected, position);
    return wrong(at, TALLY_REASON_EVENT_MISSING, expected, what);
}

static bool check_order(walk *at, const tally_core *core)
{
    tally_chunk *chunk = at->chunk;
    tally_moment moment = {core->time_us, core->time_logical};
    if (at->count == 0) at->batch_count = core->batch_count;
    if (core->batch_index != at->count || core->batch_count != at->batch_count)
        return wrong(at, core->batch_index > at->count ? TALLY_REASON_EVENT_MISSING : TALLY_REASON_ORDER_CHANGED,
                     core->position, "the event has another number in its batch");
    if (chunk->any_event && tally_moment_compare(moment, chunk->last_time) < 0)
        return wrong(at, TALLY_REASON_ORDER_CHANGED, core->position,
                     "its time lies before that of the event before it");
    if (!chunk->any_event) {
        chunk->any_event = true;
        chunk->first_time = moment;
        chunk->first_event_offset = chunk->offset;
    }
    chunk->last_time = moment;
    return true;
}

/* ----------------------------------------------------------------------------------------- digests */

/* Of an event, made together. */
typedef struct digests {
    uint8_t leaf[TALLY_DIGEST_BYTES];
    uint8_t body[TALLY_DIGEST_BYTES];
    uint8_t data[TALLY_DIGEST_BYTES];
} digests;

static void make_digests(const tally_frame *frame, const tally_core *core, enum depth depth, digests *made)
{
    const tally_digest_job jobs[] = {
        {TALLY_DOMAIN_BODY, frame->body, frame->body_length, NULL, 0, made->body},
        {TALLY_DOMAIN_LEAF, frame->core, TALLY_CORE_BYTES, NULL, 0, made->leaf},
        {TALLY_DOMAIN_DATA, frame->data, frame->data_length, NULL, 0, made->data},
    };
    bool with_body = depth == FULL || (core->flags & TALLY_CORE_SYSTEM) != 0;
    if (with_body && core->digest_algorithm == TALLY_DIGEST_SHA256) {
        tally_digest_jobs(jobs, 3);
        return;
    }
    tally_core_event_hash(frame->core, made->leaf);
    if (!with_body) return;
    tally_body_digest(core->digest_algorithm, frame->body, frame->body_length, made->body);
    tally_digest(core->digest_algorithm, TALLY_DOMAIN_DATA, frame->data, frame->data_length, made->data);
}

static bool check_body(walk *at, const tally_frame *frame, const tally_core *core, const digests *made,
                       tally_body_view *body)
{
    tally_error why;
    if (memcmp(made->body, core->body_digest, sizeof made->body) != 0)
        return wrong(at, TALLY_REASON_BODY_CHANGED, core->position, "the body is not what the core says");
    if (tally_body_decode(frame->body, frame->body_length, body, &why) != TALLY_OK)
        return wrong(at, TALLY_REASON_BODY_CHANGED, core->position, why.message);
    return true;
}

static bool check_data(walk *at, const tally_frame *frame, const tally_core *core, const digests *made,
                       const tally_body_view *body)
{
    tally_error why;
    if (frame->data_length != body->stored_length)
        return wrong(at, TALLY_REASON_DATA_CHANGED, core->position, "the data have another length than the body says");
    if (memcmp(made->data, body->data_digest, sizeof made->data) != 0)
        return wrong(at, TALLY_REASON_DATA_CHANGED, core->position, "the data are not what the body says");
    if (tally_frame_check_data(at->segment->seed, frame, &why) != TALLY_OK)
        return wrong(at, TALLY_REASON_UNREADABLE, core->position, why.message);
    return true;
}

/* ------------------------------------------------------------------------------------------ streams */

static bool check_link(walk *at, const tally_core *core, const uint8_t *hash, tally_text stream, tally_link **link)
{
    tally_chunk *chunk = at->chunk;
    bool is_new;
    *link = tally_links_at(&chunk->links, tally_stream_key_of(at->checks->secret, 0, stream), &is_new);
    if (*link == NULL) return failed(at, TALLY_E_NO_MEMORY, "no memory for the streams of a part of the log");
    if (is_new) {
        (*link)->first_version = core->version;
        (*link)->first_position = core->position;
        (*link)->first_offset = chunk->offset;
        memcpy((*link)->first_prev, core->stream_prev, TALLY_DIGEST_BYTES);
        (*link)->index = tally_index_stream_of(&at->checks->index_secret, stream);
    } else if (core->version != (*link)->next_version) {
        return wrong(at, TALLY_REASON_LINK_BROKEN, core->position, "its version does not go on in its stream");
    } else if (memcmp(core->stream_prev, (*link)->last_hash, TALLY_DIGEST_BYTES) != 0) {
        return wrong(at, TALLY_REASON_LINK_BROKEN, core->position,
                     "it names another event as the one before it in its stream");
    }
    if (core->version == 0) chunk->new_streams++;
    (*link)->next_version = core->version + 1;
    memcpy((*link)->last_hash, hash, TALLY_DIGEST_BYTES);
    return true;
}

static bool take_rotation(walk *at, const tally_frame *frame, const tally_core *core, const tally_body_view *body)
{
    tally_chunk *chunk = at->chunk;
    const tally_platform *platform = at->checks->platform;
    tally_rotation rotation = {.position = core->position};
    if (!tally_rotation_read(core, body, frame->data, frame->data_length, &rotation)) return true;
    if (chunk->rotation_count == chunk->rotation_capacity) {
        size_t capacity = chunk->rotation_capacity == 0 ? 4 : 2 * chunk->rotation_capacity;
        void *larger = platform->resize(platform->context, chunk->rotations, capacity * sizeof *chunk->rotations);
        if (larger == NULL) return failed(at, TALLY_E_NO_MEMORY, "no memory for changes of keys");
        chunk->rotations = larger;
        chunk->rotation_capacity = capacity;
    }
    chunk->rotations[chunk->rotation_count++] = rotation;
    return true;
}

/* -------------------------------------------------------------------------------------------- tree */

static void compare_part(void *context, const tally_subtree *part)
{
    tally_tile_compare(context, part->level, part->index, part->hash);
}

static bool add_stop(walk *at)
{
    tally_chunk *chunk = at->chunk;
    const tally_platform *platform = at->checks->platform;
    if (!tally_subtrees_flush(&chunk->parts, compare_part, &chunk->tiles))
        return failed(at, TALLY_E_NO_MEMORY, "no memory for the tree of a part of the log");
    if (chunk->stop_count == chunk->stop_capacity) {
        size_t capacity = chunk->stop_capacity == 0 ? 16 : 2 * chunk->stop_capacity;
        void *larger = platform->resize(platform->context, chunk->stops, capacity * sizeof *chunk->stops);
        if (larger == NULL) return failed(at, TALLY_E_NO_MEMORY, "no memory for the sizes of heads");
        chunk->stops = larger;
        chunk->stop_capacity = capacity;
    }
    chunk->stops[chunk->stop_count++] = (tally_stop){chunk->parts.next, chunk->offset, chunk->parts.count};
    tally_subtrees_close(&chunk->parts);
    return true;
}

static bool add_leaf(walk *at, const uint8_t hash[TALLY_DIGEST_BYTES])
{
    tally_chunk *chunk = at->chunk;
    const tally_checks *checks = at->checks;
    if (chunk->parts.next < chunk->position) tally_subtrees_begin(&chunk->parts, checks->platform, chunk->position);
    tally_tile_compare(&chunk->tiles, 0, chunk->position, hash);
    if (!tally_subtrees_add(&chunk->parts, hash, compare_part, &chunk->tiles))
        return failed(at, TALLY_E_NO_MEMORY, "no memory for the tree of a part of the log");
    bool is_stop = at->next_stop < checks->stop_count && checks->stops[at->next_stop] == chunk->parts.next;
    while (at->next_stop < checks->stop_count && checks->stops[at->next_stop] <= chunk->parts.next) at->next_stop++;
    return !is_stop || add_stop(at);
}

/* ------------------------------------------------------------------------------------------ events */

static bool read_frame(walk *at, bool check, tally_frame *frame)
{
    const uint8_t *bytes;
    size_t available;
    tally_error why;
    uint64_t offset = at->chunk->offset;
    if (!read_bytes(at, offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available)) return false;
    size_t length = available >= TALLY_FRAME_FIXED_BYTES ? frame_bytes(bytes) : 0;
    if (length > available && !read_bytes(at, offset, length, &bytes, &available)) return false;
    tally_status status = check ? tally_frame_decode(at->segment->seed, bytes, available, false, frame, &why)
                                : tally_frame_find(bytes, available, frame, &why);
    if (status == TALLY_OK) return true;
    return wrong(at, status == TALLY_E_TRUNCATED ? TALLY_REASON_TAIL_TRUNCATED : TALLY_REASON_UNREADABLE,
                 at->chunk->position, why.message);
}

static bool check_full(walk *at, const tally_frame *frame, const tally_core *core, const digests *made)
{
    tally_chunk *chunk = at->chunk;
    tally_body_view body;
    tally_link *link;
    uint32_t ordinal = (uint32_t)(core->position - at->segment->header.first_position);
    if (!check_body(at, frame, core, made, &body) || !check_data(at, frame, core, made, &body)) return false;
    if (!check_link(at, core, made->leaf, body.stream, &link)) return false;
    if ((core->flags & TALLY_CORE_SYSTEM) != 0 && !take_rotation(at, frame, core, &body)) return false;
    if (!at->segment->sealed) return true;
    tally_index_event event = {.ordinal = ordinal,
                               .offset = chunk->offset,
                               .version = core->version,
                               .time_us = core->time_us,
                               .body = &body,
                               .stream = link->index};
    tally_index_add(&chunk->sums, &chunk->types, &at->checks->index_secret, at->segment->header.salt, &event);
    return true;
}

static bool check_leaf(walk *at, const tally_frame *frame, const tally_core *core, const digests *made)
{
    tally_body_view body;
    if ((core->flags & TALLY_CORE_SYSTEM) == 0) return true;
    return check_body(at, frame, core, made, &body) && take_rotation(at, frame, core, &body);
}

static bool walk_event(walk *at)
{
    tally_chunk *chunk = at->chunk;
    enum depth depth = depth_of(at->checks, chunk->position);
    digests made;
    tally_frame frame;
    tally_core core;
    tally_error why;
    if (!read_frame(at, depth != PASS, &frame)) return false;
    if (tally_core_decode(frame.core, &core, &why) != TALLY_OK)
        return wrong(at, TALLY_REASON_CORE_CHANGED, chunk->position, why.message);
    if (!check_position(at, core.position) || !check_order(at, &core)) return false;
    if (depth != PASS) {
        make_digests(&frame, &core, depth, &made);
        bool good = depth == FULL ? check_full(at, &frame, &core, &made) : check_leaf(at, &frame, &core, &made);
        if (!good || !add_leaf(at, made.leaf)) return false;
        memcpy(chunk->last_hash, made.leaf, sizeof chunk->last_hash);
        chunk->any_hash = true;
    }
    at->frames_crc = tally_mark_add_frame(at->frames_crc, frame.crc_meta, frame.crc_data);
    at->count++;
    chunk->offset += frame.length;
    chunk->position++;
    return true;
}

/* ------------------------------------------------------------------------------------------- marks */

static void begin_commit(walk *at)
{
    at->commit_offset = at->chunk->offset;
    at->commit_position = at->chunk->position;
    at->count = 0;
    at->frames_crc = at->segment->seed;
}

static bool check_mark(walk *at, const tally_mark *mark)
{
    tally_chunk *chunk = at->chunk;
    uint64_t position = chunk->position;
    if (mark->commit != chunk->commit)
        return wrong(at, TALLY_REASON_ORDER_CHANGED, position, "the commit has another number than its place says");
    if (mark->count != at->count)
        return wrong(at, mark->count > at->count ? TALLY_REASON_EVENT_MISSING : TALLY_REASON_EVENT_ADDED, position,
                     "the commit mark counts other events");
    if (at->count != 0 && at->batch_count != at->count)
        return wrong(at, TALLY_REASON_EVENT_MISSING, position, "the commit is not the batch that its events name");
    if (mark->first_position != at->commit_position)
        return wrong(at, TALLY_REASON_ORDER_CHANGED, position, "the commit mark names another position");
    if (mark->first_offset != at->commit_offset)
        return wrong(at, TALLY_REASON_ORDER_CHANGED, position, "the commit mark names another offset");
    if (mark->frames_crc != tally_crc32c_finish(at->frames_crc))
        return wrong(at, TALLY_REASON_EVENT_ADDED, position, "the commit mark is of other frames");
    if (chunk->any_mark && (mark->writer_epoch < chunk->last_epoch || mark->durable_position < chunk->last_durable))
        return wrong(at, TALLY_REASON_ORDER_CHANGED, position, "the commit was written by an earlier writer");
    return true;
}

static bool walk_mark(walk *at, const uint8_t *bytes, size_t available)
{
    tally_chunk *chunk = at->chunk;
    tally_mark mark;
    tally_error why;
    if (tally_mark_decode(at->segment->seed, bytes, available, &mark, &why) != TALLY_OK)
        return wrong(at, TALLY_REASON_UNREADABLE, chunk->position, why.message);
    if (!check_mark(at, &mark)) return false;
    if (!chunk->any_mark) {
        chunk->any_mark = true;
        chunk->first_mark_offset = chunk->offset;
        chunk->first_epoch = mark.writer_epoch;
        chunk->first_durable = mark.durable_position;
    }
    chunk->last_epoch = mark.writer_epoch;
    chunk->last_durable = mark.durable_position;
    chunk->offset += TALLY_MARK_BYTES;
    chunk->commit++;
    begin_commit(at);
    return true;
}

/* -------------------------------------------------------------------------------------------- walk */

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* Neither an event nor a mark. Behind the end of the log zeros are space that was reserved. */
static bool walk_nothing(walk *at, uint32_t kind, const uint8_t *bytes, size_t available)
{
    bool ends = available < TALLY_MARK_BYTES || is_zero(bytes, TALLY_MARK_BYTES);
    if (ends && at->chunk->beyond) return false;
    if (ends)
        return wrong(at, TALLY_REASON_TAIL_TRUNCATED, at->chunk->position,
                     at->count == 0 ? "the log ends before its end" : "the log ends inside a commit");
    return wrong(at, TALLY_REASON_UNREADABLE, at->chunk->position,
                 kind == 0 ? "there is no frame" : "there is a frame of a kind that this library does not know");
}

/* The next frame or mark; false: it is the last thing of the chunk, for good or ill. */
static bool walk_next(walk *at)
{
    const uint8_t *bytes;
    size_t available;
    tally_chunk *chunk = at->chunk;
    bool between = at->count == 0 && chunk->offset == at->commit_offset;
    if (between && chunk->offset >= chunk->from_offset + TALLY_MARK_BYTES &&
        chunk->offset - TALLY_MARK_BYTES >= chunk->until)
        return false;
    if (between && chunk->offset == chunk->limit && !chunk->beyond) return false;
    if (between && chunk->position >= at->checks->end) return false;
    if (atomic_load_explicit(&at->checks->stop, memory_order_relaxed)) return false;
    if (!read_bytes(at, chunk->offset, TALLY_MARK_BYTES, &bytes, &available)) return false;
    uint32_t kind = tally_frame_kind_at(bytes, available);
    if (kind == TALLY_FRAME_EVENT) return walk_event(at);
    return kind == TALLY_FRAME_MARK ? walk_mark(at, bytes, available) : walk_nothing(at, kind, bytes, available);
}

/* The first mark that checks, from `begin` on. */
static bool find_begin(walk *at)
{
    tally_chunk *chunk = at->chunk;
    for (uint64_t offset = (chunk->begin + 7) & ~UINT64_C(7); offset < chunk->until && offset < chunk->limit;) {
        const uint8_t *bytes;
        size_t available;
        tally_mark mark;
        if (tally_scan_bytes(&at->scan, offset, TALLY_MARK_BYTES, &bytes, &available, NULL) != TALLY_OK) return false;
        if (available < TALLY_MARK_BYTES) return false;
        for (; available >= TALLY_MARK_BYTES; offset += 8, bytes += 8, available -= 8) {
            if (tally_frame_kind_at(bytes, available) != TALLY_FRAME_MARK) continue;
            if (tally_mark_decode(at->segment->seed, bytes, available, &mark, NULL) != TALLY_OK) continue;
            if (offset >= chunk->until) return false;
            chunk->from_offset = offset + TALLY_MARK_BYTES;
            chunk->from_position = mark.first_position + mark.count;
            chunk->from_commit = mark.commit + 1;
            return true;
        }
    }
    return false;
}

static void reset(tally_chunk *chunk, const tally_checks *checks)
{
    chunk->any_event = chunk->any_hash = chunk->any_mark = chunk->found = false;
    chunk->new_streams = 0;
    chunk->stop_count = chunk->rotation_count = 0;
    chunk->bad.reason = TALLY_REASON_NONE;
    chunk->status = TALLY_OK;
    memset(&chunk->sums, 0, sizeof chunk->sums);
    tally_links_begin(&chunk->links, checks->platform);
    tally_tile_window_begin(&chunk->tiles, &checks->tiles);
}

static size_t first_stop_behind(const tally_checks *checks, uint64_t position)
{
    size_t low = 0, high = checks->stop_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (checks->stops[middle] <= position) low = middle + 1;
        else high = middle;
    }
    return low;
}

void tally_chunk_walk(tally_chunk *chunk, const tally_checks *checks)
{
    walk at = {.chunk = chunk, .checks = checks, .segment = checks->view->segments[chunk->segment]};
    reset(chunk, checks);
    chunk->status = tally_scan_begin(&at.scan, at.segment, chunk->begin & ~UINT64_C(7), 0, 0, &chunk->error);
    if (chunk->status != TALLY_OK) return;
    at.scan.limit = chunk->limit;
    at.scan.buffer = chunk->buffer;
    at.scan.capacity = chunk->capacity;
    if (!chunk->guessed) chunk->from_offset = chunk->begin;
    chunk->found = !chunk->guessed || find_begin(&at);
    if (chunk->found) {
        chunk->offset = chunk->from_offset;
        chunk->position = chunk->from_position;
        chunk->commit = chunk->from_commit;
        tally_subtrees_begin(&chunk->parts, checks->platform, chunk->position);
        at.next_stop = first_stop_behind(checks, chunk->position);
        begin_commit(&at);
        while (walk_next(&at)) continue;
        if (!tally_subtrees_flush(&chunk->parts, compare_part, &chunk->tiles))
            (void)failed(&at, TALLY_E_NO_MEMORY, "no memory for the tree of a part of the log");
    }
    chunk->buffer = at.scan.buffer;
    chunk->capacity = at.scan.capacity;
}

void tally_chunk_free(tally_chunk *chunk, const tally_platform *platform)
{
    platform->release(platform->context, chunk->buffer);
    platform->release(platform->context, chunk->stops);
    platform->release(platform->context, chunk->rotations);
    tally_subtrees_free(&chunk->parts);
    tally_links_free(&chunk->links);
}
