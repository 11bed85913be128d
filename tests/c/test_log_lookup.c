/* Looking things up in views of all shapes, against a naive list of all events. */
#include "log_world.h"

static log_world world;
static tally_error error;

/* The shapes in which a log is looked at. */
typedef struct shape {
    uint32_t segments;
    uint32_t events_each;
    uint32_t sealed;
    uint32_t map;
    uint32_t check;
    uint32_t damage; /* one of so many bytes of the sections */
    uint32_t merged; /* 1: there are runs; more: one of so many bytes of theirs is damaged */
} shape;
static const shape shapes[] = {{1, 300, 0, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 0},
                               {3, 150, 0, TALLY_MAP_SEALED, TALLY_CHECK_ALWAYS, 0, 0},
                               {1, 6000, 1, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 0},
                               {4, 200, 3, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 0},
                               {4, 200, 4, TALLY_MAP_NEVER, TALLY_CHECK_ALWAYS, 0, 0},
                               {9, 70, 7, TALLY_MAP_SEALED, TALLY_CHECK_NEVER, 0, 0},
                               {4, 300, 4, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 30000, 0},
                               {4, 200, 3, TALLY_MAP_NEVER, TALLY_CHECK_FIRST_TOUCH, 10000, 0},
                               {3, 200, 3, TALLY_MAP_SEALED, TALLY_CHECK_ALWAYS, 100, 0},
                               {6, 60, 5, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 1},
                               {27, 40, 26, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 1},
                               {17, 40, 17, TALLY_MAP_NEVER, TALLY_CHECK_FIRST_TOUCH, 0, 1},
                               {22, 40, 21, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 10000},
                               {22, 40, 21, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 0, 100},
                               {22, 40, 21, TALLY_MAP_SEALED, TALLY_CHECK_FIRST_TOUCH, 10000, 1}};

static void each_shape(void (*test)(tally_view *view))
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        world_open(&world, i + 1);
        world.map = shapes[i].map;
        world.check = shapes[i].check;
        world_fill(&world, shapes[i].segments, shapes[i].events_each, shapes[i].sealed);
        if (shapes[i].merged != 0) world_merge(&world);
        CHECK((shapes[i].merged != 0) == (world.run_count != 0));
        if (shapes[i].merged > 1) world_damage_runs(&world, shapes[i].merged);
        for (uint32_t j = 0; j < shapes[i].sealed && shapes[i].damage != 0; j++) {
            world_damage(&world, j, shapes[i].damage);
        }
        tally_view *view = world_view(&world);
        test(view);
        CHECK(shapes[i].damage != 0 || shapes[i].merged > 1 || world_is_trusted(&world));
        CHECK(shapes[i].damage == 0 || shapes[i].damage > 1000 || !world_is_trusted(&world));
        tally_view_release(view);
        world_close(&world);
        if (test_has_failed()) {
            printf("#   in shape %zu: %s\n", i, world.error.message);
            return;
        }
    }
}

/* ------------------------------------------------------------------------------------------- events */

static void check_event(const tally_view *view, uint64_t position, bool copy)
{
    static uint8_t scratch[65536];
    tally_place place;
    tally_event event;
    const known_event *known = &world.events[position];
    REQUIRE_STATUS(tally_lookup_place(view, position, &place, &error), TALLY_OK);
    REQUIRE(place.length <= sizeof scratch);
    REQUIRE_STATUS(tally_lookup_event(&place, position, copy, scratch, &event, &error), TALLY_OK);
    CHECK_EQ(event.position, position);
    CHECK_EQ(event.version, known->version);
    CHECK_EQ(event.time_us, known->time_us);
    CHECK_BYTES(event.id.bytes, known->id, 16);
    CHECK(world_texts_equal(event.stream, world_stream(known->stream)));
    CHECK(world_texts_equal(event.type, world_type(known->type)));
    CHECK_EQ(event.tag_count, known->tag_count);
    CHECK_EQ(event.data_state, TALLY_DATA_READABLE);
    bool inside = event.core >= scratch && event.core < scratch + sizeof scratch;
    CHECK(inside == (copy || place.segment->map == NULL));
}

static void every_event(tally_view *view)
{
    for (uint64_t i = 0; i < world.event_count && !test_has_failed(); i++) {
        check_event(view, i, false);
        check_event(view, world.event_count - 1 - i, true);
    }
    tally_place place;
    CHECK_STATUS(tally_lookup_place(view, world.event_count, &place, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_lookup_place(view, UINT64_MAX, &place, &error), TALLY_E_RANGE);
}

TEST(every_event_is_found_by_its_position) { each_shape(every_event); }

static void every_version(tally_view *view)
{
    for (uint64_t i = 0; i < world.event_count && !test_has_failed(); i++) {
        uint64_t position = 0;
        const known_event *known = &world.events[i];
        CHECK_STATUS(tally_lookup_version(view, world.event_count, world_stream(known->stream), known->version,
                                          &position, &error),
                     TALLY_OK);
        CHECK_EQ(position, i);
        CHECK_STATUS(tally_lookup_version(view, i, world_stream(known->stream), known->version, &position, &error),
                     TALLY_E_NOT_FOUND);
    }
}

TEST(every_event_is_found_by_stream_and_version_from_its_position_on) { each_shape(every_version); }

static void stream_heads(tally_view *view)
{
    uint64_t ends[] = {0, 1, world.event_count / 3, world.event_count / 2 + 1, world.event_count};
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        for (uint32_t stream = 0; stream < WORLD_STREAMS && !test_has_failed(); stream++) {
            uint64_t next = 0;
            uint64_t last = TALLY_POSITION_NONE;
            uint64_t its_next;
            uint64_t its_last;
            for (uint64_t i = 0; i < ends[e]; i++) {
                if (world.events[i].stream != stream) continue;
                next = world.events[i].version + 1;
                last = i;
            }
            CHECK_STATUS(tally_lookup_stream(view, ends[e], world_stream(stream), &its_next, &its_last, &error),
                         TALLY_OK);
            CHECK_EQ(its_next, next);
            CHECK_EQ(its_last, last);
        }
    }
}

TEST(the_head_of_a_stream_is_that_of_the_end_that_is_asked_for) { each_shape(stream_heads); }

static void every_id(tally_view *view)
{
    for (uint64_t i = 0; i < world.event_count && !test_has_failed(); i++) {
        uint64_t position = 0;
        uint8_t other[16];
        const uint8_t *id = world.events[i].id;
        CHECK_STATUS(tally_lookup_id(view, 0, world.event_count, id, &position, &error), TALLY_OK);
        CHECK_EQ(position, i);
        CHECK_STATUS(tally_lookup_id(view, i, i + 1, id, &position, &error), TALLY_OK);
        CHECK_STATUS(tally_lookup_id(view, 0, i, id, &position, &error), TALLY_E_NOT_FOUND);
        CHECK_STATUS(tally_lookup_id(view, i + 1, world.event_count, id, &position, &error), TALLY_E_NOT_FOUND);
        memcpy(other, id, 16);
        other[i % 16] ^= 1;
        CHECK_STATUS(tally_lookup_id(view, 0, world.event_count, other, &position, &error), TALLY_E_NOT_FOUND);
    }
}

TEST(every_event_is_found_by_its_id_within_the_range) { each_shape(every_id); }

static void newest_keys(tally_view *view)
{
    for (uint8_t first = 0; first < 5; first++) {
        uint8_t key[16] = {first};
        for (uint64_t end = 0; end <= world.event_count; end += 1 + world.event_count / 50) {
            uint64_t wanted = TALLY_POSITION_NONE;
            uint64_t position;
            for (uint64_t i = 0; i < end; i++) {
                if (world.events[i].has_key && world.events[i].key[0] == first) wanted = i;
            }
            tally_status status = tally_lookup_idempotency(view, 0, end, key, &position, &error);
            CHECK_STATUS(status, wanted == TALLY_POSITION_NONE ? TALLY_E_NOT_FOUND : TALLY_OK);
            CHECK_EQ(position, wanted);
            if (wanted == TALLY_POSITION_NONE) continue;
            CHECK_STATUS(tally_lookup_idempotency(view, wanted + 1, end, key, &position, &error), TALLY_E_NOT_FOUND);
        }
    }
}

TEST(an_idempotency_key_gives_its_newest_event) { each_shape(newest_keys); }

static void every_time(tally_view *view)
{
    int64_t last = world.events[world.event_count - 1].time_us;
    for (int64_t time = 990; time <= last + 2; time += 1 + (last - 990) / 700) {
        for (uint64_t from = 0; from < world.event_count; from += 1 + world.event_count / 3) {
            uint64_t end = world.event_count - from / 2;
            uint64_t wanted = from;
            uint64_t position;
            while (wanted < end && world.events[wanted].time_us < time) wanted++;
            CHECK_STATUS(tally_lookup_time(view, from, end, time, &position, &error), TALLY_OK);
            CHECK_EQ(position, wanted);
            if (test_has_failed()) return;
        }
    }
}

TEST(a_time_gives_the_first_event_that_is_not_before_it) { each_shape(every_time); }

/* ------------------------------------------------------------------------------------------ matching */

typedef struct random_filter {
    tally_filter filter;
    tally_text types[3];
    tally_text tags[3];
} random_filter;

static void choose_filter(random_filter *chosen)
{
    static const char *const prefixes[] = {"stream/", "stream/eu/",  "stream.", "stream/eu.", "stream/eu.north/",
                                           "s",       "stream/eu/1", "stream1", "nobody/",    "stream/eu.north/3"};
    static const char *const patterns[] = {"order.*", "order.item.*", "user.*", "never.*", "plain.*"};
    dice *random = &world.random;
    memset(chosen, 0, sizeof *chosen);
    tally_filter *filter = &chosen->filter;
    uint32_t how = roll(random, 6);
    if (how == 0) filter->stream = world_stream(roll(random, roll(random, 2) == 0 ? 20 : WORLD_STREAMS));
    if (how == 1 || how == 2) {
        const char *prefix = prefixes[roll(random, 10)];
        filter->stream_prefix = (tally_text){prefix, strlen(prefix)};
    }
    filter->types = chosen->types;
    filter->tags = chosen->tags;
    filter->type_count = roll(random, 3) == 0 ? roll(random, 4) : 0;
    filter->tag_count = roll(random, 3) == 0 ? roll(random, 4) : 0;
    for (size_t i = 0; i < filter->type_count; i++) {
        const char *pattern = patterns[roll(random, 5)];
        chosen->types[i] = roll(random, 2) == 0 ? world_type(roll(random, 8)) : (tally_text){pattern, strlen(pattern)};
    }
    for (size_t i = 0; i < filter->tag_count; i++) chosen->tags[i] = world_tag(roll(random, 8));
}

/* All that match, by blocks of random work, forwards or backwards. */
static void check_match(tally_view *view, const tally_filter *filter, uint64_t from, uint64_t end, bool backwards)
{
    tally_match *match;
    tally_block block;
    uint64_t at = backwards ? end : from;
    uint64_t low = from;
    uint64_t high = end;
    REQUIRE_STATUS(tally_match_new(world.platform, filter, &match, &error), TALLY_OK);
    for (uint32_t rounds = 0; rounds < 100000; rounds++) {
        uint64_t work = roll(&world.random, 3) == 0 ? 1 + roll(&world.random, 9) : UINT64_MAX;
        uint64_t before = work;
        tally_status status = backwards ? tally_match_before(match, view, low, &high, &work, &block, &error)
                                        : tally_match_next(match, view, &low, high, &work, &block, &error);
        CHECK_STATUS(status, TALLY_OK);
        CHECK(work <= before);
        uint32_t bit;
        bool any = false;
        while ((bit = backwards ? tally_block_last(&block) : tally_block_first(&block)) != TALLY_BLOCK_EVENTS) {
            uint64_t position = block.first + bit;
            tally_block_clear(&block, bit);
            any = true;
            if (tally_match_is_residual(match) && !world_matches(&world.events[position], filter)) continue;
            if (backwards) {
                while (at > from && !world_matches(&world.events[at - 1], filter)) at--;
                CHECK_EQ(position, at - 1);
                at = position;
            } else {
                while (at < end && !world_matches(&world.events[at], filter)) at++;
                CHECK_EQ(position, at);
                at = position + 1;
            }
        }
        if ((work > 0 && !any) || test_has_failed()) break;
    }
    if (backwards)
        while (at > from && !world_matches(&world.events[at - 1], filter)) at--;
    else
        while (at < end && !world_matches(&world.events[at], filter)) at++;
    CHECK_EQ(at, backwards ? from : end);
    CHECK(low >= high);
    tally_match_free(match);
}

static void random_matches(tally_view *view)
{
    for (uint32_t i = 0; i < 150 && !test_has_failed(); i++) {
        random_filter chosen;
        choose_filter(&chosen);
        uint64_t from = roll(&world.random, 3) == 0 ? roll(&world.random, (uint32_t)world.event_count) : 0;
        uint64_t end = world.event_count;
        if (roll(&world.random, 3) == 0) end = from + roll(&world.random, (uint32_t)(end - from) + 1);
        check_match(view, &chosen.filter, from, end, i % 2 == 0);
        uint64_t wanted = from;
        uint64_t position;
        chosen.filter.stream = chosen.filter.stream_prefix = (tally_text){NULL, 0};
        while (wanted < end && !world_matches(&world.events[wanted], &chosen.filter)) wanted++;
        tally_status status = tally_lookup_match(view, from, end, chosen.types, chosen.filter.type_count, chosen.tags,
                                                 chosen.filter.tag_count, &position, &error);
        CHECK_STATUS(status, wanted == end ? TALLY_E_NOT_FOUND : TALLY_OK);
        CHECK_EQ(position, wanted == end ? TALLY_POSITION_NONE : wanted);
    }
}

TEST(what_matches_is_what_a_naive_filter_finds) { each_shape(random_matches); }
