/* Mask: hands on only events with certain bits. */
#include "native.h"

static int mask_options(module_state *state, PyObject *const *values, tally_mask_options *options, bool *quick)
{
    int64_t offset = 0, width = 8;
    int native = native_describe(state, values[0], &options->handler, &options->user_data, quick);
    if (native == 0)
        PyErr_Format(PyExc_TypeError, "a Mask hands on to a native handler, not to %.100s",
                     Py_TYPE(values[0])->tp_name);
    if (native <= 0 || argument_integer(state, "offset", values[3], 0, INT64_MAX, &offset) < 0 ||
        argument_integer(state, "width", values[4], 1, 8, &width) < 0)
        return -1;
    uint64_t *const words[] = {&options->mask, &options->match};
    for (int index = 0; index < 2; index++) {
        PyObject *value = values[1 + index];
        if (!PyLong_Check(value)) {
            PyErr_SetString(PyExc_TypeError, "mask and match are integers");
            return -1;
        }
        *words[index] = PyLong_AsUnsignedLongLong(value);
        if (*words[index] == UINT64_MAX && PyErr_Occurred()) {
            PyErr_Clear();
            (void)error_raise_text(state, TALLY_E_RANGE, "mask and match are between 0 and 2**64 - 1, not %R", value);
            return -1;
        }
    }
    options->size = sizeof *options;
    options->offset = (size_t)offset;
    options->width = (uint32_t)width;
    return 0;
}

static PyObject *mask_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"handler", "mask", "match", "offset", "width", NULL};
    static const py_signature signature = {"Mask", 3, 1, names};
    module_state *state = PyType_GetModuleState(type);
    tally_mask_options options = {.size = 0};
    bool quick = true;
    PyObject *values[5];
    tally_error error;
    if (arguments_tuple(state, &signature, args, kwargs, values) < 0 ||
        mask_options(state, values, &options, &quick) < 0)
        return NULL;
    native_object *self = native_allocate(type, tally_mask_handler);
    if (self == NULL) return NULL;
    self->quick = quick;
    self->inner = Py_NewRef(values[0]);
    if (PyCapsule_CheckExact(values[0]) && native_lend(values[0], &self->lent) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return native_opened(self, tally_mask_open(&options, (tally_mask **)&self->core, &error), &error);
}

static void mask_dealloc(native_object *self)
{
    PyObject_GC_UnTrack(self);
    (void)tally_mask_close((tally_mask **)&self->core);
    native_free(self);
}

static PyObject *mask_get(native_object *self, void *which)
{
    uint64_t numbers[2];
    tally_error error;
    tally_status status = tally_mask_count(self->core, &numbers[0], &numbers[1], &error);
    if (status != TALLY_OK) return error_raise(self->state, status, &error);
    return PyLong_FromUnsignedLongLong(numbers[which != NULL]);
}

static PyGetSetDef mask_getset[] = {
    {"matched", (getter)mask_get, NULL, NULL, NULL},
    {"passed_over", (getter)mask_get, NULL, NULL, (void *)1},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot mask_slots[] = {
    {Py_tp_new, mask_new},
    {Py_tp_dealloc, mask_dealloc},
    {Py_tp_traverse, native_traverse},
    {Py_tp_call, native_call},
    {Py_tp_getset, mask_getset},
    {Py_tp_doc, "A native handler that hands on only events with certain bits."},
    {0, NULL},
};

PyType_Spec mask_spec = {"tallystick.Mask", sizeof(native_object), 0, NATIVE_FLAGS, mask_slots};
