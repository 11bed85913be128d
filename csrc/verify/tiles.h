/* The tree's files, compared with what the cores make. They prove nothing alone: what differs is a suspicion, until a
 * head says who is right. */
#ifndef TALLY_VERIFY_TILES_H
#define TALLY_VERIFY_TILES_H

#include "log/file.h"
#include "sign/tree.h"
#include "verify/subtrees.h"

/* Open files, shared by all threads; TALLY_FILE_NONE: there is none. */
typedef struct tally_tiles {
    const tally_folder *folder;
    tally_file files[TALLY_TILE_FILES];
} tally_tiles;

/* Files that cannot be opened are not there. */
void tally_tiles_open(tally_tiles *tiles, const tally_folder *folder);
void tally_tiles_close(tally_tiles *tiles);

#define TALLY_TILE_WINDOW 256u

/* One thread's view of them, in rising order. */
typedef struct tally_tile_window {
    const tally_tiles *tiles;
    struct {
        uint64_t first; /* index of the first node */
        size_t count;
        bool ended; /* the file has no more */
        uint8_t nodes[TALLY_TILE_WINDOW][TALLY_DIGEST_BYTES];
    } levels[3];
    bool differs; /* the two below */
    uint32_t level;
    uint64_t index; /* of the first node that differs, on the lowest level that does */
} tally_tile_window;

void tally_tile_window_begin(tally_tile_window *window, const tally_tiles *tiles);
/* Compares a node; nodes that the files do not have are equal. */
void tally_tile_compare(tally_tile_window *window, uint32_t level, uint64_t index,
                        const uint8_t hash[TALLY_DIGEST_BYTES]);

/* A node source (merkle.h) of the files alone: context is a tally_tiles. */
tally_status tally_tiles_node(void *tiles, uint32_t level, uint64_t index, uint8_t node[TALLY_DIGEST_BYTES],
                              tally_error *error);

#endif
