/* Files outside of the store: keys, the signer's memory, remembered heads, mirrors. What guards the store must not be
 * replaced together with it, so a path that leads into its directory is refused. */
#ifndef TALLY_SIGN_OUTSIDE_H
#define TALLY_SIGN_OUTSIDE_H

#include <tallystick/event.h>

#include "log/file.h"
#include "log/names.h"

typedef struct tally_outside {
    tally_folder folder;         /* where the file is */
    char name[TALLY_NAME_BYTES]; /* in it; "": no such file is used */
} tally_outside;

/* Splits a path and checks it. `store`: the folder that it must not be in, by any way. `what` is for messages: "the
 * key". TALLY_E_LENGTH, E_NUL, E_UTF8, E_NULL the path; TALLY_E_DENIED it is inside the store; E_IO. */
tally_status tally_outside_init(tally_outside *outside, const tally_folder *store, tally_text path, const char *what,
                                tally_error *error);
static inline bool tally_outside_is_used(const tally_outside *outside) { return outside->name[0] != '\0'; }

/* Reads all of a small file into `bytes`. TALLY_E_NOT_FOUND; TALLY_E_LENGTH it has more than `capacity`. With
 * `secret` also TALLY_E_DENIED when others than its owner may read it. */
tally_status tally_outside_read(const tally_outside *outside, bool secret, char *bytes, size_t capacity, size_t *length,
                                tally_error *error);
/* Puts another content in its place, whole. */
tally_status tally_outside_replace(const tally_outside *outside, const void *bytes, size_t length, tally_error *error);

#endif
