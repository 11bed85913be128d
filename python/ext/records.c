/* The plain values that come out: HandlerId, and the struct sequences. */
#include "shim.h"

#include <stdarg.h>

/* -------------------------------------------------------------------------------------- handler ids */

typedef struct handler_id {
    PyObject ob_base;
    tally_handler_id id;
} handler_id;

PyObject *handler_id_new(module_state *state, tally_handler_id id)
{
    handler_id *self = PyObject_New(handler_id, state->types[TYPE_HANDLER_ID]);
    if (self != NULL) self->id = id;
    return (PyObject *)self;
}

int handler_id_get(module_state *state, PyObject *object, tally_handler_id *id)
{
    if (!Py_IS_TYPE(object, state->types[TYPE_HANDLER_ID])) return 0;
    *id = ((handler_id *)object)->id;
    return 1;
}

static void handler_id_dealloc(handler_id *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static Py_hash_t handler_id_hash(handler_id *self)
{
    uint64_t mixed = (self->id.handler + (self->id.registry << 40)) * 0x9e3779b97f4a7c15ull;
    Py_hash_t hash = (Py_hash_t)(mixed ^ (mixed >> 32));
    return hash == -1 ? -2 : hash;
}

static PyObject *handler_id_compare(handler_id *self, handler_id *other, int operation)
{
    if (!Py_IS_TYPE(other, Py_TYPE(self)) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    bool same = self->id.handler == other->id.handler && self->id.registry == other->id.registry;
    return PyBool_FromLong(same == (operation == Py_EQ));
}

static PyObject *handler_id_repr(handler_id *self)
{
    return PyUnicode_FromFormat("<HandlerId %llu of registry %llu>", (unsigned long long)self->id.handler,
                                (unsigned long long)self->id.registry);
}

/* It never changes: a copy is the same one. Another process would not know it, so it is not pickled. */
static PyObject *handler_id_copy(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyMethodDef handler_id_methods[] = {{"__copy__", handler_id_copy, METH_NOARGS, NULL},
                                           {"__deepcopy__", handler_id_copy, METH_O, NULL},
                                           {NULL, NULL, 0, NULL}};

static PyType_Slot handler_id_slots[] = {
    {Py_tp_dealloc, handler_id_dealloc},
    {Py_tp_hash, handler_id_hash},
    {Py_tp_richcompare, handler_id_compare},
    {Py_tp_repr, handler_id_repr},
    {Py_tp_methods, handler_id_methods},
    {Py_tp_doc, "Names one registration; opaque."},
    {0, NULL},
};

static PyType_Spec handler_id_spec = {
    .name = "tallystick.HandlerId",
    .basicsize = sizeof(handler_id),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = handler_id_slots,
};

/* --------------------------------------------------------------------------------------------- STOP */

static void stop_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *stop_repr(PyObject *self)
{
    (void)self;
    return PyUnicode_FromString("STOP");
}

/* Copies and pickles are the one STOP. */
static PyObject *stop_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    return stop_repr(self);
}

static PyMethodDef stop_methods[] = {{"__reduce__", stop_reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyType_Slot stop_slots[] = {
    {Py_tp_dealloc, stop_dealloc},
    {Py_tp_repr, stop_repr},
    {Py_tp_methods, stop_methods},
    {Py_tp_doc, "The type of STOP."},
    {0, NULL},
};

static PyType_Spec stop_spec = {
    .name = "tallystick.Stop",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stop_slots,
};

/* --------------------------------------------------------------------------------- struct sequences */

#define FIELDS(...)                 \
    (PyStructSequence_Field[])      \
    {                               \
        __VA_ARGS__, { NULL, NULL } \
    }

static PyStructSequence_Desc descriptions[] = {
    [0] = {"tallystick.Notified", "What one notify did.",
           FIELDS({"fired", "handlers that ran"}, {"failed", "of those, how many failed"},
                  {"skipped", "handlers that did not run"}, {"stopped", "a handler or fail-fast stopped the rest"},
                  {"orphan", "a parent was closed"}),
           3},
    [TYPE_FAILURE - TYPE_NOTIFIED] = {"tallystick.Failure", "One failure of one handler.",
                                      FIELDS({"id", NULL}, {"name", NULL}, {"code", NULL}, {"message", NULL},
                                             {"kind", NULL}, {"event", NULL}, {"exception", NULL}),
                                      7},
    [TYPE_HANDLER_INFO - TYPE_NOTIFIED] = {"tallystick.HandlerInfo", "One row of Registry.handlers().",
                                           FIELDS({"id", NULL}, {"name", NULL}, {"function", NULL}, {"priority", NULL},
                                                  {"kinds", NULL}, {"once", NULL}, {"weak", NULL}, {"failed", NULL},
                                                  {"last_code", NULL}, {"last_message", NULL}, {"fired", NULL},
                                                  {"latency_total_ns", NULL}, {"latency_max_ns", NULL}),
                                           13},
    [TYPE_STATISTICS - TYPE_NOTIFIED] = {"tallystick.Statistics", "Numbers about a whole registry.",
                                         FIELDS({"handlers", NULL}, {"unreported", NULL}, {"panics_failed", NULL},
                                                {"memory_bytes", NULL}, {"retired_bytes", NULL},
                                                {"retired_handlers", NULL}, {"mutes", NULL}),
                                         7},
    [TYPE_RING_EVENT - TYPE_NOTIFIED] = {"tallystick.RingEvent", "One event out of a Ring.",
                                         FIELDS({"sequence", NULL}, {"kind", NULL}, {"data", NULL}), 3},
    [TYPE_RING_COUNTS -
        TYPE_NOTIFIED] = {"tallystick.RingCounts", "What a Ring has counted.",
                          FIELDS({"pushed", NULL}, {"drained", NULL}, {"dropped_full", NULL}, {"dropped_long", NULL}),
                          4},
    [TYPE_ASYNC_NOTIFIED -
        TYPE_NOTIFIED] = {"tallystick.AsyncNotified", "What one asynchronous notify did.",
                          FIELDS({"fired", NULL}, {"failed", NULL}, {"skipped", NULL}, {"cancelled", NULL}), 4},
};

int records_ready(PyObject *module, module_state *state)
{
    state->types[TYPE_HANDLER_ID] = (PyTypeObject *)PyType_FromModuleAndSpec(module, &handler_id_spec, NULL);
    state->types[TYPE_STOP] = (PyTypeObject *)PyType_FromModuleAndSpec(module, &stop_spec, NULL);
    if (state->types[TYPE_HANDLER_ID] == NULL || state->types[TYPE_STOP] == NULL) return -1;
    for (int type = TYPE_NOTIFIED; type < TYPE_COUNT; type++) {
        state->types[type] = PyStructSequence_NewType(&descriptions[type - TYPE_NOTIFIED]);
        if (state->types[type] == NULL) return -1;
    }
    state->stop = (PyObject *)PyObject_New(PyObject, state->types[TYPE_STOP]);
    return state->stop == NULL ? -1 : 0;
}

PyObject *record_new(module_state *state, enum shim_type type, ...)
{
    PyStructSequence_Desc *description = &descriptions[type - TYPE_NOTIFIED];
    PyObject *record = PyStructSequence_New(state->types[type]);
    bool complete = record != NULL;
    va_list values;
    va_start(values, type);
    for (int index = 0; description->fields[index].name != NULL; index++) {
        PyObject *value = va_arg(values, PyObject *);
        complete = complete && value != NULL;
        if (record != NULL) PyStructSequence_SetItem(record, index, value);
        else Py_XDECREF(value);
    }
    va_end(values);
    if (!complete) Py_CLEAR(record);
    return record;
}
