/* append and append_many: the hot paths. */
#include "store_shim.h"

const char *const append_names[APPEND_VALUES + 1] = {[DRAFT_STREAM] = "stream",
                                                     [DRAFT_TYPE] = "type",
                                                     [DRAFT_DATA] = "data",
                                                     [DRAFT_TAGS] = "tags",
                                                     [DRAFT_SUBJECT] = "subject",
                                                     [DRAFT_ID] = "id",
                                                     [DRAFT_CORRELATION] = "correlation",
                                                     [DRAFT_CAUSATION] = "causation",
                                                     [DRAFT_OCCURRED] = "occurred",
                                                     [DRAFT_SCHEMA] = "schema",
                                                     [DRAFT_KEY] = "key",
                                                     [DRAFT_CONTENT_TYPE] = "content_type",
                                                     [APPEND_EXPECT] = "expect",
                                                     [APPEND_CONDITIONS] = "conditions",
                                                     [APPEND_DURABILITY] = "durability"};

/* Names that the compiler interned are found by their address; true when all were. */
static bool place_interned(store_state *store, PyObject *const *named, PyObject *kwnames, PyObject **values)
{
    Py_ssize_t count = PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, index);
        int value = APPEND_VALUES;
        while (--value >= 0 && store->names[value] != name) continue;
        if (value < 0 || values[value] != NULL) return false;
        values[value] = named[index];
    }
    return true;
}

int append_arguments(py_store *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **values)
{
    static const py_signature signature = {"append", 2, 3, append_names};
    if (LIKELY(nargs >= 2 && nargs <= 3)) {
        memset(values, 0, APPEND_VALUES * sizeof *values);
        for (Py_ssize_t index = 0; index < nargs; index++) values[index] = args[index];
        if (kwnames == NULL || place_interned(self->types, args + nargs, kwnames, values)) return 0;
    }
    return arguments_vector(self->state, &signature, args, nargs, kwnames, values);
}

/* A buffered append of little data takes less time than giving the GIL up, as long as nobody is waited
 * for. Gates would be asked twice, so there the first try is the only one. */
static bool may_try(py_store *self, const draft_set *set, const append_terms *terms)
{
    return terms->options.durability == TALLY_BUFFERED && set->data_bytes <= QUIET_BYTES && set->drafts == &set->one &&
           self->gates == NULL;
}

static tally_status append_without_gil(tally_store *handle, const draft_set *set, const append_terms *terms,
                                       tally_receipt *receipts, tally_error *error)
{
    void *token = gil_leave(NULL);
    tally_status status =
        set->drafts == &set->one
            ? tally_store_append(handle, set->drafts, &terms->options, receipts, error)
            : tally_store_append_many(handle, set->drafts, set->count, &terms->options, receipts, error);
    gil_return(NULL, token);
    return status;
}

static tally_status append_drafts(py_store *self, const draft_set *set, append_terms *terms, tally_receipt *receipts,
                                  tally_error *error)
{
    tally_store *handle = self->handle;
    tally_status status = TALLY_E_BUSY;
    hooks_enter();
    if (may_try(self, set, terms)) {
        terms->options.flags = TALLY_APPEND_TRY;
        status = tally_store_append(handle, &set->one, &terms->options, receipts, error);
        terms->options.flags = 0;
    }
    if (status == TALLY_E_BUSY) status = append_without_gil(handle, set, terms, receipts, error);
    hooks_leave();
    return status;
}

STORE_VECTOR_METHOD(store_append)
{
    PyObject *values[APPEND_VALUES];
    append_terms terms;
    draft_set set;
    if (append_arguments(self, args, nargs, kwnames, values) < 0 || store_handle(self) == NULL) return NULL;
    if (terms_begin(&terms, self, values + APPEND_EXPECT) < 0) return NULL;
    drafts_begin(&set);
    PyObject *result = NULL;
    if (drafts_add(&set, self, values) == 0 && store_handle(self) != NULL) {
        tally_receipt receipt;
        tally_error error;
        drafts_settle(&set);
        tally_status status = append_drafts(self, &set, &terms, &receipt, &error);
        if (LIKELY(hooks_answer(self, status, &error) == 0))
            result = receipt_new(self->types, (PyObject *)self, &receipt);
    }
    drafts_end(&set);
    terms_end(&terms);
    return result;
}

/* The core's answer for many: a list of receipts. */
static PyObject *append_all(py_store *self, draft_set *set, append_terms *terms)
{
    tally_receipt *receipts = PyMem_New(tally_receipt, set->count);
    if (receipts == NULL) return PyErr_NoMemory();
    tally_error error;
    PyObject *result = NULL;
    drafts_settle(set);
    tally_status status = append_drafts(self, set, terms, receipts, &error);
    if (hooks_answer(self, status, &error) == 0)
        result = receipts_new(self->types, (PyObject *)self, receipts, set->count);
    PyMem_Free(receipts);
    return result;
}

STORE_VECTOR_METHOD(store_append_many)
{
    static const char *const names[] = {"events", "expect", "conditions", "durability", NULL};
    static const py_signature signature = {"append_many", 1, 1, names};
    PyObject *values[4];
    append_terms terms;
    draft_set set;
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 || store_handle(self) == NULL)
        return NULL;
    if (terms_begin(&terms, self, values + 1) < 0) return NULL;
    drafts_begin(&set);
    PyObject *result = NULL;
    if (drafts_add_all(&set, self, values[0]) == 0 && store_handle(self) != NULL)
        result = append_all(self, &set, &terms);
    drafts_end(&set);
    terms_end(&terms);
    return result;
}
