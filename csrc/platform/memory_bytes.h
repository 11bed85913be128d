/* The content of a file in memory: sparse pages that copies share until one is written.
 *
 * A crash test makes thousands of images of one disk. Sharing makes an image cost what differs, and
 * sparseness makes a segment of 64 MiB of reserved zeros cost its page table. */
#ifndef TALLY_PLATFORM_MEMORY_BYTES_H
#define TALLY_PLATFORM_MEMORY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_MEMORY_PAGE 4096u
/* Longest file; 2 GiB of page table would be the next step. */
#define TALLY_MEMORY_SIZE_MAX (UINT64_C(1) << 40)

typedef struct tally_memory_page tally_memory_page;

/* Zero-filled is the empty content.
 *
 * invariant: pages[i] NULL reads as zeros; bytes of the last page behind `size` are zero */
typedef struct tally_memory_bytes {
    tally_memory_page **pages;
    size_t capacity; /* of pages, in pages */
    uint64_t size;
} tally_memory_bytes;

/* All that may fail answer false when there is no memory (or the size is too large), and have then
 * changed nothing a reader could see. */

/* Cuts, or grows with zeros. */
bool tally_memory_bytes_resize(tally_memory_bytes *bytes, uint64_t size);
/* Writes inside the size. */
bool tally_memory_bytes_write(tally_memory_bytes *bytes, uint64_t offset, const void *data, size_t length);
/* Reads inside the size. */
void tally_memory_bytes_read(const tally_memory_bytes *bytes, uint64_t offset, void *to, size_t length);
/* Makes an empty content the same as `from`. */
bool tally_memory_bytes_copy(tally_memory_bytes *to, const tally_memory_bytes *from);
void tally_memory_bytes_free(tally_memory_bytes *bytes);

#endif
