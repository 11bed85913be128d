/* What AsyncRegistry.notify returns: an awaitable that has its snapshot from the start, and starts the
 * handlers when it is first awaited. While no handler suspends, all of it happens here. When one does, the
 * coroutine `owner._finish(notification)`, in aio.py, takes over. */
#include "stage.h"

#include <structmember.h>

/* ----------------------------------------------------------------------------------------- awaiting */

static PyObject *notification_result(notification *self, PyObject *unused)
{
    (void)unused;
    return record_new(self->state, TYPE_ASYNC_NOTIFIED, PyLong_FromSsize_t(self->fired),
                      PyLong_FromSsize_t(self->failed), PyLong_FromSsize_t(self->skipped),
                      PyLong_FromSsize_t(self->cancelled));
}

/* The stage of the loop that runs now: mostly the one of the last time. */
static int find_stage(notification *self)
{
    PyObject *last = PyObject_GetAttr(self->owner, self->state->names[NAME_STAGE]);
    if (last != NULL && PyType_IsSubtype(Py_TYPE(last), self->state->types[TYPE_STAGE])) {
        py_stage *stage = (py_stage *)last;
        PyObject *loop = PyObject_CallNoArgs(stage->running);
        Py_XDECREF(loop); /* compared only */
        if (loop == stage->loop) {
            self->stage = stage;
            return 0;
        }
    }
    Py_XDECREF(last);
    if (PyErr_Occurred()) return -1;
    self->stage = (py_stage *)PyObject_CallMethodNoArgs(self->owner, self->state->names[NAME_STAGE_NOW]);
    return self->stage == NULL ? -1 : 0;
}

/* Something that is no failure came out of a handler while others were suspended already. */
static void abandon(notification *self)
{
    if (self->suspended == NULL) return;
    PyObject *pending = error_fetch();
    PyObject *done = PyObject_CallMethodOneArg(self->owner, self->state->names[NAME_ABANDON], self->suspended);
    if (done == NULL) PyErr_WriteUnraisable(self->owner);
    Py_XDECREF(done);
    error_restore(pending);
}

static PySendResult notification_begin(notification *self, PyObject **result)
{
    *result = NULL;
    if (self->awaited) {
        PyErr_SetString(PyExc_RuntimeError, "this notify was awaited already; each call of notify can be awaited once");
        return PYGEN_ERROR;
    }
    self->awaited = true;
    if (find_stage(self) < 0) return PYGEN_ERROR;
    if (notification_start_some(self, self->limit) < 0) {
        abandon(self);
        return PYGEN_ERROR;
    }
    if (self->suspended == NULL && self->next == PyList_GET_SIZE(self->entries)) {
        *result = notification_result(self, NULL);
        return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
    }
    self->inner = PyObject_CallMethodOneArg(self->owner, self->state->names[NAME_FINISH], (PyObject *)self);
    return self->inner == NULL ? PYGEN_ERROR : PyIter_Send(self->inner, Py_None, result);
}

static PySendResult notification_send(notification *self, PyObject *value, PyObject **result)
{
    return self->inner == NULL ? notification_begin(self, result) : PyIter_Send(self->inner, value, result);
}

/* What a coroutine has, so that create_task and wait_for take it. */
static PyObject *notification_send_method(notification *self, PyObject *value)
{
    PyObject *result;
    PySendResult sent = notification_send(self, value, &result);
    if (sent == PYGEN_RETURN) {
        /* Made here: PyErr_SetObject would take the tuple for the arguments. */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        Py_CLEAR(result);
        if (stop != NULL) PyErr_SetObject(PyExc_StopIteration, stop);
        Py_XDECREF(stop);
    }
    return result;
}

static PyObject *notification_next(notification *self) { return notification_send_method(self, Py_None); }

static PyObject *notification_throw(notification *self, PyObject *args)
{
    self->awaited = true;
    if (self->inner != NULL) {
        PyObject *method = PyObject_GetAttrString(self->inner, "throw");
        PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
        Py_XDECREF(method);
        return result;
    }
    PyObject *exception = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, PyTuple_GET_SIZE(args) > 1) : Py_None;
    if (exception == Py_None && PyTuple_GET_SIZE(args) > 0) exception = PyTuple_GET_ITEM(args, 0);
    if (PyExceptionInstance_Check(exception)) PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    else if (PyExceptionClass_Check(exception)) PyErr_SetNone(exception);
    else PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
    return NULL;
}

static PyObject *notification_close(notification *self, PyObject *unused)
{
    (void)unused;
    self->awaited = true;
    return self->inner == NULL ? Py_NewRef(Py_None) : PyObject_CallMethod(self->inner, "close", NULL);
}

/* ------------------------------------------------------------------------------------ for _finish */

/* start(room): the (task, entry) pairs of handlers that suspended since the last time, after starting
 * as many more as there is room for. */
static PyObject *notification_start(notification *self, PyObject *room)
{
    Py_ssize_t most = PyLong_AsSsize_t(room);
    if (most == -1 && PyErr_Occurred()) return NULL;
    if (self->stage == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "start() is for the loop that awaits the notification; await it");
        return NULL;
    }
    if (most > 0 && notification_start_some(self, most) < 0) {
        abandon(self);
        return NULL;
    }
    PyObject *suspended = self->suspended;
    self->suspended = NULL;
    return suspended != NULL ? suspended : PyList_New(0);
}

/* skip(): what was not started will not be. */
static PyObject *notification_skip(notification *self, PyObject *unused)
{
    (void)unused;
    self->skipped += PyList_GET_SIZE(self->entries) - self->next;
    self->next = PyList_GET_SIZE(self->entries);
    Py_RETURN_NONE;
}

static PyObject *notification_left(notification *self, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(PyList_GET_SIZE(self->entries) - self->next);
}

static PyObject *notification_kind(notification *self, void *unused)
{
    (void)unused;
    return kind_name(self->state, self->kind);
}

/* --------------------------------------------------------------------------------------------- type */

PyObject *notification_new(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    module_state *state = PyModule_GetState(module);
    if (nargs != 6 || !Py_IS_TYPE(args[1], state->types[TYPE_REGISTRY])) {
        PyErr_SetString(PyExc_TypeError, "_notification() takes owner, registry, event, kind, limit and timeout");
        return NULL;
    }
    py_registry *registry = (py_registry *)args[1];
    uint32_t kind = TALLY_KIND_NONE;
    int64_t limit = PY_SSIZE_T_MAX;
    double seconds = 0.0;
    Py_ssize_t skipped = 0;
    if ((args[3] != Py_None && notify_kind(state, args[3], &kind) < 0) ||
        argument_integer(state, "limit", args[4], 1, PY_SSIZE_T_MAX, &limit) < 0 ||
        argument_seconds(state, args[5], &seconds) < 0)
        return NULL;
    PyObject *timeout = args[5] == Py_None ? Py_NewRef(Py_None) : PyFloat_FromDouble(seconds);
    PyObject *entries = timeout == NULL ? NULL : notify_select(registry, args[2], kind, &skipped);
    notification *self = entries == NULL ? NULL : PyObject_GC_New(notification, state->types[TYPE_NOTIFICATION]);
    if (self == NULL) {
        Py_XDECREF(timeout);
        Py_XDECREF(entries);
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    self->owner = Py_NewRef(args[0]);
    self->registry = (py_registry *)Py_NewRef(args[1]);
    self->event = Py_NewRef(args[2]);
    self->timeout = timeout;
    self->entries = entries;
    self->limit = (Py_ssize_t)limit;
    self->skipped = skipped;
    self->removals = registry->removals;
    self->kind = kind;
    self->state = state;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int notification_traverse(notification *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->owner);
    Py_VISIT(self->registry);
    Py_VISIT(self->stage);
    Py_VISIT(self->event);
    Py_VISIT(self->entries);
    Py_VISIT(self->suspended);
    Py_VISIT(self->inner);
    return 0;
}

static int notification_clear(notification *self)
{
    Py_CLEAR(self->inner);
    Py_CLEAR(self->suspended);
    Py_CLEAR(self->stage);
    Py_CLEAR(self->event);
    Py_CLEAR(self->timeout);
    Py_CLEAR(self->owner);
    return 0;
}

static void notification_finalize(notification *self)
{
    if (self->awaited) return;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "notify() of %R was never awaited: no handler ran", self->owner) < 0)
        PyErr_WriteUnraisable((PyObject *)self);
    if (pending != NULL) error_restore(pending);
}

static void notification_dealloc(notification *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0) return;
    PyObject_GC_UnTrack(self);
    (void)notification_clear(self);
    Py_XDECREF(self->entries);
    Py_XDECREF((PyObject *)self->registry);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyObject *notification_await(PyObject *self) { return Py_NewRef(self); }

static PyMethodDef notification_methods[] = {
    {"send", (PyCFunction)(void (*)(void))notification_send_method, METH_O, NULL},
    {"throw", (PyCFunction)(void (*)(void))notification_throw, METH_VARARGS, NULL},
    {"close", (PyCFunction)(void (*)(void))notification_close, METH_NOARGS, NULL},
    {"start", (PyCFunction)(void (*)(void))notification_start, METH_O, NULL},
    {"skip", (PyCFunction)(void (*)(void))notification_skip, METH_NOARGS, NULL},
    {"result", (PyCFunction)(void (*)(void))notification_result, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef notification_members[] = {
    {"stage", T_OBJECT_EX, offsetof(notification, stage), READONLY, NULL},
    {"event", T_OBJECT_EX, offsetof(notification, event), READONLY, NULL},
    {"timeout", T_OBJECT_EX, offsetof(notification, timeout), READONLY, NULL},
    {"limit", T_PYSSIZET, offsetof(notification, limit), READONLY, NULL},
    {"failed", T_PYSSIZET, offsetof(notification, failed), 0, NULL},
    {"cancelled", T_PYSSIZET, offsetof(notification, cancelled), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef notification_getset[] = {
    {"left", (getter)notification_left, NULL, NULL, NULL},
    {"kind", (getter)notification_kind, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot notification_slots[] = {
    {Py_tp_dealloc, notification_dealloc},
    {Py_tp_finalize, notification_finalize},
    {Py_tp_traverse, notification_traverse},
    {Py_tp_clear, notification_clear},
    {Py_am_await, notification_await},
    {Py_am_send, notification_send},
    {Py_tp_iter, notification_await},
    {Py_tp_iternext, notification_next},
    {Py_tp_methods, notification_methods},
    {Py_tp_members, notification_members},
    {Py_tp_getset, notification_getset},
    {Py_tp_doc, "What AsyncRegistry.notify returns: await it, once."},
    {0, NULL},
};

PyType_Spec notification_spec = {"tallystick._core.Notification", sizeof(notification), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                 notification_slots};
