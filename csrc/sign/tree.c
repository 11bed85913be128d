#define __USE_MINGW_ANSI_STDIO 1

#include "sign/tree.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Leaves that are hashed before their nodes are written: some writes for about a millisecond's work. */
#define CHUNK 4096u

void tally_name_tile(uint32_t level, char name[TALLY_NAME_BYTES])
{
    (void)snprintf(name, TALLY_NAME_BYTES, TALLY_NAME_TREE "/%u.tile", level);
}

void tally_tree_init(tally_tree *tree, const tally_folder *folder, bool writable)
{
    memset(tree, 0, sizeof *tree);
    tree->platform = folder->platform;
    tree->folder = folder;
    tree->writable = writable;
    for (size_t i = 0; i < TALLY_TILE_FILES; i++) tree->files[i] = TALLY_FILE_NONE;
}

void tally_tree_free(tally_tree *tree)
{
    if (tree->platform == NULL) return;
    for (size_t i = 0; i < TALLY_TILE_FILES; i++) tally_file_close(tree->folder, &tree->files[i]);
    tally_cores_free(&tree->cores);
    tree->platform->release(tree->platform->context, tree->pending);
    tree->pending = NULL;
}

/* -------------------------------------------------------------------------------------------- files */

static tally_status open_tile(tally_tree *tree, size_t i, bool make, tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    if (tree->files[i] != TALLY_FILE_NONE) return TALLY_OK;
    if (make && !tree->made) {
        tally_status status = tally_folder_make(tree->folder, TALLY_NAME_TREE, error);
        if (status != TALLY_OK) return status;
        tree->made = true;
    }
    tally_name_tile((uint32_t)i * TALLY_TILE_STEP, name);
    uint32_t flags = TALLY_OPEN_READ;
    if (tree->writable) flags |= TALLY_OPEN_WRITE;
    if (make) flags |= TALLY_OPEN_CREATE;
    return tally_file_open(tree->folder, name, flags, &tree->files[i], error);
}

/* Nodes [index, index + count) of a level that has a file. */
static tally_status read_tile(tally_tree *tree, uint32_t level, uint64_t index, size_t count, uint8_t *nodes,
                              tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    size_t i = level / TALLY_TILE_STEP;
    size_t length = count * TALLY_DIGEST_BYTES;
    size_t done = 0;
    tally_status status = open_tile(tree, i, false, error);
    tally_name_tile(level, name);
    if (status == TALLY_OK) {
        status = tally_file_read(tree->folder, name, tree->files[i], index * TALLY_DIGEST_BYTES, nodes, length, &done,
                                 error);
    }
    if (status == TALLY_OK && done != length) status = tally_fail(error, TALLY_E_TRUNCATED, "the tree's file is short");
    return status;
}

static tally_status write_tile(tally_tree *tree, size_t i, uint64_t index, const uint8_t *nodes, size_t count)
{
    char name[TALLY_NAME_BYTES];
    tally_status status = open_tile(tree, i, true, NULL);
    tally_name_tile((uint32_t)i * TALLY_TILE_STEP, name);
    if (status != TALLY_OK) return status;
    return tally_file_write(tree->folder, name, tree->files[i], index * TALLY_DIGEST_BYTES, nodes,
                            count * TALLY_DIGEST_BYTES, NULL);
}

/* ------------------------------------------------------------------------------------------ hashing */

/* Where the pending nodes of a file lie: a chunk completes a 16th of the nodes of the file below, and one more when
 * it begins in the middle of one. */
static size_t pending_at(size_t i)
{
    size_t at = 0;
    for (size_t below = 0; below < i; below++) {
        size_t nodes = TALLY_TILE_STEP * below < 16 ? CHUNK >> (TALLY_TILE_STEP * below) : 0;
        at += (nodes + 1) * TALLY_DIGEST_BYTES;
    }
    return at;
}

typedef struct chunk {
    uint64_t first[TALLY_TILE_FILES]; /* index of the first pending node */
    size_t count[TALLY_TILE_FILES];
    size_t at[TALLY_TILE_FILES];
} chunk;

static void put_node(tally_tree *tree, chunk *made, uint32_t level, uint64_t index, const uint8_t *node)
{
    size_t i = level / TALLY_TILE_STEP;
    if (made->count[i] == 0) made->first[i] = index;
    memcpy(tree->pending + made->at[i] + made->count[i]++ * TALLY_DIGEST_BYTES, node, TALLY_DIGEST_BYTES);
}

/* Adds a leaf to the frontier; each subtree that it completes on a level with a file is noted. */
static void add_leaf(tally_tree *tree, chunk *made, const uint8_t leaf[TALLY_DIGEST_BYTES])
{
    tally_frontier *frontier = &tree->frontier;
    uint8_t node[TALLY_DIGEST_BYTES];
    uint64_t index = frontier->size;
    memcpy(node, leaf, sizeof node);
    put_node(tree, made, 0, index, node);
    for (uint32_t level = 1; (index & 1) != 0; level++) {
        tally_digest_node(frontier->nodes[--frontier->count], node, node);
        index >>= 1;
        if (level % TALLY_TILE_STEP == 0) put_node(tree, made, level, index, node);
    }
    memcpy(frontier->nodes[frontier->count++], node, sizeof node);
    frontier->size++;
}

/* What an earlier writer left behind what is believed would be taken for nodes. */
static tally_status cut_tiles(tally_tree *tree)
{
    tally_status status = TALLY_OK;
    for (size_t i = 0; !tree->cut && status == TALLY_OK && i < TALLY_TILE_FILES; i++) {
        char name[TALLY_NAME_BYTES];
        uint64_t kept = (tree->stored >> (TALLY_TILE_STEP * i)) * TALLY_DIGEST_BYTES;
        uint64_t size = 0;
        tally_name_tile((uint32_t)i * TALLY_TILE_STEP, name);
        status = open_tile(tree, i, false, NULL);
        if (status == TALLY_E_NOT_FOUND) {
            status = TALLY_OK;
            continue;
        }
        if (status == TALLY_OK) status = tally_file_size(tree->folder, name, tree->files[i], &size, NULL);
        if (status == TALLY_OK && size > kept) {
            status = tally_file_truncate(tree->folder, name, tree->files[i], kept, NULL);
        }
    }
    if (status == TALLY_OK) tree->cut = true;
    return status;
}

static void write_chunk(tally_tree *tree, const chunk *made, uint64_t before)
{
    if (!tree->writable || tree->stored != before || cut_tiles(tree) != TALLY_OK) return;
    for (size_t i = 0; i < TALLY_TILE_FILES; i++) {
        if (made->count[i] == 0) continue;
        /* Without its files the tree is made of cores: slower, and right. */
        if (write_tile(tree, i, made->first[i], tree->pending + made->at[i], made->count[i]) != TALLY_OK) return;
    }
    tree->stored = tree->frontier.size;
}

static tally_status hash_chunk(tally_tree *tree, uint64_t size, tally_error *error)
{
    chunk made = {.count = {0}};
    uint64_t before = tree->frontier.size;
    tally_status status = TALLY_OK;
    for (size_t i = 0; i < TALLY_TILE_FILES; i++) made.at[i] = pending_at(i);
    while (status == TALLY_OK && tree->frontier.size < size && tree->frontier.size - before < CHUNK) {
        uint8_t leaf[TALLY_DIGEST_BYTES];
        tally_frame frame;
        status = tally_cores_next(&tree->cores, &frame, error);
        if (status != TALLY_OK) break;
        tally_core_event_hash(frame.core, leaf);
        add_leaf(tree, &made, leaf);
    }
    write_chunk(tree, &made, before);
    return status;
}

tally_status tally_tree_update(tally_tree *tree, const tally_view *view, uint64_t size, uint64_t limit,
                               tally_error *error)
{
    uint64_t from = tree->frontier.size;
    if (size <= from) return TALLY_OK;
    if (size - from > limit) size = from + limit;
    if (tree->pending == NULL) {
        tree->pending = tree->platform->allocate(tree->platform->context, pending_at(TALLY_TILE_FILES));
        if (tree->pending == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the tree");
    }
    tally_status status = TALLY_OK;
    tally_cores_begin(&tree->cores, tree->platform, view, from);
    while (status == TALLY_OK && tree->frontier.size < size) status = hash_chunk(tree, size, error);
    tally_cores_end(&tree->cores);
    return status;
}

tally_status tally_tree_rebuild(tally_tree *tree, const tally_view *view, uint64_t size, tally_error *error)
{
    memset(&tree->frontier, 0, sizeof tree->frontier);
    tree->stored = 0;
    tree->cut = false;
    return tally_tree_update(tree, view, size, UINT64_MAX, error);
}

/* ------------------------------------------------------------------------------------------- nodes */

typedef struct source {
    tally_tree *tree;
    const tally_view *view; /* NULL: the files alone */
    bool cores_only;
} source;

static tally_status node_of_cores(const source *from, uint32_t level, uint64_t index, uint8_t *node, tally_error *error)
{
    tally_cores cores = {.known = false};
    tally_frontier frontier = {.size = 0};
    uint64_t first = index << level;
    tally_status status = TALLY_OK;
    if (from->view == NULL) return tally_fail(error, TALLY_E_TRUNCATED, "the tree's files do not reach that far");
    tally_cores_begin(&cores, from->tree->platform, from->view, first);
    while (status == TALLY_OK && frontier.size < UINT64_C(1) << level) {
        uint8_t leaf[TALLY_DIGEST_BYTES];
        tally_frame frame;
        status = tally_cores_next(&cores, &frame, error);
        if (status != TALLY_OK) break;
        tally_core_event_hash(frame.core, leaf);
        tally_frontier_add(&frontier, leaf);
    }
    tally_cores_end(&cores);
    tally_cores_free(&cores);
    if (status == TALLY_OK) tally_frontier_root(&frontier, node);
    return status;
}

static tally_status node_of_files(const source *from, uint32_t level, uint64_t index, uint8_t *node, tally_error *error)
{
    uint8_t nodes[1u << (TALLY_TILE_STEP - 1)][TALLY_DIGEST_BYTES];
    uint32_t above = level % TALLY_TILE_STEP;
    size_t count = (size_t)1 << above;
    tally_status status = read_tile(from->tree, level - above, index << above, count, nodes[0], error);
    if (status != TALLY_OK) return status;
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++) tally_digest_node(nodes[2 * i], nodes[2 * i + 1], nodes[i]);
    memcpy(node, nodes[0], TALLY_DIGEST_BYTES);
    return TALLY_OK;
}

static tally_status give_node(void *context, uint32_t level, uint64_t index, uint8_t node[TALLY_DIGEST_BYTES],
                              tally_error *error)
{
    const source *from = context;
    bool stored = !from->cores_only && (index + 1) << level <= from->tree->stored;
    if (stored && node_of_files(from, level, index, node, NULL) == TALLY_OK) return TALLY_OK;
    return node_of_cores(from, level, index, node, error);
}

static bool has_leaf(tally_tree *tree, uint64_t index, const uint8_t hash[TALLY_DIGEST_BYTES])
{
    uint8_t leaf[TALLY_DIGEST_BYTES];
    return read_tile(tree, 0, index, 1, leaf, NULL) == TALLY_OK && memcmp(leaf, hash, sizeof leaf) == 0;
}

/* What can be compared without reading all of the log. */
static bool is_of_log(tally_tree *tree, const tally_view *view, uint64_t size)
{
    uint8_t leaf[TALLY_DIGEST_BYTES];
    tally_frame frame;
    for (size_t i = 1; i < view->segment_count; i++) {
        const tally_segment_header *header = &view->segments[i]->header;
        if (header->first_position == 0 || header->first_position > size) continue;
        if (!has_leaf(tree, header->first_position - 1, header->event_before)) return false;
    }
    tally_cores_begin(&tree->cores, tree->platform, view, size - 1);
    tally_status status = tally_cores_next(&tree->cores, &frame, NULL);
    if (status == TALLY_OK) tally_core_event_hash(frame.core, leaf);
    tally_cores_end(&tree->cores);
    return status == TALLY_OK && has_leaf(tree, size - 1, leaf);
}

bool tally_tree_anchor(tally_tree *tree, const tally_view *view, uint64_t size, const tally_hash *root)
{
    tally_frontier frontier;
    tally_hash is = {{0}};
    uint64_t before = tree->stored;
    source files = {tree, NULL, false};
    if (size == 0 || size < tree->frontier.size) return false;
    tree->stored = size;
    bool whole = tally_merkle_frontier(give_node, &files, size, &frontier, NULL) == TALLY_OK;
    if (whole) tally_frontier_root(&frontier, is.bytes);
    if (whole && memcmp(&is, root, sizeof is) == 0 && is_of_log(tree, view, size)) {
        tree->frontier = frontier;
        tree->cut = false;
        return true;
    }
    tree->stored = before;
    return false;
}

/* ------------------------------------------------------------------------------------------ proofs */

static tally_status root_at(source *from, uint64_t size, tally_hash *root, tally_error *error)
{
    tally_frontier frontier;
    if (size == from->tree->frontier.size) {
        tally_frontier_root(&from->tree->frontier, root->bytes);
        return TALLY_OK;
    }
    tally_status status = tally_merkle_frontier(give_node, from, size, &frontier, error);
    if (status == TALLY_OK) tally_frontier_root(&frontier, root->bytes);
    return status;
}

/* That `size` has this root, by a proof up to the frontier, whose root is known to be right. */
static tally_status check_root(source *from, uint64_t size, const tally_hash *root, tally_error *error)
{
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    tally_hash whole;
    size_t count;
    uint64_t all = from->tree->frontier.size;
    tally_frontier_root(&from->tree->frontier, whole.bytes);
    tally_status status = tally_merkle_consistency(give_node, from, size, all, hashes, &count, error);
    return status != TALLY_OK ? status : tally_consistency_verify(size, root, all, &whole, hashes, count, error);
}

/* What the files do not give is asked of the cores: made again when the tree may write, else for this once. */
static tally_status distrust_files(source *from, tally_error *error)
{
    tally_tree *tree = from->tree;
    uint64_t size = tree->frontier.size;
    if (!tree->writable) {
        from->cores_only = true;
        return TALLY_OK;
    }
    tally_hash before = {{0}}, after = {{0}};
    tally_frontier_root(&tree->frontier, before.bytes);
    tally_status status = tally_tree_rebuild(tree, from->view, size, error);
    if (status != TALLY_OK) return status;
    tally_frontier_root(&tree->frontier, after.bytes);
    if (memcmp(&before, &after, sizeof before) == 0) return TALLY_OK;
    return tally_fail_at(error, TALLY_E_ROLLBACK, size,
                         "the events do not lead to the root that their tree had before");
}

static tally_status try_root(source *from, uint64_t size, tally_hash *root, tally_error *error)
{
    tally_status status = root_at(from, size, root, error);
    return status != TALLY_OK ? status : check_root(from, size, root, error);
}

tally_status tally_tree_root(tally_tree *tree, const tally_view *view, uint64_t size, tally_hash *root,
                             tally_error *error)
{
    source from = {tree, view, false};
    if (try_root(&from, size, root, NULL) == TALLY_OK) return TALLY_OK;
    tally_status status = distrust_files(&from, error);
    return status != TALLY_OK ? status : try_root(&from, size, root, error);
}

static tally_status try_consistency(source *from, uint64_t old_size, uint64_t new_size, tally_hash *hashes,
                                    size_t *count, tally_hash roots[2], tally_error *error)
{
    tally_status status = try_root(from, new_size, &roots[1], error);
    if (status == TALLY_OK) status = root_at(from, old_size, &roots[0], error);
    if (status == TALLY_OK)
        status = tally_merkle_consistency(give_node, from, old_size, new_size, hashes, count, error);
    if (status != TALLY_OK) return status;
    return tally_consistency_verify(old_size, &roots[0], new_size, &roots[1], hashes, *count, error);
}

tally_status tally_tree_consistency(tally_tree *tree, const tally_view *view, uint64_t old_size, uint64_t new_size,
                                    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX], size_t *count, tally_hash roots[2],
                                    tally_error *error)
{
    source from = {tree, view, false};
    if (try_consistency(&from, old_size, new_size, hashes, count, roots, NULL) == TALLY_OK) return TALLY_OK;
    tally_status status = distrust_files(&from, error);
    return status != TALLY_OK ? status : try_consistency(&from, old_size, new_size, hashes, count, roots, error);
}

static tally_status try_inclusion(source *from, const tally_hash *leaf, uint64_t index, uint64_t size,
                                  const tally_hash *root, tally_hash *hashes, size_t *count, tally_error *error)
{
    tally_status status = tally_merkle_inclusion(give_node, from, index, size, hashes, count, error);
    return status != TALLY_OK ? status : tally_inclusion_verify(leaf, index, size, hashes, *count, root, error);
}

tally_status tally_tree_inclusion(tally_tree *tree, const tally_view *view, const tally_hash *leaf, uint64_t index,
                                  uint64_t size, const tally_hash *root, tally_hash hashes[TALLY_PROOF_HASHES_MAX],
                                  size_t *count, tally_error *error)
{
    source from = {tree, view, false};
    if (try_inclusion(&from, leaf, index, size, root, hashes, count, NULL) == TALLY_OK) return TALLY_OK;
    tally_status status = distrust_files(&from, error);
    return status != TALLY_OK ? status : try_inclusion(&from, leaf, index, size, root, hashes, count, error);
}
