#include "handle/thread.h"

#include <string.h>

#include <tallystick/platform.h>

#include "handle/process.h"

/* No room: its stack is full. */
tally_thread tally_thread_unattached = {
    .next = tally_thread_unattached.hazards + TALLY_HAZARDS,
    .plain_end = tally_thread_unattached.hazards,
    .surplus = TALLY_HAZARDS,
};
TALLY_THREAD_LOCAL tally_thread *tally_thread_now = &tally_thread_unattached;

_Atomic(int32_t) tally_fence_mode;
static _Atomic(int32_t) fence_refused;

static tally_thread records[TALLY_THREADS_STATIC];
/* Records [0, records_used) were ever owned. Raised by compare-and-swap before the owner publishes its
 * first hazard, both sequentially consistent: a writer that does not see the record took its object
 * out of reach before the owner could look. */
static _Atomic(uint32_t) records_used;
static _Atomic(tally_thread *) allocated; /* list of later records; never freed */

static bool claim(tally_thread *record)
{
    uint32_t expected = 0;
    return atomic_compare_exchange_strong(&record->owned, &expected, 1);
}

static tally_thread *claim_static(void)
{
    for (uint32_t i = 0; i < TALLY_THREADS_STATIC; i++) {
        if (!claim(&records[i])) continue;
        records[i].index = i;
        uint32_t used = atomic_load(&records_used);
        while (used < i + 1 && !atomic_compare_exchange_weak(&records_used, &used, i + 1)) {
        }
        return &records[i];
    }
    return NULL;
}

static tally_thread *claim_allocated(void)
{
    for (tally_thread *record = atomic_load(&allocated); record != NULL; record = record->next_allocated) {
        if (claim(record)) return record;
    }
    const tally_platform *platform = tally_platform_default();
    tally_thread *record = platform->allocate(platform->context, sizeof *record);
    if (record == NULL) return NULL;
    memset(record, 0, sizeof *record);
    atomic_store_explicit(&record->owned, 1, memory_order_relaxed);
    tally_process_lock(TALLY_LOCK_THREADS);
    record->next_allocated = atomic_load(&allocated);
    record->index = record->next_allocated == NULL ? TALLY_THREADS_STATIC : record->next_allocated->index + 1;
    atomic_store(&allocated, record);
    tally_process_unlock(TALLY_LOCK_THREADS);
    return record;
}

TALLY_COLD tally_thread *tally_thread_attach(void)
{
    if (tally_thread_now != &tally_thread_unattached) return tally_thread_now;
    tally_thread *record = claim_static();
    if (record == NULL) record = claim_allocated();
    if (record == NULL) return NULL;
    uint32_t high = atomic_load_explicit(&record->high, memory_order_relaxed);
    record->next = record->hazards;
    record->plain_end = record->hazards + (high < TALLY_REGISTRY_DEPTH_MAX ? high : TALLY_REGISTRY_DEPTH_MAX);
    record->surplus = 0;
    record->callbacks = 0;
    record->calls = NULL;
    record->pins = NULL;
    record->reporting = NULL;
    record->pinned_entry = NULL;
    record->failing_entry = NULL;
    tally_thread_now = record;
    const tally_platform *platform = tally_platform_default();
    platform->thread_exit_arm(platform->context, record);
    return record;
}

void tally_thread_leave(void *value)
{
    tally_thread *record = value;
    /* A destructor of another thread-local may notify after this: it will attach again. */
    if (tally_thread_now == record) tally_thread_now = &tally_thread_unattached;
    uint32_t high = atomic_load_explicit(&record->high, memory_order_relaxed);
    for (uint32_t i = 0; i < high; i++) {
        atomic_store_explicit(&record->hazards[i].running, NULL, memory_order_release);
        atomic_store_explicit(&record->hazards[i].object, NULL, memory_order_release);
    }
    atomic_store_explicit(&record->owned, 0, memory_order_release);
}

void tally_thread_adopt_orphan(tally_thread *record)
{
    memset(record, 0, offsetof(tally_thread, hazards));
    record->orphan = 1;
    record->next = record->hazards + TALLY_HAZARDS;
    record->plain_end = record->hazards;
    record->surplus = TALLY_HAZARDS;
    tally_thread_now = record;
}

void tally_thread_drop_orphan(void) { tally_thread_now = &tally_thread_unattached; }

void tally_callback_enter(tally_callback *callback)
{
    callback->is_orphan = tally_thread_attach() == NULL;
    if (callback->is_orphan) tally_thread_adopt_orphan(&callback->orphan);
    tally_thread_now->callbacks++;
}

void tally_callback_leave(tally_callback *callback)
{
    tally_thread_now->callbacks--;
    if (callback->is_orphan) tally_thread_drop_orphan();
}

bool tally_thread_in_handler(void) { return tally_thread_depth(tally_thread_now) > 0; }

bool tally_thread_in_callback(void) { return tally_thread_in_handler() || tally_thread_now->callbacks > 0; }

uint32_t tally_registry_depth(void) { return tally_thread_depth(tally_thread_now); }

static void each_hazard_of(tally_thread *record,
                           void (*visit)(const tally_hazard *hazard, const void *object, void *user_data),
                           void *user_data)
{
    if (atomic_load(&record->owned) == 0) return;
    uint32_t high = atomic_load(&record->high);
    for (uint32_t i = 0; i < high; i++) {
        const void *object = atomic_load(&record->hazards[i].object);
        if (object != NULL) visit(&record->hazards[i], object, user_data);
    }
}

void tally_threads_each_hazard(void (*visit)(const tally_hazard *hazard, const void *object, void *user_data),
                               void *user_data)
{
    uint32_t used = atomic_load(&records_used);
    for (uint32_t i = 0; i < used; i++) each_hazard_of(&records[i], visit, user_data);
    for (tally_thread *record = atomic_load(&allocated); record != NULL; record = record->next_allocated) {
        each_hazard_of(record, visit, user_data);
    }
}

static void forget_vanished(tally_thread *record)
{
    if (record == tally_thread_now || atomic_load(&record->owned) == 0) return;
    tally_thread_leave(record);
}

void tally_threads_after_fork(void)
{
    uint32_t used = atomic_load(&records_used);
    for (uint32_t i = 0; i < used; i++) forget_vanished(&records[i]);
    for (tally_thread *record = atomic_load(&allocated); record != NULL; record = record->next_allocated) {
        forget_vanished(record);
    }
    if (atomic_load(&tally_fence_mode) == TALLY_FENCE_ASYMMETRIC) {
        const tally_platform *platform = tally_platform_default();
        atomic_store(&fence_refused, platform->process_barrier_prepare(platform->context) != TALLY_OK);
    }
}

void tally_fence_prepare(void)
{
    if (atomic_load_explicit(&tally_fence_mode, memory_order_acquire) != TALLY_FENCE_UNDECIDED) return;
#if defined(TALLY_PORTABLE_FENCES)
    int32_t mode = TALLY_FENCE_PORTABLE;
#else
    const tally_platform *platform = tally_platform_default();
    bool prepared = platform->process_barrier_prepare(platform->context) == TALLY_OK;
    int32_t mode = prepared ? TALLY_FENCE_ASYMMETRIC : TALLY_FENCE_PORTABLE;
#endif
    int32_t undecided = TALLY_FENCE_UNDECIDED;
    (void)atomic_compare_exchange_strong(&tally_fence_mode, &undecided, mode);
}

tally_status tally_fence_all(void)
{
    if (atomic_load(&tally_fence_mode) != TALLY_FENCE_ASYMMETRIC) return TALLY_OK; /* readers exchange */
    if (atomic_load(&fence_refused)) return TALLY_E_UNSUPPORTED;
    const tally_platform *platform = tally_platform_default();
    if (platform->process_barrier(platform->context) == TALLY_OK) return TALLY_OK;
    atomic_store(&fence_refused, 1);
    return TALLY_E_UNSUPPORTED;
}
