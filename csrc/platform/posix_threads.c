#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(tally_mutex), "a mutex fits its storage");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(tally_condition), "a condition fits its storage");
_Static_assert(sizeof(pthread_t) <= sizeof(tally_thread_id), "a thread's name fits a number");

/* ----------------------------------------------------------------------------------------- threads */

typedef struct thread_start {
    void (*run)(void *user_data);
    void *user_data;
} thread_start;

static void *thread_main(void *argument)
{
    thread_start start = *(thread_start *)argument;
    free(argument);
    start.run(start.user_data);
    return NULL;
}

tally_status tally_posix_start_thread(void *context, void (*run)(void *user_data), void *user_data,
                                      tally_thread_id *thread, int32_t *os_error)
{
    (void)context;
    *thread = 0;
    *os_error = 0;
    thread_start *start = malloc(sizeof *start);
    if (start == NULL) return TALLY_E_NO_MEMORY;
    start->run = run;
    start->user_data = user_data;
    /* The host's signals are for the host's threads: a new thread inherits the mask, so it is full
     * for the moment of its making. */
    sigset_t all;
    sigset_t before;
    pthread_t made;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&made, NULL, thread_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        free(start);
        *os_error = result;
        return result == EAGAIN ? TALLY_E_NO_MEMORY : tally_posix_status(result);
    }
    memcpy(thread, &made, sizeof made);
    return TALLY_OK;
}

void tally_posix_join_thread(void *context, tally_thread_id thread)
{
    (void)context;
    pthread_t joined;
    memcpy(&joined, &thread, sizeof joined);
    (void)pthread_join(joined, NULL);
}

/* ------------------------------------------------------------------------------ mutex and condition */

static pthread_mutex_t *mutex_of(tally_mutex *mutex) { return (pthread_mutex_t *)(void *)mutex->storage; }

static pthread_cond_t *condition_of(tally_condition *condition) { return (pthread_cond_t *)(void *)condition->storage; }

tally_status tally_posix_mutex_init(void *context, tally_mutex *mutex, int32_t *os_error)
{
    (void)context;
    *os_error = pthread_mutex_init(mutex_of(mutex), NULL);
    return tally_posix_status(*os_error);
}

void tally_posix_mutex_destroy(void *context, tally_mutex *mutex)
{
    (void)context;
    (void)pthread_mutex_destroy(mutex_of(mutex));
}

/* A default mutex fails only when the caller is wrong in a way that is undefined anyway. */
void tally_posix_mutex_lock(void *context, tally_mutex *mutex)
{
    (void)context;
    (void)pthread_mutex_lock(mutex_of(mutex));
}

void tally_posix_mutex_unlock(void *context, tally_mutex *mutex)
{
    (void)context;
    (void)pthread_mutex_unlock(mutex_of(mutex));
}

tally_status tally_posix_condition_init(void *context, tally_condition *condition, int32_t *os_error)
{
    (void)context;
    pthread_condattr_t attributes;
    *os_error = pthread_condattr_init(&attributes);
    if (*os_error != 0) return tally_posix_status(*os_error);
    *os_error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (*os_error == 0) *os_error = pthread_cond_init(condition_of(condition), &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return tally_posix_status(*os_error);
}

void tally_posix_condition_destroy(void *context, tally_condition *condition)
{
    (void)context;
    (void)pthread_cond_destroy(condition_of(condition));
}

tally_status tally_posix_condition_wait(void *context, tally_condition *condition, tally_mutex *mutex,
                                        uint64_t timeout_ns)
{
    (void)context;
    if (timeout_ns == UINT64_MAX)
        return tally_posix_status(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    /* Added part by part: the sum in nanoseconds could overflow. */
    until.tv_sec += (time_t)(timeout_ns / 1000000000u);
    until.tv_nsec += (long)(timeout_ns % 1000000000u);
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return tally_posix_status(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), &until));
}

void tally_posix_condition_wake_all(void *context, tally_condition *condition)
{
    (void)context;
    (void)pthread_cond_broadcast(condition_of(condition));
}

#endif
