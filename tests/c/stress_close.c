/* Registries, children and native objects are closed while other threads use them, from outside and from inside.
 * Every call is either done or refused with the right error; every destructor runs once; nothing freed is used. */
#include "stress.h"

#include "scribble.h"

#define PLACES 6
#define USERS 8
#define CLOSERS 2

static tally_platform *platform;
static _Atomic(uint32_t) wrongs;
static _Atomic(uint64_t) made;
static _Atomic(uint64_t) ended;
static _Atomic(uint64_t) calls;

static void expect(bool condition)
{
    if (!condition) atomic_fetch_add(&wrongs, 1);
}

/* ------------------------------------------------------------------------------------------ registries */

typedef struct guest {
    uint64_t alive;
    _Atomic(uint32_t) inside;
} guest;

static void end_guest(void *user_data)
{
    guest *self = user_data;
    expect(self->alive == 1 && atomic_load(&self->inside) == 0);
    expect(tally_registry_depth() == 0);
    atomic_fetch_add(&ended, 1);
    platform->release(platform->context, self);
}

static guest *make_guest(void)
{
    guest *one = platform->allocate(platform->context, sizeof *one);
    if (one == NULL) abort();
    one->alive = 1;
    atomic_init(&one->inside, 0);
    atomic_fetch_add(&made, 1);
    return one;
}

static int32_t visit(void *user_data, const tally_notice *notice)
{
    guest *self = user_data;
    atomic_fetch_add(&self->inside, 1);
    expect(self->alive == 1);
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    /* Now and then a handler closes the registry that calls it. */
    if (notice->context != NULL) {
        tally_registry *copy = notice->context;
        expect(tally_registry_close(&copy) == TALLY_OK);
    }
    expect(self->alive == 1);
    atomic_fetch_sub(&self->inside, 1);
    return TALLY_HANDLER_DONE;
}

/* Handles that are used by many; what stands here may be closed, and its slot serve another object. */
static _Atomic(tally_registry *) places[PLACES];
static _Atomic(bool) over;

static bool is_fair(tally_status status)
{
    return status == TALLY_OK || status == TALLY_E_CLOSED || status == TALLY_E_FOREIGN;
}

static tally_handler_id add_guest(tally_registry *registry)
{
    tally_handler_options options = {.size = sizeof options, .destructor = end_guest};
    tally_handler_id id = {0, 0};
    guest *one = make_guest();
    tally_status status = tally_registry_register(registry, visit, one, &options, &id, NULL);
    expect(is_fair(status));
    if (status != TALLY_OK) end_guest(one); /* it stayed ours */
    return id;
}

static void use_once(dice *mine)
{
    tally_registry *registry = atomic_load(&places[roll(mine, PLACES)]);
    tally_notice notice = {.context = roll(mine, 300) == 0 ? registry : NULL};
    tally_handler_id id;
    uint64_t number = 0;
    switch (roll(mine, 8)) {
    case 0:
        id = add_guest(registry);
        if (id.handler != 0 && roll(mine, 2) == 0) expect(is_fair(tally_registry_unregister(registry, id, NULL, NULL)));
        break;
    case 1:
        id = add_guest(registry);
        if (id.handler != 0) {
            expect(is_fair(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL)));
        }
        break;
    case 2: {
        tally_registry *child = NULL;
        tally_status status = tally_registry_child(registry, NULL, &child, NULL);
        expect(is_fair(status));
        if (status != TALLY_OK) break;
        (void)add_guest(child);
        notice.context = NULL;
        expect(tally_registry_notify(child, &notice, NULL, NULL) == TALLY_OK);
        expect(tally_registry_close(&child) == TALLY_OK);
        break;
    }
    case 3: expect(is_fair(tally_registry_count(registry, &number, NULL))); break;
    case 4: expect(is_fair(tally_registry_clear(registry, &number, NULL))); break;
    default: expect(is_fair(tally_registry_notify(registry, &notice, NULL, NULL)));
    }
}

static void use_much(void *number)
{
    dice mine = dice_of(10 + *(uint32_t *)number);
    for (uint64_t steps = stress_load(200000); steps > 0; steps--) {
        use_once(&mine);
        if (steps % 256 == 0 && stress_is_over()) break;
    }
}

static tally_registry *open_one(void)
{
    tally_registry_options options = {.size = sizeof options, .platform = platform};
    tally_registry *registry = NULL;
    expect(tally_registry_open(&options, &registry, NULL) == TALLY_OK);
    return registry;
}

static void close_much(void *number)
{
    dice mine = dice_of(*(uint32_t *)number);
    while (!atomic_load(&over)) {
        tally_registry *fresh = open_one();
        (void)add_guest(fresh);
        tally_registry *old = atomic_exchange(&places[roll(&mine, PLACES)], fresh);
        tally_registry *again = old;
        if (roll(&mine, 4) == 0) expect(tally_registry_abandon(&old) == TALLY_OK);
        else expect(tally_registry_close(&old) == TALLY_OK);
        if (roll(&mine, 4) == 0) expect(tally_registry_close(&again) == TALLY_OK);
        if (roll(&mine, 16) == 0) expect(tally_reclaim(NULL, NULL) == TALLY_OK);
    }
}

TEST(registries_are_closed_while_they_are_used)
{
    helper users[USERS];
    helper closers[CLOSERS];
    uint32_t numbers[USERS];
    platform = scribble_open();
    for (int i = 0; i < PLACES; i++) atomic_store(&places[i], open_one());
    stress_begin();
    for (uint32_t i = 0; i < USERS; i++) {
        numbers[i] = i;
        start(&users[i], use_much, &numbers[i]);
    }
    for (uint32_t i = 0; i < CLOSERS; i++) start(&closers[i], close_much, &numbers[i]);
    for (uint32_t i = 0; i < USERS; i++) join(&users[i]);
    atomic_store(&over, true);
    for (uint32_t i = 0; i < CLOSERS; i++) join(&closers[i]);
    for (int i = 0; i < PLACES; i++) {
        tally_registry *last = atomic_load(&places[i]);
        shut(&last);
    }
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    printf("# %" PRIu64 " guests, %" PRIu64 " calls\n", made, calls);
    CHECK_EQ(wrongs, 0);
    CHECK_EQ(ended, made);
    CHECK_EQ(scribble_of(platform)->blocks, 0);
    CHECK(scribble_close(&platform));
}

/* -------------------------------------------------------------------------------- child and parent */

static _Atomic(tally_registry *) shared_child;
static _Atomic(uint64_t) silent; /* a notify of the child that was neither done nor refused */

static void notify_child(void *unused)
{
    (void)unused;
    tally_notice notice = {0};
    tally_registry *child = NULL;
    for (uint64_t i = 0; !atomic_load(&over); i++) {
        tally_notified result;
        if (i % 256 == 0) child = atomic_load(&shared_child); /* kept while it is closed */
        tally_status status = tally_registry_notify(child, &notice, &result, NULL);
        expect(is_fair(status));
        bool ran = result.fired == 1 || (result.flags & TALLY_NOTIFIED_ORPHAN) != 0;
        if (status == TALLY_OK && !ran) atomic_fetch_add(&silent, 1);
    }
}

TEST(a_child_that_is_being_closed_reaches_its_parent_or_is_refused)
{
    helper users[2];
    tally_registry *parent = open_plain();
    (void)add(parent, do_nothing, NULL);
    atomic_store(&over, false);
    atomic_store(&shared_child, open_child(parent));
    stress_begin();
    for (int i = 0; i < 2; i++) start(&users[i], notify_child, NULL);
    for (uint64_t i = stress_load(20000); i > 0 && !stress_is_over(); i--) {
        tally_registry *old = atomic_exchange(&shared_child, open_child(parent));
        shut(&old);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) join(&users[i]);
    tally_registry *last = atomic_load(&shared_child);
    shut(&last);
    shut(&parent);
    CHECK_EQ(silent, 0);
    CHECK_EQ(wrongs, 0);
}

/* ------------------------------------------------------------------------------------ native objects */

static _Atomic(tally_counter *) shared_counter;
static _Atomic(tally_ring *) shared_ring;
static _Atomic(tally_mask *) shared_mask;
static _Atomic(uint64_t) masks_made;
static _Atomic(uint64_t) masks_ended;

static void end_mask(void *user_data)
{
    expect(user_data == &masks_made);
    atomic_fetch_add(&masks_ended, 1);
}

static tally_counter *open_counter(void)
{
    tally_counter *counter = NULL;
    expect(tally_counter_open(platform, &counter, NULL) == TALLY_OK);
    return counter;
}

static tally_ring *open_ring(void)
{
    tally_ring_options options = {.size = sizeof options, .slots = 8, .slot_bytes = 8, .platform = platform};
    tally_ring *ring = NULL;
    expect(tally_ring_open(&options, &ring, NULL) == TALLY_OK);
    return ring;
}

static tally_mask *open_mask(void)
{
    tally_mask_options options = {.size = sizeof options,
                                  .mask = 1,
                                  .match = 1,
                                  .width = 1,
                                  .handler = do_nothing,
                                  .user_data = &masks_made,
                                  .destructor = end_mask,
                                  .platform = platform};
    tally_mask *mask = NULL;
    expect(tally_mask_open(&options, &mask, NULL) == TALLY_OK);
    atomic_fetch_add(&masks_made, 1);
    return mask;
}

static void use_native(void *unused)
{
    (void)unused;
    tally_notice notice = {.data = "\1", .length = 1};
    tally_ring_event events[8];
    char data[64];
    while (!atomic_load(&over)) {
        size_t count;
        uint64_t number;
        (void)tally_counter_handler(atomic_load(&shared_counter), &notice); /* done, or "closed" */
        (void)tally_ring_handler(atomic_load(&shared_ring), &notice);
        (void)tally_mask_handler(atomic_load(&shared_mask), &notice);
        tally_status status = tally_ring_drain(atomic_load(&shared_ring), events, 8, data, 64, &count, NULL);
        expect(is_fair(status) || status == TALLY_E_TYPE);
        status = tally_counter_read(atomic_load(&shared_counter), &number, NULL, NULL);
        expect(is_fair(status) || status == TALLY_E_TYPE);
    }
}

TEST(native_objects_are_closed_while_they_are_used)
{
    helper users[4];
    platform = scribble_open();
    atomic_store(&over, false);
    atomic_store(&shared_counter, open_counter());
    atomic_store(&shared_ring, open_ring());
    atomic_store(&shared_mask, open_mask());
    stress_begin();
    for (int i = 0; i < 4; i++) start(&users[i], use_native, NULL);
    for (uint64_t i = stress_load(20000); i > 0 && !stress_is_over(); i--) {
        tally_counter *counter = atomic_exchange(&shared_counter, open_counter());
        tally_ring *ring = atomic_exchange(&shared_ring, open_ring());
        tally_mask *mask = atomic_exchange(&shared_mask, open_mask());
        expect(tally_counter_close(&counter) == TALLY_OK);
        expect(tally_ring_close(&ring) == TALLY_OK);
        expect(tally_mask_close(&mask) == TALLY_OK);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 4; i++) join(&users[i]);
    tally_counter *counter = atomic_load(&shared_counter);
    tally_ring *ring = atomic_load(&shared_ring);
    tally_mask *mask = atomic_load(&shared_mask);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
    CHECK_STATUS(tally_mask_close(&mask), TALLY_OK);
    CHECK_EQ(wrongs, 0);
    CHECK_EQ(masks_ended, masks_made);
    CHECK(scribble_close(&platform));
}
