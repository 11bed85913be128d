#include "registry/snapshot.h"

#include <string.h>

#include "registry/records.h"

int32_t tally_handler_removed(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return TALLY_HANDLER_GONE;
}

uint32_t tally_snapshot_flags(const tally_body *body)
{
    uint32_t flags = 0;
    if (body->once_count != 0) flags |= SNAPSHOT_ONCE;
    if (body->filter_count != 0) flags |= SNAPSHOT_FILTERED;
    if (body->flags & TALLY_REGISTRY_COUNT) flags |= SNAPSHOT_COUNTED;
    if (body->parent != NULL) flags |= SNAPSHOT_PARENT;
    if (body->mutes != 0) flags |= SNAPSHOT_MUTED;
    if (body->blocking_count != 0 && body->host != NULL && body->host->leave != NULL) flags |= SNAPSHOT_HOST_RUNS;
    if (tally_fence_is_portable()) flags |= SNAPSHOT_PORTABLE;
    return flags;
}

uintptr_t tally_snapshot_live_word(const tally_body *body, const tally_snapshot *snapshot)
{
    if (snapshot == NULL && body->parent != NULL) return TALLY_LIVE_NONE; /* it is being closed: not "empty" */
    if (snapshot == NULL || (snapshot->count == 0 && body->parent == NULL)) return LIVE_EMPTY;
    return (uintptr_t)snapshot | (snapshot->flags == 0 ? LIVE_PLAIN : 0);
}

/* How much the compiled lists of all live handlers and the additions need. */
typedef struct filter_size {
    uint32_t exact; /* pairs of handler and exact kind */
    uint32_t table;
} filter_size;

static tally_snapshot *allocate(tally_body *body, uint32_t count, filter_size filter)
{
    size_t bytes = sizeof(tally_snapshot) + count * (sizeof(tally_entry) + sizeof(uint32_t));
    if (filter.table != 0) {
        bytes += count * sizeof(uint32_t) + filter.table * sizeof(tally_kind_list) + filter.exact * sizeof(uint32_t);
    }
    tally_snapshot *snapshot = tally_body_allocate(body, bytes);
    if (snapshot == NULL) return NULL;
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->body = body;
    snapshot->chunks = body->chunks;
    snapshot->size_bytes = bytes;
    snapshot->count = count;
    snapshot->flags = tally_snapshot_flags(body);
    snapshot->kind_table_size = filter.table;
    snapshot->records = (uint32_t *)&snapshot->entries[count];
    snapshot->kind_table = (tally_kind_list *)(snapshot->records + count);
    snapshot->members = (uint32_t *)(snapshot->kind_table + filter.table);
    snapshot->always = snapshot->members + filter.exact;
    return snapshot;
}

/* ---------------------------------------------------------------------------------- compiled lists */

static filter_size measure(const tally_body *body, const tally_addition *additions, uint32_t count)
{
    filter_size size = {0, 0};
    if (body->filter_count == 0) return size;
    for (uint32_t i = 0; body->current != NULL && i < body->current->count; i++) {
        tally_record *record = tally_record_at(body->chunks, body->current->records[i]);
        const tally_extra *extra = tally_record_extra(record);
        if (extra != NULL) size.exact += extra->exact_count;
    }
    for (uint32_t i = 0; i < count; i++) {
        const tally_extra *extra = tally_record_extra(tally_record_at(body->chunks, additions[i].record));
        if (extra != NULL) size.exact += extra->exact_count;
    }
    size.table = 4;
    while (size.table < 2 * size.exact) size.table *= 2;
    return size;
}

static tally_kind_list *list_for(tally_snapshot *snapshot, uint32_t kind)
{
    uint32_t mask = snapshot->kind_table_size - 1;
    uint32_t at = (kind * 0x9e3779b1u) & mask;
    while (snapshot->kind_table[at].kind != kind && snapshot->kind_table[at].kind != TALLY_KIND_NONE) {
        at = (at + 1) & mask;
    }
    snapshot->kind_table[at].kind = kind;
    return &snapshot->kind_table[at];
}

/* Count, lay out, fill: each list is ascending because entries are visited in order. */
static void compile_lists(tally_snapshot *snapshot)
{
    if (snapshot->kind_table_size == 0) return;
    memset(snapshot->kind_table, 0, snapshot->kind_table_size * sizeof *snapshot->kind_table);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const tally_extra *extra = tally_record_extra(tally_record_at(snapshot->chunks, snapshot->records[i]));
        uint32_t exact = extra == NULL ? 0 : extra->exact_count;
        for (uint32_t k = 0; k < exact; k++) list_for(snapshot, extra->kinds[k])->count++;
        if (exact == 0 || extra->pattern_count != 0) snapshot->always[snapshot->always_count++] = i;
    }
    uint32_t start = 0;
    for (uint32_t at = 0; at < snapshot->kind_table_size; at++) {
        snapshot->kind_table[at].start = start;
        start += snapshot->kind_table[at].count;
        snapshot->kind_table[at].count = 0;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const tally_extra *extra = tally_record_extra(tally_record_at(snapshot->chunks, snapshot->records[i]));
        for (uint32_t k = 0; extra != NULL && k < extra->exact_count; k++) {
            tally_kind_list *list = list_for(snapshot, extra->kinds[k]);
            snapshot->members[list->start + list->count++] = i;
        }
    }
}

/* -------------------------------------------------------------------------------------- build, find */

static void put(tally_snapshot *snapshot, uint32_t at, tally_handler function, void *user_data, uint32_t record)
{
    atomic_store_explicit(&snapshot->entries[at].function, function, memory_order_relaxed);
    snapshot->entries[at].user_data = user_data;
    snapshot->records[at] = record;
}

static void copy_entry(tally_snapshot *to, uint32_t at, const tally_snapshot *from, uint32_t i)
{
    put(to, at, atomic_load_explicit(&from->entries[i].function, memory_order_relaxed), from->entries[i].user_data,
        from->records[i]);
}

static bool stays(const tally_body *body, uint32_t index)
{
    tally_record *record = tally_record_at(body->chunks, index);
    return record->state == RECORD_LIVE;
}

tally_snapshot *tally_snapshot_merge(tally_body *body, const tally_addition *additions, uint32_t count)
{
    const tally_snapshot *old = body->current;
    uint32_t old_count = old == NULL ? 0 : old->count;
    tally_snapshot *snapshot = allocate(body, body->live, measure(body, additions, count));
    if (snapshot == NULL) return NULL;
    uint32_t at = 0;
    uint32_t added = 0;
    for (uint32_t i = 0; i < old_count; i++) {
        if (!stays(body, old->records[i])) continue;
        int32_t priority = tally_record_at(body->chunks, old->records[i])->at.priority;
        for (; added < count && additions[added].priority > priority; added++) {
            put(snapshot, at++, additions[added].function, additions[added].user_data, additions[added].record);
        }
        copy_entry(snapshot, at++, old, i);
    }
    for (; added < count; added++) {
        put(snapshot, at++, additions[added].function, additions[added].user_data, additions[added].record);
    }
    snapshot->count = at; /* equals body->live; what was allocated is never exceeded */
    compile_lists(snapshot);
    return snapshot;
}

/* Entries are copied as plain words: only a writer changes them, and this is the writer. */
static void copy_run(tally_snapshot *to, uint32_t at, const tally_snapshot *from, uint32_t i, uint32_t count)
{
    if (count == 0 || from == NULL) return;
    memcpy((void *)&to->entries[at], (const void *)&from->entries[i], count * sizeof(tally_entry));
    memcpy(&to->records[at], &from->records[i], count * sizeof(uint32_t));
}

tally_snapshot *tally_snapshot_splice(tally_body *body, uint32_t at, const tally_addition *addition)
{
    const tally_snapshot *old = body->current;
    uint32_t old_count = old == NULL ? 0 : old->count;
    uint32_t add = addition != NULL ? 1 : 0;
    uint32_t drop = 1 - add;
    tally_snapshot *snapshot = allocate(body, old_count + add - drop, measure(body, addition, add));
    if (snapshot == NULL) return NULL;
    copy_run(snapshot, 0, old, 0, at);
    if (addition != NULL) put(snapshot, at, addition->function, addition->user_data, addition->record);
    copy_run(snapshot, at + add, old, at + drop, old_count - at - drop);
    compile_lists(snapshot);
    return snapshot;
}

uint32_t tally_snapshot_place_for(const tally_body *body, int32_t priority)
{
    uint32_t low = 0;
    uint32_t high = body->current == NULL ? 0 : body->current->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tally_record_at(body->chunks, body->current->records[middle])->at.priority >= priority) low = middle + 1;
        else high = middle;
    }
    return low;
}

uint32_t tally_snapshot_index_of(const tally_body *body, uint32_t record)
{
    const tally_record *wanted = tally_record_at(body->chunks, record);
    uint32_t low = 0;
    uint32_t high = body->current == NULL ? 0 : body->current->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const tally_record *there = tally_record_at(body->chunks, body->current->records[middle]);
        bool before = there->at.priority > wanted->at.priority ||
                      (there->at.priority == wanted->at.priority && there->id < wanted->id);
        if (before) low = middle + 1;
        else high = middle;
    }
    return low;
}

tally_entry *tally_snapshot_entry_of(tally_snapshot *snapshot, uint32_t record)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->records[i] == record) return &snapshot->entries[i];
    }
    return NULL;
}
