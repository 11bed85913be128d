/* The disks that a crash may leave: a scenario is run once on a recorded world in memory, and then
 * opened again on every disk that could have been found had it been cut off.
 *
 *     static void append_three(const tally_platform *platform, wrap_recording *recording, void *user_data)
 *     {
 *         … for each event: append it durably through `platform`, then wrap_note(recording, 0, position) …
 *     }
 *     static bool nothing_acknowledged_is_lost(void *user_data, tally_platform *disk, const wrap_image *image)
 *     {
 *         … open the store on `disk`; CHECK(head >= image->notes[0]) …
 *         return !test_has_failed();
 *     }
 *     CHECK(wrap_each_crash(NULL, &(wrap_images){.seed = 1}, append_three, nothing_acknowledged_is_lost, NULL) > 100);
 *
 * A crash *point* is a moment just before a call that touches the disk, or the end. At each the disk is
 * known, and so are the changes that no sync has put there yet. They consist of *pieces* (memory.h): a
 * name made, moved or removed; a new size; the part of a write in one sector of 512 bytes. A power cut
 * keeps any of the pieces, in whatever order they were made; killing the process keeps all.
 *
 * At each point the images are:
 *   killed      the process ended, the machine did not: everything written is there, the boot is the
 *               same, and what was not synced still is not
 *   nothing     no piece survives
 *   subset      while there are few pieces: each of their subsets, all of them included
 * and with more pieces than that:
 *   everything  all survive
 *   no names, only names, no sizes, no bytes
 *   the first   the first k changes survive, for every k
 *   all but, only   one change, for every one
 *   changes     every subset of changes, while there are at most 8
 *   torn        by chance, seeded: changes or pieces survive with a chance of 1/8 to 7/8; or those before a
 *               moment do, the change of that moment in part, and hardly any later one
 *
 * A disk that was visited with the same notes is not visited again: two points between two syncs have
 * most images in common. An image shares its pages with the recording until it writes, so it costs what
 * differs: microseconds, and the time to visit it is the test's own.
 *
 * When a visitor answers false, its image is named on stdout and the run ends. TALLY_IMAGE=<its index>
 * in the environment then visits that one alone; so does wrap_images.only. */
#ifndef TALLY_TEST_IMAGES_H
#define TALLY_TEST_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "wrap/wrap.h"

/* ------------------------------------------------------------------------------------------- images */

#define WRAP_NOTES 4

/* What an image is. */
typedef struct wrap_image {
    const char *what; /* "killed", "nothing", "subset", … as above */
    uint64_t number;  /* which of its sort; of a subset: the bits of what survives, the oldest lowest */
    uint64_t index;   /* of all that the run visits, from 0 */
    size_t point;     /* which crash point, from 0 */
    wrap_call before; /* the call that was not made any more; WRAP_CALL_COUNT at the end */
    bool killed;
    uint64_t notes[WRAP_NOTES]; /* what the scenario had noted by then */
} wrap_image;

/* Which images to visit. Zero-filled is a good choice. */
typedef struct wrap_images {
    uint64_t seed;             /* of what is left to chance */
    uint64_t calls;            /* points are before these calls (WRAP_BITs); 0: WRAP_CHANGES */
    uint32_t exhaustive_up_to; /* so many pieces have all their subsets visited; 0: 8; at most 20 */
    uint32_t random_count;     /* torn images at a point with more pieces; 0: 32; WRAP_NO_RANDOM: none */
    uint64_t only;             /* 0: all; else the image with the index only - 1 */
} wrap_images;

#define WRAP_NO_RANDOM UINT32_MAX

/* `disk` is a world of its own; the visitor may write to it, wrap it, even record it and crash it again,
 * and closes it not. It begins with no file open. Answers whether to go on. */
typedef bool (*wrap_image_visitor)(void *user_data, tally_platform *disk, const wrap_image *image);

/* Of a world in memory, as it is now: one crash point. Returns how many images were visited, 0 when memory
 * ran out. NULL for `how` is the zero-filled choice. */
uint64_t wrap_each_image(const tally_platform *world, const wrap_images *how, wrap_image_visitor visit,
                         void *user_data);

/* --------------------------------------------------------------------------------------- recordings */

typedef struct wrap_recording wrap_recording;

/* Runs the scenario on a recorded copy of `from` (a world in memory; NULL: an empty one), then visits the
 * images of each of its crash points. The scenario's platform is a wrapper: it may set faults of its own.
 * Returns how many images were visited, 0 when memory ran out. */
uint64_t wrap_each_crash(const tally_platform *from, const wrap_images *how,
                         void (*scenario)(const tally_platform *platform, wrap_recording *recording, void *user_data),
                         wrap_image_visitor visit, void *user_data);

/* From here on images say that: what was acknowledged, what was begun. From any thread. With several, a
 * note that was made before a call on another thread may be missing from its point, never be there early:
 * note promises after they were given, and do not conclude from a note that something had not begun. */
void wrap_note(wrap_recording *recording, uint32_t which, uint64_t value);

/* The same step by step, for a world that the test has wrapped itself. The recording takes the wrapper's
 * watch. NULL without memory. */
wrap_recording *wrap_record(tally_platform *wrapped, uint64_t calls);
/* Adds the last point and lets the wrapper go; it may be closed then. */
void wrap_record_end(wrap_recording *recording);
size_t wrap_point_count(const wrap_recording *recording);
uint64_t wrap_visit(const wrap_recording *recording, const wrap_images *how, wrap_image_visitor visit, void *user_data);
/* Accepts NULL. */
void wrap_recording_free(wrap_recording *recording);

#endif
