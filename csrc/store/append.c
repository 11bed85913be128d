#include "store/append.h"

#include <string.h>

#include "base/error.h"
#include "log/log.h"
#include "store/compare.h"
#include "store/draft.h"
#include "store/gates.h"
#include "store/notify.h"
#include "store/signing.h"

/* --------------------------------------------------------------------------------------- receipts */

static void fill_receipts(const tally_prepared *prepared, tally_receipt *receipts)
{
    if (receipts == NULL) return;
    for (size_t i = 0; i < prepared->commit.count; i++) {
        const tally_ready *event = &prepared->commit.events[i];
        tally_receipt *receipt = &receipts[i];
        receipt->position = event->position;
        receipt->version = event->version;
        receipt->time_us = event->time_us;
        receipt->time_logical = event->time_logical;
        receipt->durability = prepared->level;
        receipt->flags = 0;
        receipt->reserved = 0;
        memcpy(receipt->id.bytes, event->body, sizeof receipt->id.bytes);
        memcpy(receipt->event_hash.bytes, event->hash, sizeof receipt->event_hash.bytes);
    }
}

/* ---------------------------------------------------------------------------------------- commit */

/* Written and not yet written are too much already: appending waits until there is less. */
static tally_status hold_back(tally_log *log, const tally_commit *commit, tally_error *error)
{
    while (log->unwritten_bytes >= log->settings.queue_bytes && log->failure.status == TALLY_OK) {
        if (!commit->may_wait) {
            tally_log_want_work(log);
            return tally_fail(error, TALLY_E_BUSY, "too much waits to be written (queue_bytes); try again");
        }
        tally_status status = TALLY_OK;
        if (log->writing) (void)tally_log_wait(log, UINT64_MAX);
        else status = tally_log_lead_write(log, log->next_position, error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

/* Full chunks are written by who filled them, if nobody else is at it: that is what holds back a caller who is
 * faster than the disk. */
static tally_status after_buffered(tally_log *log, const tally_commit *commit, tally_error *error)
{
    tally_log_show_staged(log);
    bool full = log->tail.first != log->tail.last;
    if (full && !log->writing && commit->may_wait) {
        return tally_log_lead_write(log, log->tail.first->end_position, error);
    }
    if (log->worker_idle || (full && !log->writing)) tally_log_want_work(log);
    return TALLY_OK;
}

static tally_status settle(tally_log *log, const tally_prepared *prepared, tally_error *error)
{
    const tally_commit *commit = &prepared->commit;
    if (prepared->level == TALLY_BUFFERED) return after_buffered(log, commit, error);
    if (prepared->level == TALLY_WRITTEN && log->worker_idle) tally_log_want_work(log);
    uint64_t first = commit->first_position;
    return tally_log_settle(log, prepared->level, first, first + commit->count, error);
}

/* Somebody else holds the mutex for longer than a copy takes. */
static bool would_wait(tally_log *log, const tally_commit *commit)
{
    return !commit->may_wait && atomic_load_explicit(&log->held_long, memory_order_relaxed);
}

/* Compares and stages until nothing comes between. Returns with the log's mutex held: `*repeated`, or staged, or a
 * failure. */
static tally_status stage_locked(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts,
                                 bool *repeated, tally_error *error)
{
    tally_log *log = body->log;
    tally_commit *commit = &prepared->commit;
    tally_status status = TALLY_OK;
    *repeated = false;
    commit->staged = false;
    if (!commit->needs_check && !would_wait(log, commit)) {
        tally_log_lock(log);
        status = hold_back(log, commit, error);
        if (status == TALLY_OK) status = tally_log_stage(log, commit, error);
        if (status == TALLY_OK) fill_receipts(prepared, receipts);
        return status;
    }
    for (;;) {
        if (commit->needs_check) status = tally_compare(body, prepared, receipts, repeated, error);
        if (status == TALLY_OK && would_wait(log, commit)) {
            status = tally_fail(error, TALLY_E_BUSY, "the store is busy; try again");
        }
        tally_log_lock(log);
        if (status != TALLY_OK || *repeated) return status;
        status = hold_back(log, commit, error);
        if (status == TALLY_OK) status = tally_log_stage(log, commit, error);
        if (status == TALLY_OK && commit->staged) fill_receipts(prepared, receipts);
        if (status != TALLY_OK || commit->staged) return status;
        if (commit->repeated != TALLY_POSITION_NONE) {
            status = tally_log_reach(log, TALLY_WRITTEN, commit->repeated + 1, error);
            if (status != TALLY_OK) return status;
        }
        tally_log_unlock(log);
    }
}

static void count_outcome(tally_store_body *body, tally_status status, bool repeated)
{
    bool conflict = status == TALLY_E_CONFLICT || status == TALLY_E_EXISTS || status == TALLY_E_REUSED;
    if (repeated && status == TALLY_OK) atomic_fetch_add_explicit(&body->repeats, 1, memory_order_relaxed);
    if (conflict) atomic_fetch_add_explicit(&body->conflicts, 1, memory_order_relaxed);
}

tally_status tally_store_stage(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts,
                               bool *repeated, tally_error *error)
{
    tally_status status = stage_locked(body, prepared, receipts, repeated, error);
    tally_log_unlock(body->log);
    count_outcome(body, status, *repeated);
    return status;
}

tally_status tally_store_commit(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts,
                                bool *repeated, tally_error *error)
{
    tally_log *log = body->log;
    tally_status status = stage_locked(body, prepared, receipts, repeated, error);
    if (status == TALLY_OK && *repeated) {
        status = tally_log_reach(log, prepared->level, prepared->commit.first_position + 1, error);
    } else if (status == TALLY_OK) {
        status = settle(log, prepared, error);
    }
    tally_log_unlock(log);
    if (status == TALLY_OK && body->signing->every_commit && prepared->level == TALLY_DURABLE) {
        const tally_commit *commit = &prepared->commit;
        status = tally_store_signing_reach(body, commit->first_position + (*repeated ? 1 : commit->count), error);
    }
    count_outcome(body, status, *repeated);
    return status;
}

/* ---------------------------------------------------------------------------------------- append */

tally_status tally_store_writable(const tally_store_body *body, tally_error *error)
{
    if (!body->read_only) return TALLY_OK;
    return tally_fail(error, TALLY_E_READ_ONLY, "the store was opened for reading only; open it for writing");
}

/* What runs inside a callback of the store may not wait for itself. */
tally_status tally_append_may(const tally_store_body *body, uint32_t level, tally_error *error)
{
    if (TALLY_LIKELY(!tally_thread_in_callback())) return TALLY_OK;
    if (tally_store_in_gate(body)) return tally_fail(error, TALLY_E_WOULD_BLOCK, "a gate may not append to its store");
    if (level != TALLY_DURABLE || !tally_store_in_handler(body)) return TALLY_OK;
    return tally_fail(error, TALLY_E_WOULD_BLOCK,
                      "a handler of the store may not wait for durability; append as TALLY_WRITTEN or TALLY_BUFFERED");
}

tally_status tally_store_append_system(tally_store_body *body, const tally_draft *draft, uint32_t level,
                                       tally_error *error)
{
    tally_append_options options = {.size = sizeof options, .durability = level};
    tally_prepared prepared;
    bool repeated;
    tally_status status = tally_prepare(body, draft, 1, &options, true, &prepared, error);
    if (status != TALLY_OK) return status;
    status = tally_store_commit(body, &prepared, NULL, &repeated, error);
    tally_prepared_release(&prepared);
    return status;
}

static tally_status append(tally_store_body *body, const tally_draft *drafts, size_t count,
                           const tally_append_options *options, tally_receipt *receipts, tally_error *error)
{
    tally_append_options known;
    tally_prepared prepared;
    bool repeated;
    tally_status status = tally_store_writable(body, error);
    if (status == TALLY_OK) status = tally_append_options_read(options, &known, error);
    if (status == TALLY_OK) status = tally_append_may(body, known.durability, error);
    if (status == TALLY_OK) status = tally_prepare(body, drafts, count, &known, false, &prepared, error);
    if (status != TALLY_OK) return status;
    status = tally_store_commit(body, &prepared, receipts, &repeated, error);
    tally_prepared_release(&prepared);
    tally_delivery_run(body);
    return status;
}

tally_status tally_store_append_many(tally_store *store, const tally_draft *drafts, size_t count,
                                     const tally_append_options *options, tally_receipt *receipts, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    if (receipts != NULL && count <= TALLY_BATCH_MAX) memset(receipts, 0, count * sizeof *receipts);
    tally_status status = tally_drafts_check(drafts, count, error);
    if (status != TALLY_OK) return status;
    status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = append(body, drafts, count, options, receipts, error);
    if (status != TALLY_OK && receipts != NULL) memset(receipts, 0, count * sizeof *receipts);
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

tally_status tally_store_append(tally_store *store, const tally_draft *draft, const tally_append_options *options,
                                tally_receipt *receipt, tally_error *error)
{
    return tally_store_append_many(store, draft, 1, options, receipt, error);
}
