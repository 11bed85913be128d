/* How heads are signed: the options, and the callbacks that the core calls from its own thread.
 *
 * A *voice* is the user_data of a signer and a mirror. It belongs to its Store, which keeps all that it was ever
 * given: after a rotation the old signer signs two more heads. What a callback raises cannot pass through the
 * core; the callback answers with a number instead, which the core puts into its message, and by which the
 * exception is found again. */
#include "proof_shim.h"

#include <stdlib.h>

#define THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

struct said {
    int32_t number; /* 0: nothing yet */
    PyObject *text; /* of the exception */
};

typedef struct proof_voice {
    PyObject *signer; /* or NULL, as is the mirror */
    PyObject *mirror;
    struct said unsigned_, unmirrored; /* the newest failures */
    py_home *home;
    struct proof_voice *next;
} proof_voice;

THREAD_LOCAL unsigned voice_wanted; /* calls that raise from what a signer raises */
THREAD_LOCAL int32_t voice_number;  /* of voice_exception */
THREAD_LOCAL PyObject *voice_exception;

void voice_enter(void) { voice_wanted++; }

void voice_leave(void)
{
    if (--voice_wanted == 0) Py_CLEAR(voice_exception);
}

/* A callback that runs on this thread; what it calls may lead to another one. */
typedef struct voice_frame {
    const proof_voice *voice;
    const struct voice_frame *outer;
} voice_frame;

THREAD_LOCAL const voice_frame *voice_innermost;

bool voice_inside(const py_store *self)
{
    for (const voice_frame *frame = voice_innermost; frame != NULL; frame = frame->outer) {
        for (const proof_voice *voice = self->voices; voice != NULL; voice = voice->next) {
            if (voice == frame->voice) return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------------- failures */

static int32_t next_number(void)
{
    static int32_t number; /* under the GIL */
    number = number == INT32_MAX ? 1 : number + 1;
    return number;
}

/* To the log when no caller is told. */
static void tell(const proof_voice *self, const char *what, PyObject *exception)
{
    module_state *state = self->home->state;
    PyObject *told = state == NULL ? NULL : helper_call(state, "voice_failed", "(sO)", what, exception);
    if (told == NULL && PyErr_Occurred()) PyErr_WriteUnraisable(NULL);
    Py_XDECREF(told);
}

/* What the callback raised, which is set, is noted: its number. */
static int32_t failed(const proof_voice *self, struct said *said, const char *what)
{
    PyObject *exception = error_fetch();
    PyObject *text = failure_text(exception);
    if (text == NULL) PyErr_Clear();
    said->number = next_number();
    Py_XSETREF(said->text, text);
    if (!PyErr_GivenExceptionMatches(exception, PyExc_Exception)) {
        hooks_keep(exception, what[0] == 's' ? self->signer : self->mirror);
    } else if (what[0] == 's' && voice_wanted != 0) {
        Py_XSETREF(voice_exception, exception);
        voice_number = said->number;
    } else {
        tell(self, what, exception);
        Py_DECREF(exception);
    }
    return said->number;
}

PyObject *voice_explain(const py_store *self, const char *message)
{
    static const char mark[] = "it answered ";
    const char *at = strstr(message, mark);
    long number = at == NULL ? 0 : strtol(at + sizeof mark - 1, NULL, 10);
    for (const proof_voice *voice = self->voices; number > 0 && voice != NULL; voice = voice->next) {
        const struct said *said = voice->unsigned_.number == number ? &voice->unsigned_ : &voice->unmirrored;
        if (said->number != number || said->text == NULL) continue;
        PyObject *before = PyUnicode_DecodeUTF8(message, at - message, "replace");
        PyObject *whole = before == NULL ? NULL : PyUnicode_Concat(before, said->text);
        Py_XDECREF(before);
        return whole;
    }
    return PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
}

PyObject *voice_error(const py_store *self, const tally_error *detail)
{
    PyObject *text = voice_explain(self, detail->message);
    if (text == NULL) return NULL;
    (void)error_raise_text(self->state, detail->status, "%U", text);
    Py_DECREF(text);
    const char *at = strstr(detail->message, "it answered ");
    if (voice_exception == NULL || at == NULL || strtol(at + 12, NULL, 10) != voice_number) return NULL;
    PyObject *raised = error_fetch();
    PyException_SetCause(raised, Py_NewRef(voice_exception));
    error_restore(raised);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- callbacks */

/* 64 bytes from what a signer returned. What it was is not told: it may be a key. */
static int take_signature(PyObject *answer, uint8_t signature[64])
{
    Py_buffer bytes;
    if (!PyObject_CheckBuffer(answer)) {
        PyErr_Format(PyExc_TypeError, "a signer returns the signature, 64 bytes, not %.100s", Py_TYPE(answer)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(answer, &bytes, PyBUF_SIMPLE) < 0) return -1;
    bool fits = bytes.len == 64;
    if (fits) memcpy(signature, bytes.buf, 64);
    else PyErr_Format(PyExc_ValueError, "a signer returns the signature, 64 bytes, not %zd", bytes.len);
    PyBuffer_Release(&bytes);
    return fits ? 0 : -1;
}

static PyObject *request_object(module_state *state, const tally_sign_request *request)
{
    return helper_call(state, "sign_request", "(y#KNKNN)", request->note.bytes, (Py_ssize_t)request->note.length,
                       (unsigned long long)request->old_size, proof_hash_object(&request->old_root),
                       (unsigned long long)request->new_size, proof_hash_object(&request->new_root),
                       proof_hashes_object(request->consistency, request->consistency_count));
}

static int ask_signer(const proof_voice *self, const tally_sign_request *request, uint8_t signature[64])
{
    PyObject *signer = Py_XNewRef(self->signer);
    module_state *state = self->home->state;
    if (signer == NULL || state == NULL) PyErr_SetString(PyExc_RuntimeError, "the signer is gone");
    PyObject *asked = signer == NULL || state == NULL ? NULL : request_object(state, request);
    PyObject *answer = asked == NULL ? NULL : PyObject_CallOneArg(signer, asked);
    int result = answer == NULL ? -1 : take_signature(answer, signature);
    Py_XDECREF(answer);
    Py_XDECREF(asked);
    Py_XDECREF(signer);
    return result;
}

static int tell_mirror(const proof_voice *self, const char *note, size_t length)
{
    PyObject *mirror = Py_XNewRef(self->mirror);
    module_state *state = self->home->state;
    if (mirror == NULL || state == NULL) PyErr_SetString(PyExc_RuntimeError, "the mirror is gone");
    PyObject *checkpoint =
        mirror == NULL || state == NULL ? NULL : helper_call(state, "checkpoint", "(s#)", note, (Py_ssize_t)length);
    PyObject *answer = checkpoint == NULL ? NULL : PyObject_CallOneArg(mirror, checkpoint);
    bool told = answer != NULL;
    Py_XDECREF(answer);
    Py_XDECREF(checkpoint);
    Py_XDECREF(mirror);
    return told ? 0 : -1;
}

/* From the store's thread or a caller's, with or without the GIL. When the interpreter has ended, the head stays
 * unsigned. */
static int32_t voice_sign(void *user_data, const tally_sign_request *request, uint8_t signature[64])
{
    proof_voice *self = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return -1;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    const voice_frame frame = {self, voice_innermost};
    voice_innermost = &frame;
    int32_t answer = ask_signer(self, request, signature) == 0 ? 0 : failed(self, &self->unsigned_, "signer");
    voice_innermost = frame.outer;
    if (pending != NULL) error_restore(pending);
    gil_give(&hold);
    return answer;
}

static int32_t voice_mirror(void *user_data, const char *note, size_t length)
{
    proof_voice *self = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return -1;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    const voice_frame frame = {self, voice_innermost};
    voice_innermost = &frame;
    int32_t answer = tell_mirror(self, note, length) == 0 ? 0 : failed(self, &self->unmirrored, "mirror");
    voice_innermost = frame.outer;
    if (pending != NULL) error_restore(pending);
    gil_give(&hold);
    return answer;
}

/* ------------------------------------------------------------------------------------------ options */

static void voice_free(proof_voice *self)
{
    if (self == NULL) return;
    Py_CLEAR(self->signer);
    Py_CLEAR(self->mirror);
    Py_CLEAR(self->unsigned_.text);
    Py_CLEAR(self->unmirrored.text);
    PyMem_RawFree(self);
}

static int take_voice(module_state *state, PyObject *signer, PyObject *mirror, proof_signing *out)
{
    if (signer == Py_None && mirror == Py_None) return 0;
    proof_voice *voice = PyMem_RawCalloc(1, sizeof *voice);
    if (voice == NULL) return PyErr_NoMemory(), -1;
    out->voice = voice;
    voice->home = state->home;
    if (signer != Py_None) {
        voice->signer = Py_NewRef(signer);
        out->signing.signer = voice_sign;
        out->signing.user_data = voice;
    }
    if (mirror != Py_None) {
        voice->mirror = Py_NewRef(mirror);
        out->signing.mirror = voice_mirror;
        out->signing.mirror_data = voice;
    }
    return 0;
}

static int take_parts(module_state *state, proof_signing *out)
{
    tally_signing *to = &out->signing;
    PyObject *texts[7], *verify_keys, *signer, *mirror;
    int required, every_commit;
    static const char *const names[] = {"key_path",        "key",        "verify_key", "state_path", "remembered",
                                        "remembered_path", "mirror_path"};
    tally_text *const places[] = {&to->key_path,   &to->key_text,        &to->signer_key, &to->state_path,
                                  &to->remembered, &to->remembered_path, &to->mirror_path};
    if (!PyArg_ParseTuple(out->parts, "OOOOOOOOOOpp", &texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &texts[5],
                          &texts[6], &verify_keys, &signer, &mirror, &required, &every_commit))
        return -1;
    for (size_t index = 0; index < 7; index++) {
        if (proof_optional_text(state, names[index], texts[index], places[index]) < 0) return -1;
    }
    if (proof_texts_take(state, "verify_keys", verify_keys, &out->verify_keys) < 0) return -1;
    to->size = sizeof *to;
    to->verify_keys = out->verify_keys.items;
    to->verify_key_count = out->verify_keys.count;
    to->flags = (required ? TALLY_SIGNING_REQUIRED : 0) | (every_commit ? TALLY_SIGNING_EVERY_COMMIT : 0);
    return take_voice(state, signer, mirror, out);
}

int proof_signing_take(module_state *state, PyObject *value, proof_signing *out)
{
    memset(out, 0, sizeof *out);
    out->parts = helper_call(state, "signing_parts", "(O)", value);
    if (out->parts != NULL && take_parts(state, out) == 0) return 0;
    proof_signing_drop(out);
    return -1;
}

void proof_signing_keep(py_store *self, proof_signing *signing)
{
    if (signing->voice == NULL) return;
    signing->voice->next = self->voices;
    self->voices = signing->voice;
    signing->voice = NULL;
}

void proof_signing_drop(proof_signing *signing)
{
    proof_texts_drop(&signing->verify_keys);
    Py_CLEAR(signing->parts);
    voice_free(signing->voice);
    signing->voice = NULL;
}

/* ---------------------------------------------------------------------------------------- lifetimes */

int voices_traverse(const py_store *self, visitproc visit, void *arg)
{
    for (const proof_voice *voice = self->voices; voice != NULL; voice = voice->next) {
        Py_VISIT(voice->signer);
        Py_VISIT(voice->mirror);
    }
    return 0;
}

/* When the core is done with them: see voices_free. */
void voices_clear(const py_store *self)
{
    for (proof_voice *voice = self->late ? NULL : self->voices; voice != NULL; voice = voice->next) {
        Py_CLEAR(voice->signer);
        Py_CLEAR(voice->mirror);
    }
}

/* A store that was closed inside a handler comes to its end later, with one more head: its voices stay. */
void voices_free(py_store *self)
{
    proof_voice *voice = self->voices;
    self->voices = NULL;
    while (voice != NULL && !self->late) {
        proof_voice *next = voice->next;
        voice_free(voice);
        voice = next;
    }
}
