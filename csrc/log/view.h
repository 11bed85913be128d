/* A view: the segments of the log, and the runs over sealed ones, as they were at one moment. Immutable,
 * counted; how far the last segment counts is the viewer's own `end` (a position). */
#ifndef TALLY_LOG_VIEW_H
#define TALLY_LOG_VIEW_H

#include "log/segment_file.h"

struct tally_run; /* run.h */

typedef struct tally_view {
    _Atomic(uint32_t) references;
    const tally_platform *platform;
    size_t segment_count; /* ascending numbers, dense positions; at least one */
    size_t run_count;     /* of runs, each over sealed segments next to each other, none overlapping */
    tally_segment **segments;
    struct tally_run **runs;
    uint32_t *run_of; /* of each segment: the index of the run that covers it, or TALLY_RUN_NONE */
} tally_view;

#define TALLY_RUN_NONE UINT32_MAX

/* Holds all of them. */
tally_status tally_view_new(const tally_platform *platform, tally_segment *const *segments, size_t segment_count,
                            struct tally_run *const *runs, size_t run_count, tally_view **view, tally_error *error);
void tally_view_hold(tally_view *view);
void tally_view_release(tally_view *view);

/* The index in `segments` of the one that holds a position; the last one for positions beyond. */
size_t tally_view_find(const tally_view *view, uint64_t position);

#endif
