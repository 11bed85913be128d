/* The body of an event: what its caller says, as one byte string. Layout: docs/FORMAT.md, "Body".
 *
 * Everything in it is known on the caller's thread, so it is encoded and hashed there, outside of the
 * commit. A decoded body lends its texts from the bytes that it was decoded from. */
#ifndef TALLY_PROOF_BODY_H
#define TALLY_PROOF_BODY_H

#include <stdbool.h>

#include <tallystick/event.h>

#include "proof/digest.h"

#define TALLY_BODY_FIXED_BYTES 112
#define TALLY_UUID_BYTES 16
#define TALLY_KEY_ID_BYTES 32
#define TALLY_SALT_BYTES 16    /* in front of plain data, so that no digest of it can be guessed */
#define TALLY_SEAL_OVERHEAD 40 /* nonce 24 in front of sealed data, tag 16 behind it */

#define TALLY_KEYS_MAX 16
#define TALLY_EXTENSIONS_MAX 4096 /* bytes, all of them together */

#define TALLY_BODY_MAX                                                                                  \
    (TALLY_BODY_FIXED_BYTES + TALLY_KEYS_MAX * TALLY_KEY_ID_BYTES + TALLY_STREAM_MAX + TALLY_TYPE_MAX + \
     TALLY_CONTENT_TYPE_MAX + TALLY_TAGS_MAX * (2 + TALLY_TAG_MAX) + TALLY_EXTENSIONS_MAX)

#define TALLY_SEAL_NONE 0u
#define TALLY_SEAL_XCHACHA20_POLY1305 1u

#define TALLY_EXTENSION_IDEMPOTENCY 1u /* 16 bytes */
#define TALLY_EXTENSION_OCCURRED 2u    /* i64 microseconds since 1970 */
#define TALLY_EXTENSION_MUST_UNDERSTAND 0x8000u

typedef struct tally_body_view {
    const uint8_t *id;          /* TALLY_UUID_BYTES */
    const uint8_t *correlation; /* TALLY_UUID_BYTES */
    const uint8_t *causation;   /* TALLY_UUID_BYTES; all zero: none */
    uint32_t schema_version;
    uint8_t seal_algorithm;     /* TALLY_SEAL_… */
    uint64_t plain_length;      /* of the data before salt or seal */
    uint64_t stored_length;     /* of the data as stored */
    const uint8_t *data_digest; /* TALLY_DIGEST_BYTES */
    const uint8_t *key_ids;     /* key_count times TALLY_KEY_ID_BYTES */
    uint32_t key_count;
    uint32_t tag_count;
    tally_text stream;
    tally_text type;
    tally_text content_type;         /* may be empty */
    tally_text tags[TALLY_TAGS_MAX]; /* sorted by bytes, no two equal */
    const uint8_t *idempotency;      /* 16 bytes, or NULL */
    const uint8_t *occurred;         /* 8 bytes, little-endian, or NULL */
} tally_body_view;

/* The length of a body's bytes, or 0 when a member is out of its bounds. */
size_t tally_body_length(const tally_body_view *body);

/* Writes the one byte string of a body. The members have been checked by the caller; false when
 * `capacity` is less than tally_body_length. */
bool tally_body_encode(const tally_body_view *body, uint8_t *bytes, size_t capacity);

/* Reads and checks all of it; every byte is hostile. TALLY_E_FORMAT an unknown encoding, seal or
 * extension that must be understood; TALLY_E_TRUNCATED; TALLY_E_DAMAGED; the offset of what is wrong is
 * in error->position. */
tally_status tally_body_decode(const uint8_t *bytes, size_t length, tally_body_view *body, tally_error *error);

/* H(0x02 || body). */
static inline void tally_body_digest(uint32_t algorithm, const uint8_t *bytes, size_t length,
                                     uint8_t digest[TALLY_DIGEST_BYTES])
{
    tally_digest(algorithm, TALLY_DOMAIN_BODY, bytes, length, digest);
}

#endif
