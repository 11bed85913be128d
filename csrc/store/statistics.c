/* Facts and figures. */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "log/index.h"
#include "log/log.h"
#include "log/run.h"
#include "log/scan.h"
#include "store/jobs.h"
#include "store/scratch.h"
#include "store/store.h"

tally_status tally_store_info_get(tally_store *store, tally_store_info *info, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (info == NULL) return tally_fail(error, TALLY_E_NULL, "info is NULL; it receives the facts");
    memset(info, 0, sizeof *info);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    *info = body->info;
    tally_gate_leave(&call);
    return TALLY_OK;
}

tally_status tally_store_registry(tally_store *store, tally_registry **registry, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (registry == NULL) return tally_fail(error, TALLY_E_NULL, "registry is NULL; it receives the handle");
    *registry = NULL;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    *registry = body->registry;
    tally_gate_leave(&call);
    return TALLY_OK;
}

static uint64_t file_bytes_of(const tally_segment *segment)
{
    uint64_t bytes = segment->map_bytes;
    if (segment->file == TALLY_FILE_NONE) return bytes;
    return tally_file_size(segment->folder, segment->name, segment->file, &bytes, NULL) == TALLY_OK ? bytes : 0;
}

static uint64_t events_in(const tally_view *view, size_t i, uint64_t end)
{
    uint64_t next = i + 1 < view->segment_count ? view->segments[i + 1]->header.first_position : end;
    uint64_t first = view->segments[i]->header.first_position;
    return next > first ? next - first : 0;
}

static void count_view(const tally_view *view, uint64_t end, tally_store_statistics *to)
{
    to->segments = view->segment_count;
    to->runs = view->run_count;
    for (size_t i = 0; i < view->segment_count; i++) {
        const tally_segment *segment = view->segments[i];
        to->file_bytes += file_bytes_of(segment);
        to->heap_bytes += sizeof *segment;
        if (segment->sealed) {
            to->sealed_segments++;
            to->mapped_bytes += segment->map_bytes;
            to->log_bytes += segment->trailer.data_end;
            to->heap_bytes += events_in(view, i, end) / 8;
        } else {
            to->log_bytes += atomic_load_explicit(&segment->end, memory_order_relaxed);
            if (segment->index != NULL) to->heap_bytes += tally_index_bytes(segment->index);
        }
    }
    for (size_t i = 0; i < view->run_count; i++) to->file_bytes += tally_run_file_bytes(view->runs[i]);
}

/* Nobody tells a follower how many commits the newest segment has: its marks are counted. */
static uint64_t count_commits(const tally_view *view)
{
    const tally_segment *last = view->segments[view->segment_count - 1];
    uint64_t commits = last->header.first_commit;
    if (last->sealed) return commits + last->trailer.commits;
    tally_scan scan;
    uint64_t end = atomic_load_explicit(&last->end, memory_order_acquire);
    enum tally_scanned what = TALLY_SCANNED_COMMIT;
    if (tally_scan_begin(&scan, last, TALLY_SEGMENT_HEADER_BYTES, last->header.first_position, commits, NULL) !=
        TALLY_OK) {
        return commits;
    }
    while (scan.offset < end && what == TALLY_SCANNED_COMMIT) {
        if (tally_scan_next(&scan, &what, NULL, NULL) != TALLY_OK) break;
    }
    commits = scan.next_commit;
    tally_scan_end(&scan);
    return commits;
}

static void count_log(const tally_store_body *body, tally_store_statistics *to)
{
    tally_log *log = body->log;
    tally_log_lock(log);
    const tally_log_counts *counts = &log->counts;
    to->events = log->next_position;
    to->commits = log->next_commit;
    to->log_bytes = log->log_bytes;
    to->data_bytes = counts->data_bytes;
    to->appends = counts->commits;
    to->appended_events = counts->events;
    to->writes = counts->writes;
    to->written_bytes = counts->written_bytes;
    to->syncs = counts->syncs;
    to->sync_ns_total = counts->sync_ns_total;
    to->sync_ns_max = counts->sync_ns_max;
    to->seals = counts->seals;
    to->seal_ns_total = counts->seal_ns_total;
    to->queue_bytes = log->unwritten_bytes;
    to->heap_bytes += sizeof *log + tally_heads_bytes(&log->heads) + tally_recent_bytes(&log->recent) + log->tail.bytes;
    tally_log_unlock(log);
    to->heap_bytes += tally_scratches_bytes(body->scratches) + tally_jobs_bytes(body);
    to->queue_bytes += tally_jobs_bytes(body);
    to->appends += to->repeats;
}

static tally_status count(tally_store_body *body, tally_store_statistics *to, tally_error *error)
{
    tally_look look;
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    to->events = look.end;
    to->readers = atomic_load_explicit(&body->reader_count, memory_order_relaxed);
    to->repeats = atomic_load_explicit(&body->repeats, memory_order_relaxed);
    to->conflicts = atomic_load_explicit(&body->conflicts, memory_order_relaxed);
    to->notified_events = atomic_load_explicit(&body->notified_events, memory_order_relaxed);
    to->heap_bytes = sizeof *body;
    if (look.view != NULL) {
        count_view(look.view, look.end, to);
        if (body->read_only) to->commits = count_commits(look.view);
        tally_view_release(look.view);
    }
    if (body->log != NULL) count_log(body, to);
    return TALLY_OK;
}

tally_status tally_store_statistics_get(tally_store *store, tally_store_statistics *statistics, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (statistics == NULL) return tally_fail(error, TALLY_E_NULL, "statistics is NULL; it receives the figures");
    if ((uintptr_t)statistics % _Alignof(tally_store_statistics) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "statistics is at an address that is no multiple of 8");
    }
    size_t size = statistics->size;
    if (size < sizeof(tally_store_statistics) || size > TALLY_STRUCT_SIZE_MAX) {
        return tally_fail(error, TALLY_E_STRUCT_SIZE,
                          "statistics.size is %zu; set it to sizeof(tally_store_statistics), which is %zu here", size,
                          sizeof(tally_store_statistics));
    }
    memset(statistics, 0, size);
    statistics->size = size;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    tally_store_statistics figures = {.size = size};
    status = count(body, &figures, error);
    if (status == TALLY_OK) *statistics = figures;
    tally_gate_leave(&call);
    return status;
}
