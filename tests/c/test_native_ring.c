/* The ring: order, wrap-around, what is dropped, when it wakes, several producers, and buffers too small. */
#include "rings.h"

#include "wrap/wrap.h"

TEST(events_come_out_in_the_order_in_which_they_went_in)
{
    tally_ring *ring = open_ring(8, 16);
    CHECK_EQ(push(ring, "a"), TALLY_HANDLER_DONE);
    (void)push(ring, "bb");
    (void)push(ring, "");
    (void)push(ring, "dddd");
    CHECK_TEXT(drain(ring), "a|bb||dddd|");
    CHECK_TEXT(drain(ring), "");
    shut_ring(&ring);
}

TEST(events_carry_kind_length_and_sequence)
{
    tally_ring *ring = open_ring(4, 16);
    tally_notice notice = {.kind = kind_of("ring.test"), .data = "abc", .length = 3};
    (void)tally_ring_handler(ring, &notice);
    (void)push(ring, "x");
    tally_ring_event events[2];
    char data[64];
    size_t count = 0;
    CHECK_STATUS(tally_ring_drain(ring, events, 2, data, sizeof data, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 2);
    CHECK_EQ(events[0].kind, notice.kind);
    CHECK_EQ(events[0].length, 3);
    CHECK_EQ(events[0].sequence, 0);
    CHECK_BYTES(data + events[0].offset, "abc", 3);
    CHECK_EQ(events[1].kind, TALLY_KIND_NONE);
    CHECK_EQ(events[1].sequence, 1);
    CHECK_EQ(events[1].offset, 8);
    shut_ring(&ring);
}

TEST(it_goes_round_and_round_without_loss)
{
    tally_ring *ring = open_ring(4, 16);
    for (uint32_t i = 0; i < 1000; i++) {
        char pushed[16];
        char wanted[20];
        (void)snprintf(pushed, sizeof pushed, "%u", i);
        (void)snprintf(wanted, sizeof wanted, "%u|%s", i, i % 3 == 0 ? "+|" : "");
        (void)push(ring, pushed);
        if (i % 3 == 0) (void)push(ring, "+");
        CHECK_TEXT(drain(ring), wanted);
    }
    CHECK_EQ(counts_of(ring).dropped_full, 0);
    CHECK_EQ(counts_of(ring).pushed, counts_of(ring).drained);
    shut_ring(&ring);
}

TEST(a_full_ring_drops_the_new_event_and_counts_it)
{
    tally_ring *ring = open_ring(2, 8);
    (void)push(ring, "a");
    (void)push(ring, "b");
    CHECK_EQ(push(ring, "c"), TALLY_HANDLER_DONE); /* not a failure */
    CHECK_EQ(counts_of(ring).pushed, 2);
    CHECK_EQ(counts_of(ring).dropped_full, 1);
    CHECK_TEXT(drain(ring), "a|b|");
    (void)push(ring, "d");
    CHECK_TEXT(drain(ring), "d|");
    CHECK_EQ(counts_of(ring).drained, 3);
    shut_ring(&ring);
}

TEST(a_ring_of_one_slot_holds_one_event)
{
    tally_ring *ring = open_ring(1, 8);
    (void)push(ring, "a");
    (void)push(ring, "b");
    CHECK_EQ(counts_of(ring).pushed, 1);
    CHECK_EQ(counts_of(ring).dropped_full, 1);
    CHECK_TEXT(drain(ring), "a|");
    (void)push(ring, "c");
    CHECK_TEXT(drain(ring), "c|");
    shut_ring(&ring);
}

TEST(the_number_of_slots_is_rounded_up_to_a_power_of_two)
{
    tally_ring *ring = open_ring(3, 8);
    for (int i = 0; i < 5; i++) (void)push(ring, "x");
    CHECK_EQ(counts_of(ring).pushed, 4);
    CHECK_EQ(counts_of(ring).dropped_full, 1);
    shut_ring(&ring);
}

TEST(an_event_longer_than_a_slot_is_dropped_and_counted)
{
    tally_ring *ring = open_ring(4, 5); /* rounded up to 8 */
    CHECK_EQ(push(ring, "12345678"), TALLY_HANDLER_DONE);
    CHECK_EQ(push(ring, "123456789"), TALLY_HANDLER_DONE);
    CHECK_EQ(counts_of(ring).dropped_long, 1);
    CHECK_TEXT(drain(ring), "12345678|");
    CHECK_EQ(wakes, 1);
    shut_ring(&ring);
}

TEST(a_buffer_too_small_says_the_size_and_takes_nothing)
{
    tally_ring *ring = open_ring(4, 64);
    (void)push(ring, "twelve bytes");
    (void)push(ring, "next");
    tally_ring_event events[2];
    char data[64];
    size_t count = 9;
    tally_error error;
    for (int again = 0; again < 2; again++) {
        CHECK_STATUS(tally_ring_drain(ring, events, 2, data, 11, &count, &error), TALLY_E_SPACE);
        CHECK_EQ(count, 0);
        CHECK_EQ(error.position, 12);
        CHECK_EQ(counts_of(ring).drained, 0);
    }
    CHECK_STATUS(tally_ring_drain(ring, events, 2, data, 12, &count, &error), TALLY_OK);
    CHECK_EQ(count, 1); /* the second one does not fit and stays */
    CHECK_BYTES(data, "twelve bytes", 12);
    CHECK_TEXT(drain(ring), "next|");
    shut_ring(&ring);
}

TEST(offsets_are_multiples_of_eight_even_of_empty_events_behind_a_full_buffer)
{
    tally_ring *ring = open_ring(4, 8);
    (void)push(ring, "12345");
    (void)push(ring, "");
    tally_ring_event events[2];
    char data[5];
    size_t count = 0;
    CHECK_STATUS(tally_ring_drain(ring, events, 2, data, sizeof data, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 2);
    CHECK_EQ(events[1].length, 0);
    CHECK_EQ(events[1].offset % 8, 0);
    CHECK(events[1].offset <= sizeof data);
    shut_ring(&ring);
}

TEST(it_wakes_once_until_it_has_been_drained_empty)
{
    tally_ring *ring = open_ring(8, 8);
    CHECK_EQ(wakes, 0);
    (void)push(ring, "a");
    CHECK_EQ(wakes, 1);
    (void)push(ring, "b");
    (void)push(ring, "c");
    CHECK_EQ(wakes, 1);
    CHECK_TEXT(drain(ring), "a|b|c|");
    (void)push(ring, "d");
    CHECK_EQ(wakes, 2);
    CHECK_TEXT(drain(ring), "d|");
    shut_ring(&ring);
}

TEST(one_drain_that_takes_all_has_drained_it_empty)
{
    tally_ring *ring = open_ring(8, 8);
    tally_ring_event events[8];
    char data[64];
    size_t count = 0;
    for (uint32_t round = 1; round < 5; round++) {
        (void)push(ring, "a");
        (void)push(ring, "b");
        CHECK_EQ(wakes, round);
        /* With room for more, or for just these. */
        CHECK_STATUS(tally_ring_drain(ring, events, round % 2 ? 8 : 2, data, sizeof data, &count, NULL), TALLY_OK);
        CHECK_EQ(count, 2);
    }
    shut_ring(&ring);
}

TEST(a_drain_that_leaves_something_does_not_wake_again)
{
    tally_ring *ring = open_ring(8, 8);
    tally_ring_event event;
    char data[8];
    size_t count = 0;
    (void)push(ring, "a");
    (void)push(ring, "b");
    CHECK_STATUS(tally_ring_drain(ring, &event, 1, data, sizeof data, &count, NULL), TALLY_OK);
    (void)push(ring, "c");
    CHECK_EQ(wakes, 1);
    CHECK_TEXT(drain(ring), "b|c|");
    (void)push(ring, "d");
    CHECK_EQ(wakes, 2);
    shut_ring(&ring); /* drops what was not drained */
}

static tally_ring *closing;

static void close_the_ring(void *user_data)
{
    (void)user_data;
    wakes++;
    tally_ring *copy = closing;
    CHECK_STATUS(tally_ring_close(&copy), TALLY_OK);
}

TEST(a_wake_may_close_its_ring)
{
    tally_ring_options options = {.size = sizeof options, .wake = close_the_ring};
    wakes = 0;
    REQUIRE_STATUS(tally_ring_open(&options, &closing, NULL), TALLY_OK);
    CHECK_EQ(push(closing, "a"), TALLY_HANDLER_DONE);
    CHECK_EQ(wakes, 1);
    CHECK(push(closing, "b") != TALLY_HANDLER_DONE);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
}

TEST(one_ring_serves_several_registrations_and_registries)
{
    tally_registry *one = open_plain();
    tally_registry *two = open_plain();
    tally_ring *ring = open_ring(8, 8);
    (void)add(one, tally_ring_handler, ring);
    (void)add(one, tally_ring_handler, ring);
    (void)add(two, tally_ring_handler, ring);
    CHECK_NOTIFIED(notify(one), 2, 0, 0, 0);
    CHECK_NOTIFIED(notify(two), 1, 0, 0, 0);
    CHECK_EQ(counts_of(ring).pushed, 3);
    shut(&one);
    shut(&two);
    shut_ring(&ring);
}

TEST(a_closed_ring_fails_and_does_no_harm)
{
    tally_registry *registry = open_plain();
    tally_ring *ring = open_ring(8, 8);
    tally_ring *stale = ring;
    (void)add(registry, tally_ring_handler, ring);
    shut_ring(&ring);
    CHECK_NOTIFIED(notify(registry), 1, 1, 0, 0);
    tally_handler_info row;
    size_t rows = 0;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &rows, NULL), TALLY_OK);
    CHECK_TEXT(row.last_message, "the ring is closed");
    CHECK_EQ(row.last_code, TALLY_E_CLOSED);
    size_t count = 1;
    CHECK_STATUS(tally_ring_drain(stale, &(tally_ring_event){0}, 1, NULL, 0, &count, NULL), TALLY_E_CLOSED);
    CHECK_EQ(count, 0);
    shut(&registry);
}

TEST(bad_arguments_of_a_ring_are_refused)
{
    tally_ring *ring = NULL;
    tally_ring_options options = {.size = sizeof options};
    CHECK_STATUS(tally_ring_open(NULL, NULL, NULL), TALLY_E_NULL);
    options.slots = TALLY_RING_SLOTS_MAX + 1;
    CHECK_STATUS(tally_ring_open(&options, &ring, NULL), TALLY_E_RANGE);
    options.slots = TALLY_RING_SLOTS_MAX;
    options.slot_bytes = TALLY_RING_BYTES_MAX / TALLY_RING_SLOTS_MAX + 1;
    CHECK_STATUS(tally_ring_open(&options, &ring, NULL), TALLY_E_RANGE);
    options.slot_bytes = UINT32_MAX;
    options.slots = 1;
    CHECK_STATUS(tally_ring_open(&options, &ring, NULL), TALLY_E_RANGE);
    options.size = 1;
    CHECK_STATUS(tally_ring_open(&options, &ring, NULL), TALLY_E_STRUCT_SIZE);
    CHECK(ring == NULL);
    ring = open_ring(2, 8);
    size_t count = 7;
    tally_ring_event event;
    char data[8];
    CHECK_STATUS(tally_ring_drain(ring, NULL, 1, data, 8, &count, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_ring_drain(ring, &event, 0, data, 8, &count, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_ring_drain(ring, &event, 1, NULL, 8, &count, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_ring_drain(ring, &event, 1, data, 8, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_ring_drain((tally_ring *)data, &event, 1, data, 8, &count, NULL), TALLY_E_HANDLE);
    CHECK_STATUS(tally_ring_count(ring, NULL, NULL), TALLY_E_NULL);
    CHECK_EQ(count, 0);
    CHECK_EQ(tally_ring_handler(ring, NULL), TALLY_HANDLER_DONE); /* no notice, no event */
    CHECK_EQ(counts_of(ring).pushed, 0);
    shut_ring(&ring);
}

TEST(a_ring_that_cannot_get_memory_leaves_nothing)
{
    tally_platform *platform = wrap_open(tally_platform_default());
    tally_ring_options options = {.size = sizeof options, .platform = platform};
    for (uint64_t skip = 0; skip < 3; skip++) {
        wrap_fault_set(platform, &(wrap_fault){.calls = WRAP_MEMORY, .skip = skip, .kind = WRAP_FAIL});
        tally_ring *ring = NULL;
        tally_status status = tally_ring_open(&options, &ring, NULL);
        CHECK_STATUS(status, skip < 2 ? TALLY_E_NO_MEMORY : TALLY_OK);
        CHECK_EQ(ring == NULL, status != TALLY_OK);
        CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
        CHECK_EQ(wrap_blocks(platform), 0);
    }
    wrap_close(&platform);
}
