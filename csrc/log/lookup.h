/* Looking things up in a view. Only events below `end` exist for the caller. What an index cannot answer
 * because it is damaged is answered from the frames. All are safe on any thread. */
#ifndef TALLY_LOG_LOOKUP_H
#define TALLY_LOG_LOOKUP_H

#include "log/view.h"

/* `*next_version` 0: no such stream. */
tally_status tally_lookup_stream(const tally_view *view, uint64_t end, tally_text stream, uint64_t *next_version,
                                 uint64_t *last_position, tally_error *error);
/* TALLY_E_NOT_FOUND. */
tally_status tally_lookup_version(const tally_view *view, uint64_t end, tally_text stream, uint64_t version,
                                  uint64_t *position, tally_error *error);
tally_status tally_lookup_id(const tally_view *view, uint64_t from, uint64_t end, const uint8_t id[16],
                             uint64_t *position, tally_error *error);
/* The newest event below `end` with this idempotency digest, at `from` or later. */
tally_status tally_lookup_idempotency(const tally_view *view, uint64_t from, uint64_t end, const uint8_t digest[16],
                                      uint64_t *position, tally_error *error);
/* The first event in [from, end) with any of the types (exact or "a.*"; none given: all) and all of the tags. */
tally_status tally_lookup_match(const tally_view *view, uint64_t from, uint64_t end, const tally_text *types,
                                size_t type_count, const tally_text *tags, size_t tag_count, uint64_t *position,
                                tally_error *error);

/* The bytes of an event's frame: its place, then the frame itself. */
typedef struct tally_place {
    tally_segment *segment; /* of the view */
    uint32_t ordinal;
    uint64_t offset;
    size_t length; /* of the frame, and of marks behind it when it is not mapped; bytes needed for a copy */
} tally_place;
tally_status tally_lookup_place(const tally_view *view, uint64_t position, tally_place *place, tally_error *error);

/* Decodes the frame at a place: `scratch` of place->length bytes is used when it is not mapped (and always when
 * `copy`). Checks as segment->check says; positions that do not agree are TALLY_E_DAMAGED. Data that do not
 * check: TALLY_OK with data_state TALLY_DATA_DAMAGED. */
tally_status tally_lookup_event(const tally_place *place, uint64_t position, bool copy, uint8_t *scratch,
                                tally_event *event, tally_error *error);
/* The same of bytes that were read already: place->length of them. */
tally_status tally_lookup_decode(const tally_place *place, uint64_t position, const uint8_t *bytes, tally_event *event,
                                 tally_error *error);

/* The first position in [from, end) whose event's time is not before `time_us`; `end` when there is none. */
tally_status tally_lookup_time(const tally_view *view, uint64_t from, uint64_t end, int64_t time_us, uint64_t *position,
                               tally_error *error);

#endif
