/* Whole scenarios with the k-th call of each sort failing, for every k: once, and for ever after. Nothing crashes,
 * hangs, leaks or lies: the store opens again, has what was acknowledged and nothing that was refused, also after a
 * power cut, and fsck finds nothing wrong.
 *
 * TALLY_ONLY=<k> runs the k-th failure of each loop alone. */
#include <stdlib.h>

#include <tallystick/append.h>
#include <tallystick/reader.h>
#include <tallystick/upkeep.h>

#include "platform/memory.h"
#include "test.h"
#include "wrap/wrap.h"

#define TOLD_MAX 64u
#define RUNS_MAX 4000u

static tally_error error;
static uint32_t open_flags = TALLY_STORE_NO_THREAD;

/* ------------------------------------------------------------------------------------- what was said */

/* One append of the scenario: whether, and how safely, it was acknowledged. */
typedef struct told {
    tally_uuid id;
    tally_status status;
    uint32_t level;
    uint64_t position;
} told;

typedef struct history {
    told list[TOLD_MAX];
    uint32_t count;
    bool closed_well; /* sync answered OK at the end */
} history;

static tally_uuid id_of(uint32_t number)
{
    tally_uuid id = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80}};
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)(number + 1);
    return id;
}

static bool lies_open(const tally_status status) { return status == TALLY_E_IO || status == TALLY_E_POISONED; }

static tally_status tell(history *past, tally_store *store, uint32_t count, size_t length, uint32_t level,
                         const char *key)
{
    static uint8_t data[40000];
    tally_draft drafts[4];
    tally_receipt receipts[4];
    tally_text tags[2] = {{"k:1", 3}, {"k:2", 3}};
    char text[4][32];
    memset(drafts, 0, sizeof drafts);
    memset(data, (int)('a' + past->count % 26), length);
    for (uint32_t i = 0; i < count; i++) {
        drafts[i] = (tally_draft){.size = sizeof drafts[i], .stream = {"s/1", 3}, .type = {"t.made", 6}};
        drafts[i].data = data;
        drafts[i].length = length;
        drafts[i].tags = tags;
        drafts[i].tag_count = i % 3;
        drafts[i].id = id_of(past->count + i);
        if (key == NULL) continue;
        int size = snprintf(text[i], sizeof text[i], "%s%" PRIu32, key, i);
        drafts[i].idempotency_key = (tally_text){text[i], (size_t)size};
    }
    tally_append_options options = {.size = sizeof options, .durability = level};
    tally_status status = tally_store_append_many(store, drafts, count, &options, receipts, &error);
    CHECK_STATUS(error.status, status);
    for (uint32_t i = 0; i < count; i++) {
        past->list[past->count++] = (told){drafts[i].id, status, level, status == TALLY_OK ? receipts[i].position : 0};
        if (status == TALLY_OK && i > 0) CHECK_EQ(receipts[i].position, receipts[i - 1].position + 1);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ what is there now */

static void no_finding(const tally_platform *world, const char *path)
{
    tally_fsck_report report;
    tally_upkeep_options options = {.size = sizeof options, .platform = world};
    REQUIRE_STATUS(tally_fsck(path, strlen(path), &options, NULL, &report, &error), TALLY_OK);
    CHECK_EQ(report.indexes, 0);
    CHECK_EQ(report.bad_events, 0);
    CHECK_EQ(report.structure, 0);
}

static tally_store *open_on(const tally_platform *world, const char *path, uint32_t mode, tally_status *status)
{
    tally_store *store = NULL;
    tally_store_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .flags = open_flags,
                                   .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                   .platform = world};
    *status = tally_store_open(path, strlen(path), &options, &store, &error);
    CHECK_STATUS(error.status, *status);
    CHECK_EQ(store != NULL, *status == TALLY_OK);
    return store;
}

static bool same_id(const tally_uuid *a, const tally_uuid *b) { return memcmp(a, b, sizeof *a) == 0; }

/* All that is in the log was said, in this order; what was acknowledged at `level` or above is there. */
static void compare_with(const history *past, tally_store *store, uint32_t level)
{
    static tally_event events[16];
    tally_reader *reader = NULL;
    size_t count = 1;
    uint32_t next = 0;
    uint64_t position = 0;
    REQUIRE_STATUS(tally_reader_open(store, NULL, &reader, &error), TALLY_OK);
    while (count > 0 && !test_has_failed()) {
        CHECK_STATUS(tally_reader_next(reader, events, 16, &count, &error), TALLY_OK);
        for (size_t i = 0; i < count && !test_has_failed(); i++) {
            CHECK_EQ(events[i].position, position++);
            if (events[i].flags & TALLY_EVENT_SYSTEM) continue;
            for (; next < past->count && !same_id(&past->list[next].id, &events[i].id); next++) {
                const told *missing = &past->list[next];
                if (missing->status == TALLY_OK) CHECK(missing->level < level);
            }
            REQUIRE(next < past->count);
            const told *found = &past->list[next++];
            /* What was refused is not there; what failed may be. */
            if (found->status != TALLY_OK) CHECK(lies_open(found->status));
        }
    }
    for (; next < past->count; next++) {
        if (past->list[next].status == TALLY_OK) CHECK(past->list[next].level < level);
    }
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
}

static bool was_anything_promised(const history *past, uint32_t level)
{
    for (uint32_t i = 0; i < past->count; i++) {
        if (past->list[i].status == TALLY_OK && past->list[i].level >= level) return true;
    }
    return false;
}

/* The store opens, has what it must, goes on, closes, and nothing is wrong with its files. */
static void check_world(const history *past, const tally_platform *world, uint32_t level)
{
    tally_status status;
    tally_store *store = open_on(world, "/store", TALLY_STORE_EXISTING, &status);
    if (status == TALLY_E_NOT_FOUND && !was_anything_promised(past, level)) return;
    REQUIRE_STATUS(status, TALLY_OK);
    compare_with(past, store, level);
    history more = {.count = 50};
    CHECK_STATUS(tell(&more, store, 2, 100, TALLY_DURABLE, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    no_finding(world, "/store");
}

static void check_after_power_cut(const history *past, const tally_platform *world)
{
    tally_platform *after = NULL;
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    check_world(past, after, TALLY_DURABLE);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
}

/* ------------------------------------------------------------------------------------------ the loops */

typedef struct sort {
    const char *name;
    wrap_fault fault;
} sort;

#define MISHAPS                                                                                                       \
    (WRAP_BIT(WRAP_START_THREAD) | WRAP_BIT(WRAP_LOCK_FILE) | WRAP_BIT(WRAP_IS_REMOTE) |                              \
     WRAP_BIT(WRAP_WALL_CLOCK_US) | WRAP_BIT(WRAP_BOOT_ID) | WRAP_BIT(WRAP_HOST_NAME) | WRAP_BIT(WRAP_RANDOM_BYTES) | \
     WRAP_BIT(WRAP_MUTEX_INIT) | WRAP_BIT(WRAP_CONDITION_INIT))

static const sort sorts[] = {
    {"memory", {.calls = WRAP_MEMORY, .kind = WRAP_FAIL}},
    {"reads", {.calls = WRAP_READS, .kind = WRAP_FAIL}},
    {"writes", {.calls = WRAP_WRITES, .kind = WRAP_FAIL}},
    {"no space for writes", {.calls = WRAP_WRITES, .kind = WRAP_FAIL, .status = TALLY_E_NO_SPACE, .os_error = 28}},
    {"torn writes", {.calls = WRAP_WRITES, .kind = WRAP_TEAR, .bytes = 100}},
    {"short writes", {.calls = WRAP_WRITES, .kind = WRAP_SHORT, .bytes = 9}},
    {"short reads", {.calls = WRAP_BIT(WRAP_READ_AT), .kind = WRAP_SHORT, .bytes = 9}},
    {"sizes", {.calls = WRAP_SIZES, .kind = WRAP_FAIL}},
    {"no space", {.calls = WRAP_SIZES, .kind = WRAP_FAIL, .status = TALLY_E_NO_SPACE, .os_error = 28}},
    {"syncs", {.calls = WRAP_SYNCS, .kind = WRAP_FAIL}},
    {"torn syncs", {.calls = WRAP_BIT(WRAP_SYNC_DATA), .kind = WRAP_TEAR, .bytes = 512}},
    {"names", {.calls = WRAP_NAMES, .kind = WRAP_FAIL}},
    {"denied", {.calls = WRAP_NAMES, .kind = WRAP_FAIL, .status = TALLY_E_DENIED, .os_error = 13}},
    {"mishaps", {.calls = MISHAPS, .kind = WRAP_FAIL}},
};

/* What a scenario is given: the platform that fails, and the world behind it, which does not. */
typedef void (*scenario)(const tally_platform *failing, const tally_platform *world, history *past);

/* Runs a scenario in a copy of `before`, with one failure; false when it met none. */
static bool run_once(const tally_platform *before, scenario act, scenario check, const wrap_fault *fault)
{
    tally_platform *world = NULL;
    history past = {.count = 0};
    if (before == NULL) CHECK_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    else CHECK_STATUS(tally_memory_copy(before, &world, NULL), TALLY_OK);
    if (test_has_failed()) return false;
    tally_platform *failing = wrap_open(world);
    wrap_fault_set(failing, fault);
    act(failing, world, &past);
    bool hit = wrap_fault_hit(failing);
    wrap_fault_set(failing, NULL);
    CHECK_EQ(wrap_blocks(failing), 0);
    CHECK_EQ(wrap_open_files(failing), 0);
    CHECK_EQ(wrap_maps(failing), 0);
    CHECK_EQ(wrap_threads(failing), 0);
    if (!test_has_failed()) check(failing, world, &past);
    wrap_close(&failing);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
    return hit;
}

static void each_failure(const tally_platform *before, scenario act, scenario check)
{
    const char *only = getenv("TALLY_ONLY");
    for (size_t s = 0; s < sizeof sorts / sizeof *sorts && !test_has_failed(); s++) {
        for (uint32_t again = 0; again < 2 && !test_has_failed(); again++) {
            wrap_fault fault = sorts[s].fault;
            fault.for_ever = again != 0;
            bool hit = true;
            if (only != NULL) fault.skip = strtoull(only, NULL, 10);
            for (uint32_t k = 0; hit && k < RUNS_MAX && !test_has_failed(); k++) {
                if (only == NULL) fault.skip = k;
                hit = run_once(before, act, check, &fault);
                if (test_has_failed()) {
                    printf("#   %s, %s, k = %" PRIu64 "; last error: %s %s (%s)\n", sorts[s].name,
                           fault.for_ever ? "for ever" : "once", fault.skip, tally_status_name(error.status),
                           error.message, error.path);
                }
                if (only != NULL) break;
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------ scenarios */

static void do_background_work(tally_store *store)
{
    int32_t more = 1;
    for (uint32_t i = 0; more != 0 && i < 100; i++) {
        if (tally_store_tick(store, &more, &error) != TALLY_OK) return;
    }
}

static bool is_finished(tally_store *store) { return tally_store_sync(store, NULL) == TALLY_E_POISONED; }

/* Reads all there is; with a failure anything may fail, but what is given is right. */
static void read_all(const history *past, tally_store *store)
{
    static tally_event events[8];
    static _Alignas(8) uint8_t buffer[65536];
    tally_reader *reader = NULL;
    tally_text tags[] = {{"k:1", 3}};
    tally_query query = {.size = sizeof query, .tags = tags, .tag_count = 1};
    size_t count = 1, needed;
    uint64_t position;
    tally_watermarks marks = {0};
    (void)tally_store_watermarks(store, &marks, &error);
    if (tally_reader_open(store, &query, &reader, &error) == TALLY_OK) {
        while (count > 0 && tally_reader_next(reader, events, 8, &count, &error) == TALLY_OK) {
            for (size_t i = 0; i < count; i++) CHECK(events[i].tag_count > 0);
        }
    }
    CHECK_STATUS(tally_reader_close(&reader), TALLY_OK);
    for (uint32_t i = 0; i < past->count; i++) {
        tally_event event;
        if (past->list[i].status != TALLY_OK) continue;
        if (tally_store_find_id(store, &past->list[i].id, &position, &error) != TALLY_OK) {
            /* A handle that is finished reads what is durable. */
            CHECK(error.status != TALLY_E_DAMAGED);
            if (error.status == TALLY_E_NOT_FOUND) CHECK(past->list[i].position >= marks.durable && is_finished(store));
            continue;
        }
        CHECK_EQ(position, past->list[i].position);
        if (tally_store_get(store, position, buffer, sizeof buffer, &needed, &event, &error) == TALLY_OK) {
            CHECK(same_id(&event.id, &past->list[i].id));
        } else {
            CHECK(error.status != TALLY_E_DAMAGED);
            if (error.status == TALLY_E_RANGE) CHECK(position >= marks.durable && is_finished(store));
        }
    }
    tally_listed items[4];
    char text[1024];
    tally_text none = {NULL, 0};
    (void)tally_store_list(store, TALLY_LIST_TAGS, none, none, items, 4, text, sizeof text, &count, &error);
}

static void live(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)world;
    tally_status status;
    tally_store *store = open_on(failing, "/store", TALLY_STORE_OPEN_OR_CREATE, &status);
    if (store == NULL) return;
    (void)tell(past, store, 1, 20, TALLY_DURABLE, "first");
    (void)tell(past, store, 3, 300, TALLY_BUFFERED, NULL);
    (void)tell(past, store, 1, 20, TALLY_WRITTEN, NULL);
    (void)tell(past, store, 1, 39000, TALLY_BUFFERED, "big");
    (void)tell(past, store, 1, 39000, TALLY_DURABLE, NULL); /* in the next segment */
    do_background_work(store);
    (void)tell(past, store, 2, 30000, TALLY_WRITTEN, NULL); /* and the next */
    read_all(past, store);
    do_background_work(store);
    (void)tell(past, store, 1, 10, TALLY_BUFFERED, NULL);
    read_all(past, store);
    past->closed_well = tally_store_sync(store, &error) == TALLY_OK;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

static void what_lived(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)failing;
    if (past->closed_well) {
        for (uint32_t i = 0; i < past->count; i++) past->list[i].level = TALLY_DURABLE;
    }
    check_after_power_cut(past, world);
    if (!test_has_failed()) check_world(past, world, TALLY_WRITTEN);
}

TEST(a_life_with_every_failure) { each_failure(NULL, live, what_lived); }

/* Which call of the background thread's fails is left to chance; whichever does, the rules are the same. */
TEST(a_life_with_a_background_thread_and_failures)
{
    open_flags = 0;
    each_failure(NULL, live, what_lived);
    open_flags = TALLY_STORE_NO_THREAD;
}

/* A world with a store in it that has sealed and unsealed segments; not closed cleanly when `crashed`. */
static tally_platform *world_with_store(history *past, bool crashed)
{
    tally_platform *world = NULL;
    tally_platform *killed = NULL;
    tally_status status;
    past->count = 0;
    CHECK_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    tally_store *store = open_on(world, "/store", TALLY_STORE_NEW, &status);
    for (uint32_t i = 0; i < 5; i++) CHECK_STATUS(tell(past, store, 2, 15000, TALLY_DURABLE, NULL), TALLY_OK);
    do_background_work(store);
    CHECK_STATUS(tell(past, store, 2, 30000, TALLY_WRITTEN, "key"), TALLY_OK);
    CHECK_STATUS(tell(past, store, 3, 50, TALLY_WRITTEN, NULL), TALLY_OK);
    if (crashed) CHECK_STATUS(tally_memory_copy(world, &killed, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    if (!crashed) return world;
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
    return killed;
}

static history before;

static void reopen(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)world;
    tally_status status;
    *past = before;
    tally_store *store = open_on(failing, "/store", TALLY_STORE_EXISTING, &status);
    if (store == NULL) {
        CHECK(status != TALLY_E_DAMAGED && status != TALLY_E_FORMAT && status != TALLY_E_NOT_FOUND);
        return;
    }
    /* An open that came back calls all that it found durable. */
    for (uint32_t i = 0; i < past->count; i++) past->list[i].level = TALLY_DURABLE;
    read_all(past, store);
    (void)tell(past, store, 1, 20000, TALLY_DURABLE, "again");
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

TEST(opening_after_a_crash_with_every_failure)
{
    tally_platform *world = world_with_store(&before, true);
    each_failure(world, reopen, what_lived);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

TEST(opening_after_a_clean_close_with_every_failure)
{
    tally_platform *world = world_with_store(&before, false);
    for (uint32_t i = 0; i < before.count; i++) before.list[i].level = TALLY_DURABLE;
    each_failure(world, reopen, what_lived);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

/* A reader in another process, while the writer goes on. */
static void follow(const tally_platform *failing, const tally_platform *world, history *past)
{
    tally_status status;
    *past = before;
    tally_store *writer = open_on(world, "/store", TALLY_STORE_EXISTING, &status);
    REQUIRE(writer != NULL);
    tally_store *reader = open_on(failing, "/store", TALLY_STORE_READ_ONLY, &status);
    if (reader == NULL) CHECK(status != TALLY_E_DAMAGED && status != TALLY_E_FORMAT && status != TALLY_E_NOT_FOUND);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_STATUS(tell(past, writer, 2, 15000, TALLY_WRITTEN, NULL), TALLY_OK);
        if (i == 1) do_background_work(writer);
        if (reader != NULL) read_all(&before, reader);
        if (reader != NULL) (void)tally_store_wait(reader, TALLY_WRITTEN, past->count - 1, 20, &error);
    }
    CHECK_STATUS(tally_store_close(&reader), TALLY_OK);
    CHECK_STATUS(tally_store_close(&writer), TALLY_OK);
}

TEST(following_with_every_failure)
{
    tally_platform *world = world_with_store(&before, false);
    for (uint32_t i = 0; i < before.count; i++) before.list[i].level = TALLY_DURABLE;
    each_failure(world, follow, what_lived);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static void back_up(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)world;
    tally_status status;
    tally_backup_report report;
    *past = before;
    tally_store *store = open_on(failing, "/store", TALLY_STORE_EXISTING, &status);
    if (store == NULL) return;
    if (tally_store_backup(store, "/copy", 5, NULL, &report, &error) == TALLY_OK) past->closed_well = true;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

static void what_was_backed_up(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)failing;
    tally_status status;
    for (uint32_t i = 0; i < past->count; i++) past->list[i].level = TALLY_DURABLE;
    if (past->closed_well) {
        tally_platform *after = NULL;
        CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
        no_finding(after, "/copy");
        tally_store *copy = open_on(after, "/copy", TALLY_STORE_EXISTING, &status);
        REQUIRE_STATUS(status, TALLY_OK);
        compare_with(past, copy, TALLY_DURABLE);
        CHECK_STATUS(tally_store_close(&copy), TALLY_OK);
        CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    }
    check_world(past, world, TALLY_DURABLE);
}

TEST(a_backup_with_every_failure)
{
    tally_platform *world = world_with_store(&before, false);
    each_failure(world, back_up, what_was_backed_up);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static uint64_t events_before;

/* Whatever fails, fsck does not find what is not there: what is amiss began with bytes that could not be read. */
static int32_t first_unreadable(void *user_data, const tally_finding *finding)
{
    uint32_t *findings = user_data;
    /* An index that could not be read when its segment was opened is one that cannot be used. */
    if (finding->severity > TALLY_FINDING_INDEX && (*findings)++ == 0) CHECK_STATUS(finding->status, TALLY_E_IO);
    return 0;
}

static void check_files(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)world;
    *past = before;
    tally_fsck_report report;
    uint32_t findings = 0;
    tally_upkeep_options options = {.size = sizeof options, .platform = failing, .user_data = &findings};
    if (tally_fsck("/store", 6, &options, first_unreadable, &report, &error) != TALLY_OK) return;
    if (report.bad_events + report.structure == 0) CHECK_EQ(report.events, events_before);
}

TEST(fsck_with_every_failure)
{
    tally_platform *world = world_with_store(&before, false);
    events_before = before.count;
    for (uint32_t i = 0; i < before.count; i++) before.list[i].level = TALLY_DURABLE;
    each_failure(world, check_files, what_lived);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

/* Bytes in the middle of the first segment are turned. */
static void damage(const tally_platform *world)
{
    tally_file file;
    int32_t os_error;
    size_t done;
    static const char *const path = "/store/00000000.00.seg";
    REQUIRE_STATUS(world->open_file(world->context, path, TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0, &file, &os_error),
                   TALLY_OK);
    CHECK_STATUS(world->write_at(world->context, file, "damage", 6, 20000, &done, &os_error), TALLY_OK);
    CHECK_STATUS(world->sync_data(world->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(world->close_file(world->context, file, &os_error), TALLY_OK);
}

static void salvage(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)world;
    *past = before;
    tally_salvage_report report;
    tally_upkeep_options options = {.size = sizeof options, .platform = failing};
    past->closed_well = tally_salvage("/store", 6, "/new", 4, &options, &report, &error) == TALLY_OK;
    if (past->closed_well) CHECK_EQ(report.copied + report.lost, before.count);
}

static void what_was_salvaged(const tally_platform *failing, const tally_platform *world, history *past)
{
    (void)failing;
    tally_status status;
    if (!past->closed_well) return;
    no_finding(world, "/new");
    tally_store *copy = open_on(world, "/new", TALLY_STORE_EXISTING, &status);
    REQUIRE_STATUS(status, TALLY_OK);
    compare_with(past, copy, TALLY_DURABLE + 1); /* what is lost, is */
    CHECK_STATUS(tally_store_close(&copy), TALLY_OK);
}

TEST(salvage_with_every_failure)
{
    tally_platform *world = world_with_store(&before, false);
    damage(world);
    each_failure(world, salvage, what_was_salvaged);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}
