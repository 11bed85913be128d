#include "log/file.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "log/names.h"

/* ---------------------------------------------------------------------------------------- failures */

/* A failure of the platform: what was tried, on which file, where in it. */
static tally_status failed(tally_error *error, tally_status status, int32_t os_error, const char *path, uint64_t offset,
                           const char *what)
{
    (void)tally_fail_os(error, status, os_error, path, "%s failed: %s", what, tally_status_message(status));
    if (error != NULL) error->position = offset;
    return status;
}

static tally_status failed_in(tally_error *error, tally_status status, int32_t os_error, const tally_folder *folder,
                              const char *name, uint64_t offset, const char *what)
{
    char path[TALLY_PATH_MAX];
    if (tally_folder_join(folder, name, path, NULL) != TALLY_OK) path[0] = '\0';
    return failed(error, status, os_error, path, offset, what);
}

/* ----------------------------------------------------------------------------------------- folders */

tally_status tally_folder_init(tally_folder *folder, const tally_platform *platform, const char *path, size_t length,
                               uint32_t file_mode, tally_error *error)
{
    memset(folder, 0, sizeof *folder);
    tally_status status = tally_text_check(path, length, 1, TALLY_FOLDER_PATH_MAX, "the path of the store", error);
    if (status != TALLY_OK) return status;
    while (length > 1 && path[length - 1] == '/') length--;
    folder->platform = platform;
    folder->file_mode = file_mode;
    memcpy(folder->path, path, length);
    return TALLY_OK;
}

tally_status tally_folder_join(const tally_folder *folder, const char *name, char path[TALLY_PATH_MAX],
                               tally_error *error)
{
    size_t before = strlen(folder->path);
    size_t length = strlen(name);
    size_t slash = length != 0 && before != 0 && folder->path[before - 1] != '/';
    path[0] = '\0';
    if (length >= TALLY_PATH_MAX - before - slash) {
        return tally_fail_os(error, TALLY_E_LENGTH, 0, folder->path, "the path of a file of the store is too long");
    }
    memcpy(path, folder->path, before);
    if (slash != 0) path[before] = '/';
    memcpy(path + before + slash, name, length + 1);
    return TALLY_OK;
}

static uint32_t directory_mode(uint32_t file_mode) { return file_mode | ((file_mode & 0444u) >> 2); }

tally_status tally_folder_make(const tally_folder *folder, const char *name, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    int32_t os_error;
    const tally_platform *platform = folder->platform;
    tally_status status = tally_folder_join(folder, name, path, error);
    if (status != TALLY_OK) return status;
    status = platform->make_directory(platform->context, path, directory_mode(folder->file_mode), &os_error);
    if (status == TALLY_OK || status == TALLY_E_EXISTS) return TALLY_OK;
    return failed(error, status, os_error, path, TALLY_POSITION_NONE, "making the directory");
}

static tally_status sync_path(const tally_folder *folder, const char *path, tally_error *error)
{
    int32_t os_error;
    tally_status status = folder->platform->sync_directory(folder->platform->context, path, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed(error, status, os_error, path, TALLY_POSITION_NONE, "syncing the directory");
}

tally_status tally_folder_sync(const tally_folder *folder, tally_error *error)
{
    return sync_path(folder, folder->path, error);
}

tally_status tally_folder_sync_parent(const tally_folder *folder, tally_error *error)
{
    char parent[TALLY_PATH_MAX];
    size_t length = strlen(folder->path);
    while (length > 1 && folder->path[length - 1] == '/') length--;
    while (length > 0 && folder->path[length - 1] != '/') length--;
    while (length > 1 && folder->path[length - 1] == '/') length--;
    memcpy(parent, folder->path, length);
    if (length == 0) parent[length++] = '.';
    parent[length] = '\0';
    /* Where no directory can be synced, this one is no worse than the others. */
    tally_status status = sync_path(folder, parent, error);
    if (status != TALLY_E_UNSUPPORTED) return status;
    tally_error_clear(error);
    return TALLY_OK;
}

/* How long the part of a path before its last slash is; 0 when there is none. */
static size_t parent_length(const char *path)
{
    size_t length = strlen(path);
    while (length != 0 && path[length - 1] != '/') length--;
    return length == 0 ? 0 : length - 1;
}

/* Of the directory that has the name. */
static tally_status sync_parent(const tally_folder *folder, const char *name, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    if (parent_length(name) == 0) return tally_folder_sync(folder, error);
    tally_status status = tally_folder_join(folder, name, path, error);
    if (status != TALLY_OK) return status;
    path[parent_length(path)] = '\0';
    return sync_path(folder, path, error);
}

/* ------------------------------------------------------------------------------------------- files */

tally_status tally_file_open(const tally_folder *folder, const char *name, uint32_t flags, tally_file *file,
                             tally_error *error)
{
    char path[TALLY_PATH_MAX];
    int32_t os_error;
    *file = TALLY_FILE_NONE;
    tally_status status = tally_folder_join(folder, name, path, error);
    if (status != TALLY_OK) return status;
    status = folder->platform->open_file(folder->platform->context, path, flags, folder->file_mode, file, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    *file = TALLY_FILE_NONE;
    return failed(error, status, os_error, path, TALLY_POSITION_NONE, "opening the file");
}

void tally_file_close(const tally_folder *folder, tally_file *file)
{
    int32_t os_error;
    if (*file == TALLY_FILE_NONE) return;
    /* What a close could still report, a sync has reported before, wherever anybody was promised anything. */
    (void)folder->platform->close_file(folder->platform->context, *file, &os_error);
    *file = TALLY_FILE_NONE;
}

tally_status tally_file_read(const tally_folder *folder, const char *name, tally_file file, uint64_t offset, void *to,
                             size_t length, size_t *done, tally_error *error)
{
    const tally_platform *platform = folder->platform;
    *done = 0;
    while (*done < length) {
        size_t left = length - *done;
        size_t read = 0;
        int32_t os_error = 0;
        tally_status status =
            platform->read_at(platform->context, file, (uint8_t *)to + *done, left, offset + *done, &read, &os_error);
        if (status == TALLY_OK && read > left) status = TALLY_E_IO; /* a caller's platform that lies */
        if (status != TALLY_OK) {
            uint64_t at = offset + *done;
            *done = 0;
            return failed_in(error, status, os_error, folder, name, at, "reading the file");
        }
        if (read == 0) break;
        *done += read;
    }
    return TALLY_OK;
}

tally_status tally_file_write(const tally_folder *folder, const char *name, tally_file file, uint64_t offset,
                              const void *from, size_t length, tally_error *error)
{
    const tally_platform *platform = folder->platform;
    size_t done = 0;
    while (done < length) {
        size_t left = length - done;
        size_t written = 0;
        int32_t os_error = 0;
        tally_status status = platform->write_at(platform->context, file, (const uint8_t *)from + done, left,
                                                 offset + done, &written, &os_error);
        /* Nothing written and no error would go round for ever. */
        if (status == TALLY_OK && (written == 0 || written > left)) status = TALLY_E_IO;
        if (status != TALLY_OK) {
            return failed_in(error, status, os_error, folder, name, offset + done, "writing the file");
        }
        done += written;
    }
    return TALLY_OK;
}

tally_status tally_file_sync(const tally_folder *folder, const char *name, tally_file file, tally_error *error)
{
    int32_t os_error;
    tally_status status = folder->platform->sync_data(folder->platform->context, file, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed_in(error, status, os_error, folder, name, TALLY_POSITION_NONE, "syncing the file");
}

tally_status tally_file_size(const tally_folder *folder, const char *name, tally_file file, uint64_t *size,
                             tally_error *error)
{
    tally_file_status about;
    int32_t os_error;
    *size = 0;
    tally_status status = folder->platform->file_status(folder->platform->context, file, &about, &os_error);
    if (status == TALLY_OK && about.is_directory) status = TALLY_E_FORMAT;
    if (status != TALLY_OK) {
        return failed_in(error, status, os_error, folder, name, TALLY_POSITION_NONE, "asking for the file's size");
    }
    *size = about.size_bytes;
    return TALLY_OK;
}

tally_status tally_file_truncate(const tally_folder *folder, const char *name, tally_file file, uint64_t size,
                                 tally_error *error)
{
    int32_t os_error;
    tally_status status = folder->platform->truncate_file(folder->platform->context, file, size, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed_in(error, status, os_error, folder, name, size, "cutting the file");
}

tally_status tally_file_allocate(const tally_folder *folder, const char *name, tally_file file, uint64_t size,
                                 tally_error *error)
{
    int32_t os_error;
    tally_status status = folder->platform->allocate_space(folder->platform->context, file, size, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed_in(error, status, os_error, folder, name, size, "reserving space for the file");
}

tally_status tally_file_remove(const tally_folder *folder, const char *name, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    int32_t os_error;
    tally_status status = tally_folder_join(folder, name, path, error);
    if (status != TALLY_OK) return status;
    status = folder->platform->remove_file(folder->platform->context, path, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed(error, status, os_error, path, TALLY_POSITION_NONE, "removing the file");
}

/* ------------------------------------------------------------------------------------- replacement */

static tally_status write_new(const tally_folder *folder, const char *name, const void *bytes, size_t length,
                              tally_error *error)
{
    tally_file file;
    tally_status status =
        tally_file_open(folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, error);
    if (status != TALLY_OK) return status;
    /* What a crash left of an earlier try may be longer. */
    status = tally_file_truncate(folder, name, file, 0, error);
    if (status == TALLY_OK) status = tally_file_write(folder, name, file, 0, bytes, length, error);
    if (status == TALLY_OK) status = tally_file_sync(folder, name, file, error);
    tally_file_close(folder, &file);
    return status;
}

static tally_status rename_over(const tally_folder *folder, const char *from, const char *to, tally_error *error)
{
    char path_from[TALLY_PATH_MAX];
    char path_to[TALLY_PATH_MAX];
    int32_t os_error;
    tally_status status = tally_folder_join(folder, from, path_from, error);
    if (status == TALLY_OK) status = tally_folder_join(folder, to, path_to, error);
    if (status != TALLY_OK) return status;
    status = folder->platform->rename_file(folder->platform->context, path_from, path_to, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    return failed(error, status, os_error, path_to, TALLY_POSITION_NONE, "renaming the new file to this name");
}

tally_status tally_file_replace(const tally_folder *folder, const char *name, const void *bytes, size_t length,
                                tally_error *error)
{
    char new_name[TALLY_NAME_BYTES + sizeof TALLY_NAME_NEW];
    if (strlen(name) > TALLY_NAME_BYTES) {
        return tally_fail_os(error, TALLY_E_LENGTH, 0, folder->path, "the name of a file of the store is too long");
    }
    (void)snprintf(new_name, sizeof new_name, "%s" TALLY_NAME_NEW, name);
    tally_status status = write_new(folder, new_name, bytes, length, error);
    if (status == TALLY_OK) status = rename_over(folder, new_name, name, error);
    if (status != TALLY_OK) {
        (void)tally_file_remove(folder, new_name, NULL); /* the first failure is the one to tell */
        return status;
    }
    return sync_parent(folder, name, error);
}
