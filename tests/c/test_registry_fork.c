/* registry.md 18: a registry goes on working in a forked child; what other threads held there is dropped. */
#include "handlers.h"

#include "scribble.h"

static tally_registry *registry;
static tally_handler_id id;
static barrier inside;
static helper runner;
static _Atomic(uint64_t) ends;

static void open_fresh(void)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    atomic_store(&ends, 0);
    journal[0] = 0;
}

static void use_it_all(void *unused)
{
    (void)unused;
    (void)told();
    tally_handler_id more = add(registry, note, "c");
    CHECK_EQ(notify(registry).failed, 0);
    CHECK(strstr(told(), "c") != NULL);
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, more, TALLY_WAIT_FOREVER, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 1);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    tally_registry *fresh = open_plain();
    CHECK(drop(fresh, add(fresh, note, "")));
    shut(&fresh);
}

TEST(a_child_goes_on_and_the_parent_does_not_notice)
{
    open_fresh();
    id = add(registry, note, "a");
    in_child(use_it_all, NULL);
    CHECK(has(registry, id));
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

static void remove_what_nobody_runs_here(void *unused)
{
    (void)unused;
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1); /* nothing pins it any more */
    CHECK_EQ(look_at(registry).retired_bytes, 0);
    use_it_all(NULL);
}

static void end_it(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&ends, 1);
}

TEST(a_thread_inside_a_handler_holds_nothing_in_the_child)
{
    open_fresh();
    id = add_with(registry, hold_here, &inside, (tally_handler_options){.destructor = end_it});
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    in_child(remove_what_nobody_runs_here, NULL);
    CHECK_EQ(ends, 0);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 5, NULL, NULL), TALLY_E_TIMEOUT);
    release_all(&inside);
    join(&runner);
    shut(&registry);
    CHECK_EQ(ends, 1);
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
}

TEST(a_thread_that_waits_for_a_handler_blocks_no_close_in_the_child)
{
    open_fresh();
    id = add(registry, hold_here, &inside);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    helper waiter;
    start(&waiter, wait_for_ever, NULL);
    CHECK(is_held(&waiter));
    in_child(use_it_all, NULL);
    release_all(&inside);
    join(&waiter);
    join(&runner);
    shut(&registry);
}

static void close_copy(void *unused)
{
    (void)unused;
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
}

static void find_it_closed(void *handles)
{
    CHECK_STATUS(tally_registry_count(registry, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    close_copy(NULL); /* the close that is under way will never end here: not waited for */
    CHECK_EQ(tally_handle_count(), *(size_t *)handles);
    tally_registry *fresh = open_plain();
    shut(&fresh);
}

TEST(a_close_that_another_thread_had_begun_is_over_in_the_child)
{
    size_t handles = tally_handle_count();
    open_fresh();
    id = add(registry, hold_here, &inside);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    helper closer;
    start(&closer, close_copy, NULL);
    CHECK(is_held(&closer));
    in_child(find_it_closed, &handles);
    release_all(&inside);
    join(&closer);
    join(&runner);
}

static void finish_the_deferred(void *unused)
{
    (void)unused;
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
}

TEST(a_deferred_close_is_finished_in_both)
{
    open_fresh();
    id = add_with(registry, hold_here, &inside, (tally_handler_options){.destructor = end_it});
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_abandon(&copy), TALLY_OK);
    in_child(finish_the_deferred, NULL);
    CHECK_EQ(ends, 0);
    release_all(&inside);
    join(&runner);
    finish_the_deferred(NULL);
}

static void block_in_allocate(void *unused)
{
    (void)unused;
    (void)hold_here(&inside, NULL); /* a writer, with the registry's lock */
}

static void write_slowly(void *unused)
{
    (void)unused;
    (void)add(registry, note, "w");
}

static void release_soon(void *unused)
{
    (void)unused;
    sleep_ms(50);
    release_all(&inside);
}

TEST(a_fork_waits_for_a_writer_so_that_the_child_finds_whole_data)
{
    tally_platform *platform = scribble_open();
    open_fresh();
    tally_registry *unused = registry;
    shut(&unused);
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .platform = platform});
    scribble_of(platform)->during_allocate = block_in_allocate;
    helper releaser;
    start(&runner, write_slowly, NULL);
    await_entered(&inside, 1);
    start(&releaser, release_soon, NULL);
    in_child(use_it_all, NULL);
    join(&releaser);
    join(&runner);
    CHECK_EQ(count_of(registry), 1);
    shut(&registry);
    CHECK(scribble_close(&platform));
}

/* ------------------------------------------------------------------------- forks inside of callbacks */

static pid_t forked;

static int32_t fork_here(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    (void)fflush(stdout);
    forked = fork();
    if (forked == 0) {
        (void)alarm(UNDER_TSAN ? 60 : 10);
        atomic_store(&test_problems, 0);
    }
    return TALLY_HANDLER_DONE;
}

/* Both processes come here, out of the handler that forked. */
static void part_ways(void)
{
    if (forked == 0) {
        use_it_all(NULL);
        leave_child();
    }
    int result = 0;
    CHECK(waitpid(forked, &result, 0) == forked);
    CHECK(WIFEXITED(result));
    CHECK_EQ(result, 0);
}

TEST(a_handler_may_fork_and_both_go_on)
{
    open_fresh();
    (void)add_with(registry, fork_here, "f", (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    (void)add(registry, note, "n");
    CHECK_EQ(notify(registry).fired, 2);
    CHECK_TEXT(told(), "fn");
    CHECK_EQ(tally_registry_depth(), 0);
    part_ways();
    (void)notify(registry);
    CHECK_TEXT(told(), "n");
    shut(&registry);
}

static void fork_in_destructor(void *user_data) { (void)fork_here(user_data, NULL); }

TEST(a_destructor_may_fork)
{
    open_fresh();
    (void)add(registry, note, "n");
    CHECK(
        drop(registry, add_with(registry, do_nothing, "d", (tally_handler_options){.destructor = fork_in_destructor})));
    CHECK_TEXT(told(), "d");
    part_ways();
    shut(&registry);
}

TEST(a_destructor_that_runs_in_close_may_fork)
{
    open_fresh();
    (void)add_with(registry, do_nothing, "d", (tally_handler_options){.destructor = fork_in_destructor});
    tally_registry *copy = registry;
    shut(&copy);
    registry = open_plain();
    part_ways();
    shut(&registry);
    (void)told();
}

static int32_t fork_on_panic(void *user_data, const tally_failure *failure)
{
    return fork_here(user_data, failure->notice);
}

TEST(on_panic_may_fork)
{
    open_fresh();
    CHECK_STATUS(tally_registry_on_panic(registry, fork_on_panic, "p", NULL, NULL), TALLY_OK);
    (void)add_with(registry, fail_saying, "x", (tally_handler_options){.max_failures = 1});
    (void)notify(registry);
    part_ways();
    (void)told();
    shut(&registry);
}

/* Nested so deep in a chain of ancestors that the thread has pins instead of hazards. */
static tally_registry *chain[TALLY_REGISTRY_ANCESTRY_MAX];

static int32_t fork_deep_down(void *user_data, const tally_notice *notice)
{
    if (tally_registry_depth() == 20) return fork_here(user_data, notice);
    if (tally_registry_depth() < 20) (void)notify(chain[TALLY_REGISTRY_ANCESTRY_MAX - 1]);
    return TALLY_HANDLER_DONE;
}

TEST(a_fork_without_hazards_left_pins_nothing_for_ever)
{
    open_fresh();
    chain[0] = registry;
    for (int i = 1; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) chain[i] = open_child(chain[i - 1]);
    (void)add(registry, fork_deep_down, "f");
    (void)notify(chain[TALLY_REGISTRY_ANCESTRY_MAX - 1]);
    if (forked == 0) {
        CHECK(drop(registry, add_with(registry, do_nothing, NULL, (tally_handler_options){.destructor = end_it})));
        CHECK_EQ(ends, 1); /* would wait for a pin */
        CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    }
    part_ways();
    (void)told();
    for (int i = 0; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) shut(&chain[i]);
}

static void notify_on_threads(void *unused)
{
    (void)unused;
    helper threads[4];
    for (int i = 0; i < 4; i++) start(&threads[i], notify_it, registry);
    for (int i = 0; i < 4; i++) join(&threads[i]);
    CHECK_EQ(ends, 4);
    use_it_all(NULL);
}

static int32_t count_ends(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    atomic_fetch_add(&ends, 1);
    return TALLY_HANDLER_DONE;
}

TEST(a_child_may_have_threads_of_its_own)
{
    if (UNDER_TSAN) return; /* it allows none in the child of a process with threads */
    open_fresh();
    (void)add(registry, count_ends, NULL);
    in_child(notify_on_threads, NULL);
    shut(&registry);
}
