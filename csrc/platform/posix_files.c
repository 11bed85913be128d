#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checked.h"

#define SLICES_MAX 1024
/* The finest offset that platform.h allows a map; pages of the system may be larger. */
#define MAP_STEP 4096u

/* A descriptor 0, 1 or 2 is where some other code's printf lands when the host has closed its standard
 * streams: log files do not live there. */
static int raise_above_standard(int descriptor)
{
    if (descriptor > STDERR_FILENO) return descriptor;
    int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error_number = errno;
    (void)close(descriptor);
    errno = error_number;
    return raised;
}

tally_status tally_posix_open_file(void *context, const char *path, uint32_t flags, uint32_t mode, tally_file *file,
                                   int32_t *os_error)
{
    (void)context;
    *file = TALLY_FILE_NONE;
    *os_error = 0;
    if ((flags & ~(TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE)) != 0) {
        return TALLY_E_OPTION;
    }
    if ((flags & (TALLY_OPEN_READ | TALLY_OPEN_WRITE)) == 0) return TALLY_E_OPTION;
    /* O_NONBLOCK: a pipe that somebody put in a file's place must not hang the open. It means nothing
     * for files. */
    int how = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    if ((flags & TALLY_OPEN_WRITE) == 0) how |= O_RDONLY;
    else how |= (flags & TALLY_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
    if ((flags & TALLY_OPEN_CREATE) != 0) how |= O_CREAT;
    if ((flags & TALLY_OPEN_CREATE) != 0 && (flags & TALLY_OPEN_EXCLUSIVE) != 0) how |= O_EXCL;
    int descriptor;
    do descriptor = open(path, how, (mode_t)(mode & 07777));
    while (descriptor < 0 && errno == EINTR);
    if (descriptor >= 0) descriptor = raise_above_standard(descriptor);
    if (descriptor < 0) return tally_posix_failed(os_error);
    struct stat about;
    tally_status status = TALLY_OK;
    if (fstat(descriptor, &about) != 0) status = tally_posix_failed(os_error);
    else if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) status = TALLY_E_UNSUPPORTED;
    if (status != TALLY_OK) {
        (void)close(descriptor);
        return status;
    }
    *file = descriptor;
    return TALLY_OK;
}

tally_status tally_posix_close_file(void *context, tally_file file, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    /* Interrupted or not, the descriptor is gone: closing again could hit one of another thread. */
    if (close((int)file) != 0 && errno != EINTR) return tally_posix_failed(os_error);
    return TALLY_OK;
}

/* off_t is signed. */
static bool offset_fits(uint64_t offset, size_t length)
{
    uint64_t end;
    return tally_add_u64(offset, length, &end) && end <= INT64_MAX;
}

tally_status tally_posix_read_at(void *context, tally_file file, void *data, size_t length, uint64_t offset,
                                 size_t *done, int32_t *os_error)
{
    (void)context;
    *done = 0;
    *os_error = 0;
    if (length > SSIZE_MAX) length = SSIZE_MAX;
    if (!offset_fits(offset, length)) return TALLY_E_RANGE;
    ssize_t count;
    do count = pread((int)file, data, length, (off_t)offset);
    while (count < 0 && errno == EINTR);
    if (count < 0) return tally_posix_failed(os_error);
    *done = (size_t)count;
    return TALLY_OK;
}

tally_status tally_posix_write_at(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                                  size_t *done, int32_t *os_error)
{
    (void)context;
    *done = 0;
    *os_error = 0;
    if (length > SSIZE_MAX) length = SSIZE_MAX;
    if (!offset_fits(offset, length)) return TALLY_E_RANGE;
    ssize_t count;
    do count = pwrite((int)file, data, length, (off_t)offset);
    while (count < 0 && errno == EINTR);
    if (count < 0) return tally_posix_failed(os_error);
    /* "Nothing was written, and that is no error" would make the caller's loop go round for ever. */
    if (count == 0 && length > 0) return TALLY_E_IO;
    *done = (size_t)count;
    return TALLY_OK;
}

/* A slice is an iovec under a name of our own, so that an array of them is passed as it is. */
_Static_assert(sizeof(tally_slice) == sizeof(struct iovec), "slices are passed to the system as they are");
_Static_assert(offsetof(tally_slice, data) == offsetof(struct iovec, iov_base), "the same members in the same order");
_Static_assert(offsetof(tally_slice, length) == offsetof(struct iovec, iov_len), "the same members in the same order");

tally_status tally_posix_write_slices_at(void *context, tally_file file, const tally_slice *slices, size_t count,
                                         uint64_t offset, size_t *done, int32_t *os_error)
{
    (void)context;
    *done = 0;
    *os_error = 0;
    if (count > SLICES_MAX) return TALLY_E_RANGE;
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!tally_add_size(total, slices[i].length, &total)) return TALLY_E_OVERFLOW;
    }
    if (!offset_fits(offset, total)) return TALLY_E_RANGE;
    if (total == 0) return TALLY_OK;
    ssize_t written;
    do written = pwritev((int)file, (const struct iovec *)(const void *)slices, (int)count, (off_t)offset);
    while (written < 0 && errno == EINTR);
    if (written < 0) return tally_posix_failed(os_error);
    if (written == 0) return TALLY_E_IO;
    *done = (size_t)written;
    return TALLY_OK;
}

tally_status tally_posix_file_status(void *context, tally_file file, tally_file_status *status, int32_t *os_error)
{
    (void)context;
    *status = (tally_file_status){0};
    *os_error = 0;
    struct stat about;
    if (fstat((int)file, &about) != 0) return tally_posix_failed(os_error);
    status->size_bytes = (uint64_t)about.st_size;
    status->device = (uint64_t)about.st_dev;
    status->inode = (uint64_t)about.st_ino;
    status->mode = (uint32_t)about.st_mode & 07777;
    status->is_directory = S_ISDIR(about.st_mode) ? 1 : 0;
    return TALLY_OK;
}

/* flock belongs to the open file, not to the process: a second handle of the same process is refused,
 * and closing some other descriptor of the file does not drop it (as fcntl's older locks would). It
 * goes when every copy of the descriptor is closed; a forked child has one. */
tally_status tally_posix_lock_file(void *context, tally_file file, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    int result;
    do result = flock((int)file, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result == 0) return TALLY_OK;
    tally_status status = tally_posix_failed(os_error);
    return *os_error == EWOULDBLOCK ? TALLY_E_LOCKED : status;
}

tally_status tally_posix_unlock_file(void *context, tally_file file, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    if (flock((int)file, LOCK_UN) != 0) return tally_posix_failed(os_error);
    return TALLY_OK;
}

/* How far an address or offset lies behind the start of its page. */
static size_t page_remainder(uint64_t place) { return (size_t)(place % (uint64_t)sysconf(_SC_PAGESIZE)); }

tally_status tally_posix_map_file(void *context, tally_file file, uint64_t offset, size_t length, const void **address,
                                  int32_t *os_error)
{
    tally_file_status about;
    uint64_t end;
    *address = NULL;
    *os_error = 0;
    if (length == 0) return TALLY_E_LENGTH;
    if (offset % MAP_STEP != 0) return TALLY_E_ALIGNMENT;
    if (!offset_fits(offset, length) || !tally_add_u64(offset, length, &end)) return TALLY_E_RANGE;
    tally_status status = tally_posix_file_status(context, file, &about, os_error);
    if (status != TALLY_OK) return status;
    /* Touching a map behind the end of its file kills the process. */
    if (end > about.size_bytes) return TALLY_E_RANGE;
    size_t before = page_remainder(offset);
    void *pages = mmap(NULL, length + before, PROT_READ, MAP_SHARED, (int)file, (off_t)(offset - before));
    if (pages == MAP_FAILED) return tally_posix_failed(os_error);
    *address = (const char *)pages + before;
    return TALLY_OK;
}

void tally_posix_unmap(void *context, const void *address, size_t length)
{
    (void)context;
    size_t before = page_remainder((uintptr_t)address);
    (void)munmap((void *)((uintptr_t)address - before), length + before);
}

#endif
