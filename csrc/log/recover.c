#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "log/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "log/evidence.h"
#include "log/run.h"

#define REWRITE_CHUNK (256u * 1024u)

/* ----------------------------------------------------------------------------------------- refusal */

static tally_status refuse_damage(const tally_chain *chain, const tally_evidence *evidence, tally_error *error)
{
    char because[160];
    if (evidence->offset == TALLY_POSITION_NONE) {
        (void)snprintf(because, sizeof because,
                       "it had been durable, says %s (%" PRIu64 "); read-only and salvage still work", evidence->file,
                       evidence->durable_position);
    } else {
        (void)snprintf(because, sizeof because,
                       "it had been durable, says %s at %" PRIu64 "; read-only and salvage still work", evidence->file,
                       evidence->offset);
    }
    return tally_chain_refuse(chain, TALLY_E_DAMAGED, because, error);
}

/* What no crash explains is not ours to cut. */
static tally_status judge(const tally_chain *chain, const tally_evidence *evidence, tally_error *error)
{
    if (chain->end == TALLY_CHAIN_UNKNOWN || evidence->unknown) {
        return tally_chain_refuse(chain, TALLY_E_FORMAT, "a later version of tallystick wrote it: use that one", error);
    }
    if (chain->end == TALLY_CHAIN_BROKEN) {
        return tally_chain_refuse(chain, TALLY_E_DAMAGED, "no crash explains that; read-only and salvage still work",
                                  error);
    }
    if (evidence->proves_damage) return refuse_damage(chain, evidence, error);
    if (chain->any_event && !chain->last_known) {
        return tally_chain_refuse(chain, TALLY_E_DAMAGED, "the last event is damaged; read-only and salvage still work",
                                  error);
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->segments[i]->header.compatible & ~TALLY_SEGMENT_COMPATIBLE_KNOWN) {
            return tally_chain_refuse(chain, TALLY_E_FORMAT, "it uses features that only a later version may write",
                                      error);
        }
    }
    return TALLY_OK;
}

/* --------------------------------------------------------------------------------------------- cut */

static tally_status remove_later(const tally_chain *chain, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    if (chain->directory.count == chain->count) return TALLY_OK;
    for (size_t i = chain->directory.count; i-- > chain->count;) {
        tally_name_segment(chain->directory.numbers[i], 0, name);
        tally_status status = tally_file_remove(chain->folder, name, error);
        if (status != TALLY_OK) return status;
    }
    return tally_folder_sync(chain->folder, error);
}

static tally_status cut_segment(const tally_segment *segment, tally_error *error)
{
    uint64_t end = atomic_load(&segment->end);
    tally_status status = tally_file_truncate(segment->folder, segment->name, segment->file, end, error);
    if (status == TALLY_OK) status = tally_file_sync(segment->folder, segment->name, segment->file, error);
    return status;
}

static tally_status cut(const tally_chain *chain, const tally_evidence *evidence, tally_recovery *report,
                        tally_error *error)
{
    tally_status status = remove_later(chain, error);
    if (status == TALLY_OK && evidence->bytes_behind != 0) {
        status = cut_segment(chain->segments[chain->count - 1], error);
    }
    uint64_t bytes = evidence->bytes_behind + evidence->bytes_later;
    if (status != TALLY_OK || bytes == 0) return status;
    report->cut = 1;
    report->cut_position = chain->next_position;
    report->cut_segment = chain->break_number;
    report->cut_offset = chain->break_offset;
    report->cut_bytes = bytes;
    return TALLY_OK;
}

/* --------------------------------------------------------------------------------------- rewriting */

/* Back from the end over the commits that are not proven durable; 0 when the header is not either. A mark without
 * events is proven by nothing but an event behind it. */
static uint64_t unproven_offset(const tally_segment *segment, uint64_t proven)
{
    uint64_t offset = atomic_load(&segment->end);
    tally_mark mark;
    bool found;
    /* One that cannot be read is passed over: then more is written again than has to be. */
    while (tally_mark_before(segment, offset, &found, &mark, NULL) == TALLY_OK && found) {
        uint64_t end = mark.first_position + mark.count;
        if (end < proven || (end == proven && mark.count != 0)) return offset;
        offset = mark.first_offset;
    }
    return segment->header.first_position < proven ? TALLY_SEGMENT_HEADER_BYTES : 0;
}

static tally_status rewrite(const tally_segment *segment, uint64_t offset, uint8_t *buffer, uint64_t *bytes,
                            tally_error *error)
{
    const tally_folder *folder = segment->folder;
    uint64_t end = atomic_load(&segment->end);
    while (offset < end) {
        size_t length = end - offset < REWRITE_CHUNK ? (size_t)(end - offset) : REWRITE_CHUNK;
        size_t done;
        tally_status status =
            tally_file_read(folder, segment->name, segment->file, offset, buffer, length, &done, error);
        if (status == TALLY_OK && done != length) {
            status = tally_fail_at(error, TALLY_E_TRUNCATED, offset, "the segment %s shrank while it was recovered",
                                   segment->name);
        }
        if (status == TALLY_OK) {
            status = tally_file_write(folder, segment->name, segment->file, offset, buffer, length, error);
        }
        if (status != TALLY_OK) return status;
        offset += length;
        *bytes += length;
    }
    return tally_file_sync(folder, segment->name, segment->file, error);
}

/* The unsealed segments above `proven` are the last ones of the chain, but for sealed ones whose trailer is lost:
 * those lie below. */
static tally_status rewrite_unproven(const tally_chain *chain, uint64_t proven, uint64_t *bytes, tally_error *error)
{
    const tally_platform *platform = chain->folder->platform;
    uint8_t *buffer = platform->allocate(platform->context, REWRITE_CHUNK);
    if (buffer == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to recover");
    tally_status status = TALLY_OK;
    for (size_t i = 0; status == TALLY_OK && i < chain->count; i++) {
        const tally_segment *segment = chain->segments[i];
        if (segment->sealed) continue;
        uint64_t offset = unproven_offset(segment, proven);
        if (offset >= atomic_load(&segment->end)) continue;
        status = rewrite(segment, offset, buffer, bytes, error);
    }
    platform->release(platform->context, buffer);
    if (status == TALLY_OK) status = tally_folder_sync(chain->folder, error);
    return status;
}

/* ------------------------------------------------------------------------------------------- found */

static void tell_found(const tally_chain *chain, tally_found *found)
{
    found->next_position = chain->next_position;
    found->next_commit = chain->next_commit;
    found->durable = chain->durable_position < chain->next_position ? chain->durable_position : chain->next_position;
    found->writer_epoch = chain->writer_epoch;
    found->last_time = chain->last_time;
    found->any_event = chain->any_event;
    found->digest = chain->digest;
    memcpy(found->last_hash, chain->last_hash, sizeof found->last_hash);
    if (chain->count == 0) return;
    const tally_segment_header *header = &chain->segments[chain->count - 1]->header;
    memcpy(found->lineage, header->lineage, sizeof found->lineage);
    memcpy(found->name, header->name, sizeof found->name);
}

static tally_status show_found(const tally_chain *chain, bool writable, tally_found *found, tally_error *error)
{
    if (chain->count == 0) return TALLY_OK;
    return tally_runs_view(chain->folder, chain->segments, chain->count, writable, &found->view, error);
}

tally_status tally_found_fill(const tally_chain *chain, tally_found *found, tally_error *error)
{
    memset(found, 0, sizeof *found);
    tell_found(chain, found);
    return show_found(chain, false, found, error);
}

void tally_found_release(tally_found *found)
{
    tally_view_release(found->view);
    found->view = NULL;
}

/* Nothing is behind the mark of the close, in this file or another. */
static bool is_clean(const tally_chain *chain, const tally_evidence *evidence)
{
    return chain->end == TALLY_CHAIN_ENDS && chain->clean_close && chain->count == chain->directory.count &&
           evidence->bytes_behind == 0;
}

static tally_status repair(const tally_chain *chain, tally_admit admit, void *context, tally_found *found,
                           tally_error *error)
{
    tally_evidence evidence;
    tally_status status = tally_evidence_gather(chain, &evidence, error);
    if (status == TALLY_OK) status = judge(chain, &evidence, error);
    if (status == TALLY_OK && admit != NULL) status = admit(context, found, error);
    if (status != TALLY_OK) return status;
    if (evidence.head_valid && evidence.head.writer_epoch > found->writer_epoch) {
        found->writer_epoch = evidence.head.writer_epoch;
    }
    found->durable = chain->next_position;
    if (chain->directory.count == 0) return TALLY_OK;
    if (is_clean(chain, &evidence)) {
        uint64_t bytes = 0;
        return rewrite_unproven(chain, chain->next_position, &bytes, error);
    }
    found->report.happened = 1;
    found->report.scanned_bytes = chain->scanned_bytes;
    status = cut(chain, &evidence, &found->report, error);
    if (status != TALLY_OK) return status;
    return rewrite_unproven(chain, evidence.proven, &found->report.rewritten_bytes, error);
}

tally_status tally_recover(const tally_folder *folder, uint32_t check, uint32_t map, tally_found *found,
                           tally_error *error)
{
    return tally_recover_if(folder, check, map, NULL, NULL, found, error);
}

tally_status tally_recover_if(const tally_folder *folder, uint32_t check, uint32_t map, tally_admit admit,
                              void *context, tally_found *found, tally_error *error)
{
    tally_chain chain;
    memset(found, 0, sizeof *found);
    tally_status status = tally_chain_open(&chain, folder, check, map, TALLY_CHAIN_WRITABLE, error);
    if (status == TALLY_OK) {
        tell_found(&chain, found);
        status = repair(&chain, admit, context, found, error);
    }
    /* Last: a store that is refused stays as it is, runs that are damaged included. */
    if (status == TALLY_OK) status = show_found(&chain, true, found, error);
    if (status != TALLY_OK) tally_found_release(found);
    tally_chain_free(&chain);
    return status;
}
