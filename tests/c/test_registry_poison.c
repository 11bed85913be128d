/* A broken invariant: the call says TALLY_E_PANIC, so does every later one, close works, the process lives.
 * What a broken registry held is leaked on purpose, and only that. */
#include "handlers.h"

#include "registry/body.h"
#include "scribble.h"

static tally_registry *registry;

static tally_body *body_of(tally_registry *handle) { return ((tally_slot *)(void *)handle)->body; }

/* From now on the handler cannot be found in the snapshot. */
static void break_it(tally_registry *handle)
{
    tally_body *body = body_of(handle);
    body->current->records[0] = body->current->records[1];
}

static tally_handler_id victim;

static void open_broken(void)
{
    registry = open_plain();
    victim = add_at(registry, 5, note, "a");
    (void)add(registry, note, "b");
    break_it(registry);
}

/* The handle stays usable for saying what is wrong with it. */
static void check_poisoned(tally_registry *handle)
{
    tally_error error;
    uint64_t count = 1;
    tally_handler_id id = {1, 1};
    tally_notice notice = {0};
    tally_registry *child = NULL;
    CHECK_STATUS(tally_registry_count(handle, &count, &error), TALLY_E_PANIC);
    CHECK_SAYS(error, "report");
    CHECK_EQ(count, 0);
    CHECK_STATUS(tally_registry_notify(handle, &notice, NULL, &error), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_register(handle, note, "c", NULL, &id, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_unregister(handle, victim, NULL, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_unregister_wait(handle, victim, 0, NULL, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_clear(handle, NULL, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_mute(handle, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_child(handle, NULL, &child, NULL), TALLY_E_PANIC);
    CHECK_STATUS(tally_registry_is_empty(handle, &(int32_t){0}, NULL), TALLY_E_PANIC);
    CHECK_EQ(tally_registry_number(handle), 0);
    CHECK_TEXT(told(), "");
}

TEST(a_broken_invariant_is_told_and_every_later_call_says_so)
{
    open_broken();
    tally_error error;
    int32_t removed = 1;
    CHECK_STATUS(tally_registry_unregister(registry, victim, &removed, &error), TALLY_E_PANIC);
    CHECK_EQ(removed, 0);
    CHECK_SAYS(error, "a registered handler is in the current snapshot");
    check_poisoned(registry);
    shut(&registry);
    CHECK(registry == NULL);
}

TEST(a_poisoned_handle_can_be_closed_and_is_closed_then)
{
    open_broken();
    tally_registry *stale = registry;
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    size_t open = tally_handle_count();
    shut(&registry);
    CHECK_EQ(tally_handle_count(), open - 1);
    CHECK_STATUS(tally_registry_count(stale, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_close(&stale), TALLY_OK);
    CHECK_EQ(tally_handle_count(), open - 1);
}

TEST(a_list_that_lost_its_last_handler_is_noticed)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    victim = add(registry, note, "b");
    body_of(registry)->current->count--;
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    check_poisoned(registry);
    shut(&registry);
}

TEST(other_registries_do_not_notice)
{
    open_broken();
    tally_registry *other = open_plain();
    (void)add(other, note, "x");
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    CHECK_NOTIFIED(notify(other), 1, 0, 0, 0);
    CHECK_TEXT(told(), "x");
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    shut(&other);
    shut(&registry);
}

static int32_t poison_then_go(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    break_it(registry);
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    return TALLY_HANDLER_GONE; /* asks the registry to take it off the list */
}

TEST(a_notify_that_is_under_way_does_not_bring_a_poisoned_registry_back)
{
    registry = open_plain();
    victim = add_at(registry, 5, note, "a");
    (void)add(registry, poison_then_go, "b");
    (void)add(registry, note, "c");
    CHECK_EQ(notify(registry).skipped, 1);
    (void)told();
    check_poisoned(registry);
    shut(&registry);
}

TEST(the_notifies_of_a_child_end_at_a_poisoned_parent)
{
    open_broken();
    tally_registry *child = open_child(registry);
    (void)add(child, note, "k");
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    CHECK_NOTIFIED(notify(child), 1, 0, 0, TALLY_NOTIFIED_ORPHAN);
    CHECK_TEXT(told(), "k");
    shut(&child);
    shut(&registry);
}

TEST(a_thread_inside_a_poisoned_parent_outlives_its_close_and_that_of_the_child)
{
    tally_platform *platform = scribble_open();
    tally_registry_options options = {.size = sizeof options, .platform = platform};
    barrier inside = BARRIER_SHUT;
    registry = open_with(&options);
    victim = add_at(registry, 5, hold_here, &inside);
    (void)add(registry, fail_saying, "b");
    tally_registry *child = open_child(registry);
    helper one;
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    break_it(registry);
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    shut(&registry);
    shut(&child); /* the last one that kept the parent */
    release_all(&inside);
    join(&one); /* goes on in the parent's snapshot */
    CHECK_TEXT(told(), "b");
    CHECK(scribble_leave(&platform));
}

TEST(a_poisoned_slot_serves_no_new_object)
{
    open_broken();
    tally_registry *stale = registry;
    CHECK_STATUS(tally_registry_unregister(registry, victim, NULL, NULL), TALLY_E_PANIC);
    shut(&registry);
    for (int i = 0; i < 5000; i++) {
        tally_registry *other = open_plain();
        CHECK(other != stale);
        shut(&other);
    }
}
