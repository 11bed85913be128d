/* Completions: asynchronous appends, for an event loop. The store's thread wakes the loop by a byte in a
 * descriptor and never enters Python; the loop then calls `take`.
 *
 * A call stays in the books until the core has answered it, whatever became of its future: the core writes
 * receipts into it. */
#include "store_shim.h"

#include <errno.h>
#include <unistd.h>

/* One asynchronous call; its address is the token. */
typedef struct async_call {
    struct async_call *next, **link;
    PyObject *future;
    size_t count; /* of receipts */
    bool many;
    tally_receipt receipts[];
} async_call;

typedef struct py_completions {
    PyObject ob_base;
    module_state *state;
    tally_completions *handle;
    async_call *calls;
    Py_ssize_t waiting; /* length of that list */
    int descriptor;
} py_completions;

#define TAKE_MAX 16

/* No GIL, on the store's thread. Eight bytes suit an eventfd as well as a pipe; a full one wakes anyhow. */
static void wake(void *user_data)
{
    const py_completions *self = user_data;
    uint64_t one = 1;
    ssize_t written;
    do written = write(self->descriptor, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

static PyObject *completions_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"descriptor", NULL};
    static const py_signature signature = {"Completions", 1, 1, names};
    module_state *state = PyType_GetModuleState(type);
    PyObject *values[1];
    int64_t descriptor = 0;
    if (arguments_tuple(state, &signature, args, kwargs, values) < 0 ||
        argument_integer(state, "descriptor", values[0], 0, INT32_MAX, &descriptor) < 0)
        return NULL;
    py_completions *self = (py_completions *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = state;
    self->descriptor = (int)descriptor;
    tally_completions_options options = {.size = sizeof options, .wake = wake, .user_data = self};
    tally_error error;
    tally_status status = tally_completions_open(&options, &self->handle, &error);
    if (status == TALLY_OK) return (PyObject *)self;
    Py_DECREF(self);
    return error_raise(state, status, &error);
}

/* ------------------------------------------------------------------------------------------- books */

static async_call *call_new(py_completions *self, PyObject *future, size_t count, bool many)
{
    async_call *call = PyMem_Malloc(sizeof *call + count * sizeof *call->receipts);
    if (call == NULL) return (async_call *)PyErr_NoMemory();
    call->future = Py_NewRef(future);
    call->count = count;
    call->many = many;
    call->next = self->calls;
    call->link = &self->calls;
    if (call->next != NULL) call->next->link = &call->next;
    self->calls = call;
    self->waiting++;
    return call;
}

/* Takes a call out of the books: its future, owned. */
static PyObject *call_end(py_completions *self, async_call *call)
{
    PyObject *future = call->future;
    *call->link = call->next;
    if (call->next != NULL) call->next->link = call->link;
    self->waiting--;
    PyMem_Free(call);
    return future;
}

static PyObject *result_of(py_completions *self, const async_call *call)
{
    if (call->count == 0) Py_RETURN_NONE;
    return call->many ? receipts_new(self->state->store, NULL, call->receipts, call->count)
                      : receipt_new(self->state->store, NULL, call->receipts);
}

/* (future, result, exception) of one completion. */
static PyObject *answer_of(py_completions *self, const tally_completion *item)
{
    async_call *call = (async_call *)(uintptr_t)item->token;
    PyObject *result = NULL, *exception = NULL;
    if (item->status == TALLY_OK) result = result_of(self, call);
    else (void)error_raise(self->state, item->status, &item->error);
    if (result == NULL) exception = error_fetch();
    PyObject *future = call_end(self, call);
    return Py_BuildValue("(NNN)", future, result != NULL ? result : Py_NewRef(Py_None),
                         exception != NULL ? exception : Py_NewRef(Py_None));
}

static PyObject *completions_take(py_completions *self, PyObject *unused)
{
    (void)unused;
    tally_completion items[TAKE_MAX];
    PyObject *answers = PyList_New(0);
    size_t count = TAKE_MAX;
    while (answers != NULL && count != 0) {
        tally_error error;
        tally_status status = tally_completions_take(self->handle, items, TAKE_MAX, &count, &error);
        if (status != TALLY_OK) {
            Py_DECREF(answers);
            return error_raise(self->state, status, &error);
        }
        for (size_t index = 0; index < count; index++) {
            PyObject *answer = answer_of(self, &items[index]);
            if (answer == NULL || answers == NULL || PyList_Append(answers, answer) < 0) Py_CLEAR(answers);
            Py_XDECREF(answer);
        }
    }
    return answers;
}

static PyObject *completions_close(py_completions *self, PyObject *unused)
{
    (void)unused;
    tally_completions *handle = self->handle;
    self->handle = NULL;
    if (handle != NULL) {
        void *token = gil_leave(NULL);
        (void)tally_completions_close(&handle);
        gil_return(NULL, token);
    }
    Py_RETURN_NONE;
}

static Py_ssize_t completions_length(py_completions *self) { return self->waiting; }

static int completions_traverse(py_completions *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    for (const async_call *call = self->calls; call != NULL; call = call->next) Py_VISIT(call->future);
    return 0;
}

static int completions_clear(py_completions *self)
{
    for (async_call *call = self->calls; call != NULL; call = call->next) {
        PyObject *future = call->future;
        call->future = Py_NewRef(Py_None);
        Py_DECREF(future);
    }
    return 0;
}

/* Calls that the core has not answered may still be written to: their memory is left to it. aio.py closes
 * the store first, so there are none. */
static void completions_dealloc(py_completions *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)completions_clear(self);
    if (self->handle != NULL) (void)tally_completions_close(&self->handle);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ------------------------------------------------------------------------------------------ submit */

static py_completions *completions_from(py_store *store, PyObject *object)
{
    if (!Py_IS_TYPE(object, store->types->types[STORE_COMPLETIONS])) {
        PyErr_Format(PyExc_TypeError, "the first argument is Completions, not %.100s", Py_TYPE(object)->tp_name);
        return NULL;
    }
    return (py_completions *)object;
}

/* Hashing much data takes long: the caller leaves that to another thread. */
#define LOOP_BYTES (256 * 1024)

/* Hands drafts to the core: True accepted, False when there is too much to hash on an event loop. */
static PyObject *submit(py_store *self, PyObject *const *args, draft_set *set, append_terms *terms, bool many)
{
    py_completions *completions = completions_from(self, args[0]);
    if (completions == NULL) return NULL;
    if (args[2] == Py_True && set->data_bytes > LOOP_BYTES) Py_RETURN_FALSE;
    async_call *call = call_new(completions, args[1], set->count, many);
    if (call == NULL) return NULL;
    drafts_settle(set);
    tally_error error;
    bool quiet = set->data_bytes <= QUIET_BYTES;
    hooks_enter();
    void *token = quiet ? NULL : gil_leave(NULL);
    tally_status status =
        tally_store_append_async(self->handle, set->drafts, set->count, &terms->options, completions->handle,
                                 (uint64_t)(uintptr_t)call, call->receipts, &error);
    if (!quiet) gil_return(NULL, token);
    hooks_leave();
    if (status != TALLY_OK) Py_DECREF(call_end(completions, call));
    return hooks_answer(self, status, &error) < 0 ? NULL : Py_NewRef(Py_True);
}

/* _submit(completions, future, on_loop, stream, type, data, **as append) */
STORE_VECTOR_METHOD(store_submit)
{
    PyObject *values[APPEND_VALUES];
    append_terms terms;
    draft_set set;
    if (nargs < 3) return PyErr_Format(PyExc_TypeError, "_submit takes 3 arguments before those of append");
    if (append_arguments(self, args + 3, nargs - 3, kwnames, values) < 0 || store_handle(self) == NULL) return NULL;
    if (terms_begin(&terms, self, values + APPEND_EXPECT) < 0) return NULL;
    drafts_begin(&set);
    PyObject *result = drafts_add(&set, self, values) == 0 && store_handle(self) != NULL
                           ? submit(self, args, &set, &terms, false)
                           : NULL;
    drafts_end(&set);
    terms_end(&terms);
    return result;
}

/* _submit_many(completions, future, on_loop, events, **as append_many) */
STORE_VECTOR_METHOD(store_submit_many)
{
    static const char *const names[] = {"events", "expect", "conditions", "durability", NULL};
    static const py_signature signature = {"append_many", 1, 1, names};
    PyObject *values[4];
    append_terms terms;
    draft_set set;
    if (nargs < 3) return PyErr_Format(PyExc_TypeError, "_submit_many takes 3 arguments before those of append_many");
    if (arguments_vector(self->state, &signature, args + 3, nargs - 3, kwnames, values) < 0 ||
        store_handle(self) == NULL || terms_begin(&terms, self, values + 1) < 0)
        return NULL;
    drafts_begin(&set);
    PyObject *result = drafts_add_all(&set, self, values[0]) == 0 && store_handle(self) != NULL
                           ? submit(self, args, &set, &terms, true)
                           : NULL;
    drafts_end(&set);
    terms_end(&terms);
    return result;
}

/* _submit_wait(completions, future, durability, position); position None: all that was appended, and sync. */
STORE_VECTOR_METHOD(store_submit_wait)
{
    static const char *const names[] = {"completions", "future", "durability", "position", NULL};
    static const py_signature signature = {"_submit_wait", 4, 4, names};
    PyObject *values[4];
    uint32_t level = TALLY_DURABLE;
    uint64_t position = TALLY_POSITION_NONE;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_level(self->state, values[2], &level) < 0 ||
        value_place(self->state, "position", values[3], &position) < 0 || store_handle(self) == NULL)
        return NULL;
    py_completions *completions = completions_from(self, values[0]);
    async_call *call = completions == NULL ? NULL : call_new(completions, values[1], 0, false);
    if (call == NULL) return NULL;
    tally_error error;
    tally_status status =
        tally_store_wait_async(self->handle, level, position, completions->handle, (uint64_t)(uintptr_t)call, &error);
    if (status == TALLY_OK) Py_RETURN_NONE;
    Py_DECREF(call_end(completions, call));
    return store_error(self, status, &error);
}

/* -------------------------------------------------------------------------------------------- type */

#define METHOD(name, function, flags)                              \
    {                                                              \
        name, (PyCFunction)(void (*)(void))(function), flags, NULL \
    }

static PyMethodDef completions_methods[] = {METHOD("take", completions_take, METH_NOARGS),
                                            METHOD("close", completions_close, METH_NOARGS),
                                            {NULL, NULL, 0, NULL}};

static PyType_Slot completions_slots[] = {
    {Py_tp_new, completions_new},
    {Py_tp_dealloc, completions_dealloc},
    {Py_tp_traverse, completions_traverse},
    {Py_tp_clear, completions_clear},
    {Py_tp_methods, completions_methods},
    {Py_sq_length, completions_length},
    {Py_tp_doc, "Where asynchronous appends report; its length is how many have not."},
    {0, NULL},
};

PyType_Spec completions_spec = {
    .name = "tallystick._core.Completions",
    .basicsize = sizeof(py_completions),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = completions_slots,
};
