#include "wrap/recording.h"

#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"

static bool is_news(const wrap_recording *recording, const wrap_point *point)
{
    if (recording->count == 0) return true;
    const wrap_point *last = &recording->points[recording->count - 1];
    return last->changes != point->changes || last->syncs != point->syncs ||
           memcmp(last->notes, point->notes, sizeof last->notes) != 0;
}

static bool add_point(wrap_recording *recording, const wrap_point *point)
{
    if (recording->count == recording->capacity) {
        size_t capacity = recording->capacity == 0 ? 64 : recording->capacity * 2;
        wrap_point *points = realloc(recording->points, capacity * sizeof *points);
        if (points == NULL) return false;
        recording->points = points;
        recording->capacity = capacity;
    }
    recording->points[recording->count++] = *point;
    return true;
}

/* Notes first, disk second: a promise that was noted is kept by the disk that is copied after it. */
static void record_now(void *user_data, wrap_call before)
{
    wrap_recording *recording = user_data;
    const tally_platform *world = wrap_inner(recording->wrapped);
    const tally_platform *system = tally_platform_default();
    wrap_point point = {.before = before};
    system->mutex_lock(system->context, &recording->mutex);
    for (size_t i = 0; i < WRAP_NOTES; i++) point.notes[i] = atomic_load(&recording->notes[i]);
    tally_memory_progress(world, &point.changes, &point.syncs);
    if (is_news(recording, &point)) {
        if (tally_memory_copy(world, &point.world, NULL) != TALLY_OK) {
            recording->failed = true;
        } else {
            /* Of the copy: another thread may have gone on between. */
            tally_memory_progress(point.world, &point.changes, &point.syncs);
            if (!add_point(recording, &point)) {
                (void)tally_platform_memory_close(&point.world);
                recording->failed = true;
            }
        }
    }
    system->mutex_unlock(system->context, &recording->mutex);
}

wrap_recording *wrap_record(tally_platform *wrapped, uint64_t calls)
{
    const tally_platform *system = tally_platform_default();
    int32_t os_error;
    wrap_recording *recording = calloc(1, sizeof *recording);
    if (recording == NULL) return NULL;
    if (system->mutex_init(system->context, &recording->mutex, &os_error) != TALLY_OK) {
        free(recording);
        return NULL;
    }
    recording->wrapped = wrapped;
    wrap_watch(wrapped, calls == 0 ? WRAP_CHANGES : calls, record_now, recording);
    return recording;
}

void wrap_note(wrap_recording *recording, uint32_t which, uint64_t value)
{
    atomic_store(&recording->notes[which % WRAP_NOTES], value);
}

void wrap_record_end(wrap_recording *recording)
{
    if (recording->wrapped == NULL) return;
    record_now(recording, WRAP_CALL_COUNT);
    wrap_watch(recording->wrapped, 0, NULL, NULL);
    recording->wrapped = NULL;
}

size_t wrap_point_count(const wrap_recording *recording) { return recording->count; }

void wrap_recording_free(wrap_recording *recording)
{
    const tally_platform *system = tally_platform_default();
    if (recording == NULL) return;
    for (size_t i = 0; i < recording->count; i++) (void)tally_platform_memory_close(&recording->points[i].world);
    system->mutex_destroy(system->context, &recording->mutex);
    free(recording->points);
    free(recording);
}

/* ---------------------------------------------------------------------------------------- all in one */

uint64_t wrap_each_crash(const tally_platform *from, const wrap_images *how,
                         void (*scenario)(const tally_platform *platform, wrap_recording *recording, void *user_data),
                         wrap_image_visitor visit, void *user_data)
{
    tally_platform *world = NULL;
    tally_platform *wrapped = NULL;
    wrap_recording *recording = NULL;
    uint64_t visited = 0;
    tally_status status =
        from == NULL ? tally_platform_memory_open(1, &world, NULL) : tally_memory_copy(from, &world, NULL);
    if (status == TALLY_OK) wrapped = wrap_open(world);
    if (wrapped != NULL) recording = wrap_record(wrapped, how == NULL ? 0 : how->calls);
    if (recording != NULL) {
        scenario(wrapped, recording, user_data);
        wrap_record_end(recording);
        visited = wrap_visit(recording, how, visit, user_data);
    }
    wrap_recording_free(recording);
    if (wrapped != NULL) wrap_close(&wrapped);
    (void)tally_platform_memory_close(&world);
    return visited;
}
