/* What a host with handlers of its own uses: a part of the list, and a word that every change raises. */
#include "handlers.h"

static tally_registry *registry;
static uint64_t order[8];

static tally_registry *open_hosted(void)
{
    tally_registry_host host = {.size = sizeof host};
    return open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .host = &host});
}

static void open_four(void)
{
    registry = open_hosted();
    static char names[4][2] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) order[i] = add(registry, note, names[i]).handler;
}

static tally_notified run_part(size_t order_count, size_t first, size_t count)
{
    tally_part part = {.size = sizeof part, .order = order, .order_count = order_count, .first = first, .count = count};
    tally_notified result = {9, 9, 9, 9};
    CHECK_STATUS(tally_registry_notify_part(registry, &(tally_notice){0}, &part, NULL, &result, NULL), TALLY_OK);
    return result;
}

TEST(a_part_runs_the_named_handlers_only)
{
    open_four();
    CHECK_NOTIFIED(run_part(4, 1, 2), 2, 0, 0, 0);
    CHECK_TEXT(told(), "bc");
    CHECK_NOTIFIED(run_part(4, 0, 4), 4, 0, 0, 0);
    CHECK_TEXT(told(), "abcd");
    CHECK_NOTIFIED(run_part(4, 3, 1), 1, 0, 0, 0);
    CHECK_TEXT(told(), "d");
    CHECK_NOTIFIED(run_part(4, 2, 0), 0, 0, 0, 0);
    CHECK_TEXT(told(), "");
    shut(&registry);
}

TEST(what_is_gone_is_skipped_and_what_is_new_passed_over)
{
    open_four();
    uint64_t number = tally_registry_number(registry);
    CHECK(drop(registry, (tally_handler_id){number, order[1]}));
    (void)add_at(registry, 5, note, "new");
    (void)add(registry, note, "last");
    CHECK_NOTIFIED(run_part(4, 0, 3), 2, 0, 1, 0);
    CHECK_TEXT(told(), "ac");
    CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    CHECK_NOTIFIED(run_part(4, 0, 3), 0, 0, 3, 0);
    shut(&registry);
}

TEST(an_order_that_knows_more_than_the_registry_does_no_harm)
{
    registry = open_hosted();
    for (size_t i = 0; i < 8; i++) order[i] = UINT64_MAX - i;
    order[4] = add(registry, note, "a").handler;
    CHECK_NOTIFIED(run_part(8, 0, 8), 1, 0, 7, 0);
    CHECK_NOTIFIED(run_part(8, 0, 4), 0, 0, 4, 0);
    CHECK_NOTIFIED(run_part(8, 4, 1), 1, 0, 0, 0);
    CHECK_TEXT(told(), "aa");
    shut(&registry);
}

TEST(filters_once_mute_and_failures_hold_in_a_part)
{
    registry = open_hosted();
    uint32_t kind = kind_of("part.wanted");
    order[0] = add_with(registry, note, "f", (tally_handler_options){.kinds = &kind, .kind_count = 1}).handler;
    order[1] = add_with(registry, note, "o", (tally_handler_options){.flags = TALLY_HANDLER_ONCE}).handler;
    order[2] = add(registry, fail_saying, "x").handler;
    CHECK_NOTIFIED(run_part(3, 0, 3), 2, 1, 1, TALLY_NOTIFIED_RECLAIM);
    CHECK_TEXT(told(), "ox");
    tally_part part = {.size = sizeof part, .order = order, .order_count = 3, .count = 3};
    tally_notice notice = {.kind = kind};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify_part(registry, &notice, &part, NULL, &result, NULL), TALLY_OK);
    CHECK_NOTIFIED(result, 2, 1, 1, 0);
    CHECK_TEXT(told(), "fx");
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_NOTIFIED(run_part(3, 0, 3), 0, 0, 3, 0);
    shut(&registry);
}

TEST(a_part_leaves_the_ancestors_to_the_host)
{
    tally_registry *parent = open_plain();
    (void)add(parent, note, "p");
    registry = open_child(parent);
    order[0] = add(registry, note, "c").handler;
    CHECK_NOTIFIED(run_part(1, 0, 1), 1, 0, 0, 0);
    CHECK_TEXT(told(), "c");
    shut(&registry);
    shut(&parent);
}

TEST(parts_count_for_the_depth_and_stop)
{
    registry = open_with(
        &(tally_registry_options){.size = sizeof(tally_registry_options), .flags = TALLY_REGISTRY_ALLOW_STOP});
    order[0] = add(registry, note, "a").handler;
    order[1] = add(registry, stop_saying, "b").handler;
    order[2] = add(registry, note, "c").handler;
    CHECK_NOTIFIED(run_part(3, 0, 3), 2, 0, 1, TALLY_NOTIFIED_STOPPED);
    CHECK_TEXT(told(), "ab");
    CHECK_EQ(tally_registry_depth(), 0);
    shut(&registry);
}

TEST(bad_parts_are_refused)
{
    open_four();
    const struct {
        tally_part part;
        tally_status wanted;
    } bad[] = {
        {{.size = 8}, TALLY_E_STRUCT_SIZE},
        {{.size = sizeof(tally_part), .order_count = 1}, TALLY_E_NULL},
        {{.size = sizeof(tally_part), .order = order, .order_count = 4, .first = 4, .count = 1}, TALLY_E_RANGE},
        {{.size = sizeof(tally_part), .order = order, .order_count = 4, .first = 1, .count = SIZE_MAX}, TALLY_E_RANGE},
        {{.size = sizeof(tally_part), .order = order, .order_count = SIZE_MAX, .count = 1}, TALLY_E_RANGE},
        {{.size = sizeof(tally_part),
          .order = (const uint64_t *)(const void *)((const char *)order + 4),
          .order_count = 1,
          .count = 1},
         TALLY_E_ALIGNMENT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tally_notified result = {9, 9, 9, 9};
        CHECK_STATUS(tally_registry_notify_part(registry, &(tally_notice){0}, &bad[i].part, NULL, &result, NULL),
                     bad[i].wanted);
        CHECK_NOTIFIED(result, 0, 0, 0, 0);
    }
    CHECK_TEXT(told(), "");
    shut(&registry);
}

/* ------------------------------------------------------------------------------------------- watch */

TEST(a_watched_word_is_raised_by_every_change_of_the_list)
{
    registry = open_hosted();
    uint32_t word = 7;
    CHECK_STATUS(tally_registry_watch(registry, &word, NULL), TALLY_OK);
    uint32_t before;
#define CHECK_RAISED(change)          \
    do {                              \
        before = word;                \
        change;                       \
        CHECK(word - before - 1 < 3); \
    } while (0)
    tally_handler_id id;
    CHECK_RAISED(id = add(registry, note, "a"));
    CHECK_RAISED(CHECK(drop(registry, id)));
    CHECK_RAISED(id = add_with(registry, fail_saying, "x", (tally_handler_options){.max_failures = 1}));
    CHECK_RAISED((void)notify(registry)); /* detaches it */
    CHECK_RAISED((void)add(registry, note, "b"));
    CHECK_RAISED(CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK));
    CHECK_RAISED(CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK));
    CHECK_RAISED(CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK));
#undef CHECK_RAISED
    before = word;
    (void)notify(registry);
    CHECK(!drop(registry, id));
    CHECK_EQ(word, before);
    (void)told();
    shut(&registry);
}

TEST(an_unwatched_word_is_left_alone)
{
    registry = open_hosted();
    uint32_t one = 0;
    uint32_t two = 0;
    CHECK_STATUS(tally_registry_watch(registry, &one, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_watch(registry, &two, NULL), TALLY_OK);
    (void)add(registry, note, "a");
    CHECK(one == two && one > 0);
    CHECK_STATUS(tally_registry_unwatch(registry, &one, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_unwatch(registry, &one, NULL), TALLY_OK);
    uint32_t kept = one;
    (void)add(registry, note, "b");
    CHECK_EQ(one, kept);
    CHECK(two > kept);
    shut(&registry);
    CHECK_EQ(one, kept);
}

TEST(a_close_tells_the_watchers_and_lets_them_go)
{
    registry = open_hosted();
    uint32_t word = 0;
    (void)add(registry, note, "a");
    CHECK_STATUS(tally_registry_watch(registry, &word, NULL), TALLY_OK);
    tally_registry *stale = registry;
    shut(&registry);
    CHECK(word > 0);
    CHECK_STATUS(tally_registry_unwatch(stale, &word, NULL), TALLY_E_CLOSED);
}

TEST(watching_is_checked)
{
    registry = open_hosted();
    uint32_t words[2] = {0, 0};
    CHECK_STATUS(tally_registry_watch(registry, (uint32_t *)(void *)((char *)words + 2), NULL), TALLY_E_ALIGNMENT);
    shut(&registry);
    registry = open_plain(); /* without a host nobody watches */
    CHECK_STATUS(tally_registry_watch(registry, words, NULL), TALLY_E_ARGUMENT);
    CHECK_STATUS(tally_registry_unwatch(registry, words, NULL), TALLY_OK);
    (void)add(registry, note, "a");
    CHECK_EQ(words[0], 0);
    shut(&registry);
}
