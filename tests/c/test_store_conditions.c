/* Expected versions, conditions, ids: what has to hold when the commit happens. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static tally_status expect(const char *stream, uint32_t what, uint64_t version, tally_error *error)
{
    tally_expectation expectation = {.stream = text(stream), .expect = what, .version = version};
    tally_append_options options = at_level(TALLY_BUFFERED);
    options.expectations = &expectation;
    options.expectation_count = 1;
    tally_draft one = draft("other", "x");
    return tally_store_append(store, &one, &options, NULL, error);
}

static void expectations_hold_where_they_should(void)
{
    tally_error error;
    CHECK_STATUS(expect("a", TALLY_EXPECT_ANY, 0, &error), TALLY_OK);
    CHECK_STATUS(expect("none", TALLY_EXPECT_ANY, 0, &error), TALLY_OK);
    CHECK_STATUS(expect("none", TALLY_EXPECT_NO_STREAM, 0, &error), TALLY_OK);
    CHECK_STATUS(expect("a", TALLY_EXPECT_NO_STREAM, 0, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 3);
    CHECK_STATUS(expect("a", TALLY_EXPECT_EXISTS, 0, &error), TALLY_OK);
    CHECK_STATUS(expect("none", TALLY_EXPECT_EXISTS, 0, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 0);
    CHECK_STATUS(expect("a", TALLY_EXPECT_VERSION, 2, &error), TALLY_OK);
    CHECK_STATUS(expect("a", TALLY_EXPECT_VERSION, 1, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 3);
    CHECK_STATUS(expect("a", TALLY_EXPECT_VERSION, 3, &error), TALLY_E_CONFLICT);
    CHECK_STATUS(expect("none", TALLY_EXPECT_VERSION, 0, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 0);
}

TEST(expectations_are_about_the_stream_as_it_is)
{
    begin();
    for (int i = 0; i < 3; i++) append_one("a", "x", TALLY_BUFFERED);
    expectations_hold_where_they_should();
    reopen();
    expectations_hold_where_they_should();
    end();
}

TEST(an_expectation_without_a_stream_is_about_the_first_drafts)
{
    begin();
    append_one("a", "x", TALLY_BUFFERED);
    tally_expectation expectation = {.expect = TALLY_EXPECT_VERSION, .version = 0};
    tally_append_options options = at_level(TALLY_BUFFERED);
    options.expectations = &expectation;
    options.expectation_count = 1;
    tally_draft batch[2] = {draft("a", "1"), draft("b", "2")};
    CHECK_STATUS(tally_store_append_many(store, batch, 2, &options, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_append_many(store, batch, 2, &options, NULL, NULL), TALLY_E_CONFLICT);
    CHECK_EQ(marks_now().buffered, 3);
    CHECK_EQ(figures_now().conflicts, 1);
    end();
}

static void *race(void *argument)
{
    _Atomic(uint32_t) *won = argument;
    tally_expectation expectation = {.expect = TALLY_EXPECT_VERSION};
    tally_append_options options = at_level(TALLY_BUFFERED);
    options.expectations = &expectation;
    options.expectation_count = 1;
    for (expectation.version = 0; expectation.version < 200; expectation.version++) {
        tally_draft one = draft("raced", "x");
        tally_status status = tally_store_append(store, &one, &options, NULL, NULL);
        if (status == TALLY_OK) atomic_fetch_add(won, 1);
        else CHECK_STATUS(status, TALLY_E_CONFLICT);
        while (status == TALLY_E_CONFLICT) { /* behind: catch up */
            tally_stream_head head;
            CHECK_STATUS(tally_store_stream_head(store, text("raced"), &head, NULL), TALLY_OK);
            if (head.next_version > expectation.version + 1) break;
        }
    }
    return NULL;
}

TEST(of_two_that_expect_the_same_version_one_wins)
{
    begin_threaded();
    _Atomic(uint32_t) won = 0;
    pthread_t threads[2];
    append_one("raced", "x", TALLY_BUFFERED);
    for (int i = 0; i < 2; i++) (void)pthread_create(&threads[i], NULL, race, &won);
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], NULL);
    tally_stream_head head;
    CHECK_STATUS(tally_store_stream_head(store, text("raced"), &head, NULL), TALLY_OK);
    CHECK_EQ(head.next_version, atomic_load(&won) + 1);
    end();
}

/* -------------------------------------------------------------------------------------- conditions */

static tally_status append_if_none(const char *type, const char *tag, uint64_t from, tally_error *error)
{
    tally_text types[] = {text(type)};
    tally_text tags[] = {text(tag)};
    tally_append_condition condition = {.types = types,
                                        .type_count = type[0] != '\0',
                                        .tags = tags,
                                        .tag_count = tag[0] != '\0',
                                        .from_position = from};
    tally_append_options options = at_level(TALLY_BUFFERED);
    options.conditions = &condition;
    options.condition_count = 1;
    tally_draft one = draft("decision", "x");
    return tally_store_append(store, &one, &options, NULL, error);
}

static void append_tagged(const char *type, const char *tag)
{
    tally_text tags[] = {text(tag)};
    tally_draft one = draft("a", "x");
    tally_append_options options = at_level(TALLY_BUFFERED);
    one.type = text(type);
    one.tags = tags;
    one.tag_count = 1;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
}

static void conditions_hold_where_they_should(void)
{
    tally_error error;
    CHECK_STATUS(append_if_none("order.paid", "", 0, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 0);
    CHECK_STATUS(append_if_none("order.*", "", 0, &error), TALLY_E_CONFLICT);
    CHECK_STATUS(append_if_none("order", "", 0, &error), TALLY_OK);
    CHECK_STATUS(append_if_none("", "n:2", 0, &error), TALLY_E_CONFLICT);
    CHECK_EQ(error.position, 1);
    CHECK_STATUS(append_if_none("order.paid", "n:1", 0, &error), TALLY_E_CONFLICT);
    CHECK_STATUS(append_if_none("order.paid", "n:2", 0, &error), TALLY_OK);
    CHECK_STATUS(append_if_none("order.*", "n:2", 2, &error), TALLY_OK);
    CHECK_STATUS(append_if_none("order.*", "n:2", 1, &error), TALLY_E_CONFLICT);
    CHECK_STATUS(append_if_none("", "n:9", 0, &error), TALLY_OK);
}

TEST(an_event_that_a_condition_is_about_is_a_conflict_from_its_position_on)
{
    begin();
    append_tagged("order.paid", "n:1");
    append_tagged("order.made", "n:2");
    conditions_hold_where_they_should();
    reopen();
    conditions_hold_where_they_should();
    end();
}

/* All threads decide on the same thing; each decision must see all before it. */
static void *decide(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++) {
        uint64_t end = marks_now().buffered;
        tally_text tags[] = {text("decision")};
        tally_append_condition condition = {.tags = tags, .tag_count = 1, .from_position = end};
        tally_append_options options = at_level(1 + (uint32_t)i % 2);
        options.conditions = &condition;
        options.condition_count = 1;
        char data[32];
        (void)snprintf(data, sizeof data, "%" PRIu64, end);
        tally_draft one = draft("a", data);
        one.tags = tags;
        one.tag_count = 1;
        tally_status status = tally_store_append(store, &one, &options, NULL, NULL);
        if (status != TALLY_OK) CHECK_STATUS(status, TALLY_E_CONFLICT);
    }
    return NULL;
}

TEST(no_two_decisions_are_based_on_the_same_past)
{
    begin_threaded();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) (void)pthread_create(&threads[i], NULL, decide, NULL);
    for (int i = 0; i < 4; i++) (void)pthread_join(threads[i], NULL);
    uint64_t end_position = marks_now().buffered;
    CHECK(end_position > 0);
    for (uint64_t position = 0; position < end_position; position++) {
        tally_event event;
        char data[32];
        REQUIRE_STATUS(get_event(position, &event), TALLY_OK);
        /* Only decisions are in the log, so that each must have seen exactly those before it. */
        (void)snprintf(data, sizeof data, "%" PRIu64, position);
        CHECK(has_data(&event, data));
    }
    end();
}

/* --------------------------------------------------------------------------------------------- ids */

static tally_status append_with_id(uint8_t first, tally_error *error)
{
    tally_draft one = draft("a", "x");
    tally_append_options options = at_level(TALLY_BUFFERED);
    memset(one.id.bytes, 0x11, 16);
    one.id.bytes[0] = first;
    return tally_store_append(store, &one, &options, NULL, error);
}

TEST(an_id_that_exists_is_refused_with_its_position)
{
    begin();
    tally_error error;
    CHECK_STATUS(append_with_id(1, &error), TALLY_OK);
    CHECK_STATUS(append_with_id(2, &error), TALLY_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(append_with_id(2, &error), TALLY_E_EXISTS);
        CHECK_EQ(error.position, 1);
        reopen();
    }
    CHECK_EQ(marks_now().buffered, 2);
    end();
}

TEST(an_id_that_was_made_counts_too)
{
    begin();
    tally_draft one = draft("a", "x");
    tally_receipt receipt;
    tally_error error;
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, NULL), TALLY_OK);
    one.id = receipt.id;
    CHECK_STATUS(tally_store_append(store, &one, NULL, &receipt, &error), TALLY_E_EXISTS);
    CHECK_EQ(error.position, 1);
    CHECK_EQ(receipt.durability, 0);
    end();
}

TEST(an_id_comes_once_in_a_batch)
{
    begin();
    tally_draft batch[3] = {draft("a", "1"), draft("b", "2"), draft("c", "3")};
    tally_error error;
    memset(batch[0].id.bytes, 5, 16);
    memset(batch[2].id.bytes, 5, 16);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, NULL, &error), TALLY_E_ARGUMENT);
    CHECK_EQ(error.position, 2);
    memset(batch[2].id.bytes, 6, 16);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, NULL, &error), TALLY_OK);
    memset(batch[0].id.bytes, 7, 16);
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, NULL, &error), TALLY_E_EXISTS);
    CHECK_EQ(error.position, 2);
    CHECK_SAYS(error, "draft 2");
    end();
}

static void *append_same_ids(void *argument)
{
    _Atomic(uint32_t) *taken = argument;
    for (uint32_t i = 0; i < 200; i++) {
        tally_draft one = draft("a", "x");
        tally_append_options options = at_level(1 + i % 3);
        memset(one.id.bytes, 0x22, 16);
        memcpy(one.id.bytes, &i, sizeof i);
        tally_status status = tally_store_append(store, &one, &options, NULL, NULL);
        if (status == TALLY_OK) atomic_fetch_add(taken, 1);
        else CHECK_STATUS(status, TALLY_E_EXISTS);
    }
    return NULL;
}

TEST(of_threads_that_bring_the_same_id_one_gets_it)
{
    begin_threaded();
    _Atomic(uint32_t) taken = 0;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) (void)pthread_create(&threads[i], NULL, append_same_ids, &taken);
    for (int i = 0; i < 3; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&taken), 200);
    CHECK_EQ(marks_now().buffered, 200);
    end();
}
