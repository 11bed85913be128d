/* One side of the torture of a store by two processes (scripts/torture.py): a writer that will be killed, a reader
 * that follows it, a second writer that must be refused, and the check of what was promised.
 *
 *     store write DIRECTORY SEED THREADS   appends until it is killed; says on stdout what was acknowledged
 *     store read DIRECTORY                 follows until stdin ends; says on stdout what it saw last
 *     store second DIRECTORY               exit code 0 when it is refused as it should be
 *     store check DIRECTORY PROMISES       opens as a writer and compares; PROMISES are what was said on stdout
 *
 * What is said is a record of 32 bytes, in one write: no kill tears it. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <poll.h>

#include <tallystick/tallystick.h>

typedef struct promise {
    uint64_t position;
    uint64_t hash; /* the first 8 bytes of the event's hash */
    uint32_t level;
    uint32_t round;
    uint64_t content; /* what its data are made of */
} promise;

static const char *directory;
static tally_store *store;

static uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Data that say themselves whether they are whole: their first 8 bytes, and what follows from them. */
static size_t fill(uint64_t content, uint8_t *data, size_t capacity)
{
    size_t length = content % 97 == 0 ? 20000 + (size_t)(content % 40000) : 8 + (size_t)(content % 1500);
    if (length > capacity) length = capacity;
    memcpy(data, &content, 8);
    for (size_t i = 8; i < length; i++) data[i] = (uint8_t)(content >> (i % 8 * 8)) ^ (uint8_t)i;
    return length;
}

static int fail(const char *what, tally_status status, const tally_error *error)
{
    (void)fprintf(stderr, "%s: %s: %s (%s)\n", what, tally_status_name(status), error->message, error->path);
    return 1;
}

static tally_status open_store(uint32_t mode, tally_error *error)
{
    tally_store_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .segment_bytes = 512 * 1024, /* so that rotation and sealing are met */
                                   .queue_bytes = 256 * 1024,
                                   .sync_events = 200,
                                   .sync_interval_ms = 20};
    return tally_store_open(directory, strlen(directory), &options, &store, error);
}

static uint64_t short_hash(const tally_hash *hash)
{
    uint64_t value;
    memcpy(&value, hash->bytes, sizeof value);
    return value;
}

/* ------------------------------------------------------------------------------------------- writer */

static void say(const promise *what)
{
    if (write(STDOUT_FILENO, what, sizeof *what) != (ssize_t)sizeof *what) _exit(2);
}

static void *appending(void *argument)
{
    uint64_t random = mix((uintptr_t)argument);
    static const uint32_t levels[] = {TALLY_BUFFERED, TALLY_WRITTEN, TALLY_WRITTEN, TALLY_DURABLE};
    uint8_t *data = malloc(8 * 64 * 1024);
    if (data == NULL) _exit(2);
    for (;;) {
        tally_draft drafts[8];
        tally_receipt receipts[8];
        uint64_t contents[8];
        tally_error error;
        char stream[32];
        random = mix(random);
        size_t count = random % 5 == 0 ? 1 + (size_t)(random >> 8) % 8 : 1;
        uint32_t level = levels[(random >> 16) % 4];
        int length = snprintf(stream, sizeof stream, "stream/%u", (unsigned)(random >> 24) % 50);
        for (size_t i = 0; i < count; i++) {
            uint8_t *at = data + i * 64 * 1024;
            contents[i] = mix(random + i);
            drafts[i] = (tally_draft){.size = sizeof *drafts,
                                      .stream = {stream, (size_t)length},
                                      .type = {"torture.event", 13},
                                      .data = at,
                                      .length = fill(contents[i], at, 64 * 1024)};
        }
        tally_append_options options = {.size = sizeof options, .durability = level};
        tally_status status = tally_store_append_many(store, drafts, count, &options, receipts, &error);
        if (status != TALLY_OK) _exit(fail("append", status, &error) + 2);
        for (size_t i = 0; i < count; i++) {
            say(&(promise){receipts[i].position, short_hash(&receipts[i].event_hash), level, 0, contents[i]});
        }
    }
}

static int run_writer(uint64_t seed, int threads)
{
    tally_error error;
    pthread_t thread;
    tally_status status = open_store(TALLY_STORE_OPEN_OR_CREATE, &error);
    if (status != TALLY_OK) return fail("open to write", status, &error);
    say(&(promise){.position = UINT64_MAX}); /* it is open */
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&thread, NULL, appending, (void *)(uintptr_t)(seed * 64 + (uint64_t)i)) != 0) return 2;
    }
    for (;;) (void)pause();
}

/* ------------------------------------------------------------------------------------------- reader */

static int check_event(const tally_event *event, uint64_t position)
{
    static uint8_t data[64 * 1024];
    uint64_t content;
    if (event->position != position) {
        (void)fprintf(stderr, "event %" PRIu64 " where %" PRIu64 " should be\n", event->position, position);
        return 1;
    }
    if ((event->flags & TALLY_EVENT_SYSTEM) != 0) return 0;
    if (event->length >= 8) memcpy(&content, event->data, 8);
    if (event->length < 8 || fill(content, data, sizeof data) != event->length ||
        memcmp(event->data, data, event->length) != 0) {
        (void)fprintf(stderr, "the data of event %" PRIu64 " are not what was appended\n", position);
        return 1;
    }
    return 0;
}

static void rest(void) { (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL); }

static int stdin_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, 0) > 0;
}

static int run_reader(void)
{
    tally_error error;
    tally_reader *reader = NULL;
    static tally_event events[256];
    uint64_t next = 0;
    promise seen = {.position = UINT64_MAX};
    tally_status status;
    while ((status = open_store(TALLY_STORE_READ_ONLY, &error)) != TALLY_OK) {
        if (status != TALLY_E_NOT_FOUND) return fail("open to read", status, &error);
        if (stdin_ended()) return 0; /* there never was a store */
        rest();
    }
    status = tally_reader_open(store, NULL, &reader, &error);
    if (status != TALLY_OK) return fail("open a reader", status, &error);
    for (int ending = 0; ending < 2;) {
        size_t count = 0;
        if (stdin_ended()) ending++;
        status = tally_reader_refresh(reader, &error);
        if (status != TALLY_OK) return fail("refresh", status, &error);
        do {
            status = tally_reader_next(reader, events, 256, &count, &error);
            if (status != TALLY_OK) return fail("read", status, &error);
            for (size_t i = 0; i < count; i++) {
                tally_hash hash;
                if (check_event(&events[i], next++) != 0) return 1;
                (void)tally_event_hash(&events[i], &hash);
                seen = (promise){events[i].position, short_hash(&hash), TALLY_WRITTEN, 0, 0};
                /* What another process saw had been written, so it survives a kill too. */
                if (events[i].position % 64 == 0) say(&seen);
            }
        } while (count != 0);
        if (ending == 0) rest();
    }
    if (seen.position != UINT64_MAX) say(&seen);
    (void)tally_reader_close(&reader);
    (void)tally_store_close(&store);
    return 0;
}

/* -------------------------------------------------------------------------------------------- others */

static int run_second(void)
{
    tally_error error;
    tally_status status = open_store(TALLY_STORE_OPEN_OR_CREATE, &error);
    if (status == TALLY_E_LOCKED) return 0;
    (void)fprintf(stderr, "a second writer was let in: %s\n", tally_status_name(status));
    return 1;
}

static int run_check(const char *path)
{
    static uint8_t buffer[128 * 1024];
    tally_error error;
    tally_watermarks marks;
    promise what;
    uint64_t checked = 0, lost = 0;
    tally_store_info info;
    tally_status status = open_store(TALLY_STORE_OPEN_OR_CREATE, &error);
    if (status != TALLY_OK) return fail("open after a kill", status, &error);
    status = tally_store_watermarks(store, &marks, &error);
    if (status == TALLY_OK) status = tally_store_info_get(store, &info, &error);
    if (status != TALLY_OK) return fail("look", status, &error);
    FILE *promises = fopen(path, "rb");
    if (promises == NULL) return 2;
    while (fread(&what, sizeof what, 1, promises) == 1) {
        tally_event event;
        tally_hash hash;
        size_t needed;
        if (what.position == UINT64_MAX || what.level < TALLY_WRITTEN) continue;
        checked++;
        status = tally_store_get(store, what.position, buffer, sizeof buffer, &needed, &event, &error);
        if (status == TALLY_OK) status = tally_event_hash(&event, &hash);
        if (status == TALLY_OK && short_hash(&hash) == what.hash && check_event(&event, what.position) == 0) continue;
        if (lost++ < 5) {
            (void)fprintf(stderr, "event %" PRIu64 " of level %u is lost or another one: %s\n", what.position,
                          what.level, tally_status_name(status));
        }
    }
    (void)fclose(promises);
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %u %" PRIu64 "\n", marks.buffered, checked, lost,
                 info.recovery.cut, info.recovery.rewritten_bytes);
    (void)tally_store_close(&store);
    return lost == 0 ? 0 : 1;
}

int main(int count, char **arguments)
{
    if (count < 3) return 64;
    directory = arguments[2];
    if (strcmp(arguments[1], "write") == 0 && count == 5) {
        return run_writer(strtoull(arguments[3], NULL, 10), (int)strtol(arguments[4], NULL, 10));
    }
    if (strcmp(arguments[1], "read") == 0) return run_reader();
    if (strcmp(arguments[1], "second") == 0) return run_second();
    if (strcmp(arguments[1], "check") == 0 && count == 4) return run_check(arguments[3]);
    return 64;
}
