/* The next segment: made when a commit does not fit into the active one. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "log/log.h"

/* A mark is always left room for: that of a clean close. */
static bool fits(const tally_log *log, uint64_t length)
{
    return log->active && log->staged_end + length + TALLY_MARK_BYTES <= log->allocated;
}

static tally_status busy(tally_log *log, tally_error *error)
{
    tally_log_want_work(log);
    return tally_fail(error, TALLY_E_BUSY, "a new segment is due, and others are at work; try again");
}

/* The store was opened again: its last segment was cut at its end, and gets its space back. */
static tally_status allocate_again(tally_log *log, tally_error *error)
{
    const tally_segment *segment = tally_log_active(log)->segment;
    tally_status status =
        tally_file_allocate(log->folder, segment->name, segment->file, log->settings.segment_bytes, error);
    if (status == TALLY_OK) log->allocated = log->settings.segment_bytes;
    return status;
}

static tally_status make_header(const tally_log *log, tally_segment_header *header, tally_error *error)
{
    const tally_platform *platform = log->platform;
    int32_t os_error = 0;
    memset(header, 0, sizeof *header);
    memcpy(header->lineage, log->lineage, sizeof header->lineage);
    memcpy(header->name, log->name, sizeof header->name);
    memcpy(header->event_before, log->last_hash, sizeof header->event_before);
    header->number = log->next_number;
    header->first_position = log->next_position;
    header->first_commit = log->next_commit;
    (void)platform->wall_clock_us(platform->context, &header->created_us, &os_error);
    tally_status status = platform->random_bytes(platform->context, header->salt, sizeof header->salt, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return tally_fail_os(error, status, os_error, NULL, "the system gave no random bytes for a new segment");
}

/* A file of that name is what an earlier attempt could not remove: it was never used. */
static tally_status create_file(const tally_log *log, const char *name, uint64_t size, tally_file *file,
                                tally_error *error)
{
    uint32_t flags = TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE;
    tally_status status = tally_file_open(log->folder, name, flags, file, error);
    if (status == TALLY_E_EXISTS) {
        status = tally_file_remove(log->folder, name, error);
        if (status == TALLY_OK) status = tally_file_open(log->folder, name, flags, file, error);
    }
    if (status != TALLY_OK) return status;
    status = tally_file_allocate(log->folder, name, *file, size, error);
    if (status == TALLY_OK) return TALLY_OK;
    tally_file_close(log->folder, file);
    (void)tally_file_remove(log->folder, name, NULL);
    return status;
}

static tally_status grow_unsealed(tally_log *log, tally_error *error)
{
    if (log->unsealed_count < log->unsealed_capacity) return TALLY_OK;
    size_t capacity = log->unsealed_capacity != 0 ? 2 * log->unsealed_capacity : 2 * TALLY_UNSEALED_MAX;
    tally_unsealed *grown =
        log->platform->resize(log->platform->context, log->unsealed, capacity * sizeof *log->unsealed);
    if (grown == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for another segment");
    log->unsealed = grown;
    log->unsealed_capacity = capacity;
    return TALLY_OK;
}

/* The view with one segment more. */
static tally_status extend_view(const tally_log *log, tally_segment *segment, tally_view **extended, tally_error *error)
{
    const tally_platform *platform = log->platform;
    const tally_view *view = log->shown.view; /* changes only under the mutex */
    size_t count = view == NULL ? 0 : view->segment_count;
    tally_segment **segments = platform->allocate(platform->context, (count + 1) * sizeof(tally_segment *));
    if (segments == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for another segment");
    for (size_t i = 0; i < count; i++) segments[i] = view->segments[i];
    segments[count] = segment;
    tally_status status = tally_view_new(platform, segments, count + 1, view == NULL ? NULL : view->runs,
                                         view == NULL ? 0 : view->run_count, extended, error);
    platform->release(platform->context, segments);
    return status;
}

/* What is left is copying. */
static void adopt(tally_log *log, tally_segment *segment, tally_view *view, uint64_t size)
{
    if (log->active) tally_log_active(log)->end_position = log->next_position;
    log->unsealed[log->unsealed_count++] = (tally_unsealed){.segment = segment};
    log->active = true;
    log->directory_dirty = true;
    log->next_number++;
    log->seed = segment->seed;
    atomic_store_explicit(&log->seed_hint, log->seed, memory_order_relaxed);
    log->allocated = size;
    log->staged_end = TALLY_SEGMENT_HEADER_BYTES;
    log->unwritten_bytes += TALLY_SEGMENT_HEADER_BYTES;
    log->log_bytes += TALLY_SEGMENT_HEADER_BYTES;
    log->head.manifest_generation++;
    tally_segment_header_encode(&segment->header, log->tail.last->bytes);
    log->tail.last->used = TALLY_SEGMENT_HEADER_BYTES;
    tally_shown_replace(&log->shown, view);
}

static void discard(const tally_log *log, tally_segment *segment, const char *name)
{
    tally_segment_release(segment);
    (void)tally_file_remove(log->folder, name, NULL);
}

/* The tail goes to the new segment with room for the header and the commit. */
static tally_status move_tail(tally_log *log, uint64_t length, tally_error *error)
{
    uint64_t before = log->tail.number;
    tally_tail_move(&log->tail, log->next_number);
    tally_status status = tally_tail_reserve(&log->tail, 0, (size_t)(TALLY_SEGMENT_HEADER_BYTES + length), error);
    if (status != TALLY_OK) tally_tail_move(&log->tail, before);
    return status;
}

/* Files are made by path. A directory that was moved away, with another store in its place, would get this store's
 * segments, and lose its own: so the file that is written to has to be there under its name still. */
static tally_status check_place(tally_log *log, tally_error *error)
{
    const tally_platform *platform = log->platform;
    tally_file mine = log->active ? tally_log_active(log)->segment->file : log->head_file;
    const char *name = log->active ? tally_log_active(log)->segment->name : TALLY_NAME_HEAD;
    tally_file_status before;
    tally_file_status now;
    tally_file file = TALLY_FILE_NONE;
    int32_t os_error = 0;
    if (mine == TALLY_FILE_NONE) return TALLY_OK;
    tally_status status = tally_file_open(log->folder, name, TALLY_OPEN_READ, &file, error);
    if (status != TALLY_OK) return status;
    status = platform->file_status(platform->context, mine, &before, &os_error);
    if (status == TALLY_OK) status = platform->file_status(platform->context, file, &now, &os_error);
    tally_file_close(log->folder, &file);
    if (status != TALLY_OK) {
        return tally_fail_os(error, status, os_error, log->folder->path, "looking for the store's files failed");
    }
    if (before.device == now.device && before.inode == now.inode) return TALLY_OK;
    return tally_fail_os(
        error, TALLY_E_NOT_FOUND, 0, log->folder->path,
        "another directory lies where the store's was, and gets nothing; move the store back, or close "
        "it and open it where it is");
}

/* Everything that is staged is written, and nobody writes. */
static tally_status rotate(tally_log *log, uint64_t length, tally_error *error)
{
    uint64_t needed = TALLY_SEGMENT_HEADER_BYTES + length + TALLY_MARK_BYTES;
    uint64_t size = needed > log->settings.segment_bytes ? needed : log->settings.segment_bytes;
    tally_segment_header header;
    tally_segment *segment = NULL;
    tally_view *view = NULL;
    tally_file file = TALLY_FILE_NONE;
    char name[TALLY_NAME_BYTES];
    tally_name_segment(log->next_number, 0, name);
    tally_status status = grow_unsealed(log, error);
    if (status == TALLY_OK) status = check_place(log, error);
    if (status == TALLY_OK) status = make_header(log, &header, error);
    if (status == TALLY_OK) status = create_file(log, name, size, &file, error);
    if (status != TALLY_OK) return status;
    status = tally_segment_new(log->folder, &header, log->settings.check, file, &log->tail, &segment, error);
    if (status != TALLY_OK) { /* the file is closed */
        (void)tally_file_remove(log->folder, name, NULL);
        return status;
    }
    status = extend_view(log, segment, &view, error);
    if (status == TALLY_OK) status = move_tail(log, length, error);
    if (status != TALLY_OK) {
        if (view != NULL) tally_view_release(view);
        discard(log, segment, name);
        return status;
    }
    adopt(log, segment, view, size);
    return TALLY_OK;
}

static tally_status wait_for_sealing(tally_log *log, tally_error *error)
{
    bool is_worker = log->worker != NULL && log->worker == tally_thread_now;
    /* Somebody else is at it, or syncs first: who asked again and again would keep the mutex from him. */
    if (log->sealing || log->syncing || (log->settings.threaded && !is_worker)) {
        tally_log_want_work(log);
        (void)tally_log_wait(log, TALLY_DEADLINE_NEVER);
        return TALLY_OK;
    }
    bool more = false;
    return tally_log_work(log, &more, error);
}

/* Too many are unsealed, and there is hope that this changes. */
static bool must_wait_for_sealing(const tally_log *log)
{
    return log->unsealed_count >= TALLY_UNSEALED_MAX && log->retry_seal_ns == 0 && !log->closing;
}

tally_status tally_log_make_room(tally_log *log, uint64_t length, bool may_wait, bool *moved, tally_error *error)
{
    *moved = false;
    if (fits(log, length)) return TALLY_OK;
    bool extend = log->active && log->allocated < log->settings.segment_bytes &&
                  log->staged_end + length + TALLY_MARK_BYTES <= log->settings.segment_bytes;
    if (extend) return allocate_again(log, error);
    if (log->writing || log->unwritten_bytes != 0) {
        if (log->writing && !may_wait) return busy(log, error);
        *moved = true;
        if (!log->writing) return tally_log_lead_write(log, log->next_position, error);
        (void)tally_log_wait(log, TALLY_DEADLINE_NEVER);
        return TALLY_OK;
    }
    if (must_wait_for_sealing(log)) {
        if (!may_wait) return busy(log, error);
        *moved = true;
        return wait_for_sealing(log, error);
    }
    atomic_store_explicit(&log->held_long, true, memory_order_relaxed);
    tally_status status = rotate(log, length, error);
    atomic_store_explicit(&log->held_long, false, memory_order_relaxed);
    if (status == TALLY_OK && log->settings.threaded) tally_log_want_work(log);
    return status;
}
