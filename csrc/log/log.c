#include "log/log.h"

#include <string.h>

#include "base/error.h"
#include "log/run.h"
#include "log/seal.h"

/* ------------------------------------------------------------------------------------------ locks */

#define CONDITIONS 5

static tally_condition *condition_at(tally_log *log, size_t i)
{
    tally_condition *all[CONDITIONS] = {&log->changed, &log->work, &log->served[0], &log->served[1], &log->elected};
    return all[i];
}

static void destroy_conditions(tally_log *log, size_t count)
{
    while (count-- > 0) log->platform->condition_destroy(log->platform->context, condition_at(log, count));
}

static tally_status make_locks(tally_log *log, tally_error *error)
{
    const tally_platform *platform = log->platform;
    int32_t os_error = 0;
    tally_status status = platform->mutex_init(platform->context, &log->mutex, &os_error);
    if (status == TALLY_OK) {
        size_t made = 0;
        while (made < CONDITIONS && status == TALLY_OK) {
            status = platform->condition_init(platform->context, condition_at(log, made), &os_error);
            if (status == TALLY_OK) made++;
        }
        if (status == TALLY_OK) return TALLY_OK;
        destroy_conditions(log, made);
        platform->mutex_destroy(platform->context, &log->mutex);
    }
    return tally_fail_os(error, status, os_error, NULL, "the system refused a lock for the store");
}

static void destroy_locks(tally_log *log)
{
    destroy_conditions(log, CONDITIONS);
    log->platform->mutex_destroy(log->platform->context, &log->mutex);
}

/* ------------------------------------------------------------------------------------------- HEAD */

/* Sequence and manifest go on from where the last writer was, so that a reader that stayed sees both rise. */
static tally_status open_head(tally_log *log, tally_error *error)
{
    const tally_platform *platform = log->platform;
    uint8_t bytes[TALLY_HEAD_BYTES];
    size_t done = 0;
    tally_head before;
    int32_t os_error = 0;
    uint32_t flags = TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE;
    tally_status status = tally_file_open(log->folder, TALLY_NAME_HEAD, flags, &log->head_file, error);
    if (status == TALLY_OK) {
        status = tally_file_read(log->folder, TALLY_NAME_HEAD, log->head_file, 0, bytes, sizeof bytes, &done, error);
    }
    if (status != TALLY_OK) return status;
    if (tally_head_decode(bytes, done, &before)) {
        log->head.sequence = before.sequence;
        log->head.manifest_generation = before.manifest_generation + 1;
    }
    /* Without a boot id readers cannot trust it, and scan. */
    (void)platform->boot_id(platform->context, log->head.boot_id, &os_error);
    log->head.process_id = platform->process_id(platform->context);
    log->head.writer_epoch = log->writer_epoch;
    log->head.state = TALLY_HEAD_OPEN;
    return TALLY_OK;
}

/* -------------------------------------------------------------------------------------- segments */

static uint64_t log_end(const tally_segment *segment)
{
    return segment->sealed ? segment->trailer.data_end : atomic_load_explicit(&segment->end, memory_order_relaxed);
}

/* Sealed ones lie before unsealed ones, because sealing goes in order. */
static tally_status take_segments(tally_log *log, const tally_view *view, tally_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < view->segment_count; i++) count += !view->segments[i]->sealed;
    size_t capacity = count + TALLY_UNSEALED_MAX;
    log->unsealed = log->platform->allocate(log->platform->context, capacity * sizeof *log->unsealed);
    if (log->unsealed == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    log->unsealed_capacity = capacity;
    for (size_t i = 0; i < view->segment_count; i++) {
        tally_segment *segment = view->segments[i];
        uint64_t end = log_end(segment);
        log->log_bytes += end;
        if (segment->sealed) continue;
        tally_segment_hold(segment);
        bool is_last = i + 1 == view->segment_count;
        uint64_t end_position = is_last ? log->next_position : view->segments[i + 1]->header.first_position;
        log->unsealed[log->unsealed_count++] = (tally_unsealed){segment, end_position, end, end};
    }
    tally_segment *last = view->segments[view->segment_count - 1];
    log->next_number = last->header.number + 1;
    log->active = !last->sealed;
    if (!log->active) return TALLY_OK;
    last->tail = &log->tail; /* what is appended to it is read from there until it is written */
    log->seed = last->seed;
    atomic_store_explicit(&log->seed_hint, log->seed, memory_order_relaxed);
    log->staged_end = log_end(last);
    tally_tail_move(&log->tail, last->header.number);
    return tally_file_size(log->folder, last->name, last->file, &log->allocated, error);
}

/* The first segment of a new store is made at once: it is what says that this is a store, and which. */
static tally_status begin_store(tally_log *log, tally_error *error)
{
    bool moved = false;
    tally_log_lock(log);
    tally_status status = tally_log_make_room(log, 0, true, &moved, error);
    if (status == TALLY_OK) status = tally_log_lead_write(log, log->next_position, error);
    if (status == TALLY_OK) status = tally_log_lead_sync(log, log->next_position, error);
    tally_log_unlock(log);
    return status;
}

static tally_status open_parts(tally_log *log, const tally_found *found, tally_error *error)
{
    uint8_t secret[TALLY_HEADS_SECRET_BYTES] = {0};
    int32_t os_error = 0;
    tally_status status = log->platform->random_bytes(log->platform->context, secret, sizeof secret, &os_error);
    tally_heads_init(&log->heads, log->platform, secret, log->next_position);
    tally_recent_init(&log->recent, log->platform, log->next_position);
    if (status != TALLY_OK) {
        return tally_fail_os(error, status, os_error, NULL, "the system gave no random bytes for the store");
    }
    status = open_head(log, error);
    if (status == TALLY_OK && found->view != NULL) status = take_segments(log, found->view, error);
    tally_watermarks marks = {log->next_position, log->next_position, log->durable};
    tally_shown_publish(&log->shown, marks, log->next_position);
    if (status == TALLY_OK && found->view == NULL) status = begin_store(log, error);
    return status;
}

tally_status tally_log_open(tally_log *log, const tally_folder *folder, const tally_log_settings *settings,
                            const tally_found *found, tally_error *error)
{
    memset(log, 0, sizeof *log);
    log->platform = folder->platform;
    log->folder = folder;
    log->settings = *settings;
    log->head_file = TALLY_FILE_NONE;
    log->writer_epoch = found->writer_epoch + 1;
    memcpy(log->lineage, found->lineage, sizeof log->lineage);
    memcpy(log->name, found->name, sizeof log->name);
    memcpy(log->last_hash, found->last_hash, sizeof log->last_hash);
    log->next_position = found->next_position;
    log->next_commit = found->next_commit;
    log->written = found->next_position;
    log->durable = found->next_position;
    log->clock.last = found->last_time;
    log->clock.used = found->any_event;
    log->ends_clean = found->view != NULL && found->report.happened == 0;
    tally_status status = make_locks(log, error);
    if (status != TALLY_OK) return status;
    status = tally_tail_init(&log->tail, log->platform, error);
    if (status != TALLY_OK) {
        destroy_locks(log);
        return status;
    }
    if (found->view != NULL) tally_view_hold(found->view);
    status = tally_shown_init(&log->shown, log->platform, found->view, error);
    if (status != TALLY_OK) {
        if (found->view != NULL) tally_view_release(found->view);
        tally_tail_destroy(&log->tail);
        destroy_locks(log);
        return status;
    }
    status = open_parts(log, found, error);
    if (status != TALLY_OK) tally_log_destroy(log);
    return status;
}

void tally_log_destroy(tally_log *log)
{
    tally_file_close(log->folder, &log->head_file);
    tally_seal_end(log->seal);
    tally_merge_end(log->merge);
    tally_shown_destroy(&log->shown);
    for (size_t i = 0; i < log->unsealed_count; i++) tally_segment_release(log->unsealed[i].segment);
    log->platform->release(log->platform->context, log->unsealed);
    tally_recent_destroy(&log->recent);
    tally_heads_destroy(&log->heads);
    tally_tail_destroy(&log->tail);
    destroy_locks(log);
}
