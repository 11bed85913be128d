/* log/index, postings, match: an index in memory is caught up a little at a time, in any steps, and holds what it
 * says it holds. */
#include "log_world.h"

static log_world world;
static tally_error error;

static tally_segment *last(void) { return world.segments[world.segment_count - 1]; }

TEST(an_index_is_caught_up_in_steps_of_any_size)
{
    world_open(&world, 1);
    for (uint32_t i = 0; i < 300 && !test_has_failed(); i++) {
        tally_entry entry;
        uint64_t offset;
        uint64_t limit;
        world_append(&world, 1 + roll(&world.random, i % 10 == 0 ? 200 : 3));
        CHECK_STATUS(tally_index_catch_up(last()->index, last(), &error), TALLY_OK);
        CHECK_EQ(tally_index_events(last()->index), world.event_count);
        const known_event *newest = &world.events[world.event_count - 1];
        tally_key key = {TALLY_KEY_STREAM, world_stream(newest->stream)};
        REQUIRE(tally_index_find(last()->index, &key, &entry) == TALLY_ANSWER_YES);
        CHECK_EQ(entry.count, newest->version + 1);
        CHECK_EQ(entry.last, world.event_count - 1);
        CHECK(tally_index_place(last()->index, (uint32_t)world.event_count - 1, &offset, &limit) == TALLY_ANSWER_YES);
        CHECK_EQ(limit, tally_segment_end(last()));
        CHECK(tally_index_place(last()->index, (uint32_t)world.event_count, &offset, &limit) == TALLY_ANSWER_NO);
    }
    world_close(&world);
}

TEST(an_index_takes_a_few_bytes_for_each_event)
{
    world_open(&world, 2);
    world_append(&world, 8000);
    CHECK_STATUS(tally_index_catch_up(last()->index, last(), &error), TALLY_OK);
    CHECK(tally_index_bytes(last()->index) < 8000 * 128);
    world_close(&world);
}

static void catch_up(const tally_platform *platform, void *user_data)
{
    tally_index *index;
    (void)platform;
    (void)user_data;
    if (tally_index_new(world.platform, 0, &index, &error) != TALLY_OK) return;
    /* After a failure it is tried again, and then nothing may be in it twice. */
    for (uint32_t tries = 0; tries < 3; tries++) {
        if (tally_index_catch_up(index, last(), &error) == TALLY_OK) break;
        CHECK(error.status == TALLY_E_NO_MEMORY || error.status == TALLY_E_IO);
    }
    if (tally_index_events(index) == world.event_count) {
        uint64_t sum = 0;
        for (uint32_t stream = 0; stream < WORLD_STREAMS; stream++) {
            tally_entry entry;
            tally_key key = {TALLY_KEY_STREAM, world_stream(stream)};
            if (tally_index_find(index, &key, &entry) == TALLY_ANSWER_YES) sum += entry.count;
        }
        CHECK_EQ(sum, world.event_count);
        for (uint64_t i = 0; i < world.event_count; i++) {
            uint32_t ordinal;
            CHECK(tally_index_candidate(index, false, world.events[i].id, UINT32_MAX, &ordinal) == TALLY_ANSWER_YES);
        }
    }
    tally_index_free(index);
}

TEST(an_index_that_ran_out_of_memory_goes_on_where_it_was)
{
    uint64_t leaks = 0;
    world_open(&world, 3);
    world_append(&world, 700);
    wrap_fault memory = {.calls = WRAP_MEMORY, .kind = WRAP_FAIL};
    wrap_fault reads = {.calls = WRAP_BIT(WRAP_READ_AT), .kind = WRAP_FAIL};
    CHECK(wrap_each_failure(world.platform, memory, catch_up, NULL, &leaks) > 20);
    CHECK(wrap_each_failure(world.platform, reads, catch_up, NULL, &leaks) > 0);
    CHECK_EQ(leaks, 0);
    world_close(&world);
}

TEST(short_reads_are_gone_on_with)
{
    world_open(&world, 4);
    world_append(&world, 300);
    wrap_fault_set(world.platform, &(wrap_fault){.calls = WRAP_BIT(WRAP_READ_AT), .kind = WRAP_SHORT, .bytes = 100});
    CHECK_STATUS(tally_index_catch_up(last()->index, last(), &error), TALLY_OK);
    wrap_fault_set(world.platform, NULL);
    CHECK_EQ(tally_index_events(last()->index), 300);
    world_close(&world);
}

TEST(a_frame_that_does_not_check_is_damage_with_its_place)
{
    world_open(&world, 5);
    world_append(&world, 100);
    uint64_t offset;
    uint64_t limit;
    CHECK_STATUS(tally_index_catch_up(last()->index, last(), &error), TALLY_OK);
    CHECK(tally_index_place(last()->index, 40, &offset, &limit) == TALLY_ANSWER_YES);
    uint8_t byte = 0xff;
    CHECK_STATUS(tally_file_write(&world.folder, last()->name, last()->file, offset + 60, &byte, 1, &error), TALLY_OK);
    tally_index *index;
    REQUIRE_STATUS(tally_index_new(world.platform, 0, &index, &error), TALLY_OK);
    CHECK_STATUS(tally_index_catch_up(index, last(), &error), TALLY_E_DAMAGED);
    CHECK_EQ(error.position, 40);
    CHECK_TEXT(error.path, "/s/00000000.00.seg");
    CHECK_EQ(tally_index_events(index), 40);
    tally_index_free(index);
    tally_segment *sealed;
    world_reopen(&world, 0);
    CHECK_STATUS(tally_seal(last(), TALLY_MAP_SEALED, &sealed, &error), TALLY_E_DAMAGED);
    CHECK(sealed == NULL);
    world_close(&world);
}

TEST(names_with_many_prefixes_are_found_by_their_first_ones)
{
    char name[TALLY_STREAM_MAX];
    tally_match *match;
    tally_filter filter = {.stream_prefix = {name, 0}};
    memset(name, '/', sizeof name);
    world_open(&world, 6);
    /* The first 16 separators are keys; what is longer is compared. */
    for (size_t length = 1; length < 40; length++) {
        filter.stream_prefix.length = length;
        REQUIRE_STATUS(tally_match_new(world.platform, &filter, &match, &error), TALLY_OK);
        CHECK(tally_match_is_residual(match) == (length > TALLY_KEY_PREFIXES_MAX));
        tally_match_free(match);
    }
    world_close(&world);
}
