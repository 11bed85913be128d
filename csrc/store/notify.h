/* Telling handlers about commits. */
#ifndef TALLY_STORE_NOTIFY_H
#define TALLY_STORE_NOTIFY_H

#include "store/store.h"

/* Whether this thread is inside a handler of this store. */
bool tally_store_in_handler(const tally_store_body *body);

/* Delivers what became visible and was not delivered yet, unless another thread is at it (which then delivers
 * it). Costs a load when there is no handler. Under no lock. */
void tally_delivery_run(tally_store_body *body);

#endif
