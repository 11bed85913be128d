/* tests/c/wrap: that the wrappers break what they say, and nothing else. */
#include "test.h"

#include "platform/memory.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *p;
static int32_t os_error;

static void begin(void)
{
    if (tally_platform_memory_open(1, &world, NULL) != TALLY_OK) abort();
    p = wrap_open(world);
    if (p == NULL) abort();
}

static void end(void)
{
    wrap_close(&p);
    CHECK(p == NULL);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static tally_file make(const char *path)
{
    tally_file file;
    CHECK_STATUS(
        p->open_file(p->context, path, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error),
        TALLY_OK);
    return file;
}

static tally_status put(tally_file file, const char *text, size_t *done)
{
    return p->write_at(p->context, file, text, strlen(text), 0, done, &os_error);
}

static void check_content(tally_file file, const char *wanted)
{
    char is[64] = "";
    size_t done;
    CHECK_STATUS(world->read_at(world->context, file, is, sizeof is - 1, 0, &done, &os_error), TALLY_OK);
    CHECK_TEXT(is, wanted);
}

TEST(a_wrapper_is_a_complete_platform_and_no_world)
{
    begin();
    CHECK_STATUS(tally_platform_check(p, NULL), TALLY_OK);
    CHECK(!tally_memory_is_world(p));
    CHECK(wrap_inner(p) == world);
    end();
}

TEST(every_call_has_a_name_of_its_own)
{
    for (int a = 0; a < WRAP_CALL_COUNT; a++) {
        CHECK(wrap_call_name((wrap_call)a) != NULL);
        for (int b = 0; b < a; b++) CHECK(strcmp(wrap_call_name((wrap_call)a), wrap_call_name((wrap_call)b)) != 0);
    }
    CHECK_TEXT(wrap_call_name(WRAP_OPEN_FILE), "open_file");
    CHECK_TEXT(wrap_call_name(WRAP_SLEEP_NS), "sleep_ns");
    CHECK_TEXT(wrap_call_name(WRAP_FORK_HOOKS), "fork_hooks");
    CHECK_TEXT(wrap_call_name(WRAP_CALL_COUNT), "no call");
}

/* ---------------------------------------------------------------------------- everything goes through */

static int32_t count_name(void *user_data, const char *name)
{
    (void)name;
    (*(int *)user_data)++;
    return 0;
}

static void run_nothing(void) {}
static void run_thread(void *user_data) { *(int *)user_data = 1; }

static void use_files(void)
{
    void *c = p->context;
    char back[4];
    size_t done;
    int names = 0;
    const void *address;
    int32_t remote = 7;
    tally_file_status about;
    CHECK_STATUS(p->make_directory(c, "/d", 0700, &os_error), TALLY_OK);
    tally_file file = make("/d/f");
    CHECK_STATUS(p->write_at(c, file, "abc", 3, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(p->write_slices_at(c, file, &(tally_slice){"d", 1}, 1, 3, &done, &os_error), TALLY_OK);
    CHECK_STATUS(p->read_at(c, file, back, 4, 0, &done, &os_error), TALLY_OK);
    CHECK_BYTES(back, "abcd", 4);
    CHECK_STATUS(p->sync_data(c, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(c, "/d", &os_error), TALLY_OK);
    CHECK_STATUS(p->allocate_space(c, file, 9, &os_error), TALLY_OK);
    CHECK_STATUS(p->truncate_file(c, file, 5, &os_error), TALLY_OK);
    CHECK_STATUS(p->file_status(c, file, &about, &os_error), TALLY_OK);
    CHECK_EQ(about.size_bytes, 5);
    CHECK_STATUS(p->lock_file(c, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->unlock_file(c, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->map_file(c, file, 0, 4, &address, &os_error), TALLY_OK);
    CHECK_BYTES(address, "abcd", 4);
    CHECK_EQ(wrap_maps(p), 1);
    p->unmap(c, address, 4);
    CHECK_EQ(wrap_open_files(p), 1);
    CHECK_STATUS(p->close_file(c, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->rename_file(c, "/d/f", "/d/g", &os_error), TALLY_OK);
    CHECK_STATUS(p->list_directory(c, "/d", count_name, &names, &os_error), TALLY_OK);
    CHECK_EQ(names, 1);
    CHECK_STATUS(p->is_remote(c, "/d", &remote, &os_error), TALLY_OK);
    CHECK_EQ(remote, 0);
    CHECK_STATUS(p->remove_file(c, "/d/g", &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_directory(c, "/d", &os_error), TALLY_OK);
}

static void use_the_rest(void)
{
    void *c = p->context;
    static int32_t once_state;
    int64_t now_us;
    uint8_t id[16];
    char name[8];
    int ran = 0;
    tally_thread_id thread;
    tally_mutex mutex;
    tally_condition condition;
    CHECK_STATUS(p->wall_clock_us(c, &now_us, &os_error), TALLY_OK);
    CHECK(p->monotonic_ns(c) > 0);
    CHECK_STATUS(p->boot_id(c, id, &os_error), TALLY_OK);
    CHECK_EQ(p->process_id(c), world->process_id(world->context));
    CHECK_STATUS(p->host_name(c, name, sizeof name, &os_error), TALLY_OK);
    CHECK_TEXT(name, "memory");
    CHECK_STATUS(p->random_bytes(c, id, 16, &os_error), TALLY_OK);
    p->sleep_ns(c, 1);
    void *memory = p->allocate(c, 10);
    memory = p->resize(c, memory, 20);
    CHECK_EQ(wrap_blocks(p), 1);
    void *from_null = p->resize(c, NULL, 20);
    void *locked = p->allocate_locked(c, 10);
    CHECK_EQ(wrap_blocks(p), 3);
    CHECK_STATUS(p->protect(c, locked, 10, 0, &os_error), TALLY_OK);
    p->release_locked(c, locked, 10);
    p->release(c, memory);
    p->release(c, from_null);
    p->release(c, NULL);
    CHECK_EQ(wrap_blocks(p), 0);
    CHECK_STATUS(p->start_thread(c, run_thread, &ran, &thread, &os_error), TALLY_OK);
    CHECK_EQ(wrap_threads(p), 1);
    p->join_thread(c, thread);
    CHECK_EQ(ran, 1);
    CHECK_EQ(wrap_threads(p), 0);
    CHECK_STATUS(p->mutex_init(c, &mutex, &os_error), TALLY_OK);
    CHECK_STATUS(p->condition_init(c, &condition, &os_error), TALLY_OK);
    p->mutex_lock(c, &mutex);
    CHECK_STATUS(p->condition_wait(c, &condition, &mutex, 0), TALLY_E_TIMEOUT);
    p->condition_wake_all(c, &condition);
    p->mutex_unlock(c, &mutex);
    p->condition_destroy(c, &condition);
    p->mutex_destroy(c, &mutex);
    p->once(c, &once_state, run_nothing);
    (void)p->process_barrier_prepare(c);
    (void)p->process_barrier(c);
    CHECK_STATUS(p->thread_exit_hook(c, run_thread, &os_error), TALLY_OK);
    p->thread_exit_arm(c, NULL);
    CHECK_STATUS(p->fork_hooks(c, NULL, NULL, NULL), TALLY_OK);
}

TEST(every_call_goes_through_and_is_counted_once)
{
    begin();
    use_files();
    use_the_rest();
    for (int call = 0; call < WRAP_CALL_COUNT; call++) {
        uint64_t wanted = call == WRAP_RESIZE ? 2 : call == WRAP_RELEASE ? 3 : 1;
        CHECK_EQ(wrap_count(p, WRAP_BIT(call)), wanted);
    }
    CHECK_EQ(wrap_count(p, WRAP_MEMORY), 4);
    CHECK_EQ(wrap_open_files(p) + wrap_maps(p), 0);
    end();
}

static void use_everything(const tally_platform *platform, void *user_data)
{
    (void)platform;
    (void)user_data;
    use_files();
    use_the_rest();
}

TEST(a_run_without_faults_is_one_run)
{
    uint64_t leaks = 7;
    begin();
    /* A set that is never called: the first run of each round meets no fault. */
    CHECK_EQ(
        wrap_each_failure(p, (wrap_fault){.calls = UINT64_C(1) << 60, .kind = WRAP_FAIL}, use_everything, NULL, &leaks),
        0);
    CHECK_EQ(leaks, 0);
    end();
}

/* ------------------------------------------------------------------------------------------- faults */

TEST(each_fallible_call_fails_with_the_error_that_was_asked)
{
    uint8_t id[16];
    char name[2] = "x";
    int32_t remote = 7;
    int64_t number;
    size_t done = 7;
    const void *address = &done;
    tally_thread_id thread;
    tally_mutex mutex;
    tally_condition condition;
    tally_file file;
    tally_file_status about;
    begin();
    file = make("/f");
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_FALLIBLE | WRAP_BIT(WRAP_CONDITION_WAIT),
                                    .kind = WRAP_FAIL,
                                    .for_ever = true,
                                    .status = TALLY_E_NO_SPACE,
                                    .os_error = 28});
    void *c = p->context;
#define FAILS(call)                           \
    do {                                      \
        os_error = 0;                         \
        CHECK_STATUS(call, TALLY_E_NO_SPACE); \
        CHECK_EQ(os_error, 28);               \
    } while (0)
    FAILS(p->read_at(c, file, id, 1, 0, &done, &os_error));
    CHECK_EQ(done, 0);
    FAILS(p->write_at(c, file, id, 1, 0, &done, &os_error));
    FAILS(p->write_slices_at(c, file, &(tally_slice){id, 1}, 1, 0, &done, &os_error));
    FAILS(p->sync_data(c, file, &os_error));
    FAILS(p->sync_directory(c, "/", &os_error));
    FAILS(p->file_status(c, file, &about, &os_error));
    FAILS(p->truncate_file(c, file, 1, &os_error));
    FAILS(p->allocate_space(c, file, 1, &os_error));
    FAILS(p->rename_file(c, "/f", "/g", &os_error));
    FAILS(p->remove_file(c, "/f", &os_error));
    FAILS(p->make_directory(c, "/d", 0, &os_error));
    FAILS(p->remove_directory(c, "/d", &os_error));
    FAILS(p->list_directory(c, "/", count_name, &done, &os_error));
    FAILS(p->is_remote(c, "/", &remote, &os_error));
    CHECK_EQ(remote, 0);
    FAILS(p->lock_file(c, file, &os_error));
    FAILS(p->unlock_file(c, file, &os_error));
    FAILS(p->map_file(c, file, 0, 1, &address, &os_error));
    CHECK(address == NULL);
    FAILS(p->wall_clock_us(c, &number, &os_error));
    FAILS(p->boot_id(c, id, &os_error));
    FAILS(p->host_name(c, name, sizeof name, &os_error));
    CHECK_TEXT(name, "");
    FAILS(p->random_bytes(c, id, 16, &os_error));
    FAILS(p->protect(c, NULL, 1, 0, &os_error));
    FAILS(p->start_thread(c, run_thread, NULL, &thread, &os_error));
    FAILS(p->mutex_init(c, &mutex, &os_error));
    FAILS(p->condition_init(c, &condition, &os_error));
    FAILS(p->thread_exit_hook(c, run_thread, &os_error));
    FAILS(p->close_file(c, file, &os_error)); /* and has closed */
    FAILS(p->open_file(c, "/f", TALLY_OPEN_READ, 0, &file, &os_error));
    CHECK_EQ(file, TALLY_FILE_NONE);
#undef FAILS
    CHECK_STATUS(p->condition_wait(c, &condition, &mutex, UINT64_MAX), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->process_barrier_prepare(c), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->process_barrier(c), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->fork_hooks(c, NULL, NULL, NULL), TALLY_E_NO_SPACE);
    CHECK(p->allocate(c, 1) == NULL);
    CHECK(p->resize(c, NULL, 1) == NULL);
    CHECK(p->allocate_locked(c, 1) == NULL);
    CHECK_EQ(wrap_open_files(p), 0);
    CHECK_EQ(wrap_blocks(p), 0);
    end();
}

TEST(a_fault_hits_the_kth_call_of_its_set_once)
{
    begin();
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_MEMORY, .skip = 2, .kind = WRAP_FAIL});
    for (int i = 0; i < 5; i++) {
        CHECK(wrap_fault_hit(p) == (i > 2));
        (void)p->monotonic_ns(p->context); /* not of the set: counts for nothing */
        void *memory = p->allocate(p->context, 1);
        CHECK((memory == NULL) == (i == 2));
        p->release(p->context, memory);
    }
    end();
}

TEST(a_fault_for_ever_stays_until_it_is_taken_back)
{
    begin();
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_MEMORY, .skip = 2, .kind = WRAP_FAIL, .for_ever = true});
    for (int i = 0; i < 5; i++) {
        void *memory = p->allocate(p->context, 1);
        CHECK((memory == NULL) == (i >= 2));
        p->release(p->context, memory);
    }
    wrap_fault_set(p, NULL);
    CHECK(!wrap_fault_hit(p));
    void *memory = p->allocate(p->context, 1);
    CHECK(memory != NULL);
    p->release(p->context, memory);
    end();
}

TEST(a_fault_without_a_status_is_an_io_error)
{
    uint8_t id[16];
    begin();
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_BIT(WRAP_BOOT_ID), .kind = WRAP_FAIL});
    CHECK_STATUS(p->boot_id(p->context, id, &os_error), TALLY_E_IO);
    end();
}

TEST(short_calls_do_a_part_and_say_so)
{
    size_t done = 7;
    char back[8];
    begin();
    tally_file file = make("/f");
    wrap_fault_set(p,
                   &(wrap_fault){.calls = WRAP_WRITES | WRAP_READS, .kind = WRAP_SHORT, .for_ever = true, .bytes = 3});
    CHECK_STATUS(put(file, "abcdef", &done), TALLY_OK);
    CHECK_EQ(done, 3);
    check_content(file, "abc");
    const tally_slice slices[] = {{"12", 2}, {NULL, 0}, {"34", 2}, {"56", 2}};
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 4, 3, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 3);
    check_content(file, "abc123");
    CHECK_STATUS(p->read_at(p->context, file, back, 6, 0, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 3);
    CHECK_STATUS(put(file, "AB", &done), TALLY_OK); /* shorter than the part: whole */
    CHECK_EQ(done, 2);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_WRITES, .kind = WRAP_SHORT});
    CHECK_STATUS(put(file, "xyz", &done), TALLY_OK);
    CHECK_EQ(done, 1); /* never 0: the contract says so */
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    end();
}

TEST(torn_writes_do_a_part_and_fail)
{
    size_t done = 7;
    char byte;
    begin();
    tally_file file = make("/f");
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_WRITES | WRAP_BIT(WRAP_READ_AT),
                                    .kind = WRAP_TEAR,
                                    .for_ever = true,
                                    .status = TALLY_E_INTERRUPTED,
                                    .os_error = 4,
                                    .bytes = 3});
    CHECK_STATUS(put(file, "abcdef", &done), TALLY_E_INTERRUPTED);
    CHECK_EQ(done, 0);
    CHECK_EQ(os_error, 4);
    check_content(file, "abc");
    const tally_slice slices[] = {{"12", 2}, {"34", 2}};
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 2, 3, &done, &os_error), TALLY_E_INTERRUPTED);
    CHECK_EQ(done, 0);
    check_content(file, "abc123");
    CHECK_STATUS(p->read_at(p->context, file, &byte, 1, 0, &done, &os_error), TALLY_E_INTERRUPTED);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_WRITES, .kind = WRAP_TEAR});
    CHECK_STATUS(put(file, "xyz", &done), TALLY_E_IO);
    check_content(file, "abc123");
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    end();
}

/* ---------------------------------------------------------------------------------- disk and power */

static tally_platform *after_cut(void)
{
    tally_platform *after = NULL;
    CHECK_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, NULL), TALLY_OK);
    return after;
}

static void check_after_cut(const char *wanted)
{
    tally_platform *after = after_cut();
    tally_file file;
    char is[64] = "";
    size_t done;
    REQUIRE(after != NULL);
    CHECK_STATUS(after->open_file(after->context, "/f", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_OK);
    CHECK_STATUS(after->read_at(after->context, file, is, sizeof is - 1, 0, &done, &os_error), TALLY_OK);
    CHECK_TEXT(is, wanted);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
}

TEST(a_sync_that_is_made_to_fail_loses_what_it_should_have_kept)
{
    size_t done;
    begin();
    tally_file file = make("/f");
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    CHECK_STATUS(put(file, "abc", &done), TALLY_OK);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_SYNCS, .kind = WRAP_FAIL});
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_E_IO);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    check_content(file, "abc");
    check_after_cut("");
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    end();
}

TEST(a_torn_sync_fails_although_its_bytes_are_there)
{
    size_t done;
    begin();
    tally_file file = make("/f");
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    CHECK_STATUS(put(file, "abc", &done), TALLY_OK);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_SYNCS, .kind = WRAP_TEAR, .bytes = SIZE_MAX});
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_E_IO);
    check_after_cut("abc");
    CHECK_STATUS(put(file, "xyz", &done), TALLY_OK);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_SYNCS, .kind = WRAP_SHORT});
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    check_after_cut("xyz");
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    end();
}

TEST(a_power_cut_freezes_the_disk_and_nothing_else)
{
    size_t done;
    tally_file_status about;
    begin();
    tally_file file = make("/f");
    CHECK_STATUS(put(file, "abc", &done), TALLY_OK);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    wrap_fault_set(p, &(wrap_fault){.calls = WRAP_CHANGES, .skip = 1, .kind = WRAP_POWER});
    CHECK_STATUS(put(file, "xyz", &done), TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_E_IO);
    CHECK(wrap_fault_hit(p));
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_E_IO);
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_E_IO);
    CHECK_STATUS(put(file, "123", &done), TALLY_E_IO);
    CHECK_STATUS(p->remove_file(p->context, "/f", &os_error), TALLY_E_IO);
    check_content(file, "xyz"); /* the write was before it */
    check_after_cut("abc");
    void *memory = p->allocate(p->context, 1);
    CHECK(memory != NULL);
    p->release(p->context, memory);
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    wrap_fault_set(p, NULL);
    CHECK_STATUS(p->remove_file(p->context, "/f", &os_error), TALLY_OK); /* the power is back */
    end();
}

static void count_calls(void *user_data, wrap_call call)
{
    uint64_t *seen = user_data;
    *seen = *seen * 100 + (uint64_t)call + 1;
}

TEST(a_watch_sees_the_calls_of_its_set_before_they_happen)
{
    uint64_t seen = 0;
    size_t done;
    begin();
    wrap_watch(p, WRAP_WRITES | WRAP_SYNCS, count_calls, &seen);
    tally_file file = make("/f");
    CHECK_STATUS(put(file, "abc", &done), TALLY_OK);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_EQ(seen, (WRAP_WRITE_AT + 1) * 100 + WRAP_SYNC_DATA + 1);
    wrap_watch(p, WRAP_WRITES, NULL, NULL);
    CHECK_STATUS(put(file, "abc", &done), TALLY_OK);
    CHECK_EQ(seen, (WRAP_WRITE_AT + 1) * 100 + WRAP_SYNC_DATA + 1);
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    end();
}

/* ----------------------------------------------------------------------------- k-th failure, as a whole */

static int successes;

/* A tidy one: three allocations, given back also when one fails. */
static void three_blocks(const tally_platform *platform, void *user_data)
{
    void *blocks[3] = {NULL, NULL, NULL};
    bool leak = user_data != NULL;
    bool all = true;
    for (int i = 0; i < 3 && all; i++) {
        blocks[i] = platform->allocate(platform->context, 8);
        all = blocks[i] != NULL;
    }
    if (all) successes++;
    for (int i = 0; i < 3; i++) {
        if (!leak || all) platform->release(platform->context, blocks[i]);
        else free(blocks[i]); /* forgotten, as far as the wrapper knows */
    }
}

TEST(each_failure_is_tried_once_and_for_ever)
{
    uint64_t leaks = 7;
    begin();
    successes = 0;
    CHECK_EQ(wrap_each_failure(p, (wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL}, three_blocks, NULL, &leaks),
             6);
    CHECK_EQ(successes, 2);
    CHECK_EQ(leaks, 0);
    end();
}

TEST(a_leak_on_a_failing_path_is_found)
{
    uint64_t leaks = 0;
    begin();
    CHECK_EQ(wrap_each_failure(p, (wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL}, three_blocks, &leaks, &leaks),
             6);
    CHECK_EQ(leaks, 4); /* failing the first allocation has nothing to leak */
    end();
}
