/* How long the stress programs run. TALLYSTICK_STRESS is a percentage of the full load (100 natively, less
 * under a sanitizer); each phase also ends after TALLYSTICK_STRESS_SECONDS (10), so that no machine is too slow. */
#ifndef TALLY_TEST_STRESS_H
#define TALLY_TEST_STRESS_H

#include "handlers.h"

static inline uint64_t stress_setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

static inline uint64_t stress_load(uint64_t full)
{
    uint64_t load = full * stress_setting("TALLYSTICK_STRESS", UNDER_TSAN ? 1 : UNDER_ASAN ? 10 : 100) / 100;
    return load == 0 ? 1 : load;
}

static _Atomic(uint64_t) stress_deadline_ns;

static inline uint64_t stress_now_ns(void)
{
    const tally_platform *platform = tally_platform_default();
    return platform->monotonic_ns(platform->context);
}

static inline void stress_begin(void)
{
    uint64_t seconds = stress_setting("TALLYSTICK_STRESS_SECONDS", 10);
    atomic_store(&stress_deadline_ns, stress_now_ns() + seconds * UINT64_C(1000000000));
}

/* To be asked now and then. */
static inline bool stress_is_over(void) { return stress_now_ns() > atomic_load(&stress_deadline_ns); }

/* A generator of its own for each thread. */
typedef struct dice {
    uint64_t state;
} dice;

static inline dice dice_of(uint64_t number)
{
    uint64_t seed = stress_setting("TALLYSTICK_SEED", 1);
    return (dice){(seed * 1000003 + number) * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

static inline uint32_t roll(dice *self, uint32_t limit)
{
    self->state ^= self->state >> 12;
    self->state ^= self->state << 25;
    self->state ^= self->state >> 27;
    return (uint32_t)((self->state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

#endif
