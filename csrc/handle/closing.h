/* Closing: the second half of the gate, the same for all objects.
 *
 * A close first stops new calls (state CLOSING), then lets the object withdraw what it offers
 * (`withdraw`), then tries to free it (`finish`) until nobody is inside any more. A thread that is
 * inside a callback does not wait, since it could wait for itself: the close goes into a list, and the
 * last act of every later writing call of any thread outside of callbacks is to try again. */
#ifndef TALLY_HANDLE_CLOSING_H
#define TALLY_HANDLE_CLOSING_H

#include "handle/gate.h"

enum tally_finish {
    TALLY_FINISH_DONE,  /* freed; the slot was given back, or is CLOSED and kept by somebody */
    TALLY_FINISH_LATER, /* somebody is still inside */
    TALLY_FINISH_NEVER  /* the system refuses the barrier, so nobody can tell: the object is leaked */
};

typedef struct tally_close_steps {
    void (*withdraw)(tally_slot *slot); /* may be NULL */
    enum tally_finish (*finish)(tally_slot *slot);
    /* First thing in a forked child, for an object that owns files: lets go of what is the parent's. No lock may be
     * taken and no memory freed: what other threads were doing was cut off. May be NULL. */
    void (*in_child)(tally_slot *slot);
} tally_close_steps;

/* The whole of a public close: `handle` points to the caller's pointer, which becomes NULL. */
tally_status tally_close(void *handle, enum tally_kind_of_handle kind, bool may_wait);

/* The rest of a close, for a caller that has shut the slot's gate itself (tally_gate_shut), because it found the
 * object in a list of its own and not by a pointer. The slot may be gone on return. */
void tally_close_shut(tally_slot *slot, bool may_wait);

/* Tries again what was closed inside a callback. One load when there is nothing. */
void tally_close_deferred(void);

/* `finish` of an object that is one block: waits for quiet, then frees with `release`. */
enum tally_finish tally_close_when_quiet(tally_slot *slot, void (*release)(void *body));

#endif
