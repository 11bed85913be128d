/* What no log with these promises can do without: the digests of data, body and core, the checksums, one
 * copy, one write per commit (or per 512 KiB) into a file whose space is reserved. No clock, no ids, no
 * index, no lock, no checks. */
#define _GNU_SOURCE
#include "contest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/frame.h"

#define FILE_BYTES (64u * 1024 * 1024)
#define FLUSH_BYTES (512u * 1024)

typedef struct loop {
    int file;
    promise wanted;
    size_t data_bytes;
    size_t used;
    off_t offset;
    char path[1024];
    uint8_t *buffer;
    uint8_t hash[32];
} loop;

static void *open_bare(const char *directory, promise wanted, size_t data_bytes)
{
    loop *log = calloc(1, sizeof *log);
    must(log != NULL, "memory");
    (void)snprintf(log->path, sizeof log->path, "%s/bare", directory);
    log->file = open(log->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(log->file >= 0 && posix_fallocate(log->file, 0, FILE_BYTES) == 0, "a bare file");
    log->buffer = malloc(FLUSH_BYTES + 64u * 1024 * 1024);
    must(log->buffer != NULL, "memory");
    log->wanted = wanted;
    log->data_bytes = data_bytes;
    return log;
}

static void flush(loop *log)
{
    if (log->offset + (off_t)log->used > (off_t)FILE_BYTES) {
        (void)close(log->file);
        log->file = open(log->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        must(log->file >= 0 && posix_fallocate(log->file, 0, FILE_BYTES) == 0, "a bare file");
        log->offset = 0;
    }
    must(pwrite(log->file, log->buffer, log->used, log->offset) == (ssize_t)log->used, "a bare write");
    log->offset += (off_t)log->used;
    log->used = 0;
    if (log->wanted == PROMISE_DURABLE) must(fdatasync(log->file) == 0, "a bare sync");
}

/* One event: digests outside of any lock first, then core, hash and copy. */
static void add(loop *log, uint64_t number, size_t index, size_t count, uint32_t *frames)
{
    uint8_t bytes[512], core_bytes[TALLY_CORE_BYTES], salt[TALLY_SALT_BYTES] = {1}, id[16] = {2}, none[16] = {0};
    uint8_t digest[32];
    const uint8_t *data = event_data(number);
    tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_DATA, salt, sizeof salt, data, log->data_bytes, digest);
    tally_body_view body = {.id = id,
                            .correlation = id,
                            .causation = none,
                            .plain_length = log->data_bytes,
                            .stored_length = log->data_bytes + TALLY_SALT_BYTES,
                            .data_digest = digest,
                            .type = {EVENT_TYPE, sizeof EVENT_TYPE - 1}};
    body.stream.bytes = event_stream(number, &body.stream.length);
    size_t length = tally_body_length(&body);
    must(tally_body_encode(&body, bytes, sizeof bytes), "a bare body");
    tally_core core = {.digest_algorithm = TALLY_DIGEST_SHA256,
                       .position = number,
                       .batch_index = (uint32_t)index,
                       .batch_count = (uint32_t)count};
    memcpy(core.stream_prev, log->hash, sizeof log->hash);
    tally_body_digest(TALLY_DIGEST_SHA256, bytes, length, core.body_digest);
    tally_core_encode(&core, core_bytes);
    tally_core_event_hash(core_bytes, log->hash);
    uint32_t meta, stored;
    tally_frame_encode(7, core_bytes, bytes, length, salt, sizeof salt, data, log->data_bytes, log->buffer + log->used,
                       &meta, &stored);
    log->used += tally_frame_length(length, log->data_bytes + TALLY_SALT_BYTES);
    *frames = tally_mark_add_frame(*frames, meta, stored);
}

static void append_bare(void *state, uint64_t first, size_t count)
{
    loop *log = state;
    uint32_t frames = 7;
    for (size_t i = 0; i < count; i++) add(log, first + i, i, count, &frames);
    tally_mark mark = {.commit = first, .first_position = first, .count = (uint32_t)count, .frames_crc = frames};
    tally_mark_encode(7, &mark, log->buffer + log->used);
    log->used += TALLY_MARK_BYTES;
    if (log->wanted != PROMISE_BUFFERED || log->used >= FLUSH_BYTES) flush(log);
}

static void close_bare(void *state)
{
    loop *log = state;
    (void)close(log->file);
    free(log->buffer);
    free(log);
}

const log_kind log_bare = {"bare loop", open_bare, append_bare, close_bare, NULL, NULL};
