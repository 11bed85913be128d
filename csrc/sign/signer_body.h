/* What the two files of the signer share: signer.c opens and compares, make_head.c makes. */
#ifndef TALLY_SIGN_SIGNER_BODY_H
#define TALLY_SIGN_SIGNER_BODY_H

#include "sign/signer.h"

/* TALLY_E_ROLLBACK: the log is shorter than what `what` says was signed. */
tally_status tally_signer_shorter(uint64_t events, uint64_t signed_events, const char *what, tally_error *error);
/* TALLY_E_ROLLBACK: its first events are other ones. */
tally_status tally_signer_differs(uint64_t size, const char *what, tally_error *error);
/* Takes the newest note of CHECKPOINTS. */
tally_status tally_signer_load_newest(tally_head_signer *signer, tally_error *error);
/* Where what was signed last is kept: as said, or beside the key. `*used` false: nowhere. */
tally_status tally_signer_find_state(const tally_head_signer *signer, const tally_signing *signing,
                                     tally_outside *place, bool *used, tally_error *error);

#endif
