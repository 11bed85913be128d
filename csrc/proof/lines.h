/* Text that is made of lines: read with one spelling only, and written into a caller's buffer. */
#ifndef TALLY_PROOF_LINES_H
#define TALLY_PROOF_LINES_H

#include <stdbool.h>
#include <string.h>

#include <tallystick/event.h>

#include "proof/digest.h"

#define TALLY_BASE64_DIGEST 44 /* characters of 32 bytes */

typedef struct tally_lines {
    const char *start, *at, *end;
} tally_lines;

static inline tally_lines tally_lines_over(const char *text, size_t length)
{
    tally_lines lines = {text, text, text + length};
    return lines;
}
static inline uint64_t tally_lines_offset(const tally_lines *lines) { return (uint64_t)(lines->at - lines->start); }

/* The next line without its newline; false at the end, and when the last line has no newline. */
bool tally_lines_next(tally_lines *lines, tally_text *line);
/* Takes "<word> " off the front of a line. */
bool tally_line_after(tally_text line, const char *word, tally_text *rest);
/* Decimal digits without leading zeros, below 2^63. */
bool tally_line_number(tally_text line, uint64_t *number);
/* Base64 with padding, in its one spelling, of exactly 32 bytes. */
bool tally_line_hash(tally_text line, uint8_t hash[TALLY_DIGEST_BYTES]);
/* The same of 1 to `capacity` bytes. */
bool tally_base64_read(tally_text text, uint8_t *bytes, size_t capacity, size_t *length);
/* Whether a text is base64 in its one spelling, of any length but 0. */
bool tally_base64_check(tally_text text);

static inline bool tally_text_equal(tally_text a, tally_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Writes as far as there is room and counts all of it. */
typedef struct tally_lines_writer {
    char *to;
    size_t capacity;
    size_t needed;
} tally_lines_writer;

/* NOLINTNEXTLINE(readability-non-const-parameter): what is put is written there */
static inline tally_lines_writer tally_lines_into(char *to, size_t capacity)
{
    tally_lines_writer writer = {.to = to, .capacity = capacity};
    return writer;
}

void tally_lines_put(tally_lines_writer *writer, const char *text, size_t length);
void tally_lines_put_text(tally_lines_writer *writer, const char *text);
void tally_lines_put_number(tally_lines_writer *writer, uint64_t number);
void tally_lines_put_base64(tally_lines_writer *writer, const uint8_t *bytes, size_t length);
/* TALLY_E_SPACE when it did not fit; the buffer begins with a NUL then. */
tally_status tally_lines_done(tally_lines_writer *writer, size_t *needed, tally_error *error);

#endif
