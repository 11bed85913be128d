/* Bindings: what a core handler's user_data is here, from the arguments of register to the destructor. */
#include "registry.h"

py_binding *binding_new(py_registry *self, enum binding_kind kind, PyObject *target)
{
    py_binding *made = PyMem_Calloc(1, sizeof *made);
    if (made == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    made->kind = kind;
    made->target = Py_NewRef(target);
    made->stop = self->state->stop;
    made->registry = self;
    made->next = self->bindings;
    made->link = &self->bindings;
    if (made->next != NULL) made->next->link = &made->next;
    self->bindings = made;
    return made;
}

static void binding_unlink(py_binding *binding)
{
    if (binding->link == NULL) return;
    *binding->link = binding->next;
    if (binding->next != NULL) binding->next->link = binding->link;
    if (binding->kind == BINDING_NATIVE && --binding->registry->natives == 0) binding->registry->slow &= ~SLOW_NATIVE;
    binding->link = NULL;
    binding->registry = NULL;
}

void binding_orphan(py_binding *binding)
{
    binding_clear(binding);
    binding_unlink(binding);
}

static void binding_free(py_binding *binding)
{
    if (binding->registering) {
        binding->ended = true;
        return;
    }
    binding_unlink(binding);
    if (binding->lent != NULL) native_give_back(binding->lent);
    PyObject *target = binding->target, *function = binding->function, *kinds = binding->kinds;
    PyMem_Free(binding);
    Py_XDECREF(target);
    Py_XDECREF(function);
    Py_XDECREF(kinds);
}

void binding_destroy(void *user_data)
{
    gil_hold hold;
    if (!gil_take(&hold)) return; /* the interpreter has ended, and with it the memory */
    PyObject *pending = PyErr_Occurred() ? error_fetch() : NULL;
    binding_free(user_data);
    if (pending != NULL) error_restore(pending);
    gil_give(&hold);
}

/* Native targets stay: C may be inside them without the GIL. */
void binding_clear(py_binding *binding)
{
    if (binding->kind == BINDING_NATIVE) return;
    PyObject *target = binding->target, *function = binding->function;
    binding->target = NULL;
    binding->function = NULL;
    Py_XDECREF(target);
    Py_XDECREF(function);
}

int binding_visit(py_binding *binding, visitproc visit, void *arg)
{
    Py_VISIT(binding->target);
    Py_VISIT(binding->function);
    Py_VISIT(binding->kinds);
    return 0;
}

PyObject *weak_target(PyObject *reference)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *object = NULL;
    (void)PyWeakref_GetRef(reference, &object);
    return object;
#else
    PyObject *object = PyWeakref_GetObject(reference);
    return object == NULL || object == Py_None ? NULL : Py_NewRef(object);
#endif
}

PyObject *binding_subject(const py_binding *binding)
{
    PyObject *object = NULL;
    if (binding->target == NULL) Py_RETURN_NONE;
    if (binding->kind == BINDING_CALL && binding->function != NULL) return Py_NewRef(binding->function);
    if (binding->kind != BINDING_WEAK && binding->kind != BINDING_WEAK_METHOD) return Py_NewRef(binding->target);
    object = weak_target(binding->target);
    if (object == NULL) Py_RETURN_NONE;
    if (binding->kind == BINDING_WEAK) return object;
    PyObject *method = PyMethod_New(binding->function, object);
    Py_DECREF(object);
    return method;
}

/* ------------------------------------------------------------------------------------- registration */

static int code_flags(PyObject *target)
{
    if (PyMethod_Check(target)) target = PyMethod_GET_FUNCTION(target);
    return PyFunction_Check(target) ? ((PyCodeObject *)PyFunction_GET_CODE(target))->co_flags : 0;
}

bool is_coroutine_function(PyObject *target) { return (code_flags(target) & CO_COROUTINE) != 0; }

/* What `target` calls, under a method, partials, or in its class: a new reference, or NULL; an exception may be set. */
static PyObject *function_under(module_state *state, PyObject *target)
{
    PyObject *under = Py_NewRef(target);
    while (under != NULL && PyObject_TypeCheck(under, (PyTypeObject *)state->partial))
        Py_SETREF(under, PyObject_GetAttrString(under, "func"));
    if (under == NULL || PyFunction_Check(under) || PyMethod_Check(under)) return under;
    bool plain = PyCFunction_Check(under) || PyType_Check(under);
    Py_SETREF(under, plain ? NULL : PyObject_GetAttrString((PyObject *)Py_TYPE(under), "__call__"));
    if (under == NULL && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    return under;
}

/* The flags of the code that calling `target` runs, 0 when that cannot be seen; -1 with an exception. */
static int deep_code_flags(module_state *state, PyObject *target)
{
    if (PyFunction_Check(target)) return code_flags(target);
    PyObject *function = function_under(state, target);
    if (function == NULL) return PyErr_Occurred() ? -1 : 0;
    int flags = code_flags(function);
    Py_DECREF(function);
    return flags;
}

#define CO_ANY_COROUTINE (CO_COROUTINE | CO_ITERABLE_COROUTINE)

PyObject *binding_asynchronous(PyObject *module, PyObject *target)
{
    int flags = deep_code_flags(PyModule_GetState(module), target);
    if (flags < 0) return NULL;
    if (flags & CO_ASYNC_GENERATOR) return PyUnicode_FromString("generator");
    return flags & CO_ANY_COROUTINE ? PyUnicode_FromString("coroutine") : Py_NewRef(Py_None);
}

/* A handler that is only called would not run: 0 it is not of that kind, -1 with TypeError. */
static int refuse_asynchronous(module_state *state, PyObject *target)
{
    int flags = deep_code_flags(state, target);
    if (flags > 0 && flags & CO_ASYNC_GENERATOR)
        PyErr_Format(PyExc_TypeError, "%R is an asynchronous generator: calling it would run nothing of it", target);
    else if (flags > 0 && flags & CO_ANY_COROUTINE)
        PyErr_Format(PyExc_TypeError, "%R is async: register it in an AsyncRegistry, or with on(..., loop=...)",
                     target);
    return PyErr_Occurred() ? -1 : 0;
}

/* What on(…, loop=…) and AsyncRegistry register stands for the handler that they run themselves. */
static int bind_subject(module_state *state, py_binding *binding, PyObject *target)
{
    PyObject *stand_in = helper_find(state, "stand_in");
    if (stand_in == NULL) return -1;
    if (!PyType_IsSubtype(Py_TYPE(target), (PyTypeObject *)stand_in)) return 0;
    binding->function = PyObject_GetAttrString(target, "subject");
    return binding->function == NULL ? -1 : 0;
}

static py_binding *bind_weakly(py_registry *self, PyObject *target)
{
    bool method = PyMethod_Check(target);
    bool function = PyFunction_Check(target);
    if (function) {
        PyObject *name = ((PyFunctionObject *)target)->func_name;
        function = name == NULL || PyUnicode_CompareWithASCIIString(name, "<lambda>") != 0;
    }
    if (!method && !function) {
        PyErr_Format(PyExc_TypeError,
                     "weak=True takes a function or a bound method; %R would be gone at once or cannot "
                     "be watched: keep it yourself and register it without weak",
                     target);
        return NULL;
    }
    PyObject *reference = PyWeakref_NewRef(method ? PyMethod_GET_SELF(target) : target, NULL);
    if (reference == NULL) return NULL;
    py_binding *made = binding_new(self, method ? BINDING_WEAK_METHOD : BINDING_WEAK, reference);
    Py_DECREF(reference);
    if (made != NULL && method) made->function = Py_NewRef(PyMethod_GET_FUNCTION(target));
    return made;
}

static py_binding *bind_native(py_registry *self, PyObject *target, tally_handler native, void *data)
{
    py_lent *lent = NULL;
    if (PyCapsule_CheckExact(target) && native_lend(target, &lent) < 0) return NULL;
    py_binding *made = binding_new(self, BINDING_NATIVE, target);
    if (made == NULL) {
        if (lent != NULL) native_give_back(lent);
        return NULL;
    }
    made->native = native;
    made->native_data = data;
    made->lent = lent;
    self->natives++;
    self->slow |= SLOW_NATIVE;
    return made;
}

static int bind(py_registry *self, PyObject *target, bool weak, py_registration *registration)
{
    tally_handler native;
    void *data;
    bool quick;
    int is_native = native_describe(self->state, target, &native, &data, &quick);
    if (is_native < 0) return -1;
    if (is_native && !weak) {
        registration->handler = binding_call_native;
        registration->options.flags |= quick ? 0 : TALLY_HANDLER_MAY_BLOCK;
        registration->binding = bind_native(self, target, native, data);
    } else if (!is_native && !PyCallable_Check(target)) {
        PyErr_Format(PyExc_TypeError, "a handler is callable with one argument, or native; %.100s is neither",
                     Py_TYPE(target)->tp_name);
        return -1;
    } else if (refuse_asynchronous(self->state, target) < 0) {
        return -1;
    } else if (weak) {
        registration->handler = binding_call_weak;
        registration->binding = bind_weakly(self, target);
    } else {
        registration->handler = PyFunction_Check(target) ? binding_call_function : binding_call;
        registration->binding = binding_new(self, BINDING_CALL, target);
        if (registration->binding != NULL && bind_subject(self->state, registration->binding, target) < 0) {
            registration_end(registration, false, (tally_handler_id){0, 0});
            return -1;
        }
    }
    return registration->binding == NULL ? -1 : 0;
}

/* Fills registration->kinds from a tuple of names; a '*' among them means no filter at all, but all are checked. */
static int intern_kinds(module_state *state, PyObject *names, py_registration *registration)
{
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    if (count == 0) {
        (void)error_raise_text(state, TALLY_E_OPTION,
                               "kinds is empty, so the handler would never run; leave it out for all");
        return -1;
    }
    registration->kinds = PyMem_New(uint32_t, (size_t)count);
    if (registration->kinds == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    bool all = false;
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *name = PyTuple_GET_ITEM(names, index);
        if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "*") == 0) all = true;
        else if (argument_kind(state, name, &registration->kinds[index]) < 0) return -1;
    }
    if (all) return 0;
    registration->options.kinds = registration->kinds;
    registration->options.kind_count = (size_t)count;
    registration->binding->kinds = Py_NewRef(names);
    return 0;
}

static int take_kinds(module_state *state, PyObject *value, py_registration *registration)
{
    if (value == NULL || value == Py_None) return 0;
    PyObject *names = PyUnicode_Check(value) ? PyTuple_Pack(1, value) : PySequence_Tuple(value);
    int status = names == NULL ? -1 : intern_kinds(state, names, registration);
    Py_XDECREF(names);
    return status;
}

static int take_name(PyObject *value, tally_handler_options *options)
{
    if (value == NULL || value == Py_None) return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "name is a text, not %.100s", Py_TYPE(value)->tp_name);
        return -1;
    }
    Py_ssize_t length;
    options->name = PyUnicode_AsUTF8AndSize(value, &length);
    options->name_length = (size_t)length;
    return options->name == NULL ? -1 : 0;
}

int registration_begin(py_registry *self, PyObject *const *values, py_registration *registration)
{
    bool once = false, weak = false;
    int64_t priority = 0, max_failures = 0;
    memset(registration, 0, sizeof *registration);
    registration->options.size = sizeof registration->options;
    registration->options.destructor = binding_destroy;
    if (argument_integer(self->state, "priority", values[REGISTER_PRIORITY], INT32_MIN, INT32_MAX, &priority) < 0 ||
        argument_bool("once", values[REGISTER_ONCE], &once) < 0 ||
        argument_bool("weak", values[REGISTER_WEAK], &weak) < 0 ||
        take_name(values[REGISTER_NAME], &registration->options) < 0 ||
        argument_integer(self->state, "max_failures", values[REGISTER_MAX_FAILURES], 1, UINT32_MAX, &max_failures) < 0)
        return -1;
    registration->options.priority = (int32_t)priority;
    registration->options.max_failures = (uint32_t)max_failures;
    registration->options.flags = once ? TALLY_HANDLER_ONCE : 0;
    if (bind(self, values[REGISTER_HANDLER], weak, registration) < 0) return -1;
    if (take_kinds(self->state, values[REGISTER_KINDS], registration) < 0) {
        registration_end(registration, false, (tally_handler_id){0, 0});
        return -1;
    }
    registration->binding->registering = true;
    return 0;
}

void registration_end(py_registration *registration, bool registered, tally_handler_id id)
{
    PyMem_Free(registration->kinds);
    registration->kinds = NULL;
    py_binding *binding = registration->binding;
    registration->binding = NULL;
    if (binding == NULL) return;
    binding->registering = false;
    if (registered && !binding->ended) binding->id = id;
    else binding_free(binding);
}
