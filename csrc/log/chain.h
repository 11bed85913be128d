/* The chain: the segments of a directory in their order, as far as they go on from each other. Unsealed ones
 * are scanned; what recovery, following, backup, fsck and salvage begin with. Nothing is written here. */
#ifndef TALLY_LOG_CHAIN_H
#define TALLY_LOG_CHAIN_H

#include "base/clock.h"
#include "log/directory.h"
#include "log/scan.h"

/* Why it goes no further. */
enum tally_chain_end {
    TALLY_CHAIN_ENDS,    /* no whole commit comes next in the last segment; what lies there is for evidence.h */
    TALLY_CHAIN_MISSING, /* the next segment is not there, or was never written, and later ones are there */
    TALLY_CHAIN_BROKEN,  /* what comes next does not go on from what is before: no crash leaves this */
    TALLY_CHAIN_UNKNOWN  /* what comes next is of a later version of the format */
};

/* What a segment's file is that does not open as a segment. */
enum tally_header_state {
    TALLY_HEADER_WHOLE,
    TALLY_HEADER_NEVER, /* too short, or zeros: never written */
    TALLY_HEADER_DAMAGED,
    TALLY_HEADER_UNKNOWN /* of a later version */
};

typedef struct tally_chain {
    const tally_folder *folder;
    tally_directory directory;
    tally_segment **segments; /* held, `end` set; numbers 0 .. count - 1 */
    size_t count;             /* directory.numbers[count ..] are not in the chain */
    enum tally_chain_end end;
    uint64_t break_number; /* the segment in which the next commit should be, and where */
    uint64_t break_offset;
    tally_error why; /* there is no whole commit there */
    uint64_t next_position;
    uint64_t next_commit;
    uint64_t sealed_position;  /* all before it lie in sealed segments, which are durable */
    uint64_t durable_position; /* the largest that a mark stated, or sealed_position */
    uint64_t writer_epoch;     /* of the last mark; 0 none */
    bool clean_close;          /* the last mark said so */
    bool any_event;
    bool last_known; /* the three below; not when the last event cannot be read */
    tally_moment last_time;
    uint32_t digest;
    uint8_t last_hash[32];
    uint64_t scanned_bytes;
} tally_chain;

/* Whatever is wrong with bytes is in the chain, not in the status: that is TALLY_E_NOT_FOUND no directory,
 * E_NO_MEMORY, E_IO, E_DENIED. Free it in any case.
 * TALLY_CHAIN_WRITABLE opens unsealed files for writing too. With TALLY_CHAIN_TOLERANT bytes that cannot be read end
 * the chain as broken ones do. */
#define TALLY_CHAIN_WRITABLE 1u
#define TALLY_CHAIN_TOLERANT 2u
tally_status tally_chain_open(tally_chain *chain, const tally_folder *folder, uint32_t check, uint32_t map,
                              uint32_t flags, tally_error *error);
void tally_chain_free(tally_chain *chain);

/* Says where and why the chain ends, and why that is no good. */
tally_status tally_chain_refuse(const tally_chain *chain, tally_status status, const char *because, tally_error *error);

/* Looks at the beginning of a segment's file. */
tally_status tally_header_look(const tally_folder *folder, uint64_t number, enum tally_header_state *state,
                               tally_segment_header *header, tally_error *why, tally_error *error);

/* The mark that ends at `end` of a segment's log part; `*found` is false when there is none that checks. A mark that
 * cannot be read is a failure: nobody may take it for one that is not there. */
tally_status tally_mark_before(const tally_segment *segment, uint64_t end, bool *found, tally_mark *mark,
                               tally_error *error);

#endif
