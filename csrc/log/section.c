#include "log/section.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/error.h"
#include "log/crc32c.h"

#define BUFFER_BYTES ((size_t)256 * 1024)
_Static_assert(BUFFER_BYTES % TALLY_PAGE_BYTES == 0, "whole pages are written");
_Static_assert(TALLY_PAGE_CONTENT % 4 == 0, "an aligned u32 lies in one page");

uint64_t tally_section_file_bytes(uint64_t length)
{
    uint64_t pages = length / TALLY_PAGE_CONTENT + (length % TALLY_PAGE_CONTENT != 0);
    return pages > UINT64_MAX / TALLY_PAGE_BYTES ? UINT64_MAX : pages * TALLY_PAGE_BYTES;
}

/* The page's place in the file is part of it: a page that a device put, or left, in another's place does not
 * check, nor does one of an earlier try to seal the same segment. */
static uint32_t page_checksum(uint32_t seed, uint64_t file_offset, const uint8_t *page)
{
    uint8_t place[8];
    tally_store_u64(place, file_offset);
    return tally_crc32c(tally_crc32c_update(seed, place, sizeof place), page, TALLY_PAGE_CONTENT);
}

/* ------------------------------------------------------------------------------------------ writing */

tally_status tally_section_begin(tally_section_writer *writer, const tally_folder *folder, const char *name,
                                 tally_file file, uint64_t offset, uint32_t seed, tally_error *error)
{
    memset(writer, 0, sizeof *writer);
    writer->folder = folder;
    writer->name = name;
    writer->file = file;
    writer->offset = offset;
    writer->seed = seed;
    if (offset % TALLY_PAGE_BYTES != 0) {
        writer->status =
            tally_fail_at(&writer->error, TALLY_E_ALIGNMENT, offset, "a section begins at a multiple of 4096");
    } else {
        writer->buffer = folder->platform->allocate(folder->platform->context, BUFFER_BYTES);
        if (writer->buffer == NULL) {
            writer->status = tally_fail(&writer->error, TALLY_E_NO_MEMORY, "no memory to write a section with");
        }
    }
    if (writer->status != TALLY_OK && error != NULL) *error = writer->error;
    return writer->status;
}

/* Writes the pages of the buffer; all of them are whole. */
static void flush(tally_section_writer *writer)
{
    if (writer->status == TALLY_OK) {
        writer->status = tally_file_write(writer->folder, writer->name, writer->file, writer->offset, writer->buffer,
                                          writer->used, &writer->error);
    }
    writer->offset += writer->used;
    writer->used = 0;
}

/* The page that `used` has reached the checksum of. */
static void finish_page(tally_section_writer *writer)
{
    size_t start = writer->used - TALLY_PAGE_CONTENT;
    uint32_t crc = page_checksum(writer->seed, writer->offset + start, writer->buffer + start);
    tally_store_u32(writer->buffer + writer->used, crc);
    writer->used += TALLY_PAGE_BYTES - TALLY_PAGE_CONTENT;
    if (writer->used == BUFFER_BYTES) flush(writer);
}

void tally_section_write(tally_section_writer *writer, const void *content, size_t length)
{
    const uint8_t *from = content;
    if (writer->status != TALLY_OK) return;
    writer->length += length;
    while (length != 0 && writer->status == TALLY_OK) {
        size_t room = TALLY_PAGE_CONTENT - writer->used % TALLY_PAGE_BYTES;
        size_t part = length < room ? length : room;
        memcpy(writer->buffer + writer->used, from, part);
        writer->used += part;
        from += part;
        length -= part;
        if (part == room) finish_page(writer);
    }
}

void tally_section_write_u32(tally_section_writer *writer, uint32_t value)
{
    uint8_t bytes[4];
    tally_store_u32(bytes, value);
    tally_section_write(writer, bytes, sizeof bytes);
}

void tally_section_write_u64(tally_section_writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    tally_store_u64(bytes, value);
    tally_section_write(writer, bytes, sizeof bytes);
}

tally_status tally_section_end(tally_section_writer *writer, uint64_t *end, tally_error *error)
{
    *end = 0;
    if (writer->status == TALLY_OK) {
        size_t begun = writer->used % TALLY_PAGE_BYTES;
        if (begun != 0) {
            memset(writer->buffer + writer->used, 0, TALLY_PAGE_CONTENT - begun);
            writer->used += TALLY_PAGE_CONTENT - begun;
            finish_page(writer);
        }
        flush(writer);
    }
    if (writer->buffer != NULL) writer->folder->platform->release(writer->folder->platform->context, writer->buffer);
    writer->buffer = NULL;
    if (writer->status == TALLY_OK) *end = writer->offset;
    else if (error != NULL) *error = writer->error;
    return writer->status;
}

/* ------------------------------------------------------------------------------------------ reading */

static bool is_checked(const tally_section *section, uint64_t page)
{
    if (section->checked == NULL) return false;
    uint32_t bits = atomic_load_explicit(&section->checked[page / 32], memory_order_relaxed);
    return (bits >> (page % 32) & 1u) != 0;
}

/* Relaxed: the bytes never change, so there is nothing that the bit would have to publish. */
static void note_checked(const tally_section *section, uint64_t page)
{
    if (section->checked == NULL) return;
    (void)atomic_fetch_or_explicit(&section->checked[page / 32], 1u << (page % 32), memory_order_relaxed);
}

static bool read_file(const tally_section *section, uint64_t offset, void *to, size_t length)
{
    size_t done;
    return tally_file_read(section->folder, section->name, section->file, offset, to, length, &done, NULL) ==
               TALLY_OK &&
           done == length;
}

/* Copies from one page, which is checked before any of it is given out. */
static TALLY_COLD bool read_first_touch(const tally_section *section, uint64_t page, size_t in_page, void *to,
                                        size_t length)
{
    uint8_t copy[TALLY_PAGE_BYTES];
    const uint8_t *bytes = copy;
    uint64_t place = section->offset + page * TALLY_PAGE_BYTES;
    if (section->pages != NULL) bytes = section->pages + page * TALLY_PAGE_BYTES;
    else if (!read_file(section, place, copy, sizeof copy)) return false;
    if (page_checksum(section->seed, place, bytes) != tally_load_u32(bytes + TALLY_PAGE_CONTENT)) return false;
    note_checked(section, page);
    memcpy(to, bytes + in_page, length);
    return true;
}

static bool read_page(const tally_section *section, uint64_t page, size_t in_page, void *to, size_t length)
{
    if (!is_checked(section, page)) return read_first_touch(section, page, in_page, to, length);
    uint64_t at = page * TALLY_PAGE_BYTES + in_page;
    if (section->pages == NULL) return read_file(section, section->offset + at, to, length);
    memcpy(to, section->pages + at, length);
    return true;
}

bool tally_section_read(const tally_section *section, uint64_t at, void *to, size_t length)
{
    uint8_t *out = to;
    if (length > section->length || at > section->length - length) return false;
    while (length != 0) {
        uint64_t page = at / TALLY_PAGE_CONTENT;
        size_t in_page = (size_t)(at % TALLY_PAGE_CONTENT);
        size_t part = length < TALLY_PAGE_CONTENT - in_page ? length : TALLY_PAGE_CONTENT - in_page;
        if (!read_page(section, page, in_page, out, part)) return false;
        out += part;
        at += part;
        length -= part;
    }
    return true;
}

bool tally_section_u32(const tally_section *section, uint64_t at, uint32_t *value)
{
    uint8_t bytes[4];
    *value = 0;
    if (TALLY_UNLIKELY(!tally_section_read(section, at, bytes, sizeof bytes))) return false;
    *value = tally_load_u32(bytes);
    return true;
}

bool tally_section_u64(const tally_section *section, uint64_t at, uint64_t *value)
{
    uint8_t bytes[8];
    *value = 0;
    if (TALLY_UNLIKELY(!tally_section_read(section, at, bytes, sizeof bytes))) return false;
    *value = tally_load_u64(bytes);
    return true;
}
