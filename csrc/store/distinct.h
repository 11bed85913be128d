/* Within one batch no id and no idempotency key may come twice. */
#ifndef TALLY_STORE_DISTINCT_H
#define TALLY_STORE_DISTINCT_H

#include "store/prepare.h"

/* TALLY_E_ARGUMENT at the index of the second one; TALLY_E_NO_MEMORY. */
tally_status tally_prepared_distinct(const tally_store_body *body, const tally_prepared *prepared, tally_error *error);

#endif
