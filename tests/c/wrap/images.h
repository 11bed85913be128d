/* The disks that a power cut may leave.
 *
 * A moment with n unsynced changes has more images than can be tried; these are the ones that find
 * bugs. For each of them `visit` gets a world of its own, opened after the cut, and closes nothing. */
#ifndef TALLY_TEST_IMAGES_H
#define TALLY_TEST_IMAGES_H

#include <stdint.h>

#include <tallystick/platform.h>

/* What an image is made of, for the message of a failing test. */
typedef struct wrap_image {
    const char *what; /* "nothing", "everything", "the first", "all but", "only", "subset", "torn" */
    uint64_t number;  /* which of its sort */
} wrap_image;

typedef void (*wrap_image_visitor)(void *user_data, const tally_platform *world, const wrap_image *image);

/* Of a world in memory, as it is now:
 *   nothing unsynced; everything; the first k changes, for every k; all changes but one, for every one;
 *   only one, for every one; every subset, when there are at most 8 changes;
 *   and `random_count` images in which each sector, size and name survives or not by chance.
 *
 * Returns how many images were visited; 0 when memory ran out. */
uint64_t wrap_each_image(const tally_platform *world, uint64_t seed, uint32_t random_count, wrap_image_visitor visit,
                         void *user_data);

#endif
