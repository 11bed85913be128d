/* registry.md 12: filters by kinds, exact ones and patterns. */
#include "handlers.h"

static tally_registry *registry;

static tally_handler_id add_for(const char *what, const uint32_t *kinds, size_t count)
{
    return add_with(registry, note, (void *)what, (tally_handler_options){.kinds = kinds, .kind_count = count});
}

static const char *told_for(const char *name)
{
    tally_notified result = notify_kind(registry, name == NULL ? TALLY_KIND_NONE : kind_of(name));
    CHECK_EQ(result.fired + result.skipped, count_of(registry));
    const char *what = told();
    CHECK_EQ(strlen(what), result.fired);
    return what;
}

TEST(a_filtered_handler_runs_for_its_kinds_only)
{
    registry = open_plain();
    uint32_t kinds[] = {kind_of("order.paid"), kind_of("order.sent")};
    (void)add_for("a", kinds, 2);
    (void)add_for("b", kinds, 1);
    (void)add_for("c", NULL, 0);
    CHECK_TEXT(told_for("order.paid"), "abc");
    CHECK_TEXT(told_for("order.sent"), "ac");
    CHECK_TEXT(told_for("order"), "c");
    CHECK_TEXT(told_for(NULL), "c");
    shut(&registry);
}

TEST(the_order_of_all_handlers_is_kept)
{
    registry = open_plain();
    uint32_t exact = kind_of("order.paid");
    uint32_t pattern = kind_of("order.*");
    (void)add_for("a", NULL, 0);
    (void)add_for("b", &exact, 1);
    (void)add_for("c", &pattern, 1);
    (void)add_for("d", &exact, 1);
    (void)add_for("e", NULL, 0);
    (void)add_with(registry, note, "f", (tally_handler_options){.kinds = &exact, .kind_count = 1, .priority = 9});
    CHECK_TEXT(told_for("order.paid"), "fabcde");
    CHECK_TEXT(told_for("order.other"), "ace");
    shut(&registry);
}

TEST(a_pattern_stands_for_every_name_below_it_at_any_depth)
{
    registry = open_plain();
    uint32_t pattern = kind_of("order.*");
    (void)add_for("p", &pattern, 1);
    CHECK_TEXT(told_for("order.paid"), "p");
    CHECK_TEXT(told_for("order.paid.late"), "p");
    CHECK_TEXT(told_for("order"), "");
    CHECK_TEXT(told_for("order."), ""); /* nothing is behind the dot */
    CHECK_TEXT(told_for("orders.paid"), "");
    CHECK_TEXT(told_for("reorder.paid"), "");
    CHECK_TEXT(told_for(NULL), "");
    shut(&registry);
}

TEST(a_handler_with_kinds_and_patterns_runs_once)
{
    registry = open_plain();
    uint32_t kinds[] = {kind_of("order.*"), kind_of("order.paid"), kind_of("order.paid.*"), kind_of("order.paid"),
                        kind_of("order.*")};
    (void)add_for("x", kinds, 5);
    CHECK_TEXT(told_for("order.paid"), "x");
    CHECK_TEXT(told_for("order.paid.late"), "x");
    CHECK_TEXT(told_for("invoice.paid"), "");
    shut(&registry);
}

TEST(kinds_are_copied)
{
    registry = open_plain();
    uint32_t kinds[] = {kind_of("order.paid")};
    (void)add_for("x", kinds, 1);
    kinds[0] = kind_of("order.sent");
    CHECK_TEXT(told_for("order.sent"), "");
    CHECK_TEXT(told_for("order.paid"), "x");
    shut(&registry);
}

TEST(the_last_filtered_handler_gone_leaves_a_plain_list)
{
    registry = open_plain();
    uint32_t kind = kind_of("order.paid");
    (void)add_for("a", NULL, 0);
    tally_handler_id filtered = add_for("b", &kind, 1);
    CHECK_TEXT(told_for(NULL), "a");
    CHECK(drop(registry, filtered));
    CHECK_TEXT(told_for("order.paid"), "a");
    (void)add_for("c", &kind, 1);
    CHECK_TEXT(told_for("order.paid"), "ac");
    shut(&registry);
}

TEST(a_registry_with_filtered_handlers_only_may_run_none)
{
    registry = open_plain();
    uint32_t kind = kind_of("order.paid");
    (void)add_for("a", &kind, 1);
    CHECK_NOTIFIED(notify(registry), 0, 0, 1, 0);
    shut(&registry);
}

TEST(hundreds_of_kinds_and_handlers_find_each_other)
{
    registry = open_plain();
    static uint32_t kinds[300];
    static char names[300][24];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(names[i], sizeof names[i], "many.k%d", i);
        kinds[i] = kind_of(names[i]);
    }
    _Atomic(uint64_t) calls[100] = {0};
    for (int i = 0; i < 100; i++) { /* handler i wants the kinds i, i + 1, i + 2, and 200 */
        uint32_t wanted[] = {kinds[i], kinds[i + 1], kinds[i + 2], kinds[200]};
        (void)add_with(registry, count_up, (void *)&calls[i],
                       (tally_handler_options){.kinds = wanted, .kind_count = 4});
    }
    for (int i = 0; i < 300; i++) {
        uint32_t wanted = i == 0 || i == 101 ? 1 : i == 1 || i == 100 ? 2 : i < 100 ? 3 : i == 200 ? 100 : 0;
        CHECK_EQ(notify_kind(registry, kinds[i]).fired, wanted);
    }
    for (int i = 0; i < 100; i++) CHECK_EQ(calls[i], 4);
    shut(&registry);
}

TEST(filters_reach_into_removal_and_failure)
{
    registry = open_plain();
    uint32_t kind = kind_of("order.paid");
    tally_handler_id a = add_for("a", &kind, 1);
    (void)add_with(registry, fail_saying, "b",
                   (tally_handler_options){.kinds = &kind, .kind_count = 1, .max_failures = 1});
    (void)add_for("c", &kind, 1);
    CHECK_NOTIFIED(notify_kind(registry, kind), 3, 1, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK_TEXT(told(), "abc");
    CHECK(drop(registry, a));
    CHECK_TEXT(told_for("order.paid"), "c");
    shut(&registry);
}

TEST(bad_kinds_are_refused)
{
    registry = open_plain();
    uint32_t never = 0x7ffffff0u;
    static uint32_t many[65537];
    for (size_t i = 0; i < 65537; i++) many[i] = kind_of("order.paid");
    const struct {
        const uint32_t *kinds;
        size_t count;
        tally_status wanted;
    } bad[] = {
        {NULL, 1, TALLY_E_NULL},
        {many, 0, TALLY_E_LENGTH}, /* would be "for all" by accident */
        {many, 65537, TALLY_E_LENGTH},
        {many, SIZE_MAX, TALLY_E_LENGTH},
        {&never, 1, TALLY_E_NOT_FOUND},
        {(uint32_t[]){many[0], TALLY_KIND_NONE}, 2, TALLY_E_NOT_FOUND},
        {(uint32_t[]){many[0] | TALLY_KIND_PATTERN}, 1, TALLY_E_NOT_FOUND},
        {(uint32_t[]){kind_of("order.*") & ~TALLY_KIND_PATTERN}, 1, TALLY_E_NOT_FOUND},
        {(const void *)((const char *)many + 2), 1, TALLY_E_ALIGNMENT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tally_handler_options options = {.size = sizeof options, .kinds = bad[i].kinds, .kind_count = bad[i].count};
        tally_handler_id id = {1, 1};
        CHECK_STATUS(tally_registry_register(registry, note, "", &options, &id, NULL), bad[i].wanted);
        CHECK_EQ(id.handler, 0);
    }
    (void)add_for("x", many, 65536);
    CHECK_TEXT(told_for("order.paid"), "x");
    shut(&registry);
}
