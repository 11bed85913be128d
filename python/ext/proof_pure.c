/* What needs no store: keys, checkpoints, Merkle proofs, proofs of events. */
#include "proof_shim.h"

#define ROOM_BYTES 65536

/* --------------------------------------------------------------------------------------------- keys */

/* _key_make(name, kind): (private, public). */
static PyObject *key_make(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *name;
    unsigned int kind;
    tally_text text;
    if (!PyArg_ParseTuple(args, "OI:_key_make", &name, &kind) || proof_text(state, "a key's name", name, &text) < 0)
        return NULL;
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    tally_error error;
    tally_status status = tally_key_make(NULL, text, kind, skey, vkey, &error);
    PyObject *pair = status == TALLY_OK ? Py_BuildValue("(ss)", skey, vkey) : error_raise(state, status, &error);
    explicit_bzero(skey, sizeof skey);
    return pair;
}

/* _key_public(private) */
static PyObject *key_public(PyObject *module, PyObject *skey)
{
    module_state *state = PyModule_GetState(module);
    tally_text text;
    char vkey[TALLY_KEY_TEXT_BYTES];
    tally_error error;
    if (proof_text(state, "a private key", skey, &text) < 0) return NULL;
    tally_status status = tally_key_public(text, vkey, &error);
    return status == TALLY_OK ? PyUnicode_FromString(vkey) : error_raise(state, status, &error);
}

/* -------------------------------------------------------------------------------------- checkpoints */

/* _checkpoint_read(note): (origin, size, root). */
static PyObject *checkpoint_read(PyObject *module, PyObject *note)
{
    module_state *state = PyModule_GetState(module);
    tally_text text;
    tally_checkpoint checkpoint;
    tally_error error;
    if (proof_text(state, "a checkpoint", note, &text) < 0) return NULL;
    tally_status status = tally_checkpoint_read(text.bytes, text.length, &checkpoint, &error);
    if (status != TALLY_OK) return error_raise(state, status, &error);
    return Py_BuildValue("(NKN)", text_object(checkpoint.origin), (unsigned long long)checkpoint.size,
                         proof_hash_object(&checkpoint.root));
}

static PyObject *signed_object(const tally_signed *by)
{
    return Py_BuildValue("(IIIIL)", by->by_log, by->by_witnesses, by->unknown, by->key_index,
                         (long long)by->witnessed_s);
}

/* _checkpoint_verify(note, policy): (origin, size, root, signed). */
static PyObject *checkpoint_verify(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *note, *terms;
    tally_text text;
    proof_policy policy;
    if (!PyArg_ParseTuple(args, "OO:_checkpoint_verify", &note, &terms) ||
        proof_text(state, "a checkpoint", note, &text) < 0 || proof_policy_take(state, terms, &policy) < 0)
        return NULL;
    tally_checkpoint checkpoint;
    tally_signed by;
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status = tally_checkpoint_verify(text.bytes, text.length, &policy.policy, &checkpoint, &by, &error);
    gil_return(NULL, token);
    proof_policy_drop(&policy);
    if (status != TALLY_OK) return error_raise(state, status, &error);
    return Py_BuildValue("(NKNN)", text_object(checkpoint.origin), (unsigned long long)checkpoint.size,
                         proof_hash_object(&checkpoint.root), signed_object(&by));
}

/* -------------------------------------------------------------------------------------------- trees */

/* _merkle_root(leaves): of hashes that are joined. */
static PyObject *merkle_root(PyObject *module, PyObject *leaves)
{
    module_state *state = PyModule_GetState(module);
    Py_buffer joined;
    tally_hash root;
    if (PyObject_GetBuffer(leaves, &joined, PyBUF_SIMPLE) < 0) return NULL;
    void *token = gil_leave(NULL);
    tally_status status = tally_merkle_root(joined.buf, (size_t)joined.len / sizeof(tally_hash), &root);
    gil_return(NULL, token);
    PyBuffer_Release(&joined);
    return status == TALLY_OK ? proof_hash_object(&root) : error_raise(state, status, NULL);
}

/* _inclusion_verify(leaf, index, size, hashes, root) */
static PyObject *inclusion_verify(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *values[5];
    tally_hash leaf, root, hashes[TALLY_PROOF_HASHES_MAX];
    uint64_t index = 0, size = 0;
    tally_error error;
    if (!PyArg_UnpackTuple(args, "_inclusion_verify", 5, 5, &values[0], &values[1], &values[2], &values[3],
                           &values[4]) ||
        proof_hash(state, "leaf", values[0], &leaf) < 0 || value_position(state, "index", values[1], &index) < 0 ||
        value_position(state, "size", values[2], &size) < 0 || proof_hash(state, "root", values[4], &root) < 0)
        return NULL;
    Py_ssize_t count = proof_hashes(state, values[3], hashes, TALLY_PROOF_HASHES_MAX, TALLY_E_PROOF);
    if (count < 0) return NULL;
    tally_status status = tally_inclusion_verify(&leaf, index, size, hashes, (size_t)count, &root, &error);
    return status == TALLY_OK ? Py_NewRef(Py_None) : error_raise(state, status, &error);
}

/* _consistency_verify(old_size, old_root, new_size, new_root, hashes) */
static PyObject *consistency_verify(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    PyObject *values[5];
    tally_hash old_root, new_root, hashes[TALLY_CONSISTENCY_HASHES_MAX];
    uint64_t old_size = 0, new_size = 0;
    tally_error error;
    if (!PyArg_UnpackTuple(args, "_consistency_verify", 5, 5, &values[0], &values[1], &values[2], &values[3],
                           &values[4]) ||
        value_position(state, "old_size", values[0], &old_size) < 0 ||
        proof_hash(state, "old_root", values[1], &old_root) < 0 ||
        value_position(state, "new_size", values[2], &new_size) < 0 ||
        proof_hash(state, "new_root", values[3], &new_root) < 0)
        return NULL;
    Py_ssize_t count = proof_hashes(state, values[4], hashes, TALLY_CONSISTENCY_HASHES_MAX, TALLY_E_PROOF);
    if (count < 0) return NULL;
    tally_status status =
        tally_consistency_verify(old_size, &old_root, new_size, &new_root, hashes, (size_t)count, &error);
    return status == TALLY_OK ? Py_NewRef(Py_None) : error_raise(state, status, &error);
}

/* ------------------------------------------------------------------------------------------- proofs */

/* A proof and what it is checked with. */
typedef struct asked {
    tally_text proof;
    proof_policy policy;
    Py_buffer stored; /* obj NULL: not given */
    bool by_hash;
    tally_hash hash;
} asked;

static int asked_take(module_state *state, PyObject *args, asked *out, PyObject **codec)
{
    PyObject *proof, *stored, *hash, *terms;
    memset(out, 0, sizeof *out);
    if (!PyArg_ParseTuple(args, "OOOOO:_proof_verify", &proof, &terms, &stored, &hash, codec) ||
        proof_text(state, "a proof", proof, &out->proof) < 0)
        return -1;
    out->by_hash = hash != Py_None;
    if (out->by_hash && proof_hash(state, "event_hash", hash, &out->hash) < 0) return -1;
    if (proof_policy_take(state, terms, &out->policy) < 0) return -1;
    if (stored == Py_None || PyObject_GetBuffer(stored, &out->stored, PyBUF_SIMPLE) == 0) return 0;
    proof_policy_drop(&out->policy);
    return -1;
}

static tally_status asked_verify(const asked *self, void *room, tally_proven *proven, tally_error *error)
{
    const tally_policy *policy = &self->policy.policy;
    tally_status status;
    void *token = gil_leave(NULL);
    if (self->by_hash) {
        status = tally_proof_verify_hash(self->proof.bytes, self->proof.length, &self->hash, policy, proven, error);
    } else {
        const void *stored = self->stored.obj == NULL ? NULL : self->stored.buf;
        status = tally_proof_verify(self->proof.bytes, self->proof.length, stored, (size_t)self->stored.len, policy,
                                    room, ROOM_BYTES, proven, error);
    }
    gil_return(NULL, token);
    return status;
}

static PyObject *proven_object(module_state *state, const tally_proven *proven, PyObject *codec)
{
    PyObject *event = proven->has_event ? event_new(state->store, codec, &proven->event) : Py_NewRef(Py_None);
    return Py_BuildValue("(KKNNNNN)", (unsigned long long)proven->position, (unsigned long long)proven->tree_size,
                         proof_hash_object(&proven->root), proof_hash_object(&proven->event_hash), event,
                         PyBool_FromLong(proven->data_given != 0), signed_object(&proven->signatures));
}

/* _proof_verify(proof, policy, stored, event_hash, codec):
 * (position, tree_size, root, event_hash, event, data_given, signed). */
static PyObject *proof_verify(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    asked ask;
    PyObject *given, *codec = NULL;
    if (asked_take(state, args, &ask, &given) < 0) return NULL;
    PyObject *result = NULL;
    void *room = PyMem_Malloc(ROOM_BYTES);
    if (room == NULL) PyErr_NoMemory();
    else if (given == Py_None || (codec = codec_from(given)) != NULL) {
        tally_proven proven;
        tally_error error;
        tally_status status = asked_verify(&ask, room, &proven, &error);
        result = status == TALLY_OK ? proven_object(state, &proven, codec) : error_raise(state, status, &error);
    }
    PyMem_Free(room);
    Py_XDECREF(codec);
    proof_policy_drop(&ask.policy);
    if (ask.stored.obj != NULL) PyBuffer_Release(&ask.stored);
    return result;
}

PyMethodDef proof_functions[] = {
    {"_key_make", key_make, METH_VARARGS, NULL},
    {"_key_public", key_public, METH_O, NULL},
    {"_checkpoint_read", checkpoint_read, METH_O, NULL},
    {"_checkpoint_verify", checkpoint_verify, METH_VARARGS, NULL},
    {"_merkle_root", merkle_root, METH_O, NULL},
    {"_inclusion_verify", inclusion_verify, METH_VARARGS, NULL},
    {"_consistency_verify", consistency_verify, METH_VARARGS, NULL},
    {"_proof_verify", proof_verify, METH_VARARGS, NULL},
    {"_verify", (PyCFunction)(void (*)(void))proof_verify_path, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};
