#include "proof/merkle.h"

#include <string.h>

#include "proof/sha256.h"

/* Folds perfect subtrees, largest first, into one hash; `count` > 0. */
static void fold(const uint8_t (*nodes)[TALLY_DIGEST_BYTES], size_t count, uint8_t hash[TALLY_DIGEST_BYTES])
{
    memcpy(hash, nodes[count - 1], TALLY_DIGEST_BYTES);
    for (size_t i = count - 1; i-- > 0;) tally_digest_node(nodes[i], hash, hash);
}

void tally_frontier_add(tally_frontier *frontier, const uint8_t leaf[TALLY_DIGEST_BYTES])
{
    uint8_t node[TALLY_DIGEST_BYTES];
    memcpy(node, leaf, sizeof node);
    for (uint64_t size = frontier->size; (size & 1) != 0; size >>= 1)
        tally_digest_node(frontier->nodes[--frontier->count], node, node);
    memcpy(frontier->nodes[frontier->count++], node, sizeof node);
    frontier->size++;
}

void tally_frontier_root(const tally_frontier *frontier, uint8_t root[TALLY_DIGEST_BYTES])
{
    if (frontier->count == 0) {
        tally_sha256 hash;
        tally_sha256_init(&hash);
        tally_sha256_final(&hash, root);
        return;
    }
    fold((const uint8_t(*)[TALLY_DIGEST_BYTES])frontier->nodes, frontier->count, root);
}

static uint32_t level_of(uint64_t leaves) { return 63u - (uint32_t)__builtin_clzll(leaves); }

/* The perfect subtrees of the leaves [start, start + size), where start is a multiple of the largest of them. */
static tally_status nodes_of(tally_node_source source, void *context, uint64_t start, uint64_t size,
                             tally_frontier *frontier, tally_error *error)
{
    frontier->size = size;
    frontier->count = 0;
    while (size != 0) {
        uint32_t level = level_of(size);
        tally_status status = source(context, level, start >> level, frontier->nodes[frontier->count], error);
        if (status != TALLY_OK) return status;
        frontier->count++;
        start += UINT64_C(1) << level;
        size -= UINT64_C(1) << level;
    }
    return TALLY_OK;
}

tally_status tally_merkle_frontier(tally_node_source source, void *context, uint64_t size, tally_frontier *frontier,
                                   tally_error *error)
{
    return nodes_of(source, context, 0, size, frontier, error);
}

static tally_status range_hash(tally_node_source source, void *context, uint64_t start, uint64_t end, tally_hash *hash,
                               tally_error *error)
{
    tally_frontier frontier;
    tally_status status = nodes_of(source, context, start, end - start, &frontier, error);
    if (status == TALLY_OK) tally_frontier_root(&frontier, hash->bytes);
    return status;
}

/* The largest power of two below `size`, which is above 1: where RFC 6962 splits a tree. */
static uint64_t split_of(uint64_t size) { return UINT64_C(1) << level_of(size - 1); }

static void reverse(tally_hash *hashes, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        tally_hash kept = hashes[i];
        hashes[i] = hashes[count - 1 - i];
        hashes[count - 1 - i] = kept;
    }
}

tally_status tally_merkle_inclusion(tally_node_source source, void *context, uint64_t index, uint64_t size,
                                    tally_hash *hashes, size_t *count, tally_error *error)
{
    *count = 0;
    for (uint64_t start = 0, end = size; end - start > 1;) {
        uint64_t middle = start + split_of(end - start);
        bool left = index < middle;
        tally_status status =
            range_hash(source, context, left ? middle : start, left ? end : middle, &hashes[*count], error);
        if (status != TALLY_OK) return status;
        ++*count;
        if (left) end = middle;
        else start = middle;
    }
    reverse(hashes, *count);
    return TALLY_OK;
}

/* RFC 6962, 2.1.2, from the top down: what is collected is the proof in reverse. */
tally_status tally_merkle_consistency(tally_node_source source, void *context, uint64_t old_size, uint64_t new_size,
                                      tally_hash *hashes, size_t *count, tally_error *error)
{
    *count = 0;
    if (old_size == 0 || old_size == new_size) return TALLY_OK;
    uint64_t start = 0, end = new_size;
    bool whole = true; /* the old tree is the left end of [start, end), so its root is known to the verifier */
    while (old_size != end) {
        uint64_t middle = start + split_of(end - start);
        bool left = old_size <= middle;
        tally_status status =
            range_hash(source, context, left ? middle : start, left ? end : middle, &hashes[*count], error);
        if (status != TALLY_OK) return status;
        ++*count;
        if (left) {
            end = middle;
        } else {
            start = middle;
            whole = false;
        }
    }
    if (!whole) {
        tally_status status = range_hash(source, context, start, end, &hashes[*count], error);
        if (status != TALLY_OK) return status;
        ++*count;
    }
    reverse(hashes, *count);
    return TALLY_OK;
}
