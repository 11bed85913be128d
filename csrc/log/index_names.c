/* The tables of an index: names with their postings, and hashes. */
#include "log/hash.h"
#include "log/index_body.h"

#define POOL_FIRST 4u

bool tally_index_grow(const tally_platform *platform, void *array, uint32_t *capacity, size_t size, uint64_t needed)
{
    void **pointer = array;
    if (needed <= *capacity) return true;
    uint64_t wanted = *capacity < 16 ? 16 : *capacity + (uint64_t)*capacity / 2;
    if (wanted < needed) wanted = needed;
    if (wanted > UINT32_MAX || wanted > SIZE_MAX / size) return false;
    void *memory = *pointer == NULL ? platform->allocate(platform->context, (size_t)wanted * size)
                                    : platform->resize(platform->context, *pointer, (size_t)wanted * size);
    if (memory == NULL) return false;
    *pointer = memory;
    *capacity = (uint32_t)wanted;
    return true;
}

/* ------------------------------------------------------------------------------------------- names */

static bool is_key(const tally_index *index, uint32_t number, uint64_t hash, uint32_t kind, tally_text name)
{
    const tally_index_key *key = &index->keys[number];
    return key->hash == hash && key->kind == kind && key->length == name.length &&
           memcmp(index->text + key->name, name.bytes, name.length) == 0;
}

/* The slot that holds the key, or the empty one where it belongs. There is a table, and it has room. */
static uint32_t find_slot(const tally_index *index, uint64_t hash, uint32_t kind, tally_text name)
{
    uint32_t slot = (uint32_t)hash & index->mask;
    while (index->slots[slot] != 0 && !is_key(index, index->slots[slot] - 1, hash, kind, name)) {
        slot = (slot + 1) & index->mask;
    }
    return slot;
}

uint32_t tally_index_key_number(const tally_index *index, uint32_t kind, tally_text name)
{
    if (index->mask == 0) return 0;
    return index->slots[find_slot(index, tally_hash_name(index->salt, kind, name.bytes, name.length), kind, name)];
}

/* A table of twice the size, so that at most half of it is used; NULL without memory. */
static uint32_t *larger_table(const tally_platform *platform, uint32_t *mask)
{
    uint64_t slots = *mask == 0 ? 64 : ((uint64_t)*mask + 1) * 2;
    if (slots > UINT32_MAX || slots > SIZE_MAX / sizeof(uint32_t)) return NULL;
    uint32_t *table = platform->allocate(platform->context, (size_t)slots * sizeof *table);
    if (table == NULL) return NULL;
    memset(table, 0, (size_t)slots * sizeof *table);
    *mask = (uint32_t)slots - 1;
    return table;
}

static bool reserve_slot(tally_index *index)
{
    if (index->mask != 0 && index->key_count < index->mask / 2) return true;
    uint32_t mask = index->mask;
    uint32_t *table = larger_table(index->platform, &mask);
    if (table == NULL) return false;
    for (uint32_t i = 0; i < index->key_count; i++) {
        uint32_t slot = (uint32_t)index->keys[i].hash & mask;
        while (table[slot] != 0) slot = (slot + 1) & mask;
        table[slot] = i + 1;
    }
    index->platform->release(index->platform->context, index->slots);
    index->slots = table;
    index->mask = mask;
    return true;
}

bool tally_index_add_key(tally_index *index, uint32_t kind, tally_text name, uint32_t *number)
{
    uint64_t hash = tally_hash_name(index->salt, kind, name.bytes, name.length);
    if (!reserve_slot(index)) return false;
    uint32_t slot = find_slot(index, hash, kind, name);
    if (index->slots[slot] != 0) {
        *number = index->slots[slot] - 1;
        return true;
    }
    const tally_platform *platform = index->platform;
    if (!tally_index_grow(platform, &index->keys, &index->key_capacity, sizeof *index->keys,
                          (uint64_t)index->key_count + 1) ||
        !tally_index_grow(platform, &index->text, &index->text_capacity, 1, index->text_used + name.length)) {
        return false;
    }
    index->keys[index->key_count] = (tally_index_key){.hash = hash,
                                                      .name = index->text_used,
                                                      .length = (uint16_t)name.length,
                                                      .kind = (uint8_t)kind,
                                                      .prefix_count = TALLY_INDEX_PREFIXES_UNKNOWN};
    memcpy(index->text + index->text_used, name.bytes, name.length);
    index->text_used += (uint32_t)name.length;
    *number = index->key_count++;
    index->slots[slot] = *number + 1;
    return true;
}

/* ---------------------------------------------------------------------------------------- postings */

static uint32_t size_class(uint32_t capacity)
{
    uint32_t class = 0;
    while ((POOL_FIRST << class) < capacity) class ++;
    return class;
}

/* A piece of the pool for twice as many postings; the old piece is used again by others. */
static bool grow_postings(tally_index *index, tally_index_key *key)
{
    uint32_t capacity = key->capacity == 0 ? POOL_FIRST : key->capacity * 2;
    uint32_t class = size_class(capacity);
    uint32_t at = index->pool_free[class];
    if (at != 0) {
        at--;
        index->pool_free[class] = index->pool[at];
    } else {
        if (capacity < key->capacity || !tally_index_grow(index->platform, &index->pool, &index->pool_capacity,
                                                          sizeof *index->pool, (uint64_t)index->pool_used + capacity)) {
            return false;
        }
        at = index->pool_used;
        index->pool_used += capacity;
    }
    if (key->capacity == 0) {
        index->pool[at] = key->first;
        index->pool[at + 1] = key->last;
    } else {
        memcpy(index->pool + at, index->pool + key->postings, (size_t)key->count * sizeof *index->pool);
        uint32_t old = size_class(key->capacity);
        index->pool[key->postings] = index->pool_free[old];
        index->pool_free[old] = key->postings + 1;
    }
    key->postings = at;
    key->capacity = capacity;
    return true;
}

bool tally_index_add_posting(tally_index *index, uint32_t number, uint32_t ordinal)
{
    tally_index_key *key = &index->keys[number];
    if (key->count != 0 && key->last == ordinal) return true;
    if (key->count >= 2) {
        if (key->count >= key->capacity && !grow_postings(index, key)) return false;
        index->pool[key->postings + key->count] = ordinal;
    }
    if (key->count == 0) key->first = ordinal;
    key->last = ordinal;
    key->count++;
    return true;
}

const uint32_t *tally_index_postings(const tally_index *index, const tally_index_key *key, uint32_t both[2])
{
    if (key->count > 2) return index->pool + key->postings;
    both[0] = key->first;
    both[1] = key->last;
    return both;
}

/* ------------------------------------------------------------------------------------------ hashes */

static bool reserve_hashed(tally_index *index, tally_index_hashed *hashed)
{
    uint32_t capacity = hashed->capacity;
    uint64_t needed = (uint64_t)hashed->count + 1;
    if (!tally_index_grow(index->platform, &hashed->hashes, &capacity, sizeof(uint32_t), needed)) return false;
    if (capacity != hashed->capacity) {
        uint32_t second = hashed->capacity;
        if (!tally_index_grow(index->platform, &hashed->ordinals, &second, sizeof(uint32_t), capacity)) return false;
        hashed->capacity = capacity;
    }
    if (hashed->mask != 0 && hashed->count < hashed->mask / 2) return true;
    uint32_t mask = hashed->mask;
    uint32_t *table = larger_table(index->platform, &mask);
    if (table == NULL) return false;
    for (uint32_t i = 0; i < hashed->count; i++) {
        uint32_t slot = hashed->hashes[i] & mask;
        while (table[slot] != 0) slot = (slot + 1) & mask;
        table[slot] = i + 1;
    }
    index->platform->release(index->platform->context, hashed->slots);
    hashed->slots = table;
    hashed->mask = mask;
    return true;
}

bool tally_index_add_hashed(tally_index *index, tally_index_hashed *hashed, const uint8_t value[16], uint32_t ordinal)
{
    if (hashed->count != 0 && hashed->ordinals[hashed->count - 1] == ordinal) return true;
    if (!reserve_hashed(index, hashed)) return false;
    uint32_t hash = tally_hash_value(index->salt, value);
    uint32_t slot = hash & hashed->mask;
    while (hashed->slots[slot] != 0) slot = (slot + 1) & hashed->mask;
    if (hashed->count == 0 || memcmp(value, hashed->least, 16) < 0) memcpy(hashed->least, value, 16);
    if (hashed->count == 0 || memcmp(value, hashed->most, 16) > 0) memcpy(hashed->most, value, 16);
    hashed->hashes[hashed->count] = hash;
    hashed->ordinals[hashed->count] = ordinal;
    hashed->slots[slot] = ++hashed->count;
    return true;
}
