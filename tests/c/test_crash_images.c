/* The store on every disk that a crash may leave (images.h): what was acknowledged as durable is there, what a
 * killed process had written is there, the rest is a prefix of whole commits, and nothing is refused, invented
 * or brought back.
 *
 * `make test` tries a share. TALLYSTICK_IMAGES=500000 goes on with other seeds until so many images have been
 * tried, and TALLYSTICK_SEED begins elsewhere. */
#include <pthread.h>

#include <tallystick/tallystick.h>

#include "base/bytes.h"
#include "images.h"
#include "log/lookup.h"
#include "platform/memory.h"
#include "store/store.h"
#include "test.h"

#define EVENTS_MAX 512u
/* A sanitizer takes ten times as long: it gets a share of the share. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 8u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 8u
#endif
#endif
#if !defined(SLOWER)
#define SLOWER 1u
#endif
#define OF_LIBRARY 1000u /* the generation of what the library made */
#define DATA_MAX 24000u

/* ------------------------------------------------------------------------------------------- model */

/* What may be at a position: user events carry the generation of writers and their number in it, so that bytes of
 * a writer whose events were cut are never taken for those of the next. */
typedef struct expected {
    uint32_t generation; /* of the writer; 0: not known */
    uint32_t number;
    bool commit_end; /* a commit ends behind it */
} expected;

typedef struct model {
    uint64_t seed;
    expected events[EVENTS_MAX];
    uint64_t count; /* begun, acknowledged or not */
    /* Several threads appended: a position that nobody was told of may hold any event that was begun. */
    bool loose;
    uint32_t numbers; /* of events that they began */
} model;

enum { NOTE_DURABLE = 0, NOTE_WRITTEN = 1, NOTE_BEGUN = 2, NOTE_STEP = 3 };

static uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t length_scale = 400; /* of a scenario's events */

static size_t data_of(const model *with, const expected *event, uint8_t data[DATA_MAX])
{
    uint64_t random = mix(with->seed * 1000003 + event->generation * 4099 + event->number);
    size_t length = 16 + (size_t)(random % length_scale);
    if (length > DATA_MAX) length = DATA_MAX;
    for (size_t i = 0; i + 8 <= length; i += 8) tally_store_u64(data + i, mix(random + i));
    for (size_t i = length & ~(size_t)7; i < length; i++) data[i] = (uint8_t)i;
    tally_store_u32(data, event->generation);
    tally_store_u32(data + 4, event->number);
    return length;
}

static const char *const streams[3] = {"order/1", "order/2", "customer.7"};

/* ------------------------------------------------------------------------------------------ a writer */

typedef struct writer {
    model *with;
    wrap_recording *recording; /* NULL: nothing is noted */
    uint32_t generation;
    uint32_t number;
    tally_store *store;
    bool failed; /* a fault of the scenario's own ended the handle */
} writer;

static tally_store_options options_on(const tally_platform *platform, uint32_t mode)
{
    return (tally_store_options){.size = sizeof(tally_store_options),
                                 .mode = mode,
                                 .flags = TALLY_STORE_NO_THREAD,
                                 .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                 .queue_bytes = 65536,
                                 .platform = platform};
}

static tally_status open_on(const tally_platform *platform, const char *path, uint32_t mode, tally_store **store,
                            tally_error *error)
{
    tally_store_options options = options_on(platform, mode);
    *store = NULL;
    return tally_store_open(path, strlen(path), &options, store, error);
}

static void note(const writer *by, uint32_t which, uint64_t value)
{
    if (by->recording != NULL) wrap_note(by->recording, which, value);
}

/* Appends `count` events as one commit. The model has them before the call, for the call may be cut off. */
static void append(writer *by, uint32_t count, uint32_t level)
{
    static uint8_t data[16][DATA_MAX];
    tally_draft drafts[16];
    tally_receipt receipts[16];
    model *with = by->with;
    if (by->failed || count > 16 || with->count + count > EVENTS_MAX) return;
    uint64_t first = with->count;
    for (uint32_t i = 0; i < count; i++) {
        expected *event = &with->events[with->count++];
        *event = (expected){by->generation, by->number++, i + 1 == count};
        const char *stream = streams[event->number % 3];
        drafts[i] = (tally_draft){.size = sizeof(tally_draft),
                                  .stream = {stream, strlen(stream)},
                                  .type = {"thing.done", 10},
                                  .data = data[i],
                                  .length = data_of(with, event, data[i])};
    }
    tally_append_options options = {.size = sizeof options, .durability = level};
    tally_error error;
    note(by, NOTE_BEGUN, with->count);
    tally_status status = tally_store_append_many(by->store, drafts, count, &options, receipts, &error);
    if (status == TALLY_E_NO_SPACE) { /* nothing was appended, and the handle goes on */
        with->count = first;
        return;
    }
    if (status != TALLY_OK) {
        by->failed = true;
        return;
    }
    CHECK_EQ(receipts[0].position, first);
    if (level >= TALLY_WRITTEN) note(by, NOTE_WRITTEN, with->count);
    if (level == TALLY_DURABLE) note(by, NOTE_DURABLE, with->count);
}

static void tick_pieces(const writer *by, int pieces)
{
    int32_t more = 1;
    for (int i = 0; i < pieces && more != 0; i++) {
        if (tally_store_tick(by->store, &more, NULL) != TALLY_OK) return;
    }
}

/* A seal or a merge as small as these is six pieces. */
static void tick(const writer *by, int rounds) { tick_pieces(by, 6 * rounds); }

static bool begin(writer *by, const tally_platform *platform)
{
    tally_error error;
    tally_status status = open_on(platform, "/s", TALLY_STORE_OPEN_OR_CREATE, &by->store, &error);
    by->failed = status != TALLY_OK;
    return !by->failed;
}

static void end(writer *by)
{
    bool whole = !by->failed;
    CHECK_STATUS(tally_store_close(&by->store), TALLY_OK);
    /* A close syncs, and says so to nobody when it could not: only without a fault is it a promise. */
    if (whole && by->recording != NULL && by->with->count != 0) {
        note(by, NOTE_WRITTEN, by->with->count);
        note(by, NOTE_DURABLE, by->with->count);
    }
}

/* ----------------------------------------------------------------------------------------- judging */

static uint64_t images_tried, opened, cuts, rewritten, second_crashes, empty;

static bool complain(const wrap_image *image, const char *what, uint64_t is, uint64_t wanted, const tally_error *error)
{
    bool is_legal = false;
    CHECK(is_legal);
    printf("#   %s %" PRIu64 " before %s (point %zu, %s): %s: is %" PRIu64 ", wanted %" PRIu64 "; %s\n", image->what,
           image->number, image->before == WRAP_CALL_COUNT ? "the end" : wrap_call_name(image->before), image->point,
           image->killed ? "killed" : "power cut", what, is, wanted, error == NULL ? "" : error->message);

    return false;
}

/* Whether the last event that was read, the library's own left aside, is the last of its commit. */
static bool last_ends_commit;

/* An event of the first generation that its data name. */
static bool is_one_of(const model *with, const tally_event *event)
{
    static uint8_t data[DATA_MAX];
    if (event->length < 8 || event->data_state != TALLY_DATA_READABLE) return false;
    expected named = {tally_load_u32(event->data), tally_load_u32((const uint8_t *)event->data + 4), false};
    if (named.generation != 1 || named.number >= with->numbers) return false;
    return data_of(with, &named, data) == event->length && memcmp(event->data, data, event->length) == 0;
}

/* Everything that is visible is the model's, in order. Returns how many events there are. */
static bool read_all(tally_store *store, const model *with, uint64_t system_at, uint64_t *count, const char **problem,
                     uint64_t *where)
{
    static uint8_t scratch[DATA_MAX + 4096];
    static uint8_t data[DATA_MAX];
    tally_call call;
    tally_store_body *body;
    tally_look look;
    *problem = "the view";
    if (tally_store_enter(&call, store, &body, NULL) != TALLY_OK) return false;
    tally_status status = tally_store_view_now(body, &look, NULL);
    *problem = NULL;
    *count = status == TALLY_OK ? look.end : 0;
    for (uint64_t i = 0; status == TALLY_OK && i < look.end && *problem == NULL; i++) {
        tally_place place;
        tally_event event;
        *where = i;
        status = tally_lookup_place(look.view, i, &place, NULL);
        if (status == TALLY_OK && place.length > sizeof scratch) *problem = "a frame's length";
        if (status == TALLY_OK && *problem == NULL) {
            status = tally_lookup_event(&place, i, true, scratch, &event, NULL);
        }
        if (status != TALLY_OK || *problem != NULL) break;
        if (i == system_at) {
            if (event.stream.length != 4 || (event.flags & TALLY_EVENT_SYSTEM) == 0) *problem = "the record of the cut";
            continue;
        }
        uint64_t at = i;
        last_ends_commit = event.batch_index + 1 == event.batch_count;
        if (at >= with->count) *problem = "an event that nobody appended";
        else if (with->loose && with->events[at].generation == 0) {
            if (!is_one_of(with, &event)) *problem = "an event that nobody began";
        } else if (with->events[at].generation == OF_LIBRARY) {
            if ((event.flags & TALLY_EVENT_SYSTEM) == 0) *problem = "an event of the library's own";
        } else {
            size_t length = data_of(with, &with->events[at], data);
            if (event.data_state != TALLY_DATA_READABLE || event.length != length ||
                memcmp(event.data, data, length) != 0) {
                *problem = "an event's data";
            }
        }
    }
    if (status != TALLY_OK) *problem = "reading";
    if (status == TALLY_OK || *problem != NULL) tally_view_release(look.view);
    tally_gate_leave(&call);
    return *problem == NULL;
}

static bool is_boundary(const model *with, uint64_t count)
{
    if (with->loose) return count == 0 || last_ends_commit;
    return count == 0 || (count <= with->count && with->events[count - 1].commit_end);
}

/* What must be there: durable events after a power cut, written ones too after a kill. */
static uint64_t at_least(const wrap_image *image)
{
    uint64_t count = image->notes[NOTE_DURABLE];
    if (image->killed && image->notes[NOTE_WRITTEN] > count) count = image->notes[NOTE_WRITTEN];
    return count;
}

static bool judge_count(const wrap_image *image, const model *with, uint64_t count, const char *what)
{
    if (count < at_least(image)) return complain(image, what, count, at_least(image), NULL);
    if (!with->loose && count > image->notes[NOTE_BEGUN])
        return complain(image, "events not begun", count, image->notes[NOTE_BEGUN], NULL);
    if (!is_boundary(with, count)) return complain(image, "a part of a commit", count, at_least(image), NULL);
    return true;
}

/* A reader cuts nothing and shows no less than the next writer keeps. */
static bool judge_reader(tally_platform *disk, const wrap_image *image, const model *with, uint64_t *shown)
{
    tally_store *store;
    tally_error error;
    const char *problem;
    uint64_t before, after, syncs, where = 0;
    *shown = 0;
    tally_memory_progress(disk, &before, &syncs);
    tally_status status = open_on(disk, "/s", TALLY_STORE_READ_ONLY, &store, &error);
    tally_memory_progress(disk, &after, &syncs);
    if (before != after) return complain(image, "a reader writes", after, before, NULL);
    if (status == TALLY_E_NOT_FOUND && at_least(image) == 0) return true;
    if (status != TALLY_OK) return complain(image, "opening to read", (uint64_t)-status, 0, &error);
    bool good = read_all(store, with, UINT64_MAX, shown, &problem, &where);
    (void)tally_store_close(&store);
    if (!good) return complain(image, problem, where, 0, NULL);
    return judge_count(image, with, *shown, "events shown to a reader");
}

static bool judge_fsck(tally_platform *disk, const wrap_image *image, bool after_recovery)
{
    tally_fsck_report report;
    tally_error error;
    tally_upkeep_options options = {.size = sizeof options, .platform = disk};
    tally_status status = tally_fsck("/s", 2, &options, NULL, &report, &error);
    if (status == TALLY_E_NOT_FOUND && at_least(image) == 0) return true;
    if (status != TALLY_OK) return complain(image, "fsck", (uint64_t)-status, 0, &error);
    if (report.structure + report.bad_events + report.indexes != 0) {
        return complain(image, "findings of fsck", report.structure + report.bad_events + report.indexes, 0, NULL);
    }
    if (after_recovery && report.notes != 0) return complain(image, "notes of fsck", report.notes, 0, NULL);
    return true;
}

/* What a writer opened is durable from then on: it appends, closes, and all of it is there again. */
static bool judge_writer(tally_platform *disk, const wrap_image *image, model *with, uint64_t shown)
{
    tally_store *store;
    tally_error error;
    tally_store_info info;
    const char *problem;
    uint64_t count, where = 0;
    tally_status status = open_on(disk, "/s", TALLY_STORE_OPEN_OR_CREATE, &store, &error);
    if (status != TALLY_OK) return complain(image, "opening to write", (uint64_t)-status, 0, &error);
    memset(&info, 0, sizeof info);
    (void)tally_store_info_get(store, &info, NULL);
    uint64_t system_at = info.recovery.cut ? info.recovery.cut_position : UINT64_MAX;
    bool good = read_all(store, with, system_at, &count, &problem, &where);
    if (!good) {
        (void)tally_store_close(&store);
        return complain(image, problem, where, 0, NULL);
    }
    opened++;
    cuts += info.recovery.cut;
    rewritten += info.recovery.rewritten_bytes != 0;
    uint64_t kept = count - info.recovery.cut;
    empty += kept == 0;
    if (!judge_count(image, with, kept, "events kept") || (info.recovery.cut && info.recovery.cut_position != kept)) {
        (void)tally_store_close(&store);
        return complain(image, "the position of the cut", info.recovery.cut_position, kept, NULL);
    }
    if (kept < shown) {
        (void)tally_store_close(&store);
        return complain(image, "events that a reader had seen", kept, shown, NULL);
    }
    /* Another generation goes on from there. */
    model next = *with;
    next.count = kept;
    if (info.recovery.cut) next.events[next.count++] = (expected){OF_LIBRARY, 0, true};
    writer by = {.with = &next, .generation = 2, .store = store};
    append(&by, 1, TALLY_DURABLE);
    append(&by, 2, TALLY_BUFFERED);
    if (by.failed) complain(image, "appending", 0, 0, NULL);
    (void)tally_store_close(&by.store);
    status = open_on(disk, "/s", TALLY_STORE_EXISTING, &store, &error);
    if (status != TALLY_OK) return complain(image, "opening again", (uint64_t)-status, 0, &error);
    good = read_all(store, &next, UINT64_MAX, &count, &problem, &where);
    (void)tally_store_close(&store);
    if (!good) return complain(image, problem, where, 0, NULL);
    if (count != next.count) return complain(image, "events after a clean close", count, next.count, NULL);
    return true;
}

/* ------------------------------------------------------------------------------ a crash in recovery */

typedef struct second {
    model *with; /* as the first crash found it */
    const wrap_image *outer;
    model after; /* with what the recovering writer did */
} second;

static void recover_and_append(const tally_platform *platform, wrap_recording *recording, void *user_data)
{
    second *of = user_data;
    tally_store_info info;
    uint64_t count = 0, where = 0;
    const char *problem;
    writer by = {.with = &of->after, .recording = recording, .generation = 3};
    /* Until the open returns, what the first crash allows is allowed. */
    of->after = *of->with;
    for (uint32_t i = 0; i < WRAP_NOTES; i++) wrap_note(recording, i, of->outer->notes[i]);
    wrap_note(recording, NOTE_WRITTEN, at_least(of->outer)); /* a power cut may have taken what was written */
    if (!begin(&by, platform)) return;
    memset(&info, 0, sizeof info);
    (void)tally_store_info_get(by.store, &info, NULL);
    uint64_t system_at = info.recovery.cut ? info.recovery.cut_position : UINT64_MAX;
    (void)read_all(by.store, &of->after, system_at, &count, &problem, &where);
    of->after.count = count;
    if (info.recovery.cut) of->after.events[count - 1] = (expected){OF_LIBRARY, 0, true};
    wrap_note(recording, NOTE_STEP, count + 1); /* opened: so many events are durable now */
    note(&by, NOTE_BEGUN, count);
    note(&by, NOTE_WRITTEN, count);
    note(&by, NOTE_DURABLE, count);
    append(&by, 1, TALLY_DURABLE);
    append(&by, 3, TALLY_WRITTEN);
    append(&by, 1, TALLY_BUFFERED);
    end(&by);
}

static bool judge_second(void *user_data, tally_platform *disk, const wrap_image *image)
{
    second *of = user_data;
    tally_store *store;
    tally_error error;
    tally_store_info info = {.mode = 0};
    const char *problem = NULL;
    uint64_t count, where = 0;
    second_crashes++;
    tally_status status = open_on(disk, "/s", TALLY_STORE_OPEN_OR_CREATE, &store, &error);
    if (status != TALLY_OK) return complain(image, "opening after a second crash", (uint64_t)-status, 0, &error);
    (void)tally_store_info_get(store, &info, NULL);
    uint64_t system_at = info.recovery.cut ? info.recovery.cut_position : UINT64_MAX;
    /* Before the first recovery was over its record may or may not be there; the model of the outcome decides. */
    bool over = image->notes[NOTE_STEP] != of->outer->notes[NOTE_STEP];
    bool good = read_all(store, &of->after, system_at, &count, &problem, &where);
    if (!good && !over) good = read_all(store, of->with, system_at, &count, &problem, &where);
    (void)tally_store_close(&store);
    if (!good) return complain(image, problem, where, 0, NULL);
    uint64_t kept = count - info.recovery.cut;
    if (kept < at_least(image)) return complain(image, "events after a second crash", kept, at_least(image), NULL);
    if (!is_boundary(&of->after, kept) && (over || !is_boundary(of->with, kept))) {
        return complain(image, "a part of a commit", kept, 0, NULL);
    }
    return true;
}

/* ---------------------------------------------------------------------------------------- scenarios */

typedef struct scenario {
    const char *name;
    void (*run)(writer *by, const tally_platform *platform);
    uint64_t length_scale;
    uint32_t second_every; /* one image of so many is crashed again */
    uint32_t quick_every;  /* `make test` tries one image of so many */
} scenario;

typedef struct run {
    model with;
    const scenario *of;
    uint64_t visited;
    uint32_t every; /* one image of so many is tried */
} run;

static void record(const tally_platform *platform, wrap_recording *recording, void *user_data)
{
    run *now = user_data;
    writer by = {.with = &now->with, .recording = recording, .generation = 1};
    now->with.count = 0;
    now->of->run(&by, platform);
}

static void backing_up(writer *by, const tally_platform *platform)
{
    tally_backup_report report;
    tally_error error;
    if (!begin(by, platform)) return;
    for (int i = 0; i < 6; i++) append(by, 1, i % 2 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
    tick(by, 4);
    if (by->failed) return;
    CHECK_STATUS(tally_store_backup(by->store, "/b", 2, NULL, &report, &error), TALLY_OK);
    note(by, NOTE_STEP, report.events + 1);
    append(by, 1, TALLY_DURABLE);
    end(by);
}

/* A backup that was finished is there, event by event; one that was not opens as nothing, or shows what it has. */
static bool judge_backup(tally_platform *disk, const wrap_image *image, const model *with)
{
    tally_store *store;
    tally_error error;
    const char *problem;
    uint64_t count = 0, where = 0;
    uint64_t wanted = image->notes[NOTE_STEP];
    tally_status status = open_on(disk, "/b", TALLY_STORE_READ_ONLY, &store, &error);
    if (status != TALLY_OK && wanted != 0) return complain(image, "opening a backup", (uint64_t)-status, 0, &error);
    if (status != TALLY_OK) return true;
    bool good = read_all(store, with, UINT64_MAX, &count, &problem, &where);
    (void)tally_store_close(&store);
    if (!good) return complain(image, problem, where, 0, NULL);
    if (wanted != 0 && count != wanted - 1) return complain(image, "events of a backup", count, wanted - 1, NULL);
    return true;
}

static bool visit(void *user_data, tally_platform *disk, const wrap_image *image)
{
    run *now = user_data;
    tally_platform *again = NULL;
    uint64_t shown;
    if (image->index % now->every != 0) return true;
    images_tried++;
    /* The model knows of all that will be begun; at this image some of it has been. */
    bool twice = now->of->second_every != 0 && now->visited++ % now->of->second_every == 0;
    if (twice && tally_memory_copy(disk, &again, NULL) == TALLY_OK) {
        second of = {.with = &now->with, .outer = image};
        (void)wrap_each_crash(again, &(wrap_images){.seed = now->with.seed, .exhaustive_up_to = 4, .random_count = 3},
                              recover_and_append, judge_second, &of);
        (void)tally_platform_memory_close(&again);
        if (test_has_failed()) return complain(image, "crashed again", 0, 0, NULL);
    }
    if (!judge_reader(disk, image, &now->with, &shown)) return false;
    if (now->of->run == backing_up && !judge_backup(disk, image, &now->with)) return false;
    bool check = now->visited % 4 == 0;
    if (check && !judge_fsck(disk, image, false)) return false;
    if (!judge_writer(disk, image, &now->with, shown)) return false;
    return !check || judge_fsck(disk, image, true);
}

static void all_levels(writer *by, const tally_platform *platform)
{
    static const uint32_t levels[] = {TALLY_BUFFERED, TALLY_BUFFERED, TALLY_DURABLE, TALLY_WRITTEN, TALLY_WRITTEN,
                                      TALLY_BUFFERED, TALLY_DURABLE,  TALLY_DURABLE, TALLY_WRITTEN};
    if (!begin(by, platform)) return;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) append(by, 1, levels[i]);
    end(by);
}

static void batches(writer *by, const tally_platform *platform)
{
    if (!begin(by, platform)) return;
    append(by, 3, TALLY_WRITTEN);
    append(by, 5, TALLY_BUFFERED);
    append(by, 2, TALLY_DURABLE);
    append(by, 7, TALLY_WRITTEN);
    append(by, 1, TALLY_WRITTEN);
    append(by, 4, TALLY_DURABLE);
    end(by);
}

/* Two or three segments of 64 KiB that no sync separates. */
static void rotation(writer *by, const tally_platform *platform)
{
    if (!begin(by, platform)) return;
    append(by, 1, TALLY_DURABLE);
    for (int i = 0; i < 12; i++) append(by, 1, i % 5 == 4 ? TALLY_BUFFERED : TALLY_WRITTEN);
    append(by, 1, TALLY_DURABLE);
    for (int i = 0; i < 4; i++) append(by, 2, TALLY_WRITTEN);
    end(by);
}

static void sealing(writer *by, const tally_platform *platform)
{
    if (!begin(by, platform)) return;
    for (int i = 0; i < 12; i++) {
        append(by, 1, i % 3 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
        tick_pieces(by, 1 + i % 5); /* appends come between the pieces of a seal */
    }
    append(by, 1, TALLY_DURABLE);
    tick(by, 8);
    append(by, 1, TALLY_WRITTEN);
    end(by);
}

/* Runs merge when there are enough sealed segments. */
static void runs(writer *by, const tally_platform *platform)
{
    if (!begin(by, platform)) return;
    for (int i = 0; i < 30; i++) {
        append(by, 1, i % 4 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
        if (i % 5 == 4) tick(by, 8);
    }
    tally_error error;
    if (!by->failed && tally_store_sync(by->store, &error) == TALLY_OK) note(by, NOTE_DURABLE, by->with->count);
    tick(by, 16);
    end(by);
}

static void close_and_open(writer *by, const tally_platform *platform)
{
    for (int i = 0; i < 3; i++) {
        if (!begin(by, platform)) return;
        append(by, 1, TALLY_WRITTEN);
        append(by, 2, i == 1 ? TALLY_DURABLE : TALLY_BUFFERED);
        end(by);
    }
    if (begin(by, platform)) end(by); /* and once for nothing */
    if (!begin(by, platform)) return;
    append(by, 1, TALLY_DURABLE);
    end(by);
}

/* A sync fails, the handle ends, the next one goes on in the same boot. */
static uint64_t failing_sync;
static void failed_sync(writer *by, const tally_platform *platform)
{
    tally_platform *faulty = (tally_platform *)(uintptr_t)platform;
    tally_store_info info = {.mode = 0};
    const char *problem;
    uint64_t count = 0, where;
    wrap_fault_set(faulty, &(wrap_fault){.calls = WRAP_SYNCS, .skip = failing_sync, .kind = WRAP_FAIL});
    if (begin(by, platform)) {
        append(by, 2, TALLY_WRITTEN);
        append(by, 1, TALLY_DURABLE);
        append(by, 3, TALLY_WRITTEN);
        append(by, 1, TALLY_DURABLE);
        append(by, 1, TALLY_BUFFERED);
        tally_error error;
        if (!by->failed && tally_store_sync(by->store, &error) != TALLY_OK) by->failed = true;
        bool whole = !wrap_fault_hit(faulty);
        bool failed = by->failed;
        by->failed = true; /* nothing is noted by the close: it may have failed */
        end(by);
        if (whole && !failed && !wrap_fault_hit(faulty)) note(by, NOTE_DURABLE, by->with->count);
    }
    wrap_fault_set(faulty, NULL);
    if (!begin(by, platform)) return;
    (void)tally_store_info_get(by->store, &info, NULL);
    CHECK(read_all(by->store, by->with, info.recovery.cut ? info.recovery.cut_position : UINT64_MAX, &count, &problem,
                   &where));
    /* Nothing was torn: all that was written is there. */
    by->with->count = count;
    if (info.recovery.cut) by->with->events[count - 1] = (expected){OF_LIBRARY, 0, true};
    note(by, NOTE_DURABLE, count);
    by->generation = 4;
    append(by, 1, TALLY_WRITTEN);
    append(by, 1, TALLY_DURABLE);
    end(by);
}

/* More than fill a segment. */
#define FULL_AFTER 200u

/* The disk is full for a while: at rotation, and when sealing makes its sections. */
static void full_disk(writer *by, const tally_platform *platform)
{
    const tally_platform *inner = wrap_inner(platform);
    if (!begin(by, platform)) return;
    append(by, 1, TALLY_DURABLE);
    for (int round = 0; round < 4; round++) {
        uint64_t before = by->with->count;
        tally_memory_set_space(inner, tally_memory_used_space(inner) + (uint64_t)round * 2000);
        uint64_t tried = 0; /* until one is refused: how much room is left depends on the data */
        while (!by->failed && tried < FULL_AFTER && by->with->count == before + tried) {
            append(by, 1, tried++ % 3 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
        }
        tick(by, 3);
        CHECK(by->with->count < before + tried || by->failed);
        tally_memory_set_space(inner, UINT64_MAX);
        append(by, 1, TALLY_WRITTEN);
        tick(by, 2);
    }
    end(by);
}

/* Three threads and the background thread of the store. */
static pthread_mutex_t telling = PTHREAD_MUTEX_INITIALIZER;
static uint64_t told_written, told_durable;

static void append_beside_others(writer *by, uint32_t count, uint32_t level)
{
    uint8_t data[4][DATA_MAX];
    tally_draft drafts[4];
    tally_receipt receipts[4];
    model *with = by->with;
    (void)pthread_mutex_lock(&telling);
    uint32_t number = by->number;
    by->number += count;
    with->count += count;
    with->numbers = by->number;
    (void)pthread_mutex_unlock(&telling);
    for (uint32_t i = 0; i < count; i++) {
        expected event = {by->generation, number + i, false};
        drafts[i] = (tally_draft){.size = sizeof(tally_draft),
                                  .stream = {"order/1", 7},
                                  .type = {"thing.done", 10},
                                  .data = data[i],
                                  .length = data_of(with, &event, data[i])};
    }
    tally_append_options options = {.size = sizeof options, .durability = level};
    if (tally_store_append_many(by->store, drafts, count, &options, receipts, NULL) != TALLY_OK) return;
    (void)pthread_mutex_lock(&telling);
    for (uint32_t i = 0; i < count; i++) {
        with->events[receipts[i].position] = (expected){by->generation, number + i, i + 1 == count};
    }
    uint64_t end = receipts[0].position + count;
    if (level >= TALLY_WRITTEN && end > told_written) note(by, NOTE_WRITTEN, told_written = end);
    if (level == TALLY_DURABLE && end > told_durable) note(by, NOTE_DURABLE, told_durable = end);
    (void)pthread_mutex_unlock(&telling);
}

static void *beside_others(void *by)
{
    static const uint32_t levels[] = {TALLY_WRITTEN, TALLY_DURABLE, TALLY_BUFFERED, TALLY_DURABLE, TALLY_WRITTEN};
    for (uint32_t i = 0; i < 5; i++) append_beside_others(by, 1 + i % 3, levels[i]);
    return NULL;
}

static void threads(writer *by, const tally_platform *platform)
{
    tally_store_options options = options_on(platform, TALLY_STORE_OPEN_OR_CREATE);
    pthread_t running[3];
    options.flags = 0;
    by->with->loose = true;
    told_written = told_durable = 0;
    if (tally_store_open("/s", 2, &options, &by->store, NULL) != TALLY_OK) return;
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&running[i], NULL, beside_others, by) == 0);
    for (int i = 0; i < 3; i++) CHECK(pthread_join(running[i], NULL) == 0);
    end(by);
}

static uint64_t try_scenario(const scenario *of, uint64_t seed, bool quick)
{
    static run now;
    memset(&now, 0, sizeof now);
    now.with.seed = seed;
    now.of = of;
    now.every = quick ? of->quick_every * SLOWER : 1;
    length_scale = of->length_scale;
    wrap_images how = {.seed = seed, .exhaustive_up_to = quick ? 5 : 8, .random_count = quick ? 4 : 48};
    uint64_t count = wrap_each_crash(NULL, &how, record, visit, &now);
    if (test_has_failed()) printf("#   scenario %s, seed %" PRIu64 "\n", of->name, seed);
    return count;
}

static const scenario all[] = {
    {"all levels", all_levels, 400, 60, 1},
    {"batches", batches, 300, 60, 1},
    {"rotation", rotation, 16000, 150, 5},
    {"sealing", sealing, 16000, 150, 5},
    {"runs", runs, 20000, 200, 20},
    {"close and open", close_and_open, 500, 200, 1},
    {"failed sync", failed_sync, 400, 200, 5},
    {"backup", backing_up, 12000, 100, 3},
    {"threads", threads, 1500, 80, 2},
    {"full disk", full_disk, 20000, 150, 8},
};
#define SCENARIOS (sizeof all / sizeof *all)

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static void try_one(size_t i)
{
    uint64_t seed = from_environment("TALLYSTICK_SEED", 1);
    uint64_t before = images_tried;
    (void)try_scenario(&all[i], seed, true);
    CHECK(images_tried - before > 100 / SLOWER);
}

TEST(appends_of_all_levels) { try_one(0); }
TEST(batches_are_whole_or_not_there) { try_one(1); }
TEST(segments_that_no_sync_separates) { try_one(2); }
TEST(sealing_costs_no_event) { try_one(3); }
TEST(merging_costs_no_event) { try_one(4); }
TEST(a_clean_close_and_what_comes_after_it) { try_one(5); }

TEST(a_backup_is_whole_when_it_is_done) { try_one(7); }

TEST(several_threads_at_once) { try_one(8); }

TEST(a_full_disk_refuses_and_loses_nothing) { try_one(9); }

TEST(a_sync_that_failed_is_not_believed_afterwards)
{
    for (failing_sync = 0; failing_sync < 12 && !test_has_failed(); failing_sync++) {
        (void)try_scenario(&all[6], failing_sync + 1, true);
    }
}

TEST(other_seeds_until_enough_have_been_tried)
{
    uint64_t wanted = from_environment("TALLYSTICK_IMAGES", 0);
    uint64_t seed = from_environment("TALLYSTICK_SEED", 1);
    while (images_tried < wanted && !test_has_failed()) {
        seed++;
        failing_sync = seed % 16;
        for (size_t i = 0; i < SCENARIOS && images_tried < wanted && !test_has_failed(); i++) {
            (void)try_scenario(&all[i], seed, false);
        }
        if (seed % 8 == 0) printf("#   %" PRIu64 " images\n", images_tried);
    }
    printf("#   %" PRIu64 " images, %" PRIu64 " opened, %" PRIu64 " with a cut, %" PRIu64 " rewritten, %" PRIu64
           " empty, %" PRIu64 " of second crashes\n",
           images_tried, opened, cuts, rewritten, empty, second_crashes);
}
