/* Appending without a sync: one by one, and in batches. The contestants take turns, a block each. */
#include "contest.h"

#include <pthread.h>
#include <stdio.h>

typedef struct side {
    const log_kind *kind;
    void *log;
    uint64_t next;
    size_t batch;
} side;

static double run_side(void *state, uint64_t count)
{
    side *one = state;
    for (uint64_t done = 0; done < count; done += one->batch) {
        one->kind->append(one->log, one->next, one->batch);
        one->next += one->batch;
    }
    return 0;
}

typedef struct entry {
    const log_kind *kind;
    promise wanted;
    const char *name;
} entry;

/* Blocks of at least two of the longest intervals at which somebody does work in bulk. */
static void contest(const char *name, size_t batch, size_t data_bytes, const entry *entries, size_t count,
                    uint64_t operations, size_t rounds)
{
    side sides[CONTESTANTS_MAX];
    cell row = {.name = name, .unit = "ns", .operations = operations, .rounds = rounds};
    for (size_t i = 0; i < count; i++) {
        if (entries[i].kind->open == NULL) continue;
        side *one = &sides[row.count];
        char directory[64];
        (void)snprintf(directory, sizeof directory, "append-%zu", i);
        *one = (side){entries[i].kind, NULL, 0, batch};
        one->log = one->kind->open(fresh_directory(directory), entries[i].wanted, data_bytes);
        row.contestants[row.count++] = (contestant){entries[i].name, run_side, one};
    }
    cell_run(&row);
    for (size_t i = 0; i < row.count; i++) sides[i].kind->close(sides[i].log);
    for (size_t i = 0; i < count; i++) {
        char directory[64];
        (void)snprintf(directory, sizeof directory, "append-%zu", i);
        (void)fresh_directory(directory);
    }
}

#define CONTEST(name, batch, bytes, operations, rounds, ...)                                        \
    do {                                                                                            \
        const entry entries[] = {__VA_ARGS__};                                                      \
        contest(name, batch, bytes, entries, sizeof entries / sizeof *entries, operations, rounds); \
    } while (0)

/* ------------------------------------------------------------------------------------ two threads */

typedef struct crew {
    const log_kind *kind;
    void *log;
    uint64_t count;
    int cpu;
} crew;

static void *member(void *state)
{
    crew *one = state;
    pin_to(one->cpu);
    for (uint64_t i = 0; i < one->count; i++) one->kind->append(one->log, i, 1);
    return NULL;
}

static double crew_rate(size_t threads, uint64_t each, size_t data_bytes)
{
    int cpu[2];
    int have = cpus(cpu);
    crew members[2];
    pthread_t running[2];
    void *log = log_ours.open(fresh_directory("crew"), PROMISE_BUFFERED, data_bytes);
    uint64_t start = now_ns();
    for (size_t i = 0; i < threads; i++) {
        members[i] = (crew){&log_ours, log, each, cpu[(int)i < have ? (int)i : 0]};
        must(pthread_create(&running[i], NULL, member, &members[i]) == 0, "a thread");
    }
    for (size_t i = 0; i < threads; i++) (void)pthread_join(running[i], NULL);
    double rate = (double)(threads * each) * 1e9 / (double)(now_ns() - start);
    log_ours.close(log);
    return rate;
}

static void bench_crew(void)
{
    enum { ROUNDS_OF_CREW = 7 };
    double one[ROUNDS_OF_CREW], two[ROUNDS_OF_CREW];
    for (size_t i = 0; i < ROUNDS_OF_CREW; i++) {
        one[i] = crew_rate(1, 20000, LARGE);
        two[i] = crew_rate(2, 10000, LARGE);
    }
    samples_begin("append/4 KiB, threads", "events/s");
    samples_add("two threads", two, ROUNDS_OF_CREW);
    samples_add("one thread", one, ROUNDS_OF_CREW);
    samples_end();
}

void bench_append(void)
{
    CONTEST("append/buffered, one by one", 1, SMALL, 100000, 15, {&log_ours, PROMISE_BUFFERED, "ours"},
            {&log_bare, PROMISE_BUFFERED, "bare loop"});
    CONTEST("append/buffered, batches of 1000", 1000, SMALL, 100000, 15, {&log_ours, PROMISE_BUFFERED, "ours"},
            {&log_bare, PROMISE_BUFFERED, "bare loop"});
    CONTEST("append/written, one by one", 1, SMALL, 4000, 25, {&log_ours, PROMISE_WRITTEN, "ours"},
            {&log_bare, PROMISE_WRITTEN, "bare loop"}, {&log_sqlite, PROMISE_WRITTEN, "SQLite WAL, OFF"},
            {&log_sqlite, PROMISE_NORMAL, "SQLite WAL, NORMAL"}, {&log_lmdb, PROMISE_WRITTEN, "LMDB NOSYNC"},
            {&log_batpak, PROMISE_WRITTEN, BATPAK_NAME});
    CONTEST("append/written, batches of 1000", 1000, SMALL, 20000, 25, {&log_ours, PROMISE_WRITTEN, "ours"},
            {&log_bare, PROMISE_WRITTEN, "bare loop"}, {&log_sqlite, PROMISE_WRITTEN, "SQLite WAL, OFF"},
            {&log_sqlite, PROMISE_NORMAL, "SQLite WAL, NORMAL"}, {&log_lmdb, PROMISE_WRITTEN, "LMDB NOSYNC"});
    /* batpak syncs every batch, so ours does too. */
    CONTEST("append/durable, batches of 1000", 1000, SMALL, 10000, 15, {&log_ours, PROMISE_DURABLE, "ours"},
            {&log_sqlite, PROMISE_DURABLE, "SQLite WAL, FULL"}, {&log_lmdb, PROMISE_DURABLE, "LMDB"},
            {&log_batpak, PROMISE_DURABLE, BATPAK_NAME});
    bench_crew();
}

void bench_single(void)
{
    CONTEST("append/buffered, one by one", 1, SMALL, 10000, 11, {&log_ours, PROMISE_BUFFERED, "C"});
}
