/* Scanning a segment: whole commits, and what there is instead of one. */
#include "logs.h"

#include "log/scan.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *disk;
static log_writer made;
static tally_segment *segment;
static tally_scan scan;
static enum tally_scanned what;
static tally_error why, error;
static uint64_t ends[8];

/* One segment with commits of 1, 3, 0 and 2 events. */
static void begin(void)
{
    static const uint32_t counts[] = {1, 3, 0, 2};
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    disk = wrap_open(world);
    log_begin(&made, disk);
    log_segment(&made, 0);
    ends[0] = made.offset;
    for (uint32_t i = 0; i < 4; i++) {
        log_append(&made, counts[i], 700, 0);
        ends[i + 1] = made.offset;
        if (i == 1) log_sync(&made);
    }
    REQUIRE_STATUS(tally_segment_open(&made.folder, 0, 0, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, false, &segment, &error),
                   TALLY_OK);
    REQUIRE_STATUS(tally_scan_begin(&scan, segment, TALLY_SEGMENT_HEADER_BYTES, 0, 0, &error), TALLY_OK);
}

static void end(void)
{
    tally_scan_end(&scan);
    tally_segment_release(segment);
    log_end(&made);
    CHECK_EQ(wrap_blocks(disk), 0);
    CHECK_EQ(wrap_open_files(disk), 0);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
}

static enum tally_scanned next(void)
{
    CHECK_STATUS(tally_scan_next(&scan, &what, &why, &error), TALLY_OK);
    return what;
}

/* After so many commits more there is this, at their end. */
static void ends_after(uint32_t commits, enum tally_scanned is, tally_status status, const char *word)
{
    for (uint32_t i = 0; i < commits; i++) {
        CHECK(next() == TALLY_SCANNED_COMMIT);
        CHECK_EQ(scan.offset, ends[i + 1]);
    }
    CHECK(next() == is);
    if (commits != 0) CHECK_EQ(scan.offset, ends[commits]);
    CHECK_STATUS(why.status, status);
    CHECK_SAYS(why, word);
    CHECK(strstr(why.path, "00000000.00.seg") != NULL);
}

TEST(it_walks_whole_commits_and_ends_at_zeros)
{
    begin();
    ends_after(4, TALLY_SCANNED_NOTHING, TALLY_E_TRUNCATED, "the log ends");
    CHECK_EQ(scan.next_position, 6);
    CHECK_EQ(scan.next_commit, 4);
    CHECK_EQ(scan.durable_position, 4);
    CHECK_EQ(scan.writer_epoch, 1);
    CHECK_EQ(scan.commit_offset, ends[3]);
    CHECK_EQ(scan.digest, TALLY_DIGEST_SHA256);
    CHECK_EQ(scan.last_time_us, LOG_TIME + 5);
    uint8_t hash[32];
    CHECK(tally_scan_last_hash(&scan, hash));
    CHECK_BYTES(hash, made.last_hash, 32);
    end();
}

TEST(a_commit_that_is_written_later_is_found_by_the_next_call)
{
    begin();
    ends_after(4, TALLY_SCANNED_NOTHING, TALLY_E_TRUNCATED, "the log ends");
    log_append(&made, 2, 5000, 0);
    CHECK(next() == TALLY_SCANNED_COMMIT);
    CHECK_EQ(scan.next_position, 8);
    end();
}

TEST(a_commit_without_its_mark_does_not_exist)
{
    begin();
    log_zero(&made, 0, ends[2] - TALLY_MARK_BYTES, TALLY_MARK_BYTES);
    ends_after(1, TALLY_SCANNED_NOTHING, TALLY_E_TRUNCATED, "inside a commit");
    end();
}

TEST(a_file_that_ends_inside_a_frame_ends_the_log)
{
    begin();
    CHECK_STATUS(tally_file_truncate(&made.folder, made.name, made.file, ends[1] + 300, &error), TALLY_OK);
    ends_after(1, TALLY_SCANNED_NOTHING, TALLY_E_DAMAGED, "ends inside a frame");
    end();
}

/* Each bit between the header and the last mark matters. */
TEST(every_flipped_byte_ends_the_log_where_its_commit_begins)
{
    begin();
    for (uint64_t at = ends[0]; at < ends[4] && !test_has_failed(); at += 7) {
        uint32_t commit = 0;
        while (ends[commit + 1] <= at) commit++;
        log_flip(&made, 0, at);
        tally_scan_end(&scan);
        REQUIRE_STATUS(tally_scan_begin(&scan, segment, TALLY_SEGMENT_HEADER_BYTES, 0, 0, &error), TALLY_OK);
        uint32_t whole = 0;
        while (next() == TALLY_SCANNED_COMMIT) whole++;
        CHECK_EQ(whole, commit);
        log_flip(&made, 0, at);
    }
    end();
}

TEST(a_commit_out_of_its_place_is_told_from_a_torn_one)
{
    begin();
    made.commit += 1;
    log_append(&made, 1, 10, 0);
    ends_after(4, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED, "another number");
    end();
}

TEST(a_mark_of_an_earlier_writer_is_out_of_its_place)
{
    begin();
    made.epoch = 0;
    log_append(&made, 1, 10, 0);
    ends_after(4, TALLY_SCANNED_DISORDER, TALLY_E_DAMAGED, "earlier writer");
    end();
}

/* A later version's bytes check: they are refused, and never cut as torn ones are. */
TEST(what_a_later_version_wrote_is_told_from_what_is_torn)
{
    begin();
    tally_mark mark = {.flags = TALLY_MARK_CLEAN_CLOSE,
                       .commit = 4,
                       .first_position = 6,
                       .frames_crc = tally_crc32c_finish(made.seed),
                       .first_offset = ends[4],
                       .writer_epoch = 1};
    uint8_t bytes[TALLY_FRAME_FIXED_BYTES + 120 + 64] = {0};
    tally_mark_encode(made.seed, &mark, bytes);
    bytes[7] = 4; /* a flag */
    tally_store_u32(bytes, tally_crc32c(made.seed, bytes + 4, TALLY_MARK_BYTES - 4));
    log_patch(&made, 0, ends[4], bytes, sizeof bytes);
    ends_after(4, TALLY_SCANNED_UNKNOWN, TALLY_E_FORMAT, "unknown flags");
    /* A frame whose data were dropped: its body has the form that is known. */
    memset(bytes, 0x55, sizeof bytes);
    static const uint8_t start[4] = {'t', 'F', TALLY_FRAME_DATA_DROPPED, 0};
    memcpy(bytes + 4, start, sizeof start);
    tally_store_u32(bytes + 8, 115);
    uint32_t crc = tally_crc32c(made.seed, bytes + 4, TALLY_FRAME_FIXED_BYTES + 120 - 4);
    tally_store_u32(bytes, crc);
    log_patch(&made, 0, ends[4], bytes, sizeof bytes);
    ends_after(0, TALLY_SCANNED_UNKNOWN, TALLY_E_FORMAT, "a kind");
    tally_store_u32(bytes, crc ^ 1);
    log_patch(&made, 0, ends[4], bytes, sizeof bytes);
    CHECK(next() == TALLY_SCANNED_NOTHING);
    CHECK_STATUS(why.status, TALLY_E_DAMAGED);
    end();
}

TEST(it_can_begin_behind_any_commit)
{
    begin();
    tally_scan_end(&scan);
    REQUIRE_STATUS(tally_scan_begin(&scan, segment, ends[2], 4, 2, &error), TALLY_OK);
    CHECK(next() == TALLY_SCANNED_COMMIT);
    CHECK(next() == TALLY_SCANNED_COMMIT);
    CHECK(next() == TALLY_SCANNED_NOTHING);
    CHECK_EQ(scan.next_position, 6);
    end();
}

TEST(lengths_that_lie_take_no_memory)
{
    begin();
    uint8_t bytes[24] = {1, 2, 3, 4, 't', 'F', 1, 0};
    tally_store_u32(bytes + 8, TALLY_BODY_MAX);
    tally_store_u64(bytes + 16, TALLY_STORED_MAX);
    log_patch(&made, 0, ends[4], bytes, sizeof bytes);
    ends_after(4, TALLY_SCANNED_NOTHING, TALLY_E_DAMAGED, "frame");
    CHECK(scan.capacity < 2u * 1024 * 1024);
    end();
}

TEST(what_the_system_refuses_is_no_matter_of_the_bytes)
{
    begin();
    wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL});
    CHECK_STATUS(tally_scan_next(&scan, &what, &why, &error), TALLY_E_NO_MEMORY);
    wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_BIT(WRAP_READ_AT), .kind = WRAP_FAIL});
    CHECK_STATUS(tally_scan_next(&scan, &what, &why, &error), TALLY_E_IO);
    wrap_fault_set(disk, NULL);
    ends_after(4, TALLY_SCANNED_NOTHING, TALLY_E_TRUNCATED, "the log ends");
    end();
}
