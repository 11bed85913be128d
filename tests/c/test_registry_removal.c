/* registry.md 2, 3, 4 and 7: ids, removal, what a running notify does with it, guards. */
#include "handlers.h"

TEST(ids_name_their_registry_and_are_all_different)
{
    tally_registry *registry = open_plain();
    tally_handler_id last = {0, 0};
    for (int i = 0; i < 100; i++) {
        tally_handler_id id = add(registry, note, "x");
        CHECK_EQ(id.registry, tally_registry_number(registry));
        CHECK(id.handler > last.handler);
        last = id;
    }
    shut(&registry);
}

TEST(numbers_of_registries_and_handlers_never_repeat)
{
    uint64_t numbers = 0;
    uint64_t handlers = 0;
    for (int i = 0; i < 5000; i++) { /* more than the slab's first chunk: slots are used again */
        tally_registry *registry = open_plain();
        tally_handler_id id = add(registry, note, "x");
        CHECK(id.registry > numbers);
        CHECK(id.handler > handlers);
        numbers = id.registry;
        handlers = id.handler;
        shut(&registry);
    }
}

TEST(unregister_says_true_once)
{
    tally_registry *registry = open_plain();
    tally_handler_id id = add(registry, note, "a");
    CHECK(has(registry, id));
    CHECK(drop(registry, id));
    CHECK(!has(registry, id));
    CHECK(!drop(registry, id));
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    CHECK_TEXT(told(), "");
    CHECK_STATUS(tally_registry_unregister(registry, id, NULL, NULL), TALLY_OK); /* nobody asks */
    shut(&registry);
}

TEST(unknown_ids_are_false_and_not_an_error)
{
    tally_registry *registry = open_plain();
    uint64_t number = tally_registry_number(registry);
    const uint64_t unknown[] = {0, 1, UINT64_MAX, UINT64_MAX - 1};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 4; i++) {
            CHECK(!drop(registry, (tally_handler_id){number, unknown[i]}));
            CHECK(!has(registry, (tally_handler_id){number, unknown[i]}));
        }
        (void)add(registry, note, "a");
    }
    CHECK_EQ(count_of(registry), 2);
    shut(&registry);
}

TEST(an_old_id_is_not_mistaken_for_a_newer_handler)
{
    tally_registry *registry = open_plain();
    tally_handler_id old = add(registry, note, "old");
    CHECK(drop(registry, old));
    for (int i = 0; i < 50; i++) (void)add(registry, note, "x"); /* takes its record again */
    CHECK(!has(registry, old));
    CHECK(!drop(registry, old));
    CHECK_EQ(count_of(registry), 50);
    shut(&registry);
}

TEST(ids_are_not_used_again_after_clear)
{
    tally_registry *registry = open_plain();
    tally_handler_id before = add(registry, note, "a");
    for (int i = 0; i < 19; i++) (void)add(registry, note, "x");
    uint64_t removed = 0;
    CHECK_STATUS(tally_registry_clear(registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 20);
    CHECK_EQ(count_of(registry), 0);
    CHECK_STATUS(tally_registry_clear(registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 0);
    CHECK(add(registry, note, "b").handler > before.handler);
    CHECK(!drop(registry, before));
    shut(&registry);
}

TEST(a_miss_copies_nothing)
{
    tally_registry *registry = open_plain();
    for (int i = 0; i < 1000; i++) (void)add(registry, do_nothing, NULL);
    uint64_t before = look_at(registry).memory_bytes;
    uint64_t number = tally_registry_number(registry);
    for (uint64_t i = 0; i < 1000; i++) CHECK(!drop(registry, (tally_handler_id){number, i}));
    CHECK_EQ(look_at(registry).memory_bytes, before);
    shut(&registry);
}

TEST(siblings_survive_a_removal)
{
    tally_registry *registry = open_plain();
    (void)add(registry, note, "a");
    tally_handler_id middle = add(registry, note, "b");
    (void)add(registry, note, "c");
    CHECK(drop(registry, middle));
    (void)notify(registry);
    CHECK_TEXT(told(), "ac");
    shut(&registry);
}

TEST(a_function_is_found_when_it_is_registered_once)
{
    tally_registry *registry = open_plain();
    tally_handler_id found = {1, 1};
    CHECK_STATUS(tally_registry_find(registry, note, "a", &found, NULL), TALLY_E_NOT_FOUND);
    CHECK(found.registry == 0 && found.handler == 0);
    static char a[] = "a";
    static char b[] = "b";
    tally_handler_id first = add(registry, note, a);
    (void)add(registry, note, b);
    CHECK_STATUS(tally_registry_find(registry, note, a, &found, NULL), TALLY_OK);
    CHECK(found.registry == first.registry && found.handler == first.handler);
    CHECK_STATUS(tally_registry_find(registry, do_nothing, a, &found, NULL), TALLY_E_NOT_FOUND);
    (void)add(registry, note, a);
    CHECK_STATUS(tally_registry_find(registry, note, a, &found, NULL), TALLY_E_EXISTS);
    CHECK(found.registry == 0 && found.handler == 0);
    CHECK(drop(registry, first));
    CHECK_STATUS(tally_registry_find(registry, note, a, &found, NULL), TALLY_OK);
    CHECK(found.handler != first.handler);
    shut(&registry);
}

/* --------------------------------------------------------------------------- meanwhile, on threads */

static tally_registry *registry;
static barrier inside = BARRIER_SHUT;

TEST(a_handler_removed_by_another_thread_is_skipped_if_it_has_not_started)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    (void)add_at(registry, 1, hold_here, &inside);
    tally_handler_id next = add(registry, note, "next");
    helper one;
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(drop(registry, next));
    release_all(&inside);
    join(&one);
    CHECK_TEXT(told(), "");
    shut(&registry);
}

TEST(a_handler_that_runs_while_it_is_removed_goes_on)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    tally_handler_id id = add(registry, hold_here, &inside);
    helper one;
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    CHECK(drop(registry, id)); /* returns at once */
    CHECK_EQ(inside.inside, 1);
    release_all(&inside);
    join(&one);
    shut(&registry);
}

TEST(handlers_of_an_old_snapshot_are_skipped_however_many_lists_came_since)
{
    registry = open_plain();
    inside = (barrier)BARRIER_SHUT;
    (void)add_at(registry, 1, hold_here, &inside);
    tally_handler_id old[3];
    for (int i = 0; i < 3; i++) old[i] = add(registry, note, "old");
    helper one;
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    for (int i = 0; i < 50; i++) CHECK(drop(registry, add(registry, note, "x")));
    CHECK(drop(registry, old[0]));
    tally_edit edit = {.operation = TALLY_EDIT_UNREGISTER, .id = old[1]};
    CHECK_STATUS(tally_registry_edit(registry, &edit, 1, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
    release_all(&inside);
    join(&one);
    CHECK_TEXT(told(), "");
    shut(&registry);
}

#define RACERS 8
static tally_handler_id wanted;
static _Atomic(uint32_t) winners;
static barrier gate = BARRIER_SHUT;

static void race_to_remove(void *unused)
{
    (void)unused;
    (void)hold_here(&gate, NULL);
    if (drop(registry, wanted)) atomic_fetch_add(&winners, 1);
}

TEST(exactly_one_of_racing_removals_is_true)
{
    registry = open_plain();
    for (int round = 0; round < (UNDER_TSAN ? 10 : 50); round++) {
        wanted = add(registry, note, "x");
        atomic_store(&winners, 0);
        gate = (barrier)BARRIER_SHUT;
        helper racers[RACERS];
        for (int i = 0; i < RACERS; i++) start(&racers[i], race_to_remove, NULL);
        await_entered(&gate, RACERS);
        release_all(&gate);
        for (int i = 0; i < RACERS; i++) join(&racers[i]);
        CHECK_EQ(winners, 1);
    }
    shut(&registry);
}

/* ---------------------------------------------------------------------------------------- guards */

TEST(closing_a_guard_unregisters_and_never_fires)
{
    tally_registry *mine = open_plain();
    tally_guard guard = {mine, add_at(mine, 5, note, "a")};
    (void)add(mine, note, "b");
    (void)notify(mine);
    CHECK_TEXT(told(), "ab");
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    CHECK(guard.registry == NULL && guard.id.handler == 0);
    CHECK_TEXT(told(), "");
    (void)notify(mine);
    CHECK_TEXT(told(), "b");
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    shut(&mine);
}

TEST(guards_can_be_closed_in_any_order)
{
    tally_registry *mine = open_plain();
    tally_guard guards[3];
    for (int i = 0; i < 3; i++) guards[i] = (tally_guard){mine, add(mine, note, "x")};
    static const int closing[] = {1, 2, 0};
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_STATUS(tally_guard_close(&guards[closing[i]]), TALLY_OK);
        CHECK_EQ(count_of(mine), 2 - i);
    }
    shut(&mine);
}

TEST(a_forgotten_guard_keeps_the_handler)
{
    tally_registry *mine = open_plain();
    tally_guard guard = {mine, add(mine, note, "a")};
    tally_handler_id id = guard.id;
    memset(&guard, 0, sizeof guard);
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    CHECK(has(mine, id));
    CHECK(drop(mine, id));
    shut(&mine);
}

TEST(a_guard_that_outlives_its_registry_is_harmless)
{
    tally_registry *mine = open_plain();
    tally_guard guard = {mine, add(mine, note, "a")};
    shut(&mine);
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    CHECK_STATUS(tally_guard_close(&(tally_guard){(tally_registry *)&guard, {1, 2}}), TALLY_OK);
}
