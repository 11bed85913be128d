/* What a log shows to those who read it: the view, and how far it has come.
 *
 * One writes (the committing thread under its mutex, or who follows another process), any number read
 * without waiting for it.
 *
 * invariant: durable <= written <= buffered, as one moment; none ever falls. `end` is how far readers of this
 * process may read: `buffered`, and `durable` once a write or sync has failed. Every position below `end` lies
 * in a segment of the view that is read after it. */
#ifndef TALLY_LOG_SHOWN_H
#define TALLY_LOG_SHOWN_H

#include "log/view.h"

typedef struct tally_shown {
    const tally_platform *platform;
    tally_mutex mutex; /* guards `view`, for the moment in which it is taken and held */
    tally_view *view;
    _Atomic(uint64_t) turn; /* odd while the three are being written */
    _Atomic(uint64_t) buffered;
    _Atomic(uint64_t) written;
    _Atomic(uint64_t) durable;
    _Atomic(uint64_t) end;
} tally_shown;

/* `view` may be NULL until the first tally_shown_replace; else it is taken over. */
tally_status tally_shown_init(tally_shown *shown, const tally_platform *platform, tally_view *view, tally_error *error);
void tally_shown_destroy(tally_shown *shown);

/* The view as it is now, held for the caller; NULL before the first. Read `end` first. */
tally_view *tally_shown_hold(tally_shown *shown);
/* Takes `view` over and lets go of the one before. */
void tally_shown_replace(tally_shown *shown, tally_view *view);

static inline uint64_t tally_shown_end(const tally_shown *shown)
{
    return atomic_load_explicit(&shown->end, memory_order_acquire);
}

/* All three as of one moment. */
tally_watermarks tally_shown_marks(const tally_shown *shown);
/* One caller at a time. */
void tally_shown_publish(tally_shown *shown, tally_watermarks marks, uint64_t end);

#endif
