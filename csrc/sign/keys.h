/* The key that signs heads, wherever it lives, and the keys whose signatures are believed. */
#ifndef TALLY_SIGN_KEYS_H
#define TALLY_SIGN_KEYS_H

#include <tallystick/checkpoint.h>

#include "proof/note.h"
#include "sign/outside.h"

/* One key. Its secret is in locked memory, or with a callback. */
typedef struct tally_signing_key {
    const tally_platform *platform; /* NULL: no key */
    tally_private_key *secret;      /* locked; NULL: the callback has it */
    tally_signer signer;
    void *user_data;
    char name[TALLY_ORIGIN_MAX + 1];
    char vkey[TALLY_KEY_TEXT_BYTES];
    tally_public_key public_key; /* its name is lent by `name` */
} tally_signing_key;

static inline bool tally_signing_key_is_set(const tally_signing_key *key) { return key->platform != NULL; }

/* Copies by the rules of option structs and checks what needs no files. */
tally_status tally_signing_read(const tally_signing *signing, tally_signing *known, tally_error *error);

/* The key that `signing` gives, if any; `store` is where it must not be. TALLY_E_NOT_FOUND, E_DENIED the file; E_KEY;
 * TALLY_E_ORIGIN its name is not `origin`. */
tally_status tally_signing_key_open(tally_signing_key *key, const tally_folder *store, const tally_signing *signing,
                                    const char *origin, tally_error *error);
/* Wipes. */
void tally_signing_key_close(tally_signing_key *key);

/* Signs request->note and checks the signature. TALLY_E_SIGNATURE the callback failed. */
tally_status tally_signing_key_sign(const tally_signing_key *key, const tally_sign_request *request,
                                    uint8_t signature[TALLY_SIGNATURE_BYTES], tally_error *error);

/* Keys that are believed: the active one, and older ones. */
#define TALLY_BELIEVED_MAX (TALLY_VERIFY_KEYS_MAX + 16u)
typedef struct tally_believed {
    size_t count;
    char vkeys[TALLY_BELIEVED_MAX][TALLY_KEY_TEXT_BYTES];
} tally_believed;

/* TALLY_E_KEY, TALLY_E_ORIGIN, TALLY_E_LIMIT; one that is there already is no failure. */
tally_status tally_believed_add(tally_believed *believed, tally_text vkey, const char *origin, tally_error *error);
/* Whether a note is signed by one of them. TALLY_E_UNKNOWN_KEY, E_SIGNATURE and others of tally_checkpoint_verify. */
tally_status tally_believed_check(const tally_believed *believed, const char *note, size_t length, const char *origin,
                                  tally_error *error);

#endif
