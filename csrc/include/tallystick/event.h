/**
 * @file event.h
 * @brief Events: what a caller appends (a draft), and what is read back (an event).
 *
 * An event says that something happened: `type` (order.paid) to one thing: `stream` (order/4711), with
 * `data` in the caller's own encoding. It is immutable. Its place in the whole log is its *position*,
 * dense from 0; its place in its stream is its *version*, dense from 0 too.
 *
 * Names (stream, type, tags, content type, subject) are UTF-8 without control characters (U+0000 to
 * U+001F, U+007F to U+009F) and are compared byte by byte. Names that begin with "$" or "tally." belong
 * to the library and are refused to callers.
 *
 * | member         | length in bytes | meaning                                                          |
 * | -------------- | --------------- | ---------------------------------------------------------------- |
 * | `stream`       | 1 to 512        | the thing that the event is about                                |
 * | `type`         | 1 to 512        | what happened                                                    |
 * | `content_type` | 0 to 255        | how `data` is encoded, as a media type; empty: not said          |
 * | `tags`         | 1 to 512 each   | at most 32 texts, "key:value" by custom, for queries             |
 * | `subject`      | 1 to 96         | whose data it is; sealed under that subject's key                |
 * | `data`         | 0 to 64 MiB     | bytes; the library never looks inside                            |
 *
 * Times are microseconds since 1970-01-01 UTC. The store's time of an event is a hybrid logical clock:
 * `time_us` never goes back along the log, and events within one microsecond are told apart by
 * `time_logical`. The time at which it happened outside, if the caller knows it, is `occurred_us`.
 */
#ifndef TALLYSTICK_EVENT_H
#define TALLYSTICK_EVENT_H

#include "status.h"

/** A text: pointer and length in bytes, no terminating NUL. {NULL, 0} is the empty text. */
typedef struct tally_text {
    const char *bytes;
    size_t length;
} tally_text;

/** A UUID as its 16 bytes in the order of RFC 9562. All zero stands for "none". */
typedef struct tally_uuid {
    uint8_t bytes[16];
} tally_uuid;

/** A SHA-256 hash. */
typedef struct tally_hash {
    uint8_t bytes[32];
} tally_hash;

/** Longest stream and type, in bytes. */
#define TALLY_STREAM_MAX 512
#define TALLY_TYPE_MAX 512
/** Longest content type, in bytes. */
#define TALLY_CONTENT_TYPE_MAX 255
/** Longest tag, in bytes, and most tags of one event. */
#define TALLY_TAG_MAX 512
#define TALLY_TAGS_MAX 32
/** Longest subject, in bytes. */
#define TALLY_SUBJECT_MAX 96
/** Longest idempotency key, in bytes. */
#define TALLY_IDEMPOTENCY_KEY_MAX 512
/** Most data of one event, in bytes: 64 MiB. */
#define TALLY_DATA_MAX 67108864u
/** Most events of one batch, and most bytes of data of one batch: 256 MiB. */
#define TALLY_BATCH_MAX 65536u
#define TALLY_BATCH_BYTES_MAX 268435456u
/** The bytes of an event's core (docs/FORMAT.md). */
#define TALLY_CORE_BYTES 112

/* ---------------------------------------------------------------------------------------- drafts */

/** `occurred_us` is meant, 0 included. */
#define TALLY_DRAFT_OCCURRED 1u
/** The cause is event `cause_index` of the same batch, an earlier one; `causation` is zero then. */
#define TALLY_DRAFT_CAUSE_IN_BATCH 2u

/**
 * An event to append. Set `size`, `stream` and `type`; all other members may be zero. Everything is
 * borrowed until the call returns and never changed.
 */
typedef struct tally_draft {
    size_t size; /**< sizeof(tally_draft) */
    tally_text stream;
    tally_text type;
    tally_text content_type;
    const void *data; /**< may be NULL with length 0 */
    size_t length;
    const tally_text *tags; /**< in any order; a tag that is given twice counts once */
    size_t tag_count;
    tally_text subject;         /**< empty: nobody's, stored as it is */
    tally_text idempotency_key; /**< any bytes; empty: none. Stored as a keyed digest, never as text */
    tally_uuid id;              /**< zero: a UUIDv7 is made. One that exists already is TALLY_E_EXISTS */
    tally_uuid correlation;     /**< zero: the event's own id, or its cause's correlation in a batch */
    tally_uuid causation;       /**< the id of the event that caused this one; need not be in this store */
    int64_t occurred_us;        /**< with TALLY_DRAFT_OCCURRED */
    uint32_t schema_version;    /**< of the type; 0: unversioned */
    uint32_t flags;             /**< TALLY_DRAFT_… */
    uint32_t cause_index;       /**< with TALLY_DRAFT_CAUSE_IN_BATCH: below this draft's own index */
    uint32_t reserved;          /**< 0 */
} tally_draft;

/* ---------------------------------------------------------------------------------------- events */

/** The library itself made this event; its stream begins with "$". */
#define TALLY_EVENT_SYSTEM 1u
/** The data is sealed under a subject's key in the file; what is lent is the opened data. */
#define TALLY_EVENT_SEALED 2u
/** `occurred_us` was given. */
#define TALLY_EVENT_OCCURRED 16u

/** `data` is there. */
#define TALLY_DATA_READABLE 0u
/** The subject's key was destroyed: `data` is NULL and `length` 0 for ever. */
#define TALLY_DATA_SHREDDED 1u
/** The key is not in this copy of the store. */
#define TALLY_DATA_KEY_MISSING 2u
/** The stored bytes do not check; everything but `data` is whole. */
#define TALLY_DATA_DAMAGED 3u

/**
 * An event as it is read. All pointers are lent by what gave the event (a reader, or the caller's own
 * buffer) and say there how long they live. Members may be added at the end.
 */
typedef struct tally_event {
    uint64_t position;
    uint64_t version;
    int64_t time_us;
    uint32_t time_logical;
    uint32_t schema_version;
    uint32_t flags;       /**< TALLY_EVENT_… */
    uint32_t data_state;  /**< TALLY_DATA_… */
    uint32_t batch_index; /**< of this event in the batch that it was appended with */
    uint32_t batch_count; /**< 1: appended alone */
    tally_uuid id;
    tally_uuid correlation;
    tally_uuid causation; /**< zero: none */
    int64_t occurred_us;  /**< 0 without TALLY_EVENT_OCCURRED */
    tally_text stream;
    tally_text type;
    tally_text content_type;
    const void *data;
    size_t length;
    uint32_t tag_count;
    uint32_t reserved;
    tally_text tags[TALLY_TAGS_MAX]; /**< sorted by bytes; `tag_count` of them are set */
    const uint8_t *core;             /**< TALLY_CORE_BYTES: what the tree's leaf is made of */
    const uint8_t *body;             /**< the caller's part as one byte string (docs/FORMAT.md) */
    size_t body_length;
} tally_event;

/**
 * The event's hash: SHA-256(0x00 || core), its leaf in the Merkle tree. The next event of the stream
 * carries it, and so does the receipt.
 *
 * @param event  as a reader gave it, still lent
 * @return TALLY_OK; TALLY_E_NULL
 */
TALLY_API tally_status tally_event_hash(const tally_event *event, tally_hash *hash);

/**
 * Prints an id as 8-4-4-4-12 lower case digits with a terminating NUL: 37 bytes.
 * @return TALLY_OK; TALLY_E_NULL
 */
TALLY_API tally_status tally_uuid_format(const tally_uuid *id, char text[37]);

/**
 * Reads the form 8-4-4-4-12, in either case, of any UUID version.
 *
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_LENGTH; TALLY_E_ARGUMENT with the index of the wrong byte in
 *         error->position
 */
TALLY_API tally_status tally_uuid_read(const char *text, size_t length, tally_uuid *id, tally_error *error);

#endif
