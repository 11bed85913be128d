/* One event, by its position; and the position by other names of it. */
#include <string.h>

#include <tallystick/reader.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/text.h"
#include "log/lookup.h"
#include "store/store.h"

/* A call on the log as it is now. */
typedef struct looking {
    tally_call call;
    tally_store_body *body;
    tally_look look;
} looking;

static tally_status begin(looking *now, tally_store *store, tally_error *error)
{
    tally_status status = tally_store_enter(&now->call, store, &now->body, error);
    if (status != TALLY_OK) return status;
    status = tally_store_view_now(now->body, &now->look, error);
    if (status != TALLY_OK) tally_gate_leave(&now->call);
    return status;
}

static void end(looking *now)
{
    tally_view_release(now->look.view);
    tally_gate_leave(&now->call);
}

static tally_status no_position(uint64_t position, uint64_t events, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_RANGE, position, "there is no event at position %llu yet; the log has %llu",
                         (unsigned long long)position, (unsigned long long)events);
}

static tally_status get(const looking *now, uint64_t position, void *buffer, size_t capacity, size_t *needed,
                        tally_event *event, tally_error *error)
{
    tally_place place;
    if (position >= now->look.end) return no_position(position, now->look.end, error);
    tally_status status = tally_lookup_place(now->look.view, position, &place, error);
    if (status != TALLY_OK) return status;
    *needed = place.length;
    if (place.length > capacity) {
        return tally_fail_at(error, TALLY_E_SPACE, position, "the event needs a buffer of %zu bytes", place.length);
    }
    return tally_lookup_event(&place, position, true, buffer, event, error);
}

static tally_status check_buffer(const void *buffer, size_t capacity, const size_t *needed, const tally_event *event,
                                 tally_error *error)
{
    if (needed == NULL || event == NULL || (buffer == NULL && capacity != 0)) {
        return tally_fail(error, TALLY_E_NULL, "needed, event or buffer is NULL");
    }
    if (capacity <= PTRDIFF_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "the buffer has %zu bytes, more than there can be", capacity);
}

/* The event is large: it is emptied only when it is not filled. */
tally_status tally_store_get(tally_store *store, uint64_t position, void *buffer, size_t capacity, size_t *needed,
                             tally_event *event, tally_error *error)
{
    looking now;
    if (needed != NULL) *needed = 0;
    tally_status status = begin(&now, store, error);
    if (status == TALLY_OK) {
        status = check_buffer(buffer, capacity, needed, event, error);
        if (status == TALLY_OK) status = get(&now, position, buffer, capacity, needed, event, error);
        end(&now);
    }
    if (TALLY_UNLIKELY(status != TALLY_OK)) {
        if (event != NULL) memset(event, 0, sizeof *event);
        if (needed != NULL && status != TALLY_E_SPACE) *needed = 0;
    }
    return status;
}

tally_status tally_store_find_id(tally_store *store, const tally_uuid *id, uint64_t *position, tally_error *error)
{
    looking now;
    uint64_t found = 0;
    if (position != NULL) *position = 0;
    tally_status status = begin(&now, store, error);
    if (status != TALLY_OK) return status;
    if (id == NULL || position == NULL) {
        status = tally_fail(error, TALLY_E_NULL, "id or position is NULL");
    } else if (now.look.view == NULL) {
        status = tally_fail(error, TALLY_E_NOT_FOUND, "no event has this id");
    } else {
        status = tally_lookup_id(now.look.view, 0, now.look.end, id->bytes, &found, error);
    }
    if (status == TALLY_OK && position != NULL) *position = found;
    end(&now);
    return status;
}

static tally_status check_stream(tally_text stream, const void *out, tally_error *error)
{
    if (out == NULL) return tally_fail(error, TALLY_E_NULL, "what receives the answer is NULL");
    return tally_name_check(stream.bytes, stream.length, 1, TALLY_STREAM_MAX, "the stream", error);
}

tally_status tally_store_find_version(tally_store *store, tally_text stream, uint64_t version, uint64_t *position,
                                      tally_error *error)
{
    looking now;
    uint64_t found = 0;
    if (position != NULL) *position = 0;
    tally_status status = begin(&now, store, error);
    if (status != TALLY_OK) return status;
    status = check_stream(stream, position, error);
    if (status == TALLY_OK && now.look.view == NULL) {
        status = tally_fail(error, TALLY_E_NOT_FOUND, "the log has no events");
    } else if (status == TALLY_OK) {
        status = tally_lookup_version(now.look.view, now.look.end, stream, version, &found, error);
    }
    if (status == TALLY_OK && position != NULL) *position = found;
    end(&now);
    return status;
}

tally_status tally_store_stream_head(tally_store *store, tally_text stream, tally_stream_head *head, tally_error *error)
{
    looking now;
    tally_stream_head found = {0, TALLY_POSITION_NONE};
    if (head != NULL) *head = (tally_stream_head){0, 0};
    tally_status status = begin(&now, store, error);
    if (status != TALLY_OK) return status;
    status = check_stream(stream, head, error);
    if (status == TALLY_OK && now.look.view != NULL) {
        status =
            tally_lookup_stream(now.look.view, now.look.end, stream, &found.next_version, &found.last_position, error);
    }
    if (status == TALLY_OK && head != NULL) *head = found;
    end(&now);
    return status;
}
