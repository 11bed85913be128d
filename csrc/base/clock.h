/* A hybrid logical clock: the wall's microseconds, and a counter for what happens within one of them
 * or while the wall clock stands behind. Its moments never go back and never repeat.
 *
 * Pure: the wall's time is given in. The owner keeps it under his own lock. */
#ifndef TALLY_BASE_CLOCK_H
#define TALLY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <tallystick/status.h>

/* The end of the year 9999: the last moment that every language's date type can show. */
#define TALLY_CLOCK_US_MAX INT64_C(253402300799999999)

/* A moment. Ordered by time_us, then by logical. */
typedef struct tally_moment {
    int64_t time_us; /* since 1970-01-01 UTC; 0 to TALLY_CLOCK_US_MAX */
    uint32_t logical;
} tally_moment;

/* Zero-filled is a new clock, that has given no moment.
 *
 * invariant: `last` is the newest moment given or observed; `used` is false before the first */
typedef struct tally_clock {
    tally_moment last;
    bool used;
} tally_clock;

/* Negative, 0 or positive as `a` is before, the same as, or after `b`. */
int tally_moment_compare(tally_moment a, tally_moment b);

/* The next moment: the wall's time when that is after the last moment, else the next count of the
 * last one.
 *
 * TALLY_E_CLOCK when now_us is outside 0 to TALLY_CLOCK_US_MAX, TALLY_E_OVERFLOW when the counter of
 * a clock that stands still is used up. On failure the clock is unchanged and the moment zero. */
tally_status tally_clock_tick(tally_clock *clock, int64_t now_us, tally_moment *moment, tally_error *error);

/* Takes note of a moment that was given elsewhere or earlier (the last event of a store that is
 * opened), so that all later ones come after it.
 *
 * TALLY_E_CLOCK when it is out of range or more than ahead_max_us ahead of now_us, so that one wrong
 * clock does not drag others into the future. On failure the clock is unchanged. */
tally_status tally_clock_observe(tally_clock *clock, tally_moment seen, int64_t now_us, int64_t ahead_max_us,
                                 tally_error *error);

#endif
