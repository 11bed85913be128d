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

void tally_name_sort_begin(tally_name_sort *sort, const tally_index *index, tally_sorted *items, tally_sorted *scratch)
{
    *sort = (tally_name_sort){.index = index, .items = items, .scratch = scratch};
}

static size_t collect(tally_name_sort *sort, size_t most)
{
    size_t done = 0;
    for (; done < most && sort->taken < sort->index->key_count; done++, sort->taken++) {
        if (sort->index->keys[sort->taken].count == 0) continue;
        sort->items[sort->count] = (tally_sorted){.value = sort->taken, .mark = sort->count != 0};
        sort->count++;
    }
    return done;
}

/* The next ones that are equal before `depth`; single ones are passed. */
static size_t find_equals(tally_name_sort *sort, size_t most)
{
    size_t done = 0;
    while (done < most && sort->start < sort->count && sort->end <= sort->start) {
        uint32_t end = sort->start + 1;
        while (end < sort->count && sort->items[end].mark != 0) end++;
        done += end - sort->start;
        if (end - sort->start == 1) sort->start = end;
        else sort->end = end;
    }
    sort->filled = sort->start;
    return done;
}

/* The next bytes of each; then they can be sorted. */
static size_t fill(tally_name_sort *sort, size_t most)
{
    size_t done = 0;
    for (; done < most && sort->filled < sort->end; done++, sort->filled++) {
        tally_sorted *item = &sort->items[sort->filled];
        item->key = word_at(sort->index, item->value, sort->depth);
    }
    if (sort->filled == sort->end) {
        tally_sort_begin(&sort->sorter, sort->items + sort->start, sort->scratch, sort->end - sort->start);
    }
    return done;
}

/* Marks those that are equal to the one before still. */
static void mark_equals(tally_name_sort *sort)
{
    tally_sorted *items = sort->items + sort->start;
    items[0].mark = 0;
    for (uint32_t i = 1; i < sort->end - sort->start; i++) items[i].mark = items[i].key == items[i - 1].key;
    sort->start = sort->end;
    sort->equals = true;
}

static bool is_at_end(const tally_name_sort *sort)
{
    return sort->start == sort->count && (!sort->equals || sort->depth >= TALLY_STREAM_MAX);
}

static size_t go_deeper(tally_name_sort *sort)
{
    sort->depth = sort->depth == 0 ? 7 : sort->depth + 8;
    sort->start = sort->end = 0;
    sort->equals = false;
    return 1;
}

/* Sorts the ones at hand. */
static size_t sort_equals(tally_name_sort *sort, size_t most)
{
    size_t count = sort->end - sort->start;
    if (tally_sort_go_on(&sort->sorter, most)) mark_equals(sort);
    else return most;
    return count < most ? count : most;
}

bool tally_name_sort_go_on(tally_name_sort *sort, size_t most)
{
    while (most != 0) {
        size_t done;
        if (sort->taken < sort->index->key_count) done = collect(sort, most);
        else if (is_at_end(sort)) return true;
        else if (sort->start == sort->count) done = go_deeper(sort);
        else if (sort->end <= sort->start) done = find_equals(sort, most);
        else if (sort->filled < sort->end) done = fill(sort, most);
        else done = sort_equals(sort, most);
        most -= done < most ? done : most;
    }
    return false;
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
