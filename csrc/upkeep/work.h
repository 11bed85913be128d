/* What backup, fsck and salvage have in common: options, progress, and making a new directory whole. */
#ifndef TALLY_UPKEEP_WORK_H
#define TALLY_UPKEEP_WORK_H

#include <tallystick/upkeep.h>

#include "handle/slab.h"
#include "log/evidence.h"

typedef struct tally_work {
    tally_upkeep_options options;
    const tally_platform *platform;
    const tally_slot *slot; /* of a store that may be closed meanwhile; NULL none */
    uint64_t done;
    uint64_t total;
    uint64_t next_report; /* progress is told when `done` reaches it */
} tally_work;

/* Reads the options; `platform` is what they say, else `fallback`. */
tally_status tally_work_begin(tally_work *work, const tally_upkeep_options *options, const tally_platform *fallback,
                              tally_error *error);
/* So much more is done. TALLY_E_INTERRUPTED, E_CLOSED. */
tally_status tally_work_step(tally_work *work, uint64_t bytes, tally_error *error);

/* What a directory has that nobody needs to be able to open: the chain, and what is behind it. `unreadable`: something
 * there cannot be read, so that nothing is known of it. A writer may be at work: what looks like damage is looked
 * at again, and is damage when it stays where it is. TALLY_E_NOT_FOUND no store, E_FORMAT something else. Free
 * the chain unless it failed. */
typedef struct tally_work_found {
    tally_chain chain;
    tally_evidence evidence;
    bool unreadable;
    bool damaged;    /* there is something behind the chain, or in its way, that is not the next writer's to cut */
    tally_error why; /* of `unreadable` */
} tally_work_found;
tally_status tally_work_look(tally_work_found *found, const tally_folder *folder, tally_error *error);

/* Makes a directory that did not exist. TALLY_E_EXISTS and the like. */
tally_status tally_work_make_folder(const tally_work *work, const char *path, size_t length, uint32_t file_mode,
                                    tally_folder *folder, tally_error *error);
/* Its names, and its own, are on the device. */
tally_status tally_work_finish_folder(const tally_folder *folder, tally_error *error);
/* Removes what was made, after a failure. */
void tally_work_discard_folder(const tally_folder *folder);

/* Copies [0, length) of a segment's file into a file of that name, synced. */
tally_status tally_work_copy(tally_work *work, const tally_segment *segment, uint64_t length, const tally_folder *to,
                             tally_error *error);
/* Where the last whole commit ends whose events all lie before `position`; an unsealed segment is read for it.
 * TALLY_E_DAMAGED when whole commits do not reach so far. */
tally_status tally_work_find_end(tally_work *work, const tally_segment *segment, uint64_t position, uint64_t *end,
                                 tally_error *error);

#endif
