#include "sign/keys.h"

#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/options.h"
#include "handle/thread.h"

/* ----------------------------------------------------------------------------------------- options */

static tally_status check_text(tally_text text, size_t maximum, const char *what, tally_error *error)
{
    if (text.bytes == NULL && text.length != 0)
        return tally_fail(error, TALLY_E_NULL, "%s of tally_signing is NULL, but its length is not 0", what);
    if (text.length <= maximum) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "%s of tally_signing has more than %zu bytes", what, maximum);
}

/* What each text is good for is found out where it is used. */
static tally_status check_texts(const tally_signing *known, tally_error *error)
{
    const struct {
        const tally_text *text;
        size_t maximum;
        const char *what;
    } texts[] = {{&known->key_path, TALLY_PATH_MAX, "key_path"},
                 {&known->key_text, TALLY_KEY_TEXT_BYTES, "key_text"},
                 {&known->signer_key, TALLY_KEY_TEXT_BYTES, "signer_key"},
                 {&known->state_path, TALLY_PATH_MAX, "state_path"},
                 {&known->remembered, TALLY_NOTE_BYTES_MAX, "remembered"},
                 {&known->remembered_path, TALLY_PATH_MAX, "remembered_path"},
                 {&known->mirror_path, TALLY_PATH_MAX, "mirror_path"}};
    tally_status status = TALLY_OK;
    for (size_t i = 0; status == TALLY_OK && i < sizeof texts / sizeof *texts; i++)
        status = check_text(*texts[i].text, texts[i].maximum, texts[i].what, error);
    for (size_t i = 0; status == TALLY_OK && i < known->verify_key_count; i++) {
        status = check_text(known->verify_keys[i], TALLY_KEY_TEXT_BYTES, "verify_keys", error);
        if (status != TALLY_OK && error != NULL) error->position = i;
    }
    return status;
}

static tally_status check_choice(const tally_signing *known, tally_error *error)
{
    int keys = (known->key_path.length != 0) + (known->key_text.length != 0) + (known->signer != NULL);
    if (keys > 1) return tally_fail(error, TALLY_E_OPTION, "give one of key_path, key_text and signer");
    if ((known->signer != NULL) != (known->signer_key.length != 0))
        return tally_fail(error, TALLY_E_OPTION, "signer and signer_key belong together");
    if (known->remembered.length != 0 && known->remembered_path.length != 0)
        return tally_fail(error, TALLY_E_OPTION, "give one of remembered and remembered_path");
    if (known->mirror != NULL && known->mirror_path.length != 0)
        return tally_fail(error, TALLY_E_OPTION, "give one of mirror and mirror_path");
    return TALLY_OK;
}

tally_status tally_signing_read(const tally_signing *signing, tally_signing *known, tally_error *error)
{
    const uint32_t flags = TALLY_SIGNING_REQUIRED | TALLY_SIGNING_EVERY_COMMIT;
    tally_status status =
        tally_options_read(known, sizeof *known, sizeof(tally_signing), signing, "tally_signing", error);
    if (status != TALLY_OK) return status;
    if (known->flags & ~flags)
        return tally_fail(error, TALLY_E_OPTION, "flags is 0x%x; see TALLY_SIGNING_REQUIRED", known->flags);
    if (known->reserved != 0) return tally_fail(error, TALLY_E_OPTION, "reserved is not 0");
    if (known->verify_key_count > TALLY_VERIFY_KEYS_MAX)
        return tally_fail(error, TALLY_E_LIMIT, "at most %u further keys", TALLY_VERIFY_KEYS_MAX);
    if (known->verify_keys == NULL && known->verify_key_count != 0)
        return tally_fail(error, TALLY_E_NULL, "verify_keys is NULL, but its count is not 0");
    status = check_texts(known, error);
    return status == TALLY_OK ? check_choice(known, error) : status;
}

/* --------------------------------------------------------------------------------------------- key */

/* In locked memory together: the text is as secret as what it says. */
typedef struct locked {
    tally_private_key secret;
    char text[TALLY_KEY_TEXT_BYTES];
} locked;

static tally_status fill_public(tally_signing_key *key, const char *origin, tally_error *error)
{
    tally_text name = key->public_key.name;
    if (key->public_key.algorithm != TALLY_KEY_ED25519)
        return tally_fail(error, TALLY_E_KEY, "the key is that of a witness; heads are signed with a key of a log");
    if (name.length != strlen(origin) || memcmp(name.bytes, origin, name.length) != 0)
        return tally_fail(error, TALLY_E_ORIGIN, "the key is not this log's: its name must be %s", origin);
    memcpy(key->name, origin, name.length + 1);
    key->public_key.name.bytes = key->name;
    return tally_public_key_write(&key->public_key, key->vkey, error);
}

static tally_status open_secret(tally_signing_key *key, const tally_folder *store, const tally_signing *signing,
                                const char *origin, tally_error *error)
{
    const tally_platform *platform = store->platform;
    locked *memory = platform->allocate_locked(platform->context, sizeof *memory);
    if (memory == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory that can be locked, for a key");
    key->secret = &memory->secret;
    tally_text skey = signing->key_text;
    tally_status status = TALLY_OK;
    if (skey.length == 0) {
        tally_outside place;
        skey.bytes = memory->text;
        status = tally_outside_init(&place, store, signing->key_path, "the key", error);
        if (status == TALLY_OK)
            status = tally_outside_read(&place, true, memory->text, sizeof memory->text, &skey.length, error);
    }
    if (status == TALLY_OK) status = tally_private_key_read(skey, key->secret, error);
    if (status == TALLY_OK) {
        key->public_key = key->secret->public_key;
        status = fill_public(key, origin, error);
        key->secret->public_key = key->public_key;
    }
    sodium_memzero(memory->text, sizeof memory->text);
    return status;
}

tally_status tally_signing_key_open(tally_signing_key *key, const tally_folder *store, const tally_signing *signing,
                                    const char *origin, tally_error *error)
{
    memset(key, 0, sizeof *key);
    if (signing->key_path.length == 0 && signing->key_text.length == 0 && signing->signer == NULL) return TALLY_OK;
    key->platform = store->platform;
    tally_status status;
    if (signing->signer != NULL) {
        key->signer = signing->signer;
        key->user_data = signing->user_data;
        status = tally_public_key_read(signing->signer_key, &key->public_key, error);
        if (status == TALLY_OK) status = fill_public(key, origin, error);
    } else {
        status = open_secret(key, store, signing, origin, error);
    }
    if (status != TALLY_OK) tally_signing_key_close(key);
    return status;
}

void tally_signing_key_close(tally_signing_key *key)
{
    if (key->secret != NULL) key->platform->release_locked(key->platform->context, key->secret, sizeof(locked));
    memset(key, 0, sizeof *key);
}

tally_status tally_signing_key_sign(const tally_signing_key *key, const tally_sign_request *request,
                                    uint8_t signature[TALLY_SIGNATURE_BYTES], tally_error *error)
{
    memset(signature, 0, TALLY_SIGNATURE_BYTES);
    if (key->secret != NULL) {
        tally_note_sign(key->secret, request->note, signature);
        return TALLY_OK;
    }
    tally_callback inside;
    tally_callback_enter(&inside);
    int32_t answer = key->signer(key->user_data, request, signature);
    tally_callback_leave(&inside);
    if (answer != 0)
        return tally_fail(error, TALLY_E_SIGNATURE, "the signing callback failed: it answered %d", (int)answer);
    if (crypto_sign_verify_detached(signature, (const unsigned char *)request->note.bytes, request->note.length,
                                    key->public_key.bytes) == 0)
        return TALLY_OK;
    return tally_fail(error, TALLY_E_SIGNATURE, "the signing callback's signature is not one by signer_key");
}

/* ---------------------------------------------------------------------------------------- believed */

tally_status tally_believed_add(tally_believed *believed, tally_text vkey, const char *origin, tally_error *error)
{
    tally_public_key key;
    char text[TALLY_KEY_TEXT_BYTES];
    tally_status status = tally_public_key_read(vkey, &key, error);
    if (status == TALLY_OK && key.algorithm != TALLY_KEY_ED25519)
        status = tally_fail(error, TALLY_E_KEY, "a key of a witness is no key of a log");
    if (status == TALLY_OK && !tally_text_equal(key.name, (tally_text){origin, strlen(origin)}))
        status = tally_fail(error, TALLY_E_ORIGIN, "the key is not this log's: its name must be %s", origin);
    if (status == TALLY_OK) status = tally_public_key_write(&key, text, error);
    if (status != TALLY_OK) return status;
    for (size_t i = 0; i < believed->count; i++)
        if (strcmp(believed->vkeys[i], text) == 0) return TALLY_OK;
    if (believed->count == TALLY_BELIEVED_MAX) return tally_fail(error, TALLY_E_LIMIT, "too many keys are believed");
    memcpy(believed->vkeys[believed->count++], text, sizeof text);
    return TALLY_OK;
}

tally_status tally_believed_check(const tally_believed *believed, const char *note, size_t length, const char *origin,
                                  tally_error *error)
{
    tally_text keys[TALLY_BELIEVED_MAX];
    tally_checkpoint checkpoint;
    if (believed->count == 0) return tally_fail(error, TALLY_E_UNKNOWN_KEY, "no key of the log is known");
    for (size_t i = 0; i < believed->count; i++) keys[i] = (tally_text){believed->vkeys[i], strlen(believed->vkeys[i])};
    tally_policy policy = {
        .size = sizeof policy, .keys = keys, .key_count = believed->count, .origin = {origin, strlen(origin)}};
    return tally_checkpoint_verify(note, length, &policy, &checkpoint, NULL, error);
}
