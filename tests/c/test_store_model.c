/* A store against a naive model of it: random appends with every option, reads by every filter, rotation through
 * tiny segments, sealing by ticks, clean closes, killed processes and power cuts. One thread; the world is in memory.
 *
 * TALLY_SEED=<number> repeats one run, TALLY_STEPS makes it longer. */
#include "test.h"

#include "store_model.h"

#define STEPS 5000u
#define SEEDS 3u
#define BATCH 24u

static tally_platform *world;
static tally_store *store;
static tally_store *outside; /* a reader's handle on the same files, as another process has one; NULL: none */
static tally_error error;
static uint64_t key_position[KEYS]; /* TALLY_POSITION_NONE: not used */
static uint64_t proven;             /* events below it were acknowledged as durable */
static uint64_t handed;             /* … as written */
static uint64_t seed_now;
static uint64_t step_now;
static uint64_t told_of, told_until; /* TALLY_TELL=<steps> before step TALLY_STEPS are told */

static uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

static void complain(const char *doing)
{
    if (test_has_failed()) {
        printf("#   TALLY_SEED=%" PRIu64 ", step %" PRIu64 ", %" PRIu64 " events, %s; last error: %s %s\n", seed_now,
               step_now, fact_count, doing, tally_status_name(error.status), error.message);
    }
}

/* ------------------------------------------------------------------------------------- opening, ending */

static void open_store(uint32_t mode)
{
    tally_store_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .flags = TALLY_STORE_NO_THREAD,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .digest = 1 + below(2), /* of a new store; ignored later */
                                   .sync_events = 1 + below(500),
                                   .check = below(3),
                                   .map = below(2),
                                   .platform = world};
    store = NULL;
    CHECK_STATUS(tally_store_open("/store", 6, &options, &store, &error), TALLY_OK);
}

static void relearn_keys(void)
{
    for (uint32_t k = 0; k < KEYS; k++) key_position[k] = TALLY_POSITION_NONE;
    for (uint64_t i = 0; i < fact_count; i++) {
        if (facts[i].key != NO_KEY) key_position[facts[i].key] = i;
    }
}

/* The library's own word about a cut becomes a fact like any other. */
static void learn_of_the_cut(void)
{
    static _Alignas(8) uint8_t buffer[4096];
    tally_event event;
    size_t needed;
    REQUIRE_STATUS(tally_store_get(store, fact_count, buffer, sizeof buffer, &needed, &event, &error), TALLY_OK);
    fact said = {.stream = LOG_STREAM, .type = LOG_TYPE, .key = NO_KEY, .batch_count = 1};
    said.id = event.id;
    said.time_us = event.time_us;
    said.time_logical = event.time_logical;
    model_add(&said);
    (void)is_as_said(&event);
}

static void check_what_survived(bool killed)
{
    tally_store_info info;
    tally_watermarks marks;
    REQUIRE_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    REQUIRE_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    uint64_t left = marks.buffered - info.recovery.cut;
    CHECK(left >= proven);
    CHECK(left <= fact_count);
    if (killed) CHECK(left >= handed);
    if (test_has_failed()) return;
    model_cut(left);
    if (fact_count > 0) CHECK_EQ(facts[fact_count - 1].batch_index + 1, facts[fact_count - 1].batch_count);
    if (info.recovery.cut) learn_of_the_cut();
    relearn_keys();
    proven = handed = fact_count; /* what an open finds is durable */
    CHECK_EQ(marks.durable, fact_count);
}

static bool survives(void *user_data, const tally_memory_piece *piece)
{
    (void)piece;
    return below(100) < *(const uint32_t *)user_data;
}

static void crash(void)
{
    tally_platform *after = NULL;
    bool killed = one_in(2);
    uint32_t chance = one_in(3) ? 0 : below(101);
    if (killed) CHECK_STATUS(tally_memory_copy(world, &after, NULL), TALLY_OK);
    else CHECK_STATUS(tally_memory_power_cut(world, survives, &chance, &after, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
    world = after;
    open_store(TALLY_STORE_EXISTING);
    if (store != NULL) check_what_survived(killed);
}

static void reopen(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    open_store(TALLY_STORE_OPEN_OR_CREATE);
    if (store == NULL) return;
    tally_store_info info;
    CHECK_STATUS(tally_store_info_get(store, &info, &error), TALLY_OK);
    CHECK_EQ(info.recovery.happened, 0);
    proven = handed = fact_count;
}

/* --------------------------------------------------------------------------------------------- looking */

static void check_watermarks(void)
{
    tally_watermarks marks;
    CHECK_STATUS(tally_store_watermarks(store, &marks, &error), TALLY_OK);
    CHECK_EQ(marks.buffered, fact_count);
    CHECK(marks.durable <= marks.written && marks.written <= marks.buffered);
    CHECK(marks.durable >= proven);
    CHECK(marks.written >= handed);
    proven = marks.durable;
    handed = marks.written;
}

static void look_at_one(void)
{
    static _Alignas(8) uint8_t buffer[32768];
    uint64_t position = below((uint32_t)fact_count + 2);
    tally_event event;
    size_t needed, room = one_in(4) ? below(400) : sizeof buffer;
    tally_status status = tally_store_get(store, position, buffer, room, &needed, &event, &error);
    if (position >= fact_count) {
        CHECK_STATUS(status, TALLY_E_RANGE);
        return;
    }
    if (status == TALLY_E_SPACE) {
        CHECK(needed > room);
        CHECK_STATUS(tally_store_get(store, position, buffer, needed, &needed, &event, &error), TALLY_OK);
    } else {
        CHECK_STATUS(status, TALLY_OK);
    }
    CHECK_EQ(event.position, position);
    (void)is_as_said(&event);
    uint64_t found;
    CHECK_STATUS(tally_store_find_id(store, &facts[position].id, &found, &error), TALLY_OK);
    CHECK_EQ(found, position);
    tally_text stream = text_of(stream_names[facts[position].stream]);
    CHECK_STATUS(tally_store_find_version(store, stream, facts[position].version, &found, &error), TALLY_OK);
    CHECK_EQ(found, position);
    CHECK_STATUS(error.status, TALLY_OK); /* what succeeded leaves no error behind */
}

static void look_for_nothing(void)
{
    uint64_t found = 7;
    tally_uuid stranger = {{0xff, (uint8_t)below(256), 3}};
    CHECK_STATUS(tally_store_find_id(store, &stranger, &found, &error), TALLY_E_NOT_FOUND);
    uint32_t stream = below(STREAMS);
    tally_text name = text_of(stream_names[stream]);
    CHECK_STATUS(tally_store_find_version(store, name, versions[stream] + below(3), &found, &error), TALLY_E_NOT_FOUND);
    tally_stream_head head;
    CHECK_STATUS(tally_store_stream_head(store, name, &head, &error), TALLY_OK);
    CHECK_EQ(head.next_version, versions[stream]);
    uint64_t last = TALLY_POSITION_NONE;
    for (uint64_t i = fact_count; i > 0 && last == TALLY_POSITION_NONE; i--) {
        if (facts[i - 1].stream == stream) last = i - 1;
    }
    CHECK_EQ(head.last_position, last);
}

static void climb_to_ancestors(void)
{
    uint64_t positions[40];
    size_t count, room = 1 + below(40);
    uint32_t ended;
    if (fact_count == 0) return;
    uint64_t position = below((uint32_t)fact_count);
    REQUIRE_STATUS(tally_store_ancestors(store, position, positions, room, &count, &ended, &error), TALLY_OK);
    uint64_t version = facts[position].version;
    uint64_t expected = version + 1 < room ? version + 1 : room;
    CHECK_EQ(count, expected);
    CHECK_EQ(ended, version + 1 <= room ? TALLY_ANCESTORS_GENESIS : TALLY_ANCESTORS_LIMIT);
    for (size_t i = 0; i < count && !test_has_failed(); i++) {
        CHECK_EQ(facts[positions[i]].version, version - i);
        CHECK_EQ(facts[positions[i]].stream, facts[position].stream);
    }
}

/* The model's figures about one name. */
static tally_listed figures_of(uint32_t what, uint32_t number)
{
    tally_listed found = {.first_position = TALLY_POSITION_NONE, .last_position = TALLY_POSITION_NONE};
    for (uint64_t i = 0; i < fact_count; i++) {
        bool has = what == TALLY_LIST_STREAMS ? facts[i].stream == number
                   : what == TALLY_LIST_TYPES ? facts[i].type == number
                                              : (facts[i].tags >> number & 1u) != 0;
        if (!has) continue;
        if (found.count++ == 0) found.first_position = i;
        found.last_position = i;
    }
    return found;
}

static void list_names(void)
{
    static const char *const prefixes[] = {"", "", "a", "a/", "order", "k", "zz", "none"};
    uint32_t what = 1 + below(3);
    const char *const *names = what == TALLY_LIST_STREAMS ? stream_names
                               : what == TALLY_LIST_TYPES ? type_names
                                                          : tag_names;
    uint32_t name_count = what == TALLY_LIST_STREAMS ? STREAMS : what == TALLY_LIST_TYPES ? TYPES : TAGS;
    const char *prefix = prefixes[below(sizeof prefixes / sizeof *prefixes)];
    char text[1024], last[512];
    tally_listed items[4];
    tally_text after = {last, 0};
    uint32_t told = 0, expected = 0;
    size_t count = 1, capacity = 1 + below(4), room = 512 + below(512);
    while (count > 0 && !test_has_failed()) {
        REQUIRE_STATUS(
            tally_store_list(store, what, text_of(prefix), after, items, capacity, text, room, &count, &error),
            TALLY_OK);
        for (size_t i = 0; i < count; i++) {
            uint32_t number = 0;
            while (number < name_count && !same_text(items[i].name, names[number])) number++;
            REQUIRE(number < name_count);
            CHECK(strncmp(names[number], prefix, strlen(prefix)) == 0);
            if (after.length != 0) {
                size_t shorter = after.length < items[i].name.length ? after.length : items[i].name.length;
                int order = memcmp(after.bytes, items[i].name.bytes, shorter);
                CHECK(order < 0 || (order == 0 && after.length < items[i].name.length));
            }
            tally_listed wanted = figures_of(what, number);
            CHECK_EQ(items[i].count, wanted.count);
            CHECK_EQ(items[i].first_position, wanted.first_position);
            CHECK_EQ(items[i].last_position, wanted.last_position);
            memcpy(last, items[i].name.bytes, items[i].name.length);
            after.length = items[i].name.length;
            told++;
        }
    }
    for (uint32_t n = 0; n < name_count; n++) {
        expected += strncmp(names[n], prefix, strlen(prefix)) == 0 && figures_of(what, n).count > 0;
    }
    CHECK_EQ(told, expected);
}

/* -------------------------------------------------------------------------------------------- reading */

/* The next position, from `at` on, that answers the question. */
static uint64_t next_answer(const question *q, uint64_t at, uint64_t end)
{
    if (q->backwards) {
        while (at > 0 && !fits(q, at - 1)) at--;
        return at == 0 ? TALLY_POSITION_NONE : at - 1;
    }
    while (at < end && !fits(q, at)) at++;
    return at >= end ? TALLY_POSITION_NONE : at;
}

/* Reads pages until the end, or until chance says to stop; compares each event. */
static void read_pages(tally_reader *reader, const question *q, uint64_t end, uint64_t *at, bool *ended)
{
    static tally_event events[17];
    size_t count;
    *ended = false;
    while (!*ended && !test_has_failed() && !one_in(12)) {
        size_t capacity = 1 + below(17);
        tally_status status = tally_reader_next(reader, events, capacity, &count, &error);
        if (status == TALLY_E_WORK_LIMIT) {
            CHECK(q->work_limit != 0);
            CHECK_EQ(count, 0);
            continue;
        }
        REQUIRE_STATUS(status, TALLY_OK);
        CHECK_STATUS(error.status, TALLY_OK);
        CHECK(count <= capacity);
        *ended = count == 0;
        for (size_t i = 0; i < count && !test_has_failed(); i++) {
            uint64_t wanted = next_answer(q, *at, end);
            CHECK_EQ(events[i].position, wanted);
            if (wanted != TALLY_POSITION_NONE && is_as_said(&events[i])) *at = q->backwards ? wanted : wanted + 1;
        }
        if (*ended) CHECK_EQ(next_answer(q, *at, end), TALLY_POSITION_NONE);
    }
}

/* A new query from where a reader stopped gives the rest. */
static void go_on_elsewhere(question q, tally_reader *stopped, uint64_t end)
{
    tally_reader_place place;
    tally_reader *reader = NULL;
    bool ended;
    REQUIRE_STATUS(tally_reader_place_get(stopped, &place, &error), TALLY_OK);
    CHECK_EQ(place.end_position, end);
    if (q.backwards && place.next_position == 0) return; /* nothing is left, and 0 would mean everything */
    question rest = q;
    if (q.backwards) rest.to = place.next_position;
    else rest.from = place.next_position;
    uint64_t at = q.backwards ? end : 0;
    uint64_t first = next_answer(&rest, at, end);
    REQUIRE_STATUS(ask(store, &rest, &reader, &error), TALLY_OK);
    read_pages(reader, &rest, end, &at, &ended);
    (void)first;
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
}

static void read_some(tally_store *asked)
{
    question q = question_of_chance();
    tally_reader *reader = NULL;
    tally_reader_place place;
    bool ended;
    REQUIRE_STATUS(ask(asked, &q, &reader, &error), TALLY_OK);
    CHECK_STATUS(error.status, TALLY_OK);
    CHECK_STATUS(tally_reader_place_get(reader, &place, &error), TALLY_OK);
    uint64_t end = place.end_position;
    if (asked == outside) CHECK(end <= fact_count && (q.durable || end >= handed));
    else CHECK(q.durable ? end >= proven && end <= fact_count : end == fact_count);
    uint64_t at = q.backwards ? end : 0;
    read_pages(reader, &q, end, &at, &ended);
    CHECK_STATUS(tally_reader_place_get(reader, &place, &error), TALLY_OK);
    if (ended) CHECK_EQ(next_answer(&q, at, end), TALLY_POSITION_NONE);
    else if (!test_has_failed()) {
        /* Between where it is and what it says there is nothing that it owes. */
        uint64_t owed = next_answer(&q, at, end);
        if (owed != TALLY_POSITION_NONE) CHECK(q.backwards ? owed < place.next_position : owed >= place.next_position);
        if (asked == store && one_in(3)) go_on_elsewhere(q, reader, end);
    }
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
}

/* What is written is seen from outside within a moment, and nothing else is. */
static void look_from_outside(void)
{
    tally_store_options options = {.size = sizeof options, .mode = TALLY_STORE_READ_ONLY, .platform = world};
    if (outside == NULL) {
        options.check = below(3);
        options.map = below(2);
        CHECK_STATUS(tally_store_open("/store", 6, &options, &outside, &error), TALLY_OK);
    }
    if (outside == NULL) return;
    if (handed > 0) CHECK_STATUS(tally_store_wait(outside, TALLY_WRITTEN, handed - 1, 5000, &error), TALLY_OK);
    if (!test_has_failed()) read_some(outside);
    if (one_in(10)) CHECK_STATUS(tally_store_close(&outside), TALLY_OK);
}

/* A reader that stays open while the log grows, is sealed, is cut: it is asked on now and then. */
static tally_reader *follower;
static uint64_t followed;

static void follow(void)
{
    static tally_event events[50];
    size_t count = 1;
    if (follower == NULL) {
        question all = {.stream = STREAMS, .from = followed = fact_count};
        CHECK_STATUS(ask(store, &all, &follower, &error), TALLY_OK);
        return;
    }
    CHECK_STATUS(tally_reader_refresh(follower, &error), TALLY_OK);
    while (count > 0 && !test_has_failed()) {
        REQUIRE_STATUS(tally_reader_next(follower, events, 50, &count, &error), TALLY_OK);
        for (size_t i = 0; i < count && !test_has_failed(); i++) {
            CHECK_EQ(events[i].position, followed++);
            (void)is_as_said(&events[i]);
        }
    }
    CHECK_EQ(followed, fact_count);
    if (one_in(20)) CHECK_STATUS(tally_reader_close(&follower), TALLY_OK);
}

/* ------------------------------------------------------------------------------------------- appending */

/* Everything that one append is made of; the drafts point into it. */
static struct attempt {
    fact said[BATCH];
    tally_draft drafts[BATCH];
    tally_text tags[BATCH][TAGS + 2];
    char keys[BATCH][16];
    uint8_t data[BATCH][SENTENCE_MAX];
    uint32_t count;
    bool heavy; /* together more than a segment */
    tally_expectation expectations[3];
    tally_append_condition condition;
    tally_text condition_types[2], condition_tags[2];
    tally_append_options options;
    tally_receipt receipts[BATCH];
} now;

static void invent(uint32_t index, bool keyed)
{
    fact *said = &now.said[index];
    tally_draft *draft = &now.drafts[index];
    *said = (fact){.stream = below(LOG_STREAM), .type = below(LOG_TYPE), .seed = below(UINT32_MAX), .key = NO_KEY};
    said->length = now.heavy ? SENTENCE_MAX - below(5000) : one_in(40) ? below(SENTENCE_MAX) : below(200);
    said->schema = below(3);
    said->occurred = one_in(3);
    if (one_in(2)) said->tags = 1u << below(TAGS) | (one_in(2) ? 1u << below(TAGS) : 0);
    said->batch_index = index;
    *draft = (tally_draft){.size = sizeof *draft,
                           .stream = text_of(stream_names[said->stream]),
                           .type = text_of(type_names[said->type]),
                           .data = now.data[index],
                           .length = said->length,
                           .tags = now.tags[index],
                           .schema_version = said->schema};
    say(said, now.data[index]);
    for (uint32_t t = TAGS; t > 0; t--) {
        if (said->tags >> (t - 1) & 1u) now.tags[index][draft->tag_count++] = text_of(tag_names[t - 1]);
    }
    if (draft->tag_count > 0 && one_in(5)) now.tags[index][draft->tag_count++] = now.tags[index][0]; /* twice is once */
    if (said->occurred) {
        draft->flags |= TALLY_DRAFT_OCCURRED;
        draft->occurred_us = said->seed;
    }
    if (one_in(3)) {
        for (uint32_t i = 0; i < 16; i++) draft->id.bytes[i] = (uint8_t)below(256);
        draft->id.bytes[0] |= 1;
    }
    if (index > 0 && one_in(4)) {
        draft->flags |= TALLY_DRAFT_CAUSE_IN_BATCH;
        draft->cause_index = below(index);
    }
    if (!keyed) return;
    said->key = below(KEYS);
    int length = snprintf(now.keys[index], sizeof now.keys[index], "key-%" PRIu32, said->key);
    draft->idempotency_key = (tally_text){now.keys[index], (size_t)length};
}

static void add_conditions(void)
{
    now.options.expectations = now.expectations;
    for (uint32_t i = below(3); i > 0 && one_in(2); i--) {
        tally_expectation *one = &now.expectations[now.options.expectation_count++];
        uint32_t stream = below(STREAMS);
        *one = (tally_expectation){.stream = text_of(stream_names[stream]), .expect = below(4)};
        if (one_in(4)) one->stream = (tally_text){NULL, 0}; /* that of the first draft */
        else if (one->expect == TALLY_EXPECT_VERSION) one->version = versions[stream] - 1 + below(2);
        if (one->stream.length == 0) one->version = versions[now.said[0].stream] - 1;
    }
    if (!one_in(4)) return;
    now.options.conditions = &now.condition;
    now.options.condition_count = 1;
    static const char *const patterns[] = {"order.*", "x.y.z", "x.*", "order"};
    now.condition = (tally_append_condition){.types = now.condition_types, .tags = now.condition_tags};
    if (one_in(2)) now.condition_types[now.condition.type_count++] = text_of(patterns[below(4)]);
    if (one_in(2)) now.condition_tags[now.condition.tag_count++] = text_of(tag_names[below(TAGS)]);
    if (now.condition.type_count + now.condition.tag_count == 0) {
        now.condition_types[now.condition.type_count++] = text_of(patterns[below(4)]);
    }
    now.condition.from_position = fact_count - (fact_count < 10 ? fact_count : below(10));
}

static uint32_t stream_named(tally_text name)
{
    uint32_t stream = 0;
    while (!same_text(name, stream_names[stream])) stream++;
    return stream;
}

static bool expectation_holds(const tally_expectation *one)
{
    uint64_t next = versions[one->stream.length == 0 ? now.said[0].stream : stream_named(one->stream)];
    switch (one->expect) {
    case TALLY_EXPECT_NO_STREAM: return next == 0;
    case TALLY_EXPECT_EXISTS: return next != 0;
    case TALLY_EXPECT_VERSION: return next != 0 && next - 1 == one->version;
    default: return true;
    }
}

static bool conditions_hold(void)
{
    for (size_t i = 0; i < now.options.expectation_count; i++) {
        if (!expectation_holds(&now.expectations[i])) return false;
    }
    if (now.options.condition_count == 0) return true;
    question q = {.stream = STREAMS, .from = now.condition.from_position};
    char pattern[32];
    if (now.condition.type_count != 0) {
        (void)snprintf(pattern, sizeof pattern, "%.*s", (int)now.condition_types[0].length,
                       now.condition_types[0].bytes);
        q.types[q.type_count++] = pattern;
    }
    for (uint32_t t = 0; t < TAGS && now.condition.tag_count != 0; t++)
        q.tags |= (uint32_t)same_text(now.condition_tags[0], tag_names[t]) << t;
    return next_answer(&q, 0, fact_count) == TALLY_POSITION_NONE;
}

/* The same event again, as far as it can be said with a draft. */
static void repeat_of(uint32_t index, uint64_t position)
{
    const fact *first = &facts[position];
    uint32_t key = first->key;
    now.heavy = false;
    invent(index, true);
    fact *said = &now.said[index];
    tally_draft *draft = &now.drafts[index];
    said->key = key;
    said->stream = first->stream;
    said->type = first->type;
    said->tags = first->tags;
    said->seed = first->seed;
    said->length = first->length;
    said->schema = first->schema;
    draft->stream = text_of(stream_names[said->stream]);
    draft->type = text_of(type_names[said->type]);
    draft->length = said->length;
    draft->schema_version = said->schema;
    draft->tag_count = 0;
    draft->id = (tally_uuid){{0}};
    say(said, now.data[index]);
    for (uint32_t t = 0; t < TAGS; t++) {
        if (said->tags >> t & 1u) now.tags[index][draft->tag_count++] = text_of(tag_names[t]);
    }
    int length = snprintf(now.keys[index], sizeof now.keys[index], "key-%" PRIu32, key);
    draft->idempotency_key = (tally_text){now.keys[index], (size_t)length};
}

static bool tell(tally_status *status)
{
    now.options.size = sizeof now.options;
    now.options.durability = one_in(10) ? below(4) : TALLY_BUFFERED;
    memset(now.receipts, 0xA5, sizeof now.receipts);
    if (now.count == 1 && one_in(2)) {
        *status = tally_store_append(store, now.drafts, &now.options, now.receipts, &error);
    } else {
        *status = tally_store_append_many(store, now.drafts, now.count, &now.options, now.receipts, &error);
    }
    CHECK_STATUS(error.status, *status);
    return *status == TALLY_OK;
}

static void note_levels(uint64_t end)
{
    uint32_t level = now.options.durability == 0 ? TALLY_DURABLE : now.options.durability;
    if (level >= TALLY_WRITTEN && handed < end) handed = end;
    if (level >= TALLY_DURABLE && proven < end) proven = end;
}

static void take_receipts(void)
{
    for (uint32_t i = 0; i < now.count && !test_has_failed(); i++) {
        const tally_receipt *receipt = &now.receipts[i];
        fact *said = &now.said[i];
        CHECK_EQ(receipt->position, fact_count);
        CHECK_EQ(receipt->version, versions[said->stream]);
        CHECK_EQ(receipt->flags, 0);
        CHECK(receipt->durability >= now.options.durability);
        static const tally_uuid none;
        if (!same_id(&now.drafts[i].id, &none)) CHECK(same_id(&receipt->id, &now.drafts[i].id));
        if (fact_count > 0) {
            const fact *before = &facts[fact_count - 1];
            CHECK(receipt->time_us > before->time_us ||
                  (receipt->time_us == before->time_us && receipt->time_logical > before->time_logical));
        }
        said->id = receipt->id;
        said->hash = receipt->event_hash;
        said->time_us = receipt->time_us;
        said->time_logical = receipt->time_logical;
        said->batch_count = now.count;
        if (said->key != NO_KEY) key_position[said->key] = fact_count;
        model_add(said);
    }
    note_levels(fact_count);
}

static void append_new(void)
{
    tally_status status;
    memset(&now.options, 0, sizeof now.options);
    now.count = one_in(3) ? 1 + below(BATCH) : 1;
    bool keyed = one_in(6);
    now.heavy = one_in(200);
    if (now.heavy) now.count = BATCH;
    for (uint32_t i = 0; i < now.count; i++) invent(i, keyed);
    if (keyed) {
        /* Keys that nobody has used, or one that somebody has, for another event. */
        now.count = now.count > 3 ? 3 : now.count;
        uint32_t first = below(KEYS);
        for (uint32_t i = 0; i < now.count; i++) {
            now.said[i].key = (first + i) % KEYS;
            int length = snprintf(now.keys[i], sizeof now.keys[i], "key-%" PRIu32, now.said[i].key);
            now.drafts[i].idempotency_key = (tally_text){now.keys[i], (size_t)length};
        }
    }
    if (one_in(3)) add_conditions();
    uint64_t double_of = fact_count > 0 && one_in(25) ? below((uint32_t)fact_count) : TALLY_POSITION_NONE;
    if (double_of != TALLY_POSITION_NONE) now.drafts[below(now.count)].id = facts[double_of].id;
    uint32_t used = 0;
    for (uint32_t i = 0; i < now.count && keyed; i++) used += key_position[now.said[i].key] != TALLY_POSITION_NONE;
    bool holds = conditions_hold();
    if (tell(&status)) {
        CHECK_EQ(used, 0);
        CHECK(holds);
        CHECK_EQ(double_of, TALLY_POSITION_NONE);
        take_receipts();
        return;
    }
    CHECK_STATUS(error.status, status);
    bool expected = (status == TALLY_E_REUSED && used != 0) || (status == TALLY_E_CONFLICT && !holds) ||
                    (status == TALLY_E_EXISTS && double_of != TALLY_POSITION_NONE);
    if (!expected) CHECK_STATUS(status, TALLY_OK);
    if (status == TALLY_E_EXISTS) CHECK_EQ(error.position, double_of);
}

static void append_again(void)
{
    tally_status status;
    uint32_t key = below(KEYS);
    uint64_t position = key_position[key];
    memset(&now.options, 0, sizeof now.options);
    if (position == TALLY_POSITION_NONE) return;
    now.count = 1;
    repeat_of(0, position);
    if (one_in(3)) now.drafts[0].id = facts[position].id;
    bool equal = !one_in(3);
    if (!equal) {
        switch (below(4)) {
        case 0: now.drafts[0].schema_version++; break;
        case 1: now.drafts[0].stream = text_of("a/another"); break;
        case 2:
            now.drafts[0].tag_count = 0;
            equal = facts[position].tags == 0;
            break;
        default:
            now.data[0][0] ^= 1;
            equal = facts[position].length == 0;
            break;
        }
    }
    if (tell(&status)) {
        CHECK(equal);
        CHECK_EQ(now.receipts[0].position, position);
        CHECK_EQ(now.receipts[0].version, facts[position].version);
        CHECK(same_id(&now.receipts[0].id, &facts[position].id));
        CHECK_EQ(now.receipts[0].time_us, facts[position].time_us);
        CHECK_EQ(now.receipts[0].flags, TALLY_RECEIPT_REPEATED);
        CHECK_BYTES(now.receipts[0].event_hash.bytes, facts[position].hash.bytes, 32);
        note_levels(position + 1);
        return;
    }
    CHECK(!equal);
    CHECK_STATUS(status, TALLY_E_REUSED);
    CHECK_EQ(error.position, position);
}

/* --------------------------------------------------------------------------------------------- upkeep */

static int32_t complain_of(void *user_data, const tally_finding *finding)
{
    (void)user_data;
    if (finding->severity > TALLY_FINDING_NOTE) {
        printf("#   fsck: %s at %" PRIu64 ": %s\n", finding->file, finding->offset, finding->reason);
    }
    return 0;
}

static void check_files(const char *path)
{
    tally_fsck_report report;
    tally_upkeep_options options = {.size = sizeof options, .platform = world};
    REQUIRE_STATUS(tally_fsck(path, strlen(path), &options, complain_of, &report, &error), TALLY_OK);
    CHECK_EQ(report.indexes + report.bad_events + report.structure, 0);
}

static void do_background_work(void)
{
    int32_t more = 1;
    for (uint32_t i = 1 + below(10); i > 0 && more != 0; i--)
        CHECK_STATUS(tally_store_tick(store, &more, &error), TALLY_OK);
}

static void step(void)
{
    uint32_t chance = below(1000);
    const char *doing = "appending";
    if (chance < 480) append_new();
    else if (chance < 520) doing = "repeating", append_again();
    else if (chance < 700) doing = "looking at one", look_at_one();
    else if (chance < 740) doing = "looking for nothing", look_for_nothing();
    else if (chance < 760) doing = "climbing", climb_to_ancestors();
    else if (chance < 850) doing = "reading", read_some(store);
    else if (chance < 860) doing = "looking from outside", look_from_outside();
    else if (chance < 900) doing = "following", follow();
    else if (chance < 906) doing = "listing", list_names();
    else if (chance < 960) doing = "ticking", do_background_work();
    else if (chance < 990) doing = "watching", check_watermarks();
    else if (chance < 994) {
        doing = "syncing";
        CHECK_STATUS(tally_store_sync(store, &error), TALLY_OK);
        proven = handed = fact_count;
    } else if (chance < 995) doing = "checking files", check_files("/store");
    else if (chance < 998) {
        doing = "reopening";
        CHECK_STATUS(tally_reader_close(&follower), TALLY_OK);
        reopen();
    } else {
        doing = "crashing";
        CHECK_STATUS(tally_reader_close(&follower), TALLY_OK);
        CHECK_STATUS(tally_store_close(&outside), TALLY_OK);
        crash();
    }
    if (one_in(50) && world != NULL) CHECK_STATUS(tally_platform_memory_advance(world, below(100000)), TALLY_OK);
    if (told_of != 0 && step_now + told_of > told_until) {
        tally_watermarks m = {0};
        (void)tally_store_watermarks(store, &m, NULL);
        printf("# %" PRIu64 " %s: %" PRIu64 " events (%" PRIu64 " %" PRIu64 " %" PRIu64 ") %s\n", step_now, doing,
               fact_count, m.buffered, m.written, m.durable, tally_status_name(error.status));
    }
    complain(doing);
}

static void run(uint64_t seed, uint64_t steps)
{
    seed_now = seed;
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    fact_count = proven = handed = 0;
    memset(versions, 0, sizeof versions);
    relearn_keys();
    REQUIRE_STATUS(tally_platform_memory_open(seed, &world, NULL), TALLY_OK);
    open_store(TALLY_STORE_NEW);
    for (step_now = 0; step_now < steps && store != NULL && !test_has_failed(); step_now++) {
        if (fact_count + BATCH + 1 >= FACTS_MAX) break;
        step();
    }
    CHECK_STATUS(tally_reader_close(&follower), TALLY_OK);
    CHECK_STATUS(tally_store_close(&outside), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    if (!test_has_failed()) check_files("/store");
    complain("ending");
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

TEST(a_store_behaves_as_its_model)
{
    facts = malloc(FACTS_MAX * sizeof *facts);
    REQUIRE(facts != NULL);
    uint64_t only = setting("TALLY_SEED", 0);
    uint64_t steps = setting("TALLY_STEPS", STEPS);
    told_of = setting("TALLY_TELL", 0);
    told_until = steps;
    for (uint64_t seed = 1; seed <= SEEDS && only == 0 && !test_has_failed(); seed++) run(seed, steps);
    if (only != 0) run(only, steps);
    free(facts);
}
