/* The Registry type: its table of methods, and those that are short. */
#include "registry.h"

#include <structmember.h>

static PyObject *registry_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *registry_exit(py_registry *self, PyObject *unused) { return registry_close(self, unused); }

static PyObject *registry_clear_method(py_registry *self, PyObject *unused)
{
    (void)unused;
    uint64_t removed = 0;
    tally_status status = tally_registry_clear(self->handle, &removed, NULL);
    if (status != TALLY_OK) return registry_error(self, status, NULL);
    self->removals++;
    registry_wants_reclaim(self);
    return PyLong_FromUnsignedLongLong(removed);
}

static PyObject *registry_reclaim(py_registry *self, PyObject *unused)
{
    (void)unused;
    uint64_t pending = 0;
    tally_error error;
    tally_status status = tally_registry_reclaim(self->handle, &pending, &error);
    if (status != TALLY_OK) return registry_error(self, status, &error);
    return PyLong_FromUnsignedLongLong(pending);
}

static PyObject *registry_on_panic(py_registry *self, PyObject *callback)
{
    if (callback != Py_None && !PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "on_panic takes a callable with one argument, or None, not %.100s",
                     Py_TYPE(callback)->tp_name);
        return NULL;
    }
    py_binding *made = callback == Py_None ? NULL : binding_new(self, BINDING_PANIC, callback);
    if (callback != Py_None && made == NULL) return NULL;
    tally_error error;
    tally_status status = tally_registry_on_panic(self->handle, made != NULL ? failure_panic : NULL, made,
                                                  made != NULL ? binding_destroy : NULL, &error);
    if (status != TALLY_OK) {
        if (made != NULL) binding_destroy(made);
        return registry_error(self, status, &error);
    }
    registry_wants_reclaim(self);
    return Py_NewRef(callback);
}

static void handle_capsule_gone(PyObject *capsule) { Py_XDECREF(PyCapsule_GetContext(capsule)); }

static PyObject *registry_c_handle(py_registry *self, PyObject *unused)
{
    (void)unused;
    if (registry_handle(self) == NULL) return NULL;
    PyObject *capsule = PyCapsule_New(self->handle, "tallystick.registry.v1", handle_capsule_gone);
    if (capsule == NULL || PyCapsule_SetContext(capsule, Py_NewRef((PyObject *)self)) < 0) return NULL;
    /* From now on there may be native handlers that this object never hears of. */
    self->natives++;
    self->slow |= SLOW_NATIVE;
    return capsule;
}

static PyObject *registry_is_empty(py_registry *self, PyObject *unused)
{
    (void)unused;
    int32_t empty = 0;
    tally_status status = tally_registry_is_empty(self->handle, &empty, NULL);
    return status != TALLY_OK ? registry_error(self, status, NULL) : PyBool_FromLong(empty);
}

static int registry_bool(py_registry *self)
{
    int32_t empty = 1;
    return tally_registry_is_empty(self->handle, &empty, NULL) == TALLY_OK && !empty;
}

static Py_ssize_t registry_length(py_registry *self)
{
    uint64_t count = 0;
    tally_status status = tally_registry_count(self->handle, &count, NULL);
    if (status != TALLY_OK) {
        (void)registry_error(self, status, NULL);
        return -1;
    }
    return (Py_ssize_t)count;
}

static PyObject *registry_repr(py_registry *self)
{
    uint64_t count = 0;
    if (tally_registry_count(self->handle, &count, NULL) != TALLY_OK)
        return PyUnicode_FromFormat("<Registry %llu, closed>", (unsigned long long)self->number);
    return PyUnicode_FromFormat("<Registry %llu, %llu handler%s, %s>", (unsigned long long)self->number,
                                (unsigned long long)count, count == 1 ? "" : "s", registry_policy_name(self));
}

static PyObject *registry_get_policy(py_registry *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(registry_policy_name(self));
}

static PyObject *registry_get_parent(py_registry *self, void *unused)
{
    (void)unused;
    return Py_NewRef(self->parent != NULL ? (PyObject *)self->parent : Py_None);
}

static PyObject *registry_get_closed(py_registry *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->handle == NULL);
}

/* ------------------------------------------------------------------------------------------- type */

#define VECTOR (METH_FASTCALL | METH_KEYWORDS)
#define METHOD(name, function, flags)                              \
    {                                                              \
        name, (PyCFunction)(void (*)(void))(function), flags, NULL \
    }

/* What is not here, `on`, the scopes and the waits, is Python: tallystick/_methods.py adds it. */
static PyMethodDef registry_methods[] = {
    METHOD("notify", registry_notify, VECTOR),
    METHOD("emit", registry_emit, VECTOR),
    METHOD("collect", registry_collect, VECTOR),
    METHOD("register", registry_register, VECTOR),
    METHOD("unregister", registry_unregister, METH_O),
    METHOD("unregister_wait", registry_unregister_wait, VECTOR),
    METHOD("clear", registry_clear_method, METH_NOARGS),
    METHOD("contains", registry_contains_method, METH_O),
    METHOD("is_empty", registry_is_empty, METH_NOARGS),
    METHOD("handlers", registry_handlers, METH_NOARGS),
    METHOD("stats", registry_statistics, METH_NOARGS),
    METHOD("on_panic", registry_on_panic, METH_O),
    METHOD("child", registry_child, VECTOR),
    METHOD("muted", registry_muted, METH_NOARGS),
    METHOD("paused", registry_paused, VECTOR),
    METHOD("reclaim", registry_reclaim, METH_NOARGS),
    METHOD("close", registry_close, METH_NOARGS),
    METHOD("c_handle", registry_c_handle, METH_NOARGS),
    METHOD("__enter__", registry_enter, METH_NOARGS),
    METHOD("__exit__", registry_exit, METH_VARARGS),
    METHOD("_edit", registry_edit, METH_O),
    METHOD("_find", registry_find_method, METH_O),
    METHOD("_muted_for", registry_muted_for, METH_O),
    METHOD("_report", registry_report, METH_FASTCALL),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef registry_getset[] = {
    {"policy", (getter)registry_get_policy, NULL, NULL, NULL},
    {"parent", (getter)registry_get_parent, NULL, NULL, NULL},
    {"closed", (getter)registry_get_closed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef registry_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(py_registry, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot registry_slots[] = {
    {Py_tp_new, registry_new},
    {Py_tp_dealloc, registry_dealloc},
    {Py_tp_traverse, registry_traverse},
    {Py_tp_clear, registry_tp_clear},
    {Py_tp_repr, registry_repr},
    {Py_tp_methods, registry_methods},
    {Py_tp_getset, registry_getset},
    {Py_tp_members, registry_members},
    {Py_sq_length, registry_length},
    {Py_sq_contains, registry_contains},
    {Py_nb_bool, registry_bool},
    {Py_tp_doc, "An ordered set of handlers; notify calls all of them with one event. See _core.pyi."},
    {0, NULL},
};

PyType_Spec registry_spec = {
    .name = "tallystick.Registry",
    .basicsize = sizeof(py_registry),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = registry_slots,
};
