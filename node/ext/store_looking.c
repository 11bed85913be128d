#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Single events, ends of streams, lists of names, ancestors. */

/* ---------------------------------------------------------------------------------- one event, a place */

#define BY_POSITION 0u
#define BY_ID 1u
#define BY_VERSION 2u

typedef struct find_job {
    node_job job;
    uint32_t by;
    bool wants_event;
    bool found;
    uint64_t position;
    uint64_t version;
    tally_uuid id;
    char *stream;
    size_t stream_length;
    node_page page;
} find_job;

static tally_status find_position(find_job *finding)
{
    tally_store *store = finding->job.handle.store;
    tally_error *error = &finding->job.error;
    if (finding->by == BY_ID) return tally_store_find_id(store, &finding->id, &finding->position, error);
    if (finding->by == BY_POSITION) return TALLY_OK;
    tally_text stream = {finding->stream, finding->stream_length};
    return tally_store_find_version(store, stream, finding->version, &finding->position, error);
}

/* `*needed` becomes what the event needs, when that is more than there is. */
static tally_status get_into(find_job *finding, void *buffer, size_t capacity, size_t *needed)
{
    tally_event event;
    tally_status status = tally_store_get(finding->job.handle.store, finding->position, buffer, capacity, needed,
                                          &event, &finding->job.error);
    if (status != TALLY_OK || page_add(&finding->page, &event)) return status;
    job_fail(&finding->job, TALLY_E_NO_MEMORY, "no memory for an event");
    return TALLY_E_NO_MEMORY;
}

static tally_status get_event(find_job *finding)
{
    uint8_t small[4096];
    size_t needed = 0;
    tally_status status = get_into(finding, small, sizeof small, &needed);
    if (status != TALLY_E_SPACE) return status;
    void *large = malloc(needed);
    if (large == NULL) {
        job_fail(&finding->job, TALLY_E_NO_MEMORY, "no memory for an event");
        return TALLY_E_NO_MEMORY;
    }
    status = get_into(finding, large, needed, &needed);
    free(large);
    return status;
}

static void find_run(node_job *job)
{
    find_job *finding = (find_job *)job;
    job->status = find_position(finding);
    finding->found = job->status == TALLY_OK;
    if (finding->found && finding->wants_event) job->status = get_event(finding);
    if (job->status == TALLY_E_NOT_FOUND && !finding->wants_event) job->status = TALLY_OK;
}

static napi_value find_done(napi_env env, node_job *job)
{
    find_job *finding = (find_job *)job;
    if (finding->wants_event) return page_value(env, &finding->page);
    return finding->found ? shim_count(env, finding->position) : shim_undefined(env);
}

static void find_drop(napi_env env, node_job *job)
{
    (void)env;
    find_job *finding = (find_job *)job;
    free(finding->stream);
    page_free(&finding->page);
}

static bool read_id(napi_env env, napi_value value, tally_uuid *id)
{
    void *words = NULL;
    size_t count = 0;
    if (!shim_array(env, value, napi_uint32_array, &words, &count)) return false;
    if (count != 4) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "an id has four words");
        return false;
    }
    memcpy(id->bytes, words, sizeof id->bytes);
    return true;
}

static bool read_key(napi_env env, find_job *finding, napi_value key, napi_value version)
{
    if (finding->by == BY_POSITION) return shim_get_id(env, key, &finding->position);
    if (finding->by == BY_ID) return read_id(env, key, &finding->id);
    if (!shim_get_id(env, version, &finding->version)) return false;
    finding->stream = shim_copy_text(env, key, &finding->stream_length);
    return finding->stream != NULL;
}

/* find(is async, whether the event is wanted, by, key, version) → a page with the event, or the position */
static napi_value find(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    bool is_async = false;
    node_store *store = store_arguments(env, info, 5, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    find_job *finding = job_open(env, sizeof *finding, store);
    if (finding == NULL) return NULL;
    finding->job.run = find_run;
    finding->job.done = find_done;
    finding->job.drop = find_drop;
    bool is_read = shim_get_bool(env, arguments[1], &finding->wants_event) &&
                   shim_get_uint32(env, arguments[2], &finding->by) &&
                   read_key(env, finding, arguments[3], arguments[4]);
    return is_read ? job_go(env, &finding->job, is_async) : job_cancel(env, &finding->job);
}

/* ------------------------------------------------------------------------------------- ends of streams */

typedef struct head_job {
    node_job job;
    tally_stream_head head;
    char *stream;
    size_t length;
} head_job;

static void head_run(node_job *job)
{
    head_job *asking = (head_job *)job;
    tally_text stream = {asking->stream, asking->length};
    job->status = tally_store_stream_head(job->handle.store, stream, &asking->head, &job->error);
}

/* [next version, last position] without the second when there is none */
static napi_value head_done(napi_env env, node_job *job)
{
    const tally_stream_head *head = &((head_job *)job)->head;
    napi_value pair = NULL;
    TRY(env, napi_create_array(env, &pair));
    napi_value version = shim_count(env, head->next_version);
    if (version == NULL) return NULL;
    TRY(env, napi_set_element(env, pair, 0, version));
    if (head->last_position == TALLY_POSITION_NONE) return pair;
    napi_value position = shim_count(env, head->last_position);
    if (position == NULL) return NULL;
    TRY(env, napi_set_element(env, pair, 1, position));
    return pair;
}

static void head_drop(napi_env env, node_job *job)
{
    (void)env;
    free(((head_job *)job)->stream);
}

/* head(is async, stream) */
static napi_value head(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    bool is_async = false;
    node_store *store = store_arguments(env, info, 2, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    head_job *asking = job_open(env, sizeof *asking, store);
    if (asking == NULL) return NULL;
    asking->job.run = head_run;
    asking->job.done = head_done;
    asking->job.drop = head_drop;
    asking->stream = shim_copy_text(env, arguments[1], &asking->length);
    return asking->stream == NULL ? job_cancel(env, &asking->job) : job_go(env, &asking->job, is_async);
}

/* ------------------------------------------------------------------------------------------------ lists */

#define LIST_MAX 256
#define LIST_TEXT 65536

typedef struct list_job {
    node_job job;
    uint32_t what;
    char *prefix;
    size_t prefix_length;
    char *after;
    size_t after_length;
    size_t count;
    tally_listed items[LIST_MAX];
    char text[LIST_TEXT];
} list_job;

static void list_run(node_job *job)
{
    list_job *listing = (list_job *)job;
    tally_text prefix = {listing->prefix, listing->prefix_length};
    tally_text after = {listing->after, listing->after_length};
    job->status = tally_store_list(job->handle.store, listing->what, prefix, after, listing->items, LIST_MAX,
                                   listing->text, LIST_TEXT, &listing->count, &job->error);
}

static napi_value row_value(napi_env env, const tally_listed *item)
{
    napi_value row = NULL;
    TRY(env, napi_create_object(env, &row));
    bool done = shim_set(env, row, "name", shim_text(env, item->name.bytes, item->name.length)) &&
                shim_set_count(env, row, "count", item->count) &&
                shim_set_count(env, row, "firstPosition", item->first_position) &&
                shim_set_count(env, row, "lastPosition", item->last_position);
    return done ? row : NULL;
}

static napi_value list_done(napi_env env, node_job *job)
{
    const list_job *listing = (const list_job *)job;
    napi_value rows = NULL;
    TRY(env, napi_create_array_with_length(env, listing->count, &rows));
    for (size_t i = 0; i < listing->count; i++) {
        napi_value row = row_value(env, &listing->items[i]);
        if (row == NULL) return NULL;
        TRY(env, napi_set_element(env, rows, (uint32_t)i, row));
    }
    return rows;
}

static void list_drop(napi_env env, node_job *job)
{
    (void)env;
    free(((list_job *)job)->prefix);
    free(((list_job *)job)->after);
}

/* list(is async, what, prefix, after) → array of {name, count, firstPosition, lastPosition} */
static napi_value list(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    bool is_async = false;
    node_store *store = store_arguments(env, info, 4, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    list_job *listing = job_open(env, sizeof *listing, store);
    if (listing == NULL) return NULL;
    listing->job.run = list_run;
    listing->job.done = list_done;
    listing->job.drop = list_drop;
    if (!shim_get_uint32(env, arguments[1], &listing->what)) return job_cancel(env, &listing->job);
    listing->prefix = shim_copy_text(env, arguments[2], &listing->prefix_length);
    if (listing->prefix == NULL) return job_cancel(env, &listing->job);
    listing->after = shim_copy_text(env, arguments[3], &listing->after_length);
    return listing->after == NULL ? job_cancel(env, &listing->job) : job_go(env, &listing->job, is_async);
}

/* -------------------------------------------------------------------------------------------- ancestors */

typedef struct ancestors_job {
    node_job job;
    uint64_t position;
    uint64_t *positions;
    size_t capacity;
    size_t count;
    uint32_t ended;
} ancestors_job;

static void ancestors_run(node_job *job)
{
    ancestors_job *asking = (ancestors_job *)job;
    job->status = tally_store_ancestors(job->handle.store, asking->position, asking->positions, asking->capacity,
                                        &asking->count, &asking->ended, &job->error);
}

static napi_value ancestors_done(napi_env env, node_job *job)
{
    const ancestors_job *asking = (const ancestors_job *)job;
    napi_value object = NULL;
    napi_value positions = NULL;
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_create_array_with_length(env, asking->count, &positions));
    for (size_t i = 0; i < asking->count; i++) {
        napi_value position = shim_count(env, asking->positions[i]);
        if (position == NULL) return NULL;
        TRY(env, napi_set_element(env, positions, (uint32_t)i, position));
    }
    bool done = shim_set(env, object, "positions", positions) &&
                shim_set(env, object, "ended", shim_number(env, asking->ended));
    return done ? object : NULL;
}

static void ancestors_drop(napi_env env, node_job *job)
{
    (void)env;
    free(((ancestors_job *)job)->positions);
}

/* ancestors(is async, position, at most so many) → {positions, ended} */
static napi_value ancestors(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    bool is_async = false;
    uint32_t limit = 0;
    node_store *store = store_arguments(env, info, 3, arguments);
    if (store == NULL || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    if (!shim_get_uint32(env, arguments[2], &limit)) return NULL;
    ancestors_job *asking = job_open(env, sizeof *asking, store);
    if (asking == NULL) return NULL;
    asking->job.run = ancestors_run;
    asking->job.done = ancestors_done;
    asking->job.drop = ancestors_drop;
    asking->capacity = limit;
    if (!shim_get_id(env, arguments[1], &asking->position)) return job_cancel(env, &asking->job);
    asking->positions = malloc(((size_t)limit + 1) * sizeof *asking->positions);
    if (asking->positions == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a chain of ancestors");
        return job_cancel(env, &asking->job);
    }
    return job_go(env, &asking->job, is_async);
}

bool looking_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"find", find}, {"head", head}, {"list", list}, {"ancestors", ancestors}};
    return store_bind_all(env, store, object, functions, sizeof functions / sizeof *functions);
}
