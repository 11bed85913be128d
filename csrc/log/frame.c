#include "log/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"

/* Offsets of docs/FORMAT.md, "Frame" and "Commit mark"; the first eight bytes are alike. */
enum { AT_CRC = 0, AT_MAGIC = 4, AT_KIND = 6, AT_RESERVED = 7 };
enum { AT_BODY_LENGTH = 8, AT_CRC_DATA = 12, AT_DATA_LENGTH = 16, AT_CORE = 24, AT_BODY = 136 };
enum {
    AT_MARK_FLAGS = 7,
    AT_COMMIT = 8,
    AT_FIRST_POSITION = 16,
    AT_COUNT = 24,
    AT_FRAMES_CRC = 28,
    AT_FIRST_OFFSET = 32,
    AT_DURABLE = 40,
    AT_KEYRING_SLOTS = 48,
    AT_EPOCH = 56
};

#define MAGIC_0 't'
#define MAGIC_1 'F'

uint32_t tally_frame_seed(const uint8_t salt[16]) { return tally_crc32c_update(TALLY_CRC_START, salt, 16); }

uint32_t tally_frame_kind_at(const uint8_t *bytes, size_t available)
{
    if (available < TALLY_MARK_BYTES) return 0; /* the smallest thing there is */
    return bytes[AT_MAGIC] == MAGIC_0 && bytes[AT_MAGIC + 1] == MAGIC_1 ? bytes[AT_KIND] : 0;
}

/* ------------------------------------------------------------------------------------------ events */

static void copy(uint8_t *to, const void *from, size_t length)
{
    if (length != 0) memcpy(to, from, length);
}

/* All but the checksums. Where the data begin. */
static size_t fill(const uint8_t core[TALLY_CORE_BYTES], const uint8_t *body, size_t body_length, const void *data,
                   size_t data_length, const void *more, size_t more_length, uint8_t *to)
{
    size_t body_end = AT_BODY + tally_pad8(body_length);
    size_t stored = data_length + more_length;
    to[AT_MAGIC] = MAGIC_0;
    to[AT_MAGIC + 1] = MAGIC_1;
    to[AT_KIND] = TALLY_FRAME_EVENT;
    to[AT_RESERVED] = 0;
    tally_store_u32(to + AT_BODY_LENGTH, (uint32_t)body_length);
    tally_store_u64(to + AT_DATA_LENGTH, stored);
    memcpy(to + AT_CORE, core, TALLY_CORE_BYTES);
    copy(to + AT_BODY, body, body_length);
    memset(to + AT_BODY + body_length, 0, body_end - AT_BODY - body_length);
    copy(to + body_end, data, data_length);
    copy(to + body_end + data_length, more, more_length);
    memset(to + body_end + stored, 0, tally_pad8(stored) - stored);
    return body_end;
}

static uint32_t finish(uint32_t seed, size_t body_end, uint32_t crc_data, uint8_t *to)
{
    tally_store_u32(to + AT_CRC_DATA, crc_data);
    uint32_t crc_meta = tally_crc32c(seed, to + AT_MAGIC, body_end - AT_MAGIC);
    tally_store_u32(to + AT_CRC, crc_meta);
    return crc_meta;
}

void tally_frame_encode(uint32_t seed, const uint8_t core[TALLY_CORE_BYTES], const uint8_t *body, size_t body_length,
                        const void *data, size_t data_length, const void *more, size_t more_length, uint8_t *to,
                        uint32_t *crc_meta, uint32_t *crc_data)
{
    size_t body_end = fill(core, body, body_length, data, data_length, more, more_length, to);
    *crc_data = tally_crc32c(seed, to + body_end, data_length + more_length);
    *crc_meta = finish(seed, body_end, *crc_data, to);
}

void tally_frame_encode_known(uint32_t seed, const uint8_t core[TALLY_CORE_BYTES], const uint8_t *body,
                              size_t body_length, const void *data, size_t data_length, const void *more,
                              size_t more_length, uint8_t *to, uint32_t *crc_meta, uint32_t crc_data)
{
    size_t body_end = fill(core, body, body_length, data, data_length, more, more_length, to);
    *crc_meta = finish(seed, body_end, crc_data, to);
}

uint32_t tally_frame_data_crc(uint32_t seed, const void *data, size_t data_length, const void *more, size_t more_length)
{
    uint32_t crc = seed;
    if (data_length != 0) crc = tally_crc32c_update(crc, data, data_length);
    if (more_length != 0) crc = tally_crc32c_update(crc, more, more_length);
    return tally_crc32c_finish(crc);
}

/* Lengths first: nothing is added up or looked at beyond them before they are within bounds. */
static tally_status check_lengths(const uint8_t *bytes, size_t available, tally_error *error)
{
    if (available < TALLY_FRAME_FIXED_BYTES) {
        return tally_fail_at(error, TALLY_E_TRUNCATED, available, "the segment ends inside the head of a frame");
    }
    if (bytes[AT_MAGIC] != MAGIC_0 || bytes[AT_MAGIC + 1] != MAGIC_1 || bytes[AT_RESERVED] != 0) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_MAGIC, "there is no frame");
    }
    if (bytes[AT_KIND] != TALLY_FRAME_EVENT) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_KIND, "the frame is of kind %u; this library reads events",
                             bytes[AT_KIND]);
    }
    uint32_t body_length = tally_load_u32(bytes + AT_BODY_LENGTH);
    uint64_t data_length = tally_load_u64(bytes + AT_DATA_LENGTH);
    if (body_length < TALLY_BODY_FIXED_BYTES || body_length > TALLY_BODY_MAX) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_BODY_LENGTH, "the frame's body has %u bytes", body_length);
    }
    if (data_length > TALLY_STORED_MAX) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_DATA_LENGTH, "the frame's data have too many bytes");
    }
    if (tally_frame_length(body_length, (size_t)data_length) > available) {
        return tally_fail_at(error, TALLY_E_TRUNCATED, available, "the segment ends inside a frame");
    }
    return TALLY_OK;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

tally_status tally_frame_check_data(uint32_t seed, const tally_frame *frame, tally_error *error)
{
    size_t offset = (size_t)(frame->data - (frame->core - AT_CORE));
    if (tally_crc32c(seed, frame->data, frame->data_length) != frame->crc_data) {
        return tally_fail_at(error, TALLY_E_DAMAGED, offset, "the checksum of an event's data does not agree");
    }
    if (!all_zero(frame->data + frame->data_length, tally_pad8(frame->data_length) - frame->data_length)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, offset, "the padding behind an event's data is not zero");
    }
    return TALLY_OK;
}

tally_status tally_frame_find(const uint8_t *bytes, size_t available, tally_frame *frame, tally_error *error)
{
    memset(frame, 0, sizeof *frame);
    tally_status status = check_lengths(bytes, available, error);
    if (status != TALLY_OK) return status;
    frame->body_length = tally_load_u32(bytes + AT_BODY_LENGTH);
    frame->data_length = (size_t)tally_load_u64(bytes + AT_DATA_LENGTH);
    frame->crc_meta = tally_load_u32(bytes + AT_CRC);
    frame->crc_data = tally_load_u32(bytes + AT_CRC_DATA);
    frame->core = bytes + AT_CORE;
    frame->body = bytes + AT_BODY;
    frame->data = bytes + AT_BODY + tally_pad8(frame->body_length);
    frame->length = tally_frame_length(frame->body_length, frame->data_length);
    return TALLY_OK;
}

tally_status tally_frame_decode(uint32_t seed, const uint8_t *bytes, size_t available, bool check_data,
                                tally_frame *frame, tally_error *error)
{
    tally_frame read;
    memset(frame, 0, sizeof *frame);
    tally_status status = tally_frame_find(bytes, available, &read, error);
    if (status != TALLY_OK) return status;
    size_t body_end = AT_BODY + tally_pad8(read.body_length);
    if (tally_crc32c(seed, bytes + AT_MAGIC, body_end - AT_MAGIC) != read.crc_meta) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CRC, "the checksum of a frame does not agree");
    }
    if (!all_zero(bytes + AT_BODY + read.body_length, body_end - AT_BODY - read.body_length)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_BODY, "the padding behind an event's body is not zero");
    }
    status = check_data ? tally_frame_check_data(seed, &read, error) : TALLY_OK;
    if (status == TALLY_OK) *frame = read;
    return status;
}

/* ------------------------------------------------------------------------------------------- marks */

uint32_t tally_mark_add_frame(uint32_t crc, uint32_t crc_meta, uint32_t crc_data)
{
    uint8_t both[8];
    tally_store_u32(both, crc_meta);
    tally_store_u32(both + 4, crc_data);
    return tally_crc32c_update(crc, both, sizeof both);
}

void tally_mark_encode(uint32_t seed, const tally_mark *mark, uint8_t bytes[TALLY_MARK_BYTES])
{
    bytes[AT_MAGIC] = MAGIC_0;
    bytes[AT_MAGIC + 1] = MAGIC_1;
    bytes[AT_KIND] = TALLY_FRAME_MARK;
    bytes[AT_MARK_FLAGS] = mark->flags;
    tally_store_u64(bytes + AT_COMMIT, mark->commit);
    tally_store_u64(bytes + AT_FIRST_POSITION, mark->first_position);
    tally_store_u32(bytes + AT_COUNT, mark->count);
    tally_store_u32(bytes + AT_FRAMES_CRC, mark->frames_crc);
    tally_store_u64(bytes + AT_FIRST_OFFSET, mark->first_offset);
    tally_store_u64(bytes + AT_DURABLE, mark->durable_position);
    tally_store_u64(bytes + AT_KEYRING_SLOTS, mark->keyring_slots);
    tally_store_u64(bytes + AT_EPOCH, mark->writer_epoch);
    tally_store_u32(bytes + AT_CRC, tally_crc32c(seed, bytes + AT_MAGIC, TALLY_MARK_BYTES - AT_MAGIC));
}

static tally_status check_mark(const tally_mark *mark, tally_error *error)
{
    if (mark->flags & ~TALLY_MARK_CLEAN_CLOSE) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_MARK_FLAGS, "the commit mark has unknown flags (0x%x)",
                             mark->flags);
    }
    if (mark->first_position > UINT64_MAX - mark->count) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_FIRST_POSITION, "the commit mark's positions overflow");
    }
    if (mark->durable_position > mark->first_position + mark->count) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_DURABLE, "the commit mark says that later events are durable");
    }
    return TALLY_OK;
}

tally_status tally_mark_decode(uint32_t seed, const uint8_t *bytes, size_t available, tally_mark *mark,
                               tally_error *error)
{
    memset(mark, 0, sizeof *mark);
    if (available < TALLY_MARK_BYTES) {
        return tally_fail_at(error, TALLY_E_TRUNCATED, available, "the segment ends inside a commit mark");
    }
    if (tally_frame_kind_at(bytes, available) != TALLY_FRAME_MARK) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_MAGIC, "there is no commit mark");
    }
    if (tally_crc32c(seed, bytes + AT_MAGIC, TALLY_MARK_BYTES - AT_MAGIC) != tally_load_u32(bytes + AT_CRC)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CRC, "the checksum of a commit mark does not agree");
    }
    tally_mark read;
    read.flags = bytes[AT_MARK_FLAGS];
    read.commit = tally_load_u64(bytes + AT_COMMIT);
    read.first_position = tally_load_u64(bytes + AT_FIRST_POSITION);
    read.count = tally_load_u32(bytes + AT_COUNT);
    read.frames_crc = tally_load_u32(bytes + AT_FRAMES_CRC);
    read.first_offset = tally_load_u64(bytes + AT_FIRST_OFFSET);
    read.durable_position = tally_load_u64(bytes + AT_DURABLE);
    read.keyring_slots = tally_load_u64(bytes + AT_KEYRING_SLOTS);
    read.writer_epoch = tally_load_u64(bytes + AT_EPOCH);
    tally_status status = check_mark(&read, error);
    if (status == TALLY_OK) *mark = read;
    return status;
}
