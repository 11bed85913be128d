/* Words of hosts that every publish raises. */
#ifndef TALLY_REGISTRY_WATCH_H
#define TALLY_REGISTRY_WATCH_H

#include "registry/body.h"

/* Under the stripe. */
void tally_watches_raise(const tally_body *body);

/* Under the stripe: unlinks them all, so that no word is written any more; freed without the stripe. */
tally_watch *tally_watches_take(tally_body *body);
void tally_watches_release(tally_body *body, tally_watch *watches);

#endif
