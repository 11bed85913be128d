#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Backup, fsck, salvage: long work, which JavaScript watches and stops through three numbers of its own. */

/* Places of the numbers: progress, its end, and whether to stop. */
enum { DONE, TOTAL, STOP, NUMBERS };

/* More findings are counted and not kept. */
#define FINDINGS_MAX 10000

typedef struct found {
    struct found *next;
    tally_finding finding;
    char file[128];
    char reason[256];
} found;

typedef struct upkeep_job {
    node_job job;
    enum { BACKUP, FSCK, SALVAGE } what;
    char *from;
    size_t from_length;
    char *to;
    size_t to_length;
    node_watch watch;
    found *first;
    found **last;
    size_t kept;
    union {
        tally_backup_report backup;
        tally_fsck_report fsck;
        tally_salvage_report salvage;
    } report;
} upkeep_job;

/* Aligned numbers of JavaScript, which it only looks at now and then: whole stores and loads, in no order. */
int32_t watch_progress(void *user_data, uint64_t done, uint64_t total)
{
    node_watch *watch = user_data;
    double now = (double)done;
    double end = (double)total;
    double stop = 0;
    __atomic_store(&watch->numbers[DONE], &now, __ATOMIC_RELAXED);
    __atomic_store(&watch->numbers[TOTAL], &end, __ATOMIC_RELAXED);
    __atomic_load(&watch->numbers[STOP], &stop, __ATOMIC_RELAXED);
    return stop != 0;
}

/* Findings come with the same user_data. */
static int32_t on_progress(void *user_data, uint64_t done, uint64_t total)
{
    return watch_progress(&((upkeep_job *)user_data)->watch, done, total);
}

static void copy_text(char *to, size_t capacity, const char *from)
{
    size_t length = from == NULL ? 0 : strlen(from);
    if (length >= capacity) length = capacity - 1;
    if (length != 0) memcpy(to, from, length);
    to[length] = 0;
}

static int32_t on_finding(void *user_data, const tally_finding *finding)
{
    upkeep_job *work = user_data;
    double stop = 0;
    if (work->kept < FINDINGS_MAX) {
        found *made = calloc(1, sizeof *made);
        if (made == NULL) return 1;
        made->finding = *finding;
        copy_text(made->file, sizeof made->file, finding->file);
        copy_text(made->reason, sizeof made->reason, finding->reason);
        *work->last = made;
        work->last = &made->next;
        work->kept++;
    }
    __atomic_load(&work->watch.numbers[STOP], &stop, __ATOMIC_RELAXED);
    return stop != 0;
}

static void upkeep_run(node_job *job)
{
    upkeep_job *work = (upkeep_job *)job;
    tally_upkeep_options options = {.size = sizeof options, .progress = on_progress, .user_data = work};
    switch (work->what) {
    case BACKUP:
        job->status = tally_store_backup(job->handle.store, work->to, work->to_length, &options, &work->report.backup,
                                         &job->error);
        break;
    case FSCK:
        job->status = tally_fsck(work->from, work->from_length, &options, on_finding, &work->report.fsck, &job->error);
        break;
    case SALVAGE:
        job->status = tally_salvage(work->from, work->from_length, work->to, work->to_length, &options,
                                    &work->report.salvage, &job->error);
        break;
    }
}

/* --------------------------------------------------------------------------------------------- reports */

static napi_value finding_value(napi_env env, const found *item)
{
    napi_value row = NULL;
    napi_value code = shim_text(env, tally_status_name(item->finding.status), NAPI_AUTO_LENGTH);
    TRY(env, napi_create_object(env, &row));
    bool done = shim_set(env, row, "code", code) &&
                shim_set(env, row, "severity", shim_number(env, item->finding.severity)) &&
                shim_set(env, row, "file", shim_text(env, item->file, NAPI_AUTO_LENGTH)) &&
                shim_set(env, row, "reason", shim_text(env, item->reason, NAPI_AUTO_LENGTH));
    if (done && item->finding.position != TALLY_POSITION_NONE) {
        done = shim_set_count(env, row, "position", item->finding.position);
    }
    if (done && item->finding.offset != TALLY_POSITION_NONE) {
        done = shim_set_count(env, row, "offset", item->finding.offset);
    }
    return done ? row : NULL;
}

static bool set_findings(napi_env env, napi_value object, const upkeep_job *work)
{
    napi_value rows = NULL;
    uint32_t i = 0;
    TRY_OR_FALSE(env, napi_create_array_with_length(env, work->kept, &rows));
    for (const found *item = work->first; item != NULL; item = item->next) {
        napi_value row = finding_value(env, item);
        if (row == NULL) return false;
        TRY_OR_FALSE(env, napi_set_element(env, rows, i++, row));
    }
    return shim_set(env, object, "findings", rows);
}

static bool set_backup(napi_env env, napi_value object, const tally_backup_report *report)
{
    return shim_set_count(env, object, "events", report->events) &&
           shim_set_count(env, object, "segments", report->segments) &&
           shim_set_count(env, object, "bytes", report->bytes);
}

static bool set_fsck(napi_env env, napi_value object, const tally_fsck_report *report)
{
    return shim_set_count(env, object, "segments", report->segments) &&
           shim_set_count(env, object, "commits", report->commits) &&
           shim_set_count(env, object, "events", report->events) &&
           shim_set_count(env, object, "bytes", report->bytes) && shim_set_count(env, object, "notes", report->notes) &&
           shim_set_count(env, object, "indexes", report->indexes) &&
           shim_set_count(env, object, "badEvents", report->bad_events) &&
           shim_set_count(env, object, "structure", report->structure);
}

static bool set_salvage(napi_env env, napi_value object, const tally_salvage_report *report)
{
    napi_value same = NULL;
    TRY_OR_FALSE(env, napi_get_boolean(env, report->same_lineage != 0, &same));
    return shim_set_count(env, object, "copied", report->copied) && shim_set_count(env, object, "lost", report->lost) &&
           shim_set_count(env, object, "gaps", report->gaps) && shim_set(env, object, "sameLineage", same);
}

static napi_value upkeep_done(napi_env env, node_job *job)
{
    const upkeep_job *work = (const upkeep_job *)job;
    napi_value object = NULL;
    bool done = false;
    TRY(env, napi_create_object(env, &object));
    switch (work->what) {
    case BACKUP: done = set_backup(env, object, &work->report.backup); break;
    case FSCK: done = set_fsck(env, object, &work->report.fsck) && set_findings(env, object, work); break;
    case SALVAGE: done = set_salvage(env, object, &work->report.salvage); break;
    }
    return done ? object : NULL;
}

static void upkeep_drop(napi_env env, node_job *job)
{
    upkeep_job *work = (upkeep_job *)job;
    watch_drop(env, &work->watch);
    for (found *item = work->first; item != NULL;) {
        found *next = item->next;
        free(item);
        item = next;
    }
    free(work->from);
    free(work->to);
}

/* --------------------------------------------------------------------------------------------- calling */

bool watch_read(napi_env env, napi_value value, node_watch *watch)
{
    void *numbers = NULL;
    size_t count = 0;
    if (!shim_array(env, value, napi_float64_array, &numbers, &count)) return false;
    if (count < NUMBERS) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "too few numbers");
        return false;
    }
    watch->numbers = numbers;
    TRY_OR_FALSE(env, napi_create_reference(env, value, 1, &watch->array));
    return true;
}

void watch_drop(napi_env env, node_watch *watch)
{
    if (watch->array != NULL) IGNORE(napi_delete_reference(env, watch->array));
    watch->array = NULL;
}

static napi_value upkeep_go(napi_env env, node_store *store, int what, const napi_value *arguments)
{
    bool is_async = false;
    if (!shim_get_bool(env, arguments[0], &is_async)) return NULL;
    upkeep_job *work = job_open(env, sizeof *work, store);
    if (work == NULL) return NULL;
    work->what = what;
    work->last = &work->first;
    work->job.run = upkeep_run;
    work->job.done = upkeep_done;
    work->job.drop = upkeep_drop;
    bool is_read = watch_read(env, arguments[1], &work->watch);
    if (is_read && what != BACKUP)
        is_read = (work->from = shim_copy_text(env, arguments[2], &work->from_length)) != NULL;
    if (is_read && what != FSCK) is_read = (work->to = shim_copy_text(env, arguments[3], &work->to_length)) != NULL;
    return is_read ? job_go(env, &work->job, is_async) : job_cancel(env, &work->job);
}

/* backup(is async, numbers, undefined, path) */
static napi_value backup(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    node_store *store = store_arguments(env, info, 4, arguments);
    return store == NULL ? NULL : upkeep_go(env, store, BACKUP, arguments);
}

/* storeFsck(is async, numbers, path) */
static napi_value fsck(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    return shim_arguments(env, info, 4, arguments, NULL) ? upkeep_go(env, NULL, FSCK, arguments) : NULL;
}

/* storeSalvage(is async, numbers, from, to) */
static napi_value salvage(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    return shim_arguments(env, info, 4, arguments, NULL) ? upkeep_go(env, NULL, SALVAGE, arguments) : NULL;
}

bool upkeep_bind(napi_env env, node_store *store, napi_value object)
{
    return store_bind(env, store, object, "backup", backup);
}

bool upkeep_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"storeFsck", fsck}, {"storeSalvage", salvage}};
    return shim_define(env, exports, functions, 2);
}
