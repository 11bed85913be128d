#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Jobs: calls of the core that may touch a file, on a thread of the pool or at once. */

void *job_open(napi_env env, size_t size, node_store *store)
{
    node_job *job = calloc(1, size);
    if (job == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a call");
        return NULL;
    }
    job->error.position = TALLY_POSITION_NONE;
    if (store != NULL) {
        store->references++;
        job->store = store;
        job->handle = store->handle;
    }
    return job;
}

void job_fail(node_job *job, tally_status status, const char *text)
{
    memset(&job->error, 0, sizeof job->error);
    job->status = job->error.status = status;
    job->error.position = TALLY_POSITION_NONE;
    (void)snprintf(job->error.message, sizeof job->error.message, "%s", text);
}

static void job_free(napi_env env, node_job *job)
{
    if (job->drop != NULL) job->drop(env, job);
    if (job->store != NULL) store_drop(job->store);
    free(job);
}

napi_value job_cancel(napi_env env, node_job *job)
{
    job_free(env, job);
    return NULL;
}

/* A job of a store that was closed meanwhile: its slot may be another store's by now. */
static void job_run(node_job *job)
{
    if (job->handle.store != NULL && tally_handle_generation(job->handle.store) != job->handle.generation) {
        job_fail(job, TALLY_E_CLOSED, "the store was closed");
        return;
    }
    job->run(job);
}

static void execute(napi_env env, void *data)
{
    (void)env;
    job_run(data);
}

napi_value job_error(napi_env env, const tally_error *error)
{
    napi_value made = NULL;
    (void)shim_throw(env, error);
    TRY(env, napi_get_and_clear_last_exception(env, &made));
    return made;
}

/* Rejects with what is pending, or with the job's own error. */
static void job_reject(napi_env env, node_job *job)
{
    bool pending = false;
    napi_value reason = NULL;
    if (napi_is_exception_pending(env, &pending) != napi_ok) return;
    if (pending) IGNORE(napi_get_and_clear_last_exception(env, &reason));
    else reason = job_error(env, &job->error);
    if (reason != NULL) IGNORE(napi_reject_deferred(env, job->deferred, reason));
}

/* When the environment is going down every call in here fails, and only the freeing counts. */
static void complete(napi_env env, napi_status status, void *data)
{
    node_job *job = data;
    napi_value value = NULL;
    if (status == napi_cancelled) job_fail(job, TALLY_E_CLOSED, "the environment is going down");
    if (job->status == TALLY_OK) value = job->done(env, job);
    if (value != NULL) IGNORE(napi_resolve_deferred(env, job->deferred, value));
    else job_reject(env, job);
    IGNORE(napi_delete_async_work(env, job->work));
    job_free(env, job);
}

static napi_value go_now(napi_env env, node_job *job)
{
    job_run(job);
    napi_value value = job->status == TALLY_OK ? job->done(env, job) : shim_throw(env, &job->error);
    job_free(env, job);
    return value;
}

static napi_status queue(napi_env env, node_job *job, napi_value *promise)
{
    napi_value name = NULL;
    napi_status status = napi_create_string_utf8(env, "tallystick", NAPI_AUTO_LENGTH, &name);
    if (status == napi_ok) status = napi_create_async_work(env, NULL, name, execute, complete, job, &job->work);
    if (status == napi_ok) status = napi_create_promise(env, &job->deferred, promise);
    if (status == napi_ok) status = napi_queue_async_work(env, job->work);
    return status;
}

napi_value job_go(napi_env env, node_job *job, bool is_async)
{
    napi_value promise = NULL;
    if (!is_async) return go_now(env, job);
    napi_status status = queue(env, job, &promise);
    if (status == napi_ok) return promise;
    if (job->work != NULL) IGNORE(napi_delete_async_work(env, job->work));
    job_free(env, job);
    shim_failed(env, status, "queue");
    return NULL;
}

napi_value done_undefined(napi_env env, node_job *job)
{
    (void)job;
    return shim_undefined(env);
}
