/* The inside of an index in memory: shared by its building, its answers, and sealing. */
#ifndef TALLY_LOG_INDEX_BODY_H
#define TALLY_LOG_INDEX_BODY_H

#include "log/index.h"

/* One name of one kind.
 *
 * invariant: the postings are `first` and `last` while count <= 2; all of them in the pool from then on */
typedef struct tally_index_key {
    uint64_t hash;
    uint64_t first_version;
    uint32_t name; /* in the text */
    uint16_t length;
    uint8_t kind;
    uint8_t prefix_count; /* of a stream or type: keys too, whose numbers are in the pool; see UNKNOWN */
    uint32_t prefixes;
    uint32_t count;
    uint32_t first;
    uint32_t last;
    uint32_t capacity;
    uint32_t postings;
} tally_index_key;

#define TALLY_INDEX_PREFIXES_UNKNOWN 255u /* memory ended before all were found */

/* Sixteen-byte values by their hashes: in the order of events, and as an open table of numbers plus one. */
typedef struct tally_index_hashed {
    uint32_t *hashes;
    uint32_t *ordinals;
    uint32_t *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t mask;     /* of slots; 0: no table */
    uint8_t least[16]; /* of the values */
    uint8_t most[16];
} tally_index_hashed;

/* invariant: `end` lies behind a whole commit or between two of its frames; everything before it is in all
 * members, except that names and hashes may know the event `events` already, when memory ended inside it. */
struct tally_index {
    const tally_platform *platform;
    tally_mutex mutex;
    uint64_t first_position;
    _Atomic(uint64_t) end; /* written under the mutex */
    uint8_t salt[16];
    uint32_t events;
    uint32_t commits;
    uint32_t new_streams;
    uint32_t offset_capacity;
    uint32_t time_capacity;
    uint32_t *offsets; /* in units of 8 */
    int64_t *times;    /* of every 64th */
    int64_t last_time_us;
    tally_index_hashed ids;
    tally_index_hashed digests;
    tally_index_key *keys;
    uint32_t key_count;
    uint32_t key_capacity;
    uint32_t *slots; /* key numbers plus one */
    uint32_t mask;   /* of slots; 0: no table */
    char *text;
    uint32_t text_used;
    uint32_t text_capacity;
    uint32_t *pool;
    uint32_t pool_used;
    uint32_t pool_capacity;
    uint32_t pool_free[32]; /* by the logarithm of the size: the first free piece plus one; it holds the next */
};

static inline void tally_index_lock(tally_index *index)
{
    index->platform->mutex_lock(index->platform->context, &index->mutex);
}
static inline void tally_index_unlock(tally_index *index)
{
    index->platform->mutex_unlock(index->platform->context, &index->mutex);
}

/* Makes room for `needed` members of `size` bytes; doubles. */
bool tally_index_grow(const tally_platform *platform, void *array, uint32_t *capacity, size_t size, uint64_t needed);

/* Under the mutex. Adding the same again changes nothing, so that an event can be tried again; false: no memory.
 * `number` is a key's. */
bool tally_index_add_key(tally_index *index, uint32_t kind, tally_text name, uint32_t *number);
bool tally_index_add_posting(tally_index *index, uint32_t number, uint32_t ordinal);
bool tally_index_add_hashed(tally_index *index, tally_index_hashed *hashed, const uint8_t value[16], uint32_t ordinal);
/* The key's number plus one, or 0. */
uint32_t tally_index_key_number(const tally_index *index, uint32_t kind, tally_text name);
/* The postings; valid until the next change. */
const uint32_t *tally_index_postings(const tally_index *index, const tally_index_key *key, uint32_t both[2]);

#endif
