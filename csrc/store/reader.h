/* The body of a reader, shared by its life (reader.c) and its pages (page.c). */
#ifndef TALLY_STORE_READER_H
#define TALLY_STORE_READER_H

#include "store/query.h"
#include "store/store.h"

/* invariant: events in [from, end) were not looked at; of those that were, `block` has the bits that match and
 * were not given yet. In the list of its store from open to free; `busy` belongs to the thread inside. */
typedef struct tally_reader_body {
    struct tally_reader_body *next; /* in the store's list; guarded by its readers_mutex */
    struct tally_reader_body *previous;
    struct tally_reader_body *closing; /* in tally_readers_close, by who shut it */
    tally_store_body *store;
    tally_slot *slot;
    const tally_platform *platform;
    _Atomic(uint32_t) busy;
    uint32_t flags; /* TALLY_QUERY_… */
    uint64_t work_limit;
    tally_bounds bounds;
    tally_match *match;
    tally_view *view; /* NULL while the log has no segment */
    uint64_t view_end;
    uint64_t from;
    uint64_t end;
    uint64_t examined;
    uint64_t returned;
    tally_block block;
    uint8_t *memory; /* frames that are not mapped, of the last page */
    size_t memory_capacity;
    size_t memory_used;
} tally_reader_body;

/* The next page; as tally_reader_next. */
tally_status tally_page_fill(tally_reader_body *body, tally_event *events, size_t capacity, size_t *count,
                             tally_error *error);

#endif
