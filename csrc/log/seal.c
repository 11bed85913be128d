#include "log/seal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "log/hash.h"
#include "log/hashed.h"
#include "log/index_body.h"
#include "log/seal_names.h"

#define SECTIONS 7u

/* What is needed from the first section to the trailer.
 *
 * invariant: the index has all of the segment and does not change any more */
typedef struct sealing {
    tally_segment *segment;
    tally_index *index;
    const tally_platform *platform;
    tally_sorted *items; /* the names, sorted */
    tally_sorted *scratch;
    uint32_t name_count;
    uint64_t data_end;
    uint64_t offset; /* of the next section */
    uint32_t sections;
    tally_section_entry entries[SECTIONS];
} sealing;

/* ---------------------------------------------------------------------------------------- sections */

static void write_offsets(sealing *seal, tally_section_writer *writer)
{
    for (uint32_t i = 0; i < seal->index->events; i++) tally_section_write_u32(writer, seal->index->offsets[i]);
}

static void write_times(sealing *seal, tally_section_writer *writer)
{
    for (uint32_t i = 0; i < (seal->index->events + 63) / 64; i++) {
        tally_section_write_u64(writer, (uint64_t)seal->index->times[i]);
    }
}

/* In the scratch memory: the names stay sorted in `items`. It has room for the events twice. */
static void write_hashed(sealing *seal, const tally_index_hashed *hashed, tally_section_writer *writer)
{
    for (uint32_t i = 0; i < hashed->count; i++) {
        seal->scratch[i] = (tally_sorted){.key = hashed->hashes[i], .value = hashed->ordinals[i]};
    }
    tally_sort(seal->scratch, seal->scratch + hashed->count, hashed->count);
    tally_hashed_write(writer, seal->scratch, hashed->count, hashed->least, hashed->most);
}

static void write_ids(sealing *seal, tally_section_writer *writer) { write_hashed(seal, &seal->index->ids, writer); }

static void write_digests(sealing *seal, tally_section_writer *writer)
{
    write_hashed(seal, &seal->index->digests, writer);
}

static void write_record(tally_section_writer *writer, const tally_index_key *key, const tally_entry *entry,
                         uint32_t name)
{
    uint8_t record[32];
    tally_store_u32(record, name);
    tally_store_u16(record + 4, key->length);
    record[6] = key->kind;
    record[7] = (uint8_t)entry->form;
    tally_store_u64(record + 8, entry->first_version);
    tally_store_u32(record + 16, entry->count);
    tally_store_u32(record + 20, entry->first);
    tally_store_u32(record + 24, entry->last);
    tally_store_u32(record + 28, entry->at);
    tally_section_write(writer, record, sizeof record);
}

static void write_names(sealing *seal, tally_section_writer *writer)
{
    const tally_index *index = seal->index;
    uint64_t units = 0;
    uint32_t text = 0;
    tally_section_write_u32(writer, seal->name_count);
    tally_section_write_u32(writer, index->text_used);
    for (uint32_t i = 0; i < seal->name_count; i++) {
        const tally_index_key *key = &index->keys[seal->items[i].value];
        tally_entry entry = tally_seal_entry(index, key, &units);
        write_record(writer, key, &entry, text);
        text += key->length;
    }
    for (uint32_t i = 0; i < seal->name_count; i++) {
        const tally_index_key *key = &index->keys[seal->items[i].value];
        tally_section_write(writer, index->text + key->name, key->length);
    }
}

static void write_name_hashes(sealing *seal, tally_section_writer *writer)
{
    static const uint8_t none[16];
    for (uint32_t i = 0; i < seal->name_count; i++) {
        const tally_index_key *key = &seal->index->keys[seal->items[i].value];
        seal->scratch[i] = (tally_sorted){.key = key->hash >> 32, .value = i};
    }
    tally_sort(seal->scratch, seal->scratch + seal->name_count, seal->name_count);
    tally_hashed_write(writer, seal->scratch, seal->name_count, none, none);
}

static void write_bitmap(tally_section_writer *writer, const uint32_t *postings, uint32_t count, uint32_t events)
{
    uint32_t at = 0;
    for (uint32_t word = 0; word < (events + 63) / 64; word++) {
        uint64_t bits = 0;
        for (; at < count && postings[at] / 64 == word; at++) bits |= UINT64_C(1) << (postings[at] % 64);
        tally_section_write_u64(writer, bits);
    }
}

/* In the order of the names, as tally_seal_entry counted them. */
static void write_postings(sealing *seal, tally_section_writer *writer)
{
    const tally_index *index = seal->index;
    uint64_t units = 0;
    for (uint32_t i = 0; i < seal->name_count; i++) {
        uint32_t both[2];
        const tally_index_key *key = &index->keys[seal->items[i].value];
        const uint32_t *postings = tally_index_postings(index, key, both);
        tally_entry entry = tally_seal_entry(index, key, &units);
        if (entry.form == TALLY_FORM_BITMAP) write_bitmap(writer, postings, key->count, index->events);
        if (entry.form != TALLY_FORM_ARRAY) continue;
        for (uint32_t number = 0; number < key->count; number++) tally_section_write_u32(writer, postings[number]);
    }
}

static tally_status write_section(sealing *seal, const char tag[4],
                                  void (*write)(sealing *seal, tally_section_writer *writer), tally_error *error)
{
    const tally_segment *segment = seal->segment;
    tally_section_writer writer;
    tally_section_entry *entry = &seal->entries[seal->sections];
    tally_status status =
        tally_section_begin(&writer, segment->folder, segment->name, segment->file, seal->offset, segment->seed, error);
    if (status != TALLY_OK) return status;
    write(seal, &writer);
    *entry = (tally_section_entry){.version = TALLY_SECTION_VERSION, .offset = seal->offset, .length = writer.length};
    memcpy(entry->tag, tag, sizeof entry->tag);
    status = tally_section_end(&writer, &seal->offset, error);
    if (status == TALLY_OK) seal->sections++;
    return status;
}

static tally_status write_sections(sealing *seal, tally_error *error)
{
    static const struct {
        char tag[5];
        void (*write)(sealing *seal, tally_section_writer *writer);
    } sections[SECTIONS] = {{TALLY_SECTION_OFFSETS, write_offsets},  {TALLY_SECTION_TIMES, write_times},
                            {TALLY_SECTION_IDS, write_ids},          {TALLY_SECTION_DIGESTS, write_digests},
                            {TALLY_SECTION_NAMES, write_names},      {TALLY_SECTION_NAME_HASHES, write_name_hashes},
                            {TALLY_SECTION_POSTINGS, write_postings}};
    tally_status status = TALLY_OK;
    for (size_t i = 0; i < SECTIONS && status == TALLY_OK; i++) {
        status = write_section(seal, sections[i].tag, sections[i].write, error);
    }
    return status;
}

/* ----------------------------------------------------------------------------------------- the end */

/* Table and trailer come only when the sections are on the device: a valid trailer promises them. */
static tally_status write_end(const sealing *seal, tally_error *error)
{
    uint8_t bytes[SECTIONS * TALLY_SECTION_ENTRY_BYTES + TALLY_TRAILER_BYTES];
    const tally_segment *segment = seal->segment;
    const tally_index *index = seal->index;
    size_t table = SECTIONS * TALLY_SECTION_ENTRY_BYTES;
    for (size_t i = 0; i < SECTIONS; i++) {
        tally_section_entry_encode(segment->seed, &seal->entries[i], bytes + i * TALLY_SECTION_ENTRY_BYTES);
    }
    tally_trailer trailer = {.data_end = seal->data_end,
                             .table_offset = seal->offset,
                             .table_count = SECTIONS,
                             .table_crc = tally_crc32c(segment->seed, bytes, table),
                             .first_position = segment->header.first_position,
                             .last_position = segment->header.first_position + index->events - 1,
                             .commits = index->commits,
                             .first_time_us = index->events == 0 ? 0 : index->times[0],
                             .last_time_us = index->last_time_us,
                             .new_streams = index->new_streams};
    tally_trailer_encode(segment->seed, &trailer, bytes + table);
    tally_status status = tally_file_sync(segment->folder, segment->name, segment->file, error);
    if (status == TALLY_OK) {
        status =
            tally_file_write(segment->folder, segment->name, segment->file, seal->offset, bytes, sizeof bytes, error);
    }
    if (status == TALLY_OK) {
        status = tally_file_truncate(segment->folder, segment->name, segment->file, seal->offset + sizeof bytes, error);
    }
    return status == TALLY_OK ? tally_file_sync(segment->folder, segment->name, segment->file, error) : status;
}

static tally_status write_all(sealing *seal, tally_error *error)
{
    const tally_index *index = seal->index;
    size_t names = index->key_count;
    size_t events = (size_t)index->events * 2;
    size_t scratch = (events > names * 2 ? events : names * 2) + 1;
    seal->items = seal->platform->allocate(seal->platform->context, (names + 1) * sizeof *seal->items);
    seal->scratch = seal->platform->allocate(seal->platform->context, scratch * sizeof *seal->scratch);
    if (seal->items == NULL || seal->scratch == NULL) {
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to sort the names of %s", seal->segment->name);
    }
    seal->name_count = tally_seal_sort_names(index, seal->items, seal->scratch);
    tally_status status = write_sections(seal, error);
    return status == TALLY_OK ? write_end(seal, error) : status;
}

tally_status tally_seal(tally_segment *segment, uint32_t map, tally_segment **sealed, tally_error *error)
{
    *sealed = NULL;
    if (segment->sealed) return tally_fail(error, TALLY_E_ARGUMENT, "the segment %s is sealed already", segment->name);
    tally_status status = tally_index_catch_up(segment->index, segment, error);
    if (status != TALLY_OK) return status;
    sealing seal = {.segment = segment,
                    .index = segment->index,
                    .platform = segment->folder->platform,
                    .data_end = tally_segment_end(segment)};
    seal.offset = (seal.data_end + TALLY_PAGE_BYTES - 1) / TALLY_PAGE_BYTES * TALLY_PAGE_BYTES;
    status = write_all(&seal, error);
    seal.platform->release(seal.platform->context, seal.items);
    seal.platform->release(seal.platform->context, seal.scratch);
    if (status != TALLY_OK) return status;
    return tally_segment_open(segment->folder, segment->header.number, segment->header.generation, segment->check, map,
                              false, sealed, error);
}
