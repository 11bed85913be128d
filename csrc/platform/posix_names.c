#if !defined(_WIN32)
#include "platform/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories are followed through links (the parent of a store may be one; /tmp often is); only
 * open_file refuses them, which is where content is read and written. */
static int open_directory(const char *path)
{
    int descriptor;
    do descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

tally_status tally_posix_sync_directory(void *context, const char *path, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    int descriptor = open_directory(path);
    if (descriptor < 0) return tally_posix_failed(os_error);
    int result;
    do result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    tally_status status = result == 0 ? TALLY_OK : tally_posix_failed(os_error);
    (void)close(descriptor);
    return *os_error == EINVAL ? TALLY_E_UNSUPPORTED : status;
}

tally_status tally_posix_rename_file(void *context, const char *from, const char *to, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    return rename(from, to) == 0 ? TALLY_OK : tally_posix_failed(os_error);
}

tally_status tally_posix_remove_file(void *context, const char *path, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    return unlink(path) == 0 ? TALLY_OK : tally_posix_failed(os_error);
}

tally_status tally_posix_make_directory(void *context, const char *path, uint32_t mode, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    return mkdir(path, (mode_t)(mode & 07777)) == 0 ? TALLY_OK : tally_posix_failed(os_error);
}

tally_status tally_posix_remove_directory(void *context, const char *path, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    return rmdir(path) == 0 ? TALLY_OK : tally_posix_failed(os_error);
}

tally_status tally_posix_list_directory(void *context, const char *path,
                                        int32_t (*visit)(void *user_data, const char *name), void *user_data,
                                        int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    int descriptor = open_directory(path);
    if (descriptor < 0) return tally_posix_failed(os_error);
    DIR *directory = fdopendir(descriptor);
    if (directory == NULL) {
        tally_status status = tally_posix_failed(os_error);
        (void)close(descriptor);
        return status;
    }
    tally_status status = TALLY_OK;
    for (;;) {
        errno = 0; /* readdir says "the end" and "an error" with the same NULL */
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0) status = tally_posix_failed(os_error);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (visit(user_data, entry->d_name) != 0) break;
    }
    (void)closedir(directory);
    return status;
}

#endif
