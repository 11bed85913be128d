/* What the files of the CPython shim share.
 *
 * Who owns what. A Registry object owns one core registry and a list of *bindings*, one per handler
 * that it has registered, live and retired. A binding is the `user_data` of a core handler and keeps
 * the Python function alive; the core's destructor frees it when no thread can be inside it any more.
 * The collector sees all bindings through the Registry, so a cycle through a handler is found.
 *
 * Who holds the GIL. Everything here runs with it, except where a comment says "no GIL": native
 * handlers that may block, and everything between gil_leave and gil_return. A function that the core
 * may call from any thread begins with gil_take. */
#ifndef TALLYSTICK_SHIM_H
#define TALLYSTICK_SHIM_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tallystick/tallystick.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---------------------------------------------------------------------------------------- module */

enum shim_type {
    TYPE_REGISTRY,
    TYPE_HANDLER_ID,
    TYPE_STOP,
    TYPE_COUNTER,
    TYPE_RING,
    TYPE_MASK,
    TYPE_STAGE,
    TYPE_NOTIFICATION,
    TYPE_SCOPE,
    TYPE_NOTIFIED, /* from here on: struct sequences, see records.c */
    TYPE_FAILURE,
    TYPE_HANDLER_INFO,
    TYPE_STATISTICS,
    TYPE_RING_EVENT,
    TYPE_RING_COUNTS,
    TYPE_ASYNC_NOTIFIED,
    TYPE_COUNT
};

/* Attributes that are asked for on hot paths, interned. */
enum shim_name {
    NAME_HANDLER,
    NAME_ID,
    NAME_CLAIM,
    NAME_CANCELLING,
    NAME_CALLBACKS,
    NAME_RENEW,
    NAME_ADOPT,
    NAME_RETIRE,
    NAME_WRAP,
    NAME_STAGE,
    NAME_STAGE_NOW,
    NAME_FINISH,
    NAME_ABANDON,
    NAME_COUNT
};

typedef struct module_state {
    struct py_home *home;
    PyTypeObject *types[TYPE_COUNT];
    PyObject *stop;       /* the STOP object */
    PyObject *helpers;    /* name -> Python function, see _helpers() in module.c */
    PyObject *kinds;      /* name -> number */
    PyObject *kind_names; /* number -> name */
    PyObject *partial;    /* functools.partial */
    PyObject *names[NAME_COUNT];
    struct store_state *store; /* store_shim.h */
} module_state;

/* What the core is given of this module, since its callbacks may outlive it. Never freed. */
typedef struct py_home {
    module_state *state; /* NULL once the module is gone */
} py_home;

extern struct PyModuleDef tallystick_module;

/* A helper, borrowed, or NULL with an exception. */
PyObject *helper_find(module_state *state, const char *name);
/* A new reference to helper `name` called with arguments built from `format`, or NULL. */
PyObject *helper_call(module_state *state, const char *name, const char *format, ...);

/* ------------------------------------------------------------------------------------------- gil.c */

/* How gil_take got the GIL, for gil_give. */
typedef struct gil_hold {
    int how;
    PyThreadState *before;
} gil_hold;

int gil_prepare(void);
/* Gives the GIL up on this thread and remembers its thread state; gil_return undoes it. */
void *gil_leave(void *unused);
void gil_return(void *unused, void *token);
/* Makes this thread hold the GIL, wherever it comes from. False: the interpreter has ended. */
bool gil_take(gil_hold *hold);
void gil_give(const gil_hold *hold);
/* The interpreter exits: from now on no thread comes in from outside. */
PyObject *gil_end(PyObject *module, PyObject *unused);

/* Keeps the exception of a failure outside any notify of Python's until it is reported; steals it. */
void gil_keep_exception(PyObject *exception);
PyObject *gil_kept_exception(void);
/* The same for what on_panic itself raised, until the log takes it (a new reference, or NULL). */
void gil_keep_panic(PyObject *exception);
PyObject *gil_take_panic(void);

/* ---------------------------------------------------------------------------------------- errors.c */

/* Raise the class of `status`; both return NULL. */
PyObject *error_raise(module_state *state, tally_status status, const tally_error *detail);
PyObject *error_raise_text(module_state *state, tally_status status, const char *format, ...);
/* The exception that is set now, normalised, with its traceback; the indicator is cleared. */
PyObject *error_fetch(void);
void error_restore(PyObject *exception); /* steals */
PyObject *status_table(PyObject *module, PyObject *unused);
PyObject *constant_value(PyObject *module, PyObject *name);

/* ------------------------------------------------------------------------------------- arguments.c */

/* The parameters of one function: names in order, NULL at the end. */
typedef struct py_signature {
    const char *function;
    int required;   /* of the positional ones */
    int positional; /* how many may be given without a name */
    const char *const *names;
} py_signature;

/* Borrowed references into `out`, NULL for what was not given. -1 with TypeError. */
int arguments_vector(module_state *state, const py_signature *signature, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames, PyObject **out);
int arguments_tuple(module_state *state, const py_signature *signature, PyObject *args, PyObject *kwargs,
                    PyObject **out);
/* Single values; `value` NULL or None leaves *out as it is. */
int argument_bool(const char *name, PyObject *value, bool *out);
int argument_integer(module_state *state, const char *name, PyObject *value, int64_t low, int64_t high, int64_t *out);
/* Seconds, 0 or more. */
int argument_seconds(module_state *state, PyObject *value, double *out);
/* An exact kind or a pattern by name. */
int argument_kind(module_state *state, PyObject *name, uint32_t *kind);
/* The name of a kind: a new reference, None for TALLY_KIND_NONE. */
PyObject *kind_name(module_state *state, uint32_t kind);

/* --------------------------------------------------------------------------------------- records.c */

PyObject *handler_id_new(module_state *state, tally_handler_id id);
/* 1 and *id when `object` is a HandlerId, else 0. */
int handler_id_get(module_state *state, PyObject *object, tally_handler_id *id);
int records_ready(PyObject *module, module_state *state);
/* A struct sequence of `type` from new references (stolen; any NULL among them fails). */
PyObject *record_new(module_state *state, enum shim_type type, ...);

#endif
