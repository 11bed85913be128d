#include "log/crc32c.h"

#include <stdatomic.h>
#include <stdbool.h>

#include <tallystick/platform.h>

#include "base/bytes.h"

/* The polynomial 0x1edc6f41, bits reversed. */
#define POLYNOMIAL 0x82f63b78u

/* ---------------------------------------------------------------------------------------- portable */

static uint32_t tables[8][256]; /* written once */
static int32_t tables_made;     /* state of the platform's once */

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][before & 255u];
        }
    }
}

/* Eight bytes at a time ("slicing by eight"). */
uint32_t tally_crc32c_update_portable(uint32_t crc, const void *data, size_t length)
{
    const tally_platform *platform = tally_platform_default();
    platform->once(platform->context, &tables_made, make_tables);
    const uint8_t *bytes = data;
    for (; length >= 8; length -= 8, bytes += 8) {
        uint32_t low = crc ^ tally_load_u32(bytes);
        uint32_t high = tally_load_u32(bytes + 4);
        crc = tables[7][low & 255u] ^ tables[6][(low >> 8) & 255u] ^ tables[5][(low >> 16) & 255u] ^
              tables[4][low >> 24] ^ tables[3][high & 255u] ^ tables[2][(high >> 8) & 255u] ^
              tables[1][(high >> 16) & 255u] ^ tables[0][high >> 24];
    }
    for (; length != 0; length--) crc = (crc >> 8) ^ tables[0][(crc ^ *bytes++) & 255u];
    return crc;
}

/* -------------------------------------------------------------------------------------- instruction */

#if defined(__x86_64__)

#include <cpuid.h>
#include <nmmintrin.h>

static bool has_instruction(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 20)) != 0; /* SSE4.2 */
}

__attribute__((target("sse4.2"))) static uint32_t update_by_instruction(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t wide = crc;
    for (; length >= 8; length -= 8, bytes += 8) wide = _mm_crc32_u64(wide, tally_load_u64(bytes));
    crc = (uint32_t)wide;
    for (; length != 0; length--) crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}

#else

static bool has_instruction(void) { return false; }

static uint32_t update_by_instruction(uint32_t crc, const void *data, size_t length)
{
    return tally_crc32c_update_portable(crc, data, length);
}

#endif

enum { UNDECIDED = 0, PORTABLE = 1, INSTRUCTION = 2 };

static _Atomic(int) choice;

uint32_t tally_crc32c_update(uint32_t crc, const void *data, size_t length)
{
    int known = atomic_load_explicit(&choice, memory_order_relaxed);
    if (known == UNDECIDED) {
        known = has_instruction() ? INSTRUCTION : PORTABLE;
        atomic_store_explicit(&choice, known, memory_order_relaxed);
    }
    if (known == INSTRUCTION) return update_by_instruction(crc, data, length);
    return tally_crc32c_update_portable(crc, data, length);
}
