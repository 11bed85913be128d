#define __USE_MINGW_ANSI_STDIO 1

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "log/run.h"
#include "platform/default.h"
#include "sign/signer.h"
#include "store/store.h"
#include "upkeep/work.h"
#include "verify/crew.h"
#include "verify/ending.h"

/* One verification. */
typedef struct verification {
    tally_verify_options options;
    tally_work work;
    const tally_folder *folder;
    tally_checkpoint since;
    bool has_since;
    tally_judged_heads heads;
    tally_checks checks;
    tally_joining joining;
    tally_bad notes_bad; /* of CHECKPOINTS: told when nothing else is wrong */
    uint64_t *limits;
} verification;

/* ----------------------------------------------------------------------------------------- options */

static tally_status read_options(verification *run, const tally_verify_options *options, const tally_platform *platform,
                                 tally_error *error)
{
    tally_verify_options *known = &run->options;
    tally_status status =
        tally_options_read(known, sizeof *known, sizeof *known, options, "tally_verify_options", error);
    if (status != TALLY_OK) return status;
    if (known->mode == 0) known->mode = TALLY_VERIFY_FULL;
    if (known->mode != TALLY_VERIFY_FULL && known->mode != TALLY_VERIFY_QUICK)
        return tally_fail(error, TALLY_E_OPTION, "mode is %u; see TALLY_VERIFY_FULL", known->mode);
    if (known->keys == NULL && known->key_count != 0)
        return tally_fail(error, TALLY_E_NULL, "keys is NULL, but key_count is not 0");
    if (known->since.bytes == NULL && known->since.length != 0)
        return tally_fail(error, TALLY_E_NULL, "since is NULL, but its length is not 0");
    if (known->platform != NULL) status = tally_platform_check(known->platform, error);
    if (status != TALLY_OK) return status;
    if (known->threads == 0) known->threads = tally_platform_processors();
    if (known->threads > TALLY_VERIFY_THREADS_MAX) known->threads = TALLY_VERIFY_THREADS_MAX;
    tally_upkeep_options upkeep = {.size = sizeof upkeep,
                                   .progress = known->progress,
                                   .user_data = known->user_data,
                                   .platform = platform != NULL ? platform : known->platform};
    status = tally_work_begin(&run->work, &upkeep, tally_platform_default(), error);
    if (status != TALLY_OK || known->since.length == 0) return status;
    run->has_since = true;
    return tally_checkpoint_read(known->since.bytes, known->since.length, &run->since, error);
}

static tally_status make_secrets(tally_checks *checks, tally_error *error)
{
    int32_t os_error = 0;
    struct {
        uint8_t streams[32];
        tally_index_secret index;
    } secrets;
    const tally_platform *platform = checks->platform;
    tally_status status = platform->random_bytes(platform->context, &secrets, sizeof secrets, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gives no random bytes");
    memcpy(checks->secret, secrets.streams, sizeof checks->secret);
    checks->index_secret = secrets.index;
    return TALLY_OK;
}

/* --------------------------------------------------------------------------------------- the events */

static tally_status step(void *context, uint64_t done, tally_error *error)
{
    tally_work *work = context;
    return tally_work_step(work, done > work->done ? done - work->done : 0, error);
}

/* Where the work begins: at the first event, or where the tree's files lead to the root that was verified before. */
static size_t find_begin(verification *run)
{
    tally_checks *checks = &run->checks;
    tally_frontier frontier;
    tally_hash root;
    checks->leaf_from = checks->full_from = 0;
    if (!run->has_since || run->since.size == 0) return 0;
    checks->full_from = run->since.size;
    if (tally_merkle_frontier(tally_tiles_node, &checks->tiles, run->since.size, &frontier, NULL) != TALLY_OK) return 0;
    tally_frontier_root(&frontier, root.bytes);
    if (memcmp(&root, &run->since.root, sizeof root) != 0) return 0;
    checks->leaf_from = run->since.size;
    run->joining.frontier = frontier;
    return tally_view_find(checks->view, run->since.size);
}

static tally_status check_origin(verification *run, const char *origin)
{
    if (!run->has_since || tally_text_equal(run->since.origin, (tally_text){origin, strlen(origin)})) return TALLY_OK;
    tally_bad_set(&run->joining.bad, TALLY_REASON_WRONG_ORIGIN, 0, TALLY_POSITION_NONE, "", TALLY_POSITION_NONE,
                  "the head that was verified before is one of another log; this one is %.160s", origin);
    return TALLY_E_ORIGIN;
}

static tally_status walk_all(verification *run, size_t first, tally_error *error)
{
    tally_joining *joining = &run->joining;
    tally_checks *checks = &run->checks;
    for (size_t i = first; i < checks->view->segment_count; i++) run->work.total += checks->limits[i];
    checks->stops = run->heads.stops;
    checks->stop_count = run->heads.stop_count;
    tally_status status = tally_joining_begin(joining, checks, &run->heads, error);
    if (status == TALLY_OK && joining->bad.reason == TALLY_REASON_NONE)
        status = tally_crew_run(joining, checks, first, run->options.threads, step, &run->work, error);
    return status;
}

static tally_status check_runs(verification *run, tally_error *error)
{
    tally_status status = TALLY_OK;
    const tally_view *view = run->checks.view;
    tally_bad *bad = &run->joining.bad;
    if (!run->checks.full) return TALLY_OK;
    for (size_t i = 0; status == TALLY_OK && bad->reason == TALLY_REASON_NONE && i < view->run_count; i++)
        status = tally_index_check_run(view, i, &run->checks.index_secret, run->checks.platform, bad, error);
    return status;
}

static void write_report(verification *run, tally_verify_report *report)
{
    const tally_joining *joining = &run->joining;
    const tally_bad *bad = &joining->bad;
    uint64_t from = run->checks.full_from;
    report->intact = bad->reason == TALLY_REASON_NONE;
    report->reason = bad->reason;
    report->position = report->intact ? TALLY_POSITION_NONE : bad->position;
    report->offset = report->intact ? TALLY_POSITION_NONE : bad->offset;
    report->events = joining->position > from ? joining->position - from : 0;
    report->covered = run->heads.covered > from ? run->heads.covered - from : 0;
    if (report->covered > report->events) report->covered = report->events;
    report->signed_heads = run->heads.checked;
    report->bytes = joining->done;
    if (report->intact) tally_frontier_root(&joining->frontier, report->root.bytes);
    (void)tally_text_copy(report->file, sizeof report->file, bad->file, strlen(bad->file));
    const char *message = bad->message;
    char good[sizeof report->message];
    if (report->intact) {
        (void)snprintf(good, sizeof good, "%" PRIu64 " events are right, %s", report->events,
                       run->options.key_count == 0 ? "no signature was looked at" : "signatures were checked");
        message = good;
    }
    (void)tally_text_copy(report->message, sizeof report->message, message, strlen(message));
}

/* A view up to `end`. `ending` is told when the events are right; NULL: nothing is behind them. */
static tally_status verify_view(verification *run, const tally_view *view, const tally_work_found *found,
                                const char *origin, tally_error *error)
{
    tally_joining *joining = &run->joining;
    tally_status status =
        tally_judged_heads_begin(&run->heads, origin, run->has_since ? &run->since : NULL, &run->notes_bad, error);
    run->checks.platform = run->work.platform;
    run->checks.view = view;
    run->checks.full = run->options.mode == TALLY_VERIFY_FULL;
    if (status == TALLY_OK) status = make_secrets(&run->checks, error);
    if (status != TALLY_OK) return status;
    tally_tiles_open(&run->checks.tiles, run->folder);
    if (check_origin(run, origin) == TALLY_OK) {
        status = walk_all(run, find_begin(run), error);
        if (status == TALLY_OK && found != NULL && joining->bad.reason == TALLY_REASON_NONE)
            status = tally_ending_check(joining, found, error);
        if (status == TALLY_OK) status = tally_joining_finish(joining, error);
        if (status == TALLY_OK && joining->bad.reason == TALLY_REASON_NONE) status = check_runs(run, error);
        if (status == TALLY_OK && joining->bad.reason == TALLY_REASON_NONE) joining->bad = run->notes_bad;
    }
    tally_joining_end(joining);
    tally_tiles_close(&run->checks.tiles);
    return status;
}

static tally_status take_limits(verification *run, const tally_view *view, tally_error *error)
{
    const tally_platform *platform = run->work.platform;
    run->limits = platform->allocate(platform->context, (view->segment_count + 1) * sizeof *run->limits);
    if (run->limits == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    for (size_t i = 0; i < view->segment_count; i++) run->limits[i] = tally_segment_end(view->segments[i]);
    run->checks.limits = run->limits;
    return TALLY_OK;
}

static void end_run(verification *run)
{
    tally_judged_heads_close(&run->heads);
    if (run->limits != NULL) run->work.platform->release(run->work.platform->context, run->limits);
}

/* ------------------------------------------------------------------------------------ an open store */

static tally_status verify_open(verification *run, tally_store_body *body, tally_error *error)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    tally_look look;
    run->folder = &body->folder;
    tally_origin_write(body->info.name, body->info.lineage, origin);
    /* The heads first: they do not lie above what is durable after that. */
    tally_status status = tally_judged_heads_open(&run->heads, run->folder, run->options.keys, run->options.key_count,
                                                  &run->notes_bad, error);
    if (status == TALLY_OK) status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    run->checks.end = look.durable;
    static const tally_view empty = {.segment_count = 0};
    const tally_view *view = look.view != NULL ? look.view : &empty;
    status = take_limits(run, view, error);
    if (status == TALLY_OK) status = verify_view(run, view, NULL, origin, error);
    if (look.view != NULL) tally_view_release(look.view);
    return status;
}

tally_status tally_store_verify(tally_store *store, const tally_verify_options *options, tally_verify_report *report,
                                tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (report == NULL) return tally_fail(error, TALLY_E_NULL, "report is NULL");
    memset(report, 0, sizeof *report);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    verification run = {.has_since = false};
    status = read_options(&run, options, body->platform, error);
    run.work.slot = call.slot;
    if (status == TALLY_OK) status = verify_open(&run, body, error);
    if (status == TALLY_OK) write_report(&run, report);
    end_run(&run);
    tally_gate_leave(&call);
    tally_close_deferred(); /* of a progress callback that closed the store */
    return status;
}

/* ------------------------------------------------------------------------------------- a directory */

static tally_status verify_found(verification *run, const tally_work_found *found, tally_error *error)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    tally_view *view;
    tally_run **runs = NULL;
    size_t run_count = 0;
    const tally_chain *chain = &found->chain;
    if (chain->count == 0) {
        tally_ending_nothing(&run->joining.bad, found);
        return TALLY_OK;
    }
    const tally_segment_header *header = &chain->segments[0]->header;
    tally_origin_write(header->name, header->lineage, origin);
    if (run->heads.opened && chain->clean_close && run->heads.notes.file_end != run->heads.notes.end)
        tally_bad_set(&run->notes_bad, TALLY_REASON_UNREADABLE, 0, TALLY_POSITION_NONE, TALLY_NAME_CHECKPOINTS,
                      run->heads.notes.end, "the last record of CHECKPOINTS does not check");
    tally_status status = tally_runs_open(run->folder, chain->segments, chain->count, false, &runs, &run_count, error);
    if (status != TALLY_OK) return status;
    status = tally_view_new(run->work.platform, chain->segments, chain->count, runs, run_count, &view, error);
    for (size_t i = 0; i < run_count; i++) tally_run_release(runs[i]);
    run->work.platform->release(run->work.platform->context, runs);
    if (status != TALLY_OK) return status;
    run->checks.end = UINT64_MAX;
    status = take_limits(run, view, error);
    if (status == TALLY_OK) status = verify_view(run, view, found, origin, error);
    tally_view_release(view);
    return status;
}

tally_status tally_verify(const char *path, size_t path_length, const tally_verify_options *options,
                          tally_verify_report *report, tally_error *error)
{
    tally_folder folder;
    tally_work_found found;
    verification run = {.has_since = false};
    tally_error_clear(error);
    if (report == NULL) return tally_fail(error, TALLY_E_NULL, "report is NULL");
    memset(report, 0, sizeof *report);
    tally_status status = read_options(&run, options, NULL, error);
    if (status == TALLY_OK) status = tally_folder_init(&folder, run.work.platform, path, path_length, 0600, error);
    if (status != TALLY_OK) return status;
    run.folder = &folder;
    status =
        tally_judged_heads_open(&run.heads, &folder, run.options.keys, run.options.key_count, &run.notes_bad, error);
    if (status == TALLY_OK) status = tally_work_look(&found, &folder, error);
    if (status == TALLY_OK) {
        status = verify_found(&run, &found, error);
        tally_chain_free(&found.chain);
    }
    if (status == TALLY_OK) write_report(&run, report);
    end_run(&run);
    return status;
}
