/* registry.md 8: on_panic, the log, and what happens when they fail or change themselves. */
#include "reports.h"

static int32_t replacement(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    return 0;
}

static int32_t replace_it(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    set_panic(replacement, "new ");
    return 0;
}

TEST(on_panic_is_looked_up_at_each_failure)
{
    registry = open_plain();
    set_panic(replace_it, "old ");
    (void)add(registry, fail_saying, "a ");
    (void)add(registry, fail_saying, "b ");
    (void)notify(registry);
    CHECK_TEXT(told(), "a old b new ");
    set_panic(NULL, NULL);
    (void)notify(registry);
    CHECK_TEXT(told(), "a b ");
    CHECK_EQ(look_at(registry).unreported, 2);
    shut(&registry);
}

TEST(without_on_panic_the_log_takes_failures_and_without_both_they_are_counted)
{
    registry = open_logging();
    (void)add(registry, fail_saying, "a ");
    (void)notify(registry);
    CHECK_TEXT(told(), "a log ");
    CHECK_EQ(last_record.what, TALLY_LOG_FAILURE);
    CHECK_TEXT(reported(), "-7 : a ;");
    CHECK_EQ(look_at(registry).unreported, 0);
    set_panic(on_panic, "! ");
    (void)notify(registry);
    CHECK_TEXT(told(), "a ! "); /* to one of them */
    (void)reported();
    shut(&registry);
    registry = open_plain();
    (void)add(registry, fail_saying, "a ");
    for (int i = 0; i < 3; i++) (void)notify(registry);
    CHECK_EQ(look_at(registry).unreported, 3);
    (void)told();
    shut(&registry);
}

static int32_t notify_inside(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    (void)notify(registry); /* fails again, inside on_panic */
    return 0;
}

TEST(failures_inside_on_panic_go_to_the_log_once_and_not_to_on_panic)
{
    registry = open_logging();
    set_panic(notify_inside, "panic ");
    (void)add(registry, fail_saying, "a ");
    CHECK_NOTIFIED(notify(registry), 1, 1, 0, 0);
    CHECK_TEXT(told(), "a panic a log ");
    CHECK_EQ(look_at(registry).unreported, 1);
    (void)reported();
    shut(&registry);
}

static int32_t fail_itself(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    return -1;
}

TEST(an_on_panic_that_fails_is_swallowed_and_counted)
{
    registry = open_logging();
    set_panic(fail_itself, "panic ");
    (void)add(registry, fail_saying, "a ");
    (void)add(registry, note, "b ");
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, 0);
    CHECK_TEXT(told(), "a panic log b ");
    CHECK_EQ(last_record.what, TALLY_LOG_PANIC_FAILED);
    CHECK_EQ(look_at(registry).panics_failed, 1);
    CHECK_EQ(look_at(registry).unreported, 0);
    (void)reported();
    shut(&registry);
}

static tally_handler_id registered_inside;

static int32_t write_inside(void *user_data, const tally_failure *failure)
{
    CHECK(drop(registry, failure->id));
    registered_inside = add(registry, note, user_data);
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, registered_inside, 1, &removed, NULL), TALLY_E_WOULD_BLOCK);
    CHECK_EQ(removed, 1);
    registered_inside = add(registry, note, user_data);
    return 0;
}

TEST(on_panic_may_register_and_unregister_but_not_wait)
{
    registry = open_plain();
    set_panic(write_inside, "instead");
    tally_handler_id bad = add(registry, fail_saying, "bad ");
    (void)notify(registry);
    (void)notify(registry);
    CHECK_TEXT(told(), "bad instead");
    CHECK(!has(registry, bad));
    CHECK(has(registry, registered_inside));
    shut(&registry);
}

TEST(on_panic_arguments_are_checked)
{
    registry = open_plain();
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, &registry, NULL, NULL), TALLY_E_ARGUMENT);
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, count_end, NULL), TALLY_E_ARGUMENT);
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
    shut(&registry);
}

static tally_registry *other;

static int32_t fail_elsewhere(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    (void)notify(other);
    return 0;
}

TEST(a_failure_of_another_registry_inside_on_panic_is_reported_there)
{
    registry = open_plain();
    other = open_plain();
    set_panic(fail_elsewhere, "one ");
    CHECK_STATUS(tally_registry_on_panic(other, replacement, "two ", NULL, NULL), TALLY_OK);
    (void)add(registry, fail_saying, "a ");
    (void)add(other, fail_saying, "b ");
    (void)notify(registry);
    CHECK_TEXT(told(), "a one b two ");
    shut(&other);
    shut(&registry);
}
