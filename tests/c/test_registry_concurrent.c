/* Many threads on one registry: nobody waits for anybody, nothing is lost. (The long runs are stress_*.c.) */
#include "handlers.h"

static tally_registry *registry;
static barrier gate;

static void run_together(uint32_t count, helper *threads, void (*run)(void *argument), void *arguments, size_t step)
{
    gate = (barrier)BARRIER_SHUT;
    for (uint32_t i = 0; i < count; i++) start(&threads[i], run, (char *)arguments + i * step);
    await_entered(&gate, count);
    release_all(&gate);
    for (uint32_t i = 0; i < count; i++) join(&threads[i]);
}

#define EACH 500
static tally_handler_id many[8][EACH];

static void register_many(void *mine)
{
    tally_handler_id *ids = mine;
    (void)hold_here(&gate, NULL);
    for (int i = 0; i < EACH; i++) ids[i] = add(registry, do_nothing, NULL);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = ((const tally_handler_id *)a)->handler;
    uint64_t right = ((const tally_handler_id *)b)->handler;
    return left < right ? -1 : left > right;
}

TEST(concurrent_registrations_all_arrive_with_ids_of_their_own)
{
    helper threads[8];
    registry = open_plain();
    run_together(8, threads, register_many, many, sizeof many[0]);
    CHECK_EQ(count_of(registry), 8 * EACH);
    CHECK_NOTIFIED(notify(registry), 8 * EACH, 0, 0, 0);
    tally_handler_id *all = &many[0][0];
    qsort(all, 8 * EACH, sizeof *all, compare_ids);
    for (int i = 1; i < 8 * EACH; i++) CHECK(all[i - 1].handler < all[i].handler);
    shut(&registry);
}

static void come_and_go(void *unused)
{
    (void)unused;
    (void)hold_here(&gate, NULL);
    for (int i = 0; i < (UNDER_TSAN ? 250 : 2500); i++) CHECK(drop(registry, add(registry, do_nothing, NULL)));
}

TEST(concurrent_registrations_and_removals_leave_nothing)
{
    helper threads[4];
    registry = open_plain();
    run_together(4, threads, come_and_go, &gate, 0);
    CHECK_EQ(count_of(registry), 0);
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    shut(&registry);
}

static _Atomic(uint64_t) fixed[4];

static void notify_and_churn(void *number)
{
    (void)hold_here(&gate, NULL);
    if (*(int *)number == 0) {
        for (int i = 0; i < 100; i++) CHECK(drop(registry, add_at(registry, i - 50, do_nothing, NULL)));
        return;
    }
    for (int i = 0; i < 2000; i++) CHECK(notify(registry).fired >= 4);
}

TEST(handlers_that_stay_are_called_by_every_notify_while_others_come_and_go)
{
    helper threads[3];
    int numbers[3] = {0, 1, 2};
    registry = open_plain();
    for (int i = 0; i < 4; i++) {
        atomic_store(&fixed[i], 0);
        (void)add(registry, count_up, (void *)&fixed[i]);
    }
    run_together(3, threads, notify_and_churn, numbers, sizeof numbers[0]);
    for (int i = 0; i < 4; i++) CHECK_EQ(fixed[i], 4000);
    CHECK_EQ(count_of(registry), 4);
    shut(&registry);
}

TEST(a_handler_that_blocks_holds_up_nobody_else)
{
    barrier inside = BARRIER_SHUT;
    helper threads[3];
    registry = open_plain();
    (void)add_with(registry, hold_here, &inside, (tally_handler_options){.max_failures = 1});
    for (int i = 0; i < 3; i++) start(&threads[i], notify_it, registry); /* many inside at once */
    await_entered(&inside, 3);
    CHECK_EQ(inside.inside, 3);
    for (int i = 0; i < 100; i++) CHECK(drop(registry, add(registry, do_nothing, NULL)));
    CHECK_EQ(count_of(registry), 1);
    tally_registry *other = open_plain();
    (void)add(other, note, "x");
    (void)notify(other);
    CHECK_TEXT(told(), "x");
    shut(&other);
    release_all(&inside);
    for (int i = 0; i < 3; i++) join(&threads[i]);
    shut(&registry);
}

TEST(clear_during_a_notify_ends_it_behind_the_handler_that_runs)
{
    barrier inside = BARRIER_SHUT;
    helper one;
    registry = open_plain();
    (void)add_at(registry, 1, note, "before ");
    (void)add(registry, hold_here, &inside);
    for (int i = 0; i < 6; i++) (void)add_at(registry, -1, note, "behind ");
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    uint64_t removed = 0;
    CHECK_STATUS(tally_registry_clear(registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 8);
    CHECK_EQ(count_of(registry), 0);
    release_all(&inside);
    join(&one);
    CHECK_TEXT(told(), "before ");
    shut(&registry);
}

TEST(a_guard_may_be_closed_while_its_handler_runs)
{
    barrier inside = BARRIER_SHUT;
    helper one;
    registry = open_plain();
    tally_guard guard = {registry, add(registry, hold_here, &inside)};
    start(&one, notify_it, registry);
    await_entered(&inside, 1);
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    CHECK_EQ(inside.inside, 1);
    CHECK_EQ(count_of(registry), 0);
    release_all(&inside);
    join(&one);
    shut(&registry);
}

static _Atomic(uint64_t) last_seen[2];

static int32_t check_order(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    const uint64_t *event = notice->data; /* {thread, number} */
    CHECK_EQ(event[1], atomic_load(&last_seen[event[0]]) + 1);
    atomic_store(&last_seen[event[0]], event[1]);
    return TALLY_HANDLER_DONE;
}

static void notify_in_order(void *number)
{
    uint64_t event[2] = {*(uint64_t *)number, 0};
    tally_notice notice = {.data = event, .length = sizeof event};
    (void)hold_here(&gate, NULL);
    for (event[1] = 1; event[1] <= 5000; event[1]++) {
        CHECK_STATUS(tally_registry_notify(registry, &notice, NULL, NULL), TALLY_OK);
    }
}

TEST(events_of_one_thread_come_in_its_order)
{
    helper threads[2];
    uint64_t numbers[2] = {0, 1};
    registry = open_plain();
    (void)add(registry, check_order, NULL);
    run_together(2, threads, notify_in_order, numbers, sizeof numbers[0]);
    CHECK_EQ(last_seen[0], 5000);
    CHECK_EQ(last_seen[1], 5000);
    shut(&registry);
}

/* Threads that end give everything back, however many there were. */
TEST(hundreds_of_short_lived_threads_leave_no_trace)
{
    registry = open_plain();
    atomic_store(&fixed[0], 0);
    (void)add(registry, count_up, (void *)&fixed[0]);
    for (int round = 0; round < 30; round++) {
        helper threads[10];
        for (int i = 0; i < 10; i++) start(&threads[i], notify_it, registry);
        for (int i = 0; i < 10; i++) join(&threads[i]);
    }
    CHECK_EQ(fixed[0], 300);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    CHECK_EQ(look_at(registry).retired_bytes, 0);
    shut(&registry);
}
