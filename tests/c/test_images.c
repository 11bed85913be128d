/* tests/c/images.h: that every disk a crash may leave is found, once, quickly. */
#include "test.h"

#include "images.h"
#include "platform/default.h"
#include "platform/memory.h"

static _Thread_local int32_t os_error;

static tally_file open_on(const tally_platform *p, const char *path)
{
    tally_file file = TALLY_FILE_NONE;
    (void)p->open_file(p->context, path, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file,
                       &os_error);
    return file;
}

static void close_on(const tally_platform *p, tally_file file) { (void)p->close_file(p->context, file, &os_error); }

static bool is_there(const tally_platform *p, const char *path)
{
    tally_file file;
    if (p->open_file(p->context, path, TALLY_OPEN_READ, 0, &file, &os_error) != TALLY_OK) return false;
    close_on(p, file);
    return true;
}

static tally_platform *new_world(void)
{
    tally_platform *world = NULL;
    if (tally_platform_memory_open(1, &world, NULL) != TALLY_OK) abort();
    return world;
}

/* ---------------------------------------------------------------------------------- images of a moment */

typedef struct sights {
    uint64_t count;
    uint32_t seen; /* bit: which of the files a, b, c were there */
    uint64_t hash; /* of what was made in which order */
    char whats[32][16];
    size_t what_count;
} sights;

static bool look(void *user_data, tally_platform *disk, const wrap_image *image)
{
    sights *all = user_data;
    uint32_t there = 0;
    if (is_there(disk, "/a")) there |= 1;
    if (is_there(disk, "/b")) there |= 2;
    if (is_there(disk, "/c")) there |= 4;
    CHECK_EQ(image->index, all->count);
    CHECK(image->killed == (strcmp(image->what, "killed") == 0));
    all->seen |= 1u << there;
    all->count++;
    all->hash = all->hash * 31 + there + image->number;
    bool known = false;
    for (size_t i = 0; i < all->what_count; i++) known = known || strcmp(all->whats[i], image->what) == 0;
    if (!known && all->what_count < 32) (void)snprintf(all->whats[all->what_count++], 16, "%s", image->what);
    return true;
}

TEST(few_pieces_have_every_subset_once)
{
    sights all = {0};
    tally_platform *world = new_world();
    close_on(world, open_on(world, "/a"));
    close_on(world, open_on(world, "/b"));
    close_on(world, open_on(world, "/c"));
    CHECK_EQ(wrap_each_image(world, NULL, look, &all), 1 + 8);
    CHECK_EQ(all.count, 9);
    CHECK_EQ(all.seen, 0xFF);
    (void)tally_platform_memory_close(&world);
}

TEST(a_synced_world_is_killed_or_loses_nothing)
{
    sights all = {0};
    tally_platform *world = new_world();
    close_on(world, open_on(world, "/a"));
    CHECK_STATUS(world->sync_directory(world->context, "/", &os_error), TALLY_OK);
    CHECK_EQ(wrap_each_image(world, NULL, look, &all), 2);
    CHECK_EQ(all.seen, 1u << 1);
    (void)tally_platform_memory_close(&world);
}

TEST(images_that_differ_in_lost_files_alone_are_one)
{
    sights all = {0};
    size_t done;
    tally_platform *world = new_world();
    tally_file file = open_on(world, "/a");
    CHECK_STATUS(world->write_at(world->context, file, "x", 1, 0, &done, &os_error), TALLY_OK);
    /* killed, nothing, and with the name: neither size nor byte, the size, the byte (which its size lost,
     * but that is not known beforehand), both */
    CHECK_EQ(wrap_each_image(world, NULL, look, &all), 6);
    close_on(world, file);
    (void)tally_platform_memory_close(&world);
}

static void write_many(const tally_platform *p)
{
    static const char *const paths[] = {"/a", "/b", "/c"};
    static const char bytes[2000];
    size_t done;
    for (size_t i = 0; i < 3; i++) {
        tally_file file = open_on(p, paths[i]);
        for (uint64_t k = 0; k < 4; k++) {
            CHECK_STATUS(p->write_at(p->context, file, bytes, sizeof bytes, k * 1500, &done, &os_error), TALLY_OK);
        }
        close_on(p, file);
    }
}

TEST(many_pieces_have_all_sorts_of_images_and_a_seed)
{
    sights runs[3] = {{0}};
    tally_platform *world = new_world();
    write_many(world);
    wrap_images how = {.seed = 7, .random_count = 1000};
    uint64_t visited = wrap_each_image(world, &how, look, &runs[0]);
    CHECK_EQ(runs[0].seen, 0xFF);
    CHECK_EQ(runs[0].what_count, 10); /* all but the two of subsets */
    CHECK(visited > 300);
    CHECK_EQ(wrap_each_image(world, &how, look, &runs[1]), visited);
    CHECK_EQ(runs[0].hash, runs[1].hash);
    how.seed = 8;
    (void)wrap_each_image(world, &how, look, &runs[2]);
    CHECK(runs[0].hash != runs[2].hash);
    how.random_count = WRAP_NO_RANDOM;
    runs[2] = (sights){0};
    CHECK(wrap_each_image(world, &how, look, &runs[2]) < 60);
    CHECK_EQ(runs[2].what_count, 9);
    (void)tally_platform_memory_close(&world);
}

typedef struct chosen {
    uint64_t calls;
    wrap_image last;
} chosen;

static bool stop_at_five(void *user_data, tally_platform *disk, const wrap_image *image)
{
    chosen *seen = user_data;
    (void)disk;
    seen->calls++;
    seen->last = *image;
    return seen->calls < 5;
}

TEST(a_visitor_ends_the_run_and_its_image_can_be_had_alone)
{
    chosen first = {0};
    chosen again = {0};
    tally_platform *world = new_world();
    write_many(world);
    CHECK_EQ(wrap_each_image(world, NULL, stop_at_five, &first), 5);
    CHECK_EQ(first.last.index, 4);
    CHECK_EQ(wrap_each_image(world, &(wrap_images){.only = 4 + 1}, stop_at_five, &again), 1);
    CHECK_EQ(again.calls, 1);
    CHECK_EQ(again.last.index, 4);
    CHECK_TEXT(again.last.what, first.last.what);
    CHECK_EQ(again.last.number, first.last.number);
    (void)tally_platform_memory_close(&world);
}

/* ----------------------------------------------------------------------------- a log, and its mistakes */

#define RECORDS 6
#define RECORD 1300u /* three or four sectors */
#define RESERVED 65536u

#define SYNCS_DATA 1u
#define SYNCS_NAME 2u
#define NOTES_LATE 4u

typedef struct small_log {
    uint32_t does;
    bool with_failed_sync;
    uint64_t lost;   /* images without what was acknowledged */
    uint64_t torn;   /* with a part of a record */
    uint64_t killed; /* that were killed */
    uint64_t images;
    uint64_t reopened; /* crashes of the recovery */
} small_log;

static void append_records(const tally_platform *p, wrap_recording *recording, void *user_data)
{
    const small_log *log = user_data;
    char record[RECORD];
    size_t done;
    void *c = p->context;
    tally_file file = open_on(p, "/log");
    CHECK_STATUS(p->allocate_space(c, file, RESERVED, &os_error), TALLY_OK);
    if ((log->does & SYNCS_NAME) != 0) CHECK_STATUS(p->sync_directory(c, "/", &os_error), TALLY_OK);
    for (uint64_t i = 1; i <= RECORDS; i++) {
        memset(record, (int)i, sizeof record);
        if ((log->does & NOTES_LATE) == 0) wrap_note(recording, 0, i);
        CHECK_STATUS(p->write_at(c, file, record, sizeof record, (i - 1) * RECORD, &done, &os_error), TALLY_OK);
        wrap_note(recording, 1, i);
        if (log->with_failed_sync && i == 3) {
            wrap_fault_set((tally_platform *)(uintptr_t)p, &(wrap_fault){.calls = WRAP_SYNCS, .kind = WRAP_FAIL});
            CHECK_STATUS(p->sync_data(c, file, &os_error), TALLY_E_IO);
            wrap_fault_set((tally_platform *)(uintptr_t)p, NULL);
        }
        if ((log->does & SYNCS_DATA) != 0) CHECK_STATUS(p->sync_data(c, file, &os_error), TALLY_OK);
        wrap_note(recording, 0, i);
    }
    close_on(p, file);
}

/* How many records are whole from the beginning; UINT64_MAX for a record that is torn. */
static uint64_t whole_records(const tally_platform *p, bool *torn)
{
    char record[RECORD];
    size_t done = 0;
    uint64_t whole = 0;
    tally_file file;
    *torn = false;
    if (p->open_file(p->context, "/log", TALLY_OPEN_READ, 0, &file, &os_error) != TALLY_OK) return 0;
    while (p->read_at(p->context, file, record, RECORD, whole * RECORD, &done, &os_error) == TALLY_OK &&
           done == RECORD) {
        size_t same = 0;
        while (same < RECORD && record[same] == (char)(whole + 1)) same++;
        if (same < RECORD) {
            *torn = same > 0 || memchr(record, (int)(whole + 1), RECORD) != NULL;
            break;
        }
        whole++;
    }
    close_on(p, file);
    return whole;
}

static bool check_log(void *user_data, tally_platform *disk, const wrap_image *image)
{
    small_log *log = user_data;
    bool torn;
    uint64_t whole = whole_records(disk, &torn);
    log->images++;
    if (image->killed) log->killed++;
    if (torn) log->torn++;
    if (whole < image->notes[image->killed ? 1 : 0]) log->lost++;
    return !test_has_failed();
}

TEST(a_log_that_syncs_loses_nothing_that_it_acknowledged)
{
    small_log log = {.does = SYNCS_DATA | SYNCS_NAME | NOTES_LATE};
    uint64_t visited = wrap_each_crash(NULL, NULL, append_records, check_log, &log);
    CHECK_EQ(visited, log.images);
    CHECK(visited > 50);
    CHECK_EQ(log.lost, 0);
    CHECK(log.torn > 5);
    CHECK(log.killed > RECORDS);
}

TEST(each_mistake_of_a_log_is_found)
{
    static const small_log mistaken[] = {
        {.does = SYNCS_NAME | NOTES_LATE},
        {.does = SYNCS_DATA | NOTES_LATE},
        {.does = SYNCS_DATA | SYNCS_NAME},
        {.does = SYNCS_DATA | SYNCS_NAME | NOTES_LATE, .with_failed_sync = true},
    };
    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++) {
        small_log log = mistaken[i];
        CHECK(wrap_each_crash(NULL, NULL, append_records, check_log, &log) > 0);
        CHECK(log.lost > 0);
    }
}

static uint64_t crash_points(uint64_t calls)
{
    small_log log = {.does = SYNCS_DATA | SYNCS_NAME | NOTES_LATE};
    tally_platform *world = new_world();
    tally_platform *wrapped = wrap_open(world);
    wrap_recording *recording = wrap_record(wrapped, calls);
    append_records(wrapped, recording, &log);
    wrap_record_end(recording);
    wrap_record_end(recording); /* does nothing */
    wrap_close(&wrapped);
    (void)tally_platform_memory_close(&world); /* the recording stands alone */
    uint64_t count = wrap_point_count(recording);
    CHECK(wrap_visit(recording, NULL, check_log, &log) > count);
    CHECK_EQ(log.lost, 0);
    wrap_recording_free(recording);
    return count;
}

TEST(points_are_where_the_disk_or_the_notes_have_changed)
{
    /* empty, name, size, synced name; then written and synced RECORDS times, the last synced is the end */
    CHECK_EQ(crash_points(0), 1 + 2 + 1 + 2 * RECORDS);
    CHECK_EQ(crash_points(WRAP_SYNCS), 1 + RECORDS + 1);
    wrap_recording_free(NULL);
}

/* --------------------------------------------------------------------------- recoveries, threads, memory */

static void recover(const tally_platform *p, wrap_recording *recording, void *user_data)
{
    static const char zeros[RECORD];
    size_t done;
    bool torn;
    (void)user_data;
    uint64_t whole = whole_records(p, &torn);
    if (!is_there(p, "/log")) return;
    wrap_note(recording, 0, whole);
    tally_file file = open_on(p, "/log");
    (void)p->write_at(p->context, file, zeros, sizeof zeros, whole * RECORD, &done, &os_error);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    close_on(p, file);
}

static bool check_recovered(void *user_data, tally_platform *disk, const wrap_image *image)
{
    small_log *log = user_data;
    bool torn;
    log->reopened++;
    CHECK(whole_records(disk, &torn) >= image->notes[0]);
    return !test_has_failed();
}

static bool crash_the_recovery(void *user_data, tally_platform *disk, const wrap_image *image)
{
    if (image->killed) return true; /* its bytes are not on the device yet: recovery would sync first */
    return wrap_each_crash(disk, NULL, recover, check_recovered, user_data) > 0;
}

TEST(a_recovery_can_be_crashed_again)
{
    small_log log = {.does = SYNCS_DATA | SYNCS_NAME | NOTES_LATE};
    uint64_t visited = wrap_each_crash(NULL, NULL, append_records, crash_the_recovery, &log);
    CHECK(log.reopened > 2 * visited);
}

typedef struct writer {
    const tally_platform *p;
    wrap_recording *recording;
    uint32_t number;
} writer;

static void write_and_note(void *user_data)
{
    const writer *own = user_data;
    const tally_platform *p = own->p;
    char path[8];
    size_t done;
    (void)snprintf(path, sizeof path, "/%" PRIu32, own->number);
    tally_file file = open_on(p, path);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    for (uint64_t i = 1; i <= 20; i++) {
        CHECK_STATUS(p->write_at(p->context, file, &i, sizeof i, 0, &done, &os_error), TALLY_OK);
        CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
        wrap_note(own->recording, own->number, i);
    }
    close_on(p, file);
}

static void write_on_two_threads(const tally_platform *p, wrap_recording *recording, void *user_data)
{
    tally_thread_id threads[2];
    writer writers[2] = {{p, recording, 0}, {p, recording, 1}};
    (void)user_data;
    for (size_t i = 0; i < 2; i++) {
        CHECK_STATUS(p->start_thread(p->context, write_and_note, &writers[i], &threads[i], &os_error), TALLY_OK);
    }
    for (size_t i = 0; i < 2; i++) p->join_thread(p->context, threads[i]);
}

static bool check_numbers(void *user_data, tally_platform *disk, const wrap_image *image)
{
    (void)user_data;
    for (uint32_t i = 0; i < 2; i++) {
        char path[8];
        uint64_t number = 0;
        size_t done;
        (void)snprintf(path, sizeof path, "/%" PRIu32, i);
        tally_file file = open_on(disk, path);
        CHECK_STATUS(disk->read_at(disk->context, file, &number, sizeof number, 0, &done, &os_error), TALLY_OK);
        CHECK(number >= image->notes[i]);
        close_on(disk, file);
    }
    return !test_has_failed();
}

TEST(threads_can_be_recorded_and_their_notes_never_promise_too_much)
{
    CHECK(wrap_each_crash(NULL, NULL, write_on_two_threads, check_numbers, NULL) > 80);
}

TEST(a_recording_that_runs_out_of_memory_visits_nothing_and_leaks_nothing)
{
    tally_platform *world = new_world();
    write_many(world);
    tally_platform *failing = wrap_open(tally_platform_default());
    uint64_t failed = 0;
    for (uint64_t skip = 0; skip < 1000; skip += 7) {
        sights all = {0};
        wrap_fault_set(failing, &(wrap_fault){.calls = WRAP_MEMORY, .skip = skip, .kind = WRAP_FAIL, .for_ever = true});
        tally_platform_default_replace(failing);
        uint64_t visited = wrap_each_image(world, NULL, look, &all);
        tally_platform_default_replace(NULL);
        if (visited == 0) failed++;
        CHECK_EQ(wrap_blocks(failing), 0);
    }
    CHECK(failed > 50);
    wrap_close(&failing);
    (void)tally_platform_memory_close(&world);
}

/* ----------------------------------------------------------------------------------------------- speed */

static void fill_segments(const tally_platform *p, wrap_recording *recording, void *user_data)
{
    static const char bytes[1500];
    size_t done;
    (void)recording;
    (void)user_data;
    for (uint32_t i = 0; i < 8; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/%08" PRIu32, i);
        tally_file file = open_on(p, path);
        CHECK_STATUS(p->allocate_space(p->context, file, RESERVED, &os_error), TALLY_OK);
        for (uint64_t k = 0; k < 10; k++) {
            CHECK_STATUS(p->write_at(p->context, file, bytes, sizeof bytes, k * 1500, &done, &os_error), TALLY_OK);
            if (k % 5 == 4) CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
        }
        CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
        close_on(p, file);
    }
}

static bool count_image(void *user_data, tally_platform *disk, const wrap_image *image)
{
    (void)disk;
    (void)image;
    (*(uint64_t *)user_data)++;
    return true;
}

TEST(ten_thousand_images_of_eight_segments_take_a_moment)
{
    const tally_platform *system = tally_platform_default();
    uint64_t count = 0;
    uint64_t began = system->monotonic_ns(system->context);
    uint64_t visited = wrap_each_crash(NULL, &(wrap_images){.random_count = 1000}, fill_segments, count_image, &count);
    uint64_t took_ns = system->monotonic_ns(system->context) - began;
    CHECK(visited > 10000);
    CHECK_EQ(visited, count);
    printf("#   %" PRIu64 " images, %" PRIu64 " ns each\n", visited, took_ns / (visited + 1));
    CHECK(took_ns / (visited + 1) < 1000000); /* also under a sanitizer on a loaded machine */
}
