#include <string.h>

#include <tallystick/registry.h>

#include "base/options.h"
#include "base/text.h"
#include "registry/edit.h"
#include "registry/kinds.h"
#include "registry/records.h"
#include "registry/snapshot.h"
#include "registry/writer.h"

#define KINDS_PER_HANDLER_MAX 65536u

static _Atomic(uint64_t) last_handler_id;

/* ------------------------------------------------------------------------------------- options */

static tally_status check_kinds(const tally_handler_options *options, tally_error *error)
{
    if (options->kind_count > KINDS_PER_HANDLER_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "kind_count is %zu; at most %u kinds are accepted",
                          options->kind_count, KINDS_PER_HANDLER_MAX);
    }
    if (options->kinds == NULL && options->kind_count != 0) {
        return tally_fail(error, TALLY_E_NULL, "kinds is NULL with kind_count %zu", options->kind_count);
    }
    if (options->kinds != NULL && options->kind_count == 0) {
        return tally_fail(error, TALLY_E_LENGTH, "kinds is given but kind_count is 0; pass NULL to receive all events");
    }
    if ((uintptr_t)options->kinds % _Alignof(uint32_t) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "kinds is not aligned to 4 bytes");
    }
    for (size_t i = 0; i < options->kind_count; i++) {
        if (tally_kind_exists(options->kinds[i])) continue;
        return tally_fail_at(error, TALLY_E_NOT_FOUND, i, "kind %u was never interned; tally_kind_intern gives kinds",
                             options->kinds[i]);
    }
    return TALLY_OK;
}

tally_status tally_handler_options_read(const tally_handler_options *from, tally_handler_options *options,
                                        tally_error *error)
{
    tally_status status = tally_options_read(options, sizeof *options, sizeof(tally_handler_options), from,
                                             "tally_handler_options", error);
    if (status != TALLY_OK) return status;
    if (options->flags & ~(TALLY_HANDLER_ONCE | TALLY_HANDLER_MAY_BLOCK)) {
        return tally_fail(error, TALLY_E_OPTION, "flags is 0x%x; known are TALLY_HANDLER_ONCE and _MAY_BLOCK",
                          options->flags);
    }
    if (options->reserved != 0)
        return tally_fail(error, TALLY_E_OPTION, "reserved is %u; it must be 0", options->reserved);
    status =
        tally_name_check(options->name, options->name_length, 0, TALLY_HANDLER_NAME_MAX, "the handler's name", error);
    return status != TALLY_OK ? status : check_kinds(options, error);
}

static bool needs_extra(const tally_body *body, const tally_handler_options *options)
{
    return options->flags != 0 || options->name_length != 0 || options->kind_count != 0 || options->max_failures != 0 ||
           options->destructor != NULL || (body->flags & TALLY_REGISTRY_COUNT) != 0;
}

/* ------------------------------------------------------------------------------- one addition more */

void tally_warn_of_leak(tally_body *body)
{
    if (body->live >= TALLY_REGISTRY_LEAK_WARNING && body->leak_warned == LEAK_WARN_NEVER) {
        body->leak_warned = LEAK_WARN_NOW;
    }
}

/* A record for a new handler; nothing was changed when it fails. */
tally_status tally_addition_take(tally_body *body, tally_handler handler, void *user_data,
                                 const tally_handler_options *options, tally_addition *addition, tally_handler_id *id)
{
    tally_extra *extra = NULL;
    if (needs_extra(body, options)) {
        extra = tally_extra_make(body, options, user_data);
        if (extra == NULL) return TALLY_E_NO_MEMORY;
    }
    id->registry = body->number;
    id->handler = atomic_fetch_add_explicit(&last_handler_id, 1, memory_order_relaxed) + 1;
    addition->function = handler;
    addition->user_data = user_data;
    addition->priority = options->priority;
    addition->record = tally_records_take(body, id->handler, options->priority, extra);
    return TALLY_OK;
}

/* Takes back what no snapshot has seen; the user_data stays the caller's. */
void tally_addition_untake(tally_body *body, uint32_t index)
{
    tally_record *record = tally_record_at(body->chunks, index);
    tally_extra *extra = tally_record_extra(record);
    tally_records_remove(body, index, body->sequence);
    body->removed = record->link; /* it was put first */
    tally_records_free(body, index);
    tally_extra_free(body, extra);
}

tally_status tally_addition_reserve(tally_body *body, uint32_t more, tally_error *error)
{
    if (more > TALLY_REGISTRY_HANDLERS_MAX - body->live) {
        return tally_fail(error, TALLY_E_LIMIT, "a registry holds at most %u handlers", TALLY_REGISTRY_HANDLERS_MAX);
    }
    if (tally_records_reserve(body, more) == TALLY_OK) return TALLY_OK;
    return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for %u more handlers; nothing was changed", more);
}

static tally_status add_one(tally_body *body, tally_handler handler, void *user_data,
                            const tally_handler_options *options, tally_handler_id *id, tally_error *error)
{
    tally_sweep_claimed(body);
    tally_status status = tally_addition_reserve(body, 1, error);
    if (status != TALLY_OK) return status;
    tally_addition addition;
    tally_handler_id made;
    uint32_t place = body->stale ? 0 : tally_snapshot_place_for(body, options->priority);
    status = tally_addition_take(body, handler, user_data, options, &addition, &made);
    if (status != TALLY_OK) return tally_fail(error, status, "no memory for another handler; nothing was changed");
    tally_snapshot *snapshot =
        body->stale ? tally_snapshot_merge(body, &addition, 1) : tally_snapshot_splice(body, place, &addition);
    if (snapshot == NULL) {
        tally_addition_untake(body, addition.record);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a list of %u handlers; nothing was changed",
                          body->live + 1);
    }
    tally_publish(body, snapshot);
    tally_warn_of_leak(body);
    *id = made;
    return TALLY_OK;
}

tally_status tally_registry_register(tally_registry *registry, tally_handler handler, void *user_data,
                                     const tally_handler_options *options, tally_handler_id *id, tally_error *error)
{
    tally_error_clear(error);
    if (id == NULL) return tally_fail(error, TALLY_E_NULL, "id is NULL; it receives the handler's id");
    *id = (tally_handler_id){0, 0};
    if (handler == NULL) return tally_fail(error, TALLY_E_NULL, "handler is NULL; pass a function");
    tally_handler_options known;
    tally_status status = tally_handler_options_read(options, &known, error);
    if (status != TALLY_OK) return status;
    tally_fence_prepare();
    tally_writer writer;
    status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    status = add_one(writer.body, handler, user_data, &known, id, error);
    tally_reclaim_if_due(&writer, false);
    tally_writer_end(&writer);
    return status;
}

/* ----------------------------------------------------------------------------------------- removal */

static tally_status remove_one(tally_body *body, uint32_t record, bool *was_registered, tally_error *error)
{
    if (body->stale) {
        tally_record_at(body->chunks, record)->state = RECORD_LEAVING;
        *was_registered = tally_retire_leaving(body) != 0;
        tally_publish_live(body);
        return TALLY_OK;
    }
    uint32_t index = tally_snapshot_index_of(body, record);
    const tally_snapshot *current = body->current;
    bool is_there = current != NULL && index < current->count && current->records[index] == record;
    TALLY_INVARIANT(body->slot, is_there && "a registered handler is in the current snapshot", error);
    *was_registered = tally_retire_handler(body, record, index);
    tally_publish_without(body, index);
    return TALLY_OK;
}

tally_status tally_check_id(const tally_body *body, tally_handler_id id, tally_error *error)
{
    if (id.registry == body->number) return TALLY_OK;
    return tally_fail(error, TALLY_E_FOREIGN, "the id belongs to registry %llu, this is registry %llu",
                      (unsigned long long)id.registry, (unsigned long long)body->number);
}

tally_status tally_unregister_in(tally_writer *writer, tally_handler_id id, int32_t *removed, tally_error *error)
{
    tally_body *body = writer->body;
    tally_status status = tally_check_id(body, id, error);
    if (status != TALLY_OK) return status;
    uint32_t record = tally_records_find(body, id.handler);
    if (record == RECORD_NONE) return TALLY_OK;
    tally_extra *extra = tally_record_extra(tally_record_at(body->chunks, record));
    bool has_destructor = extra != NULL && extra->destructor != NULL;
    /* A `once` handler that was claimed is not registered any more, but its place is given up now. */
    bool was_registered = false;
    status = remove_one(body, record, &was_registered, error);
    if (status != TALLY_OK) return status;
    if (was_registered && removed != NULL) *removed = 1;
    tally_reclaim_if_due(writer, has_destructor);
    return TALLY_OK;
}

tally_status tally_registry_unregister(tally_registry *registry, tally_handler_id id, int32_t *removed,
                                       tally_error *error)
{
    if (removed != NULL) *removed = 0;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    status = tally_unregister_in(&writer, id, removed, error);
    tally_writer_end(&writer);
    return status;
}

tally_status tally_registry_clear(tally_registry *registry, uint64_t *removed, tally_error *error)
{
    if (removed != NULL) *removed = 0;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_sweep_claimed(body);
    tally_snapshot *current = body->current;
    for (uint32_t i = 0; current != NULL && i < current->count; i++) {
        tally_record *record = tally_record_at(body->chunks, current->records[i]);
        if (record->state == RECORD_LIVE) record->state = RECORD_LEAVING;
    }
    uint64_t count = tally_retire_leaving(body);
    if (body->stale) tally_publish_live(body);
    if (removed != NULL) *removed = count;
    tally_reclaim_if_due(&writer, count != 0);
    tally_writer_end(&writer);
    return TALLY_OK;
}
