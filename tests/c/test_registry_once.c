/* registry.md 12: once, max_failures, names. */
#include "handlers.h"

static tally_registry *registry;

static const tally_handler_options once = {.flags = TALLY_HANDLER_ONCE};

TEST(a_once_handler_runs_once)
{
    registry = open_plain();
    tally_handler_id id = add_with(registry, note, "a", once);
    CHECK(has(registry, id));
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK(!has(registry, id));
    CHECK_EQ(count_of(registry), 0);
    CHECK(!drop(registry, id));
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

static tally_handler_id own;

static int32_t look_for_itself(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    CHECK(!has(registry, own));
    CHECK_EQ(count_of(registry), 1);
    CHECK(!drop(registry, own));
    (void)notify(registry);
    return TALLY_HANDLER_DONE;
}

TEST(it_is_claimed_before_the_call_so_a_nested_notify_does_not_run_it)
{
    registry = open_plain();
    own = add_with(registry, look_for_itself, "once ", once);
    (void)add(registry, note, "other ");
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK_TEXT(told(), "once other other ");
    shut(&registry);
}

static int32_t notify_first(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    if (tally_registry_depth() == 1) CHECK_NOTIFIED(notify(registry), 2, 0, 0, TALLY_NOTIFIED_RECLAIM);
    return TALLY_HANDLER_DONE;
}

TEST(a_once_handler_that_is_lost_to_a_nested_notify_counts_as_skipped)
{
    registry = open_plain();
    (void)add(registry, notify_first, "n ");
    (void)add_with(registry, note, "once ", once);
    CHECK_NOTIFIED(notify(registry), 1, 0, 1, 0);
    CHECK_TEXT(told(), "n n once ");
    shut(&registry);
}

TEST(a_once_handler_that_is_filtered_out_is_not_used_up)
{
    registry = open_plain();
    uint32_t kind = kind_of("once.wanted");
    uint32_t pattern = kind_of("once.*");
    (void)add_with(registry, note, "a",
                   (tally_handler_options){.flags = TALLY_HANDLER_ONCE, .kinds = &kind, .kind_count = 1});
    (void)add_with(registry, note, "b",
                   (tally_handler_options){.flags = TALLY_HANDLER_ONCE, .kinds = &pattern, .kind_count = 1});
    CHECK_NOTIFIED(notify(registry), 0, 0, 2, 0);
    CHECK_NOTIFIED(notify_kind(registry, kind_of("other")), 0, 0, 2, 0);
    CHECK_EQ(count_of(registry), 2);
    CHECK_EQ(notify_kind(registry, kind).fired, 2);
    CHECK_TEXT(told(), "ab");
    CHECK_EQ(count_of(registry), 0);
    shut(&registry);
}

TEST(a_once_handler_that_is_muted_or_behind_a_stop_is_not_used_up)
{
    registry = open_with(
        &(tally_registry_options){.size = sizeof(tally_registry_options), .flags = TALLY_REGISTRY_ALLOW_STOP});
    tally_handler_id stop = add_at(registry, 1, stop_saying, "s");
    tally_handler_id id = add_with(registry, note, "a", once);
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    (void)notify(registry);
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
    (void)notify(registry);
    CHECK(has(registry, id));
    CHECK(drop(registry, stop));
    (void)notify(registry);
    CHECK_TEXT(told(), "sa");
    shut(&registry);
}

TEST(a_removed_once_handler_does_not_run)
{
    registry = open_plain();
    CHECK(drop(registry, add_with(registry, note, "a", once)));
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    CHECK_TEXT(told(), "");
    shut(&registry);
}

TEST(claimed_ones_leave_every_list_and_count)
{
    registry = open_plain();
    static char names[10][16];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(names[i], sizeof names[i], "%d", i);
        (void)add_with(registry, note, names[i], i % 2 ? once : (tally_handler_options){.priority = 0});
    }
    CHECK_EQ(notify(registry).fired, 10);
    CHECK_TEXT(told(), "0123456789");
    CHECK_EQ(count_of(registry), 5);
    uint64_t handlers = look_at(registry).handlers;
    CHECK_EQ(handlers, 5);
    tally_handler_info rows[5];
    size_t count = 0;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 5, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 5);
    for (size_t i = 0; i < count; i++) CHECK(rows[i].user_data == names[2 * i]);
    tally_handler_id found;
    CHECK_STATUS(tally_registry_find(registry, note, names[1], &found, NULL), TALLY_E_NOT_FOUND);
    CHECK_EQ(notify(registry).fired, 5);
    (void)told();
    shut(&registry);
}

TEST(find_and_clear_and_edit_do_not_see_claimed_ones)
{
    registry = open_plain();
    static char text[] = "a";
    tally_handler_id id = add_with(registry, note, text, once);
    tally_handler_id found;
    CHECK_STATUS(tally_registry_find(registry, note, text, &found, NULL), TALLY_OK);
    (void)notify(registry);
    CHECK_STATUS(tally_registry_find(registry, note, text, &found, NULL), TALLY_E_NOT_FOUND);
    tally_edit edit = {.operation = TALLY_EDIT_UNREGISTER, .id = id};
    CHECK_STATUS(tally_registry_edit(registry, &edit, 1, NULL), TALLY_OK);
    CHECK_EQ(edit.removed, 0);
    (void)add_with(registry, note, text, once);
    (void)notify(registry);
    uint64_t removed = 9;
    CHECK_STATUS(tally_registry_clear(registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 0);
    int32_t empty = 0;
    CHECK_STATUS(tally_registry_is_empty(registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 1);
    CHECK_TEXT(told(), "aa");
    shut(&registry);
}

TEST(the_destructor_of_a_once_handler_runs_at_the_next_write)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    (void)add(registry, note, "");
    (void)add_with(registry, do_nothing, &ends,
                   (tally_handler_options){.flags = TALLY_HANDLER_ONCE, .destructor = count_end});
    (void)notify(registry);
    CHECK_EQ(ends, 0); /* never inside a notify */
    (void)add(registry, note, "");
    CHECK_EQ(ends, 1);
    shut(&registry);
    CHECK_EQ(ends, 1);
}

/* -------------------------------------------------------------------------------------- on threads */

#define RACERS 8
static _Atomic(uint64_t) runs;
static _Atomic(uint64_t) fired;
static barrier gate = BARRIER_SHUT;

static void race_to_run(void *unused)
{
    (void)unused;
    (void)hold_here(&gate, NULL);
    atomic_fetch_add(&fired, notify(registry).fired);
}

TEST(exactly_one_of_concurrent_notifies_runs_it)
{
    registry = open_plain();
    for (int round = 0; round < (UNDER_TSAN ? 10 : 50); round++) {
        atomic_store(&runs, 0);
        atomic_store(&fired, 0);
        gate = (barrier)BARRIER_SHUT;
        (void)add_with(registry, count_up, (void *)&runs, once);
        helper racers[RACERS];
        for (int i = 0; i < RACERS; i++) start(&racers[i], race_to_run, NULL);
        await_entered(&gate, RACERS);
        release_all(&gate);
        for (int i = 0; i < RACERS; i++) join(&racers[i]);
        CHECK_EQ(runs, 1);
        CHECK_EQ(fired, 1);
        CHECK_EQ(count_of(registry), 0);
    }
    shut(&registry);
}

static tally_handler_id raced;
static _Atomic(uint64_t) removals;

static void race_to_remove(void *unused)
{
    (void)unused;
    (void)hold_here(&gate, NULL);
    if (drop(registry, raced)) atomic_fetch_add(&removals, 1);
}

TEST(it_is_removed_or_run_but_never_both)
{
    registry = open_plain();
    for (int round = 0; round < (UNDER_TSAN ? 20 : 200); round++) {
        atomic_store(&runs, 0);
        atomic_store(&removals, 0);
        gate = (barrier)BARRIER_SHUT;
        raced = add_with(registry, count_up, (void *)&runs, once);
        helper racers[4];
        for (int i = 0; i < 4; i++) start(&racers[i], i % 2 ? race_to_run : race_to_remove, NULL);
        await_entered(&gate, 4);
        release_all(&gate);
        for (int i = 0; i < 4; i++) join(&racers[i]);
        CHECK_EQ(runs + removals, 1);
        CHECK_EQ(count_of(registry), 0);
    }
    shut(&registry);
}

/* ---------------------------------------------------------------------------- max_failures and names */

TEST(a_handler_is_detached_after_so_many_failures)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    tally_handler_id id = add_with(registry, fail_saying, "x",
                                   (tally_handler_options){.max_failures = 3, .name = "frail", .name_length = 5});
    (void)add_with(registry, count_up, &ends, (tally_handler_options){.priority = -1});
    for (int i = 0; i < 2; i++) CHECK_NOTIFIED(notify(registry), 2, 1, 0, 0);
    CHECK(has(registry, id));
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK(!has(registry, id));
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "xxx");
    CHECK_EQ(ends, 4);
    shut(&registry);
}

TEST(the_destructor_of_a_detached_handler_runs_at_the_next_write)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    (void)add_with(registry, tally_mask_handler, &ends, /* no mask: it fails */
                   (tally_handler_options){.max_failures = 1, .destructor = count_end});
    (void)add(registry, note, "");
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK_EQ(ends, 0);
    (void)add(registry, note, "");
    CHECK_EQ(ends, 1);
    shut(&registry);
}

TEST(names_are_copied_and_checked)
{
    registry = open_plain();
    char name[] = "audit\xc3\xa9";
    (void)add_with(registry, note, "", (tally_handler_options){.name = name, .name_length = 7});
    memset(name, '!', sizeof name);
    tally_handler_info row;
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_TEXT(row.name, "audit\xc3\xa9");
    CHECK_EQ(row.name_length, 7);
    static char longest[TALLY_HANDLER_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    const struct {
        const char *name;
        size_t length;
        tally_status wanted;
    } names[] = {
        {longest, TALLY_HANDLER_NAME_MAX, TALLY_OK},
        {longest, TALLY_HANDLER_NAME_MAX + 1, TALLY_E_LENGTH},
        {NULL, 1, TALLY_E_NULL},
        {"a\nb", 3, TALLY_E_NAME},
        {"a\0b", 3, TALLY_E_NUL},
        {"\xff", 1, TALLY_E_UTF8},
        {"a", SIZE_MAX, TALLY_E_LENGTH},
        {"", 0, TALLY_OK},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tally_handler_options options = {.size = sizeof options, .name = names[i].name, .name_length = names[i].length};
        tally_handler_id id = {1, 1};
        CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), names[i].wanted);
        CHECK_EQ(id.handler != 0, names[i].wanted == TALLY_OK);
    }
    CHECK_EQ(count_of(registry), 3);
    shut(&registry);
}

TEST(unknown_options_of_a_handler_are_refused)
{
    registry = open_plain();
    tally_handler_id id = {1, 1};
    tally_handler_options options = {.size = sizeof options, .flags = 4};
    CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), TALLY_E_OPTION);
    options = (tally_handler_options){.size = sizeof options, .reserved = 1};
    CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), TALLY_E_OPTION);
    options = (tally_handler_options){.size = sizeof options - 8};
    CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), TALLY_E_STRUCT_SIZE);
    options = (tally_handler_options){.size = SIZE_MAX};
    CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), TALLY_E_STRUCT_SIZE);
    uint64_t space[32] = {sizeof options};
    const tally_handler_options *misaligned = (const void *)((char *)space + 4);
    CHECK_STATUS(tally_registry_register(registry, note, "", misaligned, &id, NULL), TALLY_E_ALIGNMENT);
    CHECK_EQ(id.handler, 0);
    CHECK_EQ(count_of(registry), 0);
    shut(&registry);
}
