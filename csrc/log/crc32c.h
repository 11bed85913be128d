/* CRC-32C (Castagnoli; RFC 3720, appendix B.4), which finds torn and rotten bytes in files.
 *
 * Every checksum of a segment starts from the segment's salt, so that bytes of an older segment, of
 * another store, or inside an event's data are never taken for a frame. A checksum finds accidents; what
 * finds intent is the tree. */
#ifndef TALLY_LOG_CRC32C_H
#define TALLY_LOG_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_CRC_START 0xffffffffu

/* Goes on from an unfinished checksum over more bytes. */
uint32_t tally_crc32c_update(uint32_t crc, const void *data, size_t length);

static inline uint32_t tally_crc32c_finish(uint32_t crc) { return crc ^ 0xffffffffu; }

/* The whole of `data`, from an unfinished start: TALLY_CRC_START, or a segment's seed. */
static inline uint32_t tally_crc32c(uint32_t start, const void *data, size_t length)
{
    return tally_crc32c_finish(tally_crc32c_update(start, data, length));
}

/* For tests: without the processor's instruction. */
uint32_t tally_crc32c_update_portable(uint32_t crc, const void *data, size_t length);

#endif
