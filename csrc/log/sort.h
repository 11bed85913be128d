/* Sorting for indexes: numbers by 64-bit keys, and names. Stable, n log n at worst, no recursion. */
#ifndef TALLY_LOG_SORT_H
#define TALLY_LOG_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct tally_sorted {
    uint64_t key;
    uint32_t value;
    uint32_t mark; /* the caller's own */
} tally_sorted;

/* `scratch` has room for as many. */
void tally_sort(tally_sorted *items, tally_sorted *scratch, size_t count);

#endif
