/* Levels: watermarks, sync, wait, tick. A wait looks for Ctrl-C every SLICE_MS. */
#include "store_shim.h"

PyObject *store_watermarks(py_store *self, PyObject *unused)
{
    (void)unused;
    tally_watermarks marks = {0};
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    tally_status status = tally_store_watermarks(self->handle, &marks, &error);
    if (status != TALLY_OK) return store_error(self, status, &error);
    return store_record(self->types, STORE_WATERMARKS, PyLong_FromUnsignedLongLong(marks.buffered),
                        PyLong_FromUnsignedLongLong(marks.written), PyLong_FromUnsignedLongLong(marks.durable));
}

PyObject *store_sync(py_store *self, PyObject *unused)
{
    (void)unused;
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = tally_store_sync(self->handle, &error);
    gil_return(NULL, token);
    hooks_leave();
    return hooks_answer(self, status, &error) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *store_tick(py_store *self, PyObject *unused)
{
    (void)unused;
    int32_t more = 0;
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = tally_store_tick(self->handle, &more, &error);
    gil_return(NULL, token);
    hooks_leave();
    return hooks_answer(self, status, &error) < 0 ? NULL : PyBool_FromLong(more);
}

/* The next slice of a wait that ends at `deadline`. */
static uint32_t slice_ms(uint64_t deadline)
{
    uint64_t now = monotonic_ms();
    if (deadline == UINT64_MAX || deadline - now > SLICE_MS) return deadline > now ? SLICE_MS : 0;
    return (uint32_t)(deadline - now);
}

static uint64_t deadline_after(double seconds)
{
    if (seconds < 0.0 || seconds > 1e12) return UINT64_MAX;
    return monotonic_ms() + (uint64_t)(seconds * 1000.0 + 0.999);
}

static tally_status wait_slice(tally_store *handle, uint32_t level, uint64_t position, uint32_t milliseconds,
                               tally_error *error)
{
    hooks_enter();
    void *token = gil_leave(NULL);
    tally_status status = tally_store_wait(handle, level, position, milliseconds, error);
    gil_return(NULL, token);
    hooks_leave();
    return status;
}

static PyObject *wait_until(py_store *self, uint32_t level, uint64_t position, uint64_t deadline)
{
    for (;;) {
        tally_error error;
        if (store_handle(self) == NULL) return NULL;
        uint32_t slice = slice_ms(deadline);
        tally_status status = wait_slice(self->handle, level, position, slice, &error);
        bool late = status == TALLY_E_TIMEOUT;
        if (hooks_answer(self, late ? TALLY_OK : status, &error) < 0 || PyErr_CheckSignals() < 0) return NULL;
        if (!late) Py_RETURN_NONE;
        if (deadline != UINT64_MAX && monotonic_ms() >= deadline)
            return error_raise_text(self->state, TALLY_E_TIMEOUT,
                                    "position %llu has not come so far in the time allowed",
                                    (unsigned long long)position);
    }
}

STORE_VECTOR_METHOD(store_wait)
{
    static const char *const names[] = {"position", "durability", "timeout", NULL};
    static const py_signature signature = {"wait", 1, 1, names};
    PyObject *values[3];
    uint64_t position = 0;
    uint32_t level = TALLY_DURABLE;
    double seconds = -1.0;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_place(self->state, "position", values[0], &position) < 0 ||
        value_level(self->state, values[1], &level) < 0 || argument_seconds(self->state, values[2], &seconds) < 0)
        return NULL;
    if (values[0] == Py_None) {
        PyErr_SetString(PyExc_TypeError, "position is an integer, an Event or a Receipt, not None");
        return NULL;
    }
    return wait_until(self, level, position, deadline_after(seconds));
}
