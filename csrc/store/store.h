/* The body of an open store, as its parts share it: appending (WRITE), reading (query, reader, get, list,
 * ancestors) and looking after it (upkeep/).
 *
 *     tally_call call;
 *     tally_store_body *body;
 *     tally_status status = tally_store_enter(&call, store, &body, error);
 *     if (status != TALLY_OK) return status;
 *     tally_look look;
 *     status = tally_store_view_now(body, &look, error);
 *     if (status == TALLY_OK) { … tally_lookup_…(look.view, look.end, …) … tally_view_release(look.view); }
 *     tally_gate_leave(&call);
 */
#ifndef TALLY_STORE_STORE_H
#define TALLY_STORE_STORE_H

#include <tallystick/append.h>

#include "handle/closing.h"
#include "handle/gate.h"
#include "log/follow.h"
#include "log/shown.h"

struct tally_log;           /* log/log.h: the writing half */
struct tally_reader_body;   /* store/reader.h */
struct tally_scratches;     /* store/scratch.h */
struct tally_gates;         /* store/gates.h */
struct tally_jobs;          /* store/jobs.h */
struct tally_store_signing; /* store/signing.h */
struct tally_delivery;      /* store/notify.h */

typedef struct tally_store_body {
    tally_slot *slot;
    const tally_platform *platform;
    tally_store_options options; /* defaults filled in; `name`, `host` are not kept here */
    tally_store_info info;
    tally_folder folder;
    bool read_only;
    tally_file lock_file;
    tally_file segment_lock; /* the first segment's, should LOCK be removed */
    bool has_readers_mutex;

    tally_shown *shown;    /* of the log, or of what is followed */
    struct tally_log *log; /* NULL in a read-only store */

    /* read-only */
    bool has_follow_mutex;
    bool has_followed;
    tally_shown followed;
    tally_follow *follow;
    tally_mutex follow_mutex; /* one thread at a time looks at the files */
    uint64_t followed_ns;     /* when somebody last did; guarded by it */

    /* Readers that are open, so that close can close them. The list is the readers' own business. */
    tally_mutex readers_mutex;
    struct tally_reader_body *readers;
    _Atomic(uint64_t) reader_count;

    tally_registry *registry; /* of the handlers of tally_store_on */
    struct tally_scratches *scratches;
    struct tally_gates *gates;
    struct tally_jobs *jobs; /* NULL in a read-only store */
    struct tally_delivery *delivery;
    struct tally_store_signing *signing;
    _Atomic(uint64_t) repeats; /* for statistics */
    _Atomic(uint64_t) conflicts;
    _Atomic(uint64_t) notified_events;
} tally_store_body;

/* The gate of every function of a store; leave it with tally_gate_leave. */
tally_status tally_store_enter(tally_call *call, tally_store *store, tally_store_body **body, tally_error *error);

/* The log as a caller may see it now. A view is held: release it. */
typedef struct tally_look {
    tally_view *view;
    uint64_t end;     /* events below it exist for the caller */
    uint64_t durable; /* <= end */
} tally_look;

/* In a read-only store this looks at the files first, if nobody did within the last millisecond.
 * TALLY_E_NO_MEMORY, E_IO. */
tally_status tally_store_view_now(tally_store_body *body, tally_look *look, tally_error *error);

/* A read-only store looks at the files, if nobody did within the last millisecond. */
tally_status tally_store_refresh(tally_store_body *body, tally_error *error);

/* By the readers (store/reader.c): closes all readers of a store; close calls it before it waits. Each
 * reader's handle answers TALLY_E_CLOSED from then on; returns when no call is inside one and all are freed,
 * or, on a thread inside a callback or that may not wait, leaves what is busy to the deferred close. */
void tally_readers_close(tally_store_body *body, bool may_wait);

#endif
