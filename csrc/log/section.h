/* A section's content: bytes in pages of 4096, the last 4 of each its salted CRC, checked at first touch.
 *
 * So an index that lies is noticed where it is used, and opening a store reads none of it. The CRC covers the
 * page's place in the file too: a page in another's place does not check. Numbers are aligned to 4 within the
 * content, of which a page holds 4092 bytes: a u32 never straddles two pages, a u64 may. */
#ifndef TALLY_LOG_SECTION_H
#define TALLY_LOG_SECTION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "log/file.h"

#define TALLY_PAGE_BYTES 4096u
#define TALLY_PAGE_CONTENT 4092u

/* The bytes that `length` bytes of content take in the file. */
uint64_t tally_section_file_bytes(uint64_t length);

/* Writes content page by page into a growing file; buffers 256 KiB. */
typedef struct tally_section_writer {
    const tally_folder *folder;
    const char *name;
    tally_file file;
    uint64_t offset; /* of the next buffer in the file */
    uint64_t length; /* content so far */
    uint32_t seed;
    size_t used;
    uint8_t *buffer;
    tally_status status; /* the first failure; nothing is written after it */
    tally_error error;
} tally_section_writer;

tally_status tally_section_begin(tally_section_writer *writer, const tally_folder *folder, const char *name,
                                 tally_file file, uint64_t offset, uint32_t seed, tally_error *error);
void tally_section_write(tally_section_writer *writer, const void *content, size_t length);
void tally_section_write_u32(tally_section_writer *writer, uint32_t value);
void tally_section_write_u64(tally_section_writer *writer, uint64_t value);
/* Pads the last page, writes, frees the buffer; `*end` is the file offset behind it. */
tally_status tally_section_end(tally_section_writer *writer, uint64_t *end, tally_error *error);

/* Reads content of a section that is mapped or in a file. */
typedef struct tally_section {
    const tally_folder *folder;
    const char *name;
    tally_file file;      /* used when `pages` is NULL */
    const uint8_t *pages; /* the mapped section */
    uint64_t offset;      /* in the file */
    uint64_t length;      /* of the content */
    uint32_t seed;
    _Atomic(uint32_t) *checked; /* a bit per page; may be NULL: then each page is checked at each touch */
} tally_section;

/* Copies content; false when it is out of range, unreadable, or its page does not check. Any thread. */
bool tally_section_read(const tally_section *section, uint64_t at, void *to, size_t length);
bool tally_section_u32(const tally_section *section, uint64_t at, uint32_t *value);
bool tally_section_u64(const tally_section *section, uint64_t at, uint64_t *value);

#endif
