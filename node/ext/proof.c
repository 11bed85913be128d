#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Proofs without a store: pure functions over texts, which JavaScript gives as bytes and which are copied. */

/* ------------------------------------------------------------------------------------------- values */

bool set_checkpoint(napi_env env, napi_value object, const tally_checkpoint *checkpoint)
{
    return shim_set(env, object, "origin", shim_text(env, checkpoint->origin.bytes, checkpoint->origin.length)) &&
           shim_set_count(env, object, "size", checkpoint->size) &&
           shim_set(env, object, "root", shim_hash(env, &checkpoint->root));
}

bool set_signatures(napi_env env, napi_value object, const tally_signed *signatures)
{
    return shim_set(env, object, "byLog", shim_number(env, signatures->by_log)) &&
           shim_set(env, object, "byWitnesses", shim_number(env, signatures->by_witnesses)) &&
           shim_set(env, object, "unknown", shim_number(env, signatures->unknown)) &&
           shim_set(env, object, "keyIndex", shim_number(env, signatures->key_index)) &&
           shim_set(env, object, "witnessedS", shim_number(env, (double)signatures->witnessed_s));
}

/* Items from `first` on: the origin, then keys, then witnesses. */
static bool read_policy(napi_env env, const node_texts *texts, size_t first, napi_value keys, napi_value needed,
                        tally_policy *policy)
{
    uint32_t key_count = 0;
    uint32_t witnesses_needed = 0;
    if (!shim_get_uint32(env, keys, &key_count) || !shim_get_uint32(env, needed, &witnesses_needed)) return false;
    size_t rest = texts->count - first - 1;
    if (key_count > rest) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "too few keys");
        return false;
    }
    tally_text origin = texts->items[first];
    *policy = (tally_policy){
        .size = sizeof *policy,
        .keys = texts->items + first + 1,
        .key_count = key_count,
        .witnesses = texts->items + first + 1 + key_count,
        .witness_count = rest - key_count,
        .witnesses_needed = witnesses_needed,
        .origin = origin.length == 0 ? (tally_text){NULL, 0} : origin,
    };
    return true;
}

/* ----------------------------------------------------------------------------------------------- keys */

/* keyMake([name], kind) → [private, public] */
static napi_value key_make(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    napi_value pair = NULL;
    uint32_t kind = 0;
    node_texts texts;
    tally_error error;
    char skey[TALLY_KEY_TEXT_BYTES];
    char vkey[TALLY_KEY_TEXT_BYTES];
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_uint32(env, arguments[1], &kind)) return NULL;
    if (!texts_copy(env, arguments[0], 1, &texts)) return NULL;
    tally_status status = tally_key_make(NULL, texts.items[0], kind, skey, vkey, &error);
    texts_free(&texts);
    if (status != TALLY_OK) return shim_throw(env, &error);
    napi_value secret = shim_text(env, skey, NAPI_AUTO_LENGTH);
    for (volatile char *at = skey; at < skey + sizeof skey; at++) *at = 0;
    napi_value open = shim_text(env, vkey, NAPI_AUTO_LENGTH);
    if (secret == NULL || open == NULL) return NULL;
    TRY(env, napi_create_array_with_length(env, 2, &pair));
    TRY(env, napi_set_element(env, pair, 0, secret));
    TRY(env, napi_set_element(env, pair, 1, open));
    return pair;
}

/* keyPublic([private]) → public */
static napi_value key_public(napi_env env, napi_callback_info info)
{
    napi_value argument;
    node_texts texts;
    tally_error error;
    char vkey[TALLY_KEY_TEXT_BYTES];
    if (!shim_arguments(env, info, 1, &argument, NULL) || !texts_copy(env, argument, 1, &texts)) return NULL;
    tally_status status = tally_key_public(texts.items[0], vkey, &error);
    texts_free(&texts);
    return status == TALLY_OK ? shim_text(env, vkey, NAPI_AUTO_LENGTH) : shim_throw(env, &error);
}

/* ---------------------------------------------------------------------------------------- checkpoints */

/* checkpointRead([note]) → what it says, unsigned */
static napi_value checkpoint_read(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value object = NULL;
    node_texts texts;
    tally_checkpoint checkpoint;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL) || !texts_copy(env, argument, 1, &texts)) return NULL;
    tally_status status = tally_checkpoint_read(texts.items[0].bytes, texts.items[0].length, &checkpoint, &error);
    bool done =
        status == TALLY_OK && napi_create_object(env, &object) == napi_ok && set_checkpoint(env, object, &checkpoint);
    texts_free(&texts);
    if (status != TALLY_OK) return shim_throw(env, &error);
    return done ? object : NULL;
}

static napi_value verified_checkpoint(napi_env env, const node_texts *texts, const tally_policy *policy)
{
    napi_value object = NULL;
    tally_checkpoint checkpoint;
    tally_signed signatures;
    tally_error error;
    tally_status status = tally_checkpoint_verify(texts->items[0].bytes, texts->items[0].length, policy, &checkpoint,
                                                  &signatures, &error);
    if (status != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &object));
    return set_checkpoint(env, object, &checkpoint) && set_signatures(env, object, &signatures) ? object : NULL;
}

/* checkpointVerify([note, origin, keys…, witnesses…], keys, witnesses needed) */
static napi_value checkpoint_verify(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    napi_value value = NULL;
    node_texts texts;
    tally_policy policy;
    if (!shim_arguments(env, info, 3, arguments, NULL) || !texts_copy(env, arguments[0], 2, &texts)) return NULL;
    if (read_policy(env, &texts, 1, arguments[1], arguments[2], &policy)) {
        value = verified_checkpoint(env, &texts, &policy);
    }
    texts_free(&texts);
    return value;
}

/* ---------------------------------------------------------------------------------------------- trees */

static bool read_hashes(napi_env env, tally_text text, tally_hash **hashes, size_t *count)
{
    *hashes = NULL;
    *count = text.length / sizeof **hashes;
    if (text.length % sizeof **hashes != 0) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "hashes have 32 bytes each");
        return false;
    }
    if (*count == 0) return true;
    *hashes = malloc(text.length);
    if (*hashes == NULL) (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for hashes");
    else memcpy(*hashes, text.bytes, text.length);
    return *hashes != NULL;
}

/* merkleRoot([hashes]) → root */
static napi_value merkle_root(napi_env env, napi_callback_info info)
{
    napi_value argument;
    node_texts texts;
    tally_hash *leaves;
    tally_hash root;
    size_t count;
    if (!shim_arguments(env, info, 1, &argument, NULL) || !texts_copy(env, argument, 1, &texts)) return NULL;
    bool is_read = read_hashes(env, texts.items[0], &leaves, &count);
    texts_free(&texts);
    if (!is_read) return NULL;
    tally_status status = tally_merkle_root(leaves, count, &root);
    free(leaves);
    return status == TALLY_OK ? shim_hash(env, &root) : shim_throw_text(env, status, "too many leaves");
}

/* The two proofs of a tree: (is consistency, [leaf or old root, root, hashes], index or old size, size) */
static napi_value tree_verify(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    node_texts texts;
    bool is_consistency = false;
    uint64_t index = 0;
    uint64_t size = 0;
    tally_hash first;
    tally_hash root;
    tally_hash *hashes = NULL;
    size_t count = 0;
    tally_error error;
    if (!shim_arguments(env, info, 4, arguments, NULL) || !shim_get_bool(env, arguments[0], &is_consistency) ||
        !shim_get_id(env, arguments[2], &index) || !shim_get_id(env, arguments[3], &size) ||
        !texts_copy(env, arguments[1], 3, &texts))
        return NULL;
    bool is_read = shim_get_hash(env, texts.items[0], &first) && shim_get_hash(env, texts.items[1], &root) &&
                   read_hashes(env, texts.items[2], &hashes, &count);
    texts_free(&texts);
    if (!is_read) return NULL;
    tally_status status = is_consistency ? tally_consistency_verify(index, &first, size, &root, hashes, count, &error)
                                         : tally_inclusion_verify(&first, index, size, hashes, count, &root, &error);
    free(hashes);
    return status == TALLY_OK ? shim_undefined(env) : shim_throw(env, &error);
}

/* -------------------------------------------------------------------------------------------- proofs */

static napi_value proven_value(napi_env env, const tally_proven *proven)
{
    napi_value object = NULL;
    napi_value given = NULL;
    node_page page = {NULL, 0, 0};
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_get_boolean(env, proven->data_given != 0, &given));
    bool done = shim_set_count(env, object, "position", proven->position) &&
                shim_set_count(env, object, "treeSize", proven->tree_size) &&
                shim_set(env, object, "root", shim_hash(env, &proven->root)) &&
                shim_set(env, object, "hash", shim_hash(env, &proven->event_hash)) &&
                shim_set(env, object, "dataGiven", given) && set_signatures(env, object, &proven->signatures);
    if (done && proven->has_event) {
        if (!page_add(&page, &proven->event)) {
            return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for an event");
        }
        done = shim_set(env, object, "event", page_value(env, &page));
        page_free(&page);
    }
    return done ? object : NULL;
}

enum { PROOF, STORED, HASH, ORIGIN };
enum { HAS_STORED = 1, HAS_HASH = 2 };
#define ROOM_BYTES 65536

static tally_status verify_proof(const node_texts *texts, uint32_t flags, const tally_policy *policy, void *room,
                                 tally_proven *proven, tally_error *error)
{
    tally_text proof = texts->items[PROOF];
    tally_text stored = texts->items[STORED];
    tally_hash hash;
    if ((flags & HAS_HASH) == 0) {
        bool is_given = (flags & HAS_STORED) != 0;
        return tally_proof_verify(proof.bytes, proof.length, is_given ? stored.bytes : NULL,
                                  is_given ? stored.length : 0, policy, room, ROOM_BYTES, proven, error);
    }
    memcpy(hash.bytes, texts->items[HASH].bytes, sizeof hash.bytes);
    return tally_proof_verify_hash(proof.bytes, proof.length, &hash, policy, proven, error);
}

static napi_value proof_value(napi_env env, const node_texts *texts, uint32_t flags, const tally_policy *policy)
{
    tally_proven proven;
    tally_error error;
    void *room = malloc(ROOM_BYTES);
    if (room == NULL) return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a proof");
    tally_status status = verify_proof(texts, flags, policy, room, &proven, &error);
    napi_value value = status == TALLY_OK ? proven_value(env, &proven) : shim_throw(env, &error);
    free(room);
    return value;
}

/* proofVerify([proof, data as stored, hash, origin, keys…, witnesses…], keys, witnesses needed, flags) */
static napi_value proof_verify(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    napi_value value = NULL;
    uint32_t flags = 0;
    node_texts texts;
    tally_policy policy;
    tally_hash hash;
    if (!shim_arguments(env, info, 4, arguments, NULL) || !shim_get_uint32(env, arguments[3], &flags) ||
        !texts_copy(env, arguments[0], ORIGIN + 1, &texts))
        return NULL;
    if (read_policy(env, &texts, ORIGIN, arguments[1], arguments[2], &policy) &&
        ((flags & HAS_HASH) == 0 || shim_get_hash(env, texts.items[HASH], &hash))) {
        value = proof_value(env, &texts, flags, &policy);
    }
    texts_free(&texts);
    return value;
}

bool proof_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"keyMake", key_make},
        {"keyPublic", key_public},
        {"checkpointRead", checkpoint_read},
        {"checkpointVerify", checkpoint_verify},
        {"merkleRoot", merkle_root},
        {"treeVerify", tree_verify},
        {"proofVerify", proof_verify},
    };
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
