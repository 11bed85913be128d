/* Heads and proofs of an open store. */
#include "proof_shim.h"

/* ------------------------------------------------------------------------------------ texts and bytes */

/* What a call of the core puts into a buffer of unknown size. */
typedef tally_status (*fill)(tally_store *handle, uint64_t position, char *buffer, size_t capacity, size_t *needed,
                             tally_error *error);

static tally_status fill_checkpoint(tally_store *handle, uint64_t position, char *buffer, size_t capacity,
                                    size_t *needed, tally_error *error)
{
    (void)position;
    return tally_store_checkpoint(handle, buffer, capacity, needed, error);
}

static tally_status fill_stored(tally_store *handle, uint64_t position, char *buffer, size_t capacity, size_t *needed,
                                tally_error *error)
{
    return tally_store_get_stored(handle, position, buffer, capacity, needed, error);
}

/* The handlers of what is synced on the way may run on this thread, and the signer. */
static tally_status fill_now(tally_store *handle, fill from, uint64_t position, char *buffer, size_t capacity,
                             size_t *needed, tally_error *error)
{
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = from(handle, position, buffer, capacity, needed, error);
    gil_return(NULL, token);
    hooks_leave();
    return status;
}

static PyObject *answer(py_store *self, tally_status status, const tally_error *error, const char *buffer,
                        size_t length, bool text)
{
    if (hooks_answer(self, status, error) < 0) return NULL;
    return text ? PyUnicode_DecodeUTF8(buffer, (Py_ssize_t)length, NULL)
                : PyBytes_FromStringAndSize(buffer, (Py_ssize_t)length);
}

static PyObject *filled(py_store *self, fill from, uint64_t position, bool text)
{
    char few[8192];
    char *buffer = few;
    size_t capacity = sizeof few, needed = 0;
    tally_error error;
    tally_store *handle = store_handle(self);
    if (handle == NULL) return NULL;
    voice_enter();
    tally_status status = fill_now(handle, from, position, few, capacity, &needed, &error);
    /* A head may have grown between two calls. */
    while (status == TALLY_E_SPACE && needed > capacity && needed <= (size_t)TALLY_DATA_MAX * 2) {
        if (buffer != few) PyMem_Free(buffer);
        capacity = needed + 1024;
        if ((buffer = PyMem_Malloc(capacity)) == NULL) break;
        status = fill_now(handle, from, position, buffer, capacity, &needed, &error);
    }
    PyObject *result = buffer == NULL ? PyErr_NoMemory() : answer(self, status, &error, buffer, needed, text);
    voice_leave();
    if (buffer != few) PyMem_Free(buffer);
    return result;
}

/* _checkpoint(): the note. */
PyObject *proof_store_checkpoint(py_store *self, PyObject *unused)
{
    (void)unused;
    return filled(self, fill_checkpoint, 0, true);
}

/* An Event, a Receipt or a position. */
static int take_place(py_store *self, PyObject *value, uint64_t *out)
{
    if (value == Py_None) PyErr_SetString(PyExc_TypeError, "position is an integer, an Event or a Receipt, not None");
    return value == Py_None ? -1 : value_place(self->state, "position", value, out);
}

/* _prove(position): the proof's text. */
PyObject *proof_store_prove(py_store *self, PyObject *place)
{
    uint64_t position = 0;
    return take_place(self, place, &position) < 0 ? NULL : filled(self, tally_store_prove, position, true);
}

PyObject *proof_store_get_stored(py_store *self, PyObject *place)
{
    uint64_t position = 0;
    return take_place(self, place, &position) < 0 ? NULL : filled(self, fill_stored, position, false);
}

/* _consistency(old_size, new_size): (old_root, new_root, hashes). */
PyObject *proof_store_consistency(py_store *self, PyObject *args)
{
    PyObject *old, *new;
    uint64_t old_size = 0, new_size = 0;
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX], roots[2];
    size_t count = 0;
    tally_error error;
    if (!PyArg_UnpackTuple(args, "_consistency", 2, 2, &old, &new) ||
        value_position(self->state, "the old size", old, &old_size) < 0 ||
        value_position(self->state, "the new size", new, &new_size) < 0 || store_handle(self) == NULL)
        return NULL;
    tally_store *handle = self->handle;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_consistency(handle, old_size, new_size, hashes, TALLY_CONSISTENCY_HASHES_MAX,
                                                  &count, roots, &error);
    gil_return(NULL, token);
    if (status != TALLY_OK) return store_error(self, status, &error);
    return Py_BuildValue("(NNN)", proof_hash_object(&roots[0]), proof_hash_object(&roots[1]),
                         proof_hashes_object(hashes, count));
}

/* --------------------------------------------------------------------------------------------- keys */

/* _signing(): (is_signed, is_guarded, tree_size, signed_size, failures, mirror_failures, origin, vkey, failure). */
PyObject *proof_store_signing(py_store *self, PyObject *unused)
{
    (void)unused;
    tally_signing_state now;
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    tally_status status = tally_store_signing_get(self->handle, &now, &error);
    if (status != TALLY_OK) return store_error(self, status, &error);
    return Py_BuildValue("(NNKKKKssN)", PyBool_FromLong(now.is_signed != 0), PyBool_FromLong(now.is_guarded != 0),
                         (unsigned long long)now.tree_size, (unsigned long long)now.signed_size,
                         (unsigned long long)now.failures, (unsigned long long)now.mirror_failures, now.origin,
                         now.vkey, voice_explain(self, now.failure));
}

/* _keep_note(note, witnesses) */
PyObject *proof_store_keep_note(py_store *self, PyObject *args)
{
    PyObject *note, *keys;
    tally_text text;
    proof_texts witnesses;
    tally_error error;
    if (!PyArg_UnpackTuple(args, "keep_note", 2, 2, &note, &keys) ||
        proof_text(self->state, "a checkpoint", note, &text) < 0 ||
        proof_texts_take(self->state, "a witness's key", keys, &witnesses) < 0)
        return NULL;
    PyObject *result = NULL;
    tally_store *handle = store_handle(self);
    if (handle != NULL) {
        hooks_enter();
        void *token = gil_leave(NULL);
        tally_status status =
            tally_store_keep_note(handle, text.bytes, text.length, witnesses.items, witnesses.count, &error);
        gil_return(NULL, token);
        hooks_leave();
        result = hooks_answer(self, status, &error) < 0 ? NULL : Py_NewRef(Py_None);
    }
    proof_texts_drop(&witnesses);
    return result;
}

/* rotate_key(signing). The new signer is known before it is called first; a failure may come after the core has
 * taken it, so it is kept in any case. */
PyObject *proof_store_rotate_key(py_store *self, PyObject *value)
{
    proof_signing signing;
    tally_error error;
    tally_store *handle = store_handle(self);
    if (handle == NULL || proof_signing_take(self->state, value, &signing) < 0) return NULL;
    proof_signing_keep(self, &signing);
    voice_enter();
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = tally_store_rotate_key(handle, &signing.signing, &error);
    gil_return(NULL, token);
    hooks_leave();
    PyObject *result = hooks_answer(self, status, &error) < 0 ? NULL : Py_NewRef(Py_None);
    voice_leave();
    proof_signing_drop(&signing);
    return result;
}
