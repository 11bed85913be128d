/* The gate: every call on a handle passes it, close (closing.h) waits behind it. One mechanism for
 * all objects.
 *
 *     tally_call call;
 *     tally_status status = tally_gate_enter(&call, handle, TALLY_HANDLE_RING, error);
 *     if (status != TALLY_OK) return status;
 *     … call.slot->body is valid here …
 *     tally_gate_leave(&call);
 *
 * A call in flight finishes first; a later one gets TALLY_E_CLOSED, never freed memory. Hot functions
 * that cannot afford the two atomic additions use a hazard on the slot instead (tally_gate_hold). */
#ifndef TALLY_HANDLE_GATE_H
#define TALLY_HANDLE_GATE_H

#include "base/error.h"
#include "handle/slab.h"
#include "handle/thread.h"

/* Makes a slot for a new object; the caller sets `live` (registries only) and then calls
 * tally_gate_open. TALLY_E_NO_MEMORY. */
tally_status tally_gate_new(tally_slot **out, enum tally_kind_of_handle kind, void *body, uint32_t flags,
                            const struct tally_close_steps *steps, tally_error *error);
/* Before an object with `in_child` is freed: a fork finds nothing from here on. */
void tally_gate_forget(tally_slot *slot);
void tally_gate_open(tally_slot *slot);

/* Lets no call in any more. True for exactly one of any number of callers. */
bool tally_gate_shut(tally_slot *slot);

/* The typed error for a handle that cannot be used, without touching what it points to beyond its
 * slot: TALLY_E_NULL, E_HANDLE, E_TYPE, E_CLOSED, E_FORKED, E_PANIC. TALLY_OK when it can be used. */
tally_status tally_gate_check(const void *handle, enum tally_kind_of_handle kind, tally_error *error);

tally_status tally_gate_enter(tally_call *call, const void *handle, enum tally_kind_of_handle kind, tally_error *error);
void tally_gate_leave(tally_call *call);

/* In place of a hazard, for a thread that has none left or no record (`self` NULL): while a slot is pinned
 * nothing of its object is reclaimed. A thread unpins in reverse order. */
void tally_gate_pin(tally_call *pin, tally_thread *self, tally_slot *slot);
void tally_gate_unpin(const tally_call *pin, tally_thread *self);

/* The cheap gate for a native handler: returns the slot's body, or NULL when it is not open. */
typedef struct tally_hold {
    tally_thread *self;
    tally_hazard *hazard; /* NULL: a pin is held instead */
    tally_call pin;
} tally_hold;
void *tally_gate_hold(tally_hold *hold, const void *handle, enum tally_kind_of_handle kind);
void tally_gate_drop(tally_hold *hold);

/* The lock of an object: one of a few static ones, which a fork takes all, so that a child never finds it
 * held. Nobody takes a second one. */
void tally_gate_lock(const tally_slot *slot);
void tally_gate_unlock(const tally_slot *slot);

/* Whether no call is inside and no thread holds the slot. The caller has passed tally_fence_all since
 * it took the slot out of reach. */
bool tally_gate_is_quiet(tally_slot *slot);

/* One step of waiting for other threads: spins first, sleeps longer later, at most 1 ms. */
void tally_gate_backoff(uint32_t *round);

/* Poisons an object whose invariant is broken; each later call says TALLY_E_PANIC. */
tally_status tally_gate_poison(tally_slot *slot, const char *invariant, tally_error *error);

#define TALLY_INVARIANT(slot, condition, error)                                              \
    do {                                                                                     \
        if (TALLY_UNLIKELY(!(condition))) return tally_gate_poison(slot, #condition, error); \
    } while (0)

/* "registry", "ring", … for messages. */
const char *tally_gate_kind_name(uint32_t kind);

void tally_gates_after_fork(void);

#endif
