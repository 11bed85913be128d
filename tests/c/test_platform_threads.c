/* platform/posix_threads.c, posix_process.c; base/threads.h */
#define _GNU_SOURCE 1
#include "refuse.h"

#include <pthread.h>
#include <signal.h>

#include "base/threads.h"
#include "platform/posix.h"

static int32_t os_error;

static const tally_platform *platform(void) { return tally_platform_default(); }

static tally_thread_id start(void (*run)(void *), void *user_data)
{
    tally_thread_id thread = 0;
    CHECK_STATUS(platform()->start_thread(platform()->context, run, user_data, &thread, &os_error), TALLY_OK);
    return thread;
}

static void join(tally_thread_id thread) { platform()->join_thread(platform()->context, thread); }

static void sleep_ms(uint64_t ms) { platform()->sleep_ns(platform()->context, ms * 1000000); }

/* Whether a child of this process says that all was well; `run` returns the number of its problem. */
static void check_in_child(int (*run)(void))
{
    int status = -1;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(20);
        leave_child(run());
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* ----------------------------------------------------------------------------------------- threads */

static void set_to_seven(void *user_data) { *(int *)user_data = 7; }

TEST(a_thread_runs_with_its_argument_and_is_joined)
{
    int number = 0;
    join(start(set_to_seven, &number));
    CHECK_EQ(number, 7);
}

static void note_mask(void *user_data) { (void)pthread_sigmask(SIG_SETMASK, NULL, user_data); }

TEST(a_thread_has_every_signal_blocked_and_its_maker_keeps_its_own)
{
    sigset_t mask;
    sigset_t own;
    (void)sigemptyset(&mask);
    join(start(note_mask, &mask));
    CHECK_EQ(sigismember(&mask, SIGTERM), 1);
    CHECK_EQ(sigismember(&mask, SIGALRM), 1);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &own);
    CHECK_EQ(sigismember(&own, SIGTERM), 0);
}

/* ------------------------------------------------------------------------------ mutex and condition */

typedef struct shared {
    tally_mutex mutex;
    tally_condition condition;
    uint64_t number;
    bool open;
} shared;

static void shared_make(shared *s)
{
    memset(s, 0, sizeof *s);
    CHECK_STATUS(platform()->mutex_init(platform()->context, &s->mutex, &os_error), TALLY_OK);
    CHECK_STATUS(platform()->condition_init(platform()->context, &s->condition, &os_error), TALLY_OK);
}

static void shared_free(shared *s)
{
    platform()->condition_destroy(platform()->context, &s->condition);
    platform()->mutex_destroy(platform()->context, &s->mutex);
}

static void lock(shared *s) { platform()->mutex_lock(platform()->context, &s->mutex); }
static void unlock(shared *s) { platform()->mutex_unlock(platform()->context, &s->mutex); }

static void count_up(void *user_data)
{
    shared *s = user_data;
    for (int i = 0; i < 20000; i++) {
        lock(s);
        s->number++;
        unlock(s);
    }
}

TEST(a_mutex_lets_one_thread_in)
{
    shared s;
    tally_thread_id threads[4];
    shared_make(&s);
    for (int i = 0; i < 4; i++) threads[i] = start(count_up, &s);
    for (int i = 0; i < 4; i++) join(threads[i]);
    CHECK_EQ(s.number, 80000);
    shared_free(&s);
}

static void wait_for_opening(void *user_data)
{
    shared *s = user_data;
    lock(s);
    while (!s->open) {
        CHECK_STATUS(platform()->condition_wait(platform()->context, &s->condition, &s->mutex, UINT64_MAX), TALLY_OK);
    }
    s->number++;
    unlock(s);
}

TEST(all_that_wait_are_woken)
{
    shared s;
    tally_thread_id threads[4];
    shared_make(&s);
    for (int i = 0; i < 4; i++) threads[i] = start(wait_for_opening, &s);
    sleep_ms(5);
    lock(&s);
    CHECK_EQ(s.number, 0);
    s.open = true;
    platform()->condition_wake_all(platform()->context, &s.condition);
    unlock(&s);
    for (int i = 0; i < 4; i++) join(threads[i]);
    CHECK_EQ(s.number, 4);
    shared_free(&s);
}

TEST(a_wait_ends_with_its_time)
{
    shared s;
    shared_make(&s);
    const uint64_t timeouts_ns[] = {0, 1, 3000000, 999999999};
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
        tally_status status = TALLY_OK;
        uint64_t before = platform()->monotonic_ns(platform()->context);
        lock(&s);
        while (status == TALLY_OK) { /* may wake for nothing */
            status = platform()->condition_wait(platform()->context, &s.condition, &s.mutex, timeouts_ns[i]);
        }
        unlock(&s);
        CHECK_STATUS(status, TALLY_E_TIMEOUT);
        CHECK(platform()->monotonic_ns(platform()->context) - before >= timeouts_ns[i]);
    }
    shared_free(&s);
}

static void open_soon(void *user_data)
{
    shared *s = user_data;
    sleep_ms(5);
    lock(s);
    s->open = true;
    platform()->condition_wake_all(platform()->context, &s->condition);
    unlock(s);
}

TEST(a_wait_for_almost_ever_does_not_end_at_once)
{
    shared s;
    shared_make(&s);
    tally_thread_id thread = start(open_soon, &s);
    lock(&s);
    while (!s.open) {
        CHECK_STATUS(platform()->condition_wait(platform()->context, &s.condition, &s.mutex, UINT64_MAX - 1), TALLY_OK);
        if (test_has_failed()) break;
    }
    unlock(&s);
    join(thread);
    shared_free(&s);
}

TEST(a_deadline_counts_from_the_first_wait)
{
    shared s;
    shared_make(&s);
    uint64_t deadline_ns = tally_deadline(platform(), 4);
    CHECK(tally_deadline_left_ns(platform(), deadline_ns) <= 4000000);
    tally_status status = TALLY_OK;
    lock(&s);
    while (status == TALLY_OK) status = tally_wait_until(platform(), &s.condition, &s.mutex, deadline_ns);
    CHECK_STATUS(status, TALLY_E_TIMEOUT);
    CHECK_EQ(tally_deadline_left_ns(platform(), deadline_ns), 0);
    CHECK_STATUS(tally_wait_until(platform(), &s.condition, &s.mutex, deadline_ns), TALLY_E_TIMEOUT);
    unlock(&s);
    shared_free(&s);
}

TEST(a_deadline_of_for_ever_never_comes)
{
    CHECK_EQ(tally_deadline(platform(), TALLY_WAIT_FOREVER), TALLY_DEADLINE_NEVER);
    CHECK_EQ(tally_deadline_left_ns(platform(), TALLY_DEADLINE_NEVER), UINT64_MAX);
    uint64_t longest = tally_deadline(platform(), TALLY_WAIT_FOREVER - 1);
    CHECK(longest > platform()->monotonic_ns(platform()->context) && longest < TALLY_DEADLINE_NEVER);
}

static uint64_t almost_over(void *context)
{
    (void)context;
    return UINT64_MAX - 5;
}

TEST(a_deadline_beyond_the_clock_is_for_ever)
{
    tally_platform late = *platform();
    late.monotonic_ns = almost_over;
    CHECK_EQ(tally_deadline(&late, 1), TALLY_DEADLINE_NEVER);
    CHECK_EQ(tally_deadline(&late, 0), UINT64_MAX - 5);
}

/* -------------------------------------------------------------------------------------------- once */

static _Atomic(int) once_runs;
static int32_t outer_state;
static int32_t inner_state;

static void run_inner(void) { atomic_fetch_add(&once_runs, 100); }

static void run_outer(void)
{
    sleep_ms(5);
    platform()->once(platform()->context, &inner_state, run_inner);
    atomic_fetch_add(&once_runs, 1);
}

static void call_once(void *user_data)
{
    (void)user_data;
    platform()->once(platform()->context, &outer_state, run_outer);
    CHECK_EQ(atomic_load(&once_runs), 101); /* nobody returns before it has run */
}

TEST(once_runs_once_also_when_one_is_inside_another)
{
    tally_thread_id threads[8];
    for (int i = 0; i < 8; i++) threads[i] = start(call_once, NULL);
    for (int i = 0; i < 8; i++) join(threads[i]);
    call_once(NULL);
    CHECK_EQ(atomic_load(&once_runs), 101);
}

static int32_t cut_state;
static _Atomic(int) cut_runs;
static _Atomic(bool) cut_inside;
static _Atomic(bool) cut_leave;

static void run_long(void)
{
    atomic_fetch_add(&cut_runs, 1);
    atomic_store(&cut_inside, true);
    while (!atomic_load(&cut_leave)) sleep_ms(1);
}

static void call_long(void *user_data)
{
    (void)user_data;
    platform()->once(platform()->context, &cut_state, run_long);
}

static int run_again_in_child(void)
{
    atomic_store(&cut_leave, true);
    platform()->once(platform()->context, &cut_state, run_long);
    if (atomic_load(&cut_runs) != 2) return 1;
    platform()->once(platform()->context, &cut_state, run_long);
    return atomic_load(&cut_runs) == 2 ? 0 : 2;
}

TEST(a_once_that_a_fork_cut_off_runs_again_in_the_child)
{
    tally_thread_id thread = start(call_long, NULL);
    while (!atomic_load(&cut_inside)) sleep_ms(1);
    check_in_child(run_again_in_child);
    atomic_store(&cut_leave, true);
    join(thread);
    CHECK_EQ(atomic_load(&cut_runs), 1);
}

/* ----------------------------------------------------------------------------------------- barrier */

/* Dekker's test: with plain stores on this side, only a barrier on the other keeps both from reading 0.
 * That the barrier orders is the kernel's business; here it is called while the other thread runs. */
static _Atomic(uint32_t) left;
static _Atomic(uint32_t) right;
static _Atomic(uint32_t) round_number;
static _Atomic(uint32_t) round_done;
static _Atomic(uint32_t) seen_by_reader;
#define ROUNDS 2000u

static void read_side(void *user_data)
{
    (void)user_data;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&round_number) != i) {
            /* both start at about the same time */
        }
        atomic_store_explicit(&left, i, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&seen_by_reader, atomic_load_explicit(&right, memory_order_relaxed),
                              memory_order_relaxed);
        atomic_store_explicit(&round_done, i, memory_order_release);
    }
}

TEST(a_process_barrier_orders_what_plain_stores_do_not)
{
    tally_status status = platform()->process_barrier_prepare(platform()->context);
    if (status == TALLY_E_UNSUPPORTED) return; /* a sandbox that refuses it: the registry copes */
    REQUIRE_STATUS(status, TALLY_OK);
    CHECK_STATUS(platform()->process_barrier_prepare(platform()->context), TALLY_OK);
    tally_thread_id thread = start(read_side, NULL);
    uint32_t both_missed = 0;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        atomic_store(&round_number, i);
        atomic_store_explicit(&right, i, memory_order_relaxed);
        CHECK_STATUS(platform()->process_barrier(platform()->context), TALLY_OK);
        uint32_t seen = atomic_load_explicit(&left, memory_order_relaxed);
        while (atomic_load_explicit(&round_done, memory_order_acquire) != i) {
            /* the other side is at its end */
        }
        if (seen != i && atomic_load_explicit(&seen_by_reader, memory_order_relaxed) != i) both_missed++;
    }
    join(thread);
    CHECK_EQ(both_missed, 0);
}

static int barrier_in_child(void) { return platform()->process_barrier(platform()->context) == TALLY_OK ? 0 : 1; }

TEST(a_process_barrier_works_in_a_forked_child)
{
    if (platform()->process_barrier_prepare(platform()->context) != TALLY_OK) return;
    check_in_child(barrier_in_child);
    CHECK_STATUS(platform()->process_barrier(platform()->context), TALLY_OK);
}

/* ------------------------------------------------------------------------------------- thread exit */

static _Atomic(int) left_with;
static _Atomic(int) left_with_other;

static void leaving(void *value) { atomic_fetch_add(&left_with, *(int *)value); }
static void other_leaving(void *value) { atomic_fetch_add(&left_with_other, *(int *)value); }

static void arm(void *user_data)
{
    platform()->thread_exit_arm(platform()->context, user_data);
    CHECK_EQ(atomic_load(&left_with), 0);
}

static void arm_and_disarm(void *user_data)
{
    platform()->thread_exit_arm(platform()->context, user_data);
    platform()->thread_exit_arm(platform()->context, NULL);
}

TEST(what_was_armed_runs_when_its_thread_ends_and_the_first_hook_stays)
{
    int number = 5;
    CHECK_STATUS(platform()->thread_exit_hook(platform()->context, leaving, &os_error), TALLY_OK);
    CHECK_STATUS(platform()->thread_exit_hook(platform()->context, other_leaving, &os_error), TALLY_OK);
    join(start(arm, &number));
    CHECK_EQ(atomic_load(&left_with), 5);
    CHECK_EQ(atomic_load(&left_with_other), 0);
    atomic_store(&left_with, 0);
    join(start(set_to_seven, &number)); /* armed nothing */
    join(start(arm_and_disarm, &number));
    CHECK_EQ(atomic_load(&left_with), 0);
}

/* -------------------------------------------------------------------------------------------- fork */

static char fork_order[32];
static void note(char c) { fork_order[strlen(fork_order)] = c; }
static void before_first(void) { note('1'); }
static void parent_first(void) { note('p'); }
static void child_first(void) { note('c'); }
static void before_second(void) { note('2'); }
static void parent_second(void) { note('q'); }
static void child_second(void) { note('d'); }

static int look_at_order(void) { return strcmp(fork_order, "21cd") == 0 ? 0 : 1; }

TEST(fork_hooks_run_around_a_fork_as_locks_need_it)
{
    const tally_platform *system = platform();
    CHECK_STATUS(system->fork_hooks(system->context, before_first, parent_first, child_first), TALLY_OK);
    CHECK_STATUS(system->fork_hooks(system->context, before_second, parent_second, child_second), TALLY_OK);
    CHECK_STATUS(system->fork_hooks(system->context, NULL, NULL, NULL), TALLY_OK);
    check_in_child(look_at_order); /* the last installed takes first, and gives back last */
    CHECK_TEXT(fork_order, "21pq");
}
