/* Runs: the directories of several sealed segments next to each other, merged, so that a key is found in
 * O(log segments) places. Regenerable. */
#ifndef TALLY_LOG_RUN_H
#define TALLY_LOG_RUN_H

#include "log/postings.h"
#include "log/view.h"

typedef struct tally_run tally_run;

void tally_run_hold(tally_run *run);
void tally_run_release(tally_run *run);

/* Opens the runs that exist for these segments: the largest ones that cover sealed segments without
 * overlapping. Damaged or unfinished files are left out (and removed when `writable`). */
tally_status tally_runs_open(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_run ***runs, size_t *run_count, tally_error *error);

/* A view of segments, with the runs that exist for them. */
tally_status tally_runs_view(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_view **view, tally_error *error);

/* A merge that is due in a view, piece by piece. The caller makes a new view with what was merged in place of the
 * runs it covers (tally_run_covers), then removes their files. */
typedef struct tally_merging tally_merging;
/* Holds the view until it is ended. `*merging` NULL: none is due. */
tally_status tally_merge_begin(const tally_folder *folder, tally_view *view, tally_merging **merging,
                               tally_error *error);
/* About a millisecond of work, or a sync. `*whole`: it has come to its end, with `*merged`, which is NULL when what
 * was to be merged is too large, or damaged. After a failure it can only be ended. */
tally_status tally_merge_go_on(tally_merging *merge, bool *whole, tally_run **merged, tally_error *error);
tally_view *tally_merge_view(const tally_merging *merge);
/* Frees, also in the middle. Accepts NULL. */
void tally_merge_end(tally_merging *merge);

/* All of one merge at once; `*merged` NULL when none is due. */
tally_status tally_run_merge(const tally_folder *folder, tally_view *view, tally_run **merged, tally_error *error);
/* The segments that it covers, next to each other. */
uint64_t tally_run_first_segment(const tally_run *run);
uint32_t tally_run_segment_count(const tally_run *run);

/* Where a key is: references[0 .. count) starting at `at`, rising. */
typedef struct tally_run_entry {
    uint32_t at;
    uint32_t count;
} tally_run_entry;
/* NO also when the run is damaged and not used any more: look at tally_run_is_trusted first. */
enum tally_answer tally_run_find(const tally_run *run, const tally_key *key, tally_run_entry *entry);
/* Reference `number` of an entry: the segment, counted from the first, and the number of the key's record in it. */
enum tally_answer tally_run_reference(const tally_run *run, const tally_run_entry *entry, uint32_t number,
                                      uint32_t *segment, uint32_t *record);
bool tally_run_is_trusted(const tally_run *run);
void tally_run_distrust(tally_run *run);

bool tally_run_covers(const tally_run *larger, const tally_run *smaller);
uint64_t tally_run_file_bytes(const tally_run *run);
void tally_run_remove(tally_run *run); /* the file; the object lives on until it is released */

#endif
