/* An addon as another project would write it: native handlers as tagged externals, and threads that notify
 * through the table of functions. It does not link tallystick. Built by tests/node/addon/build.js. */
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/api.h>

#define CHECK(call)                                                       \
    do {                                                                  \
        if ((call) != napi_ok) {                                          \
            (void)napi_throw_error(env, NULL, "addon: " #call " failed"); \
            return NULL;                                                  \
        }                                                                 \
    } while (0)

static const napi_type_tag api_tag = {TALLY_API_TAG_LOW, TALLY_API_TAG_HIGH};
static const napi_type_tag handler_tag = {TALLY_NATIVE_HANDLER_TAG_LOW, TALLY_NATIVE_HANDLER_TAG_HIGH};
static const napi_type_tag registry_tag = {TALLY_REGISTRY_TAG_LOW, TALLY_REGISTRY_TAG_HIGH};

static _Atomic(uint32_t) destroyed;
static _Atomic(uint32_t) collected;

/* ----------------------------------------------------------------------------------------- handlers */

typedef struct probe {
    tally_native_handler native;
    const tally_api *api;
    _Atomic(uint32_t) calls;
    _Atomic(uint32_t) inside;
    _Atomic(bool) blocked;
    int32_t code; /* what it answers */
    char message[64];
    uint32_t last_kind;
    size_t last_length;
    uint8_t last[64];
} probe;

static int32_t handle(void *user_data, const tally_notice *notice)
{
    probe *self = user_data;
    atomic_fetch_add(&self->inside, 1);
    while (atomic_load(&self->blocked)) (void)sched_yield();
    self->last_kind = notice->kind;
    self->last_length = notice->length;
    size_t kept = notice->length < sizeof self->last ? notice->length : sizeof self->last;
    if (kept != 0) memcpy(self->last, notice->data, kept);
    atomic_fetch_add(&self->calls, 1);
    atomic_fetch_sub(&self->inside, 1);
    if (self->code == 0 || self->code == TALLY_HANDLER_STOP || self->message[0] == 0) return self->code;
    return self->api->handler_fail(self->code, self->message, strlen(self->message), NULL);
}

static void destroy(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&destroyed, 1);
}

static void collect(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    atomic_fetch_add(&collected, 1);
    free(data);
}

static void *external_of(napi_env env, napi_value value, const napi_type_tag *tag)
{
    bool is = false;
    void *found = NULL;
    if (napi_check_object_type_tag(env, value, tag, &is) != napi_ok || !is) return NULL;
    return napi_get_value_external(env, value, &found) == napi_ok ? found : NULL;
}

static napi_value number(napi_env env, double value)
{
    napi_value made = NULL;
    CHECK(napi_create_double(env, value, &made));
    return made;
}

/* probe(capi, code, message, withDestructor, damage): damage 1 has no tag, 2 a wrong magic, 3 a small size */
static napi_value make_probe(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    size_t count = 5;
    bool with_destructor = false;
    uint32_t damage = 0;
    napi_value external = NULL;
    CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    probe *self = calloc(1, sizeof *self);
    if (self == NULL) return NULL;
    self->api = external_of(env, arguments[0], &api_tag);
    CHECK(napi_get_value_int32(env, arguments[1], &self->code));
    CHECK(napi_get_value_string_utf8(env, arguments[2], self->message, sizeof self->message, NULL));
    CHECK(napi_get_value_bool(env, arguments[3], &with_destructor));
    CHECK(napi_get_value_uint32(env, arguments[4], &damage));
    self->native.size = damage == 3 ? 8 : sizeof self->native;
    self->native.magic = damage == 2 ? 42 : TALLY_NATIVE_HANDLER_MAGIC;
    self->native.function = handle;
    self->native.user_data = self;
    self->native.destructor = with_destructor ? destroy : NULL;
    self->native.flags = TALLY_NATIVE_QUICK;
    CHECK(napi_create_external(env, self, collect, NULL, &external));
    if (damage != 1) CHECK(napi_type_tag_object(env, external, &handler_tag));
    return external;
}

/* look(probe) → [calls, inside, lastKind, lastLength, last bytes] */
static napi_value look(napi_env env, napi_callback_info info)
{
    napi_value argument;
    size_t count = 1;
    napi_value result = NULL;
    napi_value bytes = NULL;
    CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    probe *self = external_of(env, argument, &handler_tag);
    if (self == NULL) return NULL;
    size_t kept = self->last_length < sizeof self->last ? self->last_length : sizeof self->last;
    CHECK(napi_create_buffer_copy(env, kept, self->last, NULL, &bytes));
    CHECK(napi_create_array(env, &result));
    CHECK(napi_set_element(env, result, 0, number(env, atomic_load(&self->calls))));
    CHECK(napi_set_element(env, result, 1, number(env, atomic_load(&self->inside))));
    CHECK(napi_set_element(env, result, 2, number(env, self->last_kind)));
    CHECK(napi_set_element(env, result, 3, number(env, (double)self->last_length)));
    CHECK(napi_set_element(env, result, 4, bytes));
    return result;
}

/* block(probe, whether calls wait inside) */
static napi_value block(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    size_t count = 2;
    bool blocked = false;
    CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    probe *self = external_of(env, arguments[0], &handler_tag);
    CHECK(napi_get_value_bool(env, arguments[1], &blocked));
    if (self != NULL) atomic_store(&self->blocked, blocked);
    return NULL;
}

/* gone() → [destructors that ran, externals that were collected] */
static napi_value gone(napi_env env, napi_callback_info info)
{
    (void)info;
    napi_value result = NULL;
    CHECK(napi_create_array(env, &result));
    CHECK(napi_set_element(env, result, 0, number(env, atomic_load(&destroyed))));
    CHECK(napi_set_element(env, result, 1, number(env, atomic_load(&collected))));
    return result;
}

/* ----------------------------------------------------------------------------------------- threads */

typedef struct producer {
    pthread_t thread;
    const tally_api *api;
    tally_registry *registry;
    uint32_t kind;
    uint32_t events;
    uint32_t length;
    bool is_slow;
    _Atomic(bool) done;
    _Atomic(bool) stop;
    tally_status status;
    uint64_t fired;
    uint64_t failed;
} producer;

/* Each event begins with its number, little-endian. */
static void *produce(void *argument)
{
    producer *self = argument;
    uint8_t *event = calloc(1, self->length + 8);
    tally_notice notice = {.kind = self->kind, .data = event, .length = self->length};
    for (uint32_t i = 0; event != NULL && i < self->events && !atomic_load(&self->stop); i++) {
        tally_notified done = {0, 0, 0, 0};
        memcpy(event, &i, sizeof i);
        self->status = self->api->registry_notify(self->registry, &notice, &done, NULL);
        self->fired += done.fired;
        self->failed += done.failed;
        if (self->status != TALLY_OK && self->status != TALLY_E_HANDLER) break;
        if (self->is_slow || i % 4096 == 4095) (void)sched_yield();
    }
    free(event);
    atomic_store(&self->done, true);
    return NULL;
}

/* start(capi, handle, kind name or '', events, length, isSlow) → producer */
static napi_value start(napi_env env, napi_callback_info info)
{
    napi_value arguments[6];
    size_t count = 6;
    size_t name_length = 0;
    char name[128];
    napi_value external = NULL;
    producer *self = calloc(1, sizeof *self);
    if (self == NULL) return NULL;
    CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    self->api = external_of(env, arguments[0], &api_tag);
    self->registry = external_of(env, arguments[1], &registry_tag);
    if (self->api == NULL || self->registry == NULL) {
        CHECK(napi_throw_error(env, NULL, "not the right externals"));
        return NULL;
    }
    CHECK(napi_get_value_string_utf8(env, arguments[2], name, sizeof name, &name_length));
    CHECK(napi_get_value_uint32(env, arguments[3], &self->events));
    CHECK(napi_get_value_uint32(env, arguments[4], &self->length));
    CHECK(napi_get_value_bool(env, arguments[5], &self->is_slow));
    if (name_length != 0) (void)self->api->kind_intern(name, name_length, &self->kind, NULL);
    if (pthread_create(&self->thread, NULL, produce, self) != 0) return NULL;
    (void)pthread_detach(self->thread);
    CHECK(napi_create_external(env, self, NULL, NULL, &external));
    return external;
}

/* state(producer) → [is done, status, fired, failed] */
static napi_value state(napi_env env, napi_callback_info info)
{
    napi_value argument;
    size_t count = 1;
    void *data = NULL;
    napi_value result = NULL;
    napi_value done = NULL;
    CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    CHECK(napi_get_value_external(env, argument, &data));
    producer *self = data;
    CHECK(napi_create_array(env, &result));
    CHECK(napi_get_boolean(env, atomic_load(&self->done), &done));
    CHECK(napi_set_element(env, result, 0, done));
    CHECK(napi_set_element(env, result, 1, number(env, self->status)));
    CHECK(napi_set_element(env, result, 2, number(env, (double)self->fired)));
    CHECK(napi_set_element(env, result, 3, number(env, (double)self->failed)));
    return result;
}

/* stop(producer) */
static napi_value stop(napi_env env, napi_callback_info info)
{
    napi_value argument;
    size_t count = 1;
    void *data = NULL;
    CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    CHECK(napi_get_value_external(env, argument, &data));
    atomic_store(&((producer *)data)->stop, true);
    return NULL;
}

/* notifyHere(capi, handle, bytes) → [status, fired, failed]: on this thread, past JavaScript */
static napi_value notify_here(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    size_t count = 3;
    napi_value result = NULL;
    void *data = NULL;
    tally_notified done = {0, 0, 0, 0};
    tally_notice notice = {.kind = 0};
    CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    const tally_api *api = external_of(env, arguments[0], &api_tag);
    tally_registry *registry = external_of(env, arguments[1], &registry_tag);
    CHECK(napi_get_buffer_info(env, arguments[2], &data, &notice.length));
    notice.data = data;
    tally_status status = api->registry_notify(registry, &notice, &done, NULL);
    CHECK(napi_create_array(env, &result));
    CHECK(napi_set_element(env, result, 0, number(env, status)));
    CHECK(napi_set_element(env, result, 1, number(env, done.fired)));
    CHECK(napi_set_element(env, result, 2, number(env, done.failed)));
    return result;
}

typedef struct registering {
    const tally_api *api;
    tally_registry *registry;
    probe *probe;
    tally_handler_options options;
    tally_handler_id id;
    tally_status status;
} registering;

static void *register_there(void *argument)
{
    registering *self = argument;
    self->status = self->api->registry_register(self->registry, handle, self->probe, &self->options, &self->id, NULL);
    return NULL;
}

/* registerThere(capi, handle, probe, priority): on a thread of its own, past JavaScript; status */
static napi_value register_elsewhere(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    size_t count = 4;
    pthread_t thread;
    registering self;
    memset(&self, 0, sizeof self);
    CHECK(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    self.api = external_of(env, arguments[0], &api_tag);
    self.registry = external_of(env, arguments[1], &registry_tag);
    self.probe = external_of(env, arguments[2], &handler_tag);
    self.options.size = sizeof self.options;
    self.options.name = "foreign";
    self.options.name_length = 7;
    CHECK(napi_get_value_int32(env, arguments[3], &self.options.priority));
    if (pthread_create(&thread, NULL, register_there, &self) != 0) return NULL;
    (void)pthread_join(thread, NULL);
    return number(env, self.status);
}

NAPI_MODULE_INIT()
{
    static const struct {
        const char *name;
        napi_callback function;
    } functions[] = {
        {"probe", make_probe},
        {"look", look},
        {"block", block},
        {"gone", gone},
        {"start", start},
        {"state", state},
        {"stop", stop},
        {"notifyHere", notify_here},
        {"registerThere", register_elsewhere},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        napi_value function = NULL;
        CHECK(napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function));
        CHECK(napi_set_named_property(env, exports, functions[i].name, function));
    }
    return exports;
}
