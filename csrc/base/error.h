/* Errors are made here, once, where they are understood; passing them up adds nothing.
 *
 * Every function takes a tally_error that may be NULL, fills all of it and returns the status, so that
 * a failing path is one line: `return tally_fail(error, TALLY_E_RANGE, "…", …);`. A message says what
 * failed, why, and what to try. It never contains event data or key bytes. */
#ifndef TALLY_BASE_ERROR_H
#define TALLY_BASE_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <tallystick/status.h>

/* On Windows the plain "printf" format means a C library that does not know %zu; see error.c. */
#if defined(__MINGW32__) && !defined(__clang__)
#define TALLY_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#else
#define TALLY_PRINTF(text, first) __attribute__((format(printf, text, first)))
#endif

/* For a failure that has neither a position nor a file. */
tally_status tally_fail(tally_error *error, tally_status status, const char *format, ...) TALLY_PRINTF(3, 4);

/* For a failure at a position, offset or index. */
tally_status tally_fail_at(tally_error *error, tally_status status, uint64_t position, const char *format, ...)
    TALLY_PRINTF(4, 5);

/* For a system call that failed. `path` is the file that is meant, any bytes; NULL for none. */
tally_status tally_fail_os(tally_error *error, tally_status status, int32_t os_error, const char *path,
                           const char *format, ...) TALLY_PRINTF(5, 6);

/* The analyser does not see into error.c: there a failure could be TALLY_OK. */
#ifdef __clang_analyzer__
#define tally_fail(error, status, ...) ((void)tally_fail(error, status, __VA_ARGS__), (status))
#define tally_fail_at(error, status, ...) ((void)tally_fail_at(error, status, __VA_ARGS__), (status))
#define tally_fail_os(error, status, ...) ((void)tally_fail_os(error, status, __VA_ARGS__), (status))
#endif

/* Says "no failure yet"; cheap enough for the entry of every function. */
static inline void tally_error_clear(tally_error *error)
{
    if (error != NULL) error->status = TALLY_OK;
}

#endif
