/* UUID version 7 (RFC 9562): ids that sort by the time of their making.
 *
 * Pure: the time and the random bytes are given in. An id is 16 bytes in the order in which it is
 * printed. */
#ifndef TALLY_BASE_UUID_H
#define TALLY_BASE_UUID_H

#include <stddef.h>
#include <stdint.h>

#include <tallystick/status.h>

#define TALLY_UUID_BYTES 16
/* 8-4-4-4-12 hexadecimal digits, without the terminating NUL. */
#define TALLY_UUID_TEXT 36
/* How many random bytes one id uses up. */
#define TALLY_UUID_RANDOM 10
/* The largest millisecond that an id can hold: in the year 10889. */
#define TALLY_UUID_MS_MAX ((UINT64_C(1) << 48) - 1)

/* What makes the ids of one generator rise. Zero-filled is a new one. For one thread at a time.
 *
 * invariant: (ms, high, low) is the last id; high < 2^12, low < 2^62; `used` is 0 before the first */
typedef struct tally_uuid_generator {
    uint64_t ms;
    uint64_t low;
    uint32_t high;
    uint32_t used;
} tally_uuid_generator;

/* The next id, larger than all before it of this generator, byte by byte.
 *
 * Within one millisecond, and while the clock stands behind the last id, the 74 random bits are
 * raised by a random step of 1 to 2^32, so that a neighbour's id cannot be guessed. When they are used
 * up the id borrows from the next millisecond.
 *
 * TALLY_E_CLOCK when the time is beyond TALLY_UUID_MS_MAX: the generator is unchanged, the id zero. */
tally_status tally_uuid_next(tally_uuid_generator *generator, uint64_t now_ms, const uint8_t random[TALLY_UUID_RANDOM],
                             uint8_t id[TALLY_UUID_BYTES], tally_error *error);

/* The milliseconds since 1970 in a version 7 id. */
uint64_t tally_uuid_ms(const uint8_t id[TALLY_UUID_BYTES]);

/* Lower case, NUL-terminated. */
void tally_uuid_print(const uint8_t id[TALLY_UUID_BYTES], char text[TALLY_UUID_TEXT + 1]);

/* Reads the form 8-4-4-4-12, in either case, of any version: callers may bring ids of their own.
 * TALLY_E_NULL, TALLY_E_LENGTH, TALLY_E_ARGUMENT with the index of the wrong byte in error->position;
 * the id is zero then. */
tally_status tally_uuid_parse(const char *text, size_t length, uint8_t id[TALLY_UUID_BYTES], tally_error *error);

#endif
