/* The ends of streams: the next version and the last event's hash of each stream that was touched lately.
 *
 * A commit needs both for every event, and has no time to look into the log for them. The table is complete
 * for all streams with an event at `complete_from` or later; a stream that is not in it has its last event,
 * if any, before that, and is looked up there (by tally_lookup_stream, outside of the lock) and put in.
 * Sealing raises `complete_from`; entries whose last event lies before it may be dropped.
 *
 * A stream is its name's 128-bit keyed hash: with a secret key nobody can make two names meet. */
#ifndef TALLY_LOG_HEADS_H
#define TALLY_LOG_HEADS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <tallystick/event.h>
#include <tallystick/platform.h>

#include "proof/digest.h"

#define TALLY_HEADS_SECRET_BYTES 16

typedef struct tally_stream_key {
    uint64_t low; /* {0, 0} is no key */
    uint64_t high;
} tally_stream_key;

/* The end of one stream. */
typedef struct tally_stream_end {
    tally_stream_key key; /* {0, 0}: a free place */
    uint64_t next_version;
    uint64_t last_position; /* TALLY_POSITION_NONE: it has no event */
    uint8_t last_hash[TALLY_DIGEST_BYTES];
} tally_stream_end;

_Static_assert(sizeof(tally_stream_end) == 64, "a stream's end is one cache line");

/* invariant: at least a third of the places is free; complete_from never falls */
typedef struct tally_heads {
    const tally_platform *platform;
    uint8_t secret[TALLY_HEADS_SECRET_BYTES];
    uint64_t complete_from;
    uint64_t evictions; /* how often entries were dropped */
    void *memory;
    tally_stream_end *places;
    size_t capacity;                  /* a power of two, or 0 */
    _Atomic(tally_stream_end *) hint; /* the same two, for who has no lock and only fetches ahead */
    _Atomic(size_t) hint_mask;
    size_t used;
} tally_heads;

void tally_heads_init(tally_heads *heads, const tally_platform *platform,
                      const uint8_t secret[TALLY_HEADS_SECRET_BYTES], uint64_t complete_from);
void tally_heads_destroy(tally_heads *heads);

/* Touches only the secret: any thread, without the lock. */
tally_stream_key tally_heads_key(const tally_heads *heads, tally_text stream);

/* Brings the place of a key nearer to the processor, without the lock: it is 20 ns away otherwise. A table that is
 * being replaced costs nothing but the benefit. */
static inline void tally_heads_fetch_ahead(const tally_heads *heads, tally_stream_key key)
{
    const tally_stream_end *places = atomic_load_explicit(&heads->hint, memory_order_relaxed);
    size_t mask = atomic_load_explicit(&heads->hint_mask, memory_order_relaxed);
    __builtin_prefetch((const void *)((uintptr_t)places + ((size_t)key.high & mask) * sizeof *places), 1);
}

/* Makes room for `more` entries, so that inserting them moves nothing. TALLY_E_NO_MEMORY. */
tally_status tally_heads_reserve(tally_heads *heads, size_t more, tally_error *error);
/* NULL: not in the table. Valid until the next reserve. */
tally_stream_end *tally_heads_find(const tally_heads *heads, tally_stream_key key);
/* A key that is not in it, with room reserved: a stream without events, to be filled in. */
tally_stream_end *tally_heads_insert(tally_heads *heads, tally_stream_key key);

static inline void tally_heads_raise(tally_heads *heads, uint64_t complete_from)
{
    if (complete_from > heads->complete_from) heads->complete_from = complete_from;
}

static inline size_t tally_heads_bytes(const tally_heads *heads) { return heads->capacity * sizeof(tally_stream_end); }

#endif
