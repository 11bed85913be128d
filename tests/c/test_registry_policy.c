/* registry.md 9 and 10: policies, stop, abort, gone, what notify returns, observers. */
#include "handlers.h"

static tally_registry *registry;

static void open_policy(uint32_t policy, uint32_t flags)
{
    registry =
        open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .policy = policy, .flags = flags});
}

static tally_status notify_status(tally_notified *result, tally_error *error)
{
    tally_notice notice = {0};
    *result = (tally_notified){9, 9, 9, 9};
    return tally_registry_notify(registry, &notice, result, error);
}

static int32_t never(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    return 0;
}

TEST(raise_runs_all_and_then_tells_the_first_failure)
{
    open_policy(TALLY_POLICY_RAISE, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, never, "panic", NULL, NULL), TALLY_OK);
    (void)add(registry, note, "a");
    tally_handler_id first =
        add_with(registry, fail_saying, "b", (tally_handler_options){.name = "second", .name_length = 6});
    (void)add(registry, fail_saying, "c");
    (void)add(registry, note, "d");
    tally_notified result;
    tally_error error;
    CHECK_STATUS(notify_status(&result, &error), TALLY_E_HANDLER);
    CHECK_NOTIFIED(result, 4, 2, 0, 0);
    CHECK_TEXT(told(), "abcd"); /* not to on_panic */
    CHECK_STATUS(error.status, TALLY_E_HANDLER);
    CHECK_EQ(error.os_error, -7);
    CHECK_EQ(error.position, first.handler);
    CHECK_SAYS(error, "second");
    CHECK_SAYS(error, ": b");
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_E_HANDLER);
    (void)told();
    CHECK_EQ(look_at(registry).unreported, 0);
    shut(&registry);
}

TEST(fail_fast_stops_at_the_first_failure)
{
    open_policy(TALLY_POLICY_FAIL_FAST, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, never, "panic", NULL, NULL), TALLY_OK);
    (void)add(registry, note, "a");
    (void)add(registry, fail_saying, "b");
    (void)add(registry, fail_saying, "c");
    tally_notified result;
    tally_error error;
    CHECK_STATUS(notify_status(&result, &error), TALLY_E_HANDLER);
    CHECK_NOTIFIED(result, 2, 1, 1, TALLY_NOTIFIED_STOPPED);
    CHECK_TEXT(told(), "ab");
    CHECK_SAYS(error, "-7");
    shut(&registry);
}

TEST(without_failures_every_policy_is_silent)
{
    for (uint32_t policy = 0; policy <= TALLY_POLICY_FAIL_FAST; policy++) {
        open_policy(policy, 0);
        (void)add(registry, note, "a");
        tally_notified result;
        tally_error error;
        CHECK_STATUS(notify_status(&result, &error), TALLY_OK);
        CHECK_STATUS(error.status, TALLY_OK);
        CHECK_NOTIFIED(result, 1, 0, 0, 0);
        shut(&registry);
    }
    (void)told();
}

TEST(a_stop_ends_the_fan_out_where_it_is_allowed)
{
    open_policy(TALLY_POLICY_ISOLATE, TALLY_REGISTRY_ALLOW_STOP);
    (void)add(registry, note, "a");
    (void)add(registry, stop_saying, "b");
    (void)add(registry, note, "c");
    (void)add(registry, note, "d");
    CHECK_NOTIFIED(notify(registry), 2, 0, 2, TALLY_NOTIFIED_STOPPED);
    CHECK_TEXT(told(), "ab");
    shut(&registry);
}

TEST(a_stop_is_a_failure_where_it_is_not)
{
    open_policy(TALLY_POLICY_ISOLATE, 0);
    (void)add(registry, stop_saying, "b");
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, 0);
    CHECK_TEXT(told(), "bc");
    shut(&registry);
}

static int32_t abort_saying(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    return TALLY_HANDLER_ABORT;
}

TEST(an_abort_ends_at_once_is_no_failure_and_beats_every_policy)
{
    for (uint32_t policy = 0; policy <= TALLY_POLICY_FAIL_FAST; policy++) {
        open_policy(policy, 0);
        CHECK_STATUS(tally_registry_on_panic(registry, never, "panic", NULL, NULL), TALLY_OK);
        (void)add(registry, note, "a");
        (void)add(registry, abort_saying, "b");
        (void)add(registry, note, "c");
        tally_notified result;
        tally_error error;
        CHECK_STATUS(notify_status(&result, &error), TALLY_E_ABORTED);
        CHECK_STATUS(error.status, TALLY_E_ABORTED);
        CHECK_NOTIFIED(result, 2, 0, 1, TALLY_NOTIFIED_STOPPED);
        CHECK_TEXT(told(), "ab");
        CHECK_EQ(count_of(registry), 3);
        shut(&registry);
    }
}

static int32_t gone_saying(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    return TALLY_HANDLER_GONE;
}

TEST(a_handler_whose_target_is_gone_is_skipped_and_detached)
{
    _Atomic(uint64_t) ends = 0;
    registry = open_plain();
    (void)add(registry, note, "a");
    tally_handler_id weak = add(registry, gone_saying, "b");
    (void)add_with(registry, count_up, &ends, (tally_handler_options){.destructor = count_end, .priority = -9});
    CHECK_NOTIFIED(notify(registry), 2, 0, 1, TALLY_NOTIFIED_RECLAIM);
    CHECK(!has(registry, weak));
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_TEXT(told(), "aba");
    shut(&registry);
}

TEST(fired_and_skipped_add_up_to_the_snapshot)
{
    open_policy(TALLY_POLICY_ISOLATE, TALLY_REGISTRY_ALLOW_STOP);
    uint32_t kind = kind_of("policy.test");
    (void)add_with(registry, note, "f", (tally_handler_options){.kinds = &kind, .kind_count = 1});
    (void)add_with(registry, note, "o", (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    (void)add(registry, gone_saying, "g");
    (void)add(registry, fail_saying, "x");
    (void)add(registry, stop_saying, "s");
    (void)add(registry, note, "n");
    tally_notified first = notify(registry);
    CHECK_EQ(first.fired + first.skipped, 6);
    CHECK_NOTIFIED(first, 3, 1, 3, TALLY_NOTIFIED_STOPPED | TALLY_NOTIFIED_RECLAIM);
    CHECK_TEXT(told(), "ogxs");
    tally_notified second = notify_kind(registry, kind);
    CHECK_EQ(second.fired + second.skipped, 4);
    CHECK_NOTIFIED(second, 3, 1, 1, TALLY_NOTIFIED_STOPPED);
    CHECK_TEXT(told(), "fxs");
    shut(&registry);
}

TEST(what_is_returned_may_be_declined)
{
    registry = open_plain();
    (void)add(registry, fail_saying, "a");
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_OK);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

/* -------------------------------------------------------------------------------------- observers */

static void observe(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure)
{
    char line[64];
    CHECK_EQ(id.registry, tally_registry_number(registry));
    CHECK(failure == NULL || failure->id.handler == id.handler);
    (void)snprintf(line, sizeof line, "%s%d%s ", (const char *)user_data, code,
                   failure == NULL ? "" : failure->message);
    tell(line);
}

static tally_status notify_observed(tally_notified *result)
{
    tally_observer observer = {sizeof observer, "=", observe};
    return tally_registry_notify_observed(registry, &(tally_notice){0}, &observer, result, NULL);
}

TEST(an_observer_sees_every_answer_in_order)
{
    open_policy(TALLY_POLICY_ISOLATE, TALLY_REGISTRY_ALLOW_STOP);
    (void)add(registry, note, "a");
    (void)add(registry, fail_saying, "b");
    (void)add(registry, gone_saying, "c");
    (void)add(registry, stop_saying, "d");
    (void)add(registry, note, "e");
    tally_notified result;
    CHECK_STATUS(notify_observed(&result), TALLY_OK);
    CHECK_TEXT(told(), "a=0 b=-7b cd=1 ");
    CHECK_NOTIFIED(result, 3, 1, 2, TALLY_NOTIFIED_STOPPED | TALLY_NOTIFIED_RECLAIM);
    shut(&registry);
}

TEST(an_observer_sees_every_failure_under_raise)
{
    open_policy(TALLY_POLICY_RAISE, 0);
    (void)add(registry, fail_saying, "a");
    (void)add(registry, fail_saying, "b");
    tally_notified result;
    CHECK_STATUS(notify_observed(&result), TALLY_E_HANDLER);
    CHECK_TEXT(told(), "a=-7a b=-7b ");
    CHECK_NOTIFIED(result, 2, 2, 0, 0);
    shut(&registry);
}

TEST(observers_are_checked)
{
    registry = open_plain();
    tally_observer observer = {sizeof observer, NULL, NULL};
    CHECK_STATUS(tally_registry_notify_observed(registry, &(tally_notice){0}, &observer, NULL, NULL), TALLY_E_NULL);
    observer = (tally_observer){1, NULL, observe};
    CHECK_STATUS(tally_registry_notify_observed(registry, &(tally_notice){0}, &observer, NULL, NULL),
                 TALLY_E_STRUCT_SIZE);
    shut(&registry);
}

TEST(unknown_policies_and_flags_are_refused)
{
    tally_registry *none = NULL;
    tally_registry_options options = {.size = sizeof options, .policy = 3};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_OPTION);
    options = (tally_registry_options){.size = sizeof options, .flags = 4};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_OPTION);
    options = (tally_registry_options){.size = sizeof options, .reserved = 1};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_OPTION);
    options = (tally_registry_options){.size = sizeof options, .capacity = TALLY_REGISTRY_HANDLERS_MAX + 1};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_RANGE);
    options = (tally_registry_options){.size = sizeof options - 1};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_STRUCT_SIZE);
    options = (tally_registry_options){.size = TALLY_STRUCT_SIZE_MAX + 1};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_STRUCT_SIZE);
    tally_platform platform = *tally_platform_default();
    platform.sleep_ns = NULL;
    options = (tally_registry_options){.size = sizeof options, .platform = &platform};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_NULL);
    tally_registry_host host = {.size = 3};
    options = (tally_registry_options){.size = sizeof options, .host = &host};
    CHECK_STATUS(tally_registry_open(&options, &none, NULL), TALLY_E_STRUCT_SIZE);
    CHECK(none == NULL);
}

TEST(a_newer_and_larger_struct_is_accepted_unless_it_asks_for_more)
{
    struct {
        tally_registry_options options;
        uint64_t more;
    } newer = {{.size = sizeof newer, .policy = TALLY_POLICY_RAISE}, 0};
    registry = open_with(&newer.options);
    shut(&registry);
    newer.more = 1;
    CHECK_STATUS(tally_registry_open(&newer.options, &registry, NULL), TALLY_E_STRUCT_SIZE);
    CHECK(registry == NULL);
}
