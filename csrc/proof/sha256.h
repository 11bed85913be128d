/* SHA-256 (FIPS 180-4), with the processor's instructions where it has them.
 *
 * libsodium's SHA-256 uses no SHA instructions and takes about three times as long; hashing is most of
 * an append (docs/DECISIONS.md). So the compression function is here, for x86 processors with SHA-NI,
 * checked against libsodium on every vector and by random comparison; every other processor uses
 * libsodium. The choice is made once, by asking the processor. */
#ifndef TALLY_PROOF_SHA256_H
#define TALLY_PROOF_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#define TALLY_SHA256_BYTES 32

typedef struct tally_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
    crypto_hash_sha256_state sodium; /* used instead of the rest without the instructions */
} tally_sha256;

void tally_sha256_init(tally_sha256 *hash);
void tally_sha256_update(tally_sha256 *hash, const void *data, size_t length);
void tally_sha256_final(tally_sha256 *hash, uint8_t digest[TALLY_SHA256_BYTES]);

/* The same for few bytes, in one call of the compression function: cores, nodes, small data. False: too many, or the
 * processor has no instructions for it. */
#define TALLY_SHA256_SHORT 119u
bool tally_sha256_short(uint8_t prefix, const void *first, size_t first_length, const void *second,
                        size_t second_length, uint8_t digest[TALLY_SHA256_BYTES]);

/* Whether the processor's instructions are used. */
bool tally_sha256_is_accelerated(void);

/* For tests: the way without instructions, whatever the processor has. */
void tally_sha256_portable(const void *data, size_t length, uint8_t digest[TALLY_SHA256_BYTES]);

#endif
