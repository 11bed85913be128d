/* Reading from a large log: points, pages anywhere, the whole, opening. The store is made once and read by
 * all rows; SQLite and LMDB get a tenth of the events, batpak a fiftieth (it holds them in memory). */
#define _GNU_SOURCE
#include "contest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/frame.h"

extern const char *base_directory;

static uint64_t events_total;
static char store_path[1024];

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static tally_store *open_store(uint32_t mode, uint32_t check)
{
    tally_store_options options = {.size = sizeof options, .mode = mode, .check = check};
    tally_store *store = NULL;
    tally_error error;
    if (tally_store_open(store_path, strlen(store_path), &options, &store, &error) != TALLY_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        stop("opening the large store");
    }
    return store;
}

/* 1000 streams; a tag of 1 in 100 events, and another one of 1 in 100 that has one of 10 in common. */
static void make_store(void)
{
    (void)snprintf(store_path, sizeof store_path, "%s", fresh_directory("large"));
    tally_store *store = open_store(0, 0);
    static tally_draft drafts[1000];
    static const tally_text tags[] = {{"batch:even", 10}, {"desk:7", 6}, {"flag:late", 9}};
    tally_append_options options = {.size = sizeof options, .durability = TALLY_BUFFERED};
    uint64_t start = now_ns();
    for (uint64_t done = 0; done < events_total; done += 1000) {
        for (uint64_t i = 0; i < 1000; i++) {
            tally_draft *draft = &drafts[i];
            *draft = (tally_draft){.size = sizeof *draft, .data = event_data(done + i), .length = SMALL};
            draft->stream.bytes = event_stream(done + i, &draft->stream.length);
            draft->type = (tally_text){EVENT_TYPE, sizeof EVENT_TYPE - 1};
            if (i % 100 == 7) draft->tags = &tags[1], draft->tag_count = i % 1000 == 7 ? 2 : 1;
            if (i % 100 == 8) draft->tags = &tags[2], draft->tag_count = 1;
        }
        tally_error error;
        if (tally_store_append_many(store, drafts, 1000, &options, NULL, &error) != TALLY_OK) stop(error.message);
    }
    tally_error error;
    must(tally_store_sync(store, &error) == TALLY_OK, "syncing");
    figure_print("read/make, per event", "ns", "ours", (double)(now_ns() - start) / (double)events_total);
    /* Sealing and merging go on in the background; what is measured is a log at rest. */
    tally_store_statistics figures = {.size = sizeof figures};
    for (int i = 0; i < 600; i++) {
        must(tally_store_statistics_get(store, &figures, NULL) == TALLY_OK, "statistics");
        if (figures.sealed_segments + 1 >= figures.segments) break;
        usleep(100000);
    }
    usleep(500000);
    must(tally_store_statistics_get(store, &figures, NULL) == TALLY_OK, "statistics");
    figure_print("read/heap, per event", "bytes", "ours", (double)figures.heap_bytes / (double)events_total);
    figure_print("read/heap", "MiB", "ours", (double)figures.heap_bytes / 1048576);
    (void)tally_store_close(&store);
    figure_print("read/disk over the data, per event", "bytes", "ours",
                 (double)directory_bytes(store_path) / (double)events_total - SMALL);
}

/* ----------------------------------------------------------------------------------------- points */

typedef struct points {
    const log_kind *kind;
    void *log;
    uint64_t count;
    uint64_t state;
} points;

static double read_points(void *state, uint64_t count)
{
    points *one = state;
    for (uint64_t i = 0; i < count; i++)
        must(one->kind->read(one->log, next_random(&one->state) % one->count) >= SMALL, "the data of an event");
    return 0;
}

typedef struct own_points {
    tally_store *store;
    uint64_t state;
    uint64_t range;
} own_points;

static double read_own_points(void *state, uint64_t count)
{
    own_points *one = state;
    _Alignas(8) uint8_t buffer[4096];
    tally_event event;
    size_t needed;
    for (uint64_t i = 0; i < count; i++)
        must(tally_store_get(one->store, next_random(&one->state) % one->range, buffer, sizeof buffer, &needed, &event,
                             NULL) == TALLY_OK &&
                 event.length == SMALL,
             "a point read");
    return 0;
}

static void *filled(const log_kind *kind, const char *directory, uint64_t events)
{
    if (kind->open == NULL) return NULL;
    void *log = kind->open(fresh_directory(directory), PROMISE_WRITTEN, SMALL);
    for (uint64_t done = 0; done < events; done += 1000) kind->append(log, done, 1000);
    return log;
}

static void bench_points(void)
{
    uint64_t fewer = events_total / 10, fewest = events_total / 50;
    points sqlite = {&log_sqlite, filled(&log_sqlite, "peer-sqlite", fewer), fewer, 99};
    points lmdb = {&log_lmdb, filled(&log_lmdb, "peer-lmdb", fewer), fewer, 99};
    points rust = {&log_batpak, filled(&log_batpak, "peer-batpak", fewest), fewest, 99};
    own_points never = {open_store(TALLY_STORE_READ_ONLY, TALLY_CHECK_NEVER), 99, events_total};
    own_points first = {open_store(TALLY_STORE_READ_ONLY, TALLY_CHECK_FIRST_TOUCH), 99, events_total};
    own_points always = {open_store(TALLY_STORE_READ_ONLY, TALLY_CHECK_ALWAYS), 99, events_total};
    own_points same = {never.store, 99, fewer};
    cell row = {.name = "read/point", .unit = "ns", .operations = 20000, .rounds = 15, .count = 6};
    row.contestants[0] = (contestant){"ours", read_own_points, &never};
    row.contestants[1] = (contestant){"ours, checked at first touch", read_own_points, &first};
    row.contestants[2] = (contestant){"ours, checked each time", read_own_points, &always};
    row.contestants[3] = (contestant){"ours, a tenth", read_own_points, &same};
    row.contestants[4] = (contestant){"SQLite", read_points, &sqlite};
    row.contestants[5] = (contestant){"LMDB", read_points, &lmdb};
    if (rust.log != NULL) row.contestants[row.count++] = (contestant){BATPAK_NAME, read_points, &rust};
    cell_run(&row);
    log_sqlite.close(sqlite.log);
    log_lmdb.close(lmdb.log);
    if (rust.log != NULL) log_batpak.close(rust.log);
    (void)tally_store_close(&never.store);
    (void)tally_store_close(&first.store);
    (void)tally_store_close(&always.store);
}

/* ------------------------------------------------------------------------------------------ pages */

typedef struct pages {
    tally_store *store;
    tally_query query;
    uint64_t state;
} pages;

/* Blocks of pages give their time in microseconds. */
static double us_since(uint64_t start_ns) { return (double)(now_ns() - start_ns) / 1000; }

static double read_pages(void *state, uint64_t count)
{
    pages *one = state;
    static tally_event events[100];
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        tally_reader *reader = NULL;
        tally_error error;
        size_t got = 0;
        tally_query query = one->query;
        query.from_position = next_random(&one->state) % (events_total - events_total / 4);
        if (tally_reader_open(one->store, &query, &reader, &error) != TALLY_OK) stop(error.message);
        if (tally_reader_next(reader, events, 100, &got, &error) != TALLY_OK) stop(error.message);
        must(got == 100, "a page of 100");
        (void)tally_reader_close(&reader);
    }
    return us_since(start);
}

static double read_pages_of_sqlite(void *state, uint64_t count)
{
    points *one = state;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < count; i++)
        must(one->kind->page(one->log, STREAMS, next_random(&one->state) % (one->count / 2)) == 100, "a page");
    return us_since(start);
}

static double read_stream_pages_of_sqlite(void *state, uint64_t count)
{
    points *one = state;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < count; i++)
        (void)one->kind->page(one->log, next_random(&one->state) % STREAMS, one->state % (one->count / 2));
    return us_since(start);
}

static void bench_pages(void)
{
    static const tally_text both[] = {{"batch:even", 10}, {"desk:7", 6}};
    tally_store *store = open_store(TALLY_STORE_READ_ONLY, TALLY_CHECK_FIRST_TOUCH);
    uint64_t fewer = events_total / 10;
    points sqlite = {&log_sqlite, filled(&log_sqlite, "peer-sqlite", fewer), fewer, 99};
    pages any = {store, {.size = sizeof(tally_query)}, 99};
    pages stream = any, tag = any, two = any, prefix = any;
    stream.query.stream = (tally_text){"account/77", 10};
    tag.query.tags = &both[1], tag.query.tag_count = 1;
    two.query.stream_prefix = (tally_text){"account/", 8};
    two.query.tags = &both[1], two.query.tag_count = 1;
    prefix.query.stream_prefix = (tally_text){"account/", 8};
    cell row = {.name = "page/contiguous", .unit = "us", .operations = 200, .rounds = 15, .count = 2};
    row.contestants[0] = (contestant){"ours", read_pages, &any};
    row.contestants[1] = (contestant){"SQLite", read_pages_of_sqlite, &sqlite};
    cell_run(&row);
    row.name = "page/by stream";
    row.contestants[0].state = &stream;
    row.contestants[1] = (contestant){"SQLite", read_stream_pages_of_sqlite, &sqlite};
    (void)log_sqlite.page(sqlite.log, 0, 0);
    cell_run(&row);
    row.count = 1;
    row.name = "page/by tag of 1 %";
    row.contestants[0].state = &tag;
    cell_run(&row);
    row.name = "page/by prefix";
    row.contestants[0].state = &prefix;
    cell_run(&row);
    row.name = "page/by prefix and tag of 1 %";
    row.contestants[0].state = &two;
    cell_run(&row);
    log_sqlite.close(sqlite.log);
    (void)tally_store_close(&store);
}

/* ------------------------------------------------------------------------------------------- whole */

static double scan_ours(void *state, uint64_t count)
{
    (void)state;
    static tally_event events[1000];
    tally_store *store = open_store(TALLY_STORE_READ_ONLY, TALLY_CHECK_ALWAYS);
    tally_reader *reader = NULL;
    tally_error error;
    size_t got;
    uint64_t seen = 0;
    must(tally_reader_open(store, NULL, &reader, &error) == TALLY_OK, "a reader");
    uint64_t start = now_ns();
    do {
        if (tally_reader_next(reader, events, 1000, &got, &error) != TALLY_OK) stop(error.message);
        seen += got;
    } while (got > 0 && seen < count);
    double spent = (double)(now_ns() - start) * ((double)count / (double)seen);
    (void)tally_store_close(&store);
    return spent;
}

typedef struct verifier {
    uint32_t threads;
} verifier;

static double verify_ours(void *state, uint64_t count)
{
    const verifier *one = state;
    tally_verify_options options = {.size = sizeof options, .threads = one->threads};
    tally_verify_report report;
    uint64_t start = now_ns();
    must(tally_verify(store_path, strlen(store_path), &options, &report, NULL) == TALLY_OK, "verifying");
    must(report.intact == 1 && report.events == events_total, "a whole store");
    return (double)(now_ns() - start) * ((double)count / (double)events_total);
}

/* The digests of data, body and core of as many events, and nothing else. */
static double digests_alone(void *state, uint64_t count)
{
    (void)state;
    uint8_t body[160] = {1}, core[TALLY_CORE_BYTES] = {2}, digest[32], salt[TALLY_SALT_BYTES] = {3};
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_DATA, salt, sizeof salt, event_data(i), SMALL, digest);
        memcpy(body, digest, 32);
        tally_body_digest(TALLY_DIGEST_SHA256, body, 135, digest);
        memcpy(core + 80, digest, 32);
        tally_core_event_hash(core, digest);
    }
    return (double)(now_ns() - start);
}

static void bench_whole(void)
{
    cell row = {.name = "scan/checksums", .unit = "ns", .operations = events_total, .rounds = 3, .count = 1};
    row.contestants[0] = (contestant){"ours", scan_ours, NULL};
    cell_run(&row);
    row.name = "scan/full verification";
    row.count = 3;
    verifier one = {1}, two = {2};
    row.contestants[0] = (contestant){"ours", verify_ours, &one};
    row.contestants[1] = (contestant){"ours, two threads", verify_ours, &two};
    row.contestants[2] = (contestant){"bare digests", digests_alone, NULL};
    cell_run(&row);
}

/* ------------------------------------------------------------------------------------------ opening */

static double resident_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[256] = "";
    char *second = line;
    if (file == NULL) return 0;
    if (fgets(line, sizeof line, file) != NULL) (void)strtoul(line, &second, 10);
    (void)fclose(file);
    return (double)strtoul(second, NULL, 10) * 4096 / 1048576;
}

static double open_ms(uint32_t mode)
{
    uint64_t start = now_ns();
    tally_store *store = open_store(mode, 0);
    double spent = (double)(now_ns() - start) / 1e6;
    (void)tally_store_close(&store);
    return spent;
}

static double open_peer_ms(uint64_t events)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/peer-batpak", base_directory);
    (void)events;
    uint64_t start = now_ns();
    void *log = log_batpak.open(path, PROMISE_WRITTEN, SMALL);
    double spent = (double)(now_ns() - start) / 1e6;
    log_batpak.close(log);
    return spent;
}

/* A child opens for writing, appends, and is killed: no clean close. */
static void crash(void)
{
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        execl("/proc/self/exe", "store", "crash", base_directory, (char *)NULL);
        _exit(127);
    }
    int status;
    must(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "a crash");
}

static void bench_open(void)
{
    enum { TURNS = 7 };
    double warm[TURNS], reader[TURNS], cold[TURNS], crashed[TURNS], peer[TURNS];
    double before = resident_mib();
    tally_store *store = open_store(0, 0);
    figure_print("open/resident", "MiB", "ours", resident_mib() - before);
    (void)tally_store_close(&store);
    bool forgets = true;
    for (size_t i = 0; i < TURNS; i++) {
        warm[i] = open_ms(0);
        reader[i] = open_ms(TALLY_STORE_READ_ONLY);
        forgets = forget_cache(store_path) && forgets;
        cold[i] = open_ms(0);
        crash();
        crashed[i] = open_ms(0);
        if (has_batpak()) peer[i] = open_peer_ms(events_total / 50);
    }
    samples_begin("open", "ms");
    samples_add("ours", warm, TURNS);
    samples_add("ours, read-only", reader, TURNS);
    if (forgets) samples_add("ours, cold", cold, TURNS);
    samples_add("ours, after a crash", crashed, TURNS);
    if (has_batpak()) samples_add(BATPAK_NAME ", a fiftieth", peer, TURNS);
    samples_end();
}

void bench_read(uint64_t events)
{
    events_total = events;
    make_store();
    bench_points();
    bench_pages();
    bench_whole();
    bench_open();
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"large", "peer-sqlite", "peer-lmdb"};
        (void)fresh_directory(names[i]);
    }
}
