/* Records of threads: 128 without allocation, more by allocation, none at all when memory is short. A thread
 * without a record ("orphan") notifies, is waited for, and closes like any other. */
#include "handlers.h"

#include "handle/thread.h"
#include "platform/default.h"
#include "wrap/wrap.h"

static tally_platform *platform;
static tally_registry *registry;
static barrier hall = BARRIER_SHUT;
static helper crowd[2 * TALLY_THREADS_STATIC];
static uint32_t crowd_size;
static _Atomic(uint32_t) without_record;

static void no_memory(bool from_now_on)
{
    wrap_fault fault = {.calls = WRAP_MEMORY, .kind = WRAP_FAIL, .for_ever = true};
    wrap_fault_set(platform, from_now_on ? &fault : NULL);
}

static void attach_and_stay(void *unused)
{
    (void)unused;
    if (tally_thread_attach() == NULL) atomic_fetch_add(&without_record, 1);
    (void)hold_here(&hall, NULL);
}

static void one_more(void)
{
    REQUIRE(crowd_size < sizeof crowd / sizeof crowd[0]);
    start(&crowd[crowd_size++], attach_and_stay, NULL);
    await_entered(&hall, crowd_size);
}

/* All static records are taken. */
static void crowd_in(void)
{
    hall = (barrier)BARRIER_SHUT;
    crowd_size = 0;
    atomic_store(&without_record, 0);
    REQUIRE(tally_thread_attach() != NULL);
    while (crowd_size < TALLY_THREADS_STATIC - 1) one_more();
}

/* Those too that were allocated once. */
static void crowd_everywhere(void)
{
    crowd_in();
    no_memory(true);
    while (atomic_load(&without_record) == 0 && !test_has_failed()) one_more();
    no_memory(false);
}

static void crowd_out(void)
{
    release_all(&hall);
    for (uint32_t i = 0; i < crowd_size; i++) join(&crowd[i]);
}

/* Runs on a thread that cannot get a record. */
static void as_orphan(void (*run)(void *argument), void *argument)
{
    helper orphan;
    crowd_everywhere();
    no_memory(true);
    start(&orphan, run, argument);
    join(&orphan);
    no_memory(false);
    crowd_out();
}

static tally_thread *record_of_thread;

static void note_record(void *unused)
{
    (void)unused;
    record_of_thread = tally_thread_attach();
}

TEST(a_record_is_made_at_the_first_use_and_given_back_at_the_end)
{
    platform = wrap_open(tally_platform_default());
    tally_platform_default_replace(platform);
    registry = open_plain();
    helper one;
    start(&one, note_record, NULL);
    join(&one);
    tally_thread *first = record_of_thread;
    CHECK(first != NULL);
    CHECK_EQ(first->owned, 0);
    start(&one, note_record, NULL);
    join(&one);
    CHECK(record_of_thread == first); /* reused */
    shut(&registry);
}

TEST(the_static_records_cost_no_allocation_and_later_ones_one_each)
{
    registry = open_plain();
    uint64_t before = wrap_count(platform, WRAP_MEMORY);
    crowd_in();
    CHECK_EQ(wrap_count(platform, WRAP_MEMORY), before);
    helper late;
    start(&late, note_record, NULL);
    join(&late);
    CHECK_EQ(wrap_count(platform, WRAP_MEMORY), before + 1);
    CHECK(record_of_thread->index >= TALLY_THREADS_STATIC);
    start(&late, note_record, NULL);
    join(&late);
    CHECK_EQ(wrap_count(platform, WRAP_MEMORY), before + 1); /* reused as well */
    crowd_out();
    shut(&registry);
}

static void hold_in_registry(void *unused)
{
    (void)unused;
    (void)notify(registry);
}

TEST(an_allocated_record_protects_like_a_static_one)
{
    registry = open_plain();
    barrier inside = BARRIER_SHUT;
    tally_handler_id id = add(registry, hold_here, &inside);
    crowd_in();
    helper late;
    start(&late, hold_in_registry, NULL);
    await_entered(&inside, 1);
    int32_t removed = 0;
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 10, &removed, NULL), TALLY_E_TIMEOUT);
    CHECK_EQ(removed, 1);
    release_all(&inside);
    join(&late);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 1000, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, 0);
    crowd_out();
    shut(&registry);
}

static void notify_as_orphan(void *unused)
{
    (void)unused;
    CHECK(tally_thread_attach() == NULL);
    CHECK_NOTIFIED(notify(registry), 3, 1, 0, 0);
    CHECK_EQ(tally_registry_depth(), 0);
}

TEST(notify_never_fails_for_want_of_a_record)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    (void)add(registry, fail_saying, "b");
    (void)add(registry, note, "c");
    as_orphan(notify_as_orphan, NULL);
    CHECK_TEXT(told(), "abc");
    tally_handler_info rows[3];
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 3, &count, NULL), TALLY_OK);
    CHECK_EQ(rows[1].failed, 1); /* the message may be lost, never the count */
    shut(&registry);
}

static tally_failure reported;
static char reported_message[64];

static int32_t keep_failure(void *unused, const tally_failure *failure)
{
    (void)unused;
    reported = *failure;
    (void)snprintf(reported_message, sizeof reported_message, "%s", failure->message);
    return 0;
}

static int32_t nest(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    CHECK(tally_registry_depth() >= 1);
    if (tally_registry_depth() < 3) (void)notify(registry);
    return TALLY_HANDLER_DONE;
}

static void nest_as_orphan(void *unused)
{
    (void)unused;
    CHECK_NOTIFIED(notify(registry), 2, 1, 0, 0);
}

TEST(an_orphan_nests_fails_and_reports_with_its_message)
{
    registry = open_plain();
    CHECK_STATUS(tally_registry_on_panic(registry, keep_failure, NULL, NULL, NULL), TALLY_OK);
    (void)add(registry, nest, NULL);
    (void)add(registry, fail_saying, "sorry ");
    as_orphan(nest_as_orphan, NULL);
    CHECK_TEXT(told(), "sorry sorry sorry ");
    CHECK_EQ(reported.code, -7);
    CHECK_TEXT(reported_message, "sorry ");
    shut(&registry);
}

TEST(a_wait_sees_an_orphan_inside_the_handler)
{
    registry = open_plain();
    barrier inside = BARRIER_SHUT;
    _Atomic(uint64_t) ends = 0;
    tally_handler_id id = add(registry, hold_here, &inside);
    tally_handler_id other = add_with(registry, count_up, &ends, (tally_handler_options){.destructor = count_end});
    crowd_everywhere();
    helper orphan;
    no_memory(true);
    start(&orphan, hold_in_registry, NULL);
    await_entered(&inside, 1);
    no_memory(false);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 10, NULL, NULL), TALLY_E_TIMEOUT);
    CHECK(drop(registry, other)); /* it has not started: skipped, and freed when the orphan has left */
    CHECK_EQ(ends, 0);
    release_all(&inside);
    join(&orphan);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, 0, NULL, NULL), TALLY_OK);
    crowd_out();
    shut(&registry);
}

/* The registry has memory, the process has none. */
static tally_registry *open_with_memory(const tally_registry_host *host)
{
    static tally_platform plain;
    plain = *wrap_inner(platform);
    tally_registry_options options = {.size = sizeof options, .platform = &plain, .host = host};
    return open_with(&options);
}

static void close_from_outside(void *unused)
{
    (void)unused;
    shut(&registry);
}

TEST(a_close_waits_for_an_orphan)
{
    registry = open_plain();
    barrier inside = BARRIER_SHUT;
    (void)add(registry, hold_here, &inside);
    crowd_everywhere();
    helper orphan;
    helper closer;
    no_memory(true);
    start(&orphan, hold_in_registry, NULL);
    await_entered(&inside, 1);
    no_memory(false);
    start(&closer, close_from_outside, NULL);
    CHECK(is_held(&closer));
    release_all(&inside);
    join(&closer);
    join(&orphan);
    crowd_out();
}

/* A destructor that closes the registry it belonged to. */
static void close_it(void *user_data)
{
    tell("closed ");
    tally_registry *copy = *(tally_registry **)user_data;
    CHECK_STATUS(tally_registry_close(&copy), TALLY_OK);
}

static void drop_as_orphan(void *id)
{
    CHECK(tally_thread_attach() == NULL);
    CHECK(drop(registry, *(tally_handler_id *)id));
}

TEST(a_destructor_on_a_thread_without_a_record_may_close_its_registry)
{
    registry = open_with_memory(NULL);
    (void)add(registry, note, "a");
    tally_handler_id id = add_with(registry, do_nothing, &registry, (tally_handler_options){.destructor = close_it});
    as_orphan(drop_as_orphan, &id);
    CHECK_TEXT(told(), "closed ");
    tally_registry *stale = registry;
    CHECK_STATUS(tally_registry_count(registry, &(uint64_t){0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_close(&stale), TALLY_OK); /* finishes it, if nobody has */
}

static uint32_t leak_logs;

static void take_log(void *user_data, const tally_log_record *record)
{
    (void)user_data;
    if (record->what == TALLY_LOG_LEAK) leak_logs++;
}

static void register_one_more(void *unused)
{
    (void)unused;
    CHECK(tally_thread_attach() == NULL);
    (void)add(registry, do_nothing, NULL);
}

TEST(the_leak_warning_of_a_thread_without_a_record_is_not_lost)
{
    tally_registry_host host = {.size = sizeof host, .log = take_log};
    registry = open_with_memory(&host);
    for (int i = 1; i < TALLY_REGISTRY_LEAK_WARNING; i++) (void)add(registry, do_nothing, NULL);
    CHECK_EQ(leak_logs, 0);
    as_orphan(register_one_more, NULL);
    CHECK_EQ(leak_logs, 1);
    shut(&registry);
}
