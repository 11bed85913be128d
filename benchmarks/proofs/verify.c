#define _GNU_SOURCE
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../c/harness.h"
#include "log/frame.h"
#include "log/names.h"
#include "log/segment.h"

#define ROUNDS 5u
#define SEGMENTS 4096u

/* The whole log in memory, and where its events are. */
typedef struct loaded {
    uint8_t *segments[SEGMENTS];
    size_t segment_count;
    tally_frame *frames;
    size_t count;
} loaded;

static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    must(fseek(file, 0, SEEK_END) == 0, "a segment's end");
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*length);
    must(bytes != NULL && fread(bytes, 1, *length, file) == *length, "a segment's bytes");
    (void)fclose(file);
    return bytes;
}

static void load_segment(loaded *log, const uint8_t *bytes, size_t length)
{
    for (size_t at = TALLY_SEGMENT_HEADER_BYTES; at < length;) {
        uint32_t kind = tally_frame_kind_at(bytes + at, length - at);
        if (kind == TALLY_FRAME_MARK) {
            at += TALLY_MARK_BYTES;
        } else if (kind == TALLY_FRAME_EVENT) {
            tally_frame *frame = &log->frames[log->count++];
            must(tally_frame_find(bytes + at, length - at, frame, NULL) == TALLY_OK, "a frame");
            at += frame->length;
        } else {
            return;
        }
    }
}

static void load(loaded *log, const char *path, uint64_t events)
{
    memset(log, 0, sizeof *log);
    log->frames = malloc((events + 1) * sizeof *log->frames);
    must(log->frames != NULL, "memory");
    for (uint64_t number = 0; number < SEGMENTS; number++) {
        char name[TALLY_NAME_BYTES], full[1200];
        size_t length;
        tally_name_segment(number, 0, name);
        (void)snprintf(full, sizeof full, "%s/%s", path, name);
        uint8_t *bytes = read_file(full, &length);
        if (bytes == NULL) break;
        log->segments[log->segment_count++] = bytes;
        load_segment(log, bytes, length);
    }
    must(log->count == events, "all events");
}

static void unload(loaded *log)
{
    for (size_t i = 0; i < log->segment_count; i++) free(log->segments[i]);
    free(log->frames);
}

/* Data, body, leaf, and a node for each leaf: nothing else. */
static uint8_t digest_all(const loaded *log)
{
    uint8_t digest[TALLY_DIGEST_BYTES], node[TALLY_DIGEST_BYTES] = {0};
    uint8_t all = 0;
    for (size_t i = 0; i < log->count; i++) {
        const tally_frame *frame = &log->frames[i];
        tally_digest(frame->core[1], TALLY_DOMAIN_DATA, frame->data, frame->data_length, digest);
        all ^= digest[0];
        tally_body_digest(frame->core[1], frame->body, frame->body_length, digest);
        all ^= digest[0];
        tally_core_event_hash(frame->core, digest);
        tally_digest_node(node, digest, node);
    }
    return all ^ node[0];
}

/* Of all threads. */
static uint64_t processor_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0, "the process's clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t verify(const char *path, const char *vkey, uint32_t threads, uint32_t mode)
{
    tally_error error;
    tally_verify_report report;
    tally_text key = {vkey, strlen(vkey)};
    tally_verify_options options = {
        .size = sizeof options, .mode = mode, .threads = threads, .keys = &key, .key_count = 1};
    tally_status status = tally_verify(path, strlen(path), &options, &report, &error);
    if (status != TALLY_OK || !report.intact) (void)fprintf(stderr, "%s%s\n", error.message, report.message);
    must(status == TALLY_OK && report.intact, "verification");
    return report.events;
}

void bench_verify(const char *path, const char *vkey)
{
    double full[ROUNDS], digests[ROUNDS], quick[ROUNDS], one[ROUNDS], two[ROUNDS], two_busy[ROUNDS];
    static loaded log;
    uint64_t events = verify(path, vkey, 1, TALLY_VERIFY_QUICK);
    double each = 1.0 / (double)events;
    load(&log, path, events);
    static volatile uint8_t sink;
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t start = processor_ns(), began = now_ns();
        (void)verify(path, vkey, 1, TALLY_VERIFY_FULL);
        full[round] = (double)(processor_ns() - start) * each;
        one[round] = (double)(now_ns() - began) * each;
        start = processor_ns();
        sink = digest_all(&log);
        digests[round] = (double)(processor_ns() - start) * each;
        start = processor_ns();
        (void)verify(path, vkey, 1, TALLY_VERIFY_QUICK);
        quick[round] = (double)(processor_ns() - start) * each;
        start = processor_ns();
        began = now_ns();
        (void)verify(path, vkey, 2, TALLY_VERIFY_FULL);
        two[round] = (double)(now_ns() - began) * each;
        two_busy[round] = (double)(processor_ns() - start) * each;
    }
    (void)sink;
    unload(&log);
    samples_begin("verify/full, per event", "ns");
    samples_add("ours", full, ROUNDS);
    samples_add("bare digests", digests, ROUNDS);
    samples_add("quick", quick, ROUNDS);
    samples_end();
    samples_begin("verify/full, elapsed", "ns");
    samples_add("ours", two, ROUNDS);
    samples_add("one thread", one, ROUNDS);
    samples_end();
    samples_begin("verify/full, two threads, processor", "ns");
    samples_add("ours", two_busy, ROUNDS);
    samples_add("one thread", full, ROUNDS);
    samples_end();
}
