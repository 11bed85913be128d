/* Threads that walk chunks, some ahead of the one that puts them in order. */
#ifndef TALLY_VERIFY_CREW_H
#define TALLY_VERIFY_CREW_H

#include "verify/joining.h"

#define TALLY_VERIFY_THREADS_MAX 16u

/* Told after each chunk that was merged, on the calling thread. Not TALLY_OK ends the work. */
typedef tally_status (*tally_crew_step)(void *context, uint64_t done, tally_error *error);

/* Walks and merges all segments from `first` on, with at most so many threads, this one among them. */
tally_status tally_crew_run(tally_joining *joining, tally_checks *checks, size_t first, uint32_t threads,
                            tally_crew_step step, void *context, tally_error *error);

#endif
