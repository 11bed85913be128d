/* Hashes for finding: salted with a segment's salt, so that nobody can choose names or ids that collide.
 * Layout of what is kept on disk by them: docs/FORMAT.md, "Sections", IDIX. */
#ifndef TALLY_LOG_HASH_H
#define TALLY_LOG_HASH_H

#include <string.h>

#include "base/bytes.h"

/* The two halves of the 128-bit product, added without carry. */
static inline uint64_t tally_hash_fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    uint64_t left = (a >> 32) * (b & UINT32_MAX);
    uint64_t right = (a & UINT32_MAX) * (b >> 32);
    uint64_t middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX);
    uint64_t high = (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32);
    return (middle << 32 | (low & UINT32_MAX)) ^ high;
#endif
}

/* Of an id or an idempotency digest: the upper half of the fold of both halves, salted. */
static inline uint32_t tally_hash_value(const uint8_t salt[16], const uint8_t value[16])
{
    uint64_t a = tally_load_u64(value) ^ tally_load_u64(salt);
    uint64_t b = tally_load_u64(value + 8) ^ tally_load_u64(salt + 8);
    return (uint32_t)(tally_hash_fold(a, b) >> 32);
}

/* Of a name of a kind. Its upper half is kept on disk too, so it is the same on machines of either byte order. */
static inline uint64_t tally_hash_name(const uint8_t salt[16], uint32_t kind, const char *name, size_t length)
{
    uint64_t key = tally_load_u64(salt + 8) | 1;
    uint64_t hash = tally_load_u64(salt) ^ (kind + ((uint64_t)length << 8));
    uint8_t rest[8] = {0};
    for (; length > 8; length -= 8, name += 8) hash = tally_hash_fold(hash ^ tally_load_u64(name), key);
    memcpy(rest, name, length);
    hash = tally_hash_fold(hash ^ tally_load_u64(rest), key);
    return tally_hash_fold(hash, UINT64_C(0x9e3779b97f4a7c15));
}

#endif
