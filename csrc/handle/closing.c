#include "handle/closing.h"

#include "handle/process.h"

static tally_slot *deferred; /* guarded by TALLY_LOCK_DEFERRED */
static _Atomic(uint32_t) deferred_count;

static void defer(tally_slot *slot)
{
    tally_process_lock(TALLY_LOCK_DEFERRED);
    atomic_fetch_or_explicit(&slot->flags, TALLY_SLOT_DEFERRED, memory_order_relaxed);
    slot->next = deferred;
    deferred = slot;
    atomic_fetch_add(&deferred_count, 1);
    tally_process_unlock(TALLY_LOCK_DEFERRED);
}

static enum tally_finish finish(tally_slot *slot)
{
    enum tally_finish result = slot->steps->finish(slot);
    if (result == TALLY_FINISH_NEVER) atomic_store(&slot->state, TALLY_SLOT_CLOSED);
    return result;
}

void tally_close_deferred(void)
{
    if (TALLY_LIKELY(atomic_load_explicit(&deferred_count, memory_order_acquire) == 0)) return;
    if (tally_thread_in_callback()) return;
    tally_process_lock(TALLY_LOCK_DEFERRED);
    tally_slot *list = deferred;
    for (tally_slot *slot = list; slot != NULL; slot = slot->next) {
        atomic_fetch_and_explicit(&slot->flags, ~TALLY_SLOT_DEFERRED, memory_order_relaxed);
    }
    deferred = NULL;
    atomic_store(&deferred_count, 0);
    tally_process_unlock(TALLY_LOCK_DEFERRED);
    while (list != NULL) {
        tally_slot *slot = list;
        list = slot->next;
        if (finish(slot) == TALLY_FINISH_LATER) defer(slot);
    }
}

/* The other close is over when the slot is closed or serves a new object. It may be a deferred one, so
 * that this thread is the one to finish it. */
static void wait_for_other_close(tally_slot *slot, uint32_t generation)
{
    uint32_t round = 0;
    while (atomic_load(&slot->state) == TALLY_SLOT_CLOSING && atomic_load(&slot->generation) == generation) {
        tally_close_deferred();
        tally_gate_backoff(&round);
    }
}

void tally_close_shut(tally_slot *slot, bool may_wait)
{
    if (atomic_load(&slot->poisoned) != 0) {
        /* What a broken invariant spoiled is not walked again: it is leaked. */
        atomic_store(&slot->state, TALLY_SLOT_CLOSED);
        return;
    }
    if (slot->steps->withdraw != NULL) slot->steps->withdraw(slot);
    enum tally_finish result = TALLY_FINISH_LATER;
    if (!tally_thread_in_callback()) {
        uint32_t round = 0;
        while ((result = finish(slot)) == TALLY_FINISH_LATER && may_wait) tally_gate_backoff(&round);
    }
    if (result == TALLY_FINISH_LATER) defer(slot);
}

tally_status tally_close(void *handle, enum tally_kind_of_handle kind, bool may_wait)
{
    if (handle == NULL) return TALLY_OK;
    tally_slot *slot = __atomic_load_n((tally_slot **)handle, __ATOMIC_ACQUIRE);
    if (slot == NULL) return TALLY_OK;
    if (!tally_slab_holds(slot)) return TALLY_E_HANDLE;
    uint32_t generation = atomic_load(&slot->generation);
    if (generation == 0) return TALLY_E_HANDLE;
    if (atomic_load(&slot->kind) != (uint32_t)kind) return TALLY_E_TYPE;
    if (tally_gate_shut(slot)) {
        tally_close_shut(slot, may_wait);
    } else if (may_wait && !tally_thread_in_callback()) {
        wait_for_other_close(slot, generation);
    }
    __atomic_store_n((tally_slot **)handle, NULL, __ATOMIC_RELEASE);
    tally_close_deferred();
    return TALLY_OK;
}

enum tally_finish tally_close_when_quiet(tally_slot *slot, void (*release)(void *body))
{
    if (tally_fence_all() != TALLY_OK) return TALLY_FINISH_NEVER;
    if (!tally_gate_is_quiet(slot)) return TALLY_FINISH_LATER;
    release(slot->body);
    tally_slab_give(slot);
    return TALLY_FINISH_DONE;
}
