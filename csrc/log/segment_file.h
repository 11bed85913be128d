/* A segment as this process knows it: sealed (mapped, with sections) or unsealed (read from its file and the
 * writer's tail, with an index in memory). Sealing makes a new object; who holds the old one goes on with it.
 *
 * invariant: the header's fields never change; a sealed segment never changes at all; of an unsealed one only
 * `end` rises, over whole commits. */
#ifndef TALLY_LOG_SEGMENT_FILE_H
#define TALLY_LOG_SEGMENT_FILE_H

#include <stdatomic.h>

#include "log/file.h"
#include "log/frame.h"
#include "log/names.h"
#include "log/section.h"
#include "log/segment.h"
#include "log/tail.h"
#include "log/trailer.h"

struct tally_index;

/* Layout: docs/FORMAT.md, "Sections". */
#define TALLY_SECTION_OFFSETS "OFFS"
#define TALLY_SECTION_TIMES "TIME"
#define TALLY_SECTION_IDS "IDIX"
#define TALLY_SECTION_DIGESTS "IDEM"
#define TALLY_SECTION_NAMES "NAME"
#define TALLY_SECTION_NAME_HASHES "HASH"
#define TALLY_SECTION_POSTINGS "POST"
#define TALLY_SECTION_VERSION 1u

#define TALLY_STRIDE_BITS 16

typedef struct tally_segment {
    _Atomic(uint32_t) references;
    bool sealed;
    uint32_t seed;              /* tally_frame_seed of the salt */
    uint32_t check;             /* TALLY_CHECK_… */
    const tally_folder *folder; /* outlives it */
    char name[TALLY_NAME_BYTES];
    tally_segment_header header;
    tally_file file; /* TALLY_FILE_NONE when the whole of it is mapped */

    /* unsealed */
    _Atomic(uint64_t) end;     /* file offset behind the last whole commit; stored with release */
    struct tally_index *index; /* never NULL; caught up by who looks; of a sealed one used when `distrusted` */
    tally_tail *tail;          /* NULL when everything is in the file */

    /* sealed */
    tally_trailer trailer;
    const uint8_t *map; /* the whole file, or NULL with TALLY_MAP_NEVER */
    size_t map_bytes;
    uint64_t stride; /* bytes of the log part per event, on the average, with TALLY_STRIDE_BITS behind the point */
    size_t section_count;
    tally_section_entry entries[TALLY_SECTIONS_MAX];
    tally_section sections[TALLY_SECTIONS_MAX];
    struct { /* into `sections`; NULL: there is none of this version */
        const tally_section *offsets;
        const tally_section *times;
        const tally_section *ids;
        const tally_section *digests;
        const tally_section *names;
        const tally_section *name_hashes;
        const tally_section *postings;
    } known;
    _Atomic(bool) distrusted;   /* a section did not check, or lies: the frames are read instead */
    _Atomic(uint32_t) *touched; /* a bit per event: its checksums agreed */
    _Atomic(uint32_t) *checked; /* a bit per page of all sections */
} tally_segment;

/* Opens an existing file and decides by its trailer whether it is sealed. Of an unsealed one `end` is
 * TALLY_SEGMENT_HEADER_BYTES: the caller scans (scan.h) and stores it. TALLY_E_FORMAT, E_DAMAGED the header;
 * TALLY_E_TRUNCATED; TALLY_E_IO. Header number and generation must be those of the name. */
tally_status tally_segment_open(const tally_folder *folder, uint64_t number, uint64_t generation, uint32_t check,
                                uint32_t map, bool writable, tally_segment **segment, tally_error *error);
/* A new unsealed one over an open file (which it takes), header given. Writes nothing. */
tally_status tally_segment_new(const tally_folder *folder, const tally_segment_header *header, uint32_t check,
                               tally_file file, tally_tail *tail, tally_segment **segment, tally_error *error);
void tally_segment_hold(tally_segment *segment);
void tally_segment_release(tally_segment *segment);

/* Reads bytes [offset, offset + length) of the log part: from the map, the tail, the file. `*bytes` points into
 * the map, or to `scratch` (of at least `length`). An unsealed one is read beyond `end` too, as far as its file
 * goes. TALLY_E_TRUNCATED behind that, or behind the trailer's data_end. */
tally_status tally_segment_bytes(const tally_segment *segment, uint64_t offset, size_t length, uint8_t *scratch,
                                 const uint8_t **bytes, tally_error *error);

/* Where the log part ends: of an unsealed one, now. */
static inline uint64_t tally_segment_end(const tally_segment *segment)
{
    return segment->sealed ? segment->trailer.data_end : atomic_load_explicit(&segment->end, memory_order_acquire);
}
/* The number of events of a sealed one. */
static inline uint64_t tally_segment_events(const tally_segment *segment)
{
    return segment->trailer.last_position - segment->trailer.first_position + 1;
}

/* Damage of the event at `position`, or TALLY_POSITION_NONE: names the file and the offset; `why` may be NULL. */
tally_status tally_segment_damaged(const tally_segment *segment, uint64_t position, uint64_t offset,
                                   const tally_error *why, tally_error *error);

#endif
