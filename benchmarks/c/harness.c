#define _GNU_SOURCE
#include "harness.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define ROUNDS 41
#define BLOCK_NS 500000.0

void stop(const char *what)
{
    (void)fprintf(stderr, "benchmark: %s failed\n", what);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)
uint64_t now_ticks(void)
{
    unsigned int processor;
    return __rdtscp(&processor);
}
double tick_ns(void)
{
    uint64_t start_ns = now_ns();
    uint64_t start = now_ticks();
    while (now_ns() - start_ns < 20000000) {
    }
    uint64_t end = now_ticks();
    return (double)(now_ns() - start_ns) / (double)(end - start);
}
#else
uint64_t now_ticks(void) { return now_ns(); }
double tick_ns(void) { return 1.0; }
#endif

int cpus(int numbers[2])
{
    static cpu_set_t allowed;
    static bool known;
    if (!known) must(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
    known = true;
    int count = 0;
    for (int i = CPU_SETSIZE - 1; i >= 0 && count < 2; i--)
        if (CPU_ISSET((size_t)i, &allowed)) numbers[count++] = i;
    return count;
}

void pin_to(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

static double block_ns(const contestant *who, uint64_t operations)
{
    uint64_t start = now_ns();
    double own = who->run(who->state, operations);
    return own > 0 ? own : (double)(now_ns() - start);
}

/* As many operations as fill a block for the slowest contestant; all get the same number. */
static uint64_t calibrate(const cell *row)
{
    uint64_t operations = 1000000;
    for (size_t i = 0; i < row->count; i++) {
        uint64_t count = 8;
        double spent = block_ns(&row->contestants[i], count);
        while (spent < BLOCK_NS / 4 && count < 1000000) {
            count *= 2;
            spent = block_ns(&row->contestants[i], count);
        }
        double fit = BLOCK_NS / spent * (double)count;
        if (fit < (double)operations) operations = fit < 8 ? 8 : (uint64_t)fit;
    }
    return operations;
}

static bool first_sample;

void samples_begin(const char *name, const char *unit)
{
    printf("{\"name\": \"%s\", \"unit\": \"%s\", \"samples\": {", name, unit);
    first_sample = true;
}

void samples_add(const char *who, const double *values, size_t count)
{
    printf("%s\"%s\": [", first_sample ? "" : ", ", who);
    first_sample = false;
    for (size_t i = 0; i < count; i++) printf("%s%.3f", i == 0 ? "" : ", ", values[i]);
    printf("]");
}

void samples_end(void)
{
    printf("}}\n");
    (void)fflush(stdout);
}

void figure_print(const char *name, const char *unit, const char *who, double value)
{
    samples_begin(name, unit);
    samples_add(who, &value, 1);
    samples_end();
}

void cell_run(const cell *row)
{
    static double samples[CONTESTANTS_MAX][ROUNDS_MAX];
    size_t rounds = row->rounds != 0 ? row->rounds : ROUNDS;
    must(rounds <= ROUNDS_MAX && row->count <= CONTESTANTS_MAX, "the size of a cell");
    uint64_t operations = row->operations != 0 ? row->operations : calibrate(row);
    /* Round -1 warms up; the order rotates, so that nobody is always first after somebody else. */
    for (size_t round = 0; round <= rounds; round++) {
        for (size_t turn = 0; turn < row->count; turn++) {
            size_t i = (turn + round) % row->count;
            double spent = block_ns(&row->contestants[i], operations) / (double)operations;
            if (round > 0) samples[i][round - 1] = spent;
        }
    }
    samples_begin(row->name, row->unit);
    for (size_t i = 0; i < row->count; i++) samples_add(row->contestants[i].name, samples[i], rounds);
    samples_end();
}
