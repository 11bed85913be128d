/* Reader: an iterator over events, that fetches them by pages and copies a page while it is lent. */
#include "store_shim.h"

#include <structmember.h>

#define FIRST_PAGE 8
#define PAGE_MAX 64
/* Events looked at between two looks for Ctrl-C. */
#define WORK_LIMIT 50000

typedef struct py_reader {
    PyObject ob_base;
    py_store *store; /* owned */
    tally_reader *handle;
    uint32_t generation;
    bool busy; /* a thread is in the core */
    bool ended;
    Py_ssize_t page;    /* how many to fetch next */
    uint64_t left;      /* of `limit` */
    tally_event *lent;  /* room for a page */
    PyObject **fetched; /* copies of it: [next, count) are still to be given */
    Py_ssize_t next, count;
    PyObject *failure; /* what ended a page that had events: raised by the next call */
    PyObject *weak_references;
} py_reader;

/* -------------------------------------------------------------------------------------------- open */

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

static py_reader *reader_allocate(py_store *store)
{
    PyTypeObject *type = store->types->types[STORE_READER];
    py_reader *self = (py_reader *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->store = (py_store *)Py_NewRef((PyObject *)store);
    self->page = FIRST_PAGE;
    return self;
}

static PyObject *reader_open(py_store *store, const reading *what)
{
    py_reader *self = reader_allocate(store);
    if (self == NULL) return NULL;
    self->left = what->limit;
    tally_error error;
    tally_reader *handle = NULL;
    void *token = gil_leave(NULL);
    tally_status status = tally_reader_open(store->handle, &what->query, &handle, &error);
    gil_return(NULL, token);
    if (status != TALLY_OK) {
        (void)store_error(store, status, &error);
        Py_DECREF(self);
        return NULL;
    }
    self->handle = handle;
    self->generation = tally_handle_generation(handle);
    return (PyObject *)self;
}

STORE_VECTOR_METHOD(store_read)
{
    static const py_signature signature = {"read", 0, 1, read_names};
    PyObject *values[READ_VALUES];
    reading what;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0) return NULL;
    PyObject *result =
        reading_from(&what, self->state, values) == 0 && store_handle(self) != NULL ? reader_open(self, &what) : NULL;
    reading_end(&what);
    return result;
}

/* ------------------------------------------------------------------------------------------- fetch */

static tally_reader *reader_handle(py_reader *self)
{
    if (store_handle(self->store) == NULL) return NULL;
    if (self->handle == NULL) (void)error_raise_text(self->store->state, TALLY_E_CLOSED, "the reader is closed");
    return self->handle;
}

static int reader_enter(py_reader *self)
{
    if (reader_handle(self) == NULL) return -1;
    if (self->busy) {
        (void)error_raise_text(self->store->state, TALLY_E_BUSY, "another thread is reading with this reader");
        return -1;
    }
    if (self->lent == NULL) {
        self->lent = PyMem_New(tally_event, PAGE_MAX);
        self->fetched = PyMem_New(PyObject *, PAGE_MAX);
        if (self->lent == NULL || self->fetched == NULL) return PyErr_NoMemory(), -1;
    }
    return 0;
}

/* Copies what is lent; close waits meanwhile, and no code of anybody runs. */
static int reader_copy(py_reader *self, size_t count)
{
    self->next = self->count = 0;
    for (size_t index = 0; index < count; index++) {
        PyObject *event = event_new(self->store->types, self->store->codec, &self->lent[index]);
        if (event == NULL) return -1;
        self->fetched[self->count++] = event;
    }
    return 0;
}

/* One page: 0, also when nothing is left, or -1. */
static int reader_fetch_once(py_reader *self, size_t capacity, tally_status *status)
{
    size_t count = 0;
    tally_error error;
    self->busy = true;
    self->store->lending++;
    void *token = gil_leave(NULL);
    *status = tally_reader_next(self->handle, self->lent, capacity, &count, &error);
    gil_return(NULL, token);
    int failed = *status == TALLY_OK ? reader_copy(self, count) : 0;
    self->store->lending--;
    self->busy = false;
    if (*status == TALLY_OK || *status == TALLY_E_WORK_LIMIT) return failed;
    (void)store_error(self->store, *status, &error);
    return -1;
}

static int reader_fetch(py_reader *self)
{
    tally_status status = TALLY_E_WORK_LIMIT;
    while (status == TALLY_E_WORK_LIMIT) {
        if (reader_enter(self) < 0) return -1;
        size_t capacity = (size_t)self->page;
        if (capacity > self->left) capacity = (size_t)self->left;
        if (reader_fetch_once(self, capacity, &status) < 0 || PyErr_CheckSignals() < 0) return -1;
    }
    self->page = self->page * 2 < PAGE_MAX ? self->page * 2 : PAGE_MAX;
    return 0;
}

static PyObject *reader_iternext(py_reader *self)
{
    if (UNLIKELY(self->next == self->count)) {
        if (self->failure != NULL) {
            PyObject *failure = self->failure;
            self->failure = NULL;
            error_restore(failure);
            return NULL;
        }
        if (reader_handle(self) == NULL || self->left == 0 || self->ended) return NULL;
        if (reader_fetch(self) < 0) return NULL;
        if (self->next == self->count) {
            self->ended = true;
            return NULL;
        }
    }
    self->left -= self->left != UINT64_MAX;
    PyObject *event = self->fetched[self->next];
    self->fetched[self->next++] = NULL;
    return event;
}

/* _page(n): up to n events as a plain list; fewer at the end, and before a failure. */
static PyObject *reader_page(py_reader *self, PyObject *limit)
{
    int64_t count = 0;
    if (argument_integer(self->store->state, "a page", limit, 1, INT32_MAX, &count) < 0) return NULL;
    PyObject *list = PyList_New(0);
    while (list != NULL && PyList_GET_SIZE(list) < (Py_ssize_t)count) {
        PyObject *event = reader_iternext(self);
        if (event == NULL) {
            if (!PyErr_Occurred()) break;
            if (PyList_GET_SIZE(list) != 0 && PyErr_ExceptionMatches(PyExc_Exception)) self->failure = error_fetch();
            else Py_CLEAR(list);
            break;
        }
        if (PyList_Append(list, event) < 0) Py_CLEAR(list);
        Py_DECREF(event);
    }
    return list;
}

/* ------------------------------------------------------------------------------------- place and end */

static PyObject *reader_refresh(py_reader *self, PyObject *unused)
{
    (void)unused;
    if (reader_enter(self) < 0) return NULL;
    tally_error error;
    self->busy = true;
    void *token = gil_leave(NULL);
    tally_status status = tally_reader_refresh(self->handle, &error);
    gil_return(NULL, token);
    self->busy = false;
    if (status != TALLY_OK) return store_error(self->store, status, &error);
    self->ended = false;
    Py_RETURN_NONE;
}

static int reader_place(py_reader *self, tally_reader_place *place)
{
    tally_error error;
    if (reader_handle(self) == NULL) return -1;
    tally_status status = tally_reader_place_get(self->handle, place, &error);
    if (status == TALLY_OK) return 0;
    (void)store_error(self->store, status, &error);
    return -1;
}

/* What was fetched and not given yet is still ahead. */
static PyObject *reader_next_position(py_reader *self, void *unused)
{
    (void)unused;
    tally_reader_place place = {0};
    if (reader_place(self, &place) < 0) return NULL;
    bool ahead = self->next < self->count;
    if (!ahead) return PyLong_FromUnsignedLongLong(place.next_position);
    uint64_t position = ((py_event *)self->fetched[self->next])->position;
    uint64_t last = ((py_event *)self->fetched[self->count - 1])->position;
    return PyLong_FromUnsignedLongLong(place.next_position > last ? position : position + 1);
}

static PyObject *reader_end_position(py_reader *self, void *unused)
{
    (void)unused;
    tally_reader_place place = {0};
    return reader_place(self, &place) < 0 ? NULL : PyLong_FromUnsignedLongLong(place.end_position);
}

static PyObject *reader_examined(py_reader *self, void *unused)
{
    (void)unused;
    tally_reader_place place = {0};
    return reader_place(self, &place) < 0 ? NULL : PyLong_FromUnsignedLongLong(place.examined);
}

static PyObject *reader_closed(py_reader *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->handle == NULL || self->store->handle == NULL);
}

/* The store's close has closed it already; its slot may serve another one by now. */
static void reader_release(py_reader *self)
{
    tally_reader *handle = self->handle;
    self->handle = NULL;
    while (self->next < self->count) Py_CLEAR(self->fetched[self->next++]);
    if (handle != NULL && self->store->handle != NULL && tally_handle_generation(handle) == self->generation)
        (void)tally_reader_close(&handle);
}

static PyObject *reader_close(py_reader *self, PyObject *unused)
{
    (void)unused;
    if (self->busy) {
        return error_raise_text(self->store->state, TALLY_E_BUSY, "another thread is reading with this reader");
    }
    reader_release(self);
    Py_RETURN_NONE;
}

static PyObject *reader_enter_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *reader_repr(py_reader *self)
{
    tally_reader_place place = {0};
    if (self->handle == NULL || self->store->handle == NULL || self->busy ||
        tally_reader_place_get(self->handle, &place, NULL) != TALLY_OK)
        return PyUnicode_FromString(self->busy ? "<Reader, busy>" : "<Reader, closed>");
    unsigned long long given = place.returned - (uint64_t)(self->count - self->next);
    return PyUnicode_FromFormat("<Reader, %llu event%s given, of %llu in the log>", given, given == 1 ? "" : "s",
                                (unsigned long long)place.end_position);
}

/* -------------------------------------------------------------------------------------------- type */

static int reader_traverse(py_reader *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->store);
    Py_VISIT(self->failure);
    return 0;
}

static void reader_dealloc(py_reader *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    if (self->weak_references != NULL) PyObject_ClearWeakRefs((PyObject *)self);
    reader_release(self);
    PyMem_Free(self->lent);
    PyMem_Free(self->fetched);
    Py_CLEAR(self->store);
    Py_CLEAR(self->failure);
    if (pending != NULL) error_restore(pending);
    type->tp_free(self);
    Py_DECREF(type);
}

#define METHOD(name, function, flags)                              \
    {                                                              \
        name, (PyCFunction)(void (*)(void))(function), flags, NULL \
    }

/* `page`, `to_records` and the rest are Python: tallystick/_reading.py. */
static PyMethodDef reader_methods[] = {
    METHOD("_page", reader_page, METH_O),           METHOD("refresh", reader_refresh, METH_NOARGS),
    METHOD("close", reader_close, METH_NOARGS),     METHOD("__enter__", reader_enter_method, METH_NOARGS),
    METHOD("__exit__", reader_close, METH_VARARGS), {NULL, NULL, 0, NULL}};

static PyGetSetDef reader_getset[] = {{"next_position", (getter)reader_next_position, NULL, NULL, NULL},
                                      {"end_position", (getter)reader_end_position, NULL, NULL, NULL},
                                      {"examined", (getter)reader_examined, NULL, NULL, NULL},
                                      {"closed", (getter)reader_closed, NULL, NULL, NULL},
                                      {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef reader_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(py_reader, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_traverse, reader_traverse},
    {Py_tp_repr, reader_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, reader_iternext},
    {Py_tp_methods, reader_methods},
    {Py_tp_getset, reader_getset},
    {Py_tp_members, reader_members},
    {Py_tp_doc, "A view of the log with a place in it. See _core.pyi."},
    {0, NULL},
};

PyType_Spec reader_spec = {
    .name = "tallystick.Reader",
    .basicsize = sizeof(py_reader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = reader_slots,
};
