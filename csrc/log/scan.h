/* Scanning: the commits of a segment's log part, one after the other, each checked as a whole before any of
 * it is believed. What recovery, readers of other processes, fsck and salvage stand on.
 *
 * Checked are lengths, checksums, cores, and that everything goes on from what was before: offsets, positions,
 * times, commit numbers, writer epochs. Not checked are digests and bodies: fsck does that. The file may grow
 * meanwhile; what had no whole commit is read again by the next call. */
#ifndef TALLY_LOG_SCAN_H
#define TALLY_LOG_SCAN_H

#include "log/segment_file.h"

typedef struct tally_scan {
    const tally_segment *segment;
    uint64_t offset; /* behind the last whole commit */
    uint64_t limit;  /* of the log part: the trailer's data_end; UINT64_MAX: the end of the file, wherever it is */
    uint64_t next_position;
    uint64_t next_commit;
    uint64_t durable_position; /* the largest that a mark stated */
    uint64_t writer_epoch;     /* of the last mark */
    bool clean_close;          /* the last mark said so */
    bool any_mark;
    uint64_t commit_offset; /* of the first frame (or the mark) of the last commit; the mark is at offset - 64 */
    tally_mark mark;        /* the last one */
    int64_t last_time_us;   /* of the last event seen; -1 none */
    uint32_t last_time_logical;
    uint32_t digest;                     /* of the last event seen; 0 none */
    uint8_t last_core[TALLY_CORE_BYTES]; /* … and its core: tally_scan_last_hash */
    uint8_t *buffer;                     /* own; grows to the largest frame */
    size_t capacity;
    uint64_t buffer_offset; /* in the file, of what the buffer holds */
    size_t buffer_used;
    size_t chunk; /* to read at once: rises while there is something to read */
    bool careful; /* … but not where reading has failed: then no more is read than is asked for */
} tally_scan;

/* Begins behind the commit before `next_commit`; `offset` TALLY_SEGMENT_HEADER_BYTES and the header's own numbers
 * for a whole segment. */
tally_status tally_scan_begin(tally_scan *scan, const tally_segment *segment, uint64_t offset, uint64_t next_position,
                              uint64_t next_commit, tally_error *error);
void tally_scan_end(tally_scan *scan);

enum tally_scanned {
    TALLY_SCANNED_COMMIT,   /* scan moved behind it */
    TALLY_SCANNED_NOTHING,  /* no whole commit at scan->offset: `why` is E_TRUNCATED for zeros or the end of the
                             * file, E_DAMAGED for bytes that do not check, as a crash leaves them */
    TALLY_SCANNED_DISORDER, /* bytes that check, and are not what has to come here; no crash leaves them */
    TALLY_SCANNED_UNKNOWN   /* bytes that check, of a later version of the format; `why` is E_FORMAT */
};
/* The next commit. A status other than TALLY_OK is about the system (E_IO, E_NO_MEMORY), not the bytes; `why` is
 * about the bytes: its path is the file, its position the offset in the file. */
tally_status tally_scan_next(tally_scan *scan, enum tally_scanned *what, tally_error *why, tally_error *error);

/* Event hash of the last event seen; false: none was. Not kept along the way, for it costs as much as the rest. */
bool tally_scan_last_hash(const tally_scan *scan, uint8_t hash[TALLY_DIGEST_BYTES]);

/* Reads bytes of the log part through the scan's window: `*bytes` has `*available` of them, at least `length` unless
 * the log part ends before. Lent until the next call. */
tally_status tally_scan_bytes(tally_scan *scan, uint64_t offset, size_t length, const uint8_t **bytes,
                              size_t *available, tally_error *error);
/* Drops what was read ahead: the file may have changed. */
static inline void tally_scan_forget(tally_scan *scan) { scan->buffer_used = 0; }

/* The event frame at an offset of a commit that was found whole; its pieces are lent until the next call. */
tally_status tally_scan_frame(tally_scan *scan, uint64_t offset, tally_frame *frame, tally_error *error);

#endif
