/* What an append expects: streams at a version, and conditions. */
#include "store_shim.h"

/* A version, -1 for no stream, or one of the words. */
static int expectation_set(module_state *state, PyObject *value, tally_expectation *out)
{
    static const char *const words[] = {
        [TALLY_EXPECT_ANY] = "any", [TALLY_EXPECT_NO_STREAM] = "no_stream", [TALLY_EXPECT_EXISTS] = "exists"};
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        if (!PyUnicode_Check(value)) {
            PyErr_Format(PyExc_TypeError,
                         "expect is a version (-1: no stream), 'any', 'no_stream', 'exists', or a dict of them by "
                         "stream, not %.100s",
                         Py_TYPE(value)->tp_name);
            return -1;
        }
        return value_choice(state, "expect", value, words, 3, &out->expect);
    }
    int64_t version = 0;
    if (argument_integer(state, "expect", value, -1, INT64_MAX, &version) < 0) return -1;
    out->expect = version < 0 ? TALLY_EXPECT_NO_STREAM : TALLY_EXPECT_VERSION;
    out->version = version < 0 ? 0 : (uint64_t)version;
    return 0;
}

static int keep(append_terms *terms, PyObject *object)
{
    if (terms->kept == NULL && (terms->kept = PyList_New(0)) == NULL) return -1;
    return PyList_Append(terms->kept, object);
}

static int expectations_from(append_terms *terms, module_state *state, PyObject *value)
{
    if (value == NULL || value == Py_None) return 0;
    terms->options.expectations = &terms->one;
    terms->options.expectation_count = 1;
    if (!PyDict_Check(value)) return expectation_set(state, value, &terms->one);
    PyObject *rows = PyDict_Items(value);
    int status = rows == NULL ? -1 : keep(terms, rows);
    Py_XDECREF(rows);
    if (status < 0) return -1;
    size_t count = (size_t)PyList_GET_SIZE(rows);
    terms->expectations = PyMem_Calloc(count + 1, sizeof *terms->expectations);
    if (terms->expectations == NULL) return PyErr_NoMemory(), -1;
    for (size_t index = 0; index < count; index++) {
        PyObject *row = PyList_GET_ITEM(rows, (Py_ssize_t)index);
        tally_expectation *one = &terms->expectations[index];
        if (value_text(state, "a stream in expect", PyTuple_GET_ITEM(row, 0), &one->stream) < 0 ||
            expectation_set(state, PyTuple_GET_ITEM(row, 1), one) < 0)
            return -1;
    }
    terms->options.expectations = terms->expectations;
    terms->options.expectation_count = count;
    return 0;
}

/* Checks one condition and puts its names as tuples into `rows`: (types, tags, from_position). */
static int condition_row(module_state *state, PyObject *condition, PyObject *rows, size_t *texts)
{
    PyObject *kind = helper_find(state, "condition");
    if (kind == NULL) return -1;
    if (!PyTuple_Check(condition) || !PyType_Check(kind) ||
        !PyType_IsSubtype(Py_TYPE(condition), (PyTypeObject *)kind) || PyTuple_GET_SIZE(condition) != 3) {
        PyErr_Format(PyExc_TypeError, "a condition is a tallystick.Condition, not %.100s", Py_TYPE(condition)->tp_name);
        return -1;
    }
    PyObject *types = value_texts("types", PyTuple_GET_ITEM(condition, 0));
    PyObject *tags = types == NULL ? NULL : value_texts("tags", PyTuple_GET_ITEM(condition, 1));
    PyObject *row = tags == NULL ? NULL : PyTuple_Pack(3, types, tags, PyTuple_GET_ITEM(condition, 2));
    if (row != NULL) *texts += (size_t)(PyTuple_GET_SIZE(types) + PyTuple_GET_SIZE(tags));
    int status = row == NULL ? -1 : PyList_Append(rows, row);
    Py_XDECREF(types);
    Py_XDECREF(tags);
    Py_XDECREF(row);
    return status;
}

static int put_texts(module_state *state, const char *name, PyObject *tuple, tally_text **next)
{
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(tuple); index++) {
        if (value_text(state, name, PyTuple_GET_ITEM(tuple, index), (*next)++) < 0) return -1;
    }
    return 0;
}

static int condition_set(module_state *state, PyObject *row, tally_append_condition *out, tally_text **next)
{
    PyObject *types = PyTuple_GET_ITEM(row, 0), *tags = PyTuple_GET_ITEM(row, 1);
    out->types = *next;
    out->type_count = (size_t)PyTuple_GET_SIZE(types);
    if (put_texts(state, "a type", types, next) < 0) return -1;
    out->tags = *next;
    out->tag_count = (size_t)PyTuple_GET_SIZE(tags);
    if (put_texts(state, "a tag", tags, next) < 0) return -1;
    return value_position(state, "from_position", PyTuple_GET_ITEM(row, 2), &out->from_position);
}

static PyObject *condition_rows(module_state *state, PyObject *value, size_t *texts)
{
    PyObject *kind = helper_find(state, "condition");
    if (kind == NULL) return NULL;
    bool one = PyType_Check(kind) && PyType_IsSubtype(Py_TYPE(value), (PyTypeObject *)kind);
    PyObject *given = one ? PyTuple_Pack(1, value) : PySequence_Tuple(value);
    PyObject *rows = given == NULL ? NULL : PyList_New(0);
    for (Py_ssize_t index = 0; rows != NULL && index < PyTuple_GET_SIZE(given); index++) {
        if (condition_row(state, PyTuple_GET_ITEM(given, index), rows, texts) < 0) Py_CLEAR(rows);
    }
    Py_XDECREF(given);
    return rows;
}

static int conditions_from(append_terms *terms, module_state *state, PyObject *value)
{
    if (value == NULL || value == Py_None || (PyTuple_CheckExact(value) && PyTuple_GET_SIZE(value) == 0)) return 0;
    size_t texts = 0;
    PyObject *rows = condition_rows(state, value, &texts);
    int status = rows == NULL ? -1 : keep(terms, rows);
    Py_XDECREF(rows);
    if (status < 0) return -1;
    size_t count = (size_t)PyList_GET_SIZE(rows);
    terms->conditions = PyMem_Calloc(count + 1, sizeof *terms->conditions);
    terms->texts = PyMem_Calloc(texts + 1, sizeof *terms->texts);
    if (terms->conditions == NULL || terms->texts == NULL) return PyErr_NoMemory(), -1;
    tally_text *next = terms->texts;
    for (size_t index = 0; index < count; index++) {
        if (condition_set(state, PyList_GET_ITEM(rows, (Py_ssize_t)index), &terms->conditions[index], &next) < 0)
            return -1;
    }
    terms->options.conditions = terms->conditions;
    terms->options.condition_count = count;
    return 0;
}

int terms_begin(append_terms *terms, py_store *store, PyObject *const *values)
{
    memset(terms, 0, sizeof *terms);
    terms->options.size = sizeof terms->options;
    terms->options.durability = store->durability;
    if (values[0] == NULL && values[1] == NULL && values[2] == NULL) return 0;
    if (expectations_from(terms, store->state, values[0]) < 0 || conditions_from(terms, store->state, values[1]) < 0 ||
        value_level(store->state, values[2], &terms->options.durability) < 0) {
        terms_end(terms);
        return -1;
    }
    return 0;
}

void terms_end(append_terms *terms)
{
    if (LIKELY(terms->kept == NULL)) return; /* what is allocated comes after it */
    PyMem_Free(terms->expectations);
    PyMem_Free(terms->conditions);
    PyMem_Free(terms->texts);
    Py_CLEAR(terms->kept);
}
