/* Checking proofs, by the procedures of RFC 9162, 2.1.3.2 and 2.1.4.2, written apart from those that make
 * them. */
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "proof/merkle.h"

static bool equal(const tally_hash *a, const uint8_t b[TALLY_DIGEST_BYTES])
{
    return sodium_memcmp(a->bytes, b, TALLY_DIGEST_BYTES) == 0;
}

tally_status tally_merkle_root(const tally_hash *leaves, size_t count, tally_hash *root)
{
    if (root == NULL) return TALLY_E_NULL;
    memset(root, 0, sizeof *root);
    if (leaves == NULL && count != 0) return TALLY_E_NULL;
    if (count > PTRDIFF_MAX / sizeof *leaves) return TALLY_E_LENGTH;
    tally_frontier frontier = {.size = 0};
    for (size_t i = 0; i < count; i++) tally_frontier_add(&frontier, leaves[i].bytes);
    tally_frontier_root(&frontier, root->bytes);
    return TALLY_OK;
}

/* One level up, and further where the right edge of the tree has no sibling. */
static void climb(uint64_t *node, uint64_t *last)
{
    if ((*node & 1) == 0)
        while (*node != 0 && (*node & 1) == 0) {
            *node >>= 1;
            *last >>= 1;
        }
    *node >>= 1;
    *last >>= 1;
}

tally_status tally_inclusion_verify(const tally_hash *leaf, uint64_t index, uint64_t size, const tally_hash *hashes,
                                    size_t count, const tally_hash *root, tally_error *error)
{
    tally_error_clear(error);
    if (leaf == NULL || root == NULL || (hashes == NULL && count != 0))
        return tally_fail(error, TALLY_E_NULL, "leaf, hashes and root are needed");
    if (count > PTRDIFF_MAX / sizeof *hashes) return tally_fail(error, TALLY_E_LENGTH, "so many hashes do not exist");
    if (index >= size)
        return tally_fail_at(error, TALLY_E_RANGE, index, "a tree of %llu leaves has no leaf %llu",
                             (unsigned long long)size, (unsigned long long)index);
    uint64_t node = index, last = size - 1;
    uint8_t hash[TALLY_DIGEST_BYTES];
    memcpy(hash, leaf->bytes, sizeof hash);
    for (size_t i = 0; i < count; i++) {
        if (last == 0) return tally_fail_at(error, TALLY_E_PROOF, i, "the proof has more hashes than the tree levels");
        if ((node & 1) != 0 || node == last) {
            tally_digest_node(hashes[i].bytes, hash, hash);
            climb(&node, &last);
        } else {
            tally_digest_node(hash, hashes[i].bytes, hash);
            node >>= 1;
            last >>= 1;
        }
    }
    if (last != 0) return tally_fail(error, TALLY_E_PROOF, "the proof has too few hashes for a tree of that size");
    if (!equal(root, hash)) return tally_fail(error, TALLY_E_PROOF, "the hashes of the proof lead to another root");
    return TALLY_OK;
}

/* Both trees have leaves, and the old one fewer. */
static tally_status verify_growth(uint64_t old_size, const tally_hash *old_root, uint64_t new_size,
                                  const tally_hash *new_root, const tally_hash *hashes, size_t count,
                                  tally_error *error)
{
    bool perfect = (old_size & (old_size - 1)) == 0; /* then its root is not repeated in the proof */
    if (!perfect && count == 0) return tally_fail(error, TALLY_E_PROOF, "the proof is empty");
    uint64_t node = old_size - 1, last = new_size - 1;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    uint8_t old_hash[TALLY_DIGEST_BYTES], new_hash[TALLY_DIGEST_BYTES];
    memcpy(old_hash, perfect ? old_root->bytes : hashes[0].bytes, sizeof old_hash);
    memcpy(new_hash, old_hash, sizeof new_hash);
    for (size_t i = perfect ? 0 : 1; i < count; i++) {
        if (last == 0) return tally_fail_at(error, TALLY_E_PROOF, i, "the proof has more hashes than the tree levels");
        if ((node & 1) != 0 || node == last) {
            tally_digest_node(hashes[i].bytes, old_hash, old_hash);
            tally_digest_node(hashes[i].bytes, new_hash, new_hash);
            climb(&node, &last);
        } else {
            tally_digest_node(new_hash, hashes[i].bytes, new_hash);
            node >>= 1;
            last >>= 1;
        }
    }
    if (last != 0) return tally_fail(error, TALLY_E_PROOF, "the proof has too few hashes for trees of these sizes");
    if (!equal(old_root, old_hash)) return tally_fail(error, TALLY_E_PROOF, "the older root is not that of the proof");
    if (!equal(new_root, new_hash)) return tally_fail(error, TALLY_E_PROOF, "the newer root is not that of the proof");
    return TALLY_OK;
}

tally_status tally_consistency_verify(uint64_t old_size, const tally_hash *old_root, uint64_t new_size,
                                      const tally_hash *new_root, const tally_hash *hashes, size_t count,
                                      tally_error *error)
{
    tally_error_clear(error);
    if (old_root == NULL || new_root == NULL || (hashes == NULL && count != 0))
        return tally_fail(error, TALLY_E_NULL, "both roots and the hashes are needed");
    if (count > PTRDIFF_MAX / sizeof *hashes) return tally_fail(error, TALLY_E_LENGTH, "so many hashes do not exist");
    if (old_size > new_size)
        return tally_fail_at(error, TALLY_E_RANGE, old_size, "the older tree is larger than the newer one");
    if (old_size != 0 && old_size != new_size)
        return verify_growth(old_size, old_root, new_size, new_root, hashes, count, error);
    tally_hash expected = *new_root;
    if (old_size == 0) (void)tally_merkle_root(NULL, 0, &expected);
    if (count != 0) return tally_fail(error, TALLY_E_PROOF, "there is nothing to prove, and yet hashes");
    if (!equal(old_root, expected.bytes)) return tally_fail(error, TALLY_E_PROOF, "the older root is not that tree's");
    if (new_size != 0) return TALLY_OK;
    if (!equal(new_root, expected.bytes)) return tally_fail(error, TALLY_E_PROOF, "the newer root is not that tree's");
    return TALLY_OK;
}
