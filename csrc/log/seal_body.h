/* The inside of a seal, shared by its course (seal.c) and what sections are made of (seal_sections.c). */
#ifndef TALLY_LOG_SEAL_BODY_H
#define TALLY_LOG_SEAL_BODY_H

#include "log/index_body.h"
#include "log/seal.h"
#include "log/seal_names.h"
#include "log/section.h"

#define TALLY_SEAL_SECTIONS 7u
#define TALLY_SEAL_MOVES 5u

enum seal_step { SEAL_INDEX, SEAL_NAMES, SEAL_SECTIONS, SEAL_SYNC, SEAL_TRAILER, SEAL_OPEN };

/* What is needed from the first piece to the last.
 *
 * invariant: from SEAL_NAMES on the index has all of the segment and does not change any more */
struct tally_sealing {
    tally_segment *segment;
    tally_index *index;
    const tally_platform *platform;
    uint32_t map;
    enum seal_step step;
    tally_sorted *items; /* the names, sorted */
    tally_sorted *scratch;
    tally_name_sort names;
    uint64_t data_end;
    uint64_t offset; /* of the section at hand, or the next one */
    tally_section_writer writer;
    bool writes;       /* a section has begun */
    uint32_t sections; /* written */
    uint32_t move;     /* of the section at hand */
    uint32_t at;       /* in the move */
    bool sorts;
    tally_sorter sorter;
    uint64_t units; /* of POST that are given out */
    uint32_t text;
    tally_section_entry entries[TALLY_SEAL_SECTIONS];
};

/* Section after section is written move by move: a loop over items, or a sort of what is in the scratch memory.
 * Writing an item says how much that was. */
typedef struct tally_seal_move {
    uint32_t (*count)(const tally_sealing *seal);
    uint32_t (*write)(tally_sealing *seal, uint32_t i); /* NULL: sort so many */
} tally_seal_move;

typedef struct tally_seal_section {
    char tag[5];
    tally_seal_move moves[TALLY_SEAL_MOVES]; /* until one has no count */
} tally_seal_section;

extern const tally_seal_section tally_seal_sections[TALLY_SEAL_SECTIONS];

#endif
