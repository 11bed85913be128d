/* The background: one thread per open store, or the caller's tick. Writes what is buffered, syncs what is due,
 * seals full segments, merges their indexes. */
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "log/log.h"
#include "log/run.h"
#include "log/seal.h"

/* What is buffered is written after this long without a writer. */
#define IDLE_WRITE_NS UINT64_C(10000000)
/* Sealing that failed is tried again after this long. */
#define RETRY_SEAL_NS UINT64_C(1000000000)

static uint64_t now_ns(const tally_log *log) { return log->platform->monotonic_ns(log->platform->context); }

/* ------------------------------------------------------------------------------------- what is due */

static uint64_t unsynced_bytes(const tally_log *log)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < log->unsealed_count; i++) {
        bytes += log->unsealed[i].written_end - log->unsealed[i].synced_end;
    }
    return bytes;
}

static bool is_complete(const tally_log *log, size_t i) { return i + 1 < log->unsealed_count || !log->active; }

/* A full segment is sealed when it is durable, so that it waits for a sync. */
static bool full_one_is_dirty(const tally_log *log)
{
    if (log->unsealed_count == 0 || !is_complete(log, 0)) return false;
    return log->unsealed[0].synced_end < log->unsealed[0].written_end;
}

static bool sync_is_due(const tally_log *log)
{
    const tally_log_settings *settings = &log->settings;
    if (log->syncing) return false;
    if (full_one_is_dirty(log)) return true;
    if (log->durable >= log->written) return false;
    return log->written - log->durable >= settings->sync_events || unsynced_bytes(log) >= settings->sync_bytes ||
           (log->dirty_ns != 0 && now_ns(log) - log->dirty_ns >= settings->sync_interval_ns);
}

/* Between the pieces of a seal or a merge what is buffered waits as long as it does when nothing goes on. */
static bool write_is_due(const tally_log *log)
{
    if (log->unwritten_bytes == 0 || log->writing) return false;
    bool at_leisure = !log->settings.threaded || log->stopping || (log->seal == NULL && log->merge == NULL);
    if (at_leisure || log->tail.first != log->tail.last) return true;
    return now_ns(log) - log->round_write_ns >= IDLE_WRITE_NS;
}

/* How long there is nothing to do; UINT64_MAX: until somebody asks. */
static uint64_t rest_ns(const tally_log *log)
{
    if (log->failure.status != TALLY_OK) return UINT64_MAX;
    bool dirty = log->unwritten_bytes != 0 || log->durable < log->next_position;
    uint64_t rest = dirty ? IDLE_WRITE_NS : UINT64_MAX;
    if (log->retry_seal_ns != 0 && rest > RETRY_SEAL_NS) rest = RETRY_SEAL_NS;
    /* A full segment waits for a sync that somebody else leads, who wakes nobody for it. */
    bool unsealed = log->retry_seal_ns == 0 && log->unsealed_count != 0 && is_complete(log, 0);
    if (unsealed && rest > IDLE_WRITE_NS) rest = IDLE_WRITE_NS;
    if (log->serve != NULL && rest > log->serve_rest_ns) rest = log->serve_rest_ns;
    bool unseen = log->watch_durable && log->durable > log->durable_seen;
    return unseen && rest > IDLE_WRITE_NS ? IDLE_WRITE_NS : rest;
}

/* --------------------------------------------------------------------------------------- sealing */

/* The view with `changed` in place of what it stands for. */
static tally_status view_with_sealed(const tally_log *log, tally_segment *sealed, tally_view **out, tally_error *error)
{
    const tally_platform *platform = log->platform;
    const tally_view *view = log->shown.view;
    size_t bytes = view->segment_count * sizeof(tally_segment *);
    tally_segment **segments = platform->allocate(platform->context, bytes);
    if (segments == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    memcpy(segments, view->segments, bytes);
    for (size_t i = 0; i < view->segment_count; i++) {
        if (segments[i]->header.number == sealed->header.number) segments[i] = sealed;
    }
    tally_status status =
        tally_view_new(platform, segments, view->segment_count, view->runs, view->run_count, out, error);
    platform->release(platform->context, segments);
    return status;
}

static tally_status adopt_sealed(tally_log *log, tally_segment *sealed, tally_error *error)
{
    tally_view *view = NULL;
    tally_status status = view_with_sealed(log, sealed, &view, error);
    if (status != TALLY_OK) return status;
    tally_segment *before = log->unsealed[0].segment;
    log->unsealed_count--;
    memmove(log->unsealed, log->unsealed + 1, log->unsealed_count * sizeof *log->unsealed);
    uint64_t complete_from =
        log->unsealed_count != 0 ? log->unsealed[0].segment->header.first_position : log->next_position;
    tally_heads_raise(&log->heads, complete_from);
    log->head.manifest_generation++;
    log->merge_wanted = true;
    tally_shown_replace(&log->shown, view);
    tally_segment_release(before);
    return TALLY_OK;
}

static bool can_seal(const tally_log *log)
{
    if (log->sealing || log->unsealed_count == 0 || !is_complete(log, 0)) return false;
    if (log->retry_seal_ns != 0 && now_ns(log) < log->retry_seal_ns) return false;
    return !full_one_is_dirty(log);
}

/* The seal has come to its end, well or not. A failure costs nothing but time: the segment stays as it is. */
static void end_seal(tally_log *log, tally_status status, tally_segment *sealed)
{
    tally_sealing *seal = log->seal;
    log->seal = NULL;
    if (status == TALLY_OK) status = adopt_sealed(log, sealed, NULL);
    if (status == TALLY_OK) {
        log->counts.seals++;
        log->counts.seal_ns_total += log->seal_ns;
    }
    log->seal_ns = 0;
    log->retry_seal_ns = status == TALLY_OK ? 0 : now_ns(log) + RETRY_SEAL_NS;
    tally_log_unlock(log);
    tally_seal_end(seal); /* with the index in memory, unless a reader has it */
    if (sealed != NULL) tally_segment_release(sealed);
    tally_log_lock(log);
}

/* Seals a piece of the oldest full segment. Lets go. */
static void seal_piece(tally_log *log)
{
    tally_segment *sealed = NULL;
    tally_status status = TALLY_OK;
    tally_segment *segment = log->unsealed[0].segment; /* it stays the first until it is sealed */
    log->sealing = true;
    tally_log_unlock(log);
    uint64_t before_ns = now_ns(log);
    if (log->seal == NULL) status = tally_seal_begin(segment, log->settings.map, &log->seal, NULL);
    if (status == TALLY_OK) status = tally_seal_go_on(log->seal, &sealed, NULL);
    uint64_t took_ns = now_ns(log) - before_ns;
    tally_log_lock(log);
    log->seal_ns += took_ns;
    bool ends = status != TALLY_OK || sealed != NULL;
    if (ends) end_seal(log, status, sealed);
    log->sealing = false;
    if (ends || !log->settings.threaded) tally_log_changed(log);
}

/* --------------------------------------------------------------------------------------- merging */

/* The view with `merged` in place of the runs that it covers. */
static tally_status view_with_merged(const tally_log *log, tally_run *merged, tally_view **out, tally_error *error)
{
    const tally_platform *platform = log->platform;
    const tally_view *view = log->shown.view;
    tally_run **runs = platform->allocate(platform->context, (view->run_count + 1) * sizeof(tally_run *));
    if (runs == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of indexes");
    size_t count = 0;
    bool placed = false;
    for (size_t i = 0; i < view->run_count; i++) {
        if (!tally_run_covers(merged, view->runs[i])) {
            runs[count++] = view->runs[i];
            continue;
        }
        if (!placed) runs[count++] = merged;
        placed = true;
    }
    if (!placed) runs[count++] = merged;
    tally_status status = tally_view_new(platform, view->segments, view->segment_count, runs, count, out, error);
    platform->release(platform->context, runs);
    return status;
}

static void remove_covered(const tally_view *before, const tally_run *merged)
{
    for (size_t i = 0; i < before->run_count; i++) {
        if (before->runs[i] != merged && tally_run_covers(merged, before->runs[i])) tally_run_remove(before->runs[i]);
    }
}

/* The view goes on with what was merged. */
static bool adopt_merged(tally_log *log, tally_run *merged)
{
    tally_view *view = NULL;
    if (view_with_merged(log, merged, &view, NULL) != TALLY_OK) return false;
    tally_shown_replace(&log->shown, view);
    log->head.manifest_generation++;
    return true;
}

/* Outside of the mutex. */
static tally_status merge_outside(tally_log *log, bool *whole, tally_run **merged)
{
    tally_status status = TALLY_OK;
    if (log->merge == NULL) {
        tally_view *view = tally_shown_hold(&log->shown);
        status = tally_merge_begin(log->folder, view, &log->merge, NULL);
        tally_view_release(view);
        if (status == TALLY_OK && log->merge == NULL) *whole = true;
    }
    return status == TALLY_OK && !*whole ? tally_merge_go_on(log->merge, whole, merged, NULL) : status;
}

/* Merges a piece if a merge is due. True: there is more. Lets go. */
static bool merge_piece(tally_log *log)
{
    if (log->sealing || log->shown.view == NULL) return false;
    bool whole = false;
    tally_run *merged = NULL;
    log->sealing = true;
    tally_log_unlock(log);
    tally_status status = merge_outside(log, &whole, &merged);
    tally_log_lock(log);
    bool goes_on = status == TALLY_OK && !whole;
    bool done = merged != NULL && adopt_merged(log, merged);
    tally_merging *merge = goes_on ? NULL : log->merge;
    if (!goes_on) log->merge = NULL;
    tally_log_unlock(log);
    if (done) remove_covered(tally_merge_view(merge), merged);
    if (merged != NULL) tally_run_release(merged);
    tally_merge_end(merge);
    tally_log_lock(log);
    log->sealing = false;
    if (!log->settings.threaded) tally_log_changed(log);
    return goes_on || done;
}

/* ----------------------------------------------------------------------------------------- rounds */

tally_status tally_log_work(tally_log *log, bool *more, tally_error *error)
{
    *more = false;
    tally_status status = tally_log_check(log, error);
    if (status != TALLY_OK) return status;
    if (write_is_due(log)) {
        log->round_write_ns = now_ns(log);
        status = tally_log_lead_write(log, log->next_position, error);
    }
    if (status == TALLY_OK && sync_is_due(log)) status = tally_log_lead_sync(log, log->written, error);
    if (status != TALLY_OK) return status;
    if (can_seal(log)) {
        seal_piece(log);
        *more = true;
    } else if (log->merge_wanted && !log->sealing) {
        log->merge_wanted = merge_piece(log);
        *more = log->merge_wanted;
    }
    tally_log_tell(log, false);
    return TALLY_OK;
}

static void rest(tally_log *log, uint64_t duration_ns)
{
    log->worker_waits = true;
    log->worker_idle = duration_ns == UINT64_MAX;
    (void)log->platform->condition_wait(log->platform->context, &log->work, &log->mutex, duration_ns);
    log->worker_waits = false;
    log->worker_idle = false;
}

static void run(void *user_data)
{
    tally_log *log = user_data;
    const tally_thread *self = tally_thread_attach();
    tally_log_lock(log);
    log->worker = self;
    bool busy = true;
    while (!log->stopping || busy) {
        log->work_wanted = false;
        bool more = false;
        (void)tally_log_work(log, &more, NULL);
        bool served = false;
        if (log->serve != NULL) {
            log->durable_seen = log->durable;
            tally_log_unlock(log);
            served = log->serve(log->owner);
            tally_log_lock(log);
        }
        busy = served || log->work_wanted || (more && !log->stopping);
        if (busy || log->stopping) continue;
        rest(log, rest_ns(log));
        busy = true; /* one round at least after each rest: what was asked for before the end is done */
    }
    tally_log_unlock(log);
}

void tally_log_want_work(tally_log *log)
{
    log->work_wanted = true;
    if (log->worker_waits) log->platform->condition_wake_all(log->platform->context, &log->work);
}

tally_status tally_log_start(tally_log *log, tally_error *error)
{
    if (!log->settings.threaded) return TALLY_OK;
    int32_t os_error = 0;
    tally_status status = log->platform->start_thread(log->platform->context, run, log, &log->thread, &os_error);
    if (status != TALLY_OK) {
        return tally_fail_os(error, status, os_error, NULL, "the system refused the store's background thread");
    }
    log->thread_runs = true;
    return TALLY_OK;
}

void tally_log_stop(tally_log *log)
{
    tally_log_lock(log);
    log->stopping = true;
    tally_log_want_work(log);
    tally_log_unlock(log);
    if (log->thread_runs) log->platform->join_thread(log->platform->context, log->thread);
    log->thread_runs = false;
}
