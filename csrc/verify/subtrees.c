#include "verify/subtrees.h"

#include <string.h>

void tally_subtrees_begin(tally_subtrees *parts, const tally_platform *platform, uint64_t first)
{
    parts->platform = platform;
    parts->first = parts->next = first;
    parts->count = parts->closed = 0;
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

bool tally_subtrees_add(tally_subtrees *parts, const uint8_t leaf[TALLY_DIGEST_BYTES],
                     void (*folded)(void *context, const tally_subtree *part), void *context)
{
    tally_subtree part = {.level = 0, .index = parts->next};
    memcpy(part.hash, leaf, sizeof part.hash);
    if (parts->count == parts->capacity && !grow(parts)) return false;
    while (folds(parts, &part)) {
        tally_digest_node(parts->parts[--parts->count].hash, part.hash, part.hash);
        part.level++;
        part.index >>= 1;
        if (folded != NULL) folded(context, &part);
    }
    parts->parts[parts->count++] = part;
    parts->next++;
    return true;
}

void tally_frontier_add_subtree(tally_frontier *frontier, const tally_subtree *part,
                             void (*folded)(void *context, const tally_subtree *part), void *context)
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
