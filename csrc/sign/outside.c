#include "sign/outside.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Directories that a path is followed up. */
#define DEPTH_MAX 64u
#define OTHERS 077u
/* The store's own name of a new file is behind the name. */
#define NAME_MAX_BYTES (TALLY_NAME_BYTES - 1u)

/* Which directory a path leads to. TALLY_E_NOT_FOUND and others as opening says. */
static tally_status identify(const tally_platform *platform, const char *path, tally_file_status *about)
{
    tally_file file;
    int32_t os_error;
    tally_status status = platform->open_file(platform->context, path, TALLY_OPEN_READ, 0, &file, &os_error);
    if (status != TALLY_OK) return status;
    status = platform->file_status(platform->context, file, about, &os_error);
    (void)platform->close_file(platform->context, file, &os_error);
    return status;
}

static bool is_same(const tally_file_status *a, const tally_file_status *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* From a directory upwards, as the system sees it: links and ".." have been followed. A directory that cannot be
 * opened is not the store's, which could be. A link as the last part of a path is opened by "/." behind it. */
static bool leads_through(const tally_platform *platform, const char *directory, const tally_file_status *store)
{
    char path[TALLY_PATH_MAX + 4 * DEPTH_MAX];
    tally_file_status about, before = {.size_bytes = 0};
    size_t length = strlen(directory);
    memcpy(path, directory, length + 1);
    for (size_t depth = 0; depth < DEPTH_MAX; depth++) {
        memcpy(path + length, "/.", 3);
        tally_status status = identify(platform, path, &about);
        path[length] = '\0';
        if (status != TALLY_OK) status = identify(platform, path, &about);
        if (status == TALLY_OK && is_same(&about, store)) return true;
        if (status == TALLY_E_UNSUPPORTED) return false; /* a world that has no ".." */
        if (status == TALLY_OK && depth != 0 && is_same(&about, &before)) return false;
        if (status == TALLY_OK) before = about;
        memcpy(path + length, "/..", 4);
        length += 3;
    }
    return false;
}

/* Every directory that the path names on its way. */
static bool names_store(const tally_platform *platform, const char *directory, const tally_file_status *store)
{
    char path[TALLY_PATH_MAX];
    tally_file_status about;
    size_t length = strlen(directory);
    memcpy(path, directory, length + 1);
    while (length > 0) {
        path[length] = '\0';
        if (identify(platform, path, &about) == TALLY_OK && is_same(&about, store)) return true;
        while (length > 0 && path[length - 1] != '/') length--;
        while (length > 0 && path[length - 1] == '/') length--;
    }
    return false;
}

static tally_status refuse_inside(const tally_folder *store, const tally_outside *outside, const char *what,
                                  tally_error *error)
{
    tally_file_status about;
    const tally_platform *platform = store->platform;
    tally_status status = identify(platform, store->path, &about);
    if (status == TALLY_E_NOT_FOUND) return TALLY_OK; /* then nothing is in it yet */
    if (status != TALLY_OK)
        return tally_fail_os(error, status, 0, store->path, "the store's directory could not be looked at");
    if (!names_store(platform, outside->folder.path, &about) && !leads_through(platform, outside->folder.path, &about))
        return TALLY_OK;
    return tally_fail_os(error, TALLY_E_DENIED, 0, outside->folder.path,
                         "%s lies in the store's own directory, and would be replaced together with it; keep it "
                         "somewhere else",
                         what);
}

tally_status tally_outside_init(tally_outside *outside, const tally_folder *store, tally_text path, const char *what,
                                tally_error *error)
{
    memset(outside, 0, sizeof *outside);
    if (path.bytes == NULL && path.length != 0) return tally_fail(error, TALLY_E_NULL, "the path of %s is NULL", what);
    tally_status status =
        tally_text_check(path.bytes, path.length, 1, TALLY_PATH_MAX - TALLY_NAME_BYTES - 1, what, error);
    if (status != TALLY_OK) return status;
    size_t behind = path.length;
    while (behind > 0 && path.bytes[behind - 1] != '/') behind--;
    size_t name_length = path.length - behind;
    if (name_length == 0 || name_length > NAME_MAX_BYTES)
        return tally_fail(error, TALLY_E_LENGTH, "the name of %s has 1 to %u bytes behind its directory", what,
                          NAME_MAX_BYTES);
    while (behind > 1 && path.bytes[behind - 1] == '/') behind--;
    const char *directory = behind == 0 ? "." : path.bytes;
    if (behind == 0) behind = 1;
    status = tally_folder_init(&outside->folder, store->platform, directory, behind, store->file_mode, error);
    if (status != TALLY_OK) return status;
    memcpy(outside->name, path.bytes + path.length - name_length, name_length);
    status = refuse_inside(store, outside, what, error);
    if (status != TALLY_OK) outside->name[0] = '\0';
    return status;
}

/* ------------------------------------------------------------------------------------------- content */

static tally_status check_mode(const tally_outside *outside, tally_file file, tally_error *error)
{
    tally_file_status about;
    int32_t os_error = 0;
    const tally_folder *folder = &outside->folder;
    char path[TALLY_PATH_MAX];
    (void)tally_folder_join(folder, outside->name, path, NULL);
    tally_status status = folder->platform->file_status(folder->platform->context, file, &about, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, path, "the file could not be looked at");
    if ((about.mode & OTHERS) == 0) return TALLY_OK;
    return tally_fail_os(error, TALLY_E_DENIED, 0, path,
                         "others than its owner may use this key (mode 0%o); chmod 600 it, and think about a new one",
                         about.mode);
}

tally_status tally_outside_read(const tally_outside *outside, bool secret, char *bytes, size_t capacity, size_t *length,
                                tally_error *error)
{
    tally_file file;
    uint64_t size = 0;
    const tally_folder *folder = &outside->folder;
    *length = 0;
    tally_status status = tally_file_open(folder, outside->name, TALLY_OPEN_READ, &file, error);
    if (status != TALLY_OK) return status;
    if (secret) status = check_mode(outside, file, error);
    if (status == TALLY_OK) status = tally_file_size(folder, outside->name, file, &size, error);
    if (status == TALLY_OK && size > capacity) {
        status = tally_fail_os(error, TALLY_E_LENGTH, 0, folder->path,
                               "the file %s is too long to be what it should be", outside->name);
    }
    if (status == TALLY_OK)
        status = tally_file_read(folder, outside->name, file, 0, bytes, (size_t)size, length, error);
    tally_file_close(folder, &file);
    return status;
}

tally_status tally_outside_replace(const tally_outside *outside, const void *bytes, size_t length, tally_error *error)
{
    return tally_file_replace(&outside->folder, outside->name, bytes, length, error);
}
