/* What a registry is made of.
 *
 *   slot ──live──▶ snapshot {entries, indexes}          what notify reads, immutable but for functions
 *     └───body──▶ body {records, ids, retired, removed}  what writers change, under the slot's stripe
 *
 * A writer builds a new snapshot, swaps `live`, and retires the old one. A retired snapshot is freed
 * when no thread has it in a hazard; a removed handler's record is freed, and its destructor run, when
 * no retired snapshot contains it any more. */
#ifndef TALLY_REGISTRY_BODY_H
#define TALLY_REGISTRY_BODY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tallystick/registry.h>

#include "handle/gate.h"

/* ------------------------------------------------------------------------------------- live words */

/* Bit 0 of slot->live set: one of these. Otherwise a snapshot; bit 1 set: one that the fast loop may run.
 * The fast ones have the mark, so that 0, the word of a slot that was never used, is not one of them. */
#define LIVE_WORD 1u
#define LIVE_PLAIN 2u
#define LIVE_TAGS ((uintptr_t)3)
#define LIVE_EMPTY ((uintptr_t)0x11) /* open, no handlers: notify has nothing to do */
/* Any other odd word, TALLY_LIVE_NONE: closed, poisoned; 0: never opened. tally_gate_check says which. */

static inline bool tally_live_is_snapshot(uintptr_t word) { return word != 0 && (word & LIVE_WORD) == 0; }

/* --------------------------------------------------------------------------------------- snapshot */

/* Why a snapshot needs the general loop. */
#define SNAPSHOT_ONCE 1u     /* some handler is `once` */
#define SNAPSHOT_FILTERED 2u /* some handler has kinds: the compiled lists exist */
#define SNAPSHOT_COUNTED 4u
#define SNAPSHOT_PARENT 8u
#define SNAPSHOT_MUTED 16u
#define SNAPSHOT_HOST_RUNS 32u /* some handler may block and the host wants its lock back */
#define SNAPSHOT_PORTABLE 64u  /* no process barrier on this system: hazards are exchanged */

/* 16 bytes, side by side, nothing else on the path. The function is overwritten by a writer when the
 * handler is removed, so that a thread that still runs this snapshot skips it. */
typedef struct tally_entry {
    _Atomic(tally_handler) function;
    void *user_data;
} tally_entry;

_Static_assert(sizeof(tally_entry) == 2 * sizeof(void *), "entries are two words");

/* The exact kinds of a filtered snapshot: members[start .. start + count) are indexes of entries. */
typedef struct tally_kind_list {
    uint32_t kind; /* TALLY_KIND_NONE: this place of the table is free */
    uint32_t start;
    uint32_t count;
} tally_kind_list;

typedef struct tally_snapshot {
    struct tally_body *body;
    struct tally_snapshot *next;  /* in the list of retired ones, newest first */
    struct tally_record **chunks; /* of the handler table, as of this snapshot */
    uint64_t sequence;            /* number of the write that made it */
    size_t size_bytes;
    uint32_t count;
    uint32_t flags;
    uint32_t kind_table_size; /* power of two; 0 without filters */
    uint32_t always_count;    /* entries that are not found by exact kind alone */
    uint32_t *records;        /* [count] index of each entry's record */
    uint32_t *always;         /* [always_count] indexes of entries, ascending */
    tally_kind_list *kind_table;
    uint32_t *members;
    uint32_t in_use; /* scratch of reclaim */
    uint32_t reserved;
    tally_entry entries[];
} tally_snapshot;

/* ----------------------------------------------------------------------------------------- records */

enum tally_record_state {
    RECORD_FREE = 0,
    RECORD_LIVE = 1,
    RECORD_REMOVED = 2, /* in the removed list; perhaps still running */
    RECORD_LEAVING = 3  /* live until the write that is under way publishes */
};

#define RECORD_NONE 0xffffffu

/* One latency counter per stripe of threads. */
typedef struct tally_stripe {
    _Alignas(64) _Atomic(uint64_t) fired;
    _Atomic(uint64_t) total_ns;
    _Atomic(uint64_t) max_ns;
} tally_stripe;

#define STRIPES 8

typedef struct tally_last_failure {
    int32_t code;
    uint32_t length;
    char message[TALLY_HANDLER_MESSAGE_MAX + 1];
} tally_last_failure;

/* What most handlers do not have. */
typedef struct tally_extra {
    uint32_t flags; /* TALLY_HANDLER_… */
    uint32_t max_failures;
    uint32_t exact_count;      /* of kinds[0 ..) */
    uint32_t pattern_count;    /* of kinds[exact_count ..) */
    _Atomic(uint32_t) claimed; /* of a `once` handler: somebody runs or ran it */
    uint32_t name_length;
    tally_destructor destructor;
    void *user_data;
    struct tally_extra *next;         /* in garbage */
    tally_last_failure *last_failure; /* guarded by the stripe; made at the first failure */
    tally_stripe *stripes;
    void *stripes_block;
    size_t size_bytes;
    const char *name; /* behind the kinds; "" when there is none */
    uint32_t kinds[];
} tally_extra;

/* 32 bytes per handler. */
typedef struct tally_record {
    uint64_t id;
    _Atomic(tally_extra *) extra; /* NULL for plain handlers */
    _Atomic(uint32_t) failed;
    uint32_t state : 8;
    uint32_t link : 24; /* next free, or next removed */
    union {
        int32_t priority; /* LIVE */
        uint64_t died;    /* REMOVED: sequence of the first snapshot without it; UINT64_MAX: none yet */
    } at;
} tally_record;

#define RECORDS_PER_CHUNK 32u

/* ------------------------------------------------------------------------------------------- panic */

typedef struct tally_panic {
    tally_panic_handler function;
    void *user_data;
    tally_destructor destructor;
    struct tally_panic *next;
    uint32_t in_use; /* scratch of reclaim */
} tally_panic;

/* --------------------------------------------------------------------------------------------- host */

/* A host's word that every publish raises. */
typedef struct tally_watch {
    uint32_t *word;
    struct tally_watch *next;
} tally_watch;

/* What body->host points to. The words are kept here because a registry without a host has none. */
typedef struct tally_lent {
    tally_registry_host host; /* first: the pointer is used as one to it */
    tally_watch *watches;     /* guarded by the stripe */
} tally_lent;

/* -------------------------------------------------------------------------------------------- body */

/* Arrays that were outgrown while readers may look at them; freed with the registry. */
typedef struct tally_outgrown {
    struct tally_outgrown *next;
    size_t size_bytes;
} tally_outgrown;

/* invariant: everything but the atomics is guarded by the stripe of `slot` */
typedef struct tally_body {
    tally_slot *slot;
    const tally_platform *platform;
    tally_registry_host *host; /* in a tally_lent, or NULL */
    struct tally_body *parent; /* its slot is kept while `children` of it is not 0 */
    uint64_t number;
    uint64_t sequence;
    tally_snapshot *current; /* NULL: empty */
    tally_snapshot *retired; /* newest first */
    tally_record **chunks;
    tally_outgrown *outgrown;
    uint32_t *map; /* open addressing: record index + 1 by id */
    uint32_t map_size;
    uint32_t chunk_count; /* the array has room for the next power of two */
    uint32_t records_used;
    uint32_t free_record; /* RECORD_NONE: none */
    uint32_t live;        /* registered, claimed `once` included */
    uint32_t removed;     /* list, RECORD_NONE: none */
    uint32_t retired_count;
    uint32_t once_count; /* live handlers of each special kind */
    uint32_t filter_count;
    uint32_t blocking_count;
    uint32_t mutes;
    _Atomic(uint32_t) claimed; /* `once` handlers that ran and are still in the list */
    uint32_t children;
    uint8_t policy;
    uint8_t flags;
    uint8_t leak_warned : 2; /* enum tally_leak_warning */
    uint8_t waiting : 1;     /* a destructor waits for a thread to leave: every write tries again */
    uint8_t stale;           /* the current snapshot contains removed handlers */
    size_t retired_bytes;
    size_t memory_bytes;
    _Atomic(tally_panic *) panic;
    tally_panic *retired_panics;
    _Atomic(uint64_t) unreported;
    _Atomic(uint64_t) panics_failed;
} tally_body;

static inline tally_record *tally_record_at(tally_record **chunks, uint32_t index)
{
    return &chunks[index / RECORDS_PER_CHUNK][index % RECORDS_PER_CHUNK];
}

static inline tally_extra *tally_record_extra(tally_record *record)
{
    return atomic_load_explicit(&record->extra, memory_order_acquire);
}

/* Whether a `once` handler was claimed by a notify: it is no longer registered, only still listed. */
static inline bool tally_is_claimed(tally_record *record)
{
    tally_extra *extra = tally_record_extra(record);
    return extra != NULL && (extra->flags & TALLY_HANDLER_ONCE) != 0 && atomic_load(&extra->claimed) != 0;
}

enum tally_leak_warning { LEAK_WARN_NEVER = 0, LEAK_WARN_NOW = 1, LEAK_WARN_DONE = 2 };

/* Memory of a body, counted. */
void *tally_body_allocate(tally_body *body, size_t size_bytes);
void tally_body_release(tally_body *body, void *memory, size_t size_bytes);

#endif
