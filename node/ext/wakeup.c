#include "shim.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Other threads: what they may touch of a part, and how they wake the loop.
 *
 *   thread ──notify──▶ core ──▶ native handlers inline
 *                          ├──▶ ring of events ──┐
 *                          └──▶ on_panic: ring of failures ──wake──▶ one threadsafe function ──▶ loop drains
 *
 * An outpost is never freed but used again, because a thread that is stuck in a handler may come back at any
 * time, also after its registry and environment are gone. It then finds a number that is not its registry's,
 * rings that are closed, or no function to call. */

struct node_outpost {
    struct node_outpost *next;    /* in `spare` */
    _Atomic(uint64_t) registry;   /* number of the registry it stands for; 0: nobody's */
    _Atomic(const char *) thread; /* address of the environment's thread's mark */
    node_part *part;              /* of that thread only */
    _Atomic(tally_ring *) failures;
    tally_ring *events;
    tally_mutex lock; /* of `function`, held while it is called or taken away */
    napi_threadsafe_function function;
};

static const tally_platform *platform(void) { return tally_platform_default(); }

/* The address of this thread's own copy tells it from all threads that live now. */
static _Thread_local char thread_mark;

/* ------------------------------------------------------------------------------------------- spare */

static _Atomic(node_outpost *) spare;
static atomic_flag spare_busy = ATOMIC_FLAG_INIT;

static node_outpost *take_spare(void)
{
    while (atomic_flag_test_and_set(&spare_busy)) {
    }
    node_outpost *found = atomic_load(&spare);
    if (found != NULL) atomic_store(&spare, found->next);
    atomic_flag_clear(&spare_busy);
    return found;
}

static void give_spare(node_outpost *outpost)
{
    while (atomic_flag_test_and_set(&spare_busy)) {
    }
    outpost->next = atomic_load(&spare);
    atomic_store(&spare, outpost);
    atomic_flag_clear(&spare_busy);
}

static node_outpost *make_outpost(void)
{
    int32_t os_error = 0;
    node_outpost *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    if (platform()->mutex_init(platform()->context, &made->lock, &os_error) == TALLY_OK) return made;
    free(made);
    return NULL;
}

node_outpost *outpost_open(node_part *part)
{
    node_outpost *outpost = take_spare();
    if (outpost == NULL) outpost = make_outpost();
    if (outpost == NULL) return NULL;
    outpost->part = part;
    outpost->events = NULL;
    atomic_store(&outpost->failures, NULL);
    atomic_store(&outpost->thread, &thread_mark);
    return outpost;
}

void outpost_watch(node_outpost *outpost, uint64_t registry) { atomic_store(&outpost->registry, registry); }

/* Closing a ring waits for a push that is under way, which is short and waits for nothing. */
void outpost_close(node_outpost *outpost)
{
    atomic_store(&outpost->registry, 0);
    atomic_store(&outpost->thread, NULL);
    outpost->part = NULL;
    platform()->mutex_lock(platform()->context, &outpost->lock);
    napi_threadsafe_function function = outpost->function;
    outpost->function = NULL;
    platform()->mutex_unlock(platform()->context, &outpost->lock);
    if (function != NULL) IGNORE(napi_release_threadsafe_function(function, napi_tsfn_abort));
    tally_ring *failures = atomic_exchange(&outpost->failures, NULL);
    (void)tally_ring_close(&failures);
    (void)tally_ring_close(&outpost->events);
    give_spare(outpost);
}

/* -------------------------------------------------------------------------------------------- wake */

/* On any thread: once for many events, because the core calls it only for a ring that was empty. */
static void wake(void *user_data)
{
    node_outpost *outpost = user_data;
    platform()->mutex_lock(platform()->context, &outpost->lock);
    if (outpost->function != NULL) {
        IGNORE(napi_call_threadsafe_function(outpost->function, NULL, napi_tsfn_nonblocking));
    }
    platform()->mutex_unlock(platform()->context, &outpost->lock);
}

/* The loop is awake. `env` NULL: it is going down. */
static void awake(napi_env env, napi_value woken, void *context, void *data)
{
    (void)context;
    (void)data;
    napi_value undefined = NULL;
    if (env == NULL || woken == NULL) return;
    if (napi_get_undefined(env, &undefined) != napi_ok) return;
    IGNORE(napi_call_function(env, undefined, woken, 0, NULL, NULL));
}

/* A function and where it is used: its outpost may be another part's when the function goes at last. */
typedef struct node_waker {
    node_outpost *outpost;
    napi_threadsafe_function function;
} node_waker;

/* The function is about to be freed, perhaps because the environment goes down first. */
static void function_gone(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    node_waker *waker = data;
    node_outpost *outpost = waker->outpost;
    platform()->mutex_lock(platform()->context, &outpost->lock);
    if (outpost->function == waker->function) outpost->function = NULL;
    platform()->mutex_unlock(platform()->context, &outpost->lock);
    free(waker);
}

static bool make_function(napi_env env, node_outpost *outpost, napi_value woken)
{
    napi_value name = shim_text(env, "tallystick", NAPI_AUTO_LENGTH);
    if (name == NULL) return false;
    node_waker *waker = malloc(sizeof *waker);
    if (waker == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory to wake the event loop");
        return false;
    }
    *waker = (node_waker){outpost, NULL};
    napi_status status = napi_create_threadsafe_function(env, woken, NULL, name, 0, 1, waker, function_gone, NULL,
                                                         awake, &waker->function);
    if (status != napi_ok) {
        free(waker);
        shim_failed(env, status, "napi_create_threadsafe_function");
        return false;
    }
    IGNORE(napi_unref_threadsafe_function(env, waker->function));
    outpost->function = waker->function;
    return true;
}

#define FAILURES 256

bool outpost_open_ring(napi_env env, node_outpost *outpost, uint32_t slots, uint32_t slot_bytes, napi_value woken)
{
    tally_error error;
    tally_ring *failures = NULL;
    tally_ring_options events = {.size = sizeof events, .slots = slots, .slot_bytes = slot_bytes};
    tally_ring_options reports = {.size = sizeof reports, .slots = FAILURES, .slot_bytes = 512};
    events.wake = reports.wake = wake;
    events.wake_user_data = reports.wake_user_data = outpost;
    if (!make_function(env, outpost, woken)) return false;
    tally_status status = tally_ring_open(&events, &outpost->events, &error);
    if (status == TALLY_OK) status = tally_ring_open(&reports, &failures, &error);
    if (status != TALLY_OK) {
        (void)tally_ring_close(&outpost->events);
        (void)shim_throw(env, &error);
        return false;
    }
    atomic_store(&outpost->failures, failures);
    return true;
}

tally_ring *outpost_ring(node_outpost *outpost) { return outpost->events; }

/* ---------------------------------------------------------------------------------------- failures */

/* A failure on its way to the loop; the texts follow. */
typedef struct node_report {
    uint64_t handler;
    int32_t code;
    uint32_t kind;
    uint32_t what;
    uint16_t name_length;
    uint16_t message_length;
} node_report;

#define REPORT_BYTES (sizeof(node_report) + TALLY_HANDLER_NAME_MAX + TALLY_HANDLER_MESSAGE_MAX)

static void send(node_outpost *outpost, uint32_t what, const tally_failure *failure)
{
    uint8_t bytes[REPORT_BYTES];
    node_report report = {failure->id.handler,
                          failure->code,
                          failure->kind,
                          what,
                          (uint16_t)failure->name_length,
                          (uint16_t)failure->message_length};
    memcpy(bytes, &report, sizeof report);
    memcpy(bytes + sizeof report, failure->name, failure->name_length);
    memcpy(bytes + sizeof report + failure->name_length, failure->message, failure->message_length);
    tally_notice notice = {.data = bytes, .length = sizeof report + failure->name_length + failure->message_length};
    (void)tally_ring_handler(atomic_load(&outpost->failures), &notice);
}

/* At once when this is the environment's thread inside a crossing; later otherwise. */
static void tell(node_outpost *outpost, uint32_t what, const tally_failure *failure)
{
    if (atomic_load(&outpost->registry) != failure->id.registry) return;
    bool is_here = atomic_load(&outpost->thread) == &thread_mark && outpost->part != NULL;
    if (is_here && outpost->part->frame != NULL) run_tell(outpost->part->frame, what, failure, failure->id.handler);
    else send(outpost, what, failure);
}

static int32_t on_panic(void *user_data, const tally_failure *failure)
{
    tell(user_data, TOLD_FAILURE, failure);
    return 0;
}

tally_panic_handler outpost_panic(void) { return on_panic; }

/* Failures while on_panic runs; that many handlers are there is warned of in JavaScript. */
static void on_log(void *user_data, const tally_log_record *record)
{
    if (record->what == TALLY_LOG_FAILURE && record->failure != NULL) tell(user_data, TOLD_UNREPORTED, record->failure);
}

void outpost_host(node_outpost *outpost, tally_registry_host *host)
{
    *host = (tally_registry_host){.size = sizeof *host, .user_data = outpost, .log = on_log};
}

static void receive(node_part *part, const uint8_t *bytes, uint32_t length)
{
    node_report report;
    char texts[TALLY_HANDLER_NAME_MAX + 1 + TALLY_HANDLER_MESSAGE_MAX + 1];
    if (length < sizeof report) return;
    memcpy(&report, bytes, sizeof report);
    if (length != sizeof report + report.name_length + report.message_length) return;
    char *name = texts;
    char *message = texts + report.name_length + 1;
    memcpy(name, bytes + sizeof report, report.name_length);
    name[report.name_length] = 0;
    memcpy(message, bytes + sizeof report + report.name_length, report.message_length);
    message[report.message_length] = 0;
    tally_failure failure = {.code = report.code,
                             .kind = report.kind,
                             .name = name,
                             .name_length = report.name_length,
                             .message = message,
                             .message_length = report.message_length};
    failure.id.handler = report.handler;
    run_tell_later(part, report.what, &failure);
}

/* partDrainFailures(part): tells what other threads reported */
static napi_value drain_failures(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    tally_ring *failures = atomic_load(&part->outpost->failures);
    for (size_t count = 1; failures != NULL && count != 0;) {
        tally_ring_event rows[16];
        uint8_t bytes[16 * 512];
        tally_error error;
        if (tally_ring_drain(failures, rows, 16, bytes, sizeof bytes, &count, &error) != TALLY_OK) return NULL;
        for (size_t i = 0; i < count; i++) receive(part, bytes + rows[i].offset, rows[i].length);
        /* JavaScript was called: it may have closed the registry. */
        failures = part->outpost == NULL ? NULL : atomic_load(&part->outpost->failures);
    }
    return NULL;
}

/* partDrain(part, bytes, offsets, lengths, kinds) → how many */
static napi_value drain(napi_env env, napi_callback_info info)
{
    napi_value arguments[6];
    if (!shim_arguments(env, info, 6, arguments, NULL)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL) return NULL;
    if (part->outpost->events == NULL) return shim_number(env, 0);
    return ring_drain_into(env, part->outpost->events, arguments + 1);
}

/* partRef(part, whether the loop stays alive for events that may come) */
static napi_value ref(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    bool is_ref = false;
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_bool(env, arguments[1], &is_ref)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL || part->outpost->function == NULL) return NULL;
    if (is_ref) TRY(env, napi_ref_threadsafe_function(env, part->outpost->function));
    else TRY(env, napi_unref_threadsafe_function(env, part->outpost->function));
    return NULL;
}

bool wakeup_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"partDrainFailures", drain_failures}, {"partDrain", drain}, {"partRef", ref}};
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
