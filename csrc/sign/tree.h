/* The tree over the log, in files. Layout: docs/FORMAT.md, "Tree".
 *
 * `tree/0.tile` has the leaf hashes, `tree/4.tile`, `tree/8.tile` … the nodes of every 4th level, each 32 bytes, in
 * order: 34 bytes per event. The files are never synced and hold nothing that the cores do not: what is missing,
 * torn or damaged is made again.
 *
 * invariant: the frontier is right: every leaf below its size was hashed from its core by this process, or the whole
 * of it folds to a root that was signed. Files hold the nodes of the leaves below `stored` as far as anybody knows:
 * a proof made of them is compared with a root before it is believed, and they are made again when it does not hold.
 *
 * One thread at a time. */
#ifndef TALLY_SIGN_TREE_H
#define TALLY_SIGN_TREE_H

#include "proof/merkle.h"
#include "sign/cores.h"

#define TALLY_NAME_TREE "tree"
#define TALLY_TILE_STEP 4u
#define TALLY_TILE_FILES (TALLY_LEVELS_MAX / TALLY_TILE_STEP)

/* "tree/LEVEL.tile". */
void tally_name_tile(uint32_t level, char name[TALLY_NAME_BYTES]);

typedef struct tally_tree {
    const tally_platform *platform;
    const tally_folder *folder;
    bool writable;
    bool made;       /* the directory is there */
    bool cut;        /* the files hold nothing behind what is stored */
    uint64_t stored; /* leaves; 0 at first, and when the files are of no use */
    tally_frontier frontier;
    tally_cores cores;
    tally_file files[TALLY_TILE_FILES]; /* TALLY_FILE_NONE: not opened yet */
    uint8_t *pending;                   /* nodes of one chunk, per file */
} tally_tree;

/* Touches no file. */
void tally_tree_init(tally_tree *tree, const tally_folder *folder, bool writable);
void tally_tree_free(tally_tree *tree);

/* Believes the files up to `size`, above 0, when what they hold folds to `root`, and the log has the same events at the
 * ends of its segments and before `size`: an older log may lie beside newer files. False: nothing has changed. */
bool tally_tree_anchor(tally_tree *tree, const tally_view *view, uint64_t size, const tally_hash *root);

/* Hashes the events below `size`, at most `limit` of them; all of them are shown by the view. Files that cannot be
 * written are done without. */
tally_status tally_tree_update(tally_tree *tree, const tally_view *view, uint64_t size, uint64_t limit,
                               tally_error *error);
/* The same from the first event on. */
tally_status tally_tree_rebuild(tally_tree *tree, const tally_view *view, uint64_t size, tally_error *error);

/* These are for trees that the frontier covers; they are checked against it before they are given. */

/* The root of a tree of `size` <= frontier.size. */
tally_status tally_tree_root(tally_tree *tree, const tally_view *view, uint64_t size, tally_hash *root,
                             tally_error *error);
/* `roots` (not NULL) receives both. */
tally_status tally_tree_consistency(tally_tree *tree, const tally_view *view, uint64_t old_size, uint64_t new_size,
                                    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX], size_t *count, tally_hash roots[2],
                                    tally_error *error);
/* That the leaf is in the tree with that size and root. TALLY_E_PROOF: the cores do not lead to this root. */
tally_status tally_tree_inclusion(tally_tree *tree, const tally_view *view, const tally_hash *leaf, uint64_t index,
                                  uint64_t size, const tally_hash *root, tally_hash hashes[TALLY_PROOF_HASHES_MAX],
                                  size_t *count, tally_error *error);

#endif
