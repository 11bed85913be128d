#define __USE_MINGW_ANSI_STDIO 1 /* makes %zu work on Windows; no effect elsewhere */

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "log/seal.h"
#include "upkeep/fsck.h"

#define CHUNK (1024u * 1024u)
/* A larger segment is not sealed a second time in memory; its pages are checked. */
#define COMPARED_MAX (UINT64_C(1) << 30)

/* --------------------------------------------------------------------------------------- checksums */

static tally_status tell(tally_fsck_run *run, const tally_segment *segment, uint64_t offset, const char *reason,
                         tally_error *error)
{
    return tally_fsck_tell(run, TALLY_FINDING_INDEX, TALLY_E_DAMAGED, segment->name, TALLY_POSITION_NONE, offset,
                           reason, error);
}

static tally_status check_pages(tally_fsck_run *run, const tally_segment *segment, const tally_section *section,
                                tally_error *error)
{
    uint8_t page[TALLY_PAGE_CONTENT];
    for (uint64_t at = 0; at < section->length; at += sizeof page) {
        size_t length = section->length - at < sizeof page ? (size_t)(section->length - at) : sizeof page;
        uint64_t offset = section->offset + at / sizeof page * TALLY_PAGE_BYTES;
        tally_status status = tally_work_step(run->work, TALLY_PAGE_BYTES, error);
        if (status != TALLY_OK) return status;
        if (tally_section_read(section, at, page, length)) continue;
        return tell(run, segment, offset, "a page of an index does not check", error);
    }
    return TALLY_OK;
}

static tally_status check_all_pages(tally_fsck_run *run, const tally_segment *segment, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (segment->section_count == 0) {
        return tell(run, segment, segment->trailer.table_offset, "the table of sections does not check", error);
    }
    for (size_t i = 0; status == TALLY_OK && i < segment->section_count; i++) {
        status = check_pages(run, segment, &segment->sections[i], error);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ sealing again */

/* The log part of the segment in a world of its own, sealed there: sealing is a function of the frames. */
typedef struct again {
    tally_platform *world;
    tally_folder folder;
    tally_segment *segment;
    uint8_t *mine;
    uint8_t *theirs;
} again;

static tally_status copy_log(again *made, const tally_segment *segment, tally_error *error)
{
    tally_file file;
    const uint32_t flags = TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE;
    tally_status status = tally_file_open(&made->folder, segment->name, flags, &file, error);
    if (status != TALLY_OK) return status;
    for (uint64_t at = 0; status == TALLY_OK && at < segment->trailer.data_end; at += CHUNK) {
        uint64_t left = segment->trailer.data_end - at;
        size_t length = left < CHUNK ? (size_t)left : CHUNK;
        size_t done;
        status = tally_file_read(segment->folder, segment->name, segment->file, at, made->mine, length, &done, error);
        if (status == TALLY_OK) {
            status = tally_file_write(&made->folder, segment->name, file, at, made->mine, done, error);
        }
    }
    if (status == TALLY_OK) status = tally_file_sync(&made->folder, segment->name, file, error);
    tally_file_close(&made->folder, &file);
    return status;
}

static tally_status seal_again(again *made, const tally_segment *segment, tally_error *error)
{
    tally_segment *unsealed;
    tally_status status = tally_platform_memory_open(1, &made->world, error);
    if (status == TALLY_OK) status = tally_folder_init(&made->folder, made->world, "/again", 6, 0600, error);
    if (status == TALLY_OK) status = tally_folder_make(&made->folder, "", error);
    if (status == TALLY_OK) status = copy_log(made, segment, error);
    if (status != TALLY_OK) return status;
    status = tally_segment_open(&made->folder, segment->header.number, segment->header.generation, TALLY_CHECK_ALWAYS,
                                TALLY_MAP_NEVER, true, &unsealed, error);
    if (status != TALLY_OK) return status;
    atomic_store(&unsealed->end, segment->trailer.data_end);
    status = tally_seal(unsealed, TALLY_MAP_NEVER, &made->segment, error);
    tally_segment_release(unsealed);
    return status;
}

static bool has_same_sections(const tally_segment *a, const tally_segment *b)
{
    if (a->section_count != b->section_count) return false;
    for (size_t i = 0; i < a->section_count; i++) {
        if (memcmp(a->entries[i].tag, b->entries[i].tag, 4) != 0 || a->entries[i].version != b->entries[i].version) {
            return false;
        }
    }
    return true;
}

/* Which section an offset lies in, for the message; NULL: between or behind them. */
static const tally_section_entry *section_at(const tally_segment *segment, uint64_t offset)
{
    for (size_t i = 0; i < segment->section_count; i++) {
        const tally_section_entry *entry = &segment->entries[i];
        if (offset >= entry->offset && offset - entry->offset < tally_section_file_bytes(entry->length)) return entry;
    }
    return NULL;
}

static tally_status tell_difference(tally_fsck_run *run, const tally_segment *segment, const tally_segment *wanted,
                                    uint64_t offset, tally_error *error)
{
    char reason[96];
    const tally_section_entry *entry = section_at(wanted, offset);
    if (entry == NULL) return tell(run, segment, offset, "the trailer is not what the frames make", error);
    (void)snprintf(reason, sizeof reason, "the index %.4s is not what the frames make", entry->tag);
    return tell(run, segment, offset, reason, error);
}

/* The first difference of each MiB is told: more would be too much. */
static tally_status compare_bytes(tally_fsck_run *run, const tally_segment *segment, again *made, tally_error *error)
{
    uint64_t size, wanted;
    tally_status status = tally_file_size(segment->folder, segment->name, segment->file, &size, error);
    if (status == TALLY_OK) {
        status = tally_file_size(&made->folder, segment->name, made->segment->file, &wanted, error);
    }
    if (status == TALLY_OK && size != wanted) return tell(run, segment, size, "the file has another length", error);
    for (uint64_t at = segment->trailer.data_end; status == TALLY_OK && at < size; at += CHUNK) {
        size_t length = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        size_t done, same = 0;
        status = tally_file_read(segment->folder, segment->name, segment->file, at, made->mine, length, &done, error);
        if (status == TALLY_OK) {
            status = tally_file_read(&made->folder, segment->name, made->segment->file, at, made->theirs, length, &done,
                                     error);
        }
        if (status == TALLY_OK) status = tally_work_step(run->work, length, error);
        if (status != TALLY_OK) break;
        while (same < length && made->mine[same] == made->theirs[same]) same++;
        if (same < length) status = tell_difference(run, segment, made->segment, at + same, error);
    }
    return status;
}

static tally_status compare(tally_fsck_run *run, const tally_segment *segment, again *made, tally_error *error)
{
    tally_status status = seal_again(made, segment, error);
    if (status != TALLY_OK) return status;
    /* Of another release: then the checksums are what can be compared. */
    if (!has_same_sections(segment, made->segment)) return check_all_pages(run, segment, error);
    return compare_bytes(run, segment, made, error);
}

tally_status tally_fsck_sections(tally_fsck_run *run, const tally_segment *segment, bool frames_are_whole,
                                 tally_error *error)
{
    const tally_platform *platform = run->work->platform;
    if (segment->section_count == 0 || !frames_are_whole || segment->trailer.data_end > COMPARED_MAX) {
        return check_all_pages(run, segment, error);
    }
    again made = {.world = NULL};
    made.mine = platform->allocate(platform->context, CHUNK);
    made.theirs = platform->allocate(platform->context, CHUNK);
    tally_status status = TALLY_E_NO_MEMORY;
    if (made.mine != NULL && made.theirs != NULL) status = compare(run, segment, &made, error);
    else (void)tally_fail(error, status, "no memory to compare indexes");
    if (status == TALLY_E_IO) status = tell(run, segment, segment->trailer.data_end, "the index cannot be read", error);
    tally_segment_release(made.segment);
    platform->release(platform->context, made.mine);
    platform->release(platform->context, made.theirs);
    (void)tally_platform_memory_close(&made.world);
    return status;
}
