/* Comparing a prepared commit with the log as it is: ids that exist, idempotency keys that were used, conditions
 * that do not hold. Outside of the lock, against a snapshot; what comes since is log/since. */
#ifndef TALLY_STORE_COMPARE_H
#define TALLY_STORE_COMPARE_H

#include "store/prepare.h"

/* Sets commit.checked_end. `*repeated`: all keys were used for equal events, the receipts are theirs, and
 * commit.first_position is the last one's position. TALLY_E_EXISTS, E_CONFLICT, E_REUSED at the position. */
tally_status tally_compare(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts, bool *repeated,
                           tally_error *error);

#endif
