/* store/append, prepare, draft: what is appended is there as it was given, alone and in batches, or refused with a
 * reason. */
#include "test.h"

#include "stores.h"

static const uint32_t levels[] = {TALLY_BUFFERED, TALLY_WRITTEN, TALLY_DURABLE};

TEST(appended_events_get_dense_positions_and_versions)
{
    begin();
    for (uint64_t i = 0; i < 30; i++) {
        tally_draft event = draft(i % 2 == 0 ? "a" : "b", "data");
        tally_append_options options = at_level(levels[i / 10]);
        tally_receipt receipt;
        CHECK_STATUS(tally_store_append(store, &event, &options, &receipt, NULL), TALLY_OK);
        CHECK_EQ(receipt.position, i);
        CHECK_EQ(receipt.version, i / 2);
        CHECK_EQ(receipt.durability, levels[i / 10]);
        CHECK_EQ(receipt.flags, 0);
    }
    end();
}

TEST(an_event_is_read_back_as_it_was_given)
{
    begin();
    const tally_text tags[] = {{"b:2", 3}, {"a:1", 3}, {"b:2", 3}};
    tally_draft event = draft("order/1", "some data");
    event.content_type = text("text/plain");
    event.tags = tags;
    event.tag_count = 3;
    event.schema_version = 7;
    event.flags = TALLY_DRAFT_OCCURRED;
    event.occurred_us = -5;
    memset(event.causation.bytes, 3, 16);
    memset(event.correlation.bytes, 4, 16);
    tally_receipt receipt;
    tally_event read;
    CHECK_STATUS(tally_store_append(store, &event, NULL, &receipt, NULL), TALLY_OK);
    REQUIRE_STATUS(get_event(receipt.position, &read), TALLY_OK);
    CHECK(has_data(&read, "some data"));
    CHECK(read.stream.length == 7 && memcmp(read.stream.bytes, "order/1", 7) == 0);
    CHECK(read.type.length == 14 && memcmp(read.type.bytes, "thing.happened", 14) == 0);
    CHECK(read.content_type.length == 10);
    CHECK_EQ(read.tag_count, 2);
    CHECK(memcmp(read.tags[0].bytes, "a:1", 3) == 0 && memcmp(read.tags[1].bytes, "b:2", 3) == 0);
    CHECK_EQ(read.schema_version, 7);
    CHECK_EQ(read.flags, TALLY_EVENT_OCCURRED);
    CHECK_EQ(read.occurred_us, -5);
    CHECK_EQ(read.causation.bytes[9], 3);
    CHECK_EQ(read.correlation.bytes[9], 4);
    CHECK_EQ(read.time_us, receipt.time_us);
    CHECK_EQ(read.batch_count, 1);
    CHECK_BYTES(read.id.bytes, receipt.id.bytes, 16);
    tally_hash hash;
    CHECK_STATUS(tally_event_hash(&read, &hash), TALLY_OK);
    CHECK_BYTES(hash.bytes, receipt.event_hash.bytes, 32);
    end();
}

TEST(an_id_that_is_made_is_a_version_7_and_the_correlation_by_default)
{
    begin();
    tally_event read;
    uint8_t last[16] = {0};
    for (int i = 0; i < 300; i++) {
        uint64_t position = append_one("a", "", TALLY_BUFFERED);
        REQUIRE_STATUS(get_event(position, &read), TALLY_OK);
        CHECK_EQ(read.id.bytes[6] >> 4, 7);
        CHECK(memcmp(read.id.bytes, last, 16) > 0);
        CHECK_BYTES(read.correlation.bytes, read.id.bytes, 16);
        memcpy(last, read.id.bytes, 16);
    }
    end();
}

TEST(the_same_data_has_another_salt_each_time)
{
    begin();
    tally_event read;
    uint8_t digests[2][32];
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(get_event(append_one("a", "yes", TALLY_BUFFERED), &read), TALLY_OK);
        memcpy(digests[i], read.body + 72, 32); /* docs/FORMAT.md, "Body": the data's digest */
    }
    CHECK(memcmp(digests[0], digests[1], 32) != 0);
    end();
}

TEST(each_event_carries_the_hash_of_its_streams_event_before)
{
    begin();
    tally_receipt before;
    tally_event read;
    uint8_t zero[32] = {0};
    for (int i = 0; i < 5; i++) {
        tally_draft one = draft("a", "x");
        tally_receipt receipt;
        CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, NULL), TALLY_OK);
        append_one("other", "x", TALLY_BUFFERED);
        REQUIRE_STATUS(get_event(receipt.position, &read), TALLY_OK);
        CHECK_BYTES(read.core + 48, i == 0 ? zero : before.event_hash.bytes, 32);
        before = receipt;
        if (i == 2) reopen();
    }
    end();
}

TEST(an_event_without_data_is_an_event)
{
    begin();
    tally_draft one = {.size = sizeof one, .stream = {"a", 1}, .type = {"b", 1}};
    tally_event read;
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(get_event(0, &read), TALLY_OK);
    CHECK_EQ(read.length, 0);
    CHECK_EQ(read.data_state, TALLY_DATA_READABLE);
    end();
}

TEST(time_never_goes_back_along_the_log)
{
    begin();
    tally_receipt receipt = {.time_us = 0};
    for (int i = 0; i < 6; i++) {
        tally_draft one = draft("a", "");
        tally_receipt next;
        CHECK_STATUS(tally_store_append(store, &one, NULL, &next, NULL), TALLY_OK);
        bool later = next.time_us > receipt.time_us ||
                     (next.time_us == receipt.time_us && next.time_logical > receipt.time_logical);
        CHECK(later);
        receipt = next;
        CHECK_STATUS(tally_platform_memory_advance(world, i % 2 == 0 ? -1000000 : 3000000), TALLY_OK);
        if (i == 3) reopen();
    }
    end();
}

TEST(a_clock_outside_of_the_years_1970_to_9999_is_refused)
{
    begin();
    tally_draft one = draft("a", "");
    CHECK_STATUS(tally_platform_memory_advance(world, INT64_C(8000) * 366 * 24 * 3600 * 1000000), TALLY_OK);
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_E_CLOCK);
    CHECK_STATUS(tally_platform_memory_advance(world, -INT64_C(8000) * 366 * 24 * 3600 * 1000000), TALLY_OK);
    CHECK_EQ(append_one("a", "x", TALLY_DURABLE), 0);
    end();
}

/* ----------------------------------------------------------------------------------------- batches */

TEST(a_batch_is_one_commit_with_dense_positions)
{
    begin();
    tally_draft batch[3] = {draft("a", "1"), draft("b", "2"), draft("a", "3")};
    tally_receipt receipts[3];
    tally_event read;
    append_one("a", "0", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, receipts, NULL), TALLY_OK);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(receipts[i].position, 1 + i);
        REQUIRE_STATUS(get_event(1 + i, &read), TALLY_OK);
        CHECK_EQ(read.batch_index, i);
        CHECK_EQ(read.batch_count, 3);
    }
    CHECK_EQ(receipts[0].version, 1);
    CHECK_EQ(receipts[1].version, 0);
    CHECK_EQ(receipts[2].version, 2);
    CHECK_EQ(figures_now().commits, 2);
    end();
}

TEST(a_draft_can_name_an_earlier_one_as_its_cause)
{
    begin();
    tally_draft batch[3] = {draft("a", "1"), draft("b", "2"), draft("c", "3")};
    tally_receipt receipts[3];
    tally_event read;
    memset(batch[0].correlation.bytes, 9, 16);
    batch[1].flags = batch[2].flags = TALLY_DRAFT_CAUSE_IN_BATCH;
    batch[1].cause_index = 0;
    batch[2].cause_index = 1;
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, receipts, NULL), TALLY_OK);
    for (uint64_t i = 1; i < 3; i++) {
        REQUIRE_STATUS(get_event(i, &read), TALLY_OK);
        CHECK_BYTES(read.causation.bytes, receipts[i - 1].id.bytes, 16);
        CHECK_EQ(read.correlation.bytes[0], 9);
    }
    end();
}

TEST(a_batch_with_a_bad_draft_appends_nothing_and_names_it)
{
    begin();
    tally_draft batch[3] = {draft("a", "1"), draft("b", "2"), draft("", "3")};
    tally_receipt receipts[3];
    tally_error error;
    memset(receipts, 7, sizeof receipts);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, receipts, &error), TALLY_E_LENGTH);
    CHECK_EQ(error.position, 2);
    CHECK_SAYS(error, "draft 2");
    CHECK_EQ(receipts[0].durability, 0);
    CHECK_EQ(marks_now().buffered, 0);
    end();
}

TEST(batches_have_1_to_65536_drafts)
{
    begin();
    static tally_draft batch[TALLY_BATCH_MAX + 1];
    for (size_t i = 0; i <= TALLY_BATCH_MAX; i++) batch[i] = draft("a", "");
    CHECK_STATUS(tally_store_append_many(store, batch, 0, NULL, NULL, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_append_many(store, batch, TALLY_BATCH_MAX + 1, NULL, NULL, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_append_many(store, batch, TALLY_BATCH_MAX, NULL, NULL, NULL), TALLY_OK);
    CHECK_EQ(marks_now().durable, TALLY_BATCH_MAX);
    tally_event read;
    CHECK_STATUS(get_event(TALLY_BATCH_MAX - 1, &read), TALLY_OK);
    CHECK_EQ(read.version, TALLY_BATCH_MAX - 1);
    end();
}

/* ----------------------------------------------------------------------------------------- refusals */

typedef struct bad_draft {
    const char *what;
    tally_status status;
    void (*spoil)(tally_draft *draft);
} bad_draft;

static const tally_text bad_tags[] = {{"ok", 2}, {"\x01", 1}};
static const tally_text many_tags[TALLY_TAGS_MAX + 1];
static char long_text[70000];

static void no_stream(tally_draft *one) { one->stream = text(""); }
static void long_stream(tally_draft *one) { one->stream = (tally_text){long_text, 513}; }
static void system_stream(tally_draft *one) { one->stream = text("$log"); }
static void tally_type(tally_draft *one) { one->type = text("tally.recovered"); }
static void no_type(tally_draft *one) { one->type = text(""); }
static void control_type(tally_draft *one) { one->type = text("a\nb"); }
static void nul_type(tally_draft *one) { one->type = (tally_text){"a\0b", 3}; }
static void broken_type(tally_draft *one) { one->type = text("a\xff"); }
static void null_type(tally_draft *one) { one->type = (tally_text){NULL, 4}; }
static void long_content(tally_draft *one) { one->content_type = (tally_text){long_text, 256}; }
static void null_data(tally_draft *one) { one->data = NULL; }
static void huge_data(tally_draft *one) { one->length = TALLY_DATA_MAX + 1; }
static void negative_data(tally_draft *one) { one->length = SIZE_MAX; }
static void control_tag(tally_draft *one)
{
    one->tags = bad_tags;
    one->tag_count = 2;
}
static void null_tags(tally_draft *one) { one->tag_count = 1; }
static void too_many_tags(tally_draft *one)
{
    one->tags = many_tags;
    one->tag_count = TALLY_TAGS_MAX + 1;
}
static void long_key(tally_draft *one) { one->idempotency_key = (tally_text){long_text, 513}; }
static void unknown_flag(tally_draft *one) { one->flags = 4; }
static void reserved(tally_draft *one) { one->reserved = 1; }
static void own_cause(tally_draft *one) { one->flags = TALLY_DRAFT_CAUSE_IN_BATCH; }
static void subject(tally_draft *one) { one->subject = text("anna"); }
static void bad_size(tally_draft *one) { one->size = 8; }

static const bad_draft bad_drafts[] = {
    {"no stream", TALLY_E_LENGTH, no_stream},
    {"a long stream", TALLY_E_LENGTH, long_stream},
    {"the library's stream", TALLY_E_NAME, system_stream},
    {"the library's type", TALLY_E_NAME, tally_type},
    {"no type", TALLY_E_LENGTH, no_type},
    {"a control character", TALLY_E_NAME, control_type},
    {"a NUL", TALLY_E_NUL, nul_type},
    {"no UTF-8", TALLY_E_UTF8, broken_type},
    {"a NULL type", TALLY_E_NULL, null_type},
    {"a long content type", TALLY_E_LENGTH, long_content},
    {"NULL data", TALLY_E_NULL, null_data},
    {"too much data", TALLY_E_LENGTH, huge_data},
    {"a negative length", TALLY_E_LENGTH, negative_data},
    {"a bad tag", TALLY_E_NAME, control_tag},
    {"NULL tags", TALLY_E_NULL, null_tags},
    {"too many tags", TALLY_E_LIMIT, too_many_tags},
    {"a long key", TALLY_E_LENGTH, long_key},
    {"an unknown flag", TALLY_E_OPTION, unknown_flag},
    {"a reserved member", TALLY_E_OPTION, reserved},
    {"itself as its cause", TALLY_E_RANGE, own_cause},
    {"a subject", TALLY_E_UNSUPPORTED, subject},
    {"a bad size", TALLY_E_STRUCT_SIZE, bad_size},
};

TEST(a_bad_draft_is_refused_with_its_own_status)
{
    begin();
    memset(long_text, 'x', sizeof long_text);
    for (size_t i = 0; i < sizeof bad_drafts / sizeof *bad_drafts; i++) {
        tally_draft one = draft("a", "data");
        tally_error error;
        bad_drafts[i].spoil(&one);
        tally_status status = tally_store_append(store, &one, NULL, NULL, &error);
        CHECK_STATUS(status, bad_drafts[i].status);
        CHECK_EQ(error.status, status);
        CHECK(error.message[0] != '\0');
        if (status != bad_drafts[i].status) printf("# %s: %s\n", bad_drafts[i].what, error.message);
    }
    CHECK_EQ(marks_now().buffered, 0);
    end();
}

TEST(a_larger_draft_of_a_newer_header_is_read_with_its_own_stride)
{
    typedef struct newer {
        tally_draft known;
        uint64_t unknown;
    } newer;
    begin();
    newer batch[2] = {{draft("a", "1"), 0}, {draft("b", "2"), 0}};
    batch[0].known.size = batch[1].known.size = sizeof(newer);
    CHECK_STATUS(tally_store_append_many(store, &batch[0].known, 2, NULL, NULL, NULL), TALLY_OK);
    tally_event read;
    CHECK_STATUS(get_event(1, &read), TALLY_OK);
    CHECK(has_data(&read, "2"));
    batch[1].unknown = 1;
    CHECK_STATUS(tally_store_append_many(store, &batch[0].known, 2, NULL, NULL, NULL), TALLY_E_STRUCT_SIZE);
    batch[1].unknown = 0;
    batch[1].known.size = sizeof(tally_draft);
    CHECK_STATUS(tally_store_append_many(store, &batch[0].known, 2, NULL, NULL, NULL), TALLY_E_STRUCT_SIZE);
    end();
}

TEST(bad_options_are_refused)
{
    begin();
    tally_draft one = draft("a", "");
    tally_append_options options = at_level(4);
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_OPTION);
    options = at_level(TALLY_DURABLE);
    options.flags = 2;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_OPTION);
    options.flags = TALLY_APPEND_TRY;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_OPTION);
    options = at_level(0);
    options.expectation_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_NULL);
    options.expectation_count = 0;
    options.condition_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_NULL);
    tally_append_condition conditions[TALLY_CONDITIONS_MAX + 1] = {{.type_count = 0}};
    options.conditions = conditions;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_ARGUMENT);
    options.condition_count = TALLY_CONDITIONS_MAX + 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_LIMIT);
    conditions[0].types = &one.type;
    conditions[0].type_count = TALLY_QUERY_NAMES_MAX + 1;
    options.condition_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_LIMIT);
    tally_expectation expectation = {.expect = 4};
    options = at_level(0);
    options.expectations = &expectation;
    options.expectation_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_E_OPTION);
    CHECK_STATUS(tally_store_append(store, NULL, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_store_append(NULL, &one, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_EQ(marks_now().buffered, 0);
    end();
}

TEST(a_reading_store_appends_nothing)
{
    begin();
    append_one("a", "x", TALLY_DURABLE);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    reopen_with(&options);
    tally_draft one = draft("a", "");
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_E_READ_ONLY);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_E_READ_ONLY);
    CHECK_EQ(marks_now().written, 1);
    end();
}

TEST(appending_works_in_both_digests)
{
    for (uint32_t digest = TALLY_STORE_SHA256; digest <= TALLY_STORE_BLAKE2B; digest++) {
        tally_store_options options = store_options();
        options.digest = digest;
        begin_with(&options);
        append_one("a", "x", TALLY_DURABLE);
        tally_event read;
        CHECK_STATUS(get_event(0, &read), TALLY_OK);
        CHECK_EQ(read.core[1], digest);
        tally_store_info info;
        reopen(); /* asks for SHA-256; the store has its own */
        CHECK_STATUS(tally_store_info_get(store, &info, NULL), TALLY_OK);
        CHECK_EQ(info.digest, digest);
        end();
    }
}

TEST(try_never_waits_and_says_so_when_it_would)
{
    tally_store_options options = store_options();
    options.queue_bytes = 2000;
    begin_with(&options);
    tally_append_options eager = at_level(TALLY_BUFFERED);
    tally_draft one = draft("a", "data");
    eager.flags = TALLY_APPEND_TRY;
    tally_status status = TALLY_OK;
    int count = 0;
    while (status == TALLY_OK && count < 100) {
        status = tally_store_append(store, &one, &eager, NULL, NULL);
        count++;
    }
    CHECK_STATUS(status, TALLY_E_BUSY);
    CHECK(count > 3 && count < 10);
    work(); /* what waits is written */
    CHECK_STATUS(tally_store_append(store, &one, &eager, NULL, NULL), TALLY_OK);
    end();
}
