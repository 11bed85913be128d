/* verify: of an open store, and of a directory; ended by Ctrl-C and by what progress raises. */
#include "proof_shim.h"

typedef struct verifying {
    tally_verify_options options;
    proof_texts keys;
    upkeep work;
} verifying;

/* From (mode, threads, keys, since, progress). */
static int take(module_state *state, PyObject *const *values, verifying *out)
{
    static const char *const modes[] = {[TALLY_VERIFY_FULL] = "full", [TALLY_VERIFY_QUICK] = "quick"};
    tally_verify_options *options = &out->options;
    int64_t threads = 0;
    memset(out, 0, sizeof *out);
    out->work = (upkeep){.state = state, .progress = values[4]};
    *options = (tally_verify_options){
        .size = sizeof *options, .mode = TALLY_VERIFY_FULL, .progress = upkeep_progress, .user_data = &out->work};
    if (value_choice(state, "mode", values[0], modes, TALLY_VERIFY_QUICK + 1, &options->mode) < 0 ||
        argument_integer(state, "threads", values[1], 1, UINT32_MAX, &threads) < 0 ||
        proof_optional_text(state, "since", values[3], &options->since) < 0 || upkeep_check_progress(values[4]) < 0 ||
        proof_texts_take(state, "a public key", values[2], &out->keys) < 0)
        return -1;
    options->threads = (uint32_t)threads;
    options->keys = out->keys.items;
    options->key_count = out->keys.count;
    return 0;
}

static PyObject *number_or_none(uint64_t value)
{
    return value == TALLY_POSITION_NONE ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(value);
}

static PyObject *text_or_none(const char *text)
{
    return text[0] == '\0' ? Py_NewRef(Py_None) : PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* (intact, reason, position, events, covered, signed_heads, bytes, root, message, file, offset) */
static PyObject *report_object(const tally_verify_report *report)
{
    return Py_BuildValue("(NsNKKKKNsNN)", PyBool_FromLong(report->intact != 0), tally_reason_name(report->reason),
                         number_or_none(report->position), (unsigned long long)report->events,
                         (unsigned long long)report->covered, (unsigned long long)report->signed_heads,
                         (unsigned long long)report->bytes, proof_hash_object(&report->root), report->message,
                         text_or_none(report->file), number_or_none(report->offset));
}

/* _verify(mode, threads, keys, since, progress): see report_object. */
STORE_VECTOR_METHOD(proof_store_verify)
{
    static const char *const names[] = {"mode", "threads", "keys", "since", "progress", NULL};
    static const py_signature signature = {"_verify", 5, 5, names};
    PyObject *values[5];
    verifying ask;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        take(self->state, values, &ask) < 0)
        return NULL;
    PyObject *result = NULL;
    tally_store *handle = store_handle(self);
    if (handle != NULL) {
        tally_verify_report report = {0};
        tally_error error;
        void *token = gil_leave(NULL);
        tally_status status = tally_store_verify(handle, &ask.options, &report, &error);
        gil_return(NULL, token);
        result = upkeep_answer(&ask.work, status, &error, report_object(&report));
    }
    proof_texts_drop(&ask.keys);
    return result;
}

/* _verify(path, mode, threads, keys, since, progress) of the module. */
PyObject *proof_verify_path(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    verifying ask;
    if (nargs != 6) return PyErr_Format(PyExc_TypeError, "_verify takes 6 arguments, not %zd", nargs);
    if (take(PyModule_GetState(module), args + 1, &ask) < 0) return NULL;
    PyObject *result = NULL;
    PyObject *path = value_path(args[0]);
    if (path != NULL) {
        tally_verify_report report = {0};
        tally_error error;
        void *token = gil_leave(NULL);
        tally_status status =
            tally_verify(PyBytes_AS_STRING(path), (size_t)PyBytes_GET_SIZE(path), &ask.options, &report, &error);
        gil_return(NULL, token);
        result = upkeep_answer(&ask.work, status, &error, report_object(&report));
    }
    Py_XDECREF(path);
    proof_texts_drop(&ask.keys);
    return result;
}
