/* platform/posix*.c when the system interrupts, refuses, or cannot: with real system calls that fail. */
#define _GNU_SOURCE 1
#include "refuse.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "platform/posix.h"
#include "scratch.h"

#if REFUSE_SUPPORTED

static const tally_platform *p;
static int32_t os_error;
static tally_file file;

static void begin(void)
{
    size_t done;
    scratch_make();
    p = tally_platform_default();
    CHECK_STATUS(p->open_file(p->context, in_scratch("f"), TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600,
                              &file, &os_error),
                 TALLY_OK);
    CHECK_STATUS(p->write_at(p->context, file, "abc", 3, 0, &done, &os_error), TALLY_OK);
}

static void end(void)
{
    CHECK_STATUS(p->close_file(p->context, file, &os_error), TALLY_OK);
    scratch_remove();
}

/* In a child the harness's checks go nowhere: a problem is a number, the line. */
#define HOLDS(condition)                            \
    do {                                            \
        if (!(condition)) return __LINE__ % 98 + 1; \
    } while (0)

static uint64_t size_now(void)
{
    struct stat about;
    return stat(in_scratch("f"), &about) == 0 ? (uint64_t)about.st_size : UINT64_MAX;
}

/* ------------------------------------------------------------------------------------ interruptions */

static int all_goes_well(void)
{
    char back[8];
    size_t done;
    tally_file other;
    uint8_t id[16];
    int32_t remote;
    HOLDS(p->open_file(p->context, in_scratch("f"), TALLY_OPEN_READ, 0, &other, &os_error) == TALLY_OK);
    HOLDS(p->lock_file(p->context, other, &os_error) == TALLY_OK);
    HOLDS(p->close_file(p->context, other, &os_error) == TALLY_OK);
    HOLDS(p->read_at(p->context, file, back, 8, 0, &done, &os_error) == TALLY_OK && done == 3);
    HOLDS(p->write_at(p->context, file, "xy", 2, 0, &done, &os_error) == TALLY_OK && done == 2);
    HOLDS(p->write_slices_at(p->context, file, &(tally_slice){"z", 1}, 1, 2, &done, &os_error) == TALLY_OK &&
          done == 1);
    HOLDS(p->allocate_space(p->context, file, 100, &os_error) == TALLY_OK);
    HOLDS(p->truncate_file(p->context, file, 3, &os_error) == TALLY_OK);
    HOLDS(p->sync_data(p->context, file, &os_error) == TALLY_OK);
    HOLDS(p->sync_directory(p->context, scratch_path, &os_error) == TALLY_OK);
    HOLDS(p->boot_id(p->context, id, &os_error) == TALLY_OK);
    HOLDS(p->random_bytes(p->context, id, 16, &os_error) == TALLY_OK);
    HOLDS(p->is_remote(p->context, scratch_path, &remote, &os_error) == TALLY_OK);
    HOLDS(p->read_at(p->context, file, back, 8, 0, &done, &os_error) == TALLY_OK && done == 3);
    HOLDS(memcmp(back, "xyz", 3) == 0);
    HOLDS(refuse_met[0] > refuse_rows[0].times); /* it was interrupted, and made again */
    return 0;
}

TEST(every_interrupted_call_is_made_again)
{
    const long calls[] = {SYS_openat,    SYS_flock,     SYS_pread64, SYS_pwrite64, SYS_pwritev,   SYS_fallocate,
                          SYS_ftruncate, SYS_fdatasync, SYS_fsync,   SYS_read,     SYS_getrandom, SYS_statfs};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (uint32_t times = 1; times <= 3; times += 2) {
            begin();
            CHECK_REFUSED(all_goes_well, {calls[i], EINTR, 0, times});
            end();
        }
    }
}

/* The descriptor is gone although the call says otherwise; a second close could hit another's. */
static int close_is_not_repeated(void)
{
    HOLDS(p->close_file(p->context, file, &os_error) == TALLY_OK && os_error == 0);
    HOLDS(refuse_met[0] == 1);
    return 0;
}

TEST(an_interrupted_close_is_not_made_again)
{
    begin();
    CHECK_REFUSED(close_is_not_repeated, {SYS_close, EINTR, 0, 1});
    end();
}

static int close_fails(void)
{
    HOLDS(p->close_file(p->context, file, &os_error) == TALLY_E_IO && os_error == EIO);
    return 0;
}

TEST(a_close_that_fails_is_told)
{
    begin();
    CHECK_REFUSED(close_fails, {SYS_close, EIO, 0, 1});
    end();
}

/* -------------------------------------------------------------------------------------- the device */

static int writes_fail(void)
{
    size_t done = 7;
    HOLDS(p->write_at(p->context, file, "x", 1, 0, &done, &os_error) == TALLY_E_NO_SPACE && done == 0);
    HOLDS(os_error == ENOSPC);
    done = 7;
    HOLDS(p->write_slices_at(p->context, file, &(tally_slice){"x", 1}, 1, 0, &done, &os_error) == TALLY_E_NO_SPACE);
    HOLDS(done == 0);
    return 0;
}

TEST(a_full_device_is_told)
{
    begin();
    CHECK_REFUSED(writes_fail, {SYS_pwrite64, ENOSPC, 0, 0}, {SYS_pwritev, ENOSPC, 0, 0});
    end();
}

static int writes_do_nothing(void)
{
    size_t done = 7;
    HOLDS(p->write_at(p->context, file, "x", 1, 0, &done, &os_error) == TALLY_E_IO && done == 0);
    HOLDS(p->write_slices_at(p->context, file, &(tally_slice){"x", 1}, 1, 0, &done, &os_error) == TALLY_E_IO);
    HOLDS(p->write_at(p->context, file, "x", 0, 0, &done, &os_error) == TALLY_OK);
    return 0;
}

TEST(a_write_of_nothing_without_an_error_is_an_error)
{
    begin();
    CHECK_REFUSED(writes_do_nothing, {SYS_pwrite64, 0, 0, 0}, {SYS_pwritev, 0, 0, 0});
    end();
}

static int data_does_not_sync(void)
{
    HOLDS(p->sync_data(p->context, file, &os_error) ==
          (refuse_rows[0].error == EIO ? TALLY_E_IO : TALLY_E_UNSUPPORTED));
    HOLDS(os_error == refuse_rows[0].error);
    return 0;
}

TEST(a_sync_that_fails_is_told_from_one_that_does_not_exist)
{
    begin();
    CHECK_REFUSED(data_does_not_sync, {SYS_fdatasync, EIO, 0, 0});
    CHECK_REFUSED(data_does_not_sync, {SYS_fdatasync, EINVAL, 0, 0});
    CHECK_REFUSED(data_does_not_sync, {SYS_fdatasync, EROFS, 0, 0});
    end();
}

static int directory_does_not_sync(void)
{
    tally_status status = p->sync_directory(p->context, scratch_path, &os_error);
    HOLDS(status == (refuse_rows[0].error == EIO ? TALLY_E_IO : TALLY_E_UNSUPPORTED));
    return 0;
}

TEST(a_directory_that_cannot_be_synced_is_told)
{
    begin();
    CHECK_REFUSED(directory_does_not_sync, {SYS_fsync, EIO, 0, 0});
    CHECK_REFUSED(directory_does_not_sync, {SYS_fsync, EINVAL, 0, 0});
    end();
}

static int nothing_is_known_of_a_file(void)
{
    tally_file other;
    tally_file_status about;
    const void *address;
    HOLDS(p->open_file(p->context, in_scratch("f"), TALLY_OPEN_READ, 0, &other, &os_error) == TALLY_E_IO);
    HOLDS(other == TALLY_FILE_NONE && os_error == EIO);
    HOLDS(p->file_status(p->context, file, &about, &os_error) == TALLY_E_IO);
    HOLDS(p->allocate_space(p->context, file, 10, &os_error) == TALLY_E_IO);
    HOLDS(p->map_file(p->context, file, 0, 1, &address, &os_error) == TALLY_E_IO);
    return 0;
}

TEST(a_file_that_does_not_say_what_it_is_is_not_opened)
{
    begin();
    CHECK_REFUSED(nothing_is_known_of_a_file, {SYS_newfstatat, EIO, 0, 0}, {SYS_fstat, EIO, 0, 0});
    end();
}

static int no_listing(void)
{
    HOLDS(p->list_directory(p->context, scratch_path, NULL, NULL, &os_error) == TALLY_E_IO && os_error == EIO);
    return 0;
}

TEST(a_directory_that_cannot_be_read_is_told)
{
    begin();
    CHECK_REFUSED(no_listing, {SYS_getdents64, EIO, 0, 0}, {SYS_getdents, EIO, 0, 0});
    CHECK_REFUSED(no_listing, {SYS_fcntl, EIO, 0, 1}); /* before the first name: opendir asks for the flags */
    end();
}

static int no_truncation_and_no_unlock(void)
{
    HOLDS(p->truncate_file(p->context, file, 1, &os_error) == TALLY_E_DENIED && os_error == EPERM);
    HOLDS(p->lock_file(p->context, file, &os_error) == TALLY_E_IO && os_error == ENOLCK);
    HOLDS(p->unlock_file(p->context, file, &os_error) == TALLY_E_IO);
    return 0;
}

TEST(refused_sizes_and_locks_are_told)
{
    begin();
    CHECK_REFUSED(no_truncation_and_no_unlock, {SYS_ftruncate, EPERM, 0, 0}, {SYS_flock, ENOLCK, 0, 0});
    end();
}

/* ---------------------------------------------------------------------------------- reserving space */

static int zeros_are_written(void)
{
    static char back[200000];
    size_t done;
    HOLDS(p->allocate_space(p->context, file, 200000, &os_error) == TALLY_OK && os_error == 0);
    HOLDS(size_now() == 200000);
    HOLDS(p->read_at(p->context, file, back, sizeof back, 0, &done, &os_error) == TALLY_OK && done == sizeof back);
    HOLDS(memcmp(back, "abc", 3) == 0);
    for (size_t i = 3; i < sizeof back; i++) HOLDS(back[i] == 0);
    struct stat about;
    HOLDS(stat(in_scratch("f"), &about) == 0 && about.st_blocks >= 200000 / 512);
    HOLDS(p->allocate_space(p->context, file, 100, &os_error) == TALLY_OK && size_now() == 200000);
    return 0;
}

TEST(where_space_cannot_be_reserved_zeros_are_written)
{
    const int errors[] = {EOPNOTSUPP, ENOSYS};
    for (size_t i = 0; i < 2; i++) {
        begin();
        CHECK_REFUSED(zeros_are_written, {SYS_fallocate, errors[i], 0, 0});
        end();
    }
}

static int half_is_given_back(void)
{
    HOLDS(p->allocate_space(p->context, file, 200000, &os_error) == TALLY_E_NO_SPACE && os_error == ENOSPC);
    HOLDS(size_now() == 3);
    return 0;
}

TEST(space_that_runs_out_half_way_is_given_back)
{
    begin();
    CHECK_REFUSED(half_is_given_back, {SYS_fallocate, EOPNOTSUPP, 0, 0}, {SYS_pwrite64, ENOSPC, 2, 1000});
    CHECK_REFUSED(half_is_given_back, {SYS_fallocate, ENOSPC, 0, 0});
    end();
}

/* ------------------------------------------------------------------------------- memory and threads */

static int no_map(void)
{
    const void *address = "x";
    HOLDS(p->map_file(p->context, file, 0, 3, &address, &os_error) == TALLY_E_NO_MEMORY && os_error == ENOMEM);
    HOLDS(address == NULL);
    return 0;
}

static int no_locked_memory(void)
{
    HOLDS(p->allocate_locked(p->context, 32) == NULL);
    return 0;
}

TEST(address_space_that_is_refused_is_told)
{
#if !defined(REFUSE_SANITIZED) /* sanitizers map memory of their own, also with signals blocked */
    begin();
    CHECK_REFUSED(no_map, {SYS_mmap, ENOMEM, 0, 1});
    CHECK_REFUSED(no_locked_memory, {SYS_mmap, ENOMEM, 0, 1});
    CHECK_REFUSED(no_locked_memory, {SYS_mprotect, ENOMEM, 0, 1});
    end();
#else
    (void)no_map, (void)no_locked_memory;
#endif
}

static int locked_all_the_same(void)
{
    char *memory = p->allocate_locked(p->context, 32);
    HOLDS(memory != NULL);
    memory[0] = 1;
    HOLDS(p->protect(p->context, memory, 32, 0, &os_error) == TALLY_OK);
    p->release_locked(p->context, memory, 32);
    return 0;
}

TEST(key_memory_is_given_where_locking_is_refused)
{
    begin();
    CHECK_REFUSED(locked_all_the_same, {SYS_mlock, ENOMEM, 0, 0}, {SYS_madvise, EINVAL, 0, 0});
    end();
}

static int released_though_it_cannot_be_wiped(void)
{
    char *memory = p->allocate_locked(p->context, 32);
    HOLDS(memory != NULL);
    HOLDS(p->protect(p->context, memory, 32, 0, &os_error) == TALLY_E_NO_MEMORY);
    p->release_locked(p->context, memory, 32);
    return 0;
}

TEST(pages_that_refuse_to_open_are_given_back_unwiped)
{
    begin();
    CHECK_REFUSED(released_though_it_cannot_be_wiped, {SYS_mprotect, ENOMEM, 1, 2});
    end();
}

static void run_nothing(void *user_data) { (void)user_data; }

static int no_thread(void)
{
    tally_thread_id thread = 7;
    HOLDS(p->start_thread(p->context, run_nothing, NULL, &thread, &os_error) == TALLY_E_NO_MEMORY);
    HOLDS(thread == 0 && os_error == EAGAIN);
    return 0;
}

TEST(a_thread_that_the_system_does_not_give_is_told)
{
    begin();
    CHECK_REFUSED(no_thread, {SYS_clone3, EAGAIN, 0, 0}, {SYS_clone, EAGAIN, 0, 0});
    end();
}

/* ------------------------------------------------------------------------------ randomness, barriers */

static int no_randomness(void)
{
    uint8_t id[16];
    HOLDS(p->random_bytes(p->context, id, 16, &os_error) == TALLY_E_UNSUPPORTED && os_error == ENOSYS);
    HOLDS(p->random_bytes(p->context, id, 0, &os_error) == TALLY_OK);
    return 0;
}

TEST(missing_randomness_is_an_error_and_never_weak_bytes)
{
    begin();
    CHECK_REFUSED(no_randomness, {SYS_getrandom, ENOSYS, 0, 0});
    end();
}

static int no_boot_id(void)
{
    uint8_t id[16];
    HOLDS(p->boot_id(p->context, id, &os_error) == TALLY_E_IO);
    HOLDS(id[0] == 0 && id[15] == 0);
    return 0;
}

TEST(a_boot_id_that_cannot_be_read_is_told)
{
    begin();
    CHECK_REFUSED(no_boot_id, {SYS_read, EIO, 0, 1});
    CHECK_REFUSED(no_boot_id, {SYS_read, 0, 0, 1}); /* an empty file */
    end();
}

static int no_file_system(void)
{
    int32_t remote = 7;
    HOLDS(p->is_remote(p->context, scratch_path, &remote, &os_error) == TALLY_E_IO && os_error == EIO);
    HOLDS(remote == 0);
    return 0;
}

TEST(a_file_system_that_does_not_say_what_it_is_is_told)
{
    begin();
    CHECK_REFUSED(no_file_system, {SYS_statfs, EIO, 0, 1});
    end();
}

static int no_host_name(void)
{
    char name[8] = "x";
    HOLDS(p->host_name(p->context, name, sizeof name, &os_error) == TALLY_E_DENIED && os_error == EPERM);
    HOLDS(name[0] == '\0');
    return 0;
}

TEST(a_machine_that_does_not_say_its_name_is_told)
{
    begin();
    CHECK_REFUSED(no_host_name, {SYS_uname, EPERM, 0, 1});
    end();
}

static int no_barrier(void)
{
    HOLDS(p->process_barrier_prepare(p->context) == TALLY_E_UNSUPPORTED);
    HOLDS(p->process_barrier(p->context) == TALLY_E_UNSUPPORTED);
    return 0;
}

static int barrier_refused_later(void)
{
    HOLDS(p->process_barrier_prepare(p->context) == TALLY_OK);
    HOLDS(p->process_barrier(p->context) == TALLY_E_UNSUPPORTED);
    return 0;
}

TEST(a_refused_barrier_is_unsupported)
{
    begin();
    CHECK_REFUSED(no_barrier, {SYS_membarrier, EPERM, 0, 0});
    CHECK_REFUSED(no_barrier, {SYS_membarrier, ENOSYS, 0, 0});
    CHECK_REFUSED(barrier_refused_later, {SYS_membarrier, EPERM, 1, 1});
    end();
}

#else

TEST(system_calls_are_refused_only_on_linux_on_x86_64) { CHECK(tally_platform_default() != NULL); }

#endif
