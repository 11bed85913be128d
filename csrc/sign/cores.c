#include "sign/cores.h"

#include "base/bytes.h"
#include "base/error.h"

#define WINDOW_BYTES (256u * 1024u)
/* More than this is not kept between two walks. */
#define KEPT_BYTES (1024u * 1024u)

static const tally_segment *segment_of(const tally_cores *cores) { return cores->view->segments[cores->index]; }

static void enter_segment(tally_cores *cores)
{
    const tally_segment *segment = segment_of(cores);
    cores->number = segment->header.number;
    cores->offset = TALLY_SEGMENT_HEADER_BYTES;
    cores->position = segment->header.first_position;
    cores->window_bytes = 0;
}

void tally_cores_begin(tally_cores *cores, const tally_platform *platform, const tally_view *view, uint64_t position)
{
    cores->platform = platform;
    cores->view = view;
    cores->window_bytes = 0;
    cores->index = tally_view_find(view, position);
    bool goes_on = cores->known && cores->position <= position && cores->number == segment_of(cores)->header.number;
    cores->known = true;
    if (!goes_on) enter_segment(cores);
    cores->wanted = position;
}

void tally_cores_end(tally_cores *cores)
{
    cores->view = NULL;
    cores->window_bytes = 0;
    if (cores->capacity > KEPT_BYTES) tally_cores_free(cores);
}

void tally_cores_free(tally_cores *cores)
{
    if (cores->buffer != NULL) cores->platform->release(cores->platform->context, cores->buffer);
    cores->buffer = NULL;
    cores->capacity = 0;
    cores->window_bytes = 0;
}

/* `bytes` bytes from the offset, or as many as the log part has. */
static tally_status read_window(tally_cores *cores, size_t bytes, uint64_t limit, tally_error *error)
{
    const tally_segment *segment = segment_of(cores);
    size_t wanted = limit - cores->offset < bytes ? (size_t)(limit - cores->offset) : bytes;
    if (segment->map != NULL) {
        wanted = (size_t)(limit - cores->offset);
    } else if (wanted > cores->capacity) {
        size_t capacity = wanted < WINDOW_BYTES ? WINDOW_BYTES : wanted;
        void *larger = cores->platform->resize(cores->platform->context, cores->buffer, capacity);
        if (larger == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read the log");
        cores->buffer = larger;
        cores->capacity = capacity;
    }
    cores->window_bytes = 0;
    tally_status status = tally_segment_bytes(segment, cores->offset, wanted, cores->buffer, &cores->window, error);
    if (status != TALLY_OK) return status;
    cores->window_offset = cores->offset;
    cores->window_bytes = wanted;
    return TALLY_OK;
}

/* The bytes at the offset: all up to the limit, or at least `wanted` of them. */
static tally_status look(tally_cores *cores, size_t wanted, uint64_t limit, const uint8_t **bytes, size_t *available,
                         tally_error *error)
{
    uint64_t left = limit - cores->offset;
    if (wanted > left) wanted = (size_t)left;
    uint64_t skipped = cores->offset - cores->window_offset;
    if (cores->window_bytes < wanted || skipped > cores->window_bytes - wanted) {
        tally_status status = read_window(cores, wanted < WINDOW_BYTES ? WINDOW_BYTES : wanted, limit, error);
        if (status != TALLY_OK) return status;
        skipped = 0;
    }
    *bytes = cores->window + skipped;
    *available = cores->window_bytes - (size_t)skipped;
    return TALLY_OK;
}

static tally_status damaged(const tally_cores *cores, const tally_error *why, tally_error *error)
{
    return tally_segment_damaged(segment_of(cores), cores->position, cores->offset, why, error);
}

/* One frame at the offset, whole in the window. */
static tally_status take_frame(tally_cores *cores, const uint8_t *bytes, size_t available, uint64_t limit,
                               tally_frame *frame, tally_error *error)
{
    const tally_segment *segment = segment_of(cores);
    tally_error why;
    tally_status status = tally_frame_decode(segment->seed, bytes, available, false, frame, &why);
    while (status == TALLY_E_TRUNCATED && available < limit - cores->offset) {
        status = look(cores, available < WINDOW_BYTES ? WINDOW_BYTES : 2 * available, limit, &bytes, &available, error);
        if (status != TALLY_OK) return status;
        status = tally_frame_decode(segment->seed, bytes, available, false, frame, &why);
    }
    if (status != TALLY_OK) return damaged(cores, &why, error);
    if (tally_load_u64(frame->core + 8) != cores->position) return damaged(cores, NULL, error);
    cores->offset += frame->length;
    cores->position++;
    return TALLY_OK;
}

static tally_status take_next(tally_cores *cores, tally_frame *frame, tally_error *error)
{
    for (;;) {
        const uint8_t *bytes;
        size_t available;
        uint64_t limit = tally_segment_end(segment_of(cores));
        if (cores->offset >= limit) {
            if (cores->index + 1 == cores->view->segment_count ||
                cores->view->segments[cores->index + 1]->header.first_position != cores->position) {
                return damaged(cores, NULL, error);
            }
            cores->index++;
            enter_segment(cores);
            continue;
        }
        tally_status status = look(cores, TALLY_FRAME_FIXED_BYTES, limit, &bytes, &available, error);
        if (status != TALLY_OK) return status;
        if (tally_frame_kind_at(bytes, available) != TALLY_FRAME_MARK) {
            return take_frame(cores, bytes, available, limit, frame, error);
        }
        cores->offset += TALLY_MARK_BYTES;
    }
}

tally_status tally_cores_next(tally_cores *cores, tally_frame *frame, tally_error *error)
{
    tally_status status = take_next(cores, frame, error);
    while (status == TALLY_OK && cores->position <= cores->wanted) status = take_next(cores, frame, error);
    return status;
}
