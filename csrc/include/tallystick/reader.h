/**
 * @file reader.h
 * @brief Reading: one event, pages by any key, lists of names, the chain of a stream.
 *
 *     tally_query query = {.size = sizeof query, .stream_prefix = {"account/", 8}, .from_position = 4711};
 *     tally_reader *reader = NULL;
 *     tally_reader_open(store, &query, &reader, &error);
 *     tally_event events[100];
 *     size_t count;
 *     while (tally_reader_next(reader, events, 100, &count, &error) == TALLY_OK && count > 0)
 *         for (size_t i = 0; i < count; i++) show(&events[i]);
 *     tally_reader_close(&reader);
 *
 * A reader is a view of the log as it was when the reader was opened: what is appended later is not in it
 * (tally_reader_refresh moves the view on). It holds no lock; the writer does not wait for it.
 *
 * Cost. A page by one key (stream, type, tag, or a prefix that ends in '/' or '.') costs the page and a
 * search that grows with the logarithm of the log, wherever the page lies; several keys together cost the
 * events of the rarest one within the range. "Deep" means from a position, a version or a time.
 */
#ifndef TALLYSTICK_READER_H
#define TALLYSTICK_READER_H

#include "store.h"

/** A view with a place in it. For one thread at a time: a second one gets TALLY_E_BUSY. */
typedef struct tally_reader tally_reader;

#define TALLY_QUERY_BACKWARDS 1u    /**< newest first */
#define TALLY_QUERY_DURABLE_ONLY 2u /**< the view ends at the durable watermark */
#define TALLY_QUERY_VERSIONS 4u     /**< from_version and to_version are meant; needs `stream` */

/** Most types, and most tags, of one query. */
#define TALLY_QUERY_NAMES_MAX 64u

/**
 * What to read; members that are zero do not restrict. An event must match all that are given. Texts are
 * borrowed until tally_reader_open returns.
 */
typedef struct tally_query {
    size_t size;
    tally_text stream;        /**< exactly this one */
    tally_text stream_prefix; /**< all that begin with it; not with `stream` */
    const tally_text *types;  /**< any of them: exact, or "order.*" for all that begin with "order." */
    size_t type_count;
    const tally_text *tags; /**< all of them */
    size_t tag_count;
    tally_text subject;     /**< whose data it is */
    uint64_t from_position; /**< the first that counts */
    uint64_t to_position;   /**< the first that does not: the log "as of" it. 0: the end of the view */
    uint64_t from_version;  /**< with TALLY_QUERY_VERSIONS, of `stream` */
    uint64_t to_version;    /**< … the first that does not count; 0: the end */
    int64_t from_time_us;   /**< the first time that counts */
    int64_t to_time_us;     /**< the first that does not; 0: no end */
    uint64_t work_limit;    /**< events looked at by one call, at most; 0: no limit. See tally_reader_next */
    uint32_t flags;         /**< TALLY_QUERY_… */
    uint32_t reserved;
} tally_query;

/**
 * Opens a view on the log and sets the place to its beginning (or end, backwards).
 *
 * @param query   NULL: everything, forwards
 * @param reader  receives the handle
 * @return TALLY_OK; TALLY_E_NULL, TALLY_E_LENGTH, TALLY_E_UTF8, TALLY_E_NUL, TALLY_E_NAME, TALLY_E_OPTION,
 *         TALLY_E_LIMIT, TALLY_E_STRUCT_SIZE;
 *         TALLY_E_ARGUMENT members that exclude each other; TALLY_E_UNSUPPORTED a subject, in a store
 *         without a keyring; TALLY_E_NO_MEMORY; TALLY_E_CLOSED; TALLY_E_IO
 */
TALLY_API tally_status tally_reader_open(tally_store *store, const tally_query *query, tally_reader **reader,
                                         tally_error *error);

/**
 * The next events. Those of sealed segments are lent from the files as they are mapped, others from the
 * reader's own memory: all live until the next call on this reader, or its close, or the store's.
 *
 * A damaged event is TALLY_E_DAMAGED with its position, file and offset; events before it were given by
 * the call before. The next call goes on behind it. Damage of an index only costs time: it is passed over
 * and the frames are read instead.
 *
 * @param events    receives up to `capacity` events
 * @param capacity  1 to 65 536
 * @param count     receives how many; 0 with TALLY_OK: the end of the view
 * @return TALLY_OK; TALLY_E_WORK_LIMIT none found yet within query.work_limit events, call again;
 *         TALLY_E_DAMAGED; TALLY_E_BUSY; TALLY_E_RANGE; TALLY_E_NO_MEMORY; TALLY_E_IO; TALLY_E_CLOSED
 */
TALLY_API tally_status tally_reader_next(tally_reader *reader, tally_event *events, size_t capacity, size_t *count,
                                         tally_error *error);

/** Where the reader is. */
typedef struct tally_reader_place {
    uint64_t next_position; /**< forwards: from_position to go on with in a new query; backwards: to_position */
    uint64_t end_position;  /**< of the view: the number of events in it */
    uint64_t examined;      /**< events looked at so far */
    uint64_t returned;      /**< events given so far */
} tally_reader_place;

/** @return TALLY_OK; TALLY_E_NULL; TALLY_E_CLOSED; TALLY_E_BUSY */
TALLY_API tally_status tally_reader_place_get(tally_reader *reader, tally_reader_place *place, tally_error *error);

/**
 * Moves the end of a forward view to the end of the log as it is now, so that a follower goes on where it
 * is; with tally_store_wait in between it follows the log. TALLY_E_ARGUMENT for a backward view or one with
 * a to_position.
 */
TALLY_API tally_status tally_reader_refresh(tally_reader *reader, tally_error *error);

/** As every close. What the reader lent is gone. */
TALLY_API tally_status tally_reader_close(tally_reader **reader);

/* -------------------------------------------------------------------------------------- one event */

/**
 * Reads one event into the caller's buffer.
 *
 * @param position  of an event that is visible
 * @param buffer    receives the bytes that `event` points into: its frame as it lies in the file
 * @param capacity  of the buffer, in bytes
 * @param needed    receives the bytes that are needed; also with TALLY_E_SPACE
 * @param event     points into `buffer`
 * @return TALLY_OK; TALLY_E_RANGE no such position yet; TALLY_E_SPACE; TALLY_E_DAMAGED; TALLY_E_IO;
 *         TALLY_E_NULL; TALLY_E_CLOSED
 */
TALLY_API tally_status tally_store_get(tally_store *store, uint64_t position, void *buffer, size_t capacity,
                                       size_t *needed, tally_event *event, tally_error *error);

/** The position of the event with an id. @return TALLY_OK; TALLY_E_NOT_FOUND; TALLY_E_NULL; TALLY_E_DAMAGED */
TALLY_API tally_status tally_store_find_id(tally_store *store, const tally_uuid *id, uint64_t *position,
                                           tally_error *error);

/** The position of version `version` of a stream. @return TALLY_OK; TALLY_E_NOT_FOUND; argument errors */
TALLY_API tally_status tally_store_find_version(tally_store *store, tally_text stream, uint64_t version,
                                                uint64_t *position, tally_error *error);

/** The end of a stream. */
typedef struct tally_stream_head {
    uint64_t next_version;  /**< the number of its events; 0: no such stream */
    uint64_t last_position; /**< TALLY_POSITION_NONE without events */
} tally_stream_head;

/** @return TALLY_OK, also for a stream without events; argument errors; TALLY_E_CLOSED; TALLY_E_IO */
TALLY_API tally_status tally_store_stream_head(tally_store *store, tally_text stream, tally_stream_head *head,
                                               tally_error *error);

/* ------------------------------------------------------------------------------------------ lists */

#define TALLY_LIST_STREAMS 1u
#define TALLY_LIST_TYPES 2u
#define TALLY_LIST_TAGS 3u
#define TALLY_LIST_SUBJECTS 4u

/** One name with its figures. */
typedef struct tally_listed {
    tally_text name; /**< in the caller's buffer */
    uint64_t count;  /**< events */
    uint64_t first_position;
    uint64_t last_position;
} tally_listed;

/**
 * Lists names in the order of their bytes, a page at a time.
 *
 * @param what     TALLY_LIST_…
 * @param prefix   only names that begin with it; empty: all
 * @param after    only names behind this one: the last of the page before; empty: from the first
 * @param items    receives up to `capacity` names
 * @param text     receives the bytes of the names; `text_capacity` of 512 is enough for one
 * @param count    receives how many; 0: the end
 * @return TALLY_OK; TALLY_E_SPACE not even one name fits; TALLY_E_OPTION; TALLY_E_RANGE capacity 0;
 *         TALLY_E_UNSUPPORTED subjects, in a store without a keyring; TALLY_E_NO_MEMORY; TALLY_E_IO
 */
TALLY_API tally_status tally_store_list(tally_store *store, uint32_t what, tally_text prefix, tally_text after,
                                        tally_listed *items, size_t capacity, char *text, size_t text_capacity,
                                        size_t *count, tally_error *error);

/* -------------------------------------------------------------------------------------- ancestors */

/** Why a chain of ancestors ended. */
#define TALLY_ANCESTORS_GENESIS 1u    /**< version 0 was reached */
#define TALLY_ANCESTORS_LIMIT 2u      /**< `capacity` was */
#define TALLY_ANCESTORS_DROPPED 3u    /**< the next one is not kept any more */
#define TALLY_ANCESTORS_UNREADABLE 4u /**< the next one is damaged, or its hash is not the one expected */

/**
 * The chain of a stream from an event back to its beginning, following `stream_prev`: each step finds the
 * event before and checks that its hash is the one that the later event carries.
 *
 * @param positions  receives the positions, the given one first
 * @param ended      receives TALLY_ANCESTORS_…
 * @return TALLY_OK; TALLY_E_RANGE no such position, or capacity 0; TALLY_E_DAMAGED the first one itself
 */
TALLY_API tally_status tally_store_ancestors(tally_store *store, uint64_t position, uint64_t *positions,
                                             size_t capacity, size_t *count, uint32_t *ended, tally_error *error);

#endif
