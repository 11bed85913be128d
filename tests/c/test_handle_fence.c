/* The barrier between readers and writers: announced late, replaced where there is none, and when it is refused
 * later nothing is reclaimed any more, nothing waits, and nothing breaks. How a process does it is decided
 * once, so each test decides in a child of its own. */
#include "handlers.h"

#include "handle/thread.h"
#include "platform/default.h"
#include "wrap/wrap.h"

static tally_platform *platform;
static tally_registry *registry;
static _Atomic(uint64_t) ends;

#define PREPARE WRAP_BIT(WRAP_PROCESS_BARRIER_PREPARE)
#define BARRIER WRAP_BIT(WRAP_PROCESS_BARRIER)

static void refuse(uint64_t calls, uint64_t after)
{
    wrap_fault_set(
        platform,
        &(wrap_fault){
            .calls = calls, .skip = after, .kind = WRAP_FAIL, .for_ever = true, .status = TALLY_E_UNSUPPORTED});
}

/* Runs a test in a child with a counted platform, in which nothing is decided yet. */
static void undecided(void (*body)(void *unused))
{
    CHECK_EQ(tally_fence_mode, TALLY_FENCE_UNDECIDED);
    platform = wrap_open(tally_platform_default());
    tally_platform_default_replace(platform);
    atomic_store(&ends, 0);
    in_child(body, NULL);
    tally_platform_default_replace(NULL);
    wrap_close(&platform);
}

static void register_late(void *unused)
{
    (void)unused;
    registry = open_plain();
    (void)notify(registry);
    CHECK_EQ(count_of(registry), 0);
    tally_counter *counter = NULL;
    CHECK_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    (void)tally_counter_handler(counter, &(tally_notice){0});
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_EQ(wrap_count(platform, PREPARE | BARRIER), 0);
    tally_handler_id id = add(registry, note, "");
#if defined(TALLY_PORTABLE_FENCES)
    CHECK_EQ(wrap_count(platform, PREPARE), 0);
#else
    CHECK_EQ(wrap_count(platform, PREPARE), 1);
#endif
    uint64_t announced = wrap_count(platform, PREPARE);
    for (int i = 0; i < 100; i++) (void)add(registry, note, "");
    CHECK(drop(registry, id));
    shut(&registry);
    registry = open_plain();
    (void)add(registry, note, "");
    shut(&registry);
    CHECK_EQ(wrap_count(platform, PREPARE), announced);
}

TEST(the_barrier_is_announced_at_the_first_registration_and_only_then) { undecided(register_late); }

static int32_t fail_plainly(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return -1;
}

/* All that the others test, in short. */
static void work_without_announcing(void *unused)
{
    (void)unused;
    refuse(PREPARE, 0);
    registry = open_plain();
    tally_handler_id id = add_with(registry, note, "a", (tally_handler_options){.destructor = tell_end});
    CHECK_EQ(tally_fence_mode, TALLY_FENCE_PORTABLE);
    (void)add(registry, fail_plainly, NULL);
    (void)add(registry, note, "b");
    CHECK_NOTIFIED(notify(registry), 3, 1, 0, 0);
    CHECK_TEXT(told(), "ab");
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    CHECK_TEXT(told(), "[a]");
    tally_registry *child = open_child(registry);
    CHECK_NOTIFIED(notify(child), 2, 1, 0, 0);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(look_at(registry).retired_bytes, 0);
    shut(&child);
    shut(&registry);
    CHECK_EQ(wrap_count(platform, BARRIER), 0);
    CHECK_EQ(tally_handle_count(), 0);
    if (UNDER_TSAN) return; /* no threads in a child there */
    registry = open_plain();
    barrier inside = BARRIER_SHUT;
    id = add(registry, hold_here, &inside);
    helper one;
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 5, NULL, NULL), TALLY_E_TIMEOUT);
    release_all(&inside);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    join(&one);
    shut(&registry);
}

TEST(where_there_is_no_barrier_everything_works_without) { undecided(work_without_announcing); }

static int32_t count_panics(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    (void)failure;
    tell("!");
    return 0;
}

static void go_on_when_refused(void *unused)
{
    (void)unused;
    registry = open_plain();
    tally_counter *counter = NULL;
    CHECK_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    tally_registry *child = open_child(registry);
    tally_handler_id a = add(registry, note, "a");
    tally_handler_id b = add_with(registry, count_up, (void *)&ends, (tally_handler_options){.destructor = count_end});
    (void)add(registry, fail_saying, "c");
    refuse(BARRIER, 0);
    tally_error error;
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, a, TALLY_WAIT_FOREVER, &removed, &error),
                 TALLY_E_UNSUPPORTED);
    CHECK_SAYS(error, "removed");
    CHECK_EQ(removed, 1);
    CHECK(!has(registry, a));
    CHECK(drop(registry, b));
    uint64_t pending = 0;
    CHECK_STATUS(tally_registry_reclaim(registry, &pending, &error), TALLY_E_UNSUPPORTED);
    CHECK_EQ(pending, 1);
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_E_UNSUPPORTED);
    for (int i = 0; i < 50; i++) CHECK(drop(registry, add(registry, note, "")));
    CHECK_STATUS(tally_registry_on_panic(registry, count_panics, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_on_panic(registry, count_panics, NULL, NULL, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 1, 1, 0, 0);
    CHECK_NOTIFIED(notify(child), 1, 1, 0, 0);
    CHECK_TEXT(told(), "c!c!");
    CHECK_EQ(ends, 0);              /* nobody can tell whether it would be safe */
    wrap_fault_set(platform, NULL); /* refused once is refused for ever */
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_E_UNSUPPORTED);
    tally_registry *stale = registry;
    shut(&registry);
    shut(&child);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_EQ(ends, 0);
    CHECK_EQ(tally_handle_count(), 0);
    CHECK_STATUS(tally_registry_count(stale, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_close(&stale), TALLY_OK);
}

TEST(a_barrier_that_is_refused_later_ends_reclaiming_and_nothing_else)
{
#if !defined(TALLY_PORTABLE_FENCES)
    undecided(go_on_when_refused);
#else
    (void)go_on_when_refused;
#endif
}

static void fork_again(void *unused)
{
    (void)unused;
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK); /* this process was asked anew */
    CHECK(drop(registry,
               add_with(registry, do_nothing, (void *)&ends, (tally_handler_options){.destructor = count_end})));
    CHECK_EQ(ends, 1);
    shut(&registry);
}

static void refuse_and_fork(void *unused)
{
    (void)unused;
    registry = open_plain();
    (void)add(registry, note, "");
    refuse(BARRIER, 0);
    CHECK_STATUS(tally_registry_unregister_wait(registry, add(registry, note, ""), 0, NULL, NULL), TALLY_E_UNSUPPORTED);
    wrap_fault_set(platform, NULL);
    in_child(fork_again, NULL);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_E_UNSUPPORTED);
}

TEST(a_forked_child_asks_for_the_barrier_anew)
{
#if !defined(TALLY_PORTABLE_FENCES)
    undecided(refuse_and_fork);
#else
    (void)refuse_and_fork;
#endif
}

static void start_without_locks(void *call)
{
    wrap_fault_set(platform, &(wrap_fault){.calls = WRAP_BIT(*(const wrap_call *)call), .kind = WRAP_FAIL});
    tally_error error;
    tally_ring *ring = NULL;
    for (int again = 0; again < 2; again++) { /* for ever: the locks are made once */
        CHECK_STATUS(tally_registry_open(NULL, &registry, &error), TALLY_E_UNSUPPORTED);
        CHECK_SAYS(error, "restart the process");
        CHECK(registry == NULL);
        CHECK_STATUS(tally_ring_open(NULL, &ring, NULL), TALLY_E_UNSUPPORTED);
        CHECK_STATUS(tally_kind_intern("a", 1, &(uint32_t){0}, NULL), TALLY_E_UNSUPPORTED);
        CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_E_UNSUPPORTED);
    }
    CHECK_EQ(tally_handle_count(), 0);
}

TEST(a_system_that_refuses_locks_or_hooks_is_told_at_every_open)
{
    static const wrap_call calls[] = {WRAP_MUTEX_INIT, WRAP_THREAD_EXIT_HOOK, WRAP_FORK_HOOKS};
    for (int i = 0; i < 3; i++) {
        platform = wrap_open(tally_platform_default());
        tally_platform_default_replace(platform);
        in_child(start_without_locks, (void *)(uintptr_t)&calls[i]);
        tally_platform_default_replace(NULL);
        wrap_close(&platform);
    }
}
