#include "log/view.h"

#include <string.h>

#include "base/error.h"
#include "log/run.h"

/* Notes which segments a run covers; of two runs over the same one either will do. */
static void place_run(tally_view *view, size_t number)
{
    const tally_run *run = view->runs[number];
    for (size_t i = 0; i < view->segment_count; i++) {
        uint64_t offset = view->segments[i]->header.number - tally_run_first_segment(run);
        if (offset < tally_run_segment_count(run)) view->run_of[i] = (uint32_t)number;
    }
}

tally_status tally_view_new(const tally_platform *platform, tally_segment *const *segments, size_t segment_count,
                            struct tally_run *const *runs, size_t run_count, tally_view **view, tally_error *error)
{
    size_t bytes = sizeof(tally_view) + (segment_count + run_count) * sizeof(void *) + segment_count * sizeof(uint32_t);
    tally_view *made = platform->allocate(platform->context, bytes);
    *view = NULL;
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    memset(made, 0, bytes);
    atomic_init(&made->references, 1);
    made->platform = platform;
    made->segment_count = segment_count;
    made->run_count = run_count;
    made->segments = (tally_segment **)(made + 1);
    made->runs = (struct tally_run **)(made->segments + segment_count);
    made->run_of = (uint32_t *)(made->runs + run_count);
    for (size_t i = 0; i < segment_count; i++) {
        made->segments[i] = segments[i];
        made->run_of[i] = TALLY_RUN_NONE;
        tally_segment_hold(segments[i]);
    }
    for (size_t i = 0; i < run_count; i++) {
        made->runs[i] = runs[i];
        tally_run_hold(runs[i]);
        place_run(made, i);
    }
    *view = made;
    return TALLY_OK;
}

void tally_view_hold(tally_view *view) { (void)atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed); }

void tally_view_release(tally_view *view)
{
    if (view == NULL) return;
    if (atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < view->segment_count; i++) tally_segment_release(view->segments[i]);
    for (size_t i = 0; i < view->run_count; i++) tally_run_release(view->runs[i]);
    view->platform->release(view->platform->context, view);
}

/* Most looks are for the newest. */
size_t tally_view_find(const tally_view *view, uint64_t position)
{
    size_t low = 0;
    size_t high = view->segment_count - 1;
    if (position >= view->segments[high]->header.first_position) return high;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (view->segments[middle]->header.first_position <= position) low = middle;
        else high = middle - 1;
    }
    return low;
}
