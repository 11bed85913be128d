/* Streams: that each event names the one before it in its stream, and that versions are dense.
 *
 * Within a chunk a table has every stream that it touches. Between chunks a table of bounded size has the heads of the
 * streams that were touched last; what it has lost is asked of the log's indexes, which are compared themselves.
 *
 * Names are known by two hashes with a secret that is made anew for each verification: nobody can choose names that
 * collide. */
#ifndef TALLY_VERIFY_LINKS_H
#define TALLY_VERIFY_LINKS_H

#include "log/lookup.h"
#include "proof/digest.h"
#include "verify/index.h"

typedef struct tally_stream_key {
    uint64_t a, b;
} tally_stream_key;

tally_stream_key tally_stream_key_of(const uint8_t secret[32], uint32_t kind, tally_text name);

/* A stream as a chunk has it. */
typedef struct tally_link {
    tally_stream_key key;
    uint32_t round; /* of the table: else the place is free */
    uint64_t first_version;
    uint64_t first_position;
    uint64_t first_offset;
    uint8_t first_prev[TALLY_DIGEST_BYTES];
    uint64_t next_version;
    uint8_t last_hash[TALLY_DIGEST_BYTES];
    tally_index_stream index;
} tally_link;

typedef struct tally_links {
    const tally_platform *platform;
    tally_link *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint32_t round;
} tally_links;

/* Empty; keeps its memory. */
void tally_links_begin(tally_links *links, const tally_platform *platform);
void tally_links_free(tally_links *links);
/* The place of a stream; `*is_new`: nothing but its key is set. NULL: no memory. Lent until the next call. */
tally_link *tally_links_at(tally_links *links, tally_stream_key key, bool *is_new);

/* The heads of streams, by the oldest rule: who is touched stays. */
typedef struct tally_link_heads {
    const tally_platform *platform;
    struct tally_link_head *heads;
    size_t sets;
    uint32_t clock;
    bool complete; /* every stream of the log so far is in it */
} tally_link_heads;

typedef struct tally_link_head {
    tally_stream_key key;
    uint64_t next_version; /* 0: free */
    uint8_t last_hash[TALLY_DIGEST_BYTES];
    uint32_t used;
} tally_link_head;

/* For about so many streams, within bounds. `complete`: the log begins here. */
tally_status tally_link_heads_open(tally_link_heads *heads, const tally_platform *platform, uint64_t streams,
                                   bool complete, tally_error *error);
void tally_link_heads_close(tally_link_heads *heads);
/* NULL: not in it. */
tally_link_head *tally_link_heads_find(tally_link_heads *heads, tally_stream_key key);
/* Keeps a stream's head; another one may be lost for it. */
void tally_link_heads_put(tally_link_heads *heads, tally_stream_key key, uint64_t next_version,
                          const uint8_t last_hash[TALLY_DIGEST_BYTES]);

#endif
