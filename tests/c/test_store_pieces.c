/* The background's long work comes in pieces: what is due is served in between. Counted by calls of the platform,
 * not by the clock. */
#include "test.h"

#include "stores.h"

#define EVENTS_MOST 20000

static tally_store_options large_segments(uint32_t flags)
{
    tally_store_options options = store_options();
    options.flags = flags;
    options.segment_bytes = UINT64_C(4) << 20;
    return options;
}

/* One segment is full then, and nothing waits to be written. */
static uint64_t fill_segment(void)
{
    char stream[32];
    uint64_t count = 0;
    for (; figures_now().segments < 2 && count < EVENTS_MOST && !test_has_failed(); count++) {
        (void)snprintf(stream, sizeof stream, "stream/%u", (unsigned)(count % 3000));
        append_one(stream, "some data that is not long and comes again and again, to fill a segment", TALLY_BUFFERED);
    }
    CHECK(count < EVENTS_MOST);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    return count;
}

static uint64_t transfers(void) { return wrap_count(wrapped, WRAP_BIT(WRAP_READ_AT) | WRAP_WRITES); }

TEST(a_tick_seals_a_piece_and_appends_go_on)
{
    tally_store_options options = large_segments(TALLY_STORE_NO_THREAD);
    begin_with(&options);
    uint64_t count = fill_segment();
    int32_t more = 1;
    uint32_t ticks = 0, seals_at = 0;
    uint64_t most = 0;
    while (more != 0 && ticks < 1000) {
        uint64_t before = transfers();
        uint64_t syncs = wrap_count(wrapped, WRAP_SYNCS);
        CHECK_STATUS(tally_store_tick(store, &more, NULL), TALLY_OK);
        if (transfers() - before > most) most = transfers() - before;
        CHECK(wrap_count(wrapped, WRAP_SYNCS) - syncs <= 1);
        ticks++;
        if (figures_now().sealed_segments == 1 && seals_at == 0) seals_at = ticks;
        if (seals_at == 0) CHECK_EQ(append_one("beside", "x", TALLY_DURABLE), count++);
    }
    printf("#   %u ticks, at most %u transfers in each\n", ticks, (unsigned)most);
    CHECK(seals_at > 15);
    CHECK(most <= 10); /* 384 KiB are read, or two sections written; HEAD */
    CHECK_EQ(marks_now().durable, count);
    end();
}

TEST(a_close_in_the_middle_of_a_seal_ends_it)
{
    for (uint32_t ticks = 0; ticks < 30; ticks += 3) {
        tally_store_options options = large_segments(TALLY_STORE_NO_THREAD);
        begin_with(&options);
        uint64_t count = fill_segment();
        for (uint32_t i = 0; i < ticks; i++) CHECK_STATUS(tally_store_tick(store, NULL, NULL), TALLY_OK);
        reopen_with(&options);
        CHECK_EQ(figures_now().sealed_segments, 1);
        CHECK_EQ(marks_now().durable, count);
        end();
    }
}

/* ----------------------------------------------------------------------------- with the background thread */

static tally_completions *completions;
static _Atomic(uint32_t) reads; /* by the seal */
static _Atomic(uint32_t) asked_at;
static _Atomic(uint32_t) answered_at;

enum { ASK_AT = 7 };

static void answered(void *user_data)
{
    (void)user_data;
    atomic_store(&answered_at, atomic_load(&reads));
}

/* An append comes while the segment is read. */
static void look(void *user_data, wrap_call call)
{
    (void)user_data;
    (void)call;
    if (atomic_fetch_add(&reads, 1) != ASK_AT) return;
    tally_draft one = draft("late", "x");
    tally_append_options options = at_level(TALLY_DURABLE);
    CHECK_STATUS(tally_store_append_async(store, &one, 1, &options, completions, 1, NULL, NULL), TALLY_OK);
    atomic_store(&asked_at, atomic_load(&reads));
}

TEST(an_asynchronous_append_does_not_wait_for_a_seal)
{
    tally_store_options options = large_segments(0);
    begin_with(&options);
    tally_completions_options mine = {.size = sizeof mine, .wake = answered, .platform = wrapped};
    CHECK_STATUS(tally_completions_open(&mine, &completions, NULL), TALLY_OK);
    wrap_watch(wrapped, WRAP_BIT(WRAP_READ_AT), look, NULL);
    fill_segment();
    for (int i = 0; i < 5000 && figures_now().seals == 0; i++) tally_platform_default()->sleep_ns(NULL, 1000000);
    CHECK_EQ(figures_now().seals, 1);
    printf("#   asked at read %u, answered at %u of %u\n", atomic_load(&asked_at), atomic_load(&answered_at),
           atomic_load(&reads));
    CHECK(atomic_load(&asked_at) != 0 && atomic_load(&answered_at) >= atomic_load(&asked_at));
    CHECK(atomic_load(&answered_at) - atomic_load(&asked_at) <= 4);
    CHECK(atomic_load(&reads) > atomic_load(&asked_at) + 15);
    wrap_watch(wrapped, 0, NULL, NULL);
    CHECK_STATUS(tally_completions_close(&completions), TALLY_OK);
    end();
}
