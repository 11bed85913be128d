#include <string.h>

#include "wrap/wrap_state.h"

/* Counts a call that cannot fail. */
static const tally_platform *pass(void *context, wrap_call call)
{
    wrap_state *state = context;
    tally_status ignored_status;
    int32_t ignored;
    (void)wrap_meet(state, call, &ignored_status, &ignored);
    return state->inner;
}

/* Counts a call that can: NULL when it is to fail. */
static const tally_platform *try(void *context, wrap_call call, tally_status *status, int32_t *os_error)
{
    wrap_state *state = context;
    return wrap_meet(state, call, status, os_error) == WRAP_FAIL ? NULL : state->inner;
}

/* ------------------------------------------------------------------------- clock, identity, random */

static tally_status wall_clock_us(void *context, int64_t *now_us, int32_t *os_error)
{
    tally_status status;
    *now_us = 0;
    const tally_platform *inner = try(context, WRAP_WALL_CLOCK_US, &status, os_error);
    return inner == NULL ? status : inner->wall_clock_us(inner->context, now_us, os_error);
}

static uint64_t monotonic_ns(void *context)
{
    const tally_platform *inner = pass(context, WRAP_MONOTONIC_NS);
    return inner->monotonic_ns(inner->context);
}

static tally_status boot_id(void *context, uint8_t id[16], int32_t *os_error)
{
    tally_status status;
    memset(id, 0, 16);
    const tally_platform *inner = try(context, WRAP_BOOT_ID, &status, os_error);
    return inner == NULL ? status : inner->boot_id(inner->context, id, os_error);
}

static uint64_t process_id(void *context)
{
    const tally_platform *inner = pass(context, WRAP_PROCESS_ID);
    return inner->process_id(inner->context);
}

static tally_status host_name(void *context, char *name, size_t capacity, int32_t *os_error)
{
    tally_status status;
    if (capacity > 0) name[0] = '\0';
    const tally_platform *inner = try(context, WRAP_HOST_NAME, &status, os_error);
    return inner == NULL ? status : inner->host_name(inner->context, name, capacity, os_error);
}

static tally_status random_bytes(void *context, void *data, size_t length, int32_t *os_error)
{
    tally_status status;
    const tally_platform *inner = try(context, WRAP_RANDOM_BYTES, &status, os_error);
    return inner == NULL ? status : inner->random_bytes(inner->context, data, length, os_error);
}

static void sleep_ns(void *context, uint64_t duration_ns)
{
    const tally_platform *inner = pass(context, WRAP_SLEEP_NS);
    inner->sleep_ns(inner->context, duration_ns);
}

/* ------------------------------------------------------------------------------------------ memory */

static void *counted(void *context, void *memory)
{
    wrap_state *state = context;
    if (memory != NULL) atomic_fetch_add(&state->blocks, 1);
    return memory;
}

static void *allocate(void *context, size_t size_bytes)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_ALLOCATE, &status, &os_error);
    return inner == NULL ? NULL : counted(context, inner->allocate(inner->context, size_bytes));
}

static void *resize(void *context, void *memory, size_t size_bytes)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_RESIZE, &status, &os_error);
    if (inner == NULL) return NULL;
    void *resized = inner->resize(inner->context, memory, size_bytes);
    return memory == NULL ? counted(context, resized) : resized;
}

static void release(void *context, void *memory)
{
    wrap_state *state = context;
    const tally_platform *inner = pass(context, WRAP_RELEASE);
    if (memory != NULL) atomic_fetch_sub(&state->blocks, 1);
    inner->release(inner->context, memory);
}

static void *allocate_locked(void *context, size_t size_bytes)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_ALLOCATE_LOCKED, &status, &os_error);
    return inner == NULL ? NULL : counted(context, inner->allocate_locked(inner->context, size_bytes));
}

static void release_locked(void *context, void *memory, size_t size_bytes)
{
    wrap_state *state = context;
    const tally_platform *inner = pass(context, WRAP_RELEASE_LOCKED);
    if (memory != NULL) atomic_fetch_sub(&state->blocks, 1);
    inner->release_locked(inner->context, memory, size_bytes);
}

static tally_status protect(void *context, void *memory, size_t size_bytes, uint32_t access, int32_t *os_error)
{
    tally_status status;
    const tally_platform *inner = try(context, WRAP_PROTECT, &status, os_error);
    return inner == NULL ? status : inner->protect(inner->context, memory, size_bytes, access, os_error);
}

/* ----------------------------------------------------------------------------------------- threads */

static tally_status start_thread(void *context, void (*run)(void *user_data), void *user_data, tally_thread_id *thread,
                                 int32_t *os_error)
{
    wrap_state *state = context;
    tally_status status;
    *thread = 0;
    const tally_platform *inner = try(context, WRAP_START_THREAD, &status, os_error);
    if (inner == NULL) return status;
    status = inner->start_thread(inner->context, run, user_data, thread, os_error);
    if (status == TALLY_OK) atomic_fetch_add(&state->threads, 1);
    return status;
}

static void join_thread(void *context, tally_thread_id thread)
{
    wrap_state *state = context;
    const tally_platform *inner = pass(context, WRAP_JOIN_THREAD);
    inner->join_thread(inner->context, thread);
    atomic_fetch_sub(&state->threads, 1);
}

static tally_status mutex_init(void *context, tally_mutex *mutex, int32_t *os_error)
{
    tally_status status;
    const tally_platform *inner = try(context, WRAP_MUTEX_INIT, &status, os_error);
    return inner == NULL ? status : inner->mutex_init(inner->context, mutex, os_error);
}

static void mutex_destroy(void *context, tally_mutex *mutex)
{
    const tally_platform *inner = pass(context, WRAP_MUTEX_DESTROY);
    inner->mutex_destroy(inner->context, mutex);
}

static void mutex_lock(void *context, tally_mutex *mutex)
{
    const tally_platform *inner = pass(context, WRAP_MUTEX_LOCK);
    inner->mutex_lock(inner->context, mutex);
}

static void mutex_unlock(void *context, tally_mutex *mutex)
{
    const tally_platform *inner = pass(context, WRAP_MUTEX_UNLOCK);
    inner->mutex_unlock(inner->context, mutex);
}

static tally_status condition_init(void *context, tally_condition *condition, int32_t *os_error)
{
    tally_status status;
    const tally_platform *inner = try(context, WRAP_CONDITION_INIT, &status, os_error);
    return inner == NULL ? status : inner->condition_init(inner->context, condition, os_error);
}

static void condition_destroy(void *context, tally_condition *condition)
{
    const tally_platform *inner = pass(context, WRAP_CONDITION_DESTROY);
    inner->condition_destroy(inner->context, condition);
}

/* A fault here makes the wait return at once with `status`: TALLY_E_TIMEOUT is one that came early. */
static tally_status condition_wait(void *context, tally_condition *condition, tally_mutex *mutex, uint64_t timeout_ns)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_CONDITION_WAIT, &status, &os_error);
    return inner == NULL ? status : inner->condition_wait(inner->context, condition, mutex, timeout_ns);
}

static void condition_wake_all(void *context, tally_condition *condition)
{
    const tally_platform *inner = pass(context, WRAP_CONDITION_WAKE_ALL);
    inner->condition_wake_all(inner->context, condition);
}

static void once(void *context, int32_t *done, void (*run)(void))
{
    const tally_platform *inner = pass(context, WRAP_ONCE);
    inner->once(inner->context, done, run);
}

/* ----------------------------------------------------------------------------------------- process */

static tally_status process_barrier_prepare(void *context)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_PROCESS_BARRIER_PREPARE, &status, &os_error);
    return inner == NULL ? status : inner->process_barrier_prepare(inner->context);
}

static tally_status process_barrier(void *context)
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_PROCESS_BARRIER, &status, &os_error);
    return inner == NULL ? status : inner->process_barrier(inner->context);
}

static tally_status thread_exit_hook(void *context, void (*leaving)(void *value), int32_t *os_error)
{
    tally_status status;
    const tally_platform *inner = try(context, WRAP_THREAD_EXIT_HOOK, &status, os_error);
    return inner == NULL ? status : inner->thread_exit_hook(inner->context, leaving, os_error);
}

static void thread_exit_arm(void *context, void *value)
{
    const tally_platform *inner = pass(context, WRAP_THREAD_EXIT_ARM);
    inner->thread_exit_arm(inner->context, value);
}

static tally_status fork_hooks(void *context, void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    tally_status status;
    int32_t os_error;
    const tally_platform *inner = try(context, WRAP_FORK_HOOKS, &status, &os_error);
    return inner == NULL ? status : inner->fork_hooks(inner->context, before, in_parent, in_child);
}

void wrap_fill_rest(tally_platform *table)
{
    table->wall_clock_us = wall_clock_us;
    table->monotonic_ns = monotonic_ns;
    table->boot_id = boot_id;
    table->process_id = process_id;
    table->host_name = host_name;
    table->random_bytes = random_bytes;
    table->sleep_ns = sleep_ns;
    table->allocate = allocate;
    table->resize = resize;
    table->release = release;
    table->allocate_locked = allocate_locked;
    table->release_locked = release_locked;
    table->protect = protect;
    table->start_thread = start_thread;
    table->join_thread = join_thread;
    table->mutex_init = mutex_init;
    table->mutex_destroy = mutex_destroy;
    table->mutex_lock = mutex_lock;
    table->mutex_unlock = mutex_unlock;
    table->condition_init = condition_init;
    table->condition_destroy = condition_destroy;
    table->condition_wait = condition_wait;
    table->condition_wake_all = condition_wake_all;
    table->once = once;
    table->process_barrier_prepare = process_barrier_prepare;
    table->process_barrier = process_barrier;
    table->thread_exit_hook = thread_exit_hook;
    table->thread_exit_arm = thread_exit_arm;
    table->fork_hooks = fork_hooks;
}
