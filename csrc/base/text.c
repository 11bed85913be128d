#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

static bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

size_t tally_text_character(const char *bytes, size_t available)
{
    const unsigned char *at = (const unsigned char *)bytes;
    if (available == 0) return 0;
    if (at[0] < 0x80) return 1;
    /* C0, C1 could only begin overlong forms, F5 and above only what is beyond U+10FFFF. */
    if (at[0] < 0xC2 || at[0] > 0xF4) return 0;
    if (available < 2 || !is_continuation(at[1])) return 0;
    if (at[0] < 0xE0) return 2;
    if (at[0] == 0xE0 && at[1] < 0xA0) return 0; /* overlong */
    if (at[0] == 0xED && at[1] > 0x9F) return 0; /* surrogate */
    if (at[0] == 0xF0 && at[1] < 0x90) return 0; /* overlong */
    if (at[0] == 0xF4 && at[1] > 0x8F) return 0; /* above U+10FFFF */
    if (available < 3 || !is_continuation(at[2])) return 0;
    if (at[0] < 0xF0) return 3;
    if (available < 4 || !is_continuation(at[3])) return 0;
    return 4;
}

/* `at` is the first byte of a whole character. Besides ASCII only U+0080 to U+009F are controls. */
static bool is_control(const unsigned char *at)
{
    return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && at[1] < 0xA0);
}

/* How many bytes at the beginning are surely printable ASCII; most names are that and nothing else. Eight at a time:
 * a byte that is not sets its own highest bit, at least, in one of the three. */
static size_t printable_prefix(const char *text, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; length - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        if (((word | (word - ones * 0x20) | (word + ones)) & (ones * 0x80)) != 0) break;
    }
    while (at < length && text[at] >= 0x20 && text[at] < 0x7F) at++;
    return at;
}

static tally_status check(const char *text, size_t length, size_t min, size_t max, const char *what, bool name,
                          tally_error *error)
{
    if (text == NULL && length > 0) {
        return tally_fail(error, TALLY_E_NULL, "%s is NULL, but its length is %zu; pass the text, or length 0", what,
                          length);
    }
    if (length > PTRDIFF_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "%s has a length above PTRDIFF_MAX; is it a negative number?", what);
    }
    if (length < min || length > max) {
        return tally_fail(error, TALLY_E_LENGTH, "%s has %zu bytes; %zu to %zu are allowed", what, length, min, max);
    }
    for (size_t i = length == 0 ? 0 : printable_prefix(text, length); i < length;) {
        size_t step = tally_text_character(text + i, length - i);
        if (step == 0) {
            return tally_fail_at(error, TALLY_E_UTF8, i, "%s is not UTF-8: byte 0x%02X at index %zu fits no character",
                                 what, (unsigned)(unsigned char)text[i], i);
        }
        if (text[i] == '\0') {
            return tally_fail_at(error, TALLY_E_NUL, i,
                                 "%s has a NUL byte at index %zu; lengths exclude the terminator", what, i);
        }
        if (name && is_control((const unsigned char *)text + i)) {
            return tally_fail_at(error, TALLY_E_NAME, i, "%s has a control character at index %zu; names may not", what,
                                 i);
        }
        i += step;
    }
    return TALLY_OK;
}

tally_status tally_text_check(const char *text, size_t length, size_t min, size_t max, const char *what,
                              tally_error *error)
{
    return check(text, length, min, max, what, false, error);
}

tally_status tally_name_check(const char *text, size_t length, size_t min, size_t max, const char *what,
                              tally_error *error)
{
    return check(text, length, min, max, what, true, error);
}

size_t tally_text_copy(char *to, size_t capacity, const char *from, size_t length)
{
    size_t written = 0;
    if (capacity == 0) return 0;
    for (size_t i = 0; i < length;) {
        size_t step = tally_text_character(from + i, length - i);
        bool replaced = step == 0 || from[i] == '\0';
        if (replaced) step = 1;
        if (step > capacity - 1 - written) break;
        if (replaced) to[written] = '?';
        else memcpy(to + written, from + i, step);
        written += step;
        i += step;
    }
    to[written] = '\0';
    return written;
}
