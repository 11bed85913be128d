/* Walking a segment frame by frame, over damage too: what does not check is a gap, and the walk goes on at the
 * next thing that does. */
#ifndef TALLY_UPKEEP_INSPECT_H
#define TALLY_UPKEEP_INSPECT_H

#include "log/scan.h"

enum tally_piece_kind {
    TALLY_PIECE_EVENT, /* a frame whose core and body check; perhaps not its data */
    TALLY_PIECE_MARK,
    TALLY_PIECE_GAP, /* bytes that are nothing of this */
    TALLY_PIECE_END
};

typedef struct tally_piece {
    enum tally_piece_kind kind;
    uint64_t offset;
    uint64_t length;
    tally_frame frame; /* lent until the next piece */
    tally_core core;
    tally_status data_status; /* TALLY_E_DAMAGED: the data's checksum does not agree */
    tally_mark mark;
    tally_status status; /* of a gap: TALLY_E_DAMAGED, E_TRUNCATED, E_FORMAT, E_IO */
    char reason[128];
} tally_piece;

typedef struct tally_inspection {
    tally_scan scan; /* its window */
    uint64_t offset;
} tally_inspection;

/* From `offset` to `limit`, at most the end of the log part or of the file. */
tally_status tally_inspect_begin(tally_inspection *inspection, const tally_segment *segment, uint64_t offset,
                                 uint64_t limit, tally_error *error);
/* TALLY_E_NO_MEMORY alone fails; bytes that cannot be read are a gap. */
tally_status tally_inspect_next(tally_inspection *inspection, tally_piece *piece, tally_error *error);
void tally_inspect_end(tally_inspection *inspection);

/* Compares the digests of an event's body and data; the reason why not, or NULL. `*body` is lent from the frame. */
const char *tally_inspect_event(const tally_piece *piece, tally_body_view *body);

#endif
