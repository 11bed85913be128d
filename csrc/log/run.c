#include "log/run.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "log/hash.h"
#include "log/run_body.h"

/* Offsets of docs/FORMAT.md, "Runs". */
enum {
    AT_MAGIC = 0,
    AT_FORMAT = 8,
    AT_RESERVED = 10,
    AT_CRC = 12,
    AT_SALT = 16,
    AT_FIRST_SEGMENT = 32,
    AT_FIRST_POSITION = 40,
    AT_END_POSITION = 48,
    AT_SEGMENT_COUNT = 56,
    AT_IDENTITY = 60,
    AT_PARTS = 64
};
enum { AT_NAME = 0, AT_LENGTH = 4, AT_KIND = 6, AT_FIRST_REFERENCE = 8, AT_REFERENCES = 12 };

static const char magic[8] = {'T', 'A', 'L', 'L', 'Y', 'R', 'U', 'N'};

/* ------------------------------------------------------------------------------------------- header */

static uint32_t header_crc(const uint8_t bytes[TALLY_RUN_HEADER_BYTES])
{
    static const uint8_t zero[4];
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, bytes, AT_CRC);
    crc = tally_crc32c_update(crc, zero, sizeof zero);
    return tally_crc32c(crc, bytes + AT_SALT, TALLY_RUN_HEADER_BYTES - AT_SALT);
}

void tally_run_header_encode(const tally_run_header *header, uint8_t bytes[TALLY_RUN_HEADER_BYTES])
{
    memset(bytes, 0, TALLY_RUN_HEADER_BYTES);
    memcpy(bytes + AT_MAGIC, magic, sizeof magic);
    tally_store_u16(bytes + AT_FORMAT, TALLY_RUN_FORMAT);
    memcpy(bytes + AT_SALT, header->salt, sizeof header->salt);
    tally_store_u64(bytes + AT_FIRST_SEGMENT, header->first_segment);
    tally_store_u64(bytes + AT_FIRST_POSITION, header->first_position);
    tally_store_u64(bytes + AT_END_POSITION, header->end_position);
    tally_store_u32(bytes + AT_SEGMENT_COUNT, header->segment_count);
    tally_store_u32(bytes + AT_IDENTITY, header->identity);
    for (size_t i = 0; i < TALLY_RUN_PARTS; i++) {
        tally_store_u64(bytes + AT_PARTS + i * 16, header->offsets[i]);
        tally_store_u64(bytes + AT_PARTS + i * 16 + 8, header->lengths[i]);
    }
    tally_store_u32(bytes + AT_CRC, header_crc(bytes));
}

static bool part_fits(uint64_t offset, uint64_t length, uint64_t file_bytes)
{
    return offset % TALLY_PAGE_BYTES == 0 && offset >= TALLY_RUN_HEADER_BYTES && offset <= file_bytes &&
           length <= file_bytes && tally_section_file_bytes(length) <= file_bytes - offset;
}

tally_status tally_run_header_decode(const uint8_t bytes[TALLY_RUN_HEADER_BYTES], uint64_t file_bytes,
                                     tally_run_header *header, tally_error *error)
{
    memset(header, 0, sizeof *header);
    if (memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0 || tally_load_u16(bytes + AT_FORMAT) != TALLY_RUN_FORMAT) {
        return tally_fail(error, TALLY_E_FORMAT, "the file is no run of this format");
    }
    if (tally_load_u32(bytes + AT_CRC) != header_crc(bytes)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_CRC, "the checksum of a run's header does not agree");
    }
    memcpy(header->salt, bytes + AT_SALT, sizeof header->salt);
    header->first_segment = tally_load_u64(bytes + AT_FIRST_SEGMENT);
    header->first_position = tally_load_u64(bytes + AT_FIRST_POSITION);
    header->end_position = tally_load_u64(bytes + AT_END_POSITION);
    header->segment_count = tally_load_u32(bytes + AT_SEGMENT_COUNT);
    header->identity = tally_load_u32(bytes + AT_IDENTITY);
    for (size_t i = 0; i < TALLY_RUN_PARTS; i++) {
        header->offsets[i] = tally_load_u64(bytes + AT_PARTS + i * 16);
        header->lengths[i] = tally_load_u64(bytes + AT_PARTS + i * 16 + 8);
        if (!part_fits(header->offsets[i], header->lengths[i], file_bytes)) {
            return tally_fail_at(error, TALLY_E_DAMAGED, AT_PARTS + i * 16, "a part of a run lies outside the file");
        }
    }
    uint64_t names = header->lengths[TALLY_RUN_RECORDS] / TALLY_RUN_RECORD_BYTES;
    bool fits = header->lengths[TALLY_RUN_RECORDS] % TALLY_RUN_RECORD_BYTES == 0 && names <= UINT32_MAX &&
                header->lengths[TALLY_RUN_REFERENCES] / TALLY_RUN_REFERENCE_BYTES <= UINT32_MAX;
    return fits ? TALLY_OK : tally_fail(error, TALLY_E_DAMAGED, "a run has parts of impossible lengths");
}

uint32_t tally_run_identity(tally_segment *const *segments, size_t count)
{
    uint32_t crc = TALLY_CRC_START;
    for (size_t i = 0; i < count; i++) crc = tally_crc32c_update(crc, segments[i]->header.salt, 16);
    return tally_crc32c_finish(crc);
}

/* ------------------------------------------------------------------------------------ beginning, end */

static void destroy(tally_run *run)
{
    const tally_platform *platform = run->folder->platform;
    if (run->map != NULL) platform->unmap(platform->context, run->map, run->map_bytes);
    tally_file_close(run->folder, &run->file);
    platform->release(platform->context, run->checked);
    platform->release(platform->context, run);
}

void tally_run_hold(tally_run *run) { (void)atomic_fetch_add_explicit(&run->references, 1, memory_order_relaxed); }

void tally_run_release(tally_run *run)
{
    if (run == NULL) return;
    if (atomic_fetch_sub_explicit(&run->references, 1, memory_order_acq_rel) == 1) destroy(run);
}

static tally_status read_header(tally_run *run, tally_segment *const *segments, size_t count, tally_error *error)
{
    uint8_t bytes[TALLY_RUN_HEADER_BYTES];
    size_t done;
    tally_status status = tally_file_size(run->folder, run->name, run->file, &run->file_bytes, error);
    if (status == TALLY_OK) {
        status = tally_file_read(run->folder, run->name, run->file, 0, bytes, sizeof bytes, &done, error);
    }
    if (status == TALLY_OK && done != sizeof bytes) status = tally_fail(error, TALLY_E_TRUNCATED, "the run is cut");
    if (status == TALLY_OK) status = tally_run_header_decode(bytes, run->file_bytes, &run->header, error);
    if (status != TALLY_OK) return status;
    const tally_segment *last = segments[count - 1];
    bool same = run->header.segment_count == count && run->header.first_segment == segments[0]->header.number &&
                run->header.first_position == segments[0]->header.first_position &&
                run->header.end_position == last->header.first_position + tally_segment_events(last) &&
                run->header.identity == tally_run_identity(segments, count);
    if (same) return TALLY_OK;
    return tally_fail(error, TALLY_E_DAMAGED, "the run %s is one of other segments", run->name);
}

static tally_status take_parts(tally_run *run, tally_error *error)
{
    const tally_platform *platform = run->folder->platform;
    size_t words = 0;
    for (size_t i = 0; i < TALLY_RUN_PARTS; i++) {
        words += (size_t)(tally_section_file_bytes(run->header.lengths[i]) / TALLY_PAGE_BYTES / 32) + 1;
    }
    run->checked = platform->allocate(platform->context, words * sizeof *run->checked);
    if (run->checked == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a run");
    memset((void *)run->checked, 0, words * sizeof *run->checked);
    const void *map;
    int32_t os_error;
    if (run->file_bytes <= SIZE_MAX &&
        platform->map_file(platform->context, run->file, 0, (size_t)run->file_bytes, &map, &os_error) == TALLY_OK) {
        run->map = map;
        run->map_bytes = (size_t)run->file_bytes;
        tally_file_close(run->folder, &run->file);
    }
    words = 0;
    for (size_t i = 0; i < TALLY_RUN_PARTS; i++) {
        run->parts[i] = (tally_section){.folder = run->folder,
                                        .name = run->name,
                                        .file = run->file,
                                        .pages = run->map == NULL ? NULL : run->map + run->header.offsets[i],
                                        .offset = run->header.offsets[i],
                                        .length = run->header.lengths[i],
                                        .seed = tally_frame_seed(run->header.salt),
                                        .checked = run->checked + words};
        words += (size_t)(tally_section_file_bytes(run->header.lengths[i]) / TALLY_PAGE_BYTES / 32) + 1;
    }
    run->name_count = (uint32_t)(run->header.lengths[TALLY_RUN_RECORDS] / TALLY_RUN_RECORD_BYTES);
    return TALLY_OK;
}

tally_status tally_run_open(const tally_folder *folder, const char *name, tally_segment *const *segments, size_t count,
                            tally_run **run, tally_error *error)
{
    tally_file file;
    *run = NULL;
    tally_status status = tally_file_open(folder, name, TALLY_OPEN_READ, &file, error);
    if (status != TALLY_OK) return status;
    tally_run *made = folder->platform->allocate(folder->platform->context, sizeof *made);
    if (made == NULL) {
        tally_file_close(folder, &file);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a run");
    }
    memset(made, 0, sizeof *made);
    atomic_init(&made->references, 1);
    made->folder = folder;
    made->file = file;
    memcpy(made->name, name, strlen(name) + 1);
    status = read_header(made, segments, count, error);
    if (status == TALLY_OK) status = take_parts(made, error);
    if (status == TALLY_OK) *run = made;
    else tally_run_release(made);
    return status;
}

/* ------------------------------------------------------------------------------------------- looking */

uint64_t tally_run_first_segment(const tally_run *run) { return run->header.first_segment; }
uint32_t tally_run_segment_count(const tally_run *run) { return run->header.segment_count; }
uint64_t tally_run_file_bytes(const tally_run *run) { return run->file_bytes; }

bool tally_run_is_trusted(const tally_run *run)
{
    return !atomic_load_explicit(&run->distrusted, memory_order_acquire);
}

void tally_run_distrust(tally_run *run) { atomic_store_explicit(&run->distrusted, true, memory_order_release); }

bool tally_run_covers(const tally_run *larger, const tally_run *smaller)
{
    uint64_t offset = smaller->header.first_segment - larger->header.first_segment;
    return offset < larger->header.segment_count &&
           smaller->header.segment_count <= larger->header.segment_count - offset;
}

void tally_run_remove(tally_run *run) { (void)tally_file_remove(run->folder, run->name, NULL); }

enum tally_answer tally_run_name_at(const tally_run *run, uint32_t number, tally_run_name *name)
{
    uint8_t record[TALLY_RUN_RECORD_BYTES];
    if (number >= run->name_count) return TALLY_ANSWER_NO;
    if (!tally_section_read(&run->parts[TALLY_RUN_RECORDS], (uint64_t)number * sizeof record, record, sizeof record)) {
        return TALLY_ANSWER_DAMAGED;
    }
    uint64_t references = run->header.lengths[TALLY_RUN_REFERENCES] / TALLY_RUN_REFERENCE_BYTES;
    name->kind = record[AT_KIND];
    name->length = tally_load_u16(record + AT_LENGTH);
    name->entry.at = tally_load_u32(record + AT_FIRST_REFERENCE);
    name->entry.count = tally_load_u32(record + AT_REFERENCES);
    bool fits =
        name->length != 0 && name->length <= TALLY_STREAM_MAX && name->entry.count != 0 &&
        name->entry.count <= run->header.segment_count && (uint64_t)name->entry.at + name->entry.count <= references &&
        tally_section_read(&run->parts[TALLY_RUN_TEXT], tally_load_u32(record + AT_NAME), name->name, name->length);
    return fits ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_run_find(const tally_run *run, const tally_key *key, tally_run_entry *entry)
{
    tally_hashed hashed;
    tally_run_name name;
    uint32_t at;
    uint32_t hash = (uint32_t)(tally_hash_name(run->header.salt, key->kind, key->name.bytes, key->name.length) >> 32);
    if (!tally_hashed_open(&run->parts[TALLY_RUN_HASHES], &hashed) || !tally_hashed_search(&hashed, hash, &at)) {
        return TALLY_ANSWER_DAMAGED;
    }
    for (; at < hashed.count; at++) {
        uint32_t its;
        uint32_t number;
        if (!tally_hashed_get(&hashed, at, &its, &number)) return TALLY_ANSWER_DAMAGED;
        if (its != hash) break;
        if (tally_run_name_at(run, number, &name) != TALLY_ANSWER_YES) return TALLY_ANSWER_DAMAGED;
        if (name.kind != key->kind || tally_text_compare((tally_text){name.name, name.length}, key->name) != 0)
            continue;
        *entry = name.entry;
        return TALLY_ANSWER_YES;
    }
    return TALLY_ANSWER_NO;
}

enum tally_answer tally_run_reference(const tally_run *run, const tally_run_entry *entry, uint32_t number,
                                      uint32_t *segment, uint32_t *record)
{
    uint8_t reference[TALLY_RUN_REFERENCE_BYTES];
    if (number >= entry->count) return TALLY_ANSWER_NO;
    uint64_t at = ((uint64_t)entry->at + number) * TALLY_RUN_REFERENCE_BYTES;
    if (!tally_section_read(&run->parts[TALLY_RUN_REFERENCES], at, reference, sizeof reference)) {
        return TALLY_ANSWER_DAMAGED;
    }
    *segment = tally_load_u32(reference);
    *record = tally_load_u32(reference + 4);
    return *segment < run->header.segment_count ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}
