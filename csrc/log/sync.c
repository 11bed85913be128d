/* From written to durable: the sync leader, and who waits for him.
 *
 * A leader takes all that is staged, writes it, and syncs. Who comes meanwhile waits; the first of them is
 * elected to lead next. When the leader has done, those whom he served are woken, and the one who is elected:
 * nobody wakes for nothing. So there are two conditions for those who are served, used in turn. */
#include "base/error.h"
#include "base/threads.h"
#include "log/log.h"

/* ------------------------------------------------------------------------------------ syncing */

static tally_status sync_one(tally_log *log, tally_segment *segment, tally_error *cause)
{
    const tally_platform *platform = log->platform;
    tally_segment_hold(segment);
    tally_log_unlock(log);
    uint64_t before_ns = platform->monotonic_ns(platform->context);
    tally_status status = tally_file_sync(log->folder, segment->name, segment->file, cause);
    uint64_t took_ns = platform->monotonic_ns(platform->context) - before_ns;
    tally_segment_release(segment);
    tally_log_lock(log);
    log->counts.syncs++;
    log->counts.sync_ns_total += took_ns;
    if (took_ns > log->counts.sync_ns_max) log->counts.sync_ns_max = took_ns;
    return status;
}

static tally_status sync_directory(tally_log *log, tally_error *cause)
{
    log->directory_dirty = false;
    tally_log_unlock(log);
    tally_status status = tally_folder_sync(log->folder, cause);
    tally_log_lock(log);
    return status;
}

/* The first segment whose written bytes are not on the device; NULL: none. */
static tally_unsealed *first_dirty(const tally_log *log)
{
    for (size_t i = 0; i < log->unsealed_count; i++) {
        if (log->unsealed[i].synced_end < log->unsealed[i].written_end) return &log->unsealed[i];
    }
    return NULL;
}

static tally_unsealed *find_unsealed(const tally_log *log, const tally_segment *segment)
{
    for (size_t i = 0; i < log->unsealed_count; i++) {
        if (log->unsealed[i].segment == segment) return &log->unsealed[i];
    }
    return NULL;
}

/* Earlier segments, the directory, the newest segment: in this order, so that nothing is durable before what it
 * stands on. Ends with the segment that was the newest one when it began to sync it. */
static tally_status sync_all(tally_log *log, tally_error *cause)
{
    for (;;) {
        tally_unsealed *dirty = first_dirty(log);
        bool is_last = dirty != NULL && dirty == tally_log_active(log);
        if ((dirty == NULL || is_last) && log->directory_dirty) {
            tally_status status = sync_directory(log, cause);
            if (status != TALLY_OK) return status;
            continue;
        }
        if (dirty == NULL) {
            log->durable = log->written;
            return TALLY_OK;
        }
        tally_segment *segment = dirty->segment;
        uint64_t end = dirty->written_end;
        uint64_t target = log->written;
        tally_status status = sync_one(log, segment, cause);
        if (status != TALLY_OK) return status;
        dirty = find_unsealed(log, segment);
        if (dirty != NULL) dirty->synced_end = end;
        if (!is_last) continue;
        log->durable = target;
        return TALLY_OK;
    }
}

/* Claims leadership: `syncing` is set. Nobody else leads. Lets go. */
static tally_status lead(tally_log *log, uint64_t position)
{
    const tally_platform *platform = log->platform;
    tally_error cause;
    log->syncing = true;
    log->sync_turn++;
    log->collecting = true;
    while (log->written < position && log->failure.status == TALLY_OK) {
        if (log->writing) (void)tally_log_wait(log, TALLY_DEADLINE_NEVER);
        else (void)tally_log_lead_write(log, position, NULL);
    }
    log->collecting = false;
    log->sync_target = log->written;
    tally_status status = log->failure.status;
    if (status == TALLY_OK) {
        status = sync_all(log, &cause);
        if (status != TALLY_OK) tally_log_poison(log, &cause);
    }
    log->syncing = false;
    if (status == TALLY_OK) {
        log->dirty_ns = log->durable == log->next_position ? 0 : platform->monotonic_ns(platform->context);
        tally_log_publish(log, 0);
    }
    return status;
}

static void wake(tally_log *log, tally_condition *condition, uint32_t count)
{
    if (count != 0) log->platform->condition_wake_all(log->platform->context, condition);
}

tally_status tally_log_lead_sync(tally_log *log, uint64_t position, tally_error *error)
{
    tally_status status = lead(log, position);
    wake(log, &log->served[log->sync_turn % 2], log->to_serve[log->sync_turn % 2]);
    wake(log, &log->elected, log->is_elected);
    tally_log_changed(log);
    if (status != TALLY_OK) return tally_log_failed_meanwhile(log, error);
    tally_log_tell(log, true);
    return TALLY_OK;
}

void tally_log_wake_all(tally_log *log)
{
    wake(log, &log->elected, log->is_elected);
    for (int i = 0; i < 2; i++) wake(log, &log->served[i], log->to_serve[i]);
    tally_log_changed(log);
}

/* Somebody leads. Those whom he does not serve any more elect one of them, who is woken alone. */
static void wait_for_leader(tally_log *log, uint64_t position)
{
    const tally_platform *platform = log->platform;
    bool is_served = log->collecting || position <= log->sync_target;
    if (!is_served && !log->is_elected) {
        log->is_elected = true;
        (void)platform->condition_wait(platform->context, &log->elected, &log->mutex, UINT64_MAX);
        log->is_elected = false;
        /* Served by chance, or another one came before and leads: who waits for the turn after this one has nobody
         * who will lead it, and elects again. */
        bool leads = log->durable < position && !log->syncing;
        uint64_t next = (log->sync_turn + 1) % 2;
        if (!leads) wake(log, &log->served[next], log->to_serve[next]);
        return;
    }
    uint64_t turn = log->sync_turn + (is_served ? 0 : 1);
    log->to_serve[turn % 2]++;
    (void)platform->condition_wait(platform->context, &log->served[turn % 2], &log->mutex, UINT64_MAX);
    log->to_serve[turn % 2]--;
}

static tally_status reach_written(tally_log *log, uint64_t position, tally_error *error)
{
    while (log->written < position) {
        if (log->failure.status != TALLY_OK) return tally_log_failed_meanwhile(log, error);
        if (log->writing) (void)tally_log_wait(log, TALLY_DEADLINE_NEVER);
        else (void)tally_log_lead_write(log, position, error);
    }
    return TALLY_OK;
}

tally_status tally_log_reach(tally_log *log, uint32_t level, uint64_t position, tally_error *error)
{
    if (level == TALLY_BUFFERED) return TALLY_OK;
    if (level == TALLY_WRITTEN) return reach_written(log, position, error);
    while (log->durable < position) {
        if (log->failure.status != TALLY_OK) return tally_log_failed_meanwhile(log, error);
        if (log->syncing) wait_for_leader(log, position);
        else (void)tally_log_lead_sync(log, position, error);
    }
    return TALLY_OK;
}
