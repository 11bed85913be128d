/* What the files about proofs share; store_shim.h is the rest of the store.
 *
 * The shim translates: texts, hashes and options go in, plain tuples come out, and tallystick/_proofs.py gives
 * them names. Secrets pass through as they are and stand in no message. */
#ifndef TALLYSTICK_PROOF_SHIM_H
#define TALLYSTICK_PROOF_SHIM_H

#include "store_shim.h"

/* -------------------------------------------------------------------------------- proof_values.c */

/* A str as UTF-8, or bytes as they are; borrowed. */
int proof_text(module_state *state, const char *name, PyObject *value, tally_text *out);
/* None leaves *out as it is. An empty text is refused: in the core it is none, which weakens what is asked. */
int proof_optional_text(module_state *state, const char *name, PyObject *value, tally_text *out);

/* Several texts, with what they are borrowed from. */
typedef struct proof_texts {
    tally_text *items;
    size_t count;
    PyObject *from;
} proof_texts;

int proof_texts_take(module_state *state, const char *name, PyObject *value, proof_texts *out);
void proof_texts_drop(proof_texts *texts);

/* The tuple (keys, witnesses, needed, origin) as a policy. */
typedef struct proof_policy {
    tally_policy policy;
    proof_texts keys, witnesses;
} proof_policy;

int proof_policy_take(module_state *state, PyObject *value, proof_policy *out);
void proof_policy_drop(proof_policy *policy);

/* 32 bytes. */
int proof_hash(module_state *state, const char *name, PyObject *value, tally_hash *out);
PyObject *proof_hash_object(const tally_hash *hash);
/* A sequence of them, at most `limit`, else `too_many`: how many, or -1. */
Py_ssize_t proof_hashes(module_state *state, PyObject *value, tally_hash *out, size_t limit, tally_status too_many);
PyObject *proof_hashes_object(const tally_hash *hashes, size_t count);

/* --------------------------------------------------------------------------- functions of the module */

extern PyMethodDef proof_functions[];   /* proof_pure.c */
extern PyMethodDef witness_functions[]; /* proof_witness.c */

/* -------------------------------------------------------------------------------- proof_signing.c */

/* tally_signing with what it borrows, from a tallystick.Signing. */
typedef struct proof_signing {
    tally_signing signing;
    proof_texts verify_keys;
    PyObject *parts;
    struct proof_voice *voice; /* NULL: no callbacks */
} proof_signing;

int proof_signing_take(module_state *state, PyObject *value, proof_signing *out);
/* The core has it: its callbacks live as long as the store. */
void proof_signing_keep(py_store *self, proof_signing *signing);
void proof_signing_drop(proof_signing *signing);

/* Around the calls that can raise from what a signer raised on this thread. */
void voice_enter(void);
void voice_leave(void);
/* Whether this thread is inside a callback of this store's signer or mirror. */
bool voice_inside(const py_store *self);
/* A failure in the core's words, with what the callback raised in the place of its number: a new reference. */
PyObject *voice_explain(const py_store *self, const char *message);
/* Raises SignatureError from what the callback raised. NULL. */
PyObject *voice_error(const py_store *self, const tally_error *detail);
int voices_traverse(const py_store *self, visitproc visit, void *arg);
void voices_clear(const py_store *self);
void voices_free(py_store *self);

/* ---------------------------------------------------------------------------------- proof_store.c */

PyObject *proof_store_checkpoint(py_store *self, PyObject *unused);
PyObject *proof_store_prove(py_store *self, PyObject *place);
PyObject *proof_store_get_stored(py_store *self, PyObject *place);
PyObject *proof_store_consistency(py_store *self, PyObject *args);
PyObject *proof_store_signing(py_store *self, PyObject *unused);
PyObject *proof_store_keep_note(py_store *self, PyObject *args);
PyObject *proof_store_rotate_key(py_store *self, PyObject *value);

/* --------------------------------------------------------------------------------- proof_verify.c */

STORE_VECTOR_METHOD(proof_store_verify);
PyObject *proof_verify_path(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

#endif
