/* The mask, the counter and the table for other extensions. */
#include "handlers.h"

#include "wrap/wrap.h"

static tally_mask_options options_of(uint64_t mask, uint64_t match, size_t offset, uint32_t width)
{
    return (tally_mask_options){.size = sizeof(tally_mask_options),
                                .mask = mask,
                                .match = match,
                                .offset = offset,
                                .width = width,
                                .handler = note,
                                .user_data = "x"};
}

static tally_mask *open_mask(uint64_t mask, uint64_t match, size_t offset, uint32_t width)
{
    tally_mask_options options = options_of(mask, match, offset, width);
    tally_mask *opened = NULL;
    CHECK_STATUS(tally_mask_open(&options, &opened, NULL), TALLY_OK);
    return opened;
}

/* How often the handler behind a mask ran for these bytes. */
static bool passes(tally_mask *mask, const void *data, size_t length)
{
    tally_notice notice = {.data = data, .length = length};
    CHECK_EQ(tally_mask_handler(mask, &notice), TALLY_HANDLER_DONE);
    return strcmp(told(), "x") == 0;
}

static const uint8_t bytes[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};

TEST(the_number_is_little_endian_of_one_two_four_or_eight_bytes)
{
    static const uint64_t numbers[] = {0x11, 0x2211, 0x44332211, 0x8877665544332211};
    static const uint32_t widths[] = {1, 2, 4, 8};
    for (int i = 0; i < 4; i++) {
        uint64_t all = widths[i] == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * widths[i])) - 1;
        tally_mask *mask = open_mask(all, numbers[i], 0, widths[i]);
        CHECK(passes(mask, bytes, 9));
        CHECK(!passes(mask, bytes + 1, 9)); /* misaligned data is read all the same */
        CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    }
}

TEST(only_the_bits_of_the_mask_count)
{
    tally_mask *mask = open_mask(0xf0, 0x30, 2, 1);
    CHECK(passes(mask, bytes, 3)); /* 0x33 */
    CHECK(!passes(mask, bytes + 1, 3));
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
}

TEST(an_event_too_short_to_hold_the_number_does_not_match)
{
    tally_mask *mask = open_mask(0xff, 0x66, 5, 2);
    CHECK(!passes(mask, NULL, 0));
    CHECK(!passes(mask, bytes, 1));
    CHECK(!passes(mask, bytes, 6));
    CHECK(passes(mask, bytes, 7));
    CHECK_EQ(tally_mask_handler(mask, NULL), TALLY_HANDLER_DONE);
    uint64_t matched = 0;
    uint64_t passed_over = 0;
    CHECK_STATUS(tally_mask_count(mask, &matched, &passed_over, NULL), TALLY_OK);
    CHECK_EQ(matched, 1);
    CHECK_EQ(passed_over, 4);
    CHECK_STATUS(tally_mask_count(mask, NULL, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
}

TEST(an_offset_far_outside_never_matches)
{
    tally_mask *mask = open_mask(1, 1, PTRDIFF_MAX - 8, 8);
    CHECK(!passes(mask, bytes, sizeof bytes));
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
}

TEST(what_the_handler_behind_answers_is_the_answer_of_the_mask)
{
    tally_registry *registry = open_plain();
    tally_mask_options options = options_of(0xff, 0x11, 0, 1);
    options.handler = fail_saying;
    tally_mask *mask = NULL;
    REQUIRE_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_OK);
    (void)add(registry, tally_mask_handler, mask);
    tally_notice notice = {.data = bytes, .length = 9};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify(registry, &notice, &result, NULL), TALLY_OK);
    CHECK_NOTIFIED(result, 1, 1, 0, 0);
    tally_handler_info row;
    size_t rows;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &rows, NULL), TALLY_OK);
    CHECK_EQ(row.last_code, -7);
    CHECK_TEXT(row.last_message, "x"); /* said through the mask */
    (void)told();
    shut(&registry);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
}

TEST(the_destructor_of_a_mask_runs_at_its_close)
{
    _Atomic(uint64_t) ends = 0;
    tally_mask_options options = options_of(1, 1, 0, 1);
    options.user_data = &ends;
    options.destructor = count_end;
    tally_mask *mask = NULL;
    REQUIRE_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_OK);
    tally_mask *stale = mask;
    CHECK_EQ(ends, 0);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&stale), TALLY_OK);
    CHECK_EQ(ends, 1);
}

static tally_mask *closing;

static int32_t close_the_mask(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    tally_mask *copy = closing;
    CHECK_STATUS(tally_mask_close(&copy), TALLY_OK);
    return TALLY_HANDLER_DONE;
}

TEST(a_mask_may_be_closed_inside_its_own_handler)
{
    for (int direct = 0; direct < 2; direct++) {
        _Atomic(uint64_t) ends = 0;
        tally_registry *registry = open_plain();
        tally_mask_options options = options_of(0xff, 0x11, 0, 1);
        options.handler = close_the_mask;
        options.user_data = &ends;
        options.destructor = count_end;
        REQUIRE_STATUS(tally_mask_open(&options, &closing, NULL), TALLY_OK);
        (void)add(registry, tally_mask_handler, closing);
        tally_notice notice = {.data = bytes, .length = 9};
        if (direct) (void)tally_mask_handler(closing, &notice);
        else CHECK_STATUS(tally_registry_notify(registry, &notice, NULL, NULL), TALLY_OK);
        CHECK_EQ(ends, 0); /* it still ran */
        CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
        CHECK_EQ(ends, 1);
        shut(&registry);
    }
}

TEST(bad_arguments_of_a_mask_are_refused)
{
    const struct {
        tally_mask_options options;
        tally_status wanted;
    } bad[] = {
        {options_of(0, 0, 0, 1), TALLY_E_RANGE},           {options_of(1, 2, 0, 1), TALLY_E_RANGE},
        {options_of(0x100, 0, 0, 1), TALLY_E_RANGE},       {options_of(0x10000, 0, 0, 2), TALLY_E_RANGE},
        {options_of(UINT64_MAX, 0, 0, 4), TALLY_E_RANGE},  {options_of(1, 1, 0, 0), TALLY_E_RANGE},
        {options_of(1, 1, 0, 3), TALLY_E_RANGE},           {options_of(1, 1, 0, 16), TALLY_E_RANGE},
        {options_of(1, 1, SIZE_MAX, 1), TALLY_E_OVERFLOW},
    };
    tally_mask *mask = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_STATUS(tally_mask_open(&bad[i].options, &mask, NULL), bad[i].wanted);
        CHECK(mask == NULL);
    }
    tally_mask_options options = options_of(1, 1, 0, 1);
    CHECK_STATUS(tally_mask_open(&options, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_mask_open(NULL, &mask, NULL), TALLY_E_NULL);
    options.handler = NULL;
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_E_NULL);
    options = options_of(1, 1, 0, 1);
    options.reserved = 1;
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_E_OPTION);
    options.size = 8;
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_E_STRUCT_SIZE);
    CHECK_STATUS(tally_mask_count((tally_mask *)&options, NULL, NULL, NULL), TALLY_E_HANDLE);
    CHECK_STATUS(tally_mask_count(NULL, NULL, NULL, NULL), TALLY_E_NULL);
}

TEST(masks_hand_on_to_masks_but_not_without_end)
{
    tally_mask *row[18] = {open_mask(0xff, 0x11, 0, 1)};
    tally_status status = TALLY_OK;
    int made = 1;
    while (made < 18 && status == TALLY_OK) {
        tally_mask_options options = options_of(0xff, 0x11, 0, 1);
        options.handler = tally_mask_handler;
        options.user_data = row[made - 1];
        status = tally_mask_open(&options, &row[made], NULL);
        if (status == TALLY_OK) made++;
    }
    CHECK_STATUS(status, TALLY_E_LIMIT);
    CHECK_EQ(made, 16);
    CHECK(passes(row[made - 1], bytes, 9));
    tally_mask_options options = options_of(0xff, 0x11, 0, 1);
    options.handler = tally_mask_handler;
    options.user_data = &options;
    CHECK_STATUS(tally_mask_open(&options, &row[17], NULL), TALLY_E_HANDLE);
    while (made > 0) CHECK_STATUS(tally_mask_close(&row[--made]), TALLY_OK);
}

TEST(counters_and_masks_that_get_no_memory_leave_nothing)
{
    tally_platform *platform = wrap_open(tally_platform_default());
    _Atomic(uint64_t) ends = 0;
    tally_mask_options options = options_of(1, 1, 0, 1);
    options.platform = platform;
    options.user_data = &ends;
    options.destructor = count_end;
    wrap_fault fault = {.calls = WRAP_MEMORY, .kind = WRAP_FAIL, .for_ever = true};
    wrap_fault_set(platform, &fault);
    tally_counter *counter = NULL;
    tally_mask *mask = NULL;
    CHECK_STATUS(tally_counter_open(platform, &counter, NULL), TALLY_E_NO_MEMORY);
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_E_NO_MEMORY);
    CHECK(counter == NULL && mask == NULL);
    CHECK_EQ(ends, 0); /* user_data stayed the caller's */
    wrap_fault_set(platform, NULL);
    CHECK_STATUS(tally_counter_open(platform, &counter, NULL), TALLY_OK);
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_OK);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_EQ(ends, 1);
    CHECK_EQ(wrap_blocks(platform), 0);
    tally_platform incomplete = *platform;
    incomplete.allocate = NULL;
    options.platform = &incomplete;
    CHECK_STATUS(tally_counter_open(&incomplete, &counter, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_mask_open(&options, &mask, NULL), TALLY_E_NULL);
    wrap_close(&platform);
}

/* ----------------------------------------------------------------------------------------- counter */

TEST(a_counter_counts_events_and_their_bytes)
{
    tally_registry *registry = open_plain();
    tally_counter *counter = NULL;
    REQUIRE_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    (void)add(registry, tally_counter_handler, counter);
    tally_notice notice = {.data = bytes, .length = 9};
    for (int i = 0; i < 10; i++) CHECK_STATUS(tally_registry_notify(registry, &notice, NULL, NULL), TALLY_OK);
    (void)notify(registry); /* an event without bytes */
    CHECK_EQ(tally_counter_handler(counter, NULL), TALLY_HANDLER_DONE);
    uint64_t events = 0;
    uint64_t length = 0;
    CHECK_STATUS(tally_counter_read(counter, &events, &length, NULL), TALLY_OK);
    CHECK_EQ(events, 12);
    CHECK_EQ(length, 90);
    CHECK_STATUS(tally_counter_read(counter, NULL, NULL, NULL), TALLY_OK);
    shut(&registry);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK(counter == NULL);
}

TEST(a_closed_counter_or_mask_fails_and_does_no_harm)
{
    tally_registry *registry = open_plain();
    tally_counter *counter = NULL;
    REQUIRE_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    tally_mask *mask = open_mask(1, 1, 0, 1);
    tally_counter *stale = counter;
    (void)add(registry, tally_counter_handler, counter);
    (void)add(registry, tally_mask_handler, mask);
    (void)add(registry, tally_counter_handler, mask); /* the wrong object: its counter is never there */
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 3, 3, 0, 0);
    tally_handler_info rows[3];
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 3, &count, NULL), TALLY_OK);
    CHECK_TEXT(rows[0].last_message, "the counter is closed");
    CHECK_TEXT(rows[1].last_message, "the mask is closed");
    uint64_t events = 1;
    CHECK_STATUS(tally_counter_read(stale, &events, NULL, NULL), TALLY_E_CLOSED);
    CHECK_EQ(events, 0);
    shut(&registry);
}

TEST(a_counter_is_not_taken_for_a_mask)
{
    tally_counter *counter = NULL;
    REQUIRE_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    CHECK_STATUS(tally_mask_count((tally_mask *)counter, NULL, NULL, NULL), TALLY_E_TYPE);
    tally_mask *wrong = (tally_mask *)counter;
    CHECK_STATUS(tally_mask_close(&wrong), TALLY_E_TYPE);
    CHECK(tally_mask_handler(counter, &(tally_notice){0}) != TALLY_HANDLER_DONE);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_counter_open(NULL, NULL, NULL), TALLY_E_NULL);
}
