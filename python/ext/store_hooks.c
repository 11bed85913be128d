/* What the core calls: handlers of committed events, and gates.
 *
 * All handlers of a store hang on one Registry object, which is fed by one core handler that is made with
 * it: so filters, priorities, weak references, failures and delivery to loops are the Registry's.
 *
 * What must reach the caller of append (Ctrl-C in a handler, the exception of a gate) cannot pass through
 * the core; it is kept per thread until the core has returned. */
#include "store_shim.h"

#define THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

THREAD_LOCAL unsigned hooks_depth;
THREAD_LOCAL PyObject *hooks_exception;

void hooks_enter(void) { hooks_depth++; }
void hooks_leave(void) { hooks_depth--; }

/* The first one counts. */
void hooks_keep(PyObject *exception, PyObject *about)
{
    if (hooks_depth != 0 && hooks_exception == NULL) {
        hooks_exception = exception;
        return;
    }
    error_restore(exception);
    PyErr_WriteUnraisable(about);
}

/* A gate's exception is the cause of the refusal, unless it is one itself. */
static void raise_refusal(py_store *self, const tally_error *error, PyObject *kept)
{
    (void)store_error(self, TALLY_E_REFUSED, error);
    PyObject *refused = error_fetch();
    if (PyErr_GivenExceptionMatches(kept, (PyObject *)Py_TYPE(refused))) {
        Py_DECREF(refused);
        error_restore(kept);
        return;
    }
    PyException_SetCause(refused, kept);
    error_restore(refused);
}

int hooks_answer(py_store *self, tally_status status, const tally_error *error)
{
    PyObject *kept = hooks_exception;
    if (LIKELY(kept == NULL)) return LIKELY(status == TALLY_OK) ? 0 : ((void)store_error(self, status, error), -1);
    hooks_exception = NULL;
    if (status == TALLY_E_REFUSED && PyErr_GivenExceptionMatches(kept, PyExc_Exception))
        raise_refusal(self, error, kept);
    else error_restore(kept);
    return -1;
}

store_bridge *bridge_new(py_store *store)
{
    store_bridge *bridge = PyMem_RawMalloc(sizeof *bridge);
    if (bridge == NULL) return (store_bridge *)PyErr_NoMemory();
    atomic_init(&bridge->users, 1);
    bridge->store = store;
    return bridge;
}

void bridge_drop(void *user_data)
{
    store_bridge *bridge = user_data;
    if (bridge != NULL && atomic_fetch_sub(&bridge->users, 1) == 1) PyMem_RawFree(bridge);
}

/* ----------------------------------------------------------------------------------------- handlers */

static bool anybody_listens(PyObject *registry)
{
    int32_t empty = 1;
    tally_registry *handle = ((py_registry *)registry)->handle;
    return handle != NULL && tally_registry_is_empty(handle, &empty, NULL) == TALLY_OK && !empty;
}

/* Failures of handlers are the Registry's; what comes out here interrupts, or is about the pause. */
static void tell(py_store *store, const tally_event *lent)
{
    PyObject *registry = store->registry;
    if (registry == NULL || !anybody_listens(registry)) return;
    Py_INCREF(registry);
    PyObject *event = event_new(store->types, store->codec, lent);
    PyObject *kind = event == NULL ? NULL : text_object(lent->type);
    PyObject *told = kind == NULL ? NULL : PyObject_CallMethod(registry, "notify", "OO", event, kind);
    if (told == NULL && PyErr_ExceptionMatches(PyExc_Exception)) PyErr_WriteUnraisable(registry);
    else if (told == NULL) hooks_keep(error_fetch(), registry);
    Py_XDECREF(told);
    Py_XDECREF(kind);
    Py_XDECREF(event);
    Py_DECREF(registry);
}

/* From any thread, with or without the GIL. */
static int32_t on_commit(void *user_data, const tally_notice *notice)
{
    store_bridge *bridge = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return TALLY_HANDLER_DONE;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    py_store *store = bridge->store;
    if (store != NULL) {
        Py_INCREF(store);
        tell(store, notice->data);
        Py_DECREF(store);
    }
    if (pending != NULL) error_restore(pending);
    gil_give(&hold);
    return TALLY_HANDLER_DONE;
}

static PyObject *listen(py_store *self)
{
    PyObject *registry = PyObject_CallNoArgs((PyObject *)self->state->types[TYPE_REGISTRY]);
    if (registry == NULL) return NULL;
    tally_handler_options options = {.size = sizeof options, .destructor = bridge_drop};
    tally_handler_id id;
    tally_error error;
    atomic_fetch_add(&self->bridge->users, 1);
    self->registry = registry;
    tally_status status =
        tally_store_on(self->handle, (tally_text){NULL, 0}, on_commit, self->bridge, &options, &id, &error);
    if (status == TALLY_OK) return registry;
    bridge_drop(self->bridge);
    Py_CLEAR(self->registry);
    return store_error(self, status, &error);
}

PyObject *store_handlers(py_store *self, void *unused)
{
    (void)unused;
    if (self->registry == NULL && (store_handle(self) == NULL || listen(self) == NULL)) return NULL;
    return Py_NewRef(self->registry);
}

/* -------------------------------------------------------------------------------------------- gates */

/* The user_data of a core gate; `number` follows as soon as the core has said it. */
typedef struct gate {
    store_bridge *bridge;
    PyObject *number; /* the key in py_store.gates; under the GIL */
} gate;

static void gate_drop(void *user_data)
{
    gate *self = user_data;
    gil_hold hold;
    bridge_drop(self->bridge);
    if (gil_take(&hold)) {
        Py_CLEAR(self->number);
        gil_give(&hold);
    }
    PyMem_RawFree(self);
}

static PyObject *optional_time(bool given, int64_t time_us)
{
    return given ? PyLong_FromLongLong(time_us) : Py_NewRef(Py_None);
}

/* What a gate sees of one draft: made by _make_draft in _gates.py. */
static PyObject *draft_object(py_store *store, const tally_draft *draft)
{
    PyObject *tags = PyTuple_New((Py_ssize_t)draft->tag_count);
    for (size_t index = 0; tags != NULL && index < draft->tag_count; index++) {
        PyObject *tag = text_object(draft->tags[index]);
        if (tag == NULL) Py_CLEAR(tags);
        else PyTuple_SET_ITEM(tags, (Py_ssize_t)index, tag);
    }
    if (tags == NULL) return NULL;
    return helper_call(store->state, "make_draft", "(NNNy#NNNNNIO)", text_object(draft->stream),
                       text_object(draft->type), text_object(draft->content_type),
                       draft->length == 0 ? "" : (const char *)draft->data, (Py_ssize_t)draft->length, tags,
                       uuid_or_none(store->state, &draft->id), uuid_or_none(store->state, &draft->correlation),
                       uuid_or_none(store->state, &draft->causation),
                       optional_time(draft->flags & TALLY_DRAFT_OCCURRED, draft->occurred_us),
                       (unsigned int)draft->schema_version, store->codec != NULL ? store->codec : Py_None);
}

static PyObject *draft_tuple(py_store *store, const tally_draft *drafts, size_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t index = 0; tuple != NULL && index < count; index++) {
        PyObject *one = draft_object(store, &drafts[index]);
        if (one == NULL) Py_CLEAR(tuple);
        else PyTuple_SET_ITEM(tuple, (Py_ssize_t)index, one);
    }
    return tuple;
}

/* What a gate raised, in the core's words: for the message, and for the record of the refusal. */
static void fill_refusal(py_store *store, PyObject *exception, tally_refusal *refusal)
{
    PyObject *said = helper_call(store->state, "gate_refusal", "(O)", exception);
    const char *message = NULL;
    if (said == NULL || !PyArg_ParseTuple(said, "is", &refusal->code, &message)) PyErr_Clear();
    else (void)PyOS_snprintf(refusal->message, sizeof refusal->message, "%s", message);
    Py_XDECREF(said);
}

/* 0: passes. Else 1, with the exception of the gate kept for append. */
static int32_t ask(py_store *store, const gate *self, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    PyObject *function =
        self->number == NULL || store->gates == NULL ? NULL : PyDict_GetItemWithError(store->gates, self->number);
    if (function == NULL && !PyErr_Occurred()) return 0;
    Py_XINCREF(function);
    PyObject *seen = function == NULL ? NULL : draft_tuple(store, drafts, count);
    PyObject *answer = seen == NULL ? NULL : helper_call(store->state, "ask_gate", "(ON)", function, seen);
    if (answer == NULL) {
        PyObject *exception = error_fetch();
        fill_refusal(store, exception, refusal);
        hooks_keep(exception, function != NULL ? function : Py_None);
    }
    Py_XDECREF(function);
    Py_XDECREF(answer);
    return answer == NULL;
}

static int32_t gate_call(void *user_data, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    gate *self = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return 1;
    int32_t refused = 1;
    py_store *store = self->bridge->store;
    if (store != NULL) {
        Py_INCREF(store);
        refused = ask(store, self, drafts, count, refusal);
        Py_DECREF(store);
    }
    gil_give(&hold);
    return refused;
}

static gate *gate_new(py_store *store)
{
    gate *self = PyMem_RawCalloc(1, sizeof *self);
    if (self == NULL) return (gate *)PyErr_NoMemory();
    atomic_fetch_add(&store->bridge->users, 1);
    self->bridge = store->bridge;
    return self;
}

static int gate_known(py_store *self, gate *made, uint64_t number, PyObject *function)
{
    made->number = PyLong_FromUnsignedLongLong(number);
    return made->number == NULL ? -1 : PyDict_SetItem(self->gates, made->number, function);
}

static tally_status gate_add(py_store *self, gate *made, tally_text name, bool record, uint64_t *number,
                             tally_error *error)
{
    tally_gate_options options = {.size = sizeof options, .name = name, .record = record, .destructor = gate_drop};
    return tally_store_gate_add(self->handle, gate_call, made, &options, number, error);
}

/* _gate_add(function, name, record): its number. Keeps the GIL, so that no call comes before it is known. */
STORE_VECTOR_METHOD(store_gate_add)
{
    static const char *const names[] = {"gate", "name", "record", NULL};
    static const py_signature signature = {"gate", 1, 3, names};
    PyObject *values[3];
    tally_text name = {NULL, 0};
    bool record = false;
    uint64_t number = 0;
    tally_error error;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_optional_text(self->state, "name", values[1], &name) < 0 ||
        argument_bool("record", values[2], &record) < 0 || store_handle(self) == NULL)
        return NULL;
    if (!PyCallable_Check(values[0]))
        return PyErr_Format(PyExc_TypeError, "a gate is callable with a tuple of drafts, not %.100s",
                            Py_TYPE(values[0])->tp_name);
    if (self->gates == NULL && (self->gates = PyDict_New()) == NULL) return NULL;
    gate *made = gate_new(self);
    if (made == NULL) return NULL;
    tally_status status = gate_add(self, made, name, record, &number, &error);
    if (status != TALLY_OK) {
        gate_drop(made);
        return store_error(self, status, &error);
    }
    return gate_known(self, made, number, values[0]) < 0 ? NULL : PyLong_FromUnsignedLongLong(number);
}

/* _gate_remove(number): returns when no other thread is inside it. */
PyObject *store_gate_remove(py_store *self, PyObject *number)
{
    uint64_t value = 0;
    tally_error error;
    if (store_handle(self) == NULL || value_position(self->state, "a gate's number", number, &value) < 0) return NULL;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_gate_remove(self->handle, value, &error);
    gil_return(NULL, token);
    if (status != TALLY_OK) return store_error(self, status, &error);
    if (self->gates != NULL && PyDict_DelItem(self->gates, number) < 0) PyErr_Clear();
    Py_RETURN_NONE;
}

/* _gates(): those of this store, by number. */
PyObject *store_gates(py_store *self, PyObject *unused)
{
    (void)unused;
    return self->gates == NULL ? PyDict_New() : PyDict_Copy(self->gates);
}
