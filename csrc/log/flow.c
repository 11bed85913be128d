/* From staged to written: publishing, the write leader, and what other processes are told. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "log/log.h"

/* --------------------------------------------------------------------------------- publishing */

void tally_log_publish(tally_log *log, uint64_t buffered)
{
    uint64_t shown = atomic_load_explicit(&log->shown.buffered, memory_order_relaxed);
    tally_watermarks marks = {buffered > shown ? buffered : shown, log->written, log->durable};
    bool failed = log->failure.status != TALLY_OK;
    tally_shown_publish(&log->shown, marks, failed ? log->durable : marks.buffered);
    if (log->watch_durable && log->worker_idle && log->durable > log->durable_seen) tally_log_want_work(log);
}

/* The readers' end of the active segment, first; then the positions below it. */
static void show_end(tally_log *log, uint64_t end)
{
    tally_segment *segment = tally_log_active(log)->segment;
    if (end > atomic_load_explicit(&segment->end, memory_order_relaxed)) {
        atomic_store_explicit(&segment->end, end, memory_order_release);
    }
}

void tally_log_show_staged(tally_log *log)
{
    show_end(log, log->staged_end);
    tally_log_publish(log, log->next_position);
    if ((log->waiters | log->watchers) != 0) tally_log_changed(log);
}

/* ------------------------------------------------------------------------------------ failure */

tally_status tally_log_check(const tally_log *log, tally_error *error)
{
    if (log->failure.status == TALLY_OK) return TALLY_OK;
    tally_fail_os(error, TALLY_E_POISONED, log->failure.os_error, log->failure.path,
                  "an earlier write or sync failed, so that nothing more is acknowledged; close the store and open it "
                  "again. It was: %.120s",
                  log->failure.message);
    return TALLY_E_POISONED;
}

void tally_log_poison(tally_log *log, const tally_error *cause)
{
    if (log->failure.status == TALLY_OK) {
        log->failure = *cause;
        log->failure.status = TALLY_E_IO;
        tally_log_publish(log, 0);
    }
    tally_log_wake_all(log);
}

tally_status tally_log_failed_meanwhile(const tally_log *log, tally_error *error)
{
    if (error != NULL) *error = log->failure;
    return log->failure.status;
}

/* ------------------------------------------------------------------------------------ waiting */

void tally_log_changed(tally_log *log)
{
    if (log->waiters != 0) log->platform->condition_wake_all(log->platform->context, &log->changed);
    if (log->watchers != 0) tally_log_want_work(log);
}

tally_status tally_log_wait(tally_log *log, uint64_t deadline_ns)
{
    log->waiters++;
    tally_status status = tally_wait_until(log->platform, &log->changed, &log->mutex, deadline_ns);
    log->waiters--;
    return status;
}

/* ------------------------------------------------------------------------------------ writing */

static tally_status write_chunk(tally_log *log, tally_chunk *chunk)
{
    tally_segment *segment = tally_log_active(log)->segment;
    size_t from = chunk->written;
    size_t length = chunk->used - from;
    uint64_t end_position = chunk->end_position;
    uint64_t offset = chunk->offset + from;
    tally_error cause;
    tally_log_unlock(log);
    tally_status status =
        tally_file_write(log->folder, segment->name, segment->file, offset, chunk->bytes + from, length, &cause);
    tally_log_lock(log);
    log->counts.writes++;
    if (status != TALLY_OK) {
        tally_log_poison(log, &cause);
        return status;
    }
    chunk->written = from + length;
    log->counts.written_bytes += length;
    log->unwritten_bytes -= length;
    tally_log_active(log)->written_end = offset + length;
    if (end_position > log->written) log->written = end_position;
    tally_tail_recycle(&log->tail);
    show_end(log, offset + length);
    tally_log_publish(log, log->written);
    return TALLY_OK;
}

/* The first chunk with bytes that are not written. */
static tally_chunk *next_to_write(const tally_log *log)
{
    tally_chunk *chunk = log->tail.first;
    while (chunk != NULL && chunk->written == chunk->used) chunk = chunk->next;
    return chunk;
}

tally_status tally_log_lead_write(tally_log *log, uint64_t position, tally_error *error)
{
    log->writing = true;
    tally_status status = log->failure.status;
    tally_chunk *chunk = next_to_write(log);
    while (status == TALLY_OK && chunk != NULL && (log->written < position || position == log->next_position)) {
        status = write_chunk(log, chunk);
        chunk = next_to_write(log);
    }
    log->writing = false;
    tally_log_changed(log);
    return status == TALLY_OK ? TALLY_OK : tally_log_failed_meanwhile(log, error);
}

/* ----------------------------------------------------------------------------------- settling */

tally_status tally_log_settle(tally_log *log, uint32_t level, uint64_t first, uint64_t end, tally_error *error)
{
    tally_in_flight mine = {.before = log->newest, .position = first};
    if (log->newest != NULL) log->newest->after = &mine;
    else log->oldest = &mine;
    log->newest = &mine;
    tally_status status = tally_log_reach(log, level, end, error);
    if (mine.before != NULL) mine.before->after = mine.after;
    else log->oldest = mine.after;
    if (mine.after != NULL) mine.after->before = mine.before;
    else log->newest = mine.before;
    return status;
}

uint64_t tally_log_settled(const tally_log *log)
{
    uint64_t end = tally_shown_end(&log->shown);
    return log->oldest != NULL && log->oldest->position < end ? log->oldest->position : end;
}

/* ---------------------------------------------------------------------------------------- HEAD */

#define TELL_EVERY_NS 1000000u

void tally_log_tell(tally_log *log, bool always)
{
    const tally_platform *platform = log->platform;
    if (log->head_file == TALLY_FILE_NONE || log->head_busy) return;
    uint64_t now_ns = platform->monotonic_ns(platform->context);
    if (!always && now_ns - log->head_ns < TELL_EVERY_NS) return;
    log->head_busy = true;
    log->head_ns = now_ns;
    log->head.sequence++;
    if (log->failure.status != TALLY_OK) log->head.state = TALLY_HEAD_POISONED;
    if (log->unsealed_count != 0) {
        const tally_unsealed *last = tally_log_active(log);
        log->head.segment = last->segment->header.number;
        log->head.generation = last->segment->header.generation;
        log->head.end_offset = last->written_end;
    }
    log->head.written = log->written;
    log->head.durable = log->durable;
    uint8_t bytes[TALLY_HEAD_SLOT_USED];
    tally_head_encode(&log->head, bytes);
    uint64_t offset = log->head.sequence % 2 * TALLY_HEAD_SLOT_BYTES;
    tally_log_unlock(log);
    (void)tally_file_write(log->folder, TALLY_NAME_HEAD, log->head_file, offset, bytes, sizeof bytes, NULL);
    tally_log_lock(log);
    log->head_busy = false;
}
