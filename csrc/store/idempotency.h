/* Idempotency keys: a repeat is compared with the first event itself. */
#ifndef TALLY_STORE_IDEMPOTENCY_H
#define TALLY_STORE_IDEMPOTENCY_H

#include "store/prepare.h"

/* Whether the keys of a prepared commit were used within the window. `*repeated`: all of them, in this order, for
 * equal events; receipts (may be NULL) are theirs and `*last` is the position of the last one. TALLY_E_REUSED. */
tally_status tally_idempotency_compare(tally_store_body *body, const tally_prepared *prepared, const tally_look *look,
                                       tally_receipt *receipts, bool *repeated, uint64_t *last, tally_error *error);

#endif
