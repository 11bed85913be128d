#include "log/commit.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/crc32c.h"
#include "log/log.h"
#include "log/lookup.h"
#include "log/since.h"

/* ------------------------------------------------------------------------------- ends of streams */

static tally_status last_hash(const tally_log *log, const tally_view *view, tally_stream_end *end, tally_error *error)
{
    tally_place place;
    tally_event event;
    tally_status status = tally_lookup_place(view, end->last_position, &place, error);
    if (status != TALLY_OK) return status;
    uint8_t *scratch = log->platform->allocate(log->platform->context, place.length);
    if (scratch == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read a stream's last event");
    status = tally_lookup_event(&place, end->last_position, false, scratch, &event, error);
    if (status == TALLY_OK) tally_core_event_hash(event.core, end->last_hash);
    log->platform->release(log->platform->context, scratch);
    return status;
}

/* Outside of the lock. */
static tally_status look_up(const tally_log *log, const tally_view *view, uint64_t from, tally_wanted *wanted,
                            tally_error *error)
{
    tally_stream_end *end = &wanted->looked_up;
    *end = (tally_stream_end){.key = wanted->key, .last_position = TALLY_POSITION_NONE};
    wanted->looked_up_from = from;
    wanted->is_looked_up = true;
    if (from == 0) return TALLY_OK;
    uint64_t position = 0;
    tally_status status = tally_lookup_stream(view, from, wanted->stream, &end->next_version, &position, error);
    if (status != TALLY_OK || end->next_version == 0) return status;
    end->last_position = position;
    return last_hash(log, view, end, error);
}

static bool is_settled(const tally_log *log, const tally_wanted *wanted)
{
    return wanted->is_looked_up && wanted->looked_up_from >= log->heads.complete_from;
}

/* Finds the end in the table, or puts in what was looked up; false: it has to be looked up. */
static bool settle(tally_log *log, tally_wanted *wanted)
{
    wanted->end = tally_heads_find(&log->heads, wanted->key);
    if (wanted->end != NULL) return true;
    if (!is_settled(log, wanted)) return false;
    wanted->end = tally_heads_insert(&log->heads, wanted->key);
    *wanted->end = wanted->looked_up;
    return true;
}

static tally_wanted *wanted_at(tally_commit *commit, size_t i)
{
    return i < commit->count ? &commit->events[i].stream : &commit->expected[i - commit->count].stream;
}

#define SAME_STREAMS 64u

/* Looks up all that have no end; the same stream is looked up once, as long as few others come between. */
static tally_status look_up_missing(const tally_log *log, tally_commit *commit, uint64_t from, const tally_view *view,
                                    tally_error *error)
{
    const tally_wanted *seen[SAME_STREAMS] = {NULL};
    size_t count = commit->count + commit->expected_count;
    for (size_t i = 0; i < count; i++) {
        tally_wanted *wanted = wanted_at(commit, i);
        if (wanted->end != NULL) continue;
        const tally_wanted **same = &seen[wanted->key.high % SAME_STREAMS];
        if (*same != NULL && (*same)->key.low == wanted->key.low && (*same)->key.high == wanted->key.high) {
            wanted->looked_up = (*same)->looked_up;
            wanted->looked_up_from = from;
            wanted->is_looked_up = true;
            continue;
        }
        tally_status status = look_up(log, view, from, wanted, error);
        if (status != TALLY_OK) return status;
        *same = wanted;
    }
    return TALLY_OK;
}

/* Every event and every expectation gets its stream's end. Lets go to look into the log: `*let_go`. */
static tally_status find_ends(tally_log *log, tally_commit *commit, bool *let_go, tally_error *error)
{
    size_t count = commit->count + commit->expected_count;
    tally_status status = tally_heads_reserve(&log->heads, count, error);
    if (status != TALLY_OK) return status;
    bool all = true;
    for (size_t i = 0; i < count; i++) all = settle(log, wanted_at(commit, i)) && all;
    *let_go = !all;
    if (all) return TALLY_OK;
    uint64_t from = log->heads.complete_from;
    tally_log_unlock(log);
    tally_view *view = tally_shown_hold(&log->shown);
    status = look_up_missing(log, commit, from, view, error);
    tally_view_release(view);
    tally_log_lock(log);
    return status;
}

/* -------------------------------------------------------------------------------- expectations */

static tally_status check_expected(const tally_expected *expected, tally_error *error)
{
    uint64_t next = expected->stream.end->next_version;
    switch (expected->expect) {
    case TALLY_EXPECT_ANY: return TALLY_OK;
    case TALLY_EXPECT_NO_STREAM:
        if (next == 0) return TALLY_OK;
        return tally_fail_at(error, TALLY_E_CONFLICT, next,
                             "the stream exists, its next version is %" PRIu64 "; no stream was expected", next);
    case TALLY_EXPECT_EXISTS:
        if (next != 0) return TALLY_OK;
        return tally_fail_at(error, TALLY_E_CONFLICT, 0, "the stream has no event; one was expected");
    default:
        if (next != 0 && next - 1 == expected->version) return TALLY_OK;
        return tally_fail_at(error, TALLY_E_CONFLICT, next,
                             "the stream's next version is %" PRIu64 "; its last one was expected to be %" PRIu64, next,
                             expected->version);
    }
}

static tally_status check_all_expected(const tally_commit *commit, tally_error *error)
{
    for (size_t i = 0; i < commit->expected_count; i++) {
        tally_status status = check_expected(&commit->expected[i], error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------- staging */

/* Everything that can fail. TALLY_OK and not `*again`: nothing can fail any more. */
static tally_status get_ready(tally_log *log, tally_commit *commit, uint64_t length, bool *again, tally_error *error)
{
    *again = true;
    tally_status status = tally_log_check(log, error);
    bool let_go = false;
    if (status == TALLY_OK) status = find_ends(log, commit, &let_go, error);
    if (status != TALLY_OK || let_go) return status;
    if (commit->needs_check) {
        bool outdated = false;
        status = tally_since_check(log, commit, &outdated, error);
        if (status != TALLY_OK) return status;
        if (outdated) {
            *again = false;
            commit->staged = false;
            return TALLY_OK;
        }
    }
    status = check_all_expected(commit, error);
    bool moved = false;
    if (status == TALLY_OK) status = tally_log_make_room(log, length, commit->may_wait, &moved, error);
    if (status != TALLY_OK || moved) return status;
    status = tally_tail_reserve(&log->tail, log->staged_end, (size_t)length, error);
    if (status == TALLY_OK && commit->needs_check) status = tally_since_reserve(log, commit, error);
    if (status != TALLY_OK) return status;
    if (log->clock.last.logical > UINT32_MAX - TALLY_BATCH_MAX && commit->now_us <= log->clock.last.time_us) {
        return tally_fail(error, TALLY_E_CLOCK, "the wall clock has stood still for 2^32 events; set the clock");
    }
    *again = false;
    commit->staged = true;
    return TALLY_OK;
}

/* The event's place, links and hash. */
static void place_event(tally_log *log, const tally_commit *commit, size_t i, uint8_t core_bytes[TALLY_CORE_BYTES])
{
    tally_ready *event = &commit->events[i];
    tally_stream_end *end = event->stream.end;
    tally_moment moment;
    (void)tally_clock_tick(&log->clock, commit->now_us, &moment, NULL);
    event->position = log->next_position + i;
    event->version = end->next_version;
    event->time_us = moment.time_us;
    event->time_logical = moment.logical;
    tally_core core = {.digest_algorithm = (uint8_t)log->settings.digest,
                       .flags = event->core_flags,
                       .position = event->position,
                       .version = event->version,
                       .time_us = moment.time_us,
                       .time_logical = moment.logical,
                       .batch_index = (uint32_t)i,
                       .batch_count = (uint32_t)commit->count};
    memcpy(core.stream_prev, end->last_hash, TALLY_DIGEST_BYTES); /* zero at version 0 */
    memcpy(core.body_digest, event->body_digest, TALLY_DIGEST_BYTES);
    tally_core_encode(&core, core_bytes);
    tally_core_event_hash(core_bytes, event->hash);
    memcpy(end->last_hash, event->hash, TALLY_DIGEST_BYTES);
    end->last_position = event->position;
    end->next_version++;
}

/* A mark behind what was written to the chunk, and the chunk and the log go on behind it. */
static void end_commit(tally_log *log, tally_mark *mark, uint8_t *to, uint64_t length)
{
    tally_chunk *chunk = log->tail.last;
    mark->commit = log->next_commit++;
    mark->durable_position = log->durable;
    mark->writer_epoch = log->writer_epoch;
    tally_mark_encode(log->seed, mark, to);
    log->next_position += mark->count;
    log->staged_end += length;
    log->unwritten_bytes += length;
    log->log_bytes += length;
    log->ends_clean = (mark->flags & TALLY_MARK_CLEAN_CLOSE) != 0;
    if (chunk->first_position == TALLY_POSITION_NONE) {
        chunk->first_position = mark->first_position;
        chunk->frames_at = chunk->used;
    }
    chunk->used += (size_t)length;
    chunk->end_position = log->next_position;
}

/* The checksum of large data was computed before the mutex was taken, unless the segment is another one since. */
static void encode_frame(const tally_log *log, const tally_ready *event, const uint8_t core[TALLY_CORE_BYTES],
                         uint8_t *to, uint32_t *crc_meta, uint32_t *crc_data)
{
    if (event->data_crc_known && event->data_crc_seed == log->seed) {
        *crc_data = event->data_crc;
        tally_frame_encode_known(log->seed, core, event->body, event->body_length, event->salt, TALLY_SALT_BYTES,
                                 event->data, event->data_length, to, crc_meta, *crc_data);
        return;
    }
    tally_frame_encode(log->seed, core, event->body, event->body_length, event->salt, TALLY_SALT_BYTES, event->data,
                       event->data_length, to, crc_meta, crc_data);
}

static void write_frames(tally_log *log, const tally_commit *commit, uint64_t length)
{
    uint8_t core[TALLY_CORE_BYTES];
    tally_chunk *chunk = log->tail.last;
    uint8_t *to = chunk->bytes + chunk->used;
    uint32_t frames_crc = log->seed;
    for (size_t i = 0; i < commit->count; i++) {
        const tally_ready *event = &commit->events[i];
        place_event(log, commit, i, core);
        uint32_t crc_meta;
        uint32_t crc_data;
        encode_frame(log, event, core, to, &crc_meta, &crc_data);
        frames_crc = tally_mark_add_frame(frames_crc, crc_meta, crc_data);
        log->counts.data_bytes += event->data_length;
        to += tally_frame_length(event->body_length, TALLY_SALT_BYTES + event->data_length);
    }
    memcpy(log->last_hash, commit->events[commit->count - 1].hash, TALLY_DIGEST_BYTES);
    tally_mark mark = {.first_position = log->next_position,
                       .count = (uint32_t)commit->count,
                       .frames_crc = tally_crc32c_finish(frames_crc),
                       .first_offset = log->staged_end};
    end_commit(log, &mark, to, length);
}

/* The oldest event that is not durable begins to wait now. */
static void note_dirty(tally_log *log)
{
    if (log->dirty_ns == 0) log->dirty_ns = log->platform->monotonic_ns(log->platform->context);
}

tally_status tally_log_stage(tally_log *log, tally_commit *commit, tally_error *error)
{
    uint64_t length = commit->frame_bytes + TALLY_MARK_BYTES;
    commit->repeated = TALLY_POSITION_NONE;
    bool again = true;
    while (again) {
        tally_status status = get_ready(log, commit, length, &again, error);
        if (status != TALLY_OK) return status;
    }
    if (!commit->staged) return TALLY_OK;
    commit->first_position = log->next_position;
    log->counts.commits++;
    log->counts.events += commit->count;
    write_frames(log, commit, length);
    if (commit->needs_check) tally_since_note(log, commit);
    note_dirty(log);
    return TALLY_OK;
}

tally_status tally_log_stage_mark(tally_log *log, uint8_t flags, tally_error *error)
{
    tally_status status = tally_tail_reserve(&log->tail, log->staged_end, TALLY_MARK_BYTES, error);
    if (status != TALLY_OK) return status;
    tally_chunk *chunk = log->tail.last;
    tally_mark mark = {.flags = flags,
                       .first_position = log->next_position,
                       .frames_crc = tally_crc32c_finish(log->seed),
                       .first_offset = log->staged_end};
    end_commit(log, &mark, chunk->bytes + chunk->used, TALLY_MARK_BYTES);
    return TALLY_OK;
}
