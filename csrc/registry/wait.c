#include <tallystick/registry.h>

#include "handle/closing.h"
#include "handle/process.h"
#include "registry/records.h"
#include "registry/writer.h"

/* Quiescent removal: the handler is removed first, then looked for in all hazards until nobody runs it.
 * Since its function was overwritten before the barrier, nobody can start it any more, so one barrier
 * is enough however often we look. */

/* The record of a removed handler that the registry still knows, or RECORD_NONE. */
static uint32_t find_removed(const tally_body *body, uint64_t id)
{
    uint32_t index = body->removed;
    while (index != RECORD_NONE && tally_record_at(body->chunks, index)->id != id) {
        index = tally_record_at(body->chunks, index)->link;
    }
    return index;
}

/* Under the stripe, which is given up while it sleeps. */
static tally_status wait_until_out(tally_writer *writer, uint64_t id, uint32_t timeout_ms, tally_error *error)
{
    tally_body *body = writer->body;
    const tally_platform *platform = body->platform;
    if (tally_fence_all() != TALLY_OK) {
        return tally_fail(error, TALLY_E_UNSUPPORTED,
                          "removed, but the system refuses the barrier that waiting needs (membarrier)");
    }
    uint64_t began = platform->monotonic_ns(platform->context);
    uint32_t round = 0;
    for (;;) {
        uint32_t record = find_removed(body, id);
        if (record == RECORD_NONE || !tally_handler_is_running(body, record)) return TALLY_OK;
        uint64_t waited_ns = platform->monotonic_ns(platform->context) - began;
        if (timeout_ms != TALLY_WAIT_FOREVER && waited_ns >= (uint64_t)timeout_ms * 1000000u) {
            return tally_fail(error, TALLY_E_TIMEOUT, "removed, but a thread was still inside the handler after %u ms",
                              timeout_ms);
        }
        tally_body_unlock(body);
        tally_gate_backoff(&round);
        tally_body_lock(body);
    }
}

tally_status tally_registry_unregister_wait(tally_registry *registry, tally_handler_id id, uint32_t timeout_ms,
                                            int32_t *removed, tally_error *error)
{
    if (removed != NULL) *removed = 0;
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    status = tally_unregister_in(&writer, id, removed, error);
    if (status == TALLY_OK && tally_thread_in_callback()) {
        status = tally_fail(error, TALLY_E_WOULD_BLOCK,
                            "removed, but this thread is inside a handler and does not wait; wait outside of it");
    } else if (status == TALLY_OK) {
        status = wait_until_out(&writer, id.handler, timeout_ms, error);
        if (status == TALLY_OK) (void)tally_reclaim_body(writer.body, &writer.garbage, true);
    }
    tally_writer_end(&writer);
    return status;
}

/* ----------------------------------------------------------------------------------------- reclaim */

tally_status tally_registry_reclaim(tally_registry *registry, uint64_t *pending, tally_error *error)
{
    if (pending != NULL) *pending = 0;
    if (tally_thread_in_handler()) {
        return tally_fail(error, TALLY_E_WOULD_BLOCK, "this thread is inside a handler; reclaim outside of it");
    }
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_sweep_claimed(body);
    if (body->stale) tally_publish_live(body);
    status = tally_reclaim_body(body, &writer.garbage, true);
    if (pending != NULL) *pending = tally_pending_destructors(body);
    tally_writer_end(&writer);
    if (status != TALLY_OK) return tally_fail(error, status, "the system refuses the barrier that reclaiming needs");
    return TALLY_OK;
}

typedef struct reclaim_all {
    uint64_t pending;
    tally_status status;
} reclaim_all;

static void reclaim_slot(tally_slot *slot, void *user_data)
{
    reclaim_all *all = user_data;
    if (atomic_load(&slot->kind) != TALLY_HANDLE_REGISTRY || atomic_load(&slot->state) != TALLY_SLOT_OPEN) return;
    uint64_t pending = 0;
    tally_status status = tally_registry_reclaim((tally_registry *)slot, &pending, NULL);
    all->pending += pending;
    if (status == TALLY_E_UNSUPPORTED) all->status = status;
}

tally_status tally_reclaim(uint64_t *pending, tally_error *error)
{
    tally_error_clear(error);
    if (pending != NULL) *pending = 0;
    if (tally_thread_in_handler()) {
        return tally_fail(error, TALLY_E_WOULD_BLOCK, "this thread is inside a handler; reclaim outside of it");
    }
    tally_status started = tally_process_start(error); /* nothing may have been opened yet */
    if (started != TALLY_OK) return started;
    reclaim_all all = {0, TALLY_OK};
    tally_slab_each(reclaim_slot, &all);
    tally_close_deferred(); /* also when no registry is open */
    if (pending != NULL) *pending = all.pending;
    if (all.status != TALLY_OK)
        return tally_fail(error, all.status, "the system refuses the barrier that reclaiming needs");
    return TALLY_OK;
}
