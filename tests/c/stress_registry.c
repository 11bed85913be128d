/* Sixteen threads notify, two change the list without pause, one drains a ring. Afterwards all sums are exact: no
 * call was lost, none was made twice, nobody was called after the end of his user_data, each failure was
 * reported once. The memory of what was freed is written over (scribble.h), so a use of it shows. */
#include "stress.h"

#include "scribble.h"

#define NOTIFIERS 16
#define WRITERS 2
#define GUESTS_MAX 48
#define GUEST_ALIVE UINT64_C(0xa11ca11ca11ca11c)

static tally_platform *platform;
static tally_registry *registry;
static tally_registry *child;
static tally_counter *counter;
static tally_ring *ring;
static _Atomic(bool) over;

static _Atomic(uint64_t) notifies;        /* that were made */
static _Atomic(uint64_t) fixed_calls[4];  /* of handlers that stay */
static _Atomic(uint64_t) child_notifies;  /* of them, through the child */
static _Atomic(uint64_t) child_calls;     /* of the child's own handler */
static _Atomic(uint64_t) failed_calls;    /* what the failing handler answered */
static _Atomic(uint64_t) failed_notified; /* what notify returned */
static _Atomic(uint64_t) reported;        /* what any on_panic was told */
static _Atomic(uint64_t) panics_made;
static _Atomic(uint64_t) panics_ended;

/* A handler that comes and goes. Its memory is the platform's: after the destructor it is 0xDD. */
typedef struct guest {
    uint64_t alive;
    _Atomic(uint32_t) inside;
    _Atomic(uint64_t) calls;
    bool once;
} guest;

static _Atomic(uint64_t) guests_made;
static _Atomic(uint64_t) guests_ended;
static _Atomic(uint64_t) once_made;
static _Atomic(uint64_t) once_called;
static _Atomic(uint64_t) once_dropped;
static _Atomic(uint32_t) wrongs; /* counted, not checked: checks print from every thread */

static void expect(bool condition)
{
    if (!condition) atomic_fetch_add(&wrongs, 1);
}

static int32_t visit(void *user_data, const tally_notice *notice)
{
    guest *self = user_data;
    (void)notice;
    expect(self->alive == GUEST_ALIVE);
    atomic_fetch_add(&self->inside, 1);
    uint64_t calls = atomic_fetch_add(&self->calls, 1);
    if (self->once) {
        expect(calls == 0);
        atomic_fetch_add(&once_called, 1);
    }
    expect(self->alive == GUEST_ALIVE);
    atomic_fetch_sub(&self->inside, 1);
    return TALLY_HANDLER_DONE;
}

static void end_guest(void *user_data)
{
    guest *self = user_data;
    expect(self->alive == GUEST_ALIVE);
    expect(atomic_load(&self->inside) == 0);
    expect(tally_registry_depth() == 0);
    atomic_fetch_add(&guests_ended, 1);
    platform->release(platform->context, self);
}

static guest *make_guest(bool once)
{
    guest *made = platform->allocate(platform->context, sizeof *made);
    if (made == NULL) abort();
    made->alive = GUEST_ALIVE;
    made->once = once;
    atomic_init(&made->inside, 0);
    atomic_init(&made->calls, 0);
    atomic_fetch_add(&guests_made, 1);
    if (once) atomic_fetch_add(&once_made, 1);
    return made;
}

static int32_t fail_sometimes(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    static _Atomic(uint64_t) calls;
    if (atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % 256 != 0) return TALLY_HANDLER_DONE;
    atomic_fetch_add(&failed_calls, 1);
    return tally_handler_fail(-5, notice->data, notice->length, user_data);
}

static int32_t take_report(void *user_data, const tally_failure *failure)
{
    const guest *self = user_data;
    expect(self->alive == GUEST_ALIVE);
    expect(failure->code == -5 && strcmp(failure->message, "event") == 0 && failure->payload == (void *)&failed_calls);
    atomic_fetch_add(&reported, 1);
    return 0;
}

static void end_panic(void *user_data)
{
    atomic_fetch_add(&panics_ended, 1);
    atomic_fetch_sub(&guests_ended, 1); /* a panic's user_data is a guest, but counted apart */
    end_guest(user_data);
}

static void change_panic(void)
{
    guest *made = make_guest(false);
    atomic_fetch_sub(&guests_made, 1);
    atomic_fetch_add(&panics_made, 1);
    expect(tally_registry_on_panic(registry, take_report, made, end_panic, NULL) == TALLY_OK);
}

/* ------------------------------------------------------------------------------------------ threads */

static uint64_t notifies_each;

static void notify_much(void *number)
{
    dice mine = dice_of(100 + *(uint32_t *)number);
    tally_notice notice = {.data = "event", .length = 5};
    uint64_t made = 0;
    uint64_t by_child = 0;
    uint64_t failures = 0;
    for (; made < notifies_each; made++) {
        if (made % 1024 == 0 && stress_is_over()) break;
        bool through_child = roll(&mine, 4) == 0;
        tally_notified result;
        tally_status status = tally_registry_notify(through_child ? child : registry, &notice, &result, NULL);
        expect(status == TALLY_OK);
        expect(result.fired >= 7u + through_child);
        failures += result.failed;
        by_child += through_child;
    }
    atomic_fetch_add(&notifies, made);
    atomic_fetch_add(&child_notifies, by_child);
    atomic_fetch_add(&failed_notified, failures);
}

/* What a writer has registered and not removed yet. */
typedef struct visit_book {
    tally_handler_id ids[GUESTS_MAX];
    guest *guests[GUESTS_MAX]; /* NULL: it has a destructor, and is not ours any more */
    bool once[GUESTS_MAX];
    uint32_t count;
} visit_book;

static void check_in(visit_book *book, dice *mine)
{
    if (book->count == GUESTS_MAX) return;
    bool once = roll(mine, 4) == 0;
    bool owned = once || roll(mine, 2) == 0;
    guest *made = make_guest(once);
    tally_handler_options options = {.size = sizeof options,
                                     .priority = (int32_t)roll(mine, 3) - 1,
                                     .flags = once ? TALLY_HANDLER_ONCE : 0,
                                     .destructor = owned ? end_guest : NULL};
    uint32_t at = book->count++;
    book->guests[at] = owned ? NULL : made;
    book->once[at] = once;
    expect(tally_registry_register(registry, visit, made, &options, &book->ids[at], NULL) == TALLY_OK);
}

/* Without a destructor the guest's memory is freed here, right after the wait. */
static void check_out(visit_book *book, dice *mine)
{
    if (book->count == 0) return;
    uint32_t at = roll(mine, book->count);
    int32_t removed = 0;
    guest *alone = book->guests[at];
    tally_status status;
    if (alone != NULL || roll(mine, 8) == 0) {
        status = tally_registry_unregister_wait(registry, book->ids[at], TALLY_WAIT_FOREVER, &removed, NULL);
    } else {
        status = tally_registry_unregister(registry, book->ids[at], &removed, NULL);
    }
    expect(status == TALLY_OK);
    expect(removed == 1 || book->once[at]);
    if (book->once[at] && removed) atomic_fetch_add(&once_dropped, 1);
    if (alone != NULL) end_guest(alone);
    book->count--;
    book->ids[at] = book->ids[book->count];
    book->guests[at] = book->guests[book->count];
    book->once[at] = book->once[book->count];
}

static void check_in_a_group(visit_book *book)
{
    static const tally_handler_options owned = {.size = sizeof owned, .destructor = end_guest};
    if (book->count + 4 > GUESTS_MAX) return;
    tally_edit edits[4];
    memset(edits, 0, sizeof edits);
    for (int i = 0; i < 4; i++) {
        edits[i].operation = TALLY_EDIT_REGISTER;
        edits[i].handler = visit;
        edits[i].user_data = make_guest(false);
        edits[i].options = &owned;
    }
    expect(tally_registry_edit(registry, edits, 4, NULL) == TALLY_OK);
    for (int i = 0; i < 4; i++) {
        book->ids[book->count] = edits[i].id;
        book->guests[book->count] = NULL;
        book->once[book->count++] = false;
    }
}

static void write_much(void *number)
{
    dice mine = dice_of(*(uint32_t *)number);
    visit_book book = {.count = 0};
    for (uint64_t step = 0; !atomic_load(&over); step++) {
        switch (roll(&mine, 12)) {
        case 0:
        case 1:
        case 2:
        case 3: check_in(&book, &mine); break;
        case 4:
        case 5:
        case 6:
        case 7: check_out(&book, &mine); break;
        case 8: check_in_a_group(&book); break;
        case 9:
            if (step % 4 == 0) change_panic();
            break;
        case 10: {
            uint64_t count = 0;
            expect(tally_registry_count(registry, &count, NULL) == TALLY_OK && count >= 7);
            break;
        }
        default: (void)tally_registry_reclaim(registry, NULL, NULL);
        }
        if (step % 64 == 0) sleep_ms(0);
    }
    while (book.count > 0) check_out(&book, &mine);
}

static _Atomic(uint64_t) drained;

static void drain_much(void *unused)
{
    (void)unused;
    tally_ring_event events[64];
    char data[64 * 8];
    for (bool last = false; !last;) {
        last = atomic_load(&over);
        size_t count = 0;
        do {
            expect(tally_ring_drain(ring, events, 64, data, sizeof data, &count, NULL) == TALLY_OK);
            for (size_t i = 0; i < count; i++) {
                expect(events[i].sequence == atomic_load(&drained) + i);
                expect(events[i].length == 5 && memcmp(data + events[i].offset, "event", 5) == 0);
            }
            atomic_fetch_add(&drained, count);
        } while (count != 0);
        sleep_ms(0);
    }
}

/* --------------------------------------------------------------------------------------------- whole */

static void open_all(void)
{
    platform = scribble_open();
    tally_registry_options options = {.size = sizeof options, .platform = platform};
    tally_ring_options slots = {.size = sizeof slots, .slots = 4096, .slot_bytes = 8, .platform = platform};
    registry = open_with(&options);
    child = open_child(registry);
    CHECK_STATUS(tally_counter_open(platform, &counter, NULL), TALLY_OK);
    CHECK_STATUS(tally_ring_open(&slots, &ring, NULL), TALLY_OK);
    for (int32_t i = 0; i < 4; i++) (void)add_at(registry, i, count_up, (void *)&fixed_calls[i]);
    (void)add(registry, tally_counter_handler, counter);
    (void)add(registry, tally_ring_handler, ring);
    (void)add(registry, fail_sometimes, (void *)&failed_calls);
    (void)add(child, count_up, (void *)&child_calls);
    change_panic();
}

static void check_sums(void)
{
    uint64_t counted = 0;
    uint64_t bytes = 0;
    tally_ring_counts kept;
    CHECK_STATUS(tally_counter_read(counter, &counted, &bytes, NULL), TALLY_OK);
    CHECK_STATUS(tally_ring_count(ring, &kept, NULL), TALLY_OK);
    for (int i = 0; i < 4; i++) CHECK_EQ(fixed_calls[i], notifies);
    CHECK_EQ(child_calls, child_notifies);
    CHECK_EQ(counted, notifies);
    CHECK_EQ(bytes, 5 * notifies);
    CHECK_EQ(kept.pushed + kept.dropped_full, notifies);
    CHECK_EQ(kept.drained, kept.pushed);
    CHECK_EQ(drained, kept.drained);
    CHECK_EQ(failed_notified, failed_calls);
    CHECK_EQ(reported, failed_calls);
    CHECK_EQ(once_called + once_dropped, once_made);
    CHECK_EQ(count_of(registry), 7);
}

TEST(sixteen_notifiers_and_two_writers_agree_on_every_sum)
{
    open_all();
    notifies_each = stress_load(1000000);
    helper notifiers[NOTIFIERS];
    helper writers[WRITERS];
    helper drainer;
    uint32_t numbers[NOTIFIERS];
    stress_begin();
    for (uint32_t i = 0; i < NOTIFIERS; i++) {
        numbers[i] = i;
        start(&notifiers[i], notify_much, &numbers[i]);
    }
    for (uint32_t i = 0; i < WRITERS; i++) start(&writers[i], write_much, &numbers[i]);
    start(&drainer, drain_much, NULL);
    for (uint32_t i = 0; i < NOTIFIERS; i++) join(&notifiers[i]);
    atomic_store(&over, true);
    for (uint32_t i = 0; i < WRITERS; i++) join(&writers[i]);
    join(&drainer);
    CHECK_EQ(wrongs, 0);
    check_sums();
    printf("# %" PRIu64 " notifies, %" PRIu64 " guests, %" PRIu64 " failures\n", notifies, guests_made, reported);
    shut(&child);
    shut(&registry);
    CHECK_EQ(guests_ended, guests_made);
    CHECK_EQ(panics_ended, panics_made);
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
    CHECK_EQ(scribble_of(platform)->blocks, 0);
    CHECK(scribble_close(&platform));
}
