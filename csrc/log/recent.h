/* The ids that callers gave and the idempotency keys of the newest events: what a commit has to be compared
 * with under the lock, because it came after its caller had looked into the log. */
#ifndef TALLY_LOG_RECENT_H
#define TALLY_LOG_RECENT_H

#include <stdbool.h>

#include <tallystick/platform.h>

enum tally_recent_kind { TALLY_RECENT_ID = 1, TALLY_RECENT_KEY = 2 };

typedef struct tally_recent_entry {
    uint8_t value[16];
    uint64_t position;
    uint32_t kind;
    uint32_t older; /* the entry before in its bucket, + 1, as a number modulo 2^32; see `recent.c` */
} tally_recent_entry;

/* invariant: entries first … end - 1 are in the order of positions; all ids given and keys of events at
 * `complete_from` or later are among them */
typedef struct tally_recent {
    const tally_platform *platform;
    uint64_t complete_from;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t first;    /* numbers of entries; they run on, an entry lies at its number modulo capacity */
    uint32_t end;
    tally_recent_entry *entries;
    uint32_t *buckets; /* the newest entry's number + 1; 0: none */
} tally_recent;

void tally_recent_init(tally_recent *recent, const tally_platform *platform, uint64_t complete_from);
void tally_recent_destroy(tally_recent *recent);

/* Makes room for `more` entries. Drops only what is of events before `droppable`. TALLY_E_NO_MEMORY. */
tally_status tally_recent_reserve(tally_recent *recent, size_t more, uint64_t droppable, tally_error *error);
/* With room reserved; positions never fall. */
void tally_recent_add(tally_recent *recent, enum tally_recent_kind kind, const uint8_t value[16], uint64_t position);
/* TALLY_POSITION_NONE: not among them. */
uint64_t tally_recent_find(const tally_recent *recent, enum tally_recent_kind kind, const uint8_t value[16]);
size_t tally_recent_bytes(const tally_recent *recent);

#endif
