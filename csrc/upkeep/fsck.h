/* The parts of fsck: what they report into. */
#ifndef TALLY_UPKEEP_FSCK_H
#define TALLY_UPKEEP_FSCK_H

#include "log/evidence.h"
#include "upkeep/inspect.h"
#include "upkeep/streams.h"
#include "upkeep/work.h"

typedef struct tally_fsck_run {
    tally_work *work;
    const tally_chain *chain;
    int32_t (*finding)(void *user_data, const tally_finding *finding);
    tally_fsck_report *report;
    tally_streams streams;
    /* What the next event and commit have to be; `expects` false behind damage. */
    bool expects;
    uint64_t position;
    uint64_t commit;
    tally_moment time;
    uint8_t last_hash[32];
    bool hash_known;
} tally_fsck_run;

/* Tells of a problem. TALLY_E_INTERRUPTED when the callback says so. */
tally_status tally_fsck_tell(tally_fsck_run *run, uint32_t severity, tally_status status, const char *file,
                             uint64_t position, uint64_t offset, const char *reason, tally_error *error);

/* Compares what is behind the log part of a sealed segment with what sealing makes of its frames, byte by byte; without
 * whole frames only the checksums of its pages. */
tally_status tally_fsck_sections(tally_fsck_run *run, const tally_segment *segment, bool frames_are_whole,
                                 tally_error *error);

/* Reads one segment from its header to `limit`, or to the end of its log part. */
tally_status tally_fsck_segment(tally_fsck_run *run, const tally_segment *segment, uint64_t limit, tally_error *error);

#endif
