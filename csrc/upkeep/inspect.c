#include "upkeep/inspect.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define PAGE 4096u

tally_status tally_inspect_begin(tally_inspection *inspection, const tally_segment *segment, uint64_t offset,
                                 uint64_t limit, tally_error *error)
{
    tally_status status = tally_scan_begin(&inspection->scan, segment, offset, 0, 0, error);
    uint64_t size = segment->trailer.data_end;
    inspection->offset = offset;
    /* Always an end: over what cannot be read the walk would never come to one. */
    if (status == TALLY_OK && !segment->sealed) {
        status = tally_file_size(segment->folder, segment->name, segment->file, &size, error);
    }
    inspection->scan.limit = limit < size ? limit : size;
    return status;
}

void tally_inspect_end(tally_inspection *inspection) { tally_scan_end(&inspection->scan); }

/* ------------------------------------------------------------------------------- one thing at a time */

/* Reads no more than what is asked for from here on. */
static void be_careful(tally_inspection *inspection)
{
    inspection->scan.careful = true;
    inspection->scan.chunk = TALLY_MARK_BYTES;
}

static tally_status read_frame(tally_inspection *inspection, uint64_t offset, tally_frame *frame, tally_error *why,
                               tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    tally_scan *scan = &inspection->scan;
    tally_status status = tally_scan_bytes(scan, offset, TALLY_FRAME_FIXED_BYTES, &bytes, &available, error);
    if (status != TALLY_OK || available < TALLY_FRAME_FIXED_BYTES) return status;
    uint32_t body = tally_load_u32(bytes + 8);
    uint64_t data = tally_load_u64(bytes + 16);
    if (body <= TALLY_BODY_MAX && data <= TALLY_STORED_MAX) {
        status = tally_scan_bytes(scan, offset, tally_frame_length(body, (size_t)data), &bytes, &available, error);
        if (status != TALLY_OK || bytes == NULL) return status;
    }
    /* A frame that does not check leaves `frame` zero. */
    (void)tally_frame_decode(scan->segment->seed, bytes, available, false, frame, why);
    return TALLY_OK;
}

/* Whether an event or a mark begins at an offset; `piece` is it. */
static tally_status read_piece(tally_inspection *inspection, uint64_t offset, tally_piece *piece, bool *is_one,
                               tally_error *error)
{
    const uint8_t *bytes;
    size_t available;
    tally_error why = {.message = "there is no frame", .status = TALLY_E_DAMAGED};
    *is_one = false;
    piece->offset = offset;
    tally_status status = tally_scan_bytes(&inspection->scan, offset, TALLY_MARK_BYTES, &bytes, &available, error);
    if (status != TALLY_OK) return status;
    uint32_t kind = tally_frame_kind_at(bytes, available);
    uint32_t seed = inspection->scan.segment->seed;
    if (kind == TALLY_FRAME_MARK) {
        *is_one = tally_mark_decode(seed, bytes, available, &piece->mark, &why) == TALLY_OK;
        piece->kind = TALLY_PIECE_MARK;
        piece->length = TALLY_MARK_BYTES;
    } else if (kind != 0) {
        memset(&piece->frame, 0, sizeof piece->frame);
        status = read_frame(inspection, offset, &piece->frame, &why, error);
        if (status != TALLY_OK) return status;
        *is_one = piece->frame.core != NULL && tally_core_decode(piece->frame.core, &piece->core, &why) == TALLY_OK;
        piece->kind = TALLY_PIECE_EVENT;
        piece->length = piece->frame.length;
        if (*is_one) piece->data_status = tally_frame_check_data(seed, &piece->frame, NULL);
    }
    if (*is_one) return TALLY_OK;
    piece->status = why.status;
    (void)tally_text_copy(piece->reason, sizeof piece->reason, why.message, strlen(why.message));
    return TALLY_OK;
}

/* ---------------------------------------------------------------------------------------- over gaps */

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* The next thing behind `offset`, in pages, so that one that cannot be read costs a page. Ends at the limit. */
static tally_status find_next(tally_inspection *inspection, uint64_t *offset, bool *all_zero, bool *at_end,
                              tally_error *error)
{
    tally_piece ignored;
    for (uint64_t at = *offset;; at += 8) {
        const uint8_t *bytes;
        size_t available;
        bool is_one = false;
        tally_status status = tally_scan_bytes(&inspection->scan, at, TALLY_MARK_BYTES, &bytes, &available, error);
        if (status == TALLY_E_NO_MEMORY) return status;
        if (status != TALLY_OK) {
            be_careful(inspection);
            at = (at | (PAGE - 1)) - 7; /* and 8 more */
            *all_zero = false;
            continue;
        }
        *at_end = available == 0;
        *offset = at;
        if (*at_end) return TALLY_OK;
        if (!is_zero(bytes, available < 8 ? available : 8)) *all_zero = false;
        if (tally_frame_kind_at(bytes, available) == 0) continue;
        status = read_piece(inspection, at, &ignored, &is_one, error);
        if (status == TALLY_E_NO_MEMORY) return status;
        if (is_one) return TALLY_OK;
    }
}

/* `unread`: not even the first bytes could be read; whether they can be now does not matter any more. */
static tally_status pass_gap(tally_inspection *inspection, bool unread, tally_piece *piece, tally_error *error)
{
    uint64_t next = inspection->offset + (unread ? 8 : 0);
    bool all_zero = !unread;
    bool at_end;
    tally_status status = find_next(inspection, &next, &all_zero, &at_end, error);
    if (status != TALLY_OK) return status;
    piece->offset = inspection->offset;
    piece->length = next - inspection->offset;
    /* Behind the log part of an unsealed segment is reserved space. */
    bool reserved = at_end && all_zero && !inspection->scan.segment->sealed;
    piece->kind = (piece->length == 0 && at_end) || reserved ? TALLY_PIECE_END : TALLY_PIECE_GAP;
    inspection->offset = next;
    return TALLY_OK;
}

tally_status tally_inspect_next(tally_inspection *inspection, tally_piece *piece, tally_error *error)
{
    bool is_one;
    tally_error local;
    memset(piece, 0, sizeof *piece);
    tally_status status = read_piece(inspection, inspection->offset, piece, &is_one, &local);
    if (status == TALLY_E_IO) {
        /* A failure that passes is none, and one of what lies behind, and was read ahead, is not one of this. */
        be_careful(inspection);
        status = read_piece(inspection, inspection->offset, piece, &is_one, &local);
    }
    if (status != TALLY_OK) {
        if (status == TALLY_E_NO_MEMORY) {
            if (error != NULL) *error = local;
            return status;
        }
        piece->status = status;
        (void)tally_text_copy(piece->reason, sizeof piece->reason, local.message, strlen(local.message));
        is_one = false;
    }
    if (!is_one) return pass_gap(inspection, status != TALLY_OK, piece, error);
    inspection->offset += piece->length;
    return TALLY_OK;
}

const char *tally_inspect_event(const tally_piece *piece, tally_body_view *body)
{
    uint8_t digest[TALLY_DIGEST_BYTES];
    const tally_frame *frame = &piece->frame;
    if (tally_body_decode(frame->body, frame->body_length, body, NULL) != TALLY_OK) return "the body is damaged";
    tally_body_digest(piece->core.digest_algorithm, frame->body, frame->body_length, digest);
    if (memcmp(digest, piece->core.body_digest, sizeof digest) != 0) return "the body is not what the core says";
    if (piece->data_status != TALLY_OK) return "the checksum of the data does not agree";
    if (body->stored_length != frame->data_length) return "the data have another length than the body says";
    tally_digest(piece->core.digest_algorithm, TALLY_DOMAIN_DATA, frame->data, frame->data_length, digest);
    if (memcmp(digest, body->data_digest, sizeof digest) != 0) return "the data are not what the body says";
    return NULL;
}
