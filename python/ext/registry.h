/* The Registry object and what hangs on it: bindings, frames, failures, native handlers. */
#ifndef TALLYSTICK_SHIM_REGISTRY_H
#define TALLYSTICK_SHIM_REGISTRY_H

#include "shim.h"

/* --------------------------------------------------------------------------------------- binding.c */

struct py_registry;

enum binding_kind { BINDING_CALL, BINDING_WEAK, BINDING_WEAK_METHOD, BINDING_NATIVE, BINDING_PANIC };

typedef struct py_binding {
    PyObject *target;   /* what is called, a weak reference to it, or what keeps a native one alive */
    PyObject *function; /* WEAK_METHOD: the function under the method; CALL: what `target` delivers to, or NULL */
    PyObject *kinds;    /* tuple of names, or NULL */
    PyObject *stop;     /* borrowed: the STOP object */
    struct py_registry *registry; /* NULL when the Registry object is gone */
    struct py_binding *next;      /* list of the Registry, newest first */
    struct py_binding **link;
    tally_handler native; /* NATIVE */
    void *native_data;
    struct py_lent *lent; /* NATIVE of another extension */
    tally_handler_id id;
    enum binding_kind kind;
    /* While the core registers it, another thread may see it and remove it again: then it is ended, and
     * whoever registers frees it. Both under the GIL. */
    bool registering;
    bool ended;
} py_binding;

/* What a notify of Python's leaves on the C stack for its handlers; tally_notice.context. */
typedef struct py_frame {
    PyObject *scratch; /* args[-1], which a bound method borrows */
    PyObject *event;   /* args[0] */
    uint32_t mode;     /* FRAME_…; 0 on the fast path */
    uint32_t reserved;
    PyObject *exception; /* owned: of the last failure, or what interrupts */
    PyObject *result;    /* owned, COLLECT: what the last handler returned */
    PyObject *rows;      /* borrowed list: COLLECT pairs, SELECT targets, RAISE exceptions */
    struct py_registry *registry;
    PyObject *late; /* borrowed, _report: the stand-in that failed */
} py_frame;

#define FRAME_COLLECT 1u
#define FRAME_SELECT 2u
#define FRAME_RAISE 4u
#define FRAME_INTERRUPTED 8u

/* What one registration says; see register in _core.pyi. */
typedef struct py_registration {
    py_binding *binding;
    tally_handler handler;
    tally_handler_options options;
    uint32_t *kinds;
} py_registration;

#define REGISTRATION_NAMES "handler", "priority", "once", "name", "kinds", "max_failures", "weak"
enum {
    REGISTER_HANDLER,
    REGISTER_PRIORITY,
    REGISTER_ONCE,
    REGISTER_NAME,
    REGISTER_KINDS,
    REGISTER_MAX_FAILURES,
    REGISTER_WEAK,
    REGISTER_COUNT
};

int registration_begin(struct py_registry *self, PyObject *const *values, py_registration *registration);
/* After the core's answer: keeps or drops the binding, frees the rest. */
void registration_end(py_registration *registration, bool registered, tally_handler_id id);
/* Whether it is an `async def`. Quick: looks under methods, and under nothing else. */
bool is_coroutine_function(PyObject *target);
/* The same with all that may be around it: _asynchronous(handler), see _core.pyi. */
PyObject *binding_asynchronous(PyObject *module, PyObject *target);
py_binding *binding_new(struct py_registry *self, enum binding_kind kind, PyObject *target);
/* The core's destructor, from any thread. */
void binding_destroy(void *user_data);
/* Drops what Python objects a binding may drop while the core still has it. */
void binding_clear(py_binding *binding);
/* The Registry object goes: the binding may outlive it inside the core. */
void binding_orphan(py_binding *binding);
int binding_visit(py_binding *binding, visitproc visit, void *arg);
/* A new reference to what a weak reference refers to, or NULL. */
PyObject *weak_target(PyObject *reference);
/* What was registered: a new reference, None when it is gone. */
PyObject *binding_subject(const py_binding *binding);

/* ----------------------------------------------------------------------------------------- calls.c */

int32_t binding_call_function(void *user_data, const tally_notice *notice);
int32_t binding_call(void *user_data, const tally_notice *notice);
int32_t binding_call_weak(void *user_data, const tally_notice *notice);
int32_t binding_call_native(void *user_data, const tally_notice *notice);

/* --------------------------------------------------------------------------------------- failure.c */

/* The Exception behind a failure, borrowed; NULL when it is not Python's. */
PyObject *failure_exception(const tally_failure *failure);
PyObject *failure_new(module_state *state, const tally_failure *failure);
/* "ValueError: no such account" in UTF-8, a new reference; NULL with an exception. */
PyObject *failure_text(PyObject *exception);
int failure_late(struct py_registry *self, PyObject *stand_in, PyObject *event, uint32_t kind, PyObject *exception);
int32_t failure_panic(void *user_data, const tally_failure *failure);
void failure_log(void *user_data, const tally_log_record *record);

/* -------------------------------------------------------------------------------------- registry.c */

typedef struct py_registry {
    PyObject ob_base;
    tally_registry *handle; /* NULL once close has begun */
    uint32_t slow;          /* SLOW_…; 0: notify needs nothing but the core */
    uint32_t policy;
    tally_notified last; /* the result that `last_result` says */
    PyObject *last_result;
    module_state *state;
    struct py_registry *parent; /* owned */
    PyObject *queue;            /* of a paused registry, else NULL */
    Py_ssize_t queue_limit;
    py_binding *bindings;
    Py_ssize_t natives; /* bindings that are NATIVE, and handles that were given out */
    tally_registry *closing;
    uint64_t number;
    uint64_t removals; /* counts what may have removed a handler */
    PyObject *weak_references;
} py_registry;

#define SLOW_NATIVE 1u /* bytes-like events are exported */
#define SLOW_POLICY 2u /* not isolate */
#define SLOW_PARENT 4u
#define SLOW_PAUSED 8u
#define SLOW_RECLAIM 16u /* a handler was removed inside a handler: reclaim when outside */

extern PyType_Spec registry_spec; /* methods.c */

PyObject *registry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
PyObject *registry_close(py_registry *self, PyObject *unused);
int registry_traverse(py_registry *self, visitproc visit, void *arg);
int registry_tp_clear(py_registry *self);
void registry_dealloc(py_registry *self);
const char *registry_policy_name(const py_registry *self);

/* The open registry's handle, or NULL with ClosedError. */
tally_registry *registry_handle(py_registry *self);
/* ClosedError when this registry was closed, else the class of `status`. NULL. */
PyObject *registry_error(py_registry *self, tally_status status, const tally_error *detail);
void registry_wants_reclaim(py_registry *self);
void registry_reclaim_now(py_registry *self);

#define REGISTRY_VECTOR_METHOD(name) \
    PyObject *name(py_registry *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)

REGISTRY_VECTOR_METHOD(registry_child);

/* notify.c */
REGISTRY_VECTOR_METHOD(registry_notify);
REGISTRY_VECTOR_METHOD(registry_emit);
REGISTRY_VECTOR_METHOD(registry_collect);
PyObject *registry_report(py_registry *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *notify_select(py_registry *self, PyObject *event, uint32_t kind, Py_ssize_t *skipped);
int notify_kind(module_state *state, PyObject *name, uint32_t *kind);
/* Keeps an event for the end of the pause: 0, or -1 with LimitError. */
int notify_hold(py_registry *self, PyObject *event, uint32_t kind);

/* edit.c */
REGISTRY_VECTOR_METHOD(registry_register);
REGISTRY_VECTOR_METHOD(registry_unregister_wait);
PyObject *registry_unregister(py_registry *self, PyObject *subject);
PyObject *registry_edit(py_registry *self, PyObject *operations);

/* listing.c */
PyObject *registry_handlers(py_registry *self, PyObject *unused);
PyObject *registry_statistics(py_registry *self, PyObject *unused);
PyObject *registry_contains_method(py_registry *self, PyObject *subject);
int registry_contains(PyObject *object, PyObject *subject);
PyObject *registry_find_method(py_registry *self, PyObject *subject);
/* The handlers' numbers in the order of notify, to be freed with PyMem_Free; NULL with an exception. */
uint64_t *registry_order(py_registry *self, size_t *count);
/* The id of a subject: 1 found, 0 not registered, -1 with an exception. */
int registry_find(py_registry *self, PyObject *subject, tally_handler_id *id);

/* ----------------------------------------------------------------------------------------- scope.c */

extern PyType_Spec scope_spec;

PyObject *registry_muted(py_registry *self, PyObject *unused);
/* _muted_for(owner): muted(), whose `with` gives `owner`. */
PyObject *registry_muted_for(py_registry *self, PyObject *owner);
REGISTRY_VECTOR_METHOD(registry_paused);

/* ---------------------------------------------------------------------------------------- native.c */

/* A registered tally_native_handler; its destructor runs when the last registration of it has ended. */
typedef struct py_lent {
    const tally_native_handler *native;
    Py_ssize_t count;
    struct py_lent *next;
} py_lent;

/* 1 when `object` is a native handler: its function, data and whether it is quick; 0 when it is none;
 * -1 with an exception. */
int native_describe(module_state *state, PyObject *object, tally_handler *handler, void **data, bool *quick);
/* For capsules: counts one more registration. */
int native_lend(PyObject *capsule, py_lent **out);
void native_give_back(py_lent *lent);

#endif
