/* Indexes, compared with the frames without making them again.
 *
 * An index says which events have a name, an id, a digest: a set of pairs (name, event). Each side adds up H(name) *
 * G(event) over its pairs, modulo 2^64, where H and G are hashes with a secret that is made anew for each
 * verification. Whoever forges an index does not know them, so the sums of different sets are equal by a chance of
 * less than 1 in 2^57. What is read from an index is checked beyond that: sorted, within bounds, one spelling. */
#ifndef TALLY_VERIFY_INDEX_H
#define TALLY_VERIFY_INDEX_H

#include "log/hash.h"
#include "log/view.h"
#include "proof/body.h"
#include "verify/bad.h"

typedef struct tally_index_secret {
    uint8_t names[16];
    uint8_t streams[16];
    uint64_t events, values;
} tally_index_secret;

/* Sums over the events of a chunk, or of a segment so far. */
typedef struct tally_index_sums {
    uint64_t names;    /* of all kinds, with ordinals */
    uint64_t versions; /* streams with versions */
    uint64_t ids;      /* hashes with ordinals */
    uint64_t digests;
    uint64_t offsets; /* ordinals with places */
    uint64_t times;
    uint64_t digest_count;
    bool any_id;
    uint8_t least_id[16], most_id[16], least_digest[16], most_digest[16];
} tally_index_sums;

/* What a stream adds for each of its events. */
typedef struct tally_index_stream {
    uint64_t names;   /* its hash, and those of its prefixes, together */
    uint64_t version; /* what its versions are hashed with */
} tally_index_stream;

tally_index_stream tally_index_stream_of(const tally_index_secret *secret, tally_text stream);

/* Types seen lately, since a log has few. */
#define TALLY_INDEX_TYPES 16u
typedef struct tally_index_types {
    struct {
        uint32_t length;
        char name[60];
        uint64_t sum;
    } types[TALLY_INDEX_TYPES];
} tally_index_types;

/* An event: its place in the segment and what its stream adds. `salt` is the segment's. */
typedef struct tally_index_event {
    uint32_t ordinal;
    uint64_t offset;
    uint64_t version;
    int64_t time_us;
    const tally_body_view *body;
    tally_index_stream stream;
} tally_index_event;
void tally_index_add(tally_index_sums *sums, tally_index_types *types, const tally_index_secret *secret,
                     const uint8_t salt[16], const tally_index_event *event);
void tally_index_join(tally_index_sums *sums, const tally_index_sums *more);

/* Both sides' hashes. */
uint64_t tally_index_hash_name(const tally_index_secret *secret, uint32_t kind, const char *name, size_t length);
uint64_t tally_index_hash_stream(const tally_index_secret *secret, const char *name, size_t length);
static inline uint64_t tally_index_mix(uint64_t secret, uint64_t value)
{
    return tally_hash_fold(tally_hash_fold(value ^ secret, UINT64_C(0x9e3779b97f4a7c15)) ^ secret,
                           UINT64_C(0xd6e8feb86659fd93));
}
static inline uint64_t tally_index_mix_pair(uint64_t secret, uint64_t a, uint64_t b)
{
    return tally_index_mix(secret ^ tally_index_mix(secret, a), b);
}

/* Compares the sections of a sealed segment, whose events have these sums. `bad` is set when they are not what the
 * frames make. */
tally_status tally_index_check(const tally_segment *segment, const tally_index_sums *sums,
                               const tally_index_secret *secret, const tally_platform *platform, tally_bad *bad,
                               tally_error *error);
/* Compares a run with the sections of its segments, which have been compared. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
tally_status tally_index_check_run(const tally_view *view, size_t run, const tally_index_secret *secret,
                                   const tally_platform *platform, tally_bad *bad, tally_error *error);

#endif
