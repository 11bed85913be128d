/* Changes of the signing key, as the log's own events say them. Layout: docs/FORMAT.md, "Events that the library
 * makes". */
#ifndef TALLY_VERIFY_ROTATION_H
#define TALLY_VERIFY_ROTATION_H

#include <tallystick/proof.h>

#include "proof/body.h"
#include "proof/core.h"

typedef struct tally_rotation {
    uint64_t position;
    uint64_t first; /* size of the first head that the new key signs */
    bool confirmed; /* a head that covers it is signed by a key that was believed before */
    char vkey[TALLY_KEY_TEXT_BYTES];
} tally_rotation;

/* Whether an event is one: made by the library, in its one spelling. `data` as stored. */
bool tally_rotation_read(const tally_core *core, const tally_body_view *body, const uint8_t *data, size_t length,
                         tally_rotation *rotation);

#endif
