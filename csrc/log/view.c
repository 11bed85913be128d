#include "log/view.h"

#include <string.h>

#include "base/error.h"
#include "log/run.h"

tally_status tally_view_new(const tally_platform *platform, tally_segment *const *segments, size_t segment_count,
                            struct tally_run *const *runs, size_t run_count, tally_view **view, tally_error *error)
{
    size_t bytes = sizeof(tally_view) + (segment_count + run_count) * sizeof(void *);
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
    for (size_t i = 0; i < segment_count; i++) {
        made->segments[i] = segments[i];
        tally_segment_hold(segments[i]);
    }
    for (size_t i = 0; i < run_count; i++) {
        made->runs[i] = runs[i];
        tally_run_hold(runs[i]);
    }
    *view = made;
    return TALLY_OK;
}

void tally_view_hold(tally_view *view)
{
    (void)atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed);
}

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
