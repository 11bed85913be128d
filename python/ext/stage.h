/* AsyncRegistry's half in C: stages and notifications. */
#ifndef TALLYSTICK_SHIM_STAGE_H
#define TALLYSTICK_SHIM_STAGE_H

#include "registry.h"

/* ------------------------------------------------------------------------ stage.c, notification.c */

extern PyType_Spec stage_spec, notification_spec;

/* Where handlers of one AsyncRegistry start on one event loop; aio.py derives from it. */
typedef struct py_stage {
    PyObject ob_base;
    PyObject *loop;
    PyObject *task;      /* the spare, NULL while a handler uses it */
    PyObject *adapter;   /* its coroutine */
    PyObject *current;   /* 3.11: the dict of current tasks; later: the function that swaps them */
    PyObject *running;   /* asyncio's _get_running_loop */
    PyObject *cancelled; /* asyncio.CancelledError */
} py_stage;

/* A spare that is taken, from stage_enter to stage_leave. */
typedef struct stage_turn {
    PyObject *task;
    PyObject *adapter;
    PyObject *before; /* the task that was current, or NULL when it is current again */
    Py_ssize_t references;
} stage_turn;

/* Makes the spare the current task, if it is not already. */
int stage_enter(module_state *state, py_stage *stage, stage_turn *turn);
/* Makes the caller's task the current one again; the spare stays taken. */
int stage_step_down(py_stage *stage, stage_turn *turn);
/* Gives the spare back. */
int stage_leave(py_stage *stage, stage_turn *turn);
/* After a handler that did not suspend: 0 the spare is as it was, 1 it belongs to somebody and was let
 * go, 2 the same and it was cancelled, -1 with an exception. */
int stage_check(module_state *state, py_stage *stage, stage_turn *turn);
/* A handler suspended with what it yielded: the spare is its task now, returned as a new reference. */
PyObject *stage_adopt(module_state *state, py_stage *stage, stage_turn *turn, PyObject *coroutine, PyObject *context,
                      PyObject *yielded);

/* What AsyncRegistry.notify returns. */
typedef struct notification {
    PyObject ob_base;
    PyObject *owner;       /* the AsyncRegistry */
    py_registry *registry; /* the Registry inside it */
    py_stage *stage;
    PyObject *event;
    PyObject *entries;   /* list of the handlers' stand-ins */
    PyObject *suspended; /* list of (task, entry) that start gave tasks and nobody took yet; NULL: none */
    PyObject *inner;     /* _finish, once it is needed */
    PyObject *timeout;
    Py_ssize_t next;  /* index of the first entry that was not started */
    Py_ssize_t limit; /* how many may run at a time */
    Py_ssize_t fired, failed, skipped, cancelled;
    uint64_t removals; /* of the registry, at the snapshot */
    uint32_t kind;
    bool awaited;
    module_state *state;
} notification;

/* Starts handlers in order until none is left or `room` of them have suspended. */
int notification_start_some(notification *self, Py_ssize_t room);

/* _notification(owner, registry, event, kind, limit, timeout): what AsyncRegistry.notify returns. */
PyObject *notification_new(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

#endif
