/* notify, emit and collect: the fast path first, then everything that makes one leave it. */
#include "registry.h"

/* ------------------------------------------------------------------------------------------ results */

static bool same_result(const tally_notified *left, const tally_notified *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

/* Results are immutable, so the last one is handed out again while it says the same. */
static PyObject *result_object(py_registry *self, const tally_notified *done)
{
    if (same_result(&self->last, done)) return Py_NewRef(self->last_result);
    PyObject *result = record_new(self->state, TYPE_NOTIFIED, PyLong_FromUnsignedLong(done->fired),
                                  PyLong_FromUnsignedLong(done->failed), PyLong_FromUnsignedLong(done->skipped),
                                  PyBool_FromLong(done->flags & TALLY_NOTIFIED_STOPPED),
                                  PyBool_FromLong(done->flags & TALLY_NOTIFIED_ORPHAN));
    if (result == NULL) return NULL;
    PyObject *old = self->last_result;
    self->last = *done;
    self->last_result = Py_NewRef(result);
    Py_DECREF(old);
    return result;
}

static bool chain_has_policy(const py_registry *self, uint32_t policy)
{
    while (self != NULL && self->policy != policy) self = self->parent;
    return self != NULL;
}

/* Under "raise" all failures together, under "fail-fast" the one as it is. */
static void raise_failures(py_registry *self, const py_frame *frame)
{
    Py_ssize_t count = frame->rows == NULL ? 0 : PyList_GET_SIZE(frame->rows);
    if (count == 0) (void)registry_error(self, TALLY_E_HANDLER, NULL);
    else if (chain_has_policy(self, TALLY_POLICY_RAISE))
        Py_XDECREF(helper_call(self->state, "raise_group", "(O)", frame->rows));
    else error_restore(Py_NewRef(PyList_GET_ITEM(frame->rows, 0)));
}

/* What follows the core's answer. Takes over what the frame owns. */
static PyObject *notify_end(py_registry *self, py_frame *frame, tally_status status, tally_notified *done)
{
    PyObject *exception = frame->exception;
    frame->exception = NULL;
    Py_CLEAR(frame->result);
    if (done->flags & TALLY_NOTIFIED_RECLAIM || self->slow & SLOW_RECLAIM) {
        done->flags &= ~TALLY_NOTIFIED_RECLAIM;
        registry_reclaim_now(self);
    }
    if (UNLIKELY(frame->mode & FRAME_INTERRUPTED)) {
        error_restore(exception);
        return NULL;
    }
    Py_XDECREF(exception);
    if (LIKELY(status == TALLY_OK)) return result_object(self, done);
    if (status == TALLY_E_HANDLER && frame->mode & FRAME_COLLECT)
        return result_object(self, done); /* the failures are among the rows */
    if (status == TALLY_E_HANDLER) raise_failures(self, frame);
    else (void)registry_error(self, status, NULL);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- observing */

static bool policy_raises(py_registry *self, uint64_t number)
{
    while (self != NULL && self->number != number) self = self->parent;
    return self != NULL && self->policy != TALLY_POLICY_ISOLATE;
}

static PyObject *observed_exception(module_state *state, const tally_failure *failure)
{
    PyObject *exception = failure_exception(failure);
    if (exception != NULL) return Py_NewRef(exception);
    return helper_call(state, "make_error", "(iszOi)", (int)TALLY_E_HANDLER,
                       failure->message_length != 0 ? failure->message : tally_status_message(TALLY_E_HANDLER), NULL,
                       Py_None, (int)failure->code);
}

static PyObject *observed_row(py_frame *frame, tally_handler_id id, const tally_failure *failure)
{
    module_state *state = frame->registry->state;
    if (frame->mode & FRAME_RAISE) return observed_exception(state, failure);
    PyObject *value = frame->result != NULL ? frame->result : Py_NewRef(Py_None);
    frame->result = NULL;
    if (failure != NULL) Py_XSETREF(value, failure_new(state, failure));
    return value == NULL ? NULL : Py_BuildValue("(NN)", handler_id_new(state, id), value);
}

static void notify_observed(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure)
{
    py_frame *frame = user_data;
    if (code == TALLY_HANDLER_GONE || code == TALLY_HANDLER_ABORT || frame->mode & FRAME_INTERRUPTED) return;
    gil_hold hold;
    if (!gil_take(&hold)) return;
    if (frame->mode & FRAME_COLLECT || (failure != NULL && policy_raises(frame->registry, id.registry))) {
        PyObject *row = observed_row(frame, id, failure);
        if (row == NULL || PyList_Append(frame->rows, row) < 0) {
            Py_XSETREF(frame->exception, error_fetch());
            frame->mode |= FRAME_INTERRUPTED;
        }
        Py_XDECREF(row);
    }
    gil_give(&hold);
}

/* ------------------------------------------------------------------------------------ the general way */

static PyObject *notify_paused(py_registry *self, PyObject *event, uint32_t kind)
{
    if (PyList_GET_SIZE(self->queue) >= self->queue_limit)
        return error_raise_text(self->state, TALLY_E_LIMIT, "the registry is paused and %zd events wait already",
                                self->queue_limit);
    uint64_t count = 0;
    tally_status status = tally_registry_count(self->handle, &count, NULL);
    if (status != TALLY_OK) return registry_error(self, status, NULL);
    PyObject *row = Py_BuildValue("(ON)", event, kind_name(self->state, kind));
    int failed = row == NULL || PyList_Append(self->queue, row) < 0;
    Py_XDECREF(row);
    return failed ? NULL : result_object(self, &(tally_notified){0, 0, (uint32_t)count, 0});
}

/* Whether any registry of the chain has what `flag` stands for. */
static bool chain_has(const py_registry *self, uint32_t flag)
{
    while (self != NULL && !(self->slow & flag)) self = self->parent;
    return self != NULL;
}

static PyObject *notify_in_frame(py_registry *self, py_frame *frame, uint32_t kind)
{
    Py_buffer view = {.obj = NULL};
    tally_notice notice = {.kind = kind, .context = frame};
    if (chain_has(self, SLOW_NATIVE) && PyObject_CheckBuffer(frame->event)) {
        if (PyObject_GetBuffer(frame->event, &view, PyBUF_SIMPLE) < 0) return NULL;
        notice.data = view.buf;
        notice.length = (size_t)view.len;
    }
    tally_notified done = {0, 0, 0, 0};
    tally_observer observer = {.size = sizeof observer, .user_data = frame, .outcome = notify_observed};
    tally_status status = frame->mode & (FRAME_COLLECT | FRAME_RAISE)
                              ? tally_registry_notify_observed(self->handle, &notice, &observer, &done, NULL)
                              : tally_registry_notify(self->handle, &notice, &done, NULL);
    if (view.obj != NULL) PyBuffer_Release(&view);
    return notify_end(self, frame, status, &done);
}

static PyObject *notify_general(py_registry *self, PyObject *event, uint32_t kind)
{
    if (self->slow & SLOW_PAUSED) return notify_paused(self, event, kind);
    py_frame frame = {.event = event, .registry = self};
    if (chain_has(self, SLOW_POLICY)) {
        frame.mode = FRAME_RAISE;
        if ((frame.rows = PyList_New(0)) == NULL) return NULL;
    }
    PyObject *result = notify_in_frame(self, &frame, kind);
    Py_XDECREF(frame.rows);
    return result;
}

/* -------------------------------------------------------------------------------------- the fast path */

static inline PyObject *notify_event(py_registry *self, PyObject *event, uint32_t kind)
{
    if (UNLIKELY(self->slow != 0)) return notify_general(self, event, kind);
    py_frame frame;
    frame.event = event;
    frame.mode = 0;
    frame.exception = NULL;
    frame.result = NULL;
    frame.rows = NULL;
    tally_notice notice = {.kind = kind, .context = &frame};
    tally_notified done = {0, 0, 0, 0};
    tally_status status = tally_registry_notify(self->handle, &notice, &done, NULL);
    if (LIKELY(status == TALLY_OK && frame.exception == NULL && self->slow == 0 && same_result(&self->last, &done)))
        return Py_NewRef(self->last_result);
    return notify_end(self, &frame, status, &done);
}

int notify_kind(module_state *state, PyObject *name, uint32_t *kind)
{
    if (argument_kind(state, name, kind) < 0) return -1;
    if (UNLIKELY(*kind & TALLY_KIND_PATTERN)) {
        (void)error_raise_text(state, TALLY_E_NAME, "%R is a pattern: it can be listened to, not notified", name);
        return -1;
    }
    return 0;
}

/* (event, kind=None) or (name, event=None) into their places; -1 with an exception. */
static int notify_arguments(py_registry *self, const py_signature *signature, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames, int kind_at, PyObject **event, uint32_t *kind)
{
    PyObject *values[2];
    if (arguments_vector(self->state, signature, args, nargs, kwnames, values) < 0) return -1;
    *event = values[1 - kind_at] != NULL ? values[1 - kind_at] : Py_None;
    *kind = TALLY_KIND_NONE;
    PyObject *name = values[kind_at];
    if (name == NULL || (name == Py_None && kind_at == 1)) return 0;
    return notify_kind(self->state, name, kind);
}

static const char *const event_kind_names[] = {"event", "kind", NULL};

REGISTRY_VECTOR_METHOD(registry_notify)
{
    static const py_signature signature = {"notify", 1, 2, event_kind_names};
    PyObject *event;
    uint32_t kind;
    if (LIKELY(nargs == 1 && kwnames == NULL)) return notify_event(self, args[0], TALLY_KIND_NONE);
    if (notify_arguments(self, &signature, args, nargs, kwnames, 1, &event, &kind) < 0) return NULL;
    return notify_event(self, event, kind);
}

REGISTRY_VECTOR_METHOD(registry_emit)
{
    static const char *const names[] = {"name", "event", NULL};
    static const py_signature signature = {"emit", 1, 2, names};
    PyObject *event;
    uint32_t kind;
    if (notify_arguments(self, &signature, args, nargs, kwnames, 0, &event, &kind) < 0) return NULL;
    return notify_event(self, event, kind);
}

REGISTRY_VECTOR_METHOD(registry_collect)
{
    static const py_signature signature = {"collect", 1, 2, event_kind_names};
    PyObject *event;
    uint32_t kind;
    if (notify_arguments(self, &signature, args, nargs, kwnames, 1, &event, &kind) < 0) return NULL;
    py_frame frame = {.event = event, .registry = self, .mode = FRAME_COLLECT, .rows = PyList_New(0)};
    if (frame.rows == NULL) return NULL;
    PyObject *result = notify_in_frame(self, &frame, kind);
    if (result == NULL) {
        Py_DECREF(frame.rows);
        return NULL;
    }
    Py_DECREF(result);
    return frame.rows;
}

/* For AsyncRegistry: the targets of the handlers that would run, and how many are skipped. */
PyObject *notify_select(py_registry *self, PyObject *event, uint32_t kind, Py_ssize_t *skipped)
{
    py_frame frame = {.event = event, .registry = self, .mode = FRAME_SELECT, .rows = PyList_New(0)};
    tally_notice notice = {.kind = kind, .context = &frame};
    tally_notified done = {0, 0, 0, 0};
    if (frame.rows == NULL) return NULL;
    tally_status status = tally_registry_notify(self->handle, &notice, &done, NULL);
    *skipped = done.skipped;
    PyObject *result = notify_end(self, &frame, status, &done);
    Py_XDECREF(result);
    if (result == NULL) Py_CLEAR(frame.rows);
    return frame.rows;
}

/* _pause(limit) begins; _pause(None) ends and returns what waited. */
PyObject *registry_pause(py_registry *self, PyObject *limit)
{
    PyObject *waited = self->queue;
    if (limit == Py_None) {
        self->queue = NULL;
        self->slow &= ~SLOW_PAUSED;
        return waited != NULL ? waited : PyList_New(0);
    }
    int64_t most = 0;
    if (waited != NULL) return error_raise_text(self->state, TALLY_E_EXISTS, "the registry is paused already");
    if (argument_integer(self->state, "limit", limit, 1, PY_SSIZE_T_MAX, &most) < 0) return NULL;
    if ((self->queue = PyList_New(0)) == NULL) return NULL;
    self->queue_limit = (Py_ssize_t)most;
    self->slow |= SLOW_PAUSED;
    Py_RETURN_NONE;
}
