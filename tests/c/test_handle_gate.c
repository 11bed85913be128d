/* The gate and closing, with an object of the tests' own: every call passes, a close waits behind it. */
#include "handlers.h"

#include "handle/closing.h"
#include "handle/process.h"

typedef struct thing {
    tally_slot *slot;
    _Atomic(uint32_t) withdrawn;
    _Atomic(uint32_t) freed;
    void (*in_release)(struct thing *self);
} thing;

static void withdraw(tally_slot *slot) { atomic_fetch_add(&((thing *)slot->body)->withdrawn, 1); }

static void release_thing(void *body)
{
    thing *self = body;
    atomic_fetch_add(&self->freed, 1);
    if (self->in_release != NULL) self->in_release(self);
}

static enum tally_finish finish(tally_slot *slot) { return tally_close_when_quiet(slot, release_thing); }

static const tally_close_steps steps = {withdraw, finish, NULL};

static void *open_thing(thing *self, uint32_t flags)
{
    memset(self, 0, sizeof *self);
    CHECK_STATUS(tally_process_start(NULL), TALLY_OK);
    CHECK_STATUS(tally_gate_new(&self->slot, TALLY_HANDLE_TEST, self, flags, &steps, NULL), TALLY_OK);
    tally_gate_open(self->slot);
    return self->slot;
}

static tally_status use(const void *handle, tally_error *error)
{
    tally_call call;
    tally_status status = tally_gate_enter(&call, handle, TALLY_HANDLE_TEST, error);
    if (status == TALLY_OK) tally_gate_leave(&call);
    return status;
}

static tally_status close_thing(void **handle) { return tally_close(handle, TALLY_HANDLE_TEST, true); }

TEST(calls_pass_an_open_gate_and_are_counted_inside)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    tally_call call;
    CHECK_STATUS(tally_gate_enter(&call, handle, TALLY_HANDLE_TEST, NULL), TALLY_OK);
    CHECK(call.slot->body == &mine);
    CHECK_EQ(mine.slot->calls, 1);
    CHECK_STATUS(use(handle, NULL), TALLY_OK); /* nested */
    tally_gate_leave(&call);
    CHECK_EQ(mine.slot->calls, 0);
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
    CHECK_EQ(mine.withdrawn, 1);
    CHECK_EQ(mine.freed, 1);
}

TEST(what_is_wrong_with_a_handle_is_told_apart)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    void *stale = handle;
    tally_error error;
    CHECK_STATUS(use(NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(use(&mine, &error), TALLY_E_HANDLE);
    CHECK_STATUS(tally_gate_check(handle, TALLY_HANDLE_RING, &error), TALLY_E_TYPE);
    CHECK_SAYS(error, "ring");
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
    CHECK_STATUS(use(stale, &error), TALLY_E_CLOSED);
    CHECK_STATUS(error.status, TALLY_E_CLOSED);
    CHECK_EQ(((tally_slot *)stale)->calls, 0);
}

static thing shared;
static void *shared_handle;
static _Atomic(bool) stay;
static _Atomic(bool) is_inside;

static void stay_inside(void *unused)
{
    (void)unused;
    tally_call call;
    if (tally_gate_enter(&call, shared_handle, TALLY_HANDLE_TEST, NULL) != TALLY_OK) return;
    atomic_store(&is_inside, true);
    while (atomic_load(&stay)) sleep_ms(1);
    tally_gate_leave(&call);
}

static void close_shared(void *unused)
{
    (void)unused;
    void *copy = shared_handle;
    CHECK_STATUS(close_thing(&copy), TALLY_OK);
    CHECK(copy == NULL);
}

static void enter_elsewhere(helper *one)
{
    shared_handle = open_thing(&shared, 0);
    atomic_store(&stay, true);
    atomic_store(&is_inside, false);
    start(one, stay_inside, NULL);
    while (!atomic_load(&is_inside)) sleep_ms(1);
}

TEST(a_close_waits_for_a_call_in_flight_and_later_calls_are_refused)
{
    helper one;
    helper closer;
    enter_elsewhere(&one);
    start(&closer, close_shared, NULL);
    CHECK(is_held(&closer));
    CHECK_STATUS(use(shared_handle, NULL), TALLY_E_CLOSED);
    CHECK_EQ(shared.freed, 0);
    atomic_store(&stay, false);
    join(&closer);
    CHECK_EQ(shared.freed, 1);
    join(&one);
}

TEST(every_one_of_racing_closes_returns_after_the_real_one)
{
    helper one;
    helper closers[8];
    enter_elsewhere(&one);
    for (int i = 0; i < 8; i++) start(&closers[i], close_shared, NULL);
    for (int i = 0; i < 8; i++) CHECK(is_held(&closers[i]));
    atomic_store(&stay, false);
    for (int i = 0; i < 8; i++) {
        join(&closers[i]);
        CHECK_EQ(shared.freed, 1);
    }
    CHECK_EQ(shared.withdrawn, 1);
    join(&one);
}

TEST(a_hold_keeps_the_body_and_ends_with_the_drop)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    tally_hold hold;
    CHECK(tally_gate_hold(&hold, handle, TALLY_HANDLE_TEST) == &mine);
    CHECK(!tally_gate_is_quiet(mine.slot));
    void *copy = handle;
    CHECK_STATUS(tally_close(&copy, TALLY_HANDLE_TEST, false), TALLY_OK); /* does not wait */
    CHECK_EQ(mine.freed, 0);
    tally_hold again;
    CHECK(tally_gate_hold(&again, handle, TALLY_HANDLE_TEST) == NULL);
    tally_gate_drop(&hold);
    tally_close_deferred();
    CHECK_EQ(mine.freed, 1);
    CHECK(tally_gate_hold(&again, handle, TALLY_HANDLE_TEST) == NULL);
    CHECK(tally_gate_hold(&again, &mine, TALLY_HANDLE_TEST) == NULL);
    CHECK(tally_gate_hold(&again, NULL, TALLY_HANDLE_TEST) == NULL);
}

TEST(holds_beyond_the_stack_of_hazards_are_pins)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    static tally_hold holds[TALLY_HAZARDS + 4];
    for (int i = 0; i < TALLY_HAZARDS + 4; i++) CHECK(tally_gate_hold(&holds[i], handle, TALLY_HANDLE_TEST) == &mine);
    CHECK_EQ(mine.slot->pins, 4);
    for (int i = TALLY_HAZARDS + 3; i >= 0; i--) {
        CHECK(!tally_gate_is_quiet(mine.slot));
        tally_gate_drop(&holds[i]);
    }
    CHECK_EQ(mine.slot->pins, 0);
    CHECK(tally_gate_is_quiet(mine.slot));
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
}

static void close_own(thing *self)
{
    void *copy = self->slot;
    CHECK_STATUS(close_thing(&copy), TALLY_OK);
}

TEST(a_release_inside_a_callback_may_close_again)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    mine.in_release = close_own;
    tally_callback callback;
    tally_callback_enter(&callback);
    void *copy = handle;
    CHECK_STATUS(close_thing(&copy), TALLY_OK);
    CHECK_EQ(mine.freed, 0); /* inside a callback nothing is waited for, and nothing freed */
    CHECK_EQ(mine.withdrawn, 1);
    tally_callback_leave(&callback);
    tally_callback_enter(&callback);
    tally_close_deferred();
    CHECK_EQ(mine.freed, 0);
    tally_callback_leave(&callback);
    mine.in_release = NULL;
    tally_close_deferred();
    CHECK_EQ(mine.freed, 1);
}

TEST(many_deferred_closes_are_finished_together)
{
    thing mine[20];
    void *handles[20];
    tally_callback callback;
    tally_callback_enter(&callback);
    for (int i = 0; i < 20; i++) {
        handles[i] = open_thing(&mine[i], 0);
        CHECK_STATUS(close_thing(&handles[i]), TALLY_OK);
    }
    tally_callback_leave(&callback);
    tally_hold hold;
    CHECK(tally_gate_hold(&hold, mine[7].slot, TALLY_HANDLE_TEST) == NULL);
    atomic_fetch_add(&mine[7].slot->pins, 1); /* somebody is still inside of one */
    tally_close_deferred();
    for (int i = 0; i < 20; i++) CHECK_EQ(mine[i].freed, i != 7);
    atomic_fetch_sub(&mine[7].slot->pins, 1);
    tally_close_deferred();
    CHECK_EQ(mine[7].freed, 1);
}

TEST(a_poisoned_object_says_so_and_is_closed_without_waiting)
{
    thing mine;
    void *handle = open_thing(&mine, 0);
    void *stale = handle;
    tally_error error;
    CHECK_STATUS(tally_gate_poison(mine.slot, "two and two are four", &error), TALLY_E_PANIC);
    CHECK_SAYS(error, "two and two are four");
    CHECK_STATUS(use(handle, &error), TALLY_E_PANIC);
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
    CHECK_EQ(mine.freed, 0); /* leaked */
    CHECK_EQ(mine.withdrawn, 0);
    CHECK_STATUS(use(stale, &error), TALLY_E_CLOSED);
}

static uint32_t generation;

static void check_forked(void *handle)
{
    tally_error error;
    CHECK_STATUS(use(handle, &error), TALLY_E_FORKED);
    CHECK_SAYS(error, "open it again in the child");
    thing fresh;
    void *opened = open_thing(&fresh, TALLY_SLOT_OWNS_FILES);
    CHECK_STATUS(use(opened, NULL), TALLY_OK);
    if (generation++ == 0) in_child(check_forked, opened); /* a grandchild too */
    CHECK_STATUS(close_thing(&opened), TALLY_OK);
    CHECK_EQ(fresh.freed, 1);
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
}

TEST(what_owns_files_is_dead_in_a_forked_child_and_alive_in_the_parent)
{
    thing mine;
    void *handle = open_thing(&mine, TALLY_SLOT_OWNS_FILES);
    generation = 0;
    in_child(check_forked, handle);
    CHECK_STATUS(use(handle, NULL), TALLY_OK);
    CHECK_STATUS(close_thing(&handle), TALLY_OK);
    CHECK_EQ(mine.freed, 1);
}
