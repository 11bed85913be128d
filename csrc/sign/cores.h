/* The cores of a log, one after the other: what the tree is made of.
 *
 * Walks frames, checks the checksum over head, core and body, and that positions are dense; asks no index. Between two
 * walks it remembers where it stopped, so that following a log costs what is new. */
#ifndef TALLY_SIGN_CORES_H
#define TALLY_SIGN_CORES_H

#include "log/view.h"

/* Zero-filled: nothing is known yet. The view is lent between begin and end. */
typedef struct tally_cores {
    const tally_platform *platform;
    const tally_view *view;
    size_t index;      /* of the segment in the view */
    uint64_t number;   /* of the segment */
    uint64_t offset;   /* in it, of the next frame or mark */
    uint64_t position; /* of the next event */
    uint64_t wanted;   /* the first position that is given */
    bool known;        /* number, offset and position are those of an earlier walk */
    uint8_t *buffer;   /* for segments that are not mapped */
    size_t capacity;
    const uint8_t *window;
    uint64_t window_offset;
    size_t window_bytes;
} tally_cores;

/* The next core will be that of `position`, which lies below what the view's owner shows. */
void tally_cores_begin(tally_cores *cores, const tally_platform *platform, const tally_view *view, uint64_t position);
/* The next frame, with its core in frame->core; lent until the next call. TALLY_E_DAMAGED with file, offset and
 * position; TALLY_E_IO, E_NO_MEMORY. */
tally_status tally_cores_next(tally_cores *cores, tally_frame *frame, tally_error *error);
/* Lets the view go; where the walk stopped is remembered. */
void tally_cores_end(tally_cores *cores);
/* Frees. */
void tally_cores_free(tally_cores *cores);

#endif
