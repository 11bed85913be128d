/* Looking up: one event, the head of a stream, lists of names, ancestors. */
#include "store_shim.h"

/* ---------------------------------------------------------------------------------------- one event */

static tally_status get_into(tally_store *handle, uint64_t position, char *buffer, size_t capacity, size_t *needed,
                             tally_event *event, tally_error *error)
{
    void *token = gil_leave(NULL);
    tally_status status = tally_store_get(handle, position, buffer, capacity, needed, event, error);
    gil_return(NULL, token);
    return status;
}

static PyObject *get_position(py_store *self, uint64_t position)
{
    char few[2048];
    char *buffer = few;
    size_t capacity = sizeof few, needed = 0;
    tally_event event = {0};
    tally_error error;
    tally_status status = get_into(self->handle, position, few, capacity, &needed, &event, &error);
    if (status == TALLY_E_SPACE && needed > capacity && needed <= (size_t)TALLY_DATA_MAX * 2) {
        capacity = needed;
        if ((buffer = PyMem_Malloc(capacity)) == NULL) return PyErr_NoMemory();
        status = get_into(self->handle, position, buffer, capacity, &needed, &event, &error);
    }
    PyObject *result =
        status == TALLY_OK ? event_new(self->types, self->codec, &event) : store_error(self, status, &error);
    if (buffer != few) PyMem_Free(buffer);
    return result;
}

static int find_id(py_store *self, PyObject *id, uint64_t *position)
{
    tally_uuid uuid = {{0}};
    if (value_uuid(self->state, "an event's id", id, &uuid) < 0) return -1;
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_find_id(self->handle, &uuid, position, &error);
    gil_return(NULL, token);
    if (status == TALLY_OK) return 1;
    if (status == TALLY_E_NOT_FOUND) return 0;
    (void)store_error(self, status, &error);
    return -1;
}

static int not_found(py_store *self, PyObject *id)
{
    (void)error_raise_text(self->state, TALLY_E_NOT_FOUND, "no event has the id %S", id);
    return -1;
}

/* A position, or an id of any form that find_id takes. */
static int resolve(py_store *self, PyObject *key, uint64_t *position)
{
    if (store_handle(self) == NULL) return -1;
    if (PyLong_Check(key) && !PyBool_Check(key)) return value_position(self->state, "a position", key, position);
    if (key == Py_None || PyBool_Check(key)) {
        PyErr_Format(PyExc_TypeError, "an event is found by its position or its id, not by %R", key);
        return -1;
    }
    int found = find_id(self, key, position);
    return found < 0 ? -1 : found == 0 ? not_found(self, key) : 0;
}

PyObject *store_get(py_store *self, PyObject *key)
{
    uint64_t position = 0;
    if (resolve(self, key, &position) < 0) return NULL;
    return store_handle(self) == NULL ? NULL : get_position(self, position);
}

static PyObject *slice_of(py_store *self, PyObject *slice)
{
    return helper_call(self->state, "store_slice", "(OO)", (PyObject *)self, slice);
}

PyObject *store_subscript(py_store *self, PyObject *key)
{
    if (PySlice_Check(key)) return slice_of(self, key);
    int overflow = 0;
    long long number = PyLong_Check(key) ? PyLong_AsLongLongAndOverflow(key, &overflow) : 0;
    if (number >= 0 || overflow != 0) return store_get(self, key);
    tally_watermarks marks = {0};
    if (store_handle(self) == NULL) return NULL;
    tally_error error;
    tally_status status = tally_store_watermarks(self->handle, &marks, &error);
    if (status != TALLY_OK) return store_error(self, status, &error);
    if ((uint64_t)-number > marks.buffered)
        return error_raise_text(self->state, TALLY_E_RANGE, "the store has %llu events, so none at %lld",
                                (unsigned long long)marks.buffered, number);
    return get_position(self, marks.buffered - (uint64_t)-number);
}

int store_contains(py_store *self, PyObject *key)
{
    uint64_t position = 0;
    if (store_handle(self) == NULL) return -1;
    if (!PyLong_Check(key)) return find_id(self, key, &position);
    tally_watermarks marks = {0};
    tally_error error;
    tally_status status = tally_store_watermarks(self->handle, &marks, &error);
    if (status != TALLY_OK) return (void)store_error(self, status, &error), -1;
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(key, &overflow);
    return overflow == 0 && number >= 0 && (uint64_t)number < marks.buffered;
}

PyObject *store_find(py_store *self, PyObject *id)
{
    uint64_t position = 0;
    if (store_handle(self) == NULL) return NULL;
    int found = find_id(self, id, &position);
    if (found == 0) (void)not_found(self, id);
    return found == 1 ? PyLong_FromUnsignedLongLong(position) : NULL;
}

STORE_VECTOR_METHOD(store_find_version)
{
    static const char *const names[] = {"stream", "version", NULL};
    static const py_signature signature = {"find_version", 2, 2, names};
    PyObject *values[2];
    tally_text stream;
    uint64_t version = 0, position = 0;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_text(self->state, "stream", values[0], &stream) < 0 ||
        value_position(self->state, "version", values[1], &version) < 0 || store_handle(self) == NULL)
        return NULL;
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_find_version(self->handle, stream, version, &position, &error);
    gil_return(NULL, token);
    return status == TALLY_OK ? PyLong_FromUnsignedLongLong(position) : store_error(self, status, &error);
}

/* ------------------------------------------------------------------------------------------- streams */

PyObject *store_head(py_store *self, PyObject *stream)
{
    tally_text name;
    tally_stream_head head = {0};
    tally_error error;
    if (store_handle(self) == NULL || value_text(self->state, "stream", stream, &name) < 0) return NULL;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_stream_head(self->handle, name, &head, &error);
    gil_return(NULL, token);
    if (status != TALLY_OK) return store_error(self, status, &error);
    bool none = head.last_position == TALLY_POSITION_NONE;
    return store_record(self->types, STORE_HEAD, PyLong_FromUnsignedLongLong(head.next_version),
                        none ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(head.last_position));
}

#define LIST_PAGE 256

static PyObject *listed_rows(py_store *self, const tally_listed *items, size_t count)
{
    PyObject *rows = PyList_New((Py_ssize_t)count);
    for (size_t index = 0; rows != NULL && index < count; index++) {
        PyObject *row = store_record(self->types, STORE_LISTED, text_object(items[index].name),
                                     PyLong_FromUnsignedLongLong(items[index].count),
                                     PyLong_FromUnsignedLongLong(items[index].first_position),
                                     PyLong_FromUnsignedLongLong(items[index].last_position));
        if (row == NULL) Py_CLEAR(rows);
        else PyList_SET_ITEM(rows, (Py_ssize_t)index, row);
    }
    return rows;
}

static PyObject *list_page(py_store *self, uint32_t what, tally_text prefix, tally_text after)
{
    size_t text_capacity = LIST_PAGE * 64, count = 0;
    tally_listed *items = PyMem_New(tally_listed, LIST_PAGE);
    char *text = PyMem_Malloc(text_capacity);
    PyObject *rows = NULL;
    if (items != NULL && text != NULL) {
        tally_error error;
        void *token = gil_leave(NULL);
        tally_status status =
            tally_store_list(self->handle, what, prefix, after, items, LIST_PAGE, text, text_capacity, &count, &error);
        gil_return(NULL, token);
        rows = status == TALLY_OK ? listed_rows(self, items, count) : store_error(self, status, &error);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(items);
    PyMem_Free(text);
    return rows;
}

/* _list(what, prefix, after): one page of names; an empty one is the end. */
STORE_VECTOR_METHOD(store_list)
{
    static const char *const names[] = {"what", "prefix", "after", NULL};
    static const py_signature signature = {"_list", 3, 3, names};
    static const char *const kinds[] = {[TALLY_LIST_STREAMS] = "streams",
                                        [TALLY_LIST_TYPES] = "types",
                                        [TALLY_LIST_TAGS] = "tags",
                                        [TALLY_LIST_SUBJECTS] = "subjects"};
    PyObject *values[3];
    tally_text prefix = {NULL, 0}, after = {NULL, 0};
    uint32_t what = 0;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_choice(self->state, "what", values[0], kinds, TALLY_LIST_SUBJECTS + 1, &what) < 0 ||
        value_optional_text(self->state, "prefix", values[1], &prefix) < 0 ||
        value_optional_text(self->state, "after", values[2], &after) < 0 || store_handle(self) == NULL)
        return NULL;
    return list_page(self, what, prefix, after);
}

/* ----------------------------------------------------------------------------------------- ancestors */

static PyObject *ancestor_list(const uint64_t *positions, size_t count, uint32_t ended)
{
    static const char *const reasons[] = {[TALLY_ANCESTORS_GENESIS] = "genesis",
                                          [TALLY_ANCESTORS_LIMIT] = "limit",
                                          [TALLY_ANCESTORS_DROPPED] = "dropped",
                                          [TALLY_ANCESTORS_UNREADABLE] = "unreadable"};
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t index = 0; list != NULL && index < count; index++) {
        PyObject *number = PyLong_FromUnsignedLongLong(positions[index]);
        if (number == NULL) Py_CLEAR(list);
        else PyList_SET_ITEM(list, (Py_ssize_t)index, number);
    }
    const char *reason = ended >= 1 && ended <= TALLY_ANCESTORS_UNREADABLE ? reasons[ended] : "unknown";
    return list == NULL ? NULL : Py_BuildValue("(Ns)", list, reason);
}

/* _ancestors(position, limit): (positions, reason). */
STORE_VECTOR_METHOD(store_ancestors)
{
    static const char *const names[] = {"position", "limit", NULL};
    static const py_signature signature = {"_ancestors", 2, 2, names};
    PyObject *values[2];
    uint64_t position = 0;
    int64_t limit = 0;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        value_place(self->state, "position", values[0], &position) < 0 ||
        argument_integer(self->state, "limit", values[1], 1, 1 << 24, &limit) < 0 || store_handle(self) == NULL)
        return NULL;
    uint64_t *positions = PyMem_New(uint64_t, (size_t)limit);
    if (positions == NULL) return PyErr_NoMemory();
    size_t count = 0;
    uint32_t ended = 0;
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status =
        tally_store_ancestors(self->handle, position, positions, (size_t)limit, &count, &ended, &error);
    gil_return(NULL, token);
    PyObject *result = status == TALLY_OK ? ancestor_list(positions, count, ended) : store_error(self, status, &error);
    PyMem_Free(positions);
    return result;
}
