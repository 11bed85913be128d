#include "registry/close.h"

#include "registry/records.h"
#include "registry/watch.h"
#include "registry/writer.h"

static void free_body(tally_body *body);

/* Drops a child's hold on its parent; a closed parent lives until its last child lets go. A poisoned one
 * was closed without waiting, so a thread may still be inside: it stays. */
static void release_parent(tally_body *parent)
{
    tally_body_lock(parent);
    parent->children--;
    bool last = parent->children == 0 && atomic_load(&parent->slot->state) == TALLY_SLOT_CLOSED &&
                atomic_load(&parent->slot->poisoned) == 0;
    tally_body_unlock(parent);
    if (last) free_body(parent);
}

static void free_body(tally_body *body)
{
    const tally_platform *platform = body->platform;
    tally_slot *slot = body->slot;
    tally_body *parent = body->parent;
    platform->release(platform->context, body->host);
    platform->release(platform->context, body);
    tally_slab_give(slot);
    if (parent != NULL) release_parent(parent);
}

static void destroy(tally_body *body)
{
    tally_records_destroy(body);
    tally_body_lock(body);
    bool kept = body->children != 0;
    if (kept) atomic_store(&body->slot->state, TALLY_SLOT_CLOSED);
    tally_body_unlock(body);
    if (!kept) free_body(body);
}

static enum tally_finish finish(tally_slot *slot)
{
    tally_body *body = slot->body;
    if (atomic_load(&slot->calls) != 0) return TALLY_FINISH_LATER;
    tally_garbage garbage = {NULL, NULL, NULL};
    tally_body_lock(body);
    tally_status status = tally_reclaim_body(body, &garbage, true);
    bool nothing_retired = body->retired == NULL && body->removed == RECORD_NONE && body->retired_panics == NULL;
    tally_body_unlock(body);
    tally_garbage_dispose(body, &garbage);
    if (status == TALLY_E_UNSUPPORTED) return TALLY_FINISH_NEVER;
    bool quiet = nothing_retired && atomic_load(&slot->calls) == 0 && atomic_load(&slot->pins) == 0;
    if (!quiet) return TALLY_FINISH_LATER;
    destroy(body);
    return TALLY_FINISH_DONE;
}

/* No handler starts after this: functions are overwritten wherever a thread may still read them. */
static void withdraw(tally_slot *slot)
{
    tally_body *body = slot->body;
    tally_body_lock(body);
    tally_snapshot *current = body->current;
    for (uint32_t i = 0; current != NULL && i < current->count; i++) {
        tally_record *record = tally_record_at(body->chunks, current->records[i]);
        if (record->state == RECORD_LIVE) record->state = RECORD_LEAVING;
    }
    (void)tally_retire_leaving(body);
    tally_publish(body, NULL);
    atomic_store(&slot->live, TALLY_LIVE_NONE);
    tally_watch *watches = tally_watches_take(body);
    tally_panic *panic = atomic_exchange(&body->panic, NULL);
    if (panic != NULL) {
        panic->next = body->retired_panics;
        body->retired_panics = panic;
    }
    tally_body_unlock(body);
    tally_watches_release(body, watches);
}

const tally_close_steps tally_registry_close_steps = {withdraw, finish, NULL};

tally_status tally_registry_close(tally_registry **registry)
{
    return tally_close(registry, TALLY_HANDLE_REGISTRY, true);
}

tally_status tally_registry_abandon(tally_registry **registry)
{
    return tally_close(registry, TALLY_HANDLE_REGISTRY, false);
}
