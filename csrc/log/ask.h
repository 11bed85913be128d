/* Asking a segment, whatever it is: the sections of a sealed one, the index in memory of an unsealed one, which
 * is caught up first, or of a sealed one whose sections are damaged.
 *
 * A failure is about memory, the system, or frames (TALLY_E_DAMAGED); damage of sections only costs time. */
#ifndef TALLY_LOG_ASK_H
#define TALLY_LOG_ASK_H

#include "log/index.h"

/* From now on its frames are read. */
static inline void tally_ask_distrust(tally_segment *segment)
{
    atomic_store_explicit(&segment->distrusted, true, memory_order_release);
}

tally_status tally_ask_key(tally_segment *segment, const tally_key *key, bool *found, tally_entry *entry,
                           tally_error *error);
/* TALLY_E_RANGE: no such event in it. The frame lies within [offset, limit). */
tally_status tally_ask_place(tally_segment *segment, uint32_t ordinal, uint64_t *offset, uint64_t *limit,
                             tally_error *error);
/* The time of event ordinal & ~63. TALLY_E_RANGE. */
tally_status tally_ask_time(tally_segment *segment, uint32_t ordinal, int64_t *time_us, tally_error *error);
tally_status tally_ask_candidate(tally_segment *segment, bool idempotency, const uint8_t value[16], uint32_t before,
                                 bool *found, uint32_t *ordinal, tally_error *error);
/* Of streams: the ordinal of an entry's posting `number`, which is below its count. Of all: how many are below one,
 * and the last of them, when there is one. */
tally_status tally_ask_posting(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t number,
                               uint32_t *ordinal, tally_error *error);
tally_status tally_ask_count(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t before,
                             uint32_t *count, tally_error *error);
tally_status tally_ask_last(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t before,
                            uint32_t *ordinal, tally_error *error);

#endif
