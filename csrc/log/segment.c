#include "log/segment.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"

/* Offsets of docs/FORMAT.md, "Segment". */
enum {
    AT_MAGIC = 0,
    AT_FORMAT = 8,
    AT_RESERVED = 10,
    AT_INCOMPATIBLE = 12,
    AT_COMPATIBLE = 16,
    AT_CRC = 20,
    AT_LINEAGE = 24,
    AT_SALT = 40,
    AT_NUMBER = 56,
    AT_GENERATION = 64,
    AT_FIRST_POSITION = 72,
    AT_FIRST_COMMIT = 80,
    AT_CREATED = 88,
    AT_EVENT_BEFORE = 96,
    AT_NAME_LENGTH = 128,
    AT_NAME = 130
};

static const char magic[8] = {'T', 'A', 'L', 'L', 'Y', 'S', 'E', 'G'};

/* The header's own checksum starts unsalted, since the salt is in it, and takes itself as zero. */
static uint32_t checksum(const uint8_t *bytes)
{
    static const uint8_t zero[4];
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, bytes, AT_CRC);
    crc = tally_crc32c_update(crc, zero, sizeof zero);
    crc = tally_crc32c_update(crc, bytes + AT_LINEAGE, TALLY_SEGMENT_HEADER_BYTES - AT_LINEAGE);
    return tally_crc32c_finish(crc);
}

void tally_segment_header_encode(const tally_segment_header *header, uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES])
{
    size_t name_length = strlen(header->name);
    memset(bytes, 0, TALLY_SEGMENT_HEADER_BYTES);
    memcpy(bytes + AT_MAGIC, magic, sizeof magic);
    tally_store_u16(bytes + AT_FORMAT, TALLY_SEGMENT_FORMAT);
    tally_store_u32(bytes + AT_INCOMPATIBLE, header->incompatible);
    tally_store_u32(bytes + AT_COMPATIBLE, header->compatible);
    memcpy(bytes + AT_LINEAGE, header->lineage, sizeof header->lineage);
    memcpy(bytes + AT_SALT, header->salt, sizeof header->salt);
    tally_store_u64(bytes + AT_NUMBER, header->number);
    tally_store_u64(bytes + AT_GENERATION, header->generation);
    tally_store_u64(bytes + AT_FIRST_POSITION, header->first_position);
    tally_store_u64(bytes + AT_FIRST_COMMIT, header->first_commit);
    tally_store_u64(bytes + AT_CREATED, (uint64_t)header->created_us);
    memcpy(bytes + AT_EVENT_BEFORE, header->event_before, sizeof header->event_before);
    tally_store_u16(bytes + AT_NAME_LENGTH, (uint16_t)name_length);
    memcpy(bytes + AT_NAME, header->name, name_length);
    tally_store_u32(bytes + AT_CRC, checksum(bytes));
}

static tally_status check_identity(const uint8_t *bytes, size_t available, tally_error *error)
{
    if (available < TALLY_SEGMENT_HEADER_BYTES) {
        return tally_fail_at(error, TALLY_E_TRUNCATED, available, "the file ends inside the segment's header");
    }
    if (memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_MAGIC, "the file is not a tallystick segment");
    }
    if (tally_load_u16(bytes + AT_FORMAT) != TALLY_SEGMENT_FORMAT) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_FORMAT, "the segment has format %u; this library reads %u",
                             tally_load_u16(bytes + AT_FORMAT), TALLY_SEGMENT_FORMAT);
    }
    if (tally_load_u32(bytes + AT_CRC) != checksum(bytes)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CRC, "the checksum of the segment's header does not agree");
    }
    if (tally_load_u32(bytes + AT_INCOMPATIBLE) & ~TALLY_SEGMENT_INCOMPATIBLE_KNOWN) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_INCOMPATIBLE,
                             "the segment uses features (0x%x) that this library does not know",
                             tally_load_u32(bytes + AT_INCOMPATIBLE));
    }
    return TALLY_OK;
}

static tally_status check_members(const uint8_t *bytes, tally_error *error)
{
    static const uint8_t zero[TALLY_DIGEST_BYTES];
    uint16_t name_length = tally_load_u16(bytes + AT_NAME_LENGTH);
    if (name_length > TALLY_STORE_NAME_MAX ||
        tally_store_name_check((const char *)bytes + AT_NAME, name_length, NULL) != TALLY_OK) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_NAME, "the segment's header has no acceptable store name");
    }
    tally_bytes_reader rest =
        tally_bytes_reader_over(bytes + AT_NAME + name_length, TALLY_SEGMENT_HEADER_BYTES - AT_NAME - name_length);
    bool unused = tally_bytes_read_zeros(&rest, tally_bytes_read_left(&rest));
    if (tally_load_u16(bytes + AT_RESERVED) != 0 || !unused) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_RESERVED, "the segment's header uses reserved members");
    }
    bool is_first = tally_load_u64(bytes + AT_FIRST_POSITION) == 0;
    bool names_none = memcmp(bytes + AT_EVENT_BEFORE, zero, sizeof zero) == 0;
    if (is_first != names_none) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_EVENT_BEFORE,
                             "the segment's first position and the event before it do not fit each other");
    }
    if ((int64_t)tally_load_u64(bytes + AT_CREATED) < 0) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CREATED, "the segment was created before 1970");
    }
    return TALLY_OK;
}

tally_status tally_segment_header_decode(const uint8_t *bytes, size_t available, tally_segment_header *header,
                                         tally_error *error)
{
    memset(header, 0, sizeof *header);
    tally_status status = check_identity(bytes, available, error);
    if (status == TALLY_OK) status = check_members(bytes, error);
    if (status != TALLY_OK) return status;
    header->incompatible = tally_load_u32(bytes + AT_INCOMPATIBLE);
    header->compatible = tally_load_u32(bytes + AT_COMPATIBLE);
    memcpy(header->lineage, bytes + AT_LINEAGE, sizeof header->lineage);
    memcpy(header->salt, bytes + AT_SALT, sizeof header->salt);
    header->number = tally_load_u64(bytes + AT_NUMBER);
    header->generation = tally_load_u64(bytes + AT_GENERATION);
    header->first_position = tally_load_u64(bytes + AT_FIRST_POSITION);
    header->first_commit = tally_load_u64(bytes + AT_FIRST_COMMIT);
    header->created_us = (int64_t)tally_load_u64(bytes + AT_CREATED);
    memcpy(header->event_before, bytes + AT_EVENT_BEFORE, sizeof header->event_before);
    memcpy(header->name, bytes + AT_NAME, tally_load_u16(bytes + AT_NAME_LENGTH));
    return TALLY_OK;
}

static bool is_name_byte(char byte)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    return letter || (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '/' || byte == '-';
}

tally_status tally_store_name_check(const char *name, size_t length, tally_error *error)
{
    if (length < 1 || length > TALLY_STORE_NAME_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "the store's name has %zu bytes; 1 to %d are accepted", length,
                          TALLY_STORE_NAME_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if (is_name_byte(name[i])) continue;
        return tally_fail_at(error, TALLY_E_NAME, i,
                             "the store's name has a character that is none of A-Z a-z 0-9 . _ / -");
    }
    return TALLY_OK;
}
