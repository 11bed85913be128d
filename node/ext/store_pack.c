#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Appending what node/lib/storePack.js packed: many events, or one with extras, in one call.
 *
 *   words   {drafts, expectations, conditions, level, 1 for TRY, 1 for ASYNC, token}, then each draft:
 *           {flags, stream, type, content type, data, tags, key (lengths), schema version, cause,
 *            occurred (2)}, the lengths of its tags, then each of id, correlation, causation that its flags
 *           name (4 words); then expectations {length of stream, what, version (2)}, then conditions
 *           {types, tags, from (2), their lengths}
 *   bytes   all texts and data in that order, without anything between them
 *
 * Both are memory that node/lib keeps to itself: no gate can take it away. */

#define PACKED_ID 4u
#define PACKED_CORRELATION 8u
#define PACKED_CAUSATION 16u
#define PACKED_OCCURRED 32u
#define PACKED_CAUSE 64u
#define PACKED_SAME_TYPE 128u /* type and content type are those of the draft before */

typedef struct pack {
    node_packed in;
    uint32_t level;
    bool tries;
    bool is_async;
    uint32_t token;
    size_t draft_count;
    size_t expectation_count;
    size_t condition_count;
    tally_draft *drafts;
    tally_expectation *expectations;
    tally_append_condition *conditions;
    tally_text *texts; /* of tags and types, and how many are used */
    size_t text_count;
} pack;

static void pack_free(pack *packed)
{
    free(packed->drafts);
    free(packed->expectations);
    free(packed->conditions);
    free(packed->texts);
}

/* As packed_text, with a length that was read before. */
static tally_text text_part(node_packed *in, size_t length)
{
    if (length > in->text_length - in->next_text) {
        in->broken = true;
        return (tally_text){NULL, 0};
    }
    tally_text part = {in->text + in->next_text, length};
    in->next_text += length;
    return part;
}

/* At most as many texts as there are words, which is what `texts` has room for. */
static tally_text *names(pack *packed, size_t count)
{
    node_packed *in = &packed->in;
    tally_text *first = packed->texts + packed->text_count;
    if (count > in->word_count - in->next_word) {
        in->broken = true;
        return NULL;
    }
    packed_texts(in, first, count);
    packed->text_count += count;
    return count == 0 ? NULL : first;
}

static void read_draft(pack *packed, tally_draft *draft, const tally_draft *before)
{
    node_packed *in = &packed->in;
    uint32_t flags = packed_word(in);
    uint32_t lengths[6];
    for (size_t i = 0; i < 6; i++) lengths[i] = packed_word(in);
    draft->size = sizeof *draft;
    draft->schema_version = packed_word(in);
    draft->cause_index = packed_word(in);
    draft->occurred_us = (int64_t)packed_long(in);
    draft->stream = text_part(in, lengths[0]);
    bool is_same = (flags & PACKED_SAME_TYPE) != 0 && before != NULL;
    draft->type = is_same ? before->type : text_part(in, lengths[1]);
    draft->content_type = is_same ? before->content_type : text_part(in, lengths[2]);
    tally_text data = text_part(in, lengths[3]);
    draft->data = data.bytes;
    draft->length = data.length;
    draft->idempotency_key = text_part(in, lengths[5]);
    draft->tag_count = lengths[4];
    draft->tags = names(packed, lengths[4]);
    if ((flags & PACKED_ID) != 0) draft->id = packed_uuid(in);
    if ((flags & PACKED_CORRELATION) != 0) draft->correlation = packed_uuid(in);
    if ((flags & PACKED_CAUSATION) != 0) draft->causation = packed_uuid(in);
    if ((flags & PACKED_OCCURRED) != 0) draft->flags |= TALLY_DRAFT_OCCURRED;
    if ((flags & PACKED_CAUSE) != 0) draft->flags |= TALLY_DRAFT_CAUSE_IN_BATCH;
}

static void read_condition(pack *packed, tally_append_condition *condition)
{
    node_packed *in = &packed->in;
    condition->type_count = packed_word(in);
    condition->tag_count = packed_word(in);
    condition->from_position = packed_long(in);
    condition->types = names(packed, condition->type_count);
    condition->tags = names(packed, condition->tag_count);
}

static void read_all(pack *packed)
{
    node_packed *in = &packed->in;
    for (size_t i = 0; i < packed->draft_count && !in->broken; i++) {
        read_draft(packed, &packed->drafts[i], i == 0 ? NULL : &packed->drafts[i - 1]);
    }
    for (size_t i = 0; i < packed->expectation_count; i++) {
        tally_expectation *expectation = &packed->expectations[i];
        expectation->stream = packed_text(in);
        expectation->expect = packed_word(in);
        expectation->version = packed_long(in);
    }
    for (size_t i = 0; i < packed->condition_count; i++) read_condition(packed, &packed->conditions[i]);
}

/* No more of anything than there are words: what JavaScript claims is not believed. */
static bool make_room(napi_env env, pack *packed)
{
    node_packed *in = &packed->in;
    size_t words = in->word_count;
    packed->draft_count = packed_word(in);
    packed->expectation_count = packed_word(in);
    packed->condition_count = packed_word(in);
    packed->level = packed_word(in);
    packed->tries = packed_word(in) != 0;
    packed->is_async = packed_word(in) != 0;
    packed->token = packed_word(in);
    if (in->broken || packed->draft_count > words || packed->expectation_count > words ||
        packed->condition_count > words) {
        (void)shim_throw_text(env, TALLY_E_PANIC, "packed arguments are too short");
        return false;
    }
    packed->drafts = calloc(packed->draft_count + 1, sizeof *packed->drafts);
    packed->expectations = calloc(packed->expectation_count + 1, sizeof *packed->expectations);
    packed->conditions = calloc(packed->condition_count + 1, sizeof *packed->conditions);
    packed->texts = malloc((words + 1) * sizeof *packed->texts);
    if (packed->drafts != NULL && packed->expectations != NULL && packed->conditions != NULL && packed->texts != NULL) {
        return true;
    }
    (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for the events");
    return false;
}

static tally_status commit(node_store *store, const pack *packed, tally_receipt *receipts, tally_error *error)
{
    tally_append_options options = {
        .size = sizeof options,
        .durability = packed->level,
        .flags = packed->tries ? TALLY_APPEND_TRY : 0,
        .expectations = packed->expectation_count == 0 ? NULL : packed->expectations,
        .expectation_count = packed->expectation_count,
        .conditions = packed->condition_count == 0 ? NULL : packed->conditions,
        .condition_count = packed->condition_count,
    };
    if (!packed->is_async) {
        return tally_store_append_many(store->handle.store, packed->drafts, packed->draft_count, &options, receipts,
                                       error);
    }
    return tally_store_append_async(store->handle.store, packed->drafts, packed->draft_count, &options,
                                    store->completions, packed->token, receipts, error);
}

/* What appendPacked answers: 0 done or accepted, 1 busy. */
static napi_value commit_packed(napi_env env, node_store *store, const pack *packed, napi_value receipts_value)
{
    void *receipts = NULL;
    size_t words = 0;
    bool pending = false;
    tally_error error;
    if (!shim_array(env, receipts_value, napi_uint32_array, &receipts, &words)) return NULL;
    if (words < packed->draft_count * RECEIPT_WORDS || packed->draft_count == 0) {
        return shim_throw_text(env, TALLY_E_LENGTH, "too little room for receipts");
    }
    tally_status status = commit(store, packed, receipts, &error);
    if (status == TALLY_OK || status == TALLY_E_BUSY) return shim_number(env, status == TALLY_OK ? 0 : 1);
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return NULL;
    return shim_throw(env, &error);
}

/* appendPacked(words, count of them, bytes, count of them, receipts). JavaScript keeps the receipts' memory until
 * the completion has come. */
static napi_value append_packed(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    void *words = NULL;
    void *bytes = NULL;
    uint32_t word_count = 0;
    uint32_t byte_count = 0;
    pack packed = {.level = 0};
    node_packed *in = &packed.in;
    node_store *store = store_arguments(env, info, 5, arguments);
    if (store == NULL) return NULL;
    if (store->in_gate) return shim_throw_text(env, TALLY_E_WOULD_BLOCK, "a gate may not append to its store");
    if (!shim_array(env, arguments[0], napi_uint32_array, &words, &in->word_count)) return NULL;
    if (!shim_array(env, arguments[2], napi_uint8_array, &bytes, &in->text_length)) return NULL;
    if (!shim_get_uint32(env, arguments[1], &word_count) || !shim_get_uint32(env, arguments[3], &byte_count))
        return NULL;
    if (word_count < in->word_count) in->word_count = word_count;
    if (byte_count < in->text_length) in->text_length = byte_count;
    in->words = words;
    in->text = bytes;
    napi_value result = NULL;
    if (make_room(env, &packed)) {
        read_all(&packed);
        if (packed_is_whole(env, in)) result = commit_packed(env, store, &packed, arguments[4]);
    }
    pack_free(&packed);
    return result;
}

bool pack_bind(napi_env env, node_store *store, napi_value object)
{
    return store_bind(env, store, object, "appendPacked", append_packed);
}
