#define __USE_MINGW_ANSI_STDIO 1 /* makes %zu and PRIu64 work on Windows; no effect elsewhere */

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#undef tally_fail
#undef tally_fail_at
#undef tally_fail_os

/* Longer than a message, so that cutting at a character boundary is left to tally_text_copy, which
 * also turns bytes that are no UTF-8 (a hostile file name in a format's %s) into '?'. */
#define SCRATCH_BYTES (sizeof(((tally_error *)0)->message) + 8)

static void fill(tally_error *error, tally_status status, const char *format, va_list arguments)
{
    char scratch[SCRATCH_BYTES];
    int length = vsnprintf(scratch, sizeof scratch, format, arguments);
    size_t written = length < 0 ? 0 : (size_t)length;
    if (written >= sizeof scratch) written = sizeof scratch - 1;
    error->status = status;
    error->os_error = 0;
    error->position = TALLY_POSITION_NONE;
    (void)tally_text_copy(error->message, sizeof error->message, scratch, written);
    error->path[0] = '\0';
}

tally_status tally_fail(tally_error *error, tally_status status, const char *format, ...)
{
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);
    return status;
}

tally_status tally_fail_at(tally_error *error, tally_status status, uint64_t position, const char *format, ...)
{
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);
    error->position = position;
    return status;
}

tally_status tally_fail_os(tally_error *error, tally_status status, int32_t os_error, const char *path,
                           const char *format, ...)
{
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);
    error->os_error = os_error;
    if (path != NULL) (void)tally_text_copy(error->path, sizeof error->path, path, strlen(path));
    return status;
}
