/* Durable appends: latency of one thread against a bare write and fdatasync of the same bytes, and what
 * sixteen threads get out of one sync. */
#define _GNU_SOURCE
#include "contest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define LATENCIES 400
#define ROUNDS_OF_THREADS 7

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* In turns of one append each: the device's moods hit all. */
static void bench_latency_of_one(void)
{
    const log_kind *kinds[] = {&log_ours, &log_bare, &log_sqlite, &log_lmdb, &log_batpak};
    const char *names[] = {"ours", "bare write + fdatasync", "SQLite WAL, FULL", "LMDB", BATPAK_NAME};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static double spent[KINDS][LATENCIES];
    void *logs[KINDS] = {NULL};
    char directory[64];
    for (size_t i = 0; i < KINDS; i++) {
        (void)snprintf(directory, sizeof directory, "latency-%zu", i);
        if (kinds[i]->open != NULL) logs[i] = kinds[i]->open(fresh_directory(directory), PROMISE_DURABLE, SMALL);
    }
    for (uint64_t n = 0; n < LATENCIES; n++)
        for (size_t turn = 0; turn < KINDS; turn++) {
            size_t i = (turn + n) % KINDS;
            if (logs[i] == NULL) continue;
            uint64_t start = now_ns();
            kinds[i]->append(logs[i], n, 1);
            spent[i][n] = (double)(now_ns() - start) / 1000;
        }
    for (size_t i = 0; i < KINDS; i++)
        if (logs[i] != NULL) kinds[i]->close(logs[i]);
    samples_begin("durable/one thread", "us");
    for (size_t i = 0; i < KINDS; i++)
        if (logs[i] != NULL) samples_add(names[i], spent[i], LATENCIES);
    samples_end();
    samples_begin("durable/one thread, p99", "us");
    for (size_t i = 0; i < KINDS; i++) {
        if (logs[i] == NULL) continue;
        qsort(spent[i], LATENCIES, sizeof spent[i][0], by_value);
        samples_add(names[i], &spent[i][LATENCIES * 99 / 100], 1);
    }
    samples_end();
}

typedef struct appender {
    const log_kind *kind;
    void *log;
    uint64_t count;
} appender;

static void *append_all(void *state)
{
    appender *one = state;
    for (uint64_t i = 0; i < one->count; i++) one->kind->append(one->log, i, 1);
    return NULL;
}

static double rate_of(const log_kind *kind, size_t threads, uint64_t each)
{
    enum { MOST = 64 };
    pthread_t running[MOST];
    void *log = kind->open(fresh_directory("threads"), PROMISE_DURABLE, SMALL);
    appender work = {kind, log, each};
    uint64_t start = now_ns();
    for (size_t i = 0; i < threads; i++) must(pthread_create(&running[i], NULL, append_all, &work) == 0, "a thread");
    for (size_t i = 0; i < threads; i++) (void)pthread_join(running[i], NULL);
    double rate = (double)(threads * each) * 1e9 / (double)(now_ns() - start);
    kind->close(log);
    return rate;
}

static double rate_of_batches(void)
{
    void *log = log_ours.open(fresh_directory("batches"), PROMISE_DURABLE, SMALL);
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < 200; i++) log_ours.append(log, i * 256, 256);
    double rate = 200.0 * 256 * 1e9 / (double)(now_ns() - start);
    log_ours.close(log);
    return rate;
}

void bench_durable(void)
{
    bench_latency_of_one();
    double one[ROUNDS_OF_THREADS], sixteen[ROUNDS_OF_THREADS], many[ROUNDS_OF_THREADS], batches[ROUNDS_OF_THREADS];
    for (size_t i = 0; i < ROUNDS_OF_THREADS; i++) {
        one[i] = rate_of(&log_ours, 1, 500);
        sixteen[i] = rate_of(&log_ours, 16, 300);
        many[i] = rate_of(&log_ours, 64, 100);
        batches[i] = rate_of_batches();
    }
    samples_begin("durable/threads", "events/s");
    samples_add("16 threads", sixteen, ROUNDS_OF_THREADS);
    samples_add("64 threads", many, ROUNDS_OF_THREADS);
    samples_add("one thread", one, ROUNDS_OF_THREADS);
    samples_end();
    samples_begin("durable/batches of 256", "events/s");
    samples_add("ours", batches, ROUNDS_OF_THREADS);
    samples_end();
}
