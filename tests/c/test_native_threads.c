/* Native objects under threads and forks: producers at once, a reader that sleeps, children that go on. */
#include "rings.h"

#include "platform/default.h"
#include "wrap/wrap.h"

static barrier draining = BARRIER_SHUT;
static tally_platform *watched;
static tally_ring *shared;

static void hold_the_lock(void *user_data, wrap_call call)
{
    (void)call;
    wrap_watch(watched, 0, NULL, NULL);
    (void)hold_here(user_data, NULL);
}

static void drain_shared(void *unused)
{
    (void)unused;
    CHECK_TEXT(drain(shared), "a|");
}

static void release_soon(void *unused)
{
    (void)unused;
    sleep_ms(50);
    release_all(&draining);
}

static void use_in_child(void *unused)
{
    (void)unused;
    (void)drain(shared);
    (void)push(shared, "b");
    CHECK_TEXT(drain(shared), "b|");
    shut_ring(&shared);
}

TEST(a_child_can_drain_although_another_thread_was_draining_when_it_forked)
{
    watched = wrap_open(tally_platform_default());
    tally_platform_default_replace(watched);
    tally_ring_options options = {.size = sizeof options, .platform = watched};
    REQUIRE_STATUS(tally_ring_open(&options, &shared, NULL), TALLY_OK);
    (void)push(shared, "a");
    helper drainer;
    helper releaser;
    wrap_watch(watched, WRAP_BIT(WRAP_MUTEX_UNLOCK), hold_the_lock, &draining);
    start(&drainer, drain_shared, NULL);
    await_entered(&draining, 1);
    start(&releaser, release_soon, NULL);
    in_child(use_in_child, NULL);
    join(&releaser);
    join(&drainer);
    shut_ring(&shared);
    tally_platform_default_replace(NULL);
    wrap_close(&watched);
}

#define PRODUCERS 4
#define PER_PRODUCER (UNDER_TSAN ? 5000 : 100000)

static void produce(void *number)
{
    for (uint32_t i = 0; i < PER_PRODUCER; i++) {
        uint32_t event[2] = {*(uint32_t *)number, i};
        tally_notice notice = {.data = event, .length = sizeof event};
        (void)tally_ring_handler(shared, &notice);
    }
}

TEST(events_of_each_producer_stay_in_order_and_all_are_accounted_for)
{
    shared = open_ring(256, 8);
    helper producers[PRODUCERS];
    uint32_t numbers[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    uint64_t taken = 0;
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        start(&producers[i], produce, &numbers[i]);
    }
    for (bool over = false; !over;) {
        over = true;
        for (int i = 0; i < PRODUCERS; i++) over = over && atomic_load(&producers[i].done);
        tally_ring_event events[64];
        uint32_t data[64][2];
        size_t count = 0;
        do { /* once more after the last producer has ended */
            CHECK_STATUS(tally_ring_drain(shared, events, 64, data, sizeof data, &count, NULL), TALLY_OK);
            for (size_t i = 0; i < count; i++) {
                CHECK_EQ(events[i].sequence, taken);
                taken++;
                REQUIRE(data[i][0] < PRODUCERS);
                CHECK(data[i][1] >= next[data[i][0]]); /* dropped ones are missing, none is twice */
                next[data[i][0]] = data[i][1] + 1;
            }
        } while (count != 0 && !test_has_failed());
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) join(&producers[i]);
    tally_ring_counts counts = counts_of(shared);
    CHECK_EQ(counts.drained, taken);
    CHECK_EQ(counts.pushed, taken);
    CHECK_EQ(counts.pushed + counts.dropped_full, (uint64_t)PRODUCERS * PER_PRODUCER);
    shut_ring(&shared);
}

/* A reader that sleeps until it is woken, as an event loop does: no event may wait for ever. */
static pthread_mutex_t bell_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static uint64_t rings;

static void ring_the_bell(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&bell_mutex);
    rings++;
    (void)pthread_cond_signal(&bell);
    (void)pthread_mutex_unlock(&bell_mutex);
}

static _Atomic(uint64_t) heard;

static void listen(void *unused)
{
    (void)unused;
    uint64_t answered = 0;
    while (atomic_load(&heard) < PER_PRODUCER / 10) {
        (void)pthread_mutex_lock(&bell_mutex);
        while (rings == answered) (void)pthread_cond_wait(&bell, &bell_mutex);
        answered = rings;
        (void)pthread_mutex_unlock(&bell_mutex);
        tally_ring_event events[1024];
        size_t count = 0;
        CHECK_STATUS(tally_ring_drain(shared, events, 1024, NULL, 0, &count, NULL), TALLY_OK); /* once per wake */
        atomic_fetch_add(&heard, count);
    }
}

TEST(a_reader_that_sleeps_until_it_is_woken_misses_nothing)
{
    tally_ring_options options = {.size = sizeof options, .slots = 1024, .wake = ring_the_bell};
    REQUIRE_STATUS(tally_ring_open(&options, &shared, NULL), TALLY_OK);
    helper listener;
    start(&listener, listen, NULL);
    for (uint32_t i = 0; i < PER_PRODUCER / 10; i++) {
        (void)push(shared, "");
        /* One at a time now and then, so that the reader finds it empty and sleeps. */
        if (i % 7 == 0) {
            while (atomic_load(&heard) <= i && !test_has_failed()) sleep_ms(0);
        }
    }
    join(&listener);
    CHECK_EQ(heard, PER_PRODUCER / 10);
    CHECK_EQ(counts_of(shared).dropped_full, 0);
    shut_ring(&shared);
}

/* --------------------------------------------------------------------------------------------- fork */

static tally_registry *registry;
static tally_ring *ring;
static tally_counter *counter;

static void use_native(void *unused)
{
    (void)unused;
    tally_ring_event events[4];
    char data[64];
    size_t count = 0;
    uint64_t counted = 0;
    CHECK_NOTIFIED(notify(registry), 2, 0, 0, 0);
    CHECK_STATUS(tally_ring_drain(ring, events, 4, data, sizeof data, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 2);
    CHECK_STATUS(tally_counter_read(counter, &counted, NULL, NULL), TALLY_OK);
    CHECK_EQ(counted, 2);
    tally_ring *ring_copy = ring;
    tally_counter *counter_copy = counter;
    CHECK_STATUS(tally_ring_close(&ring_copy), TALLY_OK);
    CHECK_STATUS(tally_counter_close(&counter_copy), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 2, 2, 0, 0);
}

TEST(native_handlers_work_in_the_child)
{
    registry = open_plain();
    CHECK_STATUS(tally_ring_open(NULL, &ring, NULL), TALLY_OK);
    CHECK_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    (void)add(registry, tally_ring_handler, ring);
    (void)add(registry, tally_counter_handler, counter);
    (void)notify(registry);
    in_child(use_native, NULL);
    use_native(NULL); /* the child took nothing from the parent's */
    shut(&registry);
    CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
}
