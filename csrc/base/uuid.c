#include "base/uuid.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define LOW_BITS 62
#define LOW_MASK ((UINT64_C(1) << LOW_BITS) - 1)
#define HIGH_MAX 0xFFFu

/* A fresh random start for a millisecond. The top bit stays clear, as RFC 9562 6.2 advises: at least
 * 2^41 steps fit before the counter is used up. */
static void start_millisecond(tally_uuid_generator *next, uint64_t ms, const uint8_t random[TALLY_UUID_RANDOM])
{
    next->ms = ms;
    next->high = tally_load_u16(random) & (HIGH_MAX >> 1);
    next->low = tally_load_u64(random + 2) & LOW_MASK;
    next->used = 1;
}

static void step(tally_uuid_generator *next, const uint8_t random[TALLY_UUID_RANDOM])
{
    next->low += 1 + (uint64_t)tally_load_u32(random);
    if (next->low <= LOW_MASK) return;
    next->low &= LOW_MASK;
    next->high++;
    if (next->high > HIGH_MAX) start_millisecond(next, next->ms + 1, random);
}

tally_status tally_uuid_next(tally_uuid_generator *generator, uint64_t now_ms, const uint8_t random[TALLY_UUID_RANDOM],
                             uint8_t id[TALLY_UUID_BYTES], tally_error *error)
{
    tally_uuid_generator next = *generator;
    memset(id, 0, TALLY_UUID_BYTES);
    if (next.used == 0 || now_ms > next.ms) start_millisecond(&next, now_ms, random);
    else step(&next, random);
    if (next.ms > TALLY_UUID_MS_MAX) {
        return tally_fail(error, TALLY_E_CLOCK,
                          "no id can be made at %" PRIu64 " ms since 1970: ids hold 48 bits; set the clock", next.ms);
    }
    *generator = next;
    for (unsigned i = 0; i < 6; i++) id[i] = (uint8_t)(next.ms >> (40 - 8 * i));
    id[6] = (uint8_t)(0x70 | next.high >> 8);
    id[7] = (uint8_t)next.high;
    for (unsigned i = 0; i < 8; i++) id[8 + i] = (uint8_t)(next.low >> (56 - 8 * i));
    id[8] = (uint8_t)(id[8] | 0x80); /* the two bits above low are free: the variant */
    return TALLY_OK;
}

uint64_t tally_uuid_ms(const uint8_t id[TALLY_UUID_BYTES])
{
    uint64_t ms = 0;
    for (unsigned i = 0; i < 6; i++) ms = ms << 8 | id[i];
    return ms;
}

static bool is_hyphen_place(size_t index) { return index == 8 || index == 13 || index == 18 || index == 23; }

void tally_uuid_print(const uint8_t id[TALLY_UUID_BYTES], char text[TALLY_UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t nibble = 0;
    for (size_t i = 0; i < TALLY_UUID_TEXT; i++) {
        if (is_hyphen_place(i)) {
            text[i] = '-';
            continue;
        }
        text[i] = digits[nibble % 2 == 0 ? id[nibble / 2] >> 4 : id[nibble / 2] & 15];
        nibble++;
    }
    text[TALLY_UUID_TEXT] = '\0';
}

/* The value of a hexadecimal digit, or -1. Not isxdigit: that one asks the locale. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

tally_status tally_uuid_parse(const char *text, size_t length, uint8_t id[TALLY_UUID_BYTES], tally_error *error)
{
    memset(id, 0, TALLY_UUID_BYTES);
    if (text == NULL) return tally_fail(error, TALLY_E_NULL, "the id is NULL; pass its text");
    if (length != TALLY_UUID_TEXT) {
        return tally_fail(error, TALLY_E_LENGTH, "an id in text has %d characters, 8-4-4-4-12, not %zu",
                          TALLY_UUID_TEXT, length);
    }
    size_t nibble = 0;
    for (size_t i = 0; i < TALLY_UUID_TEXT; i++) {
        int value = digit_value(text[i]);
        if (is_hyphen_place(i) ? text[i] != '-' : value < 0) {
            memset(id, 0, TALLY_UUID_BYTES);
            return tally_fail_at(error, TALLY_E_ARGUMENT, i, "the id has byte 0x%02X at index %zu, where %s is needed",
                                 (unsigned)(unsigned char)text[i], i,
                                 is_hyphen_place(i) ? "a hyphen" : "a hexadecimal digit");
        }
        if (is_hyphen_place(i)) continue;
        id[nibble / 2] = (uint8_t)(id[nibble / 2] << 4 | value);
        nibble++;
    }
    return TALLY_OK;
}
