/* Following: a reader beside a writer in the same world. */
#include <tallystick/tallystick.h>

#include "logs.h"

#include "log/follow.h"
#include "platform/memory.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *disk; /* the follower's */
static log_writer made;
static tally_follow *follow;
static tally_found found;
static tally_view *view;
static uint64_t end_position, durable;
static tally_error error;

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    disk = wrap_open(world);
    log_begin(&made, world);
}

static tally_folder folder;
static void open_it(tally_status wanted)
{
    folder = made.folder;
    folder.platform = disk;
    CHECK_STATUS(tally_follow_open(&folder, TALLY_CHECK_ALWAYS, TALLY_MAP_SEALED, &follow, &found, &error), wanted);
    tally_found_release(&found);
}

static tally_status refresh(void)
{
    tally_view *now;
    tally_status status = tally_follow_refresh(follow, &now, &end_position, &durable, &error);
    if (now != NULL) {
        tally_view_release(view);
        view = now;
    }
    return status;
}

static void end(void)
{
    tally_follow_close(follow);
    follow = NULL;
    tally_view_release(view);
    view = NULL;
    log_end(&made);
    CHECK_EQ(wrap_count(disk, WRAP_CHANGES & ~WRAP_BIT(WRAP_OPEN_FILE)), 0); /* it writes nothing */
    CHECK_EQ(wrap_open_files(disk), 0);
    CHECK_EQ(wrap_blocks(disk), 0);
    wrap_close(&disk);
    (void)tally_platform_memory_close(&world);
}

static void sees(uint64_t events)
{
    CHECK_STATUS(refresh(), TALLY_OK);
    CHECK_EQ(end_position, events);
}

TEST(it_sees_commits_as_they_are_written_and_none_that_is_torn)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 2, 100, 0);
    open_it(TALLY_OK);
    CHECK_EQ(found.next_position, 2);
    sees(2);
    log_append(&made, 1, 100, 0);
    sees(3);
    uint64_t offset = made.offset;
    log_append(&made, 3, 100, 0);
    uint8_t first = log_byte(&made, 0, offset + 4);
    log_zero(&made, 0, offset + 4, 1); /* its first sector is not there yet */
    sees(3);
    log_patch(&made, 0, offset + 4, &first, 1);
    sees(6);
    end();
}

TEST(head_tells_what_is_durable_under_this_boot_only)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 3, 100, 0);
    open_it(TALLY_OK);
    CHECK_EQ(found.durable, 0);
    log_head(&made, 1, 2, false);
    sees(3);
    CHECK_EQ(durable, 0);
    log_head(&made, 2, 2, true);
    sees(3);
    CHECK_EQ(durable, 2);
    log_head(&made, 3, 99, true); /* more than there is */
    sees(3);
    CHECK_EQ(durable, 3);
    end();
}

TEST(an_open_tells_what_is_durable_and_no_view_is_given_twice)
{
    tally_view *again;
    begin();
    log_segment(&made, 0);
    log_append(&made, 3, 100, 0);
    log_head(&made, 1, 2, true);
    open_it(TALLY_OK);
    CHECK_EQ(found.durable, 2);
    CHECK_EQ(found.writer_epoch, 1);
    log_segment(&made, 1);
    log_append(&made, 1, 100, 0);
    sees(4);
    CHECK(view != NULL);
    CHECK_STATUS(tally_follow_refresh(follow, &again, &end_position, &durable, &error), TALLY_OK);
    CHECK(again == NULL);
    end();
}

/* Without HEAD the names are looked at from time to time. */
TEST(a_segment_that_is_gone_is_noticed_without_head_too)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    log_segment(&made, 1);
    log_append(&made, 1, 100, 0);
    open_it(TALLY_OK);
    sees(2);
    CHECK_STATUS(tally_file_remove(&made.folder, "00000001.00.seg", NULL), TALLY_OK);
    tally_status status = TALLY_OK;
    for (int i = 0; i < 100 && status == TALLY_OK; i++) status = refresh();
    CHECK_STATUS(status, TALLY_E_DAMAGED);
    end();
}

TEST(it_goes_over_to_the_next_segment_with_and_without_head)
{
    for (int with_head = 0; with_head < 2; with_head++) {
        begin();
        log_segment(&made, 0);
        log_append(&made, 1, 100, 0);
        if (with_head) log_head(&made, 1, 0, true);
        open_it(TALLY_OK);
        log_append(&made, 1, 100, 0);
        log_segment(&made, 1);
        sees(2);
        log_append(&made, 1, 100, 0);
        log_segment(&made, 2);
        log_append(&made, 2, 100, 0);
        if (with_head) log_head(&made, 2, 0, true);
        sees(5);
        REQUIRE(view != NULL);
        CHECK_EQ(view->segment_count, 3);
        end();
    }
}

/* Rotation makes the file, then writes its header with the first commit, and the end of the old one before. */
TEST(a_segment_that_is_just_being_begun_is_no_damage)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    open_it(TALLY_OK);
    sees(1);
    uint64_t offset = made.offset;
    log_append(&made, 1, 100, 0); /* its first sector comes last */
    uint8_t sector[512], header[TALLY_SEGMENT_HEADER_BYTES];
    for (size_t i = 0; i < sizeof sector; i++) sector[i] = log_byte(&made, 0, offset + i);
    log_zero(&made, 0, offset, sizeof sector);
    log_segment(&made, 1);
    for (size_t i = 0; i < sizeof header; i++) header[i] = log_byte(&made, 1, i);
    log_zero(&made, 1, 0, sizeof header);
    sees(1);
    log_patch(&made, 1, 0, header, sizeof header);
    sees(1);
    log_patch(&made, 0, offset, sector, sizeof sector);
    sees(2);
    log_append(&made, 1, 100, 0);
    sees(3);
    end();
}

TEST(a_store_that_is_being_made_is_met_later)
{
    begin();
    open_it(TALLY_OK);
    CHECK(found.next_position == 0);
    sees(0);
    log_segment(&made, 0);
    sees(0);
    log_append(&made, 1, 100, 0);
    sees(1);
    CHECK(view != NULL);
    end();
}

TEST(damage_that_refuses_a_writer_is_a_prefix_for_a_reader)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    log_sync(&made);
    uint64_t at = made.offset;
    log_append(&made, 1, 100, 0);
    log_sync(&made);
    log_append(&made, 1, 100, 0);
    log_flip(&made, 0, at + 50);
    open_it(TALLY_OK);
    CHECK_EQ(found.next_position, 1);
    sees(1);
    tally_found recovered;
    CHECK_STATUS(tally_recover(&made.folder, 0, 0, &recovered, &error), TALLY_E_DAMAGED);
    end();
}

TEST(a_later_version_is_refused)
{
    begin();
    log_segment(&made, 0);
    uint8_t two = 2;
    log_patch(&made, 0, 8, &two, 1);
    open_it(TALLY_E_FORMAT);
    end();
}

/* What a shared disk, or a write that failed, can do to a reader that lives on. */
TEST(a_cut_of_what_was_seen_ends_it)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    log_sync(&made);
    uint64_t at = made.offset;
    log_append(&made, 2, 100, 0);
    open_it(TALLY_OK);
    sees(3);
    log_zero(&made, 0, at, 4096);
    CHECK_STATUS(refresh(), TALLY_E_DAMAGED);
    CHECK_EQ(error.position, 3);
    CHECK_SAYS(error, "open the store again");
    CHECK_STATUS(refresh(), TALLY_E_DAMAGED); /* for ever */
    CHECK_EQ(end_position, 3);
    end();
}

TEST(a_cut_that_is_written_over_with_other_events_ends_it_too)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    log_writer before = made;
    log_append(&made, 2, 100, 0);
    open_it(TALLY_OK);
    sees(3);
    made = before;
    made.epoch = 2;
    made.time_us += 1000; /* the same place and length, other events */
    log_append(&made, 2, 100, 0);
    CHECK_STATUS(refresh(), TALLY_E_DAMAGED);
    end();
}

TEST(a_segment_that_was_removed_and_made_anew_ends_it)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 1, 100, 0);
    log_writer before = made;
    log_segment(&made, 1);
    log_append(&made, 1, 100, 0);
    log_head(&made, 1, 0, true);
    open_it(TALLY_OK);
    sees(2);
    log_end(&made);
    CHECK_STATUS(tally_file_remove(&made.folder, "00000001.00.seg", NULL), TALLY_OK);
    made = before;
    made.file = TALLY_FILE_NONE;
    made.epoch = 2; /* the next writer says so in HEAD */
    log_segment(&made, 1);
    made.header.salt[0] ^= 1;
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header_encode(&made.header, bytes);
    log_patch(&made, 1, 0, bytes, sizeof bytes);
    log_head(&made, 2, 0, true);
    CHECK_STATUS(refresh(), TALLY_E_DAMAGED);
    end();
}

TEST(a_clean_close_and_the_next_writer_are_no_cut)
{
    begin();
    log_segment(&made, 0);
    log_append(&made, 2, 100, 0);
    log_head(&made, 1, 0, true);
    open_it(TALLY_OK);
    sees(2);
    log_close_cleanly(&made);
    sees(2);
    CHECK_EQ(durable, 2);
    REQUIRE_STATUS(tally_file_open(&made.folder, made.name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &made.file, &error),
                   TALLY_OK);
    made.epoch = 2;
    log_head(&made, 2, 2, true);
    log_append(&made, 1, 100, 0);
    sees(3);
    end();
}

/* -------------------------------------------------------------------------- beside a real writer */

static tally_store *writer;

static void open_writer(void)
{
    tally_store_options options = {.size = sizeof options,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = world};
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &writer, &error), TALLY_OK);
}

static void append(size_t length, uint32_t level)
{
    static uint8_t data[60000];
    tally_draft draft = {.size = sizeof draft, .stream = {"a", 1}, .type = {"b", 1}, .data = data, .length = length};
    tally_append_options options = {.size = sizeof options, .durability = level};
    REQUIRE_STATUS(tally_store_append(writer, &draft, &options, NULL, &error), TALLY_OK);
}

TEST(rotation_sealing_merging_and_closing_lose_nobody)
{
    int32_t more;
    begin();
    open_writer();
    open_it(TALLY_OK);
    for (uint64_t i = 1; i <= 80 && !test_has_failed(); i++) {
        append(15000 + 331 * (i % 50), i % 3 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
        if (i % 4 == 0) CHECK_STATUS(tally_store_tick(writer, &more, &error), TALLY_OK);
        sees(i);
        if (view != NULL) CHECK_EQ(view->segments[0]->header.first_position, 0);
    }
    REQUIRE(view != NULL);
    CHECK(view->segment_count > 10);
    CHECK(view->segments[0]->sealed); /* it took the sealed ones */
    CHECK_STATUS(tally_store_close(&writer), TALLY_OK);
    sees(80);
    CHECK_EQ(durable, 80);
    open_writer();
    append(100, TALLY_WRITTEN);
    sees(81);
    CHECK_STATUS(tally_store_close(&writer), TALLY_OK);
    end();
}

TEST(what_a_writer_holds_back_is_not_seen)
{
    begin();
    open_writer();
    append(100, TALLY_WRITTEN);
    open_it(TALLY_OK);
    append(100, TALLY_BUFFERED);
    sees(1);
    append(100, TALLY_WRITTEN);
    sees(3);
    CHECK_STATUS(tally_store_close(&writer), TALLY_OK);
    end();
}

TEST(each_call_that_fails_leaves_a_follower_that_goes_on)
{
    for (uint64_t k = 0; k < 300 && !test_has_failed(); k++) {
        begin();
        log_segment(&made, 0);
        log_append(&made, 1, 100, 0);
        open_it(TALLY_OK);
        log_append(&made, 1, 100, 0);
        log_segment(&made, 1);
        log_append(&made, 2, 100, 0);
        wrap_fault_set(disk, &(wrap_fault){.calls = WRAP_DISK | WRAP_MEMORY, .skip = k, .kind = WRAP_FAIL});
        (void)refresh();
        bool hit = wrap_fault_hit(disk);
        wrap_fault_set(disk, NULL);
        sees(4);
        end();
        if (!hit) return;
    }
    CHECK(false);
}
