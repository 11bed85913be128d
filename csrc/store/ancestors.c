/* The chain of a stream, from an event back to its beginning. */
#include <string.h>

#include <tallystick/reader.h>

#include "base/error.h"
#include "log/lookup.h"
#include "store/store.h"

typedef struct chain {
    const tally_platform *platform;
    const tally_view *view;
    uint64_t end;
    uint8_t *scratch; /* for frames that are not mapped */
    size_t capacity;
    /* of the event that was read last */
    uint64_t version;
    uint8_t before[TALLY_DIGEST_BYTES]; /* the hash that the event before has to have */
    uint8_t hash[TALLY_DIGEST_BYTES];
    size_t stream_length;
    char stream[TALLY_STREAM_MAX];
} chain;

static tally_status read_event(chain *walk, uint64_t position, tally_event *event, tally_error *error)
{
    tally_place place;
    tally_status status = tally_lookup_place(walk->view, position, &place, error);
    if (status != TALLY_OK) return status;
    if (place.segment->map == NULL && place.length > walk->capacity) {
        walk->platform->release(walk->platform->context, walk->scratch);
        walk->capacity = 0;
        walk->scratch = walk->platform->allocate(walk->platform->context, place.length);
        if (walk->scratch == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read an event");
        walk->capacity = place.length;
    }
    return tally_lookup_event(&place, position, false, walk->scratch, event, error);
}

static tally_status step(chain *walk, uint64_t position, tally_error *error)
{
    tally_event event = {.core = NULL};
    tally_core core;
    tally_status status = read_event(walk, position, &event, error);
    if (status == TALLY_OK) status = tally_core_decode(event.core, &core, error);
    if (status != TALLY_OK) return status;
    walk->version = event.version;
    memcpy(walk->before, core.stream_prev, sizeof walk->before);
    tally_core_event_hash(event.core, walk->hash);
    walk->stream_length = event.stream.length;
    memcpy(walk->stream, event.stream.bytes, event.stream.length);
    return TALLY_OK;
}

/* Whether a failure is about the event, which ends the chain, and not about the system. */
static bool is_unreadable(tally_status status)
{
    return status == TALLY_E_DAMAGED || status == TALLY_E_NOT_FOUND || status == TALLY_E_FORMAT ||
           status == TALLY_E_TRUNCATED || status == TALLY_E_RANGE;
}

static tally_status walk_back(chain *walk, uint64_t *positions, size_t capacity, size_t *count, uint32_t *ended,
                              tally_error *error)
{
    for (;;) {
        uint8_t wanted[TALLY_DIGEST_BYTES];
        uint64_t position;
        *ended = TALLY_ANCESTORS_GENESIS;
        if (walk->version == 0) return TALLY_OK;
        *ended = TALLY_ANCESTORS_LIMIT;
        if (*count == capacity) return TALLY_OK;
        memcpy(wanted, walk->before, sizeof wanted);
        tally_text stream = {walk->stream, walk->stream_length};
        uint64_t version = walk->version - 1;
        tally_status status = tally_lookup_version(walk->view, walk->end, stream, version, &position, error);
        if (status == TALLY_OK) status = step(walk, position, error);
        *ended = TALLY_ANCESTORS_UNREADABLE;
        if (status != TALLY_OK) {
            if (!is_unreadable(status)) return status;
            tally_error_clear(error);
            return TALLY_OK;
        }
        if (memcmp(walk->hash, wanted, sizeof wanted) != 0) return TALLY_OK;
        positions[(*count)++] = position;
    }
}

static tally_status begin_at(tally_store_body *body, uint64_t position, uint64_t *positions, size_t capacity,
                             size_t *count, uint32_t *ended, tally_error *error)
{
    tally_look look;
    if (capacity > PTRDIFF_MAX) return tally_fail(error, TALLY_E_LENGTH, "capacity is more than there can be");
    if (capacity == 0) return tally_fail(error, TALLY_E_RANGE, "capacity is 0; there is room for no position");
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    chain walk = {.platform = body->platform, .view = look.view, .end = look.end};
    if (position >= look.end) {
        status = tally_fail_at(error, TALLY_E_RANGE, position, "there is no event at this position yet");
    } else {
        status = step(&walk, position, error);
    }
    if (status == TALLY_OK) {
        positions[(*count)++] = position;
        status = walk_back(&walk, positions, capacity, count, ended, error);
    }
    walk.platform->release(walk.platform->context, walk.scratch);
    tally_view_release(look.view);
    return status;
}

tally_status tally_store_ancestors(tally_store *store, uint64_t position, uint64_t *positions, size_t capacity,
                                   size_t *count, uint32_t *ended, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    if (count != NULL) *count = 0;
    if (ended != NULL) *ended = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (positions == NULL || count == NULL || ended == NULL) {
        status = tally_fail(error, TALLY_E_NULL, "positions, count or ended is NULL");
    } else {
        status = begin_at(body, position, positions, capacity, count, ended, error);
    }
    tally_gate_leave(&call);
    return status;
}
