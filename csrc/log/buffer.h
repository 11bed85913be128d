/* Buffers of the tail: frames and marks that are staged, on their way into the active segment's file.
 *
 * Chunks follow each other without a gap in the file. Commits are appended to the last one under the log's
 * mutex; who writes takes bytes from the first one on, outside of it. `tally_tail_copy` lets readers see what
 * is not written yet.
 *
 * invariant: written <= used <= capacity; a chunk that is not the last has used == its extent in the file;
 * bytes below `used` never change. */
#ifndef TALLY_LOG_BUFFER_H
#define TALLY_LOG_BUFFER_H

#include <tallystick/platform.h>

#include "log/tail.h"

#define TALLY_CHUNK_BYTES (256u << 10)

typedef struct tally_chunk {
    struct tally_chunk *next;
    uint64_t offset;         /* of bytes[0] in the file */
    uint64_t first_position; /* of the first event in it; TALLY_POSITION_NONE: no commit yet */
    uint64_t end_position;   /* behind the last one */
    size_t frames_at;        /* where the first frame begins in `bytes` */
    size_t used;
    size_t written;
    size_t capacity;
    uint8_t bytes[];
} tally_chunk;

struct tally_tail {
    const tally_platform *platform;
    tally_mutex mutex; /* guards number and links; the log's mutex comes first */
    uint64_t number;   /* of the segment that all chunks belong to */
    tally_chunk *first;
    tally_chunk *last;
    tally_chunk *spare;
    uint32_t spare_count;
    size_t bytes; /* held by chunks of every sort */
};

tally_status tally_tail_init(tally_tail *tail, const tally_platform *platform, tally_error *error);
void tally_tail_destroy(tally_tail *tail);

/* Makes sure that the last chunk has `length` bytes of room at file offset `offset`, which is its end or the
 * end of the file; a new one is begun when it has not. TALLY_E_NO_MEMORY: nothing changed. */
tally_status tally_tail_reserve(tally_tail *tail, uint64_t offset, size_t length, tally_error *error);

/* Gives up chunks that are whole in the file, but keeps the last one while it has room. */
void tally_tail_recycle(tally_tail *tail);

/* Goes to another segment; everything has been written. */
void tally_tail_move(tally_tail *tail, uint64_t number);

#endif
