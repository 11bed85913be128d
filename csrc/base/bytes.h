/* Little-endian numbers, and a reader and a writer that cannot leave their byte range.
 *
 * Every byte read from a file or a caller is hostile, so no decoder does pointer arithmetic of its
 * own: it asks a reader. A reader or writer that has failed once stays failed and moves no more, so
 * that a decoder may read a whole structure and look at the end:
 *
 *     tally_bytes_reader in = tally_bytes_reader_over(data, length);
 *     uint32_t count = tally_bytes_read_u32(&in);
 *     uint64_t first = tally_bytes_read_u64(&in);
 *     if (in.failed) return tally_fail_at(error, TALLY_E_TRUNCATED, tally_bytes_read_position(&in), …);
 *
 * What a failed read returns is 0 or NULL: the look at `failed` must come before any use that
 * matters. */
#ifndef TALLY_BASE_BYTES_H
#define TALLY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Shifts instead of casts: any alignment, any machine, and compilers make one load of it. */
static inline uint16_t tally_load_u16(const void *from)
{
    const uint8_t *b = from;
    return (uint16_t)(b[0] | (uint32_t)b[1] << 8);
}

static inline uint32_t tally_load_u32(const void *from)
{
    const uint8_t *b = from;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t tally_load_u64(const void *from)
{
    const uint8_t *b = from;
    return (uint64_t)tally_load_u32(b) | (uint64_t)tally_load_u32(b + 4) << 32;
}

static inline void tally_store_u16(void *to, uint16_t value)
{
    uint8_t *b = to;
    b[0] = (uint8_t)value;
    b[1] = (uint8_t)(value >> 8);
}

static inline void tally_store_u32(void *to, uint32_t value)
{
    uint8_t *b = to;
    b[0] = (uint8_t)value;
    b[1] = (uint8_t)(value >> 8);
    b[2] = (uint8_t)(value >> 16);
    b[3] = (uint8_t)(value >> 24);
}

static inline void tally_store_u64(void *to, uint64_t value)
{
    uint8_t *b = to;
    tally_store_u32(b, (uint32_t)value);
    tally_store_u32(b + 4, (uint32_t)(value >> 32));
}

/* ------------------------------------------------------------------------------------------ reader */

/* invariant: at <= length; `start` has `length` readable bytes; once failed, `at` does not move */
typedef struct tally_bytes_reader {
    const uint8_t *start;
    size_t length;
    size_t at;
    bool failed;
} tally_bytes_reader;

static inline tally_bytes_reader tally_bytes_reader_over(const void *data, size_t length)
{
    tally_bytes_reader reader = {data, length, 0, false};
    return reader;
}

static inline size_t tally_bytes_read_position(const tally_bytes_reader *reader) { return reader->at; }

static inline size_t tally_bytes_read_left(const tally_bytes_reader *reader)
{
    return reader->failed ? 0 : reader->length - reader->at;
}

/* Everything was there and nothing is left over. */
static inline bool tally_bytes_read_complete(const tally_bytes_reader *reader)
{
    return !reader->failed && reader->at == reader->length;
}

/* The next `length` bytes, lent out of the range; NULL and failed when so many are not left. */
static inline const uint8_t *tally_bytes_read(tally_bytes_reader *reader, size_t length)
{
    /* Compared as a difference: at + length could overflow. */
    if (reader->failed || length > reader->length - reader->at) {
        reader->failed = true;
        return NULL;
    }
    /* The empty range over NULL is legal; NULL + 0 is not. */
    const uint8_t *bytes = reader->start == NULL ? (const uint8_t *)"" : reader->start + reader->at;
    reader->at += length;
    return bytes;
}

static inline uint8_t tally_bytes_read_u8(tally_bytes_reader *reader)
{
    const uint8_t *bytes = tally_bytes_read(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

static inline uint16_t tally_bytes_read_u16(tally_bytes_reader *reader)
{
    const uint8_t *bytes = tally_bytes_read(reader, 2);
    return bytes == NULL ? 0 : tally_load_u16(bytes);
}

static inline uint32_t tally_bytes_read_u32(tally_bytes_reader *reader)
{
    const uint8_t *bytes = tally_bytes_read(reader, 4);
    return bytes == NULL ? 0 : tally_load_u32(bytes);
}

static inline uint64_t tally_bytes_read_u64(tally_bytes_reader *reader)
{
    const uint8_t *bytes = tally_bytes_read(reader, 8);
    return bytes == NULL ? 0 : tally_load_u64(bytes);
}

/* Reads `length` bytes that must all be zero (padding, reserved members); fails when one is not. */
static inline bool tally_bytes_read_zeros(tally_bytes_reader *reader, size_t length)
{
    size_t before = reader->at;
    const uint8_t *bytes = tally_bytes_read(reader, length);
    for (size_t i = 0; bytes != NULL && i < length; i++) {
        if (bytes[i] != 0) {
            reader->at = before + i;
            reader->failed = true;
        }
        if (reader->failed) break;
    }
    return !reader->failed;
}

/* ------------------------------------------------------------------------------------------ writer */

/* invariant: at <= capacity; `start` has `capacity` writable bytes; once failed, nothing is written */
typedef struct tally_bytes_writer {
    uint8_t *start;
    size_t capacity;
    size_t at;
    bool failed;
} tally_bytes_writer;

static inline tally_bytes_writer tally_bytes_writer_over(void *memory, size_t capacity)
{
    tally_bytes_writer writer = {memory, capacity, 0, false};
    return writer;
}

/* Room for `length` bytes to be filled by the caller; NULL and failed when there is none. */
static inline uint8_t *tally_bytes_reserve(tally_bytes_writer *writer, size_t length)
{
    if (writer->failed || writer->start == NULL || length > writer->capacity - writer->at) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *bytes = writer->start + writer->at;
    writer->at += length;
    return bytes;
}

static inline void tally_bytes_write(tally_bytes_writer *writer, const void *data, size_t length)
{
    if (length == 0) return; /* data may be NULL then */
    uint8_t *bytes = tally_bytes_reserve(writer, length);
    if (bytes != NULL) memcpy(bytes, data, length);
}

static inline void tally_bytes_write_zeros(tally_bytes_writer *writer, size_t length)
{
    if (length == 0) return;
    uint8_t *bytes = tally_bytes_reserve(writer, length);
    if (bytes != NULL) memset(bytes, 0, length);
}

static inline void tally_bytes_write_u8(tally_bytes_writer *writer, uint8_t value)
{
    uint8_t *bytes = tally_bytes_reserve(writer, 1);
    if (bytes != NULL) bytes[0] = value;
}

static inline void tally_bytes_write_u16(tally_bytes_writer *writer, uint16_t value)
{
    uint8_t *bytes = tally_bytes_reserve(writer, 2);
    if (bytes != NULL) tally_store_u16(bytes, value);
}

static inline void tally_bytes_write_u32(tally_bytes_writer *writer, uint32_t value)
{
    uint8_t *bytes = tally_bytes_reserve(writer, 4);
    if (bytes != NULL) tally_store_u32(bytes, value);
}

static inline void tally_bytes_write_u64(tally_bytes_writer *writer, uint64_t value)
{
    uint8_t *bytes = tally_bytes_reserve(writer, 8);
    if (bytes != NULL) tally_store_u64(bytes, value);
}

#endif
