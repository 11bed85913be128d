#include "store/prepare.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/frame.h"
#include "log/log.h"
#include "store/distinct.h"
#include "store/draft.h"
#include "store/gates.h"

tally_status tally_store_now(const tally_store_body *body, int64_t *now_us, tally_error *error)
{
    int32_t os_error = 0;
    tally_status status = body->platform->wall_clock_us(body->platform->context, now_us, &os_error);
    if (status != TALLY_OK) {
        return tally_fail_os(error, TALLY_E_CLOCK, os_error, NULL, "the system did not say the time (%s)",
                             tally_status_name(status));
    }
    if (*now_us >= 0 && *now_us <= TALLY_CLOCK_US_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_CLOCK, "the wall clock is outside the years 1970 to 9999; set it");
}

void tally_idempotency_digest(const uint8_t lineage[16], tally_text key, uint8_t digest[16])
{
    uint8_t hash[TALLY_DIGEST_BYTES];
    tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_IDEMPOTENCY, lineage, 16, key.bytes, key.length, hash);
    memcpy(digest, hash, 16);
}

/* ------------------------------------------------------------------------------------------ checks */

static tally_status check_keys(const tally_draft *draft, size_t index, tally_prepared *prepared, tally_error *error)
{
    bool has_key = draft->idempotency_key.length != 0;
    if (index == 0) prepared->has_keys = has_key;
    if (has_key == prepared->has_keys) return TALLY_OK;
    return tally_fail(error, TALLY_E_ARGUMENT, "some drafts have an idempotency key and some have none");
}

/* What the body can take at most, without looking at the tags that come twice. */
static size_t body_bound(const tally_draft *draft)
{
    size_t bytes = TALLY_BODY_FIXED_BYTES + draft->stream.length + draft->type.length + draft->content_type.length +
                   2 * 4 + 16 + 8;
    for (size_t i = 0; i < draft->tag_count; i++) bytes += 2 + draft->tags[i].length;
    return bytes;
}

/* In a batch the error is about a draft, and says which. */
static tally_status name_draft(tally_status status, size_t index, size_t count, tally_error *error)
{
    if (error == NULL || count == 1) return status;
    tally_draft_name(index, count, error);
    error->position = index;
    return status;
}

static tally_status check_drafts(const tally_draft *drafts, size_t count, bool system, tally_prepared *prepared,
                                 size_t *body_bytes, tally_error *error)
{
    uint64_t data_bytes = 0;
    *body_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        tally_draft storage;
        const tally_draft *draft;
        tally_status status = tally_draft_at(drafts, i, &storage, &draft, error);
        if (status == TALLY_OK) status = tally_draft_check(draft, i, system, error);
        if (status == TALLY_OK) status = check_keys(draft, i, prepared, error);
        if (status != TALLY_OK) return name_draft(status, i, count, error);
        data_bytes += draft->length;
        *body_bytes += body_bound(draft);
    }
    if (data_bytes <= TALLY_BATCH_BYTES_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "the batch has %" PRIu64 " bytes of data; at most %u are allowed",
                      data_bytes, TALLY_BATCH_BYTES_MAX);
}

/* ------------------------------------------------------------------------------------------ events */

typedef struct event_ids {
    uint8_t id[TALLY_UUID_BYTES];
    const uint8_t *correlation;
    const uint8_t *causation;
} event_ids;

static bool is_zero(const uint8_t id[TALLY_UUID_BYTES]) { return (tally_load_u64(id) | tally_load_u64(id + 8)) == 0; }

enum { AT_CORRELATION = 16 }; /* in a body */

static tally_status identify(tally_prepared *prepared, const tally_draft *draft, event_ids *ids, tally_ready *event,
                             tally_error *error)
{
    event->id_given = !is_zero(draft->id.bytes);
    if (event->id_given) {
        prepared->has_ids = true;
        memcpy(ids->id, draft->id.bytes, TALLY_UUID_BYTES);
    } else {
        const uint8_t *random;
        tally_status status = tally_scratch_random(prepared->scratch, TALLY_UUID_RANDOM, &random, error);
        if (status != TALLY_OK) return status;
        uint64_t now_ms = (uint64_t)prepared->commit.now_us / 1000;
        status = tally_uuid_next(&prepared->scratch->ids, now_ms, random, ids->id, error);
        if (status != TALLY_OK) return status;
    }
    event->correlation_given = !is_zero(draft->correlation.bytes);
    event->causation_given = !is_zero(draft->causation.bytes);
    event->cause_in_batch = (draft->flags & TALLY_DRAFT_CAUSE_IN_BATCH) != 0;
    event->cause_index = draft->cause_index;
    ids->correlation = event->correlation_given ? draft->correlation.bytes : ids->id;
    ids->causation = draft->causation.bytes;
    if (!event->cause_in_batch) return TALLY_OK;
    const uint8_t *cause = prepared->commit.events[draft->cause_index].body;
    ids->causation = cause;
    if (!event->correlation_given) ids->correlation = cause + AT_CORRELATION;
    return TALLY_OK;
}

static void encode_body(const tally_store_body *store, const tally_draft *draft, const event_ids *ids,
                        const uint8_t data_digest[TALLY_DIGEST_BYTES], uint8_t *to, tally_ready *event)
{
    tally_body_view view;
    uint8_t idempotency[16];
    uint8_t occurred[8];
    view.id = ids->id;
    view.correlation = ids->correlation;
    view.causation = ids->causation;
    view.schema_version = draft->schema_version;
    view.seal_algorithm = TALLY_SEAL_NONE;
    view.plain_length = draft->length;
    view.stored_length = draft->length + TALLY_SALT_BYTES;
    view.data_digest = data_digest;
    view.key_ids = NULL;
    view.key_count = 0;
    view.stream = draft->stream;
    view.type = draft->type;
    view.content_type = draft->content_type;
    for (size_t i = 0; i < draft->tag_count; i++) view.tags[i] = draft->tags[i];
    view.tag_count = (uint32_t)tally_tags_sort(view.tags, draft->tag_count);
    view.idempotency = NULL;
    view.occurred = NULL;
    if (draft->idempotency_key.length != 0) {
        tally_idempotency_digest(store->info.lineage, draft->idempotency_key, idempotency);
        view.idempotency = idempotency;
    }
    if (draft->flags & TALLY_DRAFT_OCCURRED) {
        tally_store_u64(occurred, (uint64_t)draft->occurred_us);
        view.occurred = occurred;
    }
    event->body_length = tally_body_length(&view);
    (void)tally_body_encode(&view, to, event->body_length); /* the members have been checked */
    event->body = to;
    size_t behind = (view.idempotency != NULL ? 16u : 0u) + (view.occurred != NULL ? 4u + 8u : 0u);
    event->idempotency = view.idempotency == NULL ? NULL : to + event->body_length - behind;
}

/* Data of this length are checked outside of the log's mutex: smaller ones are faster at hand, right after the copy. */
#define LARGE_DATA 1024u

static tally_status prepare_event(const tally_store_body *store, tally_prepared *prepared, const tally_draft *draft,
                                  bool system, uint8_t *to, tally_ready *event, tally_error *error)
{
    event_ids ids;
    uint8_t data_digest[TALLY_DIGEST_BYTES];
    uint32_t algorithm = store->info.digest;
    event->stream.key = tally_heads_key(&store->log->heads, draft->stream);
    tally_heads_fetch_ahead(&store->log->heads, event->stream.key);
    tally_status status = identify(prepared, draft, &ids, event, error);
    const uint8_t *salt = NULL;
    if (status == TALLY_OK) status = tally_scratch_random(prepared->scratch, TALLY_SALT_BYTES, &salt, error);
    if (status != TALLY_OK) return status;
    memcpy(event->salt, salt, TALLY_SALT_BYTES);
    tally_digest_two(algorithm, TALLY_DOMAIN_DATA, event->salt, TALLY_SALT_BYTES, draft->data, draft->length,
                     data_digest);
    encode_body(store, draft, &ids, data_digest, to, event);
    tally_body_digest(algorithm, event->body, event->body_length, event->body_digest);
    event->data = draft->data;
    event->data_length = draft->length;
    event->data_crc_known = draft->length >= LARGE_DATA;
    if (event->data_crc_known) {
        event->data_crc_seed = atomic_load_explicit(&store->log->seed_hint, memory_order_relaxed);
        event->data_crc =
            tally_frame_data_crc(event->data_crc_seed, event->salt, TALLY_SALT_BYTES, draft->data, draft->length);
    }
    event->core_flags = system ? TALLY_CORE_SYSTEM : 0;
    event->stream.stream = (tally_text){(const char *)event->body + TALLY_BODY_FIXED_BYTES, draft->stream.length};
    event->stream.end = NULL;
    event->stream.is_looked_up = false;
    return TALLY_OK;
}

static tally_status prepare_events(const tally_store_body *store, const tally_draft *drafts, size_t count, bool system,
                                   tally_prepared *prepared, tally_error *error)
{
    uint8_t *to = prepared->scratch->bodies;
    prepared->commit.events = prepared->scratch->events;
    prepared->commit.count = count;
    for (size_t i = 0; i < count; i++) {
        tally_draft storage;
        const tally_draft *draft;
        tally_ready *event = &prepared->commit.events[i];
        tally_status status = tally_draft_at(drafts, i, &storage, &draft, error);
        if (status == TALLY_OK) status = prepare_event(store, prepared, draft, system, to, event, error);
        if (status != TALLY_OK) return status;
        to += event->body_length;
        prepared->commit.frame_bytes += tally_frame_length(event->body_length, TALLY_SALT_BYTES + event->data_length);
    }
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- options */

static void prepare_expectations(const tally_store_body *store, const tally_append_options *options,
                                 tally_prepared *prepared)
{
    tally_commit *commit = &prepared->commit;
    commit->expected = prepared->scratch->expected;
    commit->expected_count = options->expectation_count;
    for (size_t i = 0; i < options->expectation_count; i++) {
        const tally_expectation *given = &options->expectations[i];
        tally_expected *expected = &commit->expected[i];
        expected->expect = given->expect;
        expected->version = given->version;
        if (given->stream.length == 0) {
            expected->stream = commit->events[0].stream;
            continue;
        }
        expected->stream =
            (tally_wanted){.key = tally_heads_key(&store->log->heads, given->stream), .stream = given->stream};
    }
    commit->conditions = options->conditions;
    commit->condition_count = options->condition_count;
}

tally_status tally_prepare(tally_store_body *body, const tally_draft *drafts, size_t count,
                           const tally_append_options *options, bool system, tally_prepared *prepared,
                           tally_error *error)
{
    size_t body_bytes;
    memset(prepared, 0, sizeof *prepared);
    prepared->level = options->durability;
    prepared->flags = options->flags;
    prepared->commit.may_wait = !(options->flags & TALLY_APPEND_TRY);
    tally_status status = check_drafts(drafts, count, system, prepared, &body_bytes, error);
    if (status == TALLY_OK && !system) status = tally_gates_run(body, drafts, count, options->durability, error);
    if (status == TALLY_OK) status = tally_store_now(body, &prepared->commit.now_us, error);
    if (status == TALLY_OK) {
        status = tally_scratch_take(body->scratches, tally_thread_now->index, &prepared->scratch, error);
    }
    if (status != TALLY_OK) return status;
    status = tally_scratch_reserve(prepared->scratch, count, options->expectation_count, body_bytes, error);
    if (status == TALLY_OK) status = prepare_events(body, drafts, count, system, prepared, error);
    if (status == TALLY_OK) status = tally_prepared_distinct(body, prepared, error);
    if (status != TALLY_OK) {
        tally_prepared_release(prepared);
        return status;
    }
    prepare_expectations(body, options, prepared);
    prepared->commit.needs_check = prepared->has_keys || prepared->has_ids || options->condition_count != 0;
    return TALLY_OK;
}

void tally_prepared_release(tally_prepared *prepared) { tally_scratch_give(prepared->scratch); }
