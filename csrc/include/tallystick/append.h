/**
 * @file append.h
 * @brief Appending: alone, in batches, under conditions, once only, through gates, and without waiting.
 *
 * A commit is what one call appends: it becomes visible together, and no crash splits it. Calls of many
 * threads are combined: one write and one sync serve all that wait, without a delay window and without an
 * option to set. Checking and hashing happen on the caller's thread, outside of every lock.
 *
 *     tally_receipt receipt;
 *     tally_expectation first = {.expect = TALLY_EXPECT_NO_STREAM};
 *     tally_append_options options = {.size = sizeof options, .expectations = &first, .expectation_count = 1};
 *     status = tally_store_append(store, &draft, &options, &receipt, &error);
 *     if (status == TALLY_E_CONFLICT) …   // error.position is the stream's actual next version
 */
#ifndef TALLYSTICK_APPEND_H
#define TALLYSTICK_APPEND_H

#include "store.h"

/** The key was used before for an equal event: this is the first receipt, nothing was appended. */
#define TALLY_RECEIPT_REPEATED 1u

/** What an append returns: enough to find the event again. */
typedef struct tally_receipt {
    uint64_t position;
    uint64_t version;
    int64_t time_us;
    uint32_t time_logical;
    uint32_t durability; /**< the level that was reached when the call returned */
    uint32_t flags;      /**< TALLY_RECEIPT_… */
    uint32_t reserved;
    tally_uuid id;
    tally_hash event_hash; /**< tally_event_hash of the event */
} tally_receipt;

/* ------------------------------------------------------------------------------------- conditions */

#define TALLY_EXPECT_ANY 0u       /**< nothing is expected */
#define TALLY_EXPECT_NO_STREAM 1u /**< the stream has no event yet */
#define TALLY_EXPECT_EXISTS 2u    /**< the stream has at least one */
#define TALLY_EXPECT_VERSION 3u   /**< its last event has exactly `version` */

/** What a stream must be like when the commit happens, before its own events. */
typedef struct tally_expectation {
    tally_text stream; /**< empty: the stream of the first draft */
    uint32_t expect;   /**< TALLY_EXPECT_… */
    uint32_t reserved;
    uint64_t version; /**< with TALLY_EXPECT_VERSION */
} tally_expectation;

/**
 * An event at `from_position` or later that has any of the types and all of the tags is a conflict. No
 * types: any type. No tags: any tags; not both. A caller that has read up to position n decides, and
 * appends with from_position n + 1: then nobody has changed what the decision was based on.
 */
typedef struct tally_append_condition {
    const tally_text *types; /**< exact, or a pattern "order.*" */
    size_t type_count;
    const tally_text *tags;
    size_t tag_count;
    uint64_t from_position;
} tally_append_condition;

/** Most expectations, and most conditions, of one append. */
#define TALLY_CONDITIONS_MAX 128u

/** Do not wait for anybody: TALLY_E_BUSY when the queue is full or a lock is held. Only with TALLY_BUFFERED. */
#define TALLY_APPEND_TRY 1u

typedef struct tally_append_options {
    size_t size;
    uint32_t durability; /**< TALLY_BUFFERED, TALLY_WRITTEN, TALLY_DURABLE; 0: durable */
    uint32_t flags;      /**< TALLY_APPEND_… */
    const tally_expectation *expectations;
    size_t expectation_count;
    const tally_append_condition *conditions; /**< any match of any of them is a conflict */
    size_t condition_count;
} tally_append_options;

/* ----------------------------------------------------------------------------------------- append */

/**
 * Appends one event and returns when it has reached the level asked for.
 *
 * With an idempotency key that was used within the window: when stream, type, schema, content type, tags,
 * subject, data, and ids where given, are equal to the first event's, the first receipt comes back with
 * TALLY_RECEIPT_REPEATED (after waiting for the level); otherwise TALLY_E_REUSED.
 *
 * @param options  NULL for defaults
 * @param receipt  may be NULL
 * @return TALLY_OK;
 *         TALLY_E_NULL, TALLY_E_LENGTH, TALLY_E_UTF8, TALLY_E_NUL, TALLY_E_NAME, TALLY_E_RANGE, TALLY_E_LIMIT,
 *         TALLY_E_OPTION, TALLY_E_STRUCT_SIZE
 *                              an argument; error->position is the byte, or the draft's index in a batch;
 *         TALLY_E_CONFLICT     an expectation fails: error->position is the stream's next version (0: no
 *                              stream); or a condition does: error->position is that event's position;
 *         TALLY_E_EXISTS       the id exists, at error->position;
 *         TALLY_E_REUSED       the key was used for another event, at error->position;
 *         TALLY_E_REFUSED      by a gate: error->os_error is its code, error->message its message;
 *         TALLY_E_BUSY         with TALLY_APPEND_TRY;
 *         TALLY_E_NO_SPACE     no room for a new segment; nothing was appended, it can be tried again;
 *         TALLY_E_NOT_FOUND    a new segment is due, and the store's directory was moved, removed or replaced;
 *                              nothing was appended;
 *         TALLY_E_ARGUMENT     drafts of a batch that exclude each other: an id or a key that is there twice, keys
 *                              in some of them; a condition without types and tags;
 *         TALLY_E_READ_ONLY;   TALLY_E_POISONED; TALLY_E_NO_MEMORY; TALLY_E_CLOCK;
 *         TALLY_E_WOULD_BLOCK  TALLY_DURABLE inside a handler of the store;
 *         TALLY_E_UNSUPPORTED  a subject, in a store without a keyring;
 *         TALLY_E_IO           the write or sync failed: whether the event is in the log is not known
 *                              until the store is opened again (find it by its id). The handle is finished
 */
TALLY_API tally_status tally_store_append(tally_store *store, const tally_draft *draft,
                                          const tally_append_options *options, tally_receipt *receipt,
                                          tally_error *error);

/**
 * Appends `count` events as one commit: all or nothing for readers, crashes and recovery. Later drafts may
 * name earlier ones as their cause. Idempotency keys: all drafts have one or none has; all are repeats in
 * the same order (the first receipts come back), or none is, else TALLY_E_REUSED.
 *
 * @param drafts    each with its own `size`
 * @param count     1 to TALLY_BATCH_MAX; their data together at most TALLY_BATCH_BYTES_MAX
 * @param receipts  receives `count` receipts; may be NULL
 * @return as tally_store_append; error->message names the draft by its index
 */
TALLY_API tally_status tally_store_append_many(tally_store *store, const tally_draft *drafts, size_t count,
                                               const tally_append_options *options, tally_receipt *receipts,
                                               tally_error *error);

/* ------------------------------------------------------------------------------------------ gates */

/** How a gate refuses. `message` is NUL-terminated UTF-8, cut to fit. */
typedef struct tally_refusal {
    int32_t code; /**< the gate's own; anything */
    char message[252];
} tally_refusal;

/**
 * Looks at a batch before it is committed. Runs on the caller's thread under no lock; sees the drafts as
 * they were given, no position and no version. May read the store; may not append to it or close it
 * (TALLY_E_WOULD_BLOCK).
 *
 * @param refusal  zero-filled; to be filled in when it refuses
 * @return 0 to let the batch pass, anything else to refuse it
 */
typedef int32_t (*tally_gate)(void *user_data, const tally_draft *drafts, size_t count, tally_refusal *refusal);

typedef struct tally_gate_options {
    size_t size;
    tally_text name; /**< for messages and records, 1 to 127 bytes; empty: "gate" */
    uint32_t record; /**< 1: a refusal is recorded as an event of stream "$gates" that holds gate, code,
                             stream and type of the first draft, and never data */
    uint32_t reserved;
    tally_destructor destructor; /**< of user_data; runs once, when no call is inside; may be NULL */
} tally_gate_options;

/** Most gates of one store. */
#define TALLY_GATES_MAX 64u

/**
 * Adds a gate; gates run in the order in which they were added, and the first refusal ends it.
 *
 * @param number  receives its number, never 0
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_LIMIT; TALLY_E_READ_ONLY; TALLY_E_NO_MEMORY; TALLY_E_NAME and the like
 */
TALLY_API tally_status tally_store_gate_add(tally_store *store, tally_gate gate, void *user_data,
                                            const tally_gate_options *options, uint64_t *number, tally_error *error);

/**
 * Removes a gate and returns when no other thread is inside it. @return TALLY_OK; TALLY_E_NOT_FOUND;
 * TALLY_E_WOULD_BLOCK inside a gate
 */
TALLY_API tally_status tally_store_gate_remove(tally_store *store, uint64_t number, tally_error *error);

/* --------------------------------------------------------------------------------- without waiting */

/**
 * Where asynchronous appends report: for event loops. The store's thread commits them in the order in
 * which they were given, many at once, and puts what became of them here; `wake` is called once when the
 * queue was empty, and the loop then takes everything.
 */
typedef struct tally_completions tally_completions;

/** What became of one asynchronous call. */
typedef struct tally_completion {
    uint64_t token; /**< as given */
    tally_status status;
    uint32_t count;        /**< of receipts */
    tally_receipt receipt; /**< the first one, when status is TALLY_OK */
    tally_error error;
} tally_completion;

typedef struct tally_completions_options {
    size_t size;
    /** Called on the store's thread, under no lock, when the queue turned from empty to not empty. Must
     * not block and must not call this library. May be NULL: then somebody polls. */
    void (*wake)(void *user_data);
    void *user_data;
    const tally_platform *platform; /**< NULL: the default */
} tally_completions_options;

/** @return TALLY_OK; TALLY_E_NULL; TALLY_E_STRUCT_SIZE; TALLY_E_NO_MEMORY */
TALLY_API tally_status tally_completions_open(const tally_completions_options *options, tally_completions **completions,
                                              tally_error *error);

/**
 * Takes what has completed, oldest first.
 *
 * @param items  receives up to `capacity` completions
 * @param count  receives how many; 0: none now, and `wake` will be called for the next
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_RANGE capacity 0; TALLY_E_CLOSED
 */
TALLY_API tally_status tally_completions_take(tally_completions *completions, tally_completion *items, size_t capacity,
                                              size_t *count, tally_error *error);

/** Drops what was not taken; calls under way complete into nothing, `wake` is not called any more. */
TALLY_API tally_status tally_completions_close(tally_completions **completions);

/**
 * Appends without ever waiting: checks, copies and hashes here, and leaves the commit to the store's
 * thread. A call that was accepted is committed or not whatever the caller does; an answer that was lost
 * is found again by the id. A gate runs here, on the caller's thread.
 *
 * @param token     comes back with the completion
 * @param receipts  receives `count` receipts before the completion is put; must live until then. May be NULL
 * @return TALLY_OK accepted; TALLY_E_BUSY the queue is full (queue_bytes): nothing was accepted;
 *         TALLY_E_UNSUPPORTED in a store with TALLY_STORE_NO_THREAD; argument errors and gate refusals as
 *         tally_store_append_many. All other outcomes come with the completion
 */
TALLY_API tally_status tally_store_append_async(tally_store *store, const tally_draft *drafts, size_t count,
                                                const tally_append_options *options, tally_completions *completions,
                                                uint64_t token, tally_receipt *receipts, tally_error *error);

/**
 * Completes when everything up to and with `position` has reached `level`; TALLY_POSITION_NONE stands for
 * all that was appended before the call, and then it also syncs. The completion has no receipt.
 *
 * @return as tally_store_append_async
 */
TALLY_API tally_status tally_store_wait_async(tally_store *store, uint32_t level, uint64_t position,
                                              tally_completions *completions, uint64_t token, tally_error *error);

#endif
