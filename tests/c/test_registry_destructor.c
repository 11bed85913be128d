/* registry.md 11: destructors run exactly once, never inside a notify, under no lock, and as soon as they can. */
#include "handlers.h"

static tally_registry *registry;
static _Atomic(uint64_t) ends;
static barrier inside;
static helper runner;

static tally_handler_options owned(void (*destructor)(void *))
{
    return (tally_handler_options){.destructor = destructor};
}

static tally_handler_id add_owned(void) { return add_with(registry, do_nothing, (void *)&ends, owned(count_end)); }

static void open_counted(void)
{
    registry = open_plain();
    atomic_store(&ends, 0);
}

TEST(unregister_releases_before_it_returns_when_nobody_is_inside)
{
    open_counted();
    tally_handler_id ids[3];
    for (int i = 0; i < 3; i++) ids[i] = add_owned();
    for (uint64_t i = 0; i < 3; i++) {
        CHECK(drop(registry, ids[i]));
        CHECK_EQ(ends, i + 1);
        CHECK(!drop(registry, ids[i]));
        CHECK_EQ(ends, i + 1);
    }
    shut(&registry);
    CHECK_EQ(ends, 3);
}

TEST(clear_edit_and_close_release_too)
{
    open_counted();
    for (int i = 0; i < 10; i++) (void)add_owned();
    CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 10);
    tally_edit edit = {.operation = TALLY_EDIT_UNREGISTER, .id = add_owned()};
    CHECK_STATUS(tally_registry_edit(registry, &edit, 1, NULL), TALLY_OK);
    CHECK_EQ(ends, 11);
    (void)add_owned();
    (void)add_owned();
    shut(&registry);
    CHECK_EQ(ends, 13);
}

TEST(a_refused_registration_leaves_user_data_to_the_caller)
{
    open_counted();
    tally_handler_options options = owned(count_end);
    options.size = sizeof options;
    options.flags = 64;
    tally_handler_id id;
    CHECK_STATUS(tally_registry_register(registry, do_nothing, (void *)&ends, &options, &id, NULL), TALLY_E_OPTION);
    shut(&registry);
    CHECK_EQ(ends, 0);
}

static tally_handler_id own;

static int32_t drop_itself(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    CHECK(drop(registry, own));
    for (int i = 0; i < 30; i++) CHECK(drop(registry, add(registry, note, ""))); /* much to reclaim */
    uint64_t pending = 9;
    CHECK_STATUS(tally_registry_reclaim(registry, &pending, NULL), TALLY_E_WOULD_BLOCK);
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_E_WOULD_BLOCK);
    CHECK_EQ(pending, 0);
    CHECK_EQ(look_at(registry).retired_handlers, 1);
    CHECK_EQ(ends, 0);
    return TALLY_HANDLER_DONE;
}

TEST(nothing_is_destroyed_inside_a_handler)
{
    open_counted();
    own = add_with(registry, drop_itself, (void *)&ends, owned(count_end));
    (void)notify(registry);
    CHECK_EQ(ends, 0);
    (void)add(registry, note, ""); /* any later write */
    CHECK_EQ(ends, 1);
    shut(&registry);
}

TEST(nothing_is_destroyed_while_another_thread_may_still_run_it)
{
    open_counted();
    inside = (barrier)BARRIER_SHUT;
    tally_handler_id running = add_with(registry, hold_here, &inside, (tally_handler_options){.priority = 1});
    tally_handler_id waiting = add_owned();
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(drop(registry, running));
    CHECK(drop(registry, waiting));
    uint64_t pending = 0;
    CHECK_STATUS(tally_registry_reclaim(registry, &pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 1);
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 1);
    CHECK_EQ(ends, 0);
    release_all(&inside);
    join(&runner);
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 0);
    CHECK_EQ(ends, 1);
    shut(&registry);
}

TEST(what_came_after_the_stuck_snapshot_is_destroyed_at_once)
{
    open_counted();
    inside = (barrier)BARRIER_SHUT;
    (void)add(registry, hold_here, &inside);
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(drop(registry, add_owned())); /* the stuck thread's list never had it */
    CHECK_EQ(ends, 1);
    release_all(&inside);
    join(&runner);
    shut(&registry);
}

static void write_in_destructor(void *user_data)
{
    count_end(user_data);
    (void)add(registry, note, "");
    CHECK(drop(registry, add_with(registry, do_nothing, user_data, owned(count_end))));
    (void)notify(registry);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, add(registry, note, ""), 0, &removed, NULL),
                 TALLY_E_WOULD_BLOCK);
    CHECK_EQ(removed, 1);
}

TEST(a_destructor_may_write_notify_and_reclaim_but_not_wait)
{
    open_counted();
    tally_handler_id id = add_with(registry, do_nothing, (void *)&ends, owned(write_in_destructor));
    CHECK(drop(registry, id));
    CHECK_EQ(ends, 2);
    CHECK_EQ(count_of(registry), 1);
    shut(&registry);
}

static void drop_another(void *user_data)
{
    tally_handler_id *next = user_data;
    if (next->handler != 0) CHECK(drop(registry, *next));
    atomic_fetch_add(&ends, 1);
}

TEST(destructors_that_remove_each_other_all_run_once)
{
    open_counted();
    static tally_handler_id next[50];
    memset(next, 0, sizeof next);
    for (int i = 0; i < 50; i++) {
        tally_handler_id id = add_with(registry, do_nothing, &next[i], owned(drop_another));
        if (i + 1 < 50) next[i + 1] = id;
        else CHECK(drop(registry, id));
    }
    CHECK_EQ(ends, 50);
    shut(&registry);
    CHECK_EQ(ends, 50);
}

static int32_t leave_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    (void)failure;
    return 0;
}

TEST(the_destructor_of_on_panic_runs_once_when_it_is_replaced_or_at_close)
{
    open_counted();
    CHECK_STATUS(tally_registry_on_panic(registry, leave_panic, (void *)&ends, count_end, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_on_panic(registry, leave_panic, (void *)&ends, count_end, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 2);
    CHECK_STATUS(tally_registry_on_panic(registry, leave_panic, (void *)&ends, count_end, NULL), TALLY_OK);
    shut(&registry);
    CHECK_EQ(ends, 3);
}

static int32_t replace_own_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    (void)failure;
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 0); /* it still runs */
    return 0;
}

TEST(an_on_panic_that_replaces_itself_outlives_its_call)
{
    open_counted();
    CHECK_STATUS(tally_registry_on_panic(registry, replace_own_panic, (void *)&ends, count_end, NULL), TALLY_OK);
    (void)add(registry, fail_saying, "");
    (void)notify(registry);
    CHECK_EQ(ends, 0);
    (void)add(registry, note, "");
    CHECK_EQ(ends, 1);
    shut(&registry);
}

static int32_t hold_panic(void *user_data, const tally_failure *failure)
{
    return hold_here(user_data, failure->notice);
}

TEST(an_on_panic_that_runs_on_another_thread_is_not_destroyed)
{
    open_counted();
    inside = (barrier)BARRIER_SHUT;
    CHECK_STATUS(tally_registry_on_panic(registry, hold_panic, &inside, NULL, NULL), TALLY_OK);
    (void)add(registry, fail_saying, "");
    start(&runner, notify_it, registry);
    await_entered(&inside, 1);
    CHECK_STATUS(tally_registry_on_panic(registry, leave_panic, (void *)&ends, count_end, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1); /* that one nobody runs */
    release_all(&inside);
    join(&runner);
    (void)told();
    shut(&registry);
}

/* Leak canaries: exact numbers. */

TEST(ten_thousand_registrations_and_removals_destroy_ten_thousand)
{
    open_counted();
    for (uint64_t i = 0; i < 10000; i++) {
        CHECK(drop(registry, add_owned()));
        CHECK_EQ(ends, i + 1);
        if (test_has_failed()) break;
    }
    shut(&registry);
    CHECK_EQ(ends, 10000);
}

TEST(closing_with_fifty_handlers_destroys_fifty)
{
    open_counted();
    for (int i = 0; i < 50; i++) (void)add_owned();
    CHECK_EQ(ends, 0);
    shut(&registry);
    CHECK_EQ(ends, 50);
}
