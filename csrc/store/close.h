/* The end of a store. */
#ifndef TALLY_STORE_CLOSE_H
#define TALLY_STORE_CLOSE_H

#include "store/store.h"

extern const tally_close_steps tally_store_close_steps;

/* Ends and frees a body that has no handle, or none any more: nobody is inside. Whatever of it exists. */
void tally_store_discard(tally_store_body *body);

#endif
