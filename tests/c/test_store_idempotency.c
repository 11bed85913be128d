/* Idempotency keys: the same event twice is appended once. */
#define _GNU_SOURCE 1
#include "test.h"

#include <pthread.h>

#include "stores.h"

static tally_draft keyed(const char *key, const char *data)
{
    tally_draft one = draft("order/1", data);
    one.idempotency_key = text(key);
    return one;
}

static tally_status append_keyed(const char *key, const char *data, tally_receipt *receipt, tally_error *error)
{
    tally_draft one = keyed(key, data);
    tally_append_options options = at_level(TALLY_BUFFERED);
    return tally_store_append(store, &one, &options, receipt, error);
}

TEST(a_repeat_gets_the_first_receipt)
{
    begin();
    tally_receipt first;
    tally_receipt again;
    tally_error error;
    CHECK_STATUS(append_keyed("k1", "data", &first, &error), TALLY_OK);
    append_one("order/1", "something else", TALLY_BUFFERED);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(append_keyed("k1", "data", &again, &error), TALLY_OK);
        CHECK_EQ(again.flags, TALLY_RECEIPT_REPEATED);
        CHECK_EQ(again.position, first.position);
        CHECK_EQ(again.version, first.version);
        CHECK_EQ(again.time_us, first.time_us);
        CHECK_EQ(again.time_logical, first.time_logical);
        CHECK_BYTES(again.id.bytes, first.id.bytes, 16);
        CHECK_BYTES(again.event_hash.bytes, first.event_hash.bytes, 32);
        reopen();
    }
    CHECK_EQ(marks_now().buffered, 2);
    end();
}

TEST(repeats_are_counted)
{
    begin();
    tally_receipt receipt;
    for (int i = 0; i < 3; i++) CHECK_STATUS(append_keyed("k", "d", &receipt, NULL), TALLY_OK);
    CHECK_EQ(figures_now().repeats, 2);
    CHECK_EQ(figures_now().appended_events, 1);
    CHECK_EQ(figures_now().appends, 3);
    end();
}

TEST(a_key_is_not_in_the_files)
{
    begin();
    tally_event read;
    CHECK_STATUS(append_keyed("very secret key", "data", NULL, NULL), TALLY_OK);
    REQUIRE_STATUS(get_event(0, &read), TALLY_OK);
    CHECK(memmem(read.body, read.body_length, "secret", 6) == NULL);
    end();
}

typedef struct change {
    const char *what;
    void (*make)(tally_draft *draft);
} change;

static const tally_text some_tags[] = {{"z", 1}, {"a", 1}};
static const tally_text same_tags[] = {{"a", 1}, {"z", 1}, {"a", 1}};
static void other_stream(tally_draft *one) { one->stream = text("order/2"); }
static void other_type(tally_draft *one) { one->type = text("other"); }
static void other_content(tally_draft *one) { one->content_type = text("text/html"); }
static void other_schema(tally_draft *one) { one->schema_version = 9; }
static void other_data(tally_draft *one) { one->data = "DATA"; }
static void other_length(tally_draft *one) { one->length--; }
static void no_tags(tally_draft *one) { one->tag_count = 0; }
static void one_tag(tally_draft *one) { one->tag_count = 1; }
static void other_id(tally_draft *one) { one->id.bytes[3] = 1; }
static void other_correlation(tally_draft *one) { one->correlation.bytes[3] = 1; }
static void other_causation(tally_draft *one) { one->causation.bytes[3] = 1; }
static void no_change(tally_draft *one) { (void)one; }
static void reordered_tags(tally_draft *one)
{
    one->tags = same_tags;
    one->tag_count = 3;
}
static void another_occurrence(tally_draft *one)
{
    one->flags = TALLY_DRAFT_OCCURRED;
    one->occurred_us = 77;
}

static const change different[] = {{"stream", other_stream},    {"type", other_type},      {"content", other_content},
                                   {"schema", other_schema},    {"data", other_data},      {"length", other_length},
                                   {"tags", no_tags},           {"one tag", one_tag},      {"id", other_id},
                                   {"corr", other_correlation}, {"cause", other_causation}};
static const change equal[] = {{"nothing", no_change}, {"order of tags", reordered_tags}, {"when", another_occurrence}};

static tally_draft full(void)
{
    tally_draft one = keyed("k", "data");
    one.content_type = text("text/plain");
    one.tags = some_tags;
    one.tag_count = 2;
    one.schema_version = 1;
    return one;
}

TEST(a_key_that_was_used_for_another_event_is_refused)
{
    begin();
    tally_draft one = full();
    tally_error error;
    append_one("x", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_OK);
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        tally_draft other = full();
        different[i].make(&other);
        tally_status status = tally_store_append(store, &other, NULL, NULL, &error);
        CHECK_STATUS(status, TALLY_E_REUSED);
        CHECK_EQ(error.position, 1);
        if (status != TALLY_E_REUSED) printf("# %s\n", different[i].what);
    }
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
        tally_draft same = full();
        tally_receipt receipt;
        equal[i].make(&same);
        CHECK_STATUS(tally_store_append(store, &same, NULL, &receipt, NULL), TALLY_OK);
        CHECK_EQ(receipt.flags, TALLY_RECEIPT_REPEATED);
    }
    CHECK_EQ(marks_now().buffered, 2);
    end();
}

TEST(an_id_that_was_made_at_first_may_be_given_at_the_repeat)
{
    begin();
    tally_draft one = keyed("k", "data");
    tally_receipt receipt;
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, NULL), TALLY_OK);
    one.id = receipt.id;
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, NULL), TALLY_OK);
    CHECK_EQ(receipt.flags, TALLY_RECEIPT_REPEATED);
    end();
}

TEST(a_repeat_is_answered_even_when_its_expectation_no_longer_holds)
{
    begin();
    tally_draft one = keyed("k", "data");
    tally_expectation expectation = {.expect = TALLY_EXPECT_NO_STREAM};
    tally_append_options options = at_level(TALLY_DURABLE);
    tally_receipt receipt;
    options.expectations = &expectation;
    options.expectation_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, &receipt, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_append(store, &one, &options, &receipt, NULL), TALLY_OK);
    CHECK_EQ(receipt.flags, TALLY_RECEIPT_REPEATED);
    end();
}

TEST(a_repeat_reaches_the_level_that_it_asks_for)
{
    begin();
    tally_receipt receipt;
    tally_draft one = keyed("k", "data");
    CHECK_STATUS(append_keyed("k", "data", &receipt, NULL), TALLY_OK);
    CHECK_EQ(marks_now().durable, 0);
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, NULL), TALLY_OK);
    CHECK_EQ(receipt.durability, TALLY_DURABLE);
    CHECK_EQ(marks_now().durable, 1);
    end();
}

TEST(a_key_is_forgotten_after_so_many_events)
{
    tally_store_options options = store_options();
    options.idempotency_events = 3;
    begin_with(&options);
    tally_receipt receipt;
    CHECK_STATUS(append_keyed("k", "1", &receipt, NULL), TALLY_OK);
    append_one("x", "x", TALLY_BUFFERED);
    append_one("x", "x", TALLY_BUFFERED);
    CHECK_STATUS(append_keyed("k", "2", &receipt, NULL), TALLY_E_REUSED);
    append_one("x", "x", TALLY_BUFFERED);
    CHECK_STATUS(append_keyed("k", "2", &receipt, NULL), TALLY_OK);
    CHECK_EQ(receipt.flags, 0);
    CHECK_STATUS(append_keyed("k", "1", &receipt, NULL), TALLY_E_REUSED);
    end();
}

TEST(a_key_is_forgotten_after_so_long)
{
    tally_store_options options = store_options();
    options.idempotency_age_s = 60;
    begin_with(&options);
    tally_receipt receipt;
    CHECK_STATUS(append_keyed("k", "1", &receipt, NULL), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(world, 59000000), TALLY_OK);
    CHECK_STATUS(append_keyed("k", "2", &receipt, NULL), TALLY_E_REUSED);
    CHECK_STATUS(tally_platform_memory_advance(world, 2000000), TALLY_OK);
    CHECK_STATUS(append_keyed("k", "2", &receipt, NULL), TALLY_OK);
    CHECK_EQ(receipt.position, 1);
    end();
}

/* ----------------------------------------------------------------------------------------- batches */

TEST(a_batch_is_repeated_as_a_whole_or_refused)
{
    begin();
    tally_draft batch[3] = {keyed("1", "a"), keyed("2", "b"), keyed("3", "c")};
    batch[2].flags = TALLY_DRAFT_CAUSE_IN_BATCH;
    batch[2].cause_index = 1;
    tally_receipt first[3];
    tally_receipt again[3];
    tally_error error;
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, first, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, again, NULL), TALLY_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(again[i].flags, TALLY_RECEIPT_REPEATED);
        CHECK_EQ(again[i].position, first[i].position);
    }
    tally_draft partly[2] = {keyed("3", "c"), keyed("4", "d")};
    CHECK_STATUS(tally_store_append_many(store, partly, 2, NULL, again, &error), TALLY_E_REUSED);
    CHECK_EQ(again[0].flags, 0);
    tally_draft later[2] = {keyed("4", "d"), keyed("1", "a")};
    CHECK_STATUS(tally_store_append_many(store, later, 2, NULL, NULL, &error), TALLY_E_REUSED);
    CHECK_SAYS(error, "draft 1");
    tally_draft swapped[2] = {keyed("2", "b"), keyed("1", "a")};
    CHECK_STATUS(tally_store_append_many(store, swapped, 2, NULL, NULL, NULL), TALLY_E_REUSED);
    batch[2].cause_index = 0;
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, NULL, NULL), TALLY_E_REUSED);
    tally_draft mixed[2] = {keyed("5", "d"), draft("a", "")};
    CHECK_STATUS(tally_store_append_many(store, mixed, 2, NULL, NULL, NULL), TALLY_E_ARGUMENT);
    tally_draft twice[2] = {keyed("6", "d"), keyed("6", "d")};
    CHECK_STATUS(tally_store_append_many(store, twice, 2, NULL, NULL, NULL), TALLY_E_ARGUMENT);
    CHECK_EQ(marks_now().buffered, 3);
    end();
}

/* ----------------------------------------------------------------------------------------- threads */

static void *append_same_keys(void *argument)
{
    _Atomic(uint32_t) *fresh = argument;
    for (uint32_t i = 0; i < 200; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key %u", i);
        tally_draft one = keyed(key, "data");
        tally_append_options options = at_level(1 + i % 3);
        tally_receipt receipt;
        CHECK_STATUS(tally_store_append(store, &one, &options, &receipt, NULL), TALLY_OK);
        if (receipt.flags == 0) atomic_fetch_add(fresh, 1);
    }
    return NULL;
}

TEST(threads_that_repeat_each_other_append_once)
{
    begin_threaded();
    _Atomic(uint32_t) fresh = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) (void)pthread_create(&threads[i], NULL, append_same_keys, &fresh);
    for (int i = 0; i < 4; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&fresh), 200);
    CHECK_EQ(marks_now().buffered, 200);
    end();
}
