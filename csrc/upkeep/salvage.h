/* The parts of salvage. */
#ifndef TALLY_UPKEEP_SALVAGE_H
#define TALLY_UPKEEP_SALVAGE_H

#include "base/error.h"
#include "upkeep/rebuild.h"

typedef struct tally_gap {
    uint64_t from; /* the first position that is lost */
    uint64_t to;   /* the first that is not */
} tally_gap;

typedef struct tally_event_place {
    uint64_t offset;
    uint64_t length;
    uint64_t position;
    tally_moment time;
} tally_event_place;

/* Two passes over the same events: the first finds the gaps, the second writes what lies between them. */
typedef struct tally_salvage_run {
    tally_work *work;
    tally_chain *chain;
    tally_segment_header header; /* of the first segment that has one: all have the same lineage and name */
    bool spoiled;                /* something before the end of the chain does not check */
    bool damaged;                /* there is something behind the chain that is not the next writer's to cut */
    tally_rebuild *rebuild;      /* NULL in the first pass */
    tally_gap *gaps;
    size_t gap_count;
    size_t gap_capacity;
    uint64_t next; /* the position behind the last whole event */
    uint64_t copied;
    uint64_t copied_again; /* in the second pass */
    size_t gap_at;         /* in the second pass: the first gap that may still be ahead */
    bool any_time;
    tally_moment first_time;
    uint32_t digest;
    tally_event_place *places; /* of the commit that is being read, positions rising from `next` */
    size_t place_count;
    size_t place_capacity;
    uint32_t batch_index; /* of the last one */
} tally_salvage_run;

/* Writes the first event of a new lineage: which store it came from, and what was lost. */
tally_status tally_salvage_record(const tally_salvage_run *at, tally_error *error);

static inline tally_status tally_salvage_no_memory(tally_error *error)
{
    return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to salvage");
}

#endif
