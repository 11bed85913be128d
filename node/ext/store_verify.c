#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Verifying an open store, or a directory: long work, watched as upkeep is. */

enum { PATH, SINCE, KEYS };

typedef struct verify_job {
    node_job job;
    node_watch watch;
    node_texts texts; /* the path, the note to begin at, keys */
    uint32_t mode;
    uint32_t threads;
    tally_verify_report report;
} verify_job;

static void verify_run(node_job *job)
{
    verify_job *work = (verify_job *)job;
    const node_texts *texts = &work->texts;
    tally_text since = texts->items[SINCE];
    tally_verify_options options = {
        .size = sizeof options,
        .mode = work->mode,
        .threads = work->threads,
        .keys = texts->items + KEYS,
        .key_count = texts->count - KEYS,
        .since = since.length == 0 ? (tally_text){NULL, 0} : since,
        .progress = watch_progress,
        .user_data = &work->watch,
    };
    tally_text path = texts->items[PATH];
    job->status = job->store != NULL ? tally_store_verify(job->handle.store, &options, &work->report, &job->error)
                                     : tally_verify(path.bytes, path.length, &options, &work->report, &job->error);
}

static bool set_bad_place(napi_env env, napi_value object, const tally_verify_report *report)
{
    napi_value reason = shim_text(env, tally_reason_name(report->reason), NAPI_AUTO_LENGTH);
    bool done = shim_set(env, object, "reason", reason);
    if (done && report->position != TALLY_POSITION_NONE && !report->intact) {
        done = shim_set_count(env, object, "position", report->position);
    }
    if (done && report->file[0] != 0) {
        done = shim_set(env, object, "file", shim_text(env, report->file, NAPI_AUTO_LENGTH));
    }
    if (done && report->file[0] != 0 && report->offset != TALLY_POSITION_NONE) {
        done = shim_set_count(env, object, "offset", report->offset);
    }
    return done;
}

static napi_value verify_done(napi_env env, node_job *job)
{
    const tally_verify_report *report = &((const verify_job *)job)->report;
    napi_value object = NULL;
    napi_value intact = NULL;
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_get_boolean(env, report->intact != 0, &intact));
    bool done = shim_set(env, object, "intact", intact) &&
                shim_set(env, object, "message", shim_text(env, report->message, NAPI_AUTO_LENGTH)) &&
                set_bad_place(env, object, report) && shim_set_count(env, object, "events", report->events) &&
                shim_set_count(env, object, "covered", report->covered) &&
                shim_set_count(env, object, "signedHeads", report->signed_heads) &&
                shim_set_count(env, object, "bytes", report->bytes) &&
                shim_set(env, object, "root", shim_hash(env, &report->root));
    return done ? object : NULL;
}

static void verify_drop(napi_env env, node_job *job)
{
    verify_job *work = (verify_job *)job;
    watch_drop(env, &work->watch);
    texts_free(&work->texts);
}

/* (is async, numbers, [path, since, keys…], mode, threads) */
static napi_value verify_go(napi_env env, node_store *store, const napi_value *arguments)
{
    bool is_async = false;
    if (!shim_get_bool(env, arguments[0], &is_async)) return NULL;
    verify_job *work = job_open(env, sizeof *work, store);
    if (work == NULL) return NULL;
    work->job.run = verify_run;
    work->job.done = verify_done;
    work->job.drop = verify_drop;
    bool is_read = watch_read(env, arguments[1], &work->watch) && texts_copy(env, arguments[2], KEYS, &work->texts) &&
                   shim_get_uint32(env, arguments[3], &work->mode) &&
                   shim_get_uint32(env, arguments[4], &work->threads);
    return is_read ? job_go(env, &work->job, is_async) : job_cancel(env, &work->job);
}

static napi_value verify_store(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    node_store *store = store_arguments(env, info, 5, arguments);
    return store == NULL ? NULL : verify_go(env, store, arguments);
}

static napi_value verify_path(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    return shim_arguments(env, info, 5, arguments, NULL) ? verify_go(env, NULL, arguments) : NULL;
}

bool verify_bind(napi_env env, node_store *store, napi_value object)
{
    return store_bind(env, store, object, "verify", verify_store);
}

bool verify_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"storeVerify", verify_path}};
    return shim_define(env, exports, functions, 1);
}
