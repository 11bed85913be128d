#include "proof/lines.h"

#include <sodium.h>

#include "base/error.h"

bool tally_lines_next(tally_lines *lines, tally_text *line)
{
    size_t left = (size_t)(lines->end - lines->at);
    const char *newline = left == 0 ? NULL : memchr(lines->at, '\n', left);
    if (newline == NULL) return false;
    *line = (tally_text){lines->at, (size_t)(newline - lines->at)};
    lines->at = newline + 1;
    return true;
}

bool tally_line_after(tally_text line, const char *word, tally_text *rest)
{
    size_t length = strlen(word);
    if (line.length <= length || memcmp(line.bytes, word, length) != 0 || line.bytes[length] != ' ') return false;
    *rest = (tally_text){line.bytes + length + 1, line.length - length - 1};
    return true;
}

bool tally_line_number(tally_text line, uint64_t *number)
{
    *number = 0;
    if (line.length == 0 || line.length > 19 || (line.bytes[0] == '0' && line.length > 1)) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < line.length; i++) {
        if (line.bytes[i] < '0' || line.bytes[i] > '9') return false;
        value = value * 10 + (uint64_t)(line.bytes[i] - '0'); /* 19 digits stay below 2^64 */
    }
    if (value > INT64_MAX) return false;
    *number = value;
    return true;
}

static bool is_ascii(tally_text text)
{
    uint8_t all = 0;
    for (size_t i = 0; i < text.length; i++) all |= (uint8_t)text.bytes[i];
    return all < 0x80;
}

/* libsodium refuses other alphabets, white space, missing padding, and bits that are set behind the last byte; but
 * bytes above 0x7F it may take for '/' (1.0.18, where char is signed). */
bool tally_base64_read(tally_text text, uint8_t *bytes, size_t capacity, size_t *length)
{
    *length = 0;
    if (text.length == 0 || text.length % 4 != 0 || !is_ascii(text)) return false;
    const char *end = NULL;
    size_t done = 0;
    if (sodium_base642bin(bytes, capacity, text.bytes, text.length, NULL, &done, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.bytes + text.length)
        return false;
    *length = done;
    return true;
}

bool tally_base64_check(tally_text text)
{
    uint8_t bytes[192];
    if (text.length == 0) return false;
    for (size_t at = 0; at < text.length;) {
        size_t length, piece = text.length - at < 256 ? text.length - at : 256;
        if (!tally_base64_read((tally_text){text.bytes + at, piece}, bytes, sizeof bytes, &length)) return false;
        at += piece;
        if (at < text.length && length != sizeof bytes) return false; /* padding comes at the end */
    }
    return true;
}

bool tally_line_hash(tally_text line, uint8_t hash[TALLY_DIGEST_BYTES])
{
    size_t length;
    return line.length == TALLY_BASE64_DIGEST && tally_base64_read(line, hash, TALLY_DIGEST_BYTES, &length) &&
           length == TALLY_DIGEST_BYTES;
}

void tally_lines_put(tally_lines_writer *writer, const char *text, size_t length)
{
    if (writer->needed <= writer->capacity && length <= writer->capacity - writer->needed && length != 0)
        memcpy(writer->to + writer->needed, text, length);
    writer->needed += length;
}

void tally_lines_put_text(tally_lines_writer *writer, const char *text) { tally_lines_put(writer, text, strlen(text)); }

void tally_lines_put_number(tally_lines_writer *writer, uint64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    do digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    tally_lines_put(writer, digits + first, sizeof digits - first);
}

/* In pieces of whole groups of three bytes, so that no large buffer is needed. */
void tally_lines_put_base64(tally_lines_writer *writer, const uint8_t *bytes, size_t length)
{
    char text[4 * 64 + 1];
    for (size_t at = 0; at < length; at += 192) {
        size_t piece = length - at < 192 ? length - at : 192;
        (void)sodium_bin2base64(text, sizeof text, bytes + at, piece, sodium_base64_VARIANT_ORIGINAL);
        tally_lines_put_text(writer, text);
    }
}

tally_status tally_lines_done(tally_lines_writer *writer, size_t *needed, tally_error *error)
{
    if (needed != NULL) *needed = writer->needed;
    if (writer->needed <= writer->capacity) return TALLY_OK;
    if (writer->capacity != 0) writer->to[0] = '\0';
    return tally_fail(error, TALLY_E_SPACE, "the text needs %zu bytes, the buffer has %zu", writer->needed,
                      writer->capacity);
}
