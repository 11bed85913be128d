#include "upkeep/salvage.h"

#include <string.h>

#include "base/error.h"
#include "log/evidence.h"

static bool reserve(const tally_salvage_run *at, void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) return true;
    size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *larger = at->work->platform->resize(at->work->platform->context, *items, wanted * size);
    if (larger == NULL) return false;
    *items = larger;
    *capacity = wanted;
    return true;
}

/* ------------------------------------------------------------------------------------------ commits */

static tally_status note_gap(tally_salvage_run *at, uint64_t from, uint64_t to, tally_error *error)
{
    void *gaps = at->gaps;
    if (!reserve(at, &gaps, &at->gap_capacity, at->gap_count, sizeof *at->gaps)) return tally_salvage_no_memory(error);
    at->gaps = gaps;
    at->gaps[at->gap_count++] = (tally_gap){from, to};
    return TALLY_OK;
}

/* What could not be read the first time is lost, also when the second time it can: the record of the gaps is written,
 * and stands before what follows it in time. */
static bool was_lost(tally_salvage_run *at, uint64_t position)
{
    if (at->rebuild == NULL) return false;
    while (at->gap_at < at->gap_count && at->gaps[at->gap_at].to <= position) at->gap_at++;
    return at->gap_at < at->gap_count && at->gaps[at->gap_at].from <= position;
}

/* An event is whole when everything of it agrees and its place in the order is free. */
static tally_status note_event(tally_salvage_run *at, const tally_piece *piece, tally_error *error)
{
    tally_body_view body;
    void *places = at->places;
    const tally_core *core = &piece->core;
    uint64_t free_from = at->place_count == 0 ? at->next : at->places[at->place_count - 1].position + 1;
    if (core->position < free_from || tally_inspect_event(piece, &body) != NULL) return TALLY_OK;
    if (was_lost(at, core->position)) return TALLY_OK;
    if (!reserve(at, &places, &at->place_capacity, at->place_count, sizeof *at->places))
        return tally_salvage_no_memory(error);
    at->places = places;
    at->places[at->place_count++] =
        (tally_event_place){piece->offset, piece->length, core->position, {core->time_us, core->time_logical}};
    at->batch_index = core->batch_index;
    at->digest = core->digest_algorithm;
    return TALLY_OK;
}

static tally_status write_commit(tally_salvage_run *at, tally_inspection *reading, tally_error *error)
{
    uint64_t length = TALLY_MARK_BYTES;
    for (size_t i = 0; i < at->place_count; i++) length += at->places[i].length;
    tally_status status = tally_rebuild_commit(at->rebuild, (uint32_t)at->place_count, length, error);
    for (size_t i = 0; status == TALLY_OK && i < at->place_count; i++) {
        tally_piece piece;
        tally_body_view body = {.id = NULL};
        reading->offset = at->places[i].offset;
        status = tally_inspect_next(reading, &piece, error);
        if (status == TALLY_OK && (piece.kind != TALLY_PIECE_EVENT || tally_inspect_event(&piece, &body) != NULL)) {
            status = tally_fail(error, TALLY_E_DAMAGED, "the store changes while it is salvaged");
        }
        if (status != TALLY_OK) break;
        status = tally_rebuild_add(at->rebuild, &piece.core, piece.frame.body, piece.frame.body_length, body.stream,
                                   piece.frame.data, piece.frame.data_length, error);
    }
    return status == TALLY_OK ? tally_rebuild_commit_end(at->rebuild, 0, error) : status;
}

/* What of a commit is whole is a commit again. */
static tally_status take_commit(tally_salvage_run *at, tally_inspection *reading, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (at->place_count == 0) return TALLY_OK;
    if (at->rebuild != NULL) status = write_commit(at, reading, error);
    for (size_t i = 0; status == TALLY_OK && i < at->place_count; i++) {
        const tally_event_place *place = &at->places[i];
        if (at->rebuild == NULL) {
            if (place->position > at->next) status = note_gap(at, at->next, place->position, error);
            if (!at->any_time) at->first_time = place->time;
            at->any_time = true;
            at->copied++;
        } else {
            at->copied_again++;
        }
        at->next = place->position + 1;
    }
    at->place_count = 0;
    return status;
}

/* In an unsealed segment a commit exists when its mark does; a sealed one was whole once. Both passes see the same. */
static tally_status read_segment(tally_salvage_run *at, const tally_segment *segment, uint64_t limit,
                                 tally_error *error)
{
    tally_inspection walking = {.offset = 0};
    tally_inspection reading = {.offset = 0};
    tally_piece piece = {.kind = TALLY_PIECE_GAP};
    tally_status status = tally_inspect_begin(&walking, segment, TALLY_SEGMENT_HEADER_BYTES, limit, error);
    if (status == TALLY_OK) status = tally_inspect_begin(&reading, segment, TALLY_SEGMENT_HEADER_BYTES, limit, error);
    while (status == TALLY_OK && piece.kind != TALLY_PIECE_END) {
        status = tally_inspect_next(&walking, &piece, error);
        if (status == TALLY_OK) status = tally_work_step(at->work, piece.length, error);
        if (status != TALLY_OK) break;
        if (piece.kind == TALLY_PIECE_EVENT) {
            /* Of another batch: the mark between was lost. */
            if (at->place_count != 0 && piece.core.batch_index <= at->batch_index) {
                if (segment->sealed) status = take_commit(at, &reading, error);
                at->place_count = 0;
            }
            if (status == TALLY_OK) status = note_event(at, &piece, error);
        } else if (piece.kind == TALLY_PIECE_GAP) {
            at->spoiled = at->spoiled || piece.offset < tally_segment_end(segment);
        } else if (piece.kind == TALLY_PIECE_MARK || segment->sealed) {
            status = take_commit(at, &reading, error);
        }
    }
    at->place_count = 0;
    tally_inspect_end(&walking);
    tally_inspect_end(&reading);
    return status;
}

static tally_status read_later(tally_salvage_run *at, uint64_t number, tally_error *error)
{
    tally_segment *segment;
    tally_status status =
        tally_segment_open(at->chain->folder, number, 0, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, false, &segment, error);
    if (status == TALLY_E_NO_MEMORY) return status;
    if (status != TALLY_OK) return TALLY_OK; /* without its header nothing in it can be believed */
    if (memcmp(segment->header.lineage, at->header.lineage, 16) == 0) {
        status = read_segment(at, segment, UINT64_MAX, error);
    }
    tally_segment_release(segment);
    return status;
}

static tally_status read_all(tally_salvage_run *at, tally_error *error)
{
    const tally_chain *chain = at->chain;
    tally_status status = TALLY_OK;
    at->next = 0;
    for (size_t i = 0; status == TALLY_OK && i < chain->count; i++) {
        const tally_segment *segment = chain->segments[i];
        bool beyond = at->damaged && i + 1 == chain->count && !segment->sealed;
        status = read_segment(at, segment, beyond ? UINT64_MAX : tally_segment_end(segment), error);
    }
    for (size_t i = chain->count; status == TALLY_OK && at->damaged && i < chain->directory.count; i++) {
        status = read_later(at, chain->directory.numbers[i], error);
    }
    return status;
}

/* -------------------------------------------------------------------------------------- same lineage */

/* How much of a segment's file is copied: indexes that do not check are left for the next writer to make. */
static tally_status find_length(const tally_segment *segment, uint64_t *length, tally_error *error)
{
    uint8_t page[TALLY_PAGE_CONTENT];
    *length = tally_segment_end(segment);
    if (!segment->sealed || segment->section_count == 0) return TALLY_OK;
    for (size_t i = 0; i < segment->section_count; i++) {
        const tally_section *section = &segment->sections[i];
        for (uint64_t at = 0; at < section->length; at += sizeof page) {
            size_t part = section->length - at < sizeof page ? (size_t)(section->length - at) : sizeof page;
            if (!tally_section_read(section, at, page, part)) return TALLY_OK;
        }
    }
    return tally_file_size(segment->folder, segment->name, segment->file, length, error);
}

static tally_status copy_prefix(tally_salvage_run *at, const char *to, size_t to_length, tally_error *error)
{
    tally_folder folder;
    tally_status status = tally_work_make_folder(at->work, to, to_length, 0600, &folder, error);
    if (status != TALLY_OK) return status;
    for (size_t i = at->chain->count; status == TALLY_OK && i-- > 0;) {
        const tally_segment *segment = at->chain->segments[i];
        uint64_t length = 0;
        status = find_length(segment, &length, error);
        if (status == TALLY_OK) status = tally_work_copy(at->work, segment, length, &folder, error);
    }
    if (status == TALLY_OK) status = tally_work_finish_folder(&folder, error);
    if (status != TALLY_OK) tally_work_discard_folder(&folder);
    return status;
}

/* --------------------------------------------------------------------------------------- new lineage */

static tally_status rebuild_store(tally_salvage_run *at, const char *to, size_t to_length, tally_error *error)
{
    tally_rebuild rebuild;
    if (at->digest == 0) at->digest = TALLY_DIGEST_SHA256;
    tally_status status = tally_rebuild_begin(&rebuild, at->work, to, to_length, at->header.name, error);
    if (status != TALLY_OK) return status;
    at->rebuild = &rebuild;
    status = tally_salvage_record(at, error);
    if (status == TALLY_OK) status = read_all(at, error);
    if (status == TALLY_OK && at->copied_again != at->copied) {
        status = tally_fail_os(error, TALLY_E_IO, 0, at->chain->folder->path,
                               "events that could be read cannot be read any more; try again");
    }
    at->rebuild = NULL;
    tally_status ended = tally_rebuild_end(&rebuild, status != TALLY_OK, status == TALLY_OK ? error : NULL);
    return status == TALLY_OK ? ended : status;
}

/* ------------------------------------------------------------------------------------------ salvage */

/* The first segment may be lost like any other: what all have in common stands in the next one too. */
static tally_status find_header(tally_salvage_run *at, tally_error *error)
{
    const tally_chain *chain = at->chain;
    tally_segment *segment;
    if (chain->count != 0) {
        at->header = chain->segments[0]->header;
        return TALLY_OK;
    }
    for (size_t i = 0; at->damaged && i < chain->directory.count; i++) {
        tally_status status = tally_segment_open(chain->folder, chain->directory.numbers[i], 0, TALLY_CHECK_ALWAYS,
                                                 TALLY_MAP_NEVER, false, &segment, error);
        if (status == TALLY_E_NO_MEMORY) return status;
        if (status != TALLY_OK) continue;
        at->header = segment->header;
        at->spoiled = true;
        tally_segment_release(segment);
        tally_error_clear(error);
        return TALLY_OK;
    }
    return tally_chain_refuse(chain, TALLY_E_DAMAGED, "no segment is left that says whose it is", error);
}

static tally_status salvage_store(tally_salvage_run *at, const tally_evidence *evidence, const char *to,
                                  size_t to_length, tally_salvage_report *report, tally_error *error)
{
    const tally_chain *chain = at->chain;
    if (chain->end == TALLY_CHAIN_UNKNOWN || evidence->unknown) {
        return tally_chain_refuse(chain, TALLY_E_FORMAT, "a later version of tallystick wrote it: use that one", error);
    }
    tally_status status = find_header(at, error);
    if (status != TALLY_OK) return status;
    for (size_t i = 0; i < chain->count; i++) at->work->total += 2 * tally_segment_end(chain->segments[i]);
    status = read_all(at, error);
    if (status != TALLY_OK) return status;
    bool same = !at->spoiled && at->gap_count == 0 && at->next == chain->next_position;
    if (at->damaged && evidence->durable_position > at->next && !evidence->rotten) {
        status = note_gap(at, at->next, evidence->durable_position, error);
    }
    report->copied = at->copied;
    report->gaps = at->gap_count;
    report->same_lineage = same;
    for (size_t i = 0; i < at->gap_count; i++) report->lost += at->gaps[i].to - at->gaps[i].from;
    if (status != TALLY_OK) return status;
    return same ? copy_prefix(at, to, to_length, error) : rebuild_store(at, to, to_length, error);
}

tally_status tally_salvage(const char *from, size_t from_length, const char *to, size_t to_length,
                           const tally_upkeep_options *options, tally_salvage_report *report, tally_error *error)
{
    tally_work work;
    tally_folder folder;
    tally_work_found found;
    tally_salvage_report made = {0};
    tally_error_clear(error);
    if (report != NULL) *report = made;
    tally_status status = tally_work_begin(&work, options, tally_platform_default(), error);
    if (status == TALLY_OK) status = tally_folder_init(&folder, work.platform, from, from_length, 0600, error);
    if (status == TALLY_OK) status = tally_work_look(&found, &folder, error);
    if (status != TALLY_OK) return status;
    tally_salvage_run at = {.work = &work, .chain = &found.chain, .damaged = found.damaged};
    status = salvage_store(&at, &found.evidence, to, to_length, &made, error);
    work.platform->release(work.platform->context, at.gaps);
    work.platform->release(work.platform->context, at.places);
    tally_chain_free(&found.chain);
    if (status == TALLY_OK && report != NULL) *report = made;
    return status;
}
