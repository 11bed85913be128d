/* Reader: an iterator over events, that fetches them by pages and copies a page while it is lent. */
#include "store_shim.h"

#include <structmember.h>

#define FIRST_PAGE 8
#define PAGE_MAX 64

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

static py_reader *reader_allocate(py_store *store)
{
    PyTypeObject *type = store->types->types[STORE_READER];
    py_reader *self = (py_reader *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->store = (py_store *)Py_NewRef((PyObject *)store);
    self->page = FIRST_PAGE;
    return self;
}

PyObject *reader_open(py_store *store, const tally_query *query, uint64_t limit)
{
    py_reader *self = reader_allocate(store);
    if (self == NULL) return NULL;
    self->left = limit;
    tally_error error;
    tally_reader *handle = NULL;
    void *token = gil_leave(NULL);
    tally_status status = tally_reader_open(store->handle, query, &handle, &error);
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
    while (self->next < self->count) Py_DECREF(self->fetched[--self->count]);
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
