#include "log/recent.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define CAPACITY_FIRST 256u
#define CAPACITY_MAX (1u << 30)

void tally_recent_init(tally_recent *recent, const tally_platform *platform, uint64_t complete_from)
{
    memset(recent, 0, sizeof *recent);
    recent->platform = platform;
    recent->complete_from = complete_from;
}

void tally_recent_destroy(tally_recent *recent)
{
    recent->platform->release(recent->platform->context, recent->entries);
    recent->platform->release(recent->platform->context, recent->buckets);
    recent->entries = NULL;
    recent->buckets = NULL;
}

/* Ids are random or of a caller's making; the digests of keys are random. The middle of both varies. */
static uint32_t bucket_of(const tally_recent *recent, const uint8_t value[16])
{
    uint64_t mixed = (tally_load_u64(value) ^ tally_load_u64(value + 8)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32) & (recent->capacity - 1);
}

static tally_recent_entry *entry_at(const tally_recent *recent, uint32_t number)
{
    return &recent->entries[number & (recent->capacity - 1)];
}

static bool is_kept(const tally_recent *recent, uint32_t number)
{
    return number - recent->first < recent->end - recent->first;
}

void tally_recent_add(tally_recent *recent, enum tally_recent_kind kind, const uint8_t value[16], uint64_t position)
{
    uint32_t *bucket = &recent->buckets[bucket_of(recent, value)];
    tally_recent_entry *entry = entry_at(recent, recent->end);
    memcpy(entry->value, value, sizeof entry->value);
    entry->position = position;
    entry->kind = (uint32_t)kind;
    entry->older = *bucket;
    recent->end++;
    *bucket = recent->end;
}

/* A chain ends at 0, or at a number that was dropped: all older ones were dropped with it. */
uint64_t tally_recent_find(const tally_recent *recent, enum tally_recent_kind kind, const uint8_t value[16])
{
    if (recent->capacity == 0) return TALLY_POSITION_NONE;
    uint32_t next = recent->buckets[bucket_of(recent, value)];
    while (next != 0 && is_kept(recent, next - 1)) {
        const tally_recent_entry *entry = entry_at(recent, next - 1);
        if (entry->kind == (uint32_t)kind && memcmp(entry->value, value, sizeof entry->value) == 0) {
            return entry->position;
        }
        next = entry->older;
    }
    return TALLY_POSITION_NONE;
}

static void drop(tally_recent *recent, size_t more, uint64_t droppable)
{
    while (recent->first != recent->end && recent->end - recent->first + more > recent->capacity) {
        const tally_recent_entry *oldest = entry_at(recent, recent->first);
        if (oldest->position >= droppable) return;
        recent->complete_from = oldest->position + 1;
        recent->first++;
    }
}

/* Also begins to number at 0 again, so that numbers never run out. */
static tally_status rebuild(tally_recent *recent, uint32_t capacity, tally_error *error)
{
    const tally_platform *platform = recent->platform;
    tally_recent grown = {.platform = platform, .complete_from = recent->complete_from, .capacity = capacity};
    grown.entries = platform->allocate(platform->context, capacity * sizeof *grown.entries);
    grown.buckets = platform->allocate(platform->context, capacity * sizeof *grown.buckets);
    if (grown.entries == NULL || grown.buckets == NULL) {
        tally_recent_destroy(&grown);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the ids of %u events; nothing was appended",
                          capacity);
    }
    memset(grown.buckets, 0, capacity * sizeof *grown.buckets);
    for (uint32_t number = recent->first; number != recent->end; number++) {
        const tally_recent_entry *entry = entry_at(recent, number);
        tally_recent_add(&grown, (enum tally_recent_kind)entry->kind, entry->value, entry->position);
    }
    tally_recent_destroy(recent);
    *recent = grown;
    return TALLY_OK;
}

tally_status tally_recent_reserve(tally_recent *recent, size_t more, uint64_t droppable, tally_error *error)
{
    if (recent->capacity != 0) drop(recent, more, droppable);
    size_t needed = recent->end - recent->first + more;
    bool runs_out = recent->end > UINT32_MAX - CAPACITY_MAX;
    if (needed <= recent->capacity && !runs_out) return TALLY_OK;
    uint32_t capacity = recent->capacity != 0 ? recent->capacity : CAPACITY_FIRST;
    while (capacity < needed && capacity < CAPACITY_MAX) capacity *= 2;
    if (capacity < needed) return tally_fail(error, TALLY_E_NO_MEMORY, "too many events wait to be written");
    return rebuild(recent, capacity, error);
}

size_t tally_recent_bytes(const tally_recent *recent)
{
    return recent->capacity * (sizeof *recent->entries + sizeof *recent->buckets);
}
