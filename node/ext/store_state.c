#include "store.h"

#include <stdlib.h>
#include <string.h>

/* How far the log has come, waiting for it at once, and figures. */

/* watermarks() → {buffered, written, durable} */
static napi_value watermarks(napi_env env, napi_callback_info info)
{
    napi_value object = NULL;
    tally_watermarks marks;
    tally_error error;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    if (tally_store_watermarks(store->handle.store, &marks, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &object));
    bool done = shim_set_count(env, object, "buffered", marks.buffered) &&
                shim_set_count(env, object, "written", marks.written) &&
                shim_set_count(env, object, "durable", marks.durable);
    return done ? object : NULL;
}

/* buffered() → the number of events that can be read here; as watermarks, for those who look often */
static napi_value buffered(napi_env env, napi_callback_info info)
{
    tally_watermarks marks;
    tally_error error;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    if (tally_store_watermarks(store->handle.store, &marks, &error) != TALLY_OK) return shim_throw(env, &error);
    return shim_count(env, marks.buffered);
}

static napi_value sync_now(napi_env env, napi_callback_info info)
{
    tally_error error;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    if (tally_store_sync(store->handle.store, &error) != TALLY_OK) return shim_throw(env, &error);
    return NULL;
}

typedef struct wait_job {
    node_job job;
    uint32_t level;
    uint32_t timeout_ms;
    uint64_t position;
    bool reached;
} wait_job;

static void wait_run(node_job *job)
{
    wait_job *waiting = (wait_job *)job;
    job->status =
        tally_store_wait(job->handle.store, waiting->level, waiting->position, waiting->timeout_ms, &job->error);
    waiting->reached = job->status == TALLY_OK;
    if (job->status == TALLY_E_TIMEOUT) job->status = TALLY_OK;
}

static napi_value wait_done(napi_env env, node_job *job)
{
    napi_value reached = NULL;
    TRY(env, napi_get_boolean(env, ((wait_job *)job)->reached, &reached));
    return reached;
}

/* wait(is async, level, position, timeout in ms) → whether it was reached; a read-only store looks at its files */
static napi_value wait_here(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    bool is_async = false;
    uint32_t level = 0;
    uint64_t position = 0;
    uint32_t timeout_ms = 0;
    node_store *store = store_arguments(env, info, 4, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    if (!shim_get_uint32(env, arguments[1], &level) || !shim_get_id(env, arguments[2], &position)) return NULL;
    if (!shim_get_uint32(env, arguments[3], &timeout_ms)) return NULL;
    wait_job *waiting = job_open(env, sizeof *waiting, store);
    if (waiting == NULL) return NULL;
    waiting->job.run = wait_run;
    waiting->job.done = wait_done;
    waiting->level = level;
    waiting->position = position;
    waiting->timeout_ms = timeout_ms;
    return job_go(env, &waiting->job, is_async);
}

/* ------------------------------------------------------------------------------------------- figures */

static bool set_recovery(napi_env env, napi_value object, const tally_recovery *recovery)
{
    napi_value cut = NULL;
    napi_value happened = NULL;
    TRY_OR_FALSE(env, napi_get_boolean(env, recovery->cut != 0, &cut));
    TRY_OR_FALSE(env, napi_get_boolean(env, recovery->happened != 0, &happened));
    return shim_set(env, object, "happened", happened) && shim_set(env, object, "cut", cut) &&
           shim_set_count(env, object, "cutPosition", recovery->cut_position) &&
           shim_set_count(env, object, "cutSegment", recovery->cut_segment) &&
           shim_set_count(env, object, "cutOffset", recovery->cut_offset) &&
           shim_set_count(env, object, "cutBytes", recovery->cut_bytes) &&
           shim_set_count(env, object, "scannedBytes", recovery->scanned_bytes) &&
           shim_set_count(env, object, "rewrittenBytes", recovery->rewritten_bytes);
}

static napi_value info_object(napi_env env, const tally_store_info *from)
{
    napi_value object = NULL;
    napi_value recovery = NULL;
    char lineage[37];
    tally_uuid id;
    memcpy(id.bytes, from->lineage, sizeof id.bytes);
    (void)tally_uuid_format(&id, lineage);
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_create_object(env, &recovery));
    bool done = shim_set(env, object, "lineage", shim_text(env, lineage, 36)) &&
                shim_set(env, object, "name", shim_text(env, from->name, NAPI_AUTO_LENGTH)) &&
                shim_set(env, object, "mode", shim_number(env, from->mode)) &&
                shim_set(env, object, "digest", shim_number(env, from->digest)) &&
                shim_set_count(env, object, "writerEpoch", from->writer_epoch) &&
                set_recovery(env, recovery, &from->recovery) && shim_set(env, object, "recovery", recovery);
    return done ? object : NULL;
}

/* info(): facts that do not change */
static napi_value info_of(napi_env env, napi_callback_info info)
{
    tally_store_info facts;
    tally_error error;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    if (tally_store_info_get(store->handle.store, &facts, &error) != TALLY_OK) return shim_throw(env, &error);
    return info_object(env, &facts);
}

#define FIGURE(name, member)                           \
    {                                                  \
        name, offsetof(tally_store_statistics, member) \
    }

static const struct {
    const char *name;
    size_t offset;
} figures[] = {
    FIGURE("events", events),
    FIGURE("commits", commits),
    FIGURE("segments", segments),
    FIGURE("sealedSegments", sealed_segments),
    FIGURE("runs", runs),
    FIGURE("fileBytes", file_bytes),
    FIGURE("logBytes", log_bytes),
    FIGURE("dataBytes", data_bytes),
    FIGURE("heapBytes", heap_bytes),
    FIGURE("mappedBytes", mapped_bytes),
    FIGURE("appends", appends),
    FIGURE("appendedEvents", appended_events),
    FIGURE("repeats", repeats),
    FIGURE("conflicts", conflicts),
    FIGURE("writes", writes),
    FIGURE("writtenBytes", written_bytes),
    FIGURE("syncs", syncs),
    FIGURE("syncNsTotal", sync_ns_total),
    FIGURE("syncNsMax", sync_ns_max),
    FIGURE("seals", seals),
    FIGURE("sealNsTotal", seal_ns_total),
    FIGURE("notifiedEvents", notified_events),
    FIGURE("queueBytes", queue_bytes),
    FIGURE("readers", readers),
};

/* statistics(): figures as they are now */
static napi_value statistics(napi_env env, napi_callback_info info)
{
    napi_value object = NULL;
    tally_store_statistics now = {.size = sizeof now};
    tally_error error;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    if (tally_store_statistics_get(store->handle.store, &now, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &object));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        uint64_t figure = 0;
        memcpy(&figure, (const char *)&now + figures[i].offset, sizeof figure);
        if (!shim_set(env, object, figures[i].name, shim_number(env, (double)figure))) return NULL;
    }
    return object;
}

bool state_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"watermarks", watermarks}, {"buffered", buffered},
                                              {"sync", sync_now},         {"wait", wait_here},
                                              {"info", info_of},          {"statistics", statistics}};
    return store_bind_all(env, store, object, functions, sizeof functions / sizeof *functions);
}
