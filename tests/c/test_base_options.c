/* base/options.c, base/checked.h */
#include "test.h"

#include "base/checked.h"
#include "base/options.h"

/* Three versions of one struct: what an old caller, this library, and a new caller know. */
typedef struct options_first {
    size_t size;
    uint64_t a;
} options_first;

typedef struct options_known {
    size_t size;
    uint64_t a;
    uint64_t b;
} options_known;

typedef struct options_newer {
    size_t size;
    uint64_t a;
    uint64_t b;
    uint64_t c;
} options_newer;

static options_known known;
static tally_error error;

static tally_status read_from(const void *from)
{
    memset(&known, 0xAA, sizeof known);
    memset(&error, 0, sizeof error);
    return tally_options_read(&known, sizeof known, sizeof(options_first), from, "test_options", &error);
}

static void check_zero(void)
{
    CHECK_EQ(known.size, 0);
    CHECK_EQ(known.a, 0);
    CHECK_EQ(known.b, 0);
}

TEST(no_options_are_all_defaults)
{
    CHECK_STATUS(read_from(NULL), TALLY_OK);
    CHECK_EQ(known.size, sizeof known);
    CHECK_EQ(known.a, 0);
    CHECK_EQ(known.b, 0);
}

TEST(options_of_the_same_version_are_copied)
{
    options_known from = {sizeof from, 1, 2};
    CHECK_STATUS(read_from(&from), TALLY_OK);
    CHECK_EQ(known.size, sizeof known);
    CHECK_EQ(known.a, 1);
    CHECK_EQ(known.b, 2);
}

TEST(older_options_are_extended_with_defaults)
{
    options_known from = {sizeof(options_first), 1, 2}; /* b lies behind what the caller has */
    CHECK_STATUS(read_from(&from), TALLY_OK);
    CHECK_EQ(known.size, sizeof known);
    CHECK_EQ(known.a, 1);
    CHECK_EQ(known.b, 0);
}

TEST(newer_options_are_accepted_when_the_unknown_part_is_zero)
{
    options_newer from = {sizeof from, 1, 2, 0};
    CHECK_STATUS(read_from(&from), TALLY_OK);
    CHECK_EQ(known.size, sizeof known);
    CHECK_EQ(known.b, 2);
}

TEST(an_unknown_option_is_not_ignored)
{
    options_newer from = {sizeof from, 1, 2, 0};
    ((unsigned char *)&from.c)[7] = 1;
    CHECK_STATUS(read_from(&from), TALLY_E_STRUCT_SIZE);
    CHECK_EQ(error.position, sizeof(options_newer) - 1);
    CHECK_SAYS(error, "test_options");
    check_zero();
}

TEST(a_size_below_the_first_version_is_refused)
{
    const size_t sizes[] = {0, 1, sizeof(size_t), sizeof(options_first) - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        options_known from = {sizes[i], 1, 2};
        CHECK_STATUS(read_from(&from), TALLY_E_STRUCT_SIZE);
        CHECK_SAYS(error, "sizeof(test_options)");
        check_zero();
    }
}

TEST(a_size_above_the_maximum_is_refused_unread)
{
    const size_t sizes[] = {TALLY_STRUCT_SIZE_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        options_known from = {sizes[i], 1, 2}; /* reading on would leave the stack */
        CHECK_STATUS(read_from(&from), TALLY_E_STRUCT_SIZE);
        check_zero();
    }
}

TEST(the_largest_size_is_accepted)
{
    static uint64_t from[TALLY_STRUCT_SIZE_MAX / 8];
    size_t size = TALLY_STRUCT_SIZE_MAX;
    memcpy(from, &size, sizeof size);
    CHECK_STATUS(read_from(from), TALLY_OK);
    from[TALLY_STRUCT_SIZE_MAX / 8 - 1] = 1;
    CHECK_STATUS(read_from(from), TALLY_E_STRUCT_SIZE);
}

TEST(misaligned_options_are_refused_unread)
{
    uint64_t space[8] = {0};
    for (size_t shift = 1; shift < sizeof(size_t); shift++) {
        CHECK_STATUS(read_from((const char *)space + shift), TALLY_E_ALIGNMENT);
        check_zero();
    }
}

/* ---------------------------------------------------------------------------------------- checked.h */

TEST(sums_that_do_not_fit_are_told_and_zero)
{
    size_t size = 7;
    uint64_t big = 7;
    uint32_t small = 7;
    CHECK(tally_add_size(SIZE_MAX - 1, 1, &size));
    CHECK_EQ(size, SIZE_MAX);
    CHECK(!tally_add_size(SIZE_MAX, 1, &size));
    CHECK_EQ(size, 0);
    CHECK(!tally_add_u64(1, UINT64_MAX, &big));
    CHECK_EQ(big, 0);
    CHECK(tally_add_u32(UINT32_MAX, 0, &small));
    CHECK_EQ(small, UINT32_MAX);
    CHECK(!tally_add_u32(UINT32_MAX, UINT32_MAX, &small));
    CHECK_EQ(small, 0);
}

TEST(differences_below_zero_are_told_and_zero)
{
    size_t size = 7;
    uint64_t big = 7;
    uint32_t small = 7;
    CHECK(tally_subtract_size(5, 5, &size));
    CHECK_EQ(size, 0);
    CHECK(!tally_subtract_u64(4, 5, &big));
    CHECK_EQ(big, 0);
    CHECK(tally_subtract_u32(9, 5, &small));
    CHECK_EQ(small, 4);
}

TEST(products_that_do_not_fit_are_told_and_zero)
{
    size_t size = 7;
    uint64_t big = 7;
    uint32_t small = 7;
    CHECK(tally_multiply_size(SIZE_MAX / 2, 2, &size));
    CHECK_EQ(size, SIZE_MAX - 1);
    CHECK(!tally_multiply_size(SIZE_MAX / 2 + 1, 2, &size));
    CHECK_EQ(size, 0);
    CHECK(!tally_multiply_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &big));
    CHECK_EQ(big, 0);
    CHECK(!tally_multiply_u32(65536, 65536, &small));
    CHECK_EQ(small, 0);
    CHECK(tally_multiply_u32(0, UINT32_MAX, &small));
}

TEST(narrowing_never_truncates)
{
    uint32_t word = 7;
    uint16_t half = 7;
    size_t size = 7;
    CHECK(tally_narrow_u32(UINT32_MAX, &word));
    CHECK_EQ(word, UINT32_MAX);
    CHECK(!tally_narrow_u32((uint64_t)UINT32_MAX + 1, &word));
    CHECK_EQ(word, 0);
    CHECK(tally_narrow_u16(UINT16_MAX, &half));
    CHECK_EQ(half, UINT16_MAX);
    CHECK(!tally_narrow_u16(UINT16_MAX + 1, &half));
    CHECK_EQ(half, 0);
    CHECK(tally_narrow_size(SIZE_MAX, &size));
    CHECK_EQ(size, SIZE_MAX);
}

TEST(rounding_up_keeps_multiples_and_tells_overflow)
{
    size_t size = 7;
    CHECK(tally_round_up_size(0, 8, &size));
    CHECK_EQ(size, 0);
    CHECK(tally_round_up_size(1, 8, &size));
    CHECK_EQ(size, 8);
    CHECK(tally_round_up_size(8, 8, &size));
    CHECK_EQ(size, 8);
    CHECK(tally_round_up_size(5, 1, &size));
    CHECK_EQ(size, 5);
    CHECK(!tally_round_up_size(SIZE_MAX - 2, 8, &size));
    CHECK_EQ(size, 0);
}
