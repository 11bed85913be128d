#if !defined(_WIN32)
#include "platform/posix.h"

const tally_platform tally_platform_posix = {
    .size = sizeof(tally_platform),
    .name = "posix",
    .context = NULL,

    .open_file = tally_posix_open_file,
    .close_file = tally_posix_close_file,
    .read_at = tally_posix_read_at,
    .write_at = tally_posix_write_at,
    .write_slices_at = tally_posix_write_slices_at,
    .sync_data = tally_posix_sync_data,
    .sync_directory = tally_posix_sync_directory,
    .file_status = tally_posix_file_status,
    .truncate_file = tally_posix_truncate_file,
    .allocate_space = tally_posix_allocate_space,
    .rename_file = tally_posix_rename_file,
    .remove_file = tally_posix_remove_file,
    .make_directory = tally_posix_make_directory,
    .remove_directory = tally_posix_remove_directory,
    .list_directory = tally_posix_list_directory,
    .is_remote = tally_posix_is_remote,
    .lock_file = tally_posix_lock_file,
    .unlock_file = tally_posix_unlock_file,
    .map_file = tally_posix_map_file,
    .unmap = tally_posix_unmap,

    .wall_clock_us = tally_posix_wall_clock_us,
    .monotonic_ns = tally_posix_monotonic_ns,
    .boot_id = tally_posix_boot_id,
    .process_id = tally_posix_process_id,
    .host_name = tally_posix_host_name,
    .random_bytes = tally_posix_random_bytes,
    .sleep_ns = tally_posix_sleep_ns,

    .allocate = tally_posix_allocate,
    .resize = tally_posix_resize,
    .release = tally_posix_release,
    .allocate_locked = tally_posix_allocate_locked,
    .release_locked = tally_posix_release_locked,
    .protect = tally_posix_protect,

    .start_thread = tally_posix_start_thread,
    .join_thread = tally_posix_join_thread,
    .mutex_init = tally_posix_mutex_init,
    .mutex_destroy = tally_posix_mutex_destroy,
    .mutex_lock = tally_posix_mutex_lock,
    .mutex_unlock = tally_posix_mutex_unlock,
    .condition_init = tally_posix_condition_init,
    .condition_destroy = tally_posix_condition_destroy,
    .condition_wait = tally_posix_condition_wait,
    .condition_wake_all = tally_posix_condition_wake_all,
    .once = tally_posix_once,

    .process_barrier_prepare = tally_posix_process_barrier_prepare,
    .process_barrier = tally_posix_process_barrier,
    .thread_exit_hook = tally_posix_thread_exit_hook,
    .thread_exit_arm = tally_posix_thread_exit_arm,
    .fork_hooks = tally_posix_fork_hooks,
};

#endif
