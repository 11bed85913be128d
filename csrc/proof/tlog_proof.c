#include "proof/tlog_proof.h"

#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "proof/body.h"
#include "proof/core.h"
#include "proof/event.h"

static const char first_line[] = "c2sp.org/tlog-proof@v1";

/* Core and body as one base64: 111 bytes are whole groups, the last byte of the core goes with the body. */
static void put_extra(tally_lines_writer *writer, const uint8_t *core, const uint8_t *body, size_t body_length)
{
    uint8_t joint[3] = {core[TALLY_CORE_BYTES - 1], body[0], body[1]};
    tally_lines_put_text(writer, "extra ");
    tally_lines_put_base64(writer, core, TALLY_CORE_BYTES - 1);
    tally_lines_put_base64(writer, joint, sizeof joint);
    tally_lines_put_base64(writer, body + 2, body_length - 2);
    tally_lines_put_text(writer, "\n");
}

void tally_tlog_proof_put(tally_lines_writer *writer, const uint8_t *core, const uint8_t *body, size_t body_length,
                          uint64_t index, const tally_hash *hashes, size_t count, tally_text note)
{
    tally_lines_put_text(writer, first_line);
    tally_lines_put_text(writer, "\n");
    if (core != NULL) put_extra(writer, core, body, body_length);
    tally_lines_put_text(writer, "index ");
    tally_lines_put_number(writer, index);
    tally_lines_put_text(writer, "\n");
    for (size_t i = 0; i < count; i++) {
        tally_lines_put_base64(writer, hashes[i].bytes, sizeof hashes[i].bytes);
        tally_lines_put_text(writer, "\n");
    }
    tally_lines_put_text(writer, "\n");
    tally_lines_put(writer, note.bytes, note.length);
}

/* A proof as it was read; lent by the text. */
typedef struct parts {
    tally_text extra; /* base64, or empty */
    uint64_t index;
    size_t count;
    tally_hash hashes[TALLY_PROOF_HASHES_MAX];
    tally_note note;
    tally_checkpoint checkpoint;
} parts;

static tally_status read_head(tally_lines *lines, parts *read, tally_error *error)
{
    tally_text line, number;
    if (!tally_lines_next(lines, &line) || !tally_text_equal(line, (tally_text){first_line, sizeof first_line - 1}))
        return tally_fail_at(error, TALLY_E_FORMAT, 0, "a proof begins with the line %s", first_line);
    uint64_t offset = tally_lines_offset(lines);
    bool more = tally_lines_next(lines, &line);
    if (more && tally_line_after(line, "extra", &read->extra)) {
        if (read->extra.length == 0) return tally_fail_at(error, TALLY_E_FORMAT, offset, "the extra line is empty");
        offset = tally_lines_offset(lines);
        more = tally_lines_next(lines, &line);
    }
    if (!more || !tally_line_after(line, "index", &number) || !tally_line_number(number, &read->index))
        return tally_fail_at(error, TALLY_E_FORMAT, offset, "the index line of the proof is missing or no number");
    for (;;) {
        offset = tally_lines_offset(lines);
        if (!tally_lines_next(lines, &line))
            return tally_fail_at(error, TALLY_E_FORMAT, offset, "the proof ends before its checkpoint");
        if (line.length == 0) return TALLY_OK;
        if (read->count == TALLY_PROOF_HASHES_MAX)
            return tally_fail_at(error, TALLY_E_LIMIT, offset, "more than %u hashes", TALLY_PROOF_HASHES_MAX);
        if (!tally_line_hash(line, read->hashes[read->count].bytes))
            return tally_fail_at(error, TALLY_E_FORMAT, offset, "a line of the proof is no hash in base64");
        read->count++;
    }
}

/* The note begins behind the empty line: what is wrong in it is that much further in the proof. */
static tally_status read_note(tally_lines *lines, parts *read, tally_error *error)
{
    tally_status status = tally_note_read(lines->at, (size_t)(lines->end - lines->at), false, &read->note, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read->note.text, &read->checkpoint, error);
    if (status != TALLY_OK && error != NULL && error->position != TALLY_POSITION_NONE)
        error->position += tally_lines_offset(lines);
    return status;
}

static tally_status read_parts(const char *proof, size_t length, parts *read, tally_error *error)
{
    memset(read, 0, sizeof *read);
    if (proof == NULL) return tally_fail(error, TALLY_E_NULL, "a proof is needed");
    if (length == 0 || length > TALLY_PROOF_BYTES_MAX)
        return tally_fail(error, TALLY_E_LENGTH, "a proof has 1 to %u bytes", TALLY_PROOF_BYTES_MAX);
    tally_lines lines = tally_lines_over(proof, length);
    tally_status status = read_head(&lines, read, error);
    return status != TALLY_OK ? status : read_note(&lines, read, error);
}

/* Nothing in an event repeats the origin of its log: what binds it to the log is the tree. What is checked here is
 * that core and body are one event, and the one at the proof's index. */
static tally_status check_event(const parts *read, const uint8_t *bytes, size_t length, tally_event *event,
                                tally_error *error)
{
    const uint8_t *body_bytes = bytes + TALLY_CORE_BYTES;
    size_t body_length = length - TALLY_CORE_BYTES;
    tally_core core;
    tally_body_view body;
    uint8_t digest[TALLY_DIGEST_BYTES];
    tally_status status = tally_core_decode(bytes, &core, error);
    if (status != TALLY_OK) return status;
    if (core.position != read->index)
        return tally_fail_at(error, TALLY_E_DAMAGED, core.position,
                             "the core is that of another event than the index says");
    tally_body_digest(core.digest_algorithm, body_bytes, body_length, digest);
    if (sodium_memcmp(digest, core.body_digest, sizeof digest) != 0)
        return tally_fail_at(error, TALLY_E_DAMAGED, core.position, "the body in the proof is not that of the core");
    status = tally_body_decode(body_bytes, body_length, &body, error);
    if (status != TALLY_OK) return status;
    tally_event_fill(&core, bytes, &body, body_bytes, body_length, event);
    event->data_state = TALLY_DATA_KEY_MISSING;
    return TALLY_OK;
}

static tally_status read_event(const parts *read, uint8_t *buffer, size_t capacity, tally_event *event,
                               tally_error *error)
{
    uint8_t bytes[TALLY_CORE_BYTES + TALLY_BODY_MAX];
    size_t length;
    if (read->extra.length == 0)
        return tally_fail(error, TALLY_E_FORMAT,
                          "the proof has no extra line: it proves a hash, not what the event says");
    if (!tally_base64_read(read->extra, bytes, sizeof bytes, &length) ||
        length < TALLY_CORE_BYTES + TALLY_BODY_FIXED_BYTES)
        return tally_fail(error, TALLY_E_FORMAT, "the extra line of the proof holds no core and body in base64");
    if (length > capacity)
        return tally_fail_at(error, TALLY_E_SPACE, length, "core and body need %zu bytes, the buffer has %zu", length,
                             capacity);
    memcpy(buffer, bytes, length);
    return check_event(read, buffer, length, event, error);
}

static tally_status check_data(const void *stored, size_t length, tally_event *event, tally_error *error)
{
    tally_core core;
    tally_body_view body;
    uint8_t digest[TALLY_DIGEST_BYTES];
    tally_status status = tally_core_decode(event->core, &core, error);
    if (status == TALLY_OK) status = tally_body_decode(event->body, event->body_length, &body, error);
    if (status != TALLY_OK) return status;
    if (length == body.stored_length) tally_digest(core.digest_algorithm, TALLY_DOMAIN_DATA, stored, length, digest);
    if (length != body.stored_length || sodium_memcmp(digest, body.data_digest, sizeof digest) != 0)
        return tally_fail_at(error, TALLY_E_DAMAGED, core.position, "the data are not those of the event");
    if (body.seal_algorithm != TALLY_SEAL_NONE) return TALLY_OK;
    event->data = (const uint8_t *)stored + TALLY_SALT_BYTES;
    event->length = (size_t)body.plain_length;
    event->data_state = TALLY_DATA_READABLE;
    return TALLY_OK;
}

/* The leaf under the checkpoint; the checkpoint's signatures have been checked. */
static tally_status check_inclusion(const parts *read, const tally_hash *leaf, tally_error *error)
{
    if (read->index >= read->checkpoint.size)
        return tally_fail_at(error, TALLY_E_PROOF, read->index, "the checkpoint does not reach as far as this event");
    return tally_inclusion_verify(leaf, read->index, read->checkpoint.size, read->hashes, read->count,
                                  &read->checkpoint.root, error);
}

static tally_status check_note(const parts *read, const tally_policy *policy, tally_proven *proven, tally_error *error)
{
    proven->position = read->index;
    proven->tree_size = read->checkpoint.size;
    proven->root = read->checkpoint.root;
    return tally_note_verify(&read->note, policy, &read->checkpoint, &proven->signatures, error);
}

static tally_status verify(const parts *read, const tally_policy *policy, const void *stored, size_t stored_length,
                           void *buffer, size_t capacity, tally_proven *proven, tally_error *error)
{
    tally_status status = check_note(read, policy, proven, error);
    if (status == TALLY_OK) status = read_event(read, buffer, capacity, &proven->event, error);
    if (status != TALLY_OK) return status;
    tally_core_event_hash(proven->event.core, proven->event_hash.bytes);
    status = check_inclusion(read, &proven->event_hash, error);
    if (status != TALLY_OK) return status;
    proven->has_event = 1;
    if (stored == NULL) return TALLY_OK;
    proven->data_given = 1;
    return check_data(stored, stored_length, &proven->event, error);
}

tally_status tally_proof_verify(const char *proof, size_t length, const void *stored, size_t stored_length,
                                const tally_policy *policy, void *buffer, size_t capacity, tally_proven *proven,
                                tally_error *error)
{
    tally_error_clear(error);
    if (proven == NULL) return tally_fail(error, TALLY_E_NULL, "room for what is proven is needed");
    memset(proven, 0, sizeof *proven);
    if (buffer == NULL || (stored == NULL && stored_length != 0))
        return tally_fail(error, TALLY_E_NULL, "the buffer or the data are NULL");
    if (stored_length > PTRDIFF_MAX || capacity > PTRDIFF_MAX)
        return tally_fail(error, TALLY_E_LENGTH, "the length of the data or of the buffer cannot be true");
    tally_policy wanted;
    parts read;
    tally_status status = tally_policy_read(policy, &wanted, error);
    if (status == TALLY_OK) status = read_parts(proof, length, &read, error);
    if (status == TALLY_OK) status = verify(&read, &wanted, stored, stored_length, buffer, capacity, proven, error);
    if (status != TALLY_OK) memset(proven, 0, sizeof *proven);
    return status;
}

tally_status tally_proof_verify_hash(const char *proof, size_t length, const tally_hash *event_hash,
                                     const tally_policy *policy, tally_proven *proven, tally_error *error)
{
    tally_error_clear(error);
    if (proven == NULL) return tally_fail(error, TALLY_E_NULL, "room for what is proven is needed");
    memset(proven, 0, sizeof *proven);
    if (event_hash == NULL) return tally_fail(error, TALLY_E_NULL, "the hash of the event is needed");
    tally_policy wanted;
    parts read;
    tally_status status = tally_policy_read(policy, &wanted, error);
    if (status == TALLY_OK) status = read_parts(proof, length, &read, error);
    if (status == TALLY_OK) status = check_note(&read, &wanted, proven, error);
    if (status == TALLY_OK) status = check_inclusion(&read, event_hash, error);
    if (status == TALLY_OK) proven->event_hash = *event_hash;
    else memset(proven, 0, sizeof *proven);
    return status;
}
