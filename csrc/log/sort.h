/* Sorting for indexes: numbers by 64-bit keys, and names. Stable, n log n at worst, no recursion. */
#ifndef TALLY_LOG_SORT_H
#define TALLY_LOG_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tally_sorted {
    uint64_t key;
    uint32_t value;
    uint32_t mark; /* the caller's own */
} tally_sorted;

/* `scratch` has room for as many. */
void tally_sort(tally_sorted *items, tally_sorted *scratch, size_t count);

/* The same piece by piece. */
typedef struct tally_sorter {
    tally_sorted *items;
    tally_sorted *from; /* runs of `width` … */
    tally_sorted *to;   /* … become runs of twice that */
    size_t count;
    size_t width;
    size_t at; /* in `to`; while width is 0: what is in runs of the first width */
    size_t left;
    size_t left_end;
    size_t right;
    size_t right_end;
} tally_sorter;

void tally_sort_begin(tally_sorter *sorter, tally_sorted *items, tally_sorted *scratch, size_t count);
/* Moves about `most` items; true: all are sorted. */
bool tally_sort_go_on(tally_sorter *sorter, size_t most);

#endif
