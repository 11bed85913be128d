/* registry.md 13: looking. Counts, lists, statistics, counting registries, the leak warning, mute. */
#include "handlers.h"

#include "scribble.h"

static tally_registry *registry;

static tally_registry *open_flags(uint32_t flags)
{
    return open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .flags = flags});
}

TEST(count_and_is_empty_follow_every_change)
{
    registry = open_plain();
    int32_t empty = 0;
    CHECK_STATUS(tally_registry_is_empty(registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 1);
    for (uint64_t i = 1; i <= 40; i++) {
        (void)add(registry, note, "");
        CHECK_EQ(count_of(registry), i);
    }
    CHECK_STATUS(tally_registry_is_empty(registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 0);
    CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_is_empty(registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 1);
    shut(&registry);
}

TEST(the_list_is_in_the_order_of_notify_and_complete)
{
    registry = open_plain();
    static char a[] = "a";
    static char b[] = "b";
    tally_handler_id low = add_at(registry, -1, note, a);
    tally_handler_id high =
        add_with(registry, fail_saying, b,
                 (tally_handler_options){
                     .priority = INT32_MAX, .flags = TALLY_HANDLER_MAY_BLOCK, .name = "high", .name_length = 4});
    (void)notify(registry);
    tally_handler_info rows[2];
    memset(rows, 0xff, sizeof rows);
    size_t count = 0;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 2, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 2);
    CHECK_EQ(rows[0].id.handler, high.handler);
    CHECK_EQ(rows[0].id.registry, high.registry);
    CHECK_EQ(rows[0].priority, INT32_MAX);
    CHECK_EQ(rows[0].flags, TALLY_HANDLER_MAY_BLOCK);
    CHECK_TEXT(rows[0].name, "high");
    CHECK(rows[0].user_data == b);
    CHECK_EQ(rows[0].failed, 1);
    CHECK_EQ(rows[0].last_code, -7);
    CHECK_TEXT(rows[0].last_message, "b");
    CHECK_EQ(rows[1].id.handler, low.handler);
    CHECK_EQ(rows[1].priority, -1);
    CHECK_TEXT(rows[1].name, "");
    CHECK_EQ(rows[1].failed, 0);
    CHECK_EQ(rows[1].last_code, 0);
    CHECK_EQ(rows[1].last_message_length, 0);
    CHECK_EQ(rows[1].reserved, 0);
    (void)told();
    shut(&registry);
}

TEST(a_list_that_does_not_fit_says_how_long_it_is_and_writes_nothing)
{
    registry = open_plain();
    for (int i = 0; i < 3; i++) (void)add(registry, note, "");
    tally_handler_info rows[3];
    memset(rows, 0x5a, sizeof rows);
    size_t count = 0;
    tally_error error;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 2, &count, &error), TALLY_E_SPACE);
    CHECK_EQ(count, 3);
    CHECK_EQ(error.position, 3);
    CHECK_EQ(rows[0].priority, 0x5a5a5a5a);
    CHECK_STATUS(tally_registry_handlers(registry, NULL, 0, &count, NULL), TALLY_E_SPACE);
    CHECK_EQ(count, 3);
    CHECK_STATUS(tally_registry_handlers(registry, NULL, 1, &count, NULL), TALLY_E_NULL);
    CHECK_EQ(count, 0);
    CHECK_STATUS(tally_registry_handlers(registry, rows, 3, &count, NULL), TALLY_OK);
    shut(&registry);
    registry = open_plain();
    CHECK_STATUS(tally_registry_handlers(registry, NULL, 0, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 0);
    shut(&registry);
}

/* While the list is made, a notify claims the first `once` handler: it is not listed then, and the second
 * one is. The platform's allocation stands for the moment in between. */
static uint32_t meanwhile_kind;

static void notify_meanwhile(void *unused)
{
    (void)unused;
    CHECK_EQ(notify_kind(registry, meanwhile_kind).fired, 2);
}

TEST(a_once_handler_claimed_while_the_list_is_made_hides_no_other)
{
    tally_platform *platform = scribble_open();
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .platform = platform});
    uint32_t first = kind_of("query.first");
    meanwhile_kind = kind_of("query.second");
    tally_handler_options once = {.flags = TALLY_HANDLER_ONCE, .kinds = &first, .kind_count = 1};
    (void)add_with(registry, note, "a", once);
    once.kinds = &meanwhile_kind;
    (void)add_with(registry, note, "b", once);
    tally_handler_id last = add(registry, note, "d");
    (void)notify_kind(registry, first); /* claims a: the listing will sweep it and make a new list */
    (void)told();
    scribble_of(platform)->during_allocate = notify_meanwhile;
    tally_handler_info rows[4];
    size_t count = 0;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 4, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(rows[0].id.handler, last.handler);
    (void)told();
    shut(&registry);
    CHECK(scribble_close(&platform));
}

TEST(calls_and_latency_are_counted_only_where_it_was_asked_for)
{
    tally_handler_info row;
    size_t count;
    registry = open_plain();
    (void)add_with(registry, note, "", (tally_handler_options){.name = "n", .name_length = 1});
    (void)notify(registry);
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK(row.fired == TALLY_COUNT_UNKNOWN);
    CHECK(row.latency_total_ns == TALLY_COUNT_UNKNOWN);
    CHECK(row.latency_max_ns == TALLY_COUNT_UNKNOWN);
    shut(&registry);
    registry = open_flags(TALLY_REGISTRY_COUNT);
    (void)add(registry, fail_saying, "");
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.fired, 0);
    for (int i = 0; i < 100; i++) (void)notify(registry);
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.fired, 100);
    CHECK_EQ(row.failed, 100);
    CHECK(row.latency_total_ns >= row.latency_max_ns);
    CHECK(row.latency_max_ns > 0);
    shut(&registry);
}

static int32_t sleep_a_little(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    sleep_ms(5);
    return TALLY_HANDLER_DONE;
}

static void notify_ten_times(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) (void)notify(registry);
}

TEST(latency_is_that_of_the_handler_and_counts_of_all_threads_add_up)
{
    registry = open_flags(TALLY_REGISTRY_COUNT);
    (void)add(registry, sleep_a_little, NULL);
    helper threads[12]; /* more than there are stripes */
    for (int i = 0; i < 12; i++) start(&threads[i], notify_ten_times, NULL);
    for (int i = 0; i < 12; i++) join(&threads[i]);
    tally_handler_info row;
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.fired, 120);
    CHECK(row.latency_max_ns >= 4000000);
    CHECK(row.latency_total_ns >= 120 * UINT64_C(4000000));
    shut(&registry);
}

/* ------------------------------------------------------------------------------------------ the rest */

static uint32_t leak_records;

static void count_leaks(void *user_data, const tally_log_record *record)
{
    (void)user_data;
    if (record->what != TALLY_LOG_LEAK) return;
    CHECK(record->failure == NULL);
    CHECK_EQ(record->registry, tally_registry_number(registry)); /* under no lock */
    CHECK(strstr(record->message, "1000") != NULL);
    leak_records++;
}

TEST(a_registry_warns_once_that_it_grows_large)
{
    tally_registry_host host = {.size = sizeof host, .log = count_leaks};
    tally_registry_options options = {.size = sizeof options, .host = &host, .capacity = 5000};
    registry = open_with(&options);
    leak_records = 0;
    for (int i = 1; i < TALLY_REGISTRY_LEAK_WARNING; i++) (void)add(registry, note, "");
    CHECK_EQ(leak_records, 0);
    tally_handler_id last = add(registry, note, "");
    CHECK_EQ(leak_records, 1);
    for (int i = 0; i < 10; i++) {
        CHECK(drop(registry, last));
        last = add(registry, note, "");
    }
    CHECK_EQ(leak_records, 1);
    shut(&registry);
    registry = open_with(&options);
    static tally_edit edits[TALLY_REGISTRY_LEAK_WARNING];
    for (int i = 0; i < TALLY_REGISTRY_LEAK_WARNING; i++) {
        edits[i] = (tally_edit){.operation = TALLY_EDIT_REGISTER, .handler = note};
    }
    CHECK_STATUS(tally_registry_edit(registry, edits, TALLY_REGISTRY_LEAK_WARNING, NULL), TALLY_OK);
    CHECK_EQ(leak_records, 2); /* each registry for itself */
    shut(&registry);
}

TEST(statistics_describe_the_registry)
{
    registry = open_plain();
    tally_registry_statistics before = look_at(registry);
    CHECK_EQ(before.handlers, 0);
    CHECK_EQ(before.retired_bytes, 0);
    (void)add(registry, fail_saying, "");
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    tally_registry_statistics now = look_at(registry);
    CHECK_EQ(now.handlers, 1);
    CHECK_EQ(now.mutes, 2);
    CHECK(now.memory_bytes > before.memory_bytes);
    tally_registry_statistics wrong = {.size = sizeof wrong - 1, .handlers = 7};
    CHECK_STATUS(tally_registry_statistics_get(registry, &wrong, NULL), TALLY_E_STRUCT_SIZE);
    wrong.size = TALLY_STRUCT_SIZE_MAX + 1;
    CHECK_STATUS(tally_registry_statistics_get(registry, &wrong, NULL), TALLY_E_STRUCT_SIZE);
    struct {
        tally_registry_statistics known;
        uint64_t newer;
    } larger = {{.size = sizeof larger}, 5};
    CHECK_STATUS(tally_registry_statistics_get(registry, &larger.known, NULL), TALLY_OK);
    CHECK_EQ(larger.newer, 0); /* what this library does not know is zero */
    CHECK_EQ(larger.known.size, sizeof larger);
    uint64_t space[32] = {0};
    CHECK_STATUS(
        tally_registry_statistics_get(registry, (tally_registry_statistics *)(void *)((char *)space + 4), NULL),
        TALLY_E_ALIGNMENT);
    shut(&registry);
}

TEST(statistics_tell_what_a_thread_inside_keeps)
{
    barrier inside = BARRIER_SHUT;
    _Atomic(uint64_t) ends = 0;
    helper one;
    registry = open_plain();
    (void)add(registry, hold_here, &inside);
    tally_handler_id owner = add_with(registry, do_nothing, &ends, (tally_handler_options){.destructor = count_end});
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(drop(registry, owner));
    tally_registry_statistics held = look_at(registry);
    CHECK(held.retired_bytes > 0);
    CHECK(held.retired_bytes < held.memory_bytes);
    CHECK_EQ(held.retired_handlers, 1);
    release_all(&inside);
    join(&one);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    tally_registry_statistics later = look_at(registry);
    CHECK_EQ(later.retired_bytes, 0);
    CHECK_EQ(later.retired_handlers, 0);
    CHECK(later.memory_bytes < held.memory_bytes);
    shut(&registry);
}

TEST(mutes_nest_and_skipped_handlers_are_counted)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    (void)add(registry, note, "b");
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 0, 0, 2, 0);
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 0, 0, 2, 0);
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 0, 0, 3, 0);
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 3, 0, 0, 0);
    CHECK_TEXT(told(), "abc");
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_E_RANGE);
    shut(&registry);
}

TEST(an_empty_registry_can_be_muted_beforehand)
{
    registry = open_plain();
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    (void)add(registry, note, "a");
    CHECK_NOTIFIED(notify(registry), 0, 0, 1, 0);
    CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
    (void)add(registry, note, "b");
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "b");
    shut(&registry);
}

static int32_t mute_it(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    return TALLY_HANDLER_DONE;
}

TEST(a_mute_inside_a_handler_holds_from_the_next_notify)
{
    registry = open_plain();
    (void)add(registry, mute_it, "a");
    (void)add(registry, note, "b");
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_NOTIFIED(notify(registry), 0, 0, 2, 0);
    CHECK_TEXT(told(), "ab");
    shut(&registry);
}
