/* Logs written by hand, commit by commit, into a world in memory: for tests of what reads them back.
 *
 * All events belong to one stream, so versions are positions, and each names the hash of the one before. */
#ifndef TALLY_TEST_LOGS_H
#define TALLY_TEST_LOGS_H

#include "base/bytes.h"
#include "log/chain.h"
#include "log/crc32c.h"
#include "log/head.h"
#include "log/recover.h"
#include "test.h"

#define LOG_FILE_BYTES 65536u
#define LOG_TIME INT64_C(1577836800000000) /* where the clock of a world in memory begins */
#define LOG_EVENT_MAX 8192u

typedef struct log_writer {
    tally_folder folder;
    char name[TALLY_NAME_BYTES];
    tally_file file;
    tally_segment_header header;
    uint32_t seed;
    uint64_t offset;
    uint64_t position;
    uint64_t commit;
    uint64_t durable; /* what the next mark will state */
    uint64_t epoch;
    int64_t time_us;
    uint8_t last_hash[32];
} log_writer;

__attribute__((unused)) static void log_begin(log_writer *log, const tally_platform *platform)
{
    memset(log, 0, sizeof *log);
    CHECK_STATUS(tally_folder_init(&log->folder, platform, "/s", 2, 0600, NULL), TALLY_OK);
    CHECK_STATUS(tally_folder_make(&log->folder, "", NULL), TALLY_OK);
    CHECK_STATUS(platform->sync_directory(platform->context, "/", &(int32_t){0}), TALLY_OK);
    log->file = TALLY_FILE_NONE;
    log->epoch = 1;
    log->time_us = LOG_TIME;
}

/* A new segment that goes on from here. */
__attribute__((unused)) static void log_segment(log_writer *log, uint64_t number)
{
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_file_close(&log->folder, &log->file);
    tally_name_segment(number, 0, log->name);
    CHECK_STATUS(tally_file_open(&log->folder, log->name,
                                 TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE,
                                 &log->file, NULL),
                 TALLY_OK);
    CHECK_STATUS(tally_file_allocate(&log->folder, log->name, log->file, LOG_FILE_BYTES, NULL), TALLY_OK);
    log->header = (tally_segment_header){.number = number,
                                         .first_position = log->position,
                                         .first_commit = log->commit,
                                         .created_us = LOG_TIME,
                                         .name = "test"};
    memset(log->header.lineage, 7, 16);
    memset(log->header.salt, (int)number + 1, 16);
    memcpy(log->header.event_before, log->last_hash, 32);
    log->seed = tally_frame_seed(log->header.salt);
    tally_segment_header_encode(&log->header, bytes);
    CHECK_STATUS(tally_file_write(&log->folder, log->name, log->file, 0, bytes, sizeof bytes, NULL), TALLY_OK);
    log->offset = TALLY_SEGMENT_HEADER_BYTES;
}

__attribute__((unused)) static void log_end(log_writer *log) { tally_file_close(&log->folder, &log->file); }

/* The bytes of one event frame; returns their length. */
static size_t log_frame(log_writer *log, uint32_t index, uint32_t count, size_t data_length, uint8_t *to,
                        uint32_t *frames_crc)
{
    static const uint8_t nobody[16];
    static uint8_t data[LOG_EVENT_MAX];
    uint8_t id[16] = {1}, salt[16] = {2}, digest[32], body[TALLY_BODY_MAX], core_bytes[TALLY_CORE_BYTES];
    uint32_t crc_meta, crc_data;
    tally_store_u64(id + 8, log->position);
    memset(data, (int)('a' + log->position % 26), data_length);
    tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_DATA, salt, 16, data, data_length, digest);
    tally_body_view view = {.id = id,
                            .correlation = id,
                            .causation = nobody,
                            .plain_length = data_length,
                            .stored_length = data_length + 16,
                            .data_digest = digest,
                            .stream = {"s/1", 3},
                            .type = {"t.made", 6}};
    size_t body_length = tally_body_length(&view);
    CHECK(tally_body_encode(&view, body, sizeof body));
    tally_core core = {.digest_algorithm = TALLY_DIGEST_SHA256,
                       .position = log->position,
                       .version = log->position,
                       .time_us = log->time_us++,
                       .batch_index = index,
                       .batch_count = count};
    memcpy(core.stream_prev, log->last_hash, 32);
    tally_body_digest(TALLY_DIGEST_SHA256, body, body_length, core.body_digest);
    tally_core_encode(&core, core_bytes);
    tally_core_event_hash(core_bytes, log->last_hash);
    tally_frame_encode(log->seed, core_bytes, body, body_length, salt, 16, data, data_length, to, &crc_meta, &crc_data);
    *frames_crc = tally_mark_add_frame(*frames_crc, crc_meta, crc_data);
    log->position++;
    return tally_frame_length(body_length, data_length + 16);
}

/* Appends a commit of `count` events as one write. A count of 0 is a mark alone. */
__attribute__((unused)) static void log_append(log_writer *log, uint32_t count, size_t data_length, uint8_t flags)
{
    static uint8_t bytes[4 * LOG_EVENT_MAX];
    size_t length = 0;
    uint32_t crc = log->seed;
    uint64_t first = log->position;
    for (uint32_t i = 0; i < count; i++) length += log_frame(log, i, count, data_length, bytes + length, &crc);
    tally_mark mark = {.flags = flags,
                       .commit = log->commit++,
                       .first_position = first,
                       .count = count,
                       .frames_crc = tally_crc32c_finish(crc),
                       .first_offset = log->offset,
                       .durable_position = log->durable,
                       .writer_epoch = log->epoch};
    tally_mark_encode(log->seed, &mark, bytes + length);
    length += TALLY_MARK_BYTES;
    CHECK_STATUS(tally_file_write(&log->folder, log->name, log->file, log->offset, bytes, length, NULL), TALLY_OK);
    log->offset += length;
}

/* Everything so far is durable, and the next mark says so. */
__attribute__((unused)) static void log_sync(log_writer *log)
{
    CHECK_STATUS(tally_file_sync(&log->folder, log->name, log->file, NULL), TALLY_OK);
    CHECK_STATUS(tally_folder_sync(&log->folder, NULL), TALLY_OK);
    log->durable = log->position;
}

__attribute__((unused)) static void log_close_cleanly(log_writer *log)
{
    log_sync(log);
    log_append(log, 0, 0, TALLY_MARK_CLEAN_CLOSE);
    CHECK_STATUS(tally_file_truncate(&log->folder, log->name, log->file, log->offset, NULL), TALLY_OK);
    log_sync(log);
    log_end(log);
}

/* Writes HEAD as the writer would. */
__attribute__((unused)) static void log_head(log_writer *log, uint64_t sequence, uint64_t durable, bool same_boot)
{
    uint8_t bytes[TALLY_HEAD_SLOT_USED];
    tally_file file;
    int32_t os_error;
    tally_head head = {.sequence = sequence,
                       .writer_epoch = log->epoch,
                       .state = TALLY_HEAD_OPEN,
                       .manifest_generation = log->header.number + 1,
                       .segment = log->header.number,
                       .end_offset = log->offset,
                       .written = durable > log->position ? durable : log->position,
                       .durable = durable};
    const tally_platform *platform = log->folder.platform;
    CHECK_STATUS(platform->boot_id(platform->context, head.boot_id, &os_error), TALLY_OK);
    if (!same_boot) head.boot_id[0] ^= 1;
    tally_head_encode(&head, bytes);
    CHECK_STATUS(tally_file_open(&log->folder, TALLY_NAME_HEAD, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE,
                                 &file, NULL),
                 TALLY_OK);
    CHECK_STATUS(tally_file_write(&log->folder, TALLY_NAME_HEAD, file, sequence % 2 * TALLY_HEAD_SLOT_BYTES, bytes,
                                  sizeof bytes, NULL),
                 TALLY_OK);
    tally_file_close(&log->folder, &file);
}

/* ----------------------------------------------------------------------------------- what goes wrong */

__attribute__((unused)) static void log_patch(const log_writer *log, uint64_t number, uint64_t offset,
                                              const void *bytes, size_t length)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    tally_name_segment(number, 0, name);
    CHECK_STATUS(tally_file_open(&log->folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, NULL), TALLY_OK);
    CHECK_STATUS(tally_file_write(&log->folder, name, file, offset, bytes, length, NULL), TALLY_OK);
    tally_file_close(&log->folder, &file);
}

__attribute__((unused)) static void log_zero(const log_writer *log, uint64_t number, uint64_t offset, size_t length)
{
    static const uint8_t zeros[LOG_FILE_BYTES];
    log_patch(log, number, offset, zeros, length);
}

__attribute__((unused)) static uint8_t log_byte(const log_writer *log, uint64_t number, uint64_t offset)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    uint8_t byte = 0;
    size_t done;
    tally_name_segment(number, 0, name);
    CHECK_STATUS(tally_file_open(&log->folder, name, TALLY_OPEN_READ, &file, NULL), TALLY_OK);
    CHECK_STATUS(tally_file_read(&log->folder, name, file, offset, &byte, 1, &done, NULL), TALLY_OK);
    tally_file_close(&log->folder, &file);
    return byte;
}

__attribute__((unused)) static void log_flip(const log_writer *log, uint64_t number, uint64_t offset)
{
    uint8_t byte = (uint8_t)(log_byte(log, number, offset) ^ 0x10);
    log_patch(log, number, offset, &byte, 1);
}

__attribute__((unused)) static bool log_has(const log_writer *log, uint64_t number)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    tally_name_segment(number, 0, name);
    if (tally_file_open(&log->folder, name, TALLY_OPEN_READ, &file, NULL) != TALLY_OK) return false;
    tally_file_close(&log->folder, &file);
    return true;
}

__attribute__((unused)) static uint64_t log_size(const log_writer *log, uint64_t number)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    uint64_t size = 0;
    tally_name_segment(number, 0, name);
    CHECK_STATUS(tally_file_open(&log->folder, name, TALLY_OPEN_READ, &file, NULL), TALLY_OK);
    CHECK_STATUS(tally_file_size(&log->folder, name, file, &size, NULL), TALLY_OK);
    tally_file_close(&log->folder, &file);
    return size;
}

#endif
