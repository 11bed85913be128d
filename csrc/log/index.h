/* The index of an unsealed segment, in memory, made from its frames: the same code serves the writer, a
 * reader in another process, recovery, and a sealed segment whose sections are damaged.
 *
 * Nobody pays for it while appending: it is caught up by whoever looks something up, and by the background
 * thread before it seals. Thread-safe (own lock).
 *
 * Keys are names with a kind: stream, prefix of a stream ending in '/' or '.', type, prefix of a type ending
 * in '.', tag. Postings are ordinals: the event's number within the segment. */
#ifndef TALLY_LOG_INDEX_H
#define TALLY_LOG_INDEX_H

#include "log/postings.h"

typedef struct tally_index tally_index;

tally_status tally_index_new(const tally_platform *platform, uint64_t first_position, tally_index **index,
                             tally_error *error);
void tally_index_free(tally_index *index);

/* Adds the events between what is indexed and `segment->end`. TALLY_E_DAMAGED: a frame that had been checked
 * before does not check now. */
tally_status tally_index_catch_up(tally_index *index, const tally_segment *segment, tally_error *error);
/* The same for about `most` bytes of the segment; `*whole`: nothing is left. */
tally_status tally_index_go_on(tally_index *index, const tally_segment *segment, uint64_t most, bool *whole,
                               tally_error *error);
size_t tally_index_bytes(tally_index *index); /* heap held */

/* What has been indexed: events, and the file offset. */
uint32_t tally_index_events(tally_index *index);
/* The offset of an event's frame and where the next one begins at the latest; NO: not indexed yet. */
enum tally_answer tally_index_place(tally_index *index, uint32_t ordinal, uint64_t *offset, uint64_t *limit);
/* The time of event ordinal & ~63. */
enum tally_answer tally_index_time(tally_index *index, uint32_t ordinal, int64_t *time_us);

enum tally_answer tally_index_find(tally_index *index, const tally_key *key, tally_entry *entry);
/* As of postings.h, for entries of TALLY_FORM_MEMORY. */
enum tally_answer tally_index_next(tally_index *index, uint32_t key, uint32_t from, uint32_t *ordinal);
enum tally_answer tally_index_before(tally_index *index, uint32_t key, uint32_t before, uint32_t *ordinal);
void tally_index_fill(tally_index *index, uint32_t key, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS]);
uint32_t tally_index_count(tally_index *index, uint32_t key, uint32_t before);
enum tally_answer tally_index_at(tally_index *index, uint32_t key, uint32_t number, uint32_t *ordinal);

/* The largest ordinal < `before` whose id (or idempotency digest) has the same hash: a candidate. */
enum tally_answer tally_index_candidate(tally_index *index, bool idempotency, const uint8_t value[16], uint32_t before,
                                        uint32_t *ordinal);

/* The numbers of up to `max` keys of a kind that begin with `prefix`, the first ones behind `after` (empty: from the
 * beginning), in the order of their bytes. Numbers keep their meaning. */
uint32_t tally_index_list(tally_index *index, uint32_t kind, tally_text prefix, tally_text after, uint32_t *numbers,
                          uint32_t max);
/* Copies the name (TALLY_STREAM_MAX bytes are enough). */
void tally_index_describe(tally_index *index, uint32_t number, char *name, size_t *length, tally_entry *entry);

#endif
