/* The data of a recording; for recording.c and images.c only. */
#ifndef TALLY_TEST_RECORDING_H
#define TALLY_TEST_RECORDING_H

#include <stdatomic.h>

#include "images.h"

/* invariant: a point differs from the one before it in its disk or its notes */
typedef struct wrap_point {
    tally_platform *world; /* a copy, as the disk was */
    wrap_call before;
    uint64_t changes; /* the world's progress: equal numbers, equal disks */
    uint64_t syncs;
    uint64_t notes[WRAP_NOTES];
} wrap_point;

struct wrap_recording {
    tally_platform *wrapped; /* NULL: ended */
    _Atomic(uint64_t) notes[WRAP_NOTES];
    tally_mutex mutex; /* guards what follows: the scenario may have threads */
    wrap_point *points;
    size_t count;
    size_t capacity;
    bool failed; /* no memory for a point */
};

#endif
