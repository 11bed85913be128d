#include "log/segment_file.h"

#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "log/index.h"

#define TABLE_BYTES_MAX ((size_t)TALLY_SECTIONS_MAX * TALLY_SECTION_ENTRY_BYTES)

tally_status tally_segment_damaged(const tally_segment *segment, uint64_t position, uint64_t offset,
                                   const tally_error *why, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    if (error == NULL) return TALLY_E_DAMAGED;
    if (tally_folder_join(segment->folder, segment->name, path, NULL) != TALLY_OK) path[0] = '\0';
    tally_error because = {.message = ""};
    if (why != NULL) because = *why;
    (void)tally_fail_os(error, TALLY_E_DAMAGED, 0, path, "the frame at offset %llu is damaged%s%s",
                        (unsigned long long)offset, because.message[0] == '\0' ? "" : ": ", because.message);
    error->position = position;
    return TALLY_E_DAMAGED;
}

/* --------------------------------------------------------------------------------- beginning and end */

static void destroy(tally_segment *segment)
{
    const tally_platform *platform = segment->folder->platform;
    if (segment->map != NULL) platform->unmap(platform->context, segment->map, segment->map_bytes);
    tally_file_close(segment->folder, &segment->file);
    if (segment->index != NULL) tally_index_free(segment->index);
    platform->release(platform->context, segment->touched);
    platform->release(platform->context, segment->checked);
    platform->release(platform->context, segment);
}

void tally_segment_hold(tally_segment *segment)
{
    (void)atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
}

void tally_segment_release(tally_segment *segment)
{
    if (segment == NULL) return;
    if (atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) == 1) destroy(segment);
}

/* Takes `file` in any case. */
static tally_status make(const tally_folder *folder, uint64_t number, uint64_t generation, uint32_t check,
                         tally_file file, tally_segment **segment, tally_error *error)
{
    const tally_platform *platform = folder->platform;
    tally_segment *made = platform->allocate(platform->context, sizeof *made);
    *segment = NULL;
    if (made == NULL) {
        tally_file_close(folder, &file);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a segment");
    }
    memset(made, 0, sizeof *made);
    atomic_init(&made->references, 1);
    made->folder = folder;
    made->check = check;
    made->file = file;
    atomic_init(&made->end, TALLY_SEGMENT_HEADER_BYTES);
    tally_name_segment(number, generation, made->name);
    *segment = made;
    return TALLY_OK;
}

static tally_status take_header(tally_segment *segment, const tally_segment_header *header, tally_error *error)
{
    segment->header = *header;
    segment->seed = tally_frame_seed(header->salt);
    return tally_index_new(segment->folder->platform, header->first_position, &segment->index, error);
}

tally_status tally_segment_new(const tally_folder *folder, const tally_segment_header *header, uint32_t check,
                               tally_file file, tally_tail *tail, tally_segment **segment, tally_error *error)
{
    tally_segment *made = NULL;
    *segment = NULL;
    tally_status status = make(folder, header->number, header->generation, check, file, &made, error);
    if (made == NULL) return status;
    made->tail = tail;
    status = take_header(made, header, error);
    if (status == TALLY_OK) *segment = made;
    else tally_segment_release(made);
    return status;
}

/* ------------------------------------------------------------------------------------------ opening */

static tally_status read_whole(const tally_segment *segment, uint64_t offset, void *to, size_t length,
                               tally_error *error)
{
    size_t done;
    tally_status status =
        tally_file_read(segment->folder, segment->name, segment->file, offset, to, length, &done, error);
    if (status == TALLY_OK && done != length) {
        status = tally_fail_at(error, TALLY_E_TRUNCATED, offset + done, "the segment %s ends too early", segment->name);
    }
    return status;
}

static tally_status read_header(tally_segment *segment, uint64_t number, uint64_t generation, tally_error *error)
{
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header header;
    tally_status status = read_whole(segment, 0, bytes, sizeof bytes, error);
    if (status == TALLY_OK) status = tally_segment_header_decode(bytes, sizeof bytes, &header, error);
    if (status != TALLY_OK) return status;
    if (header.number != number || header.generation != generation) {
        return tally_fail(error, TALLY_E_DAMAGED, "the segment %s says that it is another one: number %llu",
                          segment->name, (unsigned long long)header.number);
    }
    return take_header(segment, &header, error);
}

/* Without its table a sealed segment is whole still: its frames are read instead. */
static bool read_table(tally_segment *segment, uint64_t size)
{
    uint8_t bytes[TABLE_BYTES_MAX];
    const tally_trailer *trailer = &segment->trailer;
    size_t length = trailer->table_count * TALLY_SECTION_ENTRY_BYTES;
    if (read_whole(segment, trailer->table_offset, bytes, length, NULL) != TALLY_OK) return false;
    if (tally_crc32c(segment->seed, bytes, length) != trailer->table_crc) return false;
    for (size_t i = 0; i < trailer->table_count; i++) {
        tally_section_entry *entry = &segment->entries[i];
        const uint8_t *at = bytes + i * TALLY_SECTION_ENTRY_BYTES;
        if (tally_section_entry_decode(segment->seed, at, size, entry, NULL) != TALLY_OK) return false;
        if (entry->offset < trailer->data_end) return false;
    }
    segment->section_count = trailer->table_count;
    return true;
}

/* The section with a tag, of the layout that this library reads; else NULL. */
static const tally_section *section_of(const tally_segment *segment, const char tag[4])
{
    for (size_t i = 0; i < segment->section_count; i++) {
        const tally_section_entry *entry = &segment->entries[i];
        bool wanted = memcmp(entry->tag, tag, sizeof entry->tag) == 0 && entry->version == TALLY_SECTION_VERSION;
        if (wanted) return &segment->sections[i];
    }
    return NULL;
}

static void know_sections(tally_segment *segment)
{
    segment->known.offsets = section_of(segment, TALLY_SECTION_OFFSETS);
    segment->known.times = section_of(segment, TALLY_SECTION_TIMES);
    segment->known.ids = section_of(segment, TALLY_SECTION_IDS);
    segment->known.digests = section_of(segment, TALLY_SECTION_DIGESTS);
    segment->known.names = section_of(segment, TALLY_SECTION_NAMES);
    segment->known.name_hashes = section_of(segment, TALLY_SECTION_NAME_HASHES);
    segment->known.postings = section_of(segment, TALLY_SECTION_POSTINGS);
}

static tally_status take_sections(tally_segment *segment, tally_error *error)
{
    const tally_platform *platform = segment->folder->platform;
    uint64_t pages = 0;
    for (size_t i = 0; i < segment->section_count; i++) {
        pages += tally_section_file_bytes(segment->entries[i].length) / TALLY_PAGE_BYTES + 32;
    }
    uint64_t events = tally_segment_events(segment);
    size_t checked_bytes = (size_t)(pages / 32 + 1) * sizeof(uint32_t);
    size_t touched_bytes = (size_t)(events / 32 + 1) * sizeof(uint32_t);
    segment->checked = platform->allocate(platform->context, checked_bytes);
    segment->touched = platform->allocate(platform->context, touched_bytes);
    if (segment->checked == NULL || segment->touched == NULL) {
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a sealed segment");
    }
    memset((void *)segment->checked, 0, checked_bytes);
    memset((void *)segment->touched, 0, touched_bytes);
    size_t word = 0;
    for (size_t i = 0; i < segment->section_count; i++) {
        const tally_section_entry *entry = &segment->entries[i];
        segment->sections[i] = (tally_section){.folder = segment->folder,
                                               .name = segment->name,
                                               .file = segment->file,
                                               .pages = segment->map == NULL ? NULL : segment->map + entry->offset,
                                               .offset = entry->offset,
                                               .length = entry->length,
                                               .seed = segment->seed,
                                               .checked = segment->checked + word};
        word += (size_t)(tally_section_file_bytes(entry->length) / TALLY_PAGE_BYTES + 31) / 32;
    }
    know_sections(segment);
    return TALLY_OK;
}

/* A map that the system refuses is no failure: then each read is a system call. */
static void map_whole(tally_segment *segment, uint64_t size)
{
    const tally_platform *platform = segment->folder->platform;
    const void *address;
    int32_t os_error;
    if (size > SIZE_MAX) return;
    if (platform->map_file(platform->context, segment->file, 0, (size_t)size, &address, &os_error) != TALLY_OK) return;
    segment->map = address;
    segment->map_bytes = (size_t)size;
    tally_file_close(segment->folder, &segment->file);
}

static tally_status open_sealed(tally_segment *segment, uint64_t size, uint32_t map, tally_error *error)
{
    uint64_t events = tally_segment_events(segment);
    segment->sealed = true;
    if (events != 0) {
        segment->stride = ((segment->trailer.data_end - TALLY_SEGMENT_HEADER_BYTES) << TALLY_STRIDE_BITS) / events;
    }
    atomic_store_explicit(&segment->end, segment->trailer.data_end, memory_order_relaxed);
    if (!read_table(segment, size)) {
        segment->section_count = 0;
        atomic_store_explicit(&segment->distrusted, true, memory_order_relaxed);
    }
    if (map == TALLY_MAP_SEALED) map_whole(segment, size);
    return take_sections(segment, error);
}

/* Whether the file ends in a trailer that fits its header; any other end is that of an unsealed segment. */
static tally_status look_for_trailer(tally_segment *segment, uint64_t size, bool *found, tally_error *error)
{
    uint8_t bytes[TALLY_TRAILER_BYTES];
    *found = false;
    if (size < TALLY_SEGMENT_HEADER_BYTES + TALLY_TRAILER_BYTES) return TALLY_OK;
    tally_status status = read_whole(segment, size - sizeof bytes, bytes, sizeof bytes, error);
    if (status != TALLY_OK) return status;
    *found = tally_trailer_decode(segment->seed, bytes, size, &segment->trailer, NULL) == TALLY_OK &&
             segment->trailer.first_position == segment->header.first_position;
    if (!*found) memset(&segment->trailer, 0, sizeof segment->trailer);
    return TALLY_OK;
}

static tally_status open_file(tally_segment *segment, uint64_t number, uint64_t generation, uint32_t map,
                              tally_error *error)
{
    uint64_t size;
    bool sealed;
    tally_status status = tally_file_size(segment->folder, segment->name, segment->file, &size, error);
    if (status == TALLY_OK) status = read_header(segment, number, generation, error);
    if (status == TALLY_OK) status = look_for_trailer(segment, size, &sealed, error);
    if (status == TALLY_OK && sealed) status = open_sealed(segment, size, map, error);
    return status;
}

tally_status tally_segment_open(const tally_folder *folder, uint64_t number, uint64_t generation, uint32_t check,
                                uint32_t map, bool writable, tally_segment **segment, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    tally_segment *made;
    *segment = NULL;
    tally_name_segment(number, generation, name);
    uint32_t flags = writable ? TALLY_OPEN_READ | TALLY_OPEN_WRITE : TALLY_OPEN_READ;
    tally_status status = tally_file_open(folder, name, flags, &file, error);
    if (status == TALLY_OK) status = make(folder, number, generation, check, file, &made, error);
    if (status != TALLY_OK) return status;
    status = open_file(made, number, generation, map, error);
    if (status == TALLY_OK) *segment = made;
    else tally_segment_release(made);
    return status;
}

/* ------------------------------------------------------------------------------------------ reading */

static TALLY_COLD tally_status truncated(const tally_segment *segment, uint64_t offset, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_TRUNCATED, offset, "the segment %s ends before the bytes that are wanted",
                         segment->name);
}

tally_status tally_segment_bytes(const tally_segment *segment, uint64_t offset, size_t length, uint8_t *scratch,
                                 const uint8_t **bytes, tally_error *error)
{
    *bytes = NULL;
    if (segment->sealed) {
        uint64_t end = segment->trailer.data_end;
        if (offset > end || length > end - offset) return truncated(segment, offset, error);
        if (segment->map != NULL) {
            *bytes = segment->map + offset;
            return TALLY_OK;
        }
    }
    /* The tail first: what leaves it in between is in the file by then. */
    size_t held =
        segment->tail == NULL ? 0 : tally_tail_copy(segment->tail, segment->header.number, offset, scratch, length);
    if (held < length) {
        size_t done;
        tally_status status = tally_file_read(segment->folder, segment->name, segment->file, offset, scratch,
                                              length - held, &done, error);
        if (status != TALLY_OK) return status;
        if (done != length - held) return truncated(segment, offset + done, error);
    }
    *bytes = scratch;
    return TALLY_OK;
}
