/* Receipt: what an append returns. */
#include "store_shim.h"

#include <structmember.h>

PyObject *receipt_new(store_state *store, PyObject *of, const tally_receipt *receipt)
{
    PyObject *weak = of == NULL ? NULL : PyWeakref_NewRef(of, NULL); /* all receipts of a store share one */
    if (UNLIKELY(weak == NULL && of != NULL)) return NULL;
    py_receipt *self = PyObject_New(py_receipt, store->types[STORE_RECEIPT]);
    if (UNLIKELY(self == NULL)) {
        Py_XDECREF(weak);
        return NULL;
    }
    self->store = weak;
    self->receipt = *receipt;
    return (PyObject *)self;
}

PyObject *receipts_new(store_state *store, PyObject *of, const tally_receipt *receipts, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t index = 0; list != NULL && index < count; index++) {
        PyObject *one = receipt_new(store, of, &receipts[index]);
        if (one == NULL) Py_CLEAR(list);
        else PyList_SET_ITEM(list, (Py_ssize_t)index, one);
    }
    return list;
}

static void receipt_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((py_receipt *)self)->store);
    PyObject_Free(self);
    Py_DECREF(type);
}

static module_state *state_of(py_receipt *self) { return PyType_GetModuleState(Py_TYPE(self)); }

static PyObject *receipt_id(py_receipt *self, void *unused)
{
    (void)unused;
    return uuid_object(state_of(self), &self->receipt.id);
}

static PyObject *receipt_time(py_receipt *self, void *unused)
{
    (void)unused;
    return time_object(state_of(self), self->receipt.time_us);
}

static PyObject *receipt_durability(py_receipt *self, void *unused)
{
    (void)unused;
    uint32_t level = self->receipt.durability;
    PyObject *name = level <= TALLY_DURABLE ? state_of(self)->store->levels[level] : NULL;
    return Py_NewRef(name != NULL ? name : Py_None);
}

static PyObject *receipt_repeated(py_receipt *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->receipt.flags & TALLY_RECEIPT_REPEATED);
}

static PyObject *receipt_event_hash(py_receipt *self, void *unused)
{
    (void)unused;
    return PyBytes_FromStringAndSize((const char *)self->receipt.event_hash.bytes, sizeof(tally_hash));
}

static PyObject *receipt_repr(py_receipt *self)
{
    PyObject *level = receipt_durability(self, NULL);
    PyObject *text =
        PyUnicode_FromFormat("<Receipt of position %llu, version %llu, %S%s>",
                             (unsigned long long)self->receipt.position, (unsigned long long)self->receipt.version,
                             level, self->receipt.flags & TALLY_RECEIPT_REPEATED ? ", repeated" : "");
    Py_XDECREF(level);
    return text;
}

static Py_hash_t receipt_hash(py_receipt *self)
{
    Py_hash_t hash;
    memcpy(&hash, self->receipt.event_hash.bytes, sizeof hash);
    return hash == -1 ? -2 : hash;
}

/* Two receipts of one event are equal, however durable it was when they were given. */
static PyObject *receipt_compare(py_receipt *self, py_receipt *other, int operation)
{
    if (!Py_IS_TYPE(other, Py_TYPE(self)) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    bool same = self->receipt.position == other->receipt.position &&
                memcmp(&self->receipt.event_hash, &other->receipt.event_hash, sizeof(tally_hash)) == 0;
    return PyBool_FromLong(same == (operation == Py_EQ));
}

static PyObject *receipt_copy(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

/* proof(): as store.prove(receipt). */
static PyObject *receipt_proof(py_receipt *self, PyObject *unused)
{
    (void)unused;
    PyObject *store = self->store == NULL ? NULL : weak_target(self->store);
    if (store == NULL && !PyErr_Occurred())
        (void)error_raise_text(state_of(self), TALLY_E_CLOSED,
                               "the receipt has lost its store, or is an event loop's: ask with store.prove(receipt)");
    PyObject *proof = store == NULL ? NULL : PyObject_CallMethod(store, "prove", "O", self);
    Py_XDECREF(store);
    return proof;
}

static PyMethodDef receipt_methods[] = {{"proof", (PyCFunction)receipt_proof, METH_NOARGS, NULL},
                                        {"__copy__", receipt_copy, METH_NOARGS, NULL},
                                        {"__deepcopy__", receipt_copy, METH_O, NULL},
                                        {NULL, NULL, 0, NULL}};

#define GET(name, function)                        \
    {                                              \
        name, (getter)(function), NULL, NULL, NULL \
    }
#define AT(member) (offsetof(py_receipt, receipt) + offsetof(tally_receipt, member))

static PyGetSetDef receipt_getset[] = {GET("id", receipt_id),
                                       GET("time", receipt_time),
                                       GET("durability", receipt_durability),
                                       GET("repeated", receipt_repeated),
                                       GET("event_hash", receipt_event_hash),
                                       {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef receipt_members[] = {
    {"position", T_ULONGLONG, AT(position), READONLY, NULL},
    {"version", T_ULONGLONG, AT(version), READONLY, NULL},
    {"time_us", T_LONGLONG, AT(time_us), READONLY, NULL},
    {"logical", T_UINT, AT(time_logical), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot receipt_slots[] = {
    {Py_tp_dealloc, receipt_dealloc},
    {Py_tp_repr, receipt_repr},
    {Py_tp_hash, receipt_hash},
    {Py_tp_richcompare, receipt_compare},
    {Py_tp_methods, receipt_methods},
    {Py_tp_getset, receipt_getset},
    {Py_tp_members, receipt_members},
    {Py_tp_doc, "What an append returns. See _core.pyi."},
    {0, NULL},
};

PyType_Spec receipt_spec = {
    .name = "tallystick.Receipt",
    .basicsize = sizeof(py_receipt),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = receipt_slots,
};
