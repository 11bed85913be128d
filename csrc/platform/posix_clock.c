#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

#include "base/uuid.h"

tally_status tally_posix_wall_clock_us(void *context, int64_t *now_us, int32_t *os_error)
{
    (void)context;
    *now_us = 0;
    *os_error = 0;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return tally_posix_failed(os_error);
    int64_t seconds_us;
    if (__builtin_mul_overflow((int64_t)now.tv_sec, INT64_C(1000000), &seconds_us)) return TALLY_E_CLOCK;
    if (__builtin_add_overflow(seconds_us, (int64_t)now.tv_nsec / 1000, now_us)) return TALLY_E_CLOCK;
    return TALLY_OK;
}

uint64_t tally_posix_monotonic_ns(void *context)
{
    (void)context;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails only for a clock that does not exist */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

tally_status tally_posix_boot_id(void *context, uint8_t id[16], int32_t *os_error)
{
    (void)context;
    memset(id, 0, 16);
    *os_error = 0;
#if defined(__linux__)
    int descriptor;
    do descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) return tally_posix_failed(os_error);
    char text[TALLY_UUID_TEXT];
    ssize_t count;
    do count = read(descriptor, text, sizeof text);
    while (count < 0 && errno == EINTR);
    tally_status status = count < 0 ? tally_posix_failed(os_error) : TALLY_OK;
    (void)close(descriptor);
    if (status == TALLY_OK && tally_uuid_parse(text, (size_t)count, id, NULL) != TALLY_OK) status = TALLY_E_IO;
    return status;
#else
    return TALLY_E_UNSUPPORTED;
#endif
}

uint64_t tally_posix_process_id(void *context)
{
    (void)context;
    return (uint64_t)getpid();
}

/* By uname: gethostname may refuse a name that does not fit, or leave out its NUL. */
tally_status tally_posix_host_name(void *context, char *name, size_t capacity, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    if (capacity == 0) return TALLY_E_LENGTH;
    name[0] = '\0';
    struct utsname about;
    if (uname(&about) != 0) return tally_posix_failed(os_error);
    size_t length = strnlen(about.nodename, capacity - 1);
    memcpy(name, about.nodename, length);
    name[length] = '\0';
    return TALLY_OK;
}

/* Straight from the kernel, which waits until it has been seeded: fit for keys, and not copied by a
 * fork as a generator in this process would be. */
tally_status tally_posix_random_bytes(void *context, void *data, size_t length, int32_t *os_error)
{
    (void)context;
    *os_error = 0;
    char *at = data;
    while (length > 0) {
        size_t part = length < 256 ? length : 256; /* more may come short, or be refused by getentropy */
#if defined(__linux__)
        ssize_t count = getrandom(at, part, 0);
#else
        ssize_t count = getentropy(at, part) == 0 ? (ssize_t)part : -1;
#endif
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return tally_posix_failed(os_error);
        at += count;
        length -= (size_t)count;
    }
    return TALLY_OK;
}

void tally_posix_sleep_ns(void *context, uint64_t duration_ns)
{
    (void)context;
    struct timespec left = {(time_t)(duration_ns / 1000000000u), (long)(duration_ns % 1000000000u)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        /* goes on with what was left */
    }
}

#endif
