/* Indexes, compared with the frames without making them again.
 *
 * An index says which events have a name, an id, a digest. That is a set of pairs (name, event). Each side adds up
 * H(name) * G(event) over its pairs, in a field of 2^61 - 1 elements, where H and G are hashes with a secret that is
 * made anew for each verification: sums of different sets are equal by one chance in 2^60. What is read from an index
 * is checked beyond that as it is used: sorted, within bounds, one spelling. */
#ifndef TALLY_VERIFY_INDEX_H
#define TALLY_VERIFY_INDEX_H

#include "proof/body.h"
#include "log/view.h"
#include "verify/bad.h"

typedef struct tally_index_secret {
    uint8_t names[16];
    uint8_t values[16];
    uint64_t events;
} tally_index_secret;

/* Of the events of a chunk, or of a segment so far. */
typedef struct tally_index_sums {
    uint64_t names;
    uint64_t ids;
    uint64_t digests;
    uint64_t digest_count;
    uint64_t offsets;
    uint64_t times;
    uint8_t least_id[16], most_id[16], least_digest[16], most_digest[16];
    bool any_id;
} tally_index_sums;

/* What a stream, and its prefixes, add to the names of each of its events. */
uint64_t tally_index_stream(const tally_index_secret *secret, tally_text stream);
/* An event: its ordinal in the segment, the offset of its frame, and what its stream adds. */
void tally_index_add(tally_index_sums *sums, const tally_index_secret *secret, uint32_t ordinal, uint64_t offset,
                     int64_t time_us, const tally_body_view *body, uint64_t stream);
void tally_index_join(tally_index_sums *sums, const tally_index_sums *more);

/* Compares the sections of a sealed segment. `bad` is set when they are not what the frames make. */
tally_status tally_index_check(const tally_segment *segment, const tally_index_sums *sums,
                               const tally_index_secret *secret, const tally_platform *platform, tally_bad *bad,
                               tally_error *error);
/* Compares a run with the sections of its segments. */
tally_status tally_index_check_run(const tally_view *view, size_t run, const tally_index_secret *secret,
                                   const tally_platform *platform, tally_bad *bad, tally_error *error);

#endif
