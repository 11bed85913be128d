/* muted() and paused(). In C because a KeyboardInterrupt may come between any two instructions of Python, so an
 * __enter__ or __exit__ written in it can be left half done. The interpreter looks at signals neither inside
 * these nor between them and the `with` that calls them. */
#include "registry.h"

#include <structmember.h>

/* invariant: `entered` is how often __enter__ took effect and __exit__ has not taken it back. */
typedef struct scope {
    PyObject ob_base;
    PyObject *owner;       /* what `with` gives: the registry, or the AsyncRegistry around it */
    py_registry *registry; /* NULL once the collector has been here */
    Py_ssize_t limit;      /* of events that wait; 0: it mutes */
    Py_ssize_t entered;
} scope;

static PyObject *scope_new(py_registry *registry, PyObject *owner, Py_ssize_t limit)
{
    PyTypeObject *type = registry->state->types[TYPE_SCOPE];
    scope *self = registry_handle(registry) == NULL ? NULL : (scope *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->owner = Py_NewRef(owner);
    self->registry = (py_registry *)Py_NewRef((PyObject *)registry);
    self->limit = limit;
    return (PyObject *)self;
}

PyObject *registry_muted(py_registry *self, PyObject *unused)
{
    (void)unused;
    return scope_new(self, (PyObject *)self, 0);
}

PyObject *registry_muted_for(py_registry *self, PyObject *owner) { return scope_new(self, owner, 0); }

REGISTRY_VECTOR_METHOD(registry_paused)
{
    static const char *const names[] = {"limit", NULL};
    static const py_signature signature = {"paused", 0, 1, names};
    PyObject *value;
    int64_t limit = 65536;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, &value) < 0) return NULL;
    if (value == Py_None) {
        PyErr_SetString(PyExc_TypeError, "limit is an integer, not None: a pause has an end to what waits");
        return NULL;
    }
    if (argument_integer(self->state, "limit", value, 1, PY_SSIZE_T_MAX, &limit) < 0) return NULL;
    return scope_new(self, (PyObject *)self, (Py_ssize_t)limit);
}

/* ---------------------------------------------------------------------------------- enter and exit */

static bool change_mute(py_registry *registry, tally_status (*change)(tally_registry *, tally_error *))
{
    tally_error error;
    tally_status status = change(registry->handle, &error);
    if (status != TALLY_OK) (void)registry_error(registry, status, &error);
    return status == TALLY_OK;
}

static bool begin_pause(py_registry *registry, Py_ssize_t limit)
{
    if (registry->queue != NULL) {
        (void)error_raise_text(registry->state, TALLY_E_EXISTS, "the registry is paused already");
        return false;
    }
    if ((registry->queue = PyList_New(0)) == NULL) return false;
    registry->queue_limit = limit;
    registry->slow |= SLOW_PAUSED;
    return true;
}

static PyObject *scope_enter(scope *self, PyObject *unused)
{
    (void)unused;
    if (self->registry == NULL || registry_handle(self->registry) == NULL) return NULL;
    bool begun =
        self->limit == 0 ? change_mute(self->registry, tally_registry_mute) : begin_pause(self->registry, self->limit);
    if (!begun) return NULL;
    self->entered++;
    return Py_NewRef(self->owner);
}

/* What waited is notified by _scopes.py. */
static PyObject *end_pause(py_registry *registry)
{
    PyObject *waiting = registry->queue;
    registry->queue = NULL;
    registry->slow &= ~SLOW_PAUSED;
    PyObject *done = NULL;
    if (waiting == NULL || PyList_GET_SIZE(waiting) == 0 || registry->handle == NULL) done = Py_NewRef(Py_None);
    else done = helper_call(registry->state, "replay", "(OO)", registry, waiting);
    Py_XDECREF(waiting);
    return done;
}

static PyObject *scope_exit(scope *self, PyObject *unused)
{
    (void)unused;
    if (self->entered == 0 || self->registry == NULL) Py_RETURN_NONE;
    if (self->limit != 0) {
        self->entered--;
        return end_pause(self->registry);
    }
    if (self->registry->handle != NULL && !change_mute(self->registry, tally_registry_unmute)) return NULL;
    self->entered--;
    Py_RETURN_NONE;
}

/* --------------------------------------------------------------------------------------------- type */

static int scope_traverse(scope *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->owner);
    Py_VISIT(self->registry);
    return 0;
}

static int scope_clear(scope *self)
{
    Py_CLEAR(self->owner);
    Py_CLEAR(self->registry);
    return 0;
}

static void scope_dealloc(scope *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)scope_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef scope_methods[] = {
    {"__enter__", (PyCFunction)(void (*)(void))scope_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))scope_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scope_slots[] = {
    {Py_tp_dealloc, scope_dealloc},
    {Py_tp_traverse, scope_traverse},
    {Py_tp_clear, scope_clear},
    {Py_tp_methods, scope_methods},
    {Py_tp_doc, "What Registry.muted and Registry.paused return."},
    {0, NULL},
};

PyType_Spec scope_spec = {"tallystick._core.Scope", sizeof(scope), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, scope_slots};
