/* An extension that uses tallystick from C, as another project would: it compiles against
 * tallystick.get_include(), links nothing, and gets the functions from the capsule. The tests use it to
 * see that handlers run, block, fail and are freed as they should, on threads that Python never saw. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <tallystick/api.h>

static const tally_api *api;

static atomic_int is_blocked, is_released, gil_held, call_count, destroy_count;
static atomic_size_t last_length_seen;

/* ----------------------------------------------------------------------------------------- handlers */

static int32_t note(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    atomic_store(&gil_held, PyGILState_Check());
    atomic_store(&last_length_seen, notice->length);
    atomic_fetch_add(&call_count, 1);
    return TALLY_HANDLER_DONE;
}

static int32_t block(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    atomic_store(&is_blocked, 1);
    while (!atomic_load(&is_released))
        usleep(1000);
    return TALLY_HANDLER_DONE;
}

static int32_t refuse(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return api->handler_fail(-7, "native says no", 14, NULL);
}

/* Notifies another registry, with the event's bytes and no context: as a thread of C does. */
static int32_t forward(void *user_data, const tally_notice *notice)
{
    tally_notice copy = {.kind = notice->kind, .data = notice->data, .length = notice->length};
    return api->registry_notify(user_data, &copy, NULL, NULL) == TALLY_OK ? TALLY_HANDLER_DONE : -1;
}

static void count_destruction(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&destroy_count, 1);
}

/* ------------------------------------------------------------------------------------ making capsules */

static void free_handler(PyObject *capsule)
{
    tally_native_handler *handler = PyCapsule_GetPointer(capsule, TALLY_NATIVE_HANDLER_CAPSULE);
    Py_XDECREF((PyObject *)handler->keep_alive);
    PyMem_Free(handler);
}

static PyObject *make(tally_handler function, void *user_data, uint32_t flags, tally_destructor destructor,
                      PyObject *keep_alive)
{
    tally_native_handler *handler = PyMem_Calloc(1, sizeof *handler);
    if (handler == NULL)
        return PyErr_NoMemory();
    *handler = (tally_native_handler){.size = sizeof *handler, .magic = TALLY_NATIVE_HANDLER_MAGIC, .function = function,
                                      .user_data = user_data, .destructor = destructor, .flags = flags,
                                      .keep_alive = Py_XNewRef(keep_alive)};
    return PyCapsule_New(handler, TALLY_NATIVE_HANDLER_CAPSULE, free_handler);
}

static tally_registry *registry_of(PyObject *handle)
{
    return PyCapsule_GetPointer(handle, "tallystick.registry.v1");
}

#define FUNCTION(name) static PyObject *name(PyObject *module, PyObject *argument)

FUNCTION(quick)
{
    return make(note, NULL, TALLY_NATIVE_QUICK, NULL, NULL);
}

FUNCTION(slow)
{
    atomic_store(&call_count, 0);
    return make(note, NULL, 0, NULL, NULL);
}

FUNCTION(blocker)
{
    atomic_store(&is_blocked, 0);
    atomic_store(&is_released, 0);
    return make(block, NULL, 0, NULL, NULL);
}

FUNCTION(failing)
{
    return make(refuse, NULL, TALLY_NATIVE_QUICK, NULL, NULL);
}

FUNCTION(counted)
{
    atomic_store(&destroy_count, 0);
    return make(note, NULL, TALLY_NATIVE_QUICK, count_destruction, NULL);
}

FUNCTION(forwarder)
{
    tally_registry *registry = registry_of(argument);
    return registry == NULL ? NULL : make(forward, registry, 0, NULL, argument);
}

static PyObject *spoilt(size_t size, uint64_t magic, uint32_t flags)
{
    PyObject *capsule = make(note, NULL, flags, NULL, NULL);
    tally_native_handler *handler = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, TALLY_NATIVE_HANDLER_CAPSULE);
    if (handler != NULL) {
        handler->size = size;
        handler->magic = magic;
    }
    return capsule;
}

FUNCTION(wrong_magic)
{
    return spoilt(sizeof(tally_native_handler), 1, 0);
}

FUNCTION(wrong_size)
{
    return spoilt(8, TALLY_NATIVE_HANDLER_MAGIC, 0);
}

FUNCTION(wrong_flags)
{
    return spoilt(sizeof(tally_native_handler), TALLY_NATIVE_HANDLER_MAGIC, 2);
}

/* ------------------------------------------------------------------------------------------ looking */

FUNCTION(blocked)
{
    return PyBool_FromLong(atomic_load(&is_blocked));
}

FUNCTION(release)
{
    atomic_store(&is_released, 1);
    Py_RETURN_NONE;
}

FUNCTION(had_gil)
{
    return PyLong_FromLong(atomic_load(&gil_held));
}

FUNCTION(calls)
{
    return PyLong_FromLong(atomic_load(&call_count));
}

FUNCTION(destroyed)
{
    return PyLong_FromLong(atomic_load(&destroy_count));
}

FUNCTION(last_length)
{
    return PyLong_FromSize_t(atomic_load(&last_length_seen));
}

FUNCTION(version)
{
    return PyLong_FromUnsignedLong(api->version);
}

/* ------------------------------------------------------------------------------- from a thread of C */

typedef struct job {
    tally_registry *registry;
    const char *data;
    Py_ssize_t length;
    int times;
} job;

static void *run_job(void *argument)
{
    const job *job = argument;
    tally_notice notice = {.data = job->data, .length = (size_t)job->length};
    for (int index = 0; index < job->times; index++)
        (void)api->registry_notify(job->registry, &notice, NULL, NULL);
    return NULL;
}

static PyObject *notify_from_thread(PyObject *module, PyObject *args)
{
    PyObject *handle;
    job job;
    if (!PyArg_ParseTuple(args, "Oy#i", &handle, &job.data, &job.length, &job.times))
        return NULL;
    job.registry = registry_of(handle);
    pthread_t thread;
    if (job.registry == NULL || pthread_create(&thread, NULL, run_job, &job) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The notifying thread outlives the interpreter: for the tests of its exit. */
static void *run_forever(void *argument)
{
    tally_notice notice = {.data = "x", .length = 1};
    while (api->registry_notify(argument, &notice, NULL, NULL) == TALLY_OK)
        usleep(100);
    return NULL;
}

FUNCTION(notify_forever)
{
    tally_registry *registry = registry_of(argument);
    pthread_t thread;
    if (registry == NULL || pthread_create(&thread, NULL, run_forever, registry) != 0)
        return NULL;
    pthread_detach(thread);
    Py_RETURN_NONE;
}

FUNCTION(register_directly)
{
    tally_registry *registry = registry_of(argument);
    tally_handler_id id;
    if (registry == NULL || api->registry_register(registry, note, NULL, NULL, &id, NULL) != TALLY_OK)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"quick", quick, METH_NOARGS, NULL},
    {"slow", slow, METH_NOARGS, NULL},
    {"blocker", blocker, METH_NOARGS, NULL},
    {"failing", failing, METH_NOARGS, NULL},
    {"counted", counted, METH_NOARGS, NULL},
    {"forwarder", forwarder, METH_O, NULL},
    {"wrong_magic", wrong_magic, METH_NOARGS, NULL},
    {"wrong_size", wrong_size, METH_NOARGS, NULL},
    {"wrong_flags", wrong_flags, METH_NOARGS, NULL},
    {"blocked", blocked, METH_NOARGS, NULL},
    {"release", release, METH_NOARGS, NULL},
    {"had_gil", had_gil, METH_NOARGS, NULL},
    {"calls", calls, METH_NOARGS, NULL},
    {"destroyed", destroyed, METH_NOARGS, NULL},
    {"last_length", last_length, METH_NOARGS, NULL},
    {"version", version, METH_NOARGS, NULL},
    {"notify_from_thread", notify_from_thread, METH_VARARGS, NULL},
    {"notify_forever", notify_forever, METH_O, NULL},
    {"register_directly", register_directly, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "tallystick_example", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_tallystick_example(void)
{
    api = PyCapsule_Import("tallystick._core.C_API", 0);
    if (api == NULL)
        return NULL;
    if (api->size < sizeof *api || api->version / 1000000 != TALLY_VERSION_MAJOR) {
        PyErr_SetString(PyExc_ImportError, "this tallystick is older than the headers used");
        return NULL;
    }
    return PyModule_Create(&definition);
}
