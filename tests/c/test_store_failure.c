/* What goes wrong: a write or sync that fails ends the handle, a full disk does not, and every failing call leaves
 * a store that opens again and tells the truth. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static tally_status append_status(uint32_t level, tally_error *error)
{
    tally_draft one = draft("a", "data");
    tally_append_options options = at_level(level);
    return tally_store_append(store, &one, &options, NULL, error);
}

static void fail_next(uint64_t calls, tally_status status)
{
    wrap_fault_set(wrapped, &(wrap_fault){.calls = calls, .kind = WRAP_FAIL, .status = status, .os_error = 5});
}

/* The world is whole again. */
static void end_whole(void)
{
    wrap_fault_set(wrapped, NULL);
    end();
}

static void check_finished(uint64_t durable)
{
    tally_error error;
    tally_event read;
    for (uint32_t level = TALLY_BUFFERED; level <= TALLY_DURABLE; level++) {
        CHECK_STATUS(append_status(level, &error), TALLY_E_POISONED);
        CHECK_EQ(error.os_error, 5);
    }
    CHECK_STATUS(tally_store_sync(store, &error), TALLY_E_POISONED);
    CHECK_STATUS(tally_store_tick(store, NULL, &error), TALLY_E_POISONED);
    CHECK_STATUS(tally_store_wait(store, TALLY_DURABLE, durable + 10, TALLY_WAIT_FOREVER, &error), TALLY_E_POISONED);
    for (uint64_t position = 0; position < durable; position++) CHECK_STATUS(get_event(position, &read), TALLY_OK);
    CHECK_STATUS(get_event(durable, &read), TALLY_E_RANGE);
    CHECK_EQ(marks_now().durable, durable);
}

TEST(after_a_failed_write_nothing_more_is_acknowledged)
{
    begin();
    tally_error error;
    append_one("a", "x", TALLY_DURABLE);
    fail_next(WRAP_WRITES, TALLY_E_IO);
    CHECK_STATUS(append_status(TALLY_WRITTEN, &error), TALLY_E_IO);
    CHECK_EQ(error.os_error, 5);
    CHECK(strstr(error.path, ".seg") != NULL);
    check_finished(1);
    reopen();
    CHECK_EQ(marks_now().durable, 1);
    append_one("a", "x", TALLY_DURABLE);
    end_whole();
}

TEST(after_a_failed_sync_nothing_more_is_acknowledged)
{
    begin();
    tally_error error;
    append_one("a", "x", TALLY_DURABLE);
    append_one("a", "x", TALLY_WRITTEN);
    fail_next(WRAP_SYNCS, TALLY_E_IO);
    CHECK_STATUS(append_status(TALLY_DURABLE, &error), TALLY_E_IO);
    check_finished(1);
    tally_store_info info;
    reopen();
    CHECK_STATUS(tally_store_info_get(store, &info, NULL), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 1);
    CHECK(info.recovery.rewritten_bytes > 0); /* the cache may lie about what was not synced */
    CHECK(marks_now().durable >= 1);
    end_whole();
}

TEST(a_full_device_at_a_write_is_a_failed_write_all_the_same)
{
    begin();
    tally_error error;
    fail_next(WRAP_WRITES, TALLY_E_NO_SPACE);
    CHECK_STATUS(append_status(TALLY_WRITTEN, &error), TALLY_E_IO);
    CHECK_STATUS(append_status(TALLY_WRITTEN, &error), TALLY_E_POISONED);
    end_whole();
}

TEST(a_failed_last_sync_leaves_no_clean_mark)
{
    begin();
    append_one("a", "x", TALLY_BUFFERED);
    fail_next(WRAP_BIT(WRAP_SYNC_DATA), TALLY_E_IO);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    wrap_fault_set(wrapped, NULL);
    tally_store_options options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK);
    tally_store_info info;
    CHECK_STATUS(tally_store_info_get(store, &info, NULL), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 1);
    end_whole();
}

TEST(short_writes_and_reads_are_gone_on_with)
{
    begin();
    wrap_fault_set(
        wrapped,
        &(wrap_fault){.calls = WRAP_WRITES | WRAP_BIT(WRAP_READ_AT), .kind = WRAP_SHORT, .bytes = 7, .for_ever = true});
    for (int i = 0; i < 5; i++) append_one("a", "some data", TALLY_DURABLE);
    reopen();
    tally_event read;
    for (uint64_t i = 0; i < 5; i++) CHECK_STATUS(get_event(i, &read), TALLY_OK);
    end_whole();
}

/* --------------------------------------------------------------------------------------- no space */

static void fill_segment(void)
{
    while (figures_now().log_bytes < TALLY_SEGMENT_BYTES_MIN - 1000) append_one("a", "x", TALLY_BUFFERED);
}

TEST(a_full_disk_shows_at_rotation_and_changes_nothing)
{
    begin();
    tally_error error;
    static char data[2000];
    memset(data, 'd', sizeof data);
    tally_draft one = draft("a", "");
    one.data = data;
    one.length = sizeof data;
    fill_segment();
    tally_watermarks before = marks_now();
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_BIT(WRAP_ALLOCATE_SPACE),
                                          .kind = WRAP_FAIL,
                                          .status = TALLY_E_NO_SPACE,
                                          .os_error = 28,
                                          .for_ever = true});
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, &error), TALLY_E_NO_SPACE);
        CHECK_EQ(error.os_error, 28);
        CHECK_EQ(figures_now().segments, 1);
    }
    CHECK_EQ(marks_now().buffered, before.buffered);
    append_one("a", "x", TALLY_DURABLE); /* what still fits goes in */
    wrap_fault_set(wrapped, NULL);
    tally_receipt receipt;
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, &error), TALLY_OK);
    CHECK_EQ(receipt.position, before.buffered + 1);
    CHECK_EQ(receipt.version, before.buffered + 1);
    CHECK_EQ(figures_now().segments, 2);
    reopen();
    CHECK_EQ(marks_now().durable, before.buffered + 2);
    end_whole();
}

TEST(a_new_store_on_a_full_disk_does_not_open)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    tally_store_options options = store_options();
    tally_error error;
    fail_next(WRAP_BIT(WRAP_ALLOCATE_SPACE), TALLY_E_NO_SPACE);
    options.platform = wrapped;
    CHECK_STATUS(tally_store_open("store", 5, &options, &store, &error), TALLY_E_NO_SPACE);
    CHECK(store == NULL);
    wrap_fault_set(wrapped, NULL);
    options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK);
    append_one("a", "x", TALLY_DURABLE);
    end_whole();
}

/* ----------------------------------------------------------------------------- each call fails once */

typedef struct scenario_counts {
    uint64_t opened;
    uint64_t lied;
} scenario_counts;

/* The store holds 0 … n - 1 of what was acknowledged; each says by its data which one it is. */
static void check_acknowledged(tally_store *opened, uint64_t acknowledged, scenario_counts *counts)
{
    tally_watermarks marks;
    if (tally_store_watermarks(opened, &marks, NULL) != TALLY_OK || marks.durable < acknowledged) counts->lied++;
    for (uint64_t position = 0; position < acknowledged; position++) {
        uint8_t buffer[70000];
        size_t needed;
        tally_event event;
        tally_status status = tally_store_get(opened, position, buffer, sizeof buffer, &needed, &event, NULL);
        uint64_t number = UINT64_MAX;
        if (status == TALLY_OK) memcpy(&number, event.data, sizeof number);
        if (number != position) counts->lied++;
    }
}

/* Opens, appends across a rotation, ticks, closes; then everything that was acknowledged as durable is there. */
static void live(const tally_platform *platform, void *user_data)
{
    static char data[30000];
    scenario_counts *counts = user_data;
    tally_store *mine = NULL;
    tally_store_options options = {.size = sizeof options,
                                   .platform = platform,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN};
    int32_t os_error;
    uint64_t acknowledged = 0;
    bool fresh = true;
    tally_error error;
    if (tally_store_open("each", 4, &options, &mine, &error) == TALLY_OK) {
        counts->opened++;
        for (uint64_t i = 0; i < 8 && fresh; i++) {
            tally_draft one = draft(i % 3 == 0 ? "a" : "b", "");
            tally_receipt receipt;
            memcpy(data, &i, sizeof i);
            one.data = data;
            one.length = i % 2 == 0 ? sizeof data : sizeof i;
            one.idempotency_key = i % 4 == 1 ? text("k") : text("");
            if (i % 4 == 1) one.id.bytes[0] = (uint8_t)(i + 1);
            tally_append_options how = at_level(i % 2 == 0 ? TALLY_DURABLE : TALLY_BUFFERED);
            if (i > 4) one.idempotency_key = text("");
            tally_status status = tally_store_append(mine, &one, &how, &receipt, &error);
            /* The next one gets this number's position, if it was not taken: stop, as the data would not agree. */
            fresh = status == TALLY_OK && receipt.position == i;
            if (status == TALLY_OK && how.durability == TALLY_DURABLE) acknowledged = receipt.position + 1;
            (void)tally_store_tick(mine, NULL, &error);
        }
        if (tally_store_close(&mine) != TALLY_OK || mine != NULL) counts->lied++;
    }
    const tally_platform *inner = wrap_inner(platform);
    options.platform = inner;
    tally_status status = tally_store_open("each", 4, &options, &mine, &error);
    if (status != TALLY_OK) {
        counts->lied++;
        printf("# does not open again: %s\n", error.message);
    } else {
        check_acknowledged(mine, acknowledged, counts);
        if (tally_store_close(&mine) != TALLY_OK) counts->lied++;
    }
    static const char *const names[] = {"each/00000000.00.seg",
                                        "each/00000001.00.seg",
                                        "each/00000002.00.seg",
                                        "each/00000003.00.seg",
                                        "each/00000004.00.seg",
                                        "each/HEAD",
                                        "each/LOCK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)inner->remove_file(inner->context, names[i], &os_error);
    }
}

static void fail_each(uint64_t calls, tally_status status)
{
    scenario_counts counts = {0, 0};
    uint64_t leaks = 0;
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    wrap_fault fault = {.calls = calls, .kind = WRAP_FAIL, .status = status};
    uint64_t runs = wrap_each_failure(wrapped, fault, live, &counts, &leaks);
    CHECK(runs > 0);
    CHECK_EQ(leaks, 0);
    CHECK_EQ(counts.lied, 0);
    CHECK(counts.opened > 0);
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

TEST(whichever_allocation_fails_nothing_leaks_and_nothing_is_lost) { fail_each(WRAP_MEMORY, TALLY_E_NO_MEMORY); }

TEST(whichever_call_to_the_disk_fails_nothing_leaks_and_nothing_is_lost) { fail_each(WRAP_DISK, TALLY_E_IO); }

TEST(whenever_the_disk_is_full_nothing_leaks_and_nothing_is_lost)
{
    fail_each(WRAP_BIT(WRAP_ALLOCATE_SPACE) | WRAP_WRITES, TALLY_E_NO_SPACE);
}

TEST(whichever_other_call_fails_nothing_leaks_and_nothing_is_lost)
{
    fail_each(WRAP_FALLIBLE & ~WRAP_DISK & ~WRAP_MEMORY, TALLY_E_IO);
}

/* ----------------------------------------------------------------------------------------- threads */

TEST(a_store_without_its_thread_does_not_open)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    tally_store_options options = store_options();
    options.flags = 0;
    options.platform = wrapped;
    fail_next(WRAP_BIT(WRAP_START_THREAD), TALLY_E_NO_MEMORY);
    CHECK_STATUS(tally_store_open("store", 5, &options, &store, NULL), TALLY_E_NO_MEMORY);
    CHECK(store == NULL);
    CHECK_EQ(wrap_open_files(wrapped), 0);
    wrap_fault_set(wrapped, NULL);
    CHECK_STATUS(open_store(&options), TALLY_OK);
    end();
}

static _Atomic(uint64_t) acknowledged;

static void *append_until_it_fails(void *argument)
{
    uint32_t level = (uint32_t)(uintptr_t)argument;
    for (int i = 0; i < 100000; i++) {
        tally_draft one = draft("a", "x");
        tally_append_options options = at_level(level);
        tally_receipt receipt;
        tally_status status = tally_store_append(store, &one, &options, &receipt, NULL);
        if (status == TALLY_OK && level == TALLY_DURABLE) {
            uint64_t known = atomic_load(&acknowledged);
            while (known <= receipt.position &&
                   !atomic_compare_exchange_weak(&acknowledged, &known, receipt.position + 1))
                continue;
        }
        if (status == TALLY_OK) continue;
        CHECK(status == TALLY_E_IO || status == TALLY_E_POISONED);
        return NULL;
    }
    CHECK(false); /* it never failed */
    return NULL;
}

static void *wait_until_it_fails(void *argument)
{
    (void)argument;
    CHECK_STATUS(tally_store_wait(store, TALLY_DURABLE, UINT64_C(1) << 40, 120000, NULL), TALLY_E_POISONED);
    return NULL;
}

static void fail_among_threads(uint64_t calls, uint64_t skip)
{
    tally_completions *completions = NULL;
    tally_completion done;
    size_t count = 0;
    pthread_t threads[6];
    begin_threaded();
    atomic_store(&acknowledged, 0);
    CHECK_STATUS(tally_completions_open(NULL, &completions, NULL), TALLY_OK);
    /* The background rests: nobody else calls. For ever: one write that fails may be that of HEAD, a hint. */
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    wrap_fault_set(
        wrapped,
        &(wrap_fault){.calls = calls, .kind = WRAP_FAIL, .skip = skip, .for_ever = true, .status = TALLY_E_IO});
    tally_store_options options = store_options();
    options.flags = 0;
    options.platform = wrapped;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    CHECK_STATUS(tally_store_wait_async(store, TALLY_DURABLE, UINT64_C(1) << 40, completions, 1, NULL), TALLY_OK);
    for (uintptr_t i = 0; i < 5; i++) {
        (void)pthread_create(&threads[i], NULL, append_until_it_fails, (void *)(1 + i % 3));
    }
    (void)pthread_create(&threads[5], NULL, wait_until_it_fails, NULL);
    for (int i = 0; i < 6; i++) (void)pthread_join(threads[i], NULL);
    wrap_fault_set(wrapped, NULL);
    while (count == 0) CHECK_STATUS(tally_completions_take(completions, &done, 1, &count, NULL), TALLY_OK);
    CHECK_STATUS(done.status, TALLY_E_POISONED);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    options.flags = TALLY_STORE_NO_THREAD;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    CHECK(marks_now().durable >= atomic_load(&acknowledged));
    CHECK_STATUS(tally_completions_close(&completions), TALLY_OK);
    end();
}

TEST(a_failed_sync_ends_all_threads_that_append_and_wait) { fail_among_threads(WRAP_BIT(WRAP_SYNC_DATA), 30); }

TEST(a_failed_write_ends_all_threads_that_append_and_wait) { fail_among_threads(WRAP_WRITES, 200); }
