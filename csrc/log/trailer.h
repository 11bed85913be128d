/* The end of a sealed segment: the table of its sections, and the trailer. Layout: docs/FORMAT.md.
 *
 * The trailer is the last 128 bytes of the file; without a valid one a segment is not sealed and is
 * scanned. Sections can all be made again from the frames. */
#ifndef TALLY_LOG_TRAILER_H
#define TALLY_LOG_TRAILER_H

#include <tallystick/status.h>

#define TALLY_TRAILER_BYTES 128
#define TALLY_SECTION_ENTRY_BYTES 32
#define TALLY_SECTIONS_MAX 64

typedef struct tally_trailer {
    uint64_t data_end;     /* behind the last mark */
    uint64_t table_offset; /* of the section table */
    uint32_t table_count;
    uint32_t table_crc;
    uint64_t first_position;
    uint64_t last_position; /* first_position - 1 when it holds no event */
    uint64_t commits;
    int64_t first_time_us;
    int64_t last_time_us;
    uint64_t new_streams; /* events with version 0 */
} tally_trailer;

typedef struct tally_section_entry {
    char tag[4];
    uint16_t version;
    uint16_t flags;
    uint64_t offset; /* a multiple of 4096 */
    uint64_t length; /* of the content, without page checksums */
} tally_section_entry;

/* Checksums are salted with the segment's seed. */
void tally_trailer_encode(uint32_t seed, const tally_trailer *trailer, uint8_t bytes[TALLY_TRAILER_BYTES]);
/* TALLY_E_FORMAT no trailer here; TALLY_E_DAMAGED. `file_size` bounds every member. */
tally_status tally_trailer_decode(uint32_t seed, const uint8_t bytes[TALLY_TRAILER_BYTES], uint64_t file_size,
                                  tally_trailer *trailer, tally_error *error);
void tally_section_entry_encode(uint32_t seed, const tally_section_entry *entry,
                                uint8_t bytes[TALLY_SECTION_ENTRY_BYTES]);
tally_status tally_section_entry_decode(uint32_t seed, const uint8_t bytes[TALLY_SECTION_ENTRY_BYTES],
                                        uint64_t file_size, tally_section_entry *entry, tally_error *error);

#endif
