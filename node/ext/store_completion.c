#include "store.h"

#include <stdlib.h>
#include <string.h>

/* What comes back from the store's own thread: completions of asynchronous calls, and word that there are new
 * events for handlers. Both ring the same bell, which wakes the loop once for many. */

struct node_bell {
    tally_mutex lock; /* of `function`, held while it is called or taken away */
    napi_threadsafe_function function;
    _Atomic(uint32_t) references; /* the store, the function's finalizer, handler, mirror */
    atomic_bool rung;             /* and the loop has not come yet */
    atomic_bool has_first;
    _Atomic(uint64_t) first; /* position that the handler was told of first */
    _Atomic(uint64_t) end;   /* and the one behind the last */
};

static const tally_platform *platform(void) { return tally_platform_default(); }

node_bell *bell_keep(node_bell *bell)
{
    (void)atomic_fetch_add(&bell->references, 1);
    return bell;
}

void bell_drop(node_bell *bell)
{
    if (atomic_fetch_sub(&bell->references, 1) != 1) return;
    platform()->mutex_destroy(platform()->context, &bell->lock);
    free(bell);
}

void bell_ring(void *user_data)
{
    node_bell *bell = user_data;
    if (atomic_exchange(&bell->rung, true)) return;
    platform()->mutex_lock(platform()->context, &bell->lock);
    if (bell->function != NULL) IGNORE(napi_call_threadsafe_function(bell->function, NULL, napi_tsfn_nonblocking));
    platform()->mutex_unlock(platform()->context, &bell->lock);
}

/* The loop is awake. What comes from here on rings again. `env` NULL: the function is gone already, and so may be
 * the bell. */
static void awake(napi_env env, napi_value woken, void *context, void *data)
{
    (void)data;
    napi_value undefined = NULL;
    if (env == NULL || woken == NULL) return;
    atomic_store(&((node_bell *)context)->rung, false);
    if (napi_get_undefined(env, &undefined) != napi_ok) return;
    IGNORE(napi_call_function(env, undefined, woken, 0, NULL, NULL));
}

/* The function is about to be freed, perhaps because the environment goes down first. */
static void function_gone(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    node_bell *bell = data;
    platform()->mutex_lock(platform()->context, &bell->lock);
    bell->function = NULL;
    platform()->mutex_unlock(platform()->context, &bell->lock);
    bell_drop(bell);
}

static node_bell *bell_make(void)
{
    int32_t os_error = 0;
    node_bell *bell = calloc(1, sizeof *bell);
    if (bell == NULL) return NULL;
    atomic_init(&bell->references, 2);
    if (platform()->mutex_init(platform()->context, &bell->lock, &os_error) == TALLY_OK) return bell;
    free(bell);
    return NULL;
}

node_bell *bell_open(napi_env env, napi_value woken)
{
    node_bell *bell = bell_make();
    if (bell == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory to wake the event loop");
        return NULL;
    }
    napi_value name = shim_text(env, "tallystick", NAPI_AUTO_LENGTH);
    napi_status status = name == NULL ? napi_generic_failure
                                      : napi_create_threadsafe_function(env, woken, NULL, name, 0, 1, bell,
                                                                        function_gone, bell, awake, &bell->function);
    if (status != napi_ok) {
        atomic_store(&bell->references, 1);
        bell_drop(bell);
        shim_failed(env, status, "napi_create_threadsafe_function");
        return NULL;
    }
    IGNORE(napi_unref_threadsafe_function(env, bell->function));
    return bell;
}

/* From now on other threads find nobody to wake. */
void bell_close(node_bell *bell)
{
    platform()->mutex_lock(platform()->context, &bell->lock);
    napi_threadsafe_function function = bell->function;
    bell->function = NULL;
    platform()->mutex_unlock(platform()->context, &bell->lock);
    if (function != NULL) IGNORE(napi_release_threadsafe_function(function, napi_tsfn_abort));
    bell_drop(bell);
}

/* keepAlive(whether the loop stays alive for what is under way) */
static napi_value keep_alive(napi_env env, napi_callback_info info)
{
    napi_value argument;
    bool is_ref = false;
    node_store *store = store_arguments(env, info, 1, &argument);
    if (store == NULL || !shim_get_bool(env, argument, &is_ref) || store->bell->function == NULL) return NULL;
    if (is_ref) TRY(env, napi_ref_threadsafe_function(env, store->bell->function));
    else TRY(env, napi_unref_threadsafe_function(env, store->bell->function));
    return NULL;
}

/* ------------------------------------------------------------------------------------- completions */

bool completion_open(napi_env env, node_store *store)
{
    tally_error error;
    tally_completions_options options = {.size = sizeof options, .wake = bell_ring, .user_data = store->bell};
    store->taken = malloc(TAKE_MAX * sizeof *store->taken);
    if (store->taken == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for completions");
        return false;
    }
    if (tally_completions_open(&options, &store->completions, &error) == TALLY_OK) return true;
    (void)shim_throw(env, &error);
    return false;
}

#define ROW_WORDS (RECEIPT_WORDS + 2)

static bool fill_rows(napi_env env, const node_store *store, size_t count, uint32_t *words, napi_value errors)
{
    for (size_t i = 0; i < count; i++, words += ROW_WORDS) {
        const tally_completion *completion = &store->taken[i];
        words[0] = (uint32_t)completion->token;
        words[1] = (uint32_t)completion->status;
        memcpy(words + 2, &completion->receipt, sizeof completion->receipt);
        if (completion->status == TALLY_OK) continue;
        napi_value error = job_error(env, &completion->error);
        if (error == NULL) return false;
        TRY_OR_FALSE(env, napi_set_element(env, errors, (uint32_t)i, error));
    }
    return true;
}

/* take(array for errors) → Uint32Array of rows {token, status, receipt}, or undefined when there are none.
 * Works while the store is closing: its completions are the last that go. */
static napi_value take(napi_env env, napi_callback_info info)
{
    napi_value errors;
    napi_value buffer = NULL;
    napi_value rows = NULL;
    void *data = NULL;
    void *words = NULL;
    size_t count = 0;
    tally_error error;
    if (!shim_arguments(env, info, 1, &errors, &data)) return NULL;
    node_store *store = data;
    if (store->completions == NULL) return NULL;
    tally_status status = tally_completions_take(store->completions, store->taken, TAKE_MAX, &count, &error);
    if (status != TALLY_OK) return shim_throw(env, &error);
    if (count == 0) return NULL;
    TRY(env, napi_create_arraybuffer(env, count * ROW_WORDS * 4, &words, &buffer));
    TRY(env, napi_create_typedarray(env, napi_uint32_array, count * ROW_WORDS, buffer, 0, &rows));
    return fill_rows(env, store, count, words, errors) ? rows : NULL;
}

/* waitLevel(level, position or -1 for all so far, token): true when the queue is full */
static napi_value wait_level(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    uint32_t level = 0;
    double position = 0;
    uint32_t token = 0;
    napi_value full = NULL;
    tally_error error;
    node_store *store = store_arguments(env, info, 3, arguments);
    if (store == NULL || !shim_get_uint32(env, arguments[0], &level)) return NULL;
    TRY(env, napi_get_value_double(env, arguments[1], &position));
    if (!shim_get_uint32(env, arguments[2], &token)) return NULL;
    uint64_t wanted = position < 0 ? TALLY_POSITION_NONE : (uint64_t)position;
    tally_status status = tally_store_wait_async(store->handle.store, level, wanted, store->completions, token, &error);
    if (status != TALLY_OK && status != TALLY_E_BUSY) return shim_throw(env, &error);
    TRY(env, napi_get_boolean(env, status == TALLY_E_BUSY, &full));
    return full;
}

bool completion_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"keepAlive", keep_alive}, {"take", take}, {"waitLevel", wait_level}};
    return store_bind_all(env, store, object, functions, sizeof functions / sizeof *functions);
}

/* ------------------------------------------------------------------------------------ notification */

/* On the thread that appended, once for each event in the order of positions: only leaves word. */
static int32_t on_event(void *user_data, const tally_notice *notice)
{
    node_bell *bell = user_data;
    const tally_event *event = notice->data;
    if (!atomic_load(&bell->has_first)) {
        atomic_store(&bell->first, event->position);
        atomic_store(&bell->has_first, true);
    }
    atomic_store(&bell->end, event->position + 1);
    bell_ring(bell);
    return TALLY_HANDLER_DONE;
}

static void handler_gone(void *user_data) { bell_drop(user_data); }

/* listen(): registers the one handler of this environment */
static napi_value listen(napi_env env, napi_callback_info info)
{
    tally_error error;
    tally_handler_id id = {0, 0};
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL || store->handler != 0) return NULL;
    tally_handler_options options = {
        .size = sizeof options, .name = "node", .name_length = 4, .destructor = handler_gone};
    (void)bell_keep(store->bell);
    tally_status status =
        tally_store_on(store->handle.store, (tally_text){NULL, 0}, on_event, store->bell, &options, &id, &error);
    if (status == TALLY_OK) {
        store->handler = id.handler;
        return NULL;
    }
    bell_drop(store->bell);
    return shim_throw(env, &error);
}

/* notified() → [first position that handlers were told of, the one behind the last], or undefined */
static napi_value notified(napi_env env, napi_callback_info info)
{
    napi_value pair = NULL;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL || !atomic_load(&store->bell->has_first)) return NULL;
    napi_value first = shim_count(env, atomic_load(&store->bell->first));
    napi_value end = shim_count(env, atomic_load(&store->bell->end));
    if (first == NULL || end == NULL) return NULL;
    TRY(env, napi_create_array_with_length(env, 2, &pair));
    TRY(env, napi_set_element(env, pair, 0, first));
    TRY(env, napi_set_element(env, pair, 1, end));
    return pair;
}

bool notice_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"listen", listen}, {"notified", notified}};
    return store_bind_all(env, store, object, functions, sizeof functions / sizeof *functions);
}
