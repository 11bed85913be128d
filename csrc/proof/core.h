/* The core of an event: 112 bytes that bind everything it says. Layout: docs/FORMAT.md, "Core".
 *
 * The core is the entry of the Merkle tree; its leaf hash is the event's hash. */
#ifndef TALLY_PROOF_CORE_H
#define TALLY_PROOF_CORE_H

#include <tallystick/event.h>

#include "proof/digest.h"

#define TALLY_CORE_FORMAT 1

#define TALLY_CORE_SYSTEM 1u        /* made by the library itself */
#define TALLY_CORE_SEALED 2u        /* the whole data is sealed under key 0 */
#define TALLY_CORE_SEALED_VALUES 4u /* values inside the data are sealed */
#define TALLY_CORE_FLAGS_KNOWN (TALLY_CORE_SYSTEM | TALLY_CORE_SEALED | TALLY_CORE_SEALED_VALUES)

typedef struct tally_core {
    uint8_t digest_algorithm; /* TALLY_DIGEST_… */
    uint16_t flags;
    uint64_t position;
    uint64_t version; /* in its stream; invariant: <= position */
    int64_t time_us;  /* since 1970; invariant: >= 0 */
    uint32_t time_logical;
    uint32_t batch_index;                    /* invariant: < batch_count */
    uint32_t batch_count;                    /* 1 .. TALLY_BATCH_MAX */
    uint8_t stream_prev[TALLY_DIGEST_BYTES]; /* event hash of version - 1; zero at version 0 */
    uint8_t body_digest[TALLY_DIGEST_BYTES];
} tally_core;

/* Writes the one byte string of a core; the invariants hold. */
void tally_core_encode(const tally_core *core, uint8_t bytes[TALLY_CORE_BYTES]);

/* Reads and checks all of it. TALLY_E_FORMAT an unknown format, algorithm or flag; TALLY_E_DAMAGED a
 * broken invariant; the offset of the member is in error->position. */
tally_status tally_core_decode(const uint8_t bytes[TALLY_CORE_BYTES], tally_core *core, tally_error *error);

/* SHA-256(0x00 || core). */
void tally_core_event_hash(const uint8_t bytes[TALLY_CORE_BYTES], uint8_t hash[TALLY_DIGEST_BYTES]);

#endif
