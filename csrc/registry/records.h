/* The records of a registry's handlers: where they live, and how an id finds its record. */
#ifndef TALLY_REGISTRY_RECORDS_H
#define TALLY_REGISTRY_RECORDS_H

#include "registry/body.h"

/* Room for `more` handlers beyond those that live, so that tally_records_take cannot fail. */
tally_status tally_records_reserve(tally_body *body, uint32_t more);

/* A record for a new handler, in state LIVE and findable by `id`. Needs room (see above). */
uint32_t tally_records_take(tally_body *body, uint64_t id, int32_t priority, tally_extra *extra);

/* The record of a live handler, or RECORD_NONE. O(1). */
uint32_t tally_records_find(const tally_body *body, uint64_t id);

/* Takes a live handler out of the ids and puts its record into the removed list. False when a notify had
 * claimed it (`once`): then it was listed but not registered any more. From now on none can claim it. */
bool tally_records_remove(tally_body *body, uint32_t index, uint64_t died);

/* A record that no snapshot contains goes back to the free list. */
void tally_records_free(tally_body *body, uint32_t index);

/* Memory for what a handler has beyond function and user_data; NULL without memory. `options` may be
 * NULL: an extra that holds nothing yet. The options have been checked. */
tally_extra *tally_extra_make(tally_body *body, const tally_handler_options *options, void *user_data);
void tally_extra_free(tally_body *body, tally_extra *extra);
size_t tally_extra_bytes(const tally_extra *extra); /* with all it owns */

/* Frees the table when the registry goes. */
void tally_records_destroy(tally_body *body);

#endif
