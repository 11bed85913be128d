#include "proof/digest.h"

#include "proof/sha256.h"

static void blake2b(uint8_t domain, const void *first, size_t first_length, const void *second, size_t second_length,
                    uint8_t digest[TALLY_DIGEST_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, TALLY_DIGEST_BYTES);
    (void)crypto_generichash_update(&state, &domain, 1);
    if (first_length != 0) (void)crypto_generichash_update(&state, first, first_length);
    if (second_length != 0) (void)crypto_generichash_update(&state, second, second_length);
    (void)crypto_generichash_final(&state, digest, TALLY_DIGEST_BYTES);
}

void tally_digest_two(uint32_t algorithm, enum tally_domain domain, const void *first, size_t first_length,
                      const void *second, size_t second_length, uint8_t digest[TALLY_DIGEST_BYTES])
{
    uint8_t prefix = (uint8_t)domain;
    if (algorithm == TALLY_DIGEST_BLAKE2B) {
        blake2b(prefix, first, first_length, second, second_length, digest);
        return;
    }
    if (tally_sha256_short(prefix, first, first_length, second, second_length, digest)) return;
    tally_sha256 hash;
    tally_sha256_init(&hash);
    tally_sha256_update(&hash, &prefix, 1);
    tally_sha256_update(&hash, first, first_length);
    tally_sha256_update(&hash, second, second_length);
    tally_sha256_final(&hash, digest);
}

void tally_digest(uint32_t algorithm, enum tally_domain domain, const void *data, size_t length,
                  uint8_t digest[TALLY_DIGEST_BYTES])
{
    tally_digest_two(algorithm, domain, data, length, NULL, 0, digest);
}

void tally_digest_node(const uint8_t left[TALLY_DIGEST_BYTES], const uint8_t right[TALLY_DIGEST_BYTES],
                       uint8_t node[TALLY_DIGEST_BYTES])
{
    tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_NODE, left, TALLY_DIGEST_BYTES, right, TALLY_DIGEST_BYTES, node);
}
