/* Event: one event as it was read, a copy of what the core lent. Texts, ids and times become Python
 * objects when they are asked for, data is decoded then.
 *
 * The collector does not track events: they are made while the core lends, when nobody's code may run. */
#include "store_shim.h"

#include <structmember.h>

static size_t inside(const char *bytes, tally_text text, size_t length)
{
    return text.bytes >= bytes && text.bytes + text.length <= bytes + length ? 0 : text.length;
}

/* Bytes of texts that are not in the body, which no core known does. */
static size_t outside_body(const tally_event *event)
{
    const char *body = (const char *)event->body;
    size_t length = inside(body, event->stream, event->body_length) + inside(body, event->type, event->body_length) +
                    inside(body, event->content_type, event->body_length);
    for (uint32_t index = 0; index < event->tag_count; index++)
        length += inside(body, event->tags[index], event->body_length);
    return length;
}

typedef struct copying {
    const char *from; /* the lent body */
    const char *to;
    size_t length;
    char *rest; /* where other texts go */
} copying;

static tally_text copy_text(copying *copy, tally_text text)
{
    if (text.length == 0) return (tally_text){copy->to, 0};
    if (inside(copy->from, text, copy->length) == 0)
        return (tally_text){copy->to + (text.bytes - copy->from), text.length};
    char *to = copy->rest;
    memcpy(to, text.bytes, text.length);
    copy->rest += text.length;
    return (tally_text){to, text.length};
}

static void copy_facts(py_event *self, const tally_event *event)
{
    self->position = event->position;
    self->version = event->version;
    self->time_us = event->time_us;
    self->occurred_us = event->occurred_us;
    self->time_logical = event->time_logical;
    self->schema_version = event->schema_version;
    self->flags = event->flags;
    self->data_state = event->data_state;
    self->batch_index = event->batch_index;
    self->batch_count = event->batch_count;
    self->id = event->id;
    self->correlation = event->correlation;
    self->causation = event->causation;
    self->tag_count = event->tag_count;
    self->body_length = event->body_length;
    self->data_length = event->data == NULL ? 0 : event->length;
}

/* tags | core | body | texts outside of it | data */
static void copy_bytes(py_event *self, const tally_event *event, size_t outside)
{
    tally_text *tags = (tally_text *)(void *)self->bytes;
    char *core = (char *)(tags + event->tag_count), *body = core + TALLY_CORE_BYTES;
    char *rest = body + event->body_length, *data = rest + outside;
    memcpy(core, event->core, TALLY_CORE_BYTES);
    if (event->body_length != 0) memcpy(body, event->body, event->body_length);
    if (self->data_length != 0) memcpy(data, event->data, self->data_length);
    copying copy = {(const char *)event->body, body, event->body_length, rest};
    self->stream_text = copy_text(&copy, event->stream);
    self->type_text = copy_text(&copy, event->type);
    self->content_type = copy_text(&copy, event->content_type);
    for (uint32_t index = 0; index < event->tag_count; index++) tags[index] = copy_text(&copy, event->tags[index]);
    self->tags = tags;
    self->core = core;
    self->body = body;
    self->data = data;
}

PyObject *event_new(store_state *store, PyObject *codec, const tally_event *event)
{
    size_t outside = outside_body(event);
    size_t length = event->tag_count * sizeof(tally_text) + TALLY_CORE_BYTES + event->body_length + outside +
                    (event->data == NULL ? 0 : event->length);
    py_event *self = PyObject_NewVar(py_event, store->types[STORE_EVENT], (Py_ssize_t)length);
    if (self == NULL) return NULL;
    self->codec = Py_XNewRef(codec);
    self->stream = self->type = self->decoded = NULL;
    copy_facts(self, event);
    copy_bytes(self, event, outside);
    return (PyObject *)self;
}

static void event_dealloc(py_event *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->codec);
    Py_XDECREF(self->stream);
    Py_XDECREF(self->type);
    Py_XDECREF(self->decoded);
    PyObject_Free(self);
    Py_DECREF(type);
}

static module_state *state_of(py_event *self) { return PyType_GetModuleState(Py_TYPE(self)); }

/* ------------------------------------------------------------------------------------------- members */

static PyObject *cached(PyObject **cache, tally_text text)
{
    if (*cache == NULL) {
        PyObject *made = text_object(text);
        if (made == NULL) return NULL;
        PyUnicode_InternInPlace(&made); /* few streams and types, many events */
        Py_XSETREF(*cache, made);
    }
    return Py_NewRef(*cache);
}

static PyObject *event_stream(py_event *self, void *unused)
{
    (void)unused;
    return cached(&self->stream, self->stream_text);
}

static PyObject *event_type(py_event *self, void *unused)
{
    (void)unused;
    return cached(&self->type, self->type_text);
}

static PyObject *event_content_type(py_event *self, void *unused)
{
    (void)unused;
    return text_object(self->content_type);
}

/* Damaged data are not lent by the core, so empty bytes would be a lie. */
static int refuse_damaged(py_event *self)
{
    if (LIKELY(self->data_state != TALLY_DATA_DAMAGED)) return 0;
    (void)error_raise_text(state_of(self), TALLY_E_DAMAGED,
                           "the data of event %llu is damaged; the rest of it is whole",
                           (unsigned long long)self->position);
    return -1;
}

static PyObject *event_raw(py_event *self, void *unused)
{
    (void)unused;
    return refuse_damaged(self) < 0 ? NULL : PyBytes_FromStringAndSize(self->data, (Py_ssize_t)self->data_length);
}

static const char *const data_states[] = {[TALLY_DATA_READABLE] = "readable",
                                          [TALLY_DATA_SHREDDED] = "shredded",
                                          [TALLY_DATA_KEY_MISSING] = "key missing",
                                          [TALLY_DATA_DAMAGED] = "damaged"};

static PyObject *event_data_state(py_event *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(self->data_state <= TALLY_DATA_DAMAGED ? data_states[self->data_state] : "unknown");
}

static PyObject *event_data(py_event *self, void *unused)
{
    (void)unused;
    if (self->decoded == NULL) {
        if (refuse_damaged(self) < 0) return NULL;
        PyObject *made =
            self->data_state != TALLY_DATA_READABLE
                ? Py_NewRef(Py_None)
                : data_decode(state_of(self), self->codec, self->content_type, self->data, self->data_length);
        if (made == NULL) return NULL;
        Py_XSETREF(self->decoded, made);
    }
    return Py_NewRef(self->decoded);
}

static PyObject *event_tags(py_event *self, void *unused)
{
    (void)unused;
    PyObject *tags = PyTuple_New(self->tag_count);
    for (uint32_t index = 0; tags != NULL && index < self->tag_count; index++) {
        PyObject *tag = text_object(self->tags[index]);
        if (tag == NULL) Py_CLEAR(tags);
        else PyTuple_SET_ITEM(tags, index, tag);
    }
    return tags;
}

static PyObject *event_id(py_event *self, void *unused)
{
    (void)unused;
    return uuid_object(state_of(self), &self->id);
}

static PyObject *event_correlation(py_event *self, void *unused)
{
    (void)unused;
    return uuid_or_none(state_of(self), &self->correlation);
}

static PyObject *event_causation(py_event *self, void *unused)
{
    (void)unused;
    return uuid_or_none(state_of(self), &self->causation);
}

static PyObject *event_time(py_event *self, void *unused)
{
    (void)unused;
    return time_object(state_of(self), self->time_us);
}

static PyObject *event_occurred(py_event *self, void *unused)
{
    (void)unused;
    if (!(self->flags & TALLY_EVENT_OCCURRED)) Py_RETURN_NONE;
    return time_object(state_of(self), self->occurred_us);
}

static PyObject *event_occurred_us(py_event *self, void *unused)
{
    (void)unused;
    if (!(self->flags & TALLY_EVENT_OCCURRED)) Py_RETURN_NONE;
    return PyLong_FromLongLong(self->occurred_us);
}

static PyObject *event_is_system(py_event *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->flags & TALLY_EVENT_SYSTEM);
}

static PyObject *event_core(py_event *self, void *unused)
{
    (void)unused;
    return PyBytes_FromStringAndSize(self->core, TALLY_CORE_BYTES);
}

static PyObject *event_body(py_event *self, void *unused)
{
    (void)unused;
    return PyBytes_FromStringAndSize(self->body, (Py_ssize_t)self->body_length);
}

static PyObject *event_own_hash(py_event *self, void *unused)
{
    (void)unused;
    tally_hash hash;
    tally_event event = {
        .core = (const uint8_t *)self->core, .body = (const uint8_t *)self->body, .body_length = self->body_length};
    tally_status status = tally_event_hash(&event, &hash);
    if (status != TALLY_OK) return error_raise(state_of(self), status, NULL);
    return PyBytes_FromStringAndSize((const char *)hash.bytes, sizeof hash.bytes);
}

/* ---------------------------------------------------------------------------------------------- type */

static PyObject *event_repr(py_event *self)
{
    PyObject *stream = event_stream(self, NULL), *type = stream == NULL ? NULL : event_type(self, NULL);
    PyObject *text =
        type == NULL ? NULL
                     : PyUnicode_FromFormat("<Event %llu, %R of %R version %llu>", (unsigned long long)self->position,
                                            type, stream, (unsigned long long)self->version);
    Py_XDECREF(stream);
    Py_XDECREF(type);
    return text;
}

static Py_hash_t event_hash(py_event *self)
{
    Py_hash_t hash;
    memcpy(&hash, self->id.bytes + sizeof self->id.bytes - sizeof hash, sizeof hash); /* its random end */
    return hash == -1 ? -2 : hash;
}

/* The core says the position and the digests of all the rest. */
static PyObject *event_compare(py_event *self, py_event *other, int operation)
{
    if (!Py_IS_TYPE(other, Py_TYPE(self)) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    bool same = memcmp(self->core, other->core, TALLY_CORE_BYTES) == 0;
    return PyBool_FromLong(same == (operation == Py_EQ));
}

/* It never changes: a copy is the same one. */
static PyObject *event_copy(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyMethodDef event_methods[] = {
    {"__copy__", event_copy, METH_NOARGS, NULL}, {"__deepcopy__", event_copy, METH_O, NULL}, {NULL, NULL, 0, NULL}};

#define GET(name, function)                        \
    {                                              \
        name, (getter)(function), NULL, NULL, NULL \
    }

static PyGetSetDef event_getset[] = {GET("stream", event_stream),
                                     GET("type", event_type),
                                     GET("data", event_data),
                                     GET("raw", event_raw),
                                     GET("content_type", event_content_type),
                                     GET("data_state", event_data_state),
                                     GET("tags", event_tags),
                                     GET("id", event_id),
                                     GET("correlation", event_correlation),
                                     GET("causation", event_causation),
                                     GET("time", event_time),
                                     GET("occurred", event_occurred),
                                     GET("occurred_us", event_occurred_us),
                                     GET("is_system", event_is_system),
                                     GET("hash", event_own_hash),
                                     GET("core", event_core),
                                     GET("body", event_body),
                                     {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef event_members[] = {
    {"position", T_ULONGLONG, offsetof(py_event, position), READONLY, NULL},
    {"version", T_ULONGLONG, offsetof(py_event, version), READONLY, NULL},
    {"time_us", T_LONGLONG, offsetof(py_event, time_us), READONLY, NULL},
    {"logical", T_UINT, offsetof(py_event, time_logical), READONLY, NULL},
    {"schema", T_UINT, offsetof(py_event, schema_version), READONLY, NULL},
    {"batch_index", T_UINT, offsetof(py_event, batch_index), READONLY, NULL},
    {"batch_count", T_UINT, offsetof(py_event, batch_count), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_dealloc, event_dealloc},
    {Py_tp_repr, event_repr},
    {Py_tp_hash, event_hash},
    {Py_tp_richcompare, event_compare},
    {Py_tp_methods, event_methods},
    {Py_tp_getset, event_getset},
    {Py_tp_members, event_members},
    {Py_tp_doc, "One event of a store. See _core.pyi."},
    {0, NULL},
};

PyType_Spec event_spec = {
    .name = "tallystick.Event",
    .basicsize = (int)offsetof(py_event, bytes),
    .itemsize = 1,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = event_slots,
};
