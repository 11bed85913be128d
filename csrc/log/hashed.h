/* A section of hashes: u32 hashes, sorted, and a u32 value for each. Layout: docs/FORMAT.md, "Sections", IDIX.
 *
 * The hashes are spread evenly, so a place is guessed from the hash and found within a page or two. */
#ifndef TALLY_LOG_HASHED_H
#define TALLY_LOG_HASHED_H

#include "log/section.h"

typedef struct tally_hashed {
    const tally_section *section;
    uint32_t count;
    uint8_t least[16]; /* of the values that were hashed, where they have 16 bytes; else zero */
    uint8_t most[16];
} tally_hashed;

/* All false: damaged. */
bool tally_hashed_open(const tally_section *section, tally_hashed *hashed);
/* The first place whose hash is not less. */
bool tally_hashed_search(const tally_hashed *hashed, uint32_t hash, uint32_t *at);
/* `at` is below the count. */
bool tally_hashed_get(const tally_hashed *hashed, uint32_t at, uint32_t *hash, uint32_t *value);

/* Writes what stands before the hashes: all of them follow, sorted, and then all values in the same order. */
void tally_hashed_write_head(tally_section_writer *writer, uint32_t count, const uint8_t least[16],
                             const uint8_t most[16]);

#endif
