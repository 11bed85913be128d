#include <tallystick/registry.h>

#include "base/error.h"
#include "base/options.h"
#include "registry/dispatch.h"
#include "registry/snapshot.h"

/* The path that every bar is about. One word of the slot is read; it says empty, closed, plain or
 * general. On the plain path: hazard, look again, loop of {say who runs, call, test}, clear. */

TALLY_COLD tally_status tally_notice_check(const tally_notice *notice, tally_error *error)
{
    if (notice == NULL) return tally_fail(error, TALLY_E_NULL, "notice is NULL; pass one, if need be with length 0");
    if (notice->flags != 0)
        return tally_fail(error, TALLY_E_ARGUMENT, "notice->flags is %u; it must be 0", notice->flags);
    if (notice->kind & TALLY_KIND_PATTERN) {
        return tally_fail(error, TALLY_E_ARGUMENT, "notice->kind is a pattern; an event has an exact kind");
    }
    if (notice->data == NULL && notice->length != 0) {
        return tally_fail(error, TALLY_E_NULL, "notice->data is NULL with length %zu", notice->length);
    }
    if (notice->length > PTRDIFF_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "notice->length is %zu; is it a negative number?", notice->length);
    }
    return TALLY_OK;
}

static inline bool is_acceptable(const tally_notice *notice)
{
    if (TALLY_UNLIKELY(notice == NULL)) return false;
    /* No flag, and not TALLY_KIND_PATTERN, which is bit 31. */
    if (TALLY_UNLIKELY((notice->flags | notice->kind >> 31) != 0)) return false;
    return notice->length == 0 || (notice->data != NULL && notice->length <= PTRDIFF_MAX);
}

/* The handle is bad, the notice is bad, or the general loop is needed. */
TALLY_COLD static tally_status notify_slowly(tally_slot *slot, const tally_notice *notice, tally_notified *out,
                                             tally_error *error)
{
    tally_error_clear(error);
    if (out != NULL) *out = (tally_notified){0, 0, 0, 0};
    if (!tally_slab_holds(slot)) return tally_gate_check(slot, TALLY_HANDLE_REGISTRY, error);
    tally_status status = tally_notice_check(notice, error);
    if (status != TALLY_OK) return status;
    return tally_dispatch(slot, notice, NULL, out, error);
}

/* `live` is a plain snapshot. Out of line, so that the empty registry, the most common one, costs
 * no frame. What lives across the calls is five words: more would be spilled around each of them. */
TALLY_NOINLINE static tally_status notify_plain(tally_slot *slot, const tally_notice *notice, tally_notified *out,
                                                tally_error *error, uintptr_t live)
{
    tally_thread *self = tally_thread_now;
    tally_hazard *hazard = self->next;
    if (TALLY_UNLIKELY(hazard >= self->plain_end)) return notify_slowly(slot, notice, out, error);
    tally_snapshot *snapshot = (tally_snapshot *)(live - LIVE_PLAIN);
    tally_hazard_publish(&hazard->object, snapshot, false);
    if (TALLY_UNLIKELY(atomic_load_explicit(&slot->live, memory_order_acquire) != live)) {
        atomic_store_explicit(&hazard->object, NULL, memory_order_release);
        return notify_slowly(slot, notice, out, error);
    }
    self->next = hazard + 1;

    tally_entry *entry = snapshot->entries;
    tally_entry *end = entry + snapshot->count;
    tally_status status = TALLY_OK;
    if (error != NULL) error->status = TALLY_OK;
    if (out != NULL) *out = (tally_notified){snapshot->count, 0, 0, 0};
    int32_t code;
    do { /* a plain snapshot has at least one entry */
        tally_hazard_publish(&hazard->running, entry, false);
        tally_handler function = atomic_load_explicit(&entry->function, memory_order_acquire);
        code = function(entry->user_data, notice);
    } while (TALLY_LIKELY(code == TALLY_HANDLER_DONE) && ++entry != end);
    if (TALLY_UNLIKELY(code != TALLY_HANDLER_DONE)) {
        status = tally_dispatch_rest(tally_thread_now, hazard, entry, code, notice, out, error);
    }
    atomic_store_explicit(&hazard->object, NULL, memory_order_release);
    tally_thread_now->next = hazard; /* read again: cheaper than to keep it across the calls */
    return status;
}

/* The same for a handle beyond the first chunk of slots, or none. */
TALLY_NOINLINE static tally_status notify_beyond(tally_slot *slot, const tally_notice *notice, tally_notified *out,
                                                 tally_error *error)
{
    if (!tally_slab_holds_later(slot) || !is_acceptable(notice)) return notify_slowly(slot, notice, out, error);
    uintptr_t live = atomic_load_explicit(&slot->live, memory_order_acquire);
    if ((live & LIVE_TAGS) == LIVE_PLAIN) return notify_plain(slot, notice, out, error, live);
    return notify_slowly(slot, notice, out, error);
}

tally_status tally_registry_notify(tally_registry *registry, const tally_notice *notice, tally_notified *out,
                                   tally_error *error)
{
    tally_slot *slot = (tally_slot *)registry;
    if (TALLY_UNLIKELY(!tally_slab_holds_first(slot))) return notify_beyond(slot, notice, out, error);
    if (TALLY_UNLIKELY(!is_acceptable(notice))) return notify_slowly(slot, notice, out, error);
    uintptr_t live = atomic_load_explicit(&slot->live, memory_order_acquire);
    if (live == LIVE_EMPTY) {
        if (error != NULL) error->status = TALLY_OK;
        if (out != NULL) *out = (tally_notified){0, 0, 0, 0};
        return TALLY_OK;
    }
    if (TALLY_LIKELY((live & LIVE_TAGS) == LIVE_PLAIN)) return notify_plain(slot, notice, out, error, live);
    return notify_slowly(slot, notice, out, error);
}

static tally_status read_observer(const tally_observer *observer, tally_observer *known, tally_error *error)
{
    tally_status status =
        tally_options_read(known, sizeof *known, sizeof(tally_observer), observer, "tally_observer", error);
    if (status != TALLY_OK || known->outcome != NULL) return status;
    return tally_fail(error, TALLY_E_NULL, "observer->outcome is NULL");
}

tally_status tally_registry_notify_observed(tally_registry *registry, const tally_notice *notice,
                                            const tally_observer *observer, tally_notified *out, tally_error *error)
{
    tally_error_clear(error);
    if (out != NULL) *out = (tally_notified){0, 0, 0, 0};
    tally_observer known;
    if (observer == NULL)
        return tally_fail(error, TALLY_E_NULL, "observer is NULL; call tally_registry_notify instead");
    tally_status status = read_observer(observer, &known, error);
    if (status == TALLY_OK) status = tally_gate_check(registry, TALLY_HANDLE_REGISTRY, error);
    if (status == TALLY_OK) status = tally_notice_check(notice, error);
    if (status != TALLY_OK) return status;
    return tally_dispatch((tally_slot *)registry, notice, &known, out, error);
}

static tally_status read_part(const tally_part *part, tally_part *known, tally_error *error)
{
    tally_status status = tally_options_read(known, sizeof *known, sizeof(tally_part), part, "tally_part", error);
    if (status != TALLY_OK) return status;
    if (known->order == NULL && known->order_count != 0) {
        return tally_fail(error, TALLY_E_NULL, "order is NULL with order_count %zu", known->order_count);
    }
    if ((uintptr_t)known->order % _Alignof(uint64_t) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "order is not aligned to 8 bytes");
    }
    bool fits = known->first <= known->order_count && known->count <= known->order_count - known->first;
    if (fits && known->order_count <= TALLY_REGISTRY_HANDLERS_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_RANGE, "%zu handlers from %zu on are not in an order of %zu", known->count,
                      known->first, known->order_count);
}

tally_status tally_registry_notify_part(tally_registry *registry, const tally_notice *notice, const tally_part *part,
                                        const tally_observer *observer, tally_notified *out, tally_error *error)
{
    tally_error_clear(error);
    if (out != NULL) *out = (tally_notified){0, 0, 0, 0};
    if (part == NULL) return tally_fail(error, TALLY_E_NULL, "part is NULL; call tally_registry_notify instead");
    tally_part known;
    tally_observer known_observer;
    tally_status status = read_part(part, &known, error);
    if (status == TALLY_OK && observer != NULL) status = read_observer(observer, &known_observer, error);
    if (status == TALLY_OK) status = tally_gate_check(registry, TALLY_HANDLE_REGISTRY, error);
    if (status == TALLY_OK) status = tally_notice_check(notice, error);
    if (status != TALLY_OK) return status;
    return tally_dispatch_part((tally_slot *)registry, notice, &known, observer == NULL ? NULL : &known_observer, out,
                               error);
}
