/* Values of the calls about proofs, in and out: texts, hashes, policies. */
#include "proof_shim.h"

int proof_text(module_state *state, const char *name, PyObject *value, tally_text *out)
{
    if (value != NULL && PyBytes_Check(value)) {
        *out = (tally_text){PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)};
        return 0;
    }
    if (value != NULL && PyUnicode_Check(value)) return value_text(state, name, value, out);
    PyErr_Format(PyExc_TypeError, "%s is a text, as str or bytes, not %.100s", name,
                 value == NULL ? "nothing" : Py_TYPE(value)->tp_name);
    return -1;
}

int proof_optional_text(module_state *state, const char *name, PyObject *value, tally_text *out)
{
    if (value == NULL || value == Py_None) return 0;
    if (proof_text(state, name, value, out) < 0) return -1;
    if (out->length != 0) return 0;
    (void)error_raise_text(state, TALLY_E_LENGTH, "%s is empty: leave it out, or give None", name);
    return -1;
}

/* ------------------------------------------------------------------------------------------ several */

int proof_texts_take(module_state *state, const char *name, PyObject *value, proof_texts *out)
{
    memset(out, 0, sizeof *out);
    PyObject *from = value_texts(name, value);
    if (from == NULL) return -1;
    size_t count = (size_t)PyTuple_GET_SIZE(from);
    out->from = from;
    out->items = count == 0 ? NULL : PyMem_New(tally_text, count);
    if (out->items == NULL && count != 0) PyErr_NoMemory();
    bool taken = out->items != NULL || count == 0;
    for (size_t index = 0; taken && index < count; index++)
        taken = proof_text(state, name, PyTuple_GET_ITEM(from, (Py_ssize_t)index), &out->items[index]) == 0;
    out->count = count;
    if (taken) return 0;
    proof_texts_drop(out);
    return -1;
}

void proof_texts_drop(proof_texts *texts)
{
    PyMem_Free(texts->items);
    Py_CLEAR(texts->from);
    memset(texts, 0, sizeof *texts);
}

int proof_policy_take(module_state *state, PyObject *value, proof_policy *out)
{
    memset(out, 0, sizeof *out);
    PyObject *keys, *witnesses, *needed, *origin;
    uint64_t wanted = 0;
    tally_policy *policy = &out->policy;
    if (!PyTuple_Check(value) || !PyArg_ParseTuple(value, "OOOO", &keys, &witnesses, &needed, &origin)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "a policy is a tuple of four");
        return -1;
    }
    if (proof_texts_take(state, "a public key", keys, &out->keys) < 0 ||
        proof_texts_take(state, "a witness's key", witnesses, &out->witnesses) < 0 ||
        value_position(state, "needed", needed, &wanted) < 0 ||
        proof_optional_text(state, "origin", origin, &policy->origin) < 0) {
        proof_policy_drop(out);
        return -1;
    }
    policy->size = sizeof *policy;
    policy->keys = out->keys.items;
    policy->key_count = out->keys.count;
    policy->witnesses = out->witnesses.items;
    policy->witness_count = out->witnesses.count;
    policy->witnesses_needed = (size_t)wanted;
    return 0;
}

void proof_policy_drop(proof_policy *policy)
{
    proof_texts_drop(&policy->keys);
    proof_texts_drop(&policy->witnesses);
}

/* ------------------------------------------------------------------------------------------- hashes */

int proof_hash(module_state *state, const char *name, PyObject *value, tally_hash *out)
{
    if (!PyBytes_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s is a hash, 32 bytes, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    if (PyBytes_GET_SIZE(value) != (Py_ssize_t)sizeof *out) {
        (void)error_raise_text(state, TALLY_E_LENGTH, "%s is a hash of 32 bytes, not of %zd", name,
                               PyBytes_GET_SIZE(value));
        return -1;
    }
    memcpy(out, PyBytes_AS_STRING(value), sizeof *out);
    return 0;
}

PyObject *proof_hash_object(const tally_hash *hash)
{
    return PyBytes_FromStringAndSize((const char *)hash->bytes, sizeof *hash);
}

Py_ssize_t proof_hashes(module_state *state, PyObject *value, tally_hash *out, size_t limit, tally_status too_many)
{
    PyObject *items = PySequence_Tuple(value);
    if (items == NULL) return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(items);
    if ((size_t)count > limit) {
        (void)error_raise_text(state, too_many, "a proof has at most %zu hashes, not %zd", limit, count);
        count = -1;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        if (proof_hash(state, "one of the hashes", PyTuple_GET_ITEM(items, index), &out[index]) < 0) count = -1;
    }
    Py_DECREF(items);
    return count;
}

PyObject *proof_hashes_object(const tally_hash *hashes, size_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t index = 0; tuple != NULL && index < count; index++) {
        PyObject *hash = proof_hash_object(&hashes[index]);
        if (hash == NULL) Py_CLEAR(tuple);
        else PyTuple_SET_ITEM(tuple, (Py_ssize_t)index, hash);
    }
    return tuple;
}
