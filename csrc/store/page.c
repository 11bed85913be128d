/* Filling a page: from candidates to events.
 *
 * Frames of mapped segments are lent as they lie. Others are read into the reader's memory, neighbours with one
 * call; the page ends when that memory is full. */
#include <string.h>

#include "base/error.h"
#include "log/lookup.h"
#include "store/reader.h"

/* Of one page, for frames that are not mapped; a larger single frame gets its own room. */
#define MEMORY_FIRST ((size_t)64 * 1024)
#define MEMORY_MAX ((size_t)1024 * 1024)
/* What is kept for the next page. */
#define MEMORY_KEPT ((size_t)4 * 1024 * 1024)
/* Frames this close to each other are read at once. */
#define GAP_BYTES 2048u
#define PIECE_BYTES ((size_t)128 * 1024)

static bool is_backwards(const tally_reader_body *body) { return (body->flags & TALLY_QUERY_BACKWARDS) != 0; }

static uint32_t next_bit(const tally_reader_body *body, const tally_block *block)
{
    return is_backwards(body) ? tally_block_last(block) : tally_block_first(block);
}

/* Room for `length` bytes more. `*full`: the page has to end first. */
static tally_status reserve(tally_reader_body *body, size_t length, bool page_is_empty, bool *full, tally_error *error)
{
    *full = false;
    /* Nothing is lent from it yet: what was read did not match. */
    if (page_is_empty) body->memory_used = 0;
    if (length <= body->memory_capacity - body->memory_used) return TALLY_OK;
    *full = !page_is_empty;
    if (*full) return TALLY_OK;
    size_t capacity = body->memory_capacity == 0 ? MEMORY_FIRST : MEMORY_MAX;
    if (capacity < length) capacity = length;
    uint8_t *memory = body->platform->allocate(body->platform->context, capacity);
    if (memory == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a page of %zu bytes", capacity);
    body->platform->release(body->platform->context, body->memory);
    body->memory = memory;
    body->memory_capacity = capacity;
    body->memory_used = 0;
    return TALLY_OK;
}

static void begin_page(tally_reader_body *body)
{
    /* One that was full was too small for pages like this one. */
    bool small = body->memory_capacity < MEMORY_MAX && body->memory_used > body->memory_capacity / 2;
    if (body->memory_capacity > MEMORY_KEPT || small) {
        size_t capacity = small ? MEMORY_MAX : MEMORY_FIRST;
        uint8_t *memory = body->platform->allocate(body->platform->context, capacity);
        if (memory != NULL) {
            body->platform->release(body->platform->context, body->memory);
            body->memory = memory;
            body->memory_capacity = capacity;
        }
    }
    body->memory_used = 0;
}

/* A piece of a file that was read for some candidates next to each other. */
typedef struct page_piece {
    const tally_segment *segment;
    uint64_t offset;
    uint64_t end;
    uint8_t *bytes;
} page_piece;

static bool has_piece(const page_piece *piece, const tally_place *place)
{
    return piece->segment == place->segment && place->offset >= piece->offset &&
           place->offset + place->length <= piece->end;
}

/* From the place of the next candidate on, as far as later candidates are near and the page needs them. */
static void measure(const tally_reader_body *body, const tally_place *first, size_t wanted, uint64_t *offset,
                    uint64_t *end)
{
    tally_block rest = body->block;
    *offset = first->offset;
    *end = first->offset + first->length;
    tally_block_clear(&rest, next_bit(body, &rest));
    for (size_t i = 1; i < wanted && *end - *offset < PIECE_BYTES; i++) {
        tally_place place;
        uint32_t bit = next_bit(body, &rest);
        if (bit == TALLY_BLOCK_EVENTS) break;
        if (tally_lookup_place(body->view, rest.first + bit, &place, NULL) != TALLY_OK) break;
        uint64_t place_end = place.offset + place.length;
        uint64_t gap = is_backwards(body) ? *offset - place_end : place.offset - *end;
        if (place.segment != first->segment || gap > GAP_BYTES || place.length > PIECE_BYTES) break;
        if (is_backwards(body)) *offset = place.offset;
        else *end = place_end;
        tally_block_clear(&rest, bit);
    }
}

/* Reads the bytes of a place that is not mapped, and perhaps those of the next ones. */
static tally_status read_piece(tally_reader_body *body, const tally_place *place, size_t wanted, bool page_is_empty,
                               page_piece *piece, bool *full, tally_error *error)
{
    uint64_t offset;
    uint64_t end;
    const uint8_t *bytes;
    measure(body, place, wanted, &offset, &end);
    tally_status status = reserve(body, (size_t)(end - offset), page_is_empty, full, error);
    if (status != TALLY_OK || *full) return status;
    uint8_t *to = body->memory + body->memory_used;
    status = tally_segment_bytes(place->segment, offset, (size_t)(end - offset), to, &bytes, error);
    if (status != TALLY_OK) return status;
    body->memory_used += tally_pad8((size_t)(end - offset));
    if (body->memory_used > body->memory_capacity) body->memory_used = body->memory_capacity;
    *piece = (page_piece){place->segment, offset, end, to};
    return TALLY_OK;
}

/* The candidate as an event. `*full`: there is no room for it in this page. */
static tally_status take(tally_reader_body *body, uint64_t position, size_t wanted, bool page_is_empty,
                         page_piece *piece, tally_event *event, bool *full, tally_error *error)
{
    tally_place place;
    *full = false;
    tally_status status = tally_lookup_place(body->view, position, &place, error);
    if (status != TALLY_OK) return status;
    if (place.segment->map != NULL) return tally_lookup_event(&place, position, false, NULL, event, error);
    if (!has_piece(piece, &place)) {
        status = read_piece(body, &place, wanted, page_is_empty, piece, full, error);
        if (status != TALLY_OK || *full) return status;
    }
    return tally_lookup_decode(&place, position, piece->bytes + (place.offset - piece->offset), event, error);
}

/* A segment whose sections and frames are both damaged cannot be looked through: it is told of once, and passed. */
static void pass_segment(tally_reader_body *body)
{
    const tally_view *view = body->view;
    size_t i = tally_view_find(view, is_backwards(body) ? body->end - 1 : body->from);
    uint64_t first = view->segments[i]->header.first_position;
    uint64_t next = i + 1 < view->segment_count ? view->segments[i + 1]->header.first_position : body->end;
    if (is_backwards(body)) body->end = first > body->from ? first : body->from;
    else body->from = next < body->end ? next : body->end;
}

/* More candidates, when all are used up. `*end`: there are none, or no work is left. */
static tally_status find(tally_reader_body *body, bool page_is_empty, uint64_t *work, bool *end, tally_error *error)
{
    *end = false;
    if (next_bit(body, &body->block) != TALLY_BLOCK_EVENTS) return TALLY_OK;
    if (body->from<body->end && * work> 0) {
        uint64_t before = *work;
        tally_status status =
            is_backwards(body)
                ? tally_match_before(body->match, body->view, body->from, &body->end, work, &body->block, error)
                : tally_match_next(body->match, body->view, &body->from, body->end, work, &body->block, error);
        body->examined += before - *work;
        if (status == TALLY_E_DAMAGED && page_is_empty) pass_segment(body); /* else the next call meets it again */
        if (status != TALLY_OK) return status;
    }
    *end = next_bit(body, &body->block) == TALLY_BLOCK_EVENTS;
    return TALLY_OK;
}

/* What went wrong is told when nothing else is: the page before it is given first. */
static tally_status end_page(const tally_reader_body *body, tally_status status, size_t count, tally_error *error)
{
    if (count > 0) {
        tally_error_clear(error);
        return TALLY_OK;
    }
    if (status != TALLY_OK || body->from >= body->end) return status;
    return tally_fail_at(error, TALLY_E_WORK_LIMIT, is_backwards(body) ? body->end : body->from,
                         "no event was found within the query's work limit; call again to go on");
}

tally_status tally_page_fill(tally_reader_body *body, tally_event *events, size_t capacity, size_t *count,
                             tally_error *error)
{
    uint64_t work = body->work_limit == 0 ? UINT64_MAX : body->work_limit;
    page_piece piece = {NULL, 0, 0, NULL};
    tally_status status = TALLY_OK;
    begin_page(body);
    while (*count < capacity && status == TALLY_OK) {
        bool ended;
        bool full;
        status = find(body, *count == 0, &work, &ended, error);
        if (status != TALLY_OK || ended) break;
        uint32_t bit = next_bit(body, &body->block);
        tally_event *event = &events[*count];
        status = take(body, body->block.first + bit, capacity - *count, *count == 0, &piece, event, &full, error);
        if (full || (status != TALLY_OK && *count > 0)) break;
        /* A damaged event is told of once; other failures may pass, so it is tried again. */
        if (status == TALLY_OK || status == TALLY_E_DAMAGED) tally_block_clear(&body->block, bit);
        if (status != TALLY_OK) break;
        if (tally_match_is_residual(body->match) && !tally_match_fits(body->match, event)) continue;
        (*count)++;
    }
    body->returned += *count;
    return end_page(body, status, *count, error);
}
