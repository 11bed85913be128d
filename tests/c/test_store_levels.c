/* Levels: watermarks, sync, wait, what the background does and when. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static void check_marks(uint64_t buffered, uint64_t written, uint64_t durable, int line)
{
    tally_watermarks marks = marks_now();
    (void)test_eq(marks.buffered, buffered, "buffered", line);
    (void)test_eq(marks.written, written, "written", line);
    (void)test_eq(marks.durable, durable, "durable", line);
}
#define CHECK_MARKS(buffered, written, durable) check_marks(buffered, written, durable, __LINE__)

TEST(each_level_raises_its_watermark_and_those_above)
{
    begin();
    CHECK_MARKS(0, 0, 0);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_MARKS(1, 0, 0);
    append_one("a", "x", TALLY_WRITTEN);
    CHECK_MARKS(2, 2, 0);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_MARKS(3, 2, 0);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_MARKS(4, 4, 4);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    CHECK_MARKS(5, 5, 5);
    end();
}

TEST(a_buffered_event_is_read_at_once_and_is_not_in_the_file)
{
    begin();
    tally_event read;
    uint64_t writes = wrap_count(wrapped, WRAP_WRITES);
    uint64_t position = append_one("a", "buffered", TALLY_BUFFERED);
    CHECK_EQ(wrap_count(wrapped, WRAP_WRITES), writes);
    CHECK_STATUS(get_event(position, &read), TALLY_OK);
    CHECK(has_data(&read, "buffered"));
    CHECK_EQ(figures_now().queue_bytes > 0, true);
    end();
}

TEST(a_durable_append_is_one_write_and_one_sync)
{
    begin();
    append_one("a", "x", TALLY_DURABLE);
    uint64_t writes = figures_now().writes;
    uint64_t syncs = wrap_count(wrapped, WRAP_SYNCS);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_EQ(figures_now().writes, writes + 1);
    CHECK_EQ(wrap_count(wrapped, WRAP_SYNCS), syncs + 1);
    end();
}

TEST(sync_of_what_is_durable_does_nothing)
{
    begin();
    append_one("a", "x", TALLY_DURABLE);
    uint64_t syncs = wrap_count(wrapped, WRAP_SYNCS);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    CHECK_EQ(wrap_count(wrapped, WRAP_SYNCS), syncs);
    end();
}

TEST(wait_looks_once_without_a_timeout)
{
    begin();
    tally_error error;
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_wait(store, TALLY_BUFFERED, 0, 0, &error), TALLY_OK);
    CHECK_STATUS(tally_store_wait(store, TALLY_WRITTEN, 0, 0, &error), TALLY_E_TIMEOUT);
    CHECK_EQ(error.position, 0);
    CHECK_STATUS(tally_store_wait(store, 0, 0, 5, &error), TALLY_E_TIMEOUT);
    CHECK_STATUS(tally_store_wait(store, 4, 0, 0, &error), TALLY_E_OPTION);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_wait(store, 0, 0, 0, &error), TALLY_OK);
    end();
}

static void *append_soon(void *argument)
{
    (void)argument;
    tally_platform_default()->sleep_ns(NULL, 10000000);
    append_one("a", "x", TALLY_BUFFERED);
    tally_platform_default()->sleep_ns(NULL, 10000000);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    return NULL;
}

TEST(wait_is_woken_by_what_it_waits_for)
{
    for (uint32_t level = TALLY_BUFFERED; level <= TALLY_DURABLE; level++) {
        begin();
        pthread_t thread;
        (void)pthread_create(&thread, NULL, append_soon, NULL);
        CHECK_STATUS(tally_store_wait(store, level, 0, 10000, NULL), TALLY_OK);
        (void)pthread_join(thread, NULL);
        end();
    }
}

static void *wait_for_ever(void *argument)
{
    tally_status *status = argument;
    *status = tally_store_wait(store, TALLY_BUFFERED, 99, TALLY_WAIT_FOREVER, NULL);
    return NULL;
}

TEST(closing_ends_a_wait)
{
    begin();
    pthread_t thread;
    tally_status status = TALLY_OK;
    (void)pthread_create(&thread, NULL, wait_for_ever, &status);
    tally_platform_default()->sleep_ns(NULL, 20000000);
    tally_store *same = store;
    CHECK_STATUS(tally_store_close(&same), TALLY_OK);
    (void)pthread_join(thread, NULL);
    CHECK_STATUS(status, TALLY_E_CLOSED);
    tally_store_options options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK);
    end();
}

/* -------------------------------------------------------------------------------------- background */

TEST(a_tick_writes_what_is_buffered)
{
    begin();
    append_one("a", "x", TALLY_BUFFERED);
    work();
    CHECK_MARKS(1, 1, 0);
    end();
}

TEST(a_tick_syncs_when_enough_events_are_not_durable)
{
    tally_store_options options = store_options();
    options.sync_events = 3;
    options.sync_interval_ms = TALLY_NO_LIMIT;
    begin_with(&options);
    for (uint64_t i = 1; i <= 7; i++) {
        append_one("a", "x", TALLY_BUFFERED);
        work();
        CHECK_MARKS(i, i, i / 3 * 3);
    }
    end();
}

TEST(a_tick_syncs_when_enough_bytes_are_not_durable)
{
    tally_store_options options = store_options();
    options.sync_bytes = 2000;
    options.sync_interval_ms = TALLY_NO_LIMIT;
    begin_with(&options);
    append_one("a", "x", TALLY_DURABLE);
    append_one("a", "x", TALLY_BUFFERED);
    work();
    CHECK_EQ(marks_now().durable, 1);
    for (int i = 0; i < 8; i++) append_one("a", "x", TALLY_BUFFERED);
    work();
    CHECK_EQ(marks_now().durable, 10);
    end();
}

TEST(a_tick_syncs_when_the_oldest_is_old_enough)
{
    tally_store_options options = store_options();
    options.sync_interval_ms = 5;
    begin_with(&options);
    append_one("a", "x", TALLY_BUFFERED);
    tally_platform_default()->sleep_ns(NULL, 10000000);
    work();
    CHECK_MARKS(1, 1, 1);
    end();
}

TEST(the_background_thread_does_it_by_itself)
{
    tally_store_options options = store_options();
    options.flags = 0;
    options.sync_interval_ms = 20;
    begin_with(&options);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_wait(store, TALLY_WRITTEN, 0, 5000, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_wait(store, TALLY_DURABLE, 0, 5000, NULL), TALLY_OK);
    int32_t more = 7;
    CHECK_STATUS(tally_store_tick(store, &more, NULL), TALLY_OK);
    CHECK_EQ(more, 0);
    end();
}

TEST(an_idle_store_keeps_no_unsynced_tail)
{
    tally_store_options options = store_options();
    options.flags = 0;
    options.sync_interval_ms = 1;
    begin_with(&options);
    for (int i = 0; i < 20; i++) append_one("a", "x", TALLY_WRITTEN);
    CHECK_STATUS(tally_store_wait(store, TALLY_DURABLE, 19, 5000, NULL), TALLY_OK);
    end();
}

/* ---------------------------------------------------------------------------------- group commit */

static void *append_durably(void *argument)
{
    (void)argument;
    for (int i = 0; i < 50; i++) append_one("a", "x", TALLY_DURABLE);
    return NULL;
}

static void slow_down(void *user_data, wrap_call call)
{
    (void)user_data;
    (void)call;
    tally_platform_default()->sleep_ns(NULL, 300000);
}

TEST(one_sync_serves_all_that_wait)
{
    begin();
    pthread_t threads[8];
    wrap_watch(wrapped, WRAP_BIT(WRAP_SYNC_DATA), slow_down, NULL);
    for (int i = 0; i < 8; i++) (void)pthread_create(&threads[i], NULL, append_durably, NULL);
    for (int i = 0; i < 8; i++) (void)pthread_join(threads[i], NULL);
    wrap_watch(wrapped, 0, NULL, NULL);
    tally_store_statistics figures = figures_now();
    CHECK_EQ(figures.appends, 400);
    CHECK(figures.syncs < 200);
    CHECK(figures.sync_ns_total >= figures.sync_ns_max);
    CHECK_MARKS(400, 400, 400);
    end();
}

static void sync_slowly(void *user_data, wrap_call call)
{
    (void)user_data;
    (void)call;
    world->sleep_ns(world->context, 100000);
}

static void *append_now_and_then(void *user_data)
{
    uint32_t number = (uint32_t)(uintptr_t)user_data;
    for (uint32_t i = 0; i < 12; i++) {
        append_one("a", "x", TALLY_DURABLE);
        world->sleep_ns(world->context, (number * 37 + i * 53) % 200 * 1000);
    }
    return NULL;
}

/* The one who was elected to lead the next sync may wake when another one leads it already: those who wait for the
 * turn after that one have to elect again, or wait for ever. Nobody else syncs here. */
TEST(nobody_waits_for_a_sync_that_nobody_leads)
{
    begin();
    wrap_watch(wrapped, WRAP_BIT(WRAP_SYNC_DATA), sync_slowly, NULL);
    for (int round = 0; round < 80; round++) {
        pthread_t threads[6];
        for (uintptr_t i = 0; i < 6; i++) {
            CHECK_EQ(pthread_create(&threads[i], NULL, append_now_and_then, (void *)(i + (uintptr_t)round)), 0);
        }
        for (int i = 0; i < 6; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(marks_now().durable, 80 * 6 * 12);
    end();
}
