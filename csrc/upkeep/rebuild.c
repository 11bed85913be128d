#include "upkeep/rebuild.h"

#include <string.h>

#include "base/error.h"
#include "log/crc32c.h"

#define SEGMENT_BYTES (UINT64_C(64) * 1024 * 1024)

static tally_status begin_segment(tally_rebuild *rebuild, uint64_t number, tally_error *error)
{
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    const tally_platform *platform = rebuild->folder.platform;
    tally_segment_header *header = &rebuild->header;
    int32_t os_error;
    header->number = number;
    header->first_position = rebuild->position;
    header->first_commit = rebuild->commit;
    memcpy(header->event_before, rebuild->last_hash, sizeof header->event_before);
    tally_status status = platform->random_bytes(platform->context, header->salt, sizeof header->salt, &os_error);
    if (status == TALLY_OK) status = platform->wall_clock_us(platform->context, &header->created_us, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gives no clock or salt");
    rebuild->seed = tally_frame_seed(header->salt);
    tally_segment_header_encode(header, bytes);
    tally_name_segment(number, 0, rebuild->name);
    status = tally_file_open(&rebuild->folder, rebuild->name,
                             TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE,
                             &rebuild->file, error);
    if (status != TALLY_OK) return status;
    rebuild->offset = TALLY_SEGMENT_HEADER_BYTES;
    return tally_file_write(&rebuild->folder, rebuild->name, rebuild->file, 0, bytes, sizeof bytes, error);
}

static tally_status end_segment(tally_rebuild *rebuild, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (rebuild->file == TALLY_FILE_NONE) return TALLY_OK;
    status = tally_file_sync(&rebuild->folder, rebuild->name, rebuild->file, error);
    tally_file_close(&rebuild->folder, &rebuild->file);
    return status;
}

tally_status tally_rebuild_begin(tally_rebuild *rebuild, tally_work *work, const char *path, size_t length,
                                 const char *store_name, tally_error *error)
{
    int32_t os_error;
    memset(rebuild, 0, sizeof *rebuild);
    rebuild->work = work;
    rebuild->file = TALLY_FILE_NONE;
    rebuild->streams.platform = work->platform;
    (void)memcpy(rebuild->header.name, store_name, strlen(store_name) + 1);
    tally_status status = work->platform->random_bytes(work->platform->context, rebuild->header.lineage,
                                                       sizeof rebuild->header.lineage, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gives no random bytes");
    status = tally_work_make_folder(work, path, length, 0600, &rebuild->folder, error);
    if (status != TALLY_OK) return status;
    status = begin_segment(rebuild, 0, error);
    if (status != TALLY_OK) (void)tally_rebuild_end(rebuild, true, NULL);
    return status;
}

tally_status tally_rebuild_end(tally_rebuild *rebuild, bool failed, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (!failed) {
        status = tally_rebuild_commit(rebuild, 0, 0, error);
        if (status == TALLY_OK) status = tally_rebuild_commit_end(rebuild, TALLY_MARK_CLEAN_CLOSE, error);
        if (status == TALLY_OK) status = end_segment(rebuild, error);
        if (status == TALLY_OK) status = tally_work_finish_folder(&rebuild->folder, error);
    }
    tally_file_close(&rebuild->folder, &rebuild->file);
    rebuild->work->platform->release(rebuild->work->platform->context, rebuild->buffer);
    tally_streams_free(&rebuild->streams);
    if (failed || status != TALLY_OK) tally_work_discard_folder(&rebuild->folder);
    return status;
}

/* ----------------------------------------------------------------------------------------- commits */

tally_status tally_rebuild_commit(tally_rebuild *rebuild, uint32_t batch_count, uint64_t length, tally_error *error)
{
    if (length > SEGMENT_BYTES - rebuild->offset && rebuild->offset > TALLY_SEGMENT_HEADER_BYTES) {
        tally_status status = end_segment(rebuild, error);
        if (status == TALLY_OK) status = begin_segment(rebuild, rebuild->header.number + 1, error);
        if (status != TALLY_OK) return status;
    }
    rebuild->used = 0;
    rebuild->count = 0;
    rebuild->batch_count = batch_count;
    rebuild->frames_crc = rebuild->seed;
    return TALLY_OK;
}

static tally_status reserve(tally_rebuild *rebuild, size_t length, tally_error *error)
{
    const tally_platform *platform = rebuild->work->platform;
    size_t wanted = rebuild->used + length;
    if (wanted <= rebuild->capacity) return TALLY_OK;
    if (wanted < 2 * rebuild->capacity) wanted = 2 * rebuild->capacity;
    void *larger = platform->resize(platform->context, rebuild->buffer, wanted);
    if (larger == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a commit");
    rebuild->buffer = larger;
    rebuild->capacity = wanted;
    return TALLY_OK;
}

tally_status tally_rebuild_add(tally_rebuild *rebuild, const tally_core *core, const uint8_t *body, size_t body_length,
                               tally_text stream, const void *data, size_t data_length, tally_error *error)
{
    size_t length = tally_frame_length(body_length, data_length);
    uint8_t bytes[TALLY_CORE_BYTES];
    uint32_t crc_meta, crc_data;
    tally_status status = reserve(rebuild, length, error);
    if (status != TALLY_OK) return status;
    tally_stream_at *head = tally_streams_at(&rebuild->streams, stream);
    if (head == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the streams of the store");
    tally_core now = *core;
    now.position = rebuild->position++;
    now.version = head->next_version++;
    now.batch_index = rebuild->count++;
    now.batch_count = rebuild->batch_count;
    memcpy(now.stream_prev, head->last_hash, sizeof now.stream_prev);
    tally_core_encode(&now, bytes);
    tally_core_event_hash(bytes, head->last_hash);
    memcpy(rebuild->last_hash, head->last_hash, sizeof rebuild->last_hash);
    tally_frame_encode(rebuild->seed, bytes, body, body_length, data, data_length, NULL, 0,
                       rebuild->buffer + rebuild->used, &crc_meta, &crc_data);
    rebuild->frames_crc = tally_mark_add_frame(rebuild->frames_crc, crc_meta, crc_data);
    rebuild->used += length;
    return TALLY_OK;
}

tally_status tally_rebuild_commit_end(tally_rebuild *rebuild, uint8_t flags, tally_error *error)
{
    tally_mark mark = {.flags = flags,
                       .commit = rebuild->commit++,
                       .first_position = rebuild->position - rebuild->count,
                       .count = rebuild->count,
                       .frames_crc = tally_crc32c_finish(rebuild->frames_crc),
                       .first_offset = rebuild->offset,
                       .durable_position = rebuild->count == 0 ? rebuild->position : 0,
                       .writer_epoch = 1};
    tally_status status = reserve(rebuild, TALLY_MARK_BYTES, error);
    if (status != TALLY_OK) return status;
    /* The mark of the close says that all of it is durable, so it has to be. */
    if (flags & TALLY_MARK_CLEAN_CLOSE) {
        status = tally_file_sync(&rebuild->folder, rebuild->name, rebuild->file, error);
        if (status != TALLY_OK) return status;
    }
    tally_mark_encode(rebuild->seed, &mark, rebuild->buffer + rebuild->used);
    rebuild->used += TALLY_MARK_BYTES;
    status = tally_file_write(&rebuild->folder, rebuild->name, rebuild->file, rebuild->offset, rebuild->buffer,
                              rebuild->used, error);
    rebuild->offset += rebuild->used;
    return status == TALLY_OK ? tally_work_step(rebuild->work, rebuild->used, error) : status;
}
