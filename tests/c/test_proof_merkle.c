/* proof/merkle.c and merkle_verify.c against RFC 6962, 2.1, written down again as it is defined, and against the golden
 * vectors. */
#include <sodium.h>

#include "base/error.h"
#include "proof/merkle.h"
#include "proofs.h"

#define LEAVES 70

static tally_hash leaves[LEAVES];

static void make_leaves(void)
{
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t entry[3] = {0, (uint8_t)i, 7};
        (void)crypto_hash_sha256(leaves[i].bytes, entry, sizeof entry);
    }
}

/* ------------------------------------------------------------------------- the definitions, literally */

static size_t split(size_t count)
{
    size_t k = 1;
    while (2 * k < count) k *= 2;
    return k;
}

static tally_hash joined(tally_hash left, tally_hash right)
{
    uint8_t message[65] = {1};
    tally_hash node;
    memcpy(message + 1, left.bytes, 32);
    memcpy(message + 33, right.bytes, 32);
    (void)crypto_hash_sha256(node.bytes, message, sizeof message);
    return node;
}

/* MTH(D[from:to]) */
static tally_hash tree(size_t from, size_t to)
{
    tally_hash root;
    if (from == to) (void)crypto_hash_sha256(root.bytes, NULL, 0);
    if (from == to) return root;
    if (to - from == 1) return leaves[from];
    size_t k = split(to - from);
    return joined(tree(from, from + k), tree(from + k, to));
}

/* PATH(m, D[from:to]) */
static size_t path(size_t m, size_t from, size_t to, tally_hash *out)
{
    if (to - from == 1) return 0;
    size_t k = split(to - from), count;
    if (m < k) {
        count = path(m, from, from + k, out);
        out[count] = tree(from + k, to);
    } else {
        count = path(m - k, from + k, to, out);
        out[count] = tree(from, from + k);
    }
    return count + 1;
}

/* SUBPROOF(m, D[from:to], b) */
static size_t subproof(size_t m, size_t from, size_t to, bool b, tally_hash *out)
{
    size_t n = to - from, count;
    if (m == n && b) return 0;
    if (m == n) {
        out[0] = tree(from, to);
        return 1;
    }
    size_t k = split(n);
    if (m <= k) {
        count = subproof(m, from, from + k, b, out);
        out[count] = tree(from + k, to);
    } else {
        count = subproof(m - k, from + k, to, false, out);
        out[count] = tree(from, from + k);
    }
    return count + 1;
}

static bool same(const tally_hash *a, const tally_hash *b, size_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

/* Nodes of a tree of `limit` leaves: asking for one that is not complete in it is a fault. */
typedef struct nodes {
    uint64_t limit;
    uint32_t asked;
    uint32_t fails_at; /* 0: never */
} nodes;

static tally_status node_of(void *context, uint32_t level, uint64_t index, uint8_t node[32], tally_error *why)
{
    nodes *source = context;
    CHECK((index + 1) << level <= source->limit);
    if (++source->asked == source->fails_at) return tally_fail(why, TALLY_E_IO, "this node is not to be had");
    tally_hash hash = tree((size_t)(index << level), (size_t)((index + 1) << level));
    memcpy(node, hash.bytes, 32);
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------------------ made */

TEST(every_root_of_every_size_is_that_of_the_definition)
{
    make_leaves();
    tally_frontier frontier = {.size = 0}, found;
    for (size_t size = 0; size <= LEAVES; size++) {
        tally_hash wanted = tree(0, size), root;
        REQUIRE_STATUS(tally_merkle_root(leaves, size, &root), TALLY_OK);
        CHECK(same(&root, &wanted, 1));
        tally_frontier_root(&frontier, root.bytes);
        CHECK(same(&root, &wanted, 1));
        nodes source = {.limit = size};
        REQUIRE_STATUS(tally_merkle_frontier(node_of, &source, size, &found, &error), TALLY_OK);
        CHECK_EQ(found.size, frontier.size);
        REQUIRE(found.count == frontier.count);
        CHECK(memcmp(found.nodes, frontier.nodes, found.count * sizeof found.nodes[0]) == 0);
        if (size < LEAVES) tally_frontier_add(&frontier, leaves[size].bytes);
    }
}

TEST(proofs_are_those_of_the_definition)
{
    tally_hash made[TALLY_CONSISTENCY_HASHES_MAX], wanted[TALLY_CONSISTENCY_HASHES_MAX];
    make_leaves();
    for (size_t size = 1; size <= LEAVES && !test_has_failed(); size++) {
        nodes source = {.limit = size};
        size_t count;
        for (size_t i = 0; i < size; i++) {
            REQUIRE_STATUS(tally_merkle_inclusion(node_of, &source, i, size, made, &count, &error), TALLY_OK);
            REQUIRE(count == path(i, 0, size, wanted));
            CHECK(same(made, wanted, count));
        }
        for (size_t old = 1; old <= size; old++) {
            REQUIRE_STATUS(tally_merkle_consistency(node_of, &source, old, size, made, &count, &error), TALLY_OK);
            REQUIRE(count == subproof(old, 0, size, true, wanted));
            CHECK(same(made, wanted, count));
        }
        REQUIRE_STATUS(tally_merkle_consistency(node_of, &source, 0, size, made, &count, &error), TALLY_OK);
        CHECK_EQ(count, 0);
    }
}

TEST(a_node_that_cannot_be_had_fails_the_proof)
{
    tally_hash made[TALLY_CONSISTENCY_HASHES_MAX];
    size_t count;
    make_leaves();
    for (uint32_t k = 1;; k++) {
        nodes source = {.limit = 45, .fails_at = k};
        if (tally_merkle_consistency(node_of, &source, 13, 45, made, &count, &error) == TALLY_OK) break;
        CHECK_STATUS(error.status, TALLY_E_IO);
        source = (nodes){.limit = 45, .fails_at = k};
        tally_status status = tally_merkle_inclusion(node_of, &source, 44, 45, made, &count, &error);
        CHECK(status == TALLY_E_IO || source.asked < k);
        tally_frontier frontier;
        source = (nodes){.limit = 45, .fails_at = k};
        status = tally_merkle_frontier(node_of, &source, 45, &frontier, &error);
        CHECK(status == TALLY_E_IO || source.asked < k);
        REQUIRE(k < 100);
    }
}

static tally_status nothing(void *context, uint32_t level, uint64_t index, uint8_t node[32], tally_error *why)
{
    (void)why;
    *(uint32_t *)context += 1;
    memset(node, (int)(level + index), 32);
    return TALLY_OK;
}

TEST(the_largest_trees_have_proofs_within_their_bounds)
{
    tally_hash made[TALLY_CONSISTENCY_HASHES_MAX];
    const uint64_t most = INT64_MAX;
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t asked_for = 0;
        size_t count;
        uint64_t index = i == 63 ? most - 1 : UINT64_C(1) << i;
        if (index >= most) index = most - 1;
        REQUIRE_STATUS(tally_merkle_inclusion(nothing, &asked_for, index, most, made, &count, NULL), TALLY_OK);
        CHECK(count <= 63);
        REQUIRE_STATUS(tally_merkle_consistency(nothing, &asked_for, index + 1, most, made, &count, NULL), TALLY_OK);
        CHECK(count <= 64);
        CHECK(asked_for < 64 * 64);
    }
}

/* --------------------------------------------------------------------------------------------- checked */

static void refuse_inclusion(size_t i, size_t size, const tally_hash *hashes, size_t count, const tally_hash *root)
{
    CHECK_STATUS(tally_inclusion_verify(&leaves[i], i, size, hashes, count, root, &error), TALLY_E_PROOF);
    CHECK(error.message[0] != '\0');
}

TEST(every_inclusion_is_believed_and_no_altered_one)
{
    tally_hash hashes[TALLY_PROOF_HASHES_MAX + 2], other[TALLY_PROOF_HASHES_MAX + 2];
    make_leaves();
    for (size_t size = 1; size <= LEAVES && !test_has_failed(); size++) {
        tally_hash root = tree(0, size);
        for (size_t i = 0; i < size; i++) {
            size_t count = path(i, 0, size, hashes);
            REQUIRE_STATUS(tally_inclusion_verify(&leaves[i], i, size, hashes, count, &root, &error), TALLY_OK);
            for (size_t j = 0; j < count; j++) {
                memcpy(other, hashes, sizeof other);
                other[j].bytes[(i + j) % 32] ^= (uint8_t)(1u << (j % 8));
                refuse_inclusion(i, size, other, count, &root); /* altered */
                memcpy(other, hashes, sizeof other);
                memmove(&other[j], &other[j + 1], (count - j - 1) * sizeof *other);
                refuse_inclusion(i, size, other, count - 1, &root); /* missing */
                memcpy(other, hashes, sizeof other);
                memmove(&other[j + 1], &other[j], (count - j) * sizeof *other);
                refuse_inclusion(i, size, other, count + 1, &root); /* twice */
                if (j == 0) continue;
                memcpy(other, hashes, sizeof other);
                other[j] = hashes[j - 1];
                other[j - 1] = hashes[j];
                refuse_inclusion(i, size, other, count, &root); /* swapped */
            }
            hashes[count] = root;
            refuse_inclusion(i, size, hashes, count + 1, &root);
            if (size > 1) {
                CHECK_STATUS(tally_inclusion_verify(&leaves[(i + 1) % size], i, size, hashes, count, &root, &error),
                             TALLY_E_PROOF);
                CHECK_STATUS(tally_inclusion_verify(&leaves[i], (i + 1) % size, size, hashes, count, &root, &error),
                             TALLY_E_PROOF);
            }
        }
        CHECK_STATUS(tally_inclusion_verify(&leaves[0], size, size, hashes, 0, &root, &error), TALLY_E_RANGE);
    }
}

static void refuse_growth(size_t old, const tally_hash *old_root, size_t size, const tally_hash *root,
                          const tally_hash *hashes, size_t count)
{
    CHECK_STATUS(tally_consistency_verify(old, old_root, size, root, hashes, count, &error), TALLY_E_PROOF);
}

static void check_growth(size_t old, size_t size)
{
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX + 2], other[TALLY_CONSISTENCY_HASHES_MAX + 2];
    tally_hash before = tree(0, old), after = tree(0, size), wrong = before;
    size_t count = subproof(old, 0, size, true, hashes);
    REQUIRE_STATUS(tally_consistency_verify(old, &before, size, &after, hashes, count, &error), TALLY_OK);
    for (size_t j = 0; j < count; j++) {
        memcpy(other, hashes, sizeof other);
        other[j].bytes[(old + j) % 32] ^= (uint8_t)(1u << (j % 8));
        refuse_growth(old, &before, size, &after, other, count);
        memcpy(other, hashes, sizeof other);
        memmove(&other[j], &other[j + 1], (count - j - 1) * sizeof *other);
        refuse_growth(old, &before, size, &after, other, count - 1);
        memcpy(other, hashes, sizeof other);
        memmove(&other[j + 1], &other[j], (count - j) * sizeof *other);
        refuse_growth(old, &before, size, &after, other, count + 1);
        if (j == 0) continue;
        memcpy(other, hashes, sizeof other);
        other[j] = hashes[j - 1];
        other[j - 1] = hashes[j];
        refuse_growth(old, &before, size, &after, other, count);
    }
    hashes[count] = after;
    refuse_growth(old, &before, size, &after, hashes, count + 1);
    wrong.bytes[31] ^= 1;
    refuse_growth(old, &wrong, size, &after, hashes, count);
    wrong = after;
    wrong.bytes[0] ^= 1;
    refuse_growth(old, &before, size, &wrong, hashes, count);
}

TEST(every_growth_is_believed_and_no_altered_one)
{
    make_leaves();
    for (size_t size = 1; size <= LEAVES && !test_has_failed(); size++)
        for (size_t old = 1; old <= size; old++) check_growth(old, size);
}

TEST(from_nothing_only_the_empty_root_grows)
{
    make_leaves();
    tally_hash empty = tree(0, 0), root = tree(0, 5);
    CHECK_STATUS(tally_consistency_verify(0, &empty, 5, &root, NULL, 0, &error), TALLY_OK);
    CHECK_STATUS(tally_consistency_verify(0, &empty, 0, &empty, NULL, 0, &error), TALLY_OK);
    CHECK_STATUS(tally_consistency_verify(0, &root, 5, &root, NULL, 0, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_consistency_verify(0, &empty, 0, &root, NULL, 0, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_consistency_verify(0, &empty, 5, &root, &root, 1, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_consistency_verify(6, &root, 5, &root, NULL, 0, &error), TALLY_E_RANGE);
    tally_hash three = tree(0, 3), four = tree(0, 4);
    CHECK_STATUS(tally_consistency_verify(3, &three, 5, &root, NULL, 0, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_consistency_verify(4, &four, 5, &root, NULL, 0, &error), TALLY_E_PROOF);
}

TEST(sizes_and_counts_that_cannot_be_are_refused_unread)
{
    tally_hash one = {{0}};
    size_t most = (size_t)PTRDIFF_MAX / sizeof one + 1;
    CHECK_STATUS(tally_inclusion_verify(&one, 0, UINT64_MAX, &one, 1, &one, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_inclusion_verify(&one, 0, 2, &one, most, &one, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_consistency_verify(1, &one, 2, &one, &one, SIZE_MAX, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_consistency_verify(1, &one, UINT64_MAX, &one, &one, 1, &error), TALLY_E_PROOF);
    CHECK_STATUS(tally_merkle_root(&one, most, &one), TALLY_E_LENGTH);
    CHECK_STATUS(tally_merkle_root(NULL, 1, &one), TALLY_E_NULL);
    CHECK_STATUS(tally_merkle_root(NULL, 0, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_inclusion_verify(&one, 0, 1, NULL, 1, &one, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_consistency_verify(1, &one, 2, NULL, &one, 1, &error), TALLY_E_NULL);
}

/* --------------------------------------------------------------------------------------- golden vectors */

TEST(the_published_roots_of_certificate_transparency)
{
    for (const json *row = vectors("merkle")->first; row != NULL; row = row->next) {
        tally_hash found[8], root;
        uint8_t entry[32] = {0}, wanted[32];
        size_t count = 0;
        for (const json *item = json_get(row, "leaves")->first; item != NULL; item = item->next) {
            size_t length = json_bytes(item->text, entry + 1, sizeof entry - 1);
            (void)crypto_hash_sha256(found[count++].bytes, entry, length + 1);
        }
        (void)json_hex(row, "root", wanted, sizeof wanted);
        CHECK_STATUS(tally_merkle_root(found, count, &root), TALLY_OK);
        CHECK_BYTES(root.bytes, wanted, 32);
    }
}

TEST(inclusion_proofs_of_the_vectors)
{
    for (const json *row = vectors("inclusion")->first; row != NULL; row = row->next) {
        tally_hash hashes[TALLY_PROOF_HASHES_MAX], leaf, root;
        size_t count = hashes_of(row, "hashes", hashes, TALLY_PROOF_HASHES_MAX);
        (void)json_hex(row, "leaf", leaf.bytes, 32);
        (void)json_hex(row, "root", root.bytes, 32);
        expect(row, tally_inclusion_verify(&leaf, json_number(row, "index"), json_number(row, "size"), hashes, count,
                                           &root, &error));
    }
}

TEST(consistency_proofs_of_the_vectors)
{
    for (const json *row = vectors("consistency")->first; row != NULL; row = row->next) {
        tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX], before, after;
        size_t count = hashes_of(row, "hashes", hashes, TALLY_CONSISTENCY_HASHES_MAX);
        (void)json_hex(row, "old_root", before.bytes, 32);
        (void)json_hex(row, "new_root", after.bytes, 32);
        expect(row, tally_consistency_verify(json_number(row, "old"), &before, json_number(row, "new"), &after, hashes,
                                             count, &error));
    }
}
