/* How cost grows with the log: 10^3 to 10^7 events, each size in a store of its own. */
#define _GNU_SOURCE
#include "contest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void one_size(uint64_t events)
{
    char path[1024], name[64];
    (void)snprintf(path, sizeof path, "%s", fresh_directory("growth"));
    void *log = log_ours.open(path, PROMISE_BUFFERED, SMALL);
    size_t batch = events < 1000 ? events : 1000;
    uint64_t start = now_ns();
    for (uint64_t done = 0; done < events; done += batch) log_ours.append(log, done, batch);
    double append = (double)(now_ns() - start) / (double)events;
    log_ours.close(log);

    start = now_ns();
    log = log_ours.open(path, PROMISE_BUFFERED, SMALL);
    double open = (double)(now_ns() - start) / 1e6;

    uint64_t state = 99, reads = 2000;
    for (int pass = 0; pass < 2; pass++) { /* the first pass brings it into the cache */
        start = now_ns();
        for (uint64_t i = 0; i < reads; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            (void)log_ours.read(log, (state >> 20) % events);
        }
    }
    double point = (double)(now_ns() - start) / (double)reads;
    for (int pass = 0; pass < 2; pass++) {
        start = now_ns();
        for (uint64_t i = 0; i < 200; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            (void)log_ours.page(log, (size_t)((state >> 20) % STREAMS), (state >> 30) % events);
        }
    }
    double page = (double)(now_ns() - start) / 200 / 1000;
    log_ours.close(log);

    (void)snprintf(name, sizeof name, "growth/append, %llu", (unsigned long long)events);
    figure_print(name, "ns", "ours", append);
    (void)snprintf(name, sizeof name, "growth/open, %llu", (unsigned long long)events);
    figure_print(name, "ms", "ours", open);
    (void)snprintf(name, sizeof name, "growth/point, %llu", (unsigned long long)events);
    figure_print(name, "ns", "ours", point);
    (void)snprintf(name, sizeof name, "growth/page, %llu", (unsigned long long)events);
    figure_print(name, "us", "ours", page);
    (void)fresh_directory("growth");
}

void bench_growth(uint64_t most)
{
    for (uint64_t events = 1000; events <= most; events *= 10) one_size(events);
}
