#include "log/heads.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/error.h"

#define CAPACITY_FIRST 256u
/* From this size on (4 MiB) it is tried to drop before growing. */
#define CAPACITY_EVICT 65536u

void tally_heads_init(tally_heads *heads, const tally_platform *platform,
                      const uint8_t secret[TALLY_HEADS_SECRET_BYTES], uint64_t complete_from)
{
    memset(heads, 0, sizeof *heads);
    heads->platform = platform;
    memcpy(heads->secret, secret, TALLY_HEADS_SECRET_BYTES);
    heads->complete_from = complete_from;
}

void tally_heads_destroy(tally_heads *heads)
{
    heads->platform->release(heads->platform->context, heads->memory);
    sodium_memzero(heads->secret, sizeof heads->secret);
    heads->memory = NULL;
    heads->places = NULL;
    heads->capacity = 0;
    heads->used = 0;
}

tally_stream_key tally_heads_key(const tally_heads *heads, tally_text stream)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    (void)crypto_shorthash_siphashx24(hash, (const unsigned char *)stream.bytes, stream.length, heads->secret);
    tally_stream_key key = {tally_load_u64(hash), tally_load_u64(hash + 8)};
    if (key.low == 0) key.low = 1;
    return key;
}

static bool is_free(const tally_stream_end *place) { return place->key.low == 0; }

/* The place of a key, or the free one where it belongs. */
static tally_stream_end *place_of(tally_stream_end *places, size_t capacity, tally_stream_key key)
{
    size_t at = (size_t)key.high & (capacity - 1);
    while (!is_free(&places[at]) && (places[at].key.low != key.low || places[at].key.high != key.high)) {
        at = (at + 1) & (capacity - 1);
    }
    return &places[at];
}

tally_stream_end *tally_heads_find(const tally_heads *heads, tally_stream_key key)
{
    if (heads->capacity == 0) return NULL;
    tally_stream_end *place = place_of(heads->places, heads->capacity, key);
    return is_free(place) ? NULL : place;
}

tally_stream_end *tally_heads_insert(tally_heads *heads, tally_stream_key key)
{
    tally_stream_end *place = place_of(heads->places, heads->capacity, key);
    *place = (tally_stream_end){.key = key, .last_position = TALLY_POSITION_NONE};
    heads->used++;
    return place;
}

static bool may_go(const tally_heads *heads, const tally_stream_end *place)
{
    return place->last_position == TALLY_POSITION_NONE || place->last_position < heads->complete_from;
}

static size_t count_kept(const tally_heads *heads)
{
    size_t kept = 0;
    for (size_t i = 0; i < heads->capacity; i++) {
        if (!is_free(&heads->places[i]) && !may_go(heads, &heads->places[i])) kept++;
    }
    return kept;
}

static tally_status rebuild(tally_heads *heads, size_t capacity, bool evict, tally_error *error)
{
    size_t bytes = 0;
    void *memory = NULL;
    if (capacity <= SIZE_MAX / sizeof(tally_stream_end) - 1) {
        bytes = (capacity + 1) * sizeof(tally_stream_end); /* one more to begin at a cache line */
        memory = heads->platform->allocate(heads->platform->context, bytes);
    }
    if (memory == NULL) {
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the ends of %zu streams; nothing was appended",
                          capacity);
    }
    uintptr_t aligned = ((uintptr_t)memory + sizeof(tally_stream_end) - 1) & ~(uintptr_t)(sizeof(tally_stream_end) - 1);
    tally_stream_end *places = (tally_stream_end *)aligned;
    memset(places, 0, capacity * sizeof *places);
    size_t used = 0;
    for (size_t i = 0; i < heads->capacity; i++) {
        const tally_stream_end *place = &heads->places[i];
        if (is_free(place) || (evict && may_go(heads, place))) continue;
        *place_of(places, capacity, place->key) = *place;
        used++;
    }
    heads->platform->release(heads->platform->context, heads->memory);
    if (evict && used != heads->used) heads->evictions++;
    heads->memory = memory;
    heads->places = places;
    heads->capacity = capacity;
    heads->used = used;
    atomic_store_explicit(&heads->hint, places, memory_order_relaxed);
    atomic_store_explicit(&heads->hint_mask, capacity - 1, memory_order_relaxed);
    return TALLY_OK;
}

static size_t room(size_t capacity) { return capacity / 3 * 2; }

tally_status tally_heads_reserve(tally_heads *heads, size_t more, tally_error *error)
{
    if (heads->used + more <= room(heads->capacity)) return TALLY_OK;
    bool evict = false;
    size_t needed = heads->used + more;
    if (heads->capacity >= CAPACITY_EVICT) {
        size_t kept = count_kept(heads) + more;
        /* Only when it is worth the walk: else growing follows at once. */
        evict = kept <= room(heads->capacity) / 2;
        if (evict) needed = kept;
    }
    size_t capacity = heads->capacity != 0 ? heads->capacity : CAPACITY_FIRST;
    while (room(capacity) < needed) capacity *= 2;
    return rebuild(heads, capacity, evict, error);
}
