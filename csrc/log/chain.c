#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "log/chain.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

/* ------------------------------------------------------------------------------------------ header */

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* The checksum of a header is looked at after its magic and its format: a later format may sum otherwise. */
static enum tally_header_state judge_header(const uint8_t *bytes, size_t done, tally_segment_header *header,
                                            tally_error *why)
{
    if (is_zero(bytes, done)) {
        (void)tally_fail_at(why, TALLY_E_TRUNCATED, 0, "the segment's header was never written");
        return TALLY_HEADER_NEVER;
    }
    tally_status status = tally_segment_header_decode(bytes, done, header, why);
    if (status == TALLY_OK) return TALLY_HEADER_WHOLE;
    return status == TALLY_E_FORMAT && why->position != 0 ? TALLY_HEADER_UNKNOWN : TALLY_HEADER_DAMAGED;
}

tally_status tally_header_look(const tally_folder *folder, uint64_t number, enum tally_header_state *state,
                               tally_segment_header *header, tally_error *why, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_error local;
    tally_file file;
    size_t done;
    if (why == NULL) why = &local;
    *state = TALLY_HEADER_NEVER;
    tally_name_segment(number, 0, name);
    tally_status status = tally_file_open(folder, name, TALLY_OPEN_READ, &file, error);
    if (status != TALLY_OK) return status;
    status = tally_file_read(folder, name, file, 0, bytes, sizeof bytes, &done, error);
    tally_file_close(folder, &file);
    if (status != TALLY_OK) return status;
    *state = judge_header(bytes, done, header, why);
    if (*state == TALLY_HEADER_WHOLE && (header->number != number || header->generation != 0)) {
        (void)tally_fail_at(why, TALLY_E_DAMAGED, 0, "the segment says that it is another one");
        *state = TALLY_HEADER_DAMAGED;
    }
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- the end */

tally_status tally_mark_before(const tally_segment *segment, uint64_t end, bool *found, tally_mark *mark,
                               tally_error *error)
{
    uint8_t scratch[TALLY_MARK_BYTES];
    const uint8_t *bytes;
    *found = false;
    if (end < TALLY_SEGMENT_HEADER_BYTES + TALLY_MARK_BYTES) return TALLY_OK;
    uint64_t at = end - TALLY_MARK_BYTES;
    tally_status status = tally_segment_bytes(segment, at, TALLY_MARK_BYTES, scratch, &bytes, error);
    if (status == TALLY_E_TRUNCATED) return TALLY_OK;
    if (status != TALLY_OK) return status;
    *found = tally_mark_decode(segment->seed, bytes, TALLY_MARK_BYTES, mark, NULL) == TALLY_OK &&
             mark->first_offset <= at && mark->first_offset >= TALLY_SEGMENT_HEADER_BYTES;
    return TALLY_OK;
}

/* Takes time, digest and hash of the last event from the commit that a mark concludes. */
static tally_status take_commit(tally_chain *chain, const tally_segment *segment, const tally_mark *mark, bool *found,
                                tally_error *error)
{
    tally_scan scan;
    enum tally_scanned what = TALLY_SCANNED_NOTHING;
    tally_status status =
        tally_scan_begin(&scan, segment, mark->first_offset, mark->first_position, mark->commit, error);
    if (status == TALLY_OK) status = tally_scan_next(&scan, &what, NULL, error);
    *found = status == TALLY_OK && what == TALLY_SCANNED_COMMIT;
    if (*found) {
        chain->last_time = (tally_moment){scan.last_time_us, scan.last_time_logical};
        chain->digest = scan.digest;
        (void)tally_scan_last_hash(&scan, chain->last_hash);
    }
    tally_scan_end(&scan);
    return status;
}

/* Back over commits without events, which are marks alone. */
static tally_status find_last_event(tally_chain *chain, tally_error *error)
{
    for (size_t i = chain->count; i-- > 0;) {
        const tally_segment *segment = chain->segments[i];
        uint64_t end = atomic_load_explicit(&segment->end, memory_order_acquire);
        tally_mark mark;
        while (end > TALLY_SEGMENT_HEADER_BYTES) {
            bool found;
            tally_status status = tally_mark_before(segment, end, &found, &mark, error);
            if (status != TALLY_OK || !found) return status;
            if (mark.count != 0) return take_commit(chain, segment, &mark, &chain->last_known, error);
            end = mark.first_offset;
        }
    }
    return TALLY_OK;
}

/* A sealed segment's marks are not scanned; the last one tells of the writer. */
static tally_status take_last_mark(tally_chain *chain, const tally_segment *segment, tally_error *error)
{
    tally_mark mark;
    bool found;
    chain->clean_close = false;
    tally_status status = tally_mark_before(segment, segment->trailer.data_end, &found, &mark, error);
    if (status != TALLY_OK || !found) return status;
    chain->writer_epoch = mark.writer_epoch;
    chain->clean_close = (mark.flags & TALLY_MARK_CLEAN_CLOSE) != 0;
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- walking */

static void stop(tally_chain *chain, enum tally_chain_end end, uint64_t number, uint64_t offset)
{
    chain->end = end;
    chain->break_number = number;
    chain->break_offset = offset;
}

static tally_status scan_segment(tally_chain *chain, tally_segment *segment, bool *goes_on, tally_error *error)
{
    tally_scan scan;
    enum tally_scanned what = TALLY_SCANNED_COMMIT;
    tally_status status =
        tally_scan_begin(&scan, segment, TALLY_SEGMENT_HEADER_BYTES, chain->next_position, chain->next_commit, error);
    scan.writer_epoch = chain->writer_epoch;
    if (chain->last_known) {
        scan.last_time_us = chain->last_time.time_us;
        scan.last_time_logical = chain->last_time.logical;
    }
    while (status == TALLY_OK && what == TALLY_SCANNED_COMMIT) {
        status = tally_scan_next(&scan, &what, &chain->why, error);
    }
    tally_scan_end(&scan);
    atomic_store_explicit(&segment->end, scan.offset, memory_order_release);
    chain->scanned_bytes += scan.offset - TALLY_SEGMENT_HEADER_BYTES;
    chain->next_position = scan.next_position;
    chain->next_commit = scan.next_commit;
    if (scan.durable_position > chain->durable_position) chain->durable_position = scan.durable_position;
    if (scan.any_mark) {
        chain->writer_epoch = scan.writer_epoch;
        chain->clean_close = scan.clean_close;
    }
    if (scan.digest != 0) {
        chain->last_time = (tally_moment){scan.last_time_us, scan.last_time_logical};
        chain->digest = scan.digest;
        (void)tally_scan_last_hash(&scan, chain->last_hash);
        chain->last_known = true;
    }
    enum tally_chain_end end = what == TALLY_SCANNED_DISORDER  ? TALLY_CHAIN_BROKEN
                               : what == TALLY_SCANNED_UNKNOWN ? TALLY_CHAIN_UNKNOWN
                                                               : TALLY_CHAIN_ENDS;
    stop(chain, end, segment->header.number, scan.offset);
    *goes_on = end == TALLY_CHAIN_ENDS;
    return status;
}

static tally_status pass_sealed(tally_chain *chain, const tally_segment *segment, tally_error *error)
{
    const tally_trailer *trailer = &segment->trailer;
    chain->next_position = trailer->last_position + 1;
    chain->next_commit = segment->header.first_commit + trailer->commits;
    chain->sealed_position = chain->next_position;
    if (chain->durable_position < chain->next_position) chain->durable_position = chain->next_position;
    chain->last_known = false;
    stop(chain, TALLY_CHAIN_ENDS, segment->header.number, trailer->data_end);
    (void)tally_fail_at(&chain->why, TALLY_E_TRUNCATED, trailer->data_end, "the log ends");
    return take_last_mark(chain, segment, error);
}

/* The last position of an empty segment at position 0 is -1, which wraps to 0 here. */
static bool sealed_is_consistent(const tally_segment *segment)
{
    return segment->trailer.last_position + 1 >= segment->header.first_position;
}

/* Whether a segment goes on from the chain. */
static bool goes_on_from(tally_chain *chain, const tally_segment *segment)
{
    const tally_segment_header *header = &segment->header;
    const char *reason = NULL;
    if (chain->count != 0 && memcmp(header->lineage, chain->segments[0]->header.lineage, 16) != 0) {
        reason = "the segment is of another store";
    } else if (header->first_position < chain->next_position || header->first_commit < chain->next_commit) {
        reason = "the segment begins before the end of the one before it";
    } else if (segment->sealed && !sealed_is_consistent(segment)) {
        reason = "the segment's trailer does not fit its header";
    } else if (header->first_position == chain->next_position && header->first_commit == chain->next_commit) {
        if (!chain->last_known || memcmp(header->event_before, chain->last_hash, 32) == 0) return true;
        reason = "the segment goes on from another event";
    } else if (chain->count == 0 || chain->segments[chain->count - 1]->sealed) {
        reason = "the segment begins behind the end of the one before it";
    }
    /* Else the end of the one before is missing: the chain ends there. */
    if (reason == NULL) return false;
    stop(chain, TALLY_CHAIN_BROKEN, header->number, 0);
    (void)tally_fail_at(&chain->why, TALLY_E_DAMAGED, 0, "%s", reason);
    return false;
}

/* A file that is no segment: never written, or damaged, or later. */
static tally_status stop_at_header(tally_chain *chain, uint64_t number, tally_status was, tally_error *error)
{
    enum tally_header_state state;
    tally_segment_header header;
    if (was == TALLY_E_NOT_FOUND) { /* it was listed: a writer that recovers has just removed it */
        stop(chain, TALLY_CHAIN_MISSING, number, 0);
        (void)tally_fail_at(&chain->why, TALLY_E_NOT_FOUND, 0, "the segment has just been removed");
        return TALLY_OK;
    }
    if (was != TALLY_E_FORMAT && was != TALLY_E_DAMAGED && was != TALLY_E_TRUNCATED) return was;
    tally_status status = tally_header_look(chain->folder, number, &state, &header, &chain->why, error);
    if (status != TALLY_OK) return status;
    stop(chain, state == TALLY_HEADER_UNKNOWN ? TALLY_CHAIN_UNKNOWN : TALLY_CHAIN_MISSING, number, 0);
    return TALLY_OK;
}

static tally_status add(tally_chain *chain, uint64_t number, uint32_t check, uint32_t map, bool writable, bool *goes_on,
                        tally_error *error)
{
    tally_segment *segment;
    *goes_on = false;
    if (number != chain->count) {
        stop(chain, TALLY_CHAIN_MISSING, chain->count, 0);
        (void)tally_fail_at(&chain->why, TALLY_E_NOT_FOUND, 0, "the segment is missing, and a later one is there");
        return TALLY_OK;
    }
    tally_status status = tally_segment_open(chain->folder, number, 0, check, map, writable, &segment, error);
    if (status != TALLY_OK) return stop_at_header(chain, number, status, error);
    /* Sealed segments are believed by their trailers, and so is their order; the one that the log goes on in has to go
     * on from the last event of theirs. */
    if (!segment->sealed && chain->next_position != 0 && !chain->last_known) status = find_last_event(chain, error);
    if (status != TALLY_OK || !goes_on_from(chain, segment)) {
        tally_segment_release(segment);
        return status;
    }
    chain->segments[chain->count++] = segment;
    *goes_on = true;
    if (!segment->sealed) return scan_segment(chain, segment, goes_on, error);
    return pass_sealed(chain, segment, error);
}

/* The last segment is in the chain as far as it was scanned, or it is not. */
static tally_status break_at_unreadable(tally_chain *chain, uint64_t number, const tally_error *error)
{
    bool scanned = chain->count != 0 && chain->segments[chain->count - 1]->header.number == number;
    stop(chain, TALLY_CHAIN_BROKEN, number, scanned ? tally_segment_end(chain->segments[chain->count - 1]) : 0);
    if (error != NULL) chain->why = *error;
    else (void)tally_fail(&chain->why, TALLY_E_IO, "the segment cannot be read");
    return TALLY_OK;
}

tally_status tally_chain_open(tally_chain *chain, const tally_folder *folder, uint32_t check, uint32_t map,
                              uint32_t flags, tally_error *error)
{
    memset(chain, 0, sizeof *chain);
    chain->folder = folder;
    tally_error_clear(&chain->why);
    tally_status status = tally_directory_list(folder, &chain->directory, error);
    if (status == TALLY_OK && chain->directory.later) {
        status = tally_fail_os(error, TALLY_E_FORMAT, 0, folder->path,
                               "the file %s is of a later version of tallystick", chain->directory.later_name);
    }
    if (status != TALLY_OK || chain->directory.count == 0) return status;
    size_t bytes = chain->directory.count * sizeof *chain->segments;
    chain->segments = folder->platform->allocate(folder->platform->context, bytes);
    if (chain->segments == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    bool goes_on = true;
    for (size_t i = 0; status == TALLY_OK && goes_on && i < chain->directory.count; i++) {
        uint64_t number = chain->directory.numbers[i];
        status = add(chain, number, check, map, (flags & TALLY_CHAIN_WRITABLE) != 0, &goes_on, error);
        if (status == TALLY_E_IO && (flags & TALLY_CHAIN_TOLERANT) != 0) {
            status = break_at_unreadable(chain, number, error);
            goes_on = false;
        }
    }
    chain->any_event = chain->next_position != 0;
    if (status != TALLY_OK || !chain->any_event || chain->last_known) return status;
    status = find_last_event(chain, error);
    return status == TALLY_E_IO && (flags & TALLY_CHAIN_TOLERANT) != 0 ? TALLY_OK : status;
}

void tally_chain_free(tally_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) tally_segment_release(chain->segments[i]);
    chain->count = 0;
    if (chain->segments != NULL) chain->folder->platform->release(chain->folder->platform->context, chain->segments);
    chain->segments = NULL;
    tally_directory_free(&chain->directory);
}

tally_status tally_chain_refuse(const tally_chain *chain, tally_status status, const char *because, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    char path[TALLY_PATH_MAX];
    tally_name_segment(chain->break_number, 0, name);
    if (tally_folder_join(chain->folder, name, path, NULL) != TALLY_OK) path[0] = '\0';
    (void)tally_fail_os(error, status, 0, path, "%s, offset %" PRIu64 ", position %" PRIu64 ": %.60s; %s", name,
                        chain->break_offset, chain->next_position, chain->why.message, because);
    if (error != NULL) error->position = chain->next_position;
    return status;
}
