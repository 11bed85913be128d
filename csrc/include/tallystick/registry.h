/**
 * @file registry.h
 * @brief Registry: an ordered set of handlers, and notify, which calls all of them with one event.
 *
 *     tally_registry *registry = NULL;
 *     tally_handler_id id;
 *     tally_registry_open(NULL, &registry, NULL);
 *     tally_registry_register(registry, on_paid, ledger, NULL, &id, NULL);
 *
 *     tally_notice notice = {.data = &order, .length = sizeof order};
 *     tally_notified result;
 *     tally_registry_notify(registry, &notice, &result, NULL);     // nanoseconds
 *
 *     tally_registry_unregister_wait(registry, id, TALLY_WAIT_FOREVER, NULL, NULL);
 *     ledger_free(ledger);                                         // nobody is inside on_paid now
 *     tally_registry_close(&registry);
 *
 * Order. Handlers run inline on the thread that notifies, higher priority first, equal priority in
 * the order of registration. Many threads notify at once without waiting for each other; whoever
 * registers or unregisters works on a copy and never disturbs them.
 *
 * Snapshot. notify takes one snapshot of the list when it begins and runs it to its end. A handler
 * registered meanwhile waits for the next notify. One removed meanwhile is skipped unless it has
 * started. None runs twice.
 *
 * Isolation. A handler that fails stops neither its siblings nor the caller, stays registered, and
 * is reported exactly once, at once, to on_panic.
 *
 * Removal that is over. tally_registry_unregister returns at once and another thread may still be
 * inside the handler. tally_registry_unregister_wait returns when none is, so that `user_data` can
 * be freed. Or leave the freeing to a destructor: it runs when it is safe, without waiting.
 */
#ifndef TALLYSTICK_REGISTRY_H
#define TALLYSTICK_REGISTRY_H

#include "handler.h"
#include "platform.h"

/** A registry. One slot of type-stable memory: never freed memory, never a crash when stale. */
typedef struct tally_registry tally_registry;

/** Deepest nesting of notify on one thread, counted over all registries. */
#define TALLY_REGISTRY_DEPTH_MAX 64
/** A registry warns once, through its host's log, when it grows to this many handlers. */
#define TALLY_REGISTRY_LEAK_WARNING 1000
/** Most handlers of one registry. */
#define TALLY_REGISTRY_HANDLERS_MAX 16777215u
/** Longest chain of registries from a child to its oldest ancestor, both counted. */
#define TALLY_REGISTRY_ANCESTRY_MAX 16
/** A count that is not known because the registry was opened without TALLY_REGISTRY_COUNT. */
#define TALLY_COUNT_UNKNOWN UINT64_MAX

/** What happens to failures. */
#define TALLY_POLICY_ISOLATE 0u   /**< report to on_panic, go on (the default) */
#define TALLY_POLICY_RAISE 1u     /**< run all, then TALLY_E_HANDLER; not reported to on_panic */
#define TALLY_POLICY_FAIL_FAST 2u /**< stop at the first, TALLY_E_HANDLER; not reported to on_panic */

/** tally_registry_options.flags */
#define TALLY_REGISTRY_ALLOW_STOP 1u /**< TALLY_HANDLER_STOP stops; without it, it is a failure */
#define TALLY_REGISTRY_COUNT 2u      /**< count calls and latency of each handler */

/** What a log record is about. */
#define TALLY_LOG_FAILURE 1u      /**< a handler failed and no on_panic took it */
#define TALLY_LOG_LEAK 2u         /**< TALLY_REGISTRY_LEAK_WARNING handlers are registered */
#define TALLY_LOG_PANIC_FAILED 3u /**< on_panic itself failed */

/** One thing that a registry has to say when nobody asked. Borrowed for the call. */
typedef struct tally_log_record {
    uint32_t what; /**< one of TALLY_LOG_ */
    uint32_t reserved;
    uint64_t registry;            /**< the registry's number, as in ids */
    const char *message;          /**< NUL-terminated sentence */
    const tally_failure *failure; /**< for TALLY_LOG_FAILURE and TALLY_LOG_PANIC_FAILED, else NULL */
} tally_log_record;

/**
 * What the host of a registry, a binding or an application, lends it. All members may be NULL.
 * The struct is copied at open.
 */
typedef struct tally_registry_host {
    size_t size;
    void *user_data;
    /**
     * Gives up the host's interpreter lock before a run of handlers that may block, once per run;
     * the answer is handed to `enter`. Called only for notices whose `context` is not NULL: those
     * come from the host itself.
     */
    void *(*leave)(void *user_data);
    /** Takes the interpreter lock again after the run. */
    void (*enter)(void *user_data, void *token);
    /** Failures that no on_panic takes, and warnings. Under no lock, on the thread where it happens. */
    void (*log)(void *user_data, const tally_log_record *record);
} tally_registry_host;

typedef struct tally_registry_options {
    size_t size;
    uint32_t policy;                 /**< TALLY_POLICY_… */
    uint32_t flags;                  /**< TALLY_REGISTRY_… */
    uint32_t capacity;               /**< handlers to make room for; a hint that is kept */
    uint32_t reserved;               /**< 0 */
    const tally_platform *platform;  /**< NULL: tally_platform_default() */
    const tally_registry_host *host; /**< NULL: none; failures without on_panic are then only counted */
} tally_registry_options;

/** What one notify did. `fired` + `skipped` is the number of handlers in its snapshots. */
typedef struct tally_notified {
    uint32_t fired;   /**< handlers that ran, failed ones included */
    uint32_t failed;  /**< of those, how many failed */
    uint32_t skipped; /**< removed meanwhile, lost `once`, filtered out, gone, muted, or behind a stop */
    uint32_t flags;   /**< TALLY_NOTIFIED_… */
} tally_notified;

#define TALLY_NOTIFIED_STOPPED 1u /**< a handler, or fail-fast, stopped the rest */
#define TALLY_NOTIFIED_ORPHAN 2u  /**< a parent was closed: the notify ended at the child */
#define TALLY_NOTIFIED_RECLAIM 4u /**< a handler left the list: tally_registry_reclaim will find work */

/* -------------------------------------------------------------------------------- open and close */

/**
 * Opens an empty registry. Starts no thread and touches no file.
 *
 * @param options   NULL for defaults; copied
 * @param registry  receives the handle; close it with tally_registry_close
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_STRUCT_SIZE; TALLY_E_OPTION an unknown policy or flag;
 *         TALLY_E_RANGE capacity above TALLY_REGISTRY_HANDLERS_MAX; TALLY_E_NO_MEMORY
 */
TALLY_API tally_status tally_registry_open(const tally_registry_options *options, tally_registry **registry,
                                           tally_error *error);

/**
 * Opens a registry whose notifies go on to `parent`: first the child's snapshot, then the parent's as
 * it was when the child's notify began, and so on upwards. Results add up. A stop in the child stops
 * the parents too; each registry applies its own filters, policy and on_panic to its own handlers.
 *
 * A child keeps its parent's memory alive; closing the parent ends later notifies at the child
 * (TALLY_NOTIFIED_ORPHAN). Closing the child detaches it and does nothing else.
 *
 * @param options  as for open; `platform` and `host` NULL take the parent's
 * @return as tally_registry_open; TALLY_E_LIMIT the chain would exceed TALLY_REGISTRY_ANCESTRY_MAX;
 *         TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC  about `parent`
 */
TALLY_API tally_status tally_registry_child(tally_registry *parent, const tally_registry_options *options,
                                            tally_registry **child, tally_error *error);

/**
 * Closes a registry and sets the pointer to NULL. No handler starts after it; it returns when no
 * thread is inside a handler of this registry, all destructors have run and the memory is free.
 *
 * Accepts NULL and a pointer to NULL. May be called twice and from several threads; each call
 * returns after the real close. On a thread that is inside any handler it does not wait: the
 * registry is closed and empty at once, and memory and destructors follow on a later register,
 * unregister, close or tally_reclaim of any thread that is in no handler.
 *
 * @return TALLY_OK, also when it was closed before; TALLY_E_HANDLE, TALLY_E_TYPE  not a registry
 *         (the pointer stays as it was)
 */
TALLY_API tally_status tally_registry_close(tally_registry **registry);

/**
 * The same without waiting, wherever it is called: for interpreter exit and environment teardown,
 * where a stuck handler must not hang the process. What a stuck thread still holds is leaked.
 */
TALLY_API tally_status tally_registry_abandon(tally_registry **registry);

/** The registry's number, the first member of its handlers' ids; 0 when it is not an open registry. */
TALLY_API uint64_t tally_registry_number(const tally_registry *registry);

/* ------------------------------------------------------------------------ register and unregister */

/** tally_handler_options.flags */
#define TALLY_HANDLER_ONCE 1u      /**< exactly one of any concurrent or nested notifies runs it */
#define TALLY_HANDLER_MAY_BLOCK 2u /**< native: the host's interpreter lock is given up around it */

typedef struct tally_handler_options {
    size_t size;
    int32_t priority;            /**< higher runs first; the whole range is legal; default 0 */
    uint32_t flags;              /**< TALLY_HANDLER_ONCE, TALLY_HANDLER_MAY_BLOCK */
    const char *name;            /**< for reports; UTF-8 without control characters; copied; NULL: none */
    size_t name_length;          /**< at most TALLY_HANDLER_NAME_MAX */
    const uint32_t *kinds;       /**< run only for these kinds and patterns; copied; NULL: for all */
    size_t kind_count;           /**< at most 65 536; 0 with NULL */
    uint32_t max_failures;       /**< detach after that many failures in total; 0: never */
    uint32_t reserved;           /**< 0 */
    tally_destructor destructor; /**< of user_data; may be NULL */
} tally_handler_options;

/**
 * Adds a handler. The same function twice is two handlers. Costs a copy of the list.
 *
 * @param handler    what to call; see handler.h
 * @param user_data  its first argument; may be NULL. With a destructor in the options it is owned by
 *                   the registry from a successful return on; on failure it stays the caller's
 * @param options    NULL for defaults; copied
 * @param id         receives the id
 * @return TALLY_OK;
 *         TALLY_E_NULL         handler or id is NULL;
 *         TALLY_E_STRUCT_SIZE, TALLY_E_OPTION, TALLY_E_LENGTH, TALLY_E_UTF8, TALLY_E_NUL, TALLY_E_NAME  options;
 *         TALLY_E_NOT_FOUND    a kind that was never interned;
 *         TALLY_E_LIMIT        TALLY_REGISTRY_HANDLERS_MAX handlers;
 *         TALLY_E_NO_MEMORY    nothing was changed;
 *         TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC
 */
TALLY_API tally_status tally_registry_register(tally_registry *registry, tally_handler handler, void *user_data,
                                               const tally_handler_options *options, tally_handler_id *id,
                                               tally_error *error);

/**
 * Removes a handler. It does not start again, on any thread; one that is running goes on. When no
 * thread is inside notify, its destructor has run before this returns, else it runs in a later
 * register, unregister, close or tally_reclaim. A miss costs O(1) and copies nothing.
 *
 * @param removed  receives 1 for exactly one of any number of racing callers, else 0; may be NULL
 * @return TALLY_OK, also for a miss; TALLY_E_FOREIGN the id belongs to another registry;
 *         TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC
 */
TALLY_API tally_status tally_registry_unregister(tally_registry *registry, tally_handler_id id, int32_t *removed,
                                                 tally_error *error);

/**
 * Removes a handler and waits until no thread is inside it: quiescent removal. It waits for that one
 * handler only, holds no lock while it waits, and looks again at least once a millisecond. For an id
 * that is no longer registered (removed elsewhere, perhaps still running) it waits just the same
 * while the registry still knows it.
 *
 * A thread that is inside any handler of any registry never waits, since it could wait for itself:
 * the handler is removed and TALLY_E_WOULD_BLOCK returned; the destructor runs when it is safe.
 *
 * @param timeout_ms  TALLY_WAIT_FOREVER for no limit; 0 looks once
 * @param removed     as in tally_registry_unregister; set in all cases below but the last; may be NULL
 * @return TALLY_OK           removed, and nobody is inside;
 *         TALLY_E_TIMEOUT    removed, and somebody still was when the time had passed;
 *         TALLY_E_WOULD_BLOCK removed, and this thread may not wait;
 *         TALLY_E_UNSUPPORTED removed, and the system refuses the barrier that waiting needs;
 *         otherwise as tally_registry_unregister, and nothing was removed
 */
TALLY_API tally_status tally_registry_unregister_wait(tally_registry *registry, tally_handler_id id,
                                                      uint32_t timeout_ms, int32_t *removed, tally_error *error);

/** tally_edit.operation */
#define TALLY_EDIT_REGISTER 1u
#define TALLY_EDIT_UNREGISTER 2u

/** One of many changes that become visible together. */
typedef struct tally_edit {
    uint32_t operation;                   /**< TALLY_EDIT_… */
    tally_status status;                  /**< out: why this item was refused, or TALLY_OK */
    tally_handler handler;                /**< REGISTER */
    void *user_data;                      /**< REGISTER */
    const tally_handler_options *options; /**< REGISTER; NULL for defaults */
    tally_handler_id id;                  /**< REGISTER: out. UNREGISTER: in */
    int32_t removed;                      /**< UNREGISTER: out */
    int32_t reserved;                     /**< 0 */
} tally_edit;

/**
 * Makes many changes and publishes them as one snapshot: all or nothing. Building N handlers this
 * way costs O(N log N) instead of O(N²). Each refused item says why in its own `status`; when any is
 * refused nothing changes, and the first one's index is in error->position.
 *
 * @param edits  processed in order; an UNREGISTER may not name a REGISTER of the same call
 * @param count  at most 1 048 576; 0 does nothing
 * @return TALLY_OK; otherwise the status of the first refused item, or as tally_registry_register
 */
TALLY_API tally_status tally_registry_edit(tally_registry *registry, tally_edit *edits, size_t count,
                                           tally_error *error);

/** Removes all handlers. Ids are not reused. @param removed receives how many; may be NULL */
TALLY_API tally_status tally_registry_clear(tally_registry *registry, uint64_t *removed, tally_error *error);

/**
 * The id of a handler by its function and user_data, when it is registered exactly once. O(N).
 * @return TALLY_OK; TALLY_E_NOT_FOUND; TALLY_E_EXISTS it is registered more than once; …
 */
TALLY_API tally_status tally_registry_find(tally_registry *registry, tally_handler handler, const void *user_data,
                                           tally_handler_id *id, tally_error *error);

/* ------------------------------------------------------------------------------------------ notify */

/**
 * Calls every handler with `notice`, in priority order, on this thread.
 *
 * Takes one snapshot: handlers registered during the call wait for the next one, handlers removed
 * during it are skipped unless they already run. A handler that fails is treated by the registry's
 * policy. No lock is taken and nothing is allocated or freed while nothing fails, after a thread's
 * first notify. notify never fails for want of memory.
 *
 * Any thread; may be called from inside a handler, up to TALLY_REGISTRY_DEPTH_MAX deep.
 *
 * @param notice  borrowed for the call
 * @param out     receives what was done; may be NULL. Filled in also for TALLY_E_HANDLER and
 *                TALLY_E_ABORTED
 * @param error   may be NULL; on success only its `status` is written
 * @return TALLY_OK         also when handlers failed under TALLY_POLICY_ISOLATE (see out->failed);
 *         TALLY_E_HANDLER  policy raise or fail-fast, and a handler failed; the first failure's
 *                          message is in `error`, its code in error->os_error;
 *         TALLY_E_ABORTED  a handler returned TALLY_HANDLER_ABORT;
 *         TALLY_E_DEPTH    nested deeper than the limit;
 *         TALLY_E_NULL, TALLY_E_ARGUMENT, TALLY_E_LENGTH  notice is NULL, has data NULL with a length, an
 *                          unknown flag, a pattern as its kind, or a length above PTRDIFF_MAX;
 *         TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC
 */
TALLY_API tally_status tally_registry_notify(tally_registry *registry, const tally_notice *notice, tally_notified *out,
                                             tally_error *error);

/** Sees what each handler answered. */
typedef struct tally_observer {
    size_t size;
    void *user_data;
    /**
     * Called after each handler that ran, on the same thread, under no lock.
     * `failure` is NULL when it did not fail. Also under TALLY_POLICY_RAISE and FAIL_FAST, where it is
     * the only way to see every failure.
     */
    void (*outcome)(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure);
} tally_observer;

/**
 * tally_registry_notify with an observer; slower by one call per handler. TALLY_E_NULL without one.
 * `out` may be NULL.
 */
TALLY_API tally_status tally_registry_notify_observed(tally_registry *registry, const tally_notice *notice,
                                                      const tally_observer *observer, tally_notified *out,
                                                      tally_error *error);

/**
 * A part of a registry's list, for a host that keeps handlers of its own between those of the core and
 * calls the ones here in runs.
 */
typedef struct tally_part {
    size_t size;
    const uint64_t *order; /**< `id.handler` of every handler that the host knows, in the order of notify */
    size_t order_count;
    size_t first; /**< run those from this index of `order` on ... */
    size_t count; /**< ... and so many; not beyond order_count */
} tally_part;

/**
 * Calls the handlers of one part, in one go: tally_registry_notify for a host that does the rest.
 *
 * The present snapshot is used; what is in it but not in `order` was registered after the host looked and
 * is passed over, what is in `order` but gone is skipped. Filters, `once`, policy and on_panic hold. The
 * ancestors of the registry are the host's business.
 *
 * @param part      borrowed for the call
 * @param observer  sees the answers; may be NULL
 * @param out       `fired` + `skipped` is part->count; may be NULL
 * @return as tally_registry_notify; TALLY_E_RANGE a part beyond the order; TALLY_E_STRUCT_SIZE
 */
TALLY_API tally_status tally_registry_notify_part(tally_registry *registry, const tally_notice *notice,
                                                  const tally_part *part, const tally_observer *observer,
                                                  tally_notified *out, tally_error *error);

/**
 * How deep this thread is inside handlers: 0 outside, 1 inside a handler, 2 inside a handler that was
 * called by a handler's notify. Tells a binding whether waiting is allowed.
 */
TALLY_API uint32_t tally_registry_depth(void);

/* ---------------------------------------------------------------------------------------- failures */

/**
 * Receives failures, on the thread where they happen, before the next handler runs, under no lock.
 * It may do what a handler may do; failures of the same registry on the same thread while it runs go
 * to the host's log, not to it. What it returns, when not 0, is its own failure: swallowed, counted
 * in `panics_failed` and logged.
 */
typedef int32_t (*tally_panic_handler)(void *user_data, const tally_failure *failure);

/**
 * Installs or replaces the one callback that failures go to. It is looked up at each failure, so a
 * change inside a notify holds for the next failure of the same notify.
 *
 * @param on_panic    NULL takes the present one away: failures then go to the host's log
 * @param user_data   its first argument
 * @param destructor  of user_data; runs once, when it is replaced and no thread is inside; may be NULL
 * @return TALLY_OK; TALLY_E_NO_MEMORY (user_data stays the caller's); TALLY_E_ARGUMENT user_data or a
 *         destructor without on_panic; TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC
 */
TALLY_API tally_status tally_registry_on_panic(tally_registry *registry, tally_panic_handler on_panic, void *user_data,
                                               tally_destructor destructor, tally_error *error);

/**
 * Reports a failure that came when its handler had returned long since: of a task that it started, of
 * work that it gave to another thread. Counts at the handler (failed, last message, max_failures) and
 * goes to on_panic or the host's log at once, under every policy; what notify returned stays as it was.
 * A handler that was removed meanwhile is reported too, without its name.
 *
 * Any thread, inside handlers or not.
 *
 * @param notice   the event that it failed on; borrowed
 * @param code     as a handler returns it; one that means something else there becomes -1
 * @param message  as in tally_handler_fail, and so is `payload`; TALLY_E_NULL, TALLY_E_LENGTH
 * @return TALLY_OK; TALLY_E_FOREIGN; TALLY_E_NO_MEMORY; TALLY_E_NULL, TALLY_E_ARGUMENT, TALLY_E_LENGTH  notice;
 *         TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED, TALLY_E_PANIC: it was reported to nobody
 */
TALLY_API tally_status tally_registry_report(tally_registry *registry, tally_handler_id id, const tally_notice *notice,
                                             int32_t code, const char *message, size_t length, void *payload,
                                             tally_error *error);

/**
 * While a registry is muted its own handlers are skipped and counted so; parents still run. Counted:
 * as many unmutes as mutes.
 * @return TALLY_OK; TALLY_E_RANGE unmute without mute; TALLY_E_NO_MEMORY; TALLY_E_HANDLE, …
 */
TALLY_API tally_status tally_registry_mute(tally_registry *registry, tally_error *error);
/** Takes one mute back; see tally_registry_mute. */
TALLY_API tally_status tally_registry_unmute(tally_registry *registry, tally_error *error);

/* ------------------------------------------------------------------------------------------ looking */

/** How many handlers are registered. May be old news when it returns. */
TALLY_API tally_status tally_registry_count(tally_registry *registry, uint64_t *count, tally_error *error);

/** Whether no handler is registered: one word is read. */
TALLY_API tally_status tally_registry_is_empty(tally_registry *registry, int32_t *is_empty, tally_error *error);

/** Whether an id is registered, in O(1). False from the moment a `once` handler is claimed. */
TALLY_API tally_status tally_registry_contains(tally_registry *registry, tally_handler_id id, int32_t *contains,
                                               tally_error *error);

/** One row of tally_registry_handlers; self-contained. */
typedef struct tally_handler_info {
    tally_handler_id id;
    int32_t priority;
    uint32_t flags;            /**< as registered */
    uint64_t failed;           /**< exact, always */
    uint64_t fired;            /**< TALLY_COUNT_UNKNOWN without TALLY_REGISTRY_COUNT */
    uint64_t latency_total_ns; /**< over all calls; TALLY_COUNT_UNKNOWN without TALLY_REGISTRY_COUNT */
    uint64_t latency_max_ns;   /**< of the slowest; TALLY_COUNT_UNKNOWN without TALLY_REGISTRY_COUNT */
    void *user_data;
    int32_t last_code; /**< of the last failure; 0 when there was none */
    uint32_t name_length;
    uint32_t last_message_length;
    uint32_t reserved;
    char name[TALLY_HANDLER_NAME_MAX + 1];
    char last_message[TALLY_HANDLER_MESSAGE_MAX + 1];
} tally_handler_info;

/**
 * Lists the handlers in the order in which notify calls them.
 *
 * @param items     receives rows; NULL with capacity 0 asks for the number
 * @param capacity  how many rows fit
 * @param count     receives how many there are, also with TALLY_E_SPACE
 * @return TALLY_OK; TALLY_E_SPACE too few rows, none was written; TALLY_E_NULL; TALLY_E_HANDLE, …
 */
TALLY_API tally_status tally_registry_handlers(tally_registry *registry, tally_handler_info *items, size_t capacity,
                                               size_t *count, tally_error *error);

/** Numbers about a whole registry. */
typedef struct tally_registry_statistics {
    size_t size;               /**< in: sizeof(tally_registry_statistics) */
    uint64_t handlers;         /**< registered now */
    uint64_t unreported;       /**< failures that neither an on_panic nor a log received */
    uint64_t panics_failed;    /**< failures of on_panic itself */
    uint64_t memory_bytes;     /**< held now, retired snapshots included */
    uint64_t retired_bytes;    /**< of those, in snapshots that a thread may still run */
    uint64_t retired_handlers; /**< removed handlers whose destructor has not run yet */
    uint64_t mutes;            /**< nesting of mute */
} tally_registry_statistics;

/** @param statistics `size` is in; the rest is out */
TALLY_API tally_status tally_registry_statistics_get(tally_registry *registry, tally_registry_statistics *statistics,
                                                     tally_error *error);

/**
 * Has `*word` raised by one at every change of the list of handlers, so that a host that keeps a copy of
 * the list sees with one plain load whether it is old. The word is written under the registry's lock, by
 * whatever thread makes the change, until tally_registry_unwatch or a close of the registry returns.
 *
 * @param word  aligned to 4 bytes; not read, only raised; may wrap
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_ALIGNMENT; TALLY_E_ARGUMENT the registry was opened without a host;
 *         TALLY_E_NO_MEMORY; TALLY_E_HANDLE, TALLY_E_CLOSED, ...
 */
TALLY_API tally_status tally_registry_watch(tally_registry *registry, uint32_t *word, tally_error *error);

/**
 * Ends it: when this returns, nobody writes to the word any more.
 * @return TALLY_OK, also when the word was not watched; TALLY_E_HANDLE, TALLY_E_TYPE, TALLY_E_CLOSED
 */
TALLY_API tally_status tally_registry_unwatch(tally_registry *registry, const uint32_t *word, tally_error *error);

/* ------------------------------------------------------------------------------------------ reclaim */

/**
 * Frees what this registry has retired and nobody uses any more, and takes claimed `once` handlers
 * off the list. Never needed for correctness: every register and unregister does the same.
 *
 * @param pending  receives how many destructors still wait for a thread to leave; may be NULL
 * @return TALLY_OK; TALLY_E_WOULD_BLOCK on a thread that is inside a handler (nothing was done);
 *         TALLY_E_UNSUPPORTED the system refuses the barrier; TALLY_E_HANDLE, …
 */
TALLY_API tally_status tally_registry_reclaim(tally_registry *registry, uint64_t *pending, tally_error *error);

/**
 * The same for all registries of the process, and for those that were closed inside a handler.
 * @param pending may be NULL
 */
TALLY_API tally_status tally_reclaim(uint64_t *pending, tally_error *error);

/* ------------------------------------------------------------------------------------------- guards */

/**
 * Ties a registration to a scope. A plain value, no handle: copy it if you must, but close one copy.
 */
typedef struct tally_guard {
    tally_registry *registry;
    tally_handler_id id;
} tally_guard;

/**
 * Unregisters the guard's handler and zeroes the guard. Harmless after the registry is closed, after
 * the handler was removed, on a zeroed guard, and when called twice. Never calls the handler. To keep
 * the handler instead ("forget"), zero the guard yourself.
 *
 * @return TALLY_OK; TALLY_E_NULL
 */
TALLY_API tally_status tally_guard_close(tally_guard *guard);

#endif
