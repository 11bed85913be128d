/* batpak behind a C interface (peers/batpak); see there. Without a Rust compiler the harness is built
 * without it. */
#ifndef BENCHMARKS_BATPAK_H
#define BENCHMARKS_BATPAK_H

#include <stddef.h>
#include <stdint.h>

#define BATPAK_NAME "batpak 0.10.0"

typedef struct batpak batpak;

batpak *batpak_open(const char *directory, size_t streams, uint32_t sync_every);
void batpak_close(batpak *peer);
void batpak_append(batpak *peer, size_t stream, const void *data, size_t length);
void batpak_append_batch(batpak *peer, size_t first, const void *data, size_t length, size_t count);
size_t batpak_read(const batpak *peer, size_t index);
size_t batpak_page(const batpak *peer, size_t stream, uint64_t after, size_t limit);

#endif
