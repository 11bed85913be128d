/* The functions of the POSIX platform, one for each member of tally_platform; see platform.h for what
 * they promise. Here stands only how this system keeps it.
 *
 * Include it first: _GNU_SOURCE has to come before any header of the system. */
#ifndef TALLY_PLATFORM_POSIX_H
#define TALLY_PLATFORM_POSIX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdbool.h>

#include <tallystick/platform.h>

extern const tally_platform tally_platform_posix;

/* posix_error.c: the status that stands for an errno. */
tally_status tally_posix_status(int error_number);
/* The same for `errno`, which also goes to *os_error. */
tally_status tally_posix_failed(int32_t *os_error);

/* posix_files.c: what is done with an open file. Interrupted calls are made again. */
tally_status tally_posix_open_file(void *context, const char *path, uint32_t flags, uint32_t mode, tally_file *file,
                                   int32_t *os_error);
tally_status tally_posix_close_file(void *context, tally_file file, int32_t *os_error);
tally_status tally_posix_read_at(void *context, tally_file file, void *data, size_t length, uint64_t offset,
                                 size_t *done, int32_t *os_error);
tally_status tally_posix_write_at(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                                  size_t *done, int32_t *os_error);
tally_status tally_posix_write_slices_at(void *context, tally_file file, const tally_slice *slices, size_t count,
                                         uint64_t offset, size_t *done, int32_t *os_error);
tally_status tally_posix_file_status(void *context, tally_file file, tally_file_status *status, int32_t *os_error);
tally_status tally_posix_lock_file(void *context, tally_file file, int32_t *os_error);
tally_status tally_posix_unlock_file(void *context, tally_file file, int32_t *os_error);
tally_status tally_posix_map_file(void *context, tally_file file, uint64_t offset, size_t length, const void **address,
                                  int32_t *os_error);
void tally_posix_unmap(void *context, const void *address, size_t length);

/* posix_space.c: how long a file is, and what of it is on the device. */
tally_status tally_posix_sync_data(void *context, tally_file file, int32_t *os_error);
tally_status tally_posix_truncate_file(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error);
tally_status tally_posix_allocate_space(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error);

/* posix_names.c: what is done with names. */
tally_status tally_posix_sync_directory(void *context, const char *path, int32_t *os_error);
tally_status tally_posix_rename_file(void *context, const char *from, const char *to, int32_t *os_error);
tally_status tally_posix_remove_file(void *context, const char *path, int32_t *os_error);
tally_status tally_posix_make_directory(void *context, const char *path, uint32_t mode, int32_t *os_error);
tally_status tally_posix_remove_directory(void *context, const char *path, int32_t *os_error);
tally_status tally_posix_list_directory(void *context, const char *path,
                                        int32_t (*visit)(void *user_data, const char *name), void *user_data,
                                        int32_t *os_error);

/* posix_remote.c */
tally_status tally_posix_is_remote(void *context, const char *path, int32_t *remote, int32_t *os_error);
/* Whether a type of file system, as Linux numbers them, is one that other machines write too. */
bool tally_posix_type_is_remote(uint32_t type);

/* posix_clock.c: clocks, the identity of this boot, process and machine, randomness. */
tally_status tally_posix_wall_clock_us(void *context, int64_t *now_us, int32_t *os_error);
uint64_t tally_posix_monotonic_ns(void *context);
tally_status tally_posix_boot_id(void *context, uint8_t id[16], int32_t *os_error);
uint64_t tally_posix_process_id(void *context);
tally_status tally_posix_host_name(void *context, char *name, size_t capacity, int32_t *os_error);
tally_status tally_posix_random_bytes(void *context, void *data, size_t length, int32_t *os_error);
void tally_posix_sleep_ns(void *context, uint64_t duration_ns);

/* posix_memory.c */
void *tally_posix_allocate(void *context, size_t size_bytes);
void *tally_posix_resize(void *context, void *memory, size_t size_bytes);
void tally_posix_release(void *context, void *memory);
void *tally_posix_allocate_locked(void *context, size_t size_bytes);
void tally_posix_release_locked(void *context, void *memory, size_t size_bytes);
tally_status tally_posix_protect(void *context, void *memory, size_t size_bytes, uint32_t access, int32_t *os_error);

/* posix_threads.c */
tally_status tally_posix_start_thread(void *context, void (*run)(void *user_data), void *user_data,
                                      tally_thread_id *thread, int32_t *os_error);
void tally_posix_join_thread(void *context, tally_thread_id thread);
tally_status tally_posix_mutex_init(void *context, tally_mutex *mutex, int32_t *os_error);
void tally_posix_mutex_destroy(void *context, tally_mutex *mutex);
void tally_posix_mutex_lock(void *context, tally_mutex *mutex);
void tally_posix_mutex_unlock(void *context, tally_mutex *mutex);
tally_status tally_posix_condition_init(void *context, tally_condition *condition, int32_t *os_error);
void tally_posix_condition_destroy(void *context, tally_condition *condition);
tally_status tally_posix_condition_wait(void *context, tally_condition *condition, tally_mutex *mutex,
                                        uint64_t timeout_ns);
void tally_posix_condition_wake_all(void *context, tally_condition *condition);

/* posix_process.c: what there is once per process. */
void tally_posix_once(void *context, int32_t *state, void (*run)(void));
tally_status tally_posix_process_barrier_prepare(void *context);
tally_status tally_posix_process_barrier(void *context);
tally_status tally_posix_thread_exit_hook(void *context, void (*leaving)(void *value), int32_t *os_error);
void tally_posix_thread_exit_arm(void *context, void *value);
tally_status tally_posix_fork_hooks(void *context, void (*before)(void), void (*in_parent)(void),
                                    void (*in_child)(void));

#endif
