/* Every byte of a small store is flipped: each flip gives a named reason, or answers that are equal to those before.
 *
 * The store has a sealed segment, one that is not, heads, a tree, and in the second test a run. Bytes that are zero, and
 * the inside of large data, are tried here and there; with TALLY_TAMPER_ALL in the environment all of them are. */
#include "test.h"

#include "tampers.h"

static saved_store saved;
static uint64_t tried, equal, found[32];

/* What a reader is told, as one number: all events with all that they say, and what is found by names and ids. */
static uint64_t answer;
static void mix(const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++) answer = (answer ^ from[i]) * UINT64_C(0x100000001b3);
    answer ^= answer >> 29;
}

static void mix_event(const tally_event *event)
{
    mix(&event->position, sizeof event->position);
    mix(&event->version, sizeof event->version);
    mix(&event->time_us, sizeof event->time_us);
    mix(&event->id, sizeof event->id);
    mix(event->stream.bytes, event->stream.length);
    mix(event->type.bytes, event->type.length);
    mix(event->data, event->length);
    mix(&event->data_state, sizeof event->data_state);
}

static const char *const asked_streams[] = {"a/0/x.y", "a/3/x.y", "big", "none"};

/* 0: the store does not open, or an event is not read. */
static uint64_t ask(uint64_t events)
{
    tally_store_options options = store_options();
    tally_store *reader;
    static uint8_t buffer[1 << 17];
    tally_event event;
    size_t needed;
    options.mode = TALLY_STORE_READ_ONLY;
    answer = 1;
    if (tally_store_open("store", 5, &options, &reader, NULL) != TALLY_OK) return 0;
    for (uint64_t i = 0; i < events && answer != 0; i++) {
        uint64_t position = 0;
        if (tally_store_get(reader, i, buffer, sizeof buffer, &needed, &event, NULL) != TALLY_OK) {
            answer = 0;
            break;
        }
        mix_event(&event);
        if (tally_store_find_id(reader, &event.id, &position, NULL) != TALLY_OK || position != i) answer = 0;
    }
    for (size_t i = 0; answer != 0 && i < sizeof asked_streams / sizeof asked_streams[0]; i++) {
        tally_stream_head head;
        if (tally_store_stream_head(reader, text(asked_streams[i]), &head, NULL) != TALLY_OK) answer = 0;
        else mix(&head, sizeof head);
    }
    CHECK_STATUS(tally_store_close(&reader), TALLY_OK);
    return answer;
}

static bool is_wanted(const saved_file *file, size_t i)
{
    static int all = -1;
    if (all < 0) all = getenv("TALLY_TAMPER_ALL") != NULL;
    if (all != 0) return true;
    if (file->bytes[i] == 0 && (i == 0 || file->bytes[i - 1] == 0)) return i % 61 == 0;
    bool in_data = i > 4700 && i < 59000 && file->length > 59000;
    return !in_data || i % 257 == 0;
}

static void flip(const saved_file *file, size_t i, uint64_t events, uint64_t wanted)
{
    static const uint8_t bits[] = {0x01, 0x80, 0xff, 0x10};
    uint8_t byte = file->bytes[i] ^ bits[i % 4];
    tally_verify_options options = verify_options();
    patch_file(file->path, i, &byte, 1);
    tally_status status = tally_verify("store", 5, &options, &verified, &verify_error);
    CHECK_STATUS(status, TALLY_OK);
    tried++;
    if (verified.reason != TALLY_REASON_NONE) {
        found[verified.reason]++;
    } else {
        uint64_t is = ask(events);
        equal++;
        if (is != wanted || verified.events != events) printf("# %s, byte %zu: other answers\n", file->path, i);
        CHECK_EQ(is, wanted);
        CHECK_EQ(verified.events, events);
    }
    patch_file(file->path, i, &file->bytes[i], 1);
}

static void flip_files(uint64_t events, const char *only)
{
    save_store(&saved);
    uint64_t wanted = ask(events);
    CHECK(wanted != 0);
    tried = equal = 0;
    memset(found, 0, sizeof found);
    for (size_t file = 0; file < saved.count; file++) {
        if (strstr(saved.files[file].path, "LOCK") != NULL) continue; /* for people */
        if (only != NULL && strstr(saved.files[file].path, only) == NULL) continue;
        for (size_t i = 0; i < saved.files[file].length; i++)
            if (is_wanted(&saved.files[file], i)) flip(&saved.files[file], i, events, wanted);
    }
    CHECK(is_found(TALLY_REASON_NONE));
    printf("# %" PRIu64 " flips tried, %" PRIu64 " with equal answers;", tried, equal);
    for (uint32_t i = 0; i < 32; i++)
        if (found[i] != 0) printf(" %s %" PRIu64, tally_reason_name(i), found[i]);
    printf("\n");
    forget_store(&saved);
}

static void append_big(void)
{
    static char data[56000];
    tally_append_options options = at_level(TALLY_DURABLE);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7 + i / 251);
    tally_draft one = draft("big", "");
    one.data = data;
    one.length = sizeof data;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
}

TEST(every_flip_of_a_signed_store_is_named_or_answers_are_equal)
{
    begin_signed();
    append_many(0, 6);
    append_big();
    append_big();
    append_many(7, 3);
    while (figures_now().sealed_segments + 1 < figures_now().segments) work();
    (void)checkpoint_now();
    uint64_t events = marks_now().durable;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    flip_files(events, NULL);
    CHECK(tried > 2000);
    end();
}

TEST(every_flip_of_a_run_is_named_or_answers_are_equal)
{
    begin_signed();
    for (uint64_t i = 0; i < 3; i++) {
        append_many(i * 10, 4);
        append_big();
        append_big();
    }
    while (figures_now().sealed_segments + 1 < figures_now().segments) work();
    for (int i = 0; i < 20; i++) work();
    uint64_t events = marks_now().durable;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    flip_files(events, "runs/");
    CHECK(tried > 500);
    end();
}
