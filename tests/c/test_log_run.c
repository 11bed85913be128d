/* log/run, run_merge, run_open, locate: which merges are due, what a run says, and what is left when one fails. */
#include "log_world.h"

#include "log/locate.h"
#include "log/run_body.h"

static log_world world;
static tally_error error;

/* The sizes of the runs, as text. */
static const char *sizes(void)
{
    static char text[200];
    text[0] = '\0';
    for (size_t i = 0; i < world.run_count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%" PRIu64 "+%u ", tally_run_first_segment(world.runs[i]),
                       tally_run_segment_count(world.runs[i]));
    }
    return text;
}

TEST(segments_are_merged_by_fours_and_so_are_runs)
{
    world_open(&world, 1);
    for (uint32_t i = 1; i <= 22; i++) {
        world_append(&world, 10);
        world_begin_segment(&world);
        world_seal(&world, i - 1);
        world_merge(&world);
        if (i == 3) CHECK_TEXT(sizes(), "");
        if (i == 4) CHECK_TEXT(sizes(), "0+4 ");
        if (i == 15) CHECK_TEXT(sizes(), "0+4 4+4 8+4 ");
        if (i == 16) CHECK_TEXT(sizes(), "0+16 ");
        if (i == 22) CHECK_TEXT(sizes(), "0+16 16+4 ");
    }
    world_close(&world);
}

TEST(runs_are_found_again_on_the_disk)
{
    world_open(&world, 2);
    world_fill(&world, 22, 10, 21);
    world_merge(&world);
    CHECK_TEXT(sizes(), "0+16 16+4 ");
    world_reopen_runs(&world, true);
    CHECK_TEXT(sizes(), "0+16 16+4 ");
    world_reopen_runs(&world, false);
    CHECK_TEXT(sizes(), "0+16 16+4 ");
    /* A run of segments that are not there, or not sealed, is none. */
    tally_run **runs;
    size_t count;
    CHECK_STATUS(tally_runs_open(&world.folder, world.segments, 10, false, &runs, &count, &error), TALLY_OK);
    CHECK_EQ(count, 0);
    CHECK(runs == NULL);
    CHECK_STATUS(tally_runs_open(&world.folder, world.segments + 1, 20, false, &runs, &count, &error), TALLY_OK);
    CHECK_EQ(count, 1);
    for (size_t i = 0; i < count; i++) tally_run_release(runs[i]);
    world.platform->release(world.platform->context, runs);
    world_close(&world);
}

static bool exists(const char *name)
{
    tally_file file;
    if (tally_file_open(&world.folder, name, TALLY_OPEN_READ, &file, NULL) != TALLY_OK) return false;
    tally_file_close(&world.folder, &file);
    return true;
}

static void write_to(const char *name, uint64_t offset, const void *bytes, size_t length)
{
    tally_file file;
    REQUIRE_STATUS(tally_file_open(&world.folder, name, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, &error), TALLY_OK);
    CHECK_STATUS(tally_file_write(&world.folder, name, file, offset, bytes, length, &error), TALLY_OK);
    tally_file_close(&world.folder, &file);
}

TEST(what_is_no_whole_run_is_left_out_and_removed_by_a_writer)
{
    world_open(&world, 3);
    world_fill(&world, 5, 10, 5);
    world_merge(&world);
    char name[TALLY_NAME_BYTES];
    tally_name_run(0, 3, name);
    CHECK(exists(name));
    uint8_t header[200];
    memset(header, 7, sizeof header);
    char other[TALLY_NAME_BYTES];
    tally_name_run(1, 2, other);
    write_to(other, 0, header, sizeof header);
    write_to("runs/00000000-0000000f.run.new", 0, header, sizeof header);
    write_to("runs/README", 0, header, sizeof header);
    world_reopen_runs(&world, false);
    CHECK_EQ(world.run_count, 1);
    CHECK(exists(other) && exists("runs/00000000-0000000f.run.new"));
    world_reopen_runs(&world, true);
    CHECK_EQ(world.run_count, 1);
    CHECK(!exists(other) && !exists("runs/00000000-0000000f.run.new") && exists("runs/README"));
    write_to(name, 20, header, 3);
    world_reopen_runs(&world, true);
    CHECK_EQ(world.run_count, 0);
    CHECK(!exists(name));
    world_close(&world);
}

TEST(a_run_is_of_the_segments_that_it_was_made_of_and_of_no_others)
{
    world_open(&world, 4);
    world_fill(&world, 5, 10, 5);
    world_merge(&world);
    CHECK_EQ(world.run_count, 1);
    /* Another segment in the place of one: the same number and positions, another salt. */
    uint8_t salt = world.segments[2]->header.salt[0];
    world.segments[2]->header.salt[0] ^= 1;
    world_reopen_runs(&world, false);
    CHECK_EQ(world.run_count, 0);
    world.segments[2]->header.salt[0] = salt;
    world_reopen_runs(&world, false);
    CHECK_EQ(world.run_count, 1);
    world_close(&world);
}

TEST(a_name_is_located_in_both_directions)
{
    world_open(&world, 5);
    world_fill(&world, 23, 30, 22);
    world_merge(&world);
    tally_view *view = world_view(&world);
    for (uint32_t stream = 0; stream < WORLD_STREAMS && !test_has_failed(); stream++) {
        tally_key key = {TALLY_KEY_STREAM, world_stream(stream)};
        for (uint32_t backwards = 0; backwards < 2; backwards++) {
            tally_locator locator = {.key = key};
            bool found;
            size_t next;
            tally_entry entry;
            bool in[WORLD_SEGMENTS] = {false};
            size_t i = backwards ? view->segment_count : 0;
            while (backwards ? i > 0 : i < view->segment_count) {
                size_t at = backwards ? i - 1 : i;
                REQUIRE_STATUS(tally_locate(&locator, view, at, backwards, &found, &entry, &next, &error), TALLY_OK);
                if (found) in[at] = true;
                else CHECK(backwards ? next < i : next > i);
                i = found ? (backwards ? at : at + 1) : next;
            }
            for (uint64_t e = 0; e < world.event_count; e++) {
                if (world.events[e].stream == stream) CHECK(in[tally_view_find(view, e)]);
            }
            for (size_t s = 0; s < view->segment_count; s++) {
                if (!in[s]) continue;
                CHECK_STATUS(tally_ask_key(view->segments[s], &key, &found, &entry, &error), TALLY_OK);
                CHECK(found);
            }
        }
    }
    tally_view_release(view);
    CHECK(world_is_trusted(&world));
    world_close(&world);
}

/* ----------------------------------------------------------------------------------------- failures */

static void merge(const tally_platform *platform, void *user_data)
{
    tally_view *view;
    tally_run *merged;
    (void)platform;
    (void)user_data;
    if (tally_view_new(world.platform, world.segments, world.segment_count, NULL, 0, &view, &error) != TALLY_OK) return;
    tally_status status = tally_run_merge(&world.folder, view, &merged, &error);
    CHECK(status == TALLY_OK || merged == NULL);
    if (merged != NULL) CHECK_EQ(tally_run_segment_count(merged), 4);
    tally_run_release(merged);
    tally_view_release(view);
}

TEST(a_merge_that_fails_leaves_nothing_that_counts)
{
    const uint64_t kinds[] = {WRAP_MEMORY, WRAP_WRITES, WRAP_SYNCS,
                              WRAP_NAMES,  WRAP_READS,  WRAP_BIT(WRAP_RANDOM_BYTES)};
    world_open(&world, 6);
    world_fill(&world, 5, 40, 5);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t leaks = 0;
        wrap_fault fault = {.calls = kinds[i], .kind = WRAP_FAIL};
        CHECK(wrap_each_failure(world.platform, fault, merge, NULL, &leaks) > 0);
        CHECK_EQ(leaks, 0);
    }
    merge(NULL, NULL);
    world_reopen_runs(&world, true);
    CHECK_EQ(world.run_count, 1);
    CHECK(world_is_trusted(&world));
    world_close(&world);
}

TEST(damaged_segments_are_not_merged)
{
    world_open(&world, 7);
    world_fill(&world, 6, 40, 6);
    world_damage(&world, 2, 50);
    tally_view *view = world_view(&world);
    tally_run *merged;
    /* The damage is found while it is read, and from then on the segment stands alone. */
    tally_status status = tally_run_merge(&world.folder, view, &merged, &error);
    CHECK(merged == NULL);
    CHECK(status == TALLY_OK || status == TALLY_E_DAMAGED);
    CHECK_STATUS(tally_run_merge(&world.folder, view, &merged, &error), TALLY_OK);
    CHECK(merged == NULL);
    tally_view_release(view);
    world_close(&world);
}

TEST(headers_of_any_bytes_are_no_crash)
{
    dice random = dice_of(1);
    for (uint32_t round = 0; round < 3000; round++) {
        uint8_t bytes[TALLY_RUN_HEADER_BYTES];
        tally_run_header header = {.segment_count = 4, .first_position = roll(&random, 100)};
        for (size_t i = 0; i < TALLY_RUN_PARTS; i++) {
            header.offsets[i] = (uint64_t)roll(&random, 10) * 4096;
            header.lengths[i] = roll(&random, 2) == 0 ? roll(&random, 9000) : UINT64_MAX - roll(&random, 5000);
        }
        tally_run_header_encode(&header, bytes);
        if (roll(&random, 2) == 0) bytes[roll(&random, 128)] ^= (uint8_t)(1 + roll(&random, 255));
        tally_run_header read;
        tally_status status = tally_run_header_decode(bytes, 20000, &read, &error);
        for (size_t i = 0; i < TALLY_RUN_PARTS && status == TALLY_OK; i++) {
            CHECK(read.offsets[i] >= 4096 && read.lengths[i] <= 20000);
            CHECK(read.offsets[i] + tally_section_file_bytes(read.lengths[i]) <= 20000);
        }
    }
}
