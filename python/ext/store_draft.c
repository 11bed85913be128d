/* Drafts: from the values of append to what the core takes. Everything that is borrowed is kept, so that
 * the core can read it without the GIL; bytes that may change are copied. */
#include "store_shim.h"

/* tally_draft.reserved until drafts_settle: `data` is an offset into the buffer. */
#define DATA_IS_OFFSET 1u

void drafts_begin(draft_set *set)
{
    set->drafts = &set->one;
    set->count = 0;
    set->data_bytes = 0;
    set->texts = set->few_texts;
    set->text_count = 0;
    set->text_capacity = sizeof set->few_texts / sizeof *set->few_texts;
    set->kept = set->few_kept;
    set->kept_count = 0;
    set->kept_capacity = sizeof set->few_kept / sizeof *set->few_kept;
    bytes_begin(&set->buffer);
}

void drafts_end(draft_set *set)
{
    for (size_t index = 0; index < set->kept_count; index++) Py_DECREF(set->kept[index]);
    if (set->kept != set->few_kept) PyMem_Free(set->kept);
    if (set->texts != set->few_texts) PyMem_Free(set->texts);
    if (set->drafts != &set->one) PyMem_Free(set->drafts);
    bytes_end(&set->buffer);
}

/* An array that doubles; the first one lives in the set. */
static void *grow(void *array, const void *few, size_t count, size_t *capacity, size_t item)
{
    size_t doubled = *capacity * 2;
    void *grown = PyMem_Realloc(array == few ? NULL : array, doubled * item);
    if (grown == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (array == few) memcpy(grown, few, count * item);
    *capacity = doubled;
    return grown;
}

/* Steals the reference, also when it fails. */
static int keep(draft_set *set, PyObject *object)
{
    if (set->kept_count == set->kept_capacity) {
        void *grown = grow(set->kept, set->few_kept, set->kept_count, &set->kept_capacity, sizeof *set->kept);
        if (grown == NULL) {
            Py_DECREF(object);
            return -1;
        }
        set->kept = grown;
    }
    set->kept[set->kept_count++] = object;
    return 0;
}

/* ------------------------------------------------------------------------------------------- data */

static int copy_buffer(draft_set *set, tally_draft *draft, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) return -1;
    draft->data = (const void *)(uintptr_t)set->buffer.length;
    draft->length = (size_t)view.len;
    draft->reserved = DATA_IS_OFFSET;
    int status = bytes_put(&set->buffer, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return status;
}

static int encode_json(module_state *state, draft_set *set, tally_draft *draft, PyObject *data)
{
    size_t before = set->buffer.length;
    if (json_put(state, data, &set->buffer) < 0) return -1;
    draft->data = (const void *)(uintptr_t)before;
    draft->length = set->buffer.length - before;
    draft->reserved = DATA_IS_OFFSET;
    return 0;
}

static int encode_text(module_state *state, tally_draft *draft, PyObject *data)
{
    tally_text text;
    if (value_text(state, "data", data, &text) < 0) return -1;
    draft->data = text.bytes;
    draft->length = text.length;
    return 0;
}

static int encode_with(module_state *state, PyObject *codec, draft_set *set, tally_draft *draft, PyObject *data)
{
    PyObject *made = PyObject_CallOneArg(PyTuple_GET_ITEM(codec, 0), data);
    if (made == NULL) return -1;
    int status = PyUnicode_Check(made) ? encode_text(state, draft, made) : 0;
    if (PyBytes_Check(made)) {
        draft->data = PyBytes_AS_STRING(made);
        draft->length = (size_t)PyBytes_GET_SIZE(made);
    } else if (!PyUnicode_Check(made)) {
        status = copy_buffer(set, draft, made);
    }
    if (keep(set, made) < 0) return -1;
    return status;
}

static bool is_bytes_like(PyObject *data)
{
    return PyBytes_Check(data) || PyByteArray_Check(data) || PyMemoryView_Check(data);
}

static int add_bytes(draft_set *set, tally_draft *draft, PyObject *data)
{
    if (draft->content_type.length == 0) draft->content_type = (tally_text){"application/octet-stream", 24};
    if (!PyBytes_Check(data)) return copy_buffer(set, draft, data);
    draft->data = PyBytes_AS_STRING(data);
    draft->length = (size_t)PyBytes_GET_SIZE(data);
    return 0;
}

/* Bytes as they are; everything else as its content type says, which is the codec's or JSON. */
static int add_data(draft_set *set, py_store *store, tally_draft *draft, PyObject *data)
{
    if (data == NULL || data == Py_None) return 0;
    if (is_bytes_like(data)) return add_bytes(set, draft, data);
    if (draft->content_type.length == 0)
        draft->content_type =
            store->codec != NULL ? codec_content_type(store->codec) : (tally_text){"application/json", 16};
    switch (form_of(store->codec, draft->content_type)) {
    case FORM_CODEC: return encode_with(store->state, store->codec, set, draft, data);
    case FORM_JSON: return encode_json(store->state, set, draft, data);
    case FORM_TEXT: return encode_text(store->state, draft, data);
    default: break;
    }
    PyErr_Format(PyExc_TypeError, "data of content type '%.*s' is given as bytes, not as %.100s",
                 (int)draft->content_type.length, draft->content_type.bytes, Py_TYPE(data)->tp_name);
    return -1;
}

/* ------------------------------------------------------------------------------------ other members */

static int add_tags(draft_set *set, module_state *state, tally_draft *draft, PyObject *value)
{
    if (value == NULL || value == Py_None) return 0;
    PyObject *tags = value_texts("tags", value);
    if (tags == NULL || keep(set, tags) < 0) return -1;
    draft->tags = (const tally_text *)(uintptr_t)set->text_count;
    draft->tag_count = (size_t)PyTuple_GET_SIZE(tags);
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(tags); index++) {
        if (set->text_count == set->text_capacity) {
            void *grown = grow(set->texts, set->few_texts, set->text_count, &set->text_capacity, sizeof *set->texts);
            if (grown == NULL) return -1;
            set->texts = grown;
        }
        if (value_text(state, "a tag", PyTuple_GET_ITEM(tags, index), &set->texts[set->text_count++]) < 0) return -1;
    }
    return 0;
}

static int add_key(module_state *state, tally_draft *draft, PyObject *value)
{
    if (value == NULL || value == Py_None) return 0;
    if (!PyBytes_Check(value)) {
        if (PyUnicode_Check(value)) return value_text(state, "key", value, &draft->idempotency_key);
        PyErr_Format(PyExc_TypeError, "key is a text or bytes, not %.100s", Py_TYPE(value)->tp_name);
        return -1;
    }
    draft->idempotency_key = (tally_text){PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)};
    return 0;
}

/* An Event that caused this one also says what belongs together; a number is an earlier event of the batch. */
static int add_cause(draft_set *set, module_state *state, tally_draft *draft, PyObject *value)
{
    if (value == NULL || value == Py_None) return 0;
    if (PyLong_Check(value) && !PyBool_Check(value)) {
        int64_t index = 0;
        if (set->count == 0) {
            (void)error_raise_text(state, TALLY_E_RANGE, "causation as a number is an earlier event of the batch");
            return -1;
        }
        if (argument_integer(state, "causation", value, 0, (int64_t)set->count - 1, &index) < 0) return -1;
        draft->cause_index = (uint32_t)index;
        draft->flags |= TALLY_DRAFT_CAUSE_IN_BATCH;
        return 0;
    }
    if (Py_IS_TYPE(value, state->store->types[STORE_EVENT]) && uuid_is_zero(&draft->correlation))
        draft->correlation = ((py_event *)value)->correlation;
    return value_uuid(state, "causation", value, &draft->causation);
}

static int add_rest(draft_set *set, module_state *state, tally_draft *draft, PyObject *const *values)
{
    int64_t schema = 0;
    if (value_uuid(state, "id", values[DRAFT_ID], &draft->id) < 0 ||
        value_uuid(state, "correlation", values[DRAFT_CORRELATION], &draft->correlation) < 0 ||
        add_cause(set, state, draft, values[DRAFT_CAUSATION]) < 0 ||
        value_time(state, "occurred", values[DRAFT_OCCURRED], &draft->occurred_us) < 0 ||
        argument_integer(state, "schema", values[DRAFT_SCHEMA], 0, UINT32_MAX, &schema) < 0 ||
        add_key(state, draft, values[DRAFT_KEY]) < 0 ||
        value_optional_text(state, "subject", values[DRAFT_SUBJECT], &draft->subject) < 0 ||
        add_tags(set, state, draft, values[DRAFT_TAGS]) < 0)
        return -1;
    if (values[DRAFT_OCCURRED] != NULL && values[DRAFT_OCCURRED] != Py_None) draft->flags |= TALLY_DRAFT_OCCURRED;
    draft->schema_version = (uint32_t)schema;
    return 0;
}

int drafts_add(draft_set *set, py_store *store, PyObject *const *values)
{
    tally_draft *draft = &set->drafts[set->count];
    memset(draft, 0, sizeof *draft);
    draft->size = sizeof *draft;
    if (value_text(store->state, "stream", values[DRAFT_STREAM], &draft->stream) < 0 ||
        value_text(store->state, "type", values[DRAFT_TYPE], &draft->type) < 0 ||
        value_optional_text(store->state, "content_type", values[DRAFT_CONTENT_TYPE], &draft->content_type) < 0)
        return -1;
    for (int value = DRAFT_TAGS; value < DRAFT_CONTENT_TYPE; value++) {
        if (values[value] == NULL) continue;
        if (add_rest(set, store->state, draft, values) < 0) return -1;
        break;
    }
    if (add_data(set, store, draft, values[DRAFT_DATA]) < 0) return -1;
    set->data_bytes += draft->length;
    set->count++;
    return 0;
}

void drafts_settle(draft_set *set)
{
    for (size_t index = 0; index < set->count; index++) {
        tally_draft *draft = &set->drafts[index];
        if (draft->reserved == DATA_IS_OFFSET) draft->data = set->buffer.bytes + (uintptr_t)draft->data;
        draft->reserved = 0;
        if (draft->tag_count != 0) draft->tags = set->texts + (uintptr_t)draft->tags;
    }
}

/* -------------------------------------------------------------------------------------- many events */

/* Puts the values of a mapping in their places. */
static int values_from_mapping(module_state *state, draft_set *set, PyObject *event, PyObject **values)
{
    static const char *const names[] = {"stream",    "type",     "data",   "tags", "subject",      "id", "correlation",
                                        "causation", "occurred", "schema", "key",  "content_type", NULL};
    static const py_signature signature = {"append_many", 2, 0, names};
    PyObject *copy = PyDict_Copy(event), *none = copy == NULL ? NULL : PyTuple_New(0);
    if (copy != NULL && keep(set, copy) < 0) copy = NULL;
    int status = copy == NULL || none == NULL ? -1 : arguments_tuple(state, &signature, none, copy, values);
    Py_XDECREF(none);
    return status;
}

static int values_from(module_state *state, draft_set *set, PyObject *event, PyObject **values)
{
    memset(values, 0, DRAFT_VALUES * sizeof *values);
    if (PyDict_Check(event)) return values_from_mapping(state, set, event, values);
    if (!PyTuple_Check(event) && !PyList_Check(event)) {
        PyErr_Format(PyExc_TypeError, "event %zu is a tuple (stream, type, data) or a dict, not %.100s", set->count,
                     Py_TYPE(event)->tp_name);
        return -1;
    }
    PyObject *tuple = PySequence_Tuple(event); /* itself when it is one: its members stay */
    if (tuple == NULL || keep(set, tuple) < 0) return -1;
    Py_ssize_t length = PyTuple_GET_SIZE(tuple);
    if (length != 2 && length != 3) {
        PyErr_Format(PyExc_TypeError, "event %zu is (stream, type) or (stream, type, data), not %zd values", set->count,
                     length);
        return -1;
    }
    for (Py_ssize_t index = 0; index < length; index++) values[index] = PyTuple_GET_ITEM(tuple, index);
    return 0;
}

int drafts_add_all(draft_set *set, py_store *store, PyObject *events)
{
    PyObject *all = PySequence_Tuple(events);
    if (all == NULL || keep(set, all) < 0) return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(all);
    if (count == 0 || count > (Py_ssize_t)TALLY_BATCH_MAX) {
        (void)error_raise_text(store->state, TALLY_E_LENGTH, "a batch has 1 to %u events, not %zd", TALLY_BATCH_MAX,
                               count);
        return -1;
    }
    if ((set->drafts = PyMem_New(tally_draft, (size_t)count)) == NULL) {
        set->drafts = &set->one;
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *values[DRAFT_VALUES];
        if (values_from(store->state, set, PyTuple_GET_ITEM(all, index), values) < 0 ||
            drafts_add(set, store, values) < 0)
            return -1;
    }
    return 0;
}
