#define __USE_MINGW_ANSI_STDIO 1

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "handle/thread.h"
#include "sign/signer_body.h"

/* ------------------------------------------------------------------------------------------ making */

typedef struct making {
    uint64_t size;
    tally_hash root;
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    size_t count;
    tally_hash old_root;
    uint64_t old_size;
    char text[TALLY_CHECKPOINT_TEXT_MAX];
    size_t text_length;
    char note[4096];
    size_t length;
} making;

/* That the tree extends what was signed, by a proof that anybody could check. */
static tally_status prove_extension(tally_head_signer *signer, const tally_view *view, making *head, tally_error *error)
{
    tally_hash roots[2];
    head->old_size = signer->last.set ? signer->last.size : 0;
    if (head->old_size > head->size) return tally_signer_shorter(head->size, head->old_size, "the signer", error);
    tally_status status = tally_tree_consistency(&signer->tree, view, head->old_size, head->size, head->hashes,
                                                 &head->count, roots, error);
    if (status != TALLY_OK) return status;
    head->root = roots[1];
    head->old_root = roots[0];
    if (!signer->last.set || memcmp(&roots[0], &signer->last.root, sizeof roots[0]) == 0) return TALLY_OK;
    return tally_signer_differs(head->old_size, "what was signed last", error);
}

static tally_status write_text(const tally_head_signer *signer, making *head, tally_error *error)
{
    tally_lines_writer writer = {head->text, sizeof head->text, 0};
    tally_checkpoint_put(&writer, (tally_text){signer->origin, strlen(signer->origin)}, head->size, &head->root);
    return tally_lines_done(&writer, &head->text_length, error);
}

static tally_status sign_with(const tally_signing_key *key, const making *head, tally_lines_writer *writer,
                              tally_error *error)
{
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    tally_sign_request request = {.note = {head->text, head->text_length},
                                  .old_size = head->old_size,
                                  .old_root = head->old_root,
                                  .new_size = head->size,
                                  .new_root = head->root,
                                  .consistency = head->hashes,
                                  .consistency_count = head->count};
    tally_status status = tally_signing_key_sign(key, &request, signature, error);
    if (status == TALLY_OK) tally_note_put_line(writer, &key->public_key, signature, sizeof signature);
    return status;
}

static tally_status sign(tally_head_signer *signer, making *head, tally_error *error)
{
    tally_lines_writer writer = {head->note, sizeof head->note, 0};
    tally_lines_put(&writer, head->text, head->text_length);
    tally_lines_put_text(&writer, "\n");
    tally_status status = sign_with(&signer->key, head, &writer, error);
    if (status == TALLY_OK && signer->both_left != 0) status = sign_with(&signer->old_key, head, &writer, error);
    return status == TALLY_OK ? tally_lines_done(&writer, &head->length, error) : status;
}

static void count_mirror(tally_head_signer *signer, tally_status status, const tally_error *error)
{
    if (status == TALLY_OK) return;
    signer->mirror_failures++;
    (void)snprintf(signer->failure, sizeof signer->failure, "%s", error->message);
}

/* Given away: the head stands, whatever becomes of these. */
static void give_away(tally_head_signer *signer, const char *note, size_t length)
{
    tally_error error = {.status = TALLY_OK};
    if (tally_outside_is_used(&signer->remembered_place))
        count_mirror(signer, tally_outside_replace(&signer->remembered_place, note, length, &error), &error);
    if (tally_outside_is_used(&signer->mirror_place))
        count_mirror(signer, tally_outside_replace(&signer->mirror_place, note, length, &error), &error);
    if (signer->mirror == NULL) return;
    tally_callback inside;
    tally_callback_enter(&inside);
    int32_t answer = signer->mirror(signer->mirror_data, note, length);
    tally_callback_leave(&inside);
    if (answer == 0) return;
    tally_status status = tally_fail(&error, TALLY_E_IO, "the mirror's callback failed: it answered %d", (int)answer);
    count_mirror(signer, status, &error);
}

static bool has_mirror(const tally_head_signer *signer)
{
    return signer->mirror != NULL || tally_outside_is_used(&signer->mirror_place);
}

static tally_status adopt_newest(tally_head_signer *signer, const char *note, size_t length, uint64_t size,
                                 const tally_hash *root, tally_error *error)
{
    const tally_platform *platform = signer->platform;
    if (signer->newest == NULL) signer->newest = platform->allocate(platform->context, TALLY_NOTE_BYTES_MAX);
    if (signer->newest == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a checkpoint");
    memcpy(signer->newest, note, length);
    signer->newest_length = length;
    signer->newest_size = size;
    signer->newest_root = *root;
    signer->newest_believed = true;
    return TALLY_OK;
}

static tally_status keep(tally_head_signer *signer, const tally_view *view, const making *head, tally_error *error)
{
    uint32_t flags = has_mirror(signer) ? TALLY_NOTE_PINNED : 0;
    tally_status status = tally_notes_append(&signer->notes, head->note, head->length, flags, error);
    if (status != TALLY_OK) return status;
    (void)tally_notes_tidy(&signer->notes, view, NULL); /* what is too much is dropped another time */
    return adopt_newest(signer, head->note, head->length, head->size, &head->root, error);
}

static bool is_covered(const tally_head_signer *signer, uint64_t size)
{
    return signer->newest_length != 0 && signer->newest_size >= size && signer->both_left != 2;
}

tally_status tally_signer_make(tally_head_signer *signer, const tally_view *view, uint64_t size, tally_error *error)
{
    making head = {.size = size};
    if (is_covered(signer, size)) return TALLY_OK;
    tally_status status = tally_tree_update(&signer->tree, view, size, UINT64_MAX, error);
    if (status == TALLY_OK) status = prove_extension(signer, view, &head, error);
    if (status == TALLY_OK) status = write_text(signer, &head, error);
    if (status == TALLY_OK && signer->guarded && (!signer->last.set || size > signer->state.last.size))
        status = tally_state_write(&signer->state, size, &head.root, error);
    if (status != TALLY_OK) return status;
    /* From here on it counts as signed, whether or not anybody sees it. */
    signer->last = (tally_known_head){true, size, head.root};
    status = sign(signer, &head, error);
    if (status == TALLY_OK) status = keep(signer, view, &head, error);
    if (status != TALLY_OK) return status;
    if (signer->both_left != 0 && --signer->both_left == 0) tally_signing_key_close(&signer->old_key);
    give_away(signer, head.note, head.length);
    return TALLY_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter) */
tally_status tally_signer_make_unsigned(tally_head_signer *signer, const tally_view *view, uint64_t size, char *note,
                                        size_t capacity, size_t *needed, tally_error *error)
{
    tally_hash root;
    tally_lines_writer writer = {note, capacity, 0};
    tally_status status = tally_tree_update(&signer->tree, view, size, UINT64_MAX, error);
    if (status == TALLY_OK) status = tally_tree_root(&signer->tree, view, size, &root, error);
    if (status != TALLY_OK) return status;
    tally_checkpoint_put(&writer, (tally_text){signer->origin, strlen(signer->origin)}, size, &root);
    return tally_lines_done(&writer, needed, error);
}

tally_status tally_signer_refresh(tally_head_signer *signer, tally_error *error)
{
    tally_status status = tally_notes_refresh(&signer->notes, error);
    if (status == TALLY_OK) status = tally_signer_load_newest(signer, error);
    return status;
}

tally_status tally_signer_keep(tally_head_signer *signer, const tally_view *view, uint64_t size, const char *note,
                               size_t length, const tally_text *witnesses, size_t witness_count, tally_error *error)
{
    tally_text keys[TALLY_BELIEVED_MAX];
    tally_checkpoint checkpoint;
    tally_hash root;
    for (size_t i = 0; i < signer->believed.count; i++)
        keys[i] = (tally_text){signer->believed.vkeys[i], strlen(signer->believed.vkeys[i])};
    if (signer->believed.count == 0) return tally_fail(error, TALLY_E_UNKNOWN_KEY, "no key of the log is known");
    tally_policy policy = {.size = sizeof policy,
                           .keys = keys,
                           .key_count = signer->believed.count,
                           .witnesses = witnesses,
                           .witness_count = witness_count,
                           .origin = {signer->origin, strlen(signer->origin)}};
    tally_status status = tally_checkpoint_verify(note, length, &policy, &checkpoint, NULL, error);
    if (status != TALLY_OK) return status;
    if (checkpoint.size > size)
        return tally_fail_at(error, TALLY_E_PROOF, size, "the note is a head over more events than the log has");
    status = tally_tree_update(&signer->tree, view, checkpoint.size, UINT64_MAX, error);
    if (status == TALLY_OK) status = tally_tree_root(&signer->tree, view, checkpoint.size, &root, error);
    if (status != TALLY_OK) return status;
    if (memcmp(&root, &checkpoint.root, sizeof root) != 0)
        return tally_fail_at(error, TALLY_E_PROOF, checkpoint.size, "the note is no head of this log");
    status = tally_notes_append(&signer->notes, note, length, TALLY_NOTE_PINNED, error);
    if (status != TALLY_OK || (signer->newest_length != 0 && checkpoint.size < signer->newest_size)) return status;
    return adopt_newest(signer, note, length, checkpoint.size, &root, error);
}

/* The new key may have its own memory; it begins with what the old one knew. */
static tally_status change_state(tally_head_signer *signer, const tally_signing *signing, tally_error *error)
{
    tally_state_file state;
    tally_outside place;
    bool used;
    tally_status status = tally_signer_find_state(signer, signing, &place, &used, error);
    if (status != TALLY_OK || !used) return status;
    if (signer->guarded && strcmp(place.name, signer->state.place.name) == 0 &&
        strcmp(place.folder.path, signer->state.place.folder.path) == 0)
        return TALLY_OK; /* the same one */
    status = tally_state_open(&state, &place, signer->origin, error);
    if (status != TALLY_OK) return status;
    if (signer->last.set && state.last.size < signer->last.size)
        status = tally_state_write(&state, signer->last.size, &signer->last.root, error);
    if (status != TALLY_OK) {
        tally_state_close(&state);
        return status;
    }
    if (signer->guarded) tally_state_close(&signer->state);
    signer->guarded = true;
    signer->state = state;
    return TALLY_OK;
}

tally_status tally_signer_prepare(tally_head_signer *signer, const tally_signing_key *key, const tally_signing *signing,
                                  tally_error *error)
{
    tally_text vkey = {key->vkey, strlen(key->vkey)};
    tally_status status = tally_believed_add(&signer->believed, vkey, signer->origin, error);
    return status == TALLY_OK ? change_state(signer, signing, error) : status;
}

void tally_signer_rotate(tally_head_signer *signer, tally_signing_key *key)
{
    tally_signing_key_close(&signer->old_key);
    signer->old_key = signer->key;
    signer->old_key.public_key.name.bytes = signer->old_key.name;
    signer->key = *key;
    signer->key.public_key.name.bytes = signer->key.name;
    memset(key, 0, sizeof *key);
    if (signer->old_key.secret != NULL) signer->old_key.secret->public_key.name.bytes = signer->old_key.name;
    if (signer->key.secret != NULL) signer->key.secret->public_key.name.bytes = signer->key.name;
    signer->both_left = 2;
}

void tally_signer_failed(tally_head_signer *signer, tally_status status, const tally_error *error)
{
    if (status == TALLY_OK) return;
    signer->failures++;
    (void)snprintf(signer->failure, sizeof signer->failure, "%s", error->message);
}
