/* Asynchronous calls: prepared and copied here, committed by the store's thread. */
#include <string.h>

#include "base/error.h"
#include "log/log.h"
#include "store/append.h"
#include "store/draft.h"
#include "store/jobs.h"

/* Memory of a job, given out from the front; counted first with `bytes` NULL, then filled. */
typedef struct job_memory {
    uint8_t *bytes;
    size_t used;
} job_memory;

static void *give(job_memory *block, size_t length)
{
    size_t at = block->used;
    block->used += (length + 15u) & ~(size_t)15u;
    return block->bytes == NULL ? NULL : block->bytes + at;
}

static const void *keep(job_memory *block, const void *from, size_t length)
{
    void *to = give(block, length);
    if (to != NULL && length != 0) memcpy(to, from, length);
    return to;
}

static void keep_events(job_memory *block, const tally_commit *from, tally_commit *to)
{
    tally_ready *events = give(block, from->count * sizeof *events);
    for (size_t i = 0; i < from->count; i++) {
        const tally_ready *event = &from->events[i];
        const uint8_t *body = keep(block, event->body, event->body_length);
        const void *data = keep(block, event->data, event->data_length);
        if (events == NULL) continue;
        events[i] = *event;
        events[i].body = body;
        events[i].data = data;
        events[i].stream.stream.bytes = (const char *)body + TALLY_BODY_FIXED_BYTES;
        if (event->idempotency != NULL) events[i].idempotency = body + (event->idempotency - event->body);
    }
    to->events = events;
}

static void keep_expected(job_memory *block, const tally_commit *from, tally_commit *to)
{
    tally_expected *expected = give(block, from->expected_count * sizeof *expected);
    for (size_t i = 0; i < from->expected_count; i++) {
        tally_text stream = from->expected[i].stream.stream;
        const char *bytes = keep(block, stream.bytes, stream.length);
        if (expected == NULL) continue;
        expected[i] = from->expected[i];
        expected[i].stream.stream.bytes = bytes;
    }
    to->expected = expected;
}

static const tally_text *keep_texts(job_memory *block, const tally_text *from, size_t count)
{
    tally_text *texts = give(block, count * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        const char *bytes = keep(block, from[i].bytes, from[i].length);
        if (texts != NULL) texts[i] = (tally_text){bytes, from[i].length};
    }
    return texts;
}

static void keep_conditions(job_memory *block, const tally_commit *from, tally_commit *to)
{
    tally_append_condition *conditions = give(block, from->condition_count * sizeof *conditions);
    for (size_t i = 0; i < from->condition_count; i++) {
        const tally_append_condition *condition = &from->conditions[i];
        const tally_text *types = keep_texts(block, condition->types, condition->type_count);
        const tally_text *tags = keep_texts(block, condition->tags, condition->tag_count);
        if (conditions == NULL) continue;
        conditions[i] = *condition;
        conditions[i].types = types;
        conditions[i].tags = tags;
    }
    to->conditions = conditions;
}

static tally_job *keep_all(job_memory *block, const tally_prepared *prepared)
{
    tally_job *job = give(block, sizeof *job);
    tally_receipt *own = give(block, prepared->commit.count * sizeof *own);
    tally_prepared copy = *prepared;
    keep_events(block, &prepared->commit, &copy.commit);
    keep_expected(block, &prepared->commit, &copy.commit);
    keep_conditions(block, &prepared->commit, &copy.commit);
    if (job == NULL) return NULL;
    memset(job, 0, sizeof *job);
    copy.scratch = NULL;
    copy.commit.may_wait = true;
    job->prepared = copy;
    job->own = own;
    job->level = prepared->level;
    return job;
}

static tally_job *make_job(const tally_store_body *body, const tally_prepared *prepared)
{
    job_memory block = {NULL, 0};
    (void)keep_all(&block, prepared);
    size_t bytes = block.used;
    block.bytes = body->platform->allocate(body->platform->context, bytes);
    if (block.bytes == NULL) return NULL;
    block.used = 0;
    tally_job *job = keep_all(&block, prepared);
    job->bytes = bytes;
    return job;
}

/* Takes the job over, or frees it. */
static tally_status enqueue(tally_store_body *body, tally_job *job, tally_completions_body *completions, uint64_t token,
                            tally_error *error)
{
    if (job == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for an asynchronous call");
    tally_status status = TALLY_E_NO_MEMORY;
    job->completions = completions;
    job->report = tally_report_new(completions, token);
    if (job->report == NULL) {
        (void)tally_fail(error, status, "no memory for a completion");
    } else {
        status = tally_jobs_put(body, job, error);
        if (status != TALLY_OK) tally_report_drop(completions, job->report);
    }
    if (status != TALLY_OK) body->platform->release(body->platform->context, job);
    return status;
}

static tally_status check_store(const tally_store_body *body, tally_error *error)
{
    tally_status status = tally_store_writable(body, error);
    if (status != TALLY_OK) return status;
    if (body->log->settings.threaded) return TALLY_OK;
    return tally_fail(error, TALLY_E_UNSUPPORTED,
                      "the store was opened with TALLY_STORE_NO_THREAD; nobody would do it: use tally_store_append");
}

static tally_status append_async(tally_store_body *body, const tally_draft *drafts, size_t count,
                                 const tally_append_options *options, tally_completions_body *completions,
                                 uint64_t token, tally_receipt *receipts, tally_error *error)
{
    tally_append_options known;
    tally_prepared prepared;
    tally_status status = check_store(body, error);
    if (status == TALLY_OK) status = tally_append_options_read(options, &known, error);
    if (status == TALLY_OK) status = tally_append_may(body, TALLY_BUFFERED, error);
    if (status == TALLY_OK && tally_jobs_bytes(body) >= body->options.queue_bytes) {
        return tally_fail(error, TALLY_E_BUSY, "the queue of asynchronous calls is full (queue_bytes); wait");
    }
    if (status == TALLY_OK) status = tally_prepare(body, drafts, count, &known, false, &prepared, error);
    if (status != TALLY_OK) return status;
    tally_job *job = make_job(body, &prepared);
    tally_prepared_release(&prepared);
    if (job != NULL) job->receipts = receipts;
    return enqueue(body, job, completions, token, error);
}

tally_status tally_store_append_async(tally_store *store, const tally_draft *drafts, size_t count,
                                      const tally_append_options *options, tally_completions *completions,
                                      uint64_t token, tally_receipt *receipts, tally_error *error)
{
    tally_call call;
    tally_call reporting;
    tally_store_body *body;
    if (receipts != NULL && count <= TALLY_BATCH_MAX) memset(receipts, 0, count * sizeof *receipts);
    tally_status status = tally_drafts_check(drafts, count, error);
    if (status != TALLY_OK) return status;
    status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_gate_enter(&reporting, completions, TALLY_HANDLE_COMPLETIONS, error);
    if (status == TALLY_OK) {
        status = append_async(body, drafts, count, options, reporting.slot->body, token, receipts, error);
        tally_gate_leave(&reporting);
    }
    tally_gate_leave(&call);
    return status;
}

static tally_status wait_async(tally_store_body *body, uint32_t level, uint64_t position,
                               tally_completions_body *completions, uint64_t token, tally_error *error)
{
    tally_status status = check_store(body, error);
    if (status != TALLY_OK) return status;
    if (level == TALLY_DURABILITY_DEFAULT) level = TALLY_DURABLE;
    if (level > TALLY_DURABLE) return tally_fail(error, TALLY_E_OPTION, "level is %u; see TALLY_BUFFERED", level);
    tally_job *job = body->platform->allocate(body->platform->context, sizeof *job);
    if (job != NULL) {
        memset(job, 0, sizeof *job);
        job->bytes = sizeof *job;
        job->is_wait = true;
        job->level = level;
        job->first = position;
    }
    return enqueue(body, job, completions, token, error);
}

tally_status tally_store_wait_async(tally_store *store, uint32_t level, uint64_t position,
                                    tally_completions *completions, uint64_t token, tally_error *error)
{
    tally_call call;
    tally_call reporting;
    tally_store_body *body;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_gate_enter(&reporting, completions, TALLY_HANDLE_COMPLETIONS, error);
    if (status == TALLY_OK) {
        status = wait_async(body, level, position, reporting.slot->body, token, error);
        tally_gate_leave(&reporting);
    }
    tally_gate_leave(&call);
    return status;
}
