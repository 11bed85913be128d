#include "log/trailer.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "log/frame.h"
#include "log/section.h"
#include "log/segment.h"

/* Offsets of docs/FORMAT.md, "Trailer" and "Section table". */
enum {
    AT_MAGIC = 0,
    AT_DATA_END = 8,
    AT_TABLE_OFFSET = 16,
    AT_TABLE_COUNT = 24,
    AT_TABLE_CRC = 28,
    AT_FIRST_POSITION = 32,
    AT_LAST_POSITION = 40,
    AT_COMMITS = 48,
    AT_FIRST_TIME = 56,
    AT_LAST_TIME = 64,
    AT_NEW_STREAMS = 72,
    AT_RESERVED = 80,
    AT_CRC = 124
};
enum {
    AT_TAG = 0,
    AT_VERSION = 4,
    AT_FLAGS = 6,
    AT_OFFSET = 8,
    AT_LENGTH = 16,
    AT_ENTRY_CRC = 24,
    AT_ENTRY_RESERVED = 28
};

static const char magic[8] = {'T', 'A', 'L', 'L', 'Y', 'E', 'N', 'D'};

/* OFFS counts offsets in units of 8 with 32 bits. */
#define DATA_END_MAX (UINT64_C(8) << 32)

void tally_trailer_encode(uint32_t seed, const tally_trailer *trailer, uint8_t bytes[TALLY_TRAILER_BYTES])
{
    memset(bytes, 0, TALLY_TRAILER_BYTES);
    memcpy(bytes + AT_MAGIC, magic, sizeof magic);
    tally_store_u64(bytes + AT_DATA_END, trailer->data_end);
    tally_store_u64(bytes + AT_TABLE_OFFSET, trailer->table_offset);
    tally_store_u32(bytes + AT_TABLE_COUNT, trailer->table_count);
    tally_store_u32(bytes + AT_TABLE_CRC, trailer->table_crc);
    tally_store_u64(bytes + AT_FIRST_POSITION, trailer->first_position);
    tally_store_u64(bytes + AT_LAST_POSITION, trailer->last_position);
    tally_store_u64(bytes + AT_COMMITS, trailer->commits);
    tally_store_u64(bytes + AT_FIRST_TIME, (uint64_t)trailer->first_time_us);
    tally_store_u64(bytes + AT_LAST_TIME, (uint64_t)trailer->last_time_us);
    tally_store_u64(bytes + AT_NEW_STREAMS, trailer->new_streams);
    tally_store_u32(bytes + AT_CRC, tally_crc32c(seed, bytes, AT_CRC));
}

static tally_status check_places(const tally_trailer *trailer, uint64_t file_size, tally_error *error)
{
    uint64_t end = file_size < TALLY_TRAILER_BYTES ? 0 : file_size - TALLY_TRAILER_BYTES;
    bool data_fit = trailer->data_end >= TALLY_SEGMENT_HEADER_BYTES && trailer->data_end % 8 == 0 &&
                    trailer->data_end <= DATA_END_MAX && trailer->data_end <= end;
    if (!data_fit) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_DATA_END,
                             "the trailer's end of the data lies outside the file");
    }
    if (trailer->table_count > TALLY_SECTIONS_MAX) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_TABLE_COUNT, "the trailer counts %u sections; %d are accepted",
                             trailer->table_count, TALLY_SECTIONS_MAX);
    }
    bool table_fits = trailer->table_offset >= trailer->data_end && trailer->table_offset % 8 == 0 &&
                      trailer->table_offset <= end &&
                      (uint64_t)trailer->table_count * TALLY_SECTION_ENTRY_BYTES <= end - trailer->table_offset;
    if (!table_fits) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_TABLE_OFFSET, "the table of sections lies outside the file");
    }
    return TALLY_OK;
}

/* No more than the bytes between header and data_end have room for, so that who allocates by them is safe. */
static tally_status check_counts(const tally_trailer *trailer, tally_error *error)
{
    uint64_t room = (trailer->data_end - TALLY_SEGMENT_HEADER_BYTES) / TALLY_MARK_BYTES;
    uint64_t events = trailer->last_position - trailer->first_position + 1; /* 0 when last is first - 1 */
    if (events > room || trailer->first_position > UINT64_MAX - events) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_LAST_POSITION,
                             "the trailer's positions do not fit the segment");
    }
    if (trailer->commits > room || (events != 0 && trailer->commits == 0)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_COMMITS, "the trailer's commits do not fit the segment");
    }
    if (trailer->new_streams > events) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_NEW_STREAMS, "the trailer counts more streams than events");
    }
    bool times_fit = trailer->first_time_us >= 0 && trailer->first_time_us <= trailer->last_time_us &&
                     (events != 0 || trailer->last_time_us == 0);
    if (!times_fit) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_FIRST_TIME, "the trailer's times are out of order");
    }
    return TALLY_OK;
}

tally_status tally_trailer_decode(uint32_t seed, const uint8_t bytes[TALLY_TRAILER_BYTES], uint64_t file_size,
                                  tally_trailer *trailer, tally_error *error)
{
    memset(trailer, 0, sizeof *trailer);
    if (memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_MAGIC, "the segment has no trailer: it is not sealed");
    }
    if (tally_load_u32(bytes + AT_CRC) != tally_crc32c(seed, bytes, AT_CRC)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CRC, "the checksum of the segment's trailer does not agree");
    }
    tally_bytes_reader reserved = tally_bytes_reader_over(bytes + AT_RESERVED, AT_CRC - AT_RESERVED);
    if (!tally_bytes_read_zeros(&reserved, reserved.length)) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_RESERVED, "the segment's trailer uses reserved members");
    }
    tally_trailer read;
    read.data_end = tally_load_u64(bytes + AT_DATA_END);
    read.table_offset = tally_load_u64(bytes + AT_TABLE_OFFSET);
    read.table_count = tally_load_u32(bytes + AT_TABLE_COUNT);
    read.table_crc = tally_load_u32(bytes + AT_TABLE_CRC);
    read.first_position = tally_load_u64(bytes + AT_FIRST_POSITION);
    read.last_position = tally_load_u64(bytes + AT_LAST_POSITION);
    read.commits = tally_load_u64(bytes + AT_COMMITS);
    read.first_time_us = (int64_t)tally_load_u64(bytes + AT_FIRST_TIME);
    read.last_time_us = (int64_t)tally_load_u64(bytes + AT_LAST_TIME);
    read.new_streams = tally_load_u64(bytes + AT_NEW_STREAMS);
    tally_status status = check_places(&read, file_size, error);
    if (status == TALLY_OK) status = check_counts(&read, error);
    if (status == TALLY_OK) *trailer = read;
    return status;
}

/* ----------------------------------------------------------------------------------- section table */

void tally_section_entry_encode(uint32_t seed, const tally_section_entry *entry,
                                uint8_t bytes[TALLY_SECTION_ENTRY_BYTES])
{
    memset(bytes, 0, TALLY_SECTION_ENTRY_BYTES);
    memcpy(bytes + AT_TAG, entry->tag, sizeof entry->tag);
    tally_store_u16(bytes + AT_VERSION, entry->version);
    tally_store_u16(bytes + AT_FLAGS, entry->flags);
    tally_store_u64(bytes + AT_OFFSET, entry->offset);
    tally_store_u64(bytes + AT_LENGTH, entry->length);
    tally_store_u32(bytes + AT_ENTRY_CRC, tally_crc32c(seed, bytes, AT_ENTRY_CRC));
}

static bool lies_within(const tally_section_entry *entry, uint64_t file_size)
{
    uint64_t end = file_size < TALLY_TRAILER_BYTES ? 0 : file_size - TALLY_TRAILER_BYTES;
    return entry->offset >= TALLY_SEGMENT_HEADER_BYTES && entry->offset % TALLY_PAGE_BYTES == 0 &&
           entry->offset <= end && entry->length <= end &&
           tally_section_file_bytes(entry->length) <= end - entry->offset;
}

tally_status tally_section_entry_decode(uint32_t seed, const uint8_t bytes[TALLY_SECTION_ENTRY_BYTES],
                                        uint64_t file_size, tally_section_entry *entry, tally_error *error)
{
    tally_section_entry read;
    memset(entry, 0, sizeof *entry);
    if (tally_load_u32(bytes + AT_ENTRY_CRC) != tally_crc32c(seed, bytes, AT_ENTRY_CRC)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_ENTRY_CRC, "the checksum of a section's entry does not agree");
    }
    if (tally_load_u32(bytes + AT_ENTRY_RESERVED) != 0) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_ENTRY_RESERVED, "a section's entry uses reserved members");
    }
    memcpy(read.tag, bytes + AT_TAG, sizeof read.tag);
    read.version = tally_load_u16(bytes + AT_VERSION);
    read.flags = tally_load_u16(bytes + AT_FLAGS);
    read.offset = tally_load_u64(bytes + AT_OFFSET);
    read.length = tally_load_u64(bytes + AT_LENGTH);
    if (!lies_within(&read, file_size)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_OFFSET, "a section lies outside the file");
    }
    *entry = read;
    return TALLY_OK;
}
