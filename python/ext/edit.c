/* register, unregister, waiting, and many changes at once. */
#include "registry.h"

static const char *const registration_names[] = {REGISTRATION_NAMES, NULL};
static const py_signature registration_signature = {"register", 1, 1, registration_names};

REGISTRY_VECTOR_METHOD(registry_register)
{
    PyObject *values[REGISTER_COUNT];
    py_registration made;
    if (registry_handle(self) == NULL ||
        arguments_vector(self->state, &registration_signature, args, nargs, kwnames, values) < 0 ||
        registration_begin(self, values, &made) < 0)
        return NULL;
    tally_handler_id id;
    tally_error error;
    tally_status status = tally_registry_register(self->handle, made.handler, made.binding, &made.options, &id, &error);
    registration_end(&made, status == TALLY_OK, id);
    if (status != TALLY_OK) return registry_error(self, status, &error);
    registry_wants_reclaim(self);
    return handler_id_new(self->state, id);
}

/* -------------------------------------------------------------------------------------- unregister */

PyObject *registry_unregister(py_registry *self, PyObject *subject)
{
    tally_handler_id id;
    int found = registry_find(self, subject, &id);
    if (found <= 0) return found < 0 ? NULL : Py_NewRef(Py_False);
    int32_t removed = 0;
    tally_error error;
    self->removals++;
    tally_status status = tally_registry_unregister(self->handle, id, &removed, &error);
    if (status != TALLY_OK) return registry_error(self, status, &error);
    registry_wants_reclaim(self);
    return PyBool_FromLong(removed);
}

/* Seconds as a deadline on the monotonic clock, in nanoseconds; UINT64_MAX for none. */
static int parse_timeout(module_state *state, PyObject *value, uint64_t *deadline)
{
    double seconds = INFINITY;
    *deadline = UINT64_MAX;
    if (argument_seconds(state, value, &seconds) < 0) return -1;
    const tally_platform *platform = tally_platform_default();
    if (seconds < 1e9) *deadline = platform->monotonic_ns(platform->context) + (uint64_t)(seconds * 1e9);
    return 0;
}

/* At most 50 ms, so that a signal is seen in time. */
static uint32_t wait_slice_ms(uint64_t deadline)
{
    const tally_platform *platform = tally_platform_default();
    uint64_t now = platform->monotonic_ns(platform->context);
    if (now >= deadline) return 0;
    uint64_t left_ms = (deadline - now) / 1000000 + 1;
    return left_ms < 50 ? (uint32_t)left_ms : 50;
}

/* The first look keeps the GIL: mostly nobody is inside. */
static tally_status wait_until_left(py_registry *self, tally_handler_id id, uint64_t deadline, int32_t *removed,
                                    tally_error *error)
{
    tally_registry *handle = self->handle;
    tally_status status = tally_registry_unregister_wait(handle, id, 0, removed, error);
    while (status == TALLY_E_TIMEOUT) {
        uint32_t slice_ms = wait_slice_ms(deadline);
        if (slice_ms == 0) return status;
        void *token = gil_leave(NULL);
        status = tally_registry_unregister_wait(handle, id, slice_ms, NULL, error);
        gil_return(NULL, token);
        if (PyErr_CheckSignals() < 0) return TALLY_E_INTERRUPTED;
        if (status == TALLY_E_CLOSED || status == TALLY_E_HANDLE)
            return TALLY_OK; /* closed meanwhile: close waits itself */
    }
    return status;
}

REGISTRY_VECTOR_METHOD(registry_unregister_wait)
{
    static const char *const names[] = {"handler", "timeout", NULL};
    static const py_signature signature = {"unregister_wait", 1, 2, names};
    PyObject *values[2];
    uint64_t deadline;
    tally_handler_id id;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        parse_timeout(self->state, values[1], &deadline) < 0)
        return NULL;
    int found = registry_find(self, values[0], &id);
    if (found <= 0) return found < 0 ? NULL : Py_NewRef(Py_False);
    int32_t removed = 0;
    tally_error error;
    self->removals++;
    tally_status status = wait_until_left(self, id, deadline, &removed, &error);
    registry_wants_reclaim(self);
    if (status == TALLY_E_INTERRUPTED && PyErr_Occurred()) return NULL;
    if (status != TALLY_OK) return registry_error(self, status, &error);
    return PyBool_FromLong(removed);
}

/* ------------------------------------------------------------------------------------- many at once */

/* One operation: (handler, options) registers, (id or handler,) removes. */
static int edit_prepare(py_registry *self, PyObject *operation, tally_edit *edit, py_registration *made)
{
    if (!PyTuple_Check(operation) || PyTuple_GET_SIZE(operation) < 1) {
        PyErr_SetString(PyExc_TypeError, "an edit is a tuple (handler, options) or (id,)");
        return -1;
    }
    PyObject *subject = PyTuple_GET_ITEM(operation, 0);
    if (PyTuple_GET_SIZE(operation) == 1) {
        edit->operation = TALLY_EDIT_UNREGISTER;
        edit->id.registry = self->number; /* nothing found: an id that names no handler here, a miss */
        return registry_find(self, subject, &edit->id) < 0 ? -1 : 0;
    }
    PyObject *values[REGISTER_COUNT];
    PyObject *args = PyTuple_Pack(1, subject);
    int status = args == NULL ? -1
                              : arguments_tuple(self->state, &registration_signature, args,
                                                PyTuple_GET_ITEM(operation, 1), values);
    if (status == 0) status = registration_begin(self, values, made);
    Py_XDECREF(args);
    edit->operation = TALLY_EDIT_REGISTER;
    edit->handler = made->handler;
    edit->user_data = made->binding;
    edit->options = &made->options;
    return status;
}

static PyObject *edit_results(py_registry *self, const tally_edit *edits, Py_ssize_t count)
{
    PyObject *results = PyList_New(count);
    for (Py_ssize_t index = 0; results != NULL && index < count; index++) {
        PyObject *item = edits[index].operation == TALLY_EDIT_REGISTER ? handler_id_new(self->state, edits[index].id)
                                                                       : PyBool_FromLong(edits[index].removed);
        if (item == NULL) Py_CLEAR(results);
        else PyList_SET_ITEM(results, index, item);
    }
    return results;
}

static PyObject *edit_apply(py_registry *self, PyObject *operations, tally_edit *edits, py_registration *made)
{
    Py_ssize_t count = PyTuple_GET_SIZE(operations), done = 0;
    while (done < count && edit_prepare(self, PyTuple_GET_ITEM(operations, done), &edits[done], &made[done]) == 0)
        done++;
    tally_error error;
    self->removals++;
    tally_status status = TALLY_E_ARGUMENT;
    if (done == count) {
        status = tally_registry_edit(self->handle, edits, (size_t)count, &error);
        if (status != TALLY_OK) (void)registry_error(self, status, &error);
    }
    for (Py_ssize_t index = 0; index < count; index++)
        registration_end(&made[index], status == TALLY_OK, edits[index].id);
    registry_wants_reclaim(self);
    return status == TALLY_OK ? edit_results(self, edits, count) : NULL;
}

PyObject *registry_edit(py_registry *self, PyObject *operations)
{
    if (registry_handle(self) == NULL) return NULL;
    PyObject *list = PySequence_Tuple(operations);
    if (list == NULL) return NULL;
    size_t count = (size_t)PyTuple_GET_SIZE(list);
    tally_edit *edits = PyMem_Calloc(count + 1, sizeof *edits);
    py_registration *made = PyMem_Calloc(count + 1, sizeof *made);
    PyObject *results = edits == NULL || made == NULL ? PyErr_NoMemory() : edit_apply(self, list, edits, made);
    PyMem_Free(edits);
    PyMem_Free(made);
    Py_DECREF(list);
    return results;
}
