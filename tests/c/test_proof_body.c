/* proof/core.c and proof/body.c: what they refuse. What they accept is in test_log_segment.c. */
#include <sodium.h>

#include "base/bytes.h"
#include "proof/body.h"
#include "proof/core.h"
#include "test.h"

static tally_error error;
static uint8_t core_bytes[TALLY_CORE_BYTES];
static uint8_t body_bytes[TALLY_BODY_MAX + 8];
static size_t body_length;
static const uint8_t zero[32];

static void make_core(void)
{
    tally_core core = {
        .digest_algorithm = 1, .position = 9, .version = 2, .time_us = 5, .batch_count = 3, .batch_index = 1};
    core.stream_prev[0] = 1;
    tally_core_encode(&core, core_bytes);
}

static tally_status decode_core(void)
{
    tally_core core;
    memset(&error, 0, sizeof error);
    return tally_core_decode(core_bytes, &core, &error);
}

TEST(a_core_is_read_as_it_was_written)
{
    tally_core core;
    make_core();
    REQUIRE_STATUS(tally_core_decode(core_bytes, &core, &error), TALLY_OK);
    CHECK_EQ(core.position, 9);
    CHECK_EQ(core.version, 2);
    CHECK_EQ(core.batch_index, 1);
    CHECK_EQ(core.batch_count, 3);
    CHECK_EQ(core.stream_prev[0], 1);
}

TEST(a_core_of_an_unknown_form_is_refused_with_its_offset)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } unknown[] = {{0, 2}, {1, 0}, {1, 3}, {2, 8}, {3, 1}, {4, 1}, {44, 1}};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        make_core();
        core_bytes[unknown[i].offset] = unknown[i].value;
        CHECK_STATUS(decode_core(), TALLY_E_FORMAT);
        CHECK(error.position <= unknown[i].offset);
    }
}

TEST(a_core_with_numbers_that_do_not_fit_is_refused)
{
    make_core();
    tally_store_u64(core_bytes + 16, 10); /* version beyond position */
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
    make_core();
    tally_store_u64(core_bytes + 24, UINT64_MAX); /* time -1 */
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
    make_core();
    tally_store_u32(core_bytes + 40, 0); /* a batch of none */
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
    make_core();
    tally_store_u32(core_bytes + 40, TALLY_BATCH_MAX + 1);
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
    make_core();
    tally_store_u32(core_bytes + 36, 3); /* index == count */
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
    make_core();
    tally_store_u64(core_bytes + 16, 0); /* the first of its stream, yet with a link */
    CHECK_STATUS(decode_core(), TALLY_E_DAMAGED);
}

static void make_body(void)
{
    static const uint8_t sixteen[16] = {7};
    tally_body_view view = {.id = sixteen,
                            .correlation = sixteen,
                            .causation = zero,
                            .data_digest = zero,
                            .plain_length = 3,
                            .stored_length = 19,
                            .tag_count = 2,
                            .stream = {"a/1", 3},
                            .type = {"t", 1},
                            .content_type = {"x/y", 3},
                            .idempotency = sixteen};
    view.tags[0] = (tally_text){"a:1", 3};
    view.tags[1] = (tally_text){"b:2", 3};
    body_length = tally_body_length(&view);
    REQUIRE(tally_body_encode(&view, body_bytes, sizeof body_bytes));
}

static tally_status decode_body(void)
{
    tally_body_view view;
    memset(&error, 0, sizeof error);
    tally_status status = tally_body_decode(body_bytes, body_length, &view, &error);
    if (status != TALLY_OK) CHECK(view.stream.bytes == NULL);
    return status;
}

TEST(a_body_is_read_as_it_was_written)
{
    tally_body_view view;
    make_body();
    REQUIRE_STATUS(tally_body_decode(body_bytes, body_length, &view, &error), TALLY_OK);
    CHECK_EQ(view.stream.length, 3);
    CHECK_BYTES(view.stream.bytes, "a/1", 3);
    CHECK_BYTES(view.tags[1].bytes, "b:2", 3);
    CHECK(view.idempotency != NULL && view.idempotency[0] == 7);
    CHECK(view.occurred == NULL);
}

TEST(a_body_that_ends_anywhere_too_early_is_refused)
{
    make_body();
    size_t whole = body_length;
    for (body_length = 0; body_length < whole; body_length++) CHECK(decode_body() != TALLY_OK);
    body_length = whole + 1; /* one byte more, a zero */
    body_bytes[whole] = 0;
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
}

TEST(an_unknown_encoding_or_seal_is_refused)
{
    make_body();
    body_bytes[52] = 1;
    CHECK_STATUS(decode_body(), TALLY_E_FORMAT);
    make_body();
    body_bytes[53] = 2;
    CHECK_STATUS(decode_body(), TALLY_E_FORMAT);
}

TEST(tags_that_are_not_sorted_or_not_unique_are_refused)
{
    make_body();
    size_t first_tag = 112 + 3 + 1 + 3 + 2;
    body_bytes[first_tag] = 'b';
    body_bytes[first_tag + 2] = '2';
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
    make_body();
    body_bytes[first_tag] = 'c';
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
}

TEST(an_extension_that_must_be_understood_is_refused_and_another_passed_over)
{
    make_body();
    size_t extension = body_length - 20;
    tally_store_u16(body_bytes + extension, 0x8001);
    CHECK_STATUS(decode_body(), TALLY_E_FORMAT);
    CHECK_EQ(error.position, extension);
    make_body();
    tally_store_u16(body_bytes + extension, 0x7fff);
    CHECK_STATUS(decode_body(), TALLY_OK);
    make_body();
    tally_store_u16(body_bytes + extension, 2); /* `occurred` has 8 bytes, not 16 */
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
}

TEST(names_with_control_characters_or_broken_utf8_are_refused)
{
    make_body();
    body_bytes[112] = '\n';
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
    make_body();
    body_bytes[112] = 0xff;
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
}

TEST(lengths_of_data_that_do_not_fit_are_refused)
{
    make_body();
    tally_store_u64(body_bytes + 64, 20);
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
    make_body();
    tally_store_u64(body_bytes + 56, UINT64_MAX);
    CHECK_STATUS(decode_body(), TALLY_E_DAMAGED);
}

TEST(members_out_of_bounds_are_not_encoded)
{
    char long_name[TALLY_STREAM_MAX + 1];
    memset(long_name, 'x', sizeof long_name);
    tally_body_view view = {.stream = {long_name, sizeof long_name}, .type = {"t", 1}};
    CHECK_EQ(tally_body_length(&view), 0);
    view.stream.length = TALLY_STREAM_MAX;
    CHECK_EQ(tally_body_length(&view), 112 + TALLY_STREAM_MAX + 1);
    view.tag_count = TALLY_TAGS_MAX + 1;
    CHECK_EQ(tally_body_length(&view), 0);
}

TEST(random_bytes_are_never_a_crash)
{
    for (int i = 0; i < 200000; i++) {
        make_body();
        uint32_t flips = 1 + randombytes_uniform(6);
        for (uint32_t f = 0; f < flips; f++) {
            body_bytes[48 + randombytes_uniform((uint32_t)body_length - 48)] = (uint8_t)randombytes_random();
        }
        tally_body_view view;
        (void)tally_body_decode(body_bytes, body_length, &view, &error);
    }
}
