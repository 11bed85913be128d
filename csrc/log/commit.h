/* A commit on its way into the log: everything that could be known and computed before its place is known. */
#ifndef TALLY_LOG_COMMIT_H
#define TALLY_LOG_COMMIT_H

#include <stdbool.h>

#include <tallystick/append.h>

#include "log/heads.h"
#include "log/recent.h"
#include "log/view.h"
#include "proof/body.h"

/* A stream whose end a commit needs. */
typedef struct tally_wanted {
    tally_stream_key key;
    tally_text stream;
    tally_stream_end *end;      /* in the table; valid while the mutex is held and nothing is inserted */
    tally_stream_end looked_up; /* what the log said, when the table did not have it */
    uint64_t looked_up_from;    /* all events before this were looked at; 0 and `is_looked_up` false: not yet */
    bool is_looked_up;
} tally_wanted;

/* One event. The pointers are the caller's and live until it is staged. */
typedef struct tally_ready {
    tally_wanted stream;
    const uint8_t *body;
    size_t body_length;
    const void *data;
    size_t data_length;
    uint8_t salt[TALLY_SALT_BYTES];
    uint8_t body_digest[TALLY_DIGEST_BYTES];
    uint32_t data_crc;      /* of salt and data, … */
    uint32_t data_crc_seed; /* … if the active segment has this seed */
    bool data_crc_known;
    uint16_t core_flags;
    bool id_given;
    bool correlation_given;
    bool causation_given;
    bool cause_in_batch; /* the cause is event `cause_index` of the commit */
    uint32_t cause_index;
    const uint8_t *idempotency; /* 16 bytes in the body, or NULL */
    /* what staging gives it */
    uint64_t position;
    uint64_t version;
    int64_t time_us;
    uint32_t time_logical;
    uint8_t hash[TALLY_DIGEST_BYTES];
} tally_ready;

/* What the stream must be like. */
typedef struct tally_expected {
    tally_wanted stream;
    uint32_t expect; /* TALLY_EXPECT_… */
    uint64_t version;
} tally_expected;

typedef struct tally_commit {
    tally_ready *events;
    size_t count;
    tally_expected *expected;
    size_t expected_count;
    const tally_append_condition *conditions; /* checked texts */
    size_t condition_count;
    uint64_t checked_end; /* ids, keys and conditions hold for all events before it */
    uint64_t frame_bytes; /* of all frames together */
    int64_t now_us;
    bool may_wait;    /* false: TALLY_E_BUSY instead */
    bool needs_check; /* an id was given, a key, or a condition: what came since checked_end counts */
    /* what became of it, with TALLY_OK */
    bool staged;       /* false: check again, against the log as it is now, and stage again … */
    uint64_t repeated; /* … after this event is written, which has the same key; or TALLY_POSITION_NONE */
    uint64_t first_position;
} tally_commit;

#endif
