#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Opening and closing a store, and the functions that are bound to it. */

/* ------------------------------------------------------------------------------------------- lifetime */

static void store_unlink(node_store *store)
{
    if (store->link == NULL) return;
    *store->link = store->next;
    if (store->next != NULL) store->next->link = store->link;
    store->link = NULL;
}

static void store_link(node_shim *shim, node_store *store)
{
    store->next = shim->stores;
    store->link = &shim->stores;
    if (store->next != NULL) store->next->link = &store->next;
    shim->stores = store;
}

/* What is left of a store when nothing of the core uses it any more. */
static void store_release(node_store *store)
{
    store->handle.store = NULL;
    (void)tally_completions_close(&store->completions);
    if (store->bell != NULL) bell_close(store->bell);
    store->bell = NULL;
}

/* Blocks while everything is written and synced. */
static void store_close_now(node_store *store)
{
    tally_store *handle = store->handle.store;
    store->handle.store = NULL;
    if (handle != NULL && tally_handle_generation(handle) == store->handle.generation) (void)tally_store_close(&handle);
    store_release(store);
}

/* What belongs to the environment. */
static void store_let_go(node_store *store)
{
    if (store->env == NULL) return;
    gates_close(store->env, store);
    if (store->receipts_array != NULL) IGNORE(napi_delete_reference(store->env, store->receipts_array));
    store->receipts_array = NULL;
    store->receipts = NULL;
    store->receipt_count = 0;
    store_unlink(store);
    store->env = NULL;
}

void store_drop(node_store *store)
{
    if (--store->references != 0) return;
    store_close_now(store);
    store_let_go(store);
    mirror_close(store->mirror);
    free(store->taken);
    free(store->scratch);
    free(store);
}

void stores_going_down(node_shim *shim)
{
    while (shim->stores != NULL) {
        node_store *store = shim->stores;
        store_close_now(store);
        store_let_go(store);
    }
}

static void function_collected(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    store_drop(data);
}

bool store_bind(napi_env env, node_store *store, napi_value object, const char *name, napi_callback callback)
{
    napi_value function = NULL;
    TRY_OR_FALSE(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, store, &function));
    TRY_OR_FALSE(env, napi_add_finalizer(env, function, store, function_collected, NULL, NULL));
    store->references++;
    return shim_set(env, object, name, function);
}

bool store_bind_all(napi_env env, node_store *store, napi_value object, const shim_function *functions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!store_bind(env, store, object, functions[i].name, functions[i].function)) return false;
    }
    return true;
}

node_store *store_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values)
{
    void *data = NULL;
    if (!shim_arguments(env, info, count, values, &data)) return NULL;
    node_store *store = data;
    if (store->handle.store != NULL) return store;
    (void)shim_throw_text(env, TALLY_E_CLOSED, "the store is closed");
    return NULL;
}

/* -------------------------------------------------------------------------------------------- opening */

/* Places of the numbers that JavaScript gives. */
enum { MODE, FLAGS, DIGEST, CHECK, MAP, FILE_MODE, SEGMENT, QUEUE, EVENTS, BYTES, INTERVAL, KEYS, AGE, NUMBERS };

typedef struct open_job {
    node_job job;
    tally_store_options options;
    char *path;
    size_t path_length;
    char *name;
    size_t name_length;
    napi_ref woken;
    node_signing signing;
    node_mirror *mirror;
    tally_store *opened;
} open_job;

static void open_run(node_job *job)
{
    open_job *opening = (open_job *)job;
    job->status =
        tally_store_open(opening->path, opening->path_length, &opening->options, &opening->opened, &job->error);
}

static bool bind_everything(napi_env env, node_store *store, napi_value object);

/* The node_store and all functions of it; `opened` is taken over, whatever happens. */
static napi_value open_done(napi_env env, node_job *job)
{
    open_job *opening = (open_job *)job;
    napi_value object = NULL;
    napi_value woken = NULL;
    void *shim = NULL;
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_get_reference_value(env, opening->woken, &woken));
    TRY(env, napi_get_instance_data(env, &shim));
    node_bell *bell = bell_open(env, woken);
    if (bell == NULL) return NULL;
    node_store *store = calloc(1, sizeof *store);
    if (store != NULL) store->scratch = malloc(SCRATCH_BYTES);
    if (store == NULL || store->scratch == NULL) {
        free(store);
        bell_close(bell);
        return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a store");
    }
    store->env = env;
    store->bell = bell;
    store->references = 1;
    store->handle = (node_handle){opening->opened, tally_handle_generation(opening->opened)};
    opening->opened = NULL;
    store->mirror = opening->mirror;
    opening->mirror = NULL;
    if (store->mirror != NULL) mirror_attach(store->mirror, bell);
    store_link(shim, store);
    bool is_whole = completion_open(env, store) && bind_everything(env, store, object);
    store_drop(store);
    return is_whole ? object : NULL;
}

static void open_drop(napi_env env, node_job *job)
{
    open_job *opening = (open_job *)job;
    if (opening->woken != NULL) IGNORE(napi_delete_reference(env, opening->woken));
    (void)tally_store_close(&opening->opened);
    mirror_close(opening->mirror);
    texts_free(&opening->signing.texts);
    free(opening->path);
    free(opening->name);
}

static uint64_t number_at(const double *numbers, size_t place)
{
    return numbers[place] >= 9007199254740992.0 ? TALLY_NO_LIMIT : (uint64_t)numbers[place];
}

static void fill_options(open_job *opening, const double *numbers)
{
    opening->options = (tally_store_options){
        .size = sizeof opening->options,
        .mode = (uint32_t)numbers[MODE],
        .flags = (uint32_t)numbers[FLAGS],
        .name = {opening->name, opening->name_length},
        .digest = (uint32_t)numbers[DIGEST],
        .check = (uint32_t)numbers[CHECK],
        .map = (uint32_t)numbers[MAP],
        .mode_of_files = (uint32_t)numbers[FILE_MODE],
        .segment_bytes = number_at(numbers, SEGMENT),
        .queue_bytes = number_at(numbers, QUEUE),
        .sync_events = number_at(numbers, EVENTS),
        .sync_bytes = number_at(numbers, BYTES),
        .sync_interval_ms = number_at(numbers, INTERVAL),
        .idempotency_events = number_at(numbers, KEYS),
        .idempotency_age_s = number_at(numbers, AGE),
    };
}

/* flags undefined: unsigned */
static bool read_signing(napi_env env, open_job *opening, napi_value flags, napi_value texts, napi_value has_mirror)
{
    bool mirrors = false;
    if (shim_is_undefined(env, flags)) return true;
    if (!signing_read(env, flags, texts, &opening->signing) || !shim_get_bool(env, has_mirror, &mirrors)) return false;
    opening->options.signing = &opening->signing.signing;
    if (!mirrors) return true;
    opening->mirror = mirror_open(env);
    opening->signing.signing.mirror = mirror_take;
    opening->signing.signing.mirror_data = opening->mirror;
    return opening->mirror != NULL;
}

/* storeOpen(is async, path, Float64Array of numbers, name, woken, flags of signing or undefined, its texts, whether
 * there is a mirror) → functions */
static napi_value open_store(napi_env env, napi_callback_info info)
{
    napi_value arguments[8];
    bool is_async = false;
    void *numbers = NULL;
    size_t count = 0;
    if (!shim_arguments(env, info, 8, arguments, NULL) || !shim_get_bool(env, arguments[0], &is_async)) return NULL;
    if (!shim_array(env, arguments[2], napi_float64_array, &numbers, &count)) return NULL;
    if (count < NUMBERS) return shim_throw_text(env, TALLY_E_LENGTH, "too few numbers");
    open_job *opening = job_open(env, sizeof *opening, NULL);
    if (opening == NULL) return NULL;
    opening->job.run = open_run;
    opening->job.done = open_done;
    opening->job.drop = open_drop;
    opening->path = shim_copy_text(env, arguments[1], &opening->path_length);
    if (opening->path == NULL) return job_cancel(env, &opening->job);
    opening->name = shim_copy_text(env, arguments[3], &opening->name_length);
    if (opening->name == NULL) return job_cancel(env, &opening->job);
    napi_status status = napi_create_reference(env, arguments[4], 1, &opening->woken);
    if (status != napi_ok) {
        shim_failed(env, status, "napi_create_reference");
        return job_cancel(env, &opening->job);
    }
    fill_options(opening, numbers);
    if (!read_signing(env, opening, arguments[5], arguments[6], arguments[7])) return job_cancel(env, &opening->job);
    return job_go(env, &opening->job, is_async);
}

/* -------------------------------------------------------------------------------------------- closing */

static void close_run(node_job *job)
{
    tally_store *store = job->handle.store;
    job->status = tally_store_close(&store);
    if (job->status != TALLY_OK) job_fail(job, job->status, "the store could not be closed here");
}

/* close(is async): from this call on every other one finds the store closed, but for `take` and `release` */
static napi_value close_store(napi_env env, napi_callback_info info)
{
    napi_value argument;
    bool is_async = false;
    node_store *store = store_arguments(env, info, 1, &argument);
    if (store == NULL || !shim_get_bool(env, argument, &is_async)) return NULL;
    if (store->in_gate) return shim_throw_text(env, TALLY_E_WOULD_BLOCK, "a gate may not close its store");
    node_job *job = job_open(env, sizeof *job, store);
    if (job == NULL) return NULL;
    job->run = close_run;
    job->done = done_undefined;
    store->handle.store = NULL;
    return job_go(env, job, is_async);
}

/* release(): after close, when the last completions were taken */
static napi_value release(napi_env env, napi_callback_info info)
{
    void *data = NULL;
    if (!shim_arguments(env, info, 0, NULL, &data)) return NULL;
    node_store *store = data;
    if (store->bell != NULL && store->handle.store == NULL) store_release(store);
    return NULL;
}

static bool bind_everything(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"close", close_store}, {"release", release}};
    return store_bind_all(env, store, object, functions, 2) && completion_bind(env, store, object) &&
           notice_bind(env, store, object) && append_bind(env, store, object) && pack_bind(env, store, object) &&
           gate_bind(env, store, object) && state_bind(env, store, object) && looking_bind(env, store, object) &&
           reading_bind(env, store, object) && upkeep_bind(env, store, object) && signing_bind(env, store, object) &&
           proving_bind(env, store, object) && verify_bind(env, store, object);
}

bool store_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"storeOpen", open_store}};
    return shim_define(env, exports, functions, 1) && upkeep_define(env, exports) && verify_define(env, exports) &&
           proof_define(env, exports) && witness_define(env, exports);
}
