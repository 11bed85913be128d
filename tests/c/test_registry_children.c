/* registry.md 16: children. A notify of a child goes on to its parent, and so on upwards. */
#include "handlers.h"

static tally_registry *parent;
static tally_registry *child;

static void open_two(void)
{
    parent = open_plain();
    child = open_child(parent);
}

static void shut_two(void)
{
    shut(&child);
    shut(&parent);
}

TEST(the_childs_handlers_run_first_then_the_parents)
{
    open_two();
    (void)add_at(parent, 100, note, "p");
    (void)add(child, note, "c");
    CHECK_NOTIFIED(notify(child), 2, 0, 0, 0);
    CHECK_TEXT(told(), "cp");
    CHECK_NOTIFIED(notify(parent), 1, 0, 0, 0);
    CHECK_TEXT(told(), "p");
    shut_two();
}

TEST(an_empty_child_or_parent_is_passed_through)
{
    open_two();
    CHECK_NOTIFIED(notify(child), 0, 0, 0, 0);
    (void)add(parent, note, "p");
    CHECK_NOTIFIED(notify(child), 1, 0, 0, 0);
    tally_registry *grandchild = open_child(child);
    CHECK_NOTIFIED(notify(grandchild), 1, 0, 0, 0);
    CHECK_TEXT(told(), "pp");
    int32_t empty = 0;
    CHECK_STATUS(tally_registry_is_empty(child, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 1); /* its own handlers only */
    CHECK_EQ(count_of(child), 0);
    shut(&grandchild);
    shut_two();
}

TEST(results_add_up)
{
    open_two();
    (void)add(child, note, "a");
    (void)add(child, fail_saying, "b");
    (void)add(parent, fail_saying, "c");
    uint32_t kind = kind_of("children.never");
    (void)add_with(parent, note, "d", (tally_handler_options){.kinds = &kind, .kind_count = 1});
    CHECK_NOTIFIED(notify(child), 3, 2, 1, 0);
    CHECK_TEXT(told(), "abc");
    shut_two();
}

static int32_t register_in_parent(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    (void)add(parent, note, "late");
    return TALLY_HANDLER_DONE;
}

TEST(the_parents_list_is_the_one_of_the_beginning)
{
    open_two();
    (void)add(child, register_in_parent, "c");
    (void)add(parent, note, "p");
    CHECK_NOTIFIED(notify(child), 2, 0, 0, 0);
    CHECK_TEXT(told(), "cp");
    shut_two();
}

static tally_handler_id of_parent;

static int32_t remove_from_parent(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    CHECK(drop(parent, of_parent));
    return TALLY_HANDLER_DONE;
}

TEST(a_parents_handler_removed_meanwhile_is_skipped)
{
    open_two();
    (void)add(child, remove_from_parent, "c");
    of_parent = add(parent, note, "p");
    CHECK_NOTIFIED(notify(child), 1, 0, 1, 0);
    CHECK_TEXT(told(), "c");
    shut_two();
}

TEST(a_stop_in_the_child_stops_the_parents)
{
    parent = open_plain();
    tally_registry_options options = {.size = sizeof options, .flags = TALLY_REGISTRY_ALLOW_STOP};
    CHECK_STATUS(tally_registry_child(parent, &options, &child, NULL), TALLY_OK);
    (void)add(child, stop_saying, "c");
    (void)add(child, note, "d");
    (void)add(parent, note, "p");
    CHECK_NOTIFIED(notify(child), 1, 0, 2, TALLY_NOTIFIED_STOPPED);
    CHECK_TEXT(told(), "c");
    shut_two();
}

static int32_t count_panics(void *user_data, const tally_failure *failure)
{
    (void)failure;
    tell(user_data);
    return 0;
}

TEST(each_applies_its_own_policy_and_on_panic_to_its_own_handlers)
{
    parent = open_plain();
    tally_registry_options options = {.size = sizeof options, .policy = TALLY_POLICY_RAISE};
    CHECK_STATUS(tally_registry_child(parent, &options, &child, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_on_panic(parent, count_panics, "!", NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_on_panic(child, count_panics, "?", NULL, NULL), TALLY_OK);
    (void)add(child, fail_saying, "c");
    (void)add(parent, fail_saying, "p");
    tally_notified result;
    tally_error error;
    CHECK_STATUS(tally_registry_notify(child, &(tally_notice){0}, &result, &error), TALLY_E_HANDLER);
    CHECK_NOTIFIED(result, 2, 2, 0, 0);
    CHECK_TEXT(told(), "cp!");
    CHECK_EQ(error.os_error, -7);
    shut_two();
}

TEST(muting_the_child_leaves_the_parent_running_and_the_other_way_round)
{
    open_two();
    (void)add(child, note, "c");
    (void)add(parent, note, "p");
    CHECK_STATUS(tally_registry_mute(child, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(child), 1, 0, 1, 0);
    CHECK_STATUS(tally_registry_mute(parent, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(child), 0, 0, 2, 0);
    CHECK_STATUS(tally_registry_unmute(child, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(child), 1, 0, 1, 0);
    CHECK_TEXT(told(), "pc");
    shut_two();
}

TEST(a_closed_parent_ends_the_notify_at_the_child)
{
    open_two();
    (void)add(child, note, "c");
    (void)add(parent, note, "p");
    shut(&parent);
    CHECK_NOTIFIED(notify(child), 1, 0, 0, TALLY_NOTIFIED_ORPHAN);
    CHECK_TEXT(told(), "c");
    shut(&child);
}

TEST(closing_a_child_detaches_it_and_nothing_else)
{
    open_two();
    tally_registry *sibling = open_child(parent);
    (void)add(parent, note, "p");
    (void)add(child, note, "c");
    (void)add(sibling, note, "s");
    shut(&child);
    (void)notify(parent);
    (void)notify(sibling);
    CHECK_TEXT(told(), "psp");
    shut(&sibling);
    shut(&parent);
}

TEST(a_child_keeps_its_closed_ancestors_memory_until_it_goes)
{
    open_two();
    tally_registry *grandchild = open_child(child);
    tally_registry *stale = parent;
    (void)add(grandchild, note, "g");
    shut(&parent);
    shut(&child);
    CHECK_NOTIFIED(notify(grandchild), 1, 0, 0, TALLY_NOTIFIED_ORPHAN);
    CHECK_TEXT(told(), "g");
    CHECK_STATUS(tally_registry_count(stale, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_close(&stale), TALLY_OK);
    shut(&grandchild);
}

TEST(ids_of_the_parent_are_foreign_to_the_child)
{
    open_two();
    tally_handler_id id = add(parent, note, "p");
    CHECK_STATUS(tally_registry_unregister(child, id, NULL, NULL), TALLY_E_FOREIGN);
    CHECK(tally_registry_number(child) != tally_registry_number(parent));
    shut_two();
}

TEST(the_chain_has_a_longest_length)
{
    tally_registry *chain[TALLY_REGISTRY_ANCESTRY_MAX + 1] = {open_plain()};
    static char names[TALLY_REGISTRY_ANCESTRY_MAX][2];
    for (int i = 0; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) {
        if (i > 0) chain[i] = open_child(chain[i - 1]);
        names[i][0] = (char)('a' + i);
        (void)add(chain[i], note, names[i]);
    }
    tally_registry **last = &chain[TALLY_REGISTRY_ANCESTRY_MAX];
    tally_error error;
    CHECK_STATUS(tally_registry_child(chain[TALLY_REGISTRY_ANCESTRY_MAX - 1], NULL, last, &error), TALLY_E_LIMIT);
    CHECK(*last == NULL);
    CHECK_NOTIFIED(notify(chain[TALLY_REGISTRY_ANCESTRY_MAX - 1]), 16, 0, 0, 0);
    CHECK_TEXT(told(), "ponmlkjihgfedcba");
    shut(&chain[3]); /* the chain ends there now */
    CHECK_NOTIFIED(notify(chain[15]), 12, 0, 0, TALLY_NOTIFIED_ORPHAN);
    CHECK_TEXT(told(), "ponmlkjihgfe");
    for (int i = 0; i < TALLY_REGISTRY_ANCESTRY_MAX; i++) shut(&chain[i]);
}

TEST(a_once_handler_of_the_parent_runs_for_one_child)
{
    open_two();
    tally_registry *sibling = open_child(parent);
    (void)add_with(parent, note, "once", (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    CHECK_NOTIFIED(notify(child), 1, 0, 0, TALLY_NOTIFIED_RECLAIM);
    CHECK_NOTIFIED(notify(sibling), 0, 0, 0, 0);
    CHECK_TEXT(told(), "once");
    shut(&sibling);
    shut_two();
}

TEST(a_used_up_once_handler_of_the_parent_does_not_count_even_if_it_leaves_the_list_meanwhile)
{
    open_two();
    (void)add_with(parent, note, "once", (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    (void)add(parent, note, "p");
    (void)notify(parent);
    (void)told();
    (void)add(child, register_in_parent, "c"); /* takes it off the parent's list */
    CHECK_NOTIFIED(notify(child), 2, 0, 0, 0);
    CHECK_TEXT(told(), "cp");
    shut_two();
}

/* ---------------------------------------------------------------------------------------- closing */

static int32_t close_parent(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    tally_registry *copy = parent;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    return TALLY_HANDLER_DONE;
}

TEST(a_childs_handler_may_close_the_parent)
{
    open_two();
    _Atomic(uint64_t) ends = 0;
    (void)add(child, close_parent, "c");
    (void)add_with(parent, count_up, &ends, (tally_handler_options){.destructor = count_end});
    CHECK_NOTIFIED(notify(child), 1, 0, 1, 0);
    CHECK_TEXT(told(), "c");
    CHECK_EQ(ends, 0);
    CHECK_NOTIFIED(notify(child), 1, 0, 0, TALLY_NOTIFIED_ORPHAN);
    (void)told();
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
    shut_two();
}

static int32_t close_child(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    tally_registry *copy = child;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
    return TALLY_HANDLER_DONE;
}

TEST(a_parents_handler_may_close_the_child_that_notified)
{
    open_two();
    (void)add(parent, close_child, "p");
    (void)add(parent, note, "q");
    CHECK_NOTIFIED(notify(child), 2, 0, 0, 0);
    CHECK_TEXT(told(), "pq");
    CHECK_STATUS(tally_registry_notify(child, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    shut_two();
}

static barrier inside = BARRIER_SHUT;

static void close_the_parent(void *unused)
{
    (void)unused;
    tally_registry *copy = parent;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
}

TEST(closing_the_parent_waits_for_a_notify_of_the_child_that_is_inside_it)
{
    open_two();
    inside = (barrier)BARRIER_SHUT;
    (void)add(parent, hold_here, &inside);
    helper runner;
    helper closer;
    start(&runner, notify_it, child);
    await_entered(&inside, 1);
    start(&closer, close_the_parent, NULL);
    CHECK(is_held(&closer));
    release_all(&inside);
    join(&closer);
    join(&runner);
    shut_two();
}
