#include "store/notify.h"

#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "log/log.h"
#include "log/lookup.h"
#include "registry/snapshot.h"
#include "store/delivery.h"

tally_status tally_delivery_open(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t os_error = 0;
    tally_delivery *delivery = platform->allocate(platform->context, sizeof *delivery);
    if (delivery == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    memset(delivery, 0, sizeof *delivery);
    tally_status status = platform->mutex_init(platform->context, &delivery->mutex, &os_error);
    if (status != TALLY_OK) {
        platform->release(platform->context, delivery);
        return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    }
    body->delivery = delivery;
    return TALLY_OK;
}

void tally_delivery_close(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_delivery *delivery = body->delivery;
    if (delivery == NULL) return;
    platform->release(platform->context, delivery->scratch);
    platform->mutex_destroy(platform->context, &delivery->mutex);
    platform->release(platform->context, delivery);
}

bool tally_store_in_handler(const tally_store_body *body)
{
    const void *thread = atomic_load_explicit(&body->delivery->thread, memory_order_relaxed);
    return thread != NULL && thread == tally_thread_now;
}

static void lock(const tally_store_body *body)
{
    body->platform->mutex_lock(body->platform->context, &body->delivery->mutex);
}

static void unlock(const tally_store_body *body)
{
    body->platform->mutex_unlock(body->platform->context, &body->delivery->mutex);
}

static bool has_handlers(const tally_store_body *body)
{
    const tally_slot *slot = (const tally_slot *)body->registry;
    return atomic_load_explicit(&slot->live, memory_order_acquire) != LIVE_EMPTY;
}

/* ------------------------------------------------------------------------------------ delivering */

/* Types are few, and events of one type come together. One that cannot be a kind's name, or for which there is no
 * room, is delivered to those who want everything. */
static uint32_t kind_of(tally_delivery *delivery, tally_text type)
{
    if (type.length == delivery->type_length && memcmp(type.bytes, delivery->type, type.length) == 0) {
        return delivery->kind;
    }
    uint32_t kind = TALLY_KIND_NONE;
    if (tally_kind_intern(type.bytes, type.length, &kind, NULL) != TALLY_OK || kind & TALLY_KIND_PATTERN) {
        kind = TALLY_KIND_NONE;
    }
    memcpy(delivery->type, type.bytes, type.length);
    delivery->type_length = type.length;
    delivery->kind = kind;
    return kind;
}

static uint8_t *scratch_of(const tally_store_body *body, size_t length)
{
    tally_delivery *delivery = body->delivery;
    if (delivery->scratch_capacity >= length) return delivery->scratch;
    body->platform->release(body->platform->context, delivery->scratch);
    delivery->scratch = body->platform->allocate(body->platform->context, length);
    delivery->scratch_capacity = delivery->scratch == NULL ? 0 : length;
    return delivery->scratch;
}

/* An event that cannot be read is passed over: whoever reads it is told why. False: nothing can be read now. */
static bool deliver_one(tally_store_body *body, const tally_view *view, uint64_t position)
{
    tally_place place;
    tally_event event;
    tally_status status = tally_lookup_place(view, position, &place, NULL);
    if (status == TALLY_OK) {
        uint8_t *scratch = scratch_of(body, place.length);
        status =
            scratch == NULL ? TALLY_E_NO_MEMORY : tally_lookup_event(&place, position, false, scratch, &event, NULL);
    }
    if (status == TALLY_E_NO_MEMORY) return false;
    if (status != TALLY_OK) return true;
    tally_notice notice = {.kind = kind_of(body->delivery, event.type), .data = &event, .length = sizeof event};
    atomic_fetch_add_explicit(&body->notified_events, 1, memory_order_relaxed);
    (void)tally_registry_notify(body->registry, &notice, NULL, NULL);
    return true;
}

static bool is_open(const tally_store_body *body) { return atomic_load(&body->slot->state) == TALLY_SLOT_OPEN; }

/* Up to where events have reached the level that their append waits for. */
static uint64_t end_now(tally_store_body *body)
{
    if (body->log == NULL) return tally_shown_end(body->shown);
    tally_log_lock(body->log);
    uint64_t end = tally_log_settled(body->log);
    tally_log_unlock(body->log);
    return end;
}

/* Called and returns with the lock held; works without it. */
static bool deliver_some(tally_store_body *body, uint64_t end)
{
    tally_delivery *delivery = body->delivery;
    uint64_t position = delivery->next;
    unlock(body);
    tally_view *view = tally_shown_hold(body->shown);
    bool goes_on = view != NULL;
    while (goes_on && position < end) {
        goes_on = is_open(body) && deliver_one(body, view, position);
        if (goes_on) position++;
    }
    if (view != NULL) tally_view_release(view);
    lock(body);
    delivery->next = position;
    return goes_on;
}

/* A thread that finds another one at work leaves its events to that one, which looks again before it stops. */
void tally_delivery_run(tally_store_body *body)
{
    tally_delivery *delivery = body->delivery;
    if (!has_handlers(body) || tally_store_in_handler(body)) return;
    lock(body);
    if (!delivery->running) {
        delivery->running = true;
        atomic_store_explicit(&delivery->thread, tally_thread_attach(), memory_order_relaxed);
        uint64_t end = end_now(body);
        while (delivery->next < end && deliver_some(body, end)) end = end_now(body);
        atomic_store_explicit(&delivery->thread, NULL, memory_order_relaxed);
        delivery->running = false;
    }
    unlock(body);
}

/* ----------------------------------------------------------------------------------- registering */

static tally_status read_options(const tally_handler_options *options, tally_text type, uint32_t *kind,
                                 tally_handler_options *known, tally_error *error)
{
    tally_status status = tally_options_read(known, sizeof *known, sizeof(tally_handler_options), options,
                                             "tally_handler_options", error);
    if (status != TALLY_OK) return status;
    if (known->kinds != NULL || known->kind_count != 0) {
        return tally_fail(error, TALLY_E_OPTION, "kinds must be empty; pass the type instead");
    }
    if (type.length == 0) return TALLY_OK;
    status = tally_kind_intern(type.bytes, type.length, kind, error);
    known->kinds = kind;
    known->kind_count = 1;
    return status;
}

tally_status tally_store_on(tally_store *store, tally_text type, tally_handler handler, void *user_data,
                            const tally_handler_options *options, tally_handler_id *id, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_handler_options known;
    uint32_t kind = TALLY_KIND_NONE;
    tally_error_clear(error);
    if (id == NULL) return tally_fail(error, TALLY_E_NULL, "id is NULL; it receives the handler's id");
    *id = (tally_handler_id){0, 0};
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = read_options(options, type, &kind, &known, error);
    if (status == TALLY_OK) {
        uint64_t end = end_now(body);
        lock(body);
        bool is_first = !has_handlers(body);
        status = tally_registry_register(body->registry, handler, user_data, &known, id, error);
        if (status == TALLY_OK && is_first && body->delivery->next < end) body->delivery->next = end;
        unlock(body);
    }
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}
