/* Finding the runs that exist. */
#include <string.h>

#include "base/error.h"
#include "log/run_body.h"

typedef struct run_names {
    const tally_folder *folder;
    bool writable;
    bool no_memory;
    uint64_t *firsts;
    uint64_t *lasts;
    size_t count;
    size_t capacity;
} run_names;

static bool grow(run_names *names)
{
    const tally_platform *platform = names->folder->platform;
    size_t capacity = names->capacity == 0 ? 32 : names->capacity * 2;
    uint64_t *both = platform->allocate(platform->context, capacity * 2 * sizeof *both);
    if (both == NULL) return false;
    for (size_t i = 0; i < names->count; i++) {
        both[i] = names->firsts[i];
        both[capacity + i] = names->lasts[i];
    }
    platform->release(platform->context, names->firsts);
    names->firsts = both;
    names->lasts = both + capacity;
    names->capacity = capacity;
    return true;
}

/* The larger ones first. */
static int32_t take_name(void *user_data, const char *name)
{
    run_names *names = user_data;
    uint64_t first;
    uint64_t last;
    if (!tally_name_is_run(name, &first, &last)) {
        size_t length = strlen(name);
        size_t ending = sizeof TALLY_NAME_NEW - 1;
        char full[TALLY_NAME_BYTES * 2];
        bool unfinished =
            length > ending && length < TALLY_NAME_BYTES && memcmp(name + length - ending, TALLY_NAME_NEW, ending) == 0;
        if (!unfinished || !names->writable) return 0;
        memcpy(full, TALLY_NAME_RUNS "/", sizeof TALLY_NAME_RUNS);
        memcpy(full + sizeof TALLY_NAME_RUNS, name, length + 1);
        (void)tally_file_remove(names->folder, full, NULL);
        return 0;
    }
    if (names->count == names->capacity && !grow(names)) {
        names->no_memory = true;
        return 1;
    }
    size_t at = names->count++;
    for (; at > 0 && names->lasts[at - 1] - names->firsts[at - 1] < last - first; at--) {
        names->firsts[at] = names->firsts[at - 1];
        names->lasts[at] = names->lasts[at - 1];
    }
    names->firsts[at] = first;
    names->lasts[at] = last;
    return 0;
}

/* The sealed segments from number `first` to `last`, all there and none covered yet; NULL: not so. */
static tally_segment *const *segments_of(tally_segment *const *segments, size_t count, const bool *covered,
                                         uint64_t first, uint64_t last)
{
    size_t at = 0;
    while (at < count && segments[at]->header.number != first) at++;
    if (at == count || last - first >= count - at) return NULL;
    for (uint64_t i = 0; i <= last - first; i++) {
        const tally_segment *segment = segments[at + i];
        if (segment->header.number != first + i || !segment->sealed || covered[at + i]) return NULL;
    }
    return segments + at;
}

static bool is_about_bytes(tally_status status)
{
    return status == TALLY_E_DAMAGED || status == TALLY_E_FORMAT || status == TALLY_E_TRUNCATED;
}

static tally_status open_all(const run_names *names, tally_segment *const *segments, size_t segment_count,
                             bool *covered, tally_run **runs, size_t *run_count, tally_error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        char name[TALLY_NAME_BYTES];
        tally_run *run = NULL;
        tally_status status = TALLY_E_NOT_FOUND;
        uint64_t size = names->lasts[i] - names->firsts[i] + 1;
        tally_name_run(names->firsts[i], names->lasts[i], name);
        tally_segment *const *its = segments_of(segments, segment_count, covered, names->firsts[i], names->lasts[i]);
        if (its != NULL) status = tally_run_open(names->folder, name, its, (size_t)size, &run, error);
        if (status == TALLY_E_NO_MEMORY) return status;
        if (status == TALLY_OK) {
            runs[(*run_count)++] = run;
            memset(covered + (its - segments), 1, (size_t)size);
        } else if (names->writable && (its == NULL || is_about_bytes(status))) {
            (void)tally_file_remove(names->folder, name, NULL);
        }
    }
    tally_error_clear(error);
    return TALLY_OK;
}

/* Rising segments. */
static void sort_runs(tally_run **runs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        tally_run *run = runs[i];
        size_t at = i;
        for (; at > 0 && tally_run_first_segment(runs[at - 1]) > tally_run_first_segment(run); at--) {
            runs[at] = runs[at - 1];
        }
        runs[at] = run;
    }
}

static tally_status open_names(const run_names *names, tally_segment *const *segments, size_t segment_count,
                               tally_run ***runs, size_t *run_count, tally_error *error)
{
    const tally_platform *platform = names->folder->platform;
    if (names->no_memory) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of runs");
    if (names->count == 0) return TALLY_OK;
    tally_run **found = platform->allocate(platform->context, names->count * sizeof(tally_run *));
    bool *covered = platform->allocate(platform->context, segment_count + 1);
    tally_status status = TALLY_OK;
    if (found == NULL || covered == NULL) {
        status = tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of runs");
    } else {
        memset(covered, 0, segment_count + 1);
        status = open_all(names, segments, segment_count, covered, found, run_count, error);
        sort_runs(found, *run_count);
    }
    platform->release(platform->context, covered);
    if (status == TALLY_OK && *run_count != 0) {
        *runs = found;
        return TALLY_OK;
    }
    for (size_t i = 0; i < *run_count; i++) tally_run_release(found[i]);
    *run_count = 0;
    platform->release(platform->context, found);
    return status;
}

tally_status tally_runs_open(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_run ***runs, size_t *run_count, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    int32_t os_error;
    run_names names = {.folder = folder, .writable = writable};
    *runs = NULL;
    *run_count = 0;
    tally_status status = tally_folder_join(folder, TALLY_NAME_RUNS, path, error);
    if (status != TALLY_OK) return status;
    status = folder->platform->list_directory(folder->platform->context, path, take_name, &names, &os_error);
    if (status == TALLY_OK) {
        status = open_names(&names, segments, segment_count, runs, run_count, error);
    } else if (status != TALLY_E_NO_MEMORY) {
        status = TALLY_OK; /* no directory, or none that can be read: no runs */
    } else {
        (void)tally_fail_os(error, status, os_error, path, "listing the runs failed");
    }
    folder->platform->release(folder->platform->context, names.firsts);
    return status;
}

tally_status tally_runs_view(const tally_folder *folder, tally_segment *const *segments, size_t segment_count,
                             bool writable, tally_view **view, tally_error *error)
{
    tally_run **runs;
    size_t run_count;
    *view = NULL;
    tally_status status = tally_runs_open(folder, segments, segment_count, writable, &runs, &run_count, error);
    if (status != TALLY_OK) return status;
    status = tally_view_new(folder->platform, segments, segment_count, runs, run_count, view, error);
    for (size_t i = 0; i < run_count; i++) tally_run_release(runs[i]);
    folder->platform->release(folder->platform->context, runs);
    return status;
}
