#include "store/close.h"

#include "handle/process.h"
#include "log/lockfile.h"
#include "log/log.h"
#include "store/delivery.h"
#include "store/gates.h"
#include "store/jobs.h"
#include "store/scratch.h"
#include "store/signing.h"

static void end_log(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_log_stop(body->log);
    (void)tally_log_finish(body->log, NULL);
    tally_store_signing_finish(body);
    tally_jobs_close(body);
    tally_log_destroy(body->log);
    platform->release(platform->context, body->log);
}

static void end_following(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    if (body->has_followed) tally_shown_destroy(&body->followed);
    if (body->follow != NULL) tally_follow_close(body->follow);
    if (body->has_follow_mutex) platform->mutex_destroy(platform->context, &body->follow_mutex);
}

void tally_store_discard(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    if (body->log != NULL) end_log(body);
    end_following(body);
    tally_store_signing_free(body);
    if (body->scratches != NULL) tally_scratches_destroy(body->scratches);
    platform->release(platform->context, body->scratches);
    (void)tally_registry_close(&body->registry);
    tally_delivery_close(body);
    tally_gates_close(body);
    tally_lockfile_drop(&body->folder, &body->segment_lock);
    tally_lockfile_drop(&body->folder, &body->lock_file);
    if (body->has_readers_mutex) platform->mutex_destroy(platform->context, &body->readers_mutex);
    if (body->slot != NULL) tally_gate_forget(body->slot);
    platform->release(platform->context, body);
}

static bool is_forked(tally_slot *slot) { return atomic_load(&slot->forks) != tally_process_forks(); }

/* Who waits is told, so that nobody is inside soon. */
static void withdraw(tally_slot *slot)
{
    tally_store_body *body = slot->body;
    if (is_forked(slot)) return;
    if (body->log != NULL) {
        tally_log_lock(body->log);
        body->log->closing = true;
        tally_log_changed(body->log);
        tally_log_unlock(body->log);
    }
    tally_readers_close(body, true);
}

/* In a forked child the locks are held by threads that do not exist, and the files are the parent's: what is
 * there is left alone. */
static enum tally_finish finish(tally_slot *slot)
{
    if (is_forked(slot)) return TALLY_FINISH_NEVER;
    if (tally_fence_all() != TALLY_OK) return TALLY_FINISH_NEVER;
    if (!tally_gate_is_quiet(slot)) return TALLY_FINISH_LATER;
    tally_store_body *body = slot->body;
    /* One may have been opened by a call that was inside still, or closed inside a callback. */
    if (atomic_load(&body->reader_count) != 0) tally_readers_close(body, false);
    if (atomic_load(&body->reader_count) != 0) return TALLY_FINISH_LATER;
    tally_store_discard(body);
    tally_slab_give(slot);
    return TALLY_FINISH_DONE;
}

static void let_go(const tally_store_body *body, tally_file *lock)
{
    int32_t os_error = 0;
    if (*lock == TALLY_FILE_NONE) return;
    (void)body->platform->close_file(body->platform->context, *lock, &os_error);
    *lock = TALLY_FILE_NONE;
}

/* The locks are the parent's: a child that kept their descriptors would hold them when the parent is gone. */
static void in_child(tally_slot *slot)
{
    tally_store_body *body = slot->body;
    tally_store_signing_in_child(body);
    let_go(body, &body->segment_lock);
    let_go(body, &body->lock_file);
}

const tally_close_steps tally_store_close_steps = {withdraw, finish, in_child};

/* A gate runs inside an append, which would have to end first. */
static bool is_in_gate(tally_store **store)
{
    tally_call call;
    tally_store_body *body;
    if (store == NULL || *store == NULL || !tally_thread_in_callback()) return false;
    if (tally_store_enter(&call, *store, &body, NULL) != TALLY_OK) return false;
    bool inside = tally_store_in_gate(body);
    tally_gate_leave(&call);
    return inside;
}

tally_status tally_store_close(tally_store **store)
{
    if (is_in_gate(store)) return TALLY_E_WOULD_BLOCK;
    return tally_close(store, TALLY_HANDLE_STORE, true);
}
