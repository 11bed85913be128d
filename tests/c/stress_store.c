/* Threads that append at every level, read, wait, sync and close at the same time. */
#include "stress.h"

#include "stores.h"

#define WRITERS 4
#define READERS 2

static _Atomic(uint64_t) appended;
static _Atomic(bool) over;

/* Each writer has a stream of its own and one that all share; versions of its own must be dense. */
static void *write_events(void *argument)
{
    uint64_t number = (uint64_t)(uintptr_t)argument;
    dice mine = dice_of(number);
    char stream[32];
    uint64_t version = 0;
    (void)snprintf(stream, sizeof stream, "writer/%u", (unsigned)number);
    while (!atomic_load(&over) && !test_has_failed()) {
        char data[400];
        uint32_t length = roll(&mine, sizeof data);
        memset(data, 'x', length);
        tally_draft drafts[5];
        tally_receipt receipts[5];
        uint32_t count = 1 + roll(&mine, 5);
        bool own = roll(&mine, 4) != 0;
        for (uint32_t i = 0; i < count; i++) {
            drafts[i] = draft(own ? stream : "shared", "");
            drafts[i].data = data;
            drafts[i].length = length;
        }
        tally_append_options options = at_level(1 + roll(&mine, 3));
        tally_status status = tally_store_append_many(store, drafts, count, &options, receipts, NULL);
        if (status == TALLY_E_CLOSED || status == TALLY_E_NULL) break;
        CHECK_STATUS(status, TALLY_OK);
        for (uint32_t i = 0; i < count && own; i++) CHECK_EQ(receipts[i].version, version++);
        for (uint32_t i = 1; i < count; i++) CHECK_EQ(receipts[i].position, receipts[0].position + i);
        atomic_fetch_add(&appended, count);
    }
    return NULL;
}

static void *read_events(void *argument)
{
    dice mine = dice_of(1000 + (uint64_t)(uintptr_t)argument);
    tally_watermarks before = {0, 0, 0};
    while (!atomic_load(&over) && !test_has_failed()) {
        tally_watermarks marks;
        tally_status status = tally_store_watermarks(store, &marks, NULL);
        if (status != TALLY_OK) break;
        CHECK(marks.durable <= marks.written && marks.written <= marks.buffered);
        CHECK(marks.durable >= before.durable && marks.written >= before.written && marks.buffered >= before.buffered);
        before = marks;
        if (marks.buffered == 0) continue;
        tally_event event;
        uint64_t position = roll(&mine, (uint32_t)marks.buffered);
        if (roll(&mine, 2) == 0) position = marks.buffered - 1;
        status = get_event(position, &event);
        if (status == TALLY_E_CLOSED) break;
        CHECK_STATUS(status, TALLY_OK);
        if (status == TALLY_OK) CHECK_EQ(event.position, position);
        /* What is visible ends where a batch ends. */
        if (status == TALLY_OK && position == marks.buffered - 1) CHECK_EQ(event.batch_index + 1, event.batch_count);
        if (roll(&mine, 50) == 0) (void)tally_store_wait(store, TALLY_DURABLE, marks.buffered, 5, NULL);
        if (roll(&mine, 100) == 0) (void)tally_store_sync(store, NULL);
    }
    return NULL;
}

static void run(bool close_in_between)
{
    pthread_t threads[WRITERS + READERS];
    atomic_store(&over, false);
    atomic_store(&appended, 0);
    for (uintptr_t i = 0; i < WRITERS; i++) (void)pthread_create(&threads[i], NULL, write_events, (void *)i);
    for (uintptr_t i = 0; i < READERS; i++) (void)pthread_create(&threads[WRITERS + i], NULL, read_events, (void *)i);
    uint64_t wanted = stress_load(100000);
    if (close_in_between) wanted /= 10;
    stress_begin();
    while (atomic_load(&appended) < wanted && !stress_is_over() && !test_has_failed()) {
        tally_platform_default()->sleep_ns(NULL, 1000000);
    }
    tally_store *same = store;
    if (close_in_between) CHECK_STATUS(tally_store_close(&same), TALLY_OK);
    atomic_store(&over, true);
    for (size_t i = 0; i < WRITERS + READERS; i++) (void)pthread_join(threads[i], NULL);
}

static void check_all_there(void)
{
    uint64_t end = marks_now().buffered;
    CHECK_EQ(end, atomic_load(&appended));
    for (uint64_t position = 0; position < end && !test_has_failed(); position++) {
        tally_event event;
        CHECK_STATUS(get_event(position, &event), TALLY_OK);
    }
}

TEST(appenders_readers_and_waiters_do_not_disturb_each_other)
{
    begin_threaded();
    run(false);
    check_all_there();
    tally_store_options options = store_options();
    reopen_with(&options);
    check_all_there();
    end();
}

TEST(a_store_is_closed_while_threads_append_and_read)
{
    begin_threaded();
    run(true);
    store = NULL;
    tally_store_options options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK);
    tally_store_info info;
    CHECK_STATUS(tally_store_info_get(store, &info, NULL), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 0);
    end();
}
