/* Keys as texts of signed notes. Layout: C2SP signed-note, "Signatures"; Go's sumdb/note for the texts. */
#ifndef TALLY_PROOF_KEY_H
#define TALLY_PROOF_KEY_H

#include <tallystick/proof.h>

#include "proof/lines.h"

#define TALLY_SIGNATURE_BYTES 64
#define TALLY_KEY_ID_PREFIX 4 /* bytes of a key id in a signature line */

#define TALLY_KEY_ED25519 0x01u     /* a log's key: signs the text of a note */
#define TALLY_KEY_COSIGNATURE 0x04u /* a witness's key: signs time and text */

typedef struct tally_public_key {
    tally_text name; /* lent by the text */
    uint8_t algorithm;
    uint8_t id[TALLY_KEY_ID_PREFIX];
    uint8_t bytes[32];
} tally_public_key;

/* "<name>+<id>+<base64>". TALLY_E_KEY with a reason that quotes nothing: also for what is no point of the curve's
 * prime-order group, since a key of small order believes signatures that nobody made. */
tally_status tally_public_key_read(tally_text vkey, tally_public_key *key, tally_error *error);
tally_status tally_public_key_write(const tally_public_key *key, char text[TALLY_KEY_TEXT_BYTES], tally_error *error);

/* Wiped by the caller with sodium_memzero. `secret` is libsodium's: seed and public key. */
typedef struct tally_private_key {
    tally_public_key public_key;
    uint8_t secret[64];
} tally_private_key;

tally_status tally_private_key_read(tally_text skey, tally_private_key *key, tally_error *error);

/* What signed-note asks of the name in any signature line: UTF-8, not empty, no ASCII control characters, no '+', no
 * Unicode space. Of any length: lines of unknown keys are passed over, not judged. */
bool tally_key_name_is_plain(tally_text name);
/* What is asked of our own keys and those that a policy names, beyond it: length, no other control characters. */
tally_status tally_key_name_check(tally_text name, tally_error *error);

/* First four bytes of SHA-256(name || 0x0A || algorithm || key). */
void tally_key_id(tally_text name, uint8_t algorithm, const uint8_t key[32], uint8_t id[TALLY_KEY_ID_PREFIX]);

#endif
