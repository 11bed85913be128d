#include "log/scan.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"

/* A look at the end of a log that has not grown reads little; walking reads much at once. */
#define CHUNK_FIRST 4096u
#define CHUNK_LARGEST (1024u * 1024u)

static const tally_folder *folder_of(const tally_scan *scan) { return scan->segment->folder; }

tally_status tally_scan_begin(tally_scan *scan, const tally_segment *segment, uint64_t offset, uint64_t next_position,
                              uint64_t next_commit, tally_error *error)
{
    memset(scan, 0, sizeof *scan);
    scan->segment = segment;
    scan->offset = offset;
    scan->limit = segment->sealed ? segment->trailer.data_end : UINT64_MAX;
    scan->next_position = next_position;
    scan->next_commit = next_commit;
    scan->commit_offset = offset;
    scan->last_time_us = -1;
    scan->chunk = CHUNK_FIRST;
    if (offset % 8 != 0) return tally_fail_at(error, TALLY_E_PANIC, offset, "a scan begins inside a frame");
    return TALLY_OK;
}

void tally_scan_end(tally_scan *scan)
{
    if (scan->segment != NULL && scan->buffer != NULL) {
        folder_of(scan)->platform->release(folder_of(scan)->platform->context, scan->buffer);
    }
    scan->buffer = NULL;
    scan->capacity = scan->buffer_used = 0;
}

/* ------------------------------------------------------------------------------------------ window */

static tally_status grow(tally_scan *scan, size_t length, tally_error *error)
{
    const tally_platform *platform = folder_of(scan)->platform;
    if (length <= scan->capacity) return TALLY_OK;
    void *larger = platform->resize(platform->context, scan->buffer, length);
    if (larger == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for %zu bytes of a segment", length);
    scan->buffer = larger;
    scan->capacity = length;
    return TALLY_OK;
}

/* Lengths in bytes that do not check may say anything: no memory is taken for more than the file has. */
static tally_status bounded_by_file(const tally_scan *scan, uint64_t offset, size_t *length, tally_error *error)
{
    uint64_t size;
    tally_status status = tally_file_size(folder_of(scan), scan->segment->name, scan->segment->file, &size, error);
    if (status != TALLY_OK) return status;
    if (size > scan->limit) size = scan->limit;
    uint64_t left = offset < size ? size - offset : 0;
    if (*length > left) *length = (size_t)left;
    return TALLY_OK;
}

static tally_status fill(tally_scan *scan, uint64_t offset, size_t length, tally_error *error)
{
    size_t wanted = length > scan->chunk ? length : scan->chunk;
    scan->buffer_used = 0;
    if (scan->limit - offset < wanted) wanted = (size_t)(scan->limit - offset);
    tally_status status = length > CHUNK_LARGEST ? bounded_by_file(scan, offset, &wanted, error) : TALLY_OK;
    if (status == TALLY_OK && wanted != 0) status = grow(scan, wanted, error);
    if (status != TALLY_OK || wanted == 0) return status;
    status = tally_file_read(folder_of(scan), scan->segment->name, scan->segment->file, offset, scan->buffer, wanted,
                             &scan->buffer_used, error);
    scan->buffer_offset = offset;
    if (status == TALLY_OK && scan->chunk < CHUNK_LARGEST && !scan->careful) scan->chunk *= 4;
    return status;
}

tally_status tally_scan_bytes(tally_scan *scan, uint64_t offset, size_t length, const uint8_t **bytes,
                              size_t *available, tally_error *error)
{
    const tally_segment *segment = scan->segment;
    *bytes = NULL;
    *available = 0;
    if (offset >= scan->limit) return TALLY_OK;
    if (segment->map != NULL) {
        uint64_t end = scan->limit < segment->map_bytes ? scan->limit : segment->map_bytes;
        *bytes = segment->map + offset;
        *available = offset < end ? (size_t)(end - offset) : 0;
        return TALLY_OK;
    }
    if (offset < scan->buffer_offset || offset - scan->buffer_offset > scan->buffer_used ||
        scan->buffer_used - (offset - scan->buffer_offset) < length) {
        tally_status status = fill(scan, offset, length, error);
        if (status != TALLY_OK) return status;
    }
    if (scan->buffer_used == 0) return TALLY_OK;
    *bytes = scan->buffer + (offset - scan->buffer_offset);
    *available = scan->buffer_used - (size_t)(offset - scan->buffer_offset);
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------- one commit */

/* A commit that is being walked; the scan itself moves when all of it has checked. */
typedef struct walk {
    uint64_t offset; /* of what is looked at */
    uint32_t count;  /* of frames so far */
    uint32_t frames_crc;
    uint32_t batch_count; /* as the first frame says */
    int64_t time_us;
    uint32_t time_logical;
    uint32_t digest;
    uint8_t last_core[TALLY_CORE_BYTES];
} walk;

/* What was found instead of a commit; always false, so that a check is one line. */
static bool found_instead(const tally_scan *scan, const walk *at, enum tally_scanned *what, enum tally_scanned is,
                          tally_status status, const char *reason, tally_error *why)
{
    char path[TALLY_PATH_MAX];
    *what = is;
    if (why == NULL) return false;
    if (tally_folder_join(folder_of(scan), scan->segment->name, path, NULL) != TALLY_OK) path[0] = '\0';
    (void)tally_fail_os(why, status, 0, path, "%s", reason);
    why->position = at->offset;
    return false;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static bool is_later(int64_t a_us, uint32_t a_logical, int64_t b_us, uint32_t b_logical)
{
    return a_us != b_us ? a_us > b_us : a_logical > b_logical;
}

/* A frame that has checked must be the one that is next. */
static bool follows(const tally_scan *scan, walk *at, const tally_frame *frame, enum tally_scanned *what,
                    tally_error *why)
{
    tally_core core;
    tally_error bad;
    if (tally_core_decode(frame->core, &core, &bad) != TALLY_OK) {
        enum tally_scanned is = bad.status == TALLY_E_FORMAT ? TALLY_SCANNED_UNKNOWN : TALLY_SCANNED_DISORDER;
        return found_instead(scan, at, what, is, bad.status, bad.message, why);
    }
    if (core.position != scan->next_position + at->count) {
        return found_instead(scan, at, what, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED,
                             "an event has another position than its place says", why);
    }
    if (at->count == 0) at->batch_count = core.batch_count;
    if (core.batch_index != at->count || core.batch_count != at->batch_count) {
        return found_instead(scan, at, what, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED,
                             "an event belongs to another batch than its neighbours", why);
    }
    if (is_later(at->time_us, at->time_logical, core.time_us, core.time_logical)) {
        return found_instead(scan, at, what, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED,
                             "an event's time lies before that of the event before it", why);
    }
    at->time_us = core.time_us;
    at->time_logical = core.time_logical;
    at->digest = core.digest_algorithm;
    memcpy(at->last_core, frame->core, TALLY_CORE_BYTES);
    return true;
}

/* The length that a frame claims, within what a frame can have; 0 for what none has. */
static size_t claimed_length(const uint8_t *bytes)
{
    uint32_t body = tally_load_u32(bytes + 8);
    uint64_t data = tally_load_u64(bytes + 16);
    if (body > TALLY_BODY_MAX || data > TALLY_STORED_MAX) return 0;
    return tally_frame_length(body, (size_t)data);
}

static tally_status walk_frame(tally_scan *scan, walk *at, enum tally_scanned *what, bool *whole, tally_error *why,
                               tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    tally_frame frame;
    tally_error bad;
    *whole = false;
    tally_status status = tally_scan_bytes(scan, at->offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    size_t length = available >= TALLY_FRAME_FIXED_BYTES ? claimed_length(bytes) : 0;
    if (length > available) status = tally_scan_bytes(scan, at->offset, length, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    if (length == 0 || length > available ||
        tally_frame_decode(scan->segment->seed, bytes, available, true, &frame, &bad) != TALLY_OK) {
        (void)found_instead(scan, at, what, TALLY_SCANNED_NOTHING, TALLY_E_DAMAGED,
                            length == 0          ? "the lengths of a frame are out of bounds"
                            : length > available ? "the file ends inside a frame"
                                                 : bad.message,
                            why);
        return TALLY_OK;
    }
    *whole = follows(scan, at, &frame, what, why);
    if (!*whole) return TALLY_OK;
    at->frames_crc = tally_mark_add_frame(at->frames_crc, frame.crc_meta, frame.crc_data);
    at->count++;
    at->offset += frame.length;
    return TALLY_OK;
}

/* A mark that has checked must be this commit's. */
static bool concludes(const tally_scan *scan, const walk *at, const tally_mark *mark, enum tally_scanned *what,
                      tally_error *why)
{
    const char *reason = NULL;
    if (mark->commit != scan->next_commit) reason = "a commit has another number than its place says";
    else if (mark->first_position != scan->next_position) reason = "a commit begins at another position";
    else if (mark->count != at->count) reason = "a commit has another number of events than its mark says";
    else if (at->count != 0 && at->batch_count != at->count) reason = "a commit is not the batch that its events name";
    else if (mark->first_offset != scan->offset) reason = "a commit begins at another offset";
    else if (mark->frames_crc != tally_crc32c_finish(at->frames_crc)) reason = "a commit has other frames";
    else if (mark->writer_epoch < scan->writer_epoch) reason = "a commit was written by an earlier writer";
    if (reason == NULL) return true;
    return found_instead(scan, at, what, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED, reason, why);
}

static void advance(tally_scan *scan, const walk *at, const tally_mark *mark)
{
    scan->commit_offset = scan->offset;
    scan->offset = at->offset + TALLY_MARK_BYTES;
    scan->next_position += at->count;
    scan->next_commit++;
    if (mark->durable_position > scan->durable_position) scan->durable_position = mark->durable_position;
    scan->writer_epoch = mark->writer_epoch;
    scan->clean_close = (mark->flags & TALLY_MARK_CLEAN_CLOSE) != 0;
    scan->any_mark = true;
    scan->mark = *mark;
    if (at->count == 0) return;
    scan->last_time_us = at->time_us;
    scan->last_time_logical = at->time_logical;
    scan->digest = at->digest;
    memcpy(scan->last_core, at->last_core, sizeof scan->last_core);
}

static bool walk_mark(tally_scan *scan, const walk *at, const uint8_t *bytes, size_t available,
                      enum tally_scanned *what, tally_error *why)
{
    tally_mark mark;
    tally_error bad;
    if (tally_mark_decode(scan->segment->seed, bytes, available, &mark, &bad) != TALLY_OK) {
        enum tally_scanned is = bad.status == TALLY_E_FORMAT ? TALLY_SCANNED_UNKNOWN : TALLY_SCANNED_NOTHING;
        return found_instead(scan, at, what, is, bad.status, bad.message, why);
    }
    if (!concludes(scan, at, &mark, what, why)) return false;
    advance(scan, at, &mark);
    *what = TALLY_SCANNED_COMMIT;
    return true;
}

/* A kind that this library does not know: of a later version when its checksum agrees, as far as it can be told
 * where such a frame ends. */
static tally_status walk_unknown(tally_scan *scan, const walk *at, enum tally_scanned *what, tally_error *why,
                                 tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    tally_status status = tally_scan_bytes(scan, at->offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    bool checks = available >= TALLY_MARK_BYTES &&
                  tally_crc32c(scan->segment->seed, bytes + 4, TALLY_MARK_BYTES - 4) == tally_load_u32(bytes);
    if (!checks && available >= TALLY_FRAME_FIXED_BYTES && tally_load_u32(bytes + 8) <= TALLY_BODY_MAX) {
        size_t meta = TALLY_FRAME_FIXED_BYTES + tally_pad8(tally_load_u32(bytes + 8));
        status = tally_scan_bytes(scan, at->offset, meta, &bytes, &available, error);
        if (status != TALLY_OK) return status;
        checks = available >= meta && tally_crc32c(scan->segment->seed, bytes + 4, meta - 4) == tally_load_u32(bytes);
    }
    (void)found_instead(scan, at, what, checks ? TALLY_SCANNED_UNKNOWN : TALLY_SCANNED_NOTHING,
                        checks ? TALLY_E_FORMAT : TALLY_E_DAMAGED,
                        checks ? "there is a frame of a kind that this library does not know" : "there is no frame",
                        why);
    return TALLY_OK;
}

tally_status tally_scan_next(tally_scan *scan, enum tally_scanned *what, tally_error *why, tally_error *error)
{
    walk at = {.offset = scan->offset, .frames_crc = scan->segment->seed, .time_us = scan->last_time_us};
    at.time_logical = scan->last_time_logical;
    *what = TALLY_SCANNED_NOTHING;
    tally_status status = TALLY_OK;
    bool goes_on = true;
    while (status == TALLY_OK && goes_on) {
        const uint8_t *bytes;
        size_t available;
        status = tally_scan_bytes(scan, at.offset, TALLY_MARK_BYTES, &bytes, &available, error);
        if (status != TALLY_OK) break;
        uint32_t kind = tally_frame_kind_at(bytes, available);
        goes_on = false;
        if (kind == TALLY_FRAME_MARK) (void)walk_mark(scan, &at, bytes, available, what, why);
        else if (kind == TALLY_FRAME_EVENT && at.count < TALLY_BATCH_MAX) {
            status = walk_frame(scan, &at, what, &goes_on, why, error);
        } else if (kind != 0 && kind != TALLY_FRAME_EVENT) {
            status = walk_unknown(scan, &at, what, why, error);
        } else if (available < TALLY_MARK_BYTES || is_zero(bytes, TALLY_MARK_BYTES)) {
            (void)found_instead(scan, &at, what, TALLY_SCANNED_NOTHING, TALLY_E_TRUNCATED,
                                at.count == 0 ? "the log ends" : "the log ends inside a commit", why);
        } else {
            (void)found_instead(scan, &at, what, TALLY_SCANNED_NOTHING, TALLY_E_DAMAGED,
                                kind == 0 ? "there is no frame" : "a commit has too many events", why);
        }
    }
    if (*what != TALLY_SCANNED_COMMIT) {
        tally_scan_forget(scan);
        scan->chunk = CHUNK_FIRST;
    }
    return status;
}

bool tally_scan_last_hash(const tally_scan *scan, uint8_t hash[TALLY_DIGEST_BYTES])
{
    if (scan->digest == 0) return false;
    tally_core_event_hash(scan->last_core, hash);
    return true;
}

tally_status tally_scan_frame(tally_scan *scan, uint64_t offset, tally_frame *frame, tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    memset(frame, 0, sizeof *frame);
    tally_status status = tally_scan_bytes(scan, offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    size_t length = available >= TALLY_FRAME_FIXED_BYTES ? claimed_length(bytes) : 0;
    if (length > available) status = tally_scan_bytes(scan, offset, length, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    return tally_frame_decode(scan->segment->seed, bytes, available, true, frame, error);
}
