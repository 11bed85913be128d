#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "handle/process.h"
#include "log/lockfile.h"
#include "log/log.h"
#include "store/append.h"
#include "store/close.h"
#include "store/delivery.h"
#include "store/gates.h"
#include "store/jobs.h"
#include "store/settings.h"
#include "store/signing.h"
#include "store/store.h"

/* Further ahead than this no clock is right: the last event is from another one. */
#define AHEAD_MAX_US (INT64_C(24) * 60 * 60 * 1000000)
#define DEFAULT_NAME "store"

/* ---------------------------------------------------------------------------------------- directory */

static tally_status refuse_remote(const tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t remote = 0;
    int32_t os_error = 0;
    if (body->options.flags & TALLY_STORE_ALLOW_REMOTE) return TALLY_OK;
    tally_status status = platform->is_remote(platform->context, body->folder.path, &remote, &os_error);
    if (status == TALLY_E_UNSUPPORTED || (status == TALLY_OK && remote == 0)) return TALLY_OK;
    if (status != TALLY_OK) {
        return tally_fail_os(error, status, os_error, body->folder.path,
                             "it could not be found out whether the store's file system is local");
    }
    return tally_fail_os(error, TALLY_E_UNSUPPORTED, 0, body->folder.path,
                         "the store lies on a network file system, whose locks and syncs may lie; move it, or ask for "
                         "it with TALLY_STORE_ALLOW_REMOTE");
}

/* What is there has to be what `mode` says. TALLY_E_NOT_FOUND with *missing: there is no directory. */
static tally_status look(const tally_store_body *body, bool *missing, bool *is_new, tally_error *error)
{
    bool is_store = false;
    uint32_t mode = body->options.mode;
    tally_status status = tally_directory_look(&body->folder, &is_store, error);
    *missing = status == TALLY_E_NOT_FOUND;
    *is_new = !is_store;
    if (status != TALLY_OK) return status;
    if (is_store && mode == TALLY_STORE_NEW) {
        return tally_fail_os(error, TALLY_E_EXISTS, 0, body->folder.path, "there is a store already");
    }
    if (!is_store && (mode == TALLY_STORE_EXISTING || mode == TALLY_STORE_READ_ONLY)) {
        return tally_fail_os(error, TALLY_E_NOT_FOUND, 0, body->folder.path, "there is no store in the directory");
    }
    return TALLY_OK;
}

static tally_status prepare_directory(tally_store_body *body, tally_error *error)
{
    bool missing = false;
    bool is_new = false;
    uint32_t mode = body->options.mode;
    tally_status status = look(body, &missing, &is_new, error);
    bool may_make = mode == TALLY_STORE_OPEN_OR_CREATE || mode == TALLY_STORE_NEW;
    if (missing && may_make) status = tally_folder_make(&body->folder, "", error);
    /* Also when the directory is there: who made it may have failed to sync its name. */
    if (status == TALLY_OK && is_new && may_make) status = tally_folder_sync_parent(&body->folder, error);
    if (status == TALLY_OK) status = refuse_remote(body, error);
    return status;
}

/* ------------------------------------------------------------------------------------------ writing */

static tally_status check_clock(const tally_store_body *body, const tally_found *found, tally_error *error)
{
    int64_t now_us = 0;
    tally_status status = tally_store_now(body, &now_us, error);
    if (status != TALLY_OK || !found->any_event || found->last_time.time_us - now_us <= AHEAD_MAX_US) return status;
    return tally_fail_at(error, TALLY_E_CLOCK, found->next_position - 1,
                         "the last event is %" PRId64 " s ahead of the wall clock; set the clock",
                         (found->last_time.time_us - now_us) / 1000000);
}

/* A new store gets its name and lineage now; an old one has them. */
static tally_status name_store(tally_store_body *body, tally_found *found, tally_error *error)
{
    if (found->view != NULL) return TALLY_OK;
    tally_text name = body->options.name;
    int32_t os_error = 0;
    if (name.length == 0) name = (tally_text){DEFAULT_NAME, sizeof DEFAULT_NAME - 1};
    memset(found->name, 0, sizeof found->name);
    memcpy(found->name, name.bytes, name.length);
    tally_status status =
        body->platform->random_bytes(body->platform->context, found->lineage, sizeof found->lineage, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return tally_fail_os(error, status, os_error, NULL, "the system gave no random bytes for the store's lineage");
}

static void tell_info(tally_store_body *body, const tally_found *found)
{
    tally_store_info *info = &body->info;
    memcpy(info->lineage, found->lineage, sizeof info->lineage);
    memcpy(info->name, found->name, sizeof info->name);
    info->mode = body->options.mode;
    info->digest = found->digest != 0 ? found->digest : body->options.digest;
    info->writer_epoch = found->writer_epoch + (body->read_only ? 0 : 1);
    info->recovery = found->report;
}

/* The first thing that is appended after a cut says so. */
static tally_status record_recovery(tally_store_body *body, tally_error *error)
{
    const tally_recovery *recovery = &body->info.recovery;
    char json[256];
    if (recovery->cut == 0) return TALLY_OK;
    int length = snprintf(json, sizeof json,
                          "{\"cut_bytes\":%" PRIu64 ",\"cut_offset\":%" PRIu64 ",\"cut_position\":%" PRIu64
                          ",\"cut_segment\":%" PRIu64 "}",
                          recovery->cut_bytes, recovery->cut_offset, recovery->cut_position, recovery->cut_segment);
    tally_draft draft = {.size = sizeof draft,
                         .stream = {"$log", 4},
                         .type = {"tally.recovered", 15},
                         .content_type = {"application/json", 16},
                         .data = json,
                         .length = (size_t)length};
    return tally_store_append_system(body, &draft, TALLY_DURABLE, error);
}

static tally_status start_log(tally_store_body *body, tally_found *found, tally_error *error)
{
    const tally_platform *platform = body->platform;
    tally_status status = check_clock(body, found, error);
    if (status == TALLY_OK) status = name_store(body, found, error);
    if (status != TALLY_OK) return status;
    tell_info(body, found);
    tally_log *log = platform->allocate(platform->context, sizeof *log);
    tally_scratches *scratches = platform->allocate(platform->context, sizeof *scratches);
    if (scratches != NULL) tally_scratches_init(scratches, platform);
    body->scratches = scratches;
    if (log == NULL || scratches == NULL) {
        platform->release(platform->context, log);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    }
    tally_log_settings settings = tally_log_settings_of(&body->options, body->info.digest);
    status = tally_log_open(log, &body->folder, &settings, found, error);
    if (status != TALLY_OK) {
        platform->release(platform->context, log);
        return status;
    }
    body->log = log;
    body->shown = &log->shown;
    status = tally_jobs_open(body, error);
    if (status == TALLY_OK) status = record_recovery(body, error);
    if (status == TALLY_OK) status = tally_store_signing_start(body, error);
    if (status == TALLY_OK) status = tally_log_start(log, error);
    return status;
}

static tally_status lock_first_segment(tally_store_body *body, tally_error *error)
{
    tally_gate_lock(body->slot);
    tally_status status = tally_lockfile_take_segment(&body->folder, &body->segment_lock, error);
    tally_gate_unlock(body->slot);
    return status;
}

static tally_status open_writing(tally_store_body *body, tally_error *error)
{
    bool missing = false;
    bool is_new = false;
    tally_found found;
    tally_status status = prepare_directory(body, error);
    if (status == TALLY_OK) {
        /* A fork comes before the file is there or when the child can find it. */
        tally_gate_lock(body->slot);
        status = tally_lockfile_take(&body->folder, &body->lock_file, error);
        tally_gate_unlock(body->slot);
    }
    if (status == TALLY_OK) status = lock_first_segment(body, error);
    /* Again under the lock: another process may have made it meanwhile. */
    if (status == TALLY_OK) status = look(body, &missing, &is_new, error);
    if (status == TALLY_OK) {
        status = tally_recover_if(&body->folder, body->options.check, body->options.map, tally_store_signing_admit,
                                  body, &found, error);
    }
    if (status != TALLY_OK) return status;
    status = start_log(body, &found, error);
    tally_found_release(&found);
    return status == TALLY_OK ? lock_first_segment(body, error) : status; /* which a new store has only now */
}

/* ------------------------------------------------------------------------------------------ reading */

static tally_status open_reading(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    bool missing = false;
    bool is_new = false;
    int32_t os_error = 0;
    tally_found found;
    tally_status status = look(body, &missing, &is_new, error);
    if (status == TALLY_OK) status = refuse_remote(body, error);
    if (status != TALLY_OK) return status;
    status = platform->mutex_init(platform->context, &body->follow_mutex, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    body->has_follow_mutex = true;
    status = tally_follow_open(&body->folder, body->options.check, body->options.map, &body->follow, &found, error);
    if (status != TALLY_OK) return status;
    tell_info(body, &found);
    if (found.view != NULL) tally_view_hold(found.view);
    status = tally_shown_init(&body->followed, platform, found.view, error);
    if (status == TALLY_OK) {
        tally_watermarks marks = {found.next_position, found.next_position, found.durable};
        tally_shown_publish(&body->followed, marks, found.next_position);
        body->has_followed = true;
        body->shown = &body->followed;
    } else if (found.view != NULL) {
        tally_view_release(found.view);
    }
    tally_found_release(&found);
    if (status == TALLY_OK) status = tally_store_refresh(body, error);
    if (status == TALLY_OK) status = tally_store_signing_start(body, error);
    return status;
}

/* ------------------------------------------------------------------------------------------- handle */

static tally_status open_parts(tally_store_body *body, const tally_registry_host *host, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t os_error = 0;
    tally_registry_options registry = {.size = sizeof registry, .platform = platform, .host = host};
    tally_status status = platform->mutex_init(platform->context, &body->readers_mutex, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    body->has_readers_mutex = true;
    status = tally_registry_open(&registry, &body->registry, error);
    if (status == TALLY_OK) status = tally_delivery_open(body, error);
    if (status == TALLY_OK) status = tally_gates_open(body, error);
    if (status == TALLY_OK) status = body->read_only ? open_reading(body, error) : open_writing(body, error);
    return status;
}

static tally_status make_body(const tally_store_options *known, const char *path, size_t path_length,
                              tally_store_body **out, tally_error *error)
{
    const tally_platform *platform = known->platform;
    tally_store_body *body = platform->allocate(platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    memset(body, 0, sizeof *body);
    body->platform = platform;
    body->options = *known;
    body->read_only = known->mode == TALLY_STORE_READ_ONLY;
    body->lock_file = body->segment_lock = TALLY_FILE_NONE;
    tally_status status = tally_folder_init(&body->folder, platform, path, path_length, known->mode_of_files, error);
    if (status == TALLY_OK) {
        /* First, so that the child of a fork during the open finds what it has to let go of. */
        status = tally_gate_new(&body->slot, TALLY_HANDLE_STORE, body, TALLY_SLOT_OWNS_FILES, &tally_store_close_steps,
                                error);
    }
    if (status == TALLY_OK) status = tally_store_signing_new(body, error);
    if (status == TALLY_OK) status = open_parts(body, known->host, error);
    body->options.name = (tally_text){NULL, 0};
    body->options.host = NULL;
    if (status != TALLY_OK) {
        tally_slot *slot = body->slot;
        tally_store_discard(body);
        if (slot != NULL) tally_slab_give(slot);
        return status;
    }
    *out = body;
    return TALLY_OK;
}

tally_status tally_store_open(const char *path, size_t path_length, const tally_store_options *options,
                              tally_store **store, tally_error *error)
{
    tally_error_clear(error);
    if (store == NULL) return tally_fail(error, TALLY_E_NULL, "store is NULL; it receives the handle");
    *store = NULL;
    if (path == NULL) return tally_fail(error, TALLY_E_NULL, "path is NULL; pass the store's directory");
    tally_store_options known;
    tally_store_body *body = NULL;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK && sodium_init() < 0) { /* without it its ciphers use no instructions of the processor */
        status = tally_fail(error, TALLY_E_UNSUPPORTED, "libsodium could not be set up");
    }
    if (status == TALLY_OK) status = tally_store_options_read(options, &known, error);
    if (status == TALLY_OK) status = make_body(&known, path, path_length, &body, error);
    if (status != TALLY_OK || body == NULL) return status;
    tally_gate_open(body->slot);
    *store = (tally_store *)body->slot;
    tally_error_clear(error); /* of files that were looked for, and need not be there */
    return TALLY_OK;
}
