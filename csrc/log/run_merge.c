/* Merging the directories of units next to each other, segments or runs, into one run.
 *
 * Four units of a size make one of the next size: a log of n segments has at most three of each size, and each
 * name is written again as often as there are sizes. One pass over the sorted names writes references, records and
 * text side by side; their places in the file are known from what the units have at most. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/ask.h"
#include "log/hash.h"
#include "log/run_body.h"
#include "log/sealed.h"

#define FAN 4u
/* A run of more names is not made, so that merging stays within memory: 4 bytes for each, and a sorted piece. */
#define NAMES_MAX (UINT32_C(24) << 20)
#define PIECE_ITEMS (UINT32_C(1) << 20)

/* One unit, with the name that it has next. */
typedef struct merge_unit {
    const tally_segment *segment; /* or */
    const tally_run *run;
    uint32_t first; /* its first segment, counted from the merged run's first */
    uint32_t number;
    bool present;
    tally_run_name name;
} merge_unit;

typedef struct merging {
    const tally_folder *folder;
    const tally_platform *platform;
    char name[TALLY_NAME_BYTES];
    char temporary[TALLY_NAME_BYTES + sizeof TALLY_NAME_NEW];
    tally_file file;
    tally_segment *const *segments; /* those that the units cover */
    merge_unit units[FAN];
    size_t unit_count;
    tally_run_header header;
    uint32_t seed;
    tally_section_writer references;
    tally_section_writer records;
    tally_section_writer text;
    uint32_t *hashes; /* of the names, in their order */
    uint32_t hash_capacity;
    uint32_t names;
    uint32_t reference_count;
} merging;

/* --------------------------------------------------------------------------------------------- units */

/* It is looked at without the run, or through its frames, from now on, and never merged. */
static void distrust(const merge_unit *unit)
{
    if (unit->run != NULL) tally_run_distrust((tally_run *)(uintptr_t)unit->run);
    else tally_ask_distrust((tally_segment *)(uintptr_t)unit->segment);
}

/* A unit that is damaged ends the merge. */
static enum tally_answer load(merge_unit *unit)
{
    enum tally_answer answer = unit->run != NULL ? tally_run_name_at(unit->run, unit->number, &unit->name)
                                                 : tally_sealed_name(unit->segment, unit->number, &unit->name.kind,
                                                                     unit->name.name, &unit->name.length);
    unit->present = answer == TALLY_ANSWER_YES;
    if (answer == TALLY_ANSWER_DAMAGED) distrust(unit);
    return answer;
}

static int compare(const merge_unit *a, const merge_unit *b)
{
    if (a->name.kind != b->name.kind) return a->name.kind < b->name.kind ? -1 : 1;
    return tally_text_compare((tally_text){a->name.name, a->name.length}, (tally_text){b->name.name, b->name.length});
}

static merge_unit *least(merging *merge)
{
    merge_unit *found = NULL;
    for (size_t i = 0; i < merge->unit_count; i++) {
        merge_unit *unit = &merge->units[i];
        if (unit->present && (found == NULL || compare(unit, found) < 0)) found = unit;
    }
    return found;
}

static bool add_reference(merging *merge, uint32_t segment, uint32_t record)
{
    tally_section_write_u32(&merge->references, segment);
    tally_section_write_u32(&merge->references, record);
    merge->reference_count++;
    return true;
}

static bool add_references(merging *merge, const merge_unit *unit)
{
    if (unit->run == NULL) return add_reference(merge, unit->first, unit->number);
    for (uint32_t i = 0; i < unit->name.entry.count; i++) {
        uint32_t segment;
        uint32_t record;
        if (tally_run_reference(unit->run, &unit->name.entry, i, &segment, &record) != TALLY_ANSWER_YES) {
            distrust(unit);
            return false;
        }
        (void)add_reference(merge, unit->first + segment, record);
    }
    return true;
}

/* Writes one name with the references of all units that have it, and moves those on. */
static bool merge_name(merging *merge, const merge_unit *first)
{
    uint8_t record[TALLY_RUN_RECORD_BYTES] = {0};
    merge_unit same = *first;
    uint32_t references = merge->reference_count;
    tally_store_u32(record, (uint32_t)merge->text.length);
    tally_store_u16(record + 4, (uint16_t)same.name.length);
    record[6] = (uint8_t)same.name.kind;
    tally_store_u32(record + 8, references);
    for (size_t i = 0; i < merge->unit_count; i++) {
        merge_unit *unit = &merge->units[i];
        if (!unit->present || compare(unit, &same) != 0) continue;
        if (!add_references(merge, unit)) return false;
        unit->number++;
        if (load(unit) == TALLY_ANSWER_DAMAGED) return false;
        if (unit->present && compare(unit, &same) <= 0) { /* not sorted: it lies */
            distrust(unit);
            return false;
        }
    }
    tally_store_u32(record + 12, merge->reference_count - references);
    tally_section_write(&merge->records, record, sizeof record);
    tally_section_write(&merge->text, same.name.name, same.name.length);
    if (merge->names == merge->hash_capacity) return false; /* more names than were counted */
    merge->hashes[merge->names++] =
        (uint32_t)(tally_hash_name(merge->header.salt, same.name.kind, same.name.name, same.name.length) >> 32);
    return true;
}

/* -------------------------------------------------------------------------------------------- hashes */

/* Sorted a piece at a time: the hashes of a range are collected from all names, for as many ranges as needed. */
static tally_status write_hashes(merging *merge, tally_section_writer *writer, bool values, tally_error *error)
{
    uint32_t capacity = merge->names < PIECE_ITEMS ? merge->names + 1 : PIECE_ITEMS;
    /* Half full on the average, since hashes are spread evenly but not exactly. */
    uint64_t pieces = (uint64_t)merge->names * 2 / PIECE_ITEMS + 1;
    tally_sorted *items = merge->platform->allocate(merge->platform->context, (size_t)capacity * 2 * sizeof *items);
    if (items == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    tally_status status = TALLY_OK;
    for (uint64_t piece = 0; piece < pieces && status == TALLY_OK; piece++) {
        uint64_t low = (piece << 32) / pieces;
        uint64_t high = ((piece + 1) << 32) / pieces;
        uint32_t count = 0;
        for (uint32_t i = 0; i < merge->names; i++) {
            if (merge->hashes[i] < low || merge->hashes[i] >= high) continue;
            if (count == capacity) {
                status = tally_fail(error, TALLY_E_LIMIT, "the hashes of a run are not spread evenly");
                break;
            }
            items[count++] = (tally_sorted){.key = merge->hashes[i], .value = i};
        }
        tally_sort(items, items + capacity, count);
        for (uint32_t i = 0; i < count; i++) {
            tally_section_write_u32(writer, values ? items[i].value : (uint32_t)items[i].key);
        }
    }
    merge->platform->release(merge->platform->context, items);
    return status;
}

static tally_status write_hash_part(merging *merge, uint64_t offset, uint64_t *end, tally_error *error)
{
    static const uint8_t none[16];
    tally_section_writer writer;
    tally_error ignored;
    tally_status status =
        tally_section_begin(&writer, merge->folder, merge->temporary, merge->file, offset, merge->seed, error);
    if (status != TALLY_OK) return status;
    tally_section_write_u32(&writer, merge->names);
    tally_section_write(&writer, none, sizeof none);
    tally_section_write(&writer, none, sizeof none);
    status = write_hashes(merge, &writer, false, error);
    if (status == TALLY_OK) status = write_hashes(merge, &writer, true, error);
    merge->header.offsets[TALLY_RUN_HASHES] = offset;
    merge->header.lengths[TALLY_RUN_HASHES] = writer.length;
    tally_status ended = tally_section_end(&writer, end, status == TALLY_OK ? error : &ignored);
    return status == TALLY_OK ? ended : status;
}

/* --------------------------------------------------------------------------------------------- merge */

/* What the units have at most. */
static bool measure(merging *merge, uint64_t *names, uint64_t *text)
{
    *names = *text = 0;
    uint64_t references = 0;
    for (size_t i = 0; i < merge->unit_count; i++) {
        const merge_unit *unit = &merge->units[i];
        if (unit->run != NULL) {
            *names += unit->run->name_count;
            *text += unit->run->header.lengths[TALLY_RUN_TEXT];
            references += unit->run->header.lengths[TALLY_RUN_REFERENCES] / TALLY_RUN_REFERENCE_BYTES;
        } else {
            uint32_t count;
            if (unit->segment->known.names == NULL) return false;
            if (!tally_section_u32(unit->segment->known.names, 0, &count)) return false;
            *names += count;
            *text += unit->segment->known.names->length;
            references += count;
        }
    }
    merge->header.lengths[TALLY_RUN_REFERENCES] = references * TALLY_RUN_REFERENCE_BYTES;
    return *names <= NAMES_MAX && *text <= UINT32_MAX && references <= UINT32_MAX;
}

static tally_status begin_part(merging *merge, tally_section_writer *writer, enum tally_run_part part, uint64_t offset,
                               tally_error *error)
{
    merge->header.offsets[part] = offset;
    return tally_section_begin(writer, merge->folder, merge->temporary, merge->file, offset, merge->seed, error);
}

static tally_status end_part(merging *merge, tally_section_writer *writer, enum tally_run_part part, uint64_t *end,
                             tally_error *error)
{
    if (writer->folder == NULL) return TALLY_OK; /* one before it could not begin */
    merge->header.lengths[part] = writer->length;
    return tally_section_end(writer, end, error);
}

static bool merge_names(merging *merge)
{
    for (size_t i = 0; i < merge->unit_count; i++) {
        if (load(&merge->units[i]) == TALLY_ANSWER_DAMAGED) return false;
    }
    for (const merge_unit *unit = least(merge); unit != NULL; unit = least(merge)) {
        if (!merge_name(merge, unit)) return false;
    }
    return true;
}

/* The parts that hold names, side by side. `*end` lies behind the last. */
static tally_status write_names(merging *merge, uint64_t names, uint64_t *end, tally_error *error)
{
    uint64_t at = TALLY_RUN_HEADER_BYTES;
    uint64_t ends[3] = {0, 0, 0};
    tally_status results[3];
    tally_status status = begin_part(merge, &merge->references, TALLY_RUN_REFERENCES, at, error);
    at += tally_section_file_bytes(merge->header.lengths[TALLY_RUN_REFERENCES]);
    if (status == TALLY_OK) status = begin_part(merge, &merge->records, TALLY_RUN_RECORDS, at, error);
    at += tally_section_file_bytes(names * TALLY_RUN_RECORD_BYTES);
    if (status == TALLY_OK) status = begin_part(merge, &merge->text, TALLY_RUN_TEXT, at, error);
    if (status == TALLY_OK && !merge_names(merge)) {
        status = tally_fail(error, TALLY_E_DAMAGED, "an index that was to be merged is damaged");
    }
    /* Each is ended in any case, to give its buffer back. */
    tally_error why[3];
    results[0] = end_part(merge, &merge->references, TALLY_RUN_REFERENCES, &ends[0], &why[0]);
    results[1] = end_part(merge, &merge->records, TALLY_RUN_RECORDS, &ends[1], &why[1]);
    results[2] = end_part(merge, &merge->text, TALLY_RUN_TEXT, &ends[2], &why[2]);
    for (size_t i = 0; i < 3 && status == TALLY_OK; i++) {
        status = results[i];
        if (status != TALLY_OK && error != NULL) *error = why[i];
    }
    *end = ends[2];
    return status;
}

static tally_status write_file(merging *merge, uint64_t names, tally_error *error)
{
    uint8_t header[TALLY_RUN_HEADER_BYTES];
    uint64_t end;
    tally_status status = write_names(merge, names, &end, error);
    if (status == TALLY_OK) status = write_hash_part(merge, end, &end, error);
    if (status != TALLY_OK) return status;
    tally_run_header_encode(&merge->header, header);
    status = tally_file_write(merge->folder, merge->temporary, merge->file, 0, header, sizeof header, error);
    if (status != TALLY_OK) return status;
    return tally_file_sync(merge->folder, merge->temporary, merge->file, error);
}

static tally_status rename_file(const merging *merge, tally_error *error)
{
    char from[TALLY_PATH_MAX];
    char to[TALLY_PATH_MAX];
    int32_t os_error;
    tally_status status = tally_folder_join(merge->folder, merge->temporary, from, error);
    if (status == TALLY_OK) status = tally_folder_join(merge->folder, merge->name, to, error);
    if (status != TALLY_OK) return status;
    status = merge->platform->rename_file(merge->platform->context, from, to, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return tally_fail_os(error, status, os_error, to, "renaming a run failed: %s", tally_status_message(status));
}

/* The run is a file of its own until it is whole; a name that is lost at a crash is a run to be merged again. */
static tally_status make_file(merging *merge, uint64_t names, tally_error *error)
{
    tally_status status = tally_folder_make(merge->folder, TALLY_NAME_RUNS, error);
    if (status != TALLY_OK) return status;
    (void)tally_file_remove(merge->folder, merge->temporary, NULL);
    status = tally_file_open(merge->folder, merge->temporary,
                             TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE,
                             &merge->file, error);
    if (status != TALLY_OK) return status;
    status = write_file(merge, names, error);
    tally_file_close(merge->folder, &merge->file);
    if (status == TALLY_OK) status = rename_file(merge, error);
    if (status != TALLY_OK) (void)tally_file_remove(merge->folder, merge->temporary, NULL);
    return status;
}

static tally_status merge_units(merging *merge, tally_run **merged, tally_error *error)
{
    const tally_platform *platform = merge->platform;
    uint64_t names;
    uint64_t text;
    int32_t os_error;
    if (!measure(merge, &names, &text)) return TALLY_OK; /* too large, or damaged: it stays as it is */
    tally_status status =
        platform->random_bytes(platform->context, merge->header.salt, sizeof merge->header.salt, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gave no random bytes");
    merge->seed = tally_frame_seed(merge->header.salt);
    merge->hash_capacity = (uint32_t)names;
    merge->hashes = platform->allocate(platform->context, (size_t)(names + 1) * sizeof *merge->hashes);
    if (merge->hashes == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    status = make_file(merge, names, error);
    platform->release(platform->context, merge->hashes);
    if (status != TALLY_OK) return status;
    return tally_run_open(merge->folder, merge->name, merge->segments, merge->header.segment_count, merged, error);
}

/* ----------------------------------------------------------------------------------------------- due */

static uint32_t size_class(uint32_t segments)
{
    uint32_t class = 0;
    for (uint64_t size = FAN; size <= segments; size *= FAN) class ++;
    return class;
}

/* How many segments the unit that begins with segment `at` covers; 0: it cannot be merged. */
static uint32_t unit_size(const tally_view *view, size_t at)
{
    const tally_segment *segment = view->segments[at];
    uint32_t number = view->run_of[at];
    if (!segment->sealed || atomic_load_explicit(&segment->distrusted, memory_order_acquire)) return 0;
    if (number == TALLY_RUN_NONE) return 1;
    const tally_run *run = view->runs[number];
    bool begins = tally_run_first_segment(run) == segment->header.number && tally_run_is_trusted(run);
    return begins ? tally_run_segment_count(run) : 0;
}

/* The first segment of `FAN` units of one size next to each other, the smallest size first. */
static bool find_due(const tally_view *view, size_t *start)
{
    bool found = false;
    uint32_t best = UINT32_MAX;
    for (size_t at = 0; at < view->segment_count;) {
        uint32_t size = unit_size(view, at);
        size_t end = at;
        uint32_t units = 0;
        while (units < FAN && end < view->segment_count) {
            uint32_t next = unit_size(view, end);
            if (next == 0 || size_class(next) != size_class(size)) break;
            end += next;
            units++;
        }
        if (size != 0 && units == FAN && size_class(size) < best) {
            best = size_class(size);
            *start = at;
            found = true;
        }
        at += size == 0 ? 1 : size;
    }
    return found;
}

tally_status tally_run_merge(const tally_folder *folder, const tally_view *view, tally_run **merged, tally_error *error)
{
    size_t start;
    *merged = NULL;
    if (!find_due(view, &start)) return TALLY_OK;
    merging *merge = folder->platform->allocate(folder->platform->context, sizeof *merge);
    if (merge == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    memset(merge, 0, sizeof *merge);
    merge->folder = folder;
    merge->platform = folder->platform;
    merge->segments = view->segments + start;
    uint32_t count = 0;
    for (size_t i = 0; i < FAN; i++) {
        merge_unit *unit = &merge->units[merge->unit_count++];
        uint32_t number = view->run_of[start + count];
        unit->first = count;
        if (number == TALLY_RUN_NONE) unit->segment = view->segments[start + count];
        else unit->run = view->runs[number];
        count += unit_size(view, start + count);
    }
    const tally_segment *last = view->segments[start + count - 1];
    merge->header.first_segment = merge->segments[0]->header.number;
    merge->header.segment_count = count;
    merge->header.first_position = merge->segments[0]->header.first_position;
    merge->header.end_position = last->header.first_position + tally_segment_events(last);
    merge->header.identity = tally_run_identity(merge->segments, count);
    tally_name_run(merge->header.first_segment, last->header.number, merge->name);
    memcpy(merge->temporary, merge->name, strlen(merge->name));
    memcpy(merge->temporary + strlen(merge->name), TALLY_NAME_NEW, sizeof TALLY_NAME_NEW);
    tally_status status = merge_units(merge, merged, error);
    folder->platform->release(folder->platform->context, merge);
    return status;
}
