#include "log/lookup.h"

#include <string.h>

#include "base/error.h"
#include "log/locate.h"

/* How many events of segment number `i` lie before `end`, as far as the view can tell: of the last segment
 * perhaps more than there are. */
static uint32_t events_below(const tally_view *view, size_t i, uint64_t end)
{
    if (i + 1 < view->segment_count && end > view->segments[i + 1]->header.first_position) {
        end = view->segments[i + 1]->header.first_position;
    }
    uint64_t first = view->segments[i]->header.first_position;
    uint64_t count = end > first ? end - first : 0;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

/* The segments that hold [0, end): one more than the last one's index. */
static size_t segments_below(const tally_view *view, uint64_t end)
{
    return end == 0 ? 0 : tally_view_find(view, end - 1) + 1;
}

/* ----------------------------------------------------------------------------------------- streams */

/* The newest segment below index `*i` that knows the stream, with its number of events of it below `end`, > 0;
 * `*found` false: none. */
static tally_status newest_with(const tally_view *view, uint64_t end, tally_locator *stream, size_t *i, bool *found,
                                tally_entry *entry, uint32_t *count, tally_error *error)
{
    *found = false;
    while (*i > 0) {
        bool known;
        size_t next;
        size_t at = *i - 1;
        tally_segment *segment = view->segments[at];
        tally_status status = tally_locate(stream, view, at, true, &known, entry, &next, error);
        if (status != TALLY_OK) return status;
        *i = known ? at : next;
        if (!known) continue;
        status = tally_ask_count(segment, &stream->key, entry, events_below(view, at, end), count, error);
        if (status != TALLY_OK) return status;
        *found = *count != 0;
        if (*found) return TALLY_OK;
    }
    return TALLY_OK;
}

tally_status tally_lookup_stream(const tally_view *view, uint64_t end, tally_text stream, uint64_t *next_version,
                                 uint64_t *last_position, tally_error *error)
{
    tally_locator locator = {.key = {TALLY_KEY_STREAM, stream}};
    tally_entry entry;
    uint32_t count;
    uint32_t ordinal;
    bool found;
    size_t i = segments_below(view, end);
    *next_version = 0;
    *last_position = TALLY_POSITION_NONE;
    tally_status status = newest_with(view, end, &locator, &i, &found, &entry, &count, error);
    if (status != TALLY_OK || !found) return status;
    status = tally_ask_posting(view->segments[i], &locator.key, &entry, count - 1, &ordinal, error);
    if (status != TALLY_OK) return status;
    *next_version = entry.first_version + count;
    *last_position = view->segments[i]->header.first_position + ordinal;
    return TALLY_OK;
}

tally_status tally_lookup_version(const tally_view *view, uint64_t end, tally_text stream, uint64_t version,
                                  uint64_t *position, tally_error *error)
{
    tally_locator locator = {.key = {TALLY_KEY_STREAM, stream}};
    tally_entry entry;
    uint32_t count;
    uint32_t ordinal;
    size_t i = segments_below(view, end);
    for (;;) {
        bool found;
        tally_status status = newest_with(view, end, &locator, &i, &found, &entry, &count, error);
        if (status != TALLY_OK) return status;
        if (!found || version >= entry.first_version + count) break;
        if (version < entry.first_version) continue;
        status = tally_ask_posting(view->segments[i], &locator.key, &entry, (uint32_t)(version - entry.first_version),
                                   &ordinal, error);
        if (status != TALLY_OK) return status;
        *position = view->segments[i]->header.first_position + ordinal;
        return TALLY_OK;
    }
    *position = TALLY_POSITION_NONE;
    return tally_fail(error, TALLY_E_NOT_FOUND, "the stream has no version %llu", (unsigned long long)version);
}

/* ------------------------------------------------------------------------------------------ values */

/* Whether the event has the value that its hash promises. */
static tally_status has_value(tally_segment *segment, uint32_t ordinal, bool idempotency, const uint8_t value[16],
                              bool *has, tally_error *error)
{
    const tally_platform *platform = segment->folder->platform;
    tally_place place = {.segment = segment, .ordinal = ordinal};
    const uint8_t *bytes;
    uint64_t limit;
    tally_error why;
    tally_status status = tally_ask_place(segment, ordinal, &place.offset, &limit, error);
    if (status != TALLY_OK) return status;
    size_t head = TALLY_FRAME_FIXED_BYTES + TALLY_BODY_MAX + 8; /* the data are not looked at */
    size_t length = limit - place.offset < head ? (size_t)(limit - place.offset) : head;
    uint8_t *scratch = segment->map != NULL ? NULL : platform->allocate(platform->context, length);
    if (scratch == NULL && segment->map == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read with");
    status = tally_segment_bytes(segment, place.offset, length, scratch, &bytes, error);
    if (status == TALLY_OK) {
        tally_frame frame;
        tally_body_view body;
        status = tally_frame_decode(segment->seed, bytes, (size_t)(limit - place.offset), false, &frame, &why);
        if (status == TALLY_OK) status = tally_body_decode(frame.body, frame.body_length, &body, &why);
        const uint8_t *its = status != TALLY_OK ? NULL : idempotency ? body.idempotency : body.id;
        *has = its != NULL && memcmp(its, value, 16) == 0;
        if (status != TALLY_OK) {
            status =
                tally_segment_damaged(segment, segment->header.first_position + ordinal, place.offset, &why, error);
        }
    }
    platform->release(platform->context, scratch);
    return status;
}

/* The newest event in [from, end) that has it. */
static tally_status lookup_value(const tally_view *view, uint64_t from, uint64_t end, bool idempotency,
                                 const uint8_t value[16], uint64_t *position, tally_error *error)
{
    for (size_t i = segments_below(view, end); i > 0; i--) {
        tally_segment *segment = view->segments[i - 1];
        uint32_t before = events_below(view, i - 1, end);
        for (;;) {
            bool found;
            bool has = false;
            uint32_t ordinal = 0;
            tally_status status = tally_ask_candidate(segment, idempotency, value, before, &found, &ordinal, error);
            if (status != TALLY_OK) return status;
            if (!found || segment->header.first_position + ordinal < from) break;
            status = has_value(segment, ordinal, idempotency, value, &has, error);
            if (status != TALLY_OK) return status;
            *position = segment->header.first_position + ordinal;
            if (has) return TALLY_OK;
            before = ordinal;
        }
        if (segment->header.first_position <= from) break;
    }
    *position = TALLY_POSITION_NONE;
    return tally_fail(error, TALLY_E_NOT_FOUND, "no event has this %s", idempotency ? "idempotency key" : "id");
}

tally_status tally_lookup_id(const tally_view *view, uint64_t from, uint64_t end, const uint8_t id[16],
                             uint64_t *position, tally_error *error)
{
    return lookup_value(view, from, end, false, id, position, error);
}

tally_status tally_lookup_idempotency(const tally_view *view, uint64_t from, uint64_t end, const uint8_t digest[16],
                                      uint64_t *position, tally_error *error)
{
    return lookup_value(view, from, end, true, digest, position, error);
}

/* -------------------------------------------------------------------------------------------- time */

/* The time of one event, from its core. */
static tally_status time_of(tally_segment *segment, uint32_t ordinal, int64_t *time_us, tally_error *error)
{
    uint8_t scratch[TALLY_FRAME_FIXED_BYTES];
    const uint8_t *bytes;
    uint64_t offset;
    uint64_t limit;
    tally_core core;
    tally_error why;
    if (ordinal % 64 == 0) return tally_ask_time(segment, ordinal, time_us, error);
    tally_status status = tally_ask_place(segment, ordinal, &offset, &limit, error);
    if (status == TALLY_OK) status = tally_segment_bytes(segment, offset, sizeof scratch, scratch, &bytes, error);
    if (status != TALLY_OK) return status;
    uint64_t position = segment->header.first_position + ordinal;
    if (tally_core_decode(bytes + TALLY_FRAME_HEADER_BYTES, &core, &why) != TALLY_OK || core.position != position) {
        return tally_segment_damaged(segment, position, offset, NULL, error);
    }
    *time_us = core.time_us;
    return TALLY_OK;
}

/* The number of events among the first `high` of the segment that lie before the time: every 64th first. */
static tally_status count_before(tally_segment *segment, uint32_t high, int64_t time_us, uint32_t *count,
                                 tally_error *error)
{
    uint32_t low = 0;
    uint32_t stride = 64;
    for (;;) {
        while (high - low > stride || (high > low && stride == 1)) {
            uint32_t middle = low + (high - low) / 2;
            int64_t its = 0;
            if (stride == 64 && middle / 64 * 64 > low) middle = middle / 64 * 64;
            tally_status status = time_of(segment, middle, &its, error);
            if (status != TALLY_OK) return status;
            if (its < time_us) low = middle + 1;
            else high = middle;
        }
        if (stride == 1) break;
        stride = 1;
    }
    *count = low;
    return TALLY_OK;
}

tally_status tally_lookup_time(const tally_view *view, uint64_t from, uint64_t end, int64_t time_us, uint64_t *position,
                               tally_error *error)
{
    /* The last segment that begins before the time: the first event that counts is in it, or begins the next. */
    size_t low = 0;
    size_t high = segments_below(view, end);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t used = middle; /* the last one below `end` has events, one between may have none */
        int64_t first;
        while (events_below(view, used, end) == 0) used++;
        tally_status status = tally_ask_time(view->segments[used], 0, &first, error);
        if (status != TALLY_OK) return status;
        if (first < time_us) low = middle + 1;
        else high = middle;
    }
    *position = from;
    if (low == 0) return TALLY_OK;
    uint32_t count;
    tally_segment *segment = view->segments[low - 1];
    tally_status status = count_before(segment, events_below(view, low - 1, end), time_us, &count, error);
    if (status != TALLY_OK) return status;
    uint64_t found = segment->header.first_position + count;
    *position = found < from ? from : found > end ? end : found;
    return TALLY_OK;
}
