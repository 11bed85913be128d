/* Runs: the directories of several sealed segments next to each other, merged, so that a key is found in
 * O(log segments) places. Regenerable. */
#ifndef TALLY_LOG_RUN_H
#define TALLY_LOG_RUN_H

#include "log/view.h"

typedef struct tally_run tally_run;

void tally_run_hold(tally_run *run);
void tally_run_release(tally_run *run);

/* Opens the runs that exist for these segments: the largest ones that cover sealed segments without
 * overlapping. Damaged or unfinished files are left out (and removed when `writable`). */
tally_status tally_runs_open(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_run ***runs, size_t *run_count, tally_error *error);

/* Does at most one merge that is due in `view`; `*merged` NULL when none is. The caller makes a new view with it
 * in place of the runs it covers (tally_run_covers), then removes their files. */
tally_status tally_run_merge(const tally_folder *folder, const tally_view *view, tally_run **merged,
                             tally_error *error);
bool tally_run_covers(const tally_run *larger, const tally_run *smaller);
uint64_t tally_run_file_bytes(const tally_run *run);
void tally_run_remove(tally_run *run); /* the file; the object lives on until it is released */

#endif
