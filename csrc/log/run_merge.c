/* Merging the directories of units next to each other, segments or runs, into one run.
 *
 * Four units of a size make one of the next size: a log of n segments has at most three of each size, and each
 * name is written again as often as there are sizes. One pass over the sorted names writes references, records and
 * text side by side; their places in the file are known from what the units have at most. */
#include <string.h>

#include "base/error.h"
#include "log/merge_body.h"

/* A run of more names is not made, so that merging stays within memory: 4 bytes for each, and a sorted piece. */
#define NAMES_MAX (UINT32_C(24) << 20)
/* A piece of the merge. */
#define PIECE_NAMES 2048u

/* --------------------------------------------------------------------------------------------- merge */

/* What the units have at most. */
static bool measure(tally_merging *merge, uint64_t *names, uint64_t *text)
{
    *names = *text = 0;
    uint64_t references = 0;
    for (size_t i = 0; i < merge->unit_count; i++) {
        const tally_merge_unit *unit = &merge->units[i];
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

static tally_status begin_part(tally_merging *merge, tally_section_writer *writer, enum tally_run_part part,
                               uint64_t offset, tally_error *error)
{
    merge->header.offsets[part] = offset;
    return tally_section_begin(writer, merge->folder, merge->temporary, merge->file, offset, merge->seed, error);
}

static tally_status end_part(tally_merging *merge, tally_section_writer *writer, enum tally_run_part part,
                             uint64_t *end, tally_error *error)
{
    if (writer->folder == NULL) return TALLY_OK; /* one before it could not begin */
    merge->header.lengths[part] = writer->length;
    return tally_section_end(writer, end, error);
}

/* The parts that hold names, side by side. */
static tally_status begin_names(tally_merging *merge, tally_error *error)
{
    uint64_t at = TALLY_RUN_HEADER_BYTES;
    merge->writes = true;
    tally_status status = begin_part(merge, &merge->references, TALLY_RUN_REFERENCES, at, error);
    at += tally_section_file_bytes(merge->header.lengths[TALLY_RUN_REFERENCES]);
    if (status == TALLY_OK) status = begin_part(merge, &merge->records, TALLY_RUN_RECORDS, at, error);
    at += tally_section_file_bytes((uint64_t)merge->hash_capacity * TALLY_RUN_RECORD_BYTES);
    if (status == TALLY_OK) status = begin_part(merge, &merge->text, TALLY_RUN_TEXT, at, error);
    for (size_t i = 0; i < merge->unit_count && status == TALLY_OK; i++) {
        if (tally_merge_load(&merge->units[i]) == TALLY_ANSWER_DAMAGED) {
            status = tally_fail(error, TALLY_E_DAMAGED, "an index that was to be merged is damaged");
        }
    }
    merge->step = MERGE_NAMES;
    return status;
}

/* Each is ended in any case, to give its buffer back. */
static tally_status end_names(tally_merging *merge, tally_error *error)
{
    uint64_t ends[3] = {0, 0, 0};
    tally_error why[3];
    tally_status results[3];
    merge->writes = false;
    results[0] = end_part(merge, &merge->references, TALLY_RUN_REFERENCES, &ends[0], &why[0]);
    results[1] = end_part(merge, &merge->records, TALLY_RUN_RECORDS, &ends[1], &why[1]);
    results[2] = end_part(merge, &merge->text, TALLY_RUN_TEXT, &ends[2], &why[2]);
    merge->end = ends[2];
    for (size_t i = 0; i < 3; i++) {
        if (results[i] == TALLY_OK) continue;
        if (error != NULL) *error = why[i];
        return results[i];
    }
    return TALLY_OK;
}

static tally_status merge_names(tally_merging *merge, tally_error *error)
{
    const tally_merge_unit *unit = tally_merge_least(merge);
    for (uint32_t i = 0; unit != NULL && i < PIECE_NAMES; i++, unit = tally_merge_least(merge)) {
        if (!tally_merge_name(merge, unit)) {
            return tally_fail(error, TALLY_E_DAMAGED, "an index that was to be merged is damaged");
        }
    }
    if (unit != NULL) return TALLY_OK;
    tally_status status = end_names(merge, error);
    return status == TALLY_OK ? tally_merge_hashes_begin(merge, error) : status;
}

static tally_status rename_file(const tally_merging *merge, tally_error *error)
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
static tally_status make_file(tally_merging *merge, tally_error *error)
{
    tally_status status = tally_folder_make(merge->folder, TALLY_NAME_RUNS, error);
    if (status != TALLY_OK) return status;
    (void)tally_file_remove(merge->folder, merge->temporary, NULL);
    status = tally_file_open(merge->folder, merge->temporary,
                             TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE,
                             &merge->file, error);
    merge->has_file = status == TALLY_OK;
    return status == TALLY_OK ? begin_names(merge, error) : status;
}

static tally_status end_file(tally_merging *merge, tally_error *error)
{
    uint8_t header[TALLY_RUN_HEADER_BYTES];
    tally_run_header_encode(&merge->header, header);
    tally_status status =
        tally_file_write(merge->folder, merge->temporary, merge->file, 0, header, sizeof header, error);
    if (status == TALLY_OK) status = tally_file_sync(merge->folder, merge->temporary, merge->file, error);
    tally_file_close(merge->folder, &merge->file);
    if (status == TALLY_OK) status = rename_file(merge, error);
    merge->has_file = status != TALLY_OK;
    merge->step = MERGE_OPEN;
    return status;
}

/* `*fits`: else it is too large, or damaged, and stays as it is. */
static tally_status begin_units(tally_merging *merge, bool *fits, tally_error *error)
{
    const tally_platform *platform = merge->platform;
    uint64_t names;
    uint64_t text;
    int32_t os_error;
    *fits = measure(merge, &names, &text);
    if (!*fits) return TALLY_OK;
    tally_status status =
        platform->random_bytes(platform->context, merge->header.salt, sizeof merge->header.salt, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gave no random bytes");
    merge->seed = tally_frame_seed(merge->header.salt);
    merge->hash_capacity = (uint32_t)names;
    merge->hashes = platform->allocate(platform->context, (size_t)(names + 1) * sizeof *merge->hashes);
    if (merge->hashes == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    return make_file(merge, error);
}

tally_status tally_merge_go_on(tally_merging *merge, bool *whole, tally_run **merged, tally_error *error)
{
    tally_status status;
    bool fits;
    *merged = NULL;
    *whole = false;
    switch (merge->step) {
    case MERGE_BEGIN:
        status = begin_units(merge, &fits, error);
        *whole = status == TALLY_OK && !fits;
        return status;
    case MERGE_NAMES: return merge_names(merge, error);
    case MERGE_HASHES:
    case MERGE_VALUES: return tally_merge_hashes_go_on(merge, error);
    case MERGE_HEADER: return end_file(merge, error);
    case MERGE_OPEN: break;
    }
    *whole = true;
    return tally_run_open(merge->folder, merge->name, merge->segments, merge->header.segment_count, merged, error);
}

tally_view *tally_merge_view(const tally_merging *merge) { return merge->view; }

void tally_merge_end(tally_merging *merge)
{
    if (merge == NULL) return;
    const tally_platform *platform = merge->platform;
    uint64_t end;
    if (merge->writes) {
        merge->references.status = merge->records.status = merge->text.status = TALLY_E_CLOSED;
        (void)end_names(merge, NULL);
    }
    if (merge->writes_hashes) {
        merge->writer.status = TALLY_E_CLOSED; /* what is in the buffer is not wanted any more */
        (void)tally_section_end(&merge->writer, &end, NULL);
    }
    tally_file_close(merge->folder, &merge->file);
    if (merge->has_file) (void)tally_file_remove(merge->folder, merge->temporary, NULL);
    platform->release(platform->context, merge->items);
    platform->release(platform->context, merge->hashes);
    tally_view_release(merge->view);
    platform->release(platform->context, merge);
}

/* ----------------------------------------------------------------------------------------------- due */

static uint32_t size_class(uint32_t segments)
{
    uint32_t class = 0;
    for (uint64_t size = TALLY_MERGE_FAN; size <= segments; size *= TALLY_MERGE_FAN) class ++;
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

/* The first segment of `TALLY_MERGE_FAN` units of one size next to each other, the smallest size first. */
static bool find_due(const tally_view *view, size_t *start)
{
    bool found = false;
    uint32_t best = UINT32_MAX;
    for (size_t at = 0; at < view->segment_count;) {
        uint32_t size = unit_size(view, at);
        size_t end = at;
        uint32_t units = 0;
        while (units < TALLY_MERGE_FAN && end < view->segment_count) {
            uint32_t next = unit_size(view, end);
            if (next == 0 || size_class(next) != size_class(size)) break;
            end += next;
            units++;
        }
        if (size != 0 && units == TALLY_MERGE_FAN && size_class(size) < best) {
            best = size_class(size);
            *start = at;
            found = true;
        }
        at += size == 0 ? 1 : size;
    }
    return found;
}

/* The units from segment `start` on. */
static void take_units(tally_merging *merge, const tally_view *view, size_t start)
{
    uint32_t count = 0;
    merge->segments = view->segments + start;
    for (size_t i = 0; i < TALLY_MERGE_FAN; i++) {
        tally_merge_unit *unit = &merge->units[merge->unit_count++];
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
}

tally_status tally_merge_begin(const tally_folder *folder, tally_view *view, tally_merging **merging,
                               tally_error *error)
{
    size_t start;
    *merging = NULL;
    if (!find_due(view, &start)) return TALLY_OK;
    tally_merging *merge = folder->platform->allocate(folder->platform->context, sizeof *merge);
    if (merge == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to merge indexes with");
    memset(merge, 0, sizeof *merge);
    merge->folder = folder;
    merge->platform = folder->platform;
    merge->file = TALLY_FILE_NONE;
    merge->view = view;
    tally_view_hold(view);
    take_units(merge, view, start);
    *merging = merge;
    return TALLY_OK;
}

tally_status tally_run_merge(const tally_folder *folder, tally_view *view, tally_run **merged, tally_error *error)
{
    tally_merging *merge;
    *merged = NULL;
    tally_status status = tally_merge_begin(folder, view, &merge, error);
    bool whole = merge == NULL;
    while (status == TALLY_OK && !whole) status = tally_merge_go_on(merge, &whole, merged, error);
    tally_merge_end(merge);
    return status;
}
