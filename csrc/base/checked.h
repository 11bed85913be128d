/* Arithmetic on sizes and counts that says when it does not fit.
 *
 * Every function answers whether the exact result fits; when it does not, *out is 0, so that code
 * which forgets to look works on nothing instead of on a small wrong number. */
#ifndef TALLY_BASE_CHECKED_H
#define TALLY_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sums. */
static inline bool tally_add_size(size_t a, size_t b, size_t *out)
{
    if (!__builtin_add_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (!__builtin_add_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_add_u32(uint32_t a, uint32_t b, uint32_t *out)
{
    if (!__builtin_add_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

/* Differences; below zero does not fit. */
static inline bool tally_subtract_size(size_t a, size_t b, size_t *out)
{
    if (!__builtin_sub_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_subtract_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (!__builtin_sub_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_subtract_u32(uint32_t a, uint32_t b, uint32_t *out)
{
    if (!__builtin_sub_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

/* Products. */
static inline bool tally_multiply_size(size_t a, size_t b, size_t *out)
{
    if (!__builtin_mul_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_multiply_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (!__builtin_mul_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static inline bool tally_multiply_u32(uint32_t a, uint32_t b, uint32_t *out)
{
    if (!__builtin_mul_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

/* Narrowing never truncates silently. */
static inline bool tally_narrow_u32(uint64_t value, uint32_t *out)
{
    *out = value <= UINT32_MAX ? (uint32_t)value : 0;
    return value <= UINT32_MAX;
}

static inline bool tally_narrow_u16(uint64_t value, uint16_t *out)
{
    *out = value <= UINT16_MAX ? (uint16_t)value : 0;
    return value <= UINT16_MAX;
}

static inline bool tally_narrow_size(uint64_t value, size_t *out)
{
    *out = value <= SIZE_MAX ? (size_t)value : 0;
    return value <= SIZE_MAX;
}

/* The next multiple of `alignment`, a power of two. */
static inline bool tally_round_up_size(size_t value, size_t alignment, size_t *out)
{
    if (!tally_add_size(value, alignment - 1, out)) return false;
    *out &= ~(alignment - 1);
    return true;
}

#endif
