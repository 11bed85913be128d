/* Proofs of an event as text: C2SP tlog-proof@v1, whose `extra` holds core and body. */
#ifndef TALLY_PROOF_TLOG_PROOF_H
#define TALLY_PROOF_TLOG_PROOF_H

#include "proof/note.h"

/* Writes a proof. `core` and `body` make the line `extra`; without a core there is none. */
void tally_tlog_proof_put(tally_lines_writer *writer, const uint8_t *core, const uint8_t *body, size_t body_length,
                          uint64_t index, const tally_hash *hashes, size_t count, tally_text note);

#endif
