/* The Store type: its table of methods, and those that are short. */
#include "proof_shim.h"

#include <structmember.h>

tally_store *store_handle(py_store *self)
{
    if (UNLIKELY(self->handle == NULL)) (void)error_raise_text(self->state, TALLY_E_CLOSED, "the store is closed");
    return self->handle;
}

/* Between a look at the handle and the core's call another thread may have closed the store. */
PyObject *store_error(py_store *self, tally_status status, const tally_error *detail)
{
    if (status == TALLY_E_SIGNATURE && self->voices != NULL && detail != NULL) return voice_error(self, detail);
    bool gone = status == TALLY_E_CLOSED || status == TALLY_E_NULL || status == TALLY_E_HANDLE;
    return gone && store_handle(self) == NULL ? NULL : error_raise(self->state, status, detail);
}

static PyObject *store_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static Py_ssize_t store_length(py_store *self)
{
    tally_watermarks marks = {0};
    tally_error error;
    if (store_handle(self) == NULL) return -1;
    tally_status status = tally_store_watermarks(self->handle, &marks, &error);
    if (status == TALLY_OK) return (Py_ssize_t)marks.buffered;
    (void)store_error(self, status, &error);
    return -1;
}

/* A store is a thing, not a list: an empty one is no less true. */
static int store_bool(py_store *self)
{
    (void)self;
    return 1;
}

static PyObject *store_iterate(py_store *self) { return store_read(self, NULL, 0, NULL); }

static PyObject *store_repr(py_store *self)
{
    tally_watermarks marks = {0};
    tally_status status = self->handle == NULL ? TALLY_E_CLOSED : tally_store_watermarks(self->handle, &marks, NULL);
    if (status == TALLY_E_FORKED) return PyUnicode_FromFormat("<Store %R, of the parent process>", self->path);
    if (status != TALLY_OK) return PyUnicode_FromFormat("<Store %R, closed>", self->path);
    return PyUnicode_FromFormat("<Store %R, %llu event%s%s>", self->path, (unsigned long long)marks.buffered,
                                marks.buffered == 1 ? "" : "s",
                                self->mode == TALLY_STORE_READ_ONLY ? ", read-only" : "");
}

static PyObject *store_get_path(py_store *self, void *unused)
{
    (void)unused;
    return PyOS_FSPath(self->path);
}

static PyObject *store_get_closed(py_store *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->handle == NULL);
}

static PyObject *store_get_durability(py_store *self, void *unused)
{
    (void)unused;
    return Py_NewRef(self->types->levels[self->durability]);
}

static PyObject *store_get_read_only(py_store *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->mode == TALLY_STORE_READ_ONLY);
}

/* ---------------------------------------------------------------------------------------- collector */

static int store_traverse(py_store *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->path);
    Py_VISIT(self->codec);
    Py_VISIT(self->registry);
    Py_VISIT(self->gates);
    return voices_traverse(self, visit, arg);
}

static int store_clear(py_store *self)
{
    Py_CLEAR(self->codec);
    Py_CLEAR(self->registry);
    Py_CLEAR(self->gates);
    voices_clear(self);
    return 0;
}

static void store_dealloc(py_store *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0) return;
    PyObject_GC_UnTrack(self);
    if (self->weak_references != NULL) PyObject_ClearWeakRefs((PyObject *)self);
    if (self->bridge != NULL) self->bridge->store = NULL; /* a close inside a handler may still come to its end */
    bridge_drop(self->bridge);
    (void)store_clear(self);
    voices_free(self);
    Py_CLEAR(self->path);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ------------------------------------------------------------------------------------------- type */

#define VECTOR (METH_FASTCALL | METH_KEYWORDS)
#define METHOD(name, function, flags)                              \
    {                                                              \
        name, (PyCFunction)(void (*)(void))(function), flags, NULL \
    }

/* What is not here is Python: tallystick/_store.py adds it. */
static PyMethodDef store_methods[] = {
    METHOD("append", store_append, VECTOR),
    METHOD("append_many", store_append_many, VECTOR),
    METHOD("read", store_read, VECTOR),
    METHOD("get", store_get, METH_O),
    METHOD("find", store_find, METH_O),
    METHOD("find_version", store_find_version, VECTOR),
    METHOD("head", store_head, METH_O),
    METHOD("wait", store_wait, VECTOR),
    METHOD("sync", store_sync, METH_NOARGS),
    METHOD("tick", store_tick, METH_NOARGS),
    METHOD("watermarks", store_watermarks, METH_NOARGS),
    METHOD("stats", store_statistics, METH_NOARGS),
    METHOD("close", store_close, METH_NOARGS),
    METHOD("__enter__", store_enter, METH_NOARGS),
    METHOD("__exit__", store_close, METH_VARARGS),
    METHOD("_forget", store_forget, METH_NOARGS),
    METHOD("_list", store_list, VECTOR),
    METHOD("_ancestors", store_ancestors, VECTOR),
    METHOD("_backup", store_backup, VECTOR),
    METHOD("_gate_add", store_gate_add, VECTOR),
    METHOD("_gate_remove", store_gate_remove, METH_O),
    METHOD("_gates", store_gates, METH_NOARGS),
    METHOD("get_stored", proof_store_get_stored, METH_O),
    METHOD("rotate_key", proof_store_rotate_key, METH_O),
    METHOD("_checkpoint", proof_store_checkpoint, METH_NOARGS),
    METHOD("_prove", proof_store_prove, METH_O),
    METHOD("_consistency", proof_store_consistency, METH_VARARGS),
    METHOD("_signing", proof_store_signing, METH_NOARGS),
    METHOD("_keep_note", proof_store_keep_note, METH_VARARGS),
    METHOD("_verify", proof_store_verify, VECTOR),
    METHOD("_submit", store_submit, VECTOR),
    METHOD("_submit_many", store_submit_many, VECTOR),
    METHOD("_submit_wait", store_submit_wait, VECTOR),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef store_getset[] = {
    {"path", (getter)store_get_path, NULL, NULL, NULL},
    {"closed", (getter)store_get_closed, NULL, NULL, NULL},
    {"durability", (getter)store_get_durability, NULL, NULL, NULL},
    {"read_only", (getter)store_get_read_only, NULL, NULL, NULL},
    {"info", (getter)store_info, NULL, NULL, NULL},
    {"registry", (getter)store_handlers, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef store_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(py_store, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_finalize, store_finalize},
    {Py_tp_traverse, store_traverse},
    {Py_tp_clear, store_clear},
    {Py_tp_repr, store_repr},
    {Py_tp_iter, store_iterate},
    {Py_tp_methods, store_methods},
    {Py_tp_getset, store_getset},
    {Py_tp_members, store_members},
    {Py_mp_length, store_length},
    {Py_mp_subscript, store_subscript},
    {Py_sq_contains, store_contains},
    {Py_nb_bool, store_bool},
    {Py_tp_doc, "A log of events in a directory. See _core.pyi."},
    {0, NULL},
};

PyType_Spec store_spec = {
    .name = "tallystick.Store",
    .basicsize = sizeof(py_store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = store_slots,
};
