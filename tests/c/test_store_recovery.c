/* Opening a store for writing after accidents, through the public functions: what comes back, and that it goes on. */
#include <tallystick/tallystick.h>

#include "base/bytes.h"
#include "log/file.h"
#include "log/names.h"
#include "log/segment.h"
#include "log/trailer.h"
#include "platform/memory.h"
#include "test.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *disk;
static tally_store *store;
static tally_error error;
static tally_folder folder;

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(9, &world, NULL), TALLY_OK);
    disk = wrap_open(world);
    REQUIRE_STATUS(tally_folder_init(&folder, disk, "/s", 2, 0600, NULL), TALLY_OK);
}

static void end(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_EQ(wrap_blocks(disk), 0);
    CHECK_EQ(wrap_open_files(disk), 0);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
}

static tally_status open_as(uint32_t mode)
{
    tally_store_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = disk};
    return tally_store_open("/s", 2, &options, &store, &error);
}

static uint8_t data[10000];

static void append(uint64_t events, uint32_t level)
{
    tally_append_options options = {.size = sizeof options, .durability = level};
    memset(data, 7, sizeof data);
    for (uint64_t i = 0; i < events; i++) {
        tally_draft draft = {.size = sizeof draft,
                             .stream = {i % 2 == 0 ? "even" : "odd", i % 2 == 0 ? 4 : 3},
                             .type = {"t", 1},
                             .data = data,
                             .length = sizeof data};
        REQUIRE_STATUS(tally_store_append(store, &draft, &options, NULL, &error), TALLY_OK);
    }
}

static void seal(void)
{
    int32_t more = 1;
    for (int i = 0; i < 100 && more != 0; i++) CHECK_STATUS(tally_store_tick(store, &more, &error), TALLY_OK);
}

/* A store of 30 events in six segments, all but the last sealed; closed. */
static void fill(void)
{
    begin();
    REQUIRE_STATUS(open_as(TALLY_STORE_NEW), TALLY_OK);
    append(30, TALLY_WRITTEN);
    CHECK_STATUS(tally_store_sync(store, &error), TALLY_OK);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

/* All is there, every index answers, it takes more, and fsck is content. */
static void holds_and_goes_on(uint64_t events)
{
    tally_stream_head even, odd;
    tally_fsck_report report;
    tally_watermarks marks;
    tally_query query = {.size = sizeof query, .stream = {"odd", 3}};
    tally_reader *reader = NULL;
    static tally_event found[64];
    size_t count = 0;
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.durable, events);
    CHECK_STATUS(tally_store_stream_head(store, (tally_text){"even", 4}, &even, &error), TALLY_OK);
    CHECK_STATUS(tally_store_stream_head(store, (tally_text){"odd", 3}, &odd, &error), TALLY_OK);
    CHECK_EQ(even.next_version + odd.next_version, events);
    REQUIRE_STATUS(tally_reader_open(store, &query, &reader, &error), TALLY_OK);
    uint64_t total = 0;
    do {
        CHECK_STATUS(tally_reader_next(reader, found, 64, &count, &error), TALLY_OK);
        total += count;
    } while (count != 0);
    CHECK_EQ(total, odd.next_version);
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
    append(12, TALLY_DURABLE);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_upkeep_options options = {.size = sizeof options, .platform = disk};
    CHECK_STATUS(tally_fsck("/s", 2, &options, NULL, &report, &error), TALLY_OK);
    CHECK_EQ(report.events, events + 12);
    CHECK_EQ(report.notes + report.indexes + report.bad_events + report.structure, 0);
}

static void spoil_trailer(uint64_t number)
{
    char name[TALLY_NAME_BYTES];
    tally_file file;
    uint64_t size;
    tally_name_segment(number, 0, name);
    REQUIRE_STATUS(tally_file_open(&folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, &error), TALLY_OK);
    REQUIRE_STATUS(tally_file_size(&folder, name, file, &size, &error), TALLY_OK);
    CHECK_STATUS(tally_file_write(&folder, name, file, size - TALLY_TRAILER_BYTES, "spoiled", 7, &error), TALLY_OK);
    tally_file_close(&folder, &file);
}

static void remove_it(const char *name) { CHECK_STATUS(tally_file_remove(&folder, name, &error), TALLY_OK); }

TEST(lost_trailers_are_made_again)
{
    static const uint64_t which[][3] = {{1, 1, 1}, {0, 2, 4}, {3, 4, 4}, {0, 1, 2}};
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        fill();
        for (size_t j = 0; j < 3; j++) spoil_trailer(which[i][j]);
        REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK);
        holds_and_goes_on(30);
        end();
    }
}

TEST(a_log_that_ends_in_a_sealed_segment_goes_on_in_a_new_one)
{
    fill();
    remove_it("00000005.00.seg"); /* as if its name had been lost; nothing says that it was durable */
    remove_it("HEAD");
    REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK);
    tally_watermarks marks;
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.durable % 5, 0);
    CHECK(marks.durable > 20 && marks.durable < 30);
    holds_and_goes_on(marks.durable);
    end();
}

TEST(without_lock_head_and_runs_a_store_is_whole)
{
    fill();
    remove_it("LOCK");
    remove_it("HEAD");
    (void)tally_file_remove(&folder, "runs/00000000-00000003.run", NULL);
    REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK);
    holds_and_goes_on(30);
    end();
}

TEST(a_cut_is_recorded_as_the_next_event)
{
    static uint8_t buffer[16384];
    tally_store_info info;
    tally_event event;
    size_t needed;
    begin();
    REQUIRE_STATUS(open_as(TALLY_STORE_NEW), TALLY_OK);
    append(2, TALLY_DURABLE);
    append(2, TALLY_WRITTEN);
    /* The power goes; of what was not synced the last sector of the last event is missing. */
    tally_platform *copy;
    REQUIRE_STATUS(tally_memory_copy(world, &copy, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
    world = copy;
    disk = wrap_open(world);
    folder.platform = disk;
    tally_file file;
    static const uint8_t zeros[512];
    REQUIRE_STATUS(tally_file_open(&folder, "00000000.00.seg", TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, &error),
                   TALLY_OK);
    CHECK_STATUS(tally_file_write(&folder, "00000000.00.seg", file, TALLY_SEGMENT_HEADER_BYTES + 35000, zeros,
                                  sizeof zeros, &error),
                 TALLY_OK);
    tally_file_close(&folder, &file);
    REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK);
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 1);
    CHECK_EQ(info.recovery.cut, 1);
    CHECK_EQ(info.recovery.cut_position, 3);
    CHECK(info.recovery.cut_bytes > 100);
    CHECK_EQ(info.writer_epoch, 2);
    REQUIRE_STATUS(tally_store_get(store, 3, buffer, sizeof buffer, &needed, &event, &error), TALLY_OK);
    CHECK((event.flags & TALLY_EVENT_SYSTEM) != 0);
    CHECK_BYTES(event.stream.bytes, "$log", 4);
    CHECK_BYTES(event.type.bytes, "tally.recovered", 15);
    append(1, TALLY_DURABLE);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK); /* and once only */
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 0);
    tally_watermarks marks;
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.durable, 5);
    end();
}

TEST(what_was_only_buffered_dies_with_its_process)
{
    tally_store_info info;
    tally_watermarks marks;
    begin();
    REQUIRE_STATUS(open_as(TALLY_STORE_NEW), TALLY_OK);
    append(1, TALLY_WRITTEN);
    append(2, TALLY_BUFFERED);
    tally_platform *copy;
    REQUIRE_STATUS(tally_memory_copy(world, &copy, NULL), TALLY_OK); /* the process is killed here */
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
    world = copy;
    disk = wrap_open(world);
    folder.platform = disk;
    REQUIRE_STATUS(open_as(TALLY_STORE_EXISTING), TALLY_OK);
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 1);
    CHECK_EQ(info.recovery.cut, 0);
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.durable, 1);
    end();
}
