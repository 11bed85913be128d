/* What exists once per process: the locks, the fork counter, and their set-up.
 *
 * Locks are few and static, so that a fork can hold them all for its moment and a child starts with
 * whole data. A writer of a registry takes the stripe of its slot; nobody takes a second stripe.
 * Order, where two are needed: stripe before SLAB, THREADS, KINDS; these three are leaves. */
#ifndef TALLY_HANDLE_PROCESS_H
#define TALLY_HANDLE_PROCESS_H

#include <stdint.h>

#include <tallystick/platform.h>

#define TALLY_LOCK_STRIPES 16

enum tally_lock {
    /* 0 .. TALLY_LOCK_STRIPES - 1 are the stripes */
    TALLY_LOCK_DEFERRED = TALLY_LOCK_STRIPES,
    TALLY_LOCK_SLAB,
    TALLY_LOCK_THREADS,
    TALLY_LOCK_KINDS,
    TALLY_LOCK_COUNT
};

/* Sets up locks and hooks, once; every `open` and `intern` calls it first. Starts no thread.
 * TALLY_E_UNSUPPORTED, for ever, when the system refused a lock or a hook. */
tally_status tally_process_start(tally_error *error);

void tally_process_lock(uint32_t lock);
void tally_process_unlock(uint32_t lock);

/* How often this process image was forked on the way to this process; raised in the child. */
uint32_t tally_process_forks(void);

#endif
