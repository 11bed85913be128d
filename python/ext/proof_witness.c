/* Texts to and from witnesses. Who carries them is Python: tallystick/_witness.py. */
#include "proof_shim.h"

/* A text that the core wrote, a new reference, or the class of `status`. */
static PyObject *written(module_state *state, tally_status status, const char *text, size_t length,
                         const tally_error *error)
{
    if (status != TALLY_OK) return error_raise(state, status, error);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, NULL);
}

/* _witness_cosign(note, private, time): one signature line. */
static PyObject *witness_cosign(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *note, *skey, *time;
    tally_text text, key;
    uint64_t time_s = 0;
    if (!PyArg_UnpackTuple(args, "_witness_cosign", 3, 3, &note, &skey, &time) ||
        proof_text(state, "a checkpoint", note, &text) < 0 || proof_text(state, "a private key", skey, &key) < 0 ||
        value_position(state, "time", time, &time_s) < 0)
        return NULL;
    char line[1024];
    size_t needed = 0;
    tally_error error;
    tally_status status =
        tally_witness_cosign(text.bytes, text.length, key, time_s, line, sizeof line, &needed, &error);
    return written(state, status, line, needed, &error);
}

/* _witness_request(old_size, hashes, note): the body. */
static PyObject *witness_request(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *old, *given, *note;
    uint64_t old_size = 0;
    tally_text text;
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    if (!PyArg_UnpackTuple(args, "_witness_request", 3, 3, &old, &given, &note) ||
        value_position(state, "old_size", old, &old_size) < 0 || proof_text(state, "a checkpoint", note, &text) < 0)
        return NULL;
    Py_ssize_t count = proof_hashes(state, given, hashes, TALLY_CONSISTENCY_HASHES_MAX, TALLY_E_LIMIT);
    if (count < 0) return NULL;
    size_t capacity = text.length + 4096, needed = 0; /* 63 hashes in base64 */
    tally_error error;
    char *body = PyMem_Malloc(capacity);
    if (body == NULL) return PyErr_NoMemory();
    tally_status status = tally_witness_request(old_size, hashes, (size_t)count, text.bytes, text.length, body,
                                                capacity, &needed, &error);
    PyObject *result = written(state, status, body, needed, &error);
    PyMem_Free(body);
    return result;
}

typedef struct answer {
    uint32_t outcome;
    uint64_t old_size;
    char *note;
    size_t capacity, needed;
} answer;

static PyObject *answer_read(module_state *state, uint32_t http, tally_text body, tally_text note,
                             const proof_texts *witnesses)
{
    answer out = {.capacity = TALLY_NOTE_BYTES_MAX};
    tally_error error;
    out.note = PyMem_Malloc(out.capacity);
    if (out.note == NULL) return PyErr_NoMemory();
    void *token = gil_leave(NULL);
    tally_status status =
        tally_witness_answer(http, body.bytes, body.length, note.bytes, note.length, witnesses->items, witnesses->count,
                             &out.outcome, &out.old_size, out.note, out.capacity, &out.needed, &error);
    gil_return(NULL, token);
    PyObject *text = written(state, status, out.note, out.needed, &error);
    PyMem_Free(out.note);
    return text == NULL ? NULL
                        : Py_BuildValue("(IKN)", (unsigned int)out.outcome, (unsigned long long)out.old_size, text);
}

/* _witness_answer(http_status, body, note, witnesses): (outcome, old_size, note). */
static PyObject *witness_answer(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *http, *body, *note, *keys;
    int64_t status = 0;
    tally_text said, text;
    proof_texts witnesses;
    if (!PyArg_UnpackTuple(args, "_witness_answer", 4, 4, &http, &body, &note, &keys) ||
        argument_integer(state, "an HTTP status", http, 0, UINT32_MAX, &status) < 0 ||
        proof_text(state, "a witness's answer", body, &said) < 0 ||
        proof_text(state, "a checkpoint", note, &text) < 0 ||
        proof_texts_take(state, "a witness's key", keys, &witnesses) < 0)
        return NULL;
    PyObject *result = answer_read(state, (uint32_t)status, said, text, &witnesses);
    proof_texts_drop(&witnesses);
    return result;
}

PyMethodDef witness_functions[] = {
    {"_witness_cosign", witness_cosign, METH_VARARGS, NULL},
    {"_witness_request", witness_request, METH_VARARGS, NULL},
    {"_witness_answer", witness_answer, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
