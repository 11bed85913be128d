#include "log/shown.h"

#include "base/error.h"

tally_status tally_shown_init(tally_shown *shown, const tally_platform *platform, tally_view *view, tally_error *error)
{
    int32_t os_error = 0;
    shown->platform = platform;
    shown->view = view;
    atomic_init(&shown->turn, 0);
    atomic_init(&shown->buffered, 0);
    atomic_init(&shown->written, 0);
    atomic_init(&shown->durable, 0);
    atomic_init(&shown->end, 0);
    tally_status status = platform->mutex_init(platform->context, &shown->mutex, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    shown->view = NULL;
    return tally_fail_os(error, status, os_error, NULL, "the system refused a lock for the store's view");
}

void tally_shown_destroy(tally_shown *shown)
{
    if (shown->view != NULL) tally_view_release(shown->view);
    shown->view = NULL;
    shown->platform->mutex_destroy(shown->platform->context, &shown->mutex);
}

tally_view *tally_shown_hold(tally_shown *shown)
{
    const tally_platform *platform = shown->platform;
    platform->mutex_lock(platform->context, &shown->mutex);
    tally_view *view = shown->view;
    if (view != NULL) tally_view_hold(view);
    platform->mutex_unlock(platform->context, &shown->mutex);
    return view;
}

void tally_shown_replace(tally_shown *shown, tally_view *view)
{
    const tally_platform *platform = shown->platform;
    platform->mutex_lock(platform->context, &shown->mutex);
    tally_view *before = shown->view;
    shown->view = view;
    platform->mutex_unlock(platform->context, &shown->mutex);
    if (before != NULL) tally_view_release(before);
}

/* A turn that is even and the same before and after means that nobody wrote between. Loads that acquire keep
 * the second look at the turn behind them; stores that release keep the first one before them. */
tally_watermarks tally_shown_marks(const tally_shown *shown)
{
    tally_watermarks marks;
    uint64_t before;
    uint64_t after;
    do {
        before = atomic_load_explicit(&shown->turn, memory_order_acquire);
        marks.buffered = atomic_load_explicit(&shown->buffered, memory_order_acquire);
        marks.written = atomic_load_explicit(&shown->written, memory_order_acquire);
        marks.durable = atomic_load_explicit(&shown->durable, memory_order_acquire);
        after = atomic_load_explicit(&shown->turn, memory_order_relaxed);
    } while (before != after || before % 2 != 0);
    return marks;
}

void tally_shown_publish(tally_shown *shown, tally_watermarks marks, uint64_t end)
{
    uint64_t turn = atomic_load_explicit(&shown->turn, memory_order_relaxed);
    atomic_store_explicit(&shown->turn, turn + 1, memory_order_relaxed);
    atomic_store_explicit(&shown->durable, marks.durable, memory_order_release);
    atomic_store_explicit(&shown->written, marks.written, memory_order_release);
    atomic_store_explicit(&shown->buffered, marks.buffered, memory_order_release);
    atomic_store_explicit(&shown->end, end, memory_order_release);
    atomic_store_explicit(&shown->turn, turn + 2, memory_order_release);
}
