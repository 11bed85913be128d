/* Tail: the bytes of an unsealed segment that the writer holds and the file does not have yet. */
#ifndef TALLY_LOG_TAIL_H
#define TALLY_LOG_TAIL_H

#include <stddef.h>
#include <stdint.h>

typedef struct tally_tail tally_tail;

/* Copies what of [offset, offset + length) of segment `number` is not in the file yet: the end of the range.
 * Returns its length; the caller reads the rest before it from the file, afterwards. Any thread. */
size_t tally_tail_copy(tally_tail *tail, uint64_t number, uint64_t offset, void *to, size_t length);

#endif
