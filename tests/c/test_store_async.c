/* Asynchronous appends and waits, and where they report. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static tally_completions *completions;
static _Atomic(uint32_t) wakes;

static void wake(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&wakes, 1);
}

static void begin_async(void)
{
    begin_threaded();
    tally_completions_options options = {.size = sizeof options, .wake = wake, .platform = wrapped};
    atomic_store(&wakes, 0);
    CHECK_STATUS(tally_completions_open(&options, &completions, NULL), TALLY_OK);
}

static void end_async(void)
{
    CHECK_STATUS(tally_completions_close(&completions), TALLY_OK);
    end();
}

static tally_status append_later(const char *stream, const char *data, uint64_t token, tally_receipt *receipt)
{
    tally_draft one = draft(stream, data);
    return tally_store_append_async(store, &one, 1, NULL, completions, token, receipt, NULL);
}

/* Waits for `wanted` completions. */
static size_t take(tally_completion *items, size_t wanted)
{
    size_t taken = 0;
    for (int round = 0; taken < wanted && round < 5000; round++) {
        size_t count = 0;
        CHECK_STATUS(tally_completions_take(completions, items + taken, wanted - taken, &count, NULL), TALLY_OK);
        taken += count;
        if (count == 0) tally_platform_default()->sleep_ns(NULL, 1000000);
    }
    CHECK_EQ(taken, wanted);
    return taken;
}

TEST(an_asynchronous_append_reports_its_receipt)
{
    begin_async();
    tally_receipt receipt;
    tally_completion done;
    char data[] = "data";
    CHECK_STATUS(append_later("a", data, 77, &receipt), TALLY_OK);
    memset(data, 'X', 4); /* it was copied */
    take(&done, 1);
    CHECK_EQ(done.token, 77);
    CHECK_STATUS(done.status, TALLY_OK);
    CHECK_EQ(done.count, 1);
    CHECK_EQ(done.receipt.position, 0);
    CHECK_EQ(done.receipt.durability, TALLY_DURABLE);
    CHECK_BYTES(&receipt, &done.receipt, sizeof receipt);
    CHECK_EQ(marks_now().durable, 1);
    CHECK(atomic_load(&wakes) >= 1);
    tally_event read;
    REQUIRE_STATUS(get_event(0, &read), TALLY_OK);
    CHECK(has_data(&read, "data"));
    end_async();
}

TEST(many_are_committed_in_the_order_in_which_they_were_given)
{
    static tally_completion done[500];
    begin_async();
    for (uint64_t i = 0; i < 500; i++) CHECK_STATUS(append_later("a", "x", i, NULL), TALLY_OK);
    take(done, 500);
    for (uint64_t i = 0; i < 500; i++) {
        CHECK_EQ(done[i].token, i);
        CHECK_EQ(done[i].receipt.version, i);
    }
    CHECK(figures_now().syncs < 500);
    end_async();
}

TEST(a_failure_comes_with_the_completion)
{
    begin_async();
    tally_completion done[2];
    tally_draft one = draft("a", "x");
    tally_expectation expectation = {.stream = text("b"), .expect = TALLY_EXPECT_EXISTS};
    tally_append_options options = at_level(TALLY_BUFFERED);
    options.expectations = &expectation;
    options.expectation_count = 1;
    CHECK_STATUS(tally_store_append_async(store, &one, 1, &options, completions, 1, NULL, NULL), TALLY_OK);
    CHECK_STATUS(append_later("b", "x", 2, NULL), TALLY_OK);
    take(done, 2);
    CHECK_STATUS(done[0].status, TALLY_E_CONFLICT);
    CHECK_STATUS(done[0].error.status, TALLY_E_CONFLICT);
    CHECK_EQ(done[0].count, 0);
    CHECK_STATUS(done[1].status, TALLY_OK);
    end_async();
}

TEST(everything_that_a_call_can_say_is_copied)
{
    begin_async();
    tally_completion done[2];
    char tag[] = "t:1";
    char key[] = "key";
    char type[] = "thing.*";
    tally_text tags[] = {{tag, 3}};
    tally_text types[] = {{type, 7}};
    tally_draft batch[2] = {draft("a", "1"), draft("b", "2")};
    tally_receipt receipts[2];
    tally_append_condition condition = {.types = types, .type_count = 1, .tags = tags, .tag_count = 1};
    tally_append_options options = at_level(TALLY_WRITTEN);
    batch[0].tags = batch[1].tags = tags;
    batch[0].tag_count = batch[1].tag_count = 1;
    batch[0].idempotency_key = (tally_text){key, 3};
    batch[1].idempotency_key = text("other");
    options.conditions = &condition;
    options.condition_count = 1;
    CHECK_STATUS(tally_store_append_async(store, batch, 2, &options, completions, 1, receipts, NULL), TALLY_OK);
    memset(tag, 'X', 3);
    memset(key, 'X', 3);
    memset(type, 'X', 7);
    take(done, 1);
    CHECK_STATUS(done[0].status, TALLY_OK);
    CHECK_EQ(done[0].count, 2);
    CHECK_EQ(receipts[1].position, 1);
    memcpy(tag, "t:1", sizeof tag);
    memcpy(key, "key", sizeof key);
    memcpy(type, "thing.*", sizeof type);
    CHECK_STATUS(tally_store_append_async(store, batch, 2, &options, completions, 2, receipts, NULL), TALLY_OK);
    take(done, 1);
    CHECK_STATUS(done[0].status, TALLY_OK); /* a repeat */
    CHECK_EQ(done[0].receipt.flags, TALLY_RECEIPT_REPEATED);
    batch[0].idempotency_key = batch[1].idempotency_key = text("");
    CHECK_STATUS(tally_store_append_async(store, batch, 2, &options, completions, 3, receipts, NULL), TALLY_OK);
    take(done, 1);
    CHECK_STATUS(done[0].status, TALLY_E_CONFLICT);
    CHECK_EQ(done[0].error.position, 0);
    end_async();
}

TEST(waits_complete_when_the_level_is_reached)
{
    begin_async();
    tally_completion done[3];
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_wait_async(store, TALLY_DURABLE, TALLY_POSITION_NONE, completions, 1, NULL), TALLY_OK);
    take(done, 1);
    CHECK_EQ(done[0].token, 1);
    CHECK_EQ(done[0].count, 0);
    CHECK_EQ(marks_now().durable, 1);
    CHECK_STATUS(tally_store_wait_async(store, TALLY_BUFFERED, 2, completions, 2, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_wait_async(store, TALLY_DURABLE, 0, completions, 3, NULL), TALLY_OK);
    take(done, 1);
    CHECK_EQ(done[0].token, 3);
    append_one("a", "x", TALLY_BUFFERED);
    append_one("a", "x", TALLY_BUFFERED);
    take(done, 1);
    CHECK_EQ(done[0].token, 2);
    CHECK_STATUS(tally_store_wait_async(store, 9, 2, completions, 2, NULL), TALLY_E_OPTION);
    CHECK_STATUS(tally_store_wait_async(store, TALLY_BUFFERED, 99, completions, 4, NULL), TALLY_OK);
    tally_store_options options = store_options();
    options.flags = 0;
    reopen_with(&options);
    take(done, 1);
    CHECK_EQ(done[0].token, 4);
    CHECK_STATUS(done[0].status, TALLY_E_CLOSED);
    end_async();
}

TEST(a_full_queue_says_busy_and_accepts_nothing)
{
    tally_store_options options = store_options();
    options.flags = 0;
    options.queue_bytes = 20000;
    begin_with(&options);
    CHECK_STATUS(tally_completions_open(NULL, &completions, NULL), TALLY_OK);
    static tally_completion done[1000];
    uint64_t accepted = 0;
    uint64_t busy = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        tally_status status = append_later("a", "some data", i, NULL);
        if (status == TALLY_OK) accepted++;
        else CHECK_STATUS(status, TALLY_E_BUSY);
        busy += status == TALLY_E_BUSY;
    }
    take(done, accepted);
    CHECK_EQ(marks_now().durable, accepted);
    CHECK(busy > 0);
    end_async();
}

TEST(close_completes_what_was_accepted)
{
    static tally_completion done[200];
    begin_async();
    for (uint64_t i = 0; i < 200; i++) CHECK_STATUS(append_later("a", "x", i, NULL), TALLY_OK);
    tally_store_options options = store_options();
    reopen_with(&options);
    take(done, 200);
    for (uint64_t i = 0; i < 200; i++) CHECK_STATUS(done[i].status, TALLY_OK);
    CHECK_EQ(marks_now().durable, 200);
    CHECK_STATUS(append_later("a", "x", 1, NULL), TALLY_E_UNSUPPORTED); /* nobody to do it */
    end_async();
}

TEST(closed_completions_get_nothing)
{
    begin_async();
    tally_completions *second = NULL;
    tally_completions_options options = {.size = sizeof options, .wake = wake, .platform = wrapped};
    CHECK_STATUS(tally_completions_open(&options, &second, NULL), TALLY_OK);
    tally_draft one = draft("a", "x");
    for (int i = 0; i < 50; i++) {
        CHECK_STATUS(tally_store_append_async(store, &one, 1, NULL, second, 1, NULL, NULL), TALLY_OK);
    }
    tally_completions *closed = second;
    CHECK_STATUS(tally_completions_close(&second), TALLY_OK);
    uint32_t woken = atomic_load(&wakes);
    CHECK_STATUS(tally_store_append_async(store, &one, 1, NULL, closed, 1, NULL, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    tally_completion done;
    CHECK_STATUS(append_later("a", "x", 1, NULL), TALLY_OK);
    take(&done, 1);
    CHECK_EQ(atomic_load(&wakes), woken + 1);
    CHECK_EQ(marks_now().buffered, 51);
    end_async();
}

TEST(bad_asynchronous_calls_are_refused_at_once)
{
    begin_async();
    tally_draft one = draft("", "x");
    tally_completion done;
    size_t count = 7;
    CHECK_STATUS(tally_store_append_async(store, &one, 1, NULL, completions, 1, NULL, NULL), TALLY_E_LENGTH);
    one = draft("a", "x");
    CHECK_STATUS(tally_store_append_async(store, &one, 1, NULL, NULL, 1, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_store_append_async(store, &one, 0, NULL, completions, 1, NULL, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_completions_take(completions, &done, 0, &count, NULL), TALLY_E_RANGE);
    CHECK_EQ(count, 0);
    CHECK_STATUS(tally_completions_take(completions, NULL, 1, &count, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_completions_take(completions, &done, 1, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_completions_take(completions, &done, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 0);
    end_async();
}
