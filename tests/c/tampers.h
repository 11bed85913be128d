/* Changing stores as somebody does who knows the format: every checksum is made right again. Include test.h and
 * verifies.h first.
 *
 *     tamper_load(0);                         the events and commits of an unsealed segment
 *     tamper_events[3].core.time_us++;        …
 *     tamper_store(0, TAMPER_RELINK);         written back, with their checksums and marks
 */
#ifndef TALLY_TEST_TAMPERS_H
#define TALLY_TEST_TAMPERS_H

#include "base/bytes.h"
#include "log/crc32c.h"
#include "log/frame.h"
#include "log/names.h"
#include "log/segment.h"
#include "verifies.h"

#define TAMPER_EVENTS 64
#define TAMPER_BYTES (1u << 20)

typedef struct tamper_event {
    tally_core core;
    uint32_t commit; /* which mark is behind it */
    size_t body_length, data_length;
    uint8_t body[1024];
    uint8_t data[1024];
} tamper_event;

static tamper_event tamper_events[TAMPER_EVENTS];
static size_t tamper_count;
static tally_mark tamper_marks[TAMPER_EVENTS];
static size_t tamper_mark_count;
static tally_segment_header tamper_header;
static uint8_t tamper_file[TAMPER_BYTES];
static size_t tamper_length;

__attribute__((unused)) static const char *tamper_path(uint64_t number)
{
    static char path[TALLY_NAME_BYTES + 8];
    char name[TALLY_NAME_BYTES];
    tally_name_segment(number, 0, name);
    (void)snprintf(path, sizeof path, "store/%s", name);
    return path;
}

__attribute__((unused)) static void read_whole(const char *path)
{
    tamper_length = get_file(world, path, tamper_file, sizeof tamper_file);
    CHECK(tamper_length != SIZE_MAX);
}

__attribute__((unused)) static void tamper_load(uint64_t number)
{
    uint32_t seed;
    size_t at = TALLY_SEGMENT_HEADER_BYTES;
    read_whole(tamper_path(number));
    tamper_count = tamper_mark_count = 0;
    REQUIRE_STATUS(tally_segment_header_decode(tamper_file, tamper_length, &tamper_header, NULL), TALLY_OK);
    seed = tally_frame_seed(tamper_header.salt);
    while (at < tamper_length) {
        tally_frame frame;
        uint32_t kind = tally_frame_kind_at(tamper_file + at, tamper_length - at);
        if (kind == TALLY_FRAME_MARK) {
            tally_mark *mark = &tamper_marks[tamper_mark_count++];
            REQUIRE_STATUS(tally_mark_decode(seed, tamper_file + at, tamper_length - at, mark, NULL), TALLY_OK);
            at += TALLY_MARK_BYTES;
        } else if (kind == TALLY_FRAME_EVENT) {
            tamper_event *event = &tamper_events[tamper_count++];
            REQUIRE_STATUS(tally_frame_decode(seed, tamper_file + at, tamper_length - at, true, &frame, NULL),
                           TALLY_OK);
            REQUIRE_STATUS(tally_core_decode(frame.core, &event->core, NULL), TALLY_OK);
            event->commit = (uint32_t)tamper_mark_count;
            event->body_length = frame.body_length;
            event->data_length = frame.data_length;
            memcpy(event->body, frame.body, frame.body_length);
            memcpy(event->data, frame.data, frame.data_length);
            at += frame.length;
        } else {
            break;
        }
    }
}

#define TAMPER_DIGESTS 1u   /* digests of data and bodies are made again */
#define TAMPER_RELINK 2u    /* … and everything else too: links, positions, versions, batches */
#define TAMPER_NUMBERS 4u   /* commits are numbered and counted again */
#define TAMPER_UNDURABLE 8u /* marks do not say that anything had been durable */

static void tamper_digests(tamper_event *event)
{
    tally_digest(event->core.digest_algorithm, TALLY_DOMAIN_DATA, event->data, event->data_length, event->body + 72);
    tally_body_digest(event->core.digest_algorithm, event->body, event->body_length, event->core.body_digest);
}

static bool same_stream(const tamper_event *a, const tamper_event *b)
{
    tally_body_view first, second;
    CHECK_STATUS(tally_body_decode(a->body, a->body_length, &first, NULL), TALLY_OK);
    CHECK_STATUS(tally_body_decode(b->body, b->body_length, &second, NULL), TALLY_OK);
    return first.stream.length == second.stream.length &&
           memcmp(first.stream.bytes, second.stream.bytes, first.stream.length) == 0;
}

static void tamper_relink(void)
{
    for (size_t i = 0; i < tamper_count; i++) {
        tally_core *core = &tamper_events[i].core;
        uint32_t all = 0;
        for (size_t j = 0; j < tamper_count; j++) all += tamper_events[j].commit == tamper_events[i].commit;
        core->batch_count = all;
        core->batch_index = i != 0 && tamper_events[i - 1].commit == tamper_events[i].commit
                                ? tamper_events[i - 1].core.batch_index + 1
                                : 0;
        tamper_digests(&tamper_events[i]);
        core->position = tamper_header.first_position + i;
        core->version = 0;
        memset(core->stream_prev, 0, 32);
        for (size_t before = i; before-- > 0;) {
            uint8_t bytes[TALLY_CORE_BYTES];
            if (!same_stream(&tamper_events[before], &tamper_events[i])) continue;
            tally_core_encode(&tamper_events[before].core, bytes);
            tally_core_event_hash(bytes, core->stream_prev);
            core->version = tamper_events[before].core.version + 1;
            break;
        }
    }
}

/* Commits without events are dropped but for the last one, which closes. */
__attribute__((unused)) static void tamper_store(uint64_t number, uint32_t how)
{
    uint32_t seed = tally_frame_seed(tamper_header.salt);
    size_t at = TALLY_SEGMENT_HEADER_BYTES;
    uint64_t commit = tamper_header.first_commit;
    uint64_t position = tamper_header.first_position;
    tally_segment_header_encode(&tamper_header, tamper_file);
    if (how & TAMPER_RELINK) tamper_relink();
    for (size_t i = 0; i < tamper_mark_count; i++) {
        tally_mark mark = tamper_marks[i];
        uint32_t crc = seed, count = 0, all = 0;
        for (size_t j = 0; j < tamper_count; j++) all += tamper_events[j].commit == i;
        if (all == 0 && mark.count != 0 && (how & (TAMPER_NUMBERS | TAMPER_RELINK)) != 0) continue;
        mark.first_offset = at;
        for (size_t j = 0; j < tamper_count; j++) {
            uint8_t core[TALLY_CORE_BYTES];
            uint32_t crc_meta, crc_data;
            tamper_event *event = &tamper_events[j];
            if (event->commit != i) continue;
            if (how & TAMPER_DIGESTS) tamper_digests(event);
            tally_core_encode(&event->core, core);
            tally_frame_encode(seed, core, event->body, event->body_length, event->data, event->data_length, NULL, 0,
                               tamper_file + at, &crc_meta, &crc_data);
            crc = tally_mark_add_frame(crc, crc_meta, crc_data);
            at += tally_frame_length(event->body_length, event->data_length);
            count++;
        }
        mark.frames_crc = tally_crc32c_finish(crc);
        if (how & (TAMPER_NUMBERS | TAMPER_RELINK)) {
            mark.commit = commit;
            mark.first_position = position;
            mark.count = count;
            if (mark.durable_position > position + count) mark.durable_position = position + count;
        }
        if (how & TAMPER_UNDURABLE) mark.durable_position = 0;
        commit++;
        position += count;
        tally_mark_encode(seed, &mark, tamper_file + at);
        at += TALLY_MARK_BYTES;
    }
    tamper_length = at;
    put_file(world, tamper_path(number), tamper_file, at);
}

__attribute__((unused)) static void tamper_remove(size_t i)
{
    memmove(&tamper_events[i], &tamper_events[i + 1], (tamper_count - i - 1) * sizeof *tamper_events);
    tamper_count--;
}

__attribute__((unused)) static void tamper_remove_file(const char *path)
{
    int32_t os_error;
    (void)world->remove_file(world->context, path, &os_error);
}

/* The reason for what is found, the same for all numbers of threads; told when it is another one. */
__attribute__((unused)) static bool is_found(uint32_t reason)
{
    uint32_t is = verify_all_ways(TALLY_VERIFY_FULL);
    if (is == reason) return true;
    printf("# %s instead of %s: %s\n", tally_reason_name(is), tally_reason_name(reason), verified.message);
    return false;
}

/* All files of the store, to be put back. */
#define SAVED_FILES 48
typedef struct saved_file {
    char path[128];
    uint8_t *bytes;
    size_t length;
} saved_file;
typedef struct saved_store {
    saved_file files[SAVED_FILES];
    size_t count;
} saved_store;

typedef struct saving {
    saved_store *saved;
    const char *directory;
} saving;

static int32_t save_name(void *user_data, const char *name)
{
    saving *at = user_data;
    char path[128];
    tally_file file;
    tally_file_status about;
    int32_t os_error;
    (void)snprintf(path, sizeof path, "%s/%s", at->directory, name);
    if (world->open_file(world->context, path, TALLY_OPEN_READ, 0, &file, &os_error) != TALLY_OK) return 0;
    CHECK_STATUS(world->file_status(world->context, file, &about, &os_error), TALLY_OK);
    (void)world->close_file(world->context, file, &os_error);
    if (about.is_directory || at->saved->count == SAVED_FILES) return 0;
    saved_file *to = &at->saved->files[at->saved->count++];
    memcpy(to->path, path, sizeof path);
    to->bytes = malloc((size_t)about.size_bytes + 1);
    to->length = get_file(world, path, to->bytes, (size_t)about.size_bytes + 1);
    return 0;
}

static const char *const saved_directories[] = {"store", "store/tree", "store/runs"};

__attribute__((unused)) static void save_store(saved_store *saved)
{
    saved->count = 0;
    for (size_t i = 0; i < 3; i++) {
        int32_t os_error;
        saving at = {saved, saved_directories[i]};
        (void)world->list_directory(world->context, saved_directories[i], save_name, &at, &os_error);
    }
    CHECK(saved->count > 0 && saved->count < SAVED_FILES);
}

static int32_t remove_name(void *user_data, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)user_data, name);
    tamper_remove_file(path);
    return 0;
}

__attribute__((unused)) static void put_store(const saved_store *saved)
{
    for (size_t i = 0; i < 3; i++) {
        char directory[16];
        int32_t os_error;
        (void)snprintf(directory, sizeof directory, "%s", saved_directories[i]);
        (void)world->list_directory(world->context, directory, remove_name, directory, &os_error);
    }
    for (size_t i = 0; i < saved->count; i++)
        put_file(world, saved->files[i].path, saved->files[i].bytes, saved->files[i].length);
}

__attribute__((unused)) static void forget_store(saved_store *saved)
{
    for (size_t i = 0; i < saved->count; i++) free(saved->files[i].bytes);
    saved->count = 0;
}

/* Bytes of a file, changed in place. */
__attribute__((unused)) static void patch_file(const char *path, uint64_t offset, const void *bytes, size_t length)
{
    tally_file file;
    size_t done;
    int32_t os_error;
    CHECK_STATUS(world->open_file(world->context, path, TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0, &file, &os_error),
                 TALLY_OK);
    CHECK_STATUS(world->write_at(world->context, file, bytes, length, offset, &done, &os_error), TALLY_OK);
    CHECK_STATUS(world->close_file(world->context, file, &os_error), TALLY_OK);
}

#endif
