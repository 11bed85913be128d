#include "store/idempotency.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/lookup.h"
#include "store/draft.h"

/* Reading the first events; the buffer serves one after the other. */
typedef struct first_events {
    tally_store_body *body;
    const tally_prepared *prepared;
    const tally_look *look;
    uint8_t *buffer;
    size_t capacity;
    tally_uuid cause; /* id of the first event that stands for a draft's cause in the batch */
} first_events;

static tally_status read_event(first_events *first, uint64_t position, tally_event *event, tally_error *error)
{
    const tally_platform *platform = first->body->platform;
    tally_place place;
    tally_status status = tally_lookup_place(first->look->view, position, &place, error);
    if (status != TALLY_OK) return status;
    if (first->capacity < place.length) {
        platform->release(platform->context, first->buffer);
        first->capacity = 0;
        first->buffer = platform->allocate(platform->context, place.length);
        if (first->buffer == NULL) {
            return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read the event of an idempotency key");
        }
        first->capacity = place.length;
    }
    return tally_lookup_event(&place, position, false, first->buffer, event, error);
}

/* --------------------------------------------------------------------------------------- window */

/* The first event with the key, within the window; TALLY_POSITION_NONE: none. */
static tally_status find(first_events *first, const tally_ready *ready, uint64_t *position, tally_event *event,
                         tally_error *error)
{
    const tally_store_options *options = &first->body->options;
    uint64_t end = first->look->end;
    uint64_t from = options->idempotency_events < end ? end - options->idempotency_events : 0;
    *position = TALLY_POSITION_NONE;
    event->time_us = 0;
    if (end == 0) return TALLY_OK;
    uint64_t found = 0;
    tally_status status = tally_lookup_idempotency(first->look->view, from, end, ready->idempotency, &found, error);
    if (status == TALLY_E_NOT_FOUND) {
        tally_error_clear(error);
        return TALLY_OK;
    }
    if (status == TALLY_OK) status = read_event(first, found, event, error);
    if (status != TALLY_OK) return status;
    int64_t age_us = first->prepared->commit.now_us - event->time_us;
    bool is_too_old = age_us > 0 && (uint64_t)age_us / 1000000 >= options->idempotency_age_s;
    if (!is_too_old) *position = found;
    return TALLY_OK;
}

/* -------------------------------------------------------------------------------------- equality */

static bool same_text(tally_text a, tally_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static bool same_tags(const tally_body_view *mine, const tally_event *event)
{
    if (mine->tag_count != event->tag_count) return false;
    for (uint32_t i = 0; i < mine->tag_count; i++) {
        if (!same_text(mine->tags[i], event->tags[i])) return false;
    }
    return true;
}

static bool same_id(const uint8_t *mine, const tally_uuid *first) { return memcmp(mine, first, sizeof *first) == 0; }

static bool same_cause(const first_events *first, const tally_ready *ready, const tally_body_view *mine,
                       const tally_event *event)
{
    if (ready->cause_in_batch) return same_id(first->cause.bytes, &event->causation);
    return !ready->causation_given || same_id(mine->causation, &event->causation);
}

static bool is_equal(const first_events *first, const tally_ready *ready, const tally_body_view *mine,
                     const tally_event *event)
{
    return same_text(mine->stream, event->stream) && same_text(mine->type, event->type) &&
           same_text(mine->content_type, event->content_type) && mine->schema_version == event->schema_version &&
           same_tags(mine, event) && ready->data_length == event->length &&
           (event->length == 0 || memcmp(ready->data, event->data, event->length) == 0) &&
           (!ready->id_given || same_id(mine->id, &event->id)) &&
           (!ready->correlation_given || same_id(mine->correlation, &event->correlation)) &&
           same_cause(first, ready, mine, event);
}

static tally_status reused(uint64_t position, const char *how, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_REUSED, position,
                         "the idempotency key was used at position %" PRIu64 ", %s; use a new key", position, how);
}

static tally_status compare_equal(const first_events *first, const tally_ready *ready, const tally_event *event,
                                  tally_error *error)
{
    tally_body_view mine;
    tally_status status = tally_body_decode(ready->body, ready->body_length, &mine, error);
    if (status != TALLY_OK) return status;
    if (event->data_state != TALLY_DATA_READABLE) {
        return tally_fail_at(error, TALLY_E_DAMAGED, event->position,
                             "the data of the event at position %" PRIu64
                             ", which has the idempotency key, cannot be read to compare",
                             event->position);
    }
    if (is_equal(first, ready, &mine, event)) return TALLY_OK;
    return reused(event->position, "for another event", error);
}

/* ---------------------------------------------------------------------------------------- commits */

static void fill_receipt(const tally_event *event, uint32_t level, tally_receipt *receipt)
{
    memset(receipt, 0, sizeof *receipt);
    receipt->position = event->position;
    receipt->version = event->version;
    receipt->time_us = event->time_us;
    receipt->time_logical = event->time_logical;
    receipt->durability = level;
    receipt->flags = TALLY_RECEIPT_REPEATED;
    receipt->id = event->id;
    tally_core_event_hash(event->core, receipt->event_hash.bytes);
}

/* The id that the cause got when it was appended for the first time: it stands before in the batch, so its key was
 * found already. */
static tally_status find_cause(first_events *first, const tally_ready *ready, tally_error *error)
{
    if (!ready->cause_in_batch) return TALLY_OK;
    uint64_t position;
    tally_event cause;
    tally_status status = find(first, &first->prepared->commit.events[ready->cause_index], &position, &cause, error);
    if (status == TALLY_OK && position != TALLY_POSITION_NONE) first->cause = cause.id;
    return status;
}

static tally_status compare_one(first_events *first, size_t i, tally_receipt *receipts, uint64_t *last, size_t *found,
                                tally_error *error)
{
    const tally_ready *ready = &first->prepared->commit.events[i];
    uint64_t position;
    tally_event event = {.position = 0};
    tally_status status = *found == i && i > 0 ? find_cause(first, ready, error) : TALLY_OK;
    if (status == TALLY_OK) status = find(first, ready, &position, &event, error);
    if (status != TALLY_OK) return status;
    bool is_used = position != TALLY_POSITION_NONE;
    if (!is_used && *found == 0) return TALLY_OK;
    if (!is_used) return reused(*last, "but that of a later draft was not", error);
    if (*found != i) return reused(position, "but that of an earlier draft was not", error);
    if (i > 0 && position <= *last) return reused(position, "in another order", error);
    status = compare_equal(first, ready, &event, error);
    if (status != TALLY_OK) return status;
    if (receipts != NULL) fill_receipt(&event, first->prepared->level, &receipts[i]);
    *last = position;
    *found = i + 1;
    return TALLY_OK;
}

tally_status tally_idempotency_compare(tally_store_body *body, const tally_prepared *prepared, const tally_look *look,
                                       tally_receipt *receipts, bool *repeated, uint64_t *last, tally_error *error)
{
    first_events first = {.body = body, .prepared = prepared, .look = look};
    size_t count = prepared->commit.count;
    size_t found = 0;
    tally_status status = TALLY_OK;
    *last = 0;
    for (size_t i = 0; i < count && status == TALLY_OK; i++) {
        status = compare_one(&first, i, receipts, last, &found, error);
        if (status != TALLY_OK) tally_draft_name(i, count, error);
    }
    body->platform->release(body->platform->context, first.buffer);
    *repeated = status == TALLY_OK && found == count;
    return status;
}
