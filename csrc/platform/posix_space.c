#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

tally_status tally_posix_sync_data(void *context, tally_file file, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    int result;
#if defined(__APPLE__)
    /* There fsync stops at the drive's own cache. */
    do result = fcntl((int)file, F_FULLFSYNC);
    while (result != 0 && errno == EINTR);
#else
    do result = fdatasync((int)file);
    while (result != 0 && errno == EINTR);
#endif
    if (result == 0) return TALLY_OK;
    tally_status status = tally_posix_failed(os_error);
    return *os_error == EINVAL || *os_error == EROFS ? TALLY_E_UNSUPPORTED : status;
}

tally_status tally_posix_truncate_file(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    if (size_bytes > INT64_MAX) return TALLY_E_RANGE;
    int result;
    do result = ftruncate((int)file, (off_t)size_bytes);
    while (result != 0 && errno == EINTR);
    return result == 0 ? TALLY_OK : tally_posix_failed(os_error);
}

/* For file systems that cannot reserve: writes the zeros that it would have promised. */
static tally_status write_zeros(tally_file file, uint64_t from, uint64_t to, int32_t *os_error)
{
    static const char zeros[65536];
    while (from < to) {
        size_t done;
        size_t length = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        tally_status status = tally_posix_write_at(NULL, file, zeros, length, from, &done, os_error);
        if (status != TALLY_OK) return status;
        from += done;
    }
    return TALLY_OK;
}

/* TALLY_E_UNSUPPORTED where the system or the file system cannot. */
static tally_status reserve(tally_file file, uint64_t size_bytes, int32_t *os_error)
{
#if defined(__linux__)
    int result;
    do result = fallocate((int)file, 0, 0, (off_t)size_bytes);
    while (result != 0 && errno == EINTR);
    return result == 0 ? TALLY_OK : tally_posix_failed(os_error);
#else
    (void)file, (void)size_bytes, (void)os_error;
    return TALLY_E_UNSUPPORTED;
#endif
}

tally_status tally_posix_allocate_space(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    tally_file_status about;
    tally_status status = tally_posix_file_status(context, file, &about, os_error);
    if (status != TALLY_OK) return status;
    if (size_bytes > INT64_MAX) return TALLY_E_RANGE;
    if (size_bytes == 0) return TALLY_OK;
    status = reserve(file, size_bytes, os_error);
    if (status == TALLY_E_UNSUPPORTED) {
        *os_error = 0;
        status = write_zeros(file, about.size_bytes, size_bytes, os_error);
    }
    if (status != TALLY_OK) {
        /* A full disk may have given a part; what is of no use is given back. */
        int32_t ignored;
        (void)tally_posix_truncate_file(context, file, about.size_bytes, &ignored);
    }
    return status;
}

#endif
