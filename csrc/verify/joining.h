/* Chunks, put behind each other in the order of the log: what a chunk cannot know of what is before it. */
#ifndef TALLY_VERIFY_JOINING_H
#define TALLY_VERIFY_JOINING_H

#include "verify/chunk.h"
#include "verify/heads.h"

/* Of what has been merged. */
typedef struct tally_joining { /* NOLINT(clang-analyzer-optin.performance.Padding) */
    const tally_checks *checks;
    tally_judged_heads *heads;
    /* where: */
    size_t segment;
    bool any_segment;
    uint64_t offset, position, commit;
    uint64_t bytes; /* of segments that are done */
    uint64_t done;  /* bytes: of everything */
    /* what was last: */
    bool time_known, hash_known, mark_known;
    tally_moment time;
    uint8_t last_hash[TALLY_DIGEST_BYTES];
    uint64_t epoch, durable;
    /* of the segment: */
    bool any_event;
    tally_moment first_time;
    uint64_t new_streams;
    tally_index_sums sums;
    /* of the log: */
    tally_frontier frontier;
    tally_link_heads streams;
    tally_tile_window tiles; /* of the nodes that chunks do not make */
    bool leaf_differs;       /* a leaf is not what tree/0.tile says: an event was changed, or the file */
    uint64_t leaf_at;
    uint64_t leaf_offset;
    char leaf_file[TALLY_NAME_BYTES];
    bool node_differs; /* a node is not what its file says: the file was */
    uint32_t node_level;
    uint64_t node_index;
    bool finished;
    tally_bad bad;
} tally_joining;

/* The log goes on at `position` and `commit` of a segment, behind the tree's frontier (joining->frontier). */
tally_status tally_joining_begin(tally_joining *joining, const tally_checks *checks, tally_judged_heads *heads,
                                 tally_error *error);
void tally_joining_end(tally_joining *joining);

/* The next chunk; walked again when it does not begin where it has to. `last` of its segment. Ends the work when
 * joining->bad has a reason, or joining->finished. */
tally_status tally_joining_chunk(tally_joining *joining, tally_chunk *chunk, bool last, tally_error *error);
/* A chunk that lies beyond the end: only what is wrong with it. */
void tally_joining_behind(tally_joining *joining, const tally_chunk *chunk);
/* Behind the last one: heads that are not reached, suspicions that nobody has lifted. */
tally_status tally_joining_finish(tally_joining *joining, tally_error *error);

#endif
