#include "log/sort.h"

#include <string.h>

#define INSERTION 16u

static void insert(tally_sorted *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        tally_sorted item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

static void merge(const tally_sorted *left, size_t left_count, const tally_sorted *right, size_t right_count,
                  tally_sorted *to)
{
    while (left_count != 0 && right_count != 0) {
        if (right->key < left->key) {
            *to++ = *right++;
            right_count--;
        } else {
            *to++ = *left++;
            left_count--;
        }
    }
    memcpy(to, left, left_count * sizeof *to);
    memcpy(to + left_count, right, right_count * sizeof *to);
}

/* Merges runs of `width` into runs of twice that. */
static void merge_runs(const tally_sorted *from, tally_sorted *to, size_t count, size_t width)
{
    for (size_t at = 0; at < count;) {
        size_t left = count - at < width ? count - at : width;
        size_t right = count - at - left < width ? count - at - left : width;
        if (right == 0 || from[at + left - 1].key <= from[at + left].key) {
            memcpy(to + at, from + at, (left + right) * sizeof *to); /* in order already, as ids often are */
        } else {
            merge(from + at, left, from + at + left, right, to + at);
        }
        at += left + right;
    }
}

void tally_sort(tally_sorted *items, tally_sorted *scratch, size_t count)
{
    tally_sorted *from = items;
    tally_sorted *to = scratch;
    for (size_t at = 0; at < count; at += INSERTION) {
        insert(items + at, count - at < INSERTION ? count - at : INSERTION);
    }
    for (size_t width = INSERTION; width < count; width *= 2) {
        merge_runs(from, to, count, width);
        tally_sorted *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) memcpy(items, from, count * sizeof *items);
}
