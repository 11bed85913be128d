#include "log/seal.h"

#include <string.h>

#include "base/error.h"
#include "log/crc32c.h"
#include "log/seal_body.h"

/* A piece: so much of the segment is indexed, … */
#define PIECE_BYTES (UINT64_C(384) * 1024)
/* … or so many items are sorted or written. */
#define PIECE_ITEMS 32768u

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
    memcpy(entry->tag, tally_seal_sections[seal->sections].tag, sizeof entry->tag);
    seal->writes = false;
    seal->sections++;
    return tally_section_end(&seal->writer, &seal->offset, error);
}

/* Goes on with the move at hand. How much that was. */
static uint64_t go_on_moving(tally_sealing *seal, const tally_seal_move *move, uint64_t most)
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
    while (status == TALLY_OK && most != 0 && seal->sections < TALLY_SEAL_SECTIONS) {
        const tally_seal_move *move = &tally_seal_sections[seal->sections].moves[seal->move];
        if (!seal->writes) {
            status = begin_section(seal, error);
        } else if (seal->move == TALLY_SEAL_MOVES || move->count == NULL) {
            status = end_section(seal, error);
        } else {
            uint64_t done = go_on_moving(seal, move, most);
            most -= done < most ? done : most;
        }
    }
    if (status == TALLY_OK && seal->sections == TALLY_SEAL_SECTIONS) seal->step = SEAL_SYNC;
    return status;
}

/* ----------------------------------------------------------------------------------------- the end */

/* Table and trailer come only when the sections are on the device: a valid trailer promises them. */
static tally_status write_trailer(const tally_sealing *seal, tally_error *error)
{
    uint8_t bytes[TALLY_SEAL_SECTIONS * TALLY_SECTION_ENTRY_BYTES + TALLY_TRAILER_BYTES];
    const tally_segment *segment = seal->segment;
    const tally_index *index = seal->index;
    size_t table = TALLY_SEAL_SECTIONS * TALLY_SECTION_ENTRY_BYTES;
    for (size_t i = 0; i < TALLY_SEAL_SECTIONS; i++) {
        tally_section_entry_encode(segment->seed, &seal->entries[i], bytes + i * TALLY_SECTION_ENTRY_BYTES);
    }
    tally_trailer trailer = {.data_end = seal->data_end,
                             .table_offset = seal->offset,
                             .table_count = TALLY_SEAL_SECTIONS,
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
