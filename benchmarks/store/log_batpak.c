#include "contest.h"

#include <stdlib.h>

#ifdef WITH_BATPAK

typedef struct rust {
    batpak *peer;
    size_t data_bytes;
    uint8_t *packed;
} rust;

bool has_batpak(void) { return true; }

static void *open_batpak(const char *directory, promise wanted, size_t data_bytes)
{
    rust *log = calloc(1, sizeof *log);
    must(log != NULL, "memory");
    log->peer = batpak_open(directory, STREAMS, wanted == PROMISE_DURABLE ? 1 : UINT32_MAX);
    log->data_bytes = data_bytes;
    log->packed = malloc(data_bytes * 4096);
    must(log->packed != NULL, "memory");
    return log;
}

static void append_batpak(void *state, uint64_t first, size_t count)
{
    rust *log = state;
    if (count == 1) {
        batpak_append(log->peer, first % STREAMS, event_data(first), log->data_bytes);
        return;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < log->data_bytes; j++) log->packed[i * log->data_bytes + j] = event_data(first + i)[j];
    batpak_append_batch(log->peer, first % STREAMS, log->packed, log->data_bytes, count);
}

static void close_batpak(void *state)
{
    rust *log = state;
    batpak_close(log->peer);
    free(log->packed);
    free(log);
}

static size_t read_batpak(void *state, uint64_t position)
{
    const rust *log = state;
    return batpak_read(log->peer, position);
}

static size_t page_batpak(void *state, size_t stream, uint64_t from)
{
    const rust *log = state;
    return batpak_page(log->peer, stream, from, 100);
}

const log_kind log_batpak = {BATPAK_NAME, open_batpak, append_batpak, close_batpak, read_batpak, page_batpak};
#else
bool has_batpak(void) { return false; }
const log_kind log_batpak = {BATPAK_NAME, NULL, NULL, NULL, NULL, NULL};
#endif
