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

static tally_status notify_core(py_registry *self, const tally_notice *notice, const tally_observer *observer,
                                tally_notified *done)
{
    return observer != NULL ? tally_registry_notify_observed(self->handle, notice, observer, done, NULL)
                            : tally_registry_notify(self->handle, notice, done, NULL);
}

/* ------------------------------------------------------------------------------------------- pauses */

/* The first registry of the chain that holds events back; behind a closed one nobody hears of them. */
static py_registry *first_paused(py_registry *self)
{
    while (self != NULL && self->handle != NULL && !(self->slow & SLOW_PAUSED)) self = self->parent;
    return self != NULL && self->handle != NULL ? self : NULL;
}

static int check_room(py_registry *paused)
{
    if (PyList_GET_SIZE(paused->queue) < paused->queue_limit) return 0;
    (void)error_raise_text(paused->state, TALLY_E_LIMIT, "the registry is paused and %zd events wait already",
                           paused->queue_limit);
    return -1;
}

static void interrupt(py_frame *frame)
{
    Py_XSETREF(frame->exception, error_fetch());
    frame->mode |= FRAME_INTERRUPTED;
}

static void hold_back(py_registry *paused, py_frame *frame, uint32_t kind)
{
    PyObject *row = check_room(paused) < 0 ? NULL : Py_BuildValue("(ON)", frame->event, kind_name(paused->state, kind));
    if (row == NULL || PyList_Append(paused->queue, row) < 0) interrupt(frame);
    Py_XDECREF(row);
}

static void add_done(tally_notified *done, const tally_notified *more)
{
    done->fired += more->fired;
    done->failed += more->failed;
    done->skipped += more->skipped;
    done->flags |= more->flags;
}

static void skip_all(const py_registry *self, tally_notified *done)
{
    uint64_t count = 0;
    if (self->handle != NULL) (void)tally_registry_count(self->handle, &count, NULL);
    done->skipped += (uint32_t)count;
}

/* The handlers of one registry of a chain when the notify began. */
typedef struct py_level {
    py_registry *registry;
    uint64_t *order;
    size_t count;
} py_level;

static bool is_over(const py_frame *frame, const tally_notified *done)
{
    return frame->mode & FRAME_INTERRUPTED || done->flags & TALLY_NOTIFIED_STOPPED;
}

static tally_status notify_level(const py_level *level, const tally_notice *notice, const tally_observer *observer,
                                 tally_notified *done)
{
    tally_part part = {sizeof part, level->order, level->count, 0, level->count};
    tally_notified one = {0, 0, (uint32_t)level->count, 0};
    tally_status status = TALLY_OK;
    if (level->registry->handle != NULL && !is_over(notice->context, done))
        status = tally_registry_notify_part(level->registry->handle, notice, &part, observer, &one, NULL);
    add_done(done, &one);
    return status;
}

/* `paused` and what is above it: later, unless the pause has just ended or they are not reached. */
static tally_status notify_paused(py_registry *paused, const tally_notice *notice, const tally_observer *observer,
                                  tally_notified *done)
{
    py_frame *frame = notice->context;
    tally_notified more = {0, 0, 0, 0};
    tally_status status = TALLY_OK;
    if (is_over(frame, done) || paused->handle == NULL || paused->slow & SLOW_PAUSED) skip_all(paused, &more);
    else status = notify_core(paused, notice, observer, &more);
    if (!is_over(frame, done) && paused->handle != NULL && paused->slow & SLOW_PAUSED)
        hold_back(paused, frame, notice->kind);
    add_done(done, &more);
    return status;
}

/* The registries below `paused` run now, each by itself. */
static tally_status notify_up_to(py_registry *paused, py_frame *frame, const tally_notice *notice,
                                 const tally_observer *observer, tally_notified *done)
{
    py_level levels[TALLY_REGISTRY_ANCESTRY_MAX];
    int count = 0;
    for (py_registry *at = frame->registry; at != paused && !is_over(frame, done); at = at->parent) {
        levels[count].registry = at;
        levels[count].order = registry_order(at, &levels[count].count);
        if (levels[count].order == NULL) interrupt(frame);
        else count++;
    }
    tally_status status = TALLY_OK;
    for (int index = 0; index <= count; index++) {
        tally_status answer = index < count ? notify_level(&levels[index], notice, observer, done)
                                            : notify_paused(paused, notice, observer, done);
        if (answer != TALLY_OK) status = answer;
        if (answer != TALLY_OK && answer != TALLY_E_HANDLER) break; /* too deep: nothing ran */
    }
    for (int index = 0; index < count; index++) PyMem_Free(levels[index].order);
    return status;
}

/* --------------------------------------------------------------------------------- what is not plain */

/* Whether any registry of the chain has what `flag` stands for. */
static bool chain_has(const py_registry *self, uint32_t flag)
{
    while (self != NULL && !(self->slow & flag)) self = self->parent;
    return self != NULL;
}

static PyObject *notify_in_frame(py_registry *self, py_frame *frame, uint32_t kind)
{
    py_registry *paused = first_paused(self);
    if (UNLIKELY(paused != NULL) && check_room(paused) < 0) return NULL;
    Py_buffer view = {.obj = NULL};
    tally_notice notice = {.kind = kind, .context = frame};
    if (chain_has(self, SLOW_NATIVE) && PyObject_CheckBuffer(frame->event)) {
        if (PyObject_GetBuffer(frame->event, &view, PyBUF_SIMPLE) < 0) return NULL;
        notice.data = view.buf;
        notice.length = (size_t)view.len;
    }
    tally_notified done = {0, 0, 0, 0};
    tally_observer observer = {.size = sizeof observer, .user_data = frame, .outcome = notify_observed};
    const tally_observer *watches = frame->mode & (FRAME_COLLECT | FRAME_RAISE) ? &observer : NULL;
    tally_status status = LIKELY(paused == NULL) ? notify_core(self, &notice, watches, &done)
                                                 : notify_up_to(paused, frame, &notice, watches, &done);
    if (view.obj != NULL) PyBuffer_Release(&view);
    return notify_end(self, frame, status, &done);
}

static PyObject *notify_general(py_registry *self, PyObject *event, uint32_t kind)
{
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
