#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

/* What changes how heads are signed and kept: another key, more signatures. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "log/log.h"
#include "store/append.h"
#include "store/notify.h"
#include "store/proofs.h"

/* ------------------------------------------------------------------------------------------- notes */

static tally_status check_note(const char *note, size_t length, const tally_text *witnesses, size_t count,
                               tally_error *error)
{
    if (note == NULL) return tally_fail(error, TALLY_E_NULL, "a note is needed");
    if (witnesses == NULL && count != 0) return tally_fail(error, TALLY_E_NULL, "the keys of witnesses are NULL");
    if (length > TALLY_NOTE_BYTES_MAX || length == 0)
        return tally_fail(error, TALLY_E_LENGTH, "a note has 1 to %u bytes", TALLY_NOTE_BYTES_MAX);
    if (count <= TALLY_SIGNATURES_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LIMIT, "at most %u witnesses", TALLY_SIGNATURES_MAX);
}

tally_status tally_store_keep_note(tally_store *store, const char *note, size_t length, const tally_text *witnesses,
                                   size_t witness_count, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = check_note(note, length, witnesses, witness_count, error);
    if (status == TALLY_OK) status = tally_store_writable(body, error);
    if (status == TALLY_OK) status = tally_store_signing_take(body, error);
    if (status == TALLY_OK) {
        tally_view *view;
        uint64_t durable = tally_store_signing_look(body, &view);
        status =
            tally_signer_keep(&body->signing->signer, view, durable, note, length, witnesses, witness_count, error);
        tally_view_release(view);
        tally_store_signing_leave(body);
    }
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

/* ---------------------------------------------------------------------------------------- rotation */

/* While the signer is taken no head is made, so all later heads cover the event. */
static tally_status record_rotation(tally_store_body *body, const tally_signing_key *key, tally_error *error)
{
    char json[TALLY_KEY_TEXT_BYTES + 64];
    tally_log_lock(body->log);
    uint64_t first = body->log->next_position + 1;
    tally_log_unlock(body->log);
    int length = snprintf(json, sizeof json, "{\"first\":%" PRIu64 ",\"vkey\":\"%s\"}", first, key->vkey);
    tally_draft draft = {.size = sizeof draft,
                         .stream = {"$keys", 5},
                         .type = {"tally.key.rotated", 17},
                         .content_type = {"application/json", 16},
                         .data = json,
                         .length = (size_t)length};
    return tally_store_append_system(body, &draft, TALLY_DURABLE, error);
}

static tally_status rotate(tally_store_body *body, const tally_signing *signing, tally_error *error)
{
    tally_head_signer *signer = &body->signing->signer;
    tally_signing_key key;
    if (!tally_signer_is_set(signer))
        return tally_fail(error, TALLY_E_UNSUPPORTED, "an unsigned store has no key that could be changed");
    tally_status status = tally_signing_key_open(&key, &body->folder, signing, signer->origin, error);
    if (status != TALLY_OK) return status;
    if (!tally_signing_key_is_set(&key)) return tally_fail(error, TALLY_E_KEY, "a new key is needed");
    if (strcmp(key.vkey, signer->key.vkey) == 0) {
        status = tally_fail(error, TALLY_E_KEY, "the new key is the one that signs now");
    }
    /* What is durable is signed by the old key first, so that no head lies between it and the event. */
    if (status == TALLY_OK) status = tally_proofs_newest(body, false, error);
    if (status == TALLY_OK) status = tally_signer_prepare(signer, &key, signing, error);
    if (status == TALLY_OK) status = record_rotation(body, &key, error);
    if (status == TALLY_OK) tally_signer_rotate(signer, &key);
    if (status == TALLY_OK) status = tally_proofs_newest(body, false, error);
    tally_signing_key_close(&key);
    return status;
}

tally_status tally_store_rotate_key(tally_store *store, const tally_signing *signing, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_signing known;
    tally_error_clear(error);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (signing == NULL) status = tally_fail(error, TALLY_E_NULL, "signing is NULL; it says what the new key is");
    if (status == TALLY_OK) status = tally_signing_read(signing, &known, error);
    if (status == TALLY_OK) status = tally_store_writable(body, error);
    if (status == TALLY_OK) status = tally_append_may(body, TALLY_DURABLE, error);
    if (status == TALLY_OK) status = tally_store_signing_take(body, error);
    if (status == TALLY_OK) {
        status = rotate(body, &known, error);
        tally_store_signing_leave(body);
    }
    if (status == TALLY_OK) tally_delivery_run(body);
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}
