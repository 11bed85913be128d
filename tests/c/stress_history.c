/* Many threads append to one store, and read it, while everything is noted: what was asked and answered, and when.
 * With TALLY_HISTORY=<file> the history is written there, as JSON lines that tests/capi/history.py judges; without it
 * only what one thread can judge by itself is. */
#include "stress.h"

#include <tallystick/append.h>
#include <tallystick/reader.h>

#include "wrap/wrap.h"

#define WRITERS 4u
#define READERS 4u /* the last one as another process: read-only, on the same files */
#define CALLS 260u
#define BATCH 5u
#define SEEN_MAX 64u

enum what { APPENDED, CONFLICTED, READ, LOOKED };

typedef struct seen {
    uint64_t position, number;
    uint32_t index, count;
} seen;

/* One call. Of an append, `seen` has position, number and in `index` the version. */
typedef struct call {
    enum what what;
    uint64_t begin, end;
    uint32_t level, stream, count;
    uint64_t expected, next; /* UINT64_MAX: nothing */
    uint64_t from, view;
    bool durable;
    bool other;
    tally_watermarks marks;
    seen seen[SEEN_MAX];
} call;

typedef struct worker {
    tally_store *store;
    dice dice;
    call *calls;
    uint64_t told;
    uint32_t number;
    uint32_t count;
} worker;

static tally_store *store;
static tally_store *other; /* read-only */
static _Atomic(uint64_t) moment;
static _Atomic(bool) over;
static worker workers[WRITERS + READERS];

static void pause_for(uint64_t nanoseconds)
{
    const tally_platform *system = tally_platform_default();
    system->sleep_ns(system->context, nanoseconds);
}

/* A disk takes its time: so calls overlap. */
static void be_slow(void *user_data, wrap_call which)
{
    (void)user_data;
    pause_for(which == WRAP_SYNC_DATA ? 100000 : 20000);
}

/* Moments are numbered, so that no clock is too coarse. */
static uint64_t now(void) { return atomic_fetch_add(&moment, 1); }

static call *begin(worker *self, enum what what)
{
    call *made = &self->calls[self->count++];
    *made = (call){.what = what, .expected = UINT64_MAX};
    return made;
}

/* ------------------------------------------------------------------------------------------- writers */

static void append_some(worker *self)
{
    uint64_t numbers[BATCH];
    tally_draft drafts[BATCH];
    tally_receipt receipts[BATCH];
    tally_error error;
    char stream[16];
    call *made = begin(self, APPENDED);
    made->stream = roll(&self->dice, 3);
    made->level = 1 + roll(&self->dice, 3);
    made->count = roll(&self->dice, 3) == 0 ? 1 + roll(&self->dice, BATCH) : 1;
    int length = snprintf(stream, sizeof stream, "s/%" PRIu32, made->stream);
    memset(drafts, 0, sizeof drafts);
    for (uint32_t i = 0; i < made->count; i++) {
        numbers[i] = (uint64_t)self->number << 32 | ++self->told;
        drafts[i].size = sizeof drafts[i];
        drafts[i].stream = (tally_text){stream, (size_t)length};
        drafts[i].type = (tally_text){"t.made", 6};
        drafts[i].data = &numbers[i];
        drafts[i].length = sizeof numbers[i];
    }
    tally_expectation expectation = {.expect = TALLY_EXPECT_VERSION};
    tally_append_options options = {.size = sizeof options, .durability = made->level};
    if (roll(&self->dice, 4) == 0) {
        tally_stream_head head;
        CHECK_STATUS(tally_store_stream_head(store, drafts[0].stream, &head, &error), TALLY_OK);
        if (head.next_version > 0) {
            made->expected = expectation.version = head.next_version - 1;
            options.expectations = &expectation;
            options.expectation_count = 1;
            pause_for(roll(&self->dice, 100000));
        }
    }
    made->begin = now();
    tally_status status = tally_store_append_many(store, drafts, made->count, &options, receipts, &error);
    made->end = now();
    if (status == TALLY_E_CONFLICT && made->expected != UINT64_MAX) {
        made->what = CONFLICTED;
        made->next = error.position;
        return;
    }
    REQUIRE_STATUS(status, TALLY_OK);
    for (uint32_t i = 0; i < made->count; i++) {
        made->seen[i] = (seen){receipts[i].position, numbers[i], (uint32_t)receipts[i].version, 0};
    }
}

static void write_on(void *user_data)
{
    worker *self = user_data;
    uint64_t calls = stress_load(CALLS);
    for (uint64_t i = 0; i < calls && !test_has_failed() && !stress_is_over(); i++) append_some(self);
}

/* ------------------------------------------------------------------------------------------- readers */

/* The newest events, and the end of the view. */
static void read_some(worker *self)
{
    static _Thread_local tally_event events[SEEN_MAX];
    tally_watermarks marks;
    tally_error error;
    size_t count = 0;
    size_t more = 1;
    CHECK_STATUS(tally_store_watermarks(self->store, &marks, &error), TALLY_OK);
    call *made = begin(self, READ);
    made->other = self->store == other;
    made->durable = !made->other && roll(&self->dice, 4) == 0;
    uint64_t newest = made->durable ? marks.durable : marks.buffered;
    made->from = newest > 20 ? newest - roll(&self->dice, 20) : roll(&self->dice, (uint32_t)newest + 1);
    tally_reader *reader = NULL;
    tally_reader_place place;
    tally_query query = {.size = sizeof query, .from_position = made->from};
    if (made->durable) query.flags = TALLY_QUERY_DURABLE_ONLY;
    made->begin = now();
    REQUIRE_STATUS(tally_reader_open(self->store, &query, &reader, &error), TALLY_OK);
    made->end = now(); /* what comes later is not in the view */
    CHECK_STATUS(tally_reader_place_get(reader, &place, &error), TALLY_OK);
    made->view = place.end_position;
    if (made->view > made->from + SEEN_MAX) { /* too many came in between: what follows is not noted */
        self->count--;
        CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
        return;
    }
    while (more > 0 && !test_has_failed()) { /* a page may be short */
        CHECK_STATUS(tally_reader_next(reader, events, SEEN_MAX, &more, &error), TALLY_OK);
        for (size_t i = 0; i < more && count < SEEN_MAX; i++) {
            seen *now_seen = &made->seen[count++];
            *now_seen = (seen){events[i].position, 0, events[i].batch_index, events[i].batch_count};
            CHECK_EQ(events[i].length, sizeof now_seen->number);
            memcpy(&now_seen->number, events[i].data, sizeof now_seen->number);
        }
    }
    made->count = (uint32_t)count;
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
}

static void look(worker *self)
{
    tally_error error;
    call *made = begin(self, LOOKED);
    made->begin = now();
    CHECK_STATUS(tally_store_watermarks(store, &made->marks, &error), TALLY_OK);
    made->end = now();
}

static void read_on(void *user_data)
{
    worker *self = user_data;
    uint64_t calls = 4 * stress_load(CALLS);
    for (uint64_t i = 0; i < calls && !atomic_load(&over) && !test_has_failed(); i++) {
        if (self->store == other) pause_for(500000);
        if (self->store == store && roll(&self->dice, 3) == 0) look(self);
        else read_some(self);
    }
}

/* ------------------------------------------------------------------------------------------- telling */

static void print_number(FILE *file, const char *name, uint64_t number)
{
    if (number == UINT64_MAX) (void)fprintf(file, "\"%s\": null, ", name);
    else (void)fprintf(file, "\"%s\": %" PRIu64 ", ", name, number);
}

static void print_call(FILE *file, const call *made)
{
    (void)fprintf(file, "{\"begin\": %" PRIu64 ", \"end\": %" PRIu64 ", ", made->begin, made->end);
    if (made->what == LOOKED) {
        (void)fprintf(
            file, "\"do\": \"marks\", \"buffered\": %" PRIu64 ", \"written\": %" PRIu64 ", \"durable\": %" PRIu64 "}\n",
            made->marks.buffered, made->marks.written, made->marks.durable);
        return;
    }
    if (made->what == READ) {
        (void)fprintf(file, "\"other\": %s, ", made->other ? "true" : "false");
        (void)fprintf(file, "\"do\": \"read\", \"from\": %" PRIu64 ", \"view\": %" PRIu64 ", \"durable\": %s, ",
                      made->from, made->view, made->durable ? "true" : "false");
    } else {
        (void)fprintf(file, "\"do\": \"append\", \"level\": %" PRIu32 ", \"stream\": \"s/%" PRIu32 "\", \"ok\": %s, ",
                      made->level, made->stream, made->what == APPENDED ? "true" : "false");
        print_number(file, "expected", made->expected);
        if (made->what == CONFLICTED) print_number(file, "next", made->next);
    }
    (void)fprintf(file, "\"events\": [");
    uint32_t count = made->what == CONFLICTED ? 0 : made->count;
    for (uint32_t i = 0; i < count; i++) {
        const seen *event = &made->seen[i];
        const char *comma = i == 0 ? "" : ", ";
        if (made->what == READ) {
            (void)fprintf(file, "%s[%" PRIu64 ", %" PRIu64 ", %" PRIu32 ", %" PRIu32 "]", comma, event->position,
                          event->number, event->index, event->count);
        } else {
            (void)fprintf(file, "%s[%" PRIu64 ", %" PRIu32 ", %" PRIu64 "]", comma, event->position, event->index,
                          event->number);
        }
    }
    (void)fprintf(file, "]}\n");
}

static void print_history(void)
{
    const char *path = getenv("TALLY_HISTORY");
    if (path == NULL) return;
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    for (uint32_t w = 0; w < WRITERS + READERS; w++) {
        for (uint32_t i = 0; i < workers[w].count; i++) print_call(file, &workers[w].calls[i]);
    }
    CHECK_EQ(fclose(file), 0);
}

static uint64_t acknowledged(void)
{
    uint64_t events = 0;
    for (uint32_t w = 0; w < WRITERS; w++) {
        for (uint32_t i = 0; i < workers[w].count; i++) {
            if (workers[w].calls[i].what == APPENDED) events += workers[w].calls[i].count;
        }
    }
    return events;
}

TEST(many_threads_append_and_read_and_what_they_did_is_told)
{
    const tally_platform *system = tally_platform_default();
    tally_thread_id threads[WRITERS + READERS];
    tally_platform *world = NULL;
    tally_platform *slow = NULL;
    tally_watermarks marks;
    tally_error error;
    int32_t os_error;
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, &error), TALLY_OK);
    slow = wrap_open(world);
    wrap_watch(slow, WRAP_WRITES | WRAP_BIT(WRAP_SYNC_DATA), be_slow, NULL);
    tally_store_options options = {.size = sizeof options, .segment_bytes = TALLY_SEGMENT_BYTES_MIN, .platform = slow};
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &store, &error), TALLY_OK);
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(tally_store_open("/s", 2, &options, &other, &error), TALLY_OK);
    stress_begin();
    atomic_store(&over, false);
    for (uint32_t i = 0; i < WRITERS + READERS; i++) {
        workers[i] = (worker){.number = i, .dice = dice_of(i), .store = i + 1 < WRITERS + READERS ? store : other};
        workers[i].calls = calloc(4 * CALLS + 1, sizeof *workers[i].calls);
        REQUIRE(workers[i].calls != NULL);
        CHECK_STATUS(system->start_thread(system->context, i < WRITERS ? write_on : read_on, &workers[i], &threads[i],
                                          &os_error),
                     TALLY_OK);
    }
    for (uint32_t i = 0; i < WRITERS; i++) system->join_thread(system->context, threads[i]);
    atomic_store(&over, true);
    for (uint32_t i = WRITERS; i < WRITERS + READERS; i++) system->join_thread(system->context, threads[i]);
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.buffered, acknowledged());
    CHECK_STATUS(tally_store_close(&other), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_EQ(wrap_blocks(slow), 0);
    CHECK_EQ(wrap_open_files(slow), 0);
    wrap_close(&slow);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
    print_history();
    for (uint32_t i = 0; i < WRITERS + READERS; i++) free(workers[i].calls);
}
