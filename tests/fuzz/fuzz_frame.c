/* The decoders of the log over any bytes: the first byte says which one, and whether the checksum is made right, so
 * that what lies behind it is reached. What is accepted encodes to the same bytes again. */
#include "damage.h"

#include "proof/body.h"
#include "proof/core.h"

#define SEED 0x12345678u

static void try_core(const uint8_t *bytes, size_t size)
{
    tally_core core;
    tally_error error;
    uint8_t again[TALLY_CORE_BYTES];
    if (size < TALLY_CORE_BYTES || tally_core_decode(bytes, &core, &error) != TALLY_OK) return;
    tally_core_encode(&core, again);
    holds(memcmp(again, bytes, sizeof again) == 0);
}

static void try_body(const uint8_t *bytes, size_t size)
{
    tally_body_view body;
    tally_error error;
    static uint8_t again[TALLY_BODY_MAX];
    if (size > TALLY_BODY_MAX || tally_body_decode(bytes, size, &body, &error) != TALLY_OK) return;
    /* Extensions that are passed over are not encoded again. */
    size_t length = tally_body_length(&body);
    holds(length != 0 && length <= size && tally_body_encode(&body, again, sizeof again));
    if (length == size) holds(memcmp(again, bytes, size) == 0);
}

static void try_frame(uint8_t *bytes, size_t size, bool fix)
{
    tally_frame frame;
    tally_error error;
    uint32_t ignored = SEED;
    if (fix) (void)damage_fix_frame(SEED, bytes, size, &ignored);
    if (tally_frame_decode(SEED, bytes, size, true, &frame, &error) != TALLY_OK) return;
    holds(frame.length <= size);
    try_core(frame.core, TALLY_CORE_BYTES);
    try_body(frame.body, frame.body_length);
}

static void try_mark(uint8_t *bytes, size_t size, bool fix)
{
    tally_mark mark;
    tally_error error;
    uint8_t again[TALLY_MARK_BYTES];
    if (fix && size >= TALLY_MARK_BYTES) tally_store_u32(bytes, tally_crc32c(SEED, bytes + 4, TALLY_MARK_BYTES - 4));
    if (tally_mark_decode(SEED, bytes, size, &mark, &error) != TALLY_OK) return;
    tally_mark_encode(SEED, &mark, again);
    holds(memcmp(again, bytes, sizeof again) == 0);
}

static void try_header(const uint8_t *bytes, size_t size, bool fix)
{
    static uint8_t whole[TALLY_SEGMENT_HEADER_BYTES];
    uint8_t again[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header header;
    tally_error error;
    memset(whole, 0, sizeof whole);
    if (size != 0) memcpy(whole, bytes, size < sizeof whole ? size : sizeof whole);
    if (fix) damage_fix_header(whole, sizeof whole);
    if (tally_segment_header_decode(whole, sizeof whole, &header, &error) != TALLY_OK) return;
    tally_segment_header_encode(&header, again);
    holds(memcmp(again, whole, sizeof again) == 0);
}

static void try_trailer(uint8_t *bytes, size_t size, bool fix)
{
    tally_trailer trailer;
    tally_error error;
    uint8_t again[TALLY_TRAILER_BYTES];
    if (size < TALLY_TRAILER_BYTES + 8) return;
    uint64_t file_size = tally_load_u64(bytes + TALLY_TRAILER_BYTES);
    if (fix) tally_store_u32(bytes + 124, tally_crc32c(SEED, bytes, 124));
    if (tally_trailer_decode(SEED, bytes, file_size, &trailer, &error) != TALLY_OK) return;
    holds(trailer.data_end <= file_size && trailer.table_offset <= file_size);
    tally_trailer_encode(SEED, &trailer, again);
    holds(memcmp(again, bytes, sizeof again) == 0);
}

static void try_entry(uint8_t *bytes, size_t size, bool fix)
{
    tally_section_entry entry;
    tally_error error;
    uint8_t again[TALLY_SECTION_ENTRY_BYTES];
    if (size < TALLY_SECTION_ENTRY_BYTES + 8) return;
    uint64_t file_size = tally_load_u64(bytes + TALLY_SECTION_ENTRY_BYTES);
    if (fix) tally_store_u32(bytes + 24, tally_crc32c(SEED, bytes, 24));
    if (tally_section_entry_decode(SEED, bytes, file_size, &entry, &error) != TALLY_OK) return;
    holds(entry.offset <= file_size);
    tally_section_entry_encode(SEED, &entry, again);
    holds(memcmp(again, bytes, sizeof again) == 0);
}

static void try_head(const uint8_t *bytes, size_t size, bool fix)
{
    static uint8_t whole[TALLY_HEAD_BYTES];
    uint8_t again[TALLY_HEAD_SLOT_USED];
    tally_head head;
    memset(whole, 0, sizeof whole);
    for (size_t i = 0; i < size && i < 2u * TALLY_HEAD_SLOT_USED; i++) {
        whole[i / TALLY_HEAD_SLOT_USED * TALLY_HEAD_SLOT_BYTES + i % TALLY_HEAD_SLOT_USED] = bytes[i];
    }
    if (fix) damage_fix_head(whole, sizeof whole);
    if (!tally_head_decode(whole, sizeof whole, &head)) return;
    holds(head.durable <= head.written);
    tally_head_encode(&head, again);
    holds(memcmp(again, whole + head.sequence % 2 * TALLY_HEAD_SLOT_BYTES, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 70000) return 0;
    /* A block of its own, so that a sanitizer sees one byte too many. */
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) return 0;
    size_t length = size - 1;
    bool fix = (data[0] & 8) != 0;
    memcpy(bytes, data + 1, length);
    switch (data[0] & 7) {
    case 0: try_core(bytes, length); break;
    case 1: try_body(bytes, length); break;
    case 2: try_frame(bytes, length, fix); break;
    case 3: try_mark(bytes, length, fix); break;
    case 4: try_header(bytes, length, fix); break;
    case 5: try_trailer(bytes, length, fix); break;
    case 6: try_entry(bytes, length, fix); break;
    default: try_head(bytes, length, fix);
    }
    free(bytes);
    return 0;
}
