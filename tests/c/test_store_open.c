/* Opening and closing: modes, locks, names, clocks, and what is said about a store. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

static tally_status try_open(uint32_t mode, tally_error *error)
{
    tally_store_options options = store_options();
    tally_store *other = NULL;
    options.platform = wrapped;
    options.mode = mode;
    tally_status status = tally_store_open("store", 5, &options, &other, error);
    CHECK((other != NULL) == (status == TALLY_OK));
    if (other != NULL) CHECK_STATUS(tally_store_close(&other), TALLY_OK);
    return status;
}

static void begin_empty(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
}

TEST(modes_say_what_has_to_be_there)
{
    begin_empty();
    tally_error error;
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(try_open(TALLY_STORE_READ_ONLY, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(try_open(TALLY_STORE_NEW, &error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_NEW, &error), TALLY_E_EXISTS);
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_OPEN_OR_CREATE, &error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_READ_ONLY, &error), TALLY_OK);
    CHECK_STATUS(try_open(4, &error), TALLY_E_OPTION);
    end();
}

TEST(an_empty_store_keeps_its_lineage_and_name)
{
    tally_store_options options = store_options();
    options.name = text("audit/log-1");
    begin_with(&options);
    tally_store_info first;
    tally_store_info again;
    CHECK_STATUS(tally_store_info_get(store, &first, NULL), TALLY_OK);
    CHECK_TEXT(first.name, "audit/log-1");
    CHECK_EQ(first.writer_epoch, 1);
    options.name = text("ignored");
    reopen_with(&options);
    CHECK_STATUS(tally_store_info_get(store, &again, NULL), TALLY_OK);
    CHECK_BYTES(again.lineage, first.lineage, 16);
    CHECK_TEXT(again.name, "audit/log-1");
    CHECK_EQ(again.writer_epoch, 2);
    CHECK_EQ(again.recovery.happened, 0);
    end();
}

TEST(the_second_writer_is_told_who_has_it)
{
    begin();
    tally_error error;
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_E_LOCKED);
    char process[32];
    (void)snprintf(process, sizeof process, "process %" PRIu64, world->process_id(world->context));
    CHECK_SAYS(error, process);
    CHECK_SAYS(error, "memory"); /* the host's name in a world in memory */
    CHECK(strstr(error.path, "LOCK") != NULL);
    CHECK_STATUS(try_open(TALLY_STORE_READ_ONLY, &error), TALLY_OK);
    append_one("a", "x", TALLY_DURABLE); /* nothing happened to the first */
    end();
}

TEST(a_lock_file_that_somebody_removed_lets_no_second_writer_in)
{
    begin();
    tally_error error;
    int32_t os_error;
    append_one("a", "x", TALLY_DURABLE);
    REQUIRE_STATUS(world->remove_file(world->context, "store/LOCK", &os_error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_E_LOCKED);
    CHECK_SAYS(error, "LOCK was removed");
    append_one("a", "x", TALLY_DURABLE);
    reopen();
    append_one("a", "x", TALLY_DURABLE);
    REQUIRE_STATUS(world->remove_file(world->context, "store/LOCK", &os_error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_E_LOCKED); /* also of a store that was there before */
    end();
}

static tally_status open_with(const tally_store_options *options, const char *path, size_t length)
{
    tally_store *other = NULL;
    tally_error error;
    tally_status status = tally_store_open(path, length, options, &other, &error);
    CHECK(other == NULL);
    CHECK_STATUS(error.status, status);
    return status;
}

TEST(bad_arguments_are_refused_before_anything_is_touched)
{
    begin_empty();
    tally_store_options good = store_options();
    good.platform = wrapped;
    tally_store_options bad = good;
    char long_path[402];
    for (size_t i = 0; i < sizeof long_path; i++) long_path[i] = i % 2 == 0 ? '.' : '/'; /* no name in it is too long */
    CHECK_STATUS(tally_store_open("store", 5, &good, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(open_with(&good, NULL, 5), TALLY_E_NULL);
    CHECK_STATUS(open_with(&good, "", 0), TALLY_E_LENGTH);
    CHECK_STATUS(open_with(&good, long_path, 401), TALLY_E_LENGTH);
    CHECK_STATUS(open_with(&good, "a\0b", 3), TALLY_E_NUL);
    CHECK_STATUS(open_with(&good, "a\xff", 2), TALLY_E_UTF8);
    bad.size = 8;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_STRUCT_SIZE);
    bad = good;
    bad.flags = 4;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_OPTION);
    bad = good;
    bad.check = 3;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_OPTION);
    bad = good;
    bad.map = 2;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_OPTION);
    bad = good;
    bad.digest = 3;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_OPTION);
    bad = good;
    bad.mode_of_files = 01000;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_OPTION);
    bad = good;
    bad.segment_bytes = TALLY_SEGMENT_BYTES_MIN - 1;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_RANGE);
    bad.segment_bytes = TALLY_SEGMENT_BYTES_MAX + 1;
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_RANGE);
    bad = good;
    bad.name = text("no spaces");
    CHECK_STATUS(open_with(&bad, "store", 5), TALLY_E_NAME);
    CHECK_EQ(wrap_count(wrapped, WRAP_NAMES), 0);
    end();
}

static tally_status is_remote(void *context, const char *path, int32_t *remote, int32_t *os_error)
{
    (void)context;
    (void)path;
    *os_error = 0;
    *remote = 1;
    return TALLY_OK;
}

TEST(a_network_file_system_is_refused_unless_asked_for)
{
    begin_empty();
    tally_error error;
    wrapped->is_remote = is_remote;
    CHECK_STATUS(try_open(TALLY_STORE_OPEN_OR_CREATE, &error), TALLY_E_UNSUPPORTED);
    tally_store_options options = store_options();
    options.flags |= TALLY_STORE_ALLOW_REMOTE;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    end();
}

TEST(a_last_event_more_than_a_day_ahead_of_the_clock_is_refused)
{
    const int64_t hour_us = INT64_C(3600) * 1000000;
    begin();
    tally_error error;
    CHECK_STATUS(tally_platform_memory_advance(world, 48 * hour_us), TALLY_OK);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_STATUS(tally_platform_memory_advance(world, -25 * hour_us), TALLY_OK);
    append_one("a", "x", TALLY_DURABLE); /* a clock that jumps back is borne */
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_E_CLOCK);
    CHECK_STATUS(try_open(TALLY_STORE_READ_ONLY, &error), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(world, 2 * hour_us), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_EXISTING, &error), TALLY_OK);
    end();
}

TEST(files_have_the_mode_that_was_asked_for)
{
    tally_store_options options = store_options();
    options.mode_of_files = 0640;
    begin_with(&options);
    append_one("a", "x", TALLY_DURABLE);
    tally_file file;
    tally_file_status about;
    int32_t os_error;
    const char *const names[] = {"store/00000000.00.seg", "store/HEAD", "store/LOCK"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(world->open_file(world->context, names[i], TALLY_OPEN_READ, 0, &file, &os_error), TALLY_OK);
        CHECK_STATUS(world->file_status(world->context, file, &about, &os_error), TALLY_OK);
        CHECK_EQ(about.mode, 0640);
        CHECK_STATUS(world->close_file(world->context, file, &os_error), TALLY_OK);
    }
    CHECK_STATUS(world->open_file(world->context, "store", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_OK);
    CHECK_STATUS(world->file_status(world->context, file, &about, &os_error), TALLY_OK);
    CHECK_EQ(about.mode, 0750);
    CHECK_STATUS(world->close_file(world->context, file, &os_error), TALLY_OK);
    end();
}

TEST(a_directory_of_another_program_is_refused_and_left_alone)
{
    begin_empty();
    tally_file file;
    int32_t os_error;
    tally_error error;
    CHECK_STATUS(world->make_directory(world->context, "store", 0700, &os_error), TALLY_OK);
    uint32_t flags = TALLY_OPEN_WRITE | TALLY_OPEN_CREATE;
    CHECK_STATUS(world->open_file(world->context, "store/letter.txt", flags, 0600, &file, &os_error), TALLY_OK);
    CHECK_STATUS(world->close_file(world->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(try_open(TALLY_STORE_OPEN_OR_CREATE, &error), TALLY_E_FORMAT);
    CHECK_SAYS(error, "letter.txt");
    CHECK_STATUS(world->open_file(world->context, "store/LOCK", TALLY_OPEN_READ, 0, &file, &os_error),
                 TALLY_E_NOT_FOUND);
    end();
}

/* ------------------------------------------------------------------------------------------- close */

TEST(close_accepts_null_and_comes_twice)
{
    begin();
    tally_store *none = NULL;
    tally_store *same = store;
    CHECK_STATUS(tally_store_close(NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&none), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(store == NULL);
    CHECK_STATUS(tally_store_watermarks(same, &(tally_watermarks){0, 0, 0}, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_store_close(&same), TALLY_OK);
    end();
}

TEST(a_store_that_was_closed_is_clean_whatever_was_buffered)
{
    begin();
    for (int i = 0; i < 100; i++) append_one("a", "x", TALLY_BUFFERED);
    for (int i = 0; i < 3; i++) {
        tally_store_info info;
        reopen();
        CHECK_EQ(marks_now().durable, 100);
        CHECK_STATUS(tally_store_info_get(store, &info, NULL), TALLY_OK);
        CHECK_EQ(info.recovery.happened, 0);
        CHECK_EQ(info.recovery.rewritten_bytes < 4096, true);
    }
    end();
}

static void *close_it(void *argument)
{
    tally_store *mine = argument;
    CHECK_STATUS(tally_store_close(&mine), TALLY_OK);
    return NULL;
}

TEST(each_of_many_closers_returns_after_the_close)
{
    begin_threaded();
    pthread_t threads[4];
    append_one("a", "x", TALLY_BUFFERED);
    for (int i = 0; i < 4; i++) (void)pthread_create(&threads[i], NULL, close_it, store);
    for (int i = 0; i < 4; i++) (void)pthread_join(threads[i], NULL);
    store = NULL;
    tally_store_options options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK);
    CHECK_EQ(marks_now().durable, 1);
    end();
}

TEST(readers_are_closed_with_their_store)
{
    begin();
    tally_reader *reader = NULL;
    tally_event event;
    size_t count;
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_STATUS(tally_reader_open(store, NULL, &reader, NULL), TALLY_OK);
    CHECK_EQ(figures_now().readers, 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_reader_next(reader, &event, 1, &count, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
    end();
}

TEST(a_reading_store_sees_what_is_written)
{
    begin();
    append_one("a", "1", TALLY_DURABLE);
    tally_store *writer = store;
    tally_store_options options = store_options();
    options.platform = wrapped;
    options.mode = TALLY_STORE_READ_ONLY;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    tally_store *reader = store;
    tally_watermarks marks = marks_now();
    CHECK_EQ(marks.buffered, 1);
    CHECK_EQ(marks.written, 1);
    CHECK_EQ(marks.durable, 1);
    store = writer;
    append_one("a", "2", TALLY_BUFFERED);
    store = reader;
    CHECK_STATUS(tally_store_wait(reader, TALLY_WRITTEN, 1, 3, NULL), TALLY_E_TIMEOUT);
    store = writer;
    append_one("a", "3", TALLY_DURABLE);
    store = reader;
    CHECK_STATUS(tally_store_wait(reader, TALLY_DURABLE, 2, 1000, NULL), TALLY_OK);
    tally_event event;
    CHECK_STATUS(get_event(2, &event), TALLY_OK);
    CHECK(has_data(&event, "3"));
    CHECK_STATUS(tally_store_close(&reader), TALLY_OK);
    store = writer;
    end();
}
