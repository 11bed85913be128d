/* What the files of the store's half of the shim share; registry.h is the other half.
 *
 * Lifetimes. A Store object owns one core store. Readers and completions own references to the Store, so
 * it outlives them. Handlers and gates reach it through a *bridge*, which the core may keep longer than
 * the Store lives: the bridge then leads nowhere.
 *
 * The GIL is released around each core call that can wait or that hashes more than QUIET_BYTES. What a
 * reader lends is copied before the GIL is given away again; close waits for that (py_store.lending).
 *
 * Events are not seen by the garbage collector, so that making one never runs anybody's code. */
#ifndef TALLYSTICK_STORE_SHIM_H
#define TALLYSTICK_STORE_SHIM_H

#include "registry.h"

/* Data that is hashed with the GIL held: giving it up costs as much. */
#define QUIET_BYTES 4096
/* The longest that a wait goes without looking for Ctrl-C. */
#define SLICE_MS 50u

enum store_type {
    STORE_STORE,
    STORE_EVENT,
    STORE_RECEIPT,
    STORE_READER,
    STORE_COMPLETIONS,
    STORE_WATERMARKS, /* from here on: struct sequences, see store_records.c */
    STORE_HEAD,
    STORE_LISTED,
    STORE_INFO,
    STORE_RECOVERY,
    STORE_STATISTICS,
    STORE_TYPES
};

/* One event to append, as values in this order; the names of append's parameters. */
enum draft_value {
    DRAFT_STREAM,
    DRAFT_TYPE,
    DRAFT_DATA,
    DRAFT_TAGS,
    DRAFT_SUBJECT,
    DRAFT_ID,
    DRAFT_CORRELATION,
    DRAFT_CAUSATION,
    DRAFT_OCCURRED,
    DRAFT_SCHEMA,
    DRAFT_KEY,
    DRAFT_CONTENT_TYPE,
    DRAFT_VALUES,
    APPEND_EXPECT = DRAFT_VALUES,
    APPEND_CONDITIONS,
    APPEND_DURABILITY,
    APPEND_VALUES
};

typedef struct store_state {
    PyTypeObject *types[STORE_TYPES];
    PyObject *names[APPEND_VALUES]; /* of append's parameters, interned */
    PyObject *levels[TALLY_DURABLE + 1];
    PyObject *uuid;  /* uuid.UUID, once it is needed */
    PyObject *epoch; /* 1970 as an aware datetime */
} store_state;

/* -------------------------------------------------------------------------------- store_module.c */

int store_ready(PyObject *module, module_state *state);
int store_traverse_state(const store_state *store, visitproc visit, void *arg);
void store_clear_state(store_state *store);

/* --------------------------------------------------------------------------------- store_bytes.c */

/* A growing byte string; small ones live on the stack. */
typedef struct store_bytes {
    char *bytes;
    size_t length;
    size_t capacity;
    char few[1024];
} store_bytes;

static inline void bytes_begin(store_bytes *self)
{
    self->bytes = self->few;
    self->length = 0;
    self->capacity = sizeof self->few;
}

/* Room for `more` bytes behind the end: where they go, or NULL with MemoryError. */
char *bytes_grow(store_bytes *self, size_t more);
void bytes_end(store_bytes *self);

static inline char *bytes_room(store_bytes *self, size_t more)
{
    return LIKELY(self->capacity - self->length >= more) ? self->bytes + self->length : bytes_grow(self, more);
}

static inline int bytes_put(store_bytes *self, const void *from, size_t length)
{
    char *to = bytes_room(self, length);
    if (to == NULL) return -1;
    memcpy(to, from, length);
    self->length += length;
    return 0;
}

/* ---------------------------------------------------------------------------------- store_json.c */

/* Appends `value` as compact JSON in UTF-8. 0, or -1 with an exception. */
int json_put(module_state *state, PyObject *value, store_bytes *out);

/* -------------------------------------------------------------------------------- store_values.c */

/* A str as UTF-8, borrowed from it. */
int value_text(module_state *state, const char *name, PyObject *value, tally_text *out);
/* NULL and None leave *out as it is. */
int value_optional_text(module_state *state, const char *name, PyObject *value, tally_text *out);
/* A str or a sequence of str as a tuple (a new reference), NULL with an exception. */
PyObject *value_texts(const char *name, PyObject *value);
/* uuid.UUID, its text, 16 bytes, or an Event or Receipt, whose id is meant. */
int value_uuid(module_state *state, const char *name, PyObject *value, tally_uuid *out);
PyObject *uuid_object(module_state *state, const tally_uuid *id);
PyObject *uuid_or_none(module_state *state, const tally_uuid *id);
/* An aware datetime, or microseconds since 1970. */
int value_time(module_state *state, const char *name, PyObject *value, int64_t *out);
PyObject *time_object(module_state *state, int64_t time_us);
/* An unsigned number below TALLY_POSITION_NONE. */
int value_position(module_state *state, const char *name, PyObject *value, uint64_t *out);
/* The same, or an Event or Receipt, whose position is meant. */
int value_place(module_state *state, const char *name, PyObject *value, uint64_t *out);
/* One of `count` texts: its index. */
int value_choice(module_state *state, const char *name, PyObject *value, const char *const *choices, uint32_t count,
                 uint32_t *out);
int value_level(module_state *state, PyObject *value, uint32_t *out);
/* A path in the system's encoding: a new reference to bytes. */
PyObject *value_path(PyObject *value);
uint64_t monotonic_ms(void);

static inline bool uuid_is_zero(const tally_uuid *id)
{
    uint64_t halves[2];
    memcpy(halves, id, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

static inline PyObject *text_object(tally_text text)
{
    return PyUnicode_DecodeUTF8(text.bytes, (Py_ssize_t)text.length, "replace");
}

/* --------------------------------------------------------------------------------- store_codec.c */

/* (dumps, loads, content_type, content_type in UTF-8), or NULL: bytes, text and JSON only. */
PyObject *codec_from(PyObject *object);

/* How data is encoded, by its content type. */
enum data_form { FORM_BYTES, FORM_JSON, FORM_TEXT, FORM_CODEC };
enum data_form form_of(PyObject *codec, tally_text content_type);
/* The content type of a codec. */
tally_text codec_content_type(PyObject *codec);
/* _decode(codec, content_type, raw) */
PyObject *codec_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
/* What data says, a new reference. */
PyObject *data_decode(module_state *state, PyObject *codec, tally_text content_type, const char *bytes, size_t length);

/* --------------------------------------------------------------------------------- store_draft.c */

/* Drafts on their way into the core, with all that they borrow. */
typedef struct draft_set {
    tally_draft *drafts;
    size_t count;
    size_t data_bytes; /* of all drafts */
    tally_text *texts; /* their tags */
    size_t text_count, text_capacity;
    PyObject **kept; /* references */
    size_t kept_count, kept_capacity;
    store_bytes buffer; /* encoded data */
    tally_draft one;
    tally_text few_texts[16];
    PyObject *few_kept[16];
} draft_set;

struct py_store;

void drafts_begin(draft_set *set);
/* One event from append's values. */
int drafts_add(draft_set *set, struct py_store *store, PyObject *const *values);
/* Many, from an iterable of tuples and mappings. */
int drafts_add_all(draft_set *set, struct py_store *store, PyObject *events);
/* After the last one: makes offsets pointers. */
void drafts_settle(draft_set *set);
void drafts_end(draft_set *set);

/* ----------------------------------------------------------------------------- store_condition.c */

/* What append, append_many and their asynchronous twins take besides the events. */
typedef struct append_terms {
    tally_append_options options;
    tally_expectation one;
    tally_expectation *expectations;
    tally_append_condition *conditions;
    tally_text *texts;
    PyObject *kept; /* list of what is borrowed, or NULL */
} append_terms;

/* From the values of expect, conditions, durability. */
int terms_begin(append_terms *terms, struct py_store *store, PyObject *const *values);
void terms_end(append_terms *terms);

/* --------------------------------------------------------------------------------- store_event.c */

typedef struct py_event {
    PyObject_VAR_HEAD PyObject *codec; /* as in py_store */
    PyObject *stream;                  /* caches, NULL until asked for */
    PyObject *type;
    PyObject *decoded;
    uint64_t position;
    uint64_t version;
    int64_t time_us;
    int64_t occurred_us;
    uint32_t time_logical;
    uint32_t schema_version;
    uint32_t flags;
    uint32_t data_state;
    uint32_t batch_index;
    uint32_t batch_count;
    tally_uuid id;
    tally_uuid correlation;
    tally_uuid causation;
    tally_text stream_text; /* all texts lead into `bytes` */
    tally_text type_text;
    tally_text content_type;
    const tally_text *tags;
    uint32_t tag_count;
    const char *core;
    const char *body;
    size_t body_length;
    const char *data;
    size_t data_length;
    _Alignas(tally_text) char bytes[];
} py_event;

/* A copy of what is lent. Runs no code of anybody. */
PyObject *event_new(store_state *store, PyObject *codec, const tally_event *event);

typedef struct py_receipt {
    PyObject ob_base;
    PyObject *store; /* a weak reference, or NULL: an event loop's, where proof() would block */
    tally_receipt receipt;
} py_receipt;

/* `of` is the Store that proof() asks, or NULL. */
PyObject *receipt_new(store_state *store, PyObject *of, const tally_receipt *receipt);
/* A list of them. */
PyObject *receipts_new(store_state *store, PyObject *of, const tally_receipt *receipts, size_t count);

extern PyType_Spec event_spec, receipt_spec, reader_spec, completions_spec, store_spec;

/* --------------------------------------------------------------------------------- store_hooks.c */

/* How the core finds the Store from its callbacks. */
typedef struct store_bridge {
    _Atomic(size_t) users;
    struct py_store *store; /* under the GIL; NULL once it is gone */
} store_bridge;

store_bridge *bridge_new(struct py_store *store);
void bridge_drop(void *user_data);
/* Around the calls that may run handlers or gates on this thread. */
void hooks_enter(void);
void hooks_leave(void);
/* After such a call: raises what a hook raised that must reach the caller, or the class of `status`.
 * 0 when there is neither. */
int hooks_answer(struct py_store *self, tally_status status, const tally_error *error);
/* Keeps what is no Exception for the caller of this thread, or reports it; steals it. */
void hooks_keep(PyObject *exception, PyObject *about);

/* --------------------------------------------------------------------------------------- store.c */

typedef struct py_store {
    PyObject ob_base;
    tally_store *handle; /* NULL once close has begun */
    tally_store *closing;
    module_state *state;
    store_state *types;
    PyObject *path;     /* as given */
    PyObject *codec;    /* tuple, see store_codec.c, or NULL */
    PyObject *registry; /* the Registry of its handlers, once there is one */
    PyObject *gates;    /* dict: number -> (name, function), once there is one */
    store_bridge *bridge;
    uint32_t durability; /* of appends that say nothing */
    uint32_t mode;
    Py_ssize_t lending;         /* readers that copy what they were lent */
    struct proof_voice *voices; /* callbacks of its signer, see proof_signing.c */
    bool late;                  /* closed where the core could not come to an end at once */
    PyObject *weak_references;
} py_store;

/* The open store's handle, or NULL with ClosedError. */
tally_store *store_handle(py_store *self);
/* ClosedError when this store was closed, else the class of `status`. NULL. */
PyObject *store_error(py_store *self, tally_status status, const tally_error *detail);

#define STORE_VECTOR_METHOD(name) \
    PyObject *name(py_store *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)

/* store_open.c */
PyObject *store_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *store_close(py_store *self, PyObject *unused);
void store_finalize(py_store *self);
PyObject *store_forget(py_store *self, PyObject *unused);

/* store_append.c */
extern const char *const append_names[APPEND_VALUES + 1];
int append_arguments(py_store *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **values);
STORE_VECTOR_METHOD(store_append);
STORE_VECTOR_METHOD(store_append_many);

/* store_get.c */
PyObject *store_get(py_store *self, PyObject *key);
PyObject *store_subscript(py_store *self, PyObject *key);
int store_contains(py_store *self, PyObject *key);
PyObject *store_find(py_store *self, PyObject *id);
STORE_VECTOR_METHOD(store_find_version);
PyObject *store_head(py_store *self, PyObject *stream);
STORE_VECTOR_METHOD(store_list);
STORE_VECTOR_METHOD(store_ancestors);

/* store_query.c */
STORE_VECTOR_METHOD(store_read);

/* store_reader.c */
PyObject *reader_open(py_store *store, const tally_query *query, uint64_t limit);

/* store_wait.c */
PyObject *store_watermarks(py_store *self, PyObject *unused);
PyObject *store_sync(py_store *self, PyObject *unused);
PyObject *store_tick(py_store *self, PyObject *unused);
STORE_VECTOR_METHOD(store_wait);

/* store_records.c */
int store_records_ready(store_state *store);
/* A struct sequence from new references (stolen; any NULL among them fails). */
PyObject *store_record(store_state *store, enum store_type type, ...);
PyObject *store_info(py_store *self, void *unused);
PyObject *store_statistics(py_store *self, PyObject *unused);

/* store_hooks.c */
PyObject *store_handlers(py_store *self, void *unused);
STORE_VECTOR_METHOD(store_gate_add);
PyObject *store_gate_remove(py_store *self, PyObject *number);
PyObject *store_gates(py_store *self, PyObject *unused);

/* store_upkeep.c */
typedef struct upkeep {
    module_state *state;
    PyObject *progress; /* callable or None */
    PyObject *finding;
    PyObject *exception; /* what ended the work */
} upkeep;

int upkeep_check_progress(PyObject *progress);
/* The core's tally_progress; its user_data is the upkeep. */
int32_t upkeep_progress(void *user_data, uint64_t done, uint64_t total);
/* `result`, or NULL: what a callback raised counts more than the core's status. */
PyObject *upkeep_answer(upkeep *self, tally_status status, const tally_error *error, PyObject *result);
STORE_VECTOR_METHOD(store_backup);
PyObject *upkeep_fsck(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *upkeep_salvage(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* store_completions.c */
STORE_VECTOR_METHOD(store_submit);
STORE_VECTOR_METHOD(store_submit_many);
STORE_VECTOR_METHOD(store_submit_wait);

#endif
