#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "log/crc32c.h"
#include "upkeep/fsck.h"

/* What has been seen of the commit that is being read. */
typedef struct commit_so_far {
    uint64_t offset; /* of its first frame */
    uint64_t first_position;
    uint32_t count;
    uint32_t frames_crc;
    bool whole; /* no gap since the mark before */
} commit_so_far;

typedef struct segment_run {
    tally_fsck_run *run;
    const tally_segment *segment;
    commit_so_far commit;
    uint64_t commits;
    uint64_t events;
    uint64_t problems; /* of frames: then the sections are not compared */
} segment_run;

static tally_status tell(segment_run *at, uint32_t severity, tally_status status, uint64_t position, uint64_t offset,
                         const char *reason, tally_error *error)
{
    at->problems++;
    return tally_fsck_tell(at->run, severity, status, at->segment->name, position, offset, reason, error);
}

/* ------------------------------------------------------------------------------------------ events */

static const char *compare_stream(segment_run *at, const tally_piece *piece, tally_text stream, tally_status *status)
{
    static const uint8_t zero[32];
    tally_stream_at *head = tally_streams_at(&at->run->streams, stream);
    const char *reason = NULL;
    *status = TALLY_OK;
    if (head == NULL) {
        *status = TALLY_E_NO_MEMORY;
        return NULL;
    }
    /* Behind lost events a stream may go on anywhere; its second event from there on is compared again. */
    bool certain = head->certain;
    if (piece->core.version != head->next_version) {
        if (certain || piece->core.version < head->next_version) reason = "the version does not go on in its stream";
    } else if (memcmp(piece->core.stream_prev, head->next_version == 0 ? zero : head->last_hash, 32) != 0) {
        reason = "the event names another one as the one before it in its stream";
    }
    head->next_version = piece->core.version + 1;
    head->certain = true;
    tally_core_event_hash(piece->frame.core, head->last_hash);
    return reason;
}

static const char *compare_order(tally_fsck_run *run, const tally_piece *piece)
{
    const tally_core *core = &piece->core;
    tally_moment moment = {core->time_us, core->time_logical};
    bool back = run->expects && tally_moment_compare(moment, run->time) < 0;
    run->time = moment;
    return back ? "the time lies before that of the event before it" : NULL;
}

static tally_status missing(segment_run *at, uint64_t from, uint64_t to, uint64_t offset, tally_error *error)
{
    char reason[128];
    (void)snprintf(reason, sizeof reason, "%" PRIu64 " event%s missing here", to - from,
                   to - from == 1 ? " is" : "s are");
    tally_streams_doubt(&at->run->streams);
    /* Those that a gap has swallowed were told of with it. */
    if (!at->commit.whole) return TALLY_OK;
    return tell(at, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, from, offset, reason, error);
}

static tally_status check_event(segment_run *at, const tally_piece *piece, tally_error *error)
{
    tally_fsck_run *run = at->run;
    tally_body_view body;
    tally_status status = TALLY_OK;
    uint64_t position = piece->core.position;
    if (position > run->position && run->expects) status = missing(at, run->position, position, piece->offset, error);
    if (status != TALLY_OK) return status;
    if (position < run->position && run->expects) {
        return tell(at, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, position, piece->offset,
                    "the position was there before", error);
    }
    run->position = position + 1;
    const char *reason = compare_order(run, piece);
    const char *other = tally_inspect_event(piece, &body);
    if (reason == NULL) reason = other;
    /* Also of an event whose data are damaged: the next one of its stream goes on from it. */
    other = body.stream.length == 0 ? NULL : compare_stream(at, piece, body.stream, &status);
    if (reason == NULL) reason = other;
    if (status != TALLY_OK) return tally_fail(error, status, "no memory for the streams of the store");
    tally_core_event_hash(piece->frame.core, run->last_hash);
    run->hash_known = true;
    run->expects = true;
    if (at->commit.count++ == 0) {
        at->commit.offset = piece->offset;
        at->commit.first_position = position;
    }
    at->commit.frames_crc = tally_mark_add_frame(at->commit.frames_crc, piece->frame.crc_meta, piece->frame.crc_data);
    if (piece->core.batch_index != at->commit.count - 1 && at->commit.whole && reason == NULL) {
        reason = "the event has another number in its batch";
    }
    if (reason != NULL) return tell(at, TALLY_FINDING_EVENT, TALLY_E_DAMAGED, position, piece->offset, reason, error);
    at->events++;
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------------- marks */

static const char *compare_mark(const segment_run *at, const tally_piece *piece)
{
    const tally_mark *mark = &piece->mark;
    const commit_so_far *commit = &at->commit;
    uint64_t end = mark->first_position + mark->count;
    /* A gap in front of it may have swallowed events. */
    if (at->run->expects && (commit->whole ? end != at->run->position : end < at->run->position)) {
        return "the commit mark has another position than its events";
    }
    if (!commit->whole) return NULL;
    if (mark->commit != at->run->commit) return "the commit has another number than its place says";
    if (mark->count != commit->count) return "the commit mark counts other events";
    if (mark->first_offset != (commit->count == 0 ? piece->offset : commit->offset)) {
        return "the commit mark names another offset";
    }
    if (mark->frames_crc != tally_crc32c_finish(commit->frames_crc)) return "the commit mark is of other frames";
    return NULL;
}

static void begin_commit(segment_run *at)
{
    at->commit = (commit_so_far){.frames_crc = at->segment->seed, .whole = true};
}

static tally_status check_mark(segment_run *at, const tally_piece *piece, tally_error *error)
{
    const char *reason = compare_mark(at, piece);
    uint64_t end = piece->mark.first_position + piece->mark.count;
    at->run->commit = piece->mark.commit + 1;
    at->run->position = end;
    at->commits++;
    begin_commit(at);
    if (reason == NULL) return TALLY_OK;
    return tell(at, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, end, piece->offset, reason, error);
}

/* ----------------------------------------------------------------------------------------- segment */

static tally_status check_piece(segment_run *at, const tally_piece *piece, tally_error *error)
{
    tally_status status = tally_work_step(at->run->work, piece->length, error);
    if (status != TALLY_OK) return status;
    at->run->report->bytes += piece->length;
    switch (piece->kind) {
    case TALLY_PIECE_EVENT: return check_event(at, piece, error);
    case TALLY_PIECE_MARK: return check_mark(at, piece, error);
    case TALLY_PIECE_GAP:
        at->commit.whole = false;
        tally_streams_doubt(&at->run->streams);
        return tell(at, TALLY_FINDING_EVENT, piece->status, at->run->expects ? at->run->position : TALLY_POSITION_NONE,
                    piece->offset, piece->reason, error);
    case TALLY_PIECE_END: break;
    }
    return TALLY_OK;
}

static tally_status check_trailer(segment_run *at, tally_error *error)
{
    const tally_trailer *trailer = &at->segment->trailer;
    const char *reason = NULL;
    if (at->problems != 0) return tally_fsck_sections(at->run, at->segment, false, error);
    if (trailer->last_position + 1 != at->run->position) reason = "the trailer names another last position";
    else if (trailer->commits != at->commits) reason = "the trailer counts other commits";
    else if (at->events != 0 && trailer->last_time_us != at->run->time.time_us)
        reason = "the trailer names another time";
    if (reason == NULL) return tally_fsck_sections(at->run, at->segment, true, error);
    return tell(at, TALLY_FINDING_INDEX, TALLY_E_DAMAGED, TALLY_POSITION_NONE, trailer->data_end, reason, error);
}

static tally_status check_header(segment_run *at, tally_error *error)
{
    tally_fsck_run *run = at->run;
    const tally_segment_header *header = &at->segment->header;
    const char *reason = NULL;
    if (run->expects) {
        if (header->first_position != run->position || header->first_commit != run->commit) {
            reason = "the segment does not begin where the one before it ends";
            tally_streams_doubt(&run->streams);
        } else if (run->hash_known && memcmp(header->event_before, run->last_hash, 32) != 0) {
            reason = "the segment goes on from another event than the last one";
        }
    }
    uint64_t position = run->position;
    run->position = header->first_position;
    run->commit = header->first_commit;
    run->expects = run->expects || header->first_position == 0;
    if (reason == NULL) return TALLY_OK;
    return tell(at, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, position, 0, reason, error);
}

tally_status tally_fsck_segment(tally_fsck_run *run, const tally_segment *segment, uint64_t limit, tally_error *error)
{
    segment_run at = {.run = run, .segment = segment};
    tally_inspection inspection;
    tally_piece piece = {.kind = TALLY_PIECE_GAP};
    begin_commit(&at);
    tally_status status = tally_inspect_begin(&inspection, segment, TALLY_SEGMENT_HEADER_BYTES, limit, error);
    if (status == TALLY_OK) status = check_header(&at, error);
    while (status == TALLY_OK && piece.kind != TALLY_PIECE_END) {
        status = tally_inspect_next(&inspection, &piece, error);
        if (status == TALLY_OK) status = check_piece(&at, &piece, error);
    }
    tally_inspect_end(&inspection);
    run->report->segments++;
    run->report->commits += at.commits;
    run->report->events += at.events;
    run->report->bytes += TALLY_SEGMENT_HEADER_BYTES;
    if (status == TALLY_OK && segment->sealed) status = check_trailer(&at, error);
    return status;
}
