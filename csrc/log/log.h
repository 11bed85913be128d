/* The writing half of a log: one object per store that may write.
 *
 * A commit is prepared on its caller's thread (store/prepare) and staged here, under one mutex: its place,
 * its time, its links, its frames. Then whoever waits for it writes and syncs, for all that wait:
 *
 *     staged ──write leader──▶ written ──sync leader──▶ durable
 *
 * A leader is a thread that set `writing` (or `syncing`) and works outside of the mutex; the others wait for
 * `changed`. There is no queue of requests: what a leader finds when it begins is what it serves.
 *
 * A failed write or sync ends the log: `failure` is set, nothing more is staged or acknowledged.
 *
 * Rotation waits until all that is staged is written, so that the tail belongs to one segment. */
#ifndef TALLY_LOG_LOG_H
#define TALLY_LOG_LOG_H

#include "base/clock.h"
#include "handle/thread.h"
#include "log/buffer.h"
#include "log/commit.h"
#include "log/head.h"
#include "log/heads.h"
#include "log/recover.h"
#include "log/shown.h"

/* Unsealed segments, the active one included, before appending waits for sealing. */
#define TALLY_UNSEALED_MAX 8u

/* A segment without its indexes. All but the last one of the list are complete. */
typedef struct tally_unsealed {
    tally_segment *segment;
    uint64_t end_position; /* behind its last event; of the last one: not kept */
    uint64_t written_end;  /* file offset of what is written */
    uint64_t synced_end;   /* … and on the device */
} tally_unsealed;

struct tally_sealing; /* log/seal.h */
struct tally_merging; /* log/run.h */

/* An append that waits for its level; on the stack of its thread. */
typedef struct tally_in_flight {
    struct tally_in_flight *before;
    struct tally_in_flight *after;
    uint64_t position; /* of its first event */
} tally_in_flight;

typedef struct tally_log_settings {
    uint64_t segment_bytes;
    uint64_t queue_bytes;
    uint64_t sync_events;
    uint64_t sync_bytes;
    uint64_t sync_interval_ns;
    uint32_t check;
    uint32_t map;
    uint32_t digest;
    bool threaded;
} tally_log_settings;

/* Counts since the open; written under the mutex. */
typedef struct tally_log_counts {
    uint64_t commits;
    uint64_t events;
    uint64_t data_bytes;
    uint64_t writes;
    uint64_t written_bytes;
    uint64_t syncs;
    uint64_t sync_ns_total;
    uint64_t sync_ns_max;
    uint64_t seals;
    uint64_t seal_ns_total;
} tally_log_counts;

typedef struct tally_log {
    const tally_platform *platform;
    const tally_folder *folder;
    tally_log_settings settings;
    uint8_t lineage[16];
    char name[TALLY_STORE_NAME_MAX + 1];
    uint64_t writer_epoch;

    tally_mutex mutex;           /* guards everything below but `shown` */
    tally_condition changed;     /* written, durable, failure, room, closing */
    uint32_t waiters;            /* threads that wait for it */
    uint32_t watchers;           /* what the background waits for on behalf of others */
    tally_condition work;        /* for the background thread */
    tally_error failure;         /* TALLY_OK in it: none */
    uint32_t seed;               /* of the active segment's checksums … */
    _Atomic(uint32_t) seed_hint; /* … and for who has no lock, and may be late */
    /* what goes on */
    bool closing;            /* no call waits any more */
    _Atomic(bool) held_long; /* somebody does more than copying under the mutex: who may not wait stays out */
    bool active;             /* segments: the last unsealed one takes commits */
    bool directory_dirty;    /* a name is not on the device yet */
    bool ends_clean;         /* the last mark in the file is one of a clean close */
    bool writing;            /* somebody leads to written */
    bool syncing;            /* somebody leads to durability … */
    bool collecting;         /* … and is still writing: who comes now may be served */
    bool is_elected;         /* somebody waits to lead next */
    bool head_busy;          /* somebody writes HEAD */
    bool thread_runs;        /* background: it was started */
    bool stopping;           /* it is to come to its end */
    bool work_wanted;        /* it is to look again before it rests */
    bool worker_waits;       /* it rests … */
    bool worker_idle;        /* … until somebody asks */
    bool merge_wanted;       /* a segment was sealed, or a merge done, since nothing was left to merge */
    bool sealing;            /* somebody seals or merges a piece */
    bool watch_durable;      /* `serve` is to be called soon after more has become durable */

    /* what the next commit gets */
    tally_clock clock;
    uint64_t next_position;
    uint64_t next_commit;
    uint8_t last_hash[TALLY_DIGEST_BYTES]; /* event hash of next_position - 1 */
    tally_heads heads;
    tally_recent recent;

    /* segments */
    tally_unsealed *unsealed; /* ascending; the active segment is the last one; may be empty */
    size_t unsealed_count;
    size_t unsealed_capacity;
    uint64_t next_number; /* of the next segment */
    uint64_t staged_end;  /* file offset in the active one, behind what is staged */
    uint64_t allocated;   /* its size with reserved space */
    uint64_t log_bytes;   /* of headers, frames and marks, in all segments */

    /* writing and syncing */
    tally_tail tail;
    uint64_t sync_turn;        /* of the leader */
    uint64_t sync_target;      /* up to where he serves */
    tally_condition served[2]; /* by the leader of an even or odd turn */
    uint32_t to_serve[2];      /* how many wait for it */
    tally_condition elected;   /* the one who leads next */
    uint64_t written;          /* positions */
    uint64_t durable;
    uint64_t unwritten_bytes;
    uint64_t dirty_ns;       /* when the oldest event that is not durable was staged; 0: all are */
    tally_in_flight *oldest; /* appends that wait, in the order of positions */
    tally_in_flight *newest;
    tally_log_counts counts;

    tally_file head_file; /* HEAD */
    tally_head head;
    uint64_t head_ns; /* when it was written last */

    /* background (worker.c) */
    tally_thread_id thread;
    const tally_thread *worker; /* its record; NULL: it has none */
    uint64_t round_write_ns;    /* when the background wrote last */
    uint64_t retry_seal_ns;
    struct tally_sealing *seal;  /* of the first segment, as far as it has come; NULL: not begun … */
    struct tally_merging *merge; /* … of indexes. Both belong to who set `sealing` */
    uint64_t seal_ns;            /* that the seal has taken */
    /* The owner's part of the background's work, under no lock: more to do is true. May be NULL. */
    bool (*serve)(void *owner);
    void *owner;
    uint64_t durable_seen;  /* as of before it was served last */
    uint64_t serve_rest_ns; /* it need not be served again for so long; the background's own */

    tally_shown shown;
} tally_log;

/* ------------------------------------------------------------------------------------ log/log.c */

/* Takes what recovery found (its view is held anew). Creates the first segment of a new store, opens HEAD; starts
 * no thread. `folder` outlives it. */
tally_status tally_log_open(tally_log *log, const tally_folder *folder, const tally_log_settings *settings,
                            const tally_found *found, tally_error *error);
/* Frees; nobody is inside any more, the thread has stopped. */
void tally_log_destroy(tally_log *log);

static inline void tally_log_lock(tally_log *log) { log->platform->mutex_lock(log->platform->context, &log->mutex); }
static inline void tally_log_unlock(tally_log *log)
{
    log->platform->mutex_unlock(log->platform->context, &log->mutex);
}

/* The functions below are called with the mutex held. Those marked "lets go" release it in between. */

/* TALLY_OK, or E_POISONED with the first failure's reason. */
tally_status tally_log_check(const tally_log *log, tally_error *error);
/* Notes the first failure: nothing more is acknowledged. */
void tally_log_poison(tally_log *log, const tally_error *cause);
/* Wakes who waits for `changed`. */
void tally_log_changed(tally_log *log);
/* Waits for `changed`; lets go. TALLY_E_TIMEOUT. */
tally_status tally_log_wait(tally_log *log, uint64_t deadline_ns);
static inline tally_unsealed *tally_log_active(tally_log *log) { return &log->unsealed[log->unsealed_count - 1]; }

/* ---------------------------------------------------------------------------------- log/commit.c */

/* Stages a commit: all or nothing. Lets go. See commit.h. */
tally_status tally_log_stage(tally_log *log, tally_commit *commit, tally_error *error);
/* A mark of its own. TALLY_E_NO_MEMORY. */
tally_status tally_log_stage_mark(tally_log *log, uint8_t flags, tally_error *error);

/* ------------------------------------------------------------------------------------ log/flow.c */

/* tally_log_reach for a commit that begins at `first` and ends before `end`: its events do not count as settled
 * before. */
tally_status tally_log_settle(tally_log *log, uint32_t level, uint64_t first, uint64_t end, tally_error *error);
/* All events before this have reached the level that their append waits for. */
uint64_t tally_log_settled(const tally_log *log);
/* Makes what is staged visible to this process. */
void tally_log_show_staged(tally_log *log);
/* Writes what is staged until `position` is written. Nobody else is writing. Lets go. */
tally_status tally_log_lead_write(tally_log *log, uint64_t position, tally_error *error);
/* Tells other processes how far the log is; with `always` also when it did so within the last millisecond.
 * Lets go. Failures are nobody's business: HEAD is a hint. */
void tally_log_tell(tally_log *log, bool always);

/* Publishes the watermarks, `buffered` if it is more than before. */
void tally_log_publish(tally_log *log, uint64_t buffered);
/* What a call says that waited while the failure happened: its events may be in the log, or not. */
tally_status tally_log_failed_meanwhile(const tally_log *log, tally_error *error);

/* ------------------------------------------------------------------------------------ log/sync.c */

/* Returns when events below `position` have reached `level`, having written and synced for all if nobody else
 * did. Lets go. The status of the failure when it happened while this waited: TALLY_E_IO. */
tally_status tally_log_reach(tally_log *log, uint32_t level, uint64_t position, tally_error *error);
/* Writes what is staged up to `position` and syncs what is written. Nobody else is syncing. Lets go. */
tally_status tally_log_lead_sync(tally_log *log, uint64_t position, tally_error *error);
/* Wakes everybody. */
void tally_log_wake_all(tally_log *log);

/* ---------------------------------------------------------------------------------- log/rotate.c */

/* Makes room for `length` bytes in the active segment: goes to a new one when they do not fit. Lets go: true in
 * `*moved` says that it did, and everything must be looked at again. TALLY_E_NO_SPACE, E_NO_MEMORY, …: everything
 * is as before; TALLY_E_BUSY without `may_wait`, when somebody else has to come to an end first. */
tally_status tally_log_make_room(tally_log *log, uint64_t length, bool may_wait, bool *moved, tally_error *error);

/* ---------------------------------------------------------------------------------- log/worker.c */

tally_status tally_log_start(tally_log *log, tally_error *error);
/* Stops the thread after it has done what was asked of it. Not holding the mutex. */
void tally_log_stop(tally_log *log);
/* One round of background work: writes, syncs what is due, seals or merges a piece of about a millisecond. Lets go;
 * `*more`: there is more to do at once. */
tally_status tally_log_work(tally_log *log, bool *more, tally_error *error);
/* Asks the background for a round. */
void tally_log_want_work(tally_log *log);

/* ----------------------------------------------------------------------------------- log/close.c */

/* Writes, syncs, and marks a clean close. Not holding the mutex; nobody else is inside. */
tally_status tally_log_finish(tally_log *log, tally_error *error);

#endif
