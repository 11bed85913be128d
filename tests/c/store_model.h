/* A naive model of a store: an array of what was said, looked through from end to end. Include test.h first. */
#ifndef TALLY_TEST_STORE_MODEL_H
#define TALLY_TEST_STORE_MODEL_H

#include <stdlib.h>

#include <tallystick/append.h>
#include <tallystick/reader.h>
#include <tallystick/upkeep.h>

#include "platform/memory.h"

#define FACTS_MAX 60000u
#define STREAMS 14u /* the last one is the library's own */
#define LOG_STREAM (STREAMS - 1)
#define TYPES 8u
#define LOG_TYPE (TYPES - 1)
#define TAGS 10u
#define KEYS 64u
#define NO_KEY UINT32_MAX
#define SENTENCE_MAX 9000u

static const char *const stream_names[STREAMS] = {
    "a",  "a/1",  "a/1/x", "a/10", "a.b", "b/long/path/of/names", "b/", "b/2", "\xc3\xa9/1", "c", "c/\xf0\x9f\x98\x80",
    "zz", "zz/1", "$log"};
static const char *const type_names[TYPES] = {"order.paid", "order.made", "order", "order.",
                                              "x.y.z",      "x.y",        "x",     "tally.recovered"};
static const char *const tag_names[TAGS] = {"k:1", "k:2", "k",        "colour:red", "colour:blue",
                                            "t/1", "t/2", "\xc3\xa9", "q",          "r"};

/* One event, for ever. Its data is `length` bytes made of `seed`. */
typedef struct fact {
    tally_uuid id;
    tally_hash hash;
    int64_t time_us;
    uint64_t version;
    uint32_t time_logical;
    uint32_t stream;
    uint32_t type;
    uint32_t tags; /* bits */
    uint32_t seed;
    uint32_t length;
    uint32_t key;
    uint32_t schema;
    uint32_t batch_index;
    uint32_t batch_count;
    bool occurred;
} fact;

static fact *facts;
static uint64_t fact_count;
static uint64_t versions[STREAMS];

static uint64_t random_state;

static inline uint32_t below(uint32_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    if (limit == 0) return 0;
    return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

static inline bool one_in(uint32_t limit) { return below(limit) == 0; }

static inline tally_text text_of(const char *bytes) { return (tally_text){bytes, strlen(bytes)}; }

static inline bool same_text(tally_text is, const char *wanted)
{
    return is.length == strlen(wanted) && memcmp(is.bytes, wanted, is.length) == 0;
}

static inline void say(const fact *said, uint8_t *data)
{
    uint32_t state = said->seed * 2654435761u | 1;
    for (uint32_t i = 0; i < said->length; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (uint8_t)(state >> 24);
    }
}

static inline bool same_id(const tally_uuid *a, const tally_uuid *b) { return memcmp(a, b, sizeof *a) == 0; }

static inline void model_add(const fact *said)
{
    facts[fact_count] = *said;
    facts[fact_count].version = versions[said->stream]++;
    fact_count++;
}

static inline void model_cut(uint64_t count)
{
    while (fact_count > count) versions[facts[--fact_count].stream]--;
}

/* Whether an event is the one that the model has at its position, in every member. */
static inline bool is_as_said(const tally_event *event)
{
    static uint8_t data[SENTENCE_MAX];
    if (event->position >= fact_count)
        return test_check(false, __LINE__, "position %" PRIu64 " is not there yet", event->position);
    const fact *said = &facts[event->position];
    CHECK_EQ(event->version, said->version);
    CHECK_EQ(event->time_us, said->time_us);
    CHECK_EQ(event->time_logical, said->time_logical);
    CHECK(same_id(&event->id, &said->id));
    CHECK(same_text(event->stream, stream_names[said->stream]));
    CHECK(same_text(event->type, type_names[said->type]));
    CHECK_EQ(event->batch_index, said->batch_index);
    CHECK_EQ(event->batch_count, said->batch_count);
    CHECK_EQ(event->data_state, TALLY_DATA_READABLE);
    uint32_t tags = 0;
    for (uint32_t i = 0; i < event->tag_count; i++) {
        for (uint32_t t = 0; t < TAGS; t++) tags |= (uint32_t)same_text(event->tags[i], tag_names[t]) << t;
    }
    CHECK_EQ(tags, said->tags);
    CHECK_EQ(event->tag_count, (uint32_t)__builtin_popcount(said->tags));
    if (said->stream == LOG_STREAM) {
        CHECK(event->flags & TALLY_EVENT_SYSTEM);
        return !test_has_failed();
    }
    CHECK_EQ(event->schema_version, said->schema);
    CHECK_EQ((event->flags & TALLY_EVENT_OCCURRED) != 0, said->occurred);
    if (said->occurred) CHECK_EQ(event->occurred_us, said->seed);
    CHECK_EQ(event->length, said->length);
    say(said, data);
    if (event->length == said->length) CHECK_BYTES(event->data, data, said->length);
    tally_hash hash;
    CHECK_STATUS(tally_event_hash(event, &hash), TALLY_OK);
    CHECK_BYTES(hash.bytes, said->hash.bytes, sizeof hash.bytes);
    return !test_has_failed();
}

/* ------------------------------------------------------------------------------------------ queries */

/* A query, as the model asks it. */
typedef struct question {
    uint32_t stream;    /* STREAMS: any */
    const char *prefix; /* NULL: any */
    const char *types[3];
    uint32_t type_count;
    uint32_t tags;     /* bits: all of them */
    uint64_t from, to; /* positions; to 0: the end */
    bool by_version;
    uint64_t from_version, to_version;
    int64_t from_time, to_time;
    bool backwards;
    bool durable;
    uint64_t work_limit;
} question;

static inline bool type_fits(const char *type, const char *pattern)
{
    size_t length = strlen(pattern);
    if (length >= 2 && pattern[length - 1] == '*') return strncmp(type, pattern, length - 1) == 0;
    return strcmp(type, pattern) == 0;
}

static inline bool fits(const question *q, uint64_t position)
{
    const fact *said = &facts[position];
    if (position < q->from || (q->to != 0 && position >= q->to)) return false;
    if (q->stream != STREAMS && said->stream != q->stream) return false;
    if (q->prefix != NULL && strncmp(stream_names[said->stream], q->prefix, strlen(q->prefix)) != 0) return false;
    if ((said->tags & q->tags) != q->tags) return false;
    if (q->by_version && (said->version < q->from_version || (q->to_version != 0 && said->version >= q->to_version)))
        return false;
    if (said->time_us < q->from_time || (q->to_time != 0 && said->time_us >= q->to_time)) return false;
    bool typed = q->type_count == 0;
    for (uint32_t i = 0; i < q->type_count; i++) typed = typed || type_fits(type_names[said->type], q->types[i]);
    return typed;
}

static inline question question_of_chance(void)
{
    static const char *const prefixes[] = {"a", "a/", "a/1", "b", "b/", "c/", "zz", "\xc3\xa9", "none", "$", "a."};
    static const char *const patterns[] = {"order.*", "x.*", "x.y.*", "order", "order.paid", "x", "none.*", "tally.*"};
    question q = {.stream = STREAMS};
    if (one_in(3)) q.stream = below(STREAMS);
    else if (one_in(3)) q.prefix = prefixes[below(sizeof prefixes / sizeof *prefixes)];
    if (one_in(3)) {
        for (uint32_t i = below(3) + 1; i > 0; i--)
            q.types[q.type_count++] = patterns[below(sizeof patterns / sizeof *patterns)];
    }
    if (one_in(3)) q.tags = 1u << below(TAGS);
    if (one_in(9)) q.tags |= 1u << below(TAGS);
    uint32_t count = (uint32_t)fact_count + 1;
    if (one_in(2)) q.from = below(count);
    if (one_in(3)) q.to = q.from + below(300);
    if (q.stream != STREAMS && one_in(3)) {
        q.by_version = true;
        q.from_version = below((uint32_t)versions[q.stream] + 2);
        if (one_in(2)) q.to_version = q.from_version + below(20);
    }
    if (one_in(5) && fact_count > 0) q.from_time = facts[below((uint32_t)fact_count)].time_us;
    if (one_in(5) && fact_count > 0) q.to_time = facts[below((uint32_t)fact_count)].time_us + below(2);
    q.backwards = one_in(2);
    q.durable = one_in(6);
    if (one_in(5)) q.work_limit = 1 + below(200);
    return q;
}

static inline tally_status ask(tally_store *store, const question *q, tally_reader **reader, tally_error *error)
{
    tally_text types[3], tags[TAGS];
    tally_query query = {.size = sizeof query, .types = types, .type_count = q->type_count, .tags = tags};
    if (q->stream != STREAMS) query.stream = text_of(stream_names[q->stream]);
    if (q->prefix != NULL) query.stream_prefix = text_of(q->prefix);
    for (uint32_t i = 0; i < q->type_count; i++) types[i] = text_of(q->types[i]);
    for (uint32_t t = 0; t < TAGS; t++) {
        if (q->tags & 1u << t) tags[query.tag_count++] = text_of(tag_names[t]);
    }
    query.from_position = q->from;
    query.to_position = q->to;
    query.from_version = q->from_version;
    query.to_version = q->to_version;
    query.from_time_us = q->from_time;
    query.to_time_us = q->to_time;
    query.work_limit = q->work_limit;
    query.flags = (q->backwards ? TALLY_QUERY_BACKWARDS : 0) | (q->durable ? TALLY_QUERY_DURABLE_ONLY : 0) |
                  (q->by_version ? TALLY_QUERY_VERSIONS : 0);
    return tally_reader_open(store, &query, reader, error);
}

#endif
