#include "verify/crew.h"

#include <string.h>

#include "base/error.h"

/* So much is walked at once: long enough that putting chunks together costs nothing, short enough that all threads
 * have something to do. */
#define SPACING_MAX (UINT64_C(2) << 20)
#define SPACING_MIN (UINT64_C(16) << 10)
#define CHUNKS_PER_THREAD 3u

/* A chunk on its way: free, walked by a thread, done. */
enum place_state { PLACE_FREE, PLACE_TAKEN, PLACE_DONE };
typedef struct place {
    enum place_state state;
    bool last; /* of its segment */
    tally_chunk chunk;
} place;

/* invariant: chunks [merged, planned) are in places[n % place_count]; guarded by the mutex */
typedef struct tally_crew {
    const tally_platform *platform;
    tally_checks *checks;
    tally_mutex mutex;
    tally_condition changed;
    place *places;
    size_t place_count;
    uint64_t planned;
    uint64_t merged;
    /* the next chunk: */
    size_t segment;
    uint64_t begin;
    uint64_t spacing;
} tally_crew;

static bool all_planned(const tally_crew *crew) { return crew->segment == crew->checks->view->segment_count; }

/* Takes the next chunk, when there is a place for it. */
static place *plan(tally_crew *crew)
{
    const tally_checks *checks = crew->checks;
    if (all_planned(crew) || crew->planned - crew->merged == crew->place_count) return NULL;
    if (atomic_load(&checks->stop)) return NULL;
    place *at = &crew->places[crew->planned % crew->place_count];
    tally_chunk *chunk = &at->chunk;
    const tally_segment *segment = checks->view->segments[crew->segment];
    uint64_t limit = checks->limits[crew->segment];
    chunk->segment = crew->segment;
    chunk->beyond = false;
    chunk->begin = crew->begin;
    chunk->limit = limit;
    chunk->guessed = crew->begin != TALLY_SEGMENT_HEADER_BYTES;
    chunk->from_position = segment->header.first_position;
    chunk->from_commit = segment->header.first_commit;
    at->last = limit <= crew->begin || limit - crew->begin <= crew->spacing + crew->spacing / 2;
    chunk->until = at->last ? UINT64_MAX : crew->begin + crew->spacing;
    at->state = PLACE_TAKEN;
    crew->planned++;
    crew->begin = at->last ? TALLY_SEGMENT_HEADER_BYTES : chunk->until;
    if (at->last) crew->segment++;
    return at;
}

static void lock(tally_crew *crew) { crew->platform->mutex_lock(crew->platform->context, &crew->mutex); }
static void unlock(tally_crew *crew) { crew->platform->mutex_unlock(crew->platform->context, &crew->mutex); }
static void wake(tally_crew *crew) { crew->platform->condition_wake_all(crew->platform->context, &crew->changed); }
static void wait(tally_crew *crew)
{
    (void)crew->platform->condition_wait(crew->platform->context, &crew->changed, &crew->mutex, UINT64_MAX);
}

/* Under the lock, which is left meanwhile. */
static void walk(tally_crew *crew, place *at)
{
    unlock(crew);
    tally_chunk_walk(&at->chunk, crew->checks);
    lock(crew);
    at->state = PLACE_DONE;
    wake(crew);
}

static void work(void *user_data)
{
    tally_crew *crew = user_data;
    lock(crew);
    while (!atomic_load(&crew->checks->stop) && !all_planned(crew)) {
        place *at = plan(crew);
        if (at != NULL) walk(crew, at);
        else wait(crew);
    }
    unlock(crew);
}

/* Under the lock. */
static tally_status merge_next(tally_crew *crew, tally_joining *joining, tally_crew_step step, void *context,
                               tally_error *error)
{
    place *at = &crew->places[crew->merged % crew->place_count];
    unlock(crew);
    tally_status status = tally_joining_chunk(joining, &at->chunk, at->last, error);
    if (status == TALLY_OK) status = step(context, joining->done, error);
    lock(crew);
    at->state = PLACE_FREE;
    crew->merged++;
    wake(crew);
    return status;
}

static tally_status lead(tally_crew *crew, tally_joining *joining, tally_crew_step step, void *context,
                         tally_error *error)
{
    tally_status status = TALLY_OK;
    while (status == TALLY_OK && joining->bad.reason == TALLY_REASON_NONE && !joining->finished) {
        if (crew->merged == crew->planned && all_planned(crew)) break;
        place *at = &crew->places[crew->merged % crew->place_count];
        if (crew->merged != crew->planned && at->state == PLACE_DONE) {
            status = merge_next(crew, joining, step, context, error);
            continue;
        }
        at = plan(crew);
        if (at != NULL) walk(crew, at);
        else wait(crew);
    }
    atomic_store(&crew->checks->stop, true);
    wake(crew);
    return status;
}

static uint64_t spacing_for(const tally_checks *checks, size_t first, uint32_t threads)
{
    uint64_t bytes = 0;
    for (size_t i = first; i < checks->view->segment_count; i++) bytes += checks->limits[i];
    uint64_t spacing = bytes / ((uint64_t)threads * 16) & ~UINT64_C(7);
    return spacing > SPACING_MAX ? SPACING_MAX : spacing < SPACING_MIN ? SPACING_MIN : spacing;
}

static tally_status run(tally_crew *crew, tally_joining *joining, uint32_t threads, tally_crew_step step, void *context,
                        tally_error *error)
{
    tally_thread_id ids[TALLY_VERIFY_THREADS_MAX];
    uint32_t started = 0;
    int32_t os_error;
    const tally_platform *platform = crew->platform;
    /* With fewer threads it takes longer. */
    while (started + 1 < threads &&
           platform->start_thread(platform->context, work, crew, &ids[started], &os_error) == TALLY_OK)
        started++;
    lock(crew);
    tally_status status = lead(crew, joining, step, context, error);
    unlock(crew);
    for (uint32_t i = 0; i < started; i++) platform->join_thread(platform->context, ids[i]);
    atomic_store(&crew->checks->stop, false);
    return status;
}

tally_status tally_crew_run(tally_joining *joining, tally_checks *checks, size_t first, uint32_t threads,
                            tally_crew_step step, void *context, tally_error *error)
{
    const tally_platform *platform = checks->platform;
    int32_t os_error = 0;
    tally_crew crew = {.platform = platform, .checks = checks, .segment = first, .begin = TALLY_SEGMENT_HEADER_BYTES};
    crew.spacing = spacing_for(checks, first, threads);
    crew.place_count = threads == 1 ? 1 : (size_t)threads * CHUNKS_PER_THREAD;
    size_t bytes = crew.place_count * sizeof *crew.places;
    crew.places = platform->allocate(platform->context, bytes);
    if (crew.places == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to verify");
    memset(crew.places, 0, bytes);
    tally_status status = platform->mutex_init(platform->context, &crew.mutex, &os_error);
    bool has_mutex = status == TALLY_OK;
    if (has_mutex) status = platform->condition_init(platform->context, &crew.changed, &os_error);
    if (status == TALLY_OK) {
        status = run(&crew, joining, threads, step, context, error);
        platform->condition_destroy(platform->context, &crew.changed);
    } else {
        (void)tally_fail_os(error, status, os_error, NULL, "the system gives no lock");
    }
    if (has_mutex) platform->mutex_destroy(platform->context, &crew.mutex);
    for (size_t i = 0; i < crew.place_count; i++) tally_chunk_free(&crew.places[i].chunk, platform);
    platform->release(platform->context, crew.places);
    return status;
}
