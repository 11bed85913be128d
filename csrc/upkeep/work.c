#include "upkeep/work.h"

#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "handle/thread.h"
#include "log/recover.h"
#include "log/scan.h"

#define COPY_CHUNK (1024u * 1024u)
#define REPORT_EVERY (1024u * 1024u)

/* ---------------------------------------------------------------------------------------- progress */

tally_status tally_work_begin(tally_work *work, const tally_upkeep_options *options, const tally_platform *fallback,
                              tally_error *error)
{
    memset(work, 0, sizeof *work);
    tally_status status = tally_options_read(&work->options, sizeof work->options, sizeof work->options, options,
                                             "tally_upkeep_options", error);
    if (status != TALLY_OK) return status;
    work->platform = work->options.platform != NULL ? work->options.platform : fallback;
    return tally_platform_check(work->platform, error);
}

tally_status tally_work_step(tally_work *work, uint64_t bytes, tally_error *error)
{
    work->done += bytes;
    if (work->slot != NULL && atomic_load(&work->slot->state) != TALLY_SLOT_OPEN) {
        return tally_fail(error, TALLY_E_CLOSED, "the store was closed meanwhile");
    }
    if (work->options.progress == NULL || work->done < work->next_report) return TALLY_OK;
    work->next_report = work->done + REPORT_EVERY;
    tally_callback callback;
    tally_callback_enter(&callback);
    uint64_t total = work->total > work->done ? work->total : work->done;
    int32_t answer = work->options.progress(work->options.user_data, work->done, total);
    tally_callback_leave(&callback);
    if (answer == 0) return TALLY_OK;
    return tally_fail(error, TALLY_E_INTERRUPTED, "the progress callback ended the work");
}

/* --------------------------------------------------------------------------------------- directory */

static tally_status look_once(tally_work_found *found, const tally_folder *folder, tally_error *error)
{
    memset(found, 0, sizeof *found);
    /* Never mapped: a media error would end the process. */
    tally_status status =
        tally_chain_open(&found->chain, folder, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, TALLY_CHAIN_TOLERANT, error);
    if (status == TALLY_OK) status = tally_evidence_gather(&found->chain, &found->evidence, &found->why);
    if (status == TALLY_E_IO) {
        found->unreadable = true;
        memset(&found->evidence, 0, sizeof found->evidence);
        status = TALLY_OK;
    } else if (status != TALLY_OK && error != NULL && found->why.status != TALLY_OK) {
        *error = found->why;
    }
    if (status != TALLY_OK) tally_chain_free(&found->chain);
    found->damaged = found->chain.end == TALLY_CHAIN_BROKEN || found->evidence.proves_damage || found->unreadable;
    return status;
}

#define LOOKS 8

/* A writer moves the end while it is looked at: then what lies behind it may be durable by now, and no damage. */
tally_status tally_work_look(tally_work_found *found, const tally_folder *folder, tally_error *error)
{
    bool is_store;
    uint64_t position = TALLY_POSITION_NONE;
    uint64_t offset = 0;
    tally_status status = tally_directory_look(folder, &is_store, error);
    if (status == TALLY_OK && !is_store) {
        status = tally_fail_os(error, TALLY_E_NOT_FOUND, 0, folder->path, "the directory has no store in it");
    }
    for (int i = 0; status == TALLY_OK && i < LOOKS; i++) {
        status = look_once(found, folder, error);
        if (status != TALLY_OK || !found->damaged) return status;
        if (found->chain.next_position == position && found->chain.break_offset == offset) return TALLY_OK;
        position = found->chain.next_position;
        offset = found->chain.break_offset;
        if (i + 1 < LOOKS) tally_chain_free(&found->chain);
    }
    /* It never stood still: the chain is a prefix, and what is behind it is the writer's. */
    if (status == TALLY_OK) found->damaged = found->evidence.proves_damage = false;
    return status;
}

/* As the directories of a store: who may read files may list them. */
static uint32_t directory_mode(uint32_t file_mode) { return file_mode | ((file_mode & 0444u) >> 2); }

tally_status tally_work_make_folder(const tally_work *work, const char *path, size_t length, uint32_t file_mode,
                                    tally_folder *folder, tally_error *error)
{
    int32_t os_error;
    const tally_platform *platform = work->platform;
    tally_status status = tally_folder_init(folder, platform, path, length, file_mode, error);
    if (status != TALLY_OK) return status;
    status = platform->make_directory(platform->context, folder->path, directory_mode(file_mode), &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return tally_fail_os(error, status, os_error, folder->path, "making the directory failed: %s",
                         tally_status_message(status));
}

tally_status tally_work_finish_folder(const tally_folder *folder, tally_error *error)
{
    tally_status status = tally_folder_sync(folder, error);
    return status == TALLY_OK ? tally_folder_sync_parent(folder, error) : status;
}

static int32_t remove_segment(void *user_data, const char *name)
{
    uint64_t number, generation;
    if (tally_name_is_segment(name, &number, &generation)) (void)tally_file_remove(user_data, name, NULL);
    return 0;
}

void tally_work_discard_folder(const tally_folder *folder)
{
    const tally_platform *platform = folder->platform;
    tally_folder mine = *folder;
    int32_t os_error;
    (void)platform->list_directory(platform->context, folder->path, remove_segment, &mine, &os_error);
    (void)platform->remove_directory(platform->context, folder->path, &os_error);
}

/* ----------------------------------------------------------------------------------------- copying */

static tally_status copy_bytes(tally_work *work, const tally_segment *segment, uint64_t length, const tally_folder *to,
                               tally_file file, uint8_t *buffer, tally_error *error)
{
    for (uint64_t offset = 0; offset < length;) {
        size_t part = length - offset < COPY_CHUNK ? (size_t)(length - offset) : COPY_CHUNK;
        size_t done = part;
        const uint8_t *bytes = segment->map == NULL ? buffer : segment->map + offset;
        tally_status status = TALLY_OK;
        if (segment->map == NULL) {
            status = tally_file_read(segment->folder, segment->name, segment->file, offset, buffer, part, &done, error);
        }
        if (status == TALLY_OK && done != part) {
            status =
                tally_fail_at(error, TALLY_E_TRUNCATED, offset + done, "the segment %s ends too early", segment->name);
        }
        if (status == TALLY_OK) status = tally_file_write(to, segment->name, file, offset, bytes, part, error);
        if (status == TALLY_OK) status = tally_work_step(work, part, error);
        if (status != TALLY_OK) return status;
        offset += part;
    }
    return TALLY_OK;
}

tally_status tally_work_copy(tally_work *work, const tally_segment *segment, uint64_t length, const tally_folder *to,
                             tally_error *error)
{
    const tally_platform *platform = work->platform;
    tally_file file;
    uint8_t *buffer = platform->allocate(platform->context, COPY_CHUNK);
    if (buffer == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to copy a segment");
    tally_status status = tally_file_open(
        to, segment->name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE, &file, error);
    if (status == TALLY_OK) {
        status = copy_bytes(work, segment, length, to, file, buffer, error);
        if (status == TALLY_OK) status = tally_file_sync(to, segment->name, file, error);
        tally_file_close(to, &file);
    }
    platform->release(platform->context, buffer);
    return status;
}

tally_status tally_work_find_end(tally_work *work, const tally_segment *segment, uint64_t position, uint64_t *end,
                                 tally_error *error)
{
    tally_scan scan;
    enum tally_scanned what = TALLY_SCANNED_COMMIT;
    tally_error why = {.status = TALLY_OK};
    *end = TALLY_SEGMENT_HEADER_BYTES;
    tally_status status = tally_scan_begin(&scan, segment, TALLY_SEGMENT_HEADER_BYTES, segment->header.first_position,
                                           segment->header.first_commit, error);
    while (status == TALLY_OK && scan.next_position < position && what == TALLY_SCANNED_COMMIT) {
        status = tally_scan_next(&scan, &what, &why, error);
        if (status == TALLY_OK && what == TALLY_SCANNED_COMMIT && scan.next_position <= position) {
            *end = scan.offset;
            status = tally_work_step(work, 0, error);
        }
    }
    if (status == TALLY_OK && scan.next_position < position) {
        status = tally_segment_damaged(segment, scan.next_position, scan.offset, &why, error);
    }
    tally_scan_end(&scan);
    return status;
}
