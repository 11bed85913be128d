/* Stages: where AsyncRegistry starts its handlers, one per registry and event loop.
 *
 * A handler that never suspends should cost no task. But asyncio.timeout, current_task and cancellation
 * all speak to a task from a handler's first line on. So a stage keeps an idle *spare* task, makes it the
 * current one for the first step of a handler, and leaves it to the handler if that suspends. The spare's
 * coroutine is an adapter in Python, see aio.py; here is the part that every handler passes. */
#include "stage.h"

#include <structmember.h>

/* Makes `task` the current one; returns the one before, None for none. */
static PyObject *swap_current(py_stage *stage, PyObject *task)
{
    if (!PyDict_CheckExact(stage->current))
        return PyObject_CallFunctionObjArgs(stage->current, stage->loop, task, NULL);
    PyObject *before = PyDict_GetItemWithError(stage->current, stage->loop);
    if (before == NULL && PyErr_Occurred()) return NULL;
    before = Py_NewRef(before != NULL ? before : Py_None);
    int failed = 0;
    if (task != Py_None) failed = PyDict_SetItem(stage->current, stage->loop, task);
    else if (before != Py_None) failed = PyDict_DelItem(stage->current, stage->loop);
    if (failed) Py_CLEAR(before);
    return before;
}

int stage_enter(module_state *state, py_stage *stage, stage_turn *turn)
{
    if (turn->before != NULL) return 0;
    if (turn->task == NULL) {
        if (stage->task == NULL) {
            PyObject *made = PyObject_CallMethodNoArgs((PyObject *)stage, state->names[NAME_RENEW]);
            Py_XDECREF(made);
            if (made == NULL) return -1;
        }
        turn->task = stage->task; /* taken: a notify inside the handler makes its own */
        turn->adapter = stage->adapter;
        stage->task = stage->adapter = NULL;
    }
    turn->before = swap_current(stage, turn->task);
    turn->references = Py_REFCNT(turn->task);
    return turn->before == NULL ? -1 : 0;
}

int stage_step_down(py_stage *stage, stage_turn *turn)
{
    if (turn->before == NULL) return 0;
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    PyObject *spare = swap_current(stage, turn->before);
    Py_CLEAR(turn->before);
    Py_XDECREF(spare);
    if (pending != NULL) error_restore(pending);
    return spare == NULL ? -1 : 0;
}

int stage_leave(py_stage *stage, stage_turn *turn)
{
    int status = stage_step_down(stage, turn);
    if (turn->task != NULL && stage->task == NULL) {
        stage->task = turn->task;
        stage->adapter = turn->adapter;
    } else {
        Py_XDECREF(turn->task);
        Py_XDECREF(turn->adapter);
    }
    turn->task = turn->adapter = NULL;
    return status;
}

/* Whether the handler cancelled its task (2), keeps it or waits for its end (1). */
static int is_touched(module_state *state, const stage_turn *turn)
{
    PyObject *cancelling = PyObject_CallMethodNoArgs(turn->task, state->names[NAME_CANCELLING]);
    int cancelled = cancelling == NULL ? -1 : PyObject_IsTrue(cancelling);
    Py_XDECREF(cancelling);
    if (cancelled != 0) return cancelled < 0 ? -1 : 2;
    if (Py_REFCNT(turn->task) != turn->references) return 1;
    PyObject *callbacks = PyObject_GetAttr(turn->task, state->names[NAME_CALLBACKS]);
    Py_XDECREF(callbacks); /* compared only */
    return callbacks == NULL ? -1 : callbacks != Py_None;
}

int stage_check(module_state *state, py_stage *stage, stage_turn *turn)
{
    int touched = is_touched(state, turn);
    if (touched <= 0) return touched;
    if (stage_step_down(stage, turn) < 0) return -1;
    PyObject *retired = PyObject_CallMethodNoArgs(turn->adapter, state->names[NAME_RETIRE]);
    Py_CLEAR(turn->task);
    Py_CLEAR(turn->adapter);
    Py_XDECREF(retired);
    return retired == NULL ? -1 : touched;
}

PyObject *stage_adopt(module_state *state, py_stage *stage, stage_turn *turn, PyObject *coroutine, PyObject *context,
                      PyObject *yielded)
{
    if (stage_step_down(stage, turn) < 0) return NULL;
    PyObject *adopted = PyObject_CallMethodObjArgs(turn->adapter, state->names[NAME_ADOPT], turn->task, coroutine,
                                                   context, yielded, NULL);
    PyObject *task = turn->task;
    turn->task = NULL;
    Py_CLEAR(turn->adapter);
    if (adopted == NULL) Py_CLEAR(task);
    Py_XDECREF(adopted);
    return task;
}

/* --------------------------------------------------------------------------------------------- type */

static int stage_traverse(py_stage *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->task);
    Py_VISIT(self->adapter);
    Py_VISIT(self->current);
    Py_VISIT(self->running);
    Py_VISIT(self->cancelled);
    return 0;
}

static int stage_clear(py_stage *self)
{
    Py_CLEAR(self->loop);
    Py_CLEAR(self->task);
    Py_CLEAR(self->adapter);
    Py_CLEAR(self->current);
    Py_CLEAR(self->running);
    Py_CLEAR(self->cancelled);
    return 0;
}

static void stage_dealloc(py_stage *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)stage_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef stage_members[] = {
    {"loop", T_OBJECT_EX, offsetof(py_stage, loop), 0, NULL},
    {"task", T_OBJECT, offsetof(py_stage, task), 0, NULL},
    {"adapter", T_OBJECT, offsetof(py_stage, adapter), 0, NULL},
    {"current", T_OBJECT_EX, offsetof(py_stage, current), 0, NULL},
    {"running", T_OBJECT_EX, offsetof(py_stage, running), 0, NULL},
    {"cancelled", T_OBJECT_EX, offsetof(py_stage, cancelled), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot stage_slots[] = {
    {Py_tp_dealloc, stage_dealloc},
    {Py_tp_traverse, stage_traverse},
    {Py_tp_clear, stage_clear},
    {Py_tp_members, stage_members},
    {Py_tp_doc, "Where the handlers of one AsyncRegistry start on one event loop."},
    {0, NULL},
};

PyType_Spec stage_spec = {"tallystick._core.Stage", sizeof(py_stage), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, stage_slots};
