/* What an index answers. Each answer takes the lock for a moment. */
#include <string.h>

#include "base/compiler.h"
#include "log/hash.h"
#include "log/index_body.h"

uint32_t tally_index_events(tally_index *index)
{
    tally_index_lock(index);
    uint32_t events = index->events;
    tally_index_unlock(index);
    return events;
}

enum tally_answer tally_index_place(tally_index *index, uint32_t ordinal, uint64_t *offset, uint64_t *limit)
{
    tally_index_lock(index);
    bool known = ordinal < index->events;
    if (known) {
        *offset = (uint64_t)index->offsets[ordinal] * 8;
        *limit = ordinal + 1 < index->events ? (uint64_t)index->offsets[ordinal + 1] * 8
                                             : atomic_load_explicit(&index->end, memory_order_relaxed);
    }
    tally_index_unlock(index);
    return known ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

enum tally_answer tally_index_time(tally_index *index, uint32_t ordinal, int64_t *time_us)
{
    tally_index_lock(index);
    bool known = ordinal < index->events;
    if (known) *time_us = index->times[ordinal / 64];
    tally_index_unlock(index);
    return known ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

static void describe(const tally_index_key *key, uint32_t number, tally_entry *entry)
{
    *entry = (tally_entry){.first_version = key->first_version,
                           .count = key->count,
                           .first = key->first,
                           .last = key->last,
                           .at = number,
                           .form = TALLY_FORM_MEMORY};
}

enum tally_answer tally_index_find(tally_index *index, const tally_key *key, tally_entry *entry)
{
    tally_index_lock(index);
    uint32_t number = tally_index_key_number(index, key->kind, key->name);
    bool known = number != 0 && index->keys[number - 1].count != 0;
    if (known) describe(&index->keys[number - 1], number - 1, entry);
    tally_index_unlock(index);
    return known ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

/* ---------------------------------------------------------------------------------------- postings */

/* The number of postings below `ordinal`. */
static uint32_t count_below(const uint32_t *postings, uint32_t count, uint32_t ordinal)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        if (postings[middle] < ordinal) low = middle + 1;
        else count = middle;
    }
    return low;
}

enum tally_answer tally_index_next(tally_index *index, uint32_t key, uint32_t from, uint32_t *ordinal)
{
    uint32_t both[2];
    tally_index_lock(index);
    uint32_t count = index->keys[key].count;
    const uint32_t *postings = tally_index_postings(index, &index->keys[key], both);
    uint32_t at = count_below(postings, count, from);
    if (at < count) *ordinal = postings[at];
    tally_index_unlock(index);
    return at < count ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

enum tally_answer tally_index_before(tally_index *index, uint32_t key, uint32_t before, uint32_t *ordinal)
{
    uint32_t both[2];
    tally_index_lock(index);
    const uint32_t *postings = tally_index_postings(index, &index->keys[key], both);
    uint32_t at = count_below(postings, index->keys[key].count, before);
    if (at > 0) *ordinal = postings[at - 1];
    tally_index_unlock(index);
    return at > 0 ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

void tally_index_fill(tally_index *index, uint32_t key, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    uint32_t both[2];
    tally_index_lock(index);
    uint32_t count = index->keys[key].count;
    const uint32_t *postings = tally_index_postings(index, &index->keys[key], both);
    for (uint32_t at = count_below(postings, count, base); at < count; at++) {
        uint32_t bit = postings[at] - base;
        if (bit >= TALLY_BLOCK_EVENTS) break;
        bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    tally_index_unlock(index);
}

uint32_t tally_index_count(tally_index *index, uint32_t key, uint32_t before)
{
    uint32_t both[2];
    tally_index_lock(index);
    const uint32_t *postings = tally_index_postings(index, &index->keys[key], both);
    uint32_t count = count_below(postings, index->keys[key].count, before);
    tally_index_unlock(index);
    return count;
}

enum tally_answer tally_index_at(tally_index *index, uint32_t key, uint32_t number, uint32_t *ordinal)
{
    uint32_t both[2];
    tally_index_lock(index);
    bool known = number < index->keys[key].count;
    if (known) *ordinal = tally_index_postings(index, &index->keys[key], both)[number];
    tally_index_unlock(index);
    return known ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

/* ------------------------------------------------------------------------------------------ hashes */

enum tally_answer tally_index_candidate(tally_index *index, bool idempotency, const uint8_t value[16], uint32_t before,
                                        uint32_t *ordinal)
{
    bool known = false;
    *ordinal = 0;
    tally_index_lock(index);
    const tally_index_hashed *hashed = idempotency ? &index->digests : &index->ids;
    if (hashed->mask != 0) {
        uint32_t hash = tally_hash_value(index->salt, value);
        for (uint32_t slot = hash & hashed->mask; hashed->slots[slot] != 0; slot = (slot + 1) & hashed->mask) {
            uint32_t number = hashed->slots[slot] - 1;
            uint32_t found = hashed->ordinals[number];
            if (hashed->hashes[number] != hash || found >= before || (known && found < *ordinal)) continue;
            *ordinal = found;
            known = true;
        }
    }
    tally_index_unlock(index);
    return known ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

/* ------------------------------------------------------------------------------------------- lists */

static tally_text name_of(const tally_index *index, uint32_t number)
{
    return (tally_text){index->text + index->keys[number].name, index->keys[number].length};
}

/* Puts a number where its name belongs among those found so far, if it belongs there. */
static void insert(const tally_index *index, uint32_t number, uint32_t *numbers, uint32_t *count, uint32_t max)
{
    tally_text name = name_of(index, number);
    uint32_t low = 0;
    uint32_t high = *count;
    if (*count == max && tally_text_compare(name, name_of(index, numbers[max - 1])) > 0) return;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tally_text_compare(name_of(index, numbers[middle]), name) < 0) low = middle + 1;
        else high = middle;
    }
    if (*count < max) ++*count;
    memmove(numbers + low + 1, numbers + low, (*count - low - 1) * sizeof *numbers);
    numbers[low] = number;
}

/* Looks at every name: the index of an unsealed segment is small, and not sorted while it grows. */
uint32_t tally_index_list(tally_index *index, uint32_t kind, tally_text prefix, tally_text after, uint32_t *numbers,
                          uint32_t max)
{
    uint32_t count = 0;
    tally_index_lock(index);
    for (uint32_t i = 0; i < index->key_count; i++) {
        tally_text name = name_of(index, i);
        if (index->keys[i].kind != kind || index->keys[i].count == 0 || !tally_text_begins(name, prefix)) continue;
        if (tally_text_compare(name, after) > 0) insert(index, i, numbers, &count, max);
    }
    tally_index_unlock(index);
    return count;
}

void tally_index_describe(tally_index *index, uint32_t number, char *name, size_t *length, tally_entry *entry)
{
    tally_index_lock(index);
    const tally_index_key *key = &index->keys[number];
    memcpy(name, index->text + key->name, key->length);
    *length = key->length;
    describe(key, number, entry);
    tally_index_unlock(index);
}
