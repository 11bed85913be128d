#define __USE_MINGW_ANSI_STDIO 1

#include "sign/signer_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/text.h"

void tally_origin_write(const char *name, const uint8_t lineage[16], char origin[TALLY_ORIGIN_MAX + 1])
{
    char hex[33];
    (void)snprintf(origin, TALLY_ORIGIN_MAX + 1, "%s/%s", name, sodium_bin2hex(hex, sizeof hex, lineage, 16));
}

/* ------------------------------------------------------------------------------------------- open */

static tally_status take_origin(const tally_head_signer *signer, const tally_checkpoint *checkpoint, const char *what,
                                tally_error *error)
{
    tally_text origin = {signer->origin, strlen(signer->origin)};
    if (tally_text_equal(checkpoint->origin, origin)) return TALLY_OK;
    return tally_fail(error, TALLY_E_ORIGIN, "%s is a checkpoint of another log; this one is %s", what, signer->origin);
}

/* A bad signature by a key that is believed is refused wherever a note comes from; one by nobody we know, only where
 * the policy asks for it. */
static tally_status check_note(const tally_head_signer *signer, const char *note, size_t length, bool required,
                               tally_error *error)
{
    tally_status status = tally_believed_check(&signer->believed, note, length, signer->origin, error);
    if (status == TALLY_OK || (status == TALLY_E_UNKNOWN_KEY && !required)) return TALLY_OK;
    tally_note read;
    /* Unsigned texts have nothing to check. */
    if (!required && tally_note_read(note, length, true, &read, NULL) == TALLY_OK && read.count == 0) return TALLY_OK;
    return status;
}

tally_status tally_signer_load_newest(tally_head_signer *signer, tally_error *error)
{
    tally_checkpoint checkpoint;
    const tally_platform *platform = signer->platform;
    const tally_notes *notes = &signer->notes;
    signer->newest_length = 0;
    if (notes->newest == SIZE_MAX) return TALLY_OK;
    if (signer->newest == NULL) signer->newest = platform->allocate(platform->context, TALLY_NOTE_BYTES_MAX);
    if (signer->newest == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a checkpoint");
    size_t length = notes->kept[notes->newest].length;
    tally_status status = tally_notes_read(notes, notes->newest, signer->newest, error);
    if (status == TALLY_OK) status = tally_checkpoint_read(signer->newest, length, &checkpoint, error);
    if (status == TALLY_OK) status = take_origin(signer, &checkpoint, "CHECKPOINTS", error);
    if (status != TALLY_OK) return status;
    signer->newest_length = length;
    signer->newest_size = checkpoint.size;
    signer->newest_root = checkpoint.root;
    signer->newest_believed =
        tally_believed_check(&signer->believed, signer->newest, length, signer->origin, NULL) == TALLY_OK;
    return TALLY_OK;
}

static tally_status open_keys(tally_head_signer *signer, const tally_signing *signing, tally_error *error)
{
    tally_status status = tally_signing_key_open(&signer->key, signer->folder, signing, signer->origin, error);
    if (status == TALLY_OK && tally_signer_is_set(signer)) {
        tally_text own = {signer->key.vkey, strlen(signer->key.vkey)};
        status = tally_believed_add(&signer->believed, own, signer->origin, error);
    }
    for (size_t i = 0; status == TALLY_OK && i < signing->verify_key_count; i++) {
        status = tally_believed_add(&signer->believed, signing->verify_keys[i], signer->origin, error);
        if (status != TALLY_OK && error != NULL) error->position = i;
    }
    if (status == TALLY_OK && (signing->flags & TALLY_SIGNING_REQUIRED) != 0 && !tally_signer_is_set(signer) &&
        (signer->writable || signer->believed.count == 0)) {
        return tally_fail(error, TALLY_E_UNSIGNED, "the policy requires a signing key, and none was given");
    }
    return status;
}

/* Where what was signed last is kept: as said, or beside the key. `*used` false: nowhere. */
tally_status tally_signer_find_state(const tally_head_signer *signer, const tally_signing *signing,
                                     tally_outside *place, bool *used, tally_error *error)
{
    char beside[TALLY_PATH_MAX];
    tally_text path = signing->state_path;
    if (path.length == 0 && signing->key_path.length != 0) {
        int length =
            snprintf(beside, sizeof beside, "%.*s.signed", (int)signing->key_path.length, signing->key_path.bytes);
        if (length < 0 || (size_t)length >= sizeof beside)
            return tally_fail(error, TALLY_E_LENGTH, "the path of the signer's memory is too long");
        path = (tally_text){beside, (size_t)length};
    }
    *used = path.length != 0;
    if (!*used) return TALLY_OK;
    return tally_outside_init(place, signer->folder, path, "the signer's memory", error);
}

static tally_status open_state(tally_head_signer *signer, const tally_signing *signing, tally_error *error)
{
    tally_outside place;
    bool used = false; /* gcc does not see that success sets it */
    if (!tally_signer_is_set(signer) || !signer->writable) return TALLY_OK;
    tally_status status = tally_signer_find_state(signer, signing, &place, &used, error);
    if (status != TALLY_OK || !used) return status;
    status = tally_state_open(&signer->state, &place, signer->origin, error);
    signer->guarded = status == TALLY_OK;
    return status;
}

static tally_status take_remembered(tally_head_signer *signer, const char *note, size_t length, tally_error *error)
{
    tally_checkpoint checkpoint;
    tally_status status = tally_checkpoint_read(note, length, &checkpoint, error);
    if (status == TALLY_OK) status = take_origin(signer, &checkpoint, "the remembered head", error);
    if (status == TALLY_OK) status = check_note(signer, note, length, false, error);
    if (status == TALLY_OK) signer->remembered = (tally_known_head){true, checkpoint.size, checkpoint.root};
    return status;
}

static tally_status open_remembered(tally_head_signer *signer, const tally_signing *signing, tally_error *error)
{
    const tally_platform *platform = signer->platform;
    size_t length;
    if (signing->remembered.length != 0)
        return take_remembered(signer, signing->remembered.bytes, signing->remembered.length, error);
    if (signing->remembered_path.length == 0) return TALLY_OK;
    tally_status status = tally_outside_init(&signer->remembered_place, signer->folder, signing->remembered_path,
                                             "the remembered head", error);
    if (status != TALLY_OK) return status;
    char *note = platform->allocate(platform->context, TALLY_NOTE_BYTES_MAX);
    if (note == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a checkpoint");
    status = tally_outside_read(&signer->remembered_place, false, note, TALLY_NOTE_BYTES_MAX, &length, error);
    if (status == TALLY_OK) status = take_remembered(signer, note, length, error);
    platform->release(platform->context, note);
    if (status == TALLY_E_NOT_FOUND) { /* the first time */
        tally_error_clear(error);
        return TALLY_OK;
    }
    return status;
}

static tally_status open_mirror(tally_head_signer *signer, const tally_signing *signing, tally_error *error)
{
    signer->mirror = signing->mirror;
    signer->mirror_data = signing->mirror_data;
    if (signing->mirror_path.length == 0) return TALLY_OK;
    return tally_outside_init(&signer->mirror_place, signer->folder, signing->mirror_path, "the mirror", error);
}

/* The newest of what this store's signer is known to have signed. */
static void find_last(tally_head_signer *signer)
{
    if (signer->newest_length != 0) signer->last = (tally_known_head){true, signer->newest_size, signer->newest_root};
    if (signer->guarded && signer->state.last.sequence != 0 &&
        (!signer->last.set || signer->state.last.size > signer->last.size))
        signer->last = (tally_known_head){true, signer->state.last.size, signer->state.last.root};
}

/* Who only reads, and asks for no proofs, is not kept out by what proofs are made of. */
static tally_status without_notes(tally_head_signer *signer)
{
    tally_notes_close(&signer->notes);
    signer->newest_length = 0;
    return TALLY_OK;
}

tally_status tally_signer_open(tally_head_signer *signer, const tally_folder *folder, const tally_signing *signing,
                               const char *origin, bool writable, tally_error *error)
{
    memset(signer, 0, sizeof *signer);
    signer->platform = folder->platform;
    signer->folder = folder;
    signer->writable = writable;
    (void)tally_text_copy(signer->origin, sizeof signer->origin, origin, strlen(origin));
    tally_tree_init(&signer->tree, folder, writable);
    tally_status status = tally_notes_open(&signer->notes, folder, writable, error);
    if (status == TALLY_OK && signing != NULL) status = open_keys(signer, signing, error);
    if (status == TALLY_OK) status = tally_signer_load_newest(signer, error);
    if (status != TALLY_OK && !writable && signing == NULL) status = without_notes(signer);
    if (status == TALLY_OK && signing != NULL) {
        signer->flags = signing->flags;
        if (status == TALLY_OK) status = open_state(signer, signing, error);
        if (status == TALLY_OK) status = open_remembered(signer, signing, error);
        if (status == TALLY_OK) status = open_mirror(signer, signing, error);
        if (status == TALLY_OK && signer->newest_length != 0 && signer->believed.count != 0) {
            status = check_note(signer, signer->newest, signer->newest_length,
                                (signing->flags & TALLY_SIGNING_REQUIRED) != 0, error);
        }
    }
    if (status == TALLY_OK) find_last(signer);
    return status;
}

void tally_signer_close(tally_head_signer *signer)
{
    if (signer->platform == NULL) return;
    tally_signing_key_close(&signer->key);
    tally_signing_key_close(&signer->old_key);
    if (signer->guarded) tally_state_close(&signer->state);
    tally_tree_free(&signer->tree);
    tally_notes_close(&signer->notes);
    signer->platform->release(signer->platform->context, signer->newest);
    memset(signer, 0, sizeof *signer);
}

/* ------------------------------------------------------------------------------------------ checks */

tally_status tally_signer_shorter(uint64_t events, uint64_t signed_events, const char *what, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_ROLLBACK, events,
                         "the log has %" PRIu64 " events, and %s says that a head over %" PRIu64
                         " was signed: an older copy was put back, or its end is lost",
                         events, what, signed_events);
}

tally_status tally_signer_admit(const tally_head_signer *signer, uint64_t events, tally_error *error)
{
    if (signer->guarded && signer->state.last.size > events)
        return tally_signer_shorter(events, signer->state.last.size, "the signer's memory", error);
    if (signer->remembered.set && signer->remembered.size > events)
        return tally_signer_shorter(events, signer->remembered.size, "the remembered head", error);
    if (signer->newest_length == 0 || signer->newest_size <= events || !signer->writable) return TALLY_OK;
    char path[TALLY_PATH_MAX];
    (void)tally_folder_join(signer->folder, TALLY_NAME_CHECKPOINTS, path, NULL);
    (void)tally_fail_os(error, TALLY_E_DAMAGED, 0, path,
                        "the log ends at %" PRIu64 ", and CHECKPOINTS has a signed head over %" PRIu64
                        " events, which had been durable; read-only and salvage still work",
                        events, signer->newest_size);
    if (error != NULL) error->position = events;
    return TALLY_E_DAMAGED;
}

tally_status tally_signer_differs(uint64_t size, const char *what, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_ROLLBACK, size,
                         "the first %" PRIu64 " events are not those of %s: this is another history", size, what);
}

/* That the log's first events have the root; the tree is believed or made for it. */
static tally_status check_head(tally_head_signer *signer, const tally_view *view, const tally_known_head *head,
                               const char *what, tally_error *error)
{
    tally_hash root;
    tally_tree *tree = &signer->tree;
    if (!head->set || head->size == 0) return TALLY_OK;
    tally_status status = tally_tree_update(tree, view, head->size, UINT64_MAX, error);
    if (status == TALLY_OK) status = tally_tree_root(tree, view, head->size, &root, error);
    if (status != TALLY_OK) return status;
    return memcmp(&root, &head->root, sizeof root) == 0 ? TALLY_OK : tally_signer_differs(head->size, what, error);
}

tally_status tally_signer_check(tally_head_signer *signer, const tally_view *view, uint64_t events, tally_error *error)
{
    bool reached = signer->newest_length != 0 && signer->newest_size <= events;
    tally_known_head newest = {reached, signer->newest_size, signer->newest_root};
    tally_known_head state = {signer->guarded, signer->state.last.size, signer->state.last.root};
    const tally_known_head *largest = &newest;
    if (view == NULL) return TALLY_OK;
    if (state.set && (!largest->set || state.size > largest->size)) largest = &state;
    if (signer->remembered.set && (!largest->set || signer->remembered.size > largest->size))
        largest = &signer->remembered;
    /* The largest first: the others are proven from it. One that nobody we know has signed could be of the same hand
     * as the tree's files. */
    if (largest->set && largest->size != 0 && (largest != &newest || signer->newest_believed))
        (void)tally_tree_anchor(&signer->tree, view, largest->size, &largest->root);
    tally_status status = check_head(signer, view, &state, "the signer's memory", error);
    if (status == TALLY_OK) status = check_head(signer, view, &signer->remembered, "the remembered head", error);
    if (status == TALLY_OK) status = check_head(signer, view, &newest, "CHECKPOINTS", error);
    return status;
}
