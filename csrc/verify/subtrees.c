#include "verify/subtrees.h"

#include <string.h>

#include "proof/digests.h"

void tally_subtrees_begin(tally_subtrees *parts, const tally_platform *platform, uint64_t first)
{
    parts->platform = platform;
    parts->first = parts->next = first;
    parts->count = parts->closed = parts->held = 0;
}

void tally_subtrees_free(tally_subtrees *parts)
{
    if (parts->platform != NULL) parts->platform->release(parts->platform->context, parts->parts);
    parts->parts = NULL;
    parts->capacity = parts->count = 0;
}

static bool grow(tally_subtrees *parts)
{
    const tally_platform *platform = parts->platform;
    size_t capacity = parts->capacity == 0 ? 2 * TALLY_LEVELS_MAX : 2 * parts->capacity;
    void *larger = platform->resize(platform->context, parts->parts, capacity * sizeof *parts->parts);
    if (larger == NULL) return false;
    parts->parts = larger;
    parts->capacity = capacity;
    return true;
}

/* Whether a part and the one on the top are the two children of a node. */
static bool folds(const tally_subtrees *parts, const tally_subtree *part)
{
    if (parts->count == parts->closed || (part->index & 1) == 0) return false;
    const tally_subtree *top = &parts->parts[parts->count - 1];
    return top->level == part->level && top->index == part->index - 1;
}

/* Puts a part on the top, and folds what can be folded. */
static bool push(tally_subtrees *parts, tally_subtree *part, tally_folded folded, void *context)
{
    if (parts->count == parts->capacity && !grow(parts)) return false;
    while (folds(parts, part)) {
        tally_digest_node(parts->parts[--parts->count].hash, part->hash, part->hash);
        part->level++;
        part->index >>= 1;
        if (folded != NULL) folded(context, part);
    }
    parts->parts[parts->count++] = *part;
    return true;
}

/* One level up: half as many nodes. */
static void fold_level(tally_subtrees *parts, size_t count)
{
    for (size_t i = 0; i < count / 2;) {
        tally_digest_job jobs[TALLY_DIGEST_JOBS_MAX];
        size_t together = 0;
        for (; together < TALLY_DIGEST_JOBS_MAX && i < count / 2; together++, i++)
            jobs[together] = (tally_digest_job){TALLY_DOMAIN_NODE,        parts->leaves[2 * i], TALLY_DIGEST_BYTES,
                                                parts->leaves[2 * i + 1], TALLY_DIGEST_BYTES,   parts->leaves[i]};
        tally_digest_jobs(jobs, together);
    }
}

/* A whole subtree of the leaves that are held. */
static bool push_whole(tally_subtrees *parts, tally_folded folded, void *context)
{
    tally_subtree part = {.level = 0, .index = parts->next - TALLY_LEAVES_HELD};
    for (size_t count = TALLY_LEAVES_HELD; count > 1; count /= 2) {
        fold_level(parts, count);
        part.level++;
        part.index /= 2;
        for (size_t i = 0; folded != NULL && i < count / 2; i++) {
            tally_subtree made = {.level = part.level, .index = part.index + i};
            memcpy(made.hash, parts->leaves[i], sizeof made.hash);
            folded(context, &made);
        }
    }
    memcpy(part.hash, parts->leaves[0], sizeof part.hash);
    parts->held = 0;
    return push(parts, &part, folded, context);
}

bool tally_subtrees_flush(tally_subtrees *parts, tally_folded folded, void *context)
{
    uint64_t first = parts->next - parts->held;
    for (size_t i = 0; i < parts->held; i++) {
        tally_subtree part = {.level = 0, .index = first + i};
        memcpy(part.hash, parts->leaves[i], sizeof part.hash);
        if (!push(parts, &part, folded, context)) return false;
    }
    parts->held = 0;
    return true;
}

bool tally_subtrees_add(tally_subtrees *parts, const uint8_t leaf[TALLY_DIGEST_BYTES], tally_folded folded,
                        void *context)
{
    memcpy(parts->leaves[parts->held++], leaf, TALLY_DIGEST_BYTES);
    parts->next++;
    if (parts->next % TALLY_LEAVES_HELD != 0) return true;
    if (parts->held == TALLY_LEAVES_HELD) return push_whole(parts, folded, context);
    return tally_subtrees_flush(parts, folded, context);
}

void tally_frontier_add_subtree(tally_frontier *frontier, const tally_subtree *part, tally_folded folded, void *context)
{
    tally_subtree node = *part;
    /* A bit that is set is a subtree of that level at the end of the frontier. */
    while (((frontier->size >> node.level) & 1) != 0) {
        tally_digest_node(frontier->nodes[--frontier->count], node.hash, node.hash);
        frontier->size -= UINT64_C(1) << node.level;
        node.level++;
        node.index >>= 1;
        if (folded != NULL) folded(context, &node);
    }
    memcpy(frontier->nodes[frontier->count++], node.hash, TALLY_DIGEST_BYTES);
    frontier->size += UINT64_C(1) << node.level;
}
