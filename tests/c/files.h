/* What the files of every platform promise, as tests: run on the real system by test_platform_posix.c
 * and on the world in memory by test_platform_memory.c, so that the model behaves as the system does.
 *
 * The including file gives `files_begin` (returns the platform, with an empty directory at FILES_PATH of
 * a name) and `files_end`. */
#ifndef TALLY_TEST_FILES_H
#define TALLY_TEST_FILES_H

#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

#include <tallystick/platform.h>

static const tally_platform *files_begin(void);
static void files_end(void);
/* The path of a name in the directory; at most four are in use at a time. */
static const char *at(const char *name);

static const tally_platform *p;
static int32_t os_error;

static tally_file open_with(const char *name, uint32_t flags, tally_status wanted)
{
    tally_file file = 77;
    CHECK_STATUS(p->open_file(p->context, at(name), flags, 0600, &file, &os_error), wanted);
    CHECK((file == TALLY_FILE_NONE) == (wanted != TALLY_OK));
    return file;
}

static tally_file make(const char *name)
{
    return open_with(name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE, TALLY_OK);
}

static void close_it(tally_file file) { CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK); }

static void put(tally_file file, const char *text, uint64_t offset)
{
    size_t done = 0;
    CHECK_STATUS(p->write_at(p->context, file, text, strlen(text), offset, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, strlen(text));
}

/* The file's content is exactly that. */
static void check_content(tally_file file, const char *wanted, size_t length)
{
    char is[64];
    size_t done = 0;
    CHECK_STATUS(p->read_at(p->context, file, is, sizeof is, 0, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, length);
    if (done == length) CHECK_BYTES(is, wanted, length);
}

static uint64_t size_of(tally_file file)
{
    tally_file_status about;
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_OK);
    return about.size_bytes;
}

#define FILE_TEST(name)                 \
    static void file_test_##name(void); \
    TEST(name)                          \
    {                                   \
        p = files_begin();              \
        file_test_##name();             \
        files_end();                    \
    }                                   \
    static void file_test_##name(void)

/* ----------------------------------------------------------------------------------- open and close */

FILE_TEST(a_missing_file_is_not_found_and_created_only_when_asked)
{
    (void)open_with("f", TALLY_OPEN_READ, TALLY_E_NOT_FOUND);
    (void)open_with("f", TALLY_OPEN_READ | TALLY_OPEN_WRITE, TALLY_E_NOT_FOUND);
    close_it(open_with("f", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_OK));
    close_it(open_with("f", TALLY_OPEN_READ, TALLY_OK));
    close_it(open_with("f", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_OK));
}

FILE_TEST(exclusive_creation_refuses_what_exists)
{
    close_it(make("f"));
    (void)open_with("f", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE, TALLY_E_EXISTS);
    close_it(open_with("f", TALLY_OPEN_READ | TALLY_OPEN_EXCLUSIVE, TALLY_OK)); /* means nothing alone */
}

FILE_TEST(unknown_or_missing_open_flags_are_refused)
{
    (void)open_with("f", 0, TALLY_E_OPTION);
    (void)open_with("f", TALLY_OPEN_CREATE, TALLY_E_OPTION);
    (void)open_with("f", TALLY_OPEN_READ | 16, TALLY_E_OPTION);
    (void)open_with("f", 0x80000001, TALLY_E_OPTION);
}

FILE_TEST(a_file_is_no_directory_on_a_path)
{
    close_it(make("f"));
    (void)open_with("f/x", TALLY_OPEN_READ, TALLY_E_NOT_FOUND);
    (void)open_with("missing/x", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->list_directory(p->context, at("f"), NULL, NULL, &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->sync_directory(p->context, at("f"), &os_error), TALLY_E_NOT_FOUND);
}

FILE_TEST(a_name_that_is_too_long_is_told)
{
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)open_with(name, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_E_LENGTH);
    name[255] = '\0'; /* the longest that is none too long */
    close_it(open_with(name, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_OK));
    close_it(open_with(name, TALLY_OPEN_READ, TALLY_OK));
}

FILE_TEST(a_directory_is_opened_for_reading_only)
{
    tally_file_status about;
    tally_file file = open_with("", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_OK);
    CHECK_EQ(about.is_directory, 1);
    close_it(file);
    (void)open_with("", TALLY_OPEN_READ | TALLY_OPEN_WRITE, TALLY_E_ARGUMENT);
    (void)open_with("", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_E_ARGUMENT);
}

FILE_TEST(a_directory_has_no_bytes)
{
    char byte;
    size_t done = 7;
    tally_file file = open_with("", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->read_at(p->context, file, &byte, 1, 0, &done, &os_error), TALLY_E_ARGUMENT);
    CHECK_EQ(done, 0);
    close_it(file);
}

FILE_TEST(a_closed_file_is_no_handle)
{
    char byte = 0;
    size_t done = 7;
    const void *address = &byte;
    tally_file_status about = {.size_bytes = 7};
    tally_file file = make("f");
    close_it(file);
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->read_at(p->context, file, &byte, 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_at(p->context, file, &byte, 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->write_slices_at(p->context, file, &(tally_slice){&byte, 1}, 1, 0, &done, &os_error),
                 TALLY_E_HANDLE);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_E_HANDLE);
    CHECK_EQ(about.size_bytes, 0);
    CHECK_STATUS(p->allocate_space(p->context, file, 10, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->unlock_file(p->context, file, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->map_file(p->context, file, 0, 1, &address, &os_error), TALLY_E_HANDLE);
    CHECK(address == NULL);
    CHECK_STATUS(p->read_at(p->context, TALLY_FILE_NONE, &byte, 1, 0, &done, &os_error), TALLY_E_HANDLE);
}

FILE_TEST(a_file_does_only_what_it_was_opened_for)
{
    char byte = 'x';
    size_t done;
    close_it(make("f"));
    tally_file reading = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    tally_file writing = open_with("f", TALLY_OPEN_WRITE, TALLY_OK);
    CHECK_STATUS(p->write_at(p->context, reading, &byte, 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->write_at(p->context, writing, &byte, 1, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(p->read_at(p->context, writing, &byte, 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->read_at(p->context, reading, &byte, 1, 0, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 1);
    close_it(reading);
    close_it(writing);
}

FILE_TEST(a_file_says_what_it_is)
{
    tally_file_status about;
    tally_file_status other;
    tally_file file = make("f");
    tally_file second = make("g");
    put(file, "12345", 0);
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, second, &other, &os_error), TALLY_OK);
    CHECK_EQ(about.size_bytes, 5);
    CHECK_EQ(about.mode, 0600);
    CHECK_EQ(about.is_directory, 0);
    CHECK(about.device == other.device && about.inode != other.inode);
    close_it(second);
    second = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, second, &other, &os_error), TALLY_OK);
    CHECK_EQ(about.inode, other.inode);
    close_it(file);
    close_it(second);
}

/* ------------------------------------------------------------------------------------ read and write */

FILE_TEST(what_is_written_is_read_and_the_end_reads_nothing)
{
    char text[8] = "xxxxxxx";
    size_t done = 7;
    tally_file file = make("f");
    put(file, "hello", 0);
    put(file, "J", 0);
    check_content(file, "Jello", 5);
    CHECK_STATUS(p->read_at(p->context, file, text, 4, 3, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 2);
    CHECK_BYTES(text, "loxx", 4);
    CHECK_STATUS(p->read_at(p->context, file, text, 4, 5, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->read_at(p->context, file, text, 4, 1000000, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_at(p->context, file, text, 0, 100, &done, &os_error), TALLY_OK);
    CHECK_EQ(size_of(file), 5);
    close_it(file);
}

FILE_TEST(a_gap_reads_as_zeros)
{
    tally_file file = make("f");
    put(file, "a", 3);
    check_content(file, "\0\0\0a", 4);
    close_it(file);
}

FILE_TEST(writes_across_pages_are_whole)
{
    static char text[3 * 4096];
    static char back[sizeof text + 8];
    size_t done;
    tally_file file = make("f");
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7 + i / 251);
    CHECK_STATUS(p->write_at(p->context, file, text, sizeof text, 4000, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, sizeof text);
    CHECK_STATUS(p->read_at(p->context, file, back, sizeof back, 3996, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, sizeof text + 4);
    CHECK_BYTES(back, "\0\0\0\0", 4);
    CHECK_BYTES(back + 4, text, sizeof text);
    close_it(file);
}

FILE_TEST(slices_are_written_one_after_the_other)
{
    size_t done = 7;
    tally_file file = make("f");
    const tally_slice slices[] = {{"ab", 2}, {NULL, 0}, {"cde", 3}, {"f", 1}};
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 4, 1, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 6);
    check_content(file, "\0abcdef", 7);
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 0, 0, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_slices_at(p->context, file, slices + 1, 1, 50, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 0);
    CHECK_EQ(size_of(file), 7);
    close_it(file);
}

FILE_TEST(up_to_1024_slices_go_in_one_call)
{
    static tally_slice slices[1025];
    size_t done = 7;
    tally_file file = make("f");
    for (size_t i = 0; i < 1025; i++) slices[i] = (tally_slice){&"0123456789abcdef"[i % 16], 1};
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 1025, 0, &done, &os_error), TALLY_E_RANGE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_slices_at(p->context, file, slices, 1024, 0, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 1024);
    CHECK_EQ(size_of(file), 1024);
    close_it(file);
}

FILE_TEST(offsets_and_sizes_beyond_63_bits_are_refused)
{
    char byte = 0;
    size_t done = 7;
    const void *address;
    tally_file file = make("f");
    const tally_slice huge[] = {{&byte, SIZE_MAX}, {&byte, 1}};
    CHECK_STATUS(p->write_at(p->context, file, &byte, 1, INT64_MAX, &done, &os_error), TALLY_E_RANGE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_at(p->context, file, &byte, 1, UINT64_MAX, &done, &os_error), TALLY_E_RANGE);
    CHECK_STATUS(p->write_slices_at(p->context, file, &(tally_slice){&byte, 1}, 1, UINT64_MAX, &done, &os_error),
                 TALLY_E_RANGE);
    CHECK_STATUS(p->write_slices_at(p->context, file, huge, 2, 0, &done, &os_error), TALLY_E_OVERFLOW);
    CHECK_STATUS(p->truncate_file(p->context, file, (uint64_t)INT64_MAX + 1, &os_error), TALLY_E_RANGE);
    CHECK_STATUS(p->allocate_space(p->context, file, UINT64_MAX, &os_error), TALLY_E_RANGE);
    CHECK_STATUS(p->map_file(p->context, file, UINT64_MAX - 4095, 4096, &address, &os_error), TALLY_E_RANGE);
    CHECK_EQ(size_of(file), 0);
    close_it(file);
}

/* ------------------------------------------------------------------------------------ size and sync */

FILE_TEST(truncation_cuts_and_grows_with_zeros)
{
    tally_file file = make("f");
    put(file, "abcdef", 0);
    CHECK_STATUS(p->truncate_file(p->context, file, 2, &os_error), TALLY_OK);
    check_content(file, "ab", 2);
    CHECK_STATUS(p->truncate_file(p->context, file, 4, &os_error), TALLY_OK);
    check_content(file, "ab\0\0", 4); /* what was cut does not come back */
    CHECK_STATUS(p->truncate_file(p->context, file, 0, &os_error), TALLY_OK);
    CHECK_EQ(size_of(file), 0);
    close_it(file);
}

FILE_TEST(truncation_across_pages_leaves_zeros)
{
    static char text[10000];
    char back[8];
    size_t done;
    tally_file file = make("f");
    memset(text, 'x', sizeof text);
    CHECK_STATUS(p->write_at(p->context, file, text, sizeof text, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(p->truncate_file(p->context, file, 4098, &os_error), TALLY_OK);
    CHECK_STATUS(p->truncate_file(p->context, file, 10000, &os_error), TALLY_OK);
    CHECK_STATUS(p->read_at(p->context, file, back, 4, 4096, &done, &os_error), TALLY_OK);
    CHECK_BYTES(back, "xx\0\0", 4);
    CHECK_STATUS(p->read_at(p->context, file, back, 8, 9000, &done, &os_error), TALLY_OK);
    CHECK_BYTES(back, "\0\0\0\0\0\0\0\0", 8);
    close_it(file);
}

FILE_TEST(reserved_space_reads_as_zeros_and_never_shortens)
{
    tally_file file = make("f");
    put(file, "ab", 0);
    CHECK_STATUS(p->allocate_space(p->context, file, 5, &os_error), TALLY_OK);
    check_content(file, "ab\0\0\0", 5);
    CHECK_STATUS(p->allocate_space(p->context, file, 1, &os_error), TALLY_OK);
    CHECK_STATUS(p->allocate_space(p->context, file, 0, &os_error), TALLY_OK);
    CHECK_EQ(size_of(file), 5);
    CHECK_STATUS(p->allocate_space(p->context, file, 1000000, &os_error), TALLY_OK);
    CHECK_EQ(size_of(file), 1000000);
    close_it(file);
}

FILE_TEST(files_and_directories_can_be_synced)
{
    tally_file file = make("f");
    put(file, "ab", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, at(""), &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, at("missing"), &os_error), TALLY_E_NOT_FOUND);
    close_it(file);
}

/* ------------------------------------------------------------------------------------------- names */

FILE_TEST(a_rename_replaces_and_moves_the_same_file)
{
    tally_file file = make("new");
    put(file, "new", 0);
    close_it(file);
    file = make("old");
    put(file, "old", 0);
    CHECK_STATUS(p->rename_file(p->context, at("new"), at("old"), &os_error), TALLY_OK);
    check_content(file, "old", 3); /* a handle stays with its file */
    close_it(file);
    (void)open_with("new", TALLY_OPEN_READ, TALLY_E_NOT_FOUND);
    file = open_with("old", TALLY_OPEN_READ, TALLY_OK);
    check_content(file, "new", 3);
    close_it(file);
    CHECK_STATUS(p->rename_file(p->context, at("old"), at("old"), &os_error), TALLY_OK);
    close_it(open_with("old", TALLY_OPEN_READ, TALLY_OK));
    CHECK_STATUS(p->rename_file(p->context, at("missing"), at("old"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->rename_file(p->context, at("old"), at("no/old"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->rename_file(p->context, at("no/old"), at("old"), &os_error), TALLY_E_NOT_FOUND);
}

FILE_TEST(a_rename_works_between_directories)
{
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    close_it(make("f"));
    CHECK_STATUS(p->rename_file(p->context, at("f"), at("d/g"), &os_error), TALLY_OK);
    close_it(open_with("d/g", TALLY_OPEN_READ, TALLY_OK));
    CHECK_STATUS(p->rename_file(p->context, at("d/g"), at("f"), &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_directory(p->context, at("d"), &os_error), TALLY_OK);
}

FILE_TEST(renames_keep_files_and_directories_apart)
{
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->make_directory(p->context, at("e"), 0700, &os_error), TALLY_OK);
    close_it(make("f"));
    CHECK_STATUS(p->rename_file(p->context, at("f"), at("d"), &os_error), TALLY_E_ARGUMENT);
    CHECK_STATUS(p->rename_file(p->context, at("d"), at("f"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->rename_file(p->context, at("d"), at("e"), &os_error), TALLY_OK);
    CHECK_STATUS(p->rename_file(p->context, at("f"), at("e/f"), &os_error), TALLY_OK);
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->rename_file(p->context, at("d"), at("e"), &os_error), TALLY_E_EXISTS);
    CHECK_STATUS(p->remove_file(p->context, at("e/f"), &os_error), TALLY_OK);
}

FILE_TEST(a_removed_file_lives_while_it_is_open)
{
    tally_file file = make("f");
    put(file, "abc", 0);
    CHECK_STATUS(p->remove_file(p->context, at("f"), &os_error), TALLY_OK);
    (void)open_with("f", TALLY_OPEN_READ, TALLY_E_NOT_FOUND);
    check_content(file, "abc", 3);
    close_it(make("f"));
    check_content(file, "abc", 3);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    close_it(file);
    CHECK_STATUS(p->remove_file(p->context, at("gone"), &os_error), TALLY_E_NOT_FOUND);
}

FILE_TEST(directories_are_made_once_and_removed_empty)
{
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_E_EXISTS);
    CHECK_STATUS(p->make_directory(p->context, at("x/y"), 0700, &os_error), TALLY_E_NOT_FOUND);
    close_it(make("d/f"));
    CHECK_STATUS(p->make_directory(p->context, at("d/f"), 0700, &os_error), TALLY_E_EXISTS);
    CHECK_STATUS(p->remove_directory(p->context, at("d"), &os_error), TALLY_E_EXISTS);
    CHECK_STATUS(p->remove_directory(p->context, at("d/f"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->remove_file(p->context, at("d/f"), &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_directory(p->context, at("d"), &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_directory(p->context, at("d"), &os_error), TALLY_E_NOT_FOUND);
}

static int32_t note_name(void *user_data, const char *name)
{
    char *names = user_data; /* 64 bytes */
    size_t length = strlen(names);
    (void)snprintf(names + length, 64 - length, "%s", name);
    return strlen(names) >= 30 ? 1 : 0;
}

FILE_TEST(a_directory_lists_its_names_but_not_itself)
{
    char names[64] = "";
    CHECK_STATUS(p->list_directory(p->context, at(""), note_name, names, &os_error), TALLY_OK);
    CHECK_TEXT(names, "");
    close_it(make("aaa"));
    CHECK_STATUS(p->make_directory(p->context, at("bbb"), 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->list_directory(p->context, at(""), note_name, names, &os_error), TALLY_OK);
    CHECK_EQ(strlen(names), 6);
    CHECK(strstr(names, "aaa") != NULL && strstr(names, "bbb") != NULL);
    CHECK_STATUS(p->list_directory(p->context, at("missing"), note_name, names, &os_error), TALLY_E_NOT_FOUND);
}

FILE_TEST(a_visitor_can_end_a_listing)
{
    char names[64] = "1234567890123456789012345678";
    close_it(make("aaa"));
    close_it(make("bbb"));
    CHECK_STATUS(p->list_directory(p->context, at(""), note_name, names, &os_error), TALLY_OK);
    CHECK_EQ(strlen(names), 31);
}

static int32_t remove_name(void *user_data, const char *name)
{
    (void)user_data;
    CHECK_STATUS(p->remove_file(p->context, at(name), &os_error), TALLY_OK);
    return 0;
}

FILE_TEST(a_visitor_may_remove_what_it_is_shown)
{
    char names[64] = "";
    close_it(make("aaa"));
    close_it(make("bbb"));
    CHECK_STATUS(p->list_directory(p->context, at(""), remove_name, NULL, &os_error), TALLY_OK);
    CHECK_STATUS(p->list_directory(p->context, at(""), note_name, names, &os_error), TALLY_OK);
    CHECK_TEXT(names, "");
}

/* ----------------------------------------------------------------------------------- locks and maps */

FILE_TEST(a_lock_is_for_one_handle_of_this_process_too)
{
    tally_file first = make("f");
    tally_file second = open_with("f", TALLY_OPEN_READ | TALLY_OPEN_WRITE, TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, first, &os_error), TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, first, &os_error), TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, second, &os_error), TALLY_E_LOCKED);
    CHECK_STATUS(p->unlock_file(p->context, second, &os_error), TALLY_OK); /* not its own: nothing */
    CHECK_STATUS(p->lock_file(p->context, second, &os_error), TALLY_E_LOCKED);
    CHECK_STATUS(p->unlock_file(p->context, first, &os_error), TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, second, &os_error), TALLY_OK);
    close_it(second);
    CHECK_STATUS(p->lock_file(p->context, first, &os_error), TALLY_OK);
    second = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    close_it(second); /* closing another handle drops nothing */
    second = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, second, &os_error), TALLY_E_LOCKED);
    close_it(first);
    close_it(second);
}

FILE_TEST(a_map_shows_the_file_and_what_is_written_later)
{
    static char text[5000];
    size_t done;
    const void *address = NULL;
    tally_file file = make("f");
    memset(text, 'x', sizeof text);
    CHECK_STATUS(p->write_at(p->context, file, text, sizeof text, 0, &done, &os_error), TALLY_OK);
    put(file, "tail", 4996);
    REQUIRE_STATUS(p->map_file(p->context, file, 4096, 904, &address, &os_error), TALLY_OK);
    CHECK_BYTES((const char *)address + 900, "tail", 4);
    put(file, "later", 4096);
    CHECK_BYTES(address, "later", 5);
    close_it(file);
    CHECK_BYTES(address, "later", 5); /* a map outlives the handle */
    p->unmap(p->context, address, 904);
}

FILE_TEST(a_map_that_is_given_back_leaves_the_others)
{
    const void *maps[3];
    tally_file file = make("f");
    put(file, "abcdef", 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(p->map_file(p->context, file, 0, 6, &maps[i], &os_error), TALLY_OK);
    }
    p->unmap(p->context, maps[1], 6);
    put(file, "xyz", 0);
    CHECK_BYTES(maps[0], "xyzdef", 6);
    CHECK_BYTES(maps[2], "xyzdef", 6);
    p->unmap(p->context, maps[0], 6);
    CHECK_BYTES(maps[2], "xyzdef", 6);
    p->unmap(p->context, maps[2], 6);
    close_it(file);
}

FILE_TEST(a_map_must_be_aligned_not_empty_and_inside_its_file)
{
    const void *address = &address;
    tally_file file = make("f");
    put(file, "abc", 0);
    CHECK_STATUS(p->map_file(p->context, file, 0, 4, &address, &os_error), TALLY_E_RANGE);
    CHECK(address == NULL);
    CHECK_STATUS(p->map_file(p->context, file, 4096, 1, &address, &os_error), TALLY_E_RANGE);
    CHECK_STATUS(p->map_file(p->context, file, 0, 0, &address, &os_error), TALLY_E_LENGTH);
    CHECK_STATUS(p->map_file(p->context, file, 1, 1, &address, &os_error), TALLY_E_ALIGNMENT);
    CHECK_STATUS(p->map_file(p->context, file, 0, SIZE_MAX, &address, &os_error), TALLY_E_RANGE);
    CHECK(address == NULL);
    close_it(file);
}

/* ------------------------------------------------------------------- what a store meets in a bad world */

FILE_TEST(a_directory_that_is_removed_under_an_open_file_is_an_error_and_no_crash)
{
    int32_t remote = 7;
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    tally_file file = make("d/f");
    put(file, "before", 0);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_file(p->context, at("d/f"), &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_directory(p->context, at("d"), &os_error), TALLY_OK);
    put(file, "behind", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->allocate_space(p->context, file, 100, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, at("d"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->list_directory(p->context, at("d"), NULL, NULL, &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->rename_file(p->context, at("d/f"), at("d/g"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->remove_file(p->context, at("d/f"), &os_error), TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->is_remote(p->context, at("d"), &remote, &os_error), TALLY_E_NOT_FOUND);
    CHECK_EQ(remote, 0);
    (void)open_with("d/g", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_E_NOT_FOUND);
    CHECK_STATUS(p->unlock_file(p->context, file, &os_error), TALLY_OK);
    close_it(file);
}

FILE_TEST(a_local_directory_and_what_is_in_it_are_not_remote)
{
    int32_t remote = 7;
    close_it(make("f"));
    CHECK_STATUS(p->is_remote(p->context, at("f"), &remote, &os_error), TALLY_OK);
    int32_t of_directory = 7;
    CHECK_STATUS(p->is_remote(p->context, at(""), &of_directory, &os_error), TALLY_OK);
    CHECK(remote == of_directory && (remote == 0 || remote == 1)); /* the tests may run on a share */
    remote = 7;
    CHECK_STATUS(p->is_remote(p->context, at("missing"), &remote, &os_error), TALLY_E_NOT_FOUND);
    CHECK_EQ(remote, 0);
}

FILE_TEST(the_machine_has_a_name_that_is_cut_to_fit)
{
    char name[300];
    char cut[4];
    memset(name, 'x', sizeof name);
    CHECK_STATUS(p->host_name(p->context, name, sizeof name, &os_error), TALLY_OK);
    CHECK(memchr(name, '\0', sizeof name) != NULL && name[0] != '\0');
    memset(cut, 'x', sizeof cut);
    CHECK_STATUS(p->host_name(p->context, cut, 3, &os_error), TALLY_OK);
    CHECK(strlen(cut) == (strlen(name) < 2 ? strlen(name) : 2) && strncmp(cut, name, strlen(cut)) == 0);
    CHECK_EQ(cut[3], 'x');
    CHECK_STATUS(p->host_name(p->context, cut, 1, &os_error), TALLY_OK);
    CHECK_TEXT(cut, "");
    cut[0] = 'x';
    CHECK_STATUS(p->host_name(p->context, cut, 0, &os_error), TALLY_E_LENGTH);
    CHECK_EQ(cut[0], 'x');
}

FILE_TEST(the_process_has_the_number_that_the_system_gave_it)
{
    CHECK_EQ(p->process_id(p->context), getpid());
    pid_t child = fork();
    if (child == 0) _exit(p->process_id(p->context) == (uint64_t)getpid() ? 0 : 1);
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

#endif
