#include "base/clock.h"

#include <inttypes.h>

#include "base/error.h"

int tally_moment_compare(tally_moment a, tally_moment b)
{
    if (a.time_us != b.time_us) return a.time_us < b.time_us ? -1 : 1;
    if (a.logical != b.logical) return a.logical < b.logical ? -1 : 1;
    return 0;
}

static tally_status check_range(int64_t time_us, const char *what, tally_error *error)
{
    if (time_us >= 0 && time_us <= TALLY_CLOCK_US_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_CLOCK,
                      "%s is %" PRId64 " us since 1970, outside the years 1970 to 9999; set the clock", what, time_us);
}

tally_status tally_clock_tick(tally_clock *clock, int64_t now_us, tally_moment *moment, tally_error *error)
{
    moment->time_us = 0;
    moment->logical = 0;
    tally_status status = check_range(now_us, "the wall clock", error);
    if (status != TALLY_OK) return status;
    tally_moment next = {now_us, 0};
    if (clock->used && now_us <= clock->last.time_us) {
        if (clock->last.logical == UINT32_MAX) {
            return tally_fail(error, TALLY_E_OVERFLOW,
                              "the wall clock has not passed %" PRId64 " us for 2^32 events; set the clock",
                              clock->last.time_us);
        }
        next.time_us = clock->last.time_us;
        next.logical = clock->last.logical + 1;
    }
    clock->last = next;
    clock->used = true;
    *moment = next;
    return TALLY_OK;
}

tally_status tally_clock_observe(tally_clock *clock, tally_moment seen, int64_t now_us, int64_t ahead_max_us,
                                 tally_error *error)
{
    tally_status status = check_range(now_us, "the wall clock", error);
    if (status != TALLY_OK) return status;
    status = check_range(seen.time_us, "a recorded time", error);
    if (status != TALLY_OK) return status;
    /* Both are in range, so that their difference does not overflow. */
    if (seen.time_us - now_us > ahead_max_us) {
        return tally_fail(error, TALLY_E_CLOCK,
                          "a recorded time is %" PRId64 " us ahead of the wall clock, %" PRId64
                          " are allowed; set the clock",
                          seen.time_us - now_us, ahead_max_us);
    }
    if (!clock->used || tally_moment_compare(seen, clock->last) > 0) clock->last = seen;
    clock->used = true;
    return TALLY_OK;
}
