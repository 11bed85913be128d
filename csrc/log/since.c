#include "log/since.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/frame.h"

/* ------------------------------------------------------------------------------------ conditions */

static bool same_text(tally_text a, tally_text b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* "order.*" stands for all that begin with "order.". */
static bool type_matches(tally_text pattern, tally_text type)
{
    bool is_pattern = pattern.length >= 2 && memcmp(pattern.bytes + pattern.length - 2, ".*", 2) == 0;
    if (!is_pattern) return same_text(pattern, type);
    size_t prefix = pattern.length - 1;
    return type.length > prefix && memcmp(pattern.bytes, type.bytes, prefix) == 0;
}

static bool any_type(const tally_append_condition *condition, tally_text type)
{
    for (size_t i = 0; i < condition->type_count; i++) {
        if (type_matches(condition->types[i], type)) return true;
    }
    return condition->type_count == 0;
}

static bool has_tag(const tally_body_view *body, tally_text tag)
{
    for (uint32_t i = 0; i < body->tag_count; i++) {
        if (same_text(body->tags[i], tag)) return true;
    }
    return false;
}

bool tally_condition_matches(const tally_append_condition *condition, const tally_body_view *body)
{
    if (!any_type(condition, body->type)) return false;
    for (size_t i = 0; i < condition->tag_count; i++) {
        if (!has_tag(body, condition->tags[i])) return false;
    }
    return true;
}

static tally_status check_conditions(const tally_commit *commit, uint64_t position, const tally_frame *frame,
                                     tally_error *error)
{
    tally_body_view body;
    tally_status status = tally_body_decode(frame->body, frame->body_length, &body, error);
    if (status != TALLY_OK) return status;
    for (size_t i = 0; i < commit->condition_count; i++) {
        const tally_append_condition *condition = &commit->conditions[i];
        if (position < condition->from_position || !tally_condition_matches(condition, &body)) continue;
        return tally_fail_at(error, TALLY_E_CONFLICT, position,
                             "the event at position %" PRIu64 " matches condition %zu", position, i);
    }
    return TALLY_OK;
}

/* The events of a chunk from `from` on. What is in memory was put there by this process, so that its lengths are
 * believed, but not its checksums computed. */
static tally_status check_chunk(const tally_log *log, const tally_commit *commit, const tally_chunk *chunk,
                                uint64_t from, tally_error *error)
{
    uint64_t position = chunk->first_position;
    size_t at = chunk->frames_at;
    while (at < chunk->used && position < chunk->end_position) {
        const uint8_t *bytes = chunk->bytes + at;
        if (tally_frame_kind_at(bytes, chunk->used - at) == TALLY_FRAME_MARK) {
            at += TALLY_MARK_BYTES;
            continue;
        }
        tally_frame frame;
        tally_status status = tally_frame_decode(log->seed, bytes, chunk->used - at, false, &frame, error);
        if (status == TALLY_OK && position >= from) status = check_conditions(commit, position, &frame, error);
        if (status != TALLY_OK) return status;
        at += frame.length;
        position++;
    }
    return TALLY_OK;
}

static tally_status check_tail(const tally_log *log, const tally_commit *commit, bool *outdated, tally_error *error)
{
    if (commit->checked_end >= log->next_position) return TALLY_OK;
    uint64_t covered = TALLY_POSITION_NONE;
    for (const tally_chunk *chunk = log->tail.first; chunk != NULL; chunk = chunk->next) {
        if (chunk->first_position == TALLY_POSITION_NONE) continue;
        if (covered == TALLY_POSITION_NONE) covered = chunk->first_position;
        if (chunk->end_position <= commit->checked_end) continue;
        tally_status status = check_chunk(log, commit, chunk, commit->checked_end, error);
        if (status != TALLY_OK) return status;
    }
    *outdated = covered > commit->checked_end; /* also when nothing is in memory */
    return TALLY_OK;
}

/* ---------------------------------------------------------------------------------- ids and keys */

static tally_status check_event(const tally_log *log, tally_commit *commit, const tally_ready *event,
                                tally_error *error)
{
    if (event->idempotency != NULL) {
        uint64_t position = tally_recent_find(&log->recent, TALLY_RECENT_KEY, event->idempotency);
        if (position != TALLY_POSITION_NONE && position >= commit->checked_end) commit->repeated = position;
    }
    if (!event->id_given || commit->repeated != TALLY_POSITION_NONE) return TALLY_OK;
    uint64_t position = tally_recent_find(&log->recent, TALLY_RECENT_ID, event->body);
    if (position == TALLY_POSITION_NONE || position < commit->checked_end) return TALLY_OK;
    return tally_fail_at(error, TALLY_E_EXISTS, position, "the id exists, at position %" PRIu64, position);
}

tally_status tally_since_check(const tally_log *log, tally_commit *commit, bool *outdated, tally_error *error)
{
    *outdated = commit->checked_end < log->recent.complete_from;
    if (*outdated) return TALLY_OK;
    for (size_t i = 0; i < commit->count; i++) {
        tally_status status = check_event(log, commit, &commit->events[i], error);
        if (status != TALLY_OK) return status;
        *outdated = commit->repeated != TALLY_POSITION_NONE;
        if (*outdated) return TALLY_OK;
    }
    return commit->condition_count == 0 ? TALLY_OK : check_tail(log, commit, outdated, error);
}

tally_status tally_since_reserve(tally_log *log, const tally_commit *commit, tally_error *error)
{
    return tally_recent_reserve(&log->recent, 2 * commit->count, tally_shown_end(&log->shown), error);
}

void tally_since_note(tally_log *log, const tally_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        const tally_ready *event = &commit->events[i];
        if (event->id_given) tally_recent_add(&log->recent, TALLY_RECENT_ID, event->body, event->position);
        if (event->idempotency == NULL) continue;
        tally_recent_add(&log->recent, TALLY_RECENT_KEY, event->idempotency, event->position);
    }
}
