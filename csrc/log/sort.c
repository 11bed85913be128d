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

/* Merges the two runs at hand, as far as `most` items go. How many were moved. */
static size_t merge(tally_sorter *sorter, size_t most)
{
    const tally_sorted *left = sorter->from + sorter->left;
    const tally_sorted *right = sorter->from + sorter->right;
    const tally_sorted *left_end = sorter->from + sorter->left_end;
    const tally_sorted *right_end = sorter->from + sorter->right_end;
    const tally_sorted *begin = sorter->to + sorter->at;
    tally_sorted *to = sorter->to + sorter->at;
    const tally_sorted *stop = (size_t)(right_end - right + (left_end - left)) < most ? NULL : to + most;
    while (left != left_end && right != right_end && to != stop) *to++ = right->key < left->key ? *right++ : *left++;
    if (left == left_end || right == right_end) { /* what is left is in order */
        memcpy(to, left, (size_t)(left_end - left) * sizeof *to);
        to += left_end - left;
        memcpy(to, right, (size_t)(right_end - right) * sizeof *to);
        to += right_end - right;
        left = left_end;
        right = right_end;
    }
    sorter->left = (size_t)(left - sorter->from);
    sorter->right = (size_t)(right - sorter->from);
    sorter->at = (size_t)(to - sorter->to);
    return (size_t)(to - begin);
}

/* The next two runs. In order already, as ids often are: they are one. */
static void take_pair(tally_sorter *sorter)
{
    size_t rest = sorter->count - sorter->at;
    sorter->left = sorter->at;
    sorter->left_end = sorter->at + (rest < sorter->width ? rest : sorter->width);
    rest = sorter->count - sorter->left_end;
    sorter->right = sorter->left_end;
    sorter->right_end = sorter->left_end + (rest < sorter->width ? rest : sorter->width);
    bool in_order =
        sorter->right == sorter->right_end || sorter->from[sorter->left_end - 1].key <= sorter->from[sorter->right].key;
    if (!in_order) return;
    sorter->left_end = sorter->right = sorter->right_end;
}

static void next_width(tally_sorter *sorter)
{
    tally_sorted *swap = sorter->from;
    sorter->from = sorter->to;
    sorter->to = swap;
    sorter->width *= 2;
    sorter->at = sorter->left = sorter->left_end = sorter->right = sorter->right_end = 0;
}

/* The first runs. */
static size_t sort_few(tally_sorter *sorter)
{
    size_t rest = sorter->count - sorter->at;
    size_t few = rest < INSERTION ? rest : INSERTION;
    insert(sorter->items + sorter->at, few);
    sorter->at += few;
    if (sorter->at < sorter->count) return few;
    sorter->width = INSERTION;
    sorter->at = 0;
    return few;
}

void tally_sort_begin(tally_sorter *sorter, tally_sorted *items, tally_sorted *scratch, size_t count)
{
    *sorter = (tally_sorter){.items = items, .from = items, .to = scratch, .count = count};
}

bool tally_sort_go_on(tally_sorter *sorter, size_t most)
{
    while (sorter->width < sorter->count) {
        if (most == 0) return false;
        size_t moved = 0;
        if (sorter->width == 0) moved = sort_few(sorter);
        else if (sorter->left != sorter->left_end || sorter->right != sorter->right_end) moved = merge(sorter, most);
        else if (sorter->at == sorter->count) next_width(sorter);
        else take_pair(sorter);
        most -= moved < most ? moved : most;
    }
    if (sorter->from != sorter->items) memcpy(sorter->items, sorter->from, sorter->count * sizeof *sorter->items);
    sorter->from = sorter->items;
    return true;
}

void tally_sort(tally_sorted *items, tally_sorted *scratch, size_t count)
{
    tally_sorter sorter;
    tally_sort_begin(&sorter, items, scratch, count);
    (void)tally_sort_go_on(&sorter, SIZE_MAX);
}
