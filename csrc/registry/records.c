#include "registry/records.h"

#include <string.h>

void *tally_body_allocate(tally_body *body, size_t size_bytes)
{
    void *memory = body->platform->allocate(body->platform->context, size_bytes);
    if (memory != NULL) body->memory_bytes += size_bytes;
    return memory;
}

void tally_body_release(tally_body *body, void *memory, size_t size_bytes)
{
    if (memory == NULL) return;
    body->memory_bytes -= size_bytes;
    body->platform->release(body->platform->context, memory);
}

/* ---------------------------------------------------------------------------------------- id map */

/* Ids are consecutive numbers; a multiplication spreads them over the table's high bits. */
static uint32_t home_of(uint64_t id, uint32_t map_size)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15ull) >> 32) & (map_size - 1);
}

static uint32_t place_of(const tally_body *body, uint64_t id)
{
    uint32_t at = home_of(id, body->map_size);
    while (body->map[at] != 0 && tally_record_at(body->chunks, body->map[at] - 1)->id != id) {
        at = (at + 1) & (body->map_size - 1);
    }
    return at;
}

uint32_t tally_records_find(const tally_body *body, uint64_t id)
{
    if (body->map_size == 0) return RECORD_NONE;
    uint32_t at = place_of(body, id);
    return body->map[at] == 0 ? RECORD_NONE : body->map[at] - 1;
}

/* Closes the gap, so that no search ends too early: there are no tombstones. */
static void map_remove(tally_body *body, uint64_t id)
{
    uint32_t mask = body->map_size - 1;
    uint32_t gap = place_of(body, id);
    for (uint32_t at = (gap + 1) & mask; body->map[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(tally_record_at(body->chunks, body->map[at] - 1)->id, body->map_size);
        if (((at - home) & mask) < ((at - gap) & mask)) continue; /* it would move before its home */
        body->map[gap] = body->map[at];
        gap = at;
    }
    body->map[gap] = 0;
}

/* At most three quarters full. */
static tally_status reserve_map(tally_body *body, uint64_t needed)
{
    uint64_t size = body->map_size == 0 ? 8 : body->map_size;
    while (needed * 4 > size * 3) size *= 2;
    if (size == body->map_size) return TALLY_OK;
    uint32_t *bigger = tally_body_allocate(body, (size_t)size * sizeof *bigger);
    if (bigger == NULL) return TALLY_E_NO_MEMORY;
    memset(bigger, 0, (size_t)size * sizeof *bigger);
    uint32_t *old = body->map;
    uint32_t old_size = body->map_size;
    body->map = bigger;
    body->map_size = (uint32_t)size;
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i] != 0) bigger[place_of(body, tally_record_at(body->chunks, old[i] - 1)->id)] = old[i];
    }
    tally_body_release(body, old, old_size * sizeof *old);
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- records */

/* The array of chunks is read by threads in notify, so an outgrown one is kept; since it doubles, all
 * of them together are smaller than the present one. */
static tally_status grow_chunk_array(tally_body *body)
{
    uint32_t count = body->chunk_count;
    if (count != 0 && (count & (count - 1)) != 0) return TALLY_OK;
    size_t bytes = sizeof(tally_outgrown) + (count == 0 ? 1 : 2 * (size_t)count) * sizeof(tally_record *);
    tally_outgrown *block = tally_body_allocate(body, bytes);
    if (block == NULL) return TALLY_E_NO_MEMORY;
    tally_record **bigger = (tally_record **)(block + 1);
    if (count != 0) memcpy(bigger, body->chunks, count * sizeof *bigger);
    block->next = body->outgrown;
    block->size_bytes = bytes;
    body->outgrown = block;
    body->chunks = bigger;
    return TALLY_OK;
}

/* Indexes end before RECORD_NONE, so the last chunk of all is one record short. */
static uint32_t room_for_records(const tally_body *body)
{
    uint32_t all = body->chunk_count * RECORDS_PER_CHUNK;
    return all < RECORD_NONE ? all : RECORD_NONE;
}

static tally_status reserve_records(tally_body *body, uint32_t more)
{
    uint32_t room = room_for_records(body);
    uint32_t spare = room - body->records_used;
    for (uint32_t free = body->free_record; free != RECORD_NONE && spare < more; spare++) {
        free = tally_record_at(body->chunks, free)->link;
    }
    while (spare < more) {
        /* Removed handlers that still run keep their records, so indexes can end before handlers do. */
        if (room == RECORD_NONE) return TALLY_E_NO_MEMORY;
        tally_status status = grow_chunk_array(body);
        if (status != TALLY_OK) return status;
        tally_record *chunk = tally_body_allocate(body, RECORDS_PER_CHUNK * sizeof *chunk);
        if (chunk == NULL) return TALLY_E_NO_MEMORY;
        memset(chunk, 0, RECORDS_PER_CHUNK * sizeof *chunk);
        body->chunks[body->chunk_count++] = chunk;
        spare += room_for_records(body) - room;
        room = room_for_records(body);
    }
    return TALLY_OK;
}

tally_status tally_records_reserve(tally_body *body, uint32_t more)
{
    tally_status status = reserve_records(body, more);
    return status != TALLY_OK ? status : reserve_map(body, (uint64_t)body->live + more);
}

uint32_t tally_records_take(tally_body *body, uint64_t id, int32_t priority, tally_extra *extra)
{
    uint32_t index = body->free_record;
    if (index != RECORD_NONE) body->free_record = tally_record_at(body->chunks, index)->link;
    else index = body->records_used++;
    tally_record *record = tally_record_at(body->chunks, index);
    record->id = id;
    record->state = RECORD_LIVE;
    record->link = RECORD_NONE;
    record->at.died = 0;
    record->at.priority = priority;
    atomic_store_explicit(&record->failed, 0, memory_order_relaxed);
    atomic_store_explicit(&record->extra, extra, memory_order_release);
    body->map[place_of(body, id)] = index + 1;
    body->live++;
    if (extra != NULL) {
        if (extra->flags & TALLY_HANDLER_ONCE) body->once_count++;
        if (extra->flags & TALLY_HANDLER_MAY_BLOCK) body->blocking_count++;
        if (extra->exact_count + extra->pattern_count != 0) body->filter_count++;
    }
    return index;
}

bool tally_records_remove(tally_body *body, uint32_t index, uint64_t died)
{
    tally_record *record = tally_record_at(body->chunks, index);
    tally_extra *extra = tally_record_extra(record);
    bool was_registered = true;
    map_remove(body, record->id);
    record->state = RECORD_REMOVED;
    record->at.died = died;
    record->link = body->removed & RECORD_NONE;
    body->removed = index;
    body->live--;
    if (extra != NULL) {
        if (extra->flags & TALLY_HANDLER_ONCE) {
            body->once_count--;
            was_registered = atomic_exchange(&extra->claimed, 1) == 0;
            if (!was_registered) atomic_fetch_sub(&body->claimed, 1);
        }
        if (extra->flags & TALLY_HANDLER_MAY_BLOCK) body->blocking_count--;
        if (extra->exact_count + extra->pattern_count != 0) body->filter_count--;
        if (extra->destructor != NULL) body->waiting = 1; /* also of handlers that a notify took off the list */
    }
    return was_registered;
}

void tally_records_free(tally_body *body, uint32_t index)
{
    tally_record *record = tally_record_at(body->chunks, index);
    atomic_store_explicit(&record->extra, NULL, memory_order_relaxed);
    record->id = 0;
    record->state = RECORD_FREE;
    record->link = body->free_record & RECORD_NONE;
    body->free_record = index;
}

void tally_records_destroy(tally_body *body)
{
    for (uint32_t i = 0; i < body->chunk_count; i++) {
        tally_body_release(body, body->chunks[i], RECORDS_PER_CHUNK * sizeof(tally_record));
    }
    while (body->outgrown != NULL) {
        tally_outgrown *block = body->outgrown;
        body->outgrown = block->next;
        tally_body_release(body, block, block->size_bytes);
    }
    tally_body_release(body, body->map, body->map_size * sizeof *body->map);
    body->chunks = NULL;
    body->map = NULL;
    body->chunk_count = 0;
    body->map_size = 0;
}

/* ------------------------------------------------------------------------------------------ extras */

/* Exact kinds first, then patterns; each kind once, so that no list names a handler twice. */
static void copy_kinds(tally_extra *extra, const tally_handler_options *options)
{
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t first = pass == 0 ? 0 : extra->exact_count;
        uint32_t kept = 0;
        for (size_t i = 0; i < options->kind_count; i++) {
            uint32_t kind = options->kinds[i];
            if (((kind & TALLY_KIND_PATTERN) != 0) != (pass == 1)) continue;
            uint32_t seen = 0;
            while (seen < kept && extra->kinds[first + seen] != kind) seen++;
            if (seen == kept) extra->kinds[first + kept++] = kind;
        }
        if (pass == 0) extra->exact_count = kept;
        else extra->pattern_count = kept;
    }
}

static bool make_stripes(tally_body *body, tally_extra *extra)
{
    size_t bytes = (STRIPES + 1) * sizeof(tally_stripe);
    extra->stripes_block = tally_body_allocate(body, bytes);
    if (extra->stripes_block == NULL) return false;
    memset(extra->stripes_block, 0, bytes);
    uintptr_t start = ((uintptr_t)extra->stripes_block + 63) & ~(uintptr_t)63;
    extra->stripes = (tally_stripe *)start;
    return true;
}

tally_extra *tally_extra_make(tally_body *body, const tally_handler_options *options, void *user_data)
{
    static const tally_handler_options plain = {.size = sizeof(tally_handler_options)};
    if (options == NULL) options = &plain;
    size_t kinds_bytes = options->kind_count * sizeof(uint32_t);
    size_t bytes = sizeof(tally_extra) + kinds_bytes + options->name_length + 1;
    tally_extra *extra = tally_body_allocate(body, bytes);
    if (extra == NULL) return NULL;
    memset(extra, 0, bytes);
    extra->size_bytes = bytes;
    extra->flags = options->flags;
    extra->max_failures = options->max_failures;
    extra->destructor = options->destructor;
    extra->user_data = user_data;
    extra->name_length = (uint32_t)options->name_length;
    char *name = (char *)extra + sizeof(tally_extra) + kinds_bytes;
    if (options->name_length != 0) memcpy(name, options->name, options->name_length);
    extra->name = name;
    copy_kinds(extra, options);
    if ((body->flags & TALLY_REGISTRY_COUNT) != 0 && !make_stripes(body, extra)) {
        tally_body_release(body, extra, bytes);
        return NULL;
    }
    return extra;
}

size_t tally_extra_bytes(const tally_extra *extra)
{
    size_t bytes = extra->size_bytes;
    if (extra->last_failure != NULL) bytes += sizeof(tally_last_failure);
    if (extra->stripes_block != NULL) bytes += (STRIPES + 1) * sizeof(tally_stripe);
    return bytes;
}

void tally_extra_free(tally_body *body, tally_extra *extra)
{
    if (extra == NULL) return;
    const tally_platform *platform = body->platform;
    body->memory_bytes -= tally_extra_bytes(extra);
    platform->release(platform->context, extra->last_failure);
    platform->release(platform->context, extra->stripes_block);
    platform->release(platform->context, extra);
}
