/* The signer's memory: which head it signed last, kept outside the store, so that what is restored with the store
 * does not make it forget. Layout: docs/FORMAT.md, "The signer's memory".
 *
 * Two checksummed slots in one file are written in turn, each within a sector: a torn one leaves the other. The file
 * is made whole before the first slot is used, so that two bad slots are damage, never a crash. It is locked while the
 * store is open: two copies of a store do not sign with one memory at the same time. */
#ifndef TALLY_SIGN_STATE_H
#define TALLY_SIGN_STATE_H

#include <tallystick/proof.h>

#include "sign/outside.h"

#define TALLY_STATE_BYTES 4096u
#define TALLY_STATE_SLOT_BYTES 2048u

typedef struct tally_signed_state {
    uint64_t sequence; /* one more with each head */
    uint64_t size;
    tally_hash root;
} tally_signed_state;

typedef struct tally_state_file {
    tally_outside place;
    char origin[TALLY_ORIGIN_MAX + 1];
    tally_file file; /* TALLY_FILE_NONE: not open */
    tally_signed_state last;
} tally_state_file;

/* Opens and locks the file at `place`, and makes it when there is none: nothing was signed then. TALLY_E_LOCKED;
 * TALLY_E_DAMAGED; TALLY_E_ORIGIN it remembers another log; E_IO and the like. */
tally_status tally_state_open(tally_state_file *state, const tally_outside *place, const char *origin,
                              tally_error *error);
void tally_state_close(tally_state_file *state);

/* Remembers a head; returns when that is on the device. After a failure the old one may be remembered, or the new. */
tally_status tally_state_write(tally_state_file *state, uint64_t size, const tally_hash *root, tally_error *error);

/* The bytes of a slot, for tests and FORMAT.md. */
void tally_state_encode(const char *origin, const tally_signed_state *last, uint8_t slot[TALLY_STATE_SLOT_BYTES]);
bool tally_state_decode(const uint8_t slot[TALLY_STATE_SLOT_BYTES], char origin[TALLY_ORIGIN_MAX + 1],
                        tally_signed_state *last);

#endif
