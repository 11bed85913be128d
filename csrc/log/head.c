#include "log/head.h"

#include <string.h>

#include "base/bytes.h"
#include "log/crc32c.h"

/* Offsets of docs/FORMAT.md, "HEAD". */
enum {
    AT_SEQUENCE = 0,
    AT_EPOCH = 8,
    AT_BOOT_ID = 16,
    AT_PROCESS_ID = 32,
    AT_STATE = 40,
    AT_LAYOUT = 44,
    AT_MANIFEST = 48,
    AT_SHREDS = 56,
    AT_SEGMENT = 64,
    AT_GENERATION = 72,
    AT_END_OFFSET = 80,
    AT_WRITTEN = 88,
    AT_DURABLE = 96,
    AT_RESERVED = 104,
    AT_CRC = 124
};

/* HEAD is a hint and its layout may change in any release; a reader passes over a slot of another layout. */
#define LAYOUT 1u

void tally_head_encode(const tally_head *head, uint8_t bytes[TALLY_HEAD_SLOT_USED])
{
    memset(bytes, 0, TALLY_HEAD_SLOT_USED);
    tally_store_u64(bytes + AT_SEQUENCE, head->sequence);
    tally_store_u64(bytes + AT_EPOCH, head->writer_epoch);
    memcpy(bytes + AT_BOOT_ID, head->boot_id, sizeof head->boot_id);
    tally_store_u64(bytes + AT_PROCESS_ID, head->process_id);
    tally_store_u32(bytes + AT_STATE, head->state);
    tally_store_u32(bytes + AT_LAYOUT, LAYOUT);
    tally_store_u64(bytes + AT_MANIFEST, head->manifest_generation);
    tally_store_u64(bytes + AT_SHREDS, head->shred_counter);
    tally_store_u64(bytes + AT_SEGMENT, head->segment);
    tally_store_u64(bytes + AT_GENERATION, head->generation);
    tally_store_u64(bytes + AT_END_OFFSET, head->end_offset);
    tally_store_u64(bytes + AT_WRITTEN, head->written);
    tally_store_u64(bytes + AT_DURABLE, head->durable);
    tally_store_u32(bytes + AT_CRC, tally_crc32c(TALLY_CRC_START, bytes, AT_CRC));
}

static bool is_plausible(const tally_head *head, size_t slot)
{
    return head->sequence % 2 == slot && head->state >= TALLY_HEAD_OPEN && head->state <= TALLY_HEAD_POISONED &&
           head->durable <= head->written;
}

static bool decode_slot(const uint8_t *bytes, size_t slot, tally_head *head)
{
    if (tally_load_u32(bytes + AT_CRC) != tally_crc32c(TALLY_CRC_START, bytes, AT_CRC)) return false;
    tally_bytes_reader reserved = tally_bytes_reader_over(bytes + AT_RESERVED, AT_CRC - AT_RESERVED);
    if (tally_load_u32(bytes + AT_LAYOUT) != LAYOUT || !tally_bytes_read_zeros(&reserved, reserved.length))
        return false;
    head->sequence = tally_load_u64(bytes + AT_SEQUENCE);
    head->writer_epoch = tally_load_u64(bytes + AT_EPOCH);
    memcpy(head->boot_id, bytes + AT_BOOT_ID, sizeof head->boot_id);
    head->process_id = tally_load_u64(bytes + AT_PROCESS_ID);
    head->state = tally_load_u32(bytes + AT_STATE);
    head->manifest_generation = tally_load_u64(bytes + AT_MANIFEST);
    head->shred_counter = tally_load_u64(bytes + AT_SHREDS);
    head->segment = tally_load_u64(bytes + AT_SEGMENT);
    head->generation = tally_load_u64(bytes + AT_GENERATION);
    head->end_offset = tally_load_u64(bytes + AT_END_OFFSET);
    head->written = tally_load_u64(bytes + AT_WRITTEN);
    head->durable = tally_load_u64(bytes + AT_DURABLE);
    return is_plausible(head, slot);
}

bool tally_head_decode(const uint8_t *bytes, size_t available, tally_head *head)
{
    bool found = false;
    memset(head, 0, sizeof *head);
    for (size_t slot = 0; slot < 2; slot++) {
        size_t at = slot * TALLY_HEAD_SLOT_BYTES;
        tally_head read;
        if (available < at + TALLY_HEAD_SLOT_USED) break;
        if (!decode_slot(bytes + at, slot, &read) || (found && read.sequence < head->sequence)) continue;
        *head = read;
        found = true;
    }
    return found;
}
