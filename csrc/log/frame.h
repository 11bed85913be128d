/* Frames and commit marks: how events lie in a segment. Layout: docs/FORMAT.md, "Frame", "Commit mark".
 *
 * A commit is its frames and then one mark, written together. Frames without their mark do not exist. A
 * frame is believed only after its lengths are within bounds, then its checksum agrees. */
#ifndef TALLY_LOG_FRAME_H
#define TALLY_LOG_FRAME_H

#include "proof/body.h"
#include "proof/core.h"

#define TALLY_FRAME_HEADER_BYTES 24
#define TALLY_FRAME_FIXED_BYTES (TALLY_FRAME_HEADER_BYTES + TALLY_CORE_BYTES)
#define TALLY_MARK_BYTES 64
#define TALLY_STORED_MAX (TALLY_DATA_MAX + TALLY_SEAL_OVERHEAD)

enum tally_frame_kind {
    TALLY_FRAME_EVENT = 1,
    TALLY_FRAME_MARK = 2,
    TALLY_FRAME_DATA_DROPPED = 3, /* core and body stay; reserved for a later version */
    TALLY_FRAME_CORE_ONLY = 4,    /* reserved for a later version */
    TALLY_FRAME_HASH_ONLY = 5     /* reserved for salvage */
};

#define TALLY_MARK_CLEAN_CLOSE 1u

static inline size_t tally_pad8(size_t length) { return (length + 7u) & ~(size_t)7u; }

/* Where every checksum of a segment starts. */
uint32_t tally_frame_seed(const uint8_t salt[16]);

/* One event frame; the pieces are lent by the bytes it was read from. */
typedef struct tally_frame {
    const uint8_t *core; /* TALLY_CORE_BYTES */
    const uint8_t *body;
    size_t body_length;
    const uint8_t *data; /* as stored: salt and bytes, or nonce, ciphertext and tag */
    size_t data_length;
    uint32_t crc_meta;
    uint32_t crc_data;
    size_t length; /* of the whole frame */
} tally_frame;

/* The bytes that a frame takes. */
static inline size_t tally_frame_length(size_t body_length, size_t data_length)
{
    return TALLY_FRAME_FIXED_BYTES + tally_pad8(body_length) + tally_pad8(data_length);
}

/* Writes one event frame of tally_frame_length bytes; the data are two pieces, as they lie in memory.
 * Returns the two checksums through `crc_meta` and `crc_data`, for the mark. */
void tally_frame_encode(uint32_t seed, const uint8_t core[TALLY_CORE_BYTES], const uint8_t *body, size_t body_length,
                        const void *data, size_t data_length, const void *more, size_t more_length, uint8_t *to,
                        uint32_t *crc_meta, uint32_t *crc_data);
/* The same with `crc_data` known: tally_frame_data_crc of the same seed and data. */
void tally_frame_encode_known(uint32_t seed, const uint8_t core[TALLY_CORE_BYTES], const uint8_t *body,
                              size_t body_length, const void *data, size_t data_length, const void *more,
                              size_t more_length, uint8_t *to, uint32_t *crc_meta, uint32_t crc_data);
uint32_t tally_frame_data_crc(uint32_t seed, const void *data, size_t data_length, const void *more,
                              size_t more_length);

/* The kind of what begins at `bytes`, without believing it yet; 0 when there is no frame. */
uint32_t tally_frame_kind_at(const uint8_t *bytes, size_t available);

/* Where the pieces of an event frame are: its lengths are checked, its checksums not. Statuses as below. */
tally_status tally_frame_find(const uint8_t *bytes, size_t available, tally_frame *frame, tally_error *error);

/* Reads an event frame. `check_data` false leaves the data's checksum for later. TALLY_E_TRUNCATED,
 * TALLY_E_FORMAT a kind of a later version, TALLY_E_DAMAGED; error->position is the offset in `bytes`. */
tally_status tally_frame_decode(uint32_t seed, const uint8_t *bytes, size_t available, bool check_data,
                                tally_frame *frame, tally_error *error);

/* Checks what tally_frame_decode left for later. */
tally_status tally_frame_check_data(uint32_t seed, const tally_frame *frame, tally_error *error);

typedef struct tally_mark {
    uint8_t flags;             /* TALLY_MARK_CLEAN_CLOSE */
    uint64_t commit;           /* dense, from 0 over the whole log */
    uint64_t first_position;   /* of the commit's first event; the next one when there is none */
    uint32_t count;            /* of events; 0 is a mark of its own, as of a clean close */
    uint32_t frames_crc;       /* over the checksums of the frames, in order */
    uint64_t first_offset;     /* of the first frame in the file; the mark's own when count is 0 */
    uint64_t durable_position; /* all events before it were on the device when this was written */
    uint64_t keyring_slots;    /* in use when this was written */
    uint64_t writer_epoch;     /* one more with each open */
} tally_mark;

void tally_mark_encode(uint32_t seed, const tally_mark *mark, uint8_t bytes[TALLY_MARK_BYTES]);
tally_status tally_mark_decode(uint32_t seed, const uint8_t *bytes, size_t available, tally_mark *mark,
                               tally_error *error);

/* Goes on with a mark's frames_crc over one more frame; start from the segment's seed, and finish with
 * tally_crc32c_finish. */
uint32_t tally_mark_add_frame(uint32_t crc, uint32_t crc_meta, uint32_t crc_data);

#endif
