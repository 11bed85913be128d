/* Arguments: by position and by name, checked strictly; a misspelt name is refused with the right one. */
#include "shim.h"

static int signature_length(const py_signature *signature)
{
    int length = 0;
    while (signature->names[length] != NULL) length++;
    return length;
}

static int unknown_name(module_state *state, const py_signature *signature, PyObject *name)
{
    PyObject *names = PyList_New(0);
    for (int index = 0; names != NULL && signature->names[index] != NULL; index++) {
        PyObject *text = PyUnicode_FromString(signature->names[index]);
        if (text == NULL || PyList_Append(names, text) < 0) Py_CLEAR(names);
        Py_XDECREF(text);
    }
    if (names != NULL) Py_XDECREF(helper_call(state, "unknown_option", "(sON)", signature->function, name, names));
    return -1;
}

static int place_named(module_state *state, const py_signature *signature, PyObject *name, PyObject *value,
                       PyObject **out)
{
    for (int index = 0; signature->names[index] != NULL; index++) {
        if (PyUnicode_CompareWithASCIIString(name, signature->names[index]) != 0) continue;
        if (out[index] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got '%U' twice", signature->function, name);
            return -1;
        }
        out[index] = value;
        return 0;
    }
    return unknown_name(state, signature, name);
}

static int place_positional(const py_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject **out)
{
    if (nargs > signature->positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional argument%s, %zd were given",
                     signature->function, signature->positional, signature->positional == 1 ? "" : "s", nargs);
        return -1;
    }
    memset(out, 0, (size_t)signature_length(signature) * sizeof *out);
    for (Py_ssize_t index = 0; index < nargs; index++) out[index] = args[index];
    return 0;
}

static int check_required(const py_signature *signature, PyObject *const *out)
{
    for (int index = 0; index < signature->required; index++) {
        if (out[index] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() misses its argument '%s'", signature->function,
                         signature->names[index]);
            return -1;
        }
    }
    return 0;
}

int arguments_vector(module_state *state, const py_signature *signature, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames, PyObject **out)
{
    if (place_positional(signature, args, nargs, out) < 0) return -1;
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t index = 0; index < named; index++) {
        if (place_named(state, signature, PyTuple_GET_ITEM(kwnames, index), args[nargs + index], out) < 0) return -1;
    }
    return check_required(signature, out);
}

int arguments_tuple(module_state *state, const py_signature *signature, PyObject *args, PyObject *kwargs,
                    PyObject **out)
{
    PyObject *const *items = ((PyTupleObject *)args)->ob_item;
    if (place_positional(signature, items, PyTuple_GET_SIZE(args), out) < 0) return -1;
    Py_ssize_t place = 0;
    PyObject *name, *value;
    while (kwargs != NULL && PyDict_Next(kwargs, &place, &name, &value)) {
        if (!PyUnicode_Check(name)) {
            PyErr_Format(PyExc_TypeError, "%s() takes names that are text", signature->function);
            return -1;
        }
        if (place_named(state, signature, name, value, out) < 0) return -1;
    }
    return check_required(signature, out);
}

int argument_bool(const char *name, PyObject *value, bool *out)
{
    if (value == NULL) return 0;
    if (!PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s is True or False, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    *out = value == Py_True;
    return 0;
}

int argument_integer(module_state *state, const char *name, PyObject *value, int64_t low, int64_t high, int64_t *out)
{
    if (value == NULL || value == Py_None) return 0;
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s is an integer, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (overflow != 0 || number < low || number > high) {
        (void)error_raise_text(state, TALLY_E_RANGE, "%s is between %lld and %lld, not %R", name, (long long)low,
                               (long long)high, value);
        return -1;
    }
    *out = number;
    return 0;
}

int argument_seconds(module_state *state, PyObject *value, double *out)
{
    if (value == NULL || value == Py_None) return 0;
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
        PyErr_Clear();
        (void)error_raise_text(state, TALLY_E_RANGE, "timeout is more seconds than a float can say; None is for ever");
        return -1;
    }
    if (!(seconds >= 0.0)) {
        (void)error_raise_text(state, TALLY_E_RANGE, "timeout is 0 or more seconds, or None, not %R", value);
        return -1;
    }
    *out = seconds;
    return 0;
}

int argument_kind(module_state *state, PyObject *name, uint32_t *kind)
{
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "a kind is a text such as 'order.paid', not %.100s", Py_TYPE(name)->tp_name);
        return -1;
    }
    PyObject *number = PyDict_GetItemWithError(state->kinds, name);
    if (LIKELY(number != NULL)) {
        *kind = (uint32_t)PyLong_AsUnsignedLong(number);
        return 0;
    }
    if (PyErr_Occurred()) return -1;
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == NULL) return -1;
    tally_error error;
    tally_status status = tally_kind_intern(text, (size_t)length, kind, &error);
    if (status != TALLY_OK) {
        (void)error_raise(state, status, &error);
        return -1;
    }
    number = PyLong_FromUnsignedLong(*kind);
    int failed = number == NULL || PyDict_SetItem(state->kinds, name, number) < 0 ||
                 PyDict_SetItem(state->kind_names, number, name) < 0;
    Py_XDECREF(number);
    return failed ? -1 : 0;
}

PyObject *kind_name(module_state *state, uint32_t kind)
{
    const char *text;
    size_t length;
    if (kind == TALLY_KIND_NONE) Py_RETURN_NONE;
    PyObject *number = PyLong_FromUnsignedLong(kind);
    if (number == NULL) return NULL;
    PyObject *name = Py_XNewRef(PyDict_GetItemWithError(state->kind_names, number));
    Py_DECREF(number);
    if (name != NULL || PyErr_Occurred()) return name;
    if (tally_kind_name(kind, &text, &length, NULL) != TALLY_OK) Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "replace");
}
