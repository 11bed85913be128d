/* Handlers that never enter Python: Counter, Ring, Mask, and capsules of other extensions. */
#include "native.h"

/* ------------------------------------------------------------------------------------------- lending */

/* All handlers of other extensions that are registered now; guarded by the GIL. */
static py_lent *lent_list;

static const tally_native_handler *native_capsule(PyObject *capsule)
{
    const tally_native_handler *native = PyCapsule_GetPointer(capsule, TALLY_NATIVE_HANDLER_CAPSULE);
    if (native == NULL) {
        PyErr_Format(PyExc_TypeError, "a native handler is a capsule named '%s', not %R", TALLY_NATIVE_HANDLER_CAPSULE,
                     capsule);
        return NULL;
    }
    if (native->size < sizeof *native || native->magic != TALLY_NATIVE_HANDLER_MAGIC || native->function == NULL ||
        (native->flags & ~TALLY_NATIVE_QUICK) != 0 || native->reserved != 0) {
        PyErr_SetString(PyExc_TypeError, "the capsule does not hold a tally_native_handler of a version known here: "
                                         "wrong size, magic, function or flags");
        return NULL;
    }
    return native;
}

int native_lend(PyObject *capsule, py_lent **out)
{
    const tally_native_handler *native = native_capsule(capsule);
    if (native == NULL) return -1;
    py_lent *item = lent_list;
    while (item != NULL && item->native != native) item = item->next;
    if (item == NULL) {
        if ((item = PyMem_Calloc(1, sizeof *item)) == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        item->native = native;
        item->next = lent_list;
        lent_list = item;
    }
    item->count++;
    *out = item;
    return 0;
}

void native_give_back(py_lent *lent)
{
    if (--lent->count != 0) return;
    py_lent **link = &lent_list;
    while (*link != lent) link = &(*link)->next;
    *link = lent->next;
    const tally_native_handler *native = lent->native;
    PyMem_Free(lent);
    if (native->destructor != NULL) native->destructor(native->user_data);
}

int native_describe(module_state *state, PyObject *object, tally_handler *handler, void **data, bool *quick)
{
    for (int type = TYPE_COUNTER; type <= TYPE_MASK; type++) {
        if (!Py_IS_TYPE(object, state->types[type])) continue;
        const native_object *native = (native_object *)object;
        *handler = native->handler;
        *data = native->core;
        *quick = native->quick;
        return 1;
    }
    if (!PyCapsule_CheckExact(object)) return 0;
    const tally_native_handler *native = native_capsule(object);
    if (native == NULL) return -1;
    *handler = native->function;
    *data = native->user_data;
    *quick = (native->flags & TALLY_NATIVE_QUICK) != 0;
    return 1;
}

/* ------------------------------------------------------------------------------------- common parts */

native_object *native_allocate(PyTypeObject *type, tally_handler handler)
{
    native_object *self = (native_object *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = PyType_GetModuleState(type);
    self->handler = handler;
    self->quick = true;
    return self;
}

/* Takes over `self`; NULL with an exception when the core refused. */
PyObject *native_opened(native_object *self, tally_status status, const tally_error *error)
{
    if (status == TALLY_OK) return (PyObject *)self;
    (void)error_raise(self->state, status, error);
    Py_DECREF(self);
    return NULL;
}

int native_traverse(native_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->inner);
    return 0;
}

/* Called like a function it gets one event, as notify would give it. */
PyObject *native_call(native_object *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"event", NULL};
    static const py_signature signature = {"native handler", 1, 1, names};
    PyObject *event;
    if (arguments_tuple(self->state, &signature, args, kwargs, &event) < 0) return NULL;
    Py_buffer view = {.obj = NULL};
    tally_notice notice = {.kind = TALLY_KIND_NONE};
    if (PyObject_CheckBuffer(event)) {
        if (PyObject_GetBuffer(event, &view, PyBUF_SIMPLE) < 0) return NULL;
        notice.data = view.buf;
        notice.length = (size_t)view.len;
    }
    int32_t code = self->handler(self->core, &notice);
    if (view.obj != NULL) PyBuffer_Release(&view);
    if (code != TALLY_HANDLER_DONE && code != TALLY_HANDLER_STOP)
        return error_raise_text(self->state, TALLY_E_HANDLER, "the native handler failed with code %d", (int)code);
    return Py_NewRef(code == TALLY_HANDLER_STOP ? self->state->stop : Py_None);
}

void native_free(native_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->lent != NULL) native_give_back(self->lent);
    Py_XDECREF(self->inner);
    type->tp_free(self);
    Py_DECREF(type);
}
