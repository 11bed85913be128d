#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gates that are functions of JavaScript. The core calls a gate on the thread that appends; JavaScript can be
 * called only when that is this environment's thread, in the middle of a call of this store. Calls that others
 * make with the same store from C pass. */

typedef struct node_gate {
    struct node_gate *next;
    node_store *store; /* NULL: the store's memory is going */
    napi_ref function;
    uint64_t number;
    _Atomic(const char *) thread;
    _Atomic(uint32_t) references; /* the store's list, the core */
} node_gate;

struct node_gates {
    node_gate *first;
};

static _Thread_local char thread_mark;

static void gate_drop(void *data)
{
    node_gate *gate = data;
    if (atomic_fetch_sub(&gate->references, 1) == 1) free(gate);
}

/* ------------------------------------------------------------------------------------------- the call */

static bool set_text(napi_env env, napi_value object, const char *name, tally_text text)
{
    return shim_set(env, object, name, shim_text(env, text.bytes == NULL ? "" : text.bytes, text.length));
}

static bool set_tags(napi_env env, napi_value object, const tally_draft *draft)
{
    napi_value tags = NULL;
    TRY_OR_FALSE(env, napi_create_array_with_length(env, draft->tag_count, &tags));
    for (size_t i = 0; i < draft->tag_count; i++) {
        napi_value tag = shim_text(env, draft->tags[i].bytes, draft->tags[i].length);
        if (tag == NULL) return false;
        TRY_OR_FALSE(env, napi_set_element(env, tags, (uint32_t)i, tag));
    }
    return shim_set(env, object, "tags", tags);
}

/* One draft as the gate sees it; node/lib makes `data` of `bytes` when it is asked for. */
static napi_value draft_value(napi_env env, const tally_draft *draft)
{
    napi_value object = NULL;
    napi_value bytes = NULL;
    TRY(env, napi_create_object(env, &object));
    TRY(env, napi_create_buffer_copy(env, draft->length, draft->data, NULL, &bytes));
    bool done = set_text(env, object, "stream", draft->stream) && set_text(env, object, "type", draft->type) &&
                set_text(env, object, "contentType", draft->content_type) && set_tags(env, object, draft) &&
                shim_set(env, object, "schema", shim_number(env, draft->schema_version)) &&
                shim_set(env, object, "bytes", bytes);
    return done ? object : NULL;
}

static napi_value drafts_value(napi_env env, const tally_draft *drafts, size_t count)
{
    napi_value array = NULL;
    TRY(env, napi_create_array_with_length(env, count, &array));
    for (size_t i = 0; i < count; i++) {
        napi_value draft = draft_value(env, &drafts[i]);
        if (draft == NULL) return NULL;
        TRY(env, napi_set_element(env, array, (uint32_t)i, draft));
    }
    return array;
}

/* The function answers undefined, or [code, message] to refuse; it catches what the gate throws. */
static bool read_answer(napi_env env, napi_value answer, tally_refusal *refusal, int32_t *refuses)
{
    napi_value code = NULL;
    napi_value message = NULL;
    size_t length = 0;
    if (shim_is_undefined(env, answer)) return true;
    *refuses = 1;
    TRY_OR_FALSE(env, napi_get_element(env, answer, 0, &code));
    TRY_OR_FALSE(env, napi_get_element(env, answer, 1, &message));
    if (!shim_get_int32(env, code, &refusal->code)) return false;
    TRY_OR_FALSE(env, napi_get_value_string_utf8(env, message, refusal->message, sizeof refusal->message, &length));
    return true;
}

static int32_t ask(const node_gate *gate, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    napi_env env = gate->store->env;
    napi_value function = NULL;
    napi_value undefined = NULL;
    napi_value answer = NULL;
    int32_t refuses = 0;
    napi_value array = drafts_value(env, drafts, count);
    if (array == NULL || napi_get_reference_value(env, gate->function, &function) != napi_ok ||
        napi_get_undefined(env, &undefined) != napi_ok ||
        napi_call_function(env, undefined, function, 1, &array, &answer) != napi_ok ||
        !read_answer(env, answer, refusal, &refuses)) {
        (void)snprintf(refusal->message, sizeof refusal->message, "the gate could not be called");
        return 1;
    }
    return refuses;
}

static int32_t on_gate(void *user_data, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    node_gate *gate = user_data;
    napi_handle_scope scope = NULL;
    bool is_here = atomic_load(&gate->thread) == &thread_mark;
    if (!is_here || gate->store == NULL || gate->store->env == NULL) return 0;
    node_store *store = gate->store;
    if (napi_open_handle_scope(store->env, &scope) != napi_ok) return 1;
    bool outer = store->in_gate;
    store->in_gate = true;
    int32_t refuses = ask(gate, drafts, count, refusal);
    store->in_gate = outer;
    IGNORE(napi_close_handle_scope(store->env, scope));
    return refuses;
}

/* --------------------------------------------------------------------------------------- add and remove */

static node_gate *gate_make(napi_env env, node_store *store, napi_value function)
{
    if (store->gates == NULL) store->gates = calloc(1, sizeof *store->gates);
    node_gate *gate = store->gates == NULL ? NULL : calloc(1, sizeof *gate);
    if (gate == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a gate");
        return NULL;
    }
    atomic_init(&gate->references, 2);
    atomic_init(&gate->thread, &thread_mark);
    gate->store = store;
    napi_status status = napi_create_reference(env, function, 1, &gate->function);
    if (status == napi_ok) return gate;
    free(gate);
    shim_failed(env, status, "napi_create_reference");
    return NULL;
}

/* gateAdd(function, name, whether refusals are recorded) → number */
static napi_value gate_add(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    char name[TALLY_HANDLER_NAME_MAX + 8];
    bool records = false;
    tally_gate_options options = {.size = sizeof options, .destructor = gate_drop};
    tally_error error;
    node_store *store = store_arguments(env, info, 3, arguments);
    if (store == NULL || !shim_get_text(env, arguments[1], name, sizeof name, &options.name.length)) return NULL;
    if (!shim_get_bool(env, arguments[2], &records)) return NULL;
    options.name.bytes = name;
    options.record = records;
    node_gate *gate = gate_make(env, store, arguments[0]);
    if (gate == NULL) return NULL;
    tally_status status = tally_store_gate_add(store->handle.store, on_gate, gate, &options, &gate->number, &error);
    if (status != TALLY_OK) {
        IGNORE(napi_delete_reference(env, gate->function));
        free(gate);
        return shim_throw(env, &error);
    }
    gate->next = store->gates->first;
    store->gates->first = gate;
    return shim_number(env, (double)gate->number);
}

static void gate_let_go(napi_env env, node_gate *gate)
{
    IGNORE(napi_delete_reference(env, gate->function));
    atomic_store(&gate->thread, NULL);
    gate->store = NULL;
    gate_drop(gate);
}

/* gateRemove(number) → whether there was one */
static napi_value gate_remove(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value was_there = NULL;
    uint64_t number = 0;
    tally_error error;
    node_store *store = store_arguments(env, info, 1, &argument);
    if (store == NULL || !shim_get_id(env, argument, &number)) return NULL;
    tally_status status = tally_store_gate_remove(store->handle.store, number, &error);
    if (status != TALLY_OK && status != TALLY_E_NOT_FOUND) return shim_throw(env, &error);
    node_gate **link = store->gates == NULL ? NULL : &store->gates->first;
    while (link != NULL && *link != NULL && (*link)->number != number) link = &(*link)->next;
    if (link != NULL && *link != NULL) {
        node_gate *gate = *link;
        *link = gate->next;
        gate_let_go(env, gate);
    }
    TRY(env, napi_get_boolean(env, status == TALLY_OK, &was_there));
    return was_there;
}

void gates_close(napi_env env, node_store *store)
{
    while (store->gates != NULL && store->gates->first != NULL) {
        node_gate *gate = store->gates->first;
        store->gates->first = gate->next;
        gate_let_go(env, gate);
    }
    free(store->gates);
    store->gates = NULL;
}

bool gate_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"gateAdd", gate_add}, {"gateRemove", gate_remove}};
    return store_bind_all(env, store, object, functions, 2);
}
