/* Handlers of a store are told of each event once, in the order of positions. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

typedef struct heard {
    _Atomic(uint64_t) count;
    uint64_t next;
    bool disorder;
    char last_data[64];
    uint32_t kind;
    uint64_t durable_missing; /* events that were told before they were durable */
    void (*inside)(uint64_t position);
} heard;

static int32_t hear(void *user_data, const tally_notice *notice)
{
    heard *ear = user_data;
    const tally_event *event = notice->data;
    CHECK_EQ(notice->length, sizeof *event);
    ear->disorder = ear->disorder || event->position < ear->next;
    ear->next = event->position + 1;
    ear->kind = notice->kind;
    size_t length = event->length < 63 ? event->length : 63;
    memcpy(ear->last_data, event->data, length);
    ear->last_data[length] = '\0';
    if (marks_now().durable <= event->position) ear->durable_missing++;
    atomic_fetch_add(&ear->count, 1);
    if (ear->inside != NULL) ear->inside(event->position);
    return TALLY_HANDLER_DONE;
}

static tally_handler_id on(const char *type, heard *ear)
{
    tally_handler_id id = {0, 0};
    CHECK_STATUS(tally_store_on(store, text(type), hear, ear, NULL, &id, NULL), TALLY_OK);
    return id;
}

static void append_typed(const char *type, uint32_t level)
{
    tally_draft one = draft("a", type);
    tally_append_options options = at_level(level);
    one.type = text(type);
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
}

TEST(a_handler_is_told_before_append_returns)
{
    begin();
    heard ear = {.next = 0};
    append_one("a", "before", TALLY_DURABLE);
    tally_handler_id id = on("", &ear);
    for (uint32_t level = TALLY_BUFFERED; level <= TALLY_DURABLE; level++) {
        append_one("a", "told", level);
        CHECK_EQ(atomic_load(&ear.count), level);
        CHECK_TEXT(ear.last_data, "told");
    }
    tally_registry *registry;
    int32_t removed;
    CHECK_STATUS(tally_store_registry(store, &registry, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_unregister(registry, id, &removed, NULL), TALLY_OK);
    append_one("a", "not told", TALLY_DURABLE);
    CHECK_EQ(atomic_load(&ear.count), 3);
    on("", &ear);
    append_one("a", "again", TALLY_DURABLE);
    CHECK_EQ(atomic_load(&ear.count), 4);
    CHECK_EQ(figures_now().notified_events, 4);
    end();
}

TEST(handlers_choose_types_and_patterns)
{
    begin();
    heard all = {.next = 0};
    heard paid = {.next = 0};
    heard orders = {.next = 0};
    on("", &all);
    on("order.paid", &paid);
    on("order.*", &orders);
    append_typed("order.paid", TALLY_BUFFERED);
    append_typed("order.made", TALLY_BUFFERED);
    append_typed("other", TALLY_BUFFERED);
    append_typed("strange*type", TALLY_BUFFERED);
    CHECK_EQ(atomic_load(&all.count), 4);
    CHECK_EQ(atomic_load(&paid.count), 1);
    CHECK_EQ(atomic_load(&orders.count), 2);
    CHECK_EQ(all.kind, TALLY_KIND_NONE);
    uint32_t kind;
    CHECK_STATUS(tally_kind_intern("order.paid", 10, &kind, NULL), TALLY_OK);
    CHECK_EQ(paid.kind, kind);
    tally_handler_id id;
    CHECK_STATUS(tally_store_on(store, text("a*b"), hear, &all, NULL, &id, NULL), TALLY_E_NAME);
    CHECK_STATUS(tally_store_on(store, text("a"), NULL, &all, NULL, &id, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_store_on(store, text("a"), hear, &all, NULL, NULL, NULL), TALLY_E_NULL);
    tally_handler_options options = {.size = sizeof options, .kinds = &kind, .kind_count = 1};
    CHECK_STATUS(tally_store_on(store, text("a"), hear, &all, &options, &id, NULL), TALLY_E_OPTION);
    end();
}

static uint64_t appended_inside;

static void append_inside(uint64_t position)
{
    tally_draft one = draft("inside", "x");
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_E_WOULD_BLOCK);
    CHECK_STATUS(tally_store_wait(store, TALLY_DURABLE, 0, 0, NULL), TALLY_E_WOULD_BLOCK);
    if (position < 5) {
        append_one("inside", "x", TALLY_WRITTEN);
        appended_inside++;
    }
}

TEST(a_handler_may_append_and_hears_of_it_afterwards)
{
    begin();
    heard ear = {.inside = append_inside};
    appended_inside = 0;
    on("", &ear);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_EQ(appended_inside, 5);
    CHECK_EQ(atomic_load(&ear.count), 6);
    CHECK(!ear.disorder);
    end();
}

static void close_inside(uint64_t position)
{
    (void)position;
    tally_store *same = store;
    CHECK_STATUS(tally_store_close(&same), TALLY_OK);
}

TEST(a_handler_may_close_the_store)
{
    begin();
    heard ear = {.inside = close_inside};
    on("", &ear);
    append_one("a", "x", TALLY_BUFFERED);
    CHECK_EQ(atomic_load(&ear.count), 1);
    tally_draft one = draft("a", "");
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, NULL), TALLY_E_CLOSED);
    store = NULL;
    tally_store_options options = store_options();
    CHECK_STATUS(open_store(&options), TALLY_OK); /* the lock is free: the close has come to its end */
    CHECK_EQ(marks_now().durable, 1);
    end();
}

static int32_t fail(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return -1;
}

TEST(a_handler_that_fails_hurts_nobody)
{
    begin();
    heard ear = {.next = 0};
    tally_handler_id id;
    CHECK_STATUS(tally_store_on(store, text(""), fail, NULL, NULL, &id, NULL), TALLY_OK);
    on("", &ear);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_EQ(atomic_load(&ear.count), 1);
    end();
}

static void *append_some(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < 300; i++) append_one("a", "x", 1 + (i + seed) % 3);
    return NULL;
}

TEST(with_many_appenders_each_event_is_told_once_in_order)
{
    begin_threaded();
    heard ear = {.next = 0};
    pthread_t threads[4];
    on("", &ear);
    for (uintptr_t i = 0; i < 4; i++) (void)pthread_create(&threads[i], NULL, append_some, (void *)i);
    for (int i = 0; i < 4; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&ear.count), 1200);
    CHECK(!ear.disorder);
    CHECK_EQ(ear.next, 1200);
    end();
}

static void *append_durably(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < 200; i++) append_one("a", "x", TALLY_DURABLE);
    return NULL;
}

TEST(an_event_is_told_after_its_own_level_was_reached)
{
    begin_threaded();
    heard ear = {.next = 0};
    pthread_t threads[4];
    on("", &ear);
    for (int i = 0; i < 4; i++) (void)pthread_create(&threads[i], NULL, append_durably, NULL);
    for (int i = 0; i < 4; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQ(ear.durable_missing, 0);
    CHECK_EQ(atomic_load(&ear.count), 800);
    end();
}

TEST(a_reading_store_tells_its_handlers_when_it_is_asked_to_look)
{
    begin();
    append_one("a", "old", TALLY_DURABLE);
    tally_store *writer = store;
    tally_store_options options = store_options();
    options.platform = wrapped;
    options.mode = TALLY_STORE_READ_ONLY;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    tally_store *reader = store;
    heard ear = {.next = 0};
    on("", &ear);
    store = writer;
    append_one("a", "new", TALLY_WRITTEN);
    store = reader;
    CHECK_STATUS(tally_store_wait(reader, TALLY_WRITTEN, 1, 1000, NULL), TALLY_OK);
    CHECK_EQ(atomic_load(&ear.count), 1);
    CHECK_TEXT(ear.last_data, "new");
    CHECK_STATUS(tally_store_tick(reader, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&reader), TALLY_OK);
    store = writer;
    end();
}
