/* Checkpoints (C2SP tlog-checkpoint): the text of a note that says origin, size and root; whose signatures
 * count is the policy's to say. */
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "proof/note.h"

tally_status tally_checkpoint_read_text(tally_text text, tally_checkpoint *checkpoint, tally_error *error)
{
    memset(checkpoint, 0, sizeof *checkpoint);
    if (text.length > TALLY_CHECKPOINT_TEXT_MAX)
        return tally_fail(error, TALLY_E_LENGTH, "the text of a checkpoint has at most %u bytes",
                          TALLY_CHECKPOINT_TEXT_MAX);
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
        uint64_t extension = tally_lines_offset(&lines);
        if (!tally_lines_next(&lines, &more) || more.length == 0)
            return tally_fail_at(error, TALLY_E_FORMAT, extension, "an extension line of the checkpoint is empty");
    }
    tally_hash empty;
    (void)tally_merkle_root(NULL, 0, &empty);
    if (read.size == 0 && memcmp(&read.root, &empty, sizeof empty) != 0)
        return tally_fail_at(error, TALLY_E_FORMAT, offset, "an empty tree has another root than the checkpoint says");
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

/* A list of keys of a policy. */
static tally_status check_keys(const tally_text *keys, size_t count, const char *what, tally_error *error)
{
    if (count > TALLY_SIGNATURES_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "a policy names at most %u %s", TALLY_SIGNATURES_MAX, what);
    if (keys == NULL && count != 0) return tally_fail(error, TALLY_E_NULL, "the %s of the policy are NULL", what);
    return TALLY_OK;
}

tally_status tally_policy_read(const tally_policy *policy, tally_policy *copy, tally_error *error)
{
    memset(copy, 0, sizeof *copy);
    if (policy == NULL) return tally_fail(error, TALLY_E_NULL, "a policy with at least one key is needed");
    tally_status status = tally_options_read(copy, sizeof *copy, sizeof *copy, policy, "tally_policy", error);
    if (status == TALLY_OK) status = check_keys(copy->keys, copy->key_count, "keys", error);
    if (status == TALLY_OK) status = check_keys(copy->witnesses, copy->witness_count, "witnesses", error);
    if (status != TALLY_OK) return status;
    if (copy->key_count == 0) return tally_fail(error, TALLY_E_ARGUMENT, "the policy names no key of the log");
    if (copy->witnesses_needed > copy->witness_count)
        return tally_fail(error, TALLY_E_RANGE, "more witnesses are needed than the policy names");
    if (copy->origin.bytes == NULL && copy->origin.length != 0)
        return tally_fail(error, TALLY_E_NULL, "the origin of the policy is NULL");
    return TALLY_OK;
}

/* What is found while the keys of a policy are compared with the lines of a note. */
typedef struct count {
    const tally_note *note;
    const tally_checkpoint *checkpoint;
    bool any_name;  /* the policy says what the origin is, so a key of the log may have another name */
    bool elsewhere; /* a key of the policy has signed, and the checkpoint is of another log */
    uint64_t known; /* a bit for each line by a key of the policy */
    tally_signed result;
    size_t found_count;
    uint8_t found[TALLY_SIGNATURES_MAX][32]; /* keys that have been counted */
} count;

/* One key against all lines. Any bad line of a known key rejects the note. */
static tally_status look_for(count *counted, const tally_public_key *key, bool *found, uint64_t *time_s,
                             tally_error *error)
{
    const tally_note *note = counted->note;
    *found = false;
    *time_s = 0;
    for (size_t i = 0; i < note->count; i++) {
        uint64_t stated;
        enum tally_line_verdict verdict = tally_note_line_verify(&note->lines[i], note->text, key, &stated);
        if (verdict == TALLY_LINE_OTHER) continue;
        counted->known |= UINT64_C(1) << i;
        if (verdict == TALLY_LINE_BAD)
            return tally_fail_at(error, TALLY_E_SIGNATURE, i, "signature line %zu of the note, by %.*s, does not check",
                                 i, (int)key->name.length, key->name.bytes);
        if (stated > *time_s) *time_s = stated;
        *found = true;
    }
    return TALLY_OK;
}

/* One key counts once, under whatever names a policy has it: a cosignature does not say the witness's name, so the
 * one of a key could be copied under each of them. */
static bool is_new(count *counted, const tally_public_key *key)
{
    for (size_t i = 0; i < counted->found_count; i++)
        if (memcmp(counted->found[i], key->bytes, sizeof key->bytes) == 0) return false;
    memcpy(counted->found[counted->found_count++], key->bytes, sizeof key->bytes);
    return true;
}

static void count_log(count *counted, const tally_public_key *key, size_t index)
{
    if (!counted->any_name && !tally_text_equal(key->name, counted->checkpoint->origin)) {
        counted->elsewhere = true; /* a log signs under the name of its origin */
        return;
    }
    if (is_new(counted, key) && counted->result.by_log++ == 0) counted->result.key_index = (uint32_t)index;
}

static void count_witness(count *counted, const tally_public_key *key, int64_t time_s)
{
    if (!is_new(counted, key)) return;
    if (counted->result.by_witnesses++ == 0 || time_s < counted->result.witnessed_s)
        counted->result.witnessed_s = time_s;
}

static tally_status count_keys(count *counted, const tally_text *texts, size_t text_count, uint8_t algorithm,
                               tally_error *error)
{
    counted->found_count = 0;
    for (size_t i = 0; i < text_count; i++) {
        tally_public_key key;
        bool found;
        uint64_t time_s;
        tally_status status = tally_public_key_read(texts[i], &key, error);
        if (status == TALLY_OK && key.algorithm != algorithm)
            status = tally_fail(error, TALLY_E_KEY,
                                algorithm == TALLY_KEY_ED25519 ? "the key of a witness is among the keys of the log"
                                                               : "the key of a log is among those of the witnesses");
        if (status != TALLY_OK && error != NULL) error->position = i;
        if (status == TALLY_OK) status = look_for(counted, &key, &found, &time_s, error);
        if (status != TALLY_OK) return status;
        if (!found) continue;
        if (algorithm == TALLY_KEY_ED25519) count_log(counted, &key, i);
        else count_witness(counted, &key, (int64_t)time_s);
    }
    return TALLY_OK;
}

/* How much of an origin is shown: what reads it is a message of 256 bytes. */
static int shown(tally_text origin) { return (int)(origin.length < 160 ? origin.length : 160); }

tally_status tally_note_verify(const tally_note *note, const tally_policy *policy, const tally_checkpoint *checkpoint,
                               tally_signed *signatures, tally_error *error)
{
    tally_text origin = checkpoint->origin;
    memset(signatures, 0, sizeof *signatures);
    if (policy->origin.length != 0 && !tally_text_equal(policy->origin, origin))
        return tally_fail(error, TALLY_E_ORIGIN, "the checkpoint is that of another log: its origin is %.*s",
                          shown(origin), origin.bytes);
    count counted = {.note = note, .checkpoint = checkpoint, .any_name = policy->origin.length != 0};
    tally_status status = count_keys(&counted, policy->keys, policy->key_count, TALLY_KEY_ED25519, error);
    if (status == TALLY_OK)
        status = count_keys(&counted, policy->witnesses, policy->witness_count, TALLY_KEY_COSIGNATURE, error);
    if (status != TALLY_OK) return status;
    for (size_t i = 0; i < note->count; i++) counted.result.unknown += (counted.known >> i & 1) == 0;
    if (counted.result.by_log == 0 && counted.elsewhere)
        return tally_fail(error, TALLY_E_ORIGIN,
                          "a key of the policy has signed it as the checkpoint of another log, %.*s", shown(origin),
                          origin.bytes);
    if (counted.result.by_log == 0)
        return tally_fail(error, TALLY_E_UNKNOWN_KEY, "no key of the policy has signed the checkpoint of %.*s",
                          shown(origin), origin.bytes);
    if (counted.result.by_witnesses < policy->witnesses_needed)
        return tally_fail(error, TALLY_E_UNKNOWN_KEY, "%u of the %zu witnesses that are needed have signed",
                          counted.result.by_witnesses, policy->witnesses_needed);
    *signatures = counted.result;
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
