/* Witnesses (C2SP tlog-cosignature, tlog-witness): what is asked of them, and what they answer. */
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "proof/note.h"

tally_status tally_witness_cosign(const char *note, size_t length, tally_text skey, uint64_t time_s, char *line,
                                  size_t capacity, size_t *needed, tally_error *error)
{
    tally_error_clear(error);
    if (needed == NULL || (line == NULL && capacity != 0))
        return tally_fail(error, TALLY_E_NULL, "room for the line and its length are needed");
    *needed = 0;
    if (time_s > INT64_MAX) return tally_fail(error, TALLY_E_RANGE, "the time is beyond 2^63 seconds");
    tally_note read;
    tally_checkpoint checkpoint;
    tally_private_key key;
    tally_status status = tally_note_read(note, length, true, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &checkpoint, error);
    if (status == TALLY_OK) status = tally_private_key_read(skey, &key, error);
    if (status != TALLY_OK) return status;
    char message[TALLY_COSIGNED_MAX];
    tally_lines_writer text = {message, sizeof message, 0};
    tally_lines_put_text(&text, "cosignature/v1\ntime ");
    tally_lines_put_number(&text, time_s);
    tally_lines_put_text(&text, "\n");
    tally_lines_put(&text, read.text.bytes, read.text.length);
    if (key.public_key.algorithm != TALLY_KEY_COSIGNATURE)
        status = tally_fail(error, TALLY_E_KEY, "a witness signs with a key of type 4, this one is of type %u",
                            key.public_key.algorithm);
    else if (text.needed > sizeof message)
        status = tally_fail(error, TALLY_E_LENGTH, "the checkpoint is too long to be cosigned");
    if (status == TALLY_OK) {
        uint8_t signature[8 + TALLY_SIGNATURE_BYTES];
        for (size_t i = 0; i < 8; i++) signature[i] = (uint8_t)(time_s >> (56 - 8 * i));
        (void)crypto_sign_detached(signature + 8, NULL, (const uint8_t *)message, text.needed, key.secret);
        tally_lines_writer writer = {line, capacity, 0};
        tally_note_put_line(&writer, &key.public_key, signature, sizeof signature);
        status = tally_lines_done(&writer, needed, error);
    }
    sodium_memzero(&key, sizeof key);
    return status;
}

tally_status tally_witness_request(uint64_t old_size, const tally_hash *hashes, size_t count, const char *note,
                                   size_t length, char *body, size_t capacity, size_t *needed, tally_error *error)
{
    tally_error_clear(error);
    if (needed == NULL || (body == NULL && capacity != 0) || (hashes == NULL && count != 0))
        return tally_fail(error, TALLY_E_NULL, "the hashes, room for the body, and its length are needed");
    *needed = 0;
    if (count > 63) return tally_fail(error, TALLY_E_LIMIT, "a request has at most 63 hashes");
    tally_note read;
    tally_checkpoint checkpoint;
    tally_status status = tally_note_read(note, length, false, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &checkpoint, error);
    if (status != TALLY_OK) return status;
    if (old_size > checkpoint.size)
        return tally_fail_at(error, TALLY_E_RANGE, old_size, "the witness's tree is larger than the checkpoint's");
    tally_lines_writer writer = {body, capacity, 0};
    tally_lines_put_text(&writer, "old ");
    tally_lines_put_number(&writer, old_size);
    tally_lines_put_text(&writer, "\n");
    for (size_t i = 0; i < count; i++) {
        tally_lines_put_base64(&writer, hashes[i].bytes, sizeof hashes[i].bytes);
        tally_lines_put_text(&writer, "\n");
    }
    tally_lines_put_text(&writer, "\n");
    tally_lines_put(&writer, note, length);
    return tally_lines_done(&writer, needed, error);
}

/* Whether a line is on the note already, byte by byte. */
static bool is_on(const tally_note *note, const tally_note_line *line)
{
    for (size_t i = 0; i < note->count; i++)
        if (tally_text_equal(note->lines[i].name, line->name) && tally_text_equal(note->lines[i].base64, line->base64))
            return true;
    return false;
}

/* Adds the lines of known witnesses that check; one that does not check refuses the answer. */
static tally_status add_lines(const tally_note *note, const tally_note *answer, const tally_text *witnesses,
                              size_t witness_count, tally_lines_writer *writer, tally_error *error)
{
    size_t added = 0, known = 0;
    for (size_t i = 0; i < answer->count; i++)
        for (size_t j = 0; j < witness_count; j++) {
            tally_public_key key;
            uint64_t time_s;
            tally_status status = tally_public_key_read(witnesses[j], &key, error);
            if (status != TALLY_OK) return status;
            if (key.algorithm != TALLY_KEY_COSIGNATURE)
                return tally_fail_at(error, TALLY_E_KEY, j, "a key of a witness is a log's key");
            enum tally_line_verdict verdict = tally_note_line_verify(&answer->lines[i], note->text, &key, &time_s);
            if (verdict == TALLY_LINE_OTHER) continue;
            if (verdict == TALLY_LINE_BAD)
                return tally_fail_at(error, TALLY_E_SIGNATURE, i, "the cosignature in line %zu does not check", i);
            known++;
            if (is_on(note, &answer->lines[i])) break;
            if (note->count + ++added > TALLY_SIGNATURES_MAX)
                return tally_fail(error, TALLY_E_LIMIT, "a note has at most %u signature lines", TALLY_SIGNATURES_MAX);
            tally_lines_put_text(writer, TALLY_NOTE_DASH);
            tally_lines_put(writer, answer->lines[i].name.bytes, answer->lines[i].name.length);
            tally_lines_put_text(writer, " ");
            tally_lines_put(writer, answer->lines[i].base64.bytes, answer->lines[i].base64.length);
            tally_lines_put_text(writer, "\n");
            break;
        }
    if (known == 0) return tally_fail(error, TALLY_E_UNKNOWN_KEY, "the answer has no line of a known witness");
    return TALLY_OK;
}

static uint32_t outcome_of(uint32_t http_status)
{
    if (http_status == 200) return TALLY_WITNESS_SIGNED;
    if (http_status == 409) return TALLY_WITNESS_BEHIND;
    return http_status == 429 || http_status >= 500 ? TALLY_WITNESS_TRY_LATER : TALLY_WITNESS_REFUSED;
}

tally_status tally_witness_answer(uint32_t http_status, const char *body, size_t body_length, const char *note,
                                  size_t length, const tally_text *witnesses, size_t witness_count, uint32_t *outcome,
                                  uint64_t *old_size, char *signed_note, size_t capacity, size_t *needed,
                                  tally_error *error)
{
    tally_error_clear(error);
    if (outcome != NULL) *outcome = 0;
    if (old_size != NULL) *old_size = 0;
    if (needed != NULL) *needed = 0;
    if (outcome == NULL || old_size == NULL || needed == NULL || (body == NULL && body_length != 0) ||
        (signed_note == NULL && capacity != 0) || (witnesses == NULL && witness_count != 0))
        return tally_fail(error, TALLY_E_NULL, "answer, witnesses and room for the outcome are needed");
    if (http_status < 100 || http_status > 599)
        return tally_fail(error, TALLY_E_RANGE, "%u is no HTTP status", http_status);
    if (body_length > TALLY_NOTE_BYTES_MAX) return tally_fail(error, TALLY_E_LENGTH, "the answer is too long");
    uint32_t found = outcome_of(http_status);
    tally_status status = TALLY_OK;
    if (found == TALLY_WITNESS_BEHIND) {
        tally_lines lines = tally_lines_over(body_length == 0 ? "" : body, body_length);
        tally_text line;
        if (!tally_lines_next(&lines, &line) || lines.at != lines.end || !tally_line_number(line, old_size))
            found = TALLY_WITNESS_REFUSED; /* the roots differ: nothing to ask again for */
    }
    if (found == TALLY_WITNESS_SIGNED) {
        tally_note read, answer;
        tally_lines_writer writer = {signed_note, capacity, 0};
        status = tally_note_read(note, length, false, &read, error);
        if (status == TALLY_OK) status = tally_note_read_lines((tally_text){body, body_length}, &answer, error);
        if (status == TALLY_OK) tally_lines_put(&writer, note, length);
        if (status == TALLY_OK) status = add_lines(&read, &answer, witnesses, witness_count, &writer, error);
        if (status == TALLY_OK) status = tally_lines_done(&writer, needed, error);
    }
    if (status == TALLY_OK) *outcome = found;
    return status;
}
