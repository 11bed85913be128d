/* store/reader, page, query, get, list, ancestors: what is read back, page by page and one by one. */
#include "test.h"

#include "stores.h"

static tally_event events[1000];
static tally_error error;
static tally_reader *reader;

/* `count` events over a few streams and types, in several segments: sealed ones, and the last one not. */
static void fill(uint32_t count)
{
    static const char *const streams[] = {"order/1", "order/2", "order/eu/3", "user.ada", "user.bob"};
    static const char *const types[] = {"order.paid", "order.made", "user.joined"};
    static char data[700];
    memset(data, 'x', sizeof data - 1);
    for (uint32_t i = 0; i < count; i++) {
        tally_text tags[2] = {text(i % 2 == 0 ? "even" : "odd"), text("all")};
        tally_draft event = draft(streams[i % 5], data);
        event.length = i % sizeof data;
        event.type = text(types[i % 3]);
        event.tags = tags;
        event.tag_count = i % 7 == 0 ? 0 : 2;
        tally_append_options options = at_level(TALLY_BUFFERED);
        REQUIRE_STATUS(tally_store_append(store, &event, &options, NULL, &error), TALLY_OK);
    }
    CHECK_STATUS(tally_store_sync(store, &error), TALLY_OK);
    work();
}

static tally_query query(void) { return (tally_query){.size = sizeof(tally_query)}; }

static void open_reader(const tally_query *wanted)
{
    CHECK_STATUS(tally_reader_open(store, wanted, &reader, &error), TALLY_OK);
}

static size_t next_page(size_t capacity)
{
    size_t count = 77;
    tally_status status = tally_reader_next(reader, events, capacity, &count, &error);
    CHECK_STATUS(status, TALLY_OK);
    return status == TALLY_OK ? count : 0;
}

static void close_reader(void) { CHECK_STATUS(tally_reader_close(&reader), TALLY_OK); }

/* How many events a query gives, in pages of `capacity`, each one with `wanted` in front of the other. */
static uint64_t count_all(const tally_query *wanted, size_t capacity)
{
    uint64_t total = 0;
    uint64_t last = wanted->flags & TALLY_QUERY_BACKWARDS ? UINT64_MAX : 0;
    open_reader(wanted);
    for (size_t count = next_page(capacity); count != 0; count = next_page(capacity)) {
        for (size_t i = 0; i < count; i++) {
            bool rises = wanted->flags & TALLY_QUERY_BACKWARDS ? events[i].position < last
                                                               : total + i == 0 || events[i].position > last;
            CHECK(rises);
            last = events[i].position;
        }
        total += count;
    }
    CHECK_EQ(next_page(1), 0); /* the end stays the end */
    close_reader();
    return total;
}

TEST(pages_of_any_size_give_each_event_once_in_both_directions)
{
    begin();
    fill(900);
    CHECK(figures_now().sealed_segments > 3);
    const size_t sizes[] = {1, 2, 7, 100, 899, 900, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tally_query all = query();
        CHECK_EQ(count_all(&all, sizes[i]), 900);
        all.flags = TALLY_QUERY_BACKWARDS;
        CHECK_EQ(count_all(&all, sizes[i]), 900);
    }
    end();
}

TEST(a_query_gives_the_events_that_match_all_of_it)
{
    begin();
    fill(1050);
    tally_text types[] = {{"order.*", 7}, {"nobody", 6}};
    tally_text tags[] = {{"even", 4}, {"all", 3}};
    tally_query wanted = query();
    wanted.stream = text("order/2");
    CHECK_EQ(count_all(&wanted, 100), 210);
    wanted = query();
    wanted.stream_prefix = text("order/");
    CHECK_EQ(count_all(&wanted, 100), 630);
    wanted.stream_prefix = text("us"); /* no key of an index: compared */
    CHECK_EQ(count_all(&wanted, 100), 420);
    wanted = query();
    wanted.types = types;
    wanted.type_count = 2;
    CHECK_EQ(count_all(&wanted, 100), 700);
    wanted.type_count = 0;
    wanted.tags = tags;
    wanted.tag_count = 2;
    CHECK_EQ(count_all(&wanted, 100), 450);
    wanted.types = types;
    wanted.type_count = 1;
    wanted.stream_prefix = text("order/eu/");
    CHECK_EQ(count_all(&wanted, 100), 60);
    wanted.flags = TALLY_QUERY_BACKWARDS;
    CHECK_EQ(count_all(&wanted, 7), 60);
    end();
}

TEST(positions_versions_and_times_bound_a_query)
{
    begin();
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(append_one(i % 2 == 0 ? "a" : "b", "", TALLY_BUFFERED), i);
        (void)tally_platform_memory_advance(world, 1000);
    }
    REQUIRE_STATUS(get_event(40, &events[0]), TALLY_OK);
    int64_t time = events[0].time_us;
    tally_query wanted = query();
    wanted.from_position = 10;
    wanted.to_position = 30;
    CHECK_EQ(count_all(&wanted, 7), 20);
    wanted = query();
    wanted.from_time_us = time;
    CHECK_EQ(count_all(&wanted, 7), 60);
    wanted.to_time_us = time + 1000;
    CHECK_EQ(count_all(&wanted, 7), 1);
    wanted.from_time_us = 0;
    CHECK_EQ(count_all(&wanted, 7), 41);
    wanted = query();
    wanted.stream = text("b");
    wanted.flags = TALLY_QUERY_VERSIONS;
    wanted.from_version = 10;
    CHECK_EQ(count_all(&wanted, 7), 40);
    wanted.to_version = 12;
    CHECK_EQ(count_all(&wanted, 7), 2);
    wanted.from_version = 60;
    CHECK_EQ(count_all(&wanted, 7), 0);
    end();
}

TEST(a_place_is_where_another_query_goes_on)
{
    begin();
    fill(500);
    tally_query wanted = query();
    tally_reader_place place;
    tally_text tag = text("odd");
    wanted.tags = &tag;
    wanted.tag_count = 1;
    uint64_t all = count_all(&wanted, 100);
    uint64_t total = 0;
    uint64_t rounds = 0;
    for (size_t count = 1; count != 0; rounds++) {
        open_reader(&wanted);
        count = next_page(9);
        total += count;
        CHECK_STATUS(tally_reader_place_get(reader, &place, &error), TALLY_OK);
        CHECK_EQ(place.end_position, 500);
        CHECK_EQ(place.returned, count);
        CHECK(place.examined >= count);
        wanted.from_position = place.next_position;
        close_reader();
    }
    CHECK_EQ(total, all);
    CHECK(rounds > 10);
    end();
}

TEST(a_reader_is_a_view_that_a_refresh_moves_on)
{
    begin();
    fill(3);
    open_reader(NULL);
    CHECK_EQ(next_page(100), 3);
    fill(400); /* further segments, sealed meanwhile */
    CHECK_EQ(next_page(100), 0);
    CHECK_STATUS(tally_reader_refresh(reader, &error), TALLY_OK);
    uint64_t total = 0;
    for (size_t count = 1; count != 0; total += count) count = next_page(100);
    CHECK_EQ(total, 400);
    close_reader();
    tally_query wanted = query();
    wanted.flags = TALLY_QUERY_BACKWARDS;
    open_reader(&wanted);
    CHECK_STATUS(tally_reader_refresh(reader, &error), TALLY_E_ARGUMENT);
    close_reader();
    wanted = query();
    wanted.to_position = 4;
    open_reader(&wanted);
    CHECK_STATUS(tally_reader_refresh(reader, &error), TALLY_E_ARGUMENT);
    close_reader();
    end();
}

TEST(a_stream_that_appears_later_is_found_after_a_refresh)
{
    begin();
    fill(2);
    tally_query wanted = query();
    wanted.stream = text("late");
    open_reader(&wanted);
    CHECK_EQ(next_page(10), 0);
    (void)append_one("late", "", TALLY_BUFFERED);
    CHECK_STATUS(tally_reader_refresh(reader, &error), TALLY_OK);
    CHECK_EQ(next_page(10), 1);
    close_reader();
    end();
}

TEST(a_durable_reader_ends_at_the_durable_watermark)
{
    begin();
    (void)append_one("a", "", TALLY_DURABLE);
    (void)append_one("a", "", TALLY_BUFFERED);
    tally_query wanted = query();
    CHECK_EQ(count_all(&wanted, 10), 2);
    wanted.flags = TALLY_QUERY_DURABLE_ONLY;
    CHECK_EQ(count_all(&wanted, 10), 1);
    end();
}

TEST(a_work_limit_ends_a_call_and_the_next_one_goes_on)
{
    begin();
    tally_text rare = text("rare");
    tally_text common = text("common");
    tally_text both[] = {rare, common};
    for (uint32_t i = 0; i < 300; i++) {
        tally_draft event = draft("a", "");
        event.tags = i == 299 ? both : i % 2 == 0 ? &common : &rare;
        event.tag_count = i == 299 ? 2 : 1;
        REQUIRE_STATUS(tally_store_append(store, &event, NULL, NULL, &error), TALLY_OK);
    }
    for (uint32_t backwards = 0; backwards < 2; backwards++) {
        tally_query wanted = query();
        tally_reader_place place;
        size_t count;
        uint32_t limits = 0;
        wanted.tags = both;
        wanted.tag_count = 2;
        wanted.work_limit = 10;
        wanted.flags = backwards ? TALLY_QUERY_BACKWARDS : 0;
        uint64_t total = 0;
        open_reader(&wanted);
        for (;;) {
            tally_status status = tally_reader_next(reader, events, 100, &count, &error);
            total += count;
            if (status == TALLY_OK && count == 0) break;
            if (status == TALLY_E_WORK_LIMIT) limits++;
            else REQUIRE_STATUS(status, TALLY_OK);
            REQUIRE(limits < 1000);
        }
        CHECK_EQ(total, 1);
        CHECK(limits > 5);
        CHECK_STATUS(tally_reader_place_get(reader, &place, &error), TALLY_OK);
        CHECK(place.examined >= 140 && place.examined <= 151); /* of the rarer one in each segment */
        close_reader();
    }
    end();
}

TEST(a_page_of_large_events_is_as_long_as_the_readers_memory)
{
    static char large[400000];
    begin();
    for (uint32_t i = 0; i < 12; i++) {
        tally_draft event = draft("a", "");
        event.data = large;
        event.length = sizeof large - i;
        large[0] = (char)i;
        tally_append_options options = at_level(TALLY_BUFFERED);
        REQUIRE_STATUS(tally_store_append(store, &event, &options, NULL, &error), TALLY_OK);
    }
    uint64_t total = 0;
    open_reader(NULL);
    for (size_t count = next_page(100); count != 0; count = next_page(100)) {
        for (size_t i = 0; i < count; i++) {
            CHECK_EQ(events[i].length, sizeof large - events[i].position);
            CHECK_EQ(((const char *)events[i].data)[0], events[i].position);
        }
        total += count;
    }
    CHECK_EQ(total, 12);
    close_reader();
    end();
}

/* ------------------------------------------------------------------------------------------- damage */

/* Changes one byte of an event's frame, `at` bytes behind its core. */
static void damage(uint64_t position, size_t at)
{
    tally_file file;
    int32_t os_error;
    char name[64];
    uint8_t bytes[4096];
    REQUIRE_STATUS(get_event(position, &events[0]), TALLY_OK);
    uint8_t core[TALLY_CORE_BYTES];
    memcpy(core, events[0].core, sizeof core);
    for (uint32_t segment = 0; segment < 30; segment++) {
        (void)snprintf(name, sizeof name, "store/%08x.00.seg", segment);
        if (wrapped->open_file(wrapped->context, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0, &file, &os_error) != 0) {
            continue;
        }
        size_t done = 1;
        for (uint64_t offset = 0; done != 0; offset += 8) {
            (void)wrapped->read_at(wrapped->context, file, bytes, sizeof core, offset, &done, &os_error);
            if (done < sizeof core || memcmp(bytes, core, sizeof core) != 0) continue;
            (void)wrapped->read_at(wrapped->context, file, bytes, 1, offset + at, &done, &os_error);
            bytes[0] ^= 1;
            (void)wrapped->write_at(wrapped->context, file, bytes, 1, offset + at, &done, &os_error);
            (void)wrapped->close_file(wrapped->context, file, &os_error);
            return;
        }
        (void)wrapped->close_file(wrapped->context, file, &os_error);
    }
    CHECK_EQ(position, UINT64_MAX); /* it is in no file */
}

static void damage_some(uint32_t map)
{
    begin();
    fill(600);
    damage(37, 20);      /* the core of an event in a sealed segment */
    damage(40, 112 + 3); /* a body */
    damage(599, 100);    /* an event that is not sealed */
    tally_store_options options = store_options();
    options.map = map;
    options.mode = TALLY_STORE_READ_ONLY;
    reopen_with(&options);
    size_t count;
    uint64_t total = 0;
    uint64_t damaged[4];
    uint32_t found = 0;
    open_reader(NULL);
    for (;;) {
        tally_status status = tally_reader_next(reader, events, 10, &count, &error);
        total += count;
        if (status == TALLY_OK && count == 0) break;
        if (status == TALLY_OK) continue;
        REQUIRE_STATUS(status, TALLY_E_DAMAGED);
        REQUIRE(found < 4);
        damaged[found++] = error.position;
        CHECK(strstr(error.path, "store/0000") != NULL);
        CHECK_SAYS(error, "offset");
    }
    close_reader();
    CHECK_EQ(found, 2);       /* what recovery does not believe is not in the view */
    CHECK_EQ(damaged[0], 37); /* NOLINT(clang-analyzer-core.CallAndMessage) */
    CHECK_EQ(damaged[1], 40); /* NOLINT(clang-analyzer-core.CallAndMessage) */
    CHECK(total >= 590);
    CHECK_STATUS(get_event(37, &events[0]), TALLY_E_DAMAGED);
    CHECK_STATUS(get_event(38, &events[0]), TALLY_OK);
    end();
}

/* Writes over the sections of the first segment: between its last commit and its trailer. */
static void damage_sections(void)
{
    tally_file file;
    int32_t os_error;
    tally_file_status status;
    static uint8_t bytes[TALLY_SEGMENT_BYTES_MIN * 2];
    size_t done;
    REQUIRE_STATUS(wrapped->open_file(wrapped->context, "store/00000000.00.seg", TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0,
                                      &file, &os_error),
                   TALLY_OK);
    REQUIRE_STATUS(wrapped->file_status(wrapped->context, file, &status, &os_error), TALLY_OK);
    REQUIRE(status.size_bytes < sizeof bytes);
    (void)wrapped->read_at(wrapped->context, file, bytes, sizeof bytes, 0, &done, &os_error);
    uint64_t data_end = 0;
    memcpy(&data_end, bytes + done - 128 + 8, 8);
    REQUIRE(data_end < done);
    memset(bytes, 0x5a, sizeof bytes);
    (void)wrapped->write_at(wrapped->context, file, bytes, done - 128 - 7 * 32 - data_end, data_end, &done, &os_error);
    (void)wrapped->close_file(wrapped->context, file, &os_error);
}

static void pass_a_lost_segment(uint32_t flags)
{
    begin();
    fill(600);
    damage(37, 20);
    damage_sections();
    reopen();
    tally_text tag = text("all");
    tally_query wanted = query();
    size_t count;
    uint64_t total = 0;
    uint32_t damaged = 0;
    wanted.tags = &tag;
    wanted.tag_count = 1;
    wanted.flags = flags;
    open_reader(&wanted);
    for (;;) {
        tally_status status = tally_reader_next(reader, events, 50, &count, &error);
        total += count;
        if (status == TALLY_OK && count == 0) break;
        if (status == TALLY_E_DAMAGED) damaged++;
        REQUIRE(damaged < 5);
    }
    close_reader();
    CHECK_EQ(damaged, 1);
    CHECK_EQ(error.status, TALLY_OK);
    CHECK(total > 300 && total < 514);
    end();
}

TEST(a_segment_that_cannot_be_looked_through_is_told_of_once_and_passed_over)
{
    pass_a_lost_segment(0);
    pass_a_lost_segment(TALLY_QUERY_BACKWARDS);
}

TEST(a_damaged_event_is_told_of_once_and_passed_over) { damage_some(TALLY_MAP_SEALED); }
TEST(a_damaged_event_is_told_of_without_maps_too) { damage_some(TALLY_MAP_NEVER); }

TEST(damaged_data_leave_the_rest_of_the_event)
{
    begin();
    fill(600);
    REQUIRE_STATUS(get_event(50, &events[0]), TALLY_OK);
    size_t body = (events[0].body_length + 7) & ~(size_t)7;
    damage(50, 112 + body + 16 + 5);
    reopen();
    REQUIRE_STATUS(get_event(50, &events[0]), TALLY_OK);
    CHECK_EQ(events[0].data_state, TALLY_DATA_DAMAGED);
    CHECK(events[0].data == NULL && events[0].length == 0);
    CHECK_EQ(events[0].stream.length, 7);
    CHECK_STATUS(get_event(51, &events[0]), TALLY_OK);
    CHECK_EQ(events[0].data_state, TALLY_DATA_READABLE);
    end();
}

/* ------------------------------------------------------------------------------------------- handles */

TEST(a_closed_store_closes_its_readers)
{
    begin();
    fill(10);
    tally_reader *others[3];
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(tally_reader_open(store, NULL, &others[i], &error), TALLY_OK);
    }
    CHECK_EQ(figures_now().readers, 3);
    CHECK_STATUS(tally_reader_close(&others[1]), TALLY_OK);
    CHECK_EQ(figures_now().readers, 2);
    CHECK_STATUS(tally_reader_close(&others[1]), TALLY_OK); /* NULL now */
    end();
    size_t count;
    CHECK_STATUS(tally_reader_next(others[0], events, 10, &count, &error), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reader_refresh(others[2], &error), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reader_close(&others[0]), TALLY_OK);
    CHECK_STATUS(tally_reader_close(&others[2]), TALLY_OK);
}

static tally_status status_inside;

static void read_inside(void *user_data, wrap_call call)
{
    size_t count;
    (void)user_data;
    (void)call;
    status_inside = tally_reader_next(reader, &events[500], 1, &count, NULL);
}

TEST(a_reader_is_for_one_thread_at_a_time)
{
    begin();
    fill(300);
    tally_store_options options = store_options();
    options.map = TALLY_MAP_NEVER;
    reopen_with(&options);
    open_reader(NULL);
    wrap_watch(wrapped, WRAP_BIT(WRAP_READ_AT), read_inside, NULL);
    CHECK_EQ(next_page(3), 3);
    wrap_watch(wrapped, 0, NULL, NULL);
    CHECK_STATUS(status_inside, TALLY_E_BUSY);
    close_reader();
    end();
}

static void refused(const tally_query *wanted, tally_status status)
{
    reader = (tally_reader *)&reader;
    CHECK_STATUS(tally_reader_open(store, wanted, &reader, &error), status);
    CHECK_STATUS(error.status, status);
    CHECK(reader == NULL);
}

TEST(queries_that_say_nothing_sensible_are_refused)
{
    begin();
    static char longest[600];
    memset(longest, 'x', sizeof longest - 1);
    tally_text names[65];
    for (size_t i = 0; i < 65; i++) names[i] = text("t");
    tally_query wanted = query();
    wanted.size = 8;
    refused(&wanted, TALLY_E_STRUCT_SIZE);
    wanted = query();
    wanted.stream = wanted.stream_prefix = text("a");
    refused(&wanted, TALLY_E_ARGUMENT);
    wanted = query();
    wanted.flags = TALLY_QUERY_VERSIONS;
    refused(&wanted, TALLY_E_ARGUMENT);
    wanted.flags = 0;
    wanted.stream = text("a");
    wanted.to_version = 3;
    refused(&wanted, TALLY_E_ARGUMENT);
    wanted = query();
    wanted.flags = 64;
    refused(&wanted, TALLY_E_OPTION);
    wanted = query();
    wanted.subject = text("ada");
    refused(&wanted, TALLY_E_UNSUPPORTED);
    wanted = query();
    wanted.stream = text(longest);
    refused(&wanted, TALLY_E_LENGTH);
    wanted.stream = text("a\n");
    refused(&wanted, TALLY_E_NAME);
    wanted.stream = text("\xff");
    refused(&wanted, TALLY_E_UTF8);
    wanted.stream = (tally_text){NULL, 3};
    refused(&wanted, TALLY_E_NULL);
    wanted = query();
    wanted.types = names;
    wanted.type_count = 65;
    refused(&wanted, TALLY_E_LIMIT);
    wanted.type_count = 1;
    names[0] = text("a*b");
    refused(&wanted, TALLY_E_NAME);
    names[0] = text("*");
    refused(&wanted, TALLY_E_NAME);
    wanted = query();
    wanted.tag_count = 1;
    refused(&wanted, TALLY_E_NULL);
    CHECK_STATUS(tally_reader_open(store, NULL, NULL, &error), TALLY_E_NULL);
    open_reader(NULL);
    size_t count;
    CHECK_STATUS(tally_reader_next(reader, events, 0, &count, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_reader_next(reader, events, 65537, &count, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_reader_next(reader, NULL, 1, &count, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_reader_next(reader, events, 1, NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_reader_place_get(reader, NULL, &error), TALLY_E_NULL);
    CHECK_EQ(next_page(5), 0); /* an empty log */
    close_reader();
    end();
}

/* ---------------------------------------------------------------------------------------- one by one */

TEST(get_says_how_much_room_an_event_needs)
{
    begin();
    fill(300);
    static uint8_t buffer[8192];
    for (uint64_t position = 0; position < 300; position += 7) {
        size_t needed;
        CHECK_STATUS(tally_store_get(store, position, NULL, 0, &needed, &events[0], &error), TALLY_E_SPACE);
        REQUIRE(needed > 248 && needed < sizeof buffer);
        CHECK_STATUS(tally_store_get(store, position, buffer, needed - 1, &needed, &events[0], &error), TALLY_E_SPACE);
        CHECK_STATUS(tally_store_get(store, position, buffer, needed, &needed, &events[0], &error), TALLY_OK);
        CHECK_EQ(events[0].position, position);
        CHECK(events[0].core >= buffer && events[0].core < buffer + needed);
    }
    size_t needed;
    CHECK_STATUS(tally_store_get(store, 300, buffer, sizeof buffer, &needed, &events[0], &error), TALLY_E_RANGE);
    CHECK_EQ(error.position, 300);
    CHECK_STATUS(tally_store_get(store, UINT64_MAX, buffer, sizeof buffer, &needed, &events[0], &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_get(store, 0, buffer, sizeof buffer, NULL, &events[0], &error), TALLY_E_NULL);
    end();
}

TEST(an_event_is_found_by_id_and_by_version)
{
    begin();
    fill(400);
    uint64_t position;
    for (uint64_t i = 0; i < 400; i += 11) {
        REQUIRE_STATUS(get_event(i, &events[0]), TALLY_OK);
        CHECK_STATUS(tally_store_find_id(store, &events[0].id, &position, &error), TALLY_OK);
        CHECK_EQ(position, i);
        CHECK_STATUS(tally_store_find_version(store, events[0].stream, events[0].version, &position, &error), TALLY_OK);
        CHECK_EQ(position, i);
    }
    tally_uuid nobody = {{9}};
    tally_stream_head head;
    CHECK_STATUS(tally_store_find_id(store, &nobody, &position, &error), TALLY_E_NOT_FOUND);
    CHECK_EQ(position, 0);
    CHECK_STATUS(tally_store_find_version(store, text("order/1"), 80, &position, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_store_stream_head(store, text("order/1"), &head, &error), TALLY_OK);
    CHECK_EQ(head.next_version, 80);
    CHECK_EQ(head.last_position, 395);
    CHECK_STATUS(tally_store_stream_head(store, text("nobody"), &head, &error), TALLY_OK);
    CHECK_EQ(head.next_version, 0);
    CHECK_EQ(head.last_position, TALLY_POSITION_NONE);
    CHECK_STATUS(tally_store_stream_head(store, text(""), &head, &error), TALLY_E_LENGTH);
    end();
}

TEST(an_empty_log_has_nothing_to_find)
{
    begin();
    uint64_t position;
    uint32_t ended;
    size_t count;
    tally_uuid nobody = {{9}};
    tally_listed item;
    CHECK_STATUS(get_event(0, &events[0]), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_find_id(store, &nobody, &position, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_store_find_version(store, text("a"), 0, &position, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_store_ancestors(store, 0, &position, 1, &count, &ended, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_STREAMS, text(""), text(""), &item, 1, NULL, 0, &count, &error),
                 TALLY_OK);
    CHECK_EQ(count, 0);
    end();
}

/* --------------------------------------------------------------------------------------------- lists */

TEST(names_are_listed_in_order_with_their_figures)
{
    static const char *const sorted[] = {"order/1", "order/2", "order/eu/3", "user.ada", "user.bob"};
    static const uint64_t first[] = {0, 1, 2, 3, 4};
    begin();
    fill(500);
    for (size_t page = 1; page <= 6; page++) {
        tally_listed items[6];
        char names[200];
        char after[64] = "";
        size_t total = 0;
        for (;;) {
            size_t count;
            REQUIRE_STATUS(tally_store_list(store, TALLY_LIST_STREAMS, text(""), text(after), items, page, names,
                                            sizeof names, &count, &error),
                           TALLY_OK);
            if (count == 0) break;
            for (size_t i = 0; i < count; i++, total++) {
                REQUIRE(total < 5 && items[i].name.length == strlen(sorted[total]));
                CHECK_BYTES(items[i].name.bytes, sorted[total], items[i].name.length);
                CHECK_EQ(items[i].count, 100);
                CHECK_EQ(items[i].first_position, first[total]);
                CHECK_EQ(items[i].last_position, 495 + first[total]);
            }
            memcpy(after, items[count - 1].name.bytes, items[count - 1].name.length);
            after[items[count - 1].name.length] = '\0';
        }
        CHECK_EQ(total, 5);
    }
    end();
}

TEST(a_list_keeps_to_its_prefix_and_its_room)
{
    begin();
    fill(500);
    tally_listed items[10];
    char names[200];
    size_t count;
    CHECK_STATUS(
        tally_store_list(store, TALLY_LIST_STREAMS, text("order/"), text("a"), items, 10, names, 200, &count, &error),
        TALLY_OK);
    CHECK_EQ(count, 3);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_STREAMS, text("order/"), text("order/2"), items, 10, names, 200,
                                  &count, &error),
                 TALLY_OK);
    CHECK_EQ(count, 1);
    CHECK_STATUS(
        tally_store_list(store, TALLY_LIST_STREAMS, text("order/"), text("z"), items, 10, names, 200, &count, &error),
        TALLY_OK);
    CHECK_EQ(count, 0);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_STREAMS, text(""), text(""), items, 10, names, 15, &count, &error),
                 TALLY_OK);
    CHECK_EQ(count, 2);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_STREAMS, text(""), text(""), items, 10, names, 3, &count, &error),
                 TALLY_E_SPACE);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_TYPES, text(""), text(""), items, 10, names, 200, &count, &error),
                 TALLY_OK);
    CHECK_EQ(count, 3);
    CHECK_STATUS(tally_store_list(store, TALLY_LIST_TAGS, text(""), text(""), items, 10, names, 200, &count, &error),
                 TALLY_OK);
    CHECK_EQ(count, 3);
    CHECK_EQ(items[0].count, 500 - 72); /* "all": every seventh event has no tag */
    CHECK_STATUS(
        tally_store_list(store, TALLY_LIST_SUBJECTS, text(""), text(""), items, 10, names, 200, &count, &error),
        TALLY_E_UNSUPPORTED);
    CHECK_STATUS(tally_store_list(store, 9, text(""), text(""), items, 10, names, 200, &count, &error), TALLY_E_OPTION);
    CHECK_STATUS(tally_store_list(store, 1, text(""), text(""), items, 0, names, 200, &count, &error), TALLY_E_RANGE);
    end();
}

/* ----------------------------------------------------------------------------------------- ancestors */

TEST(ancestors_lead_back_to_the_beginning_of_the_stream)
{
    begin();
    fill(500);
    uint64_t positions[200];
    uint32_t ended;
    size_t count;
    CHECK_STATUS(tally_store_ancestors(store, 496, positions, 200, &count, &ended, &error), TALLY_OK);
    CHECK_EQ(ended, TALLY_ANCESTORS_GENESIS);
    CHECK_EQ(count, 100);
    for (size_t i = 0; i < count; i++) CHECK_EQ(positions[i], 496 - 5 * i);
    CHECK_STATUS(tally_store_ancestors(store, 496, positions, 7, &count, &ended, &error), TALLY_OK);
    CHECK_EQ(ended, TALLY_ANCESTORS_LIMIT);
    CHECK_EQ(count, 7);
    CHECK_STATUS(tally_store_ancestors(store, 1, positions, 7, &count, &ended, &error), TALLY_OK);
    CHECK_EQ(ended, TALLY_ANCESTORS_GENESIS);
    CHECK_EQ(count, 1);
    CHECK_STATUS(tally_store_ancestors(store, 500, positions, 7, &count, &ended, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_ancestors(store, 1, positions, 0, &count, &ended, &error), TALLY_E_RANGE);
    damage(36, 60); /* its link to the one before */
    reopen();
    CHECK_STATUS(tally_store_ancestors(store, 56, positions, 200, &count, &ended, &error), TALLY_OK);
    CHECK_EQ(ended, TALLY_ANCESTORS_UNREADABLE);
    CHECK_EQ(count, 4);
    CHECK_EQ(positions[3], 41);
    CHECK_STATUS(tally_store_ancestors(store, 36, positions, 200, &count, &ended, &error), TALLY_E_DAMAGED);
    end();
}

/* ------------------------------------------------------------------------------------ without memory */

static void read_everything(const tally_platform *platform, void *user_data)
{
    (void)platform;
    (void)user_data;
    tally_text tag = text("even");
    tally_query wanted = query();
    tally_listed items[4];
    char names[200];
    size_t count;
    uint64_t position;
    wanted.stream_prefix = text("us");
    wanted.tags = &tag;
    wanted.tag_count = 1;
    (void)get_event(399, &events[0]);
    (void)tally_store_find_version(store, text("user.ada"), 3, &position, &error);
    (void)tally_store_list(store, TALLY_LIST_STREAMS, text(""), text(""), items, 4, names, 200, &count, &error);
    if (tally_reader_open(store, &wanted, &reader, &error) != TALLY_OK) return;
    uint64_t total = 0;
    tally_status status;
    do {
        status = tally_reader_next(reader, events, 50, &count, &error);
        total += count;
    } while (status == TALLY_OK && count != 0);
    CHECK(status != TALLY_OK || total == 68);
    close_reader();
}

TEST(reading_without_memory_or_files_fails_and_leaks_nothing)
{
    const uint64_t kinds[] = {WRAP_MEMORY, WRAP_BIT(WRAP_READ_AT)};
    for (size_t i = 0; i < 2; i++) {
        begin();
        fill(400);
        tally_store_options options = store_options();
        options.map = i == 0 ? TALLY_MAP_SEALED : TALLY_MAP_NEVER;
        reopen_with(&options);
        read_everything(NULL, NULL);
        uint64_t leaks = 0;
        wrap_fault fault = {.calls = kinds[i], .kind = WRAP_FAIL};
        uint64_t hits = wrap_each_failure(wrapped, fault, read_everything, NULL, &leaks);
        CHECK(hits > 2);
        read_everything(NULL, NULL); /* all is well again */
        end();
    }
}

/* ------------------------------------------------------------------------------------------- callbacks */

static int32_t close_the_store(void *user_data, const tally_notice *notice)
{
    tally_reader *inside = NULL;
    size_t count;
    (void)user_data;
    (void)notice;
    CHECK_STATUS(tally_reader_open(store, NULL, &inside, NULL), TALLY_OK);
    CHECK_STATUS(tally_reader_next(inside, events, 10, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 1);
    tally_store *same = store;
    CHECK_STATUS(tally_store_close(&same), TALLY_OK);
    CHECK_STATUS(tally_reader_next(inside, events, 10, &count, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_reader_close(&inside), TALLY_OK);
    return TALLY_HANDLER_DONE;
}

TEST(a_store_that_is_closed_inside_a_handler_closes_its_readers_first)
{
    begin();
    tally_handler_id id;
    CHECK_STATUS(tally_store_on(store, text(""), close_the_store, NULL, NULL, &id, &error), TALLY_OK);
    CHECK_STATUS(tally_reader_open(store, NULL, &reader, &error), TALLY_OK);
    (void)append_one("a", "", TALLY_WRITTEN);
    size_t count;
    CHECK_STATUS(tally_reader_next(reader, events, 10, &count, &error), TALLY_E_CLOSED);
    close_reader();
    end();
}
