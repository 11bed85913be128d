/* The handlers that the core calls: from a notice to a Python call and back to a number. */
#include "registry.h"

/* Takes over the exception that is set. */
static int32_t call_failed(py_frame *frame)
{
    PyObject *exception = error_fetch();
    PyObject *text = NULL;
    Py_ssize_t length = 0;
    const char *message = "";
    if (PyErr_GivenExceptionMatches(exception, PyExc_Exception)) {
        text = failure_text(exception);
        message = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
        if (message == NULL) Py_XSETREF(exception, error_fetch()); /* its text was interrupted */
    }
    Py_XSETREF(frame->exception, exception);
    if (text == NULL) {
        frame->mode |= FRAME_INTERRUPTED;
        return TALLY_HANDLER_ABORT;
    }
    int32_t code = tally_handler_fail(-1, message, (size_t)length, exception);
    Py_DECREF(text);
    return code;
}

static int32_t call_answered(py_binding *binding, py_frame *frame, PyObject *result)
{
    if (result == NULL) return call_failed(frame);
    int32_t answer = result == binding->stop ? TALLY_HANDLER_STOP : TALLY_HANDLER_DONE;
    if (frame->mode & FRAME_COLLECT) Py_XSETREF(frame->result, result);
    else Py_DECREF(result);
    return answer;
}

/* What is called, with a reference of our own; NULL when a weak target is gone. */
static PyObject *call_target(py_binding *binding)
{
    if (binding->target == NULL) return NULL;
    return binding->kind == BINDING_WEAK || binding->kind == BINDING_WEAK_METHOD ? weak_target(binding->target)
                                                                                 : Py_NewRef(binding->target);
}

static int32_t call_in_frame(py_binding *binding, py_frame *frame)
{
    if (frame->mode & FRAME_INTERRUPTED) return TALLY_HANDLER_ABORT;
    if (frame->mode & FRAME_SELECT)
        return PyList_Append(frame->rows, binding->target) < 0 ? call_failed(frame) : TALLY_HANDLER_DONE;
    PyObject *target = call_target(binding);
    if (target == NULL) return TALLY_HANDLER_GONE;
    PyObject *result;
    if (binding->kind == BINDING_WEAK_METHOD) {
        PyObject *args[3] = {NULL, target, frame->event};
        result = PyObject_Vectorcall(binding->function, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    } else {
        result = PyObject_Vectorcall(target, &frame->event, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    Py_DECREF(target);
    return call_answered(binding, frame, result);
}

/* A thread of C notified: there is no frame, perhaps no GIL, and the event is bytes. */
static int32_t call_from_outside(py_binding *binding, const tally_notice *notice)
{
    gil_hold hold;
    if (!gil_take(&hold)) return TALLY_HANDLER_GONE;
    py_frame frame = {.event = PyBytes_FromStringAndSize(notice->data, (Py_ssize_t)notice->length)};
    int32_t answer = frame.event == NULL ? call_failed(&frame) : call_in_frame(binding, &frame);
    Py_XDECREF(frame.event);
    if (frame.mode & FRAME_INTERRUPTED) {
        error_restore(frame.exception);
        PyErr_WriteUnraisable(binding->target);
    } else if (frame.exception != NULL) {
        gil_keep_exception(frame.exception);
    }
    gil_give(&hold);
    return answer;
}

/* The common case, a Python function: its vectorcall is entered directly, without the checks and, from
 * 3.12 on, the call that PyObject_Vectorcall puts before it (4 ns a handler).
 *
 * invariant: with a frame this thread holds the GIL, and the core keeps the binding, so nothing here
 * needs a reference of its own. */
int32_t binding_call_function(void *user_data, const tally_notice *notice)
{
    py_binding *binding = user_data;
    py_frame *frame = notice->context;
    if (UNLIKELY(frame == NULL || frame->mode != 0)) return binding_call(user_data, notice);
    PyObject *function = binding->target;
    PyObject *result =
        ((PyFunctionObject *)function)->vectorcall(function, &frame->event, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (UNLIKELY(result != Py_None)) return call_answered(binding, frame, result);
    Py_DECREF(result);
    return TALLY_HANDLER_DONE;
}

int32_t binding_call(void *user_data, const tally_notice *notice)
{
    py_binding *binding = user_data;
    py_frame *frame = notice->context;
    if (frame == NULL) return call_from_outside(binding, notice);
    if (frame->mode != 0) return call_in_frame(binding, frame);
    PyObject *result = PyObject_Vectorcall(binding->target, &frame->event, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    return call_answered(binding, frame, result);
}

int32_t binding_call_weak(void *user_data, const tally_notice *notice)
{
    py_frame *frame = notice->context;
    return frame == NULL ? call_from_outside(user_data, notice) : call_in_frame(user_data, frame);
}

/* No GIL, perhaps. */
int32_t binding_call_native(void *user_data, const tally_notice *notice)
{
    py_binding *binding = user_data;
    return binding->native(binding->native_data, notice);
}
