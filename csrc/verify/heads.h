/* The heads that were kept, judged: signatures by keys that are believed, and roots of the events that are there. */
#ifndef TALLY_VERIFY_HEADS_H
#define TALLY_VERIFY_HEADS_H

#include "sign/notes.h"
#include "verify/bad.h"
#include "verify/rotation.h"

#define TALLY_VERIFY_KEYS_LIMIT 64u

enum tally_verdict {
    TALLY_VERDICT_OPEN, /* not judged yet */
    TALLY_VERDICT_GOOD,
    TALLY_VERDICT_UNKNOWN, /* by nobody who is believed; a good head over as many events makes up for it */
    TALLY_VERDICT_BAD
};

typedef struct tally_judged_head {
    uint64_t size;
    tally_hash root;
    size_t number; /* in the notes; SIZE_MAX: the head that was verified before */
    enum tally_verdict verdict;
    uint32_t reason; /* why not, when it is not good */
    bool rooted;     /* the events have its root */
} tally_judged_head;

typedef struct tally_judged_heads {
    const tally_platform *platform;
    const tally_folder *folder;
    tally_notes notes;
    bool opened;
    char origin[TALLY_ORIGIN_MAX + 1];
    const tally_text *keys; /* the caller's */
    size_t key_count;
    tally_judged_head *heads; /* by size */
    size_t count;
    size_t judged;   /* those before it */
    uint64_t *stops; /* the same sizes, each once */
    size_t stop_count;
    tally_rotation *rotations;
    size_t rotation_count, rotation_capacity;
    char *text; /* TALLY_NOTE_BYTES_MAX */
    uint64_t covered;
    uint64_t checked;
} tally_judged_heads;

/* Reads CHECKPOINTS. What does not check in it is no failure, but `bad`. `keys` are lent. TALLY_E_KEY. */
tally_status tally_judged_heads_open(tally_judged_heads *heads, const tally_folder *folder, const tally_text *keys,
                                     size_t key_count, tally_bad *bad, tally_error *error);
/* Now that the origin is known: all sizes. `since`: one more, may be NULL. */
tally_status tally_judged_heads_begin(tally_judged_heads *heads, const char *origin, const tally_checkpoint *since,
                                      tally_bad *bad, tally_error *error);
void tally_judged_heads_close(tally_judged_heads *heads);

/* The log said that another key signs. */
tally_status tally_judged_heads_rotate(tally_judged_heads *heads, const tally_rotation *rotation, tally_error *error);
/* The events before `size` have this root: compares the heads of that size. `*good` says whether one of them is
 * believed. */
tally_status tally_judged_heads_root(tally_judged_heads *heads, uint64_t size, const tally_hash *root, bool *good,
                                     tally_bad *bad, tally_error *error);
/* The log has so many events: judges all that are left. */
tally_status tally_judged_heads_finish(tally_judged_heads *heads, uint64_t events, tally_bad *bad, tally_error *error);

#endif
