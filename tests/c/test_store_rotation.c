/* Segments: when a new one is made, what happens to the full ones, and what is found when it is opened again. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static char big[40000];

static void append_big(uint32_t level)
{
    tally_draft one = draft("big", "");
    tally_append_options options = at_level(level);
    memset(big, 'b', sizeof big);
    one.data = big;
    one.length = sizeof big;
    tally_error error;
    tally_status status = tally_store_append(store, &one, &options, NULL, &error);
    CHECK_STATUS(status, TALLY_OK);
    if (status != TALLY_OK) printf("# %s\n", error.message);
}

static void check_all_read(uint64_t count)
{
    CHECK_EQ(marks_now().buffered, count);
    for (uint64_t position = 0; position < count && !test_has_failed(); position++) {
        tally_event read;
        CHECK_STATUS(get_event(position, &read), TALLY_OK);
        CHECK_EQ(read.position, position);
        CHECK_EQ(read.version, position);
    }
}

TEST(a_commit_that_does_not_fit_goes_into_a_new_segment)
{
    begin();
    CHECK_EQ(figures_now().segments, 1);
    append_big(TALLY_BUFFERED);
    CHECK_EQ(figures_now().segments, 1);
    append_big(TALLY_BUFFERED);
    CHECK_EQ(figures_now().segments, 2);
    for (int i = 0; i < 5; i++) append_big(TALLY_DURABLE);
    CHECK_EQ(figures_now().segments, 7);
    check_all_read(7);
    work();
    CHECK_EQ(figures_now().sealed_segments, 6);
    check_all_read(7);
    reopen();
    CHECK_EQ(figures_now().sealed_segments, 6);
    check_all_read(7);
    append_big(TALLY_DURABLE);
    check_all_read(8);
    end();
}

TEST(a_commit_larger_than_a_segment_gets_its_own)
{
    begin();
    static tally_draft batch[8];
    append_one("big", "x", TALLY_BUFFERED);
    for (int i = 0; i < 8; i++) {
        batch[i] = draft("big", "");
        batch[i].data = big;
        batch[i].length = sizeof big;
    }
    CHECK_STATUS(tally_store_append_many(store, batch, 8, NULL, NULL, NULL), TALLY_OK);
    append_one("big", "x", TALLY_DURABLE);
    CHECK_EQ(figures_now().segments, 3);
    check_all_read(10);
    reopen();
    check_all_read(10);
    end();
}

TEST(a_new_segment_waits_for_no_sync)
{
    begin();
    uint64_t syncs = wrap_count(wrapped, WRAP_SYNCS);
    for (int i = 0; i < 4; i++) append_big(TALLY_WRITTEN);
    CHECK_EQ(wrap_count(wrapped, WRAP_SYNCS), syncs);
    CHECK_EQ(marks_now().durable, 0);
    append_one("big", "x", TALLY_DURABLE); /* every earlier segment, the directory, this one */
    CHECK_EQ(wrap_count(wrapped, WRAP_BIT(WRAP_SYNC_DIRECTORY)) > 0, true);
    CHECK(wrap_count(wrapped, WRAP_SYNCS) >= syncs + 5);
    CHECK_EQ(marks_now().durable, 5);
    end();
}

TEST(the_number_of_unsealed_segments_is_bounded)
{
    begin();
    for (int i = 0; i < 30; i++) append_big(TALLY_BUFFERED);
    tally_store_statistics figures = figures_now();
    CHECK_EQ(figures.segments, 30);
    CHECK(figures.segments - figures.sealed_segments <= 8);
    check_all_read(30);
    end();
    begin_threaded();
    for (int i = 0; i < 30; i++) append_big(TALLY_BUFFERED);
    figures = figures_now();
    CHECK(figures.segments - figures.sealed_segments <= 8);
    check_all_read(30);
    end();
}

TEST(appending_goes_on_when_sealing_fails)
{
    tally_store_options options = store_options();
    begin_with(&options);
    for (int i = 0; i < 3; i++) append_big(TALLY_DURABLE);
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_BIT(WRAP_TRUNCATE_FILE), .kind = WRAP_FAIL, .for_ever = true});
    for (int i = 0; i < 20; i++) append_big(TALLY_BUFFERED);
    tally_store_statistics figures = figures_now();
    CHECK_EQ(figures.segments, 23);
    wrap_fault_set(wrapped, NULL);
    check_all_read(23);
    reopen();
    check_all_read(23);
    end();
}

TEST(a_closed_store_has_given_back_the_space_that_it_reserved)
{
    begin();
    append_one("a", "x", TALLY_DURABLE);
    CHECK_EQ(figures_now().file_bytes, TALLY_SEGMENT_BYTES_MIN);
    reopen();
    tally_store_statistics figures = figures_now();
    CHECK_EQ(figures.file_bytes, figures.log_bytes);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_EQ(figures_now().file_bytes, TALLY_SEGMENT_BYTES_MIN);
    CHECK_EQ(figures_now().segments, 1);
    end();
}

TEST(figures_count_what_is_in_the_log)
{
    begin();
    append_one("a", "12345", TALLY_BUFFERED);
    tally_draft batch[2] = {draft("a", "1"), draft("b", "2")};
    CHECK_STATUS(tally_store_append_many(store, batch, 2, NULL, NULL, NULL), TALLY_OK);
    tally_store_statistics figures = figures_now();
    CHECK_EQ(figures.events, 3);
    CHECK_EQ(figures.commits, 2);
    CHECK_EQ(figures.data_bytes, 7);
    CHECK_EQ(figures.appends, 2);
    CHECK_EQ(figures.appended_events, 3);
    CHECK_EQ(figures.queue_bytes, 0);
    CHECK(figures.heap_bytes > 0);
    CHECK_EQ(figures.readers, 0);
    reopen();
    figures = figures_now();
    CHECK_EQ(figures.events, 3);
    CHECK_EQ(figures.commits, 3); /* the mark of the clean close is one */
    CHECK_EQ(figures.appends, 0);
    figures.size = 8;
    CHECK_STATUS(tally_store_statistics_get(store, &figures, NULL), TALLY_E_STRUCT_SIZE);
    end();
}

static void look_up(const char *stream, uint64_t wanted)
{
    tally_stream_head head;
    CHECK_STATUS(tally_store_stream_head(store, text(stream), &head, NULL), TALLY_OK);
    CHECK_EQ(head.next_version, wanted);
}

/* A stream whose events lie in sealed segments only is looked up when it goes on. */
TEST(versions_go_on_across_segments_and_opens)
{
    begin();
    for (uint64_t round = 0; round < 4; round++) {
        append_one("rare", "x", TALLY_BUFFERED);
        for (int i = 0; i < 4; i++) append_big(TALLY_DURABLE);
        work();
        look_up("rare", round + 1);
        if (round % 2 == 0) reopen();
    }
    tally_event read;
    uint64_t position = append_one("rare", "x", TALLY_DURABLE);
    REQUIRE_STATUS(get_event(position, &read), TALLY_OK);
    CHECK_EQ(read.version, 4);
    uint64_t chain[8];
    size_t count;
    uint32_t ended;
    CHECK_STATUS(tally_store_ancestors(store, position, chain, 8, &count, &ended, NULL), TALLY_OK);
    CHECK_EQ(count, 5);
    CHECK_EQ(ended, TALLY_ANCESTORS_GENESIS);
    end();
}

TEST(trying_goes_to_a_new_segment_too)
{
    begin();
    tally_append_options eager = at_level(TALLY_BUFFERED);
    eager.flags = TALLY_APPEND_TRY;
    for (int i = 0; i < 6; i++) {
        tally_draft one = draft("big", "");
        one.data = big;
        one.length = sizeof big;
        CHECK_STATUS(tally_store_append(store, &one, &eager, NULL, NULL), TALLY_OK);
    }
    CHECK_EQ(figures_now().segments, 6);
    check_all_read(6);
    end();
}

TEST(a_reading_store_counts_commits_too)
{
    begin();
    for (int i = 0; i < 3; i++) append_one("big", "x", TALLY_DURABLE);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    reopen_with(&options);
    CHECK_EQ(figures_now().events, 3);
    CHECK_EQ(figures_now().commits, 4); /* with the mark of the clean close */
    end();
}

static void *append_large(void *user_data)
{
    tally_draft one = draft(user_data, "");
    tally_append_options options = at_level(TALLY_WRITTEN);
    one.data = big;
    one.length = sizeof big;
    for (int i = 0; i < 60; i++) CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
    return NULL;
}

static void be_slow(void *user_data, wrap_call call)
{
    (void)user_data;
    (void)call;
    world->sleep_ns(world->context, 50000);
}

/* One of them syncs what has to be sealed, and needs the lock to say so: once another one that wanted a segment asked
 * again and again under it. */
TEST(many_threads_that_tick_for_themselves_let_each_other_sync)
{
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    begin();
    wrap_watch(wrapped, WRAP_WRITES | WRAP_SYNCS, be_slow, NULL);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, append_large, names[i]), 0);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(figures_now().events, 240);
    end();
}

static tally_status append_40000(void)
{
    tally_draft one = draft("big", "");
    one.data = big;
    one.length = sizeof big;
    return tally_store_append(store, &one, NULL, NULL, NULL);
}

static void move_file(const char *from, const char *to)
{
    int32_t os_error;
    CHECK_STATUS(world->rename_file(world->context, from, to, &os_error), TALLY_OK);
}

/* As when somebody moved the directory away, and another store is made at its path. */
TEST(no_segment_is_made_where_another_store_lies)
{
    static const char first[] = "store/00000000.00.seg";
    static const char second[] = "store/00000001.00.seg";
    int32_t os_error;
    tally_file others;
    uint32_t flags = TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE;
    begin();
    CHECK_STATUS(append_40000(), TALLY_OK);
    move_file(first, "store/away");
    CHECK_STATUS(append_40000(), TALLY_E_NOT_FOUND);
    REQUIRE_STATUS(world->open_file(world->context, first, flags, 0600, &others, &os_error), TALLY_OK);
    CHECK_STATUS(world->close_file(world->context, others, &os_error), TALLY_OK);
    REQUIRE_STATUS(world->open_file(world->context, second, flags, 0600, &others, &os_error), TALLY_OK);
    tally_file_status about;
    CHECK_STATUS(append_40000(), TALLY_E_NOT_FOUND);
    append_one("small", "x", TALLY_DURABLE); /* what there is room for goes where it always went */
    CHECK_STATUS(world->file_status(world->context, others, &about, &os_error), TALLY_OK);
    CHECK_EQ(about.size_bytes, 0);
    CHECK_STATUS(world->close_file(world->context, others, &os_error), TALLY_OK);
    CHECK_STATUS(world->remove_file(world->context, second, &os_error), TALLY_OK);
    move_file("store/away", first);
    CHECK_STATUS(append_40000(), TALLY_OK); /* it was moved back */
    CHECK_EQ(marks_now().durable, 3);
    end();
}
