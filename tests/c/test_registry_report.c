/* Failures that come after their handler has returned: counted and reported like any other. */
#include "handlers.h"

static tally_registry *registry;
static tally_failure seen;
static char seen_name[32];
static char seen_message[300];
static uint32_t reports;

static int32_t on_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    seen = *failure;
    (void)snprintf(seen_name, sizeof seen_name, "%s", failure->name);
    (void)snprintf(seen_message, sizeof seen_message, "%s", failure->message);
    CHECK_EQ(strlen(failure->name), failure->name_length);
    CHECK_EQ(strlen(failure->message), failure->message_length);
    reports++;
    return 0;
}

static tally_handler_id open_named(uint32_t policy, uint32_t max_failures)
{
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .policy = policy});
    CHECK_STATUS(tally_registry_on_panic(registry, on_panic, NULL, NULL, NULL), TALLY_OK);
    reports = 0;
    return add_with(registry, note, "a",
                    (tally_handler_options){.name = "task", .name_length = 4, .max_failures = max_failures});
}

static tally_status report(tally_handler_id id, int32_t code, const char *message)
{
    tally_notice notice = {.kind = kind_of("report.test"), .data = "e", .length = 1};
    return tally_registry_report(registry, id, &notice, code, message, message == NULL ? 0 : strlen(message), &reports,
                                 NULL);
}

TEST(a_late_failure_is_counted_and_reported_under_every_policy)
{
    for (uint32_t policy = 0; policy <= TALLY_POLICY_FAIL_FAST; policy++) {
        tally_handler_id id = open_named(policy, 0);
        CHECK_STATUS(report(id, -9, "too late"), TALLY_OK);
        CHECK_EQ(reports, 1);
        CHECK_EQ(seen.id.handler, id.handler);
        CHECK_EQ(seen.code, -9);
        CHECK_EQ(seen.kind, kind_of("report.test"));
        CHECK_TEXT(seen_name, "task");
        CHECK_TEXT(seen_message, "too late");
        CHECK(seen.payload == &reports);
        tally_handler_info row;
        size_t count;
        CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
        CHECK_EQ(row.failed, 1);
        CHECK_EQ(row.last_code, -9);
        CHECK_TEXT(row.last_message, "too late");
        shut(&registry);
    }
}

TEST(it_detaches_after_so_many)
{
    tally_handler_id id = open_named(0, 2);
    CHECK_STATUS(report(id, -1, NULL), TALLY_OK);
    CHECK(has(registry, id));
    CHECK_STATUS(report(id, -1, NULL), TALLY_OK);
    CHECK(!has(registry, id));
    CHECK_EQ(reports, 2);
    shut(&registry);
}

TEST(of_a_removed_handler_it_is_reported_without_a_name)
{
    tally_handler_id id = open_named(0, 0);
    CHECK(drop(registry, id));
    CHECK_STATUS(report(id, -4, "still running"), TALLY_OK);
    CHECK_EQ(reports, 1);
    CHECK_TEXT(seen_name, "");
    CHECK_TEXT(seen_message, "still running");
    CHECK_EQ(seen.id.handler, id.handler);
    shut(&registry);
}

TEST(codes_that_mean_something_else_become_minus_one)
{
    tally_handler_id id = open_named(0, 0);
    const int32_t codes[] = {TALLY_HANDLER_DONE, TALLY_HANDLER_STOP, TALLY_HANDLER_GONE, TALLY_HANDLER_ABORT};
    for (int i = 0; i < 4; i++) {
        CHECK_STATUS(report(id, codes[i], ""), TALLY_OK);
        CHECK_EQ(seen.code, -1);
    }
    shut(&registry);
}

TEST(a_plain_handler_can_be_reported_too)
{
    (void)open_named(0, 0);
    tally_handler_id plain = add(registry, note, "b");
    CHECK_STATUS(report(plain, -2, "plain"), TALLY_OK);
    CHECK_TEXT(seen_name, "");
    CHECK_TEXT(seen_message, "plain");
    tally_handler_info rows[2];
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 2, &count, NULL), TALLY_OK);
    CHECK_EQ(rows[1].failed, 1);
    CHECK_TEXT(rows[1].last_message, "plain");
    shut(&registry);
}

TEST(without_on_panic_it_is_unreported)
{
    tally_handler_id id = open_named(0, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(report(id, -2, ""), TALLY_OK);
    CHECK_EQ(look_at(registry).unreported, 1);
    shut(&registry);
}

static tally_handler_id inside_id;

static int32_t report_inside(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    CHECK_STATUS(report(inside_id, -3, "of another"), TALLY_OK);
    return tally_handler_fail(-7, "own", 3, NULL); /* what it says itself is not touched */
}

TEST(a_handler_may_report_another_and_fail_itself)
{
    inside_id = open_named(0, 0);
    (void)add(registry, report_inside, "r");
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, 0);
    CHECK_EQ(reports, 2);
    CHECK_TEXT(seen_message, "own");
    CHECK_TEXT(told(), "ar");
    shut(&registry);
}

static int32_t close_on_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    (void)failure;
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    return 0;
}

TEST(on_panic_may_close_the_registry_of_a_late_failure)
{
    tally_handler_id id = open_named(0, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, close_on_panic, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(report(id, -1, "x"), TALLY_OK);
    CHECK_STATUS(report(id, -1, "x"), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    shut(&registry);
}

static int32_t report_again(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    reports++;
    if (reports < 3) CHECK_STATUS(report(failure->id, -1, "again"), TALLY_OK);
    return 0;
}

TEST(a_report_inside_on_panic_goes_to_the_log)
{
    tally_handler_id id = open_named(0, 0);
    CHECK_STATUS(tally_registry_on_panic(registry, report_again, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(report(id, -1, "first"), TALLY_OK);
    CHECK_EQ(reports, 1);
    CHECK_EQ(look_at(registry).unreported, 1);
    shut(&registry);
}

static void report_from_thread(void *id) { CHECK_STATUS(report(*(tally_handler_id *)id, -1, "thread"), TALLY_OK); }

TEST(any_thread_may_report)
{
    tally_handler_id id = open_named(0, 0);
    helper threads[4];
    for (int i = 0; i < 4; i++) {
        start(&threads[i], report_from_thread, &id);
        join(&threads[i]);
    }
    CHECK_EQ(reports, 4);
    shut(&registry);
}

TEST(bad_reports_are_refused_and_reach_nobody)
{
    tally_handler_id id = open_named(0, 1);
    tally_notice bad = {.flags = 1};
    tally_notice good = {.kind = 0};
    CHECK_STATUS(tally_registry_report(registry, id, &bad, -1, NULL, 0, NULL, NULL), TALLY_E_ARGUMENT);
    CHECK_STATUS(tally_registry_report(registry, id, &good, -1, NULL, 1, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_report(registry, id, &good, -1, "x", SIZE_MAX, NULL, NULL), TALLY_E_LENGTH);
    id.registry++;
    CHECK_STATUS(tally_registry_report(registry, id, &good, -1, "x", 1, NULL, NULL), TALLY_E_FOREIGN);
    CHECK_EQ(reports, 0);
    CHECK_EQ(count_of(registry), 1); /* nothing was counted either: one failure would detach it */
    shut(&registry);
}
