/* registry-io behind a C interface (peers/registry_io); see there. Without a Rust compiler the harness is
 * built without it and prints our figures alone. */
#ifndef BENCHMARKS_PEER_H
#define BENCHMARKS_PEER_H

#include <stddef.h>
#include <stdint.h>

#define PEER_NAME "registry-io 1.0.0"

typedef struct peer peer;

peer *peer_new(size_t handlers, uint32_t work);
uint64_t peer_free(peer *peer);
void peer_notify(const peer *peer, uint64_t count);
void peer_latency(const peer *peer, size_t count, uint64_t *ticks, uint64_t (*now)(void));
void peer_edit(const peer *peer, size_t count, uint64_t (*now)(void), uint64_t *registered, uint64_t *unregistered);
void peer_miss(const peer *peer, uint64_t count);
void peer_churn(const peer *peer);
void peer_count_panics(peer *peer);
uint64_t peer_panics(const peer *peer);

#endif
