#include "handle/gate.h"

#include <tallystick/platform.h>

#include "handle/closing.h"
#include "handle/process.h"

const char *tally_gate_kind_name(uint32_t kind)
{
    switch (kind) {
    case TALLY_HANDLE_REGISTRY: return "registry";
    case TALLY_HANDLE_COUNTER: return "counter";
    case TALLY_HANDLE_RING: return "ring";
    case TALLY_HANDLE_MASK: return "mask";
    case TALLY_HANDLE_STORE: return "store";
    case TALLY_HANDLE_READER: return "reader";
    case TALLY_HANDLE_COMPLETIONS: return "completions";
    default: return "object";
    }
}

tally_status tally_gate_new(tally_slot **out, enum tally_kind_of_handle kind, void *body, uint32_t flags,
                            const struct tally_close_steps *steps, tally_error *error)
{
    tally_slot *slot = tally_slab_take();
    if (slot == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for another handle");
    tally_process_lock(TALLY_LOCK_SLAB); /* a fork finds both or none of them, see leave_to_parent */
    slot->body = body;
    slot->steps = steps;
    tally_process_unlock(TALLY_LOCK_SLAB);
    atomic_store_explicit(&slot->flags, flags, memory_order_relaxed);
    atomic_store_explicit(&slot->forks, tally_process_forks(), memory_order_relaxed);
    atomic_store_explicit(&slot->kind, (uint32_t)kind, memory_order_relaxed);
    atomic_store_explicit(&slot->live, TALLY_LIVE_NONE, memory_order_relaxed);
    *out = slot;
    return TALLY_OK;
}

/* Handles, not memory: a close counts when it begins, whatever is leaked or follows later. */
static _Atomic(size_t) open_handles;

size_t tally_handle_count(void) { return atomic_load_explicit(&open_handles, memory_order_relaxed); }

void tally_gate_open(tally_slot *slot)
{
    atomic_fetch_add_explicit(&open_handles, 1, memory_order_relaxed);
    atomic_store(&slot->state, TALLY_SLOT_OPEN);
}

bool tally_gate_shut(tally_slot *slot)
{
    uint32_t open = TALLY_SLOT_OPEN;
    if (!atomic_compare_exchange_strong(&slot->state, &open, TALLY_SLOT_CLOSING)) return false;
    atomic_fetch_sub_explicit(&open_handles, 1, memory_order_relaxed);
    return true;
}

static tally_status check_slot(const tally_slot *slot, enum tally_kind_of_handle kind, tally_error *error)
{
    uint32_t state = atomic_load(&slot->state);
    uint32_t actual = atomic_load_explicit(&slot->kind, memory_order_relaxed);
    if (atomic_load_explicit(&slot->generation, memory_order_acquire) == 0) {
        return tally_fail(error, TALLY_E_HANDLE, "this %s handle was never opened",
                          tally_gate_kind_name((uint32_t)kind));
    }
    if (actual != (uint32_t)kind) {
        return tally_fail(error, TALLY_E_TYPE, "the handle is a %s where a %s is needed", tally_gate_kind_name(actual),
                          tally_gate_kind_name((uint32_t)kind));
    }
    if (state != TALLY_SLOT_OPEN) {
        return tally_fail(error, TALLY_E_CLOSED, "the %s is closed; open a new one", tally_gate_kind_name(actual));
    }
    if (atomic_load_explicit(&slot->poisoned, memory_order_relaxed) != 0) {
        return tally_fail(error, TALLY_E_PANIC, "an invariant of this %s broke earlier; close it and report the bug",
                          tally_gate_kind_name(actual));
    }
    bool owns_files = (atomic_load_explicit(&slot->flags, memory_order_relaxed) & TALLY_SLOT_OWNS_FILES) != 0;
    if (owns_files && atomic_load_explicit(&slot->forks, memory_order_relaxed) != tally_process_forks()) {
        return tally_fail(error, TALLY_E_FORKED, "the %s was opened before fork; open it again in the child",
                          tally_gate_kind_name(actual));
    }
    return TALLY_OK;
}

static tally_status check_pointer(const void *handle, enum tally_kind_of_handle kind, tally_error *error)
{
    if (handle == NULL)
        return tally_fail(error, TALLY_E_NULL, "the %s handle is NULL", tally_gate_kind_name((uint32_t)kind));
    if (!tally_slab_holds(handle)) {
        return tally_fail(error, TALLY_E_HANDLE, "the pointer is not a %s handle of this library",
                          tally_gate_kind_name((uint32_t)kind));
    }
    return TALLY_OK;
}

tally_status tally_gate_check(const void *handle, enum tally_kind_of_handle kind, tally_error *error)
{
    tally_status status = check_pointer(handle, kind, error);
    return status != TALLY_OK ? status : check_slot(handle, kind, error);
}

tally_status tally_gate_enter(tally_call *call, const void *handle, enum tally_kind_of_handle kind, tally_error *error)
{
    tally_error_clear(error);
    tally_status status = check_pointer(handle, kind, error);
    if (status != TALLY_OK) return status;
    tally_slot *slot = (tally_slot *)(uintptr_t)handle;
    /* Count first, look second: a close looks first at the state it set, then at the count. */
    atomic_fetch_add(&slot->calls, 1);
    status = check_slot(slot, kind, error);
    if (status != TALLY_OK) {
        atomic_fetch_sub(&slot->calls, 1);
        return status;
    }
    call->slot = slot;
    tally_thread *self = tally_thread_attach();
    call->outer = self == NULL ? NULL : self->calls;
    if (self != NULL) self->calls = call;
    return TALLY_OK;
}

void tally_gate_leave(tally_call *call)
{
    tally_thread *self = tally_thread_now;
    if (self->calls == call) self->calls = call->outer;
    atomic_fetch_sub(&call->slot->calls, 1);
}

void tally_gate_pin(tally_call *pin, tally_thread *self, tally_slot *slot)
{
    pin->slot = slot;
    pin->outer = self == NULL ? NULL : self->pins;
    if (self != NULL) self->pins = pin;
    atomic_fetch_add(&slot->pins, 1);
}

void tally_gate_unpin(const tally_call *pin, tally_thread *self)
{
    if (self != NULL) self->pins = pin->outer;
    atomic_fetch_sub(&pin->slot->pins, 1);
}

void *tally_gate_hold(tally_hold *hold, const void *handle, enum tally_kind_of_handle kind)
{
    if (!tally_slab_holds(handle)) return NULL;
    tally_slot *slot = (tally_slot *)(uintptr_t)handle;
    hold->self = tally_thread_attach();
    hold->hazard = hold->self == NULL ? NULL : tally_hazard_push(hold->self);
    if (hold->hazard != NULL) tally_hazard_publish(&hold->hazard->object, slot, tally_fence_is_portable());
    else tally_gate_pin(&hold->pin, hold->self, slot);
    bool open = atomic_load(&slot->state) == TALLY_SLOT_OPEN &&
                atomic_load_explicit(&slot->kind, memory_order_relaxed) == (uint32_t)kind;
    if (TALLY_LIKELY(open)) return slot->body;
    tally_gate_drop(hold);
    return NULL;
}

void tally_gate_drop(tally_hold *hold)
{
    if (hold->hazard != NULL) tally_hazard_pop(hold->self, hold->hazard);
    else tally_gate_unpin(&hold->pin, hold->self);
}

static uint32_t stripe_of(const tally_slot *slot)
{
    return (uint32_t)(((uintptr_t)slot / TALLY_SLOT_BYTES) % TALLY_LOCK_STRIPES);
}

void tally_gate_lock(const tally_slot *slot) { tally_process_lock(stripe_of(slot)); }
void tally_gate_unlock(const tally_slot *slot) { tally_process_unlock(stripe_of(slot)); }

typedef struct held_search {
    const tally_slot *slot;
    bool found;
} held_search;

static void look_for_slot(const tally_hazard *hazard, const void *object, void *user_data)
{
    (void)hazard;
    held_search *search = user_data;
    if (object == search->slot) search->found = true;
}

bool tally_gate_is_quiet(tally_slot *slot)
{
    if (atomic_load(&slot->calls) != 0 || atomic_load(&slot->pins) != 0) return false;
    held_search search = {slot, false};
    tally_threads_each_hazard(look_for_slot, &search);
    return !search.found;
}

void tally_gate_backoff(uint32_t *round)
{
    const tally_platform *platform = tally_platform_default();
    uint32_t step = *round < 20 ? *round : 20;
    *round += 1;
    uint64_t sleep_ns = step < 4 ? 0 : (uint64_t)1000 << (step - 4);
    platform->sleep_ns(platform->context, sleep_ns > 1000000 ? 1000000 : sleep_ns);
}

tally_status tally_gate_poison(tally_slot *slot, const char *invariant, tally_error *error)
{
    atomic_store(&slot->poisoned, 1);
    atomic_store(&slot->live, TALLY_LIVE_NONE);
    return tally_fail(error, TALLY_E_PANIC, "broken invariant: %s; close this %s and report the bug", invariant,
                      tally_gate_kind_name(atomic_load(&slot->kind)));
}

void tally_gate_forget(tally_slot *slot)
{
    tally_process_lock(TALLY_LOCK_SLAB);
    slot->body = NULL;
    tally_process_unlock(TALLY_LOCK_SLAB);
}

/* A free slot with a body is one that is being opened. */
static void leave_to_parent(tally_slot *slot)
{
    if (slot->body == NULL || atomic_load(&slot->state) == TALLY_SLOT_CLOSED) return;
    if (slot->steps != NULL && slot->steps->in_child != NULL) slot->steps->in_child(slot);
}

static void forget_calls(tally_slot *slot, void *user_data)
{
    (void)user_data;
    leave_to_parent(slot);
    atomic_store(&slot->calls, 0);
    atomic_store(&slot->pins, 0);
    /* A close that another thread had begun will never end: the object is leaked, the handle closed. */
    bool waits_for_anybody = (atomic_load(&slot->flags) & TALLY_SLOT_DEFERRED) != 0;
    if (!waits_for_anybody && atomic_load(&slot->state) == TALLY_SLOT_CLOSING)
        atomic_store(&slot->state, TALLY_SLOT_CLOSED);
}

void tally_gates_after_fork(void)
{
    tally_slab_each(forget_calls, NULL);
    for (tally_call *call = tally_thread_now->calls; call != NULL; call = call->outer) {
        atomic_fetch_add(&call->slot->calls, 1);
    }
    for (tally_call *pin = tally_thread_now->pins; pin != NULL; pin = pin->outer) {
        atomic_fetch_add(&pin->slot->pins, 1);
    }
}
