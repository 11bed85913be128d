/* The hashes of the merged names, sorted a range at a time: those of a range are collected from all names, for as
 * many ranges as needed. */
#include "base/error.h"
#include "log/merge_body.h"

/* Of this many, or of a part of all, so that the ranges do not become many. */
#define RANGE_ITEMS (UINT32_C(1) << 16)
#define RANGES_MAX 64u
/* A piece of the merge. */
#define PIECE_HASHES 65536u

static void begin_ranges(tally_merging *merge)
{
    merge->range = merge->taken = merge->count = merge->given = 0;
    merge->sorts = false;
}

/* Half full on the average, since hashes are spread evenly but not exactly. */
tally_status tally_merge_hashes_begin(tally_merging *merge, tally_error *error)
{
    static const uint8_t none[16];
    uint32_t part = merge->names / RANGES_MAX * 2;
    uint32_t most = part > RANGE_ITEMS ? part : RANGE_ITEMS;
    merge->capacity = merge->names < most ? merge->names + 1 : most;
    merge->ranges = (uint32_t)((uint64_t)merge->names * 2 / most + 1);
    merge->items =
        merge->platform->allocate(merge->platform->context, (size_t)merge->capacity * 2 * sizeof *merge->items);
    if (merge->items == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    tally_status status = tally_section_begin(&merge->writer, merge->folder, merge->temporary, merge->file, merge->end,
                                              merge->seed, error);
    if (status != TALLY_OK) return status;
    merge->writes_hashes = true;
    tally_section_write_u32(&merge->writer, merge->names);
    tally_section_write(&merge->writer, none, sizeof none);
    tally_section_write(&merge->writer, none, sizeof none);
    merge->header.offsets[TALLY_RUN_HASHES] = merge->end;
    begin_ranges(merge);
    merge->step = MERGE_HASHES;
    return TALLY_OK;
}

/* Takes the hashes of the range from all names. */
static tally_status take_hashes(tally_merging *merge, uint32_t *most, tally_error *error)
{
    uint64_t low = ((uint64_t)merge->range << 32) / merge->ranges;
    uint64_t high = ((uint64_t)(merge->range + 1) << 32) / merge->ranges;
    for (; *most != 0 && merge->taken < merge->names; --*most, merge->taken++) {
        uint32_t hash = merge->hashes[merge->taken];
        if (hash < low || hash >= high) continue;
        if (merge->count == merge->capacity) {
            return tally_fail(error, TALLY_E_LIMIT, "the hashes of a run are not spread evenly");
        }
        merge->items[merge->count++] = (tally_sorted){.key = hash, .value = merge->taken};
    }
    if (merge->taken == merge->names && *most != 0) {
        tally_sort_begin(&merge->sorter, merge->items, merge->items + merge->capacity, merge->count);
        merge->sorts = true;
    }
    return TALLY_OK;
}

static void give_hashes(tally_merging *merge, uint32_t *most)
{
    for (; *most != 0 && merge->given < merge->count; --*most, merge->given++) {
        const tally_sorted *item = &merge->items[merge->given];
        tally_section_write_u32(&merge->writer, merge->step == MERGE_VALUES ? item->value : (uint32_t)item->key);
    }
    if (merge->given < merge->count) return;
    uint32_t next = merge->range + 1;
    begin_ranges(merge);
    merge->range = next;
}

/* All hashes, or all values, range by range. `*whole`: all are written. */
static tally_status write_hashes(tally_merging *merge, bool *whole, tally_error *error)
{
    uint32_t most = PIECE_HASHES;
    while (most != 0 && merge->range < merge->ranges) {
        if (!merge->sorts) {
            tally_status status = take_hashes(merge, &most, error);
            if (status != TALLY_OK) return status;
        } else if (merge->given != 0 || tally_sort_go_on(&merge->sorter, most)) {
            give_hashes(merge, &most);
        } else {
            most = 0;
        }
    }
    *whole = merge->range == merge->ranges;
    return TALLY_OK;
}

static tally_status end_hashes(tally_merging *merge, tally_error *error)
{
    merge->writes_hashes = false;
    merge->header.lengths[TALLY_RUN_HASHES] = merge->writer.length;
    merge->step = MERGE_HEADER;
    return tally_section_end(&merge->writer, &merge->end, error);
}

tally_status tally_merge_hashes_go_on(tally_merging *merge, tally_error *error)
{
    bool whole;
    tally_status status = write_hashes(merge, &whole, error);
    if (status != TALLY_OK || !whole) return status;
    if (merge->step == MERGE_VALUES) return end_hashes(merge, error);
    merge->step = MERGE_VALUES;
    begin_ranges(merge);
    return TALLY_OK;
}
