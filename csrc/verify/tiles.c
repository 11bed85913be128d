#include "verify/tiles.h"

#include <string.h>

#include "base/error.h"

void tally_tiles_open(tally_tiles *tiles, const tally_folder *folder)
{
    tiles->folder = folder;
    for (uint32_t i = 0; i < TALLY_TILE_FILES; i++) {
        char name[TALLY_NAME_BYTES];
        tiles->files[i] = TALLY_FILE_NONE;
        tally_name_tile(i * TALLY_TILE_STEP, name);
        /* A level without a file has none above it. */
        if (i != 0 && tiles->files[i - 1] == TALLY_FILE_NONE) continue;
        if (tally_file_open(folder, name, TALLY_OPEN_READ, &tiles->files[i], NULL) != TALLY_OK)
            tiles->files[i] = TALLY_FILE_NONE;
    }
}

void tally_tiles_close(tally_tiles *tiles)
{
    if (tiles->folder == NULL) return;
    for (size_t i = 0; i < TALLY_TILE_FILES; i++) tally_file_close(tiles->folder, &tiles->files[i]);
}

/* Whole nodes only; 0 when they cannot be read. */
static size_t read_nodes(const tally_tiles *tiles, uint32_t level, uint64_t index, size_t count, uint8_t *nodes)
{
    char name[TALLY_NAME_BYTES];
    size_t done = 0;
    tally_file file = tiles->files[level / TALLY_TILE_STEP];
    if (file == TALLY_FILE_NONE) return 0;
    tally_name_tile(level, name);
    tally_status status = tally_file_read(tiles->folder, name, file, index * TALLY_DIGEST_BYTES, nodes,
                                          count * TALLY_DIGEST_BYTES, &done, NULL);
    return status == TALLY_OK ? done / TALLY_DIGEST_BYTES : 0;
}

void tally_tile_window_begin(tally_tile_window *window, const tally_tiles *tiles)
{
    window->tiles = tiles;
    window->differs = false;
    for (size_t i = 0; i < sizeof window->levels / sizeof window->levels[0]; i++) {
        window->levels[i].count = 0;
        window->levels[i].first = 0;
        window->levels[i].ended = false;
    }
}

/* The higher levels are asked rarely: one node is read then. */
static const uint8_t *find_node(tally_tile_window *window, uint32_t level, uint64_t index,
                                uint8_t single[TALLY_DIGEST_BYTES])
{
    size_t i = level / TALLY_TILE_STEP;
    if (i >= sizeof window->levels / sizeof window->levels[0])
        return read_nodes(window->tiles, level, index, 1, single) == 1 ? single : NULL;
    if (index < window->levels[i].first || index - window->levels[i].first >= window->levels[i].count) {
        if (window->levels[i].ended && index >= window->levels[i].first) return NULL;
        window->levels[i].first = index;
        window->levels[i].count =
            read_nodes(window->tiles, level, index, TALLY_TILE_WINDOW, window->levels[i].nodes[0]);
        window->levels[i].ended = window->levels[i].count != TALLY_TILE_WINDOW;
        if (window->levels[i].count == 0) return NULL;
    }
    return window->levels[i].nodes[index - window->levels[i].first];
}

void tally_tile_compare(tally_tile_window *window, uint32_t level, uint64_t index,
                        const uint8_t hash[TALLY_DIGEST_BYTES])
{
    uint8_t single[TALLY_DIGEST_BYTES];
    if (level % TALLY_TILE_STEP != 0 || (window->differs && level >= window->level)) return;
    const uint8_t *node = find_node(window, level, index, single);
    if (node == NULL || memcmp(node, hash, TALLY_DIGEST_BYTES) == 0) return;
    window->differs = true;
    window->level = level;
    window->index = index;
}

tally_status tally_tiles_node(void *tiles, uint32_t level, uint64_t index, uint8_t node[TALLY_DIGEST_BYTES],
                              tally_error *error)
{
    uint8_t nodes[1u << (TALLY_TILE_STEP - 1)][TALLY_DIGEST_BYTES];
    uint32_t above = level % TALLY_TILE_STEP;
    size_t count = (size_t)1 << above;
    if (read_nodes(tiles, level - above, index << above, count, nodes[0]) != count)
        return tally_fail(error, TALLY_E_TRUNCATED, "the tree's files do not reach that far");
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++) tally_digest_node(nodes[2 * i], nodes[2 * i + 1], nodes[i]);
    memcpy(node, nodes[0], TALLY_DIGEST_BYTES);
    return TALLY_OK;
}
