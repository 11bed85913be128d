/* The names of an index in the order in which they are stored, and their postings in the form in which they are. */
#ifndef TALLY_LOG_SEAL_NAMES_H
#define TALLY_LOG_SEAL_NAMES_H

#include "log/index_body.h"
#include "log/sort.h"

/* Sorts the keys that have events by kind and bytes, piece by piece: by a few bytes at a time, those that are equal
 * so far by the next ones. */
typedef struct tally_name_sort {
    const tally_index *index;
    tally_sorted *items; /* their values are the keys' numbers */
    tally_sorted *scratch;
    uint32_t count;
    uint32_t depth;  /* bytes before it have been compared */
    uint32_t taken;  /* keys of the index that were looked at */
    uint32_t start;  /* of what is equal … */
    uint32_t end;    /* … and being sorted; `start` or before it: to be looked for */
    uint32_t filled; /* of these have their next bytes */
    bool equals;     /* some were equal at this depth */
    tally_sorter sorter;
} tally_name_sort;

/* Both have room for key_count. */
void tally_name_sort_begin(tally_name_sort *sort, const tally_index *index, tally_sorted *items, tally_sorted *scratch);
/* Does about as much as `most` items take; true: `count` of them are sorted. */
bool tally_name_sort_go_on(tally_name_sort *sort, size_t most);

/* What each one's record says; `*units` counts the u32 of POST that are taken. */
tally_entry tally_seal_entry(const tally_index *index, const tally_index_key *key, uint64_t *units);

#endif
