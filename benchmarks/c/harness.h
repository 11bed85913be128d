/* Rounds, blocks and samples. A cell is one row's set of contestants; they take turns, block by block, so
 * that whatever else the machine does hits all of them. What is printed are all samples, as JSON lines;
 * medians, ratios and bars are benchmarks/run.py's. */
#ifndef BENCHMARKS_HARNESS_H
#define BENCHMARKS_HARNESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tallystick/tallystick.h>

#define CONTESTANTS_MAX 8
#define ROUNDS_MAX 512

/* What a handler does; the same numbers in peers/registry_io. */
typedef enum work_kind {
    WORK_OWN_COUNTER = 0,    /* one more in a counter of its own */
    WORK_SHARED_COUNTER = 1, /* one more in an atomic that all handlers share */
    WORK_THREAD_COUNTER = 2, /* one more in a counter of the thread */
    WORK_FAIL = 3,           /* fails, with a message */
    WORK_FAIL_SILENT = 4     /* fails with a number only */
} work_kind;

/* Runs `count` operations; returns the nanoseconds that they took, or 0 to have the block timed. */
typedef double (*block)(void *state, uint64_t count);

typedef struct contestant {
    const char *name;
    block run;
    void *state;
} contestant;

typedef struct cell {
    const char *name;
    const char *unit;
    contestant contestants[CONTESTANTS_MAX];
    size_t count;
    uint64_t operations; /* per block; 0: as many as take BLOCK_NS */
    size_t rounds;       /* 0: ROUNDS */
} cell;

/* Runs a cell and prints its samples. */
void cell_run(const cell *row);
/* One figure that needs no rounds. */
void figure_print(const char *name, const char *unit, const char *who, double value);
/* Several samples that were taken elsewhere. */
void samples_begin(const char *name, const char *unit);
void samples_add(const char *who, const double *values, size_t count);
void samples_end(void);

uint64_t now_ns(void);
/* The cheapest clock there is, and its unit in nanoseconds. */
uint64_t now_ticks(void);
double tick_ns(void);
void pin_to(int cpu);
/* The CPUs that this process may use, at most 2 of them, the last one first. */
int cpus(int numbers[2]);
/* Ends the process: a benchmark that does not do what it says has no figures. */
_Noreturn void stop(const char *what);
static inline void must(bool condition, const char *what)
{
    if (!condition) stop(what);
}

/* ---------------------------------------------------------------------------------- contestants */

/* A counter on a cache line of its own. */
typedef struct counter {
    _Alignas(64) _Atomic(uint64_t) value;
} counter;

/* A registry of ours with its handlers' counters. */
typedef struct ours {
    tally_registry *registry;
    counter *counters;
    size_t handlers;
    tally_status (*notify)(tally_registry *, const tally_notice *, tally_notified *, tally_error *);
    const tally_api *api;
} ours;

extern counter shared_counter;
extern _Thread_local uint64_t thread_counter;

tally_handler work_function(work_kind work);
/* `api` NULL is the library that the harness is linked with. */
ours *ours_new(const tally_api *api, size_t handlers, work_kind work, const tally_registry_options *options,
               const tally_handler_options *handler_options);
/* Checks that each handler with a counter of its own ran `notifies` times when that is not 0. */
void ours_free(ours *mine);
double ours_notify(void *state, uint64_t count);
/* Counts failures. */
int32_t count_failure(void *user_data, const tally_failure *failure);

/* The loop that no registry can beat: the same handlers out of a plain array, behind a function of the
 * same signature in a file of its own. */
typedef struct bare_entry {
    tally_handler function;
    void *user_data;
} bare_entry;
typedef struct bare bare;
typedef tally_status (*bare_function)(const bare *list, const tally_notice *notice, tally_notified *out,
                                      tally_error *error);
struct bare {
    size_t count;
    bare_function notify; /* bare_notify, of this program or of a shared library */
    counter *counters;
    bare_entry entries[];
};
tally_status bare_notify(const bare *list, const tally_notice *notice, tally_notified *out, tally_error *error);
bare *bare_new(bare_function notify, size_t handlers, work_kind work);
void bare_free(bare *list);
double bare_run(void *state, uint64_t count);
/* The same through the list's own pointer. */
double bare_run_shared(void *state, uint64_t count);

double peer_run(void *state, uint64_t count);
bool has_peer(void);

/* The groups of rows. */
void bench_notify(const tally_api *shared, bare_function shared_loop);
void bench_failures(void);
void bench_general(void);
void bench_edit(void);
void bench_threads(void);
void bench_latency(void);
void bench_memory(void);

#endif
