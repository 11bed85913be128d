#include "log/seal_names.h"

/* The kind and then the bytes of a name from `depth` on, as one number that sorts as they do: no name contains a
 * zero byte, but for key ids, which are all of one length. */
static uint64_t word_at(const tally_index *index, uint32_t number, uint32_t depth)
{
    const tally_index_key *key = &index->keys[number];
    const char *name = index->text + key->name;
    uint64_t word = depth == 0 ? key->kind : 0;
    uint32_t end = depth == 0 ? 7 : depth + 8;
    for (uint32_t i = depth; i < end; i++) word = word << 8 | (i < key->length ? (uint8_t)name[i] : 0);
    return word;
}

/* Sorts names that are equal before `depth` by the next bytes; marks those that are equal to the one before still. */
static void sort_equals(const tally_index *index, tally_sorted *items, tally_sorted *scratch, uint32_t count,
                        uint32_t depth)
{
    for (uint32_t i = 0; i < count; i++) items[i].key = word_at(index, items[i].value, depth);
    tally_sort(items, scratch, count);
    items[0].mark = 0;
    for (uint32_t i = 1; i < count; i++) items[i].mark = items[i].key == items[i - 1].key;
}

uint32_t tally_seal_sort_names(const tally_index *index, tally_sorted *items, tally_sorted *scratch)
{
    uint32_t count = 0;
    bool equals = true;
    for (uint32_t i = 0; i < index->key_count; i++) {
        if (index->keys[i].count == 0) continue;
        items[count] = (tally_sorted){.value = i, .mark = count != 0};
        count++;
    }
    for (uint32_t depth = 0; equals && depth < TALLY_STREAM_MAX; depth = depth == 0 ? 7 : depth + 8) {
        equals = false;
        for (uint32_t start = 0; start < count;) {
            uint32_t end = start + 1;
            while (end < count && items[end].mark != 0) end++;
            if (end - start > 1) {
                sort_equals(index, items + start, scratch, end - start, depth);
                equals = true;
            }
            start = end;
        }
    }
    return count;
}

tally_entry tally_seal_entry(const tally_index *index, const tally_index_key *key, uint64_t *units)
{
    tally_entry entry = {.first_version = key->first_version,
                         .count = key->count,
                         .first = key->first,
                         .last = key->last,
                         .form = TALLY_FORM_INLINE};
    if (key->count <= 2) return entry;
    /* A bitmap where it is smaller; a stream's version has to be found by its number. */
    bool dense = key->kind != TALLY_KEY_STREAM && (uint64_t)key->count * 32 > index->events;
    entry.form = dense ? TALLY_FORM_BITMAP : TALLY_FORM_ARRAY;
    entry.at = (uint32_t)*units;
    *units += dense ? ((uint64_t)index->events + 63) / 64 * 2 : key->count;
    return entry;
}
