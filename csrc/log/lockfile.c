#include "log/lockfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "log/names.h"

#define TEXT_MAX 200

/* The text is a help for people: whatever is in it, what counts is the lock. */
static tally_status refused(const tally_folder *folder, tally_file file, tally_status status, int32_t os_error,
                            tally_error *error)
{
    char path[TALLY_PATH_MAX] = "";
    char text[TEXT_MAX + 1] = "";
    size_t done = 0;
    (void)tally_folder_join(folder, TALLY_NAME_LOCK, path, NULL);
    if (status != TALLY_E_LOCKED) {
        return tally_fail_os(error, status, os_error, path, "the store could not be locked (%s)",
                             tally_status_name(status));
    }
    if (tally_file_read(folder, TALLY_NAME_LOCK, file, 0, text, TEXT_MAX, &done, NULL) != TALLY_OK) done = 0;
    for (size_t i = 0; i < done; i++) {
        if (text[i] == '\n' || text[i] == '\0') done = i;
    }
    text[done] = '\0';
    return tally_fail_os(error, TALLY_E_LOCKED, os_error, path,
                         "the store is open for writing already, by %s; close it there, or open it for reading only",
                         done == 0 ? "another handle" : text);
}

static void write_text(const tally_folder *folder, tally_file file)
{
    const tally_platform *platform = folder->platform;
    char host[128] = "";
    char text[TEXT_MAX];
    int32_t os_error = 0;
    if (platform->host_name(platform->context, host, sizeof host, &os_error) != TALLY_OK) host[0] = '\0';
    int length = snprintf(text, sizeof text, "process %" PRIu64 " on %s\n", platform->process_id(platform->context),
                          host[0] == '\0' ? "an unknown host" : host);
    if (length <= 0) return;
    if (tally_file_truncate(folder, TALLY_NAME_LOCK, file, 0, NULL) != TALLY_OK) return;
    (void)tally_file_write(folder, TALLY_NAME_LOCK, file, 0, text, (size_t)length, NULL);
}

tally_status tally_lockfile_take(const tally_folder *folder, tally_file *file, tally_error *error)
{
    const tally_platform *platform = folder->platform;
    int32_t os_error = 0;
    uint32_t flags = TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE;
    tally_status status = tally_file_open(folder, TALLY_NAME_LOCK, flags, file, error);
    if (status != TALLY_OK) return status;
    status = platform->lock_file(platform->context, *file, &os_error);
    if (status != TALLY_OK) {
        status = refused(folder, *file, status, os_error, error);
        tally_file_close(folder, file);
        return status;
    }
    write_text(folder, *file);
    return TALLY_OK;
}

tally_status tally_lockfile_take_segment(const tally_folder *folder, tally_file *file, tally_error *error)
{
    const tally_platform *platform = folder->platform;
    char name[TALLY_NAME_BYTES];
    int32_t os_error = 0;
    if (*file != TALLY_FILE_NONE) return TALLY_OK;
    tally_name_segment(0, 0, name);
    tally_status status = tally_file_open(folder, name, TALLY_OPEN_READ, file, error);
    if (status == TALLY_E_NOT_FOUND) {
        tally_error_clear(error);
        return TALLY_OK;
    }
    if (status != TALLY_OK) return status;
    status = platform->lock_file(platform->context, *file, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    tally_file_close(folder, file);
    return tally_fail_os(
        error, status, os_error, folder->path,
        status == TALLY_E_LOCKED
            ? "the store is open for writing already, and its file LOCK was removed meanwhile; close it "
              "there, or open it for reading only"
            : "the store could not be locked");
}

void tally_lockfile_drop(const tally_folder *folder, tally_file *file)
{
    const tally_platform *platform = folder->platform;
    int32_t os_error = 0;
    if (*file == TALLY_FILE_NONE) return;
    (void)platform->unlock_file(platform->context, *file, &os_error);
    tally_file_close(folder, file);
}
