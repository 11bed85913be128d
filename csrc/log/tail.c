#include "log/tail.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "log/buffer.h"

#define SPARES_MAX 4u

tally_status tally_tail_init(tally_tail *tail, const tally_platform *platform, tally_error *error)
{
    int32_t os_error = 0;
    memset(tail, 0, sizeof *tail);
    tail->platform = platform;
    tally_status status = platform->mutex_init(platform->context, &tail->mutex, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return tally_fail_os(error, status, os_error, NULL, "the system refused a lock for the store's write buffer");
}

static void release_list(tally_tail *tail, tally_chunk *chunk)
{
    while (chunk != NULL) {
        tally_chunk *next = chunk->next;
        tail->platform->release(tail->platform->context, chunk);
        chunk = next;
    }
}

void tally_tail_destroy(tally_tail *tail)
{
    release_list(tail, tail->first);
    release_list(tail, tail->spare);
    tail->platform->mutex_destroy(tail->platform->context, &tail->mutex);
}

static void lock(tally_tail *tail) { tail->platform->mutex_lock(tail->platform->context, &tail->mutex); }
static void unlock(tally_tail *tail) { tail->platform->mutex_unlock(tail->platform->context, &tail->mutex); }

static tally_chunk *take_chunk(tally_tail *tail, size_t length)
{
    tally_chunk *chunk = tail->spare;
    if (length <= TALLY_CHUNK_BYTES && chunk != NULL) {
        tail->spare = chunk->next;
        tail->spare_count--;
        return chunk;
    }
    size_t capacity = length < TALLY_CHUNK_BYTES ? TALLY_CHUNK_BYTES : length;
    if (capacity > PTRDIFF_MAX - sizeof *chunk) return NULL;
    chunk = tail->platform->allocate(tail->platform->context, sizeof *chunk + capacity);
    if (chunk == NULL) return NULL;
    chunk->capacity = capacity;
    tail->bytes += sizeof *chunk + capacity;
    return chunk;
}

/* Usual ones are kept for the next time; large ones were made for one large commit. */
static void give_chunk(tally_tail *tail, tally_chunk *chunk)
{
    if (chunk->capacity == TALLY_CHUNK_BYTES && tail->spare_count < SPARES_MAX) {
        chunk->next = tail->spare;
        tail->spare = chunk;
        tail->spare_count++;
        return;
    }
    tail->bytes -= sizeof *chunk + chunk->capacity;
    tail->platform->release(tail->platform->context, chunk);
}

tally_status tally_tail_reserve(tally_tail *tail, uint64_t offset, size_t length, tally_error *error)
{
    tally_chunk *last = tail->last;
    if (last != NULL && last->capacity - last->used >= length) return TALLY_OK;
    tally_chunk *chunk = take_chunk(tail, length);
    if (chunk == NULL) {
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for %zu bytes of frames; nothing was appended", length);
    }
    chunk->next = NULL;
    chunk->offset = offset;
    chunk->used = 0;
    chunk->written = 0;
    chunk->first_position = TALLY_POSITION_NONE;
    chunk->end_position = 0;
    chunk->frames_at = 0;
    lock(tail);
    if (last == NULL) tail->first = chunk;
    else last->next = chunk;
    tail->last = chunk;
    unlock(tail);
    return TALLY_OK;
}

static bool is_done(const tally_tail *tail, const tally_chunk *chunk)
{
    if (chunk->written < chunk->used) return false;
    return chunk != tail->last || chunk->used == chunk->capacity;
}

void tally_tail_recycle(tally_tail *tail)
{
    while (tail->first != NULL && is_done(tail, tail->first)) {
        tally_chunk *chunk = tail->first;
        lock(tail);
        tail->first = chunk->next;
        if (tail->first == NULL) tail->last = NULL;
        unlock(tail);
        give_chunk(tail, chunk);
    }
}

void tally_tail_move(tally_tail *tail, uint64_t number)
{
    lock(tail);
    tally_chunk *chunk = tail->first;
    tail->first = NULL;
    tail->last = NULL;
    tail->number = number;
    unlock(tail);
    while (chunk != NULL) {
        tally_chunk *next = chunk->next;
        give_chunk(tail, chunk);
        chunk = next;
    }
}

/* The bytes of a chunk that lie in [offset, end), to their place in `to`, which begins at `offset`. The caller
 * asks for what was published, which is below `used`; a chunk's extent ends where the next one begins. */
static void copy_part(const tally_chunk *chunk, uint64_t offset, uint64_t end, uint8_t *to)
{
    uint64_t chunk_end = chunk->next != NULL ? chunk->next->offset : chunk->offset + chunk->capacity;
    uint64_t from = chunk->offset > offset ? chunk->offset : offset;
    uint64_t until = chunk_end < end ? chunk_end : end;
    if (from < until) memcpy(to + (from - offset), chunk->bytes + (from - chunk->offset), (size_t)(until - from));
}

size_t tally_tail_copy(tally_tail *tail, uint64_t number, uint64_t offset, void *to, size_t length)
{
    uint64_t end = offset + length;
    size_t copied = 0;
    lock(tail);
    const tally_chunk *first = tail->number == number ? tail->first : NULL;
    if (first != NULL && end > first->offset) {
        copied = first->offset > offset ? (size_t)(end - first->offset) : length;
        for (const tally_chunk *chunk = first; chunk != NULL; chunk = chunk->next) copy_part(chunk, offset, end, to);
    }
    unlock(tail);
    return copied;
}
