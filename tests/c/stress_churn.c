/* Sixteen threads notify while others register, remove, edit, replace on_panic and open children. Every
 * notify of every permanent handler is counted, and every handler that comes and goes checks that what it
 * uses is alive. STRESS_NOTIFIES sets how often each thread notifies. */
#include "handlers.h"

#define NOTIFIERS 16
#define PERMANENT 4

static uint64_t notifies_each(void)
{
    const char *wanted = getenv("STRESS_NOTIFIES");
    if (wanted != NULL) return strtoull(wanted, NULL, 10);
    return UNDER_TSAN ? 20000 : 1000000;
}

typedef struct stripe {
    _Alignas(64) uint64_t ran[PERMANENT];
    uint64_t fired;
    uint64_t skipped;
    uint64_t failed;
} stripe;

static tally_registry *registry;
static stripe stripes[NOTIFIERS];
static _Thread_local stripe *mine;
static _Atomic(uint32_t) running_notifiers;

/* user_data is the number of the handler. */
static int32_t count_mine(void *user_data, const tally_notice *notice)
{
    (void)notice;
    mine->ran[(uintptr_t)user_data]++;
    return TALLY_HANDLER_DONE;
}

static void *notifier(void *argument)
{
    mine = argument;
    uint64_t left = notifies_each();
    tally_notice notice = {.data = "event", .length = 5};
    for (; left != 0; left--) {
        tally_notified result;
        CHECK_STATUS(tally_registry_notify(registry, &notice, &result, NULL), TALLY_OK);
        mine->fired += result.fired;
        mine->skipped += result.skipped;
        mine->failed += result.failed;
    }
    atomic_fetch_sub(&running_notifiers, 1);
    return NULL;
}

/* ---------------------------------------------------------------------------- what comes and goes */

#define ALIVE 0x616c697665u
#define DEAD 0x64656164u

typedef struct guest {
    _Atomic(uint64_t) canary;
    _Atomic(uint32_t) inside;
} guest;

static _Atomic(uint64_t) guests_made, guests_ended, panics;

static int32_t visit(void *user_data, const tally_notice *notice)
{
    (void)notice;
    guest *self = user_data;
    atomic_fetch_add(&self->inside, 1);
    CHECK_EQ(atomic_load(&self->canary), ALIVE);
    atomic_fetch_sub(&self->inside, 1);
    return TALLY_HANDLER_DONE;
}

static int32_t visit_and_fail(void *user_data, const tally_notice *notice)
{
    (void)visit(user_data, notice);
    return tally_handler_fail(-3, "a guest failed", 14, NULL);
}

static int32_t count_panic(void *user_data, const tally_failure *failure)
{
    CHECK_EQ(failure->code, -3);
    CHECK_EQ(atomic_load((_Atomic(uint64_t) *)user_data), ALIVE);
    atomic_fetch_add(&panics, 1);
    return 0;
}

static guest *guest_new(void)
{
    guest *self = malloc(sizeof *self);
    atomic_init(&self->canary, ALIVE);
    atomic_init(&self->inside, 0);
    atomic_fetch_add(&guests_made, 1);
    return self;
}

static void guest_end(void *user_data)
{
    guest *self = user_data;
    CHECK_EQ(atomic_load(&self->inside), 0);
    CHECK_EQ(atomic_exchange(&self->canary, DEAD), ALIVE);
    atomic_fetch_add(&guests_ended, 1);
    free(self);
}

static void come_and_go(uint32_t step)
{
    tally_handler_id ids[4];
    tally_handler_options options = {
        .size = sizeof options, .priority = (int32_t)(step % 7) - 3, .destructor = guest_end};
    for (uint32_t i = 0; i < 4; i++) {
        tally_handler handler = i == 3 && step % 16 == 0 ? visit_and_fail : visit;
        if (i == 2 && step % 8 == 0) options.flags = TALLY_HANDLER_ONCE;
        REQUIRE_STATUS(tally_registry_register(registry, handler, guest_new(), &options, &ids[i], NULL), TALLY_OK);
        options.flags = 0;
    }
    for (uint32_t i = 0; i < 4; i++) {
        int32_t removed;
        CHECK_STATUS(tally_registry_unregister(registry, ids[i], &removed, NULL), TALLY_OK);
        if (!(i == 2 && step % 8 == 0)) CHECK_EQ(removed, 1);
    }
}

/* Without a destructor: the memory is freed the moment the wait is over. */
static void go_quietly(void)
{
    tally_handler_id id;
    guest *self = guest_new();
    REQUIRE_STATUS(tally_registry_register(registry, visit, self, NULL, &id, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL), TALLY_OK);
    guest_end(self);
}

static void in_one_edit(void)
{
    tally_handler_options options = {.size = sizeof options, .priority = 9, .destructor = guest_end};
    tally_edit edits[6];
    memset(edits, 0, sizeof edits);
    for (uint32_t i = 0; i < 6; i++) {
        edits[i] = (tally_edit){
            .operation = TALLY_EDIT_REGISTER, .handler = visit, .user_data = guest_new(), .options = &options};
    }
    REQUIRE_STATUS(tally_registry_edit(registry, edits, 6, NULL), TALLY_OK);
    for (uint32_t i = 0; i < 6; i++) edits[i].operation = TALLY_EDIT_UNREGISTER;
    REQUIRE_STATUS(tally_registry_edit(registry, edits, 6, NULL), TALLY_OK);
    for (uint32_t i = 0; i < 6; i++) CHECK_EQ(edits[i].removed, 1);
}

static void replace_on_panic(void)
{
    REQUIRE_STATUS(tally_registry_on_panic(registry, count_panic, guest_new(), guest_end, NULL), TALLY_OK);
}

static void visit_as_child(void)
{
    tally_registry *child = NULL;
    tally_handler_id id;
    tally_notified result;
    tally_notice notice = {.length = 0};
    stripe own;
    memset(&own, 0, sizeof own);
    mine = &own; /* the permanent handlers run here too, and are counted elsewhere */
    REQUIRE_STATUS(tally_registry_child(registry, NULL, &child, NULL), TALLY_OK);
    guest *self = guest_new();
    tally_handler_options options = {.size = sizeof options, .destructor = guest_end};
    REQUIRE_STATUS(tally_registry_register(child, visit, self, &options, &id, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_notify(child, &notice, &result, NULL), TALLY_OK);
    CHECK(result.fired >= 1 + PERMANENT);
    CHECK_EQ(own.ran[0], 1);
    CHECK_STATUS(tally_registry_close(&child), TALLY_OK);
}

static void *writer(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    for (uint32_t step = seed; atomic_load(&running_notifiers) != 0; step++) {
        come_and_go(step);
        if (step % 3 == 0) go_quietly();
        if (step % 5 == 0) in_one_edit();
        if (step % 17 == 0) replace_on_panic();
        if (step % 23 == 0) visit_as_child();
        if (step % 64 == 0) sleep_ms(1); /* let the notifiers be: this is about correctness, not about load */
    }
    return NULL;
}

TEST(sixteen_threads_notify_under_churn_and_nothing_is_lost_or_used_after_its_end)
{
    pthread_t notifiers[NOTIFIERS];
    pthread_t writers[2];
    uint64_t expected = notifies_each();
    registry = open_plain();
    replace_on_panic();
    for (uintptr_t i = 0; i < PERMANENT; i++) (void)add(registry, count_mine, (void *)i);
    atomic_store(&running_notifiers, NOTIFIERS);
    for (int i = 0; i < NOTIFIERS; i++) REQUIRE(pthread_create(&notifiers[i], NULL, notifier, &stripes[i]) == 0);
    for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&writers[i], NULL, writer, (void *)(uintptr_t)(i * 31)) == 0);
    for (int i = 0; i < NOTIFIERS; i++) (void)pthread_join(notifiers[i], NULL);
    for (int i = 0; i < 2; i++) (void)pthread_join(writers[i], NULL);

    uint64_t failed = 0;
    for (int i = 0; i < NOTIFIERS; i++) {
        for (int h = 0; h < PERMANENT; h++) CHECK_EQ(stripes[i].ran[h], expected);
        CHECK(stripes[i].fired >= PERMANENT * expected);
        failed += stripes[i].failed;
    }
    CHECK(atomic_load(&panics) >= failed); /* the children's failures are reported too, and not in these sums */
    CHECK_EQ(look_at(registry).unreported, 0);
    shut(&registry);
    CHECK_EQ(atomic_load(&guests_made), atomic_load(&guests_ended));
    CHECK(atomic_load(&guests_made) > 100);
}
