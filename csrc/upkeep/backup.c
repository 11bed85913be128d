#include <string.h>

#include "base/error.h"
#include "sign/notes.h"
#include "store/store.h"
#include "upkeep/work.h"

/* What is copied: the segments that begin before the durable watermark; the first one always. */
static size_t count_segments(const tally_look *look)
{
    size_t count = 0;
    if (look->view == NULL) return 0;
    while (count < look->view->segment_count &&
           (count == 0 || look->view->segments[count]->header.first_position < look->durable)) {
        count++;
    }
    return count;
}

/* How much of a segment's file belongs to the copy: all of a sealed one, sections included. */
static tally_status find_length(tally_work *work, const tally_look *look, size_t i, uint64_t *length,
                                tally_error *error)
{
    const tally_segment *segment = look->view->segments[i];
    uint64_t position = look->durable;
    if (i + 1 < look->view->segment_count && look->view->segments[i + 1]->header.first_position < position) {
        position = look->view->segments[i + 1]->header.first_position;
    }
    if (!segment->sealed) return tally_work_find_end(work, segment, position, length, error);
    if (segment->map != NULL) *length = segment->map_bytes;
    else return tally_file_size(segment->folder, segment->name, segment->file, length, error);
    return TALLY_OK;
}

/* From the last to the first: a copy that is not finished has no segment 0 and opens as no store. */
static tally_status copy_segments(tally_work *work, const tally_look *look, const tally_folder *to,
                                  tally_backup_report *report, tally_error *error)
{
    size_t count = count_segments(look);
    for (size_t i = 0; i < count; i++) {
        const tally_segment *segment = look->view->segments[i];
        work->total += segment->map != NULL ? segment->map_bytes : tally_segment_end(segment);
    }
    for (size_t i = count; i-- > 0;) {
        uint64_t length;
        tally_status status = find_length(work, look, i, &length, error);
        if (status == TALLY_OK) status = tally_work_copy(work, look->view->segments[i], length, to, error);
        if (status != TALLY_OK) return status;
        report->segments++;
        report->bytes += length;
    }
    return TALLY_OK;
}

/* A store that has no event yet may have no file: its copy gets the header that its first segment will have. */
static tally_status write_header(const tally_store_body *body, const tally_folder *to, tally_backup_report *report,
                                 tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header header = {.number = 0};
    int32_t os_error;
    tally_file file;
    memcpy(header.lineage, body->info.lineage, sizeof header.lineage);
    memcpy(header.name, body->info.name, sizeof header.name);
    tally_status status = to->platform->wall_clock_us(to->platform->context, &header.created_us, &os_error);
    if (status == TALLY_OK) {
        status = to->platform->random_bytes(to->platform->context, header.salt, sizeof header.salt, &os_error);
    }
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gives no clock or salt");
    tally_segment_header_encode(&header, bytes);
    tally_name_segment(0, 0, name);
    status = tally_file_open(to, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, error);
    if (status != TALLY_OK) return status;
    status = tally_file_write(to, name, file, 0, bytes, sizeof bytes, error);
    if (status == TALLY_OK) status = tally_file_sync(to, name, file, error);
    tally_file_close(to, &file);
    report->segments = 1;
    report->bytes += sizeof bytes;
    return status;
}

/* The heads that the copy reaches; the tree is made again from the events. */
static tally_status copy_notes(const tally_store_body *body, const tally_look *look, const tally_folder *to,
                               tally_backup_report *report, tally_error *error)
{
    tally_notes notes;
    uint64_t bytes = 0;
    tally_status status = tally_notes_open(&notes, &body->folder, false, error);
    if (status != TALLY_OK) return status;
    status = tally_notes_copy(&notes, to, look->durable, &bytes, error);
    tally_notes_close(&notes);
    report->bytes += bytes;
    return status;
}

static tally_status backup(tally_work *work, tally_store_body *body, const tally_look *look, const char *path,
                           size_t path_length, tally_backup_report *report, tally_error *error)
{
    tally_folder to;
    tally_status status = tally_work_make_folder(work, path, path_length, body->folder.file_mode, &to, error);
    if (status != TALLY_OK) return status;
    report->events = look->durable;
    status = copy_notes(body, look, &to, report, error);
    if (status == TALLY_OK && count_segments(look) == 0) status = write_header(body, &to, report, error);
    else if (status == TALLY_OK) status = copy_segments(work, look, &to, report, error);
    if (status == TALLY_OK) status = tally_work_finish_folder(&to, error);
    if (status == TALLY_OK) return TALLY_OK;
    (void)tally_file_remove(&to, TALLY_NAME_CHECKPOINTS, NULL);
    tally_work_discard_folder(&to);
    return status;
}

tally_status tally_store_backup(tally_store *store, const char *path, size_t path_length,
                                const tally_upkeep_options *options, tally_backup_report *report, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_look look;
    tally_work work;
    tally_backup_report made = {0};
    tally_error_clear(error);
    if (report != NULL) *report = made;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_work_begin(&work, options, body->platform, error);
    work.platform = body->platform;
    work.slot = call.slot;
    if (status == TALLY_OK) status = tally_store_view_now(body, &look, error);
    if (status == TALLY_OK) {
        status = backup(&work, body, &look, path, path_length, &made, error);
        tally_view_release(look.view);
    }
    if (status == TALLY_OK) tally_error_clear(error); /* of files that may be missing, and are */
    if (status == TALLY_OK && report != NULL) *report = made;
    tally_gate_leave(&call);
    tally_close_deferred(); /* of a progress callback that closed the store */
    return status;
}
