/* registry.md 1 and 4: who is called, in which order, and with what. */
#include "handlers.h"

TEST(handlers_run_by_falling_priority)
{
    tally_registry *registry = open_plain();
    (void)add_at(registry, 10, note, "a");
    (void)add_at(registry, 0, note, "b");
    (void)add_at(registry, -5, note, "c");
    (void)notify(registry);
    CHECK_TEXT(told(), "abc");
    shut(&registry);
}

TEST(priority_decides_however_they_were_registered)
{
    tally_registry *registry = open_plain();
    (void)add_at(registry, -5, note, "c");
    (void)add_at(registry, 10, note, "a");
    (void)add_at(registry, 0, note, "b");
    (void)notify(registry);
    CHECK_TEXT(told(), "abc");
    shut(&registry);
}

TEST(equal_priorities_run_in_the_order_of_registration)
{
    tally_registry *registry = open_plain();
    for (const char *name = "a\0b\0c\0d\0e\0"; *name != 0; name += 2) (void)add_at(registry, 3, note, (void *)name);
    (void)notify(registry);
    CHECK_TEXT(told(), "abcde");
    shut(&registry);
}

TEST(the_default_priority_is_zero)
{
    tally_registry *registry = open_plain();
    (void)add_at(registry, -5, note, "c");
    (void)add(registry, note, "b");
    (void)add_at(registry, 5, note, "a");
    (void)notify(registry);
    CHECK_TEXT(told(), "abc");
    shut(&registry);
}

TEST(the_whole_range_of_priorities_is_legal)
{
    tally_registry *registry = open_plain();
    (void)add_at(registry, INT32_MIN, note, "e");
    (void)add_at(registry, 0, note, "c");
    (void)add_at(registry, INT32_MAX, note, "a");
    (void)add_at(registry, INT32_MIN + 1, note, "d");
    (void)add_at(registry, INT32_MAX - 1, note, "b");
    (void)notify(registry);
    CHECK_TEXT(told(), "abcde");
    shut(&registry);
}

TEST(a_handler_in_the_middle_keeps_the_groups)
{
    tally_registry *registry = open_plain();
    (void)add_at(registry, 10, note, "high1 ");
    (void)add_at(registry, -10, note, "low1 ");
    (void)add_at(registry, 10, note, "high2 ");
    (void)add_at(registry, 0, note, "mid1 ");
    (void)notify(registry);
    CHECK_TEXT(told(), "high1 high2 mid1 low1 ");
    shut(&registry);
}

TEST(removing_the_first_keeps_the_order_of_the_rest)
{
    tally_registry *registry = open_plain();
    tally_handler_id top = add_at(registry, 10, note, "a");
    (void)add_at(registry, 5, note, "b");
    (void)add_at(registry, 1, note, "c");
    CHECK(drop(registry, top));
    (void)notify(registry);
    CHECK_TEXT(told(), "bc");
    (void)add_at(registry, 5, note, "d");
    (void)notify(registry);
    CHECK_TEXT(told(), "bdc");
    shut(&registry);
}

TEST(each_handler_runs_once_per_notify)
{
    tally_registry *registry = open_plain();
    _Atomic(uint64_t) calls = 0;
    for (int i = 0; i < 10; i++) (void)add(registry, count_up, &calls);
    CHECK_NOTIFIED(notify(registry), 10, 0, 0, 0);
    CHECK_EQ(calls, 10);
    CHECK_NOTIFIED(notify(registry), 10, 0, 0, 0);
    CHECK_EQ(calls, 20);
    shut(&registry);
}

TEST(the_same_function_twice_is_two_handlers)
{
    tally_registry *registry = open_plain();
    tally_handler_id first = add(registry, note, "a");
    tally_handler_id second = add(registry, note, "a");
    CHECK(first.handler != second.handler);
    (void)notify(registry);
    CHECK_TEXT(told(), "aa");
    CHECK(drop(registry, first));
    (void)notify(registry);
    CHECK_TEXT(told(), "a");
    CHECK(!has(registry, first));
    CHECK(has(registry, second));
    shut(&registry);
}

TEST(an_empty_registry_notifies_nobody)
{
    tally_registry *registry = open_plain();
    tally_error error = {.status = 77};
    tally_notice notice = {.kind = 0};
    tally_notified result = {9, 9, 9, 9};
    CHECK_STATUS(tally_registry_notify(registry, &notice, &result, &error), TALLY_OK);
    CHECK_STATUS(error.status, TALLY_OK);
    CHECK_NOTIFIED(result, 0, 0, 0, 0);
    (void)drop(registry, add(registry, note, "a"));
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    CHECK_TEXT(told(), "");
    shut(&registry);
}

static tally_notice seen;
static void *seen_user_data;

static int32_t look(void *user_data, const tally_notice *notice)
{
    seen = *notice;
    seen_user_data = user_data;
    return TALLY_HANDLER_DONE;
}

TEST(a_handler_gets_its_user_data_and_the_notice_as_it_is)
{
    tally_registry *registry = open_plain();
    int mine = 0;
    int host = 0;
    (void)add(registry, look, &mine);
    tally_notice notice = {.kind = kind_of("order.test"), .data = "event", .length = 5, .context = &host};
    CHECK_STATUS(tally_registry_notify(registry, &notice, NULL, NULL), TALLY_OK);
    CHECK(seen_user_data == &mine);
    CHECK_EQ(seen.kind, notice.kind);
    CHECK(seen.data == notice.data); /* borrowed, not copied */
    CHECK_EQ(seen.length, 5);
    CHECK(seen.context == &host);
    shut(&registry);
}

TEST(a_thousand_registrations_and_removals_leave_a_usable_registry)
{
    tally_registry *registry = open_plain();
    for (int i = 0; i < 1000; i++) CHECK(drop(registry, add(registry, note, "x")));
    CHECK_EQ(count_of(registry), 0);
    (void)add(registry, note, "a");
    (void)notify(registry);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

static uint32_t order[300];
static uint32_t order_count;

static int32_t put_down(void *user_data, const tally_notice *notice)
{
    (void)notice;
    order[order_count++] = *(uint32_t *)user_data;
    return TALLY_HANDLER_DONE;
}

TEST(three_hundred_handlers_of_mixed_priorities_run_sorted_and_stable)
{
    tally_registry *registry = open_plain();
    static uint32_t numbers[300];
    for (uint32_t i = 0; i < 300; i++) {
        numbers[i] = i;
        (void)add_at(registry, (int32_t)(i * 7919 % 5) - 2, put_down, &numbers[i]);
    }
    order_count = 0;
    CHECK_NOTIFIED(notify(registry), 300, 0, 0, 0);
    CHECK_EQ(order_count, 300);
    for (uint32_t i = 1; i < order_count; i++) {
        uint32_t before = order[i - 1] * 7919 % 5;
        uint32_t now = order[i] * 7919 % 5;
        CHECK(before > now || (before == now && order[i - 1] < order[i]));
    }
    shut(&registry);
}

static tally_registry *growing;

static int32_t register_another(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    (void)add_at(growing, 100, note, "new ");
    return TALLY_HANDLER_DONE;
}

TEST(a_handler_registered_meanwhile_waits_for_the_next_notify)
{
    growing = open_plain();
    (void)add_at(growing, 5, register_another, "first ");
    (void)add(growing, note, "last ");
    CHECK_NOTIFIED(notify(growing), 2, 0, 0, 0);
    CHECK_TEXT(told(), "first last ");
    CHECK_NOTIFIED(notify(growing), 3, 0, 0, 0);
    CHECK_TEXT(told(), "new first last ");
    shut(&growing);
}

TEST(room_made_beforehand_is_room_and_not_handlers)
{
    tally_registry *registry =
        open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .capacity = 64});
    CHECK_EQ(count_of(registry), 0);
    uint64_t before = look_at(registry).memory_bytes;
    for (int i = 0; i < 64; i++) (void)add(registry, do_nothing, NULL);
    CHECK_EQ(count_of(registry), 64);
    /* Only lists came in addition: 64 records of 32 bytes were there. */
    CHECK(before >= 64 * 32);
    shut(&registry);
}
