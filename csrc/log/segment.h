/* The head of a segment file. Layout: docs/FORMAT.md, "Segment". */
#ifndef TALLY_LOG_SEGMENT_H
#define TALLY_LOG_SEGMENT_H

#include <stdbool.h>

#include <tallystick/store.h>

#include "proof/digest.h"

#define TALLY_SEGMENT_HEADER_BYTES 4096
#define TALLY_SEGMENT_FORMAT 1

/* Feature bits. A reader refuses a segment with an incompatible bit that it does not know; a writer one
 * with a compatible bit that it does not know. None is defined yet. */
#define TALLY_SEGMENT_INCOMPATIBLE_KNOWN 0u
#define TALLY_SEGMENT_COMPATIBLE_KNOWN 0u

typedef struct tally_segment_header {
    uint32_t incompatible;
    uint32_t compatible;
    uint8_t lineage[16]; /* of the store when the segment was made */
    uint8_t salt[16];    /* random; where the segment's checksums start */
    uint64_t number;
    uint64_t generation;
    uint64_t first_position;
    uint64_t first_commit;
    int64_t created_us;
    uint8_t event_before[TALLY_DIGEST_BYTES]; /* event hash of first_position - 1; zero at 0 */
    char name[TALLY_STORE_NAME_MAX + 1];      /* of the store, NUL-terminated */
} tally_segment_header;

void tally_segment_header_encode(const tally_segment_header *header, uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES]);

/* Reads and checks. TALLY_E_FORMAT not a segment, another format, an unknown incompatible bit;
 * TALLY_E_DAMAGED; TALLY_E_TRUNCATED. */
tally_status tally_segment_header_decode(const uint8_t *bytes, size_t available, tally_segment_header *header,
                                         tally_error *error);

/* Whether a name is made of [A-Za-z0-9._/-] and 1 to 120 bytes long: it becomes part of an origin. */
tally_status tally_store_name_check(const char *name, size_t length, tally_error *error);

#endif
