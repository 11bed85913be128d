/* registry.md 19 and core.md 17: closing, from outside, from inside, twice, and at once by several. */
#include "handlers.h"

#include "scribble.h"

static tally_registry *registry;
static barrier inside;
static helper runner;
static _Atomic(uint64_t) ends;

static tally_handler_id add_owned(tally_registry *to)
{
    return add_with(to, do_nothing, (void *)&ends, (tally_handler_options){.destructor = count_end});
}

static void close_copy(void *unused)
{
    (void)unused;
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    CHECK(copy == NULL);
}

static void run_into_handler(void)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    atomic_store(&ends, 0);
    (void)add(registry, hold_here, &inside);
    (void)add_owned(registry);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
}

TEST(close_runs_all_destructors_and_may_be_called_again)
{
    registry = open_plain();
    atomic_store(&ends, 0);
    for (int i = 0; i < 50; i++) (void)add_owned(registry);
    tally_registry *copy = registry;
    shut(&registry);
    CHECK_EQ(ends, 50);
    shut(&registry);
    shut(&copy);
    CHECK_EQ(ends, 50);
}

TEST(close_waits_until_nobody_is_inside_and_lets_nobody_start)
{
    run_into_handler();
    helper closer;
    start(&closer, close_copy, NULL);
    CHECK(is_held(&closer));
    CHECK_EQ(ends, 0);
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_count(registry, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    release_all(&inside);
    join(&closer);
    CHECK_EQ(inside.inside, 0);
    CHECK_EQ(ends, 1);
    join(&runner);
}

TEST(each_of_several_closes_returns_after_the_real_one)
{
    run_into_handler();
    helper closers[4];
    for (int i = 0; i < 4; i++) start(&closers[i], close_copy, NULL);
    for (int i = 0; i < 4; i++) CHECK(is_held(&closers[i]));
    release_all(&inside);
    for (int i = 0; i < 4; i++) {
        join(&closers[i]);
        CHECK_EQ(ends, 1);
    }
    join(&runner);
}

static void wait_for_it(void *id)
{
    CHECK_STATUS(tally_registry_unregister_wait(registry, *(tally_handler_id *)id, TALLY_WAIT_FOREVER, NULL, NULL),
                 TALLY_OK);
}

TEST(close_lets_a_call_in_flight_finish)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    tally_handler_id id = add(registry, hold_here, &inside);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    helper waiter;
    helper closer;
    start(&waiter, wait_for_it, &id);
    CHECK(is_held(&waiter));
    start(&closer, close_copy, NULL);
    CHECK(is_held(&closer));
    release_all(&inside);
    join(&waiter);
    join(&closer);
    join(&runner);
}

static void write_slowly(void *status)
{
    tally_handler_id slow;
    *(tally_status *)status = tally_registry_register(registry, note, "", NULL, &slow, NULL);
}

static void block_in_allocate(void *unused)
{
    (void)unused;
    (void)hold_here(&inside, NULL);
}

TEST(a_write_that_waits_for_another_while_the_registry_is_closed_is_refused)
{
    tally_platform *platform = scribble_open();
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .platform = platform});
    inside = (barrier)BARRIER_SHUT;
    tally_status status[2] = {9, 9};
    helper writers[2];
    helper closer;
    scribble_of(platform)->during_allocate = block_in_allocate;
    start(&writers[0], write_slowly, &status[0]);
    await_entered(&inside, 1);
    start(&writers[1], write_slowly, &status[1]); /* past the gate, at the lock */
    CHECK(is_held(&writers[1]));
    start(&closer, close_copy, NULL);
    CHECK(is_held(&closer));
    release_all(&inside);
    for (int i = 0; i < 2; i++) join(&writers[i]);
    join(&closer);
    CHECK_STATUS(status[0], TALLY_OK); /* it was there first */
    CHECK_STATUS(status[1], TALLY_E_CLOSED);
    CHECK(scribble_close(&platform));
}

TEST(abandon_never_waits_and_what_is_held_is_freed_later)
{
    run_into_handler();
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_abandon(&copy), TALLY_OK);
    CHECK(copy == NULL);
    CHECK_EQ(inside.inside, 1);
    CHECK_EQ(ends, 0);
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    copy = registry;
    CHECK_STATUS(tally_registry_abandon(&copy), TALLY_OK); /* again, and not waiting again */
    release_all(&inside);
    join(&runner);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
}

TEST(abandon_of_a_quiet_registry_is_a_close)
{
    registry = open_plain();
    atomic_store(&ends, 0);
    (void)add_owned(registry);
    CHECK_STATUS(tally_registry_abandon(&registry), TALLY_OK);
    CHECK_EQ(ends, 1);
}

TEST(a_close_after_an_abandon_waits)
{
    run_into_handler();
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_abandon(&copy), TALLY_OK);
    helper closer;
    start(&closer, close_copy, NULL);
    CHECK(is_held(&closer));
    release_all(&inside);
    join(&closer);
    CHECK_EQ(ends, 1);
    join(&runner);
}

TEST(everything_is_given_back)
{
    tally_platform *platform = scribble_open();
    tally_registry_options options = {.size = sizeof options, .platform = platform};
    registry = open_with(&options);
    uint32_t kind = kind_of("close.test");
    for (uint32_t i = 0; i < 40; i++) {
        (void)add_with(
            registry, i % 3 ? note : fail_saying, "",
            (tally_handler_options){.name = "n", .name_length = 1, .kinds = i % 2 ? &kind : NULL, .kind_count = i % 2});
        (void)notify(registry);
    }
    tally_registry *child = open_child(registry); /* on the parent's platform */
    (void)add(child, note, "");
    shut(&registry);
    (void)notify(child);
    shut(&child);
    (void)told();
    CHECK_EQ(scribble_of(platform)->bytes, 0);
    CHECK(scribble_close(&platform));
}
