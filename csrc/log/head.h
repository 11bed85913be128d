/* HEAD: what the writer tells other processes. Layout: docs/FORMAT.md, "HEAD".
 *
 * 4096 bytes with two slots, at 0 and 2048, written in turn; the valid one with the larger sequence counts.
 * It is a hint: trusted only under the boot that wrote it, and never for what the log itself can show. */
#ifndef TALLY_LOG_HEAD_H
#define TALLY_LOG_HEAD_H

#include <stdbool.h>

#include <tallystick/status.h>

#define TALLY_HEAD_BYTES 4096
#define TALLY_HEAD_SLOT_BYTES 2048 /* distance of the slots */

#define TALLY_HEAD_OPEN 1u
#define TALLY_HEAD_CLOSED 2u
#define TALLY_HEAD_POISONED 3u

typedef struct tally_head {
    uint64_t sequence;
    uint64_t writer_epoch;
    uint8_t boot_id[16];
    uint64_t process_id;
    uint32_t state;               /* TALLY_HEAD_… */
    uint64_t manifest_generation; /* raised when a segment is added or sealed, or a run appears */
    uint64_t shred_counter;
    uint64_t segment; /* the newest one's number and generation */
    uint64_t generation;
    uint64_t end_offset; /* behind the last written mark in it */
    uint64_t written;    /* watermarks */
    uint64_t durable;
} tally_head;

/* One slot, to be written at (sequence % 2) * TALLY_HEAD_SLOT_BYTES; the rest of the slot is zero. */
#define TALLY_HEAD_SLOT_USED 128
void tally_head_encode(const tally_head *head, uint8_t bytes[TALLY_HEAD_SLOT_USED]);
/* The newer valid slot; false when there is none. */
bool tally_head_decode(const uint8_t *bytes, size_t available, tally_head *head);

#endif
