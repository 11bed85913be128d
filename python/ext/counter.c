/* Counter: counts events and their bytes without entering Python. */
#include "native.h"

static PyObject *counter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {NULL};
    static const py_signature signature = {"Counter", 0, 0, names};
    PyObject *none[1];
    tally_error error;
    if (arguments_tuple(PyType_GetModuleState(type), &signature, args, kwargs, none) < 0) return NULL;
    native_object *self = native_allocate(type, tally_counter_handler);
    return self == NULL ? NULL
                        : native_opened(self, tally_counter_open(NULL, (tally_counter **)&self->core, &error), &error);
}

static void counter_dealloc(native_object *self)
{
    PyObject_GC_UnTrack(self);
    (void)tally_counter_close((tally_counter **)&self->core);
    native_free(self);
}

static PyObject *counter_get(native_object *self, void *which)
{
    uint64_t numbers[2];
    tally_error error;
    tally_status status = tally_counter_read(self->core, &numbers[0], &numbers[1], &error);
    if (status != TALLY_OK) return error_raise(self->state, status, &error);
    return PyLong_FromUnsignedLongLong(numbers[which != NULL]);
}

static PyGetSetDef counter_getset[] = {
    {"events", (getter)counter_get, NULL, NULL, NULL},
    {"bytes", (getter)counter_get, NULL, NULL, (void *)1},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot counter_slots[] = {
    {Py_tp_new, counter_new},
    {Py_tp_dealloc, counter_dealloc},
    {Py_tp_traverse, native_traverse},
    {Py_tp_call, native_call},
    {Py_tp_getset, counter_getset},
    {Py_tp_doc, "A native handler that counts events and their bytes."},
    {0, NULL},
};

PyType_Spec counter_spec = {"tallystick.Counter", sizeof(native_object), 0, NATIVE_FLAGS, counter_slots};
