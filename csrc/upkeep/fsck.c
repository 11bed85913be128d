#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "upkeep/fsck.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "handle/thread.h"

tally_status tally_fsck_tell(tally_fsck_run *run, uint32_t severity, tally_status status, const char *file,
                             uint64_t position, uint64_t offset, const char *reason, tally_error *error)
{
    uint64_t *counts[] = {NULL, &run->report->notes, &run->report->indexes, &run->report->bad_events,
                          &run->report->structure};
    (*counts[severity])++;
    if (run->finding == NULL) return TALLY_OK;
    tally_finding finding = {status, severity, position, offset, file, reason};
    tally_callback callback;
    tally_callback_enter(&callback);
    int32_t answer = run->finding(run->work->options.user_data, &finding);
    tally_callback_leave(&callback);
    if (answer == 0) return TALLY_OK;
    return tally_fail(error, TALLY_E_INTERRUPTED, "the finding callback ended the work");
}

/* ----------------------------------------------------------------------------------- where it ends */

static tally_status tell_end(tally_fsck_run *run, const tally_evidence *evidence, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    char reason[256];
    const tally_chain *chain = run->chain;
    tally_name_segment(chain->break_number, 0, name);
    if (chain->end == TALLY_CHAIN_UNKNOWN || evidence->unknown) {
        return tally_fsck_tell(run, TALLY_FINDING_STRUCTURE, TALLY_E_FORMAT, name, chain->next_position,
                               chain->break_offset, chain->why.message, error);
    }
    if (chain->end == TALLY_CHAIN_BROKEN) {
        return tally_fsck_tell(run, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, name, chain->next_position,
                               chain->break_offset, chain->why.message, error);
    }
    if (evidence->proves_damage) {
        (void)snprintf(reason, sizeof reason, "%.120s; events below %" PRIu64 " had been durable, says %s",
                       chain->why.message, evidence->durable_position, evidence->file);
        return tally_fsck_tell(run, TALLY_FINDING_STRUCTURE, TALLY_E_DAMAGED, name, chain->next_position,
                               chain->break_offset, reason, error);
    }
    if (evidence->bytes_behind + evidence->bytes_later == 0 && chain->count == chain->directory.count) return TALLY_OK;
    return tally_fsck_tell(run, TALLY_FINDING_NOTE, TALLY_E_TRUNCATED, name, chain->next_position, chain->break_offset,
                           "what lies behind here was never durable: the next writer cuts it", error);
}

/* ------------------------------------------------------------------------------- behind the chain */

/* What the next writer cuts is nobody's; behind damage everything is read that is there. */
static tally_status read_later(tally_fsck_run *run, uint64_t number, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    tally_segment *segment;
    tally_error why;
    tally_name_segment(number, 0, name);
    run->expects = false;
    tally_streams_doubt(&run->streams);
    tally_status status =
        tally_segment_open(run->chain->folder, number, 0, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, false, &segment, &why);
    if (status == TALLY_E_NO_MEMORY) return tally_fail(error, status, "no memory for a segment");
    if (status != TALLY_OK) {
        return tally_fsck_tell(run, TALLY_FINDING_STRUCTURE, status, name, TALLY_POSITION_NONE, 0, why.message, error);
    }
    run->hash_known = false;
    status = tally_fsck_segment(run, segment, UINT64_MAX, error);
    tally_segment_release(segment);
    return status;
}

/* Behind the log part of a full segment that is not sealed: what an interrupted sealing left, or a lost trailer. */
static tally_status check_unsealed(tally_fsck_run *run, const tally_segment *segment, tally_error *error)
{
    tally_inspection inspection;
    tally_piece piece = {.kind = TALLY_PIECE_END};
    uint64_t end = tally_segment_end(segment);
    tally_status status = tally_inspect_begin(&inspection, segment, end, UINT64_MAX, error);
    if (status == TALLY_OK) status = tally_inspect_next(&inspection, &piece, error);
    tally_inspect_end(&inspection);
    if (status != TALLY_OK || piece.kind == TALLY_PIECE_END) return status;
    return tally_fsck_tell(run, TALLY_FINDING_NOTE, TALLY_E_TRUNCATED, segment->name, TALLY_POSITION_NONE, end,
                           "a full segment has no whole index: the next writer makes it", error);
}

static tally_status read_all(tally_fsck_run *run, bool damaged, tally_error *error)
{
    const tally_chain *chain = run->chain;
    tally_status status = TALLY_OK;
    run->expects = true;
    for (size_t i = 0; status == TALLY_OK && i < chain->count; i++) {
        const tally_segment *segment = chain->segments[i];
        bool beyond = damaged && i + 1 == chain->count && !segment->sealed;
        status = tally_fsck_segment(run, segment, beyond ? UINT64_MAX : tally_segment_end(segment), error);
        if (status == TALLY_OK && !segment->sealed && i + 1 < chain->count)
            status = check_unsealed(run, segment, error);
    }
    for (size_t i = chain->count; status == TALLY_OK && damaged && i < chain->directory.count; i++) {
        status = read_later(run, chain->directory.numbers[i], error);
    }
    return status;
}

/* -------------------------------------------------------------------------------------------- fsck */

static tally_status check_store(tally_fsck_run *run, const tally_work_found *found, tally_error *error)
{
    const tally_chain *chain = run->chain;
    tally_status status;
    for (size_t i = 0; i < chain->count; i++) run->work->total += tally_segment_end(chain->segments[i]);
    if (found->unreadable) {
        status = tally_fsck_tell(run, TALLY_FINDING_STRUCTURE, TALLY_E_IO, "", TALLY_POSITION_NONE, TALLY_POSITION_NONE,
                                 found->why.message, error);
    } else {
        status = tell_end(run, &found->evidence, error);
    }
    return status == TALLY_OK ? read_all(run, found->damaged, error) : status;
}

tally_status tally_fsck(const char *path, size_t path_length, const tally_upkeep_options *options,
                        int32_t (*finding)(void *user_data, const tally_finding *finding), tally_fsck_report *report,
                        tally_error *error)
{
    tally_work work;
    tally_folder folder;
    tally_work_found found;
    tally_fsck_report counts = {0};
    tally_error_clear(error);
    if (report == NULL) return tally_fail(error, TALLY_E_NULL, "report is NULL");
    *report = counts;
    tally_status status = tally_work_begin(&work, options, tally_platform_default(), error);
    if (status == TALLY_OK) status = tally_folder_init(&folder, work.platform, path, path_length, 0600, error);
    if (status == TALLY_OK) status = tally_work_look(&found, &folder, error);
    if (status != TALLY_OK) return status;
    tally_fsck_run run = {.work = &work, .chain = &found.chain, .finding = finding, .report = &counts};
    run.streams.platform = work.platform;
    status = check_store(&run, &found, error);
    tally_streams_free(&run.streams);
    tally_chain_free(&found.chain);
    *report = counts;
    return status;
}
