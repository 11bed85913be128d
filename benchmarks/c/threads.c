/* Two threads that notify at once: how much more two do than one, for the bare loop, for us and for the
 * peer; with a writer beside them; with one counter that all handlers fight for. Rates are per thread, over the
 * thread's own time, and added up. */
#define _GNU_SOURCE
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "peer.h"

#define HANDLERS 4
#define ROUNDS 31
#define THREADS 2
#define ROUND_NS 4000000u
#define BATCH 256
#define WRITER_PERIOD_NS 1000000u
#define LATENCY_PERIOD_NS 100000u

typedef struct runner {
    pthread_barrier_t *barrier;
    block run;
    void *state;
    int cpu;
    double rate; /* operations per second */
} runner;

/* A writer changes the list, then sleeps; for the bare loop it copies a list of the same size. */
typedef struct writer {
    void (*write)(void *state);
    void *state;
    uint64_t period_ns;
    _Atomic(int) stop;
    uint64_t writes;
} writer;

static void *run_for_a_round(void *argument)
{
    runner *self = argument;
    pin_to(self->cpu);
    (void)self->run(self->state, BATCH);
    (void)pthread_barrier_wait(self->barrier);
    uint64_t start = now_ns();
    uint64_t operations = 0;
    uint64_t now = start;
    while (now - start < ROUND_NS) {
        (void)self->run(self->state, BATCH);
        operations += BATCH;
        now = now_ns();
    }
    self->rate = (double)operations * 1e9 / (double)(now - start);
    return NULL;
}

static void *write_until_stopped(void *argument)
{
    writer *self = argument;
    struct timespec next;
    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    while (!atomic_load(&self->stop)) {
        self->write(self->state);
        self->writes++;
        next.tv_nsec += (long)self->period_ns;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return NULL;
}

/* The sum of the rates of `threads` threads that run at the same time. */
static double rate_of(block run, void *state, int threads, const int *cpu)
{
    pthread_barrier_t barrier;
    pthread_t handles[THREADS];
    runner runners[THREADS];
    must(pthread_barrier_init(&barrier, NULL, (unsigned)threads) == 0, "barrier");
    for (int i = 0; i < threads; i++) {
        runners[i] = (runner){.barrier = &barrier, .run = run, .state = state, .cpu = cpu[i]};
        must(pthread_create(&handles[i], NULL, run_for_a_round, &runners[i]) == 0, "thread");
    }
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(handles[i], NULL);
        sum += runners[i].rate;
    }
    (void)pthread_barrier_destroy(&barrier);
    return sum;
}

typedef struct side {
    const char *name;
    block run;
    void *state;
    void (*write)(void *state);
    double one[ROUNDS];
    double two[ROUNDS];
    double scaling[ROUNDS];
} side;

static void our_write(void *state)
{
    ours *mine = state;
    tally_handler_id id;
    must(tally_registry_register(mine->registry, work_function(WORK_THREAD_COUNTER), NULL, NULL, &id, NULL) == TALLY_OK,
         "register");
    must(tally_registry_unregister(mine->registry, id, NULL, NULL) == TALLY_OK, "unregister");
}

static void bare_write(void *state)
{
    bare *copy = bare_new(bare_notify, ((bare *)state)->count, WORK_THREAD_COUNTER);
    bare_free(copy);
}

#ifdef WITH_PEER
static void peer_write(void *state) { peer_churn(state); }
#endif

/* Rates with one and with two threads, each with the writer beside them when there is one. */
static void measure(side *who, size_t round, bool with_writer, const int cpu[THREADS])
{
    writer pen = {.write = who->write, .state = who->state, .period_ns = WRITER_PERIOD_NS};
    pthread_t handle;
    if (with_writer) must(pthread_create(&handle, NULL, write_until_stopped, &pen) == 0, "thread");
    who->one[round] = (rate_of(who->run, who->state, 1, cpu) + rate_of(who->run, who->state, 1, cpu + 1)) / 2;
    who->two[round] = rate_of(who->run, who->state, 2, cpu);
    who->scaling[round] = who->two[round] / who->one[round];
    if (!with_writer) return;
    atomic_store(&pen.stop, 1);
    (void)pthread_join(handle, NULL);
    must(pen.writes > 0, "writing");
}

static void scaling_cell(const char *label, work_kind work, bool with_writer, const int cpu[THREADS])
{
    static side sides[3];
    size_t count = 0;
    ours *mine = ours_new(NULL, HANDLERS, work, NULL, NULL);
    bare *loop = bare_new(bare_notify, HANDLERS, work);
    sides[count++] = (side){.name = "ours", .run = ours_notify, .state = mine, .write = our_write};
    sides[count++] = (side){.name = "bare loop", .run = bare_run, .state = loop, .write = bare_write};
#ifdef WITH_PEER
    peer *rust = peer_new(HANDLERS, work);
    sides[count++] = (side){.name = PEER_NAME, .run = peer_run, .state = rust, .write = peer_write};
#endif
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t turn = 0; turn < count; turn++) measure(&sides[(turn + round) % count], round, with_writer, cpu);

    char name[96];
    (void)snprintf(name, sizeof name, "threads/%s, scaling 1 to 2", label);
    samples_begin(name, "x");
    for (size_t i = 0; i < count; i++) samples_add(sides[i].name, sides[i].scaling, ROUNDS);
    samples_end();
    (void)snprintf(name, sizeof name, "threads/%s, 2 threads", label);
    samples_begin(name, "ns");
    for (size_t i = 0; i < count; i++) {
        for (size_t round = 0; round < ROUNDS; round++) sides[i].two[round] = 1e9 / sides[i].two[round];
        samples_add(sides[i].name, sides[i].two, ROUNDS);
    }
    samples_end();
    ours_free(mine);
    bare_free(loop);
#ifdef WITH_PEER
    (void)peer_free(rust);
#endif
}

void bench_threads(void)
{
    int cpu[THREADS];
    if (cpus(cpu) < THREADS) {
        (void)fprintf(stderr, "benchmark: one CPU only, no rows about threads\n");
        return;
    }
    scaling_cell("private work", WORK_THREAD_COUNTER, false, cpu);
    scaling_cell("private work, writer at 1000/s", WORK_THREAD_COUNTER, true, cpu);
    scaling_cell("contended counter", WORK_SHARED_COUNTER, false, cpu);
    pin_to(cpu[0]);
}

/* ------------------------------------------------------------------------------------------ latency */

#define LATENCY_ROUNDS 15
#define LATENCY_SAMPLES 100000

static void our_latency(void *state, size_t count, uint64_t *ticks)
{
    ours *mine = state;
    for (size_t i = 0; i < count; i++) {
        uint64_t event = i;
        tally_notice notice = {.data = &event, .length = sizeof event};
        uint64_t start = now_ticks();
        (void)tally_registry_notify(mine->registry, &notice, NULL, NULL);
        ticks[i] = now_ticks() - start;
    }
}

#ifdef WITH_PEER
static void their_latency(void *state, size_t count, uint64_t *ticks) { peer_latency(state, count, ticks, now_ticks); }
#endif

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

typedef struct latency_side {
    const char *name;
    void (*run)(void *state, size_t count, uint64_t *ticks);
    void *state;
    void (*write)(void *state);
    double p50[LATENCY_ROUNDS];
    double p99[LATENCY_ROUNDS];
    double p999[LATENCY_ROUNDS];
} latency_side;

static double percentile(const uint64_t *sorted, size_t thousandths, double unit)
{
    size_t index = (size_t)LATENCY_SAMPLES * thousandths / 1000;
    return (double)sorted[index] * unit;
}

static void measure_latency(latency_side *who, size_t round, uint64_t *ticks, double unit, const int cpu[THREADS])
{
    writer pen = {.write = who->write, .state = who->state, .period_ns = LATENCY_PERIOD_NS};
    pthread_t handle;
    pin_to(cpu[1]); /* the writer inherits it */
    must(pthread_create(&handle, NULL, write_until_stopped, &pen) == 0, "thread");
    pin_to(cpu[0]);
    who->run(who->state, LATENCY_SAMPLES, ticks);
    atomic_store(&pen.stop, 1);
    (void)pthread_join(handle, NULL);
    qsort(ticks, LATENCY_SAMPLES, sizeof ticks[0], ascending);
    who->p50[round] = percentile(ticks, 500, unit);
    who->p99[round] = percentile(ticks, 990, unit);
    who->p999[round] = percentile(ticks, 999, unit);
}

void bench_latency(void)
{
    int cpu[THREADS];
    if (cpus(cpu) < THREADS) return;
    static latency_side sides[2];
    size_t count = 0;
    uint64_t *ticks = malloc(LATENCY_SAMPLES * sizeof *ticks);
    must(ticks != NULL, "memory");
    double unit = tick_ns();
    ours *mine = ours_new(NULL, HANDLERS, WORK_OWN_COUNTER, NULL, NULL);
    sides[count++] = (latency_side){.name = "ours", .run = our_latency, .state = mine, .write = our_write};
#ifdef WITH_PEER
    peer *rust = peer_new(HANDLERS, WORK_OWN_COUNTER);
    sides[count++] = (latency_side){.name = PEER_NAME, .run = their_latency, .state = rust, .write = peer_write};
#endif
    for (size_t round = 0; round < LATENCY_ROUNDS; round++)
        for (size_t turn = 0; turn < count; turn++)
            measure_latency(&sides[(turn + round) % count], round, ticks, unit, cpu);
    static const char *const names[] = {"latency/4 under churn, p50", "latency/4 under churn, p99",
                                        "latency/4 under churn, p99.9"};
    for (size_t i = 0; i < 3; i++) {
        samples_begin(names[i], "ns");
        for (size_t k = 0; k < count; k++)
            samples_add(sides[k].name, i == 0 ? sides[k].p50 : i == 1 ? sides[k].p99 : sides[k].p999, LATENCY_ROUNDS);
        samples_end();
    }
    ours_free(mine);
#ifdef WITH_PEER
    (void)peer_free(rust);
#endif
    free(ticks);
}
