/* base/bytes.h: the input's first half is a program of reads over the second; a writer repeats them. */
#include <stdlib.h>

#include "base/bytes.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

/* One read, and one write of what was read. */
static void step(uint8_t operation, tally_bytes_reader *in, tally_bytes_writer *out)
{
    size_t length = operation >> 3;
    switch (operation & 7) {
    case 0: tally_bytes_write_u8(out, tally_bytes_read_u8(in)); break;
    case 1: tally_bytes_write_u16(out, tally_bytes_read_u16(in)); break;
    case 2: tally_bytes_write_u32(out, tally_bytes_read_u32(in)); break;
    case 3: tally_bytes_write_u64(out, tally_bytes_read_u64(in)); break;
    case 4:
        if (tally_bytes_read_zeros(in, length)) tally_bytes_write_zeros(out, length);
        break;
    case 5: (void)tally_bytes_read(in, SIZE_MAX - length); break;
    default: {
        const uint8_t *bytes = tally_bytes_read(in, length);
        if (bytes != NULL) tally_bytes_write(out, bytes, length);
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t steps = size / 2;
    size_t length = size - steps;
    /* Blocks of their own, so that a sanitizer sees one byte too many. */
    uint8_t *source = malloc(length + 1);
    uint8_t *copy = malloc(length + 1);
    if (source != NULL && copy != NULL) {
        if (length > 0) memcpy(source, data + steps, length);
        tally_bytes_reader in = tally_bytes_reader_over(source, length);
        tally_bytes_writer out = tally_bytes_writer_over(copy, length);
        for (size_t i = 0; i < steps && !in.failed; i++) {
            size_t before = in.at;
            step(data[i], &in, &out);
            holds(in.at >= before && in.at <= length);
            holds(tally_bytes_read_left(&in) == (in.failed ? 0 : length - in.at));
            holds(in.failed || (!out.failed && out.at == in.at));
        }
        holds(memcmp(source, copy, in.failed ? 0 : in.at) == 0);
    }
    free(source);
    free(copy);
    return 0;
}
