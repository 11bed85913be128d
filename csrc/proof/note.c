#include "proof/note.h"

#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/text.h"

/* Valid UTF-8 without control characters but newlines. */
static tally_status check_characters(const char *note, size_t length, tally_error *error)
{
    for (size_t at = 0; at < length;) {
        size_t step = tally_text_character(note + at, length - at);
        if (step == 0) return tally_fail_at(error, TALLY_E_UTF8, at, "byte %zu of the note is not UTF-8", at);
        if ((uint8_t)note[at] < 0x20 && note[at] != '\n')
            return tally_fail_at(error, TALLY_E_FORMAT, at, "byte %zu of the note is a control character", at);
        at += step;
    }
    return TALLY_OK;
}

/* "— <name> <base64>", with at least one byte of signature behind the key's id. */
static bool read_line(tally_text line, tally_note_line *out)
{
    const size_t dash = sizeof TALLY_NOTE_DASH - 1;
    if (line.length <= dash || memcmp(line.bytes, TALLY_NOTE_DASH, dash) != 0) return false;
    tally_text rest = {line.bytes + dash, line.length - dash};
    const char *space = memchr(rest.bytes, ' ', rest.length);
    if (space == NULL) return false;
    out->name = (tally_text){rest.bytes, (size_t)(space - rest.bytes)};
    out->base64 = (tally_text){space + 1, rest.length - out->name.length - 1};
    if (out->base64.length < 8 || !tally_key_name_is_plain(out->name) || !tally_base64_check(out->base64)) return false;
    uint8_t first[6];
    size_t length;
    if (!tally_base64_read((tally_text){out->base64.bytes, 8}, first, sizeof first, &length) || length < 5)
        return false;
    memcpy(out->id, first, sizeof out->id);
    return true;
}

tally_status tally_note_read_lines(tally_text lines, tally_note *read, tally_error *error)
{
    read->signatures = lines;
    read->count = 0;
    tally_lines left = tally_lines_over(lines.bytes, lines.length);
    while (left.at < left.end) {
        uint64_t offset = tally_lines_offset(&left);
        tally_text line;
        if (read->count == TALLY_SIGNATURES_MAX)
            return tally_fail_at(error, TALLY_E_LIMIT, offset, "more than %u signature lines", TALLY_SIGNATURES_MAX);
        if (!tally_lines_next(&left, &line) || !read_line(line, &read->lines[read->count]))
            return tally_fail_at(error, TALLY_E_FORMAT, offset, "a line of the note is no signature line");
        read->count++;
    }
    return TALLY_OK;
}

tally_status tally_note_read(const char *note, size_t length, bool unsigned_too, tally_note *read, tally_error *error)
{
    read->count = 0;
    read->text = read->signatures = (tally_text){NULL, 0};
    if (note == NULL) return tally_fail(error, TALLY_E_NULL, "a note is needed");
    if (length == 0 || length > TALLY_NOTE_BYTES_MAX)
        return tally_fail(error, TALLY_E_LENGTH, "a note has 1 to %u bytes", TALLY_NOTE_BYTES_MAX);
    tally_status status = check_characters(note, length, error);
    if (status != TALLY_OK) return status;
    if (note[length - 1] != '\n')
        return tally_fail_at(error, TALLY_E_FORMAT, length, "the note does not end with a newline");
    size_t text = 0; /* the text ends before the last empty line */
    for (size_t at = length - 1; at > 0 && text == 0; at--)
        if (note[at] == '\n' && note[at - 1] == '\n') text = at;
    if (text == 0 && unsigned_too) {
        read->text = (tally_text){note, length};
        read->signatures = (tally_text){note + length, 0};
        return TALLY_OK;
    }
    if (text == 0 || text + 1 == length)
        return tally_fail_at(error, TALLY_E_FORMAT, length, "the note has no signature lines behind an empty line");
    read->text = (tally_text){note, text};
    status = tally_note_read_lines((tally_text){note + text + 1, length - text - 1}, read, error);
    if (status != TALLY_OK && error != NULL) error->position += text + 1; /* it is that of a line */
    return status;
}

void tally_note_put_cosigned(tally_lines_writer *writer, uint64_t time_s, tally_text text)
{
    tally_lines_put_text(writer, "cosignature/v1\ntime ");
    tally_lines_put_number(writer, time_s);
    tally_lines_put_text(writer, "\n");
    tally_lines_put(writer, text.bytes, text.length);
}

static bool verify_cosignature(tally_text text, const uint8_t *signature, const tally_public_key *key, uint64_t *time_s)
{
    uint64_t stated = 0;
    for (size_t i = 0; i < 8; i++) stated = stated << 8 | signature[i]; /* big-endian, RFC 8446, 3.3 */
    char message[TALLY_COSIGNED_MAX];
    tally_lines_writer writer = tally_lines_into(message, sizeof message);
    tally_note_put_cosigned(&writer, stated, text);
    if (stated > INT64_MAX || writer.needed > sizeof message) return false;
    if (crypto_sign_verify_detached(signature + 8, (const uint8_t *)message, writer.needed, key->bytes) != 0)
        return false;
    *time_s = stated;
    return true;
}

enum tally_line_verdict tally_note_line_verify(const tally_note_line *line, tally_text text,
                                               const tally_public_key *key, uint64_t *time_s)
{
    *time_s = 0;
    if (!tally_text_equal(line->name, key->name) || memcmp(line->id, key->id, sizeof key->id) != 0)
        return TALLY_LINE_OTHER;
    uint8_t bytes[TALLY_KEY_ID_PREFIX + 8 + TALLY_SIGNATURE_BYTES + 3];
    size_t length, before = key->algorithm == TALLY_KEY_COSIGNATURE ? 8 : 0;
    if (!tally_base64_read(line->base64, bytes, sizeof bytes, &length) ||
        length != TALLY_KEY_ID_PREFIX + before + TALLY_SIGNATURE_BYTES)
        return TALLY_LINE_BAD;
    const uint8_t *signature = bytes + TALLY_KEY_ID_PREFIX;
    bool good = before != 0
                    ? verify_cosignature(text, signature, key, time_s)
                    : crypto_sign_verify_detached(signature, (const uint8_t *)text.bytes, text.length, key->bytes) == 0;
    return good ? TALLY_LINE_GOOD : TALLY_LINE_BAD;
}

void tally_note_put_line(tally_lines_writer *writer, const tally_public_key *key, const uint8_t *signature,
                         size_t length)
{
    uint8_t bytes[TALLY_KEY_ID_PREFIX + 8 + TALLY_SIGNATURE_BYTES];
    memcpy(bytes, key->id, TALLY_KEY_ID_PREFIX);
    memcpy(bytes + TALLY_KEY_ID_PREFIX, signature, length);
    tally_lines_put_text(writer, TALLY_NOTE_DASH);
    tally_lines_put(writer, key->name.bytes, key->name.length);
    tally_lines_put_text(writer, " ");
    tally_lines_put_base64(writer, bytes, TALLY_KEY_ID_PREFIX + length);
    tally_lines_put_text(writer, "\n");
}

void tally_note_sign(const tally_private_key *key, tally_text text, uint8_t signature[TALLY_SIGNATURE_BYTES])
{
    (void)crypto_sign_detached(signature, NULL, (const uint8_t *)text.bytes, text.length, key->secret);
}
