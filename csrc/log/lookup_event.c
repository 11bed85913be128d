/* One event: where it lies, and what it says. */
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "log/ask.h"
#include "log/lookup.h"
#include "proof/event.h"

/* An index that lies must not make anybody ask for more memory than a frame can take. */
#define FRAME_MAX ((size_t)TALLY_FRAME_FIXED_BYTES + TALLY_BODY_MAX + TALLY_STORED_MAX + 16)

/* Of a mapped event that is read next: all lines of a usual frame are asked for at once, so that they come while
 * its head is waited for. A far one costs half as much then. */
static void prefetch(const tally_segment *segment, const tally_place *place)
{
    enum { LINE = 64, LINES = 10 };
    const uint8_t *frame = segment->map + place->offset;
    size_t length = place->length < LINE * LINES ? place->length : LINE * LINES;
    for (size_t at = 0; at < length; at += LINE) __builtin_prefetch(frame + at);
    if (segment->touched != NULL) __builtin_prefetch((const void *)&segment->touched[place->ordinal / 32]);
}

/* Before its offset is known: frames of one log are often alike, so that a place in proportion is often near. Two
 * waits for memory, for the offset and for the frame, become one then. */
static void prefetch_guess(const tally_segment *segment, uint64_t ordinal)
{
    uint64_t guess = TALLY_SEGMENT_HEADER_BYTES + (ordinal * segment->stride >> TALLY_STRIDE_BITS);
    if (guess < segment->trailer.data_end) __builtin_prefetch(segment->map + guess);
}

tally_status tally_lookup_place(const tally_view *view, uint64_t position, tally_place *place, tally_error *error)
{
    uint64_t limit;
    tally_segment *segment = view->segments[tally_view_find(view, position)];
    uint64_t ordinal = position - segment->header.first_position;
    if (position < segment->header.first_position || ordinal > UINT32_MAX) {
        return tally_fail_at(error, TALLY_E_RANGE, position, "there is no such event");
    }
    place->segment = segment;
    place->ordinal = (uint32_t)ordinal;
    if (segment->map != NULL) prefetch_guess(segment, ordinal);
    tally_status status = tally_ask_place(segment, place->ordinal, &place->offset, &limit, error);
    if (status != TALLY_OK) return status;
    uint64_t length = limit - place->offset;
    place->length = length < FRAME_MAX ? (size_t)length : FRAME_MAX;
    if (segment->map == NULL) return TALLY_OK; /* its marks, if any, are read with it: one call less */
    tally_frame frame;
    tally_error why;
    prefetch(segment, place);
    if (tally_frame_find(segment->map + place->offset, place->length, &frame, &why) != TALLY_OK) {
        return tally_segment_damaged(segment, position, place->offset, &why, error);
    }
    place->length = frame.length;
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------- what it says */

static bool was_touched(const tally_place *place)
{
    const tally_segment *segment = place->segment;
    if (segment->check == TALLY_CHECK_NEVER) return true;
    if (segment->check == TALLY_CHECK_ALWAYS || segment->touched == NULL) return false;
    uint32_t bits = atomic_load_explicit(&segment->touched[place->ordinal / 32], memory_order_relaxed);
    return (bits >> (place->ordinal % 32) & 1u) != 0;
}

static void note_touched(const tally_place *place)
{
    const tally_segment *segment = place->segment;
    if (segment->touched == NULL || segment->check == TALLY_CHECK_ALWAYS) return;
    (void)atomic_fetch_or_explicit(&segment->touched[place->ordinal / 32], 1u << (place->ordinal % 32),
                                   memory_order_relaxed);
}

/* Sealed data are opened by the keyring, which is not here yet. */
static void take_data(const tally_frame *frame, const tally_body_view *body, bool whole, tally_event *event)
{
    bool plain = body->seal_algorithm == TALLY_SEAL_NONE;
    event->data_state = !whole ? TALLY_DATA_DAMAGED : plain ? TALLY_DATA_READABLE : TALLY_DATA_KEY_MISSING;
    event->data = event->data_state == TALLY_DATA_READABLE ? frame->data + TALLY_SALT_BYTES : NULL;
    event->length = event->data_state == TALLY_DATA_READABLE ? frame->data_length - TALLY_SALT_BYTES : 0;
}

static tally_status decode(const tally_place *place, uint64_t position, const uint8_t *bytes, tally_event *event,
                           tally_error *why)
{
    const tally_segment *segment = place->segment;
    bool touched = was_touched(place);
    tally_frame frame;
    tally_core core;
    tally_body_view body;
    tally_status status = touched ? tally_frame_find(bytes, place->length, &frame, why)
                                  : tally_frame_decode(segment->seed, bytes, place->length, false, &frame, why);
    if (status == TALLY_OK) status = tally_core_decode(frame.core, &core, why);
    if (status == TALLY_OK) status = tally_body_decode(frame.body, frame.body_length, &body, why);
    if (status != TALLY_OK) return status;
    if (core.position != position) return tally_fail(why, TALLY_E_DAMAGED, "it holds another event");
    bool whole = body.stored_length == frame.data_length &&
                 (touched || tally_frame_check_data(segment->seed, &frame, NULL) == TALLY_OK);
    if (whole && !touched) note_touched(place);
    tally_event_fill(&core, frame.core, &body, frame.body, frame.body_length, event);
    take_data(&frame, &body, whole, event);
    return TALLY_OK;
}

tally_status tally_lookup_event(const tally_place *place, uint64_t position, bool copy, uint8_t *scratch,
                                tally_event *event, tally_error *error)
{
    const uint8_t *bytes;
    tally_status status = tally_segment_bytes(place->segment, place->offset, place->length, scratch, &bytes, error);
    if (status != TALLY_OK) return status;
    if (copy && bytes != scratch) {
        memcpy(scratch, bytes, place->length);
        bytes = scratch;
    }
    return tally_lookup_decode(place, position, bytes, event, error);
}

tally_status tally_lookup_decode(const tally_place *place, uint64_t position, const uint8_t *bytes, tally_event *event,
                                 tally_error *error)
{
    tally_error why;
    tally_status status = decode(place, position, bytes, event, &why);
    if (TALLY_LIKELY(status == TALLY_OK)) return TALLY_OK;
    return tally_segment_damaged(place->segment, position, place->offset, &why, error);
}
