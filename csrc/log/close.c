#include "base/error.h"
#include "log/log.h"

/* Full segments that are still without indexes get them now: the next open would have to read them. */
static void seal_full_ones(tally_log *log)
{
    bool more = true;
    while (log->unsealed_count > 1 && more && log->failure.status == TALLY_OK) {
        size_t before = log->unsealed_count;
        (void)tally_log_work(log, &more, NULL);
        more = log->seal != NULL || log->unsealed_count < before; /* else it failed */
    }
}

/* The mark, and the space that was reserved behind it given back; one sync for both. */
static tally_status mark_clean(tally_log *log, tally_error *error)
{
    tally_unsealed *active = tally_log_active(log);
    tally_segment *segment = active->segment;
    tally_status status = TALLY_OK;
    if (!log->ends_clean) {
        status = tally_log_stage_mark(log, TALLY_MARK_CLEAN_CLOSE, error);
        if (status == TALLY_OK) status = tally_log_lead_write(log, log->next_position, error);
    }
    if (status != TALLY_OK || (active->synced_end == active->written_end && log->allocated <= log->staged_end)) {
        return status;
    }
    status = tally_file_truncate(log->folder, segment->name, segment->file, log->staged_end, error);
    if (status == TALLY_OK) status = tally_file_sync(log->folder, segment->name, segment->file, error);
    return status;
}

tally_status tally_log_finish(tally_log *log, tally_error *error)
{
    tally_log_lock(log);
    log->closing = true;
    tally_status status = tally_log_check(log, error);
    if (status == TALLY_OK) status = tally_log_reach(log, TALLY_DURABLE, log->next_position, error);
    if (status == TALLY_OK) seal_full_ones(log);
    if (status == TALLY_OK && log->active) status = mark_clean(log, error);
    if (status == TALLY_OK) log->head.state = TALLY_HEAD_CLOSED;
    tally_log_tell(log, true);
    tally_log_unlock(log);
    return status;
}
