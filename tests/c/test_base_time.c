/* base/uuid.c, base/clock.c */
#include "test.h"

#include "base/clock.h"
#include "base/uuid.h"

static tally_error error;

/* Random bytes that are not random: each one is the same. */
static const uint8_t *all(uint8_t value)
{
    static uint8_t bytes[TALLY_UUID_RANDOM];
    memset(bytes, value, sizeof bytes);
    return bytes;
}

/* The example of RFC 9562, appendix A.6. */
TEST(an_id_is_built_as_the_standard_shows)
{
    tally_uuid_generator generator = {0};
    uint8_t id[16];
    char text[TALLY_UUID_TEXT + 1];
    /* rand_a 0xCC3; rand_b 0x18C4DC0C0C07398F: as the generator takes them from the random bytes, but
     * for the top bit of rand_a, which it leaves clear */
    const uint8_t random[TALLY_UUID_RANDOM] = {0xC3, 0x0C, 0x8F, 0x39, 0x07, 0x0C, 0x0C, 0xDC, 0xC4, 0x18};
    REQUIRE_STATUS(tally_uuid_next(&generator, UINT64_C(0x017F22E279B0), random, id, &error), TALLY_OK);
    tally_uuid_print(id, text);
    CHECK_TEXT(text, "017f22e2-79b0-74c3-98c4-dc0c0c07398f");
    CHECK_EQ(tally_uuid_ms(id), UINT64_C(0x017F22E279B0));
}

TEST(every_id_has_version_7_and_the_variant)
{
    tally_uuid_generator generator = {0};
    uint8_t id[16];
    for (unsigned i = 0; i < 256; i++) {
        REQUIRE_STATUS(tally_uuid_next(&generator, 1000 + i / 16, all((uint8_t)i), id, NULL), TALLY_OK);
        CHECK_EQ(id[6] >> 4, 7);
        CHECK_EQ(id[8] >> 6, 2);
    }
}

TEST(ids_rise_within_one_millisecond_and_when_the_clock_goes_back)
{
    tally_uuid_generator generator = {0};
    uint8_t before[16] = {0};
    uint8_t id[16];
    uint64_t now_ms = 5000;
    for (unsigned i = 0; i < 10000 && !test_has_failed(); i++) {
        if (i % 100 == 0) now_ms += 3;
        if (i % 100 == 50) now_ms -= 2;
        REQUIRE_STATUS(tally_uuid_next(&generator, now_ms, all((uint8_t)(i * 37)), id, NULL), TALLY_OK);
        CHECK(memcmp(before, id, 16) < 0);
        memcpy(before, id, 16);
    }
}

TEST(an_id_that_finds_its_millisecond_used_up_takes_the_next)
{
    tally_uuid_generator generator = {.ms = 77, .high = 0xFFF, .low = (UINT64_C(1) << 62) - 1, .used = 1};
    uint8_t id[16];
    REQUIRE_STATUS(tally_uuid_next(&generator, 77, all(0), id, NULL), TALLY_OK);
    CHECK_EQ(tally_uuid_ms(id), 78);
    CHECK_EQ(id[6], 0x70);
}

TEST(the_random_part_carries_over)
{
    tally_uuid_generator generator = {.ms = 77, .high = 5, .low = (UINT64_C(1) << 62) - 1, .used = 1};
    uint8_t id[16];
    REQUIRE_STATUS(tally_uuid_next(&generator, 77, all(0), id, NULL), TALLY_OK);
    CHECK_EQ(tally_uuid_ms(id), 77);
    CHECK_EQ(id[7], 6);
    CHECK_EQ(id[15], 0);
}

TEST(the_last_random_part_of_a_millisecond_is_used)
{
    tally_uuid_generator generator = {.ms = 77, .high = 0xFFE, .low = (UINT64_C(1) << 62) - 1, .used = 1};
    uint8_t id[16];
    REQUIRE_STATUS(tally_uuid_next(&generator, 77, all(0), id, NULL), TALLY_OK);
    CHECK_EQ(tally_uuid_ms(id), 77);
    CHECK_EQ((id[6] & 15) << 8 | id[7], 0xFFF);
    generator.low = (UINT64_C(1) << 62) - 2;
    REQUIRE_STATUS(tally_uuid_next(&generator, 77, all(0), id, NULL), TALLY_OK);
    CHECK_EQ(tally_uuid_ms(id), 77);
    CHECK_BYTES(id + 6, "\x7F\xFF\xBF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10);
}

TEST(a_time_beyond_48_bits_is_refused_and_changes_nothing)
{
    tally_uuid_generator generator = {0};
    uint8_t id[16];
    CHECK_STATUS(tally_uuid_next(&generator, TALLY_UUID_MS_MAX, all(1), id, NULL), TALLY_OK);
    tally_uuid_generator before = generator;
    memset(id, 0xAA, sizeof id);
    CHECK_STATUS(tally_uuid_next(&generator, TALLY_UUID_MS_MAX + 1, all(1), id, &error), TALLY_E_CLOCK);
    CHECK_BYTES(&generator, &before, sizeof before);
    CHECK_EQ(id[0] | id[8] | id[15], 0);
    generator.high = 0xFFF;
    generator.low = (UINT64_C(1) << 62) - 1;
    CHECK_STATUS(tally_uuid_next(&generator, 0, all(1), id, &error), TALLY_E_CLOCK);
    CHECK_EQ(generator.ms, TALLY_UUID_MS_MAX);
}

TEST(the_text_of_an_id_is_read_back_in_either_case)
{
    uint8_t id[16];
    char text[TALLY_UUID_TEXT + 1];
    REQUIRE_STATUS(tally_uuid_parse("F81D4fae-7dEC-11d0-a765-00a0c91e6bF6", 36, id, &error), TALLY_OK);
    CHECK_BYTES(id, "\xF8\x1D\x4F\xAE\x7D\xEC\x11\xD0\xA7\x65\x00\xA0\xC9\x1E\x6B\xF6", 16);
    tally_uuid_print(id, text);
    CHECK_TEXT(text, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    REQUIRE_STATUS(tally_uuid_parse("ABCDEFab-cdef-0123-4567-890000000000", 36, id, &error), TALLY_OK);
    CHECK_BYTES(id, "\xAB\xCD\xEF\xAB\xCD\xEF\x01\x23\x45\x67\x89", 11);
}

TEST(every_single_wrong_byte_in_an_id_is_found)
{
    static const char good[] = "017f22e2-79b0-74c3-98c4-dc0c0c07398f";
    const char wrong[] = {'g', 'G', '/', ':', '@', '`', ' ', '\0', '\n', (char)0xC3, '{'};
    for (size_t i = 0; i < TALLY_UUID_TEXT; i++) {
        for (size_t w = 0; w < sizeof wrong; w++) {
            char text[sizeof good];
            uint8_t id[16];
            memcpy(text, good, sizeof good);
            memset(id, 0xAA, sizeof id);
            text[i] = wrong[w];
            CHECK_STATUS(tally_uuid_parse(text, TALLY_UUID_TEXT, id, &error), TALLY_E_ARGUMENT);
            CHECK_EQ(error.position, i);
            CHECK_EQ(id[0] | id[7] | id[15], 0);
        }
    }
    uint8_t id[16];
    CHECK_STATUS(tally_uuid_parse("017f22e2a79b0-74c3-98c4-dc0c0c07398", 36, id, &error), TALLY_E_ARGUMENT);
    CHECK_EQ(error.position, 8);
    CHECK_SAYS(error, "hyphen");
    CHECK_STATUS(tally_uuid_parse("0-7f22e2-79b0-74c3-98c4-dc0c0c07398f", 36, id, &error), TALLY_E_ARGUMENT);
    CHECK_EQ(error.position, 1);
    CHECK_SAYS(error, "digit");
}

TEST(an_id_of_another_length_is_refused)
{
    uint8_t id[16];
    CHECK_STATUS(tally_uuid_parse("017f22e2-79b0-74c3-98c4-dc0c0c07398f", 35, id, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_uuid_parse("017f22e2-79b0-74c3-98c4-dc0c0c07398f0", 37, id, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_uuid_parse("", 0, id, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_uuid_parse("", SIZE_MAX, id, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_uuid_parse(NULL, 36, id, &error), TALLY_E_NULL);
}

/* ------------------------------------------------------------------------------------- hybrid clock */

static tally_moment tick(tally_clock *clock, int64_t now_us)
{
    tally_moment moment;
    CHECK_STATUS(tally_clock_tick(clock, now_us, &moment, NULL), TALLY_OK);
    return moment;
}

TEST(a_clock_shows_the_wall_and_counts_while_it_stands)
{
    tally_clock clock = {0};
    tally_moment moment = tick(&clock, 1000);
    CHECK_EQ(moment.time_us, 1000);
    CHECK_EQ(moment.logical, 0);
    moment = tick(&clock, 1000);
    CHECK_EQ(moment.time_us, 1000);
    CHECK_EQ(moment.logical, 1);
    moment = tick(&clock, 1001);
    CHECK_EQ(moment.time_us, 1001);
    CHECK_EQ(moment.logical, 0);
}

TEST(a_clock_never_goes_back)
{
    tally_clock clock = {0};
    tally_moment before = tick(&clock, 5000);
    const int64_t walls[] = {5000, 4000, 0, 5001, 3, 5001, 6000, 5999};
    for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++) {
        tally_moment moment = tick(&clock, walls[i]);
        CHECK(tally_moment_compare(before, moment) < 0);
        before = moment;
    }
    CHECK_EQ(before.time_us, 6000);
    CHECK_EQ(before.logical, 1);
}

TEST(the_first_moment_may_be_the_epoch)
{
    tally_clock clock = {0};
    tally_moment moment = tick(&clock, 0);
    CHECK_EQ(moment.time_us, 0);
    CHECK_EQ(moment.logical, 0);
    moment = tick(&clock, 0);
    CHECK_EQ(moment.logical, 1);
}

TEST(a_wall_clock_out_of_range_is_refused_and_changes_nothing)
{
    tally_clock clock = {0};
    (void)tick(&clock, 1000);
    tally_clock before = clock;
    const int64_t walls[] = {-1, INT64_MIN, TALLY_CLOCK_US_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++) {
        tally_moment moment = {7, 7};
        CHECK_STATUS(tally_clock_tick(&clock, walls[i], &moment, &error), TALLY_E_CLOCK);
        CHECK_EQ(moment.time_us, 0);
        CHECK_EQ(moment.logical, 0);
        CHECK_EQ(tally_moment_compare(clock.last, before.last), 0);
        CHECK_STATUS(tally_clock_observe(&clock, before.last, walls[i], 0, &error), TALLY_E_CLOCK);
    }
    CHECK_EQ(tick(&clock, TALLY_CLOCK_US_MAX).time_us, TALLY_CLOCK_US_MAX);
}

TEST(a_counter_that_is_used_up_is_an_error_until_the_wall_moves)
{
    tally_clock clock = {{1000, UINT32_MAX - 1}, true};
    tally_moment moment = tick(&clock, 1000);
    CHECK_EQ(moment.logical, UINT32_MAX);
    CHECK_STATUS(tally_clock_tick(&clock, 1000, &moment, &error), TALLY_E_OVERFLOW);
    CHECK_EQ(moment.time_us, 0);
    CHECK_STATUS(tally_clock_tick(&clock, 999, &moment, &error), TALLY_E_OVERFLOW);
    CHECK_EQ(tick(&clock, 1001).logical, 0);
}

TEST(moments_after_an_observed_one_come_after_it)
{
    tally_clock clock = {0};
    tally_moment seen = {9000, 5};
    CHECK_STATUS(tally_clock_observe(&clock, seen, 8000, 1000, &error), TALLY_OK);
    tally_moment moment = tick(&clock, 8001);
    CHECK_EQ(moment.time_us, 9000);
    CHECK_EQ(moment.logical, 6);
    CHECK_STATUS(tally_clock_observe(&clock, (tally_moment){9000, 2}, 8000, 1000, &error), TALLY_OK);
    CHECK_EQ(tick(&clock, 8001).logical, 7); /* an older one changes nothing */
}

TEST(a_clock_that_has_ticked_takes_note_of_a_later_moment)
{
    tally_clock clock = {0};
    (void)tick(&clock, 10);
    CHECK_STATUS(tally_clock_observe(&clock, (tally_moment){9000, 5}, 9000, 0, &error), TALLY_OK);
    tally_moment moment = tick(&clock, 20);
    CHECK_EQ(moment.time_us, 9000);
    CHECK_EQ(moment.logical, 6);
}

TEST(a_moment_too_far_ahead_is_refused)
{
    tally_clock clock = {0};
    (void)tick(&clock, 10);
    CHECK_STATUS(tally_clock_observe(&clock, (tally_moment){9001, 0}, 8000, 1000, &error), TALLY_E_CLOCK);
    CHECK_SAYS(error, "ahead");
    CHECK_STATUS(tally_clock_observe(&clock, (tally_moment){-1, 0}, 8000, 1000, &error), TALLY_E_CLOCK);
    CHECK_STATUS(tally_clock_observe(&clock, (tally_moment){INT64_MAX, 0}, 8000, INT64_MAX, &error), TALLY_E_CLOCK);
    CHECK_EQ(clock.last.time_us, 10);
}

TEST(moments_are_ordered_by_time_then_count)
{
    CHECK_EQ(tally_moment_compare((tally_moment){1, 2}, (tally_moment){1, 2}), 0);
    CHECK(tally_moment_compare((tally_moment){1, 9}, (tally_moment){2, 0}) < 0);
    CHECK(tally_moment_compare((tally_moment){2, 0}, (tally_moment){1, 9}) > 0);
    CHECK(tally_moment_compare((tally_moment){1, 1}, (tally_moment){1, 2}) < 0);
    CHECK(tally_moment_compare((tally_moment){1, 3}, (tally_moment){1, 2}) > 0);
}
