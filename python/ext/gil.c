/* Who holds the GIL: leaving it around C that may block, and coming in from threads that Python has
 * never seen. PyGILState_Ensure would make and destroy a thread state per event, 12 µs instead of 0.14;
 * here a foreign thread keeps its own until it ends. */
#include "shim.h"

#include <pthread.h>
#include <stdlib.h>

#define THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

/* invariant: not NULL exactly while gil_leave is in force on this thread, which then has no GIL */
THREAD_LOCAL PyThreadState *gil_left;
/* The thread state that this file made for this thread, or NULL. */
THREAD_LOCAL PyThreadState *gil_made;
THREAD_LOCAL PyObject *gil_exception;
THREAD_LOCAL PyObject *gil_panic;

static pthread_key_t gil_key;
static _Atomic(int) gil_ended;

enum { HELD, AGAIN, ENTERED };

/* Runs when a thread ends on which gil_take made a state. */
static void gil_thread_ends(void *made)
{
    PyThreadState *state = made;
    if (atomic_load(&gil_ended)) return; /* the interpreter deletes it, or has */
    PyEval_AcquireThread(state);
    Py_CLEAR(gil_exception);
    Py_CLEAR(gil_panic);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

int gil_prepare(void)
{
    static int prepared;
    if (prepared) return 0;
    if (pthread_key_create(&gil_key, gil_thread_ends) != 0) {
        PyErr_SetString(PyExc_RuntimeError, "tallystick: no thread-local key is left in this process");
        return -1;
    }
    prepared = 1;
    return 0;
}

void *gil_leave(void *unused)
{
    (void)unused;
    gil_left = PyEval_SaveThread();
    return gil_left;
}

void gil_return(void *unused, void *token)
{
    (void)unused;
    gil_left = NULL;
    PyEval_RestoreThread(token);
}

static bool gil_is_held(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() != NULL;
#elif PY_VERSION_HEX >= 0x030C0000
    return _PyThreadState_UncheckedGet() != NULL;
#else
    /* Here the current state is the process's, not the thread's. */
    PyThreadState *own = PyGILState_GetThisThreadState();
    return own != NULL && own == _PyThreadState_UncheckedGet();
#endif
}

/* A thread state for a thread that Python does not know. */
static PyThreadState *gil_make_state(void)
{
    PyThreadState *state = PyThreadState_New(PyInterpreterState_Main());
    if (state == NULL) return NULL;
    gil_made = state;
    (void)pthread_setspecific(gil_key, state);
    return state;
}

bool gil_take(gil_hold *hold)
{
    hold->how = HELD;
    hold->before = gil_left;
    PyThreadState *state = gil_left;
    if (state != NULL) {
        hold->how = AGAIN;
    } else {
        if (gil_is_held()) return true;
        if (atomic_load(&gil_ended)) return false;
        hold->how = ENTERED;
        state = gil_made != NULL ? gil_made : PyGILState_GetThisThreadState();
        if (state == NULL && (state = gil_make_state()) == NULL) return false;
    }
    gil_left = NULL;
    PyEval_RestoreThread(state);
    if (hold->how == ENTERED && UNLIKELY(atomic_load(&gil_ended))) {
        (void)PyEval_SaveThread();
        return false;
    }
    return true;
}

void gil_give(const gil_hold *hold)
{
    if (hold->how == HELD) return;
    (void)PyEval_SaveThread();
    gil_left = hold->before;
}

PyObject *gil_end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    atomic_store(&gil_ended, 1);
    Py_RETURN_NONE;
}

void gil_keep_exception(PyObject *exception)
{
    PyObject *old = gil_exception;
    gil_exception = exception;
    Py_XDECREF(old);
}

PyObject *gil_kept_exception(void) { return gil_exception; }

void gil_keep_panic(PyObject *exception)
{
    PyObject *old = gil_panic;
    gil_panic = exception;
    Py_XDECREF(old);
}

PyObject *gil_take_panic(void)
{
    PyObject *exception = gil_panic;
    gil_panic = NULL;
    return exception;
}
