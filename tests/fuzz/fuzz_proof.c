/* proof/tlog_proof.c and merkle_verify.c: a proof that is believed is of the log's key; the procedures that check trees
 * say the same as the definitions of RFC 6962, followed from the top. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proof/merkle.h"
#include "proof/tlog_proof.h"
#include "proof_keys.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

static char room[65536];

static void text(const char *proof, size_t size)
{
    const tally_text log = {LOG_VKEY, sizeof LOG_VKEY - 1};
    tally_policy policy = {.size = sizeof policy, .keys = &log, .key_count = 1};
    tally_proven proven, bare;
    tally_error error = {.status = TALLY_OK};
    tally_status status = tally_proof_verify(proof, size, NULL, 0, &policy, room, sizeof room, &proven, &error);
    holds(status == error.status && status != TALLY_E_SPACE);
    if (status != TALLY_OK) {
        holds(proven.has_event == 0 && proven.tree_size == 0);
        return;
    }
    holds(proven.has_event == 1 && proven.position < proven.tree_size && proven.tree_size <= 11);
    holds(proven.event.position == proven.position && proven.event.data == NULL);
    holds(proven.event.stream.length != 0);
    status = tally_proof_verify_hash(proof, size, &proven.event_hash, &policy, &bare, NULL);
    holds(status == TALLY_OK && memcmp(&bare.root, &proven.root, sizeof bare.root) == 0);
}

/* ------------------------------------------------------------------------------- trees, from the top */

typedef struct hashes {
    const tally_hash *all;
    size_t left;
    bool missing;
} hashes;

static tally_hash take(hashes *from)
{
    static const tally_hash none;
    if (from->left == 0) from->missing = true;
    return from->missing ? none : from->all[--from->left];
}

static uint64_t split(uint64_t size) { return UINT64_C(1) << (63 - __builtin_clzll(size - 1)); }

static tally_hash node(tally_hash left, tally_hash right)
{
    tally_hash both;
    tally_digest_node(left.bytes, right.bytes, both.bytes);
    return both;
}

static tally_hash climb(tally_hash leaf, uint64_t index, uint64_t size, hashes *from)
{
    if (size == 1 || from->missing) return leaf;
    uint64_t middle = split(size);
    tally_hash sibling = take(from);
    if (index < middle) return node(climb(leaf, index, middle, from), sibling);
    return node(sibling, climb(leaf, index - middle, size - middle, from));
}

typedef struct roots {
    tally_hash before, after;
} roots;

static roots grow(uint64_t old, uint64_t size, const tally_hash *known, hashes *from)
{
    if (old == size || from->missing) {
        tally_hash same = known != NULL ? *known : take(from);
        return (roots){same, same};
    }
    uint64_t middle = split(size);
    tally_hash sibling = take(from);
    if (old <= middle) {
        roots left = grow(old, middle, known, from);
        return (roots){left.before, node(left.after, sibling)};
    }
    roots right = grow(old - middle, size - middle, NULL, from);
    return (roots){node(sibling, right.before), node(sibling, right.after)};
}

static bool same(const tally_hash *a, const tally_hash *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Two numbers, two hashes, then the proof. The second hash is made to fit when the input asks for it, since no
 * chance finds one that does. */
static void tree(const uint8_t *data, size_t size, bool growth, bool fits)
{
    tally_hash given[100];
    if (size < 80 || size > 80 + sizeof given) return;
    uint64_t one = tally_load_u64(data), two = tally_load_u64(data + 8);
    size_t count = (size - 80) / 32;
    tally_hash first, second;
    memcpy(&first, data + 16, 32);
    memcpy(&second, data + 48, 32);
    if (count != 0) memcpy(given, data + 80, count * 32);
    if (growth ? one > two || one == 0 || one == two : one >= two) {
        (void)tally_inclusion_verify(&second, one, two, given, count, &first, NULL);
        (void)tally_consistency_verify(one, &first, two, &second, given, count, NULL);
        return;
    }
    hashes from = {given, count, false};
    bool wanted;
    tally_status status;
    if (growth) {
        roots found = grow(one, two, &first, &from);
        if (fits) first = found.before, second = found.after;
        from = (hashes){given, count, false};
        found = grow(one, two, &first, &from);
        wanted = !from.missing && from.left == 0 && same(&found.before, &first) && same(&found.after, &second);
        status = tally_consistency_verify(one, &first, two, &second, given, count, NULL);
    } else {
        tally_hash found = climb(second, one, two, &from);
        if (fits) first = found;
        wanted = !from.missing && from.left == 0 && same(&found, &first);
        status = tally_inclusion_verify(&second, one, two, given, count, &first, NULL);
    }
    holds(status == (wanted ? TALLY_OK : TALLY_E_PROOF));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    if (data[0] < 16) tree(data + 1, size - 1, (data[0] & 2) != 0, (data[0] & 4) != 0);
    text((const char *)data, size);
    return 0;
}
