/* Levels, and waiting for them. */
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "log/log.h"
#include "store/append.h"
#include "store/notify.h"
#include "store/signing.h"
#include "store/store.h"

tally_status tally_store_watermarks(tally_store *store, tally_watermarks *watermarks, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (watermarks == NULL) return tally_fail(error, TALLY_E_NULL, "watermarks is NULL; it receives them");
    memset(watermarks, 0, sizeof *watermarks);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (body->read_only) status = tally_store_refresh(body, error);
    if (status == TALLY_OK) *watermarks = tally_shown_marks(body->shown);
    tally_gate_leave(&call);
    return status;
}

tally_status tally_store_sync(tally_store *store, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_store_writable(body, error);
    if (status == TALLY_OK) {
        tally_log_lock(body->log);
        status = tally_log_check(body->log, error);
        if (status == TALLY_OK) status = tally_log_reach(body->log, TALLY_DURABLE, body->log->next_position, error);
        tally_log_unlock(body->log);
    }
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

tally_status tally_store_tick(tally_store *store, int32_t *more, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    bool left = false;
    if (more != NULL) *more = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (body->read_only) {
        status = tally_store_refresh(body, error);
        if (status == TALLY_OK) tally_delivery_run(body);
    } else if (!body->log->settings.threaded) {
        tally_log_lock(body->log);
        status = tally_log_work(body->log, &left, error);
        tally_log_unlock(body->log);
        uint64_t rest_ns;
        if (status == TALLY_OK && tally_store_signing_serve(body, &rest_ns)) left = true;
    }
    if (more != NULL) *more = status == TALLY_OK && left;
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

/* -------------------------------------------------------------------------------------- waiting */

static bool has_come(const tally_store_body *body, uint32_t level, uint64_t position)
{
    tally_watermarks marks = tally_shown_marks(body->shown);
    if (level == TALLY_DURABLE) return position < marks.durable;
    return position < (level == TALLY_WRITTEN ? marks.written : marks.buffered);
}

static tally_status closed(tally_error *error)
{
    return tally_fail(error, TALLY_E_CLOSED, "the store was closed during the wait");
}

static tally_status wait_writing(tally_store_body *body, uint32_t level, uint64_t position, uint64_t deadline_ns,
                                 tally_error *error)
{
    tally_log *log = body->log;
    tally_status status = TALLY_OK;
    tally_log_lock(log);
    while (status == TALLY_OK && !has_come(body, level, position)) {
        status = tally_log_check(log, error);
        if (status == TALLY_OK && log->closing) status = closed(error);
        if (status == TALLY_OK && tally_log_wait(log, deadline_ns) == TALLY_E_TIMEOUT &&
            !has_come(body, level, position)) {
            status = tally_fail_at(error, TALLY_E_TIMEOUT, position, "the event has not come that far in time");
        }
    }
    tally_log_unlock(log);
    return status;
}

#define LOOK_EVERY_NS 1000000u

static tally_status wait_reading(tally_store_body *body, tally_slot *slot, uint32_t level, uint64_t position,
                                 uint64_t deadline_ns, tally_error *error)
{
    const tally_platform *platform = body->platform;
    for (;;) {
        tally_status status = tally_store_refresh(body, error);
        if (status != TALLY_OK) return status;
        tally_delivery_run(body);
        if (has_come(body, level, position)) return TALLY_OK;
        if (atomic_load(&slot->state) != TALLY_SLOT_OPEN) return closed(error);
        uint64_t left_ns = tally_deadline_left_ns(platform, deadline_ns);
        if (left_ns == 0) {
            return tally_fail_at(error, TALLY_E_TIMEOUT, position, "the event has not come that far in time");
        }
        platform->sleep_ns(platform->context, left_ns < LOOK_EVERY_NS ? left_ns : LOOK_EVERY_NS);
    }
}

tally_status tally_store_wait(tally_store *store, uint32_t level, uint64_t position, uint32_t timeout_ms,
                              tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (level == TALLY_DURABILITY_DEFAULT) level = TALLY_DURABLE;
    if (level > TALLY_DURABLE) {
        status = tally_fail(error, TALLY_E_OPTION, "level is %u; see TALLY_BUFFERED", level);
    } else if (tally_store_in_handler(body)) {
        status = tally_fail(error, TALLY_E_WOULD_BLOCK, "a handler of the store may not wait for the store");
    } else {
        uint64_t deadline_ns = tally_deadline(body->platform, timeout_ms);
        status = body->read_only ? wait_reading(body, call.slot, level, position, deadline_ns, error)
                                 : wait_writing(body, level, position, deadline_ns, error);
    }
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}
