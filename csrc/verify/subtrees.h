/* The tree of a part of the log: perfect subtrees of the events [first, next), to be put behind each other.
 *
 * A chunk of the log is hashed without knowing the tree before it: its nodes are folded as far as they lie in the chunk.
 * At the sizes of heads nothing is folded over, so that their roots can be made from the same nodes. */
#ifndef TALLY_VERIFY_SUBTREES_H
#define TALLY_VERIFY_SUBTREES_H

#include <tallystick/platform.h>

#include "proof/merkle.h"

typedef struct tally_subtree {
    uint32_t level;
    uint64_t index; /* of the node on its level */
    uint8_t hash[TALLY_DIGEST_BYTES];
} tally_subtree;

/* Leaves that are folded together, two nodes at a time (proof/digests.h). */
#define TALLY_LEAVES_HELD 64u

/* invariant: parts[i] lies behind parts[i - 1] without a gap; together they are [first, next). Those below `closed` are
 * not folded any more. */
typedef struct tally_subtrees {
    const tally_platform *platform;
    uint64_t first, next;
    size_t count;
    size_t capacity;
    size_t closed;
    tally_subtree *parts;
    size_t held; /* leaves before `next` that are in no part yet */
    uint8_t leaves[TALLY_LEAVES_HELD][TALLY_DIGEST_BYTES];
} tally_subtrees;

typedef void (*tally_folded)(void *context, const tally_subtree *part);

/* Empty, from an event on; keeps its memory. */
void tally_subtrees_begin(tally_subtrees *parts, const tally_platform *platform, uint64_t first);
void tally_subtrees_free(tally_subtrees *parts);
/* A leaf; `folded` is told of each node that it completes, at the latest when all parts are made (may be NULL). False:
 * no memory. */
bool tally_subtrees_add(tally_subtrees *parts, const uint8_t leaf[TALLY_DIGEST_BYTES], tally_folded folded,
                        void *context);
/* Makes parts of all leaves. */
bool tally_subtrees_flush(tally_subtrees *parts, tally_folded folded, void *context);
/* Nothing is folded over what comes next; all parts are made. */
static inline void tally_subtrees_close(tally_subtrees *parts) { parts->closed = parts->count; }

/* Puts a part behind a tree; it begins where the tree ends. */
void tally_frontier_add_subtree(tally_frontier *frontier, const tally_subtree *part, tally_folded folded,
                                void *context);

#endif
