/* Evidence: what lies behind the end of the chain, and whether it shows that events there had been durable. */
#ifndef TALLY_LOG_EVIDENCE_H
#define TALLY_LOG_EVIDENCE_H

#include "log/chain.h"
#include "log/head.h"

typedef struct tally_evidence {
    bool proves_damage;          /* something at next_position or later had been durable */
    uint64_t durable_position;   /* the largest that was stated */
    char file[TALLY_NAME_BYTES]; /* that stated it */
    uint64_t offset;
    uint64_t bytes_behind; /* that are not zero, in the segment where the chain ends */
    uint64_t bytes_later;  /* … in the segments after it */
    bool rotten;           /* the header of `file` has rotted: how much was durable in it is not known */
    bool unknown;          /* a later segment is of a later version of the format: `file` */
    tally_head head;
    bool head_valid; /* HEAD can be read */
    bool head_live;  /* … and was written under this boot */
    uint64_t proven; /* all events before it are on the device, by what whole commits, sealing and HEAD say */
} tally_evidence;

/* Reads HEAD, the rest of the last segment, and all segments behind the chain. The status is about the system. */
tally_status tally_evidence_gather(const tally_chain *chain, tally_evidence *evidence, tally_error *error);

/* HEAD alone; `*valid` false when there is none. */
tally_status tally_head_read(const tally_folder *folder, tally_head *head, bool *valid, bool *live, tally_error *error);

#endif
