#include "platform/memory_world.h"

/* The rest of the table is the system's. It is called with the system's own context, which a copied
 * function pointer would not have. */

static const tally_platform *system_of(void *world)
{
    (void)world;
    return tally_platform_default();
}

/* ------------------------------------------------------------------------------------ time and memory */

static uint64_t monotonic_ns(void *context)
{
    const tally_platform *system = system_of(context);
    return system->monotonic_ns(system->context);
}

static void sleep_ns(void *context, uint64_t duration_ns)
{
    const tally_platform *system = system_of(context);
    system->sleep_ns(system->context, duration_ns);
}

static void *allocate(void *context, size_t size_bytes)
{
    const tally_platform *system = system_of(context);
    return system->allocate(system->context, size_bytes);
}

static void *resize(void *context, void *memory, size_t size_bytes)
{
    const tally_platform *system = system_of(context);
    return system->resize(system->context, memory, size_bytes);
}

static void release(void *context, void *memory)
{
    const tally_platform *system = system_of(context);
    system->release(system->context, memory);
}

static void *allocate_locked(void *context, size_t size_bytes)
{
    const tally_platform *system = system_of(context);
    return system->allocate_locked(system->context, size_bytes);
}

static void release_locked(void *context, void *memory, size_t size_bytes)
{
    const tally_platform *system = system_of(context);
    system->release_locked(system->context, memory, size_bytes);
}

static tally_status protect(void *context, void *memory, size_t size_bytes, uint32_t access, int32_t *os_error)
{
    const tally_platform *system = system_of(context);
    return system->protect(system->context, memory, size_bytes, access, os_error);
}

/* ----------------------------------------------------------------------------------------- threads */

static tally_status start_thread(void *context, void (*run)(void *user_data), void *user_data, tally_thread_id *thread,
                                 int32_t *os_error)
{
    const tally_platform *system = system_of(context);
    return system->start_thread(system->context, run, user_data, thread, os_error);
}

static void join_thread(void *context, tally_thread_id thread)
{
    const tally_platform *system = system_of(context);
    system->join_thread(system->context, thread);
}

static tally_status mutex_init(void *context, tally_mutex *mutex, int32_t *os_error)
{
    const tally_platform *system = system_of(context);
    return system->mutex_init(system->context, mutex, os_error);
}

static void mutex_destroy(void *context, tally_mutex *mutex)
{
    const tally_platform *system = system_of(context);
    system->mutex_destroy(system->context, mutex);
}

static void mutex_lock(void *context, tally_mutex *mutex)
{
    const tally_platform *system = system_of(context);
    system->mutex_lock(system->context, mutex);
}

static void mutex_unlock(void *context, tally_mutex *mutex)
{
    const tally_platform *system = system_of(context);
    system->mutex_unlock(system->context, mutex);
}

static tally_status condition_init(void *context, tally_condition *condition, int32_t *os_error)
{
    const tally_platform *system = system_of(context);
    return system->condition_init(system->context, condition, os_error);
}

static void condition_destroy(void *context, tally_condition *condition)
{
    const tally_platform *system = system_of(context);
    system->condition_destroy(system->context, condition);
}

static tally_status condition_wait(void *context, tally_condition *condition, tally_mutex *mutex, uint64_t timeout_ns)
{
    const tally_platform *system = system_of(context);
    return system->condition_wait(system->context, condition, mutex, timeout_ns);
}

static void condition_wake_all(void *context, tally_condition *condition)
{
    const tally_platform *system = system_of(context);
    system->condition_wake_all(system->context, condition);
}

static void once(void *context, int32_t *state, void (*run)(void))
{
    const tally_platform *system = system_of(context);
    system->once(system->context, state, run);
}

/* ----------------------------------------------------------------------------------------- process */

static uint64_t process_id(void *context)
{
    const tally_platform *system = system_of(context);
    return system->process_id(system->context);
}

static tally_status process_barrier_prepare(void *context)
{
    const tally_platform *system = system_of(context);
    return system->process_barrier_prepare(system->context);
}

static tally_status process_barrier(void *context)
{
    const tally_platform *system = system_of(context);
    return system->process_barrier(system->context);
}

static tally_status thread_exit_hook(void *context, void (*leaving)(void *value), int32_t *os_error)
{
    const tally_platform *system = system_of(context);
    return system->thread_exit_hook(system->context, leaving, os_error);
}

static void thread_exit_arm(void *context, void *value)
{
    const tally_platform *system = system_of(context);
    system->thread_exit_arm(system->context, value);
}

static tally_status fork_hooks(void *context, void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    const tally_platform *system = system_of(context);
    return system->fork_hooks(system->context, before, in_parent, in_child);
}

void tally_memory_fill_system(tally_platform *table)
{
    table->monotonic_ns = monotonic_ns;
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
    table->process_id = process_id;
    table->process_barrier_prepare = process_barrier_prepare;
    table->process_barrier = process_barrier;
    table->thread_exit_hook = thread_exit_hook;
    table->thread_exit_arm = thread_exit_arm;
    table->fork_hooks = fork_hooks;
}
