/* Witnesses (C2SP tlog-cosignature, tlog-witness): what is asked of them, and what they answer. */
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "proof/note.h"

#define REQUEST_HASHES_MAX 63u /* tlog-witness, add-checkpoint */

/* The text of a checkpoint that was read fits. */
static void cosign(const tally_private_key *key, tally_text text, uint64_t time_s,
                   uint8_t signature[8 + TALLY_SIGNATURE_BYTES])
{
    char message[TALLY_COSIGNED_MAX];
    tally_lines_writer writer = tally_lines_into(message, sizeof message);
    tally_note_put_cosigned(&writer, time_s, text);
    for (size_t i = 0; i < 8; i++) signature[i] = (uint8_t)(time_s >> (56 - 8 * i));
    (void)crypto_sign_detached(signature + 8, NULL, (const uint8_t *)message, writer.needed, key->secret);
}

tally_status tally_witness_cosign(const char *note, size_t length, tally_text skey, uint64_t time_s, char *line,
                                  size_t capacity, size_t *needed, tally_error *error)
{
    tally_error_clear(error);
    if (needed != NULL) *needed = 0;
    if (needed == NULL || (line == NULL && capacity != 0))
        return tally_fail(error, TALLY_E_NULL, "room for the line and its length are needed");
    if (capacity > PTRDIFF_MAX) return tally_fail(error, TALLY_E_LENGTH, "no buffer is that long");
    if (time_s > INT64_MAX) return tally_fail(error, TALLY_E_RANGE, "the time is beyond 2^63 seconds");
    tally_note read;
    tally_checkpoint checkpoint;
    tally_private_key key;
    tally_status status = tally_note_read(note, length, true, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &checkpoint, error);
    if (status == TALLY_OK) status = tally_private_key_read(skey, &key, error);
    if (status != TALLY_OK) return status;
    if (key.public_key.algorithm != TALLY_KEY_COSIGNATURE) {
        status = tally_fail(error, TALLY_E_KEY, "a witness signs with a key of type 4, this one is of type %u",
                            key.public_key.algorithm);
    } else {
        uint8_t signature[8 + TALLY_SIGNATURE_BYTES];
        cosign(&key, read.text, time_s, signature);
        tally_lines_writer writer = tally_lines_into(line, capacity);
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
    if (needed != NULL) *needed = 0;
    if (needed == NULL || (body == NULL && capacity != 0) || (hashes == NULL && count != 0))
        return tally_fail(error, TALLY_E_NULL, "the hashes, room for the body, and its length are needed");
    if (capacity > PTRDIFF_MAX) return tally_fail(error, TALLY_E_LENGTH, "no buffer is that long");
    if (count > REQUEST_HASHES_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "a request has at most %u hashes", REQUEST_HASHES_MAX);
    tally_note read;
    tally_checkpoint checkpoint;
    tally_status status = tally_note_read(note, length, false, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &checkpoint, error);
    if (status != TALLY_OK) return status;
    if (old_size > checkpoint.size)
        return tally_fail_at(error, TALLY_E_RANGE, old_size, "the witness's tree is larger than the checkpoint's");
    if (count != 0 && (old_size == 0 || old_size == checkpoint.size))
        return tally_fail(error, TALLY_E_RANGE, "from size 0, and to the same size, there is nothing to prove");
    tally_lines_writer writer = tally_lines_into(body, capacity);
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

static bool is_among(const tally_note_line *lines, size_t count, const tally_note_line *line)
{
    for (size_t i = 0; i < count; i++)
        if (tally_text_equal(lines[i].name, line->name) && tally_text_equal(lines[i].base64, line->base64)) return true;
    return false;
}

/* Whether a line is by one of the witnesses; it has been checked then. */
static tally_status check_line(tally_text text, const tally_note *answer, size_t at, const tally_text *witnesses,
                               size_t witness_count, bool *is_known, tally_error *error)
{
    *is_known = false;
    for (size_t i = 0; i < witness_count; i++) {
        tally_public_key key;
        uint64_t time_s;
        tally_status status = tally_public_key_read(witnesses[i], &key, error);
        if (status == TALLY_OK && key.algorithm != TALLY_KEY_COSIGNATURE)
            status = tally_fail(error, TALLY_E_KEY, "the key of a log is among those of the witnesses");
        if (status != TALLY_OK && error != NULL) error->position = i;
        if (status != TALLY_OK) return status;
        enum tally_line_verdict verdict = tally_note_line_verify(&answer->lines[at], text, &key, &time_s);
        if (verdict == TALLY_LINE_BAD)
            return tally_fail_at(error, TALLY_E_SIGNATURE, at, "the cosignature in line %zu does not check", at);
        if (verdict == TALLY_LINE_GOOD) *is_known = true;
    }
    return TALLY_OK;
}

static void put_line(tally_lines_writer *writer, const tally_note_line *line)
{
    tally_lines_put_text(writer, TALLY_NOTE_DASH);
    tally_lines_put(writer, line->name.bytes, line->name.length);
    tally_lines_put_text(writer, " ");
    tally_lines_put(writer, line->base64.bytes, line->base64.length);
    tally_lines_put_text(writer, "\n");
}

/* Adds the lines of known witnesses that check; one that does not check refuses the answer. */
static tally_status add_lines(const tally_note *note, const tally_note *answer, const tally_text *witnesses,
                              size_t witness_count, tally_lines_writer *writer, tally_error *error)
{
    size_t added = 0;
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        bool is_known;
        tally_status status = check_line(note->text, answer, i, witnesses, witness_count, &is_known, error);
        if (status != TALLY_OK) return status;
        any = any || is_known;
        if (!is_known || is_among(note->lines, note->count, &answer->lines[i]) ||
            is_among(answer->lines, i, &answer->lines[i]))
            continue;
        put_line(writer, &answer->lines[i]);
        added++;
    }
    if (!any) return tally_fail(error, TALLY_E_UNKNOWN_KEY, "the answer has no line of a known witness");
    if (note->count + added > TALLY_SIGNATURES_MAX || writer->needed > TALLY_NOTE_BYTES_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "with these lines the note would be longer than a note may be");
    return TALLY_OK;
}

static tally_status sign_note(tally_text note, tally_text body, const tally_text *witnesses, size_t witness_count,
                              tally_lines_writer *writer, tally_error *error)
{
    tally_note read, answer;
    tally_checkpoint checkpoint;
    tally_status status = tally_note_read(note.bytes, note.length, false, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &checkpoint, error);
    if (status == TALLY_OK) status = tally_note_read_lines(body, &answer, error);
    if (status != TALLY_OK) return status;
    tally_lines_put(writer, note.bytes, note.length);
    return add_lines(&read, &answer, witnesses, witness_count, writer, error);
}

static uint32_t outcome_of(uint32_t http_status)
{
    if (http_status == 200) return TALLY_WITNESS_SIGNED;
    if (http_status == 409) return TALLY_WITNESS_BEHIND;
    return http_status == 429 || http_status >= 500 ? TALLY_WITNESS_TRY_LATER : TALLY_WITNESS_REFUSED;
}

/* A 409 says which size the witness knows. One that says something else means that the roots differ: there is
 * nothing to ask again for. */
static bool read_size(tally_text body, uint64_t *size)
{
    tally_lines lines = tally_lines_over(body.bytes, body.length);
    tally_text line;
    return tally_lines_next(&lines, &line) && lines.at == lines.end && tally_line_number(line, size);
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
    if (outcome == NULL || old_size == NULL || needed == NULL || note == NULL || (body == NULL && body_length != 0) ||
        (signed_note == NULL && capacity != 0) || (witnesses == NULL && witness_count != 0))
        return tally_fail(error, TALLY_E_NULL, "answer, note, witnesses and room for the outcome are needed");
    if (http_status < 100 || http_status > 599)
        return tally_fail(error, TALLY_E_RANGE, "%u is no HTTP status", http_status);
    if (body_length > TALLY_NOTE_BYTES_MAX || length > TALLY_NOTE_BYTES_MAX || capacity > PTRDIFF_MAX)
        return tally_fail(error, TALLY_E_LENGTH, "the answer, the note or the buffer is too long");
    if (witness_count > TALLY_SIGNATURES_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "at most %u witnesses can be named", TALLY_SIGNATURES_MAX);
    tally_text answer = {body_length == 0 ? "" : body, body_length};
    uint32_t found = outcome_of(http_status);
    tally_status status = TALLY_OK;
    if (found == TALLY_WITNESS_BEHIND && !read_size(answer, old_size)) found = TALLY_WITNESS_REFUSED;
    if (found == TALLY_WITNESS_SIGNED) {
        tally_lines_writer writer = tally_lines_into(signed_note, capacity);
        status = sign_note((tally_text){note, length}, answer, witnesses, witness_count, &writer, error);
        if (status == TALLY_OK) status = tally_lines_done(&writer, needed, error);
    }
    if (status == TALLY_OK) *outcome = found;
    return status;
}
