#if !defined(_WIN32)
#include "platform/posix.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

/* ------------------------------------------------------------------------------- the child of a fork */

static pthread_mutex_t once_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t once_condition = PTHREAD_COND_INITIALIZER;
/* Counts the forks on the way to this process, for the `once` that a fork cut off. */
static _Atomic(int32_t) fork_generation;
/* Whether this process image has announced its barriers to the kernel. */
static _Atomic(bool) barrier_ready;

/* The other threads are gone, and what they were doing here with them. */
static void start_again_in_child(void)
{
    (void)pthread_mutex_init(&once_mutex, NULL);
    (void)pthread_cond_init(&once_condition, NULL);
    atomic_fetch_add_explicit(&fork_generation, 1, memory_order_relaxed);
    atomic_store_explicit(&barrier_ready, false, memory_order_relaxed);
}

static void watch_forks(void)
{
    /* Without memory for the hook a child of a fork has no barrier and may wait in `once`; the parent
     * loses nothing. */
    (void)pthread_atfork(NULL, NULL, start_again_in_child);
}

static void watch_forks_once(void)
{
    static pthread_once_t control = PTHREAD_ONCE_INIT;
    (void)pthread_once(&control, watch_forks);
}

tally_status tally_posix_fork_hooks(void *context, void (*before)(void), void (*in_parent)(void),
                                    void (*in_child)(void))
{
    (void)context;
    watch_forks_once(); /* first, so that in_child finds a fresh platform */
    return tally_posix_status(pthread_atfork(before, in_parent, in_child));
}

/* -------------------------------------------------------------------------------------------- once */

/* *state is 0, ONCE_DONE, or odd while it runs: the fork generation of the process that runs it. A
 * running state of an earlier generation was cut off by a fork and is run again, as pthread_once does. */
#define ONCE_DONE 2

static int32_t running_state(void)
{
    return (int32_t)((uint32_t)atomic_load_explicit(&fork_generation, memory_order_relaxed) << 1 | 1u);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtins write it */
void tally_posix_once(void *context, int32_t *state, void (*run)(void))
{
    (void)context;
    /* The builtins, because the contract gives a plain int32_t. */
    if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == ONCE_DONE) return;
    watch_forks_once();
    (void)pthread_mutex_lock(&once_mutex);
    while (__atomic_load_n(state, __ATOMIC_ACQUIRE) == running_state()) {
        (void)pthread_cond_wait(&once_condition, &once_mutex);
    }
    bool mine = __atomic_load_n(state, __ATOMIC_ACQUIRE) != ONCE_DONE;
    if (mine) __atomic_store_n(state, running_state(), __ATOMIC_RELAXED);
    (void)pthread_mutex_unlock(&once_mutex);
    if (!mine) return;
    run(); /* under no lock: it may use another `once` */
    (void)pthread_mutex_lock(&once_mutex);
    __atomic_store_n(state, ONCE_DONE, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&once_condition);
    (void)pthread_mutex_unlock(&once_mutex);
}

/* ----------------------------------------------------------------------------------------- barrier */

#if defined(__linux__)
static bool membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }
#endif

tally_status tally_posix_process_barrier_prepare(void *context)
{
    (void)context;
#if defined(__linux__)
    watch_forks_once();
    if (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return TALLY_E_UNSUPPORTED;
    atomic_store_explicit(&barrier_ready, true, memory_order_release);
    return TALLY_OK;
#else
    return TALLY_E_UNSUPPORTED;
#endif
}

tally_status tally_posix_process_barrier(void *context)
{
#if defined(__linux__)
    /* A forked child is a process that has announced nothing. */
    if (!atomic_load_explicit(&barrier_ready, memory_order_acquire)) {
        tally_status status = tally_posix_process_barrier_prepare(context);
        if (status != TALLY_OK) return status;
    }
    return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ? TALLY_OK : TALLY_E_UNSUPPORTED;
#else
    (void)context;
    return TALLY_E_UNSUPPORTED;
#endif
}

/* ------------------------------------------------------------------------------------- thread exit */

static pthread_key_t exit_key;
static _Atomic(bool) exit_key_made;

tally_status tally_posix_thread_exit_hook(void *context, void (*leaving)(void *value), int32_t *os_error)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    (void)context;
    *os_error = 0;
    (void)pthread_mutex_lock(&mutex);
    if (!atomic_load_explicit(&exit_key_made, memory_order_relaxed)) {
        *os_error = pthread_key_create(&exit_key, leaving);
        if (*os_error == 0) atomic_store_explicit(&exit_key_made, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&mutex);
    return tally_posix_status(*os_error);
}

void tally_posix_thread_exit_arm(void *context, void *value)
{
    (void)context;
    if (atomic_load_explicit(&exit_key_made, memory_order_acquire)) (void)pthread_setspecific(exit_key, value);
}

#endif
