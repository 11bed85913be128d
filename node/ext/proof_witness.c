#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Witnesses: cosigning, what is asked of one, and what one answers. */

/* A cosigned note may be longer than the one that was sent, but no note is longer than this; a request has a proof
 * before its note. */
#define ROOM_BYTES (TALLY_NOTE_BYTES_MAX + 8192)

static napi_value witness_text(napi_env env, tally_status status, char *room, size_t length, const tally_error *error)
{
    napi_value value = status == TALLY_OK ? shim_text(env, room, length) : shim_throw(env, error);
    free(room);
    return value;
}

static char *room_open(napi_env env)
{
    char *room = malloc(ROOM_BYTES);
    if (room == NULL) (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a note");
    return room;
}

/* witnessCosign([note, private key], seconds) → a line */
static napi_value witness_cosign(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    uint64_t time_s = 0;
    size_t length = 0;
    node_texts texts;
    tally_error error;
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_id(env, arguments[1], &time_s)) return NULL;
    char *room = room_open(env);
    if (room == NULL) return NULL;
    if (!texts_copy(env, arguments[0], 2, &texts)) {
        free(room);
        return NULL;
    }
    tally_status status = tally_witness_cosign(texts.items[0].bytes, texts.items[0].length, texts.items[1], time_s,
                                               room, ROOM_BYTES, &length, &error);
    texts_free(&texts);
    return witness_text(env, status, room, length, &error);
}

/* witnessRequest([note, hashes], old size) → the body */
static napi_value witness_request(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    uint64_t old_size = 0;
    size_t length = 0;
    node_texts texts;
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    tally_error error;
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_id(env, arguments[1], &old_size)) return NULL;
    char *room = room_open(env);
    if (room == NULL) return NULL;
    if (!texts_copy(env, arguments[0], 2, &texts)) {
        free(room);
        return NULL;
    }
    size_t bytes = texts.items[1].length;
    if (bytes > sizeof hashes || bytes % sizeof *hashes != 0) {
        texts_free(&texts);
        free(room);
        return shim_throw_text(env, TALLY_E_LIMIT, "a consistency proof has at most 63 hashes of 32 bytes");
    }
    memcpy(hashes, texts.items[1].bytes, bytes);
    tally_status status =
        tally_witness_request(old_size, bytes == 0 ? NULL : hashes, bytes / sizeof *hashes, texts.items[0].bytes,
                              texts.items[0].length, room, ROOM_BYTES, &length, &error);
    texts_free(&texts);
    return witness_text(env, status, room, length, &error);
}

static napi_value answer_value(napi_env env, uint32_t outcome, uint64_t old_size, const char *note, size_t length)
{
    napi_value object = NULL;
    TRY(env, napi_create_object(env, &object));
    bool done = shim_set(env, object, "outcome", shim_number(env, outcome));
    if (done && outcome == TALLY_WITNESS_BEHIND) done = shim_set_count(env, object, "oldSize", old_size);
    if (done && outcome == TALLY_WITNESS_SIGNED) done = shim_set(env, object, "note", shim_text(env, note, length));
    return done ? object : NULL;
}

/* witnessAnswer(HTTP status, [body, note, witnesses…]) */
static napi_value witness_answer(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    uint32_t http = 0;
    uint32_t outcome = 0;
    uint64_t old_size = 0;
    size_t length = 0;
    node_texts texts;
    tally_error error;
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_uint32(env, arguments[0], &http)) return NULL;
    char *room = room_open(env);
    if (room == NULL) return NULL;
    if (!texts_copy(env, arguments[1], 2, &texts)) {
        free(room);
        return NULL;
    }
    const tally_text *items = texts.items;
    tally_status status =
        tally_witness_answer(http, items[0].bytes, items[0].length, items[1].bytes, items[1].length, items + 2,
                             texts.count - 2, &outcome, &old_size, room, ROOM_BYTES, &length, &error);
    texts_free(&texts);
    napi_value value =
        status == TALLY_OK ? answer_value(env, outcome, old_size, room, length) : shim_throw(env, &error);
    free(room);
    return value;
}

bool witness_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"witnessCosign", witness_cosign}, {"witnessRequest", witness_request}, {"witnessAnswer", witness_answer}};
    return shim_define(env, exports, functions, 3);
}
