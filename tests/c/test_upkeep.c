/* Backup, fsck and salvage of stores that the library wrote, whole and spoiled. */
#include <tallystick/tallystick.h>

#include "base/bytes.h"
#include "log/file.h"
#include "log/frame.h"
#include "log/names.h"
#include "log/segment.h"
#include "platform/memory.h"
#include "test.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *disk;
static tally_store *store;
static tally_error error;
static tally_fsck_report checked;
static tally_salvage_report salvaged;
static tally_finding last_finding;
static char last_reason[200], last_file[64];
static uint32_t findings;

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(5, &world, NULL), TALLY_OK);
    disk = wrap_open(world);
}

static void end(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_EQ(wrap_blocks(disk), 0);
    CHECK_EQ(wrap_open_files(disk), 0);
    CHECK_EQ(wrap_maps(disk), 0);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
}

static tally_status open_at(const char *path, uint32_t mode)
{
    tally_store_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .name = {"upkeep", 6},
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = disk};
    return tally_store_open(path, strlen(path), &options, &store, &error);
}

static uint8_t data[40000];

/* Event number i: its data begin with i. */
static void append(uint64_t i, size_t count, size_t length, uint32_t level)
{
    static const char *const names[] = {"a/1", "a/2", "b"};
    static const tally_text tag = {"k:v", 3};
    tally_draft drafts[8];
    for (size_t j = 0; j < count; j++) {
        const char *stream = names[(i + j) % 3];
        drafts[j] = (tally_draft){.size = sizeof *drafts,
                                  .stream = {stream, strlen(stream)},
                                  .type = {"made.so", 7},
                                  .tags = &tag,
                                  .tag_count = (i + j) % 2,
                                  .data = data,
                                  .length = length};
    }
    tally_store_u64(data, i);
    tally_append_options options = {.size = sizeof options, .durability = level};
    REQUIRE_STATUS(tally_store_append_many(store, drafts, count, &options, NULL, &error), TALLY_OK);
}

static void fill(uint64_t events)
{
    REQUIRE_STATUS(open_at("/s", TALLY_STORE_OPEN_OR_CREATE), TALLY_OK);
    for (uint64_t i = 0; i < events; i++) append(i, 1, 9000, i % 4 == 3 ? TALLY_DURABLE : TALLY_WRITTEN);
    CHECK_STATUS(tally_store_sync(store, &error), TALLY_OK);
}

static void seal(void)
{
    int32_t more = 1;
    for (int i = 0; i < 100 && more != 0; i++) CHECK_STATUS(tally_store_tick(store, &more, &error), TALLY_OK);
}

static int32_t take(void *user_data, const tally_finding *finding)
{
    CHECK(user_data == &findings);
    findings++;
    last_finding = *finding;
    (void)snprintf(last_reason, sizeof last_reason, "%s", finding->reason);
    (void)snprintf(last_file, sizeof last_file, "%s", finding->file);
    if (getenv("V") != NULL)
        printf("#   %u %s %" PRIu64 " %" PRIu64 " %s\n", finding->severity, last_file, finding->offset,
               finding->position, last_reason);
    return 0;
}

static void fsck_at(const char *path)
{
    tally_upkeep_options options = {.size = sizeof options, .user_data = &findings, .platform = disk};
    uint64_t before, after, syncs;
    findings = 0;
    tally_memory_progress(world, &before, &syncs);
    REQUIRE_STATUS(tally_fsck(path, strlen(path), &options, take, &checked, &error), TALLY_OK);
    tally_memory_progress(world, &after, &syncs);
    CHECK_EQ(before, after); /* it writes nothing */
    CHECK_EQ(findings, checked.notes + checked.indexes + checked.bad_events + checked.structure);
}

static void finds_nothing(const char *path, uint64_t events)
{
    fsck_at(path);
    CHECK_EQ(findings, 0);
    if (findings != 0) printf("#   %s: %s\n", last_file, last_reason);
    CHECK_EQ(checked.events, events);
}

static tally_status salvage(void)
{
    tally_upkeep_options options = {.size = sizeof options, .platform = disk};
    return tally_salvage("/s", 2, "/t", 2, &options, &salvaged, &error);
}

static uint64_t count_events(const char *path)
{
    tally_watermarks marks = {0};
    CHECK_STATUS(open_at(path, TALLY_STORE_EXISTING), TALLY_OK);
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    return marks.durable;
}

/* --------------------------------------------------------------------------------- spoiling files */

static tally_folder folder;
static tally_file open_segment(uint64_t number, char name[TALLY_NAME_BYTES])
{
    tally_file file;
    CHECK_STATUS(tally_folder_init(&folder, disk, "/s", 2, 0600, NULL), TALLY_OK);
    tally_name_segment(number, 0, name);
    CHECK_STATUS(tally_file_open(&folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, NULL), TALLY_OK);
    return file;
}

static void flip(uint64_t number, uint64_t offset)
{
    char name[TALLY_NAME_BYTES];
    uint8_t byte;
    size_t done;
    tally_file file = open_segment(number, name);
    CHECK_STATUS(tally_file_read(&folder, name, file, offset, &byte, 1, &done, NULL), TALLY_OK);
    byte ^= 0x40;
    CHECK_STATUS(tally_file_write(&folder, name, file, offset, &byte, 1, NULL), TALLY_OK);
    tally_file_close(&folder, &file);
}

static uint64_t size_of(uint64_t number)
{
    char name[TALLY_NAME_BYTES];
    uint64_t size = 0;
    tally_file file = open_segment(number, name);
    CHECK_STATUS(tally_file_size(&folder, name, file, &size, NULL), TALLY_OK);
    tally_file_close(&folder, &file);
    return size;
}

/* The offset of the n-th frame or mark of a segment. */
static uint64_t place_of(uint64_t number, uint32_t n)
{
    char name[TALLY_NAME_BYTES];
    uint8_t head[TALLY_MARK_BYTES];
    size_t done;
    uint64_t at = TALLY_SEGMENT_HEADER_BYTES;
    tally_file file = open_segment(number, name);
    for (; n > 0; n--) {
        CHECK_STATUS(tally_file_read(&folder, name, file, at, head, sizeof head, &done, NULL), TALLY_OK);
        if (tally_frame_kind_at(head, done) == TALLY_FRAME_MARK) at += TALLY_MARK_BYTES;
        else at += tally_frame_length(tally_load_u32(head + 8), (size_t)tally_load_u64(head + 16));
    }
    tally_file_close(&folder, &file);
    return at;
}

/* ------------------------------------------------------------------------------------------ backup */

TEST(a_backup_is_the_durable_prefix_and_verifies)
{
    tally_backup_report report;
    begin();
    fill(25);
    seal();
    append(25, 1, 9000, TALLY_WRITTEN); /* not durable yet */
    CHECK_STATUS(tally_store_backup(store, "/b", 2, NULL, &report, &error), TALLY_OK);
    CHECK_EQ(report.events, 25);
    CHECK(report.segments > 3);
    tally_store_info info, copy;
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/b", 25);
    REQUIRE_STATUS(open_at("/b", TALLY_STORE_EXISTING), TALLY_OK);
    CHECK_STATUS(tally_store_info_get(store, &copy, &error), TALLY_OK);
    CHECK_BYTES(copy.lineage, info.lineage, 16);
    CHECK_EQ(copy.recovery.cut, 0);
    append(25, 3, 100, TALLY_DURABLE); /* and goes on as a store of its own */
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/b", 28);
    end();
}

TEST(a_backup_survives_a_power_cut_when_it_is_done)
{
    tally_platform *after;
    begin();
    fill(12);
    CHECK_STATUS(tally_store_backup(store, "/b", 2, NULL, NULL, &error), TALLY_OK);
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    tally_upkeep_options options = {.size = sizeof options, .platform = after};
    CHECK_STATUS(tally_fsck("/b", 2, &options, NULL, &checked, &error), TALLY_OK);
    CHECK_EQ(checked.events, 12);
    (void)tally_platform_memory_close(&after);
    end();
}

TEST(a_backup_of_a_store_without_events_has_its_lineage)
{
    begin();
    fill(0);
    CHECK_STATUS(tally_store_backup(store, "/b", 2, NULL, NULL, &error), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_EQ(count_events("/b"), 0);
    end();
}

TEST(a_backup_into_something_that_exists_is_refused)
{
    begin();
    fill(2);
    CHECK_STATUS(tally_store_backup(store, "/s", 2, NULL, NULL, &error), TALLY_E_EXISTS);
    CHECK_STATUS(tally_store_backup(NULL, "/b", 2, NULL, NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/s", 2);
    end();
}

static int32_t stop_at_once(void *user_data, uint64_t done, uint64_t total)
{
    CHECK(done <= total);
    (*(uint32_t *)user_data)++;
    return 1;
}

TEST(a_backup_that_is_stopped_leaves_nothing)
{
    begin();
    fill(10);
    uint32_t calls = 0;
    tally_upkeep_options options = {.size = sizeof options, .progress = stop_at_once, .user_data = &calls};
    CHECK_STATUS(tally_store_backup(store, "/b", 2, &options, NULL, &error), TALLY_E_INTERRUPTED);
    CHECK_EQ(calls, 1);
    CHECK_STATUS(tally_store_backup(store, "/b", 2, NULL, NULL, &error), TALLY_OK); /* the directory is gone */
    end();
}

static int32_t close_it(void *user_data, uint64_t done, uint64_t total)
{
    (void)user_data, (void)done, (void)total;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK); /* it marks, and the rest follows */
    return 0;
}

TEST(a_progress_callback_may_close_the_store)
{
    begin();
    fill(10);
    tally_upkeep_options options = {.size = sizeof options, .progress = close_it};
    CHECK_STATUS(tally_store_backup(store, "/b", 2, &options, NULL, &error), TALLY_E_CLOSED);
    CHECK(store == NULL);
    CHECK_EQ(tally_handle_count(), 0);
    finds_nothing("/s", 10);
    end();
}

TEST(each_call_that_fails_leaves_no_half_backup)
{
    bool hit = true;
    begin();
    fill(8);
    for (uint64_t k = 0; hit && !test_has_failed(); k++) {
        int32_t os_error;
        tally_file file;
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_DISK | WRAP_MEMORY, .skip = k, .kind = WRAP_FAIL});
        tally_status status = tally_store_backup(store, "/b", 2, NULL, NULL, &error);
        hit = wrap_fault_hit(disk);
        wrap_fault_set(disk, NULL);
        if (!hit) CHECK_STATUS(status, TALLY_OK);
        if (status == TALLY_OK) continue; /* it went another way */
        CHECK_STATUS(disk->open_file(disk->context, "/b", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_E_NOT_FOUND);
    }
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/b", 8);
    end();
}

/* -------------------------------------------------------------------------------------------- fsck */

TEST(fsck_finds_nothing_in_a_whole_store_open_or_closed)
{
    begin();
    fill(30);
    seal();
    finds_nothing("/s", 30);
    append(30, 8, 3000, TALLY_WRITTEN);
    finds_nothing("/s", 38);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/s", 38);
    CHECK(checked.segments > 3);
    CHECK(checked.commits >= 31);
    CHECK(checked.bytes > 30 * 9000);
    end();
}

TEST(fsck_of_no_store_says_so)
{
    tally_upkeep_options options = {.size = sizeof options, .platform = NULL};
    begin();
    options.platform = disk;
    CHECK_STATUS(tally_fsck("/s", 2, &options, NULL, &checked, &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_fsck("/s", 2, &options, NULL, NULL, &error), TALLY_E_NULL);
    end();
}

TEST(fsck_names_a_damaged_event_in_a_sealed_segment)
{
    begin();
    fill(25);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    flip(1, place_of(1, 2) + 5000); /* the data of its second event */
    fsck_at("/s");
    CHECK_EQ(checked.bad_events, 1);
    CHECK_EQ(checked.structure, 0);
    CHECK_EQ(checked.events, 24);
    CHECK_TEXT(last_file, "00000001.00.seg");
    CHECK_EQ(last_finding.severity, TALLY_FINDING_EVENT);
    CHECK(last_finding.position != TALLY_POSITION_NONE);
    CHECK_EQ(last_finding.offset, place_of(1, 2));
    flip(1, place_of(1, 2) + 30); /* now its core, too */
    fsck_at("/s");
    CHECK_EQ(checked.bad_events, 1);
    CHECK_EQ(checked.events, 24);
    end();
}

TEST(fsck_finds_each_flipped_byte_of_a_sealed_segment)
{
    begin();
    fill(8);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    uint64_t size = size_of(0);
    uint32_t missed = 0;
    for (uint64_t at = 0; at < size; at += 61) {
        flip(0, at);
        fsck_at("/s");
        missed += findings == 0;
        flip(0, at);
    }
    CHECK_EQ(missed, 0);
    finds_nothing("/s", 8);
    end();
}

TEST(fsck_tells_a_torn_tail_from_damage)
{
    begin();
    fill(3);
    append(3, 1, 500, TALLY_WRITTEN);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    /* A closed store loses its last event: it was durable. */
    uint64_t at = place_of(0, 6);
    flip(0, at + 30);
    fsck_at("/s");
    CHECK(checked.structure >= 1);
    CHECK_EQ(checked.events, 3);
    flip(0, at + 30);
    /* Bytes behind the end that nobody promised are a note. */
    char name[TALLY_NAME_BYTES];
    uint64_t end_at = size_of(0);
    tally_file file = open_segment(0, name);
    CHECK_STATUS(tally_file_write(&folder, name, file, end_at, "torn", 4, NULL), TALLY_OK);
    tally_file_close(&folder, &file);
    fsck_at("/s");
    CHECK_EQ(checked.notes, 1);
    CHECK_EQ(findings, 1);
    end();
}

TEST(fsck_finds_a_missing_segment)
{
    begin();
    fill(25);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_folder_init(&folder, disk, "/s", 2, 0600, NULL), TALLY_OK);
    CHECK_STATUS(tally_file_remove(&folder, "00000001.00.seg", NULL), TALLY_OK);
    fsck_at("/s");
    CHECK(checked.structure >= 1);
    CHECK(checked.events > 10 && checked.events < 25); /* what lies behind is read all the same */
    end();
}

/* ----------------------------------------------------------------------------------------- salvage */

TEST(salvage_of_a_whole_store_is_the_same_store)
{
    begin();
    fill(20);
    seal();
    tally_store_info info, copy;
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(salvage(), TALLY_OK);
    CHECK_EQ(salvaged.copied, 20);
    CHECK_EQ(salvaged.lost, 0);
    CHECK_EQ(salvaged.same_lineage, 1);
    finds_nothing("/t", 20);
    REQUIRE_STATUS(open_at("/t", TALLY_STORE_EXISTING), TALLY_OK);
    CHECK_STATUS(tally_store_info_get(store, &copy, &error), TALLY_OK);
    CHECK_BYTES(copy.lineage, info.lineage, 16);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    end();
}

TEST(salvage_around_a_damaged_event_names_the_gap)
{
    static uint8_t buffer[16384];
    tally_event event;
    size_t needed;
    begin();
    fill(25);
    seal();
    tally_event old;
    static uint8_t before[16384];
    REQUIRE_STATUS(tally_store_get(store, 20, before, sizeof before, &needed, &old, &error), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    flip(1, place_of(1, 2) + 5000);
    fsck_at("/s");
    uint64_t bad = last_finding.position;
    REQUIRE_STATUS(salvage(), TALLY_OK);
    CHECK_EQ(salvaged.copied, 24);
    CHECK_EQ(salvaged.lost, 1);
    CHECK_EQ(salvaged.gaps, 1);
    CHECK_EQ(salvaged.same_lineage, 0);
    finds_nothing("/t", 25); /* the record, and 24 */
    REQUIRE_STATUS(open_at("/t", TALLY_STORE_EXISTING), TALLY_OK);
    REQUIRE_STATUS(tally_store_get(store, 0, buffer, sizeof buffer, &needed, &event, &error), TALLY_OK);
    CHECK_EQ(event.stream.length, 4);
    char gap[64];
    int length = snprintf(gap, sizeof gap, "{\"gaps\":[[%" PRIu64 ",%" PRIu64 "]],\"lineage\":\"", bad, bad + 1);
    CHECK_BYTES(event.data, gap, (size_t)length);
    /* 20 before: one lost below it, one record in front. */
    REQUIRE_STATUS(tally_store_get(store, 20, buffer, sizeof buffer, &needed, &event, &error), TALLY_OK);
    CHECK_BYTES(event.id.bytes, old.id.bytes, 16);
    CHECK_EQ(event.time_us, old.time_us);
    CHECK_EQ(event.length, old.length);
    CHECK_BYTES(event.data, old.data, old.length);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    end();
}

TEST(salvage_passes_over_a_missing_segment)
{
    begin();
    fill(25);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_folder_init(&folder, disk, "/s", 2, 0600, NULL), TALLY_OK);
    CHECK_STATUS(tally_file_remove(&folder, "00000001.00.seg", NULL), TALLY_OK);
    CHECK_STATUS(open_at("/s", TALLY_STORE_EXISTING), TALLY_E_DAMAGED);
    REQUIRE_STATUS(salvage(), TALLY_OK);
    CHECK_EQ(salvaged.copied + salvaged.lost, 25);
    CHECK(salvaged.lost > 2);
    CHECK_EQ(salvaged.gaps, 1);
    finds_nothing("/t", salvaged.copied + 1);
    CHECK_EQ(count_events("/t"), salvaged.copied + 1);
    end();
}

TEST(salvage_passes_over_a_missing_first_segment)
{
    for (int missing = 0; missing < 2; missing++) {
        begin();
        fill(25);
        seal();
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
        CHECK_STATUS(tally_folder_init(&folder, disk, "/s", 2, 0600, NULL), TALLY_OK);
        if (missing != 0) CHECK_STATUS(tally_file_remove(&folder, "00000000.00.seg", NULL), TALLY_OK);
        else flip(0, 20); /* its header */
        CHECK_STATUS(open_at("/s", TALLY_STORE_EXISTING), TALLY_E_DAMAGED);
        REQUIRE_STATUS(salvage(), TALLY_OK);
        CHECK(salvaged.copied > 2);
        CHECK_EQ(salvaged.copied + salvaged.lost, 25);
        CHECK_EQ(salvaged.gaps, 1);
        CHECK_EQ(salvaged.same_lineage, 0);
        finds_nothing("/t", salvaged.copied + 1);
        CHECK_EQ(count_events("/t"), salvaged.copied + 1);
        end();
    }
}

TEST(salvage_of_a_store_whose_end_is_lost_is_its_prefix)
{
    begin();
    fill(3);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    flip(0, place_of(0, 4) + 30); /* the last event, which was durable */
    CHECK_STATUS(open_at("/s", TALLY_STORE_EXISTING), TALLY_E_DAMAGED);
    REQUIRE_STATUS(salvage(), TALLY_OK);
    CHECK_EQ(salvaged.same_lineage, 1);
    CHECK_EQ(salvaged.copied, 2);
    CHECK_EQ(salvaged.lost, 1);
    finds_nothing("/t", 2);
    end();
}

TEST(salvage_into_something_that_exists_is_refused)
{
    begin();
    fill(3);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(salvage(), TALLY_OK);
    CHECK_STATUS(salvage(), TALLY_E_EXISTS);
    finds_nothing("/t", 3);
    end();
}

/* -------------------------------------------------------------------------------- calls that fail */

TEST(each_call_that_fails_is_survived_by_fsck)
{
    bool hit = true;
    begin();
    fill(9);
    seal();
    append(9, 1, 100, TALLY_WRITTEN);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_upkeep_options options = {.size = sizeof options, .platform = disk};
    for (uint64_t k = 0; hit && !test_has_failed(); k++) {
        int64_t blocks = wrap_blocks(disk), files = wrap_open_files(disk);
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_DISK | WRAP_MEMORY, .skip = k, .kind = WRAP_FAIL});
        tally_status status = tally_fsck("/s", 2, &options, NULL, &checked, &error);
        hit = wrap_fault_hit(disk);
        wrap_fault_set(disk, NULL);
        /* Whole, because it was read a second time; or what was not read is told of. */
        uint64_t told = checked.structure + checked.indexes + checked.notes + checked.bad_events;
        if (status == TALLY_OK && checked.events != 10) CHECK(told > 0);
        CHECK_EQ(wrap_blocks(disk), blocks);
        CHECK_EQ(wrap_open_files(disk), files);
    }
    finds_nothing("/s", 10);
    end();
}

TEST(each_call_that_fails_leaves_no_half_salvage)
{
    bool hit = true;
    begin();
    fill(9);
    seal();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    flip(0, place_of(0, 2) + 5000);
    for (uint64_t k = 0; hit && !test_has_failed(); k++) {
        int32_t os_error;
        tally_file file;
        int64_t blocks = wrap_blocks(disk);
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_DISK | WRAP_MEMORY, .skip = k, .kind = WRAP_FAIL});
        tally_status status = salvage();
        hit = wrap_fault_hit(disk);
        wrap_fault_set(disk, NULL);
        CHECK_EQ(wrap_blocks(disk), blocks);
        if (!hit) {
            CHECK_STATUS(status, TALLY_OK);
            CHECK_EQ(salvaged.copied, 8);
        }
        if (status != TALLY_OK) {
            CHECK_STATUS(disk->open_file(disk->context, "/t", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_E_NOT_FOUND);
            continue;
        }
        /* What could not be read was given up, and nothing else. */
        finds_nothing("/t", salvaged.copied + 1);
        tally_folder made;
        CHECK_STATUS(tally_folder_init(&made, disk, "/t", 2, 0600, NULL), TALLY_OK);
        for (uint64_t number = 0; number < 9; number++) {
            char name[TALLY_NAME_BYTES];
            tally_name_segment(number, 0, name);
            (void)tally_file_remove(&made, name, NULL);
        }
        CHECK_STATUS(disk->remove_directory(disk->context, "/t", &os_error), TALLY_OK);
    }
    end();
}

/* A page of a segment that the device does not give any more. */
static uint64_t bad_from;
static tally_status read_around(void *context, tally_file file, void *to, size_t length, uint64_t offset, size_t *done,
                                int32_t *os_error)
{
    if (offset < bad_from + 4096 && offset + length > bad_from) {
        *done = 0;
        *os_error = 5;
        return TALLY_E_IO;
    }
    return world->read_at(context, file, to, length, offset, done, os_error);
}

TEST(a_page_that_cannot_be_read_costs_what_lies_in_it)
{
    begin();
    fill(6);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_platform failing = *world;
    failing.read_at = read_around;
    bad_from = (place_of(0, 4) + 5000) & ~UINT64_C(4095); /* inside the third event */
    tally_upkeep_options options = {.size = sizeof options, .user_data = &findings, .platform = &failing};
    REQUIRE_STATUS(tally_fsck("/s", 2, &options, take, &checked, &error), TALLY_OK);
    CHECK_EQ(checked.events, 5);
    CHECK(checked.bad_events >= 1);
    REQUIRE_STATUS(tally_salvage("/s", 2, "/t", 2, &options, &salvaged, &error), TALLY_OK);
    CHECK_EQ(salvaged.copied, 5);
    CHECK_EQ(salvaged.lost, 1);
    finds_nothing("/t", 6);
    end();
}

/* ------------------------------------------------------------------------------- beside a writer */

static uint32_t appended_beside;
static bool beside_itself;

/* Before each look that fsck takes, the writer goes on. */
static void append_beside(void *user_data, wrap_call call)
{
    (void)user_data, (void)call;
    if (beside_itself || appended_beside >= 60) return;
    beside_itself = true;
    append(1000 + appended_beside++, 1, 7000, TALLY_DURABLE);
    beside_itself = false;
}

static void open_writer_beside(void)
{
    tally_store_options options = {.size = sizeof options,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = world};
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &store, &error), TALLY_OK);
    for (uint64_t i = 0; i < 5; i++) append(i, 1, 7000, TALLY_DURABLE);
    appended_beside = 0;
    wrap_watch(disk, WRAP_BIT(WRAP_READ_AT) | WRAP_BIT(WRAP_LIST_DIRECTORY), append_beside, NULL);
}

TEST(fsck_beside_a_writer_sees_a_prefix_and_no_damage)
{
    begin();
    open_writer_beside();
    tally_upkeep_options options = {.size = sizeof options, .platform = disk, .user_data = &findings};
    for (int i = 0; i < 4; i++) {
        findings = 0;
        CHECK_STATUS(tally_fsck("/s", 2, &options, take, &checked, &error), TALLY_OK);
        CHECK_EQ(checked.structure + checked.bad_events + checked.indexes, 0);
        CHECK(checked.events >= 5);
        if (i == 1) appended_beside = 30;
    }
    wrap_watch(disk, 0, NULL, NULL);
    end();
}

TEST(salvage_beside_a_writer_is_a_prefix)
{
    begin();
    open_writer_beside();
    REQUIRE_STATUS(salvage(), TALLY_OK);
    wrap_watch(disk, 0, NULL, NULL);
    CHECK_EQ(salvaged.same_lineage, 1);
    CHECK_EQ(salvaged.lost, 0);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    finds_nothing("/t", salvaged.copied);
    end();
}
