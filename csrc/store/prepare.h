/* Preparing: drafts become events that are ready for the commit. On the caller's thread, under no lock: checks,
 * ids, salts, digests, bodies. */
#ifndef TALLY_STORE_PREPARE_H
#define TALLY_STORE_PREPARE_H

#include "store/scratch.h"
#include "store/store.h"

/* The drafts of one call, checked, and what became of them. */
typedef struct tally_prepared {
    tally_scratch *scratch; /* holds the memory of all of it */
    tally_commit commit;
    uint32_t level; /* TALLY_BUFFERED, … */
    uint32_t flags; /* TALLY_APPEND_… */
    bool has_keys;  /* idempotency keys; all events have one */
    bool has_ids;   /* at least one id was given */
} tally_prepared;

/* Gates run after the checks. `system`: they do not, and it accepts names that belong to the library and marks the events. The options have been read. On failure
 * nothing is held; else tally_prepared_release. Argument errors; TALLY_E_NO_MEMORY. */
tally_status tally_prepare(tally_store_body *body, const tally_draft *drafts, size_t count,
                           const tally_append_options *options, bool system, tally_prepared *prepared,
                           tally_error *error);
void tally_prepared_release(tally_prepared *prepared);

/* The first 16 bytes of SHA-256(0x06 || lineage || key). */
void tally_idempotency_digest(const uint8_t lineage[16], tally_text key, uint8_t digest[16]);

/* TALLY_OK, TALLY_E_CLOCK. */
tally_status tally_store_now(const tally_store_body *body, int64_t *now_us, tally_error *error);

#endif
