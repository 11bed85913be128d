#include "proof/sha256.h"

#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "proof/sha256_x86.h"

/* ----------------------------------------------------------------------------------------- choice */

enum { UNDECIDED = 0, PORTABLE = 1, ACCELERATED = 2 };

static _Atomic(int) choice;

TALLY_COLD static int decide(void)
{
    int decided = tally_sha256_x86_is_available() ? ACCELERATED : PORTABLE;
    atomic_store_explicit(&choice, decided, memory_order_relaxed);
    return decided;
}

bool tally_sha256_is_accelerated(void)
{
    int known = atomic_load_explicit(&choice, memory_order_relaxed);
    return (known == UNDECIDED ? decide() : known) == ACCELERATED;
}

/* ---------------------------------------------------------------------------------------- streaming */

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void tally_sha256_init(tally_sha256 *hash)
{
    if (!tally_sha256_is_accelerated()) {
        (void)crypto_hash_sha256_init(&hash->sodium);
        return;
    }
    memcpy(hash->state, initial, sizeof initial);
    hash->length = 0;
}

void tally_sha256_update(tally_sha256 *hash, const void *data, size_t length)
{
    if (length == 0) return;
    if (!tally_sha256_is_accelerated()) {
        (void)crypto_hash_sha256_update(&hash->sodium, data, length);
        return;
    }
    const uint8_t *bytes = data;
    size_t held = hash->length % 64;
    hash->length += length;
    if (held != 0) {
        size_t taken = 64 - held < length ? 64 - held : length;
        memcpy(hash->block + held, bytes, taken);
        bytes += taken;
        length -= taken;
        if (held + taken < 64) return;
        tally_sha256_x86_blocks(hash->state, hash->block, 1);
    }
    if (length >= 64) {
        tally_sha256_x86_blocks(hash->state, bytes, length / 64);
        bytes += length / 64 * 64;
        length %= 64;
    }
    if (length != 0) memcpy(hash->block, bytes, length);
}

/* In one store: written byte by byte, eight of these in a row become shuffles that take 30 ns. */
static void store_big_endian(uint8_t *to, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    memcpy(to, &value, sizeof value);
}

void tally_sha256_final(tally_sha256 *hash, uint8_t digest[TALLY_SHA256_BYTES])
{
    if (!tally_sha256_is_accelerated()) {
        (void)crypto_hash_sha256_final(&hash->sodium, digest);
        return;
    }
    uint64_t bits = hash->length * 8;
    size_t held = hash->length % 64;
    hash->block[held++] = 0x80;
    if (held > 56) {
        memset(hash->block + held, 0, 64 - held);
        tally_sha256_x86_blocks(hash->state, hash->block, 1);
        held = 0;
    }
    memset(hash->block + held, 0, 56 - held);
    store_big_endian(hash->block + 56, (uint32_t)(bits >> 32));
    store_big_endian(hash->block + 60, (uint32_t)bits);
    tally_sha256_x86_blocks(hash->state, hash->block, 1);
    for (size_t i = 0; i < 8; i++) store_big_endian(digest + 4 * i, hash->state[i]);
}

bool tally_sha256_short(uint8_t prefix, const void *first, size_t first_length, const void *second,
                        size_t second_length, uint8_t digest[TALLY_SHA256_BYTES])
{
    uint8_t blocks[128];
    uint32_t state[8];
    size_t length = 1 + first_length + second_length;
    if (first_length > TALLY_SHA256_SHORT || second_length > TALLY_SHA256_SHORT || length > TALLY_SHA256_SHORT ||
        !tally_sha256_is_accelerated())
        return false;
    size_t count = length + 9 <= 64 ? 1 : 2;
    memcpy(state, initial, sizeof state);
    memset(blocks + 64 * (count - 1), 0, 64);
    blocks[0] = prefix;
    if (first_length != 0) memcpy(blocks + 1, first, first_length);
    if (second_length != 0) memcpy(blocks + 1 + first_length, second, second_length);
    if (length < 64 * (count - 1)) memset(blocks + length, 0, 64 * (count - 1) - length);
    blocks[length] = 0x80;
    store_big_endian(blocks + 64 * count - 4, (uint32_t)length * 8);
    tally_sha256_x86_blocks(state, blocks, count);
    for (size_t i = 0; i < 8; i++) store_big_endian(digest + 4 * i, state[i]);
    return true;
}

void tally_sha256_portable(const void *data, size_t length, uint8_t digest[TALLY_SHA256_BYTES])
{
    (void)crypto_hash_sha256(digest, data, length);
}
