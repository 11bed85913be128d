/* A chunk: some commits of one segment, checked by one thread, without knowing what is before them.
 *
 *     chunk 0            chunk 1          chunk 2
 *     |-- commits --|----------------|-----------|      joining.h puts them behind each other
 *
 * Where a chunk begins is guessed: behind the first commit mark that checks, from an offset on. When the chunk before
 * does not end exactly there (somebody put a mark into an event's data), the chunk is walked again from where it
 * does: a wrong guess costs time and nothing else. */
#ifndef TALLY_VERIFY_CHUNK_H
#define TALLY_VERIFY_CHUNK_H

#include <stdatomic.h>

#include "base/clock.h"
#include "log/scan.h"
#include "verify/bad.h"
#include "verify/index.h"
#include "verify/links.h"
#include "verify/rotation.h"
#include "verify/subtrees.h"
#include "verify/tiles.h"

/* What all chunks of a verification share; nobody writes it while they are walked, but for `stop`. */
typedef struct tally_checks {
    const tally_platform *platform;
    const tally_view *view;
    const uint64_t *limits; /* of each segment of the view: behind its log part */
    bool full;              /* digests, links, indexes; else leaf hashes alone */
    uint64_t end;           /* events from here on are nobody's business; UINT64_MAX: all that are there */
    uint64_t leaf_from;     /* of the events before it nothing but the frames is looked at */
    uint64_t full_from;     /* … and of those before this, leaf hashes alone */
    uint8_t secret[32];     /* of hashes: made for this verification */
    tally_index_secret index_secret;
    tally_tiles tiles;
    const uint64_t *stops; /* sizes of heads, rising */
    size_t stop_count;
    _Atomic(bool) stop;
} tally_checks;

/* A root is wanted where the tree has so many parts of the chunk. */
typedef struct tally_stop {
    uint64_t size;
    uint64_t offset; /* of the event before it */
    size_t parts;
} tally_stop;

typedef struct tally_chunk {
    /* where: */
    size_t segment;
    bool guessed; /* `begin` is where a mark is looked for; else where a commit begins */
    bool beyond;  /* behind the end of the log: what is there is damage */
    uint64_t begin;
    uint64_t until; /* it ends behind the first mark at or behind this offset */
    uint64_t limit; /* of the file's part that is walked */
    /* where it was: */
    bool found; /* false: there was no mark */
    uint64_t from_offset, from_position, from_commit;
    uint64_t offset, position, commit; /* where it ends, or where the first bad thing is */
    /* what there was, up to the first bad thing: */
    bool any_event;
    uint64_t first_event_offset;
    tally_moment first_time, last_time;
    uint8_t last_hash[TALLY_DIGEST_BYTES];
    bool any_hash;
    bool any_mark;
    uint64_t first_mark_offset;
    uint64_t first_epoch, last_epoch, first_durable, last_durable;
    uint64_t new_streams;
    tally_subtrees parts;
    tally_stop *stops;
    size_t stop_count, stop_capacity;
    tally_rotation *rotations;
    size_t rotation_count, rotation_capacity;
    tally_links links;
    tally_index_sums sums;
    tally_index_types types;
    tally_tile_window tiles;
    tally_bad bad;
    tally_status status; /* of the system */
    tally_error error;
    /* kept between chunks: */
    uint8_t *buffer;
    size_t capacity;
} tally_chunk;

/* Walks it. Position and commit at `begin` are given in from_position and from_commit unless it is guessed. */
void tally_chunk_walk(tally_chunk *chunk, const tally_checks *checks);
void tally_chunk_free(tally_chunk *chunk, const tally_platform *platform);

#endif
