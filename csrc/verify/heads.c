#define __USE_MINGW_ANSI_STDIO 1

#include "verify/heads.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "proof/note.h"

/* -------------------------------------------------------------------------------------------- open */

static tally_status check_keys(const tally_text *keys, size_t count, tally_error *error)
{
    if (count > TALLY_VERIFY_KEYS_LIMIT)
        return tally_fail(error, TALLY_E_LIMIT, "at most %u keys", TALLY_VERIFY_KEYS_LIMIT);
    for (size_t i = 0; i < count; i++) {
        tally_public_key key;
        tally_status status = tally_public_key_read(keys[i], &key, error);
        if (status == TALLY_OK && key.algorithm != TALLY_KEY_ED25519)
            status = tally_fail(error, TALLY_E_KEY, "a key of a witness is no key of a log");
        if (status != TALLY_OK && error != NULL) error->position = i;
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

tally_status tally_judged_heads_open(tally_judged_heads *heads, const tally_folder *folder, const tally_text *keys,
                                     size_t key_count, tally_bad *bad, tally_error *error)
{
    tally_error why = {.status = TALLY_OK};
    *heads = (tally_judged_heads){.platform = folder->platform, .folder = folder, .keys = keys, .key_count = key_count};
    tally_status status = check_keys(keys, key_count, error);
    if (status != TALLY_OK) return status;
    status = tally_notes_open(&heads->notes, folder, false, &why);
    heads->opened = status == TALLY_OK;
    if (status == TALLY_OK) return TALLY_OK;
    if (status == TALLY_E_DAMAGED || status == TALLY_E_FORMAT || status == TALLY_E_IO) {
        tally_bad_set(bad, TALLY_REASON_UNREADABLE, 0, TALLY_POSITION_NONE, TALLY_NAME_CHECKPOINTS, why.position, "%s",
                      why.message);
        return TALLY_OK;
    }
    if (error != NULL) *error = why;
    return status;
}

void tally_judged_heads_close(tally_judged_heads *heads)
{
    const tally_platform *platform = heads->platform;
    if (platform == NULL) return;
    if (heads->opened) tally_notes_close(&heads->notes);
    platform->release(platform->context, heads->heads);
    platform->release(platform->context, heads->stops);
    platform->release(platform->context, heads->rotations);
    platform->release(platform->context, heads->text);
    memset(heads, 0, sizeof *heads);
}

static bool is_before(const tally_judged_head *a, const tally_judged_head *b)
{
    return a->size != b->size ? a->size < b->size : a->number < b->number;
}

/* They are nearly sorted: a head is rarely kept after a larger one. */
static void insert(tally_judged_heads *heads, const tally_judged_head *head)
{
    size_t at = heads->count++;
    for (; at > 0 && is_before(head, &heads->heads[at - 1]); at--) heads->heads[at] = heads->heads[at - 1];
    heads->heads[at] = *head;
}

static tally_status read_text(tally_judged_heads *heads, size_t number, tally_checkpoint *checkpoint,
                              tally_error *error)
{
    tally_status status = tally_notes_read(&heads->notes, number, heads->text, error);
    if (status != TALLY_OK) return status;
    return tally_checkpoint_read(heads->text, heads->notes.kept[number].length, checkpoint, error);
}

static void cannot_read(const tally_judged_heads *heads, size_t number, const tally_error *why, tally_bad *bad)
{
    if (bad->reason != TALLY_REASON_NONE) return;
    tally_bad_set(bad, TALLY_REASON_UNREADABLE, 0, TALLY_POSITION_NONE, TALLY_NAME_CHECKPOINTS,
                  heads->notes.kept[number].offset, "%s", why->message);
}

tally_status tally_judged_heads_begin(tally_judged_heads *heads, const char *origin, const tally_checkpoint *since,
                                      tally_bad *bad, tally_error *error)
{
    const tally_platform *platform = heads->platform;
    size_t most = (heads->opened ? heads->notes.count : 0) + 1;
    (void)tally_text_copy(heads->origin, sizeof heads->origin, origin, strlen(origin));
    heads->heads = platform->allocate(platform->context, most * sizeof *heads->heads);
    heads->stops = platform->allocate(platform->context, most * sizeof *heads->stops);
    heads->text = platform->allocate(platform->context, TALLY_NOTE_BYTES_MAX);
    if (heads->heads == NULL || heads->stops == NULL || heads->text == NULL)
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the checkpoints");
    for (size_t i = 0; i + 1 < most; i++) {
        tally_checkpoint checkpoint;
        tally_error why = {.status = TALLY_OK};
        tally_status status = read_text(heads, i, &checkpoint, &why);
        if (status != TALLY_OK) {
            cannot_read(heads, i, &why, bad);
            continue;
        }
        insert(heads, &(tally_judged_head){.size = checkpoint.size, .root = checkpoint.root, .number = i});
    }
    if (since != NULL)
        insert(heads, &(tally_judged_head){.size = since->size, .root = since->root, .number = SIZE_MAX});
    for (size_t i = 0; i < heads->count; i++)
        if (i == 0 || heads->heads[i].size != heads->heads[i - 1].size)
            heads->stops[heads->stop_count++] = heads->heads[i].size;
    return TALLY_OK;
}

tally_status tally_judged_heads_rotate(tally_judged_heads *heads, const tally_rotation *rotation, tally_error *error)
{
    const tally_platform *platform = heads->platform;
    tally_public_key key;
    tally_text vkey = {rotation->vkey, strlen(rotation->vkey)};
    if (tally_public_key_read(vkey, &key, NULL) != TALLY_OK || key.algorithm != TALLY_KEY_ED25519) return TALLY_OK;
    if (heads->rotation_count == heads->rotation_capacity) {
        size_t capacity = heads->rotation_capacity == 0 ? 4 : 2 * heads->rotation_capacity;
        void *larger = platform->resize(platform->context, heads->rotations, capacity * sizeof *heads->rotations);
        if (larger == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for changes of keys");
        heads->rotations = larger;
        heads->rotation_capacity = capacity;
    }
    heads->rotations[heads->rotation_count++] = *rotation;
    return TALLY_OK;
}

/* --------------------------------------------------------------------------------------- signatures */

static tally_status ask(const tally_judged_heads *heads, size_t length, const tally_text *keys, size_t count)
{
    tally_checkpoint checkpoint;
    tally_policy policy = {
        .size = sizeof policy, .keys = keys, .key_count = count, .origin = {heads->origin, strlen(heads->origin)}};
    return tally_checkpoint_verify(heads->text, length, &policy, &checkpoint, NULL, NULL);
}

/* The caller's keys, and those that the log names and a believed key has confirmed; at most the newest of them. */
static size_t believed(const tally_judged_heads *heads, tally_text *keys, size_t capacity)
{
    size_t count = 0;
    for (; count < heads->key_count; count++) keys[count] = heads->keys[count];
    for (size_t i = heads->rotation_count; i-- > 0 && count < capacity;) {
        const tally_rotation *rotation = &heads->rotations[i];
        if (rotation->confirmed) keys[count++] = (tally_text){rotation->vkey, strlen(rotation->vkey)};
    }
    return count;
}

#define BELIEVED_MAX (TALLY_VERIFY_KEYS_LIMIT + 16u)

/* A line that is good by a believed key, but for the four bytes that name the key. */
static bool has_wrong_id(const tally_judged_heads *heads, size_t length, const tally_text *keys, size_t count)
{
    tally_note note;
    if (tally_note_read(heads->text, length, true, &note, NULL) != TALLY_OK) return false;
    for (size_t i = 0; i < count; i++) {
        for (size_t line = 0; line < note.count; line++) {
            tally_public_key key;
            if (tally_public_key_read(keys[i], &key, NULL) != TALLY_OK) continue;
            uint64_t time_s;
            if (memcmp(key.id, note.lines[line].id, sizeof key.id) == 0) continue;
            memcpy(key.id, note.lines[line].id, sizeof key.id);
            if (tally_note_line_verify(&note.lines[line], note.text, &key, &time_s) == TALLY_LINE_GOOD) return true;
        }
    }
    return false;
}

/* A head that covers a change of keys, and is signed by a key that was believed before, confirms it. */
static void confirm(tally_judged_heads *heads, const tally_judged_head *head, size_t length)
{
    tally_text keys[BELIEVED_MAX];
    for (size_t i = 0; i < heads->rotation_count; i++) {
        tally_rotation *rotation = &heads->rotations[i];
        if (rotation->confirmed || rotation->position >= head->size) continue;
        rotation->confirmed = ask(heads, length, keys, believed(heads, keys, BELIEVED_MAX)) == TALLY_OK;
    }
}

/* The key that has to have signed a head of this size; NULL: any that is believed. */
static const tally_rotation *active_at(const tally_judged_heads *heads, uint64_t size)
{
    const tally_rotation *active = NULL;
    for (size_t i = 0; i < heads->rotation_count; i++)
        if (heads->rotations[i].confirmed && heads->rotations[i].first <= size) active = &heads->rotations[i];
    return active;
}

static uint32_t reason_of(const tally_judged_heads *heads, tally_status status, size_t length, const tally_text *keys,
                          size_t count)
{
    if (status == TALLY_E_SIGNATURE) return TALLY_REASON_BAD_SIGNATURE;
    if (status == TALLY_E_ORIGIN) return TALLY_REASON_WRONG_ORIGIN;
    return has_wrong_id(heads, length, keys, count) ? TALLY_REASON_WRONG_KEY_ID : TALLY_REASON_UNKNOWN_KEY;
}

static uint32_t judge_text(tally_judged_heads *heads, const tally_judged_head *head, const tally_checkpoint *checkpoint)
{
    tally_text keys[BELIEVED_MAX];
    size_t length = heads->notes.kept[head->number].length;
    if (!tally_text_equal(checkpoint->origin, (tally_text){heads->origin, strlen(heads->origin)}))
        return TALLY_REASON_WRONG_ORIGIN;
    if (heads->key_count == 0) return TALLY_REASON_NONE;
    heads->checked++;
    confirm(heads, head, length);
    size_t count = believed(heads, keys, BELIEVED_MAX);
    tally_status status = ask(heads, length, keys, count);
    const tally_rotation *active = active_at(heads, head->size);
    if (status == TALLY_OK && active != NULL) {
        tally_text key = {active->vkey, strlen(active->vkey)};
        status = ask(heads, length, &key, 1);
    }
    return status == TALLY_OK ? TALLY_REASON_NONE : reason_of(heads, status, length, keys, count);
}

/* All before it are judged: a change of keys is confirmed by the first head that covers it. */
static tally_status judge(tally_judged_heads *heads, size_t i, tally_error *error)
{
    tally_judged_head *head = &heads->heads[i];
    tally_checkpoint checkpoint;
    head->verdict = TALLY_VERDICT_GOOD;
    if (head->number == SIZE_MAX) return TALLY_OK;
    tally_status status = read_text(heads, head->number, &checkpoint, error);
    if (status == TALLY_E_NO_MEMORY) return status;
    head->reason = status == TALLY_OK ? judge_text(heads, head, &checkpoint) : TALLY_REASON_UNREADABLE;
    if (head->reason == TALLY_REASON_UNKNOWN_KEY) head->verdict = TALLY_VERDICT_UNKNOWN;
    else if (head->reason != TALLY_REASON_NONE) head->verdict = TALLY_VERDICT_BAD;
    return TALLY_OK;
}

static const char *describe(uint32_t reason)
{
    switch (reason) {
    case TALLY_REASON_BAD_SIGNATURE: return "its signature by a believed key does not check";
    case TALLY_REASON_UNKNOWN_KEY: return "no key that is believed, and may sign it, has signed it";
    case TALLY_REASON_WRONG_ORIGIN: return "it is a checkpoint of another log";
    case TALLY_REASON_WRONG_KEY_ID: return "its signature is that of a believed key, and names another one";
    default: return "it cannot be read";
    }
}

static void tell(const tally_judged_heads *heads, const tally_judged_head *head, uint32_t reason, uint64_t place,
                 const char *what, tally_bad *bad)
{
    if (head->number == SIZE_MAX) {
        tally_bad_set(bad, reason, place, TALLY_POSITION_NONE, "", TALLY_POSITION_NONE,
                      "the head over %" PRIu64 " events that was verified before: %s", head->size, what);
        return;
    }
    uint64_t offset = heads->notes.kept[head->number].offset;
    tally_bad_set(bad, reason, place, TALLY_POSITION_NONE, TALLY_NAME_CHECKPOINTS, offset,
                  TALLY_NAME_CHECKPOINTS ", offset %" PRIu64 ": the head over %" PRIu64 " events: %s", offset,
                  head->size, what);
}

/* ------------------------------------------------------------------------------------------- roots */

tally_status tally_judged_heads_root(tally_judged_heads *heads, uint64_t size, const tally_hash *root, bool *good,
                                     tally_bad *bad, tally_error *error)
{
    *good = false;
    for (; heads->judged < heads->count && heads->heads[heads->judged].size <= size; heads->judged++) {
        tally_judged_head *head = &heads->heads[heads->judged];
        tally_status status = judge(heads, heads->judged, error);
        if (status != TALLY_OK) return status;
        if (head->size != size) continue;
        head->rooted = memcmp(root, &head->root, sizeof *root) == 0;
        /* NOLINTNEXTLINE(bugprone-branch-clone) */
        if (head->verdict == TALLY_VERDICT_BAD) tell(heads, head, head->reason, size, describe(head->reason), bad);
        else if (!head->rooted && head->verdict == TALLY_VERDICT_UNKNOWN)
            tell(heads, head, head->reason, size, describe(head->reason), bad);
        else if (!head->rooted)
            tell(heads, head, TALLY_REASON_SPLIT_VIEW, size, "the events that are here have another root", bad);
        if (bad->reason != TALLY_REASON_NONE) {
            heads->judged++;
            return TALLY_OK;
        }
        if (head->verdict != TALLY_VERDICT_GOOD) continue;
        *good = true;
        if (head->number != SIZE_MAX && heads->key_count != 0) heads->covered = size;
    }
    return TALLY_OK;
}

/* More events than there are. */
static void tell_beyond(const tally_judged_heads *heads, const tally_judged_head *head, uint64_t events, tally_bad *bad)
{
    if (head->number == SIZE_MAX) tell(heads, head, TALLY_REASON_ROLLED_BACK, events, "the log has fewer events", bad);
    else if (head->verdict == TALLY_VERDICT_GOOD)
        tell(heads, head, TALLY_REASON_CHECKPOINT_NOT_REACHED, events, "the log ends before it", bad);
    else tell(heads, head, head->reason, events, describe(head->reason), bad);
}

tally_status tally_judged_heads_finish(tally_judged_heads *heads, uint64_t events, tally_bad *bad, tally_error *error)
{
    for (; heads->judged < heads->count; heads->judged++) {
        tally_status status = judge(heads, heads->judged, error);
        if (status != TALLY_OK) return status;
    }
    for (size_t i = 0; i < heads->count && bad->reason == TALLY_REASON_NONE; i++) {
        const tally_judged_head *head = &heads->heads[i];
        bool made_up = head->verdict == TALLY_VERDICT_UNKNOWN && heads->covered >= head->size && heads->covered != 0;
        if (head->size > events) tell_beyond(heads, head, events, bad);
        else if (head->verdict != TALLY_VERDICT_GOOD && !made_up)
            tell(heads, head, head->reason, events, describe(head->reason), bad);
    }
    return TALLY_OK;
}
