/* Files of a store: calls made whole, failures that name the file, names that are read strictly. */
#include "log/file.h"
#include "log/names.h"
#include "platform/memory.h"
#include "test.h"
#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *wrapped;
static tally_folder folder;
static tally_error error;

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    REQUIRE(wrapped != NULL);
    REQUIRE_STATUS(tally_folder_init(&folder, wrapped, "/store", 6, 0640, &error), TALLY_OK);
    REQUIRE_STATUS(tally_folder_make(&folder, "", &error), TALLY_OK);
}

static void end(void)
{
    CHECK_EQ(wrap_open_files(wrapped), 0);
    CHECK_EQ(wrap_blocks(wrapped), 0);
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

#define MAKE (TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE)

static tally_file open_new(const char *name)
{
    tally_file file = 7;
    CHECK_STATUS(tally_file_open(&folder, name, MAKE, &file, &error), TALLY_OK);
    return file;
}

/* ----------------------------------------------------------------------------------------- folders */

TEST(a_folder_takes_its_path_without_the_slashes_behind_it)
{
    char path[TALLY_PATH_MAX];
    begin();
    CHECK_STATUS(tally_folder_init(&folder, wrapped, "/store//", 8, 0600, &error), TALLY_OK);
    CHECK_STATUS(tally_folder_join(&folder, "LOCK", path, &error), TALLY_OK);
    CHECK_TEXT(path, "/store/LOCK");
    CHECK_STATUS(tally_folder_join(&folder, "", path, &error), TALLY_OK);
    CHECK_TEXT(path, "/store");
    CHECK_STATUS(tally_folder_init(&folder, wrapped, "/", 1, 0600, &error), TALLY_OK);
    CHECK_STATUS(tally_folder_join(&folder, "LOCK", path, &error), TALLY_OK);
    CHECK_TEXT(path, "/LOCK");
    end();
}

TEST(a_path_that_is_no_text_or_leaves_no_room_for_names_is_refused)
{
    static char path[TALLY_PATH_MAX];
    static char name[TALLY_PATH_MAX + 1];
    begin();
    memset(path, 'a', sizeof path);
    memset(name, 'b', sizeof name - 1);
    CHECK_STATUS(tally_folder_init(&folder, wrapped, NULL, 1, 0600, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_folder_init(&folder, wrapped, "", 0, 0600, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_folder_init(&folder, wrapped, "a\0b", 3, 0600, &error), TALLY_E_NUL);
    CHECK_STATUS(tally_folder_init(&folder, wrapped, "a\xff", 2, 0600, &error), TALLY_E_UTF8);
    CHECK_STATUS(tally_folder_init(&folder, wrapped, path, 401, 0600, &error), TALLY_E_LENGTH);
    CHECK_TEXT(folder.path, "");
    CHECK_STATUS(tally_folder_init(&folder, wrapped, path, 400, 0600, &error), TALLY_OK);
    CHECK_STATUS(tally_folder_join(&folder, name, path, &error), TALLY_E_LENGTH);
    memset(name, 'b', TALLY_NAME_BYTES);
    name[TALLY_NAME_BYTES - 1] = '\0';
    CHECK_STATUS(tally_folder_join(&folder, name, path, &error), TALLY_OK);
    CHECK_EQ(strlen(path), 400 + 1 + TALLY_NAME_BYTES - 1);
    end();
}

TEST(a_directory_gets_x_where_r_is_set_and_may_exist)
{
    tally_file file;
    tally_file_status about;
    int32_t os_error;
    begin();
    CHECK_STATUS(tally_folder_make(&folder, TALLY_NAME_RUNS, &error), TALLY_OK);
    CHECK_STATUS(tally_folder_make(&folder, TALLY_NAME_RUNS, &error), TALLY_OK);
    CHECK_STATUS(tally_file_open(&folder, TALLY_NAME_RUNS, TALLY_OPEN_READ, &file, &error), TALLY_OK);
    CHECK_STATUS(world->file_status(world->context, file, &about, &os_error), TALLY_OK);
    CHECK_EQ(about.mode, 0750);
    tally_file_close(&folder, &file);
    CHECK_STATUS(tally_folder_make(&folder, "no/such", &error), TALLY_E_NOT_FOUND);
    CHECK_TEXT(error.path, "/store/no/such");
    end();
}

/* --------------------------------------------------------------------------------- reads and writes */

static const char sentence[] = "what was written is what is read";

TEST(short_reads_and_writes_are_gone_on_with)
{
    char back[sizeof sentence + 8];
    size_t done;
    begin();
    tally_file file = open_new("HEAD");
    for (size_t bytes = 1; bytes < sizeof sentence; bytes += 5) {
        memset(back, 0, sizeof back);
        wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_BIT(WRAP_WRITE_AT) | WRAP_BIT(WRAP_READ_AT),
                                              .kind = WRAP_SHORT,
                                              .for_ever = true,
                                              .bytes = bytes});
        CHECK_STATUS(tally_file_write(&folder, "HEAD", file, 3, sentence, sizeof sentence, &error), TALLY_OK);
        CHECK_STATUS(tally_file_read(&folder, "HEAD", file, 3, back, sizeof back, &done, &error), TALLY_OK);
        CHECK_EQ(done, sizeof sentence);
        CHECK_BYTES(back, sentence, sizeof sentence);
    }
    wrap_fault_set(wrapped, NULL);
    CHECK_STATUS(tally_file_read(&folder, "HEAD", file, 1000, back, 4, &done, &error), TALLY_OK);
    CHECK_EQ(done, 0);
    tally_file_close(&folder, &file);
    CHECK_EQ(file, TALLY_FILE_NONE);
    tally_file_close(&folder, &file);
    end();
}

TEST(a_failure_in_the_middle_names_file_and_offset)
{
    char back[8] = "";
    size_t done = 5;
    begin();
    tally_file file = open_new("HEAD");
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_BIT(WRAP_WRITE_AT),
                                          .kind = WRAP_TEAR,
                                          .bytes = 4,
                                          .status = TALLY_E_NO_SPACE,
                                          .os_error = 28});
    CHECK_STATUS(tally_file_write(&folder, "HEAD", file, 100, sentence, 8, &error), TALLY_E_NO_SPACE);
    CHECK_TEXT(error.path, "/store/HEAD");
    CHECK_EQ(error.os_error, 28);
    CHECK_EQ(error.position, 100);
    CHECK_SAYS(error, "writing the file");
    CHECK_STATUS(tally_file_write(&folder, "HEAD", file, 0, sentence, 8, &error), TALLY_OK);
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_BIT(WRAP_READ_AT), .kind = WRAP_FAIL});
    CHECK_STATUS(tally_file_read(&folder, "HEAD", file, 2, back, 4, &done, &error), TALLY_E_IO);
    CHECK_EQ(done, 0);
    CHECK_EQ(error.position, 2);
    CHECK_STATUS(tally_file_open(&folder, "none", TALLY_OPEN_READ, &file, NULL), TALLY_E_NOT_FOUND);
    CHECK_EQ(file, TALLY_FILE_NONE);
    tally_file again = open_new("HEAD");
    tally_file_close(&folder, &again);
    wrap_fault_set(wrapped, NULL);
    wrap_close(&wrapped); /* with the file that the failed open's answer has forgotten */
    wrapped = wrap_open(world);
    end();
}

/* A caller's platform that says that it did more than it was asked, or nothing. */
static size_t lie;
static tally_status lying_read(void *context, tally_file file, void *data, size_t length, uint64_t offset, size_t *done,
                               int32_t *os_error)
{
    (void)context, (void)file, (void)data, (void)offset;
    *os_error = 0;
    *done = lie == 0 ? 0 : length + lie;
    return TALLY_OK;
}

static tally_status lying_write(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                                size_t *done, int32_t *os_error)
{
    (void)data;
    return lying_read(context, file, NULL, length, offset, done, os_error);
}

TEST(a_platform_that_counts_wrong_is_an_io_error_and_no_endless_loop)
{
    tally_platform liar = *tally_platform_default();
    char back[8];
    size_t done;
    liar.read_at = lying_read;
    liar.write_at = lying_write;
    CHECK_STATUS(tally_folder_init(&folder, &liar, "x", 1, 0600, NULL), TALLY_OK);
    for (lie = 0; lie < 2; lie++) {
        CHECK_STATUS(tally_file_write(&folder, "y", 3, 0, back, sizeof back, &error), TALLY_E_IO);
        CHECK_STATUS(tally_file_read(&folder, "y", 3, 0, back, sizeof back, &done, &error),
                     lie == 0 ? TALLY_OK : TALLY_E_IO);
        CHECK_EQ(done, 0);
    }
}

TEST(size_truncation_and_reservation_go_through)
{
    uint64_t size;
    begin();
    tally_file file = open_new("a");
    CHECK_STATUS(tally_file_allocate(&folder, "a", file, 8192, &error), TALLY_OK);
    CHECK_STATUS(tally_file_size(&folder, "a", file, &size, &error), TALLY_OK);
    CHECK_EQ(size, 8192);
    CHECK_STATUS(tally_file_truncate(&folder, "a", file, 5, &error), TALLY_OK);
    CHECK_STATUS(tally_file_size(&folder, "a", file, &size, &error), TALLY_OK);
    CHECK_EQ(size, 5);
    CHECK_STATUS(tally_file_sync(&folder, "a", file, &error), TALLY_OK);
    tally_file_close(&folder, &file);
    CHECK_STATUS(tally_file_remove(&folder, "a", &error), TALLY_OK);
    CHECK_STATUS(tally_file_remove(&folder, "a", &error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_folder_sync(&folder, &error), TALLY_OK);
    CHECK_STATUS(tally_file_open(&folder, "", TALLY_OPEN_READ, &file, &error), TALLY_OK);
    CHECK_STATUS(tally_file_size(&folder, "", file, &size, &error), TALLY_E_FORMAT);
    CHECK_EQ(size, 0);
    tally_file_close(&folder, &file);
    end();
}

/* ------------------------------------------------------------------------------------- replacement */

static char replaced[64];

static size_t read_whole(const tally_platform *platform, const char *name)
{
    tally_folder there;
    tally_file file;
    size_t done = 0;
    if (tally_folder_init(&there, platform, "/store", 6, 0600, NULL) != TALLY_OK) return 0;
    if (tally_file_open(&there, name, TALLY_OPEN_READ, &file, NULL) != TALLY_OK) return 0;
    CHECK_STATUS(tally_file_read(&there, name, file, 0, replaced, sizeof replaced, &done, &error), TALLY_OK);
    tally_file_close(&there, &file);
    return done;
}

TEST(a_replaced_file_is_shorter_and_survives_the_power_cut)
{
    tally_platform *after;
    begin();
    CHECK_STATUS(tally_folder_make(&folder, TALLY_NAME_RUNS, &error), TALLY_OK);
    CHECK_STATUS(tally_folder_sync(&folder, &error), TALLY_OK);
    CHECK_STATUS(world->sync_directory(world->context, "/", &error.os_error), TALLY_OK);
    const char *names[2] = {"HEAD", "runs/00000000-00000001.run"};
    for (size_t i = 0; i < 2; i++) {
        CHECK_STATUS(tally_file_replace(&folder, names[i], sentence, sizeof sentence, &error), TALLY_OK);
        CHECK_STATUS(tally_file_replace(&folder, names[i], "short", 5, &error), TALLY_OK);
        REQUIRE_STATUS(tally_memory_power_cut(world, NULL, NULL, &after, &error), TALLY_OK);
        CHECK_EQ(read_whole(after, names[i]), 5);
        CHECK_BYTES(replaced, "short", 5);
        CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    }
    end();
}

static void replace_once(const tally_platform *platform, void *user_data)
{
    tally_folder there;
    uint64_t *whole = user_data;
    CHECK_STATUS(tally_folder_init(&there, platform, "/store", 6, 0600, NULL), TALLY_OK);
    tally_status status = tally_file_replace(&there, "HEAD", "new bytes", 9, NULL);
    size_t length = read_whole(world, "HEAD");
    bool is_new = length == 9 && memcmp(replaced, "new bytes", 9) == 0;
    bool is_old = length == 5 && memcmp(replaced, "short", 5) == 0;
    CHECK(is_new || is_old);
    CHECK(status != TALLY_OK || is_new);
    *whole += is_new;
    CHECK_STATUS(tally_file_replace(&folder, "HEAD", "short", 5, NULL), TALLY_OK);
}

TEST(a_failed_replacement_leaves_the_old_file_or_the_new_one)
{
    uint64_t leaks = 0;
    uint64_t whole = 0;
    begin();
    tally_platform *failing = wrapped;
    REQUIRE_STATUS(tally_folder_init(&folder, world, "/store", 6, 0640, &error), TALLY_OK);
    CHECK_STATUS(tally_file_replace(&folder, "HEAD", "short", 5, &error), TALLY_OK);
    wrap_fault fault = {.calls = WRAP_CHANGES, .kind = WRAP_FAIL};
    uint64_t runs = wrap_each_failure(failing, fault, replace_once, &whole, &leaks);
    CHECK(runs >= 12); /* open, truncate, write, sync, rename, directory: once and for ever */
    CHECK_EQ(leaks, 0);
    CHECK(whole >= 2); /* the runs that met no fault */
    CHECK_STATUS(tally_file_replace(&folder, "0123456789012345678901234567890123456789012345678901234567890123456", "",
                                    0, &error),
                 TALLY_E_LENGTH);
    end();
}

/* ------------------------------------------------------------------------------------------- names */

TEST(names_of_segments_and_runs_read_back)
{
    static const uint64_t numbers[] = {0, 1, 42, 99999999, 100000000, UINT64_MAX};
    char name[TALLY_NAME_BYTES];
    uint64_t a, b;
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = i; k < 6; k++) {
            tally_name_segment(numbers[k], numbers[i], name);
            CHECK(tally_name_is_segment(name, &a, &b));
            CHECK_EQ(a, numbers[k]);
            CHECK_EQ(b, numbers[i]);
            tally_name_run(numbers[i], numbers[k], name);
            CHECK(tally_name_is_run(name + strlen("runs/"), &a, &b));
            CHECK_EQ(a, numbers[i]);
            CHECK_EQ(b, numbers[k]);
        }
    }
    tally_name_segment(7, 1, name);
    CHECK_TEXT(name, "00000007.01.seg");
    tally_name_run(7, 12, name);
    CHECK_TEXT(name, "runs/00000007-00000012.run");
}

TEST(what_is_not_exactly_a_name_is_none)
{
    static const char *const segments[] = {"",
                                           "0.0.seg",
                                           "000000000.00.seg",
                                           "00000000.000.seg",
                                           "00000000.00.seg ",
                                           "00000000.00.SEG",
                                           "0000000a.00.seg",
                                           "00000000-00.seg",
                                           "00000000.seg",
                                           "-0000001.00.seg",
                                           "00000000..seg",
                                           "18446744073709551616.00.seg",
                                           "99999999999999999999999999999999999999.00.seg",
                                           "00000000.00.seg.new"};
    static const char *const runs[] = {"",
                                       "00000001-00000000.run",
                                       "0-1.run",
                                       "00000000-00000001.ru",
                                       "00000000-00000001.run.new",
                                       "runs/00000000-00000001.run"};
    uint64_t a = 1, b = 1;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) CHECK(!tally_name_is_segment(segments[i], &a, &b));
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) CHECK(!tally_name_is_run(runs[i], &a, &b));
    CHECK_EQ(a | b, 0);
}
