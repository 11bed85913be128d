/* A directory of a test's own on the real file system. */
#ifndef TALLY_TEST_SCRATCH_H
#define TALLY_TEST_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tallystick/platform.h>

static char scratch_path[256];

/* The path of a name in the directory; a ring of buffers, so that two may stand in one call. */
__attribute__((unused)) static const char *in_scratch(const char *name)
{
    static char buffers[4][512];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    (void)snprintf(buffer, sizeof buffers[0], "%s/%s", scratch_path, name);
    return buffer;
}

__attribute__((unused)) static void scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(scratch_path, sizeof scratch_path, "%s/tally-test-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(scratch_path) == NULL) {
        perror(scratch_path);
        exit(2);
    }
}

static int32_t scratch_remove_one(void *user_data, const char *name)
{
    const tally_platform *platform = user_data;
    int32_t ignored;
    if (platform->remove_file(platform->context, in_scratch(name), &ignored) != TALLY_OK) {
        (void)platform->remove_directory(platform->context, in_scratch(name), &ignored);
    }
    return 0;
}

/* One level deep, which is all that the tests make. */
__attribute__((unused)) static void scratch_remove(void)
{
    const tally_platform *platform = tally_platform_default();
    int32_t ignored;
    (void)platform->list_directory(platform->context, scratch_path, scratch_remove_one, (void *)(uintptr_t)platform,
                                   &ignored);
    (void)platform->remove_directory(platform->context, scratch_path, &ignored);
}

#endif
