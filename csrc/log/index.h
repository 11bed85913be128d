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

#include "log/segment_file.h"

enum tally_key_kind {
    TALLY_KEY_STREAM = 1,
    TALLY_KEY_STREAM_PREFIX = 2,
    TALLY_KEY_TYPE = 3,
    TALLY_KEY_TYPE_PREFIX = 4,
    TALLY_KEY_TAG = 5,
    TALLY_KEY_SUBJECT = 6 /* a key id of 32 bytes; with erasure */
};

typedef struct tally_index tally_index;

tally_status tally_index_new(const tally_platform *platform, uint64_t first_position, tally_index **index,
                             tally_error *error);
void tally_index_free(tally_index *index);

/* Adds the events between what is indexed and `segment->end`. TALLY_E_DAMAGED: a frame that had been checked
 * before does not check now. */
tally_status tally_index_catch_up(tally_index *index, const tally_segment *segment, tally_error *error);
size_t tally_index_bytes(const tally_index *index); /* heap held */

#endif
