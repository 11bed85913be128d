/* Scanning: the commits of a segment's log part, one after the other, each checked as a whole before any of
 * it is believed. What recovery, readers of other processes, fsck and salvage stand on. */
#ifndef TALLY_LOG_SCAN_H
#define TALLY_LOG_SCAN_H

#include "log/segment_file.h"

typedef struct tally_scan {
    const tally_segment *segment;
    uint64_t offset;        /* behind the last whole commit */
    uint64_t limit;         /* of the log part: file size, or the trailer's data_end */
    uint64_t next_position;
    uint64_t next_commit;
    uint64_t durable_position; /* the largest that a mark stated */
    uint64_t writer_epoch;     /* of the last mark */
    bool clean_close;          /* the last mark said so */
    bool any_mark;
    int64_t last_time_us; /* of the last event seen; -1 none */
    uint32_t last_time_logical;
    uint8_t last_hash[32]; /* event hash of next_position - 1 (from the header at first) */
    uint8_t *buffer;       /* own; grows to the largest commit */
    size_t capacity;
} tally_scan;

tally_status tally_scan_begin(tally_scan *scan, const tally_segment *segment, uint64_t offset, uint64_t next_position,
                              uint64_t next_commit, tally_error *error);
void tally_scan_end(tally_scan *scan);

enum tally_scanned {
    TALLY_SCANNED_COMMIT, /* scan moved behind it */
    TALLY_SCANNED_NOTHING /* no whole commit at scan->offset; `error` says why: zeros, torn, out of order */
};
/* The next commit. A status other than TALLY_OK is about the system (E_IO, E_NO_MEMORY), not the bytes. */
tally_status tally_scan_next(tally_scan *scan, enum tally_scanned *what, tally_error *why, tally_error *error);

#endif
