/* Single values of the store's calls, in and out: texts, ids, times, positions, choices. */
#include "store_shim.h"

#include <datetime.h>
#include <time.h>

int value_text(module_state *state, const char *name, PyObject *value, tally_text *out)
{
    Py_ssize_t length;
    if (UNLIKELY(!PyUnicode_Check(value))) {
        PyErr_Format(PyExc_TypeError, "%s is a text, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    out->bytes = PyUnicode_AsUTF8AndSize(value, &length);
    if (UNLIKELY(out->bytes == NULL)) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
        PyErr_Clear();
        (void)error_raise_text(state, TALLY_E_UTF8, "%s has half of a surrogate pair, which UTF-8 cannot say", name);
        return -1;
    }
    out->length = (size_t)length;
    return 0;
}

int value_optional_text(module_state *state, const char *name, PyObject *value, tally_text *out)
{
    return value == NULL || value == Py_None ? 0 : value_text(state, name, value, out);
}

PyObject *value_texts(const char *name, PyObject *value)
{
    if (PyUnicode_Check(value)) return PyTuple_Pack(1, value);
    PyObject *texts = PySequence_Tuple(value);
    if (texts == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s is a text or several, not %.100s", name, Py_TYPE(value)->tp_name);
    }
    return texts;
}

/* ---------------------------------------------------------------------------------------------- ids */

static PyObject *uuid_class(store_state *store)
{
    if (store->uuid == NULL) {
        PyObject *module = PyImport_ImportModule("uuid");
        PyObject *made = module == NULL ? NULL : PyObject_GetAttrString(module, "UUID");
        Py_XDECREF(module);
        Py_XSETREF(store->uuid, made); /* the import may have run other threads */
    }
    return store->uuid;
}

static int uuid_from_bytes(const char *name, PyObject *value, tally_uuid *out)
{
    if (!PyBytes_Check(value) || PyBytes_GET_SIZE(value) != (Py_ssize_t)sizeof *out) {
        PyErr_Format(PyExc_TypeError, "%s is a uuid.UUID, its text, or 16 bytes, not %R", name, value);
        return -1;
    }
    memcpy(out, PyBytes_AS_STRING(value), sizeof *out);
    return 0;
}

static int uuid_from_text(module_state *state, const char *name, PyObject *value, tally_uuid *out)
{
    tally_text text;
    tally_error error;
    if (value_text(state, name, value, &text) < 0) return -1;
    tally_status status = tally_uuid_read(text.bytes, text.length, out, &error);
    if (status == TALLY_OK) return 0;
    (void)error_raise(state, status, &error);
    return -1;
}

int value_uuid(module_state *state, const char *name, PyObject *value, tally_uuid *out)
{
    if (value == NULL || value == Py_None) return 0;
    int status = 0;
    PyObject *kind = NULL;
    if (PyUnicode_Check(value)) {
        status = uuid_from_text(state, name, value, out);
    } else if (Py_IS_TYPE(value, state->store->types[STORE_EVENT])) {
        *out = ((py_event *)value)->id;
    } else if (Py_IS_TYPE(value, state->store->types[STORE_RECEIPT])) {
        *out = ((py_receipt *)value)->receipt.id;
    } else if ((kind = uuid_class(state->store)) == NULL || (status = PyObject_IsInstance(value, kind)) < 0) {
        return -1;
    } else if (status == 0) {
        status = uuid_from_bytes(name, value, out);
    } else {
        PyObject *bytes = PyObject_GetAttrString(value, "bytes");
        status = bytes == NULL ? -1 : uuid_from_bytes(name, bytes, out);
        Py_XDECREF(bytes);
    }
    if (status == 0 && uuid_is_zero(out)) {
        (void)error_raise_text(state, TALLY_E_ARGUMENT, "%s is all zero, which stands for none", name);
        return -1;
    }
    return status;
}

PyObject *uuid_object(module_state *state, const tally_uuid *id)
{
    if (PyErr_Occurred()) return NULL; /* of a value that is made beside this one: UUID is Python */
    PyObject *kind = uuid_class(state->store);
    PyObject *bytes = kind == NULL ? NULL : PyBytes_FromStringAndSize((const char *)id->bytes, sizeof id->bytes);
    PyObject *args[] = {NULL, Py_None, bytes}; /* UUID(hex, bytes) */
    PyObject *made =
        bytes == NULL ? NULL : PyObject_Vectorcall(kind, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(bytes);
    return made;
}

PyObject *uuid_or_none(module_state *state, const tally_uuid *id)
{
    if (uuid_is_zero(id)) Py_RETURN_NONE;
    return uuid_object(state, id);
}

/* -------------------------------------------------------------------------------------------- times */

static int import_datetime(void)
{
    if (PyDateTimeAPI == NULL) PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

/* 1970 in UTC, borrowed. */
static PyObject *epoch(store_state *store)
{
    if (import_datetime() < 0) return NULL;
    if (store->epoch == NULL)
        store->epoch = PyDateTimeAPI->DateTime_FromDateAndTime(1970, 1, 1, 0, 0, 0, 0, PyDateTime_TimeZone_UTC,
                                                               PyDateTimeAPI->DateTimeType);
    return store->epoch;
}

int value_time(module_state *state, const char *name, PyObject *value, int64_t *out)
{
    if (value == NULL || value == Py_None) return 0;
    if (PyLong_Check(value) && !PyBool_Check(value))
        return argument_integer(state, name, value, INT64_MIN, INT64_MAX, out);
    PyObject *zero = epoch(state->store);
    if (zero == NULL) return -1;
    if (!PyDateTime_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s is a datetime, or microseconds since 1970 as int, not %.100s", name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (PyDateTime_DATE_GET_TZINFO(value) == Py_None) {
        (void)error_raise_text(state, TALLY_E_ARGUMENT,
                               "%s has no time zone: say which, as in datetime.now(timezone.utc)", name);
        return -1;
    }
    PyObject *delta = PyNumber_Subtract(value, zero);
    if (delta == NULL) return -1;
    *out = ((int64_t)PyDateTime_DELTA_GET_DAYS(delta) * 86400 + PyDateTime_DELTA_GET_SECONDS(delta)) * 1000000 +
           PyDateTime_DELTA_GET_MICROSECONDS(delta);
    Py_DECREF(delta);
    return 0;
}

PyObject *time_object(module_state *state, int64_t time_us)
{
    PyObject *zero = epoch(state->store);
    if (zero == NULL) return NULL;
    int64_t day = time_us / 86400000000, rest = time_us % 86400000000;
    if (rest < 0) {
        day--;
        rest += 86400000000;
    }
    PyObject *delta = PyDelta_FromDSU((int)day, (int)(rest / 1000000), (int)(rest % 1000000));
    PyObject *made = delta == NULL ? NULL : PyNumber_Add(zero, delta);
    Py_XDECREF(delta);
    return made;
}

uint64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------------------ positions and choices */

int value_position(module_state *state, const char *name, PyObject *value, uint64_t *out)
{
    int64_t number = -1;
    if (value == NULL || value == Py_None) return 0;
    if (argument_integer(state, name, value, 0, INT64_MAX, &number) < 0) return -1;
    *out = (uint64_t)number;
    return 0;
}

int value_place(module_state *state, const char *name, PyObject *value, uint64_t *out)
{
    if (value != NULL && Py_IS_TYPE(value, state->store->types[STORE_EVENT])) *out = ((py_event *)value)->position;
    else if (value != NULL && Py_IS_TYPE(value, state->store->types[STORE_RECEIPT]))
        *out = ((py_receipt *)value)->receipt.position;
    else return value_position(state, name, value, out);
    return 0;
}

int value_choice(module_state *state, const char *name, PyObject *value, const char *const *choices, uint32_t count,
                 uint32_t *out)
{
    if (value == NULL || value == Py_None) return 0;
    for (uint32_t index = 0; index < count && PyUnicode_Check(value); index++) {
        if (choices[index] == NULL || PyUnicode_CompareWithASCIIString(value, choices[index]) != 0) continue;
        *out = index;
        return 0;
    }
    PyObject *names = PyList_New(0);
    for (uint32_t index = 0; names != NULL && index < count; index++) {
        PyObject *text = choices[index] == NULL ? Py_NewRef(Py_None) : PyUnicode_FromString(choices[index]);
        if (text == NULL || (text != Py_None && PyList_Append(names, text) < 0)) Py_CLEAR(names);
        Py_XDECREF(text);
    }
    PyObject *advice = names == NULL ? NULL : helper_call(state, "unknown_choice", "(ON)", value, names);
    if (advice != NULL) (void)error_raise_text(state, TALLY_E_OPTION, "%s is %U", name, advice);
    Py_XDECREF(advice);
    return -1;
}

int value_level(module_state *state, PyObject *value, uint32_t *out)
{
    static const char *const levels[] = {
        [TALLY_BUFFERED] = "buffered", [TALLY_WRITTEN] = "written", [TALLY_DURABLE] = "durable"};
    for (uint32_t level = TALLY_BUFFERED; level <= TALLY_DURABLE; level++) {
        if (value != state->store->levels[level]) continue;
        *out = level;
        return 0;
    }
    return value_choice(state, "durability", value, levels, TALLY_DURABLE + 1, out);
}

PyObject *value_path(PyObject *value)
{
    PyObject *bytes = NULL;
    if (value == NULL || !PyUnicode_FSConverter(value, &bytes)) return NULL;
    return bytes;
}
