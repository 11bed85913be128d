/* registry.md 19: closing inside handlers, on_panic, destructors, logs and observers: it marks, empties and
 * returns; the rest follows on a later call of any thread. */
#include "handlers.h"

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

static int32_t close_inside(void *user_data, const tally_notice *notice)
{
    (void)notice;
    close_copy(NULL);
    close_copy(NULL);
    tell(user_data);
    return TALLY_HANDLER_DONE;
}

static void open_with_inner_close(void)
{
    registry = open_plain();
    atomic_store(&ends, 0);
    (void)add(registry, close_inside, "a");
    (void)add(registry, note, "b");
    (void)add_owned(registry);
}

TEST(a_close_inside_a_handler_marks_empties_and_returns)
{
    open_with_inner_close();
    CHECK_NOTIFIED(notify(registry), 1, 0, 2, 0);
    CHECK_TEXT(told(), "a");
    CHECK_EQ(ends, 0); /* nothing runs inside a notify */
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
}

TEST(any_later_write_or_close_finishes_it)
{
    for (int how = 0; how < 5; how++) {
        tally_registry *other = open_plain();
        tally_handler_id id = add(other, note, "");
        tally_counter *counter = NULL;
        CHECK_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
        open_with_inner_close();
        (void)notify(registry);
        CHECK_EQ(ends, 0);
        if (how == 0) (void)add(other, note, "");
        if (how == 1) CHECK(drop(other, id));
        if (how == 2) CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
        if (how == 3) CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
        if (how == 4) shut(&registry);
        CHECK_EQ(ends, 1);
        CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
        shut(&other);
    }
    (void)told();
}

static void write_elsewhere(void *other) { (void)add(other, note, ""); }

TEST(any_other_thread_may_finish_it)
{
    tally_registry *other = open_plain();
    open_with_inner_close();
    (void)notify(registry);
    (void)told();
    start(&runner, write_elsewhere, other);
    join(&runner);
    CHECK_EQ(ends, 1);
    shut(&other);
}

TEST(a_deferred_close_waits_for_the_threads_that_are_still_inside)
{
    run_into_handler();
    (void)add_at(registry, 9, close_inside, "a");
    (void)notify(registry);
    (void)told();
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 0);
    release_all(&inside);
    join(&runner);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
}

static int32_t close_on_panic(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    close_copy(NULL);
    return 0;
}

TEST(on_panic_may_close)
{
    registry = open_plain();
    atomic_store(&ends, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, close_on_panic, "!", NULL, NULL), TALLY_OK);
    (void)add(registry, fail_saying, "a");
    (void)add(registry, note, "b");
    (void)add_owned(registry);
    CHECK_NOTIFIED(notify(registry), 1, 1, 2, 0);
    CHECK_TEXT(told(), "a!");
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
}

static void close_in_destructor(void *user_data)
{
    tell(user_data);
    close_copy(NULL);
}

TEST(a_destructor_may_close_its_own_registry)
{
    registry = open_plain();
    atomic_store(&ends, 0);
    (void)add_owned(registry);
    tally_handler_id id = add_with(registry, note, "d", (tally_handler_options){.destructor = close_in_destructor});
    CHECK(drop(registry, id));
    CHECK_TEXT(told(), "d");
    CHECK_EQ(ends, 1); /* the write that ran it finished the close as its last act */
    CHECK_STATUS(tally_registry_count(registry, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
}

TEST(a_destructor_that_runs_in_close_may_close_again)
{
    registry = open_plain();
    (void)add_with(registry, note, "d", (tally_handler_options){.destructor = close_in_destructor});
    close_copy(NULL);
    CHECK_TEXT(told(), "d");
}

static void close_in_log(void *user_data, const tally_log_record *record)
{
    (void)record;
    tell(user_data);
    close_copy(NULL);
}

TEST(a_log_may_close)
{
    tally_registry_host host = {.size = sizeof host, .user_data = "log", .log = close_in_log};
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .host = &host});
    for (int i = 0; i < TALLY_REGISTRY_LEAK_WARNING; i++) (void)add(registry, do_nothing, NULL);
    CHECK_TEXT(told(), "log");
    CHECK_STATUS(tally_registry_count(registry, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
}

static void close_observing(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure)
{
    (void)id;
    (void)code;
    (void)failure;
    tell(user_data);
    close_copy(NULL);
}

TEST(an_observer_may_close)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    (void)add(registry, note, "b");
    tally_observer observer = {sizeof observer, "=", close_observing};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify_observed(registry, &(tally_notice){0}, &observer, &result, NULL), TALLY_OK);
    CHECK_NOTIFIED(result, 1, 0, 1, 0);
    CHECK_TEXT(told(), "a=");
    shut(&registry);
}
