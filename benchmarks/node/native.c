/* An addon that notifies from a thread of its own, as fast as the reader in JavaScript keeps up:
 * start(capi, handle, events, window, progress). `progress[0]` is how many events JavaScript has read. */
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <tallystick/api.h>

#define EVENT_BYTES 32

typedef struct producer {
    const tally_api *api;
    tally_registry *registry;
    uint32_t events;
    uint32_t window; /* most events that are under way at once */
    _Atomic(uint32_t) *progress;
} producer;

static void *produce(void *argument)
{
    producer *self = argument;
    uint32_t event[EVENT_BYTES / sizeof(uint32_t)] = {0};
    tally_notice notice = {.data = event, .length = sizeof event};
    for (uint32_t i = 0; i < self->events; i++) {
        while (i - atomic_load_explicit(self->progress, memory_order_relaxed) >= self->window) (void)sched_yield();
        event[0] = i;
        event[1] = 1;
        if (self->api->registry_notify(self->registry, &notice, NULL, NULL) != TALLY_OK) break;
    }
    free(self);
    return NULL;
}

static napi_value start(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    size_t count = 5;
    void *api = NULL;
    void *registry = NULL;
    void *progress = NULL;
    producer *self = malloc(sizeof *self);
    pthread_t thread;
    if (self == NULL || napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok ||
        napi_get_value_external(env, arguments[0], &api) != napi_ok ||
        napi_get_value_external(env, arguments[1], &registry) != napi_ok ||
        napi_get_value_uint32(env, arguments[2], &self->events) != napi_ok ||
        napi_get_value_uint32(env, arguments[3], &self->window) != napi_ok ||
        napi_get_typedarray_info(env, arguments[4], NULL, NULL, &progress, NULL, NULL) != napi_ok) {
        free(self);
        (void)napi_throw_error(env, NULL, "start(capi, handle, events, window, progress)");
        return NULL;
    }
    self->api = api;
    self->registry = registry;
    self->progress = progress;
    if (pthread_create(&thread, NULL, produce, self) == 0) (void)pthread_detach(thread);
    return NULL;
}

NAPI_MODULE_INIT()
{
    napi_value function;
    if (napi_create_function(env, "start", NAPI_AUTO_LENGTH, start, NULL, &function) != napi_ok) return NULL;
    (void)napi_set_named_property(env, exports, "start", function);
    return exports;
}
