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
#define MOVES 5u
/* A piece: so much of the segment is indexed, … */
#define PIECE_BYTES (UINT64_C(384) * 1024)
/* … or so many items are sorted or written. */
#define PIECE_ITEMS 32768u

enum seal_step { SEAL_INDEX, SEAL_NAMES, SEAL_SECTIONS, SEAL_SYNC, SEAL_TRAILER, SEAL_OPEN };

/* What is needed from the first piece to the last.
 *
 * invariant: from SEAL_NAMES on the index has all of the segment and does not change any more */
struct tally_sealing {
    tally_segment *segment;
    tally_index *index;
    const tally_platform *platform;
    uint32_t map;
    enum seal_step step;
    tally_sorted *items; /* the names, sorted */
    tally_sorted *scratch;
    tally_name_sort names;
    uint64_t data_end;
    uint64_t offset; /* of the section at hand, or the next one */
    tally_section_writer writer;
    bool writes;       /* a section has begun */
    uint32_t sections; /* written */
    uint32_t move;     /* of the section at hand */
    uint32_t at;       /* in the move */
    bool sorts;
    tally_sorter sorter;
    uint64_t units; /* of POST that are given out */
    uint32_t text;
    tally_section_entry entries[SECTIONS];
};

/* ------------------------------------------------------------------------------ what sections are made of */

/* Section after section is written move by move: a loop over items, or a sort of what is in the scratch memory.
 * Writing an item says how much that was. */
typedef struct seal_move {
    uint32_t (*count)(const tally_sealing *seal);
    uint32_t (*write)(tally_sealing *seal, uint32_t i); /* NULL: sort so many */
} seal_move;

static uint32_t count_one(const tally_sealing *seal)
{
    (void)seal;
    return 1;
}

static uint32_t count_events(const tally_sealing *seal) { return seal->index->events; }
static uint32_t count_times(const tally_sealing *seal) { return (seal->index->events + 63) / 64; }
static uint32_t count_ids(const tally_sealing *seal) { return seal->index->ids.count; }
static uint32_t count_digests(const tally_sealing *seal) { return seal->index->digests.count; }
static uint32_t count_names(const tally_sealing *seal) { return seal->names.count; }

static const tally_index_key *name_at(const tally_sealing *seal, uint32_t i)
{
    return &seal->index->keys[seal->items[i].value];
}

static uint32_t write_offset(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->index->offsets[i]);
    return 1;
}

static uint32_t write_time(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u64(&seal->writer, (uint64_t)seal->index->times[i]);
    return 1;
}

/* Hashes are sorted in the scratch memory: the names stay sorted in `items`. It has room for the events twice. */
static uint32_t take_hash(tally_sealing *seal, const tally_index_hashed *hashed, uint32_t i)
{
    seal->scratch[i] = (tally_sorted){.key = hashed->hashes[i], .value = hashed->ordinals[i]};
    return 1;
}

static uint32_t take_id(tally_sealing *seal, uint32_t i) { return take_hash(seal, &seal->index->ids, i); }
static uint32_t take_digest(tally_sealing *seal, uint32_t i) { return take_hash(seal, &seal->index->digests, i); }

static uint32_t take_name_hash(tally_sealing *seal, uint32_t i)
{
    seal->scratch[i] = (tally_sorted){.key = name_at(seal, i)->hash >> 32, .value = i};
    return 4; /* keys lie anywhere */
}

static uint32_t write_ids_head(tally_sealing *seal, uint32_t i)
{
    const tally_index_hashed *ids = &seal->index->ids;
    tally_hashed_write_head(&seal->writer, ids->count, ids->least, ids->most);
    return i + 1;
}

static uint32_t write_digests_head(tally_sealing *seal, uint32_t i)
{
    const tally_index_hashed *digests = &seal->index->digests;
    tally_hashed_write_head(&seal->writer, digests->count, digests->least, digests->most);
    return i + 1;
}

static uint32_t write_name_hashes_head(tally_sealing *seal, uint32_t i)
{
    static const uint8_t none[16];
    tally_hashed_write_head(&seal->writer, seal->names.count, none, none);
    return i + 1;
}

static uint32_t write_hash(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, (uint32_t)seal->scratch[i].key);
    return 1;
}

static uint32_t write_value(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->scratch[i].value);
    return 1;
}

static uint32_t write_names_head(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->names.count);
    tally_section_write_u32(&seal->writer, seal->index->text_used);
    seal->units = 0;
    seal->text = 0;
    return i + 1;
}

static uint32_t write_record(tally_sealing *seal, uint32_t i)
{
    uint8_t record[32];
    const tally_index_key *key = name_at(seal, i);
    tally_entry entry = tally_seal_entry(seal->index, key, &seal->units);
    tally_store_u32(record, seal->text);
    tally_store_u16(record + 4, key->length);
    record[6] = key->kind;
    record[7] = (uint8_t)entry.form;
    tally_store_u64(record + 8, entry.first_version);
    tally_store_u32(record + 16, entry.count);
    tally_store_u32(record + 20, entry.first);
    tally_store_u32(record + 24, entry.last);
    tally_store_u32(record + 28, entry.at);
    tally_section_write(&seal->writer, record, sizeof record);
    seal->text += key->length;
    return 8;
}

static uint32_t write_text(tally_sealing *seal, uint32_t i)
{
    const tally_index_key *key = name_at(seal, i);
    tally_section_write(&seal->writer, seal->index->text + key->name, key->length);
    return 8;
}

static uint32_t write_bitmap(tally_section_writer *writer, const uint32_t *postings, uint32_t count, uint32_t events)
{
    uint32_t at = 0;
    for (uint32_t word = 0; word < (events + 63) / 64; word++) {
        uint64_t bits = 0;
        for (; at < count && postings[at] / 64 == word; at++) bits |= UINT64_C(1) << (postings[at] % 64);
        tally_section_write_u64(writer, bits);
    }
    return count + events / 64;
}

/* In the order of the names, as tally_seal_entry counted them. */
static uint32_t write_postings(tally_sealing *seal, uint32_t i)
{
    uint32_t both[2];
    uint64_t units = 0;
    const tally_index *index = seal->index;
    const tally_index_key *key = name_at(seal, i);
    tally_entry entry = tally_seal_entry(index, key, &units);
    if (entry.form == TALLY_FORM_INLINE) return 4;
    const uint32_t *postings = tally_index_postings(index, key, both);
    if (entry.form == TALLY_FORM_BITMAP) return 4 + write_bitmap(&seal->writer, postings, key->count, index->events);
    for (uint32_t number = 0; number < key->count; number++) {
        tally_section_write_u32(&seal->writer, postings[number]);
    }
    return 4 + key->count;
}

static const struct {
    char tag[5];
    seal_move moves[MOVES]; /* until one has no count */
} layout[SECTIONS] = {
    {TALLY_SECTION_OFFSETS, {{count_events, write_offset}}},
    {TALLY_SECTION_TIMES, {{count_times, write_time}}},
    {TALLY_SECTION_IDS,
     {{count_ids, take_id},
      {count_ids, NULL},
      {count_one, write_ids_head},
      {count_ids, write_hash},
      {count_ids, write_value}}},
    {TALLY_SECTION_DIGESTS,
     {{count_digests, take_digest},
      {count_digests, NULL},
      {count_one, write_digests_head},
      {count_digests, write_hash},
      {count_digests, write_value}}},
    {TALLY_SECTION_NAMES, {{count_one, write_names_head}, {count_names, write_record}, {count_names, write_text}}},
    {TALLY_SECTION_NAME_HASHES,
     {{count_names, take_name_hash},
      {count_names, NULL},
      {count_one, write_name_hashes_head},
      {count_names, write_hash},
      {count_names, write_value}}},
    {TALLY_SECTION_POSTINGS, {{count_names, write_postings}}},
};

/* ---------------------------------------------------------------------------------------- sections */

static tally_status begin_section(tally_sealing *seal, tally_error *error)
{
    const tally_segment *segment = seal->segment;
    tally_status status = tally_section_begin(&seal->writer, segment->folder, segment->name, segment->file,
                                              seal->offset, segment->seed, error);
    if (status != TALLY_OK) return status;
    seal->writes = true;
    seal->move = 0;
    seal->at = 0;
    return TALLY_OK;
}

static tally_status end_section(tally_sealing *seal, tally_error *error)
{
    tally_section_entry *entry = &seal->entries[seal->sections];
    *entry =
        (tally_section_entry){.version = TALLY_SECTION_VERSION, .offset = seal->offset, .length = seal->writer.length};
    memcpy(entry->tag, layout[seal->sections].tag, sizeof entry->tag);
    seal->writes = false;
    seal->sections++;
    return tally_section_end(&seal->writer, &seal->offset, error);
}

/* Goes on with the move at hand. How much that was. */
static uint64_t go_on_moving(tally_sealing *seal, const seal_move *move, uint64_t most)
{
    uint32_t count = move->count(seal);
    uint64_t done = 0;
    if (move->write == NULL) {
        if (!seal->sorts) tally_sort_begin(&seal->sorter, seal->scratch, seal->scratch + count, count);
        seal->sorts = !tally_sort_go_on(&seal->sorter, (size_t)most);
        if (!seal->sorts) seal->move++;
        return seal->sorts || count > most ? most : count;
    }
    for (; seal->at < count && done < most; seal->at++) done += move->write(seal, seal->at);
    if (seal->at < count) return done;
    seal->move++;
    seal->at = 0;
    return done;
}

static tally_status write_piece(tally_sealing *seal, tally_error *error)
{
    tally_status status = TALLY_OK;
    uint64_t most = PIECE_ITEMS;
    while (status == TALLY_OK && most != 0 && seal->sections < SECTIONS) {
        const seal_move *move = &layout[seal->sections].moves[seal->move];
        if (!seal->writes) {
            status = begin_section(seal, error);
        } else if (seal->move == MOVES || move->count == NULL) {
            status = end_section(seal, error);
        } else {
            uint64_t done = go_on_moving(seal, move, most);
            most -= done < most ? done : most;
        }
    }
    if (status == TALLY_OK && seal->sections == SECTIONS) seal->step = SEAL_SYNC;
    return status;
}

/* ----------------------------------------------------------------------------------------- the end */

/* Table and trailer come only when the sections are on the device: a valid trailer promises them. */
static tally_status write_trailer(const tally_sealing *seal, tally_error *error)
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
    tally_status status =
        tally_file_write(segment->folder, segment->name, segment->file, seal->offset, bytes, sizeof bytes, error);
    if (status == TALLY_OK) {
        status = tally_file_truncate(segment->folder, segment->name, segment->file, seal->offset + sizeof bytes, error);
    }
    return status == TALLY_OK ? tally_file_sync(segment->folder, segment->name, segment->file, error) : status;
}

/* ------------------------------------------------------------------------------------------- pieces */

/* The index is whole. */
static tally_status begin_names(tally_sealing *seal, tally_error *error)
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
    tally_name_sort_begin(&seal->names, index, seal->items, seal->scratch);
    seal->step = SEAL_NAMES;
    return TALLY_OK;
}

tally_status tally_seal_begin(tally_segment *segment, uint32_t map, tally_sealing **sealing, tally_error *error)
{
    const tally_platform *platform = segment->folder->platform;
    *sealing = NULL;
    if (segment->sealed) return tally_fail(error, TALLY_E_ARGUMENT, "the segment %s is sealed already", segment->name);
    tally_sealing *seal = platform->allocate(platform->context, sizeof *seal);
    if (seal == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to seal %s", segment->name);
    memset(seal, 0, sizeof *seal);
    seal->segment = segment;
    seal->index = segment->index;
    seal->platform = platform;
    seal->map = map;
    seal->step = SEAL_INDEX;
    seal->data_end = tally_segment_end(segment);
    seal->offset = (seal->data_end + TALLY_PAGE_BYTES - 1) / TALLY_PAGE_BYTES * TALLY_PAGE_BYTES;
    tally_segment_hold(segment);
    *sealing = seal;
    return TALLY_OK;
}

tally_status tally_seal_go_on(tally_sealing *seal, tally_segment **sealed, tally_error *error)
{
    const tally_segment *segment = seal->segment;
    tally_status status = TALLY_OK;
    bool whole = false;
    *sealed = NULL;
    switch (seal->step) {
    case SEAL_INDEX:
        status = tally_index_go_on(seal->index, segment, PIECE_BYTES, &whole, error);
        return status == TALLY_OK && whole ? begin_names(seal, error) : status;
    case SEAL_NAMES:
        if (tally_name_sort_go_on(&seal->names, PIECE_ITEMS)) seal->step = SEAL_SECTIONS;
        return TALLY_OK;
    case SEAL_SECTIONS: return write_piece(seal, error);
    case SEAL_SYNC:
        status = tally_file_sync(segment->folder, segment->name, segment->file, error);
        if (status == TALLY_OK) seal->step = SEAL_TRAILER;
        return status;
    case SEAL_TRAILER:
        status = write_trailer(seal, error);
        if (status == TALLY_OK) seal->step = SEAL_OPEN;
        return status;
    case SEAL_OPEN: break;
    }
    return tally_segment_open(segment->folder, segment->header.number, segment->header.generation, segment->check,
                              seal->map, false, sealed, error);
}

void tally_seal_end(tally_sealing *seal)
{
    if (seal == NULL) return;
    const tally_platform *platform = seal->platform;
    uint64_t end;
    if (seal->writes) {
        seal->writer.status = TALLY_E_CLOSED; /* what is in the buffer is not wanted any more */
        (void)tally_section_end(&seal->writer, &end, NULL);
    }
    platform->release(platform->context, seal->items);
    platform->release(platform->context, seal->scratch);
    tally_segment_release(seal->segment);
    platform->release(platform->context, seal);
}

tally_status tally_seal(tally_segment *segment, uint32_t map, tally_segment **sealed, tally_error *error)
{
    tally_sealing *seal;
    *sealed = NULL;
    tally_status status = tally_seal_begin(segment, map, &seal, error);
    while (status == TALLY_OK && *sealed == NULL) status = tally_seal_go_on(seal, sealed, error);
    tally_seal_end(seal);
    return status;
}
