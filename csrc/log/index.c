#include "log/index.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/index_body.h"

/* Holds the part of any frame that is indexed, a few hundred usual ones at a time. */
#define CHUNK_BYTES ((size_t)128 * 1024)
_Static_assert(CHUNK_BYTES > TALLY_FRAME_FIXED_BYTES + TALLY_BODY_MAX + 8, "a frame's head and body fit");

tally_status tally_index_new(const tally_platform *platform, uint64_t first_position, tally_index **index,
                             tally_error *error)
{
    int32_t os_error;
    tally_index *made = platform->allocate(platform->context, sizeof *made);
    *index = NULL;
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for an index");
    memset(made, 0, sizeof *made);
    made->platform = platform;
    made->first_position = first_position;
    atomic_init(&made->end, TALLY_SEGMENT_HEADER_BYTES);
    tally_status status = platform->mutex_init(platform->context, &made->mutex, &os_error);
    if (status != TALLY_OK) {
        platform->release(platform->context, made);
        return tally_fail_os(error, status, os_error, NULL, "the system refuses a lock for an index");
    }
    *index = made;
    return TALLY_OK;
}

static void release_hashed(const tally_platform *platform, tally_index_hashed *hashed)
{
    platform->release(platform->context, hashed->hashes);
    platform->release(platform->context, hashed->ordinals);
    platform->release(platform->context, hashed->slots);
}

void tally_index_free(tally_index *index)
{
    const tally_platform *platform = index->platform;
    platform->mutex_destroy(platform->context, &index->mutex);
    platform->release(platform->context, index->offsets);
    platform->release(platform->context, index->times);
    release_hashed(platform, &index->ids);
    release_hashed(platform, &index->digests);
    platform->release(platform->context, index->keys);
    platform->release(platform->context, index->slots);
    platform->release(platform->context, index->text);
    platform->release(platform->context, index->pool);
    platform->release(platform->context, index);
}

/* ------------------------------------------------------------------------------------- one event */

/* Finds and notes the prefixes of a new name that are keys themselves. */
static bool add_prefixes(tally_index *index, uint32_t number, uint32_t kind, tally_text name)
{
    uint32_t found[TALLY_KEY_PREFIXES_MAX];
    uint8_t count = 0;
    bool stream = kind == TALLY_KEY_STREAM;
    for (size_t i = 0; i < name.length && count < TALLY_KEY_PREFIXES_MAX; i++) {
        if (name.bytes[i] != '.' && !(stream && name.bytes[i] == '/')) continue;
        if (!tally_index_add_key(index, kind + 1, (tally_text){name.bytes, i + 1}, &found[count])) return false;
        count++;
    }
    if (!tally_index_grow(index->platform, &index->pool, &index->pool_capacity, sizeof *index->pool,
                          (uint64_t)index->pool_used + count)) {
        return false;
    }
    if (count != 0) memcpy(index->pool + index->pool_used, found, count * sizeof *found);
    index->keys[number].prefixes = index->pool_used;
    index->keys[number].prefix_count = count;
    index->pool_used += count;
    return true;
}

/* A stream or a type, and its prefixes. */
static bool add_name(tally_index *index, uint32_t kind, tally_text name, uint64_t version)
{
    uint32_t number;
    if (!tally_index_add_key(index, kind, name, &number)) return false;
    if (index->keys[number].prefix_count == TALLY_INDEX_PREFIXES_UNKNOWN && !add_prefixes(index, number, kind, name)) {
        return false;
    }
    if (index->keys[number].count == 0) index->keys[number].first_version = version;
    const tally_index_key *key = &index->keys[number];
    for (uint32_t i = 0; i < key->prefix_count; i++) {
        if (!tally_index_add_posting(index, index->pool[key->prefixes + i], index->events)) return false;
    }
    return tally_index_add_posting(index, number, index->events);
}

static bool add_tags(tally_index *index, const tally_body_view *body)
{
    uint32_t number;
    for (uint32_t i = 0; i < body->tag_count; i++) {
        if (!tally_index_add_key(index, TALLY_KEY_TAG, body->tags[i], &number)) return false;
        if (!tally_index_add_posting(index, number, index->events)) return false;
    }
    return true;
}

/* What fails here fails whole: `events` rises last. */
static bool add_event(tally_index *index, uint64_t offset, const tally_core *core, const tally_body_view *body)
{
    const tally_platform *platform = index->platform;
    uint64_t needed = (uint64_t)index->events + 1;
    bool fits =
        tally_index_grow(platform, &index->offsets, &index->offset_capacity, sizeof(uint32_t), needed) &&
        tally_index_grow(platform, &index->times, &index->time_capacity, sizeof(int64_t), needed / 64 + 1) &&
        add_name(index, TALLY_KEY_STREAM, body->stream, core->version) &&
        add_name(index, TALLY_KEY_TYPE, body->type, 0) && add_tags(index, body) &&
        tally_index_add_hashed(index, &index->ids, body->id, index->events) &&
        (body->idempotency == NULL || tally_index_add_hashed(index, &index->digests, body->idempotency, index->events));
    if (!fits) return false;
    index->offsets[index->events] = (uint32_t)(offset / 8);
    if (index->events % 64 == 0) index->times[index->events / 64] = core->time_us;
    index->last_time_us = core->time_us;
    if (core->version == 0) index->new_streams++;
    index->events++;
    return true;
}

/* -------------------------------------------------------------------------------------- catching up */

static tally_status read_event(tally_index *index, const tally_segment *segment, uint64_t offset, const uint8_t *bytes,
                               size_t available, size_t *length, tally_error *error)
{
    tally_error why;
    tally_frame frame;
    tally_core core;
    tally_body_view body;
    uint64_t position = index->first_position + index->events;
    tally_status status = tally_frame_decode(segment->seed, bytes, available, false, &frame, &why);
    if (status == TALLY_OK) status = tally_core_decode(frame.core, &core, &why);
    if (status == TALLY_OK) status = tally_body_decode(frame.body, frame.body_length, &body, &why);
    if (status == TALLY_OK && core.position != position) {
        status = tally_fail(&why, TALLY_E_DAMAGED, "it holds another event");
    }
    if (status != TALLY_OK) return tally_segment_damaged(segment, position, offset, &why, error);
    *length = frame.length;
    if (add_event(index, offset, &core, &body)) return TALLY_OK;
    return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the index of %s", segment->name);
}

/* One frame or mark at index->end, of which `bytes` holds at least what is indexed. */
static tally_status read_frame(tally_index *index, const tally_segment *segment, uint64_t end, const uint8_t *bytes,
                               tally_error *error)
{
    uint64_t offset = atomic_load_explicit(&index->end, memory_order_relaxed);
    size_t length = TALLY_MARK_BYTES;
    size_t left = end - offset > SIZE_MAX ? SIZE_MAX : (size_t)(end - offset);
    tally_status status = TALLY_OK;
    if (tally_frame_kind_at(bytes, left) == TALLY_FRAME_MARK) {
        tally_mark mark;
        tally_error why;
        if (tally_mark_decode(segment->seed, bytes, left, &mark, &why) != TALLY_OK) {
            return tally_segment_damaged(segment, TALLY_POSITION_NONE, offset, &why, error);
        }
        index->commits++;
    } else {
        status = read_event(index, segment, offset, bytes, left, &length, error);
    }
    if (status == TALLY_OK) atomic_store_explicit(&index->end, offset + length, memory_order_release);
    return status;
}

/* How much of what lies at `bytes` is looked at: a mark, or a frame without its data. */
static size_t wanted_bytes(const uint8_t *bytes, size_t available)
{
    if (available < TALLY_MARK_BYTES || tally_frame_kind_at(bytes, available) == TALLY_FRAME_MARK) {
        return TALLY_MARK_BYTES;
    }
    uint32_t body_length = tally_load_u32(bytes + 8);
    return TALLY_FRAME_FIXED_BYTES + tally_pad8(body_length > TALLY_BODY_MAX ? TALLY_BODY_MAX : body_length);
}

/* Indexes what lies in one chunk of the segment. */
static tally_status read_chunk(tally_index *index, const tally_segment *segment, uint64_t end, uint8_t *scratch,
                               tally_error *error)
{
    const uint8_t *bytes;
    uint64_t start = atomic_load_explicit(&index->end, memory_order_relaxed);
    size_t length = end - start < CHUNK_BYTES ? (size_t)(end - start) : CHUNK_BYTES;
    tally_status status = tally_segment_bytes(segment, start, length, scratch, &bytes, error);
    size_t at = 0;
    while (status == TALLY_OK && at < length) {
        size_t wanted = wanted_bytes(bytes + at, length - at);
        if (wanted > length - at && start + at + wanted <= end) break; /* the next chunk begins with it */
        status = read_frame(index, segment, end, bytes + at, error);
        at = (size_t)(atomic_load_explicit(&index->end, memory_order_relaxed) - start);
    }
    return status;
}

tally_status tally_index_go_on(tally_index *index, const tally_segment *segment, uint64_t most, bool *whole,
                               tally_error *error)
{
    const tally_platform *platform = index->platform;
    uint64_t end = tally_segment_end(segment);
    uint64_t start = atomic_load_explicit(&index->end, memory_order_acquire);
    *whole = start >= end;
    if (*whole) return TALLY_OK;
    uint64_t stop = end - start > most ? start + most : end;
    uint8_t *scratch = NULL;
    if (segment->map == NULL) {
        /* Another thread may be faster, but what is left does not grow. */
        scratch =
            platform->allocate(platform->context, end - start < CHUNK_BYTES ? (size_t)(end - start) : CHUNK_BYTES);
        if (scratch == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to index %s with", segment->name);
    }
    tally_status status = TALLY_OK;
    tally_index_lock(index);
    memcpy(index->salt, segment->header.salt, sizeof index->salt);
    while (status == TALLY_OK && atomic_load_explicit(&index->end, memory_order_relaxed) < stop) {
        status = read_chunk(index, segment, end, scratch, error);
    }
    *whole = atomic_load_explicit(&index->end, memory_order_relaxed) >= end;
    tally_index_unlock(index);
    platform->release(platform->context, scratch);
    return status;
}

tally_status tally_index_catch_up(tally_index *index, const tally_segment *segment, tally_error *error)
{
    bool whole;
    return tally_index_go_on(index, segment, UINT64_MAX, &whole, error);
}

static size_t hashed_bytes(const tally_index_hashed *hashed)
{
    size_t slots = hashed->mask == 0 ? 0 : (size_t)hashed->mask + 1;
    return ((size_t)hashed->capacity * 2 + slots) * sizeof(uint32_t);
}

size_t tally_index_bytes(tally_index *index)
{
    tally_index_lock(index);
    size_t slots = index->mask == 0 ? 0 : (size_t)index->mask + 1;
    size_t bytes = sizeof *index + hashed_bytes(&index->ids) + hashed_bytes(&index->digests) +
                   (size_t)index->key_capacity * sizeof(tally_index_key) + index->text_capacity +
                   (size_t)index->time_capacity * sizeof(int64_t) +
                   ((size_t)index->offset_capacity + index->pool_capacity + slots) * sizeof(uint32_t);
    tally_index_unlock(index);
    return bytes;
}
