/* platform/posix_files.c, posix_space.c, posix_names.c, posix_clock.c, posix_memory.c, posix_error.c */
#define _GNU_SOURCE 1
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "platform/posix.h"
#include "scratch.h"

static int32_t remove_inside(void *user_data, const char *name)
{
    char path[512];
    int32_t ignored;
    (void)snprintf(path, sizeof path, "%s/%s", in_scratch((const char *)user_data), name);
    (void)tally_posix_remove_file(NULL, path, &ignored);
    return 0;
}

static const tally_platform *files_begin(void)
{
    scratch_make();
    return tally_platform_default();
}

static void files_end(void)
{
    static char names[2][2] = {"d", "e"};
    int32_t ignored;
    for (size_t i = 0; i < 2; i++)
        (void)tally_posix_list_directory(NULL, in_scratch(names[i]), remove_inside, names[i], &ignored);
    scratch_remove();
    CHECK(access(scratch_path, F_OK) != 0);
}

static const char *at(const char *name) { return in_scratch(name); }

FILE_TEST(a_final_link_is_not_followed)
{
    close_it(make("f"));
    CHECK_EQ(symlink(at("f"), at("link")), 0);
    (void)open_with("link", TALLY_OPEN_READ, TALLY_E_DENIED);
    CHECK_EQ(os_error, ELOOP);
    (void)open_with("link", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, TALLY_E_DENIED);
}

FILE_TEST(links_to_directories_are_followed)
{
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    CHECK_EQ(symlink(at("d"), at("link")), 0);
    close_it(make("link/f"));
    CHECK_STATUS(p->sync_directory(p->context, at("link"), &os_error), TALLY_OK);
    char names[64] = "";
    CHECK_STATUS(p->list_directory(p->context, at("link"), note_name, names, &os_error), TALLY_OK);
    CHECK_TEXT(names, "f");
}

FILE_TEST(a_pipe_in_a_files_place_neither_hangs_nor_opens)
{
    CHECK_EQ(mkfifo(at("f"), 0600), 0);
    (void)open_with("f", TALLY_OPEN_READ, TALLY_E_UNSUPPORTED);
    (void)open_with("f", TALLY_OPEN_READ | TALLY_OPEN_WRITE, TALLY_E_UNSUPPORTED);
}

/* With one of the standard streams closed, as a daemon's host may have it. */
static void make_without_stream(int stream, const char *name)
{
    int saved = dup(stream);
    (void)close(stream);
    tally_file file = make(name);
    CHECK(file > STDERR_FILENO);
    CHECK((fcntl((int)file, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_EQ(fcntl(stream, F_GETFD), -1); /* the low one was given back */
    close_it(file);
    if (saved >= 0) {
        CHECK_EQ(dup2(saved, stream), stream);
        (void)close(saved);
    }
}

FILE_TEST(files_are_close_on_exec_and_never_standard_streams)
{
    make_without_stream(STDIN_FILENO, "f");
    make_without_stream(STDERR_FILENO, "g");
}

FILE_TEST(files_and_directories_get_the_mode_that_was_asked)
{
    struct stat about;
    close_it(make("f"));
    CHECK_STATUS(p->make_directory(p->context, at("d"), 0700, &os_error), TALLY_OK);
    CHECK_EQ(stat(at("f"), &about), 0);
    CHECK_EQ(about.st_mode & 07777, 0600);
    CHECK_EQ(stat(at("d"), &about), 0);
    CHECK_EQ(about.st_mode & 07777, 0700);
}

FILE_TEST(reserved_space_is_really_there)
{
    struct stat about;
    tally_file file = make("f");
    CHECK_STATUS(p->allocate_space(p->context, file, 1 << 20, &os_error), TALLY_OK);
    CHECK_EQ(fstat((int)file, &about), 0);
    CHECK(about.st_blocks >= (1 << 20) / 512);
    close_it(file);
}

FILE_TEST(space_that_the_system_refuses_leaves_the_file_as_it_was)
{
    struct rlimit before;
    tally_file file = make("f");
    put(file, "abc", 0);
    void (*handled)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, before.rlim_max}), 0);
    CHECK_STATUS(p->allocate_space(p->context, file, 1 << 20, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(os_error, EFBIG);
    check_content(file, "abc", 3);
    size_t done = 7;
    CHECK_STATUS(p->write_at(p->context, file, "x", 1, 100000, &done, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_slices_at(p->context, file, &(tally_slice){"x", 1}, 1, 100000, &done, &os_error),
                 TALLY_E_NO_SPACE);
    CHECK_STATUS(p->write_at(p->context, file, "xyz", 3, 99999, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 1); /* a short write is told, not hidden */
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handled);
    close_it(file);
}

/* A memory file takes fallocate only for what it can hold; /dev/full says ENOSPC, but is no file. */
FILE_TEST(a_device_is_not_opened)
{
    tally_file file;
    CHECK_STATUS(p->open_file(p->context, "/dev/full", TALLY_OPEN_WRITE, 0, &file, &os_error), TALLY_E_UNSUPPORTED);
    CHECK_EQ(file, TALLY_FILE_NONE);
}

FILE_TEST(a_lock_is_seen_by_another_process_and_goes_with_its_process)
{
    tally_file file = make("f");
    int ready[2];
    char byte;
    CHECK_EQ(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        tally_file own;
        (void)close(ready[0]);
        (void)p->close_file(p->context, file, &os_error);
        bool locked = p->open_file(p->context, at("f"), TALLY_OPEN_READ, 0, &own, &os_error) == TALLY_OK &&
                      p->lock_file(p->context, own, &os_error) == TALLY_OK;
        (void)!write(ready[1], locked ? "y" : "n", 1);
        for (;;) (void)pause();
    }
    (void)close(ready[1]);
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    CHECK_EQ(byte, 'y');
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_E_LOCKED);
    CHECK_EQ(os_error, EWOULDBLOCK);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    close_it(file);
    (void)close(ready[0]);
}

FILE_TEST(a_forked_child_that_closes_its_copy_leaves_the_lock_alone)
{
    int status;
    tally_file file = make("f");
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    pid_t child = fork();
    if (child == 0) _exit(p->close_file(p->context, file, &os_error) == TALLY_OK ? 0 : 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    tally_file second = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, second, &os_error), TALLY_E_LOCKED);
    close_it(second);
    close_it(file);
}

TEST(each_errno_has_the_status_that_says_what_to_do)
{
    const struct {
        int number;
        tally_status status;
    } rows[] = {
        {0, TALLY_OK},
        {ENOENT, TALLY_E_NOT_FOUND},
        {ENOTDIR, TALLY_E_NOT_FOUND},
        {EEXIST, TALLY_E_EXISTS},
        {ENOTEMPTY, TALLY_E_EXISTS},
        {EACCES, TALLY_E_DENIED},
        {EPERM, TALLY_E_DENIED},
        {EROFS, TALLY_E_DENIED},
        {ELOOP, TALLY_E_DENIED},
        {ENOSPC, TALLY_E_NO_SPACE},
        {EDQUOT, TALLY_E_NO_SPACE},
        {EFBIG, TALLY_E_NO_SPACE},
        {ENOMEM, TALLY_E_NO_MEMORY},
        {EINTR, TALLY_E_INTERRUPTED},
        {EBADF, TALLY_E_HANDLE},
        {EINVAL, TALLY_E_ARGUMENT},
        {EISDIR, TALLY_E_ARGUMENT},
        {ENAMETOOLONG, TALLY_E_LENGTH},
        {EOVERFLOW, TALLY_E_OVERFLOW},
        {ETIMEDOUT, TALLY_E_TIMEOUT},
        {ENOSYS, TALLY_E_UNSUPPORTED},
        {EOPNOTSUPP, TALLY_E_UNSUPPORTED},
        {EXDEV, TALLY_E_UNSUPPORTED},
        {EIO, TALLY_E_IO},
        {EMFILE, TALLY_E_IO},
        {123456, TALLY_E_IO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t number = -1;
        CHECK_STATUS(tally_posix_status(rows[i].number), rows[i].status);
        errno = rows[i].number;
        CHECK_STATUS(tally_posix_failed(&number), rows[i].status);
        CHECK_EQ(number, rows[i].number);
    }
}

TEST(no_more_descriptors_is_an_error_of_the_system)
{
    struct rlimit before;
    tally_file file;
    int32_t number = 0;
    const tally_platform *platform = tally_platform_default();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}), 0);
    CHECK_STATUS(platform->open_file(platform->context, "/etc/passwd", TALLY_OPEN_READ, 0, &file, &number), TALLY_E_IO);
    CHECK_EQ(number, EMFILE);
    CHECK_STATUS(platform->list_directory(platform->context, "/", NULL, NULL, &number), TALLY_E_IO);
    CHECK_STATUS(platform->sync_directory(platform->context, "/", &number), TALLY_E_IO);
    uint8_t id[16] = {7};
    CHECK_STATUS(platform->boot_id(platform->context, id, &number), TALLY_E_IO);
    CHECK_EQ(id[0], 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ------------------------------------------------------------------------- clock, identity, random */

TEST(the_wall_clock_is_of_this_century)
{
    const tally_platform *platform = tally_platform_default();
    int64_t now_us = 0;
    int32_t number = -1;
    CHECK_STATUS(platform->wall_clock_us(platform->context, &now_us, &number), TALLY_OK);
    CHECK(now_us > INT64_C(1577836800000000) && now_us < INT64_C(4102444800000000));
    CHECK_EQ(number, 0);
}

TEST(the_monotonic_clock_moves_at_least_as_long_as_a_sleep)
{
    const tally_platform *platform = tally_platform_default();
    uint64_t before = platform->monotonic_ns(platform->context);
    platform->sleep_ns(platform->context, 2000000);
    uint64_t after = platform->monotonic_ns(platform->context);
    CHECK(after - before >= 2000000);
    platform->sleep_ns(platform->context, 0);
}

static void nothing(int number) { (void)number; }

TEST(a_signal_does_not_shorten_a_sleep)
{
    const tally_platform *platform = tally_platform_default();
    struct sigaction action = {.sa_handler = nothing};
    struct sigaction old;
    CHECK_EQ(sigaction(SIGALRM, &action, &old), 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 5; i++) {
            platform->sleep_ns(platform->context, 2000000);
            (void)kill(getppid(), SIGALRM);
        }
        _exit(0);
    }
    uint64_t before = platform->monotonic_ns(platform->context);
    platform->sleep_ns(platform->context, 50000000);
    CHECK(platform->monotonic_ns(platform->context) - before >= 50000000);
    while (waitpid(child, NULL, 0) != child) {
        /* interrupted by its signals */
    }
    CHECK_EQ(sigaction(SIGALRM, &old, NULL), 0);
}

TEST(the_boot_id_stays_the_same)
{
    const tally_platform *platform = tally_platform_default();
    uint8_t first[16] = {0};
    uint8_t second[16] = {0};
    const uint8_t zero[16] = {0};
    int32_t number;
    CHECK_STATUS(platform->boot_id(platform->context, first, &number), TALLY_OK);
    CHECK_STATUS(platform->boot_id(platform->context, second, &number), TALLY_OK);
    CHECK_BYTES(second, first, 16);
    CHECK(memcmp(first, zero, 16) != 0);
}

TEST(file_systems_that_other_machines_write_are_remote_and_local_ones_are_not)
{
    static const uint32_t remote[] = {0x6969,     0x517B,     0xFF534D42, 0xFE534D42, 0x5346414F,
                                      0x00C36400, 0x0BD00BD0, 0x01161970, 0x7461636F, 0x01021997};
    static const uint32_t local[] = {0,          0xEF53 /* ext4 */,        0x58465342 /* XFS */, 0x9123683E /* btrfs */,
                                     0x01021994, 0x794C7630 /* overlay */, 0x2FC12FC1 /* ZFS */, 0x65735546 /* FUSE */};
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) CHECK(tally_posix_type_is_remote(remote[i]));
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) CHECK(!tally_posix_type_is_remote(local[i]));
}

TEST(random_bytes_differ_and_fill_all_of_any_length)
{
    const tally_platform *platform = tally_platform_default();
    static uint8_t first[1000];
    static uint8_t second[1000];
    int32_t number;
    CHECK_STATUS(platform->random_bytes(platform->context, first, sizeof first, &number), TALLY_OK);
    CHECK_STATUS(platform->random_bytes(platform->context, second, sizeof second, &number), TALLY_OK);
    /* Each part of 16 bytes is filled and another: equal ones would come up once in 2^128. */
    for (size_t i = 0; i + 16 <= sizeof first; i += 16) CHECK(memcmp(first + i, second + i, 16) != 0);
    CHECK_STATUS(platform->random_bytes(platform->context, NULL, 0, &number), TALLY_OK);
}

/* ------------------------------------------------------------------------------------------ memory */

TEST(memory_is_given_resized_and_taken_back)
{
    const tally_platform *platform = tally_platform_default();
    char *memory = platform->allocate(platform->context, 10);
    REQUIRE(memory != NULL);
    CHECK_EQ((uintptr_t)memory % _Alignof(max_align_t), 0);
    memcpy(memory, "123456789", 10);
    memory = platform->resize(platform->context, memory, 100000);
    REQUIRE(memory != NULL);
    CHECK_TEXT(memory, "123456789");
    platform->release(platform->context, memory);
    platform->release(platform->context, NULL);
}

static sigjmp_buf after_fault;
static void on_fault(int number)
{
    (void)number;
    siglongjmp(after_fault, 1);
}

/* Whether touching a byte is refused by the system. */
static bool faults(volatile char *address, bool writing)
{
    struct sigaction action = {.sa_handler = on_fault};
    struct sigaction old_segv;
    struct sigaction old_bus;
    volatile bool faulted = true;
    (void)sigaction(SIGSEGV, &action, &old_segv);
    (void)sigaction(SIGBUS, &action, &old_bus);
    if (sigsetjmp(after_fault, 1) == 0) {
        if (writing) *address = 1;
        else (void)*address;
        faulted = false;
    }
    (void)sigaction(SIGSEGV, &old_segv, NULL);
    (void)sigaction(SIGBUS, &old_bus, NULL);
    return faulted;
}

TEST(locked_memory_is_zero_and_ends_in_pages_that_nobody_may_touch)
{
    const tally_platform *platform = tally_platform_default();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = platform->allocate_locked(platform->context, page + 1);
    REQUIRE(memory != NULL);
    for (size_t i = 0; i < 2 * page; i++) CHECK_EQ(memory[i], 0);
    CHECK(!faults(memory + 2 * page - 1, true));
    CHECK(faults(memory - 1, false));
    CHECK(faults(memory + 2 * page, false));
    platform->release_locked(platform->context, memory, page + 1);
    CHECK(faults(memory, false));
    platform->release_locked(platform->context, NULL, 1);
}

TEST(locked_memory_can_be_closed_and_opened)
{
    const tally_platform *platform = tally_platform_default();
    int32_t number;
    char *memory = platform->allocate_locked(platform->context, 32);
    REQUIRE(memory != NULL);
    memory[5] = 'k';
    CHECK_STATUS(platform->protect(platform->context, memory, 32, 0, &number), TALLY_OK);
    CHECK(faults(memory, false));
    CHECK_STATUS(platform->protect(platform->context, memory, 32, 1, &number), TALLY_OK);
    CHECK_EQ(memory[5], 'k');
    CHECK(faults(memory, true));
    CHECK_STATUS(platform->protect(platform->context, memory, 32, 2, &number), TALLY_OK);
    CHECK(!faults(memory, true));
    CHECK_STATUS(platform->protect(platform->context, memory, 32, 3, &number), TALLY_E_OPTION);
    CHECK_STATUS(platform->protect(platform->context, memory, 0, 2, &number), TALLY_E_LENGTH);
    CHECK_STATUS(platform->protect(platform->context, memory + 1, 32, 2, &number), TALLY_E_ARGUMENT);
    CHECK_STATUS(platform->protect(platform->context, memory, 32, 0, &number), TALLY_OK);
    platform->release_locked(platform->context, memory, 32); /* closed as it is */
}

TEST(locked_memory_of_impossible_sizes_is_not_given)
{
    const tally_platform *platform = tally_platform_default();
    CHECK(platform->allocate_locked(platform->context, 0) == NULL);
    CHECK(platform->allocate_locked(platform->context, SIZE_MAX) == NULL);
    CHECK(platform->allocate_locked(platform->context, SIZE_MAX - 8192) == NULL);
    CHECK(platform->allocate_locked(platform->context, SIZE_MAX / 2) == NULL);
}

TEST(a_forked_child_does_not_have_the_keys)
{
    const tally_platform *platform = tally_platform_default();
    int status = -1;
    char *memory = platform->allocate_locked(platform->context, 32);
    REQUIRE(memory != NULL);
    memory[5] = 'k';
    pid_t child = fork();
    if (child == 0) _exit(memory[5]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(memory[5], 'k');
    platform->release_locked(platform->context, memory, 32);
}
