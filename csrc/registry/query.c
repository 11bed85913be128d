#include <string.h>

#include <tallystick/registry.h>

#include "base/options.h"
#include "registry/records.h"
#include "registry/snapshot.h"
#include "registry/writer.h"

/* Looking. All of it under the stripe, so that what is returned was true together. */

static uint64_t registered(const tally_body *body)
{
    uint32_t claimed = atomic_load(&((tally_body *)(uintptr_t)body)->claimed);
    return claimed > body->live ? 0 : body->live - claimed;
}

tally_status tally_registry_count(tally_registry *registry, uint64_t *count, tally_error *error)
{
    tally_error_clear(error);
    if (count == NULL) return tally_fail(error, TALLY_E_NULL, "count is NULL; it receives the number of handlers");
    *count = 0;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    *count = registered(writer.body);
    tally_writer_end_looking(&writer);
    return TALLY_OK;
}

tally_status tally_registry_is_empty(tally_registry *registry, int32_t *is_empty, tally_error *error)
{
    tally_error_clear(error);
    if (is_empty == NULL) return tally_fail(error, TALLY_E_NULL, "is_empty is NULL; it receives the answer");
    *is_empty = 0;
    const tally_slot *slot = (const tally_slot *)registry;
    if (tally_slab_holds(registry) && atomic_load_explicit(&slot->live, memory_order_acquire) == LIVE_EMPTY) {
        *is_empty = 1;
        return TALLY_OK;
    }
    uint64_t count;
    tally_status status = tally_registry_count(registry, &count, error);
    if (status == TALLY_OK) *is_empty = count == 0;
    return status;
}

tally_status tally_registry_contains(tally_registry *registry, tally_handler_id id, int32_t *contains,
                                     tally_error *error)
{
    tally_error_clear(error);
    if (contains == NULL) return tally_fail(error, TALLY_E_NULL, "contains is NULL; it receives the answer");
    *contains = 0;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    if (id.registry != body->number) {
        status = tally_fail(error, TALLY_E_FOREIGN, "the id belongs to registry %llu, this is registry %llu",
                            (unsigned long long)id.registry, (unsigned long long)body->number);
    } else {
        uint32_t record = tally_records_find(body, id.handler);
        *contains = record != RECORD_NONE && !tally_is_claimed(tally_record_at(body->chunks, record));
    }
    tally_writer_end_looking(&writer);
    return status;
}

tally_status tally_registry_find(tally_registry *registry, tally_handler handler, const void *user_data,
                                 tally_handler_id *id, tally_error *error)
{
    tally_error_clear(error);
    if (id == NULL) return tally_fail(error, TALLY_E_NULL, "id is NULL; it receives the handler's id");
    *id = (tally_handler_id){0, 0};
    if (handler == NULL) return tally_fail(error, TALLY_E_NULL, "handler is NULL; pass the function to look for");
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    uint32_t found = 0;
    for (uint32_t i = 0; body->current != NULL && i < body->current->count; i++) {
        const tally_entry *entry = &body->current->entries[i];
        tally_record *record = tally_record_at(body->chunks, body->current->records[i]);
        if (atomic_load(&entry->function) != handler || entry->user_data != user_data) continue;
        if (record->state != RECORD_LIVE || tally_is_claimed(record)) continue;
        if (found++ == 0) *id = (tally_handler_id){body->number, record->id};
    }
    tally_writer_end_looking(&writer);
    if (found == 1) return TALLY_OK;
    *id = (tally_handler_id){0, 0};
    if (found == 0) return tally_fail(error, TALLY_E_NOT_FOUND, "the function is not registered with this user_data");
    return tally_fail(error, TALLY_E_EXISTS, "the function is registered %u times; remove it by id", found);
}

/* ------------------------------------------------------------------------------------------- lists */

static void sum_stripes(const tally_extra *extra, tally_handler_info *info)
{
    info->fired = TALLY_COUNT_UNKNOWN;
    info->latency_total_ns = TALLY_COUNT_UNKNOWN;
    info->latency_max_ns = TALLY_COUNT_UNKNOWN;
    if (extra == NULL || extra->stripes == NULL) return;
    info->fired = info->latency_total_ns = info->latency_max_ns = 0;
    for (uint32_t i = 0; i < STRIPES; i++) {
        uint64_t max = atomic_load_explicit(&extra->stripes[i].max_ns, memory_order_relaxed);
        info->fired += atomic_load_explicit(&extra->stripes[i].fired, memory_order_relaxed);
        info->latency_total_ns += atomic_load_explicit(&extra->stripes[i].total_ns, memory_order_relaxed);
        if (max > info->latency_max_ns) info->latency_max_ns = max;
    }
}

static void describe(const tally_body *body, tally_record *record, void *user_data, tally_handler_info *info)
{
    const tally_extra *extra = tally_record_extra(record);
    memset(info, 0, sizeof *info);
    info->id = (tally_handler_id){body->number, record->id};
    info->priority = record->at.priority;
    info->failed = atomic_load(&record->failed);
    info->user_data = user_data;
    sum_stripes(extra, info);
    if (extra == NULL) return;
    info->flags = extra->flags;
    info->name_length = extra->name_length;
    memcpy(info->name, extra->name, extra->name_length);
    if (extra->last_failure == NULL) return;
    info->last_code = extra->last_failure->code;
    info->last_message_length = extra->last_failure->length;
    memcpy(info->last_message, extra->last_failure->message, extra->last_failure->length);
}

/* Counted one by one: notifies claim `once` handlers meanwhile, so that the number of those may be ahead. */
static bool is_listed(tally_record *record) { return record->state == RECORD_LIVE && !tally_is_claimed(record); }

static size_t count_listed(const tally_body *body)
{
    size_t count = 0;
    for (uint32_t i = 0; body->current != NULL && i < body->current->count; i++) {
        if (is_listed(tally_record_at(body->chunks, body->current->records[i]))) count++;
    }
    return count;
}

tally_status tally_registry_handlers(tally_registry *registry, tally_handler_info *items, size_t capacity,
                                     size_t *count, tally_error *error)
{
    tally_error_clear(error);
    if (count == NULL) return tally_fail(error, TALLY_E_NULL, "count is NULL; it receives the number of handlers");
    *count = 0;
    if (items == NULL && capacity != 0) {
        return tally_fail(error, TALLY_E_NULL, "items is NULL with capacity %zu", capacity);
    }
    if (capacity > PTRDIFF_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "capacity is %zu; is it a negative number?", capacity);
    }
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_sweep_claimed(body);
    if (body->stale) tally_publish_live(body);
    size_t there = count_listed(body);
    *count = there;
    if (there > capacity) {
        tally_writer_end_looking(&writer);
        return tally_fail_at(error, TALLY_E_SPACE, there, "%zu handlers are registered but only %zu rows fit", there,
                             capacity);
    }
    size_t row = 0;
    for (uint32_t i = 0; body->current != NULL && i < body->current->count && row < there; i++) {
        tally_record *record = tally_record_at(body->chunks, body->current->records[i]);
        if (!is_listed(record)) continue;
        describe(body, record, body->current->entries[i].user_data, &items[row++]);
    }
    *count = row;
    tally_writer_end_looking(&writer);
    return TALLY_OK;
}

uint64_t tally_pending_destructors(const tally_body *body)
{
    uint64_t pending = 0;
    for (uint32_t i = body->removed; i != RECORD_NONE; i = tally_record_at(body->chunks, i)->link) {
        const tally_extra *extra = tally_record_extra(tally_record_at(body->chunks, i));
        if (extra != NULL && extra->destructor != NULL) pending++;
    }
    return pending;
}

tally_status tally_registry_statistics_get(tally_registry *registry, tally_registry_statistics *statistics,
                                           tally_error *error)
{
    tally_error_clear(error);
    if (statistics == NULL) return tally_fail(error, TALLY_E_NULL, "statistics is NULL; it receives the numbers");
    if ((uintptr_t)statistics % _Alignof(tally_registry_statistics) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "statistics is not aligned");
    }
    size_t size = statistics->size;
    if (size < sizeof *statistics || size > TALLY_STRUCT_SIZE_MAX) {
        return tally_fail(error, TALLY_E_STRUCT_SIZE,
                          "statistics->size is %zu; set it to sizeof(tally_registry_statistics)", size);
    }
    memset(statistics, 0, size);
    statistics->size = size;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    statistics->handlers = registered(body);
    statistics->unreported = atomic_load(&body->unreported);
    statistics->panics_failed = atomic_load(&body->panics_failed);
    statistics->memory_bytes = body->memory_bytes;
    statistics->retired_bytes = body->retired_bytes;
    statistics->retired_handlers = tally_pending_destructors(body);
    statistics->mutes = body->mutes;
    tally_writer_end_looking(&writer);
    return TALLY_OK;
}

/* -------------------------------------------------------------------------------------------- mute */

static tally_status change_mutes(tally_registry *registry, bool mute, tally_error *error)
{
    tally_error_clear(error);
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    uint32_t before = body->mutes;
    if (!mute && before == 0) {
        status = tally_fail(error, TALLY_E_RANGE, "the registry is not muted; unmute once for each mute");
    } else if (mute && before == UINT32_MAX) {
        status = tally_fail(error, TALLY_E_OVERFLOW, "the registry is muted %u times", before);
    } else {
        body->mutes = mute ? before + 1 : before - 1;
        bool changed = (before == 0) != (body->mutes == 0);
        tally_snapshot *snapshot = NULL;
        bool has_list = body->live != 0 || body->parent != NULL;
        if (changed && has_list) snapshot = tally_snapshot_merge(body, NULL, 0);
        if (changed && has_list && snapshot == NULL) {
            body->mutes = before;
            status = tally_fail(error, TALLY_E_NO_MEMORY, "no memory to mute or unmute; nothing was changed");
        } else if (changed) {
            tally_publish(body, snapshot);
        }
    }
    tally_reclaim_if_due(&writer, false);
    tally_writer_end(&writer);
    return status;
}

tally_status tally_registry_mute(tally_registry *registry, tally_error *error)
{
    return change_mutes(registry, true, error);
}

tally_status tally_registry_unmute(tally_registry *registry, tally_error *error)
{
    return change_mutes(registry, false, error);
}

/* ------------------------------------------------------------------------------------------- guard */

tally_status tally_guard_close(tally_guard *guard)
{
    if (guard == NULL) return TALLY_E_NULL;
    tally_guard closing = *guard;
    *guard = (tally_guard){NULL, {0, 0}};
    /* A registry that is closed, or a new one in the same slot, refuses the id: nothing to do. */
    if (closing.registry != NULL) (void)tally_registry_unregister(closing.registry, closing.id, NULL, NULL);
    return TALLY_OK;
}
