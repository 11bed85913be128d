/* Digests with a domain: the first byte hashed says what is hashed, so that no value of one kind can
 * stand for one of another. */
#ifndef TALLY_PROOF_DIGEST_H
#define TALLY_PROOF_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <tallystick/status.h>

#define TALLY_DIGEST_BYTES 32

/* core.digest_alg: how data and body of an event are hashed. Tree hashes are always SHA-256. */
#define TALLY_DIGEST_SHA256 1u
#define TALLY_DIGEST_BLAKE2B 2u /* BLAKE2b with 32 bytes of output, no key (RFC 7693) */

enum tally_domain {
    TALLY_DOMAIN_LEAF = 0x00, /* RFC 6962 leaf: a core */
    TALLY_DOMAIN_NODE = 0x01, /* RFC 6962 node: two hashes */
    TALLY_DOMAIN_BODY = 0x02,
    TALLY_DOMAIN_DATA = 0x03,
    TALLY_DOMAIN_ASSOCIATED = 0x04,
    TALLY_DOMAIN_KEY_ID = 0x05,
    TALLY_DOMAIN_IDEMPOTENCY = 0x06
};

/* H(domain || data). `algorithm` has been checked. Data may be NULL with length 0. */
void tally_digest(uint32_t algorithm, enum tally_domain domain, const void *data, size_t length,
                  uint8_t digest[TALLY_DIGEST_BYTES]);

/* The same of two pieces as if they were one: data as stored is a salt, then bytes. */
void tally_digest_two(uint32_t algorithm, enum tally_domain domain, const void *first, size_t first_length,
                      const void *second, size_t second_length, uint8_t digest[TALLY_DIGEST_BYTES]);

/* SHA-256(0x01 || left || right): an inner node of the RFC 6962 tree. */
void tally_digest_node(const uint8_t left[TALLY_DIGEST_BYTES], const uint8_t right[TALLY_DIGEST_BYTES],
                       uint8_t node[TALLY_DIGEST_BYTES]);

#endif
