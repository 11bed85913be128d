/* The parts of registration that a single change and a batch have in common. */
#ifndef TALLY_REGISTRY_EDIT_H
#define TALLY_REGISTRY_EDIT_H

#include "registry/snapshot.h"
#include "registry/writer.h"

/* Reads and checks the options of a registration. */
tally_status tally_handler_options_read(const tally_handler_options *from, tally_handler_options *options,
                                        tally_error *error);

/* TALLY_E_FOREIGN for an id of another registry. */
tally_status tally_check_id(const tally_body *body, tally_handler_id id, tally_error *error);

/* Room for `more` handlers: TALLY_E_LIMIT, TALLY_E_NO_MEMORY; nothing was changed when it fails. */
tally_status tally_addition_reserve(tally_body *body, uint32_t more, tally_error *error);

/* A record and an id for a new handler; there is room. TALLY_E_NO_MEMORY: nothing was changed. */
tally_status tally_addition_take(tally_body *body, tally_handler handler, void *user_data,
                                 const tally_handler_options *options, tally_addition *addition, tally_handler_id *id);

/* Takes back what no snapshot has seen; the user_data stays the caller's. */
void tally_addition_untake(tally_body *body, uint32_t index);

/* Notes that the registry has grown suspiciously large; the warning follows after the lock. */
void tally_warn_of_leak(tally_body *body);

#endif
