#include "registry/writer.h"

#include <string.h>

#include "handle/closing.h"
#include "registry/failure.h"
#include "registry/records.h"
#include "registry/watch.h"

/* A registry keeps at most this much in retired snapshots when nobody is inside a handler. */
#define RETIRED_BYTES_MAX 65536
/* And this many, so that overwriting a removed function in all of them stays cheap. */
#define RETIRED_COUNT_MAX 8

void tally_body_lock(const tally_body *body) { tally_gate_lock(body->slot); }
void tally_body_unlock(const tally_body *body) { tally_gate_unlock(body->slot); }

tally_status tally_writer_begin(tally_writer *writer, tally_registry *registry, tally_error *error)
{
    tally_status status = tally_gate_enter(&writer->call, registry, TALLY_HANDLE_REGISTRY, error);
    if (status != TALLY_OK) return status;
    writer->body = writer->call.slot->body;
    writer->garbage = (tally_garbage){NULL, NULL, NULL};
    tally_body_lock(writer->body);
    /* A close that came between the gate and the lock has emptied the registry for good, and what another
     * writer found broken is not written any more. */
    status = tally_gate_check(registry, TALLY_HANDLE_REGISTRY, error);
    if (status == TALLY_OK) return TALLY_OK;
    tally_body_unlock(writer->body);
    tally_gate_leave(&writer->call);
    return status;
}

void tally_writer_end_looking(tally_writer *writer)
{
    tally_body_unlock(writer->body);
    tally_gate_leave(&writer->call);
}

void tally_writer_end(tally_writer *writer)
{
    bool warn = writer->body->leak_warned == LEAK_WARN_NOW;
    if (warn) writer->body->leak_warned = LEAK_WARN_DONE;
    tally_body_unlock(writer->body);
    if (warn) tally_log_leak(writer->body);
    tally_garbage_dispose(writer->body, &writer->garbage);
    tally_gate_leave(&writer->call);
    tally_close_deferred();
}

/* --------------------------------------------------------------------------------------- publish */

/* Handlers that were removed while no new snapshot could be made die with this one. */
static void date_removed(tally_body *body)
{
    for (uint32_t i = body->removed; i != RECORD_NONE; i = tally_record_at(body->chunks, i)->link) {
        tally_record *record = tally_record_at(body->chunks, i);
        if (record->at.died == UINT64_MAX) record->at.died = body->sequence;
    }
}

void tally_publish(tally_body *body, tally_snapshot *snapshot)
{
    tally_snapshot *old = body->current;
    body->sequence++;
    if (snapshot != NULL) snapshot->sequence = body->sequence;
    body->current = snapshot;
    atomic_store(&body->slot->live, tally_snapshot_live_word(body, snapshot));
    tally_watches_raise(body);
    if (body->stale) date_removed(body);
    body->stale = 0;
    if (old == NULL) return;
    old->next = body->retired;
    body->retired = old;
    body->retired_count++;
    body->retired_bytes += old->size_bytes;
}

bool tally_retire_handler(tally_body *body, uint32_t record, uint32_t index)
{
    atomic_store(&body->current->entries[index].function, tally_handler_removed);
    for (tally_snapshot *snapshot = body->retired; snapshot != NULL; snapshot = snapshot->next) {
        tally_entry *entry = tally_snapshot_entry_of(snapshot, record);
        if (entry != NULL) atomic_store(&entry->function, tally_handler_removed);
    }
    body->stale = 1;
    return tally_records_remove(body, record, UINT64_MAX);
}

static void overwrite_leaving(const tally_body *body, tally_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (tally_record_at(body->chunks, snapshot->records[i])->state != RECORD_LEAVING) continue;
        atomic_store(&snapshot->entries[i].function, tally_handler_removed);
    }
}

uint64_t tally_retire_leaving(tally_body *body)
{
    uint64_t retired = 0;
    tally_snapshot *current = body->current;
    for (tally_snapshot *snapshot = body->retired; snapshot != NULL; snapshot = snapshot->next) {
        overwrite_leaving(body, snapshot);
    }
    for (uint32_t i = 0; current != NULL && i < current->count; i++) {
        if (tally_record_at(body->chunks, current->records[i])->state != RECORD_LEAVING) continue;
        atomic_store(&current->entries[i].function, tally_handler_removed);
        if (tally_records_remove(body, current->records[i], UINT64_MAX)) retired++;
        body->stale = 1;
    }
    return retired;
}

void tally_publish_without(tally_body *body, uint32_t dead_index)
{
    if (body->live == 0 && body->parent == NULL) {
        tally_publish(body, NULL);
        return;
    }
    tally_snapshot *snapshot = tally_snapshot_splice(body, dead_index, NULL);
    if (snapshot != NULL) tally_publish(body, snapshot);
}

void tally_publish_live(tally_body *body)
{
    if (body->live == 0 && body->parent == NULL) {
        tally_publish(body, NULL);
        return;
    }
    tally_snapshot *snapshot = tally_snapshot_merge(body, NULL, 0);
    if (snapshot != NULL) tally_publish(body, snapshot);
}

void tally_sweep_claimed(tally_body *body)
{
    if (atomic_load(&body->claimed) == 0 || body->current == NULL) return;
    tally_snapshot *snapshot = body->current;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        tally_record *record = tally_record_at(body->chunks, snapshot->records[i]);
        if (record->state == RECORD_LIVE && tally_is_claimed(record)) record->state = RECORD_LEAVING;
    }
    (void)tally_retire_leaving(body);
}

/* --------------------------------------------------------------------------------------- reclaim */

static void mark_in_use(const tally_hazard *hazard, const void *object, void *user_data)
{
    (void)hazard;
    tally_body *body = user_data;
    for (tally_snapshot *snapshot = body->retired; snapshot != NULL; snapshot = snapshot->next) {
        if (object == snapshot) snapshot->in_use = 1;
    }
    for (tally_panic *panic = body->retired_panics; panic != NULL; panic = panic->next) {
        if (object == panic) panic->in_use = 1;
    }
}

static void reclaim_snapshots(tally_body *body, tally_garbage *garbage)
{
    tally_snapshot **link = &body->retired;
    while (*link != NULL) {
        tally_snapshot *snapshot = *link;
        if (snapshot->in_use) {
            snapshot->in_use = 0;
            link = &snapshot->next;
            continue;
        }
        *link = snapshot->next;
        body->retired_count--;
        body->retired_bytes -= snapshot->size_bytes;
        body->memory_bytes -= snapshot->size_bytes;
        snapshot->next = garbage->snapshots;
        garbage->snapshots = snapshot;
    }
}

static void reclaim_panics(tally_body *body, tally_garbage *garbage)
{
    tally_panic **link = &body->retired_panics;
    while (*link != NULL) {
        tally_panic *panic = *link;
        if (panic->in_use) {
            panic->in_use = 0;
            body->waiting = 1;
            link = &panic->next;
            continue;
        }
        *link = panic->next;
        body->memory_bytes -= sizeof *panic;
        panic->next = garbage->panics;
        garbage->panics = panic;
    }
}

/* A retired snapshot contains a handler only if it was made while the handler was registered. */
static bool is_contained(const tally_body *body, const tally_record *record, uint32_t index)
{
    if (record->at.died == UINT64_MAX) return true; /* the current snapshot still has its dead entry */
    for (tally_snapshot *snapshot = body->retired; snapshot != NULL; snapshot = snapshot->next) {
        if (snapshot->sequence < record->at.died && tally_snapshot_entry_of(snapshot, index) != NULL) return true;
    }
    return false;
}

static void reclaim_handlers(tally_body *body, tally_garbage *garbage)
{
    uint32_t index = body->removed;
    uint32_t kept = RECORD_NONE;
    while (index != RECORD_NONE) {
        tally_record *record = tally_record_at(body->chunks, index);
        uint32_t next = record->link;
        if (is_contained(body, record, index)) {
            const tally_extra *extra = tally_record_extra(record);
            if (extra != NULL && extra->destructor != NULL) body->waiting = 1;
            record->link = kept & RECORD_NONE;
            kept = index;
        } else {
            tally_extra *extra = tally_record_extra(record);
            tally_records_free(body, index);
            if (extra != NULL) {
                body->memory_bytes -= tally_extra_bytes(extra);
                extra->next = garbage->extras;
                garbage->extras = extra;
            }
        }
        index = next;
    }
    body->removed = kept;
}

tally_status tally_reclaim_body(tally_body *body, tally_garbage *garbage, bool with_handlers)
{
    bool nothing = body->retired == NULL && body->retired_panics == NULL && body->removed == RECORD_NONE;
    if (nothing) return TALLY_OK;
    tally_status status = tally_fence_all();
    if (status != TALLY_OK) return status;
    /* A notify without a hazard may run any of the retired snapshots. */
    if (atomic_load(&body->slot->pins) != 0) return TALLY_OK;
    tally_threads_each_hazard(mark_in_use, body);
    reclaim_snapshots(body, garbage);
    if (with_handlers) {
        body->waiting = 0;
        reclaim_panics(body, garbage);
        reclaim_handlers(body, garbage);
    }
    return TALLY_OK;
}

void tally_reclaim_if_due(tally_writer *writer, bool has_destructor)
{
    tally_body *body = writer->body;
    bool in_handler = tally_thread_in_handler();
    bool much = body->retired_count > RETIRED_COUNT_MAX || body->retired_bytes > RETIRED_BYTES_MAX;
    if (has_destructor) body->waiting = 1;
    if (much || (body->waiting && !in_handler)) (void)tally_reclaim_body(body, &writer->garbage, !in_handler);
}

static void dispose_extra(tally_body *body, tally_extra *extra)
{
    const tally_platform *platform = body->platform;
    if (extra->destructor != NULL) extra->destructor(extra->user_data);
    platform->release(platform->context, extra->last_failure);
    platform->release(platform->context, extra->stripes_block);
    platform->release(platform->context, extra);
}

void tally_garbage_dispose(tally_body *body, tally_garbage *garbage)
{
    if (garbage->snapshots == NULL && garbage->extras == NULL && garbage->panics == NULL) return;
    const tally_platform *platform = body->platform;
    /* A destructor may close the registry it belonged to. */
    tally_callback callback;
    tally_callback_enter(&callback);
    while (garbage->snapshots != NULL) {
        tally_snapshot *snapshot = garbage->snapshots;
        garbage->snapshots = snapshot->next;
        platform->release(platform->context, snapshot);
    }
    while (garbage->extras != NULL) {
        tally_extra *extra = garbage->extras;
        garbage->extras = extra->next;
        dispose_extra(body, extra);
    }
    while (garbage->panics != NULL) {
        tally_panic *panic = garbage->panics;
        garbage->panics = panic->next;
        if (panic->destructor != NULL) panic->destructor(panic->user_data);
        platform->release(platform->context, panic);
    }
    tally_callback_leave(&callback);
}

/* --------------------------------------------------------------------------------------- running */

typedef struct running_search {
    tally_snapshot *snapshots; /* retired ones, then the current */
    tally_snapshot *current;
    uint32_t record;
    bool found;
} running_search;

static bool runs_here(tally_snapshot *snapshot, const void *object, const tally_entry *running, uint32_t record)
{
    if (object != snapshot) return false;
    if (running < snapshot->entries || running >= snapshot->entries + snapshot->count) return false;
    return snapshot->records[running - snapshot->entries] == record;
}

static void look_for_handler(const tally_hazard *hazard, const void *object, void *user_data)
{
    running_search *search = user_data;
    uintptr_t raw = (uintptr_t)atomic_load(&hazard->running);
    const tally_entry *running = (const tally_entry *)(raw & ~TALLY_RUN_SAID);
    if (running == NULL) return;
    if (search->current != NULL && runs_here(search->current, object, running, search->record)) search->found = true;
    for (tally_snapshot *snapshot = search->snapshots; snapshot != NULL; snapshot = snapshot->next) {
        if (runs_here(snapshot, object, running, search->record)) search->found = true;
    }
}

bool tally_handler_is_running(tally_body *body, uint32_t record)
{
    if (atomic_load(&body->slot->pins) != 0) return true;
    running_search search = {body->retired, body->current, record, false};
    tally_threads_each_hazard(look_for_handler, &search);
    return search.found;
}
