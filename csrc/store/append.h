/* Committing what was prepared; for the parts of the store that append. */
#ifndef TALLY_STORE_APPEND_H
#define TALLY_STORE_APPEND_H

#include "store/prepare.h"

/* Stages a prepared commit, having compared it with the log, and waits for its level. `receipts` (may be NULL) are
 * filled in. `*repeated`: nothing was appended, the receipts are those of the first time. */
tally_status tally_store_commit(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts,
                                bool *repeated, tally_error *error);

/* The same without waiting for the level: what is staged becomes visible when somebody shows or writes it. */
tally_status tally_store_stage(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts,
                               bool *repeated, tally_error *error);

/* Appends one event of the library itself. */
tally_status tally_store_append_system(tally_store_body *body, const tally_draft *draft, uint32_t level,
                                       tally_error *error);

/* TALLY_E_WOULD_BLOCK inside a gate of the store, and inside its handlers for TALLY_DURABLE. */
tally_status tally_append_may(const tally_store_body *body, uint32_t level, tally_error *error);

/* TALLY_OK, TALLY_E_READ_ONLY. */
tally_status tally_store_writable(const tally_store_body *body, tally_error *error);

#endif
