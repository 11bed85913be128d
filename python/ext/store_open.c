/* The ends of a Store: opening with checked options, closing, and being forgotten. */
#include "proof_shim.h"

enum {
    OPEN_PATH,
    OPEN_MODE,
    OPEN_NAME,
    OPEN_DURABILITY,
    OPEN_CODEC,
    OPEN_THREAD,
    OPEN_ALLOW_REMOTE,
    OPEN_CHECK,
    OPEN_MAP,
    OPEN_DIGEST,
    OPEN_FILE_MODE,
    OPEN_SEGMENT_BYTES,
    OPEN_QUEUE_BYTES,
    OPEN_SYNC_EVENTS,
    OPEN_SYNC_BYTES,
    OPEN_SYNC_INTERVAL,
    OPEN_KEY_EVENTS,
    OPEN_KEY_AGE,
    OPEN_SIGNING,
    OPEN_VALUES
};

static const char *const open_names[OPEN_VALUES + 1] = {
    [OPEN_PATH] = "path",
    [OPEN_MODE] = "mode",
    [OPEN_NAME] = "name",
    [OPEN_DURABILITY] = "durability",
    [OPEN_CODEC] = "codec",
    [OPEN_THREAD] = "thread",
    [OPEN_ALLOW_REMOTE] = "allow_remote",
    [OPEN_CHECK] = "check",
    [OPEN_MAP] = "map",
    [OPEN_DIGEST] = "digest",
    [OPEN_FILE_MODE] = "file_mode",
    [OPEN_SEGMENT_BYTES] = "segment_bytes",
    [OPEN_QUEUE_BYTES] = "queue_bytes",
    [OPEN_SYNC_EVENTS] = "sync_events",
    [OPEN_SYNC_BYTES] = "sync_bytes",
    [OPEN_SYNC_INTERVAL] = "sync_interval",
    [OPEN_KEY_EVENTS] = "key_events",
    [OPEN_KEY_AGE] = "key_age",
    [OPEN_SIGNING] = "signing",
};

/* ---------------------------------------------------------------------------------------- options */

static int take_choices(module_state *state, PyObject *const *values, tally_store_options *options)
{
    static const char *const modes[] = {[TALLY_STORE_OPEN_OR_CREATE] = "rw",
                                        [TALLY_STORE_EXISTING] = "existing",
                                        [TALLY_STORE_NEW] = "x",
                                        [TALLY_STORE_READ_ONLY] = "r"};
    static const char *const checks[] = {
        [TALLY_CHECK_FIRST_TOUCH] = "first", [TALLY_CHECK_ALWAYS] = "always", [TALLY_CHECK_NEVER] = "never"};
    static const char *const maps[] = {[TALLY_MAP_SEALED] = "sealed", [TALLY_MAP_NEVER] = "never"};
    static const char *const digests[] = {[TALLY_STORE_SHA256] = "sha256", [TALLY_STORE_BLAKE2B] = "blake2b"};
    bool thread = true, remote = false;
    int64_t mode_of_files = 0;
    if (value_choice(state, "mode", values[OPEN_MODE], modes, 4, &options->mode) < 0 ||
        value_choice(state, "check", values[OPEN_CHECK], checks, 3, &options->check) < 0 ||
        value_choice(state, "map", values[OPEN_MAP], maps, 2, &options->map) < 0 ||
        value_choice(state, "digest", values[OPEN_DIGEST], digests, 3, &options->digest) < 0 ||
        argument_bool("thread", values[OPEN_THREAD], &thread) < 0 ||
        argument_bool("allow_remote", values[OPEN_ALLOW_REMOTE], &remote) < 0 ||
        argument_integer(state, "file_mode", values[OPEN_FILE_MODE], 1, 0777, &mode_of_files) < 0 ||
        value_optional_text(state, "name", values[OPEN_NAME], &options->name) < 0)
        return -1;
    options->flags = (thread ? 0 : TALLY_STORE_NO_THREAD) | (remote ? TALLY_STORE_ALLOW_REMOTE : 0);
    options->mode_of_files = (uint32_t)mode_of_files;
    return 0;
}

/* A count; math.inf is no limit, 0 is refused: in the core it means the default. */
static int take_count(module_state *state, const char *name, PyObject *value, uint64_t *out)
{
    int64_t number = 0;
    if (value != NULL && PyFloat_Check(value) && PyFloat_AS_DOUBLE(value) == Py_HUGE_VAL) {
        *out = TALLY_NO_LIMIT;
        return 0;
    }
    if (argument_integer(state, name, value, 1, INT64_MAX, &number) < 0) return -1;
    *out = (uint64_t)number;
    return 0;
}

/* Seconds, or a timedelta; in units of 1 / `scale`. */
static int take_seconds(module_state *state, const char *name, PyObject *value, double scale, uint64_t *out)
{
    if (value == NULL || value == Py_None) return 0;
    PyObject *seconds = PyFloat_Check(value) || (PyLong_Check(value) && !PyBool_Check(value))
                            ? Py_NewRef(value)
                            : PyObject_CallMethod(value, "total_seconds", NULL);
    if (seconds == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s is seconds or a timedelta, not %.100s", name, Py_TYPE(value)->tp_name);
    }
    double number = seconds == NULL ? -1.0 : PyFloat_AsDouble(seconds);
    Py_XDECREF(seconds);
    if (number == -1.0 && PyErr_Occurred()) return -1;
    if (number == Py_HUGE_VAL) {
        *out = TALLY_NO_LIMIT;
        return 0;
    }
    if (!(number * scale >= 1.0 && number * scale < 9e18)) {
        (void)error_raise_text(state, TALLY_E_RANGE, "%s is seconds above 0, or math.inf for never, not %R", name,
                               value);
        return -1;
    }
    *out = (uint64_t)(number * scale);
    return 0;
}

static int take_limits(module_state *state, PyObject *const *values, tally_store_options *options)
{
    if (take_count(state, "segment_bytes", values[OPEN_SEGMENT_BYTES], &options->segment_bytes) < 0 ||
        take_count(state, "queue_bytes", values[OPEN_QUEUE_BYTES], &options->queue_bytes) < 0 ||
        take_count(state, "sync_events", values[OPEN_SYNC_EVENTS], &options->sync_events) < 0 ||
        take_count(state, "sync_bytes", values[OPEN_SYNC_BYTES], &options->sync_bytes) < 0 ||
        take_count(state, "key_events", values[OPEN_KEY_EVENTS], &options->idempotency_events) < 0 ||
        take_seconds(state, "sync_interval", values[OPEN_SYNC_INTERVAL], 1000.0, &options->sync_interval_ms) < 0)
        return -1;
    return take_seconds(state, "key_age", values[OPEN_KEY_AGE], 1.0, &options->idempotency_age_s);
}

/* ------------------------------------------------------------------------------------------- open */

static py_store *store_allocate(module_state *state, PyObject *path, PyObject *codec)
{
    PyTypeObject *type = state->store->types[STORE_STORE];
    py_store *self = (py_store *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = state;
    self->types = state->store;
    self->path = Py_NewRef(path);
    self->durability = TALLY_DURABLE;
    if (codec != NULL && codec != Py_None && (self->codec = codec_from(codec)) == NULL) Py_CLEAR(self);
    else if ((self->bridge = bridge_new(self)) == NULL) Py_CLEAR(self);
    return self;
}

static int store_open_at(py_store *self, PyObject *path, const tally_store_options *options)
{
    tally_error error;
    tally_store *handle = NULL;
    void *token = gil_leave(NULL);
    tally_status status =
        tally_store_open(PyBytes_AS_STRING(path), (size_t)PyBytes_GET_SIZE(path), options, &handle, &error);
    gil_return(NULL, token);
    self->handle = handle;
    self->mode = options->mode;
    if (status == TALLY_OK) return 0;
    (void)error_raise(self->state, status, &error);
    return -1;
}

/* With `signing` taken, or zero. */
static PyObject *store_from(module_state *state, PyObject *const *values, proof_signing *signing)
{
    tally_registry_host host = {
        .size = sizeof host, .user_data = state->home, .leave = gil_leave, .enter = gil_return, .log = failure_log};
    tally_store_options options = {.size = sizeof options, .host = &host};
    if (signing->parts != NULL) options.signing = &signing->signing;
    if (take_choices(state, values, &options) < 0 || take_limits(state, values, &options) < 0) return NULL;
    PyObject *path = value_path(values[OPEN_PATH]);
    if (path == NULL) return NULL;
    py_store *self = store_allocate(state, values[OPEN_PATH], values[OPEN_CODEC]);
    if (self != NULL &&
        (value_level(state, values[OPEN_DURABILITY], &self->durability) < 0 || store_open_at(self, path, &options) < 0))
        Py_CLEAR(self);
    if (self != NULL) proof_signing_keep(self, signing);
    Py_DECREF(path);
    return (PyObject *)self;
}

PyObject *store_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const py_signature signature = {"open", 1, 1, open_names};
    module_state *state = PyModule_GetState(module);
    PyObject *values[OPEN_VALUES];
    if (arguments_vector(state, &signature, args, nargs, kwnames, values) < 0) return NULL;
    proof_signing signing = {.parts = NULL};
    PyObject *given = values[OPEN_SIGNING];
    if (given != NULL && given != Py_None && proof_signing_take(state, given, &signing) < 0) return NULL;
    PyObject *self = store_from(state, values, &signing);
    proof_signing_drop(&signing);
    PyObject *known = self == NULL ? NULL : helper_call(state, "store_opened", "(O)", self);
    if (self != NULL && known == NULL) Py_CLEAR(self);
    Py_XDECREF(known);
    return self;
}

/* ------------------------------------------------------------------------------------------ close */

/* In the child of a fork the files are the parent's, and forgetting them is right. */
static bool is_forked(const py_store *self)
{
    tally_watermarks marks = {0};
    return tally_store_watermarks(self->handle, &marks, NULL) == TALLY_E_FORKED;
}

/* Until no reader copies what it was lent, which takes microseconds and needs the GIL. In the child of a
 * fork the threads that did are gone. */
static void wait_for_readers(py_store *self, bool forked)
{
    while (self->lending != 0 && !forked) {
        void *token = gil_leave(NULL);
        struct timespec pause = {0, 50000};
        (void)nanosleep(&pause, NULL);
        gil_return(NULL, token);
    }
}

PyObject *store_close(py_store *self, PyObject *unused)
{
    (void)unused;
    bool first = self->handle != NULL;
    if (first && voice_inside(self))
        return error_raise_text(self->state, TALLY_E_WOULD_BLOCK,
                                "a store cannot be closed inside a callback of its signer");
    tally_store *handle = first ? self->handle : self->closing;
    if (handle == NULL) Py_RETURN_NONE;
    if (first) {
        bool forked = is_forked(self);
        self->closing = handle;
        self->handle = NULL;
        wait_for_readers(self, forked);
    }
    tally_error none = {.status = TALLY_OK};
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = tally_store_close(&handle);
    gil_return(NULL, token);
    if (status != TALLY_OK || tally_registry_depth() != 0) self->late = true;
    hooks_leave();
    if (first) self->closing = NULL;
    return hooks_answer(self, TALLY_OK, &none) < 0 ? NULL : Py_NewRef(Py_None);
}

void store_finalize(py_store *self)
{
    if (self->handle == NULL) return;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    if (!is_forked(self) && PyErr_ResourceWarning((PyObject *)self, 1, "a store was not closed: %R", self) < 0)
        PyErr_WriteUnraisable((PyObject *)self);
    PyObject *closed = store_close(self, NULL);
    if (closed == NULL) PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(closed);
    if (pending != NULL) error_restore(pending);
}

/* _forget(): what becomes of a store that is still open when the interpreter ends. */
PyObject *store_forget(py_store *self, PyObject *unused)
{
    (void)unused;
    store_finalize(self);
    Py_RETURN_NONE;
}
