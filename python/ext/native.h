/* What Counter, Ring and Mask have in common. */
#ifndef TALLYSTICK_SHIM_NATIVE_H
#define TALLYSTICK_SHIM_NATIVE_H

#include "registry.h"

typedef struct native_object {
    PyObject ob_base;
    void *core; /* tally_counter, tally_ring or tally_mask, by type */
    tally_handler handler;
    bool quick;
    PyObject *inner; /* a mask's handler */
    py_lent *lent;   /* when that is a capsule */
    module_state *state;
} native_object;

#define NATIVE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE)

extern PyType_Spec counter_spec, ring_spec, mask_spec;

native_object *native_allocate(PyTypeObject *type, tally_handler handler);
/* Takes over `self`; NULL with an exception when the core refused. */
PyObject *native_opened(native_object *self, tally_status status, const tally_error *error);
int native_traverse(native_object *self, visitproc visit, void *arg);
/* Called like a function it gets one event, as notify would give it. */
PyObject *native_call(native_object *self, PyObject *args, PyObject *kwargs);
void native_free(native_object *self);

#endif
