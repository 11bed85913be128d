/* The module tallystick._core: state, types, and what belongs to no type. */
#include "native.h"
#include "registry.h"
#include "stage.h"
#include "store_shim.h"

static PyObject *module_depth(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLong(tally_registry_depth());
}

static PyObject *module_reclaim(PyObject *module, PyObject *unused)
{
    (void)unused;
    uint64_t pending = 0;
    tally_error error;
    tally_status status = tally_reclaim(&pending, &error);
    if (status != TALLY_OK) return error_raise(PyModule_GetState(module), status, &error);
    return PyLong_FromUnsignedLongLong(pending);
}

/* The dict of helpers: each part of the package in Python puts its own there. */
static PyObject *module_helpers(PyObject *module, PyObject *unused)
{
    (void)unused;
    module_state *state = PyModule_GetState(module);
    return Py_NewRef(state->helpers);
}

/* _seconds(timeout): the float that a timeout means, None for none; RangeError. */
static PyObject *module_seconds(PyObject *module, PyObject *timeout)
{
    double seconds = 0.0;
    if (argument_seconds(PyModule_GetState(module), timeout, &seconds) < 0) return NULL;
    return timeout == Py_None ? Py_NewRef(Py_None) : PyFloat_FromDouble(seconds);
}

static PyMethodDef module_methods[] = {
    {"depth", module_depth, METH_NOARGS, NULL},
    {"reclaim", module_reclaim, METH_NOARGS, NULL},
    {"status_table", status_table, METH_NOARGS, NULL},
    {"constant", constant_value, METH_O, NULL},
    {"_helpers", module_helpers, METH_NOARGS, NULL},
    {"_seconds", module_seconds, METH_O, NULL},
    {"_asynchronous", binding_asynchronous, METH_O, NULL},
    {"_ended", gil_end, METH_NOARGS, NULL},
    {"_notification", (PyCFunction)(void (*)(void))notification_new, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_types(PyObject *module, module_state *state)
{
    static PyType_Spec *const specs[] = {
        [TYPE_REGISTRY] = &registry_spec, [TYPE_COUNTER] = &counter_spec, [TYPE_RING] = &ring_spec,
        [TYPE_MASK] = &mask_spec,         [TYPE_STAGE] = &stage_spec,     [TYPE_NOTIFICATION] = &notification_spec,
        [TYPE_SCOPE] = &scope_spec};
    for (int type = 0; type < (int)(sizeof specs / sizeof *specs); type++) {
        if (specs[type] == NULL) continue;
        state->types[type] = (PyTypeObject *)PyType_FromModuleAndSpec(module, specs[type], NULL);
        if (state->types[type] == NULL) return -1;
    }
    if (records_ready(module, state) < 0) return -1;
    for (int type = 0; type < TYPE_COUNT; type++) {
        if (PyModule_AddType(module, state->types[type]) < 0) return -1;
    }
    return PyModule_AddObjectRef(module, "STOP", state->stop);
}

static int add_names(module_state *state)
{
    static const char *const texts[NAME_COUNT] = {[NAME_HANDLER] = "handler",
                                                  [NAME_ID] = "id",
                                                  [NAME_CLAIM] = "claim",
                                                  [NAME_CANCELLING] = "cancelling",
                                                  [NAME_CALLBACKS] = "_callbacks",
                                                  [NAME_RENEW] = "renew",
                                                  [NAME_ADOPT] = "adopt",
                                                  [NAME_RETIRE] = "retire",
                                                  [NAME_WRAP] = "wrap",
                                                  [NAME_STAGE] = "_stage",
                                                  [NAME_STAGE_NOW] = "_stage_now",
                                                  [NAME_FINISH] = "_finish",
                                                  [NAME_ABANDON] = "_abandon"};
    for (int name = 0; name < NAME_COUNT; name++) {
        if ((state->names[name] = PyUnicode_InternFromString(texts[name])) == NULL) return -1;
    }
    return 0;
}

static int module_exec(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "tallystick works in the main interpreter only: threads of C that notify "
                                           "cannot find their way into a sub-interpreter");
        return -1;
    }
    if (gil_prepare() < 0 || (state->home = PyMem_RawCalloc(1, sizeof *state->home)) == NULL)
        return PyErr_Occurred() ? -1 : (PyErr_NoMemory(), -1);
    state->home->state = state;
    state->helpers = PyDict_New();
    state->kinds = PyDict_New();
    state->kind_names = PyDict_New();
    if (state->helpers == NULL || state->kinds == NULL || state->kind_names == NULL || add_names(state) < 0 ||
        add_types(module, state) < 0 || store_ready(module, state) < 0)
        return -1;
    PyObject *functools = PyImport_ImportModule("functools");
    state->partial = functools == NULL ? NULL : PyObject_GetAttrString(functools, "partial");
    Py_XDECREF(functools);
    if (state->partial == NULL) return -1;
    PyObject *capsule = PyCapsule_New((void *)(uintptr_t)tally_api_table(), "tallystick._core.C_API", NULL);
    int failed = capsule == NULL || PyModule_AddObjectRef(module, "C_API", capsule) < 0;
    Py_XDECREF(capsule);
    return failed || PyModule_AddStringConstant(module, "version", tally_version_text()) < 0 ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = PyModule_GetState(module);
    for (int type = 0; type < TYPE_COUNT; type++) Py_VISIT(state->types[type]);
    Py_VISIT(state->stop);
    Py_VISIT(state->helpers);
    Py_VISIT(state->kinds);
    Py_VISIT(state->kind_names);
    Py_VISIT(state->partial);
    return store_traverse_state(state->store, visit, arg);
}

static int module_clear(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    for (int type = 0; type < TYPE_COUNT; type++) Py_CLEAR(state->types[type]);
    Py_CLEAR(state->stop);
    Py_CLEAR(state->helpers);
    Py_CLEAR(state->kinds);
    Py_CLEAR(state->kind_names);
    Py_CLEAR(state->partial);
    for (int name = 0; name < NAME_COUNT; name++) Py_CLEAR(state->names[name]);
    store_clear_state(state->store);
    return 0;
}

static void module_free(void *module)
{
    module_state *state = PyModule_GetState(module);
    if (state->home != NULL) state->home->state = NULL;
    (void)module_clear(module);
    PyMem_Free(state->store);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

struct PyModuleDef tallystick_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tallystick._core",
    .m_doc = "The compiled half of tallystick; its manual is _core.pyi. Import tallystick.",
    .m_size = sizeof(module_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&tallystick_module); }
