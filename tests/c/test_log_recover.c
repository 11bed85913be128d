/* Recovery: what is cut, what is refused, what is written again; each on a log that was written by hand. */
#include <tallystick/tallystick.h>

#include "logs.h"

#include "images.h"
#include "platform/memory.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *disk; /* counts what recovery does */
static log_writer made;
static tally_found found;
static tally_error error;

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    disk = wrap_open(world);
    log_begin(&made, disk);
}

static void end(void)
{
    log_end(&made);
    CHECK_EQ(wrap_open_files(disk), 0);
    CHECK_EQ(wrap_blocks(disk), 0);
    CHECK_EQ(wrap_maps(disk), 0);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
}

static tally_status recover(void)
{
    memset(&error, 0, sizeof error);
    return tally_recover(&made.folder, TALLY_CHECK_FIRST_TOUCH, TALLY_MAP_SEALED, &found, &error);
}

/* Recovers, and wants so many events. */
static void recovers_to(uint64_t events, bool cut)
{
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, events);
    CHECK_EQ(found.durable, events);
    CHECK_EQ(found.report.happened, 1);
    CHECK_EQ(found.report.cut, cut);
    if (cut) CHECK_EQ(found.report.cut_position, events);
    tally_found_release(&found);
    /* Doing it again finds it done. */
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, events);
    CHECK_EQ(found.report.cut, 0);
    tally_found_release(&found);
}

static void refuses(tally_status status, uint64_t position, const char *word)
{
    uint64_t changes, syncs, after;
    tally_memory_progress(world, &changes, &syncs);
    CHECK_STATUS(recover(), status);
    CHECK(found.view == NULL);
    CHECK_EQ(error.position, position);
    CHECK(error.path[0] != '\0');
    CHECK_SAYS(error, word);
    tally_memory_progress(world, &after, &syncs);
    CHECK_EQ(after, changes); /* and nothing was touched */
}

/* Three commits of 1, 2 and 1 events in segment 0, all written, so many of them synced. */
static uint64_t ends[4];
static void three_commits(uint32_t synced)
{
    static const uint32_t counts[3] = {1, 2, 1};
    log_segment(&made, 0);
    ends[0] = made.offset;
    for (uint32_t i = 0; i < 3; i++) {
        log_append(&made, counts[i], 100, 0);
        if (i < synced) log_sync(&made);
        ends[i + 1] = made.offset;
    }
}

TEST(an_empty_directory_is_no_store_and_needs_nothing)
{
    bool is_store = true;
    begin();
    CHECK_STATUS(tally_directory_look(&made.folder, &is_store, &error), TALLY_OK);
    CHECK(!is_store);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK(found.view == NULL && !found.any_event);
    CHECK_EQ(found.report.happened, 0);
    end();
}

TEST(a_directory_of_another_program_is_refused_by_name)
{
    bool is_store;
    tally_file file;
    begin();
    CHECK_STATUS(tally_file_open(&made.folder, "photo.jpg", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL),
                 TALLY_OK);
    tally_file_close(&made.folder, &file);
    CHECK_STATUS(tally_directory_look(&made.folder, &is_store, &error), TALLY_E_FORMAT);
    CHECK_SAYS(error, "photo.jpg");
    tally_folder other = made.folder;
    (void)snprintf(other.path, sizeof other.path, "/none");
    CHECK_STATUS(tally_directory_look(&other, &is_store, &error), TALLY_E_NOT_FOUND);
    end();
}

TEST(what_a_crash_left_of_a_file_that_was_being_made_is_ours)
{
    bool is_store = true;
    tally_file file;
    begin();
    CHECK_STATUS(tally_file_open(&made.folder, "HEAD.new", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL),
                 TALLY_OK);
    tally_file_close(&made.folder, &file);
    CHECK_STATUS(tally_directory_look(&made.folder, &is_store, &error), TALLY_OK);
    CHECK(!is_store);
    CHECK_STATUS(tally_file_open(&made.folder, ".new", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL), TALLY_OK);
    tally_file_close(&made.folder, &file);
    CHECK_STATUS(tally_directory_look(&made.folder, &is_store, &error), TALLY_E_FORMAT);
    end();
}

TEST(segments_are_listed_in_their_order_however_they_were_made)
{
    tally_directory directory;
    char name[TALLY_NAME_BYTES];
    tally_file file;
    begin();
    for (uint64_t i = 0; i < 200; i++) {
        tally_name_segment(i * 37 % 200, 0, name);
        CHECK_STATUS(tally_file_open(&made.folder, name, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL), TALLY_OK);
        tally_file_close(&made.folder, &file);
    }
    CHECK_STATUS(tally_directory_list(&made.folder, &directory, &error), TALLY_OK);
    CHECK_EQ(directory.count, 200);
    for (uint64_t i = 0; i < directory.count; i++) CHECK_EQ(directory.numbers[i], i);
    tally_directory_free(&directory);
    recovers_to(0, false); /* none was ever written */
    CHECK(!log_has(&made, 0) && !log_has(&made, 199));
    end();
}

TEST(a_segment_of_a_later_generation_is_refused)
{
    bool is_store;
    tally_file file;
    begin();
    CHECK_STATUS(tally_file_open(&made.folder, "00000000.01.seg", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL),
                 TALLY_OK);
    tally_file_close(&made.folder, &file);
    CHECK_STATUS(tally_directory_look(&made.folder, &is_store, &error), TALLY_E_FORMAT);
    CHECK_STATUS(recover(), TALLY_E_FORMAT);
    end();
}

TEST(after_a_clean_close_nothing_happened)
{
    begin();
    three_commits(3);
    log_close_cleanly(&made);
    uint64_t writes = wrap_count(disk, WRAP_WRITES);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.happened, 0);
    CHECK_EQ(found.report.rewritten_bytes, 0);
    CHECK_EQ(wrap_count(disk, WRAP_WRITES) - writes, 1); /* the mark of the close, whose own sync nobody saw */
    CHECK_EQ(found.next_position, 4);
    CHECK_EQ(found.durable, 4);
    CHECK_EQ(found.next_commit, 4);
    CHECK_EQ(found.writer_epoch, 1);
    CHECK_EQ(found.digest, TALLY_DIGEST_SHA256);
    CHECK_EQ(found.last_time.time_us, LOG_TIME + 3);
    CHECK_BYTES(found.last_hash, made.last_hash, 32);
    CHECK_TEXT(found.name, "test");
    CHECK_EQ(atomic_load(&found.view->segments[0]->end), made.offset);
    tally_found_release(&found);
    end();
}

TEST(what_is_whole_but_was_not_synced_is_kept_and_written_again)
{
    begin();
    three_commits(1); /* the second mark states 1 */
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, 4);
    CHECK_EQ(found.report.happened, 1);
    CHECK_EQ(found.report.cut, 0);
    CHECK_EQ(found.report.rewritten_bytes, ends[3] - ends[1]);
    tally_found_release(&found);
    /* Now a power cut loses none of it. */
    tally_platform *after;
    log_end(&made);
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    made.folder.platform = after;
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, 4);
    tally_found_release(&found);
    made.folder.platform = disk;
    (void)tally_platform_memory_close(&after);
    end();
}

TEST(after_a_failed_sync_the_cache_is_not_believed)
{
    begin();
    three_commits(1);
    tally_memory_sync_failed(world, made.file, 0); /* readable, clean, and lost at the next power cut */
    tally_memory_end_process(world);
    made.file = TALLY_FILE_NONE;
    wrap_close(&disk);
    disk = wrap_open(world);
    made.folder.platform = disk;
    recovers_to(4, false);
    tally_platform *after;
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    made.folder.platform = after;
    recovers_to(4, false);
    made.folder.platform = disk;
    (void)tally_platform_memory_close(&after);
    end();
}

TEST(a_clean_close_whose_sync_failed_leaves_no_hole_behind_what_comes_later)
{
    begin();
    three_commits(3);
    log_append(&made, 0, 0, TALLY_MARK_CLEAN_CLOSE);
    tally_memory_sync_failed(world, made.file, 0);
    CHECK_STATUS(recover(), TALLY_OK);
    tally_found_release(&found);
    made.epoch = 2; /* the next writer goes on */
    log_append(&made, 1, 100, 0);
    log_sync(&made);
    tally_platform *after;
    log_end(&made);
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    made.folder.platform = after;
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, 5);
    tally_found_release(&found);
    made.folder.platform = disk;
    (void)tally_platform_memory_close(&after);
    end();
}

TEST(head_of_this_boot_says_what_need_not_be_written_again)
{
    begin();
    three_commits(3);
    log_head(&made, 1, 4, true);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.rewritten_bytes, 0);
    tally_found_release(&found);
    log_head(&made, 2, 4, false); /* of an earlier boot: nothing */
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.rewritten_bytes, ends[3] - ends[2]);
    tally_found_release(&found);
    end();
}

TEST(a_torn_commit_that_was_never_durable_is_cut)
{
    begin();
    three_commits(2);
    log_zero(&made, 0, ends[3] - TALLY_MARK_BYTES, TALLY_MARK_BYTES); /* its mark is missing */
    recovers_to(3, true);
    CHECK_EQ(log_size(&made, 0), ends[2]); /* what is written there next meets zeros */
    end();
}

TEST(a_half_written_frame_is_cut_too)
{
    begin();
    three_commits(2);
    log_zero(&made, 0, ends[2] + 200, (size_t)(ends[3] - ends[2]) - 200);
    recovers_to(3, true);
    end();
}

TEST(commits_behind_the_cut_go_too_although_they_are_whole)
{
    begin();
    three_commits(1);
    log_zero(&made, 0, ends[1], 512);
    recovers_to(1, true);
    CHECK_EQ(log_size(&made, 0), ends[1]);
    end();
}

static bool recovers_again(void *user_data, tally_platform *after, const wrap_image *image)
{
    tally_folder folder = made.folder;
    tally_found again;
    (void)user_data, (void)image;
    folder.platform = after;
    CHECK_STATUS(tally_recover(&folder, TALLY_CHECK_FIRST_TOUCH, TALLY_MAP_NEVER, &again, &error), TALLY_OK);
    CHECK(again.next_position == 1 || again.next_position == 3);
    tally_found_release(&again);
    return !test_has_failed();
}

/* A commit in the place of the one that was cut, as long as it, and the old one that was behind it. */
TEST(what_was_cut_does_not_come_back_behind_what_is_written_next)
{
    begin();
    three_commits(1);
    log_writer cut = made;
    log_head(&made, 1, 1, true);
    log_zero(&made, 0, ends[1], 512);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.cut, 1);
    CHECK_EQ(found.report.rewritten_bytes, 0); /* so that nothing but the cut itself could sync it */
    memcpy(made.last_hash, found.last_hash, 32);
    made.time_us = found.last_time.time_us + 1;
    tally_found_release(&found);
    made.position = 1;
    made.commit = 1;
    made.offset = ends[1];
    made.epoch = 2;
    CHECK_STATUS(tally_file_allocate(&made.folder, made.name, made.file, LOG_FILE_BYTES, NULL), TALLY_OK);
    log_append(&made, 2, 100, 0); /* and not synced */
    CHECK_EQ(made.offset, ends[2]);
    CHECK(cut.offset > ends[2]);
    CHECK(wrap_each_image(world, NULL, recovers_again, NULL) > 10);
    end();
}

TEST(a_later_mark_that_says_it_was_durable_refuses)
{
    begin();
    three_commits(3);
    log_flip(&made, 0, ends[1] + 40); /* the third mark states 3: the second commit was durable */
    refuses(TALLY_E_DAMAGED, 1, "00000000.00.seg");
    CHECK_SAYS(error, "durable");
    end();
}

TEST(head_of_this_boot_that_says_it_was_durable_refuses)
{
    begin();
    three_commits(3);
    log_head(&made, 1, 4, true);
    log_flip(&made, 0, ends[2] + 40);
    refuses(TALLY_E_DAMAGED, 3, "HEAD");
    log_head(&made, 2, 4, false); /* of another boot it is no witness */
    recovers_to(3, true);
    end();
}

TEST(a_head_that_says_less_does_not_excuse_what_a_mark_says)
{
    begin();
    three_commits(3);
    log_head(&made, 1, 1, true);
    log_flip(&made, 0, ends[1] + 40); /* the third mark states 3 */
    refuses(TALLY_E_DAMAGED, 1, "00000000.00.seg");
    end();
}

TEST(a_clean_close_behind_damage_refuses)
{
    begin();
    three_commits(3);
    log_close_cleanly(&made);
    log_flip(&made, 0, ends[2] + 40); /* the last commit, which only the mark of the close calls durable */
    refuses(TALLY_E_DAMAGED, 3, "durable");
    end();
}

TEST(bytes_that_check_and_are_out_of_order_are_no_crash)
{
    begin();
    three_commits(3);
    made.position += 2; /* a commit from nowhere */
    log_append(&made, 1, 10, 0);
    refuses(TALLY_E_DAMAGED, 4, "position");
    end();
}

TEST(a_time_that_goes_back_is_no_crash)
{
    begin();
    three_commits(3);
    made.time_us -= 100;
    log_append(&made, 1, 10, 0);
    refuses(TALLY_E_DAMAGED, 4, "time");
    end();
}

TEST(a_time_does_not_go_back_between_segments_either)
{
    begin();
    three_commits(3);
    log_segment(&made, 1);
    made.time_us -= 100;
    log_append(&made, 1, 10, 0);
    refuses(TALLY_E_DAMAGED, 4, "time");
    end();
}

TEST(an_unknown_kind_of_frame_is_a_later_version)
{
    begin();
    three_commits(3);
    uint8_t bytes[TALLY_MARK_BYTES] = {0, 0, 0, 0, 't', 'F', 9};
    tally_store_u32(bytes, tally_crc32c(made.seed, bytes + 4, sizeof bytes - 4));
    log_patch(&made, 0, ends[3], bytes, sizeof bytes);
    refuses(TALLY_E_FORMAT, 4, "later version");
    bytes[10] ^= 1; /* but one that does not check is torn */
    log_patch(&made, 0, ends[3], bytes, sizeof bytes);
    recovers_to(4, true);
    end();
}

/* -------------------------------------------------------------------------------- several segments */

/* Segments 0, 1, 2 with two commits of one event each; the first `synced` are durable. */
static void three_segments(uint32_t synced)
{
    for (uint32_t i = 0; i < 3; i++) {
        log_segment(&made, i);
        log_append(&made, 1, 50, 0);
        log_append(&made, 1, 50, 0);
        if (i < synced) log_sync(&made);
        ends[i] = made.offset;
    }
}

TEST(unsealed_segments_go_on_from_each_other)
{
    begin();
    three_segments(1);
    recovers_to(6, false);
    CHECK(log_has(&made, 2));
    end();
}

TEST(a_cut_removes_the_segments_behind_it)
{
    begin();
    three_segments(1);
    log_zero(&made, 1, ends[1] - TALLY_MARK_BYTES, 8);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.cut_segment, 1);
    CHECK(found.report.cut_offset < ends[1] && found.report.cut_offset > TALLY_SEGMENT_HEADER_BYTES);
    /* What was not zero: most of one commit there, of a header and two commits in the next. */
    CHECK(found.report.cut_bytes > 500 && found.report.cut_bytes < 2000);
    tally_found_release(&found);
    CHECK(log_has(&made, 1) && !log_has(&made, 2));
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.next_position, 3);
    tally_found_release(&found);
    end();
}

TEST(a_segment_whose_name_never_reached_the_device_takes_the_later_ones_with_it)
{
    begin();
    three_segments(1);
    CHECK_STATUS(tally_file_remove(&made.folder, "00000001.00.seg", NULL), TALLY_OK);
    recovers_to(2, true);
    CHECK(!log_has(&made, 1) && !log_has(&made, 2));
    end();
}

TEST(a_durable_segment_that_is_missing_refuses)
{
    begin();
    three_segments(3);
    log_append(&made, 1, 50, 0); /* states that 6 are durable */
    CHECK_STATUS(tally_file_remove(&made.folder, "00000001.00.seg", NULL), TALLY_OK);
    refuses(TALLY_E_DAMAGED, 2, "00000001.00.seg");
    CHECK(log_has(&made, 2));
    end();
}

TEST(the_newest_segment_with_a_header_of_zeros_never_existed)
{
    begin();
    three_segments(2);
    log_zero(&made, 2, 0, TALLY_SEGMENT_HEADER_BYTES);
    recovers_to(4, true);
    CHECK(!log_has(&made, 2));
    end();
}

TEST(an_allocated_segment_that_was_never_written_is_no_cut)
{
    begin();
    three_segments(2);
    log_zero(&made, 2, 0, LOG_FILE_BYTES);
    recovers_to(4, false);
    CHECK(!log_has(&made, 2));
    end();
}

TEST(a_header_of_zeros_before_marks_that_state_durable_events_refuses)
{
    begin();
    three_segments(3);
    log_append(&made, 1, 50, 0);
    log_zero(&made, 2, 0, TALLY_SEGMENT_HEADER_BYTES);
    refuses(TALLY_E_DAMAGED, 4, "00000002.00.seg");
    end();
}

TEST(a_header_that_rotted_before_commits_refuses)
{
    begin();
    three_segments(2);
    log_flip(&made, 2, 60);
    refuses(TALLY_E_DAMAGED, 4, "00000002.00.seg");
    log_zero(&made, 2, TALLY_SEGMENT_HEADER_BYTES, 8192); /* before nothing it costs nothing */
    recovers_to(4, true);
    end();
}

TEST(a_segment_of_another_store_refuses)
{
    begin();
    three_segments(3);
    log_segment(&made, 3);
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    made.header.lineage[3] ^= 1;
    tally_segment_header_encode(&made.header, bytes);
    log_patch(&made, 3, 0, bytes, sizeof bytes);
    refuses(TALLY_E_DAMAGED, 6, "another store");
    end();
}

TEST(a_segment_that_goes_on_from_another_event_refuses)
{
    begin();
    three_segments(3);
    made.last_hash[0] ^= 1;
    log_segment(&made, 3);
    log_append(&made, 1, 50, 0);
    refuses(TALLY_E_DAMAGED, 6, "another event");
    end();
}

TEST(a_segment_that_begins_before_the_end_of_the_one_before_it_refuses)
{
    begin();
    three_segments(3);
    made.position -= 1;
    log_segment(&made, 3);
    refuses(TALLY_E_DAMAGED, 6, "begins before the end");
    end();
}

TEST(a_newest_file_that_is_too_short_for_a_header_never_existed)
{
    begin();
    three_segments(2);
    log_end(&made);
    tally_file file;
    CHECK_STATUS(tally_file_open(&made.folder, "00000002.00.seg", TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, NULL),
                 TALLY_OK);
    CHECK_STATUS(tally_file_truncate(&made.folder, "00000002.00.seg", file, 0, NULL), TALLY_OK);
    tally_file_close(&made.folder, &file);
    recovers_to(4, false);
    CHECK(!log_has(&made, 2));
    end();
}

/* Without an event in the newest segment the clock and the links go on from an earlier one. */
TEST(the_last_event_is_found_in_an_earlier_segment)
{
    begin();
    three_segments(3);
    log_segment(&made, 3);
    log_close_cleanly(&made);
    CHECK_STATUS(recover(), TALLY_OK);
    CHECK_EQ(found.report.happened, 0);
    CHECK_EQ(found.next_position, 6);
    CHECK_EQ(found.last_time.time_us, LOG_TIME + 5);
    CHECK_EQ(found.digest, TALLY_DIGEST_SHA256);
    CHECK_BYTES(found.last_hash, made.last_hash, 32);
    tally_found_release(&found);
    end();
}

/* A store of the library: two sealed segments of two events, and one with the fifth. `last` is the last one sealed. */
static void sealed_store(tally_hash *hash, tally_event *last)
{
    static uint8_t data[25000], buffer[32768];
    tally_store *store = NULL;
    tally_store_options options = {.size = sizeof options,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .digest = TALLY_STORE_BLAKE2B,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = disk};
    tally_draft draft = {
        .size = sizeof draft, .stream = {"a", 1}, .type = {"b", 1}, .data = data, .length = sizeof data};
    size_t needed;
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &store, &error), TALLY_OK);
    /* Two fit into a segment; the fifth begins the third. */
    for (int i = 0; i < 5; i++) REQUIRE_STATUS(tally_store_append(store, &draft, NULL, NULL, &error), TALLY_OK);
    REQUIRE_STATUS(tally_store_close(&store), TALLY_OK);
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &store, &error), TALLY_OK);
    for (uint64_t i = 0; i < 5; i++) {
        REQUIRE_STATUS(tally_store_get(store, i, buffer, sizeof buffer, &needed, last, &error), TALLY_OK);
        if (last->position == 3) break;
    }
    REQUIRE_STATUS(tally_event_hash(last, hash), TALLY_OK);
    REQUIRE_STATUS(tally_store_close(&store), TALLY_OK);
}

TEST(a_log_that_ends_in_a_sealed_segment_goes_on_from_its_last_event)
{
    tally_hash hash = {{0}};
    tally_event last = {.position = 0};
    begin();
    sealed_store(&hash, &last);
    (void)tally_file_remove(&made.folder, "00000002.00.seg", NULL);
    (void)tally_file_remove(&made.folder, "HEAD", NULL);
    CHECK_STATUS(recover(), TALLY_OK);
    REQUIRE(found.view != NULL && found.view->segments[found.view->segment_count - 1]->sealed);
    CHECK_EQ(found.next_position, last.position + 1);
    CHECK_EQ(found.digest, TALLY_DIGEST_BLAKE2B);
    CHECK_EQ(found.last_time.time_us, last.time_us);
    CHECK_EQ(found.last_time.logical, last.time_logical);
    CHECK_BYTES(found.last_hash, hash.bytes, 32);
    CHECK_EQ(found.writer_epoch, 1);
    tally_found_release(&found);
    end();
}

TEST(behind_sealed_segments_the_log_goes_on_from_their_last_event)
{
    tally_hash hash = {{0}};
    tally_event last = {.position = 0};
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header header;
    begin();
    sealed_store(&hash, &last);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = log_byte(&made, 2, i);
    REQUIRE_STATUS(tally_segment_header_decode(bytes, sizeof bytes, &header, &error), TALLY_OK);
    CHECK_BYTES(header.event_before, hash.bytes, 32);
    header.event_before[7] ^= 1; /* as a segment of another copy of the store would say */
    tally_segment_header_encode(&header, bytes);
    log_patch(&made, 2, 0, bytes, sizeof bytes);
    refuses(TALLY_E_DAMAGED, 4, "another event");
    end();
}

TEST(a_newer_format_is_refused_and_never_taken_for_a_torn_header)
{
    begin();
    three_segments(2);
    uint8_t two = 2;
    log_patch(&made, 2, 8, &two, 1);
    refuses(TALLY_E_FORMAT, 4, "format 2");
    end();
}

/* What could not be written, synced, cut or removed is not called durable. */
TEST(no_change_that_fails_is_passed_over)
{
    bool hit = true;
    uint64_t met = 0;
    for (uint64_t k = 0; hit && !test_has_failed(); k++) {
        begin();
        three_segments(1);
        log_end(&made);
        log_zero(&made, 1, ends[1] - TALLY_MARK_BYTES, 8);
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_WRITES | WRAP_SYNCS | WRAP_SIZES | WRAP_BIT(WRAP_REMOVE_FILE),
                                           .skip = k,
                                           .kind = WRAP_FAIL});
        tally_status status = recover();
        hit = wrap_fault_hit(disk);
        met += hit;
        CHECK((status == TALLY_OK) == !hit);
        tally_found_release(&found);
        wrap_fault_set(disk, NULL);
        end();
    }
    CHECK(met >= 6); /* the removal, the directory, the cut, its sync, rewriting, its sync, the directory */
}

TEST(each_call_that_fails_leaves_a_disk_that_recovers)
{
    for (uint64_t k = 0; k < 400 && !test_has_failed(); k++) {
        begin();
        three_segments(1);
        log_end(&made);
        log_zero(&made, 1, ends[1] - TALLY_MARK_BYTES, 8);
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_DISK | WRAP_MEMORY, .skip = k, .kind = WRAP_FAIL});
        tally_status status = recover();
        bool hit = wrap_fault_hit(disk);
        if (status == TALLY_OK) CHECK_EQ(found.next_position, 3);
        tally_found_release(&found);
        wrap_fault_set(disk, NULL);
        CHECK_STATUS(recover(), TALLY_OK);
        CHECK_EQ(found.next_position, 3);
        tally_found_release(&found);
        end();
        if (!hit) return;
    }
    CHECK(false); /* it never ran to its end */
}
