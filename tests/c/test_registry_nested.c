/* registry.md 5: what handlers may do to their own registry while it runs them, and how deep. */
#include "handlers.h"

#include "handle/thread.h"

static tally_registry *registry;
static tally_handler_id ids[8];

static int32_t notify_again(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    if (tally_registry_depth() < 3) (void)notify(registry);
    return TALLY_HANDLER_DONE;
}

TEST(a_nested_notify_runs_to_its_end_before_the_outer_goes_on)
{
    registry = open_plain();
    (void)add(registry, notify_again, "(");
    (void)add(registry, note, ")");
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_TEXT(told(), "((()))");
    CHECK_EQ(tally_registry_depth(), 0);
    shut(&registry);
}

static int32_t register_and_notify(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    if (tally_registry_depth() > 1) return TALLY_HANDLER_DONE;
    (void)add(registry, note, "new ");
    CHECK_NOTIFIED(notify(registry), 3, 0, 0, 0);
    tell("| ");
    return TALLY_HANDLER_DONE;
}

TEST(a_nested_notify_sees_the_newest_list_and_the_outer_its_own)
{
    registry = open_plain();
    (void)add(registry, register_and_notify, "a ");
    (void)add(registry, note, "b ");
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_TEXT(told(), "a a b new | b ");
    shut(&registry);
}

static int32_t drop_self(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    CHECK(drop(registry, ids[0]));
    CHECK(!drop(registry, ids[0]));
    return TALLY_HANDLER_DONE;
}

TEST(a_handler_may_remove_itself)
{
    registry = open_plain();
    ids[0] = add(registry, drop_self, "self ");
    (void)add(registry, note, "next ");
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "self next next ");
    shut(&registry);
}

static int32_t drop_other(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell("x");
    (void)drop(registry, *(tally_handler_id *)user_data);
    return TALLY_HANDLER_DONE;
}

TEST(a_handler_that_is_removed_before_its_turn_is_skipped)
{
    registry = open_plain();
    (void)add(registry, drop_other, &ids[1]);
    (void)add(registry, note, "a");
    ids[1] = add(registry, note, "b");
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 3, 0, 1, 0);
    CHECK_TEXT(told(), "xac");
    CHECK_NOTIFIED(notify(registry), 3, 0, 0, 0);
    CHECK_TEXT(told(), "xac");
    shut(&registry);
}

TEST(removing_a_handler_that_ran_already_changes_nothing_for_this_notify)
{
    registry = open_plain();
    ids[1] = add(registry, note, "a");
    (void)add(registry, drop_other, &ids[1]);
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 3, 0, 0, 0);
    CHECK_TEXT(told(), "axc");
    CHECK_EQ(count_of(registry), 2);
    shut(&registry);
}

static int32_t nest_then_drop(void *user_data, const tally_notice *notice)
{
    if (tally_registry_depth() < 3) (void)notify(registry);
    else (void)drop_other(user_data, notice);
    return TALLY_HANDLER_DONE;
}

TEST(removal_in_a_nested_notify_reaches_all_outer_snapshots)
{
    registry = open_plain();
    (void)add(registry, nest_then_drop, &ids[1]);
    ids[1] = add(registry, note, "gone");
    (void)add(registry, note, ".");
    CHECK_NOTIFIED(notify(registry), 2, 0, 1, 0);
    CHECK_TEXT(told(), "x...");
    shut(&registry);
}

static int32_t clear_all(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    uint64_t removed = 0;
    CHECK_STATUS(tally_registry_clear(registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 3);
    CHECK_EQ(count_of(registry), 0);
    return TALLY_HANDLER_DONE;
}

TEST(clear_inside_a_handler_skips_the_rest)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    (void)add(registry, clear_all, "b");
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 2, 0, 1, 0);
    CHECK_TEXT(told(), "ab");
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    shut(&registry);
}

static int32_t close_own(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    tally_registry *copy = registry;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    CHECK(copy == NULL);
    CHECK_STATUS(tally_registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_unregister(registry, ids[0], NULL, NULL), TALLY_E_CLOSED);
    return TALLY_HANDLER_DONE;
}

TEST(close_inside_a_handler_skips_the_rest_and_ends_the_registry)
{
    registry = open_plain();
    (void)add(registry, close_own, "a");
    (void)add(registry, note, "b");
    CHECK_NOTIFIED(notify(registry), 1, 0, 1, 0);
    CHECK_TEXT(told(), "a");
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    shut(&registry);
}

static int32_t deepest;
static tally_status at_the_bottom;

static int32_t go_down(void *other, const tally_notice *notice)
{
    int32_t depth = (int32_t)tally_registry_depth();
    if (depth > deepest) deepest = depth;
    tally_status status = tally_registry_notify(*(tally_registry **)other, notice, NULL, NULL);
    if (status != TALLY_OK) at_the_bottom = status;
    return TALLY_HANDLER_DONE;
}

TEST(nesting_ends_at_the_limit_counted_over_all_registries)
{
    tally_registry *one = open_plain();
    tally_registry *two = open_plain();
    (void)add(one, go_down, &two);
    (void)add(two, go_down, &one);
    for (int again = 0; again < 2; again++) { /* the second time no hazard is used for the first time */
        deepest = 0;
        at_the_bottom = TALLY_OK;
        CHECK_NOTIFIED(notify(one), 1, 0, 0, 0);
        CHECK_EQ(deepest, TALLY_REGISTRY_DEPTH_MAX);
        CHECK_STATUS(at_the_bottom, TALLY_E_DEPTH);
        CHECK_EQ(tally_registry_depth(), 0);
    }
    shut(&one);
    shut(&two);
}

TEST(the_limit_holds_on_the_general_loop_too)
{
    tally_registry *one =
        open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .flags = TALLY_REGISTRY_COUNT});
    (void)add(one, go_down, &one);
    deepest = 0;
    at_the_bottom = TALLY_OK;
    (void)notify(one);
    CHECK_EQ(deepest, TALLY_REGISTRY_DEPTH_MAX);
    CHECK_STATUS(at_the_bottom, TALLY_E_DEPTH);
    shut(&one);
}

/* A chain of ancestors takes a hazard each: nested often enough there are none left, and pins stand in. */
static tally_registry *chain[TALLY_REGISTRY_ANCESTRY_MAX];
static _Atomic(uint64_t) visits;

static int32_t nest_the_chain(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    atomic_fetch_add(&visits, 1);
    if (tally_registry_depth() < 20) (void)notify(chain[15]);
    return TALLY_HANDLER_DONE;
}

static int32_t fail_at_the_bottom(void *user_data, const tally_notice *notice)
{
    (void)notice;
    if (tally_registry_depth() < 20) return TALLY_HANDLER_DONE;
    return tally_handler_fail(-20, "deep down", 9, user_data);
}

static char last_message[32];
static void *last_payload;

static int32_t keep(void *unused, const tally_failure *failure)
{
    (void)unused;
    (void)snprintf(last_message, sizeof last_message, "%s", failure->message);
    last_payload = failure->payload;
    return 0;
}

static void open_chain(void)
{
    chain[0] = open_plain();
    for (int i = 1; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) chain[i] = open_child(chain[i - 1]);
}

static void shut_chain(void)
{
    for (int i = 0; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) shut(&chain[i]);
}

TEST(notify_works_when_a_thread_has_used_up_its_hazards)
{
    CHECK(20 * TALLY_REGISTRY_ANCESTRY_MAX > TALLY_HAZARDS);
    open_chain();
    (void)add(chain[0], nest_the_chain, NULL);
    atomic_store(&visits, 0);
    CHECK_NOTIFIED(notify(chain[15]), 1, 0, 0, 0);
    CHECK_EQ(visits, 20);
    CHECK_EQ(tally_registry_depth(), 0);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(look_at(chain[0]).retired_bytes, 0);
    shut_chain();
}

TEST(a_failure_down_there_keeps_its_message)
{
    open_chain();
    int payload = 0;
    CHECK_STATUS(tally_registry_on_panic(chain[0], keep, NULL, NULL, NULL), TALLY_OK);
    (void)add(chain[0], nest_the_chain, NULL);
    (void)add(chain[0], fail_at_the_bottom, &payload);
    (void)tally_registry_notify(chain[15], &(tally_notice){0}, NULL, NULL);
    CHECK_TEXT(last_message, "deep down");
    CHECK(last_payload == &payload);
    shut_chain();
}

static _Atomic(uint64_t) ends;

static int32_t drop_down_there(void *user_data, const tally_notice *notice)
{
    if (tally_registry_depth() < 20) return nest_the_chain(user_data, notice);
    CHECK(drop(chain[0], ids[2]));
    CHECK_EQ(ends, 0);
    return TALLY_HANDLER_DONE;
}

TEST(what_is_removed_down_there_is_freed_when_all_have_left)
{
    open_chain();
    atomic_store(&ends, 0);
    (void)add_at(chain[0], 1, drop_down_there, NULL);
    ids[2] = add_with(chain[0], count_up, (void *)&ends, (tally_handler_options){.destructor = count_end});
    tally_notice notice = {0};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify(chain[15], &notice, &result, NULL), TALLY_OK);
    CHECK_NOTIFIED(result, 1, 0, 1, 0);
    CHECK_TEXT(told(), "");
    uint64_t pending = 9;
    CHECK_STATUS(tally_registry_reclaim(chain[0], &pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 0);
    CHECK_EQ(ends, 1);
    shut_chain();
}
