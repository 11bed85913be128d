/* registry.md 6: quiescent removal. When unregister_wait returns TALLY_OK nobody is inside the handler. */
#include "handlers.h"

static tally_registry *registry;
static barrier inside;
static barrier elsewhere;
static helper runner;
static tally_handler_id id;

/* A thread is inside the handler `id`. */
static void run_into_handler(void)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    id = add(registry, hold_here, &inside);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
}

static void leave_handler(void)
{
    release_all(&inside);
    join(&runner);
    shut(&registry);
}

static tally_status wait_ms(uint32_t timeout_ms, int32_t *removed)
{
    return tally_registry_unregister_wait(registry, id, timeout_ms, removed, NULL);
}

static void wait_for_ever(void *removed) { CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, removed), TALLY_OK); }

static uint64_t now_ms(void)
{
    const tally_platform *platform = tally_platform_default();
    return platform->monotonic_ns(platform->context) / 1000000;
}

TEST(waiting_for_a_handler_that_nobody_runs_returns_at_once)
{
    registry = open_plain();
    id = add(registry, note, "a");
    int32_t removed = 0;
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, &removed), TALLY_OK);
    CHECK_EQ(removed, 1);
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, &removed), TALLY_OK);
    CHECK_EQ(removed, 0);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 0, NULL, NULL), TALLY_OK);
    shut(&registry);
}

TEST(a_wait_ends_when_the_handler_has_been_left)
{
    run_into_handler();
    int32_t removed = 0;
    helper waiter;
    start(&waiter, wait_for_ever, &removed);
    CHECK(is_held(&waiter));
    CHECK(!has(registry, id)); /* removed before it waits */
    release_all(&inside);
    join(&waiter);
    CHECK_EQ(removed, 1);
    CHECK_EQ(inside.inside, 0);
    leave_handler();
}

TEST(a_wait_that_takes_too_long_says_so_and_has_removed)
{
    run_into_handler();
    int32_t removed = 0;
    uint64_t began = now_ms();
    CHECK_STATUS(wait_ms(40, &removed), TALLY_E_TIMEOUT);
    uint64_t took = now_ms() - began;
    CHECK(took >= 39);
    CHECK(took < 5000);
    CHECK_EQ(removed, 1);
    CHECK(!has(registry, id));
    removed = 9;
    CHECK_STATUS(wait_ms(0, &removed), TALLY_E_TIMEOUT); /* looks once */
    CHECK_EQ(removed, 0);
    leave_handler();
}

TEST(waiting_after_a_removal_elsewhere_waits_just_the_same)
{
    run_into_handler();
    CHECK(drop(registry, id));
    int32_t removed = 9;
    CHECK_STATUS(wait_ms(5, &removed), TALLY_E_TIMEOUT);
    CHECK_EQ(removed, 0);
    release_all(&inside);
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, NULL), TALLY_OK);
    CHECK_EQ(inside.inside, 0);
    leave_handler();
}

TEST(several_threads_may_wait_for_the_same_handler)
{
    run_into_handler();
    int32_t removed[4] = {0, 0, 0, 0};
    helper waiters[4];
    for (int i = 0; i < 4; i++) start(&waiters[i], wait_for_ever, &removed[i]);
    for (int i = 0; i < 4; i++) CHECK(is_held(&waiters[i]));
    release_all(&inside);
    for (int i = 0; i < 4; i++) join(&waiters[i]);
    CHECK_EQ(removed[0] + removed[1] + removed[2] + removed[3], 1);
    leave_handler();
}

TEST(a_wait_is_for_that_one_handler_only)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    tally_handler_id before = add_at(registry, 1, note, "");
    (void)add(registry, hold_here, &inside);
    tally_handler_id behind = add_at(registry, -1, note, "never");
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    /* The thread is in the middle of this very list, but inside neither. */
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, before, TALLY_WAIT_FOREVER, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 1);
    CHECK_STATUS(tally_registry_unregister_wait(registry, behind, TALLY_WAIT_FOREVER, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 1);
    CHECK_EQ(inside.inside, 1);
    leave_handler();
    CHECK_TEXT(told(), "");
}

TEST(a_blocked_handler_of_another_registry_delays_nobody)
{
    run_into_handler();
    tally_registry *other = open_plain();
    tally_handler_id there = add(other, note, "x");
    CHECK_STATUS(tally_registry_unregister_wait(other, there, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    shut(&other);
    leave_handler();
}

TEST(other_registrations_of_the_same_function_are_not_waited_for)
{
    run_into_handler();
    tally_handler_id same = add_at(registry, -1, hold_here, &inside);
    CHECK_STATUS(tally_registry_unregister_wait(registry, same, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    CHECK_EQ(inside.inside, 1);
    leave_handler();
}

TEST(others_write_and_notify_while_somebody_waits)
{
    run_into_handler();
    int32_t removed = 0;
    helper waiter;
    start(&waiter, wait_for_ever, &removed);
    CHECK(is_held(&waiter));
    for (int i = 0; i < 100; i++) {
        tally_handler_id more = add(registry, note, "");
        CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
        CHECK(drop(registry, more));
    }
    release_all(&inside);
    join(&waiter);
    leave_handler();
}

static int32_t wait_inside(void *user_data, const tally_notice *notice)
{
    (void)notice;
    int32_t removed = 0;
    tally_handler_id *target = user_data;
    tally_error error;
    CHECK_STATUS(tally_registry_unregister_wait(registry, *target, TALLY_WAIT_FOREVER, &removed, &error),
                 TALLY_E_WOULD_BLOCK);
    CHECK_EQ(removed, 1);
    CHECK_SAYS(error, "inside a handler");
    CHECK(!has(registry, *target));
    return TALLY_HANDLER_DONE;
}

TEST(a_handler_never_waits_not_even_for_another_one)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    tally_handler_id self = add(registry, wait_inside, &self);
    (void)notify(registry);
    tally_handler_id other = add_with(registry, count_up, &ends, (tally_handler_options){.destructor = count_end});
    tally_handler_id caller = add_at(registry, 9, wait_inside, &other);
    (void)notify(registry);
    CHECK_EQ(ends, 0);
    CHECK(drop(registry, caller)); /* now it is safe: the destructor has run */
    CHECK_EQ(ends, 1);
    shut(&registry);
}

TEST(nor_for_a_handler_of_another_registry)
{
    registry = open_plain();
    tally_registry *outer = open_plain();
    id = add(registry, note, "x");
    (void)add(outer, wait_inside, &id);
    (void)notify(outer);
    shut(&outer);
    shut(&registry);
}

TEST(the_destructor_of_what_was_waited_for_has_run)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    id = add_with(registry, count_up, &ends, (tally_handler_options){.destructor = count_end});
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
    shut(&registry);
    CHECK_EQ(ends, 1);
}

TEST(a_once_handler_that_runs_is_waited_for)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    id = add_with(registry, hold_here, &inside, (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(!has(registry, id)); /* claimed */
    int32_t removed = 9;
    CHECK_STATUS(wait_ms(5, &removed), TALLY_E_TIMEOUT);
    CHECK_EQ(removed, 0); /* it was the notify that took it */
    helper waiter;
    start(&waiter, wait_for_ever, &removed);
    CHECK(is_held(&waiter));
    release_all(&inside);
    join(&waiter);
    CHECK_EQ(inside.inside, 0);
    leave_handler();
}

TEST(a_once_handler_that_was_swept_off_the_list_is_still_waited_for)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    id = add_with(registry, hold_here, &inside, (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    for (int i = 0; i < 40; i++) CHECK(drop(registry, add(registry, note, "x")));
    CHECK_STATUS(wait_ms(5, NULL), TALLY_E_TIMEOUT);
    release_all(&inside);
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, NULL), TALLY_OK);
    CHECK_EQ(inside.inside, 0);
    leave_handler();
}

TEST(a_handler_in_a_parents_list_is_waited_for_when_a_child_notifies)
{
    registry = open_plain();
    tally_registry *child = open_child(registry);
    inside = (barrier)BARRIER_SHUT;
    id = add(registry, hold_here, &inside);
    start(&runner, notify_it, child);
    await_entered(&inside, 1);
    CHECK_STATUS(wait_ms(5, NULL), TALLY_E_TIMEOUT);
    release_all(&inside);
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, NULL), TALLY_OK);
    join(&runner);
    shut(&child);
    shut(&registry);
}

static int32_t notify_inner(void *user_data, const tally_notice *notice)
{
    (void)notice;
    return notify(user_data).failed == 0 ? TALLY_HANDLER_DONE : -1;
}

TEST(a_handler_that_is_inside_a_nested_notify_is_still_inside_itself)
{
    registry = open_plain();
    tally_registry *inner = open_plain();
    elsewhere = (barrier)BARRIER_SHUT;
    (void)add(inner, hold_here, &elsewhere);
    id = add(registry, notify_inner, inner);
    start(&runner, notify_it, registry);
    await_entered(&elsewhere, 1);
    CHECK_STATUS(wait_ms(5, NULL), TALLY_E_TIMEOUT);
    release_all(&elsewhere);
    CHECK_STATUS(wait_ms(TALLY_WAIT_FOREVER, NULL), TALLY_OK);
    join(&runner);
    shut(&inner);
    shut(&registry);
}
