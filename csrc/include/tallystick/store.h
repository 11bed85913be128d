/**
 * @file store.h
 * @brief The store: one directory with one log of events, one writing process, any number of readers.
 *
 *     tally_store *store = NULL;
 *     tally_store_open("audit.tally", 11, NULL, &store, &error);
 *
 *     tally_draft draft = {.size = sizeof draft, .stream = {"account/42", 10}, .type = {"account.opened", 14},
 *                          .data = json, .length = json_length};
 *     tally_receipt receipt;
 *     tally_store_append(store, &draft, NULL, &receipt, &error);      // append.h: durable when it returns
 *
 *     tally_reader *reader = NULL;                                    // reader.h
 *     tally_query query = {.size = sizeof query, .stream = {"account/42", 10}};
 *     tally_reader_open(store, &query, &reader, &error);
 *     …
 *     tally_reader_close(&reader);
 *     tally_store_close(&store);
 *
 * Levels. An event is *buffered* (in this process: lost when the process dies), then *written* (handed to
 * the kernel: lost when the machine loses power), then *durable* (on the device). Three watermarks say how
 * far the log has come at each level: the number of events, so the first position that has not. Each
 * append says which level it waits for; the default is durable.
 *
 * One writer. The process that opens for writing holds a lock; a second writer, in the same process too,
 * gets TALLY_E_LOCKED with pid and host of the first. Any number of processes open read-only at the same
 * time, also while nobody writes; they write nothing, see commits within milliseconds, and survive the
 * writer's crash. The lock of a process that crashed is gone with it: the file LOCK never has to be removed,
 * and removing it lets no second writer in.
 *
 * The background thread. An open store that may write runs one thread: it writes what is buffered, syncs
 * by count, bytes and time, indexes and seals full segments, merges indexes, completes asynchronous
 * appends, and publishes HEAD to other processes. With TALLY_STORE_NO_THREAD there is none, and the caller
 * calls tally_store_tick for the same. A read-only store has none.
 *
 * After a failure. When a write or a sync fails, the handle is finished: TALLY_E_POISONED, with the first
 * failure's reason, for everything but reading what is durable and close. The cache of a system whose sync
 * failed lies; reopening finds out what is really there. A full disk is no such failure: space is reserved
 * before an event is acknowledged, so TALLY_E_NO_SPACE changes nothing and the call can be made again.
 *
 * After fork, a child's copy of every handle here answers TALLY_E_FORKED and touches no file.
 */
#ifndef TALLYSTICK_STORE_H
#define TALLYSTICK_STORE_H

#include "event.h"
#include "registry.h"

/** An open store. Closed by tally_store_close. */
typedef struct tally_store tally_store;

/* --------------------------------------------------------------------------------------- options */

/** tally_store_options.mode */
#define TALLY_STORE_OPEN_OR_CREATE 0u /**< write; made when the directory is missing or empty */
#define TALLY_STORE_EXISTING 1u       /**< write; TALLY_E_NOT_FOUND when there is no store */
#define TALLY_STORE_NEW 2u            /**< write; TALLY_E_EXISTS when there is one */
#define TALLY_STORE_READ_ONLY 3u      /**< read; takes no lock, writes nothing, cuts nothing */

/** tally_store_options.flags */
#define TALLY_STORE_NO_THREAD 1u    /**< no background thread: the caller calls tally_store_tick */
#define TALLY_STORE_ALLOW_REMOTE 2u /**< a network file system is accepted; its locks and syncs may lie */

/** When the checksum of an event is compared. */
#define TALLY_CHECK_FIRST_TOUCH 0u /**< at the first read of each event by this process (the default) */
#define TALLY_CHECK_ALWAYS 1u      /**< at each read */
#define TALLY_CHECK_NEVER 2u       /**< not when reading; lengths are always checked */

/** Which segments are mapped into memory. A media error under a map kills the process (SIGBUS). */
#define TALLY_MAP_SEALED 0u /**< full ones (the default) */
#define TALLY_MAP_NEVER 1u  /**< none: each read is a system call */

/** How data and bodies are hashed; chosen when a store is made, recorded in each event. */
#define TALLY_STORE_SHA256 1u  /**< the default; fastest with SHA instructions */
#define TALLY_STORE_BLAKE2B 2u /**< for machines without them */

/** A limit or trigger that never applies. */
#define TALLY_NO_LIMIT UINT64_MAX

/** Smallest and largest segment_bytes: 64 KiB and 32 GiB (indexes count in units of 8 bytes, 32 bits). */
#define TALLY_SEGMENT_BYTES_MIN 65536u
#define TALLY_SEGMENT_BYTES_MAX 34359738368ull
/** Longest name of a store, in bytes. */
#define TALLY_STORE_NAME_MAX 120

/** How a store is opened; zero means the default everywhere. */
typedef struct tally_store_options {
    size_t size;
    uint32_t mode;               /**< TALLY_STORE_OPEN_OR_CREATE, … */
    uint32_t flags;              /**< TALLY_STORE_NO_THREAD, … */
    tally_text name;             /**< of a new store, [A-Za-z0-9._/-], 1 to 120 bytes; empty: "store". Ignored later */
    uint32_t digest;             /**< of a new store: TALLY_STORE_SHA256, …; 0: SHA-256. Ignored later */
    uint32_t check;              /**< TALLY_CHECK_… */
    uint32_t map;                /**< TALLY_MAP_… */
    uint32_t mode_of_files;      /**< permission bits of new files; 0: 0600. Directories get x where r is set */
    uint64_t segment_bytes;      /**< size of new segments; 0: 64 MiB */
    uint64_t queue_bytes;        /**< events staged and not yet written, at most; 0: 16 MiB */
    uint64_t sync_events;        /**< the background syncs at so many events not yet durable; 0: 10 000 */
    uint64_t sync_bytes;         /**< … or so many bytes; 0: 16 MiB */
    uint64_t sync_interval_ms;   /**< … or when the oldest is so old; 0: 1 000 */
    uint64_t idempotency_events; /**< a key is remembered for so many events; 0: 1 000 000 */
    uint64_t idempotency_age_s;  /**< … and so many seconds of the store's time; 0: 7 days */
    const tally_platform *platform;      /**< NULL: tally_platform_default(); lives until the store is closed */
    const tally_registry_host *host;     /**< for the store's registry; may be NULL */
    const struct tally_signing *signing; /**< how its heads are signed (checkpoint.h); NULL: they are not */
} tally_store_options;

/**
 * Opens the store in the directory `path`.
 *
 * For writing: takes the lock; makes the directory (one level) and the first files when there are none;
 * recovers when it was not closed cleanly (see tally_recovery); and starts the background thread. Costs
 * O(segments), not O(events); after a crash also a scan of the segments that were not sealed yet, whose
 * bytes above the last proven durable position are written again in place and synced, because after a
 * failed sync the system's cache may show bytes that the device does not have.
 *
 * What is found is never guessed about: a directory of another program, a newer format or unknown
 * features, a link in place of a file are refused. Damage below what was once durable refuses to open for
 * writing, with file, offset, position and reason; read-only still opens and presents what is whole before
 * it (salvage: upkeep.h). What was never acknowledged as durable and is not whole is cut, the cut is
 * synced, reported, and recorded as an event of stream "$log".
 *
 * @param path         UTF-8 without NUL, of 1 to 400 bytes
 * @param options      NULL for defaults; copied
 * @param store        receives the handle
 * @return TALLY_OK;
 *         TALLY_E_NULL, TALLY_E_LENGTH, TALLY_E_UTF8, TALLY_E_NUL, TALLY_E_OPTION, TALLY_E_RANGE, TALLY_E_NAME,
 *         TALLY_E_STRUCT_SIZE  the arguments;
 *         TALLY_E_LOCKED     another process, or this one, has it open for writing;
 *         TALLY_E_NOT_FOUND, TALLY_E_EXISTS  against `mode`;
 *         TALLY_E_FORMAT     no store of this format: another program's files, a newer version;
 *         TALLY_E_DAMAGED    damage that no crash explains;
 *         TALLY_E_CLOCK      the last event lies more than a day after the wall clock;
 *         TALLY_E_UNSUPPORTED a network file system, without TALLY_STORE_ALLOW_REMOTE;
 *         TALLY_E_DENIED, TALLY_E_NO_SPACE, TALLY_E_IO, TALLY_E_NO_MEMORY  from the system
 */
TALLY_API tally_status tally_store_open(const char *path, size_t path_length, const tally_store_options *options,
                                        tally_store **store, tally_error *error);

/**
 * Writes and syncs everything, says so in the log (a clean close), stops the thread and frees the handle;
 * asynchronous appends are completed first. Readers of the store are closed with it: their handles answer
 * TALLY_E_CLOSED, and what they lent is gone. Sets the pointer to NULL; accepts NULL; may be called twice
 * and concurrently: each caller returns after the real close. Inside a handler of the store it marks, and
 * the rest follows.
 *
 * @return TALLY_OK also when the last sync failed: then the store is closed but not cleanly, and the next
 *         open recovers. To know, call tally_store_sync first. TALLY_E_WOULD_BLOCK inside a gate of the store
 *         (nothing was closed). Else as every close
 */
TALLY_API tally_status tally_store_close(tally_store **store);

/**
 * For a store with TALLY_STORE_NO_THREAD: does what the background thread would do now, for about a
 * millisecond, and returns; sealing and merging go on at the next tick where they stopped. A sync takes as
 * long as the disk does. May be called for other stores too; then it does nothing.
 *
 * @param more  receives 1 when work is left, else 0; may be NULL
 * @return TALLY_OK; TALLY_E_POISONED; TALLY_E_NO_SPACE; TALLY_E_IO; TALLY_E_CLOSED
 */
TALLY_API tally_status tally_store_tick(tally_store *store, int32_t *more, tally_error *error);

/* ------------------------------------------------------------------------------ levels and waiting */

/** How far an append waits; larger is safer. 0 means the default, TALLY_DURABLE. */
#define TALLY_DURABILITY_DEFAULT 0u
#define TALLY_BUFFERED 1u
#define TALLY_WRITTEN 2u
#define TALLY_DURABLE 3u

/** How far the log has come: counts of events. durable <= written <= buffered, always, as one moment. */
typedef struct tally_watermarks {
    uint64_t buffered;
    uint64_t written;
    uint64_t durable;
} tally_watermarks;

/**
 * Reads the three watermarks as of one moment, without waiting. In a read-only store `buffered` equals
 * `written`, and `durable` is what the writer last published or proved; the files are looked at for it.
 *
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_CLOSED; in a read-only store TALLY_E_IO, TALLY_E_NO_MEMORY too
 */
TALLY_API tally_status tally_store_watermarks(tally_store *store, tally_watermarks *watermarks, tally_error *error);

/**
 * A barrier: returns when everything that was appended before the call is durable.
 *
 * @return TALLY_OK; TALLY_E_READ_ONLY; TALLY_E_POISONED; TALLY_E_IO the sync failed, the handle is finished
 */
TALLY_API tally_status tally_store_sync(tally_store *store, tally_error *error);

/**
 * Waits until the event at `position` has reached `level`; does not itself write or sync. In a read-only
 * store it looks at the files every millisecond.
 *
 * @param level       TALLY_BUFFERED, TALLY_WRITTEN or TALLY_DURABLE (or 0)
 * @param position    may lie in the future: waiting for it is how a log is followed
 * @param timeout_ms  0 looks once; TALLY_WAIT_FOREVER
 * @return TALLY_OK; TALLY_E_TIMEOUT; TALLY_E_OPTION; TALLY_E_POISONED it will never come;
 *         TALLY_E_CLOSED the store was closed meanwhile; TALLY_E_WOULD_BLOCK inside a handler of the store
 */
TALLY_API tally_status tally_store_wait(tally_store *store, uint32_t level, uint64_t position, uint32_t timeout_ms,
                                        tally_error *error);

/* ----------------------------------------------------------------------------------- notification */

/**
 * Registers a handler that is called after each commit, once for each event, in the order of positions.
 *
 * It runs on the thread that appended, after that append's level was reached and before the call returns,
 * or on another thread that is already notifying: one thread at a time calls the handlers of a store.
 * Events appended before the registration are not delivered, but for those that other handlers were still to
 * be told of at that moment. `notice->data` points to a `tally_event`
 * (its length is sizeof(tally_event)), lent for the call; `notice->kind` is the kind of its type. A
 * handler may read, append (its events are notified after it returned), register and unregister; waiting
 * for a level inside a handler of the same store is TALLY_E_WOULD_BLOCK unless the append is TALLY_BUFFERED
 * or TALLY_WRITTEN. A handler that fails hurts nobody: registry.h.
 *
 * In a read-only store handlers run in tally_store_tick and tally_store_wait.
 *
 * @param type     exact ("order.paid") or a pattern ("order.*"); empty: all events
 * @param options  as for tally_registry_register; its `kinds` must be empty
 * @param id       receives the id; unregister it at tally_store_registry
 * @return as tally_registry_register; TALLY_E_NAME the type
 */
TALLY_API tally_status tally_store_on(tally_store *store, tally_text type, tally_handler handler, void *user_data,
                                      const tally_handler_options *options, tally_handler_id *id, tally_error *error);

/**
 * The registry of the handlers of this store. It belongs to the store: do not close it, do not notify it.
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_CLOSED
 */
TALLY_API tally_status tally_store_registry(tally_store *store, tally_registry **registry, tally_error *error);

/* --------------------------------------------------------------------------------------- looking */

/** What the last open for writing found and did. All zero: the store was closed cleanly, or is new. */
typedef struct tally_recovery {
    uint32_t happened;     /**< 1: there was no clean close */
    uint32_t cut;          /**< 1: bytes that were never acknowledged as durable were cut */
    uint64_t cut_position; /**< the first position that was lost, if any had been whole: the log's end */
    uint64_t cut_segment;  /**< the segment's number, and the offset in it */
    uint64_t cut_offset;
    uint64_t cut_bytes;     /**< bytes that were not zero behind it */
    uint64_t scanned_bytes; /**< of segments that were not sealed */
    uint64_t rewritten_bytes;
} tally_recovery;

/** Constant facts about an open store. */
typedef struct tally_store_info {
    uint8_t lineage[16]; /**< random; another one for each new store, and after salvage */
    char name[TALLY_STORE_NAME_MAX + 1];
    uint8_t reserved[7];
    uint32_t mode; /**< TALLY_STORE_… as given */
    uint32_t digest;
    uint64_t writer_epoch; /**< one more with each open for writing */
    tally_recovery recovery;
} tally_store_info;

/** @return TALLY_OK; TALLY_E_NULL; TALLY_E_CLOSED */
TALLY_API tally_status tally_store_info_get(tally_store *store, tally_store_info *info, tally_error *error);

/** Figures about the store now; counts since the open where not said otherwise. Members may be added. */
typedef struct tally_store_statistics {
    size_t size;              /**< sizeof(tally_store_statistics), set by the caller */
    uint64_t events;          /**< in the log */
    uint64_t commits;         /**< in the log */
    uint64_t segments;        /**< of which */
    uint64_t sealed_segments; /**< … have their indexes on disk */
    uint64_t runs;            /**< merged indexes of several segments */
    uint64_t file_bytes;      /**< of segments and runs, reserved space included */
    uint64_t log_bytes;       /**< of headers, frames and marks */
    uint64_t data_bytes;      /**< of the data of events appended since the open */
    uint64_t heap_bytes;      /**< held by this handle: buffers, indexes of unsealed segments, caches */
    uint64_t mapped_bytes;    /**< of files mapped, touched or not */
    uint64_t appends;         /**< calls that were acknowledged */
    uint64_t appended_events;
    uint64_t repeats;   /**< appends answered by an idempotency key */
    uint64_t conflicts; /**< appends refused by a condition, an id or a key */
    uint64_t writes;    /**< system calls */
    uint64_t written_bytes;
    uint64_t syncs;
    uint64_t sync_ns_total; /**< time inside syncs */
    uint64_t sync_ns_max;
    uint64_t seals;
    uint64_t seal_ns_total;
    uint64_t notified_events;
    uint64_t queue_bytes; /**< staged and not yet written, now */
    uint64_t readers;     /**< open readers */
} tally_store_statistics;

/** @return TALLY_OK; TALLY_E_NULL; TALLY_E_STRUCT_SIZE; TALLY_E_CLOSED */
TALLY_API tally_status tally_store_statistics_get(tally_store *store, tally_store_statistics *statistics,
                                                  tally_error *error);

#endif
