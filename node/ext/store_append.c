#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Appending one event without extras: the path that counts in nanoseconds. Everything else is packed
 * (store_pack.c). */

/* The one number of a call: level in bits 0–1, async in bit 2, try in bit 3, what the data is in bits 4–5 (none,
 * text of JSON, bytes), whether stream and type are those of the call before in bits 6 and 7, and from bit 8 on the
 * token (async) or the place of the receipt. Making bytes of a name takes 45 ns, and most calls name what the one
 * before named. */
#define CALL_LEVEL(call) ((call)&3u)
#define CALL_IS_ASYNC(call) (((call)&4u) != 0)
#define CALL_TRIES(call) (((call)&8u) != 0)
#define CALL_CONTENT(call) (((call) >> 4) & 3u)
#define CALL_SAME_STREAM(call) (((call)&64u) != 0)
#define CALL_SAME_TYPE(call) (((call)&128u) != 0)
#define CALL_PLACE(call) ((call) >> 8)

#define CONTENT_JSON 1u
#define CONTENT_BYTES 2u

static const tally_text contents[] = {{NULL, 0}, {"application/json", 16}, {"application/octet-stream", 24}, {NULL, 0}};

/* A lone surrogate has no UTF-8: Node-API makes it U+FFFD, and then another name would be stored. */
static bool has_lone_surrogate(napi_env env, napi_value value)
{
    char16_t units[NAME_BYTES];
    size_t count = 0;
    TRY_OR_FALSE(env, napi_get_value_string_utf16(env, value, units, NAME_BYTES, &count));
    for (size_t i = 0; i < count; i++) {
        if ((units[i] & 0xf800) != 0xd800) continue;
        bool is_pair = (units[i] & 0xfc00) == 0xd800 && i + 1 < count && (units[i + 1] & 0xfc00) == 0xdc00;
        if (!is_pair) return true;
        i++;
    }
    return false;
}

/* Into `kept`, where it is for the next call too. */
static bool read_name(napi_env env, napi_value value, char *bytes, tally_text *kept)
{
    *kept = (tally_text){bytes, 0};
    TRY_OR_FALSE(env, napi_get_value_string_utf8(env, value, bytes, NAME_BYTES, &kept->length));
    for (const char *at = bytes; (at = memchr(at, 0xef, kept->length - (size_t)(at - bytes))) != NULL; at++) {
        if (kept->length - (size_t)(at - bytes) < 3 || memcmp(at, "\xef\xbf\xbd", 3) != 0) continue;
        if (!has_lone_surrogate(env, value)) return true;
        (void)shim_throw_text(env, TALLY_E_UTF8, "a name contains half of a surrogate pair");
        return false;
    }
    return true;
}

/* A copy when a gate of JavaScript might take the memory away; `*own` is to be freed. */
static bool read_bytes(napi_env env, const node_store *store, napi_value value, tally_draft *draft, char **own)
{
    void *bytes = NULL;
    if (!shim_array(env, value, napi_uint8_array, &bytes, &draft->length)) return false;
    draft->data = bytes;
    if (store->gates == NULL || draft->length == 0) return true;
    *own = malloc(draft->length);
    if (*own == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for the data of an event");
        return false;
    }
    draft->data = memcpy(*own, bytes, draft->length);
    return true;
}

/* In `scratch` when it fits; otherwise `*own` is to be freed. */
static bool read_data(napi_env env, node_store *store, uint32_t content, napi_value value, tally_draft *draft,
                      char **own)
{
    if (content == CONTENT_BYTES) return read_bytes(env, store, value, draft, own);
    if (content != CONTENT_JSON) return true;
    TRY_OR_FALSE(env, napi_get_value_string_utf8(env, value, store->scratch, SCRATCH_BYTES, &draft->length));
    draft->data = store->scratch;
    /* A longer text was cut at a whole character, at most three bytes before the end. */
    if (draft->length + 4 >= SCRATCH_BYTES) draft->data = *own = shim_copy_text(env, value, &draft->length);
    return draft->data != NULL;
}

/* undefined: it is done, or accepted; true: the queue is full, or somebody holds a lock */
static napi_value answer(napi_env env, tally_status status, const tally_error *error)
{
    napi_value busy = NULL;
    bool pending = false;
    if (status == TALLY_OK) return NULL;
    /* A gate threw: that goes first. */
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return NULL;
    if (status != TALLY_E_BUSY) return shim_throw(env, error);
    TRY(env, napi_get_boolean(env, true, &busy));
    return busy;
}

static napi_value commit(napi_env env, node_store *store, uint32_t call, const tally_draft *draft)
{
    tally_error error;
    tally_append_options options = {
        .size = sizeof options, .durability = CALL_LEVEL(call), .flags = CALL_TRIES(call) ? TALLY_APPEND_TRY : 0};
    tally_store *handle = store->handle.store;
    if (CALL_IS_ASYNC(call)) {
        tally_status status =
            tally_store_append_async(handle, draft, 1, &options, store->completions, CALL_PLACE(call), NULL, &error);
        return answer(env, status, &error);
    }
    if (CALL_PLACE(call) >= store->receipt_count) return shim_throw_text(env, TALLY_E_RANGE, "no such receipt");
    /* Not written in place: a gate of JavaScript could have given other receipts meanwhile. */
    tally_receipt receipt;
    tally_status status = tally_store_append(handle, draft, &options, &receipt, &error);
    if (status == TALLY_OK && CALL_PLACE(call) < store->receipt_count) store->receipts[CALL_PLACE(call)] = receipt;
    return answer(env, status, &error);
}

static bool read_draft(napi_env env, node_store *store, uint32_t call, const napi_value *arguments, tally_draft *draft,
                       char **own)
{
    if (!CALL_SAME_STREAM(call) && !read_name(env, arguments[1], store->stream, &store->last_stream)) return false;
    if (!CALL_SAME_TYPE(call) && !read_name(env, arguments[2], store->type, &store->last_type)) return false;
    draft->stream = store->last_stream;
    draft->type = store->last_type;
    draft->content_type = contents[CALL_CONTENT(call)];
    return read_data(env, store, CALL_CONTENT(call), arguments[3], draft, own);
}

/* append(call, stream, type, data). After a call that threw, the next one names its stream and type. */
static napi_value append(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    char *own = NULL;
    uint32_t call = 0;
    napi_value result = NULL;
    tally_draft draft = {.size = sizeof draft};
    node_store *store = store_arguments(env, info, 4, arguments);
    if (store == NULL || !shim_get_uint32(env, arguments[0], &call)) return NULL;
    if (store->in_gate) return shim_throw_text(env, TALLY_E_WOULD_BLOCK, "a gate may not append to its store");
    if (read_draft(env, store, call, arguments, &draft, &own)) result = commit(env, store, call, &draft);
    free(own);
    return result;
}

/* receipts(Uint32Array): where the next receipts go */
static napi_value receipts(napi_env env, napi_callback_info info)
{
    napi_value argument;
    void *memory = NULL;
    size_t words = 0;
    node_store *store = store_arguments(env, info, 1, &argument);
    if (store == NULL || !shim_array(env, argument, napi_uint32_array, &memory, &words)) return NULL;
    napi_ref made = NULL;
    TRY(env, napi_create_reference(env, argument, 1, &made));
    if (store->receipts_array != NULL) IGNORE(napi_delete_reference(env, store->receipts_array));
    store->receipts_array = made;
    store->receipts = memory;
    store->receipt_count = words / RECEIPT_WORDS;
    return NULL;
}

bool append_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"append", append}, {"receipts", receipts}};
    return store_bind_all(env, store, object, functions, 2);
}
