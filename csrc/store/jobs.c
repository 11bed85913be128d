#include "store/jobs.h"

#include <string.h>

#include "base/error.h"
#include "log/log.h"
#include "store/append.h"
#include "store/notify.h"
#include "store/signing.h"

static void lock(const tally_store_body *body)
{
    body->platform->mutex_lock(body->platform->context, &body->jobs->mutex);
}

static void unlock(const tally_store_body *body)
{
    body->platform->mutex_unlock(body->platform->context, &body->jobs->mutex);
}

/* ------------------------------------------------------------------------------------------- queue */

tally_status tally_jobs_put(tally_store_body *body, tally_job *job, tally_error *error)
{
    tally_jobs *jobs = body->jobs;
    lock(body);
    /* One that is larger than the whole queue gets in when it is empty. */
    bool fits = jobs->bytes == 0 || jobs->bytes + job->bytes <= body->options.queue_bytes;
    if (fits) {
        job->next = NULL;
        if (jobs->last == NULL) jobs->first = job;
        else jobs->last->next = job;
        jobs->last = job;
        jobs->bytes += job->bytes;
    }
    unlock(body);
    if (!fits) return tally_fail(error, TALLY_E_BUSY, "the queue of asynchronous calls is full (queue_bytes); wait");
    tally_log_lock(body->log);
    tally_log_want_work(body->log);
    tally_log_unlock(body->log);
    return TALLY_OK;
}

uint64_t tally_jobs_bytes(const tally_store_body *body)
{
    lock(body);
    uint64_t bytes = body->jobs->bytes;
    unlock(body);
    return bytes;
}

static tally_job *take_all(const tally_store_body *body)
{
    tally_jobs *jobs = body->jobs;
    lock(body);
    tally_job *first = jobs->first;
    jobs->first = NULL;
    jobs->last = NULL;
    unlock(body);
    return first;
}

/* The queue has room again when what it held is staged, or answered. */
static void leave_queue(const tally_store_body *body, tally_job *job)
{
    lock(body);
    body->jobs->bytes -= job->bytes;
    unlock(body);
    job->bytes = 0;
}

/* ------------------------------------------------------------------------------------------ answer */

static void answer(const tally_store_body *body, tally_job *job)
{
    tally_completion *completion = &job->report->completion;
    if (completion->status == TALLY_OK && !job->is_wait) {
        size_t count = job->prepared.commit.count;
        completion->count = (uint32_t)count;
        completion->receipt = job->own[0];
        if (job->receipts != NULL) memcpy(job->receipts, job->own, count * sizeof *job->own);
    }
    completion->error.status = completion->status;
    leave_queue(body, job);
    tally_completions_body *completions = job->completions;
    tally_report *report = job->report;
    body->platform->release(body->platform->context, job);
    tally_report_put(completions, report);
}

static void fail_job(tally_job *job, tally_status status, const tally_error *error)
{
    job->report->completion.status = status;
    job->report->completion.error = *error;
}

/* ------------------------------------------------------------------------------------------- stage */

static void stage(tally_store_body *body, tally_job *job)
{
    tally_error error = {.status = TALLY_OK};
    bool repeated = false;
    tally_status status = tally_store_stage(body, &job->prepared, job->own, &repeated, &error);
    if (status != TALLY_OK) {
        fail_job(job, status, &error);
        return;
    }
    job->staged = true;
    job->first = job->prepared.commit.first_position;
    job->end = job->first + (repeated ? 1 : job->prepared.commit.count);
}

/* Stages the appends of a list, and says what all of them together wait for. */
static void stage_all(tally_store_body *body, tally_job *list, uint32_t *level, uint64_t *end)
{
    tally_log *log = body->log;
    *level = TALLY_BUFFERED;
    *end = 0;
    for (tally_job *job = list; job != NULL; job = job->next) {
        if (!job->is_wait) {
            stage(body, job);
        } else if (job->first == TALLY_POSITION_NONE) {
            tally_log_lock(log);
            job->end = log->next_position;
            tally_log_unlock(log);
            job->staged = true;
        }
        if (!job->staged) continue;
        if (job->level > *level) *level = job->level;
        if (job->end > *end) *end = job->end;
    }
}

/* One write and one sync for all. */
static tally_status reach_all(tally_store_body *body, const tally_job *list, uint32_t level, uint64_t end,
                              tally_error *error)
{
    tally_log *log = body->log;
    uint64_t first = end;
    for (const tally_job *job = list; job != NULL; job = job->next) {
        if (job->staged && !job->is_wait && job->first < first) first = job->first;
    }
    tally_log_lock(log);
    tally_log_show_staged(log);
    tally_status status = tally_log_settle(log, level, first, end, error);
    tally_log_unlock(log);
    return status;
}

/* ------------------------------------------------------------------------------------------- waits */

static bool has_come(const tally_store_body *body, const tally_job *job)
{
    tally_watermarks marks = tally_shown_marks(body->shown);
    if (job->level == TALLY_DURABLE) return job->first < marks.durable;
    return job->first < (job->level == TALLY_WRITTEN ? marks.written : marks.buffered);
}

/* The watermarks have moved, or the log has failed: then nothing will come any more. */
static void look_at_waits(tally_store_body *body)
{
    tally_log *log = body->log;
    tally_job **link = &body->jobs->waiting;
    tally_error error;
    tally_log_lock(log);
    tally_status failed = tally_log_check(log, &error);
    tally_log_unlock(log);
    while (*link != NULL) {
        tally_job *job = *link;
        bool come = has_come(body, job);
        if (!come && failed == TALLY_OK) {
            link = &job->next;
            continue;
        }
        if (!come) fail_job(job, failed, &error);
        *link = job->next;
        tally_log_lock(log);
        log->watchers--;
        tally_log_unlock(log);
        answer(body, job);
    }
}

static void keep_waiting(tally_store_body *body, tally_job *job)
{
    job->next = body->jobs->waiting;
    body->jobs->waiting = job;
    tally_log_lock(body->log);
    body->log->watchers++;
    tally_log_unlock(body->log);
}

/* ------------------------------------------------------------------------------------------- serve */

static void answer_all(tally_store_body *body, tally_job *list, tally_status status, const tally_error *error)
{
    while (list != NULL) {
        tally_job *job = list;
        list = job->next;
        if (job->is_wait && !job->staged) {
            keep_waiting(body, job);
            continue;
        }
        if (job->staged && status != TALLY_OK) fail_job(job, status, error);
        answer(body, job);
    }
}

static bool serve(void *owner)
{
    tally_store_body *body = owner;
    tally_job *list = take_all(body);
    if (list != NULL) {
        uint32_t level;
        uint64_t end;
        tally_error error = {.status = TALLY_OK};
        stage_all(body, list, &level, &end);
        tally_status status = end == 0 ? TALLY_OK : reach_all(body, list, level, end, &error);
        if (status == TALLY_OK && body->signing->every_commit && level == TALLY_DURABLE)
            status = tally_store_signing_reach(body, end, &error);
        tally_delivery_run(body);
        answer_all(body, list, status, &error);
    }
    if (body->jobs->waiting != NULL) look_at_waits(body);
    bool more = tally_store_signing_serve(body, &body->log->serve_rest_ns);
    return more || list != NULL;
}

/* ------------------------------------------------------------------------------------ open, close */

tally_status tally_jobs_open(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t os_error = 0;
    tally_jobs *jobs = platform->allocate(platform->context, sizeof *jobs);
    if (jobs == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    memset(jobs, 0, sizeof *jobs);
    tally_status status = platform->mutex_init(platform->context, &jobs->mutex, &os_error);
    if (status != TALLY_OK) {
        platform->release(platform->context, jobs);
        return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    }
    body->jobs = jobs;
    body->log->serve = serve;
    body->log->owner = body;
    return TALLY_OK;
}

void tally_jobs_close(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_jobs *jobs = body->jobs;
    if (jobs == NULL) return;
    while (jobs->waiting != NULL) {
        tally_job *job = jobs->waiting;
        jobs->waiting = job->next;
        tally_error error;
        if (!has_come(body, job)) {
            tally_status status = tally_fail(&error, TALLY_E_CLOSED, "the store was closed during the wait");
            fail_job(job, status, &error);
        }
        answer(body, job);
    }
    platform->mutex_destroy(platform->context, &jobs->mutex);
    platform->release(platform->context, jobs);
    body->jobs = NULL;
}
