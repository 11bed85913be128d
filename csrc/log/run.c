#include "log/run.h"

/* Until runs are merged there are none. */
void tally_run_hold(tally_run *run) { (void)run; }
void tally_run_release(tally_run *run) { (void)run; }
tally_status tally_runs_open(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_run ***runs, size_t *run_count, tally_error *error)
{
    (void)folder, (void)segments, (void)segment_count, (void)writable, (void)error;
    *runs = NULL;
    *run_count = 0;
    return TALLY_OK;
}
tally_status tally_run_merge(const tally_folder *folder, const tally_view *view, tally_run **merged,
                             tally_error *error)
{
    (void)folder, (void)view, (void)error;
    *merged = NULL;
    return TALLY_OK;
}
bool tally_run_covers(const tally_run *larger, const tally_run *smaller)
{
    (void)larger, (void)smaller;
    return false;
}
uint64_t tally_run_file_bytes(const tally_run *run)
{
    (void)run;
    return 0;
}
void tally_run_remove(tally_run *run) { (void)run; }
