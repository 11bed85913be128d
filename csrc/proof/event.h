/* An event as readers get it, from its core and body. */
#ifndef TALLY_PROOF_EVENT_H
#define TALLY_PROOF_EVENT_H

#include "proof/body.h"
#include "proof/core.h"

/* Fills everything that core and body say, and sets the pointers to both; the data are left to the caller. What the
 * event lends is in `core_bytes` and `body_bytes`. */
void tally_event_fill(const tally_core *core, const uint8_t *core_bytes, const tally_body_view *body,
                      const uint8_t *body_bytes, size_t body_length, tally_event *event);

#endif
