/* Errors: from a status of the core to an exception of its class. The classes are made in Python, in
 * errors.py, from status_table(); nothing here repeats the table. */
#include "shim.h"

#include <stdarg.h>

PyObject *helper_find(module_state *state, const char *name)
{
    PyObject *key = PyUnicode_FromString(name);
    PyObject *helper = key == NULL ? NULL : PyDict_GetItemWithError(state->helpers, key);
    Py_XDECREF(key);
    if (helper == NULL && !PyErr_Occurred())
        PyErr_Format(PyExc_SystemError, "tallystick._core has no helper '%s': import tallystick, not tallystick._core",
                     name);
    return helper;
}

PyObject *helper_call(module_state *state, const char *name, const char *format, ...)
{
    PyObject *helper = helper_find(state, name);
    if (helper == NULL) return NULL;
    va_list values;
    va_start(values, format);
    PyObject *args = Py_VaBuildValue(format, values);
    va_end(values);
    if (args == NULL) return NULL;
    PyObject *result = PyObject_Call(helper, args, NULL);
    Py_DECREF(args);
    return result;
}

static PyObject *error_set(module_state *state, tally_status status, const char *message, const char *path,
                           uint64_t position, int32_t os_error)
{
    PyObject *where = position == TALLY_POSITION_NONE ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(position);
    if (where == NULL) return NULL;
    PyObject *error = helper_call(state, "make_error", "(iszNi)", (int)status, message, path, where, (int)os_error);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

PyObject *error_raise(module_state *state, tally_status status, const tally_error *detail)
{
    if (detail == NULL || detail->status != status || detail->message[0] == '\0')
        return error_set(state, status, tally_status_message(status), NULL, TALLY_POSITION_NONE, 0);
    return error_set(state, status, detail->message, detail->path[0] != '\0' ? detail->path : NULL, detail->position,
                     detail->os_error);
}

PyObject *error_raise_text(module_state *state, tally_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    PyObject *text = PyUnicode_FromFormatV(format, values);
    va_end(values);
    const char *message = text == NULL ? NULL : PyUnicode_AsUTF8(text);
    if (message != NULL) (void)error_set(state, status, message, NULL, TALLY_POSITION_NONE, 0);
    Py_XDECREF(text);
    return NULL;
}

PyObject *error_fetch(void)
{
    if (UNLIKELY(!PyErr_Occurred())) PyErr_SetString(PyExc_SystemError, "a call failed without setting an exception");
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) (void)PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

void error_restore(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
#endif
}

PyObject *status_table(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *rows = PyList_New(0);
    tally_status status;
    for (size_t index = 0; rows != NULL && tally_status_at(index, &status) == TALLY_OK; index++) {
        PyObject *row = Py_BuildValue("(issi)", (int)status, tally_status_name(status), tally_status_message(status),
                                      (int)tally_status_class_of(status));
        if (row == NULL || PyList_Append(rows, row) < 0) Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

PyObject *constant_value(PyObject *module, PyObject *name)
{
    (void)module;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) return NULL;
    uint64_t value;
    if (tally_constant_get(text, &value) != TALLY_OK) {
        PyErr_SetObject(PyExc_KeyError, name);
        return NULL;
    }
    /* Only what fits in 32 bits is ever negative in the headers. */
    bool negative = value < UINT64_MAX && value > UINT64_MAX - UINT32_MAX;
    return negative ? PyLong_FromLongLong((int64_t)value) : PyLong_FromUnsignedLongLong(value);
}
