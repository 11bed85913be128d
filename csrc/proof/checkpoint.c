/* Checkpoints (C2SP tlog-checkpoint): the text of a note that says origin, size and root; whose signatures
 * count is the policy's to say. */
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "proof/note.h"

tally_status tally_checkpoint_read_text(tally_text text, tally_checkpoint *checkpoint, tally_error *error)
{
    memset(checkpoint, 0, sizeof *checkpoint);
    tally_lines lines = tally_lines_over(text.bytes, text.length);
    tally_checkpoint read = {0};
    tally_text size, root, more;
    if (!tally_lines_next(&lines, &read.origin) || read.origin.length == 0)
        return tally_fail_at(error, TALLY_E_FORMAT, 0, "a checkpoint begins with its origin");
    uint64_t offset = tally_lines_offset(&lines);
    if (!tally_lines_next(&lines, &size) || !tally_line_number(size, &read.size))
        return tally_fail_at(error, TALLY_E_FORMAT, offset, "the second line of a checkpoint is its size in decimal");
    offset = tally_lines_offset(&lines);
    if (!tally_lines_next(&lines, &root) || !tally_line_hash(root, read.root.bytes))
        return tally_fail_at(error, TALLY_E_FORMAT, offset, "the third line of a checkpoint is its root in base64");
    while (lines.at < lines.end) { /* extension lines say what they want, but something */
        offset = tally_lines_offset(&lines);
        if (!tally_lines_next(&lines, &more) || more.length == 0)
            return tally_fail_at(error, TALLY_E_FORMAT, offset, "an extension line of the checkpoint is empty");
    }
    *checkpoint = read;
    return TALLY_OK;
}

void tally_checkpoint_put(tally_lines_writer *writer, tally_text origin, uint64_t size, const tally_hash *root)
{
    tally_lines_put(writer, origin.bytes, origin.length);
    tally_lines_put_text(writer, "\n");
    tally_lines_put_number(writer, size);
    tally_lines_put_text(writer, "\n");
    tally_lines_put_base64(writer, root->bytes, sizeof root->bytes);
    tally_lines_put_text(writer, "\n");
}

tally_status tally_policy_read(const tally_policy *policy, tally_policy *copy, tally_error *error)
{
    if (policy == NULL) return tally_fail(error, TALLY_E_NULL, "a policy with at least one key is needed");
    tally_status status = tally_options_read(copy, sizeof *copy, sizeof *copy, policy, "tally_policy", error);
    if (status != TALLY_OK) return status;
    if (copy->keys == NULL || copy->key_count == 0)
        return tally_fail(error, TALLY_E_NULL, "the policy names no key of the log");
    if (copy->witnesses == NULL && copy->witness_count != 0)
        return tally_fail(error, TALLY_E_NULL, "the witnesses of the policy are NULL");
    if (copy->key_count > TALLY_SIGNATURES_MAX || copy->witness_count > TALLY_SIGNATURES_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "a policy names at most %u keys and %u witnesses", TALLY_SIGNATURES_MAX,
                          TALLY_SIGNATURES_MAX);
    if (copy->witnesses_needed > copy->witness_count)
        return tally_fail(error, TALLY_E_RANGE, "%zu witnesses are needed and %zu are named", copy->witnesses_needed,
                          copy->witness_count);
    return TALLY_OK;
}

/* One key against all lines: whether it signed. A bad line of a known key rejects the note. */
static tally_status look_for(const tally_note *note, const tally_public_key *key, uint64_t *known, bool *found,
                             uint64_t *time_s, tally_error *error)
{
    *found = false;
    for (size_t i = 0; i < note->count; i++) {
        uint64_t stated;
        enum tally_line_verdict verdict = tally_note_line_verify(&note->lines[i], note->text, key, &stated);
        if (verdict == TALLY_LINE_OTHER) continue;
        *known |= UINT64_C(1) << i;
        if (verdict == TALLY_LINE_BAD)
            return tally_fail_at(error, TALLY_E_SIGNATURE, i, "signature line %zu of the note, by %.*s, does not check", i,
                                 (int)(key->name.length < 100 ? key->name.length : 100), key->name.bytes);
        if (!*found || stated < *time_s) *time_s = stated;
        *found = true;
    }
    return TALLY_OK;
}

static tally_status look_for_all(const tally_note *note, const tally_text *texts, size_t count, uint8_t algorithm,
                                 tally_text origin, bool any_name, tally_signed *signatures, uint64_t *known,
                                 tally_error *error)
{
    for (size_t i = 0; i < count; i++) {
        tally_public_key key;
        bool found, again = false;
        uint64_t time_s = 0;
        tally_status status = tally_public_key_read(texts[i], &key, error);
        if (status != TALLY_OK) return status;
        if (key.algorithm != algorithm)
            return tally_fail_at(error, TALLY_E_KEY, i, algorithm == TALLY_KEY_ED25519
                                                            ? "a key of the log is a witness's key"
                                                            : "a key of a witness is a log's key");
        for (size_t j = 0; j < i; j++) again |= tally_text_equal(texts[i], texts[j]);
        if (again || (!any_name && !tally_text_equal(key.name, origin))) continue;
        status = look_for(note, &key, known, &found, &time_s, error);
        if (status != TALLY_OK) return status;
        if (!found) continue;
        if (algorithm == TALLY_KEY_ED25519 && signatures->by_log++ == 0) signatures->key_index = (uint32_t)i;
        if (algorithm == TALLY_KEY_COSIGNATURE) {
            signatures->by_witnesses++;
            if (signatures->witnessed_s == 0 || (int64_t)time_s < signatures->witnessed_s)
                signatures->witnessed_s = (int64_t)time_s;
        }
    }
    return TALLY_OK;
}

tally_status tally_note_verify(const tally_note *note, const tally_policy *policy, const tally_checkpoint *checkpoint,
                               tally_signed *signatures, tally_error *error)
{
    uint64_t known = 0;
    memset(signatures, 0, sizeof *signatures);
    if (policy->origin.length != 0 && !tally_text_equal(policy->origin, checkpoint->origin))
        return tally_fail(error, TALLY_E_ORIGIN, "the checkpoint is that of another log: its origin is %.*s",
                          (int)(checkpoint->origin.length < 160 ? checkpoint->origin.length : 160),
                          checkpoint->origin.bytes);
    /* A log signs under its origin's name, so a key of another name is no key of this log. */
    bool any_name = policy->origin.length != 0;
    tally_status status = look_for_all(note, policy->keys, policy->key_count, TALLY_KEY_ED25519, checkpoint->origin,
                                       any_name, signatures, &known, error);
    if (status == TALLY_OK)
        status = look_for_all(note, policy->witnesses, policy->witness_count, TALLY_KEY_COSIGNATURE,
                              checkpoint->origin, true, signatures, &known, error);
    if (status != TALLY_OK) {
        memset(signatures, 0, sizeof *signatures);
        return status;
    }
    for (size_t i = 0; i < note->count; i++) signatures->unknown += (known >> i & 1) == 0;
    if (signatures->by_log == 0)
        return tally_fail(error, TALLY_E_UNKNOWN_KEY, "no key of the policy has signed the checkpoint of %.*s",
                          (int)(checkpoint->origin.length < 160 ? checkpoint->origin.length : 160),
                          checkpoint->origin.bytes);
    if (signatures->by_witnesses < policy->witnesses_needed)
        return tally_fail(error, TALLY_E_UNKNOWN_KEY, "%u of the %zu witnesses that are needed have signed",
                          signatures->by_witnesses, policy->witnesses_needed);
    return TALLY_OK;
}

tally_status tally_checkpoint_read(const char *note, size_t length, tally_checkpoint *checkpoint, tally_error *error)
{
    tally_error_clear(error);
    if (checkpoint == NULL) return tally_fail(error, TALLY_E_NULL, "room for the checkpoint is needed");
    memset(checkpoint, 0, sizeof *checkpoint);
    tally_note read;
    tally_status status = tally_note_read(note, length, true, &read, error);
    return status != TALLY_OK ? status : tally_checkpoint_read_text(read.text, checkpoint, error);
}

tally_status tally_checkpoint_verify(const char *note, size_t length, const tally_policy *policy,
                                     tally_checkpoint *checkpoint, tally_signed *signatures, tally_error *error)
{
    tally_error_clear(error);
    if (signatures != NULL) memset(signatures, 0, sizeof *signatures);
    if (checkpoint == NULL) return tally_fail(error, TALLY_E_NULL, "room for the checkpoint is needed");
    memset(checkpoint, 0, sizeof *checkpoint);
    tally_policy wanted;
    tally_note read;
    tally_checkpoint said;
    tally_signed counted;
    tally_status status = tally_policy_read(policy, &wanted, error);
    if (status == TALLY_OK) status = tally_note_read(note, length, false, &read, error);
    if (status == TALLY_OK) status = tally_checkpoint_read_text(read.text, &said, error);
    if (status == TALLY_OK) status = tally_note_verify(&read, &wanted, &said, &counted, error);
    if (status != TALLY_OK) return status;
    *checkpoint = said;
    if (signatures != NULL) *signatures = counted;
    return TALLY_OK;
}
