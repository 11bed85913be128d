/* The life of a Registry: opening, closing, and what the collector sees. */
#include "registry.h"

static const char *const policy_names[] = {
    [TALLY_POLICY_ISOLATE] = "isolate", [TALLY_POLICY_RAISE] = "raise", [TALLY_POLICY_FAIL_FAST] = "fail-fast"};

#define POLICIES (sizeof policy_names / sizeof *policy_names)

const char *registry_policy_name(const py_registry *self) { return policy_names[self->policy]; }

tally_registry *registry_handle(py_registry *self)
{
    if (UNLIKELY(self->handle == NULL)) (void)error_raise_text(self->state, TALLY_E_CLOSED, "the registry is closed");
    return self->handle;
}

PyObject *registry_error(py_registry *self, tally_status status, const tally_error *detail)
{
    return registry_handle(self) == NULL ? NULL : error_raise(self->state, status, detail);
}

void registry_wants_reclaim(py_registry *self)
{
    if (tally_registry_depth() != 0) self->slow |= SLOW_RECLAIM;
}

void registry_reclaim_now(py_registry *self)
{
    if (tally_registry_depth() != 0) {
        self->slow |= SLOW_RECLAIM;
        return;
    }
    self->slow &= ~SLOW_RECLAIM;
    if (self->handle != NULL) (void)tally_registry_reclaim(self->handle, NULL, NULL);
    else (void)tally_reclaim(NULL, NULL);
}

/* -------------------------------------------------------------------------------------------- open */

static int parse_policy(module_state *state, PyObject *value, uint32_t *policy)
{
    if (value == NULL) return 0;
    for (uint32_t index = 0; index < POLICIES && PyUnicode_Check(value); index++) {
        if (PyUnicode_CompareWithASCIIString(value, policy_names[index]) == 0) {
            *policy = index;
            return 0;
        }
    }
    (void)error_raise_text(state, TALLY_E_OPTION, "policy is 'isolate', 'raise' or 'fail-fast', not %R", value);
    return -1;
}

static py_registry *registry_allocate(PyTypeObject *type, module_state *state, py_registry *parent)
{
    py_registry *self = (py_registry *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = state;
    self->parent = (py_registry *)Py_XNewRef((PyObject *)parent);
    self->slow = parent != NULL ? SLOW_PARENT : 0;
    self->last_result = Py_NewRef(Py_None);
    self->last.flags = UINT32_MAX;
    return self;
}

/* Opens a registry from the values of policy, allow_stop, count, capacity. */
static PyObject *registry_open(PyTypeObject *type, module_state *state, py_registry *parent, PyObject *const *values)
{
    tally_registry_host host = {
        .size = sizeof host, .user_data = state->home, .leave = gil_leave, .enter = gil_return, .log = failure_log};
    tally_registry_options options = {.size = sizeof options, .host = &host};
    bool allow_stop = false, count = false;
    int64_t capacity = 0;
    if (parse_policy(state, values[0], &options.policy) < 0 ||
        argument_bool("allow_stop", values[1], &allow_stop) < 0 || argument_bool("count", values[2], &count) < 0 ||
        argument_integer(state, "capacity", values[3], 0, TALLY_REGISTRY_HANDLERS_MAX, &capacity) < 0)
        return NULL;
    options.flags = (allow_stop ? TALLY_REGISTRY_ALLOW_STOP : 0) | (count ? TALLY_REGISTRY_COUNT : 0);
    options.capacity = (uint32_t)capacity;
    py_registry *self = registry_allocate(type, state, parent);
    if (self == NULL) return NULL;
    tally_error error;
    tally_status status = parent != NULL ? tally_registry_child(parent->handle, &options, &self->handle, &error)
                                         : tally_registry_open(&options, &self->handle, &error);
    if (status != TALLY_OK) {
        if (parent != NULL) (void)registry_error(parent, status, &error);
        else (void)error_raise(state, status, &error);
        Py_DECREF(self);
        return NULL;
    }
    self->policy = options.policy;
    self->slow |= options.policy != TALLY_POLICY_ISOLATE ? SLOW_POLICY : 0;
    self->number = tally_registry_number(self->handle);
    return (PyObject *)self;
}

static const char *const open_names[] = {"policy", "allow_stop", "count", "capacity", NULL};

PyObject *registry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const py_signature signature = {"Registry", 0, 1, open_names};
    module_state *state = PyType_GetModuleState(type);
    PyObject *values[4];
    if (arguments_tuple(state, &signature, args, kwargs, values) < 0) return NULL;
    return registry_open(type, state, NULL, values);
}

REGISTRY_VECTOR_METHOD(registry_child)
{
    static const py_signature signature = {"child", 0, 1, open_names};
    PyObject *values[4];
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 || registry_handle(self) == NULL)
        return NULL;
    return registry_open(Py_TYPE(self), self->state, self, values);
}

/* ------------------------------------------------------------------------------------------- close */

/* Waits until no thread is inside the handlers that were live at the call: what close would wait for,
 * but so that Ctrl-C ends it. */
static int registry_drain(py_registry *self, tally_registry *handle)
{
    size_t count = 0, index = 0;
    tally_handler_id *ids = NULL;
    for (py_binding *binding = self->bindings; binding != NULL; binding = binding->next) count++;
    if (count != 0 && (ids = PyMem_New(tally_handler_id, count)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (py_binding *binding = self->bindings; binding != NULL && index < count; binding = binding->next) {
        if (binding->kind != BINDING_PANIC) ids[index++] = binding->id;
    }
    (void)tally_registry_clear(handle, NULL, NULL);
    int failed = 0;
    for (size_t item = 0; item < index && !failed;) {
        void *token = gil_leave(NULL);
        tally_status status = tally_registry_unregister_wait(handle, ids[item], 50, NULL, NULL);
        gil_return(NULL, token);
        item += status != TALLY_E_TIMEOUT;
        failed = PyErr_CheckSignals();
    }
    PyMem_Free(ids);
    return failed;
}

PyObject *registry_close(py_registry *self, PyObject *unused)
{
    (void)unused;
    tally_registry *handle = self->handle != NULL ? self->handle : self->closing;
    bool inside = tally_registry_depth() != 0;
    bool first = self->handle != NULL;
    if (handle == NULL) Py_RETURN_NONE;
    if (first && !inside && registry_drain(self, handle) < 0) return NULL;
    if (inside) self->slow |= SLOW_RECLAIM;
    self->removals++;
    self->closing = handle;
    self->handle = NULL;
    void *token = gil_leave(NULL);
    (void)tally_registry_close(&handle);
    gil_return(NULL, token);
    self->closing = NULL;
    Py_RETURN_NONE;
}

/* --------------------------------------------------------------------------------------- collector */

int registry_traverse(py_registry *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->parent);
    Py_VISIT(self->queue);
    for (py_binding *binding = self->bindings; binding != NULL; binding = binding->next) {
        int stop = binding_visit(binding, visit, arg);
        if (stop != 0) return stop;
    }
    return 0;
}

/* Only called when no Python code can reach the registry, so no thread with a frame is inside it; a C
 * thread takes its own reference with the GIL held, and finds NULL after this. */
int registry_tp_clear(py_registry *self)
{
    self->slow &= ~SLOW_PAUSED;
    Py_CLEAR(self->queue);
    if (self->handle != NULL) (void)tally_registry_clear(self->handle, NULL, NULL);
    for (bool again = true; again;) {
        again = false;
        for (py_binding *binding = self->bindings; binding != NULL && !again; binding = binding->next) {
            again = binding->target != NULL && binding->kind != BINDING_NATIVE;
            if (again) binding_clear(binding); /* runs anybody's code: the list may be another one now */
        }
    }
    return 0;
}

void registry_dealloc(py_registry *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    if (self->weak_references != NULL) PyObject_ClearWeakRefs((PyObject *)self);
    if (self->handle != NULL) (void)tally_registry_abandon(&self->handle);
    while (self->bindings != NULL) binding_orphan(self->bindings);
    Py_CLEAR(self->queue);
    Py_CLEAR(self->last_result);
    Py_CLEAR(self->parent);
    if (pending != NULL) error_restore(pending);
    type->tp_free(self);
    Py_DECREF(type);
}
