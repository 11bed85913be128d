/* What the tests of the registry share: handlers that note what they do, short forms of the calls, threads
 * that can be held inside a handler, and runs in a forked child. Include it first. */
#ifndef TALLY_TEST_HANDLERS_H
#define TALLY_TEST_HANDLERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tallystick/tallystick.h>

#include "test.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* ------------------------------------------------------------------------------------------ journal */

/* What ran, in its order. Not for several threads at once. */
static char journal[4096];

static inline void tell(const char *what)
{
    size_t used = strlen(journal);
    (void)snprintf(journal + used, sizeof journal - used, "%s", what);
}

/* The journal so far; it begins anew. */
static inline const char *told(void)
{
    static char last[sizeof journal];
    memcpy(last, journal, sizeof journal);
    journal[0] = 0;
    return last;
}

/* The handler: user_data is the text that it writes into the journal. */
static inline int32_t note(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    return TALLY_HANDLER_DONE;
}

/* Fails with code -7 and its user_data, a text, as the message. */
static inline int32_t fail_saying(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    return tally_handler_fail(-7, user_data, strlen(user_data), NULL);
}

static inline int32_t stop_saying(void *user_data, const tally_notice *notice)
{
    (void)notice;
    tell(user_data);
    return TALLY_HANDLER_STOP;
}

static inline int32_t do_nothing(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return TALLY_HANDLER_DONE;
}

/* user_data is an _Atomic(uint64_t). */
static inline int32_t count_up(void *user_data, const tally_notice *notice)
{
    (void)notice;
    atomic_fetch_add_explicit((_Atomic(uint64_t) *)user_data, 1, memory_order_relaxed);
    return TALLY_HANDLER_DONE;
}

/* A destructor: user_data is an _Atomic(uint64_t). */
static inline void count_end(void *user_data) { atomic_fetch_add((_Atomic(uint64_t) *)user_data, 1); }

/* A destructor: writes its user_data, a text, in brackets. */
static inline void tell_end(void *user_data)
{
    tell("[");
    tell(user_data);
    tell("]");
}

/* ----------------------------------------------------------------------------------------- short forms */

static inline tally_registry *open_with(const tally_registry_options *options)
{
    tally_registry *registry = NULL;
    CHECK_STATUS(tally_registry_open(options, &registry, NULL), TALLY_OK);
    return registry;
}

static inline tally_registry *open_plain(void) { return open_with(NULL); }

static inline tally_registry *open_child(tally_registry *parent)
{
    tally_registry *child = NULL;
    CHECK_STATUS(tally_registry_child(parent, NULL, &child, NULL), TALLY_OK);
    return child;
}

static inline void shut(tally_registry **registry) { CHECK_STATUS(tally_registry_close(registry), TALLY_OK); }

static inline tally_handler_id add_with(tally_registry *registry, tally_handler handler, void *user_data,
                                        tally_handler_options options)
{
    tally_handler_id id;
    options.size = sizeof options;
    CHECK_STATUS(tally_registry_register(registry, handler, user_data, &options, &id, NULL), TALLY_OK);
    return id;
}

static inline tally_handler_id add_at(tally_registry *registry, int32_t priority, tally_handler handler,
                                      void *user_data)
{
    return add_with(registry, handler, user_data, (tally_handler_options){.priority = priority});
}

static inline tally_handler_id add(tally_registry *registry, tally_handler handler, void *user_data)
{
    tally_handler_id id;
    CHECK_STATUS(tally_registry_register(registry, handler, user_data, NULL, &id, NULL), TALLY_OK);
    return id;
}

/* Whether this call removed it. */
static inline bool drop(tally_registry *registry, tally_handler_id id)
{
    int32_t removed = -1;
    CHECK_STATUS(tally_registry_unregister(registry, id, &removed, NULL), TALLY_OK);
    CHECK(removed == 0 || removed == 1);
    return removed == 1;
}

static inline tally_notified notify_kind(tally_registry *registry, uint32_t kind)
{
    tally_notice notice = {.kind = kind};
    tally_notified result = {99, 99, 99, 99};
    CHECK_STATUS(tally_registry_notify(registry, &notice, &result, NULL), TALLY_OK);
    return result;
}

static inline tally_notified notify(tally_registry *registry) { return notify_kind(registry, TALLY_KIND_NONE); }

static inline uint64_t count_of(tally_registry *registry)
{
    uint64_t count = 0;
    CHECK_STATUS(tally_registry_count(registry, &count, NULL), TALLY_OK);
    return count;
}

static inline bool has(tally_registry *registry, tally_handler_id id)
{
    int32_t contains = -1;
    CHECK_STATUS(tally_registry_contains(registry, id, &contains, NULL), TALLY_OK);
    return contains == 1;
}

static inline tally_registry_statistics look_at(tally_registry *registry)
{
    tally_registry_statistics statistics = {.size = sizeof statistics};
    CHECK_STATUS(tally_registry_statistics_get(registry, &statistics, NULL), TALLY_OK);
    return statistics;
}

static inline uint32_t kind_of(const char *name)
{
    uint32_t kind = 0;
    CHECK_STATUS(tally_kind_intern(name, strlen(name), &kind, NULL), TALLY_OK);
    return kind;
}

#define CHECK_NOTIFIED(result, fired_, failed_, skipped_, flags_) \
    do {                                                          \
        tally_notified notified_ = (result);                      \
        CHECK_EQ(notified_.fired, fired_);                        \
        CHECK_EQ(notified_.failed, failed_);                      \
        CHECK_EQ(notified_.skipped, skipped_);                    \
        CHECK_EQ(notified_.flags, flags_);                        \
    } while (0)

/* ------------------------------------------------------------------------------------------- threads */

typedef struct helper {
    pthread_t thread;
    void (*run)(void *argument);
    void *argument;
    _Atomic(bool) done;
} helper;

static inline void *helper_main(void *argument)
{
    helper *self = argument;
    self->run(self->argument);
    atomic_store(&self->done, true);
    return NULL;
}

static inline void start(helper *self, void (*run)(void *argument), void *argument)
{
    self->run = run;
    self->argument = argument;
    atomic_store(&self->done, false);
    if (pthread_create(&self->thread, NULL, helper_main, self) != 0) {
        printf("not ok no thread could be started\n");
        exit(EXIT_FAILURE);
    }
}

static inline void join(helper *self) { (void)pthread_join(self->thread, NULL); }

static inline void sleep_ms(uint32_t milliseconds)
{
    struct timespec time = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

/* Whether a helper is still busy after a time in which it would have ended. */
static inline bool is_held(helper *self)
{
    sleep_ms(30);
    return !atomic_load(&self->done);
}

/* A place where handlers can be held. */
typedef struct barrier {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint32_t inside;  /* handlers that are held here */
    uint32_t entered; /* since the beginning */
    bool open;
} barrier;

#define BARRIER_SHUT                                                     \
    {                                                                    \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, false \
    }

/* A handler: user_data is a barrier. */
static inline int32_t hold_here(void *user_data, const tally_notice *notice)
{
    (void)notice;
    barrier *self = user_data;
    (void)pthread_mutex_lock(&self->mutex);
    self->inside++;
    self->entered++;
    (void)pthread_cond_broadcast(&self->condition);
    while (!self->open) (void)pthread_cond_wait(&self->condition, &self->mutex);
    self->inside--;
    (void)pthread_mutex_unlock(&self->mutex);
    return TALLY_HANDLER_DONE;
}

static inline void await_entered(barrier *self, uint32_t times)
{
    (void)pthread_mutex_lock(&self->mutex);
    while (self->entered < times) (void)pthread_cond_wait(&self->condition, &self->mutex);
    (void)pthread_mutex_unlock(&self->mutex);
}

static inline void release_all(barrier *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    self->open = true;
    (void)pthread_cond_broadcast(&self->condition);
    (void)pthread_mutex_unlock(&self->mutex);
}

static inline void notify_it(void *registry) { (void)notify(registry); }

/* ------------------------------------------------------------------------------------------- processes */

/* By exit, which also writes down the branches that were taken; under a sanitizer at once, since those of
 * threads and leaks take what the parent has for something that the child forgot. */
static inline void leave_child(void)
{
    int code = atomic_load(&test_problems) == 0 ? 0 : 1;
    (void)fflush(stdout);
    if (UNDER_TSAN || UNDER_ASAN) (void)syscall(SYS_exit_group, (long)code);
    exit(code);
}

/* Runs `body` in a forked child, which has ten seconds; a check that fails there fails here. */
static inline void in_child(void (*body)(void *argument), void *argument)
{
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(UNDER_TSAN ? 60 : 10);
        atomic_store(&test_problems, 0);
        body(argument);
        leave_child();
    }
    int result = 0;
    CHECK(waitpid(child, &result, 0) == child);
    if (WIFSIGNALED(result)) CHECK_EQ(WTERMSIG(result), 0);
    else CHECK_EQ(WEXITSTATUS(result), 0);
}

#endif
