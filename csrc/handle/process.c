#include "handle/process.h"

#include <stdatomic.h>

#include "base/error.h"
#include "handle/gate.h"
#include "handle/thread.h"

static tally_mutex locks[TALLY_LOCK_COUNT];
static _Atomic(uint32_t) forks;
static int32_t started;           /* state of the platform's once */
static tally_status start_status; /* written inside the once */

static void before_fork(void)
{
    for (uint32_t i = 0; i < TALLY_LOCK_COUNT; i++) tally_process_lock(i);
}

static void after_fork_in_parent(void)
{
    for (uint32_t i = TALLY_LOCK_COUNT; i > 0; i--) tally_process_unlock(i - 1);
}

/* The child has one thread, the one that forked, and it holds all the locks. What the others held is
 * dropped: their hazards, their places in gates. */
static void after_fork_in_child(void)
{
    const tally_platform *platform = tally_platform_default();
    int32_t os_error = 0;
    for (uint32_t i = 0; i < TALLY_LOCK_COUNT; i++) (void)platform->mutex_init(platform->context, &locks[i], &os_error);
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    tally_threads_after_fork();
    tally_gates_after_fork();
}

static void start(void)
{
    const tally_platform *platform = tally_platform_default();
    int32_t os_error = 0;
    for (uint32_t i = 0; i < TALLY_LOCK_COUNT; i++) {
        start_status = platform->mutex_init(platform->context, &locks[i], &os_error);
        if (start_status != TALLY_OK) return;
    }
    start_status = platform->thread_exit_hook(platform->context, tally_thread_leave, &os_error);
    if (start_status != TALLY_OK) return;
    start_status = platform->fork_hooks(platform->context, before_fork, after_fork_in_parent, after_fork_in_child);
}

tally_status tally_process_start(tally_error *error)
{
    const tally_platform *platform = tally_platform_default();
    platform->once(platform->context, &started, start);
    if (start_status != TALLY_OK) {
        return tally_fail(
            error, TALLY_E_UNSUPPORTED,
            "the system refused a lock or a thread hook when the library started (%s); restart the process",
            tally_status_name(start_status));
    }
    return TALLY_OK;
}

void tally_process_lock(uint32_t lock)
{
    const tally_platform *platform = tally_platform_default();
    platform->mutex_lock(platform->context, &locks[lock]);
}

void tally_process_unlock(uint32_t lock)
{
    const tally_platform *platform = tally_platform_default();
    platform->mutex_unlock(platform->context, &locks[lock]);
}

uint32_t tally_process_forks(void) { return atomic_load_explicit(&forks, memory_order_relaxed); }
