/* Waiting with a deadline, over the platform's condition variables.
 *
 * A wait may wake for nothing, so it stands in a loop; a loop that passes its whole timeout each time
 * around may wait for ever. So the timeout becomes a deadline once:
 *
 *     uint64_t deadline_ns = tally_deadline(platform, timeout_ms);
 *     while (!done && status == TALLY_OK)
 *         status = tally_wait_until(platform, &condition, &mutex, deadline_ns);
 *
 * The one header of base that knows the platform table; it only calls through it. */
#ifndef TALLY_BASE_THREADS_H
#define TALLY_BASE_THREADS_H

#include <stdint.h>

#include <tallystick/platform.h>

/* A deadline that never comes. */
#define TALLY_DEADLINE_NEVER UINT64_MAX

/* The moment `timeout_ms` from now on the monotonic clock; TALLY_WAIT_FOREVER never comes. */
static inline uint64_t tally_deadline(const tally_platform *platform, uint32_t timeout_ms)
{
    if (timeout_ms == TALLY_WAIT_FOREVER) return TALLY_DEADLINE_NEVER;
    uint64_t now_ns = platform->monotonic_ns(platform->context);
    uint64_t timeout_ns = (uint64_t)timeout_ms * 1000000u;
    return timeout_ns < TALLY_DEADLINE_NEVER - now_ns ? now_ns + timeout_ns : TALLY_DEADLINE_NEVER;
}

/* Nanoseconds until a deadline; 0 when it has passed, UINT64_MAX when it never comes. */
static inline uint64_t tally_deadline_left_ns(const tally_platform *platform, uint64_t deadline_ns)
{
    if (deadline_ns == TALLY_DEADLINE_NEVER) return UINT64_MAX;
    uint64_t now_ns = platform->monotonic_ns(platform->context);
    return now_ns < deadline_ns ? deadline_ns - now_ns : 0;
}

/* One wait on a condition whose mutex is held. TALLY_E_TIMEOUT when the deadline has passed. */
static inline tally_status tally_wait_until(const tally_platform *platform, tally_condition *condition,
                                            tally_mutex *mutex, uint64_t deadline_ns)
{
    uint64_t left_ns = tally_deadline_left_ns(platform, deadline_ns);
    if (left_ns == 0) return TALLY_E_TIMEOUT;
    return platform->condition_wait(platform->context, condition, mutex, left_ns);
}

#endif
