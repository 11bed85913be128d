/* What the calls of checkpoint.h share. */
#ifndef TALLY_STORE_PROOFS_H
#define TALLY_STORE_PROOFS_H

#include "store/signing.h"

/* Everything that was appended is durable. */
tally_status tally_proofs_sync(tally_store_body *body, tally_error *error);
/* With the signer taken: the newest head is made, or in a read-only store looked for. `wanted`: TALLY_E_NOT_FOUND when
 * there is none. */
tally_status tally_proofs_newest(tally_store_body *body, bool wanted, tally_error *error);
/* With the signer taken: the tree covers `size` events. */
tally_status tally_proofs_cover(tally_store_body *body, const tally_view *view, uint64_t size, tally_error *error);
/* A buffer with its length, and where the length needed goes. */
tally_status tally_proofs_check_buffer(const void *buffer, size_t capacity, const size_t *needed, tally_error *error);

#endif
