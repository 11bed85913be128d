/* The RFC 6962 tree: roots and proofs made from perfect subtrees, and frontiers that grow.
 *
 * Node (level, index) is the root of the perfect subtree over the leaves [index << level, (index + 1) << level).
 * Everything else is folded from such nodes, so a store keeps only them. */
#ifndef TALLY_PROOF_MERKLE_H
#define TALLY_PROOF_MERKLE_H

#include <stdbool.h>

#include <tallystick/proof.h>

#include "proof/digest.h"

#define TALLY_LEVELS_MAX 64

/* invariant: `nodes` are the perfect subtrees of `size`, one for each bit that is set, largest first */
typedef struct tally_frontier {
    uint64_t size;
    uint32_t count;
    uint8_t nodes[TALLY_LEVELS_MAX][TALLY_DIGEST_BYTES];
} tally_frontier;

/* Adds a leaf. */
void tally_frontier_add(tally_frontier *frontier, const uint8_t leaf[TALLY_DIGEST_BYTES]);
/* SHA-256("") for size 0. */
void tally_frontier_root(const tally_frontier *frontier, uint8_t root[TALLY_DIGEST_BYTES]);

/* Gives a node that is complete in the tree at hand. */
typedef tally_status (*tally_node_source)(void *context, uint32_t level, uint64_t index,
                                          uint8_t node[TALLY_DIGEST_BYTES], tally_error *error);

/* The frontier of the tree with that size. */
tally_status tally_merkle_frontier(tally_node_source source, void *context, uint64_t size, tally_frontier *frontier,
                                   tally_error *error);
/* index < size; `hashes` has room for TALLY_PROOF_HASHES_MAX. */
tally_status tally_merkle_inclusion(tally_node_source source, void *context, uint64_t index, uint64_t size,
                                    tally_hash *hashes, size_t *count, tally_error *error);
/* old_size <= new_size; `hashes` has room for TALLY_CONSISTENCY_HASHES_MAX. */
tally_status tally_merkle_consistency(tally_node_source source, void *context, uint64_t old_size, uint64_t new_size,
                                      tally_hash *hashes, size_t *count, tally_error *error);

#endif
