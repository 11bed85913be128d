/* Looking: what is registered, by id and by what was registered, and numbers about it. */
#include "registry.h"

#include <stdlib.h>

/* ----------------------------------------------------------------------------------------- finding */

/* Bound methods are made anew at each access, so they are equal rather than the same. Allocates
 * nothing: the list of bindings must not change under the loop that asks. */
static bool is_subject(const py_binding *binding, PyObject *subject)
{
    PyObject *target = binding->target;
    if (binding->kind == BINDING_PANIC || target == NULL) return false;
    if (binding->kind == BINDING_CALL && binding->function != NULL) target = binding->function;
    if (target == subject) return true;
    if (binding->kind == BINDING_WEAK || binding->kind == BINDING_WEAK_METHOD) {
        PyObject *object = weak_target(target);
        Py_XDECREF(object); /* somebody else keeps it */
        return object != NULL &&
               (binding->kind == BINDING_WEAK ? object == subject
                                              : PyMethod_Check(subject) && PyMethod_GET_SELF(subject) == object &&
                                                    PyMethod_GET_FUNCTION(subject) == binding->function);
    }
    if (PyMethod_Check(subject) && PyMethod_Check(target))
        return PyMethod_GET_FUNCTION(subject) == PyMethod_GET_FUNCTION(target) &&
               PyMethod_GET_SELF(subject) == PyMethod_GET_SELF(target);
    return PyCFunction_Check(subject) && PyCFunction_Check(target) &&
           PyCFunction_GET_FUNCTION(subject) == PyCFunction_GET_FUNCTION(target) &&
           PyCFunction_GET_SELF(subject) == PyCFunction_GET_SELF(target);
}

static int find_subject(py_registry *self, PyObject *subject, tally_handler_id *id)
{
    int found = 0;
    if (registry_handle(self) == NULL) return -1;
    for (py_binding *binding = self->bindings; binding != NULL; binding = binding->next) {
        int32_t live = 0;
        if (!is_subject(binding, subject) ||
            tally_registry_contains(self->handle, binding->id, &live, NULL) != TALLY_OK || !live)
            continue;
        *id = binding->id;
        if (++found > 1) {
            (void)error_raise_text(self->state, TALLY_E_EXISTS,
                                   "%R is registered more than once; say which by the id that register returned",
                                   subject);
            return -1;
        }
    }
    return found;
}

int registry_find(py_registry *self, PyObject *subject, tally_handler_id *id)
{
    tally_handler native;
    void *data;
    bool quick;
    if (handler_id_get(self->state, subject, id)) return registry_handle(self) == NULL ? -1 : 1;
    int is_native = PyCallable_Check(subject) ? 1 : native_describe(self->state, subject, &native, &data, &quick);
    if (is_native == 0)
        PyErr_Format(PyExc_TypeError, "what was registered or its id is needed, not %.100s", Py_TYPE(subject)->tp_name);
    return is_native <= 0 ? -1 : find_subject(self, subject, id);
}

PyObject *registry_find_method(py_registry *self, PyObject *subject)
{
    tally_handler_id id;
    int found = registry_find(self, subject, &id);
    if (found <= 0) return found < 0 ? NULL : Py_NewRef(Py_None);
    return handler_id_new(self->state, id);
}

int registry_contains(PyObject *object, PyObject *subject)
{
    py_registry *self = (py_registry *)object;
    tally_handler_id id;
    if (!handler_id_get(self->state, subject, &id)) return registry_find(self, subject, &id);
    int32_t contains = 0;
    tally_error error;
    tally_status status = tally_registry_contains(self->handle, id, &contains, &error);
    if (status != TALLY_OK) {
        (void)registry_error(self, status, &error);
        return -1;
    }
    return contains;
}

PyObject *registry_contains_method(py_registry *self, PyObject *subject)
{
    int contains = registry_contains((PyObject *)self, subject);
    return contains < 0 ? NULL : PyBool_FromLong(contains);
}

/* ----------------------------------------------------------------------------------------- listing */

static int by_address(const void *left, const void *right)
{
    const py_binding *const *a = left, *const *b = right;
    return (*a > *b) - (*a < *b);
}

/* Our bindings, sorted: the user_data of a row is looked up in it, since any C code may register. */
static py_binding **sorted_bindings(py_registry *self, size_t *count)
{
    *count = 0;
    for (py_binding *binding = self->bindings; binding != NULL; binding = binding->next) (*count)++;
    py_binding **sorted = PyMem_New(py_binding *, *count + 1);
    size_t index = 0;
    for (py_binding *binding = self->bindings; sorted != NULL && binding != NULL; binding = binding->next)
        sorted[index++] = binding;
    if (sorted != NULL) qsort(sorted, *count, sizeof *sorted, by_address);
    return sorted;
}

/* For each row a copy of its binding with references of its own, all zero when it is not ours: while
 * Python objects are made, the collector may run and bindings may go. */
static py_binding *bindings_of_rows(py_registry *self, const tally_handler_info *rows, size_t count)
{
    size_t known = 0;
    py_binding **sorted = sorted_bindings(self, &known);
    py_binding *copies = sorted == NULL ? NULL : PyMem_Calloc(count + 1, sizeof *copies);
    for (size_t index = 0; copies != NULL && index < count; index++) {
        const py_binding *wanted = rows[index].user_data;
        py_binding **found = bsearch(&wanted, sorted, known, sizeof *sorted, by_address);
        if (found == NULL) continue;
        copies[index] = **found;
        Py_XINCREF(copies[index].target);
        Py_XINCREF(copies[index].function);
        Py_XINCREF(copies[index].kinds);
    }
    PyMem_Free(sorted);
    if (copies == NULL) PyErr_NoMemory();
    return copies;
}

static PyObject *count_or_none(uint64_t count)
{
    return count == TALLY_COUNT_UNKNOWN ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(count);
}

static PyObject *info_row(module_state *state, const tally_handler_info *info, const py_binding *binding)
{
    bool weak = binding->kind == BINDING_WEAK || binding->kind == BINDING_WEAK_METHOD;
    return record_new(
        state, TYPE_HANDLER_INFO, handler_id_new(state, info->id),
        info->name_length == 0 ? Py_NewRef(Py_None)
                               : PyUnicode_DecodeUTF8(info->name, (Py_ssize_t)info->name_length, "replace"),
        binding_subject(binding), PyLong_FromLong(info->priority),
        Py_NewRef(binding->kinds != NULL ? binding->kinds : Py_None), PyBool_FromLong(info->flags & TALLY_HANDLER_ONCE),
        PyBool_FromLong(weak), PyLong_FromUnsignedLongLong(info->failed), PyLong_FromLong(info->last_code),
        PyUnicode_DecodeUTF8(info->last_message, (Py_ssize_t)info->last_message_length, "replace"),
        count_or_none(info->fired), count_or_none(info->latency_total_ns), count_or_none(info->latency_max_ns));
}

/* Rows of the core, as many as there are: the list may grow between asking and taking. */
static tally_handler_info *core_rows(py_registry *self, size_t *count)
{
    tally_handler_info *rows = NULL;
    tally_error error;
    tally_status status = tally_registry_handlers(self->handle, NULL, 0, count, &error);
    while (status == TALLY_OK || status == TALLY_E_SPACE) {
        size_t capacity = *count + 8;
        PyMem_Free(rows);
        rows = PyMem_New(tally_handler_info, capacity);
        if (rows == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        status = tally_registry_handlers(self->handle, rows, capacity, count, &error);
        if (status == TALLY_OK) return rows;
    }
    PyMem_Free(rows);
    (void)registry_error(self, status, &error);
    return NULL;
}

uint64_t *registry_order(py_registry *self, size_t *count)
{
    tally_handler_info *rows = core_rows(self, count);
    uint64_t *order = rows == NULL ? NULL : PyMem_New(uint64_t, *count + 1);
    if (rows != NULL && order == NULL) PyErr_NoMemory();
    for (size_t index = 0; order != NULL && index < *count; index++) order[index] = rows[index].id.handler;
    PyMem_Free(rows);
    return order;
}

PyObject *registry_handlers(py_registry *self, PyObject *unused)
{
    (void)unused;
    size_t count = 0;
    tally_handler_info *rows = core_rows(self, &count);
    py_binding *copies = rows == NULL ? NULL : bindings_of_rows(self, rows, count);
    PyObject *list = copies == NULL ? NULL : PyList_New(0);
    for (size_t index = 0; copies != NULL && index < count; index++) {
        PyObject *row = list == NULL ? NULL : info_row(self->state, &rows[index], &copies[index]);
        if (row == NULL || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
        Py_XDECREF(copies[index].target);
        Py_XDECREF(copies[index].function);
        Py_XDECREF(copies[index].kinds);
    }
    PyMem_Free(copies);
    PyMem_Free(rows);
    return list;
}

PyObject *registry_statistics(py_registry *self, PyObject *unused)
{
    (void)unused;
    tally_registry_statistics numbers = {.size = sizeof numbers};
    tally_error error;
    tally_status status = tally_registry_statistics_get(self->handle, &numbers, &error);
    if (status != TALLY_OK) return registry_error(self, status, &error);
    return record_new(
        self->state, TYPE_STATISTICS, PyLong_FromUnsignedLongLong(numbers.handlers),
        PyLong_FromUnsignedLongLong(numbers.unreported), PyLong_FromUnsignedLongLong(numbers.panics_failed),
        PyLong_FromUnsignedLongLong(numbers.memory_bytes), PyLong_FromUnsignedLongLong(numbers.retired_bytes),
        PyLong_FromUnsignedLongLong(numbers.retired_handlers), PyLong_FromUnsignedLongLong(numbers.mutes));
}
