/* The store's part of the module: its types, its state, and its functions. */
#include "proof_shim.h"

static PyMethodDef store_functions[] = {
    {"open", (PyCFunction)(void (*)(void))store_open, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"_decode", (PyCFunction)(void (*)(void))codec_decode, METH_FASTCALL, NULL},
    {"_fsck", (PyCFunction)(void (*)(void))upkeep_fsck, METH_FASTCALL, NULL},
    {"_salvage", (PyCFunction)(void (*)(void))upkeep_salvage, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_types(PyObject *module, store_state *store)
{
    static PyType_Spec *const specs[] = {[STORE_STORE] = &store_spec,
                                         [STORE_EVENT] = &event_spec,
                                         [STORE_RECEIPT] = &receipt_spec,
                                         [STORE_READER] = &reader_spec,
                                         [STORE_COMPLETIONS] = &completions_spec};
    for (int type = 0; type < STORE_WATERMARKS; type++) {
        store->types[type] = (PyTypeObject *)PyType_FromModuleAndSpec(module, specs[type], NULL);
        if (store->types[type] == NULL) return -1;
    }
    if (store_records_ready(store) < 0) return -1;
    for (int type = 0; type < STORE_TYPES; type++) {
        if (PyModule_AddType(module, store->types[type]) < 0) return -1;
    }
    return 0;
}

static int intern(const char *const *texts, int first, int count, PyObject **out)
{
    for (int index = first; index < count; index++) {
        if ((out[index] = PyUnicode_InternFromString(texts[index])) == NULL) return -1;
    }
    return 0;
}

int store_ready(PyObject *module, module_state *state)
{
    static const char *const levels[] = {
        [TALLY_BUFFERED] = "buffered", [TALLY_WRITTEN] = "written", [TALLY_DURABLE] = "durable"};
    store_state *store = state->store = PyMem_Calloc(1, sizeof *store);
    if (store == NULL) return PyErr_NoMemory(), -1;
    if (intern(append_names, 0, APPEND_VALUES, store->names) < 0 ||
        intern(levels, TALLY_BUFFERED, TALLY_DURABLE + 1, store->levels) < 0 || add_types(module, store) < 0)
        return -1;
    if (PyModule_AddFunctions(module, store_functions) < 0 || PyModule_AddFunctions(module, proof_functions) < 0)
        return -1;
    return PyModule_AddFunctions(module, witness_functions);
}

int store_traverse_state(const store_state *store, visitproc visit, void *arg)
{
    if (store == NULL) return 0;
    for (int type = 0; type < STORE_TYPES; type++) Py_VISIT(store->types[type]);
    Py_VISIT(store->uuid);
    Py_VISIT(store->epoch);
    return 0;
}

void store_clear_state(store_state *store)
{
    if (store == NULL) return;
    for (int type = 0; type < STORE_TYPES; type++) Py_CLEAR(store->types[type]);
    for (int name = 0; name < APPEND_VALUES; name++) Py_CLEAR(store->names[name]);
    for (int level = 0; level <= (int)TALLY_DURABLE; level++) Py_CLEAR(store->levels[level]);
    Py_CLEAR(store->uuid);
    Py_CLEAR(store->epoch);
}
