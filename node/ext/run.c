#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* Crossing from JavaScript into C: a run of handlers that are neighbours in the order of the registry. */

/* The core's list as JavaScript last read it. Data of a function, so that nobody can mistake it. */
typedef struct node_plan {
    node_part *part;
    size_t count;
    uint64_t order[];
} node_plan;

/* -------------------------------------------------------------------------------------------- telling */

static bool call_told(napi_env env, node_part *part, uint32_t what, const tally_failure *failure, uint64_t handler)
{
    static const tally_failure nothing = {.name = "", .message = ""};
    const tally_failure *said = failure == NULL ? &nothing : failure;
    napi_value told = NULL;
    napi_value arguments[6];
    TRY_OR_FALSE(env, napi_get_reference_value(env, part->told, &told));
    TRY_OR_FALSE(env, napi_create_uint32(env, what, &arguments[0]));
    TRY_OR_FALSE(env, napi_create_double(env, (double)handler, &arguments[1]));
    TRY_OR_FALSE(env, napi_create_int32(env, said->code, &arguments[2]));
    TRY_OR_FALSE(env, napi_create_uint32(env, said->kind, &arguments[3]));
    TRY_OR_FALSE(env, napi_create_string_utf8(env, said->message, said->message_length, &arguments[4]));
    TRY_OR_FALSE(env, napi_create_string_utf8(env, said->name, said->name_length, &arguments[5]));
    napi_value undefined = NULL;
    TRY_OR_FALSE(env, napi_get_undefined(env, &undefined));
    TRY_OR_FALSE(env, napi_call_function(env, undefined, told, 6, arguments, NULL));
    return true;
}

void run_tell(node_frame *frame, uint32_t what, const tally_failure *failure, uint64_t handler)
{
    napi_env env = frame->part->env;
    napi_handle_scope scope = NULL;
    bool pending = true;
    if (frame->broken || env == NULL) return;
    /* A native handler may have left an exception of its own: it goes first, to whoever notified. */
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return;
    frame->broken = !call_told(env, frame->part, what, failure, handler);
    IGNORE(napi_close_handle_scope(env, scope));
    /* JavaScript ran: it may have transferred the event's memory away, or shrunk it. */
    shim_bytes(env, frame->event, &frame->notice.data, &frame->notice.length);
}

bool run_tell_later(node_part *part, uint32_t what, const tally_failure *failure)
{
    napi_handle_scope scope = NULL;
    if (part->env == NULL || napi_open_handle_scope(part->env, &scope) != napi_ok) return false;
    bool done = call_told(part->env, part, what, failure, failure->id.handler);
    IGNORE(napi_close_handle_scope(part->env, scope));
    return done;
}

static void outcome(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure)
{
    (void)code;
    node_frame *frame = user_data;
    if (failure == NULL && frame->watches) run_tell(frame, TOLD_DONE, NULL, id.handler);
    /* Under the policy isolate on_panic tells it. */
    if (failure != NULL && frame->part->policy != TALLY_POLICY_ISOLATE) {
        run_tell(frame, TOLD_FAILURE, failure, id.handler);
    }
}

/* ----------------------------------------------------------------------------------------- the crossing */

static napi_value answer(napi_env env, const node_part *part, tally_status status, const tally_notified *done,
                         const tally_error *error)
{
    bool pending = false;
    /* The array is referenced until the part is collected, also after a close. */
    part->words[WORD_FIRED] = done->fired;
    part->words[WORD_FAILED] = done->failed;
    part->words[WORD_SKIPPED] = done->skipped;
    part->words[WORD_FLAGS] = done->flags;
    if (status == TALLY_OK || status == TALLY_E_HANDLER) return NULL;
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return NULL;
    return shim_throw(env, error);
}

/* plan(first, count, event, kind, whether every answer is wanted) */
static napi_value run(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    void *data = NULL;
    uint32_t first = 0;
    uint32_t count = 0;
    if (!shim_arguments(env, info, 5, arguments, &data)) return NULL;
    node_plan *plan = data;
    node_part *part = plan->part;
    if (part->registry == NULL) return shim_throw_text(env, TALLY_E_CLOSED, "the registry is closed");
    node_frame frame = {.outer = part->frame, .part = part, .event = arguments[2]};
    if (!shim_get_uint32(env, arguments[0], &first) || !shim_get_uint32(env, arguments[1], &count)) return NULL;
    if (!shim_get_uint32(env, arguments[3], &frame.notice.kind)) return NULL;
    if (!shim_get_bool(env, arguments[4], &frame.watches)) return NULL;
    shim_bytes(env, frame.event, &frame.notice.data, &frame.notice.length);

    tally_part members = {sizeof members, plan->order, plan->count, first, count};
    tally_observer observer = {sizeof observer, &frame, outcome};
    bool observed = frame.watches || part->policy != TALLY_POLICY_ISOLATE;
    tally_notified done;
    tally_error error;
    part->references++; /* JavaScript may close the registry, and drop it, while it is told of a failure */
    part->frame = &frame;
    tally_status status =
        tally_registry_notify_part(part->registry, &frame.notice, &members, observed ? &observer : NULL, &done, &error);
    part->frame = frame.outer;
    napi_value result = answer(env, part, status, &done, &error);
    part_drop(part);
    return result;
}

/* ------------------------------------------------------------------------------------------------ plans */

static void plan_collected(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    node_plan *plan = data;
    part_drop(plan->part);
    free(plan);
}

static napi_value plan_function(napi_env env, node_plan *plan)
{
    napi_value function = NULL;
    napi_status status = napi_create_function(env, "plan", NAPI_AUTO_LENGTH, run, plan, &function);
    if (status == napi_ok) status = napi_add_finalizer(env, function, plan, plan_collected, NULL, NULL);
    if (status == napi_ok) return function;
    free(plan);
    shim_failed(env, status, "napi_create_function");
    return NULL;
}

/* partPlan(part, Float64Array of numbers of handlers, in order) → a function that runs some of them */
static napi_value make_plan(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    void *numbers = NULL;
    size_t count = 0;
    if (!shim_arguments(env, info, 2, arguments, NULL)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL || !shim_array(env, arguments[1], napi_float64_array, &numbers, &count)) return NULL;
    node_plan *made = malloc(sizeof *made + count * sizeof(uint64_t));
    if (made == NULL) return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a list of native handlers");
    made->part = part;
    made->count = count;
    for (size_t i = 0; i < count; i++) made->order[i] = (uint64_t)((const double *)numbers)[i];
    napi_value function = plan_function(env, made);
    if (function != NULL) part->references++;
    return function;
}

bool run_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"partPlan", make_plan}};
    return shim_define(env, exports, functions, 1);
}
