/* Ring: keeps the bytes of events for later, bounded. */
#include "native.h"

static PyObject *ring_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"slots", "slot_bytes", NULL};
    static const py_signature signature = {"Ring", 0, 2, names};
    module_state *state = PyType_GetModuleState(type);
    int64_t slots = 1024, slot_bytes = 256;
    PyObject *values[2];
    tally_error error;
    if (arguments_tuple(state, &signature, args, kwargs, values) < 0 ||
        argument_integer(state, "slots", values[0], 1, TALLY_RING_SLOTS_MAX, &slots) < 0 ||
        argument_integer(state, "slot_bytes", values[1], 1, TALLY_RING_BYTES_MAX, &slot_bytes) < 0)
        return NULL;
    tally_ring_options options = {.size = sizeof options, .slots = (uint32_t)slots, .slot_bytes = (uint32_t)slot_bytes};
    native_object *self = native_allocate(type, tally_ring_handler);
    return self == NULL ? NULL
                        : native_opened(self, tally_ring_open(&options, (tally_ring **)&self->core, &error), &error);
}

static void ring_dealloc(native_object *self)
{
    PyObject_GC_UnTrack(self);
    (void)tally_ring_close((tally_ring **)&self->core);
    native_free(self);
}

#define DRAIN_ROWS 64

/* One round of a drain into `list`: how many came, -1 with an exception. The buffer grows to what one
 * event needs. */
static Py_ssize_t drain_some(native_object *self, PyObject *list, size_t rows, char **buffer, size_t *capacity)
{
    tally_ring_event events[DRAIN_ROWS];
    size_t count = 0;
    tally_error error;
    tally_status status = tally_ring_drain(self->core, events, rows, *buffer, *capacity, &count, &error);
    if (status == TALLY_E_SPACE) {
        PyMem_Free(*buffer);
        *capacity = (size_t)error.position;
        if ((*buffer = PyMem_Malloc(*capacity)) == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        status = tally_ring_drain(self->core, events, rows, *buffer, *capacity, &count, &error);
    }
    if (status != TALLY_OK) {
        (void)error_raise(self->state, status, &error);
        return -1;
    }
    for (size_t index = 0; index < count; index++) {
        PyObject *row = record_new(self->state, TYPE_RING_EVENT, PyLong_FromUnsignedLongLong(events[index].sequence),
                                   kind_name(self->state, events[index].kind),
                                   PyBytes_FromStringAndSize(*buffer + events[index].offset, events[index].length));
        int failed = row == NULL || PyList_Append(list, row) < 0;
        Py_XDECREF(row);
        if (failed) return -1;
    }
    return (Py_ssize_t)count;
}

static PyObject *ring_drain(native_object *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"limit", NULL};
    static const py_signature signature = {"drain", 0, 1, names};
    PyObject *value;
    int64_t limit = INT64_MAX;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, &value) < 0 ||
        argument_integer(self->state, "limit", value, 1, INT64_MAX, &limit) < 0)
        return NULL;
    size_t capacity = 16384;
    char *buffer = PyMem_Malloc(capacity);
    PyObject *list = buffer == NULL ? PyErr_NoMemory() : PyList_New(0);
    Py_ssize_t came = 1;
    while (list != NULL && came > 0 && limit > 0) {
        came = drain_some(self, list, limit < DRAIN_ROWS ? (size_t)limit : DRAIN_ROWS, &buffer, &capacity);
        if (came > 0) limit -= came;
    }
    if (came < 0) Py_CLEAR(list);
    PyMem_Free(buffer);
    return list;
}

static PyObject *ring_counts(native_object *self, PyObject *unused)
{
    (void)unused;
    tally_ring_counts counts;
    tally_error error;
    tally_status status = tally_ring_count(self->core, &counts, &error);
    if (status != TALLY_OK) return error_raise(self->state, status, &error);
    return record_new(self->state, TYPE_RING_COUNTS, PyLong_FromUnsignedLongLong(counts.pushed),
                      PyLong_FromUnsignedLongLong(counts.drained), PyLong_FromUnsignedLongLong(counts.dropped_full),
                      PyLong_FromUnsignedLongLong(counts.dropped_long));
}

static PyMethodDef ring_methods[] = {
    {"drain", (PyCFunction)(void (*)(void))ring_drain, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"counts", (PyCFunction)(void (*)(void))ring_counts, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ring_slots[] = {
    {Py_tp_new, ring_new},
    {Py_tp_dealloc, ring_dealloc},
    {Py_tp_traverse, native_traverse},
    {Py_tp_call, native_call},
    {Py_tp_methods, ring_methods},
    {Py_tp_doc, "A native handler that keeps events for later, bounded."},
    {0, NULL},
};

PyType_Spec ring_spec = {"tallystick.Ring", sizeof(native_object), 0, NATIVE_FLAGS, ring_slots};
