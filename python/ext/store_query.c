/* read: from its arguments to the core's query. */
#include "store_shim.h"

/* Events looked at between two looks for Ctrl-C. */
#define WORK_LIMIT 50000

typedef struct reading {
    tally_query query;
    PyObject *types, *tags; /* tuples */
    tally_text *texts;
    uint64_t limit;
} reading;

static int names_from(const char *name, PyObject *value, PyObject **tuple)
{
    if (value == NULL || value == Py_None) return 0;
    *tuple = value_texts(name, value);
    return *tuple == NULL ? -1 : 0;
}

static int put_names(module_state *state, const char *name, PyObject *tuple, tally_text *texts)
{
    for (Py_ssize_t index = 0; tuple != NULL && index < PyTuple_GET_SIZE(tuple); index++) {
        if (value_text(state, name, PyTuple_GET_ITEM(tuple, index), &texts[index]) < 0) return -1;
    }
    return 0;
}

enum {
    READ_STREAM,
    READ_PREFIX,
    READ_TYPES,
    READ_TAGS,
    READ_SUBJECT,
    READ_FROM,
    READ_TO,
    READ_AS_OF,
    READ_FROM_VERSION,
    READ_TO_VERSION,
    READ_SINCE,
    READ_UNTIL,
    READ_BACKWARDS,
    READ_DURABLE_ONLY,
    READ_LIMIT,
    READ_VALUES
};

static const char *const read_names[] = {
    "stream",       "prefix",     "types", "tags",  "subject",   "from_position", "to_position", "as_of",
    "from_version", "to_version", "since", "until", "backwards", "durable_only",  "limit",       NULL};

static bool is_given(PyObject *value) { return value != NULL && value != Py_None; }

static int query_names(reading *self, module_state *state, PyObject *const *values)
{
    if (names_from("types", values[READ_TYPES], &self->types) < 0 ||
        names_from("tags", values[READ_TAGS], &self->tags) < 0)
        return -1;
    size_t types = self->types == NULL ? 0 : (size_t)PyTuple_GET_SIZE(self->types);
    size_t tags = self->tags == NULL ? 0 : (size_t)PyTuple_GET_SIZE(self->tags);
    if (types + tags == 0) return 0;
    self->texts = PyMem_New(tally_text, types + tags);
    if (self->texts == NULL) return PyErr_NoMemory(), -1;
    self->query.types = self->texts;
    self->query.type_count = types;
    self->query.tags = self->texts + types;
    self->query.tag_count = tags;
    if (put_names(state, "a type", self->types, self->texts) < 0) return -1;
    return put_names(state, "a tag", self->tags, self->texts + types);
}

/* Positions and versions: a `to` of 0 is nothing at all, but the core takes it for the end. */
static int query_range(reading *self, module_state *state, PyObject *const *values)
{
    tally_query *query = &self->query;
    PyObject *to = is_given(values[READ_TO]) ? values[READ_TO] : values[READ_AS_OF];
    if (is_given(values[READ_TO]) && is_given(values[READ_AS_OF])) {
        (void)error_raise_text(state, TALLY_E_ARGUMENT, "as_of is another name of to_position: give one of them");
        return -1;
    }
    if (value_place(state, "from_position", values[READ_FROM], &query->from_position) < 0 ||
        value_position(state, is_given(values[READ_TO]) ? "to_position" : "as_of", to, &query->to_position) < 0 ||
        value_position(state, "from_version", values[READ_FROM_VERSION], &query->from_version) < 0 ||
        value_position(state, "to_version", values[READ_TO_VERSION], &query->to_version) < 0 ||
        value_time(state, "since", values[READ_SINCE], &query->from_time_us) < 0 ||
        value_time(state, "until", values[READ_UNTIL], &query->to_time_us) < 0)
        return -1;
    if (is_given(values[READ_FROM_VERSION]) || is_given(values[READ_TO_VERSION])) query->flags |= TALLY_QUERY_VERSIONS;
    if ((is_given(to) && query->to_position == 0) || (is_given(values[READ_TO_VERSION]) && query->to_version == 0))
        self->limit = 0;
    if (is_given(values[READ_UNTIL]) && query->to_time_us == 0) query->to_time_us = -1;
    return 0;
}

static int reading_from(reading *self, module_state *state, PyObject *const *values)
{
    bool backwards = false, durable_only = false;
    int64_t limit = -1;
    memset(self, 0, sizeof *self);
    self->query.size = sizeof self->query;
    self->query.work_limit = WORK_LIMIT;
    self->limit = UINT64_MAX;
    if (value_optional_text(state, "stream", values[READ_STREAM], &self->query.stream) < 0 ||
        value_optional_text(state, "prefix", values[READ_PREFIX], &self->query.stream_prefix) < 0 ||
        value_optional_text(state, "subject", values[READ_SUBJECT], &self->query.subject) < 0 ||
        query_names(self, state, values) < 0 ||
        argument_integer(state, "limit", values[READ_LIMIT], 0, INT64_MAX, &limit) < 0 ||
        argument_bool("backwards", values[READ_BACKWARDS], &backwards) < 0 ||
        argument_bool("durable_only", values[READ_DURABLE_ONLY], &durable_only) < 0)
        return -1;
    if (limit >= 0) self->limit = (uint64_t)limit;
    self->query.flags = (backwards ? TALLY_QUERY_BACKWARDS : 0) | (durable_only ? TALLY_QUERY_DURABLE_ONLY : 0);
    return query_range(self, state, values);
}

static void reading_end(reading *self)
{
    PyMem_Free(self->texts);
    Py_XDECREF(self->types);
    Py_XDECREF(self->tags);
}

STORE_VECTOR_METHOD(store_read)
{
    static const py_signature signature = {"read", 0, 1, read_names};
    PyObject *values[READ_VALUES];
    reading what;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0) return NULL;
    PyObject *result = reading_from(&what, self->state, values) == 0 && store_handle(self) != NULL
                           ? reader_open(self, &what.query, what.limit)
                           : NULL;
    reading_end(&what);
    return result;
}
