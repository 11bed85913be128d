#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Checkpoints and proofs of an open store. */

enum { CHECKPOINT, PROVE, STORED, CONSISTENCY, KEEP, ROTATE };

typedef struct proof_job {
    node_job job;
    int what;
    uint64_t first; /* a position or the older size */
    uint64_t second;
    char *bytes; /* what comes back, `length` of it */
    size_t length;
    size_t hash_count;
    tally_hash roots[2];
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    node_texts texts; /* a note and the keys of witnesses */
    node_signing signing;
} proof_job;

/* Calls with a buffer: whatever a call does, it says what it needs. */
static tally_status ask(proof_job *proof, size_t capacity)
{
    tally_store *store = proof->job.handle.store;
    tally_error *error = &proof->job.error;
    switch (proof->what) {
    case CHECKPOINT: return tally_store_checkpoint(store, proof->bytes, capacity, &proof->length, error);
    case PROVE: return tally_store_prove(store, proof->first, proof->bytes, capacity, &proof->length, error);
    default: return tally_store_get_stored(store, proof->first, proof->bytes, capacity, &proof->length, error);
    }
}

static tally_status ask_for_bytes(proof_job *proof)
{
    size_t capacity = proof->what == PROVE ? TALLY_PROOF_BYTES_MAX : TALLY_NOTE_BYTES_MAX;
    for (;;) {
        char *grown = realloc(proof->bytes, capacity);
        if (grown == NULL) {
            job_fail(&proof->job, TALLY_E_NO_MEMORY, "no memory for what was asked");
            return TALLY_E_NO_MEMORY;
        }
        proof->bytes = grown;
        tally_status status = ask(proof, capacity);
        if (status != TALLY_E_SPACE || proof->length <= capacity) return status;
        capacity = proof->length;
    }
}

static void proof_run(node_job *job)
{
    proof_job *proof = (proof_job *)job;
    tally_store *store = job->handle.store;
    const node_texts *texts = &proof->texts;
    switch (proof->what) {
    case CONSISTENCY:
        job->status =
            tally_store_consistency(store, proof->first, proof->second, proof->hashes, TALLY_CONSISTENCY_HASHES_MAX,
                                    &proof->hash_count, proof->roots, &job->error);
        break;
    case KEEP:
        job->status = tally_store_keep_note(store, texts->items[0].bytes, texts->items[0].length, texts->items + 1,
                                            texts->count - 1, &job->error);
        break;
    case ROTATE: job->status = tally_store_rotate_key(store, &proof->signing.signing, &job->error); break;
    default: job->status = ask_for_bytes(proof); break;
    }
}

static napi_value consistency_value(napi_env env, const proof_job *proof)
{
    napi_value object = NULL;
    napi_value hashes = NULL;
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_create_array_with_length(env, proof->hash_count, &hashes));
    for (uint32_t i = 0; i < proof->hash_count; i++) {
        napi_value hash = shim_hash(env, &proof->hashes[i]);
        if (hash == NULL) return NULL;
        TRY(env, napi_set_element(env, hashes, i, hash));
    }
    bool done =
        shim_set_count(env, object, "oldSize", proof->first) && shim_set_count(env, object, "newSize", proof->second) &&
        shim_set(env, object, "oldRoot", shim_hash(env, &proof->roots[0])) &&
        shim_set(env, object, "newRoot", shim_hash(env, &proof->roots[1])) && shim_set(env, object, "hashes", hashes);
    return done ? object : NULL;
}

static napi_value proof_done(napi_env env, node_job *job)
{
    const proof_job *proof = (const proof_job *)job;
    napi_value bytes = NULL;
    switch (proof->what) {
    case CONSISTENCY: return consistency_value(env, proof);
    case KEEP:
    case ROTATE: return shim_undefined(env);
    case STORED: TRY(env, napi_create_buffer_copy(env, proof->length, proof->bytes, NULL, &bytes)); return bytes;
    default: return shim_text(env, proof->bytes, proof->length);
    }
}

static void proof_drop(napi_env env, node_job *job)
{
    (void)env;
    proof_job *proof = (proof_job *)job;
    free(proof->bytes);
    texts_free(&proof->texts);
    texts_free(&proof->signing.texts);
}

/* name(is async, what the call has) */
static napi_value proof_go(napi_env env, napi_callback_info info, int what)
{
    napi_value arguments[3];
    bool is_async = false;
    node_store *store = store_arguments(env, info, 3, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    proof_job *proof = job_open(env, sizeof *proof, store);
    if (proof == NULL) return NULL;
    proof->what = what;
    proof->job.run = proof_run;
    proof->job.done = proof_done;
    proof->job.drop = proof_drop;
    bool is_read = true;
    switch (what) {
    case CONSISTENCY: is_read = shim_get_id(env, arguments[2], &proof->second); /* fallthrough */
    case PROVE:
    case STORED: is_read = is_read && shim_get_id(env, arguments[1], &proof->first); break;
    case KEEP: is_read = texts_copy(env, arguments[1], 1, &proof->texts); break;
    case ROTATE: is_read = signing_read(env, arguments[1], arguments[2], &proof->signing); break;
    default: break;
    }
    return is_read ? job_go(env, &proof->job, is_async) : job_cancel(env, &proof->job);
}

static napi_value checkpoint(napi_env env, napi_callback_info info) { return proof_go(env, info, CHECKPOINT); }
static napi_value prove(napi_env env, napi_callback_info info) { return proof_go(env, info, PROVE); }
static napi_value get_stored(napi_env env, napi_callback_info info) { return proof_go(env, info, STORED); }
static napi_value consistency(napi_env env, napi_callback_info info) { return proof_go(env, info, CONSISTENCY); }
static napi_value keep_note(napi_env env, napi_callback_info info) { return proof_go(env, info, KEEP); }
static napi_value rotate_key(napi_env env, napi_callback_info info) { return proof_go(env, info, ROTATE); }

bool proving_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {
        {"checkpoint", checkpoint},   {"prove", prove},        {"getStored", get_stored},
        {"consistency", consistency}, {"keepNote", keep_note}, {"rotateKey", rotate_key},
    };
    return store_bind_all(env, store, object, functions, sizeof functions / sizeof *functions);
}
