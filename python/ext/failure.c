/* Failures: what on_panic and the log are told. The core calls both, on any thread. */
#include "registry.h"

/* A frame of ours, or what was kept for a thread that has none, holds the exception: the payload itself
 * may be anything, since any C code can register handlers. */
PyObject *failure_exception(const tally_failure *failure)
{
    const py_frame *frame = failure->notice->context;
    PyObject *known = frame != NULL ? frame->exception : NULL;
    if (failure->payload != NULL && failure->payload != known) known = gil_kept_exception();
    return failure->payload != NULL && failure->payload == known ? known : NULL;
}

static PyObject *failure_name(const tally_failure *failure, PyObject *exception)
{
    if (failure->name_length != 0)
        return PyUnicode_DecodeUTF8(failure->name, (Py_ssize_t)failure->name_length, "replace");
    const py_frame *frame = failure->notice->context;
    PyObject *name = NULL;
    if (failure->user_data == NULL && frame != NULL && frame->late != NULL) {
        name = PyObject_GetAttrString(frame->late, "label");
    } else if (exception != NULL && failure->user_data != NULL) {
        PyObject *subject = binding_subject(failure->user_data);
        name = subject == NULL ? NULL : PyObject_GetAttrString(subject, "__qualname__");
        Py_XDECREF(subject);
    }
    if (name != NULL && PyUnicode_Check(name)) return name;
    Py_XDECREF(name);
    PyErr_Clear();
    return PyUnicode_FromString("");
}

static PyObject *failure_event(const tally_failure *failure)
{
    const py_frame *frame = failure->notice->context;
    if (frame != NULL) return Py_NewRef(frame->event);
    return PyBytes_FromStringAndSize(failure->notice->data, (Py_ssize_t)failure->notice->length);
}

PyObject *failure_new(module_state *state, const tally_failure *failure)
{
    PyObject *exception = failure_exception(failure);
    /* One after the other: these must not run while an exception is set. */
    PyObject *name = failure_name(failure, exception);
    PyObject *kind = name == NULL ? NULL : kind_name(state, failure->kind);
    PyObject *event = kind == NULL ? NULL : failure_event(failure);
    return record_new(state, TYPE_FAILURE, event == NULL ? NULL : handler_id_new(state, failure->id), name,
                      PyLong_FromLong(failure->code),
                      PyUnicode_DecodeUTF8(failure->message, (Py_ssize_t)failure->message_length, "replace"), kind,
                      event, Py_NewRef(exception != NULL ? exception : Py_None));
}

/* Never fails for an Exception: str() of it may raise one of its own. */
PyObject *failure_text(PyObject *exception)
{
    /* The name first, and held: str() may rename the type. */
    PyObject *type = PyType_GetName(Py_TYPE(exception));
    if (type == NULL) return NULL;
    PyObject *text = PyObject_Str(exception);
    PyObject *whole = NULL;
    if (text != NULL)
        whole = PyUnicode_GET_LENGTH(text) == 0 ? Py_NewRef(type) : PyUnicode_FromFormat("%U: %U", type, text);
    Py_XDECREF(text);
    if (whole != NULL && PyUnicode_AsUTF8(whole) == NULL) Py_CLEAR(whole);
    bool interrupted = whole == NULL && PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception);
    if (whole == NULL && !interrupted) {
        PyErr_Clear();
        whole = PyUnicode_FromFormat("%U (its text cannot be shown)", type);
    }
    Py_DECREF(type);
    return whole;
}

/* What is not an Exception ends the notify that it happened in. False: it is one, and is still set. */
static bool callback_interrupted(const tally_failure *failure)
{
    py_frame *frame = failure == NULL ? NULL : failure->notice->context;
    if (frame == NULL || PyErr_ExceptionMatches(PyExc_Exception)) return false;
    PyObject *exception = error_fetch();
    Py_XSETREF(frame->exception, exception);
    frame->mode |= FRAME_INTERRUPTED;
    return true;
}

int32_t failure_panic(void *user_data, const tally_failure *failure)
{
    gil_hold hold;
    if (!gil_take(&hold)) return 0;
    py_binding *binding = user_data;
    py_registry *registry = binding->registry;
    PyObject *target = Py_XNewRef(binding->target);
    PyObject *seen = target == NULL || registry == NULL ? NULL : failure_new(registry->state, failure);
    PyObject *result = seen == NULL ? NULL : PyObject_CallOneArg(target, seen);
    int32_t answer = 0;
    if (result == NULL && PyErr_Occurred() && !callback_interrupted(failure)) {
        gil_keep_panic(error_fetch());
        answer = -1;
    }
    Py_XDECREF(result);
    Py_XDECREF(seen);
    Py_XDECREF(target);
    if (failure->notice->context == NULL) gil_keep_exception(NULL);
    gil_give(&hold);
    return answer;
}

void failure_log(void *user_data, const tally_log_record *record)
{
    gil_hold hold;
    if (!gil_take(&hold)) return;
    module_state *state = ((py_home *)user_data)->state;
    const tally_failure *failure = record->failure;
    PyObject *panic = record->what == TALLY_LOG_PANIC_FAILED ? gil_take_panic() : NULL;
    if (state != NULL) {
        PyObject *seen = failure == NULL ? Py_NewRef(Py_None) : failure_new(state, failure);
        PyObject *result = seen == NULL ? NULL
                                        : helper_call(state, "log", "(IKsOO)", (unsigned)record->what,
                                                      (unsigned long long)record->registry, record->message, seen,
                                                      panic != NULL ? panic : Py_None);
        if (result == NULL && !callback_interrupted(failure)) PyErr_WriteUnraisable(NULL);
        Py_XDECREF(result);
        Py_XDECREF(seen);
    }
    Py_XDECREF(panic);
    if (failure != NULL && failure->notice->context == NULL) gil_keep_exception(NULL);
    gil_give(&hold);
}

/* A failure that came after notify, of what on(..., loop=...) or AsyncRegistry registered. */
int failure_late(py_registry *self, PyObject *stand_in, PyObject *event, uint32_t kind, PyObject *exception)
{
    py_frame frame = {.event = event, .exception = Py_NewRef(exception), .late = stand_in};
    tally_notice notice = {.kind = kind, .context = &frame};
    tally_handler_id id = {.registry = self->number};
    PyObject *identity = PyObject_GetAttr(stand_in, self->state->names[NAME_ID]);
    PyObject *text = identity == NULL ? NULL : failure_text(exception);
    Py_ssize_t length = 0;
    const char *message = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    int status = message == NULL ? -1 : 0;
    if (status == 0) {
        tally_error error;
        (void)handler_id_get(self->state, identity, &id);
        tally_status answer =
            tally_registry_report(self->handle, id, &notice, -1, message, (size_t)length, exception, &error);
        if (answer != TALLY_OK) {
            (void)registry_error(self, answer, &error);
            status = -1;
        }
        self->removals++; /* perhaps: max_failures */
        registry_wants_reclaim(self);
    }
    Py_XDECREF(identity);
    Py_XDECREF(text);
    if (frame.mode & FRAME_INTERRUPTED) {
        error_restore(frame.exception);
        return -1;
    }
    Py_DECREF(frame.exception);
    return status;
}

/* _report(stand_in, event, kind, exception) */
PyObject *registry_report(py_registry *self, PyObject *const *args, Py_ssize_t nargs)
{
    uint32_t kind = TALLY_KIND_NONE;
    if (nargs != 4 || !PyExceptionInstance_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "_report() takes a stand-in, an event, a kind and an exception");
        return NULL;
    }
    if (args[2] != Py_None && argument_kind(self->state, args[2], &kind) < 0) return NULL;
    return failure_late(self, args[0], args[1], kind, args[3]) < 0 ? NULL : Py_NewRef(Py_None);
}
