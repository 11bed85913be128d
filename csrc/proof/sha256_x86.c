#include "proof/sha256_x86.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

/* CPUID leaf 7: EBX bit 29 SHA. Leaf 1: ECX bit 9 SSSE3, bit 19 SSE4.1. (Intel SDM, volume 2A.) */
bool tally_sha256_x86_is_available(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    bool vector = (c & (1u << 9)) != 0 && (c & (1u << 19)) != 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    return vector && (b & (1u << 29)) != 0;
}

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The instructions want the state as two registers, {A,B,E,F} and {C,D,G,H}. Each takes two rounds;
 * the four message words for the rounds after next come from the schedule instructions, so that a ring
 * of four registers holds the sixteen words that matter. */
__attribute__((target("sha,ssse3,sse4.1"))) void tally_sha256_x86_blocks(uint32_t state[8], const uint8_t *blocks,
                                                                         size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)&state[0]);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)&state[4]);
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

    for (; count != 0; count--, blocks += 64) {
        const __m128i abef_before = abef;
        const __m128i cdgh_before = cdgh;
        __m128i words[4];
        for (int i = 0; i < 4; i++) {
            words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)), swap);
        }
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            __m128i now = words[group & 3];
            __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(const void *)&constants[4 * group]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (group >= 12) continue;
            __m128i after = words[(group + 1) & 3];
            __m128i last = words[(group + 3) & 3];
            __m128i seven_back = _mm_alignr_epi8(last, words[(group + 2) & 3], 4);
            __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(now, after), seven_back);
            words[group & 3] = _mm_sha256msg2_epu32(partial, last);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(dchg, feba, 8));
}

/* One of two messages that go side by side: each round waits for the one before it, so the second is nearly free. */
typedef struct lane {
    __m128i abef, cdgh, abef_before, cdgh_before;
    __m128i words[4];
} lane;

#define LANE __attribute__((target("sha,ssse3,sse4.1"), always_inline)) static inline

LANE void lane_load(lane *at, const uint32_t state[8])
{
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)&state[0]);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)&state[4]);
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    at->abef = _mm_alignr_epi8(cdab, efgh, 8);
    at->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

LANE void lane_store(const lane *at, uint32_t state[8])
{
    __m128i feba = _mm_shuffle_epi32(at->abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(at->cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(dchg, feba, 8));
}

LANE void lane_begin(lane *at, const uint8_t *block)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    at->abef_before = at->abef;
    at->cdgh_before = at->cdgh;
    for (int i = 0; i < 4; i++)
        at->words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), swap);
}

LANE void lane_rounds(lane *at, int group)
{
    __m128i now = at->words[group & 3];
    __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(const void *)&constants[4 * group]));
    at->cdgh = _mm_sha256rnds2_epu32(at->cdgh, at->abef, sum);
    at->abef = _mm_sha256rnds2_epu32(at->abef, at->cdgh, _mm_shuffle_epi32(sum, 0x0e));
    if (group >= 12) return;
    __m128i after = at->words[(group + 1) & 3];
    __m128i last = at->words[(group + 3) & 3];
    __m128i seven_back = _mm_alignr_epi8(last, at->words[(group + 2) & 3], 4);
    at->words[group & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, after), seven_back), last);
}

__attribute__((target("sha,ssse3,sse4.1"))) void tally_sha256_x86_two(uint32_t first[8], const uint8_t *first_blocks,
                                                                      uint32_t second[8], const uint8_t *second_blocks,
                                                                      size_t count)
{
    lane a, b;
    lane_load(&a, first);
    lane_load(&b, second);
    for (; count != 0; count--, first_blocks += 64, second_blocks += 64) {
        lane_begin(&a, first_blocks);
        lane_begin(&b, second_blocks);
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            lane_rounds(&a, group);
            lane_rounds(&b, group);
        }
        a.abef = _mm_add_epi32(a.abef, a.abef_before);
        a.cdgh = _mm_add_epi32(a.cdgh, a.cdgh_before);
        b.abef = _mm_add_epi32(b.abef, b.abef_before);
        b.cdgh = _mm_add_epi32(b.cdgh, b.cdgh_before);
    }
    lane_store(&a, first);
    lane_store(&b, second);
}

#else

bool tally_sha256_x86_is_available(void) { return false; }

void tally_sha256_x86_blocks(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    (void)state;
    (void)blocks;
    (void)count;
}

void tally_sha256_x86_two(uint32_t first[8], const uint8_t *first_blocks, uint32_t second[8],
                          const uint8_t *second_blocks, size_t count)
{
    (void)first, (void)first_blocks, (void)second, (void)second_blocks, (void)count;
}

#endif
