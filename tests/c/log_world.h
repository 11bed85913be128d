/* A log written by hand, for the tests of what reads it: segments on a disk in memory, and beside them the list of
 * all events, which a naive filter asks the same questions. */
#ifndef TALLY_TEST_LOG_WORLD_H
#define TALLY_TEST_LOG_WORLD_H

#include "stress.h"

#include "base/bytes.h"
#include "log/index.h"
#include "log/lookup.h"
#include "log/match.h"
#include "log/run.h"
#include "log/seal.h"
#include "platform/memory.h"
#include "wrap/wrap.h"

#define WORLD_EVENTS 20000u
#define WORLD_STREAMS 400u
#define WORLD_SEGMENTS 64u

typedef struct known_event {
    uint32_t stream; /* number of its name */
    uint32_t type;
    uint32_t tag_count;
    uint32_t tags[3];
    uint64_t version;
    int64_t time_us;
    uint8_t id[16];
    bool has_key;
    uint8_t key[16];
} known_event;

/* invariant: segments[0..count) make `view`; all but the last are full; `events` lists all that are in them */
typedef struct log_world {
    tally_platform *disk;
    tally_platform *platform; /* around it */
    tally_folder folder;
    uint32_t check;
    uint32_t map;
    dice random;
    tally_segment *segments[WORLD_SEGMENTS];
    uint32_t segment_count;
    tally_run *runs[WORLD_SEGMENTS];
    size_t run_count;
    known_event *events;
    uint64_t event_count;
    uint64_t commit_count;
    uint64_t versions[WORLD_STREAMS];
    uint8_t hashes[WORLD_STREAMS][32];
    uint8_t last_hash[32];
    int64_t now_us;
    tally_error error;
} log_world;

/* Names by number, some the prefix of others. */
static char world_streams[WORLD_STREAMS][40];
static inline void world_name_streams(void)
{
    static const char *const shapes[] = {"stream/%u", "stream/eu/%u", "stream.%u", "stream/eu.north/%u", "stream%u"};
    for (uint32_t i = 0; i < WORLD_STREAMS; i++) (void)snprintf(world_streams[i], 40, shapes[i % 5], i);
}
static inline tally_text world_stream(uint32_t number)
{
    return (tally_text){world_streams[number], strlen(world_streams[number])};
}
static inline tally_text world_type(uint32_t number)
{
    static const char *const types[] = {"order.paid", "order.shipped", "order.item.added", "user.joined", "user.left",
                                        "plain",      "order",         "order.item"};
    return (tally_text){types[number % 8], strlen(types[number % 8])};
}
static inline tally_text world_tag(uint32_t number)
{
    static const char *const tags[] = {"a:1", "a:2", "b:rare", "c:common", "d", "e:5", "f:6", "g:never"};
    return (tally_text){tags[number % 8], strlen(tags[number % 8])};
}

/* ------------------------------------------------------------------------------------------- writing */

static inline void world_begin_segment(log_world *world)
{
    tally_segment_header header = {.number = world->segment_count,
                                   .first_position = world->event_count,
                                   .first_commit = world->commit_count,
                                   .name = "world"};
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    char name[TALLY_NAME_BYTES];
    tally_file file;
    memcpy(header.event_before, world->last_hash, sizeof header.event_before);
    for (uint32_t i = 0; i < 16; i++) header.salt[i] = (uint8_t)roll(&world->random, 256);
    tally_segment_header_encode(&header, bytes);
    tally_name_segment(header.number, 0, name);
    REQUIRE_STATUS(tally_file_open(&world->folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file,
                                   &world->error),
                   TALLY_OK);
    REQUIRE_STATUS(tally_file_write(&world->folder, name, file, 0, bytes, sizeof bytes, &world->error), TALLY_OK);
    REQUIRE_STATUS(tally_segment_new(&world->folder, &header, world->check, file, NULL,
                                     &world->segments[world->segment_count], &world->error),
                   TALLY_OK);
    world->segment_count++;
}

static inline void world_choose(log_world *world, known_event *event)
{
    dice *random = &world->random;
    memset(event, 0, sizeof *event);
    event->stream = roll(random, 4) == 0 ? roll(random, WORLD_STREAMS) : roll(random, 20);
    event->type = roll(random, 8) < 6 ? roll(random, 3) : roll(random, 8);
    event->tag_count = roll(random, 4);
    for (uint32_t i = 0; i < event->tag_count; i++) {
        uint32_t tag = roll(random, 40) == 0 ? 2 : roll(random, 2) == 0 ? 3 : roll(random, 7);
        bool again = false;
        for (uint32_t j = 0; j < i; j++) again = again || event->tags[j] == tag;
        if (again) event->tag_count = i;
        else event->tags[i] = tag;
    }
    for (uint32_t i = 0; i < event->tag_count; i++) { /* sorted */
        for (uint32_t j = i; j > 0 && event->tags[j] < event->tags[j - 1]; j--) {
            uint32_t swap = event->tags[j];
            event->tags[j] = event->tags[j - 1];
            event->tags[j - 1] = swap;
        }
    }
    for (uint32_t i = 0; i < 16; i++) event->id[i] = (uint8_t)roll(random, 256);
    event->has_key = roll(random, 5) == 0;
    if (event->has_key) {
        for (uint32_t i = 0; i < 16; i++) event->key[i] = (uint8_t)roll(random, i == 0 ? 4 : 1);
    }
    if (roll(random, 3) == 0) world->now_us += (int64_t)roll(random, 10);
    event->time_us = world->now_us;
    event->version = world->versions[event->stream];
}

static inline size_t world_encode(log_world *world, const known_event *event, uint32_t index, uint32_t count,
                                  uint32_t seed, uint8_t *to, uint32_t *frames_crc)
{
    static uint8_t data[300];
    static const uint8_t nobody[16];
    uint8_t digest[32] = {0};
    uint8_t body[TALLY_BODY_MAX];
    uint8_t core_bytes[TALLY_CORE_BYTES];
    uint32_t crc_meta;
    uint32_t crc_data;
    size_t length = roll(&world->random, sizeof data - 16);
    tally_body_view view = {.id = event->id,
                            .correlation = event->id,
                            .causation = nobody,
                            .plain_length = length,
                            .stored_length = length + 16,
                            .data_digest = digest,
                            .tag_count = event->tag_count,
                            .stream = world_stream(event->stream),
                            .type = world_type(event->type),
                            .idempotency = event->has_key ? event->key : NULL};
    for (uint32_t i = 0; i < event->tag_count; i++) view.tags[i] = world_tag(event->tags[i]);
    tally_core core = {.digest_algorithm = 1,
                       .position = world->event_count,
                       .version = event->version,
                       .time_us = event->time_us,
                       .batch_index = index,
                       .batch_count = count};
    if (event->version != 0) memcpy(core.stream_prev, world->hashes[event->stream], 32);
    CHECK(tally_body_encode(&view, body, sizeof body));
    size_t body_length = tally_body_length(&view);
    tally_body_digest(1, body, body_length, core.body_digest);
    tally_core_encode(&core, core_bytes);
    tally_core_event_hash(core_bytes, world->hashes[event->stream]);
    memcpy(world->last_hash, world->hashes[event->stream], 32);
    tally_frame_encode(seed, core_bytes, body, body_length, data, 16, data + 16, length, to, &crc_meta, &crc_data);
    *frames_crc = tally_mark_add_frame(*frames_crc, crc_meta, crc_data);
    return tally_frame_length(body_length, length + 16);
}

/* One commit of `count` events, at most 16, at the end of the last segment. */
static inline void world_commit(log_world *world, uint32_t count)
{
    static uint8_t bytes[32768];
    tally_segment *segment = world->segments[world->segment_count - 1];
    uint64_t start = tally_segment_end(segment);
    uint32_t crc = segment->seed;
    size_t at = 0;
    tally_mark mark = {
        .commit = world->commit_count++, .first_position = world->event_count, .count = count, .first_offset = start};
    for (uint32_t i = 0; i < count; i++) {
        known_event *event = &world->events[world->event_count];
        world_choose(world, event);
        at += world_encode(world, event, i, count, segment->seed, bytes + at, &crc);
        world->versions[event->stream]++;
        world->event_count++;
    }
    mark.frames_crc = crc ^ 0xffffffffu;
    tally_mark_encode(segment->seed, &mark, bytes + at);
    at += TALLY_MARK_BYTES;
    REQUIRE_STATUS(tally_file_write(&world->folder, segment->name, segment->file, start, bytes, at, &world->error),
                   TALLY_OK);
    atomic_store_explicit(&segment->end, start + at, memory_order_release);
}

static inline void world_append(log_world *world, uint32_t events)
{
    while (events > 0) {
        uint32_t count = 1 + roll(&world->random, 5);
        if (count > events) count = events;
        world_commit(world, count);
        events -= count;
    }
}

static inline void world_seal(log_world *world, uint32_t number)
{
    tally_segment *sealed;
    REQUIRE_STATUS(tally_seal(world->segments[number], world->map, &sealed, &world->error), TALLY_OK);
    tally_segment_release(world->segments[number]);
    world->segments[number] = sealed;
}

/* A segment opened anew from its file. */
static inline void world_reopen(log_world *world, uint32_t number)
{
    tally_segment *again;
    REQUIRE_STATUS(tally_segment_open(&world->folder, number, 0, world->check, world->map, true, &again, &world->error),
                   TALLY_OK);
    if (!again->sealed) atomic_store(&again->end, tally_segment_end(world->segments[number]));
    tally_segment_release(world->segments[number]);
    world->segments[number] = again;
}

/* Writes other bytes over one of `every` bytes of what lies behind the commits of a sealed segment, and opens it anew.
 * What is about the trailer stays. */
static inline void world_damage(log_world *world, uint32_t number, uint32_t every)
{
    tally_segment *segment = world->segments[number];
    uint64_t end = segment->trailer.table_offset;
    tally_file file;
    REQUIRE_STATUS(tally_file_open(&world->folder, segment->name, TALLY_OPEN_WRITE, &file, &world->error), TALLY_OK);
    for (uint64_t at = segment->entries[0].offset + roll(&world->random, every); at < end;
         at += 1 + roll(&world->random, 2 * every)) {
        uint8_t byte = (uint8_t)roll(&world->random, 256);
        CHECK_STATUS(tally_file_write(&world->folder, segment->name, file, at, &byte, 1, &world->error), TALLY_OK);
    }
    tally_file_close(&world->folder, &file);
    world_reopen(world, number);
}

/* Every merge that is due. */
static inline void world_merge(log_world *world)
{
    for (;;) {
        tally_run *merged = NULL;
        tally_view *view = NULL;
        size_t kept = 0;
        REQUIRE_STATUS(tally_view_new(world->platform, world->segments, world->segment_count, world->runs,
                                      world->run_count, &view, &world->error),
                       TALLY_OK);
        CHECK_STATUS(tally_run_merge(&world->folder, view, &merged, &world->error), TALLY_OK);
        tally_view_release(view);
        if (merged == NULL) return;
        for (size_t i = 0; i < world->run_count; i++) {
            if (tally_run_covers(merged, world->runs[i])) {
                tally_run_remove(world->runs[i]);
                tally_run_release(world->runs[i]);
            } else {
                world->runs[kept++] = world->runs[i];
            }
        }
        size_t at = kept++;
        for (; at > 0 && tally_run_first_segment(world->runs[at - 1]) > tally_run_first_segment(merged); at--) {
            world->runs[at] = world->runs[at - 1];
        }
        world->runs[at] = merged;
        world->run_count = kept;
    }
}

/* Lets go of the runs and looks for them on the disk again. */
static inline void world_reopen_runs(log_world *world, bool writable)
{
    tally_run **runs;
    for (size_t i = 0; i < world->run_count; i++) tally_run_release(world->runs[i]);
    world->run_count = 0;
    REQUIRE_STATUS(tally_runs_open(&world->folder, world->segments, world->segment_count, writable, &runs,
                                   &world->run_count, &world->error),
                   TALLY_OK);
    for (size_t i = 0; i < world->run_count; i++) world->runs[i] = runs[i];
    world->platform->release(world->platform->context, runs);
}

/* As world_damage; all but the header. */
static inline void world_damage_runs(log_world *world, uint32_t every)
{
    for (size_t i = 0; i < world->run_count; i++) {
        tally_file file;
        char name[TALLY_NAME_BYTES];
        uint64_t first = tally_run_first_segment(world->runs[i]);
        tally_name_run(first, first + tally_run_segment_count(world->runs[i]) - 1, name);
        REQUIRE_STATUS(tally_file_open(&world->folder, name, TALLY_OPEN_WRITE, &file, &world->error), TALLY_OK);
        for (uint64_t at = 4096 + roll(&world->random, every); at < tally_run_file_bytes(world->runs[i]);
             at += 1 + roll(&world->random, 2 * every)) {
            uint8_t byte = (uint8_t)roll(&world->random, 256);
            CHECK_STATUS(tally_file_write(&world->folder, name, file, at, &byte, 1, &world->error), TALLY_OK);
        }
        tally_file_close(&world->folder, &file);
    }
    world_reopen_runs(world, false);
}

static inline bool world_is_trusted(const log_world *world)
{
    bool trusted = true;
    for (uint32_t i = 0; i < world->segment_count; i++) {
        trusted = trusted && !atomic_load(&world->segments[i]->distrusted);
    }
    for (size_t i = 0; i < world->run_count; i++) trusted = trusted && tally_run_is_trusted(world->runs[i]);
    return trusted;
}

static inline tally_view *world_view(log_world *world)
{
    tally_view *view = NULL;
    CHECK_STATUS(tally_view_new(world->platform, world->segments, world->segment_count, world->runs, world->run_count,
                                &view, &world->error),
                 TALLY_OK);
    return view;
}

static inline void world_open(log_world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world_name_streams();
    REQUIRE_STATUS(tally_platform_memory_open(seed, &world->disk, &world->error), TALLY_OK);
    world->platform = wrap_open(world->disk);
    world->random = dice_of(seed);
    world->now_us = 1000;
    world->events = calloc(WORLD_EVENTS, sizeof *world->events);
    REQUIRE_STATUS(tally_folder_init(&world->folder, world->platform, "/s", 2, 0600, &world->error), TALLY_OK);
    REQUIRE_STATUS(tally_folder_make(&world->folder, "", &world->error), TALLY_OK);
    world_begin_segment(world);
}

/* `segments` segments, the first `sealed` of them sealed. */
static inline void world_fill(log_world *world, uint32_t segments, uint32_t events_each, uint32_t sealed)
{
    for (uint32_t i = 0; i < segments; i++) {
        if (i > 0) world_begin_segment(world);
        world_append(world, events_each);
    }
    for (uint32_t i = 0; i < sealed; i++) world_seal(world, i);
}

static inline void world_close(log_world *world)
{
    for (size_t i = 0; i < world->run_count; i++) tally_run_release(world->runs[i]);
    for (uint32_t i = 0; i < world->segment_count; i++) tally_segment_release(world->segments[i]);
    free(world->events);
    CHECK_EQ(wrap_blocks(world->platform), 0);
    CHECK_EQ(wrap_maps(world->platform), 0);
    CHECK_EQ(wrap_open_files(world->platform), 0);
    wrap_close(&world->platform);
    (void)tally_platform_memory_close(&world->disk);
}

/* ----------------------------------------------------------------------------------------- the naive */

static inline bool world_texts_equal(tally_text a, tally_text b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static inline bool world_begins(tally_text text, tally_text prefix)
{
    return text.length >= prefix.length && (prefix.length == 0 || memcmp(text.bytes, prefix.bytes, prefix.length) == 0);
}

static inline bool world_matches(const known_event *event, const tally_filter *filter)
{
    tally_text stream = world_stream(event->stream);
    tally_text type = world_type(event->type);
    if (filter->stream.length != 0 && !world_texts_equal(stream, filter->stream)) return false;
    if (!world_begins(stream, filter->stream_prefix)) return false;
    bool any = filter->type_count == 0;
    for (size_t i = 0; i < filter->type_count; i++) {
        tally_text wanted = filter->types[i];
        bool pattern = wanted.length > 2 && wanted.bytes[wanted.length - 1] == '*';
        any = any || (pattern ? world_begins(type, (tally_text){wanted.bytes, wanted.length - 1})
                              : world_texts_equal(type, wanted));
    }
    for (size_t i = 0; i < filter->tag_count; i++) {
        bool has = false;
        for (uint32_t j = 0; j < event->tag_count; j++) {
            has = has || world_texts_equal(world_tag(event->tags[j]), filter->tags[i]);
        }
        any = any && has;
    }
    return any;
}

#endif
