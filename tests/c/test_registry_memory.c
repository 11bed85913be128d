/* registry.md 11 and the bars for memory: notify allocates and frees nothing, and little is held. */
#include "handlers.h"

#include "platform/default.h"
#include "scribble.h"
#include "wrap/wrap.h"

#define NOTIFIES 100000

static tally_platform *process_wide; /* the default platform, counted */
static tally_platform *own;          /* the registry's, counted */
static tally_registry *registry;

static tally_registry *open_counted(uint32_t flags, const tally_registry_host *host)
{
    if (process_wide == NULL) {
        process_wide = wrap_open(tally_platform_default());
        tally_platform_default_replace(process_wide);
        own = wrap_open(wrap_inner(process_wide));
    }
    tally_registry_options options = {.size = sizeof options, .platform = own, .flags = flags, .host = host};
    return open_with(&options);
}

static uint64_t traffic(void)
{
    uint64_t calls = WRAP_MEMORY | WRAP_BIT(WRAP_RELEASE) | WRAP_BIT(WRAP_RELEASE_LOCKED);
    return wrap_count(process_wide, calls) + wrap_count(own, calls);
}

static void notify_many(uint32_t kind)
{
    tally_notice notice = {.kind = kind, .data = "event", .length = 5};
    uint64_t before = traffic();
    for (uint32_t i = 0; i < NOTIFIES; i++) (void)tally_registry_notify(registry, &notice, NULL, NULL);
    CHECK_EQ(traffic() - before, 0);
}

TEST(notify_of_an_empty_registry_costs_no_memory)
{
    registry = open_counted(0, NULL);
    notify_many(0);
    shut(&registry);
}

TEST(notify_of_eight_handlers_costs_no_memory)
{
    registry = open_counted(0, NULL);
    static _Atomic(uint64_t) calls;
    for (int i = 0; i < 8; i++) (void)add(registry, count_up, (void *)&calls);
    notify_many(0);
    CHECK_EQ(calls, 8 * NOTIFIES);
    shut(&registry);
}

static void *leave(void *user_data) { return user_data; }
static void enter(void *user_data, void *token)
{
    (void)user_data;
    (void)token;
}

TEST(the_general_loop_costs_no_memory_either)
{
    tally_registry_host host = {.size = sizeof host, .leave = leave, .enter = enter};
    tally_registry *parent = open_counted(TALLY_REGISTRY_COUNT | TALLY_REGISTRY_ALLOW_STOP, &host);
    uint32_t kinds[] = {kind_of("memory.exact"), kind_of("memory.*")};
    tally_counter *counter = NULL;
    tally_ring *ring = NULL;
    tally_mask *mask = NULL;
    tally_ring_options small = {.size = sizeof small, .slots = 4, .slot_bytes = 8};
    tally_mask_options bits = {.size = sizeof bits, .mask = 1, .match = 1, .width = 1, .handler = do_nothing};
    CHECK_STATUS(tally_counter_open(own, &counter, NULL), TALLY_OK);
    CHECK_STATUS(tally_ring_open(&small, &ring, NULL), TALLY_OK);
    CHECK_STATUS(tally_mask_open(&bits, &mask, NULL), TALLY_OK);
    (void)add(parent, tally_counter_handler, counter);
    (void)add(parent, tally_ring_handler, ring);
    (void)add(parent, tally_mask_handler, mask);
    CHECK_STATUS(tally_registry_child(parent, &(tally_registry_options){.size = sizeof(tally_registry_options)},
                                      &registry, NULL),
                 TALLY_OK);
    (void)add_with(registry, do_nothing, NULL, (tally_handler_options){.kinds = kinds, .kind_count = 2});
    (void)add_with(registry, do_nothing, NULL, (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    (void)add_with(registry, do_nothing, NULL, (tally_handler_options){.flags = TALLY_HANDLER_MAY_BLOCK});
    (void)notify(registry); /* the first one takes the `once` handler */
    notify_many(kinds[0]);
    uint64_t events = 0;
    CHECK_STATUS(tally_counter_read(counter, &events, NULL, NULL), TALLY_OK);
    CHECK_EQ(events, NOTIFIES + 1);
    shut(&registry);
    shut(&parent);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_EQ(wrap_blocks(own), 0);
}

static void notify_many_on_a_thread(void *unused)
{
    (void)unused;
    (void)notify(registry);
    notify_many(0);
}

TEST(it_is_the_same_on_another_thread_after_its_first_notify)
{
    registry = open_counted(0, NULL);
    (void)add(registry, do_nothing, NULL);
    helper one;
    start(&one, notify_many_on_a_thread, NULL);
    join(&one);
    shut(&registry);
}

/* --------------------------------------------------------------------------------------------- bars */

TEST(an_empty_registry_holds_at_most_256_bytes)
{
    registry = open_plain();
    CHECK(look_at(registry).memory_bytes <= 256);
    (void)drop(registry, add(registry, do_nothing, NULL));
    shut(&registry);
}

TEST(a_plain_handler_costs_at_most_64_bytes)
{
    /* At every size from 1 000 to 3 000: tables that double are cheap only on average. */
    registry = open_plain();
    uint64_t empty = look_at(registry).memory_bytes;
    tally_edit edits[1000];
    for (uint64_t n = 1000; n <= 3000; n += 1000) {
        for (int i = 0; i < 1000; i++) edits[i] = (tally_edit){.operation = TALLY_EDIT_REGISTER, .handler = do_nothing};
        CHECK_STATUS(tally_registry_edit(registry, edits, 1000, NULL), TALLY_OK);
        CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
        tally_registry_statistics now = look_at(registry);
        CHECK_EQ(now.retired_bytes, 0);
        if (now.memory_bytes - empty > 64 * n) {
            (void)test_check(false, __LINE__, "%g bytes per handler at %" PRIu64,
                             (double)(now.memory_bytes - empty) / (double)n, n);
        }
    }
    shut(&registry);
}

TEST(retired_lists_stay_within_64_kib_when_nobody_is_inside)
{
    registry = open_plain();
    for (uint32_t i = 0; i < 5000; i++) {
        tally_handler_id id = add(registry, do_nothing, NULL);
        if (i % 3 == 0) CHECK(drop(registry, id));
        if (i % 100 == 0) (void)notify(registry);
        CHECK(look_at(registry).retired_bytes <= 65536);
        if (test_has_failed()) break;
    }
    shut(&registry);
}

static int32_t write_much(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    uint64_t live = look_at(registry).memory_bytes;
    for (int i = 0; i < 500; i++) CHECK(drop(registry, add(registry, do_nothing, NULL)));
    /* This notify's own list is pinned; the others are not. */
    CHECK(look_at(registry).retired_bytes <= 65536 + live);
    CHECK(look_at(registry).memory_bytes <= 65536 + 4 * live);
    return TALLY_HANDLER_DONE;
}

TEST(a_thread_that_stays_inside_pins_one_list_only)
{
    registry = open_plain();
    (void)add(registry, write_much, NULL);
    for (int i = 0; i < 999; i++) (void)add(registry, do_nothing, NULL);
    (void)notify(registry);
    shut(&registry);
}

TEST(what_statistics_say_is_what_was_allocated)
{
    tally_platform *platform = scribble_open();
    tally_registry_host host = {.size = sizeof host};
    tally_registry_options options = {
        .size = sizeof options, .platform = platform, .flags = TALLY_REGISTRY_COUNT, .host = &host, .capacity = 100};
    registry = open_with(&options);
    uint64_t slot = look_at(registry).memory_bytes - (uint64_t)scribble_of(platform)->bytes;
    CHECK(slot <= 64); /* type-stable memory, not the platform's */
    uint32_t kind = kind_of("memory.test");
    uint32_t word = 0;
    for (uint32_t i = 0; i < 300; i++) {
        tally_handler_options some = {.name = "name", .name_length = i % 5, .max_failures = i % 7};
        if (i % 3 == 0) some.kinds = &kind;
        if (i % 3 == 0) some.kind_count = 1;
        tally_handler_id id = add_with(registry, i % 2 ? fail_saying : note, "", some);
        if (i % 4 == 0) CHECK(drop(registry, id));
        if (i % 11 == 0) CHECK_STATUS(tally_registry_on_panic(registry, NULL, NULL, NULL, NULL), TALLY_OK);
        if (i % 13 == 0) CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
        if (i % 13 == 1 && i > 1) CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
        if (i % 20 == 0) CHECK_STATUS(tally_registry_watch(registry, &word, NULL), TALLY_OK);
        if (i % 40 == 39) CHECK_STATUS(tally_registry_unwatch(registry, &word, NULL), TALLY_OK);
        if (i == 250) CHECK_STATUS(tally_registry_clear(registry, NULL, NULL), TALLY_OK);
        (void)notify_kind(registry, i % 2 ? kind : 0);
        CHECK_EQ(look_at(registry).memory_bytes, (uint64_t)scribble_of(platform)->bytes + slot);
        if (test_has_failed()) break;
    }
    (void)told();
    shut(&registry);
    CHECK(scribble_close(&platform));
}
