/* How handlers of an AsyncRegistry start: each in its own copy of the caller's context, coroutines with
 * the spare as the current task, and no further than to their first suspension. */
#include "stage.h"

/* What is to be called for an entry: NULL with no exception when it is skipped. */
static PyObject *entry_handler(notification *self, PyObject *entry)
{
    if (UNLIKELY(self->registry->removals != self->removals)) {
        PyObject *id = PyObject_GetAttr(entry, self->state->names[NAME_ID]);
        int there = id == NULL                       ? -1
                    : self->registry->handle == NULL ? 0
                                                     : registry_contains((PyObject *)self->registry, id);
        Py_XDECREF(id);
        if (there <= 0) return NULL;
    }
    PyObject *handler = PyObject_GetAttr(entry, self->state->names[NAME_HANDLER]);
    if (handler != Py_None) return handler;
    /* once or weak: the entry itself knows */
    Py_DECREF(handler);
    handler = PyObject_CallMethodNoArgs(entry, self->state->names[NAME_CLAIM]);
    if (handler == Py_None) Py_CLEAR(handler);
    return handler;
}

/* The exception that is set is one of `entry`'s handler. -1 when it is no failure and must propagate. */
static int note_failure(notification *self, PyObject *entry)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyObject *exception = error_fetch();
    int status;
    if (self->registry->handle != NULL) {
        status = failure_late(self->registry, entry, self->event, self->kind, exception);
    } else {
        PyObject *label = PyObject_GetAttrString(entry, "label");
        PyObject *logged = label == NULL ? NULL : helper_call(self->state, "late", "(NO)", label, exception);
        status = logged == NULL ? -1 : 0;
        Py_XDECREF(logged);
    }
    Py_DECREF(exception);
    self->failed++;
    return status;
}

static int note_suspended(notification *self, PyObject *entry, PyObject *task)
{
    PyObject *pair = task == NULL ? NULL : PyTuple_Pack(2, task, entry);
    Py_XDECREF(task);
    if (pair != NULL && self->suspended == NULL) self->suspended = PyList_New(0);
    int status = pair == NULL || self->suspended == NULL ? -1 : PyList_Append(self->suspended, pair);
    Py_XDECREF(pair);
    return status;
}

/* The first step of a coroutine, as the spare task. */
static int first_step(notification *self, PyObject *entry, stage_turn *turn, PyObject *coroutine, PyObject *context)
{
    PyObject *value = NULL;
    if (stage_enter(self->state, self->stage, turn) < 0) return -1;
    PySendResult sent = PyIter_Send(coroutine, Py_None, &value);
    if (sent == PYGEN_NEXT) {
        PyObject *task = stage_adopt(self->state, self->stage, turn, coroutine, context, value);
        Py_DECREF(value);
        return note_suspended(self, entry, task);
    }
    PyObject *raised = sent == PYGEN_ERROR ? error_fetch() : NULL;
    Py_XDECREF(value);
    int touched = stage_check(self->state, self->stage, turn);
    if (touched < 0) {
        Py_XDECREF(raised);
        return -1;
    }
    if (raised != NULL) error_restore(raised);
    if (raised == NULL ? touched == 2 : PyErr_ExceptionMatches(self->stage->cancelled)) {
        PyErr_Clear();
        self->cancelled++;
        return 0;
    }
    return raised == NULL ? 0 : note_failure(self, entry);
}

/* What `await` takes: 1, 0, or -1 with an exception. Generators are, if types.coroutine says so. */
static int is_awaitable(PyObject *object)
{
    PyAsyncMethods *methods = Py_TYPE(object)->tp_as_async;
    if (methods != NULL && methods->am_await != NULL) return 1;
    if (LIKELY(!PyGen_CheckExact(object))) return 0;
    PyObject *code = PyObject_GetAttrString(object, "gi_code");
    int awaitable = code == NULL ? -1 : (((PyCodeObject *)code)->co_flags & CO_ITERABLE_COROUTINE) != 0;
    Py_XDECREF(code);
    return awaitable;
}

/* What a plain handler returned: to be awaited, or nothing to us. */
static int note_result(notification *self, PyObject *entry, PyObject *result)
{
    int awaitable = is_awaitable(result);
    if (awaitable <= 0) return awaitable;
    return note_suspended(self, entry,
                          PyObject_CallMethodOneArg((PyObject *)self->stage, self->state->names[NAME_WRAP], result));
}

/* Runs in its own copy of the caller's context, which is entered already. */
static int run_handler(notification *self, PyObject *entry, PyObject *handler, stage_turn *turn, PyObject *context)
{
    /* A plain handler runs now and may look at the current task: the caller's. */
    if (!is_coroutine_function(handler) && stage_step_down(self->stage, turn) < 0) return -1;
    self->fired++;
    PyObject *result = PyObject_CallOneArg(handler, self->event);
    if (result == NULL) return note_failure(self, entry);
    int status =
        PyCoro_CheckExact(result) ? first_step(self, entry, turn, result, context) : note_result(self, entry, result);
    Py_DECREF(result);
    return status;
}

static int start_one(notification *self, PyObject *entry, stage_turn *turn)
{
    PyObject *handler = entry_handler(self, entry);
    if (handler == NULL) {
        self->skipped++;
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *context = PyContext_CopyCurrent();
    int status = context == NULL ? -1 : PyContext_Enter(context);
    if (status == 0) {
        status = run_handler(self, entry, handler, turn, context);
        PyObject *pending = status < 0 ? error_fetch() : NULL;
        if (PyContext_Exit(context) < 0 && pending == NULL) status = -1;
        if (pending != NULL) error_restore(pending);
    }
    Py_XDECREF(context);
    Py_DECREF(handler);
    return status;
}

int notification_start_some(notification *self, Py_ssize_t room)
{
    stage_turn turn = {NULL, NULL, NULL, 0};
    int status = 0;
    while (status == 0 && self->next < PyList_GET_SIZE(self->entries)) {
        if (self->suspended != NULL && PyList_GET_SIZE(self->suspended) >= room) break;
        status = start_one(self, PyList_GET_ITEM(self->entries, self->next++), &turn);
    }
    if (stage_leave(self->stage, &turn) < 0) status = -1;
    return status;
}
