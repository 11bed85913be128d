/* backup, fsck and salvage: long work, with progress and findings told to Python, and ended by Ctrl-C. */
#include "store_shim.h"

static int32_t ended_by(upkeep *self, PyObject *answer)
{
    bool failed = answer == NULL || PyErr_CheckSignals() < 0;
    Py_XDECREF(answer);
    if (!failed) return 0;
    PyObject *exception = error_fetch();
    if (self->exception == NULL) self->exception = exception;
    else Py_DECREF(exception);
    return 1;
}

int32_t upkeep_progress(void *user_data, uint64_t done, uint64_t total)
{
    upkeep *self = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return 1;
    PyObject *answer = self->progress == Py_None ? Py_NewRef(Py_None)
                                                 : PyObject_CallFunction(self->progress, "KK", (unsigned long long)done,
                                                                         (unsigned long long)total);
    int32_t ended = ended_by(self, answer);
    gil_give(&hold);
    return ended;
}

static PyObject *number_or_none(uint64_t value)
{
    return value == TALLY_POSITION_NONE ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(value);
}

static int32_t on_finding(void *user_data, const tally_finding *finding)
{
    upkeep *self = user_data;
    gil_hold hold;
    if (!gil_take(&hold)) return 1;
    PyObject *answer = PyObject_CallFunction(self->finding, "sINNzz", tally_status_name(finding->status),
                                             (unsigned int)finding->severity, number_or_none(finding->position),
                                             number_or_none(finding->offset), finding->file, finding->reason);
    int32_t ended = ended_by(self, answer);
    gil_give(&hold);
    return ended;
}

PyObject *upkeep_answer(upkeep *self, tally_status status, const tally_error *error, PyObject *result)
{
    if (self->exception == NULL && status == TALLY_OK) return result;
    Py_XDECREF(result);
    if (self->exception != NULL) error_restore(self->exception);
    else (void)error_raise(self->state, status, error);
    return NULL;
}

int upkeep_check_progress(PyObject *progress)
{
    if (progress == Py_None || PyCallable_Check(progress)) return 0;
    PyErr_Format(PyExc_TypeError, "progress is called with (done, total), not %.100s", Py_TYPE(progress)->tp_name);
    return -1;
}

/* _backup(path, progress): (events, segments, bytes). */
STORE_VECTOR_METHOD(store_backup)
{
    static const char *const names[] = {"path", "progress", NULL};
    static const py_signature signature = {"_backup", 2, 2, names};
    PyObject *values[2];
    if (arguments_vector(self->state, &signature, args, nargs, kwnames, values) < 0 ||
        upkeep_check_progress(values[1]) < 0 || store_handle(self) == NULL)
        return NULL;
    PyObject *path = value_path(values[0]);
    if (path == NULL) return NULL;
    upkeep work = {.state = self->state, .progress = values[1]};
    tally_upkeep_options options = {.size = sizeof options, .progress = upkeep_progress, .user_data = &work};
    tally_backup_report report = {0};
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status = tally_store_backup(self->handle, PyBytes_AS_STRING(path), (size_t)PyBytes_GET_SIZE(path),
                                             &options, &report, &error);
    gil_return(NULL, token);
    Py_DECREF(path);
    return upkeep_answer(&work, status, &error,
                         Py_BuildValue("(KKK)", (unsigned long long)report.events, (unsigned long long)report.segments,
                                       (unsigned long long)report.bytes));
}

/* _fsck(path, finding, progress): the counts. */
PyObject *upkeep_fsck(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3) return PyErr_Format(PyExc_TypeError, "_fsck takes 3 arguments, not %zd", nargs);
    PyObject *path = upkeep_check_progress(args[2]) < 0 ? NULL : value_path(args[0]);
    if (path == NULL) return NULL;
    upkeep work = {.state = PyModule_GetState(module), .progress = args[2], .finding = args[1]};
    tally_upkeep_options options = {.size = sizeof options, .progress = upkeep_progress, .user_data = &work};
    tally_fsck_report report = {0};
    tally_error error;
    void *token = gil_leave(NULL);
    tally_status status =
        tally_fsck(PyBytes_AS_STRING(path), (size_t)PyBytes_GET_SIZE(path), &options, on_finding, &report, &error);
    gil_return(NULL, token);
    Py_DECREF(path);
    return upkeep_answer(&work, status, &error,
                         Py_BuildValue("(KKKKKKKK)", (unsigned long long)report.segments,
                                       (unsigned long long)report.commits, (unsigned long long)report.events,
                                       (unsigned long long)report.bytes, (unsigned long long)report.notes,
                                       (unsigned long long)report.indexes, (unsigned long long)report.bad_events,
                                       (unsigned long long)report.structure));
}

static tally_status salvage_between(PyObject *from, PyObject *to, upkeep *work, tally_salvage_report *report,
                                    tally_error *error)
{
    tally_upkeep_options options = {.size = sizeof options, .progress = upkeep_progress, .user_data = work};
    void *token = gil_leave(NULL);
    tally_status status = tally_salvage(PyBytes_AS_STRING(from), (size_t)PyBytes_GET_SIZE(from), PyBytes_AS_STRING(to),
                                        (size_t)PyBytes_GET_SIZE(to), &options, report, error);
    gil_return(NULL, token);
    return status;
}

/* _salvage(from, to, progress): (copied, lost, gaps, same_lineage). */
PyObject *upkeep_salvage(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3) return PyErr_Format(PyExc_TypeError, "_salvage takes 3 arguments, not %zd", nargs);
    PyObject *from = upkeep_check_progress(args[2]) < 0 ? NULL : value_path(args[0]);
    PyObject *to = from == NULL ? NULL : value_path(args[1]);
    PyObject *result = NULL;
    if (to != NULL) {
        upkeep work = {.state = PyModule_GetState(module), .progress = args[2]};
        tally_salvage_report report = {0};
        tally_error error;
        tally_status status = salvage_between(from, to, &work, &report, &error);
        result =
            upkeep_answer(&work, status, &error,
                          Py_BuildValue("(KKKN)", (unsigned long long)report.copied, (unsigned long long)report.lost,
                                        (unsigned long long)report.gaps, PyBool_FromLong(report.same_lineage)));
    }
    Py_XDECREF(from);
    Py_XDECREF(to);
    return result;
}
