/* Many threads look things up in one view while the last segment grows, others are sealed, and views change. */
#include "stress.h"

#include "log_world.h"

#define THREADS 4

static log_world world;
static tally_mutex mutex; /* guards `now` and `now_end` */
static tally_view *now;
static uint64_t now_end;
static _Atomic(bool) over;

static void lock(void) { world.platform->mutex_lock(world.platform->context, &mutex); }
static void unlock(void) { world.platform->mutex_unlock(world.platform->context, &mutex); }

/* The view as it is now, held. */
static tally_view *take(uint64_t *end)
{
    lock();
    tally_view *view = now;
    tally_view_hold(view);
    *end = now_end;
    unlock();
    return view;
}

static void show(void)
{
    tally_view *view = world_view(&world);
    lock();
    tally_view *before = now;
    now = view;
    now_end = world.event_count;
    unlock();
    tally_view_release(before);
}

static void compare(const tally_view *view, uint64_t end, dice *random)
{
    static _Thread_local uint8_t scratch[65536];
    tally_error error;
    tally_place place;
    tally_event event;
    uint64_t position;
    uint64_t next;
    uint64_t last;
    uint64_t chosen = roll(random, (uint32_t)end);
    const known_event *known = &world.events[chosen];
    REQUIRE_STATUS(tally_lookup_place(view, chosen, &place, &error), TALLY_OK);
    REQUIRE_STATUS(tally_lookup_event(&place, chosen, roll(random, 2) == 0, scratch, &event, &error), TALLY_OK);
    CHECK_BYTES(event.id.bytes, known->id, 16);
    CHECK_STATUS(tally_lookup_id(view, 0, end, known->id, &position, &error), TALLY_OK);
    CHECK_EQ(position, chosen);
    CHECK_STATUS(tally_lookup_version(view, end, world_stream(known->stream), known->version, &position, &error),
                 TALLY_OK);
    CHECK_EQ(position, chosen);
    CHECK_STATUS(tally_lookup_stream(view, end, world_stream(known->stream), &next, &last, &error), TALLY_OK);
    CHECK(next > known->version && last >= chosen && last < end);
    tally_text type = world_type(known->type);
    CHECK_STATUS(tally_lookup_match(view, chosen, end, &type, 1, NULL, 0, &position, &error), TALLY_OK);
    CHECK_EQ(position, chosen);
}

static void *look_on(void *number)
{
    dice random = dice_of((uint64_t)(uintptr_t)number + 100);
    while (!atomic_load(&over) && !test_has_failed()) {
        uint64_t end;
        tally_view *view = take(&end);
        for (uint32_t i = 0; i < 5 && end > 0; i++) compare(view, end, &random);
        tally_view_release(view);
    }
    return NULL;
}

TEST(readers_agree_with_the_list_while_the_log_grows_and_is_sealed_and_merged)
{
    pthread_t threads[THREADS];
    int32_t os_error;
    stress_begin();
    world_open(&world, 11);
    REQUIRE_STATUS(world.platform->mutex_init(world.platform->context, &mutex, &os_error), TALLY_OK);
    show();
    atomic_store(&over, false);
    for (uintptr_t i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, look_on, (void *)i) == 0);
    uint64_t rounds = stress_load(600);
    if (rounds < 60) rounds = 60;
    for (uint64_t round = 0; round < rounds && !test_has_failed() && !stress_is_over(); round++) {
        if (world.event_count + 40 > WORLD_EVENTS || world.segment_count == WORLD_SEGMENTS) break;
        world_append(&world, 1 + roll(&world.random, 30));
        if (round % 10 == 9) {
            world_begin_segment(&world);
            show();
            world_seal(&world, world.segment_count - 2);
            world_merge(&world);
        }
        show();
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < THREADS; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    CHECK(world.event_count > 500);
    CHECK(world_is_trusted(&world));
    tally_view_release(now);
    now = NULL;
    world.platform->mutex_destroy(world.platform->context, &mutex);
    world_close(&world);
}
