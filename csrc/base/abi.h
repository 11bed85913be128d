/* Sizes and offsets of the public structs: a program compiled with other ones would read what is not there.
 * Written by tests/vectors/make_abi.py, from what tests/vectors/abi.json announces. */
#ifndef TALLY_BASE_ABI_H
#define TALLY_BASE_ABI_H

#include <tallystick/tallystick.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "the size of " #type " is part of the ABI")
#define AT(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), "the place of " #member " is part of the ABI")

SIZE(tally_error, 784);
AT(tally_error, status, 0);
AT(tally_error, os_error, 4);
AT(tally_error, position, 8);
AT(tally_error, message, 16);
AT(tally_error, path, 272);

SIZE(tally_notice, 32);
AT(tally_notice, kind, 0);
AT(tally_notice, flags, 4);
AT(tally_notice, data, 8);
AT(tally_notice, length, 16);
AT(tally_notice, context, 24);

SIZE(tally_handler_id, 16);
AT(tally_handler_id, registry, 0);
AT(tally_handler_id, handler, 8);

SIZE(tally_failure, 80);
AT(tally_failure, id, 0);
AT(tally_failure, code, 16);
AT(tally_failure, kind, 20);
AT(tally_failure, name, 24);
AT(tally_failure, name_length, 32);
AT(tally_failure, message, 40);
AT(tally_failure, message_length, 48);
AT(tally_failure, payload, 56);
AT(tally_failure, user_data, 64);
AT(tally_failure, notice, 72);

SIZE(tally_native_handler, 56);
AT(tally_native_handler, size, 0);
AT(tally_native_handler, magic, 8);
AT(tally_native_handler, function, 16);
AT(tally_native_handler, user_data, 24);
AT(tally_native_handler, destructor, 32);
AT(tally_native_handler, flags, 40);
AT(tally_native_handler, reserved, 44);
AT(tally_native_handler, keep_alive, 48);

SIZE(tally_file_status, 32);
AT(tally_file_status, size_bytes, 0);
AT(tally_file_status, device, 8);
AT(tally_file_status, inode, 16);
AT(tally_file_status, mode, 24);
AT(tally_file_status, is_directory, 28);

SIZE(tally_slice, 16);
AT(tally_slice, data, 0);
AT(tally_slice, length, 8);

SIZE(tally_mutex, 64);
AT(tally_mutex, storage, 0);

SIZE(tally_condition, 64);
AT(tally_condition, storage, 0);

SIZE(tally_platform, 416);
AT(tally_platform, size, 0);
AT(tally_platform, name, 8);
AT(tally_platform, context, 16);
AT(tally_platform, open_file, 24);
AT(tally_platform, close_file, 32);
AT(tally_platform, read_at, 40);
AT(tally_platform, write_at, 48);
AT(tally_platform, write_slices_at, 56);
AT(tally_platform, sync_data, 64);
AT(tally_platform, sync_directory, 72);
AT(tally_platform, file_status, 80);
AT(tally_platform, truncate_file, 88);
AT(tally_platform, allocate_space, 96);
AT(tally_platform, rename_file, 104);
AT(tally_platform, remove_file, 112);
AT(tally_platform, make_directory, 120);
AT(tally_platform, remove_directory, 128);
AT(tally_platform, list_directory, 136);
AT(tally_platform, is_remote, 144);
AT(tally_platform, lock_file, 152);
AT(tally_platform, unlock_file, 160);
AT(tally_platform, map_file, 168);
AT(tally_platform, unmap, 176);
AT(tally_platform, wall_clock_us, 184);
AT(tally_platform, monotonic_ns, 192);
AT(tally_platform, boot_id, 200);
AT(tally_platform, process_id, 208);
AT(tally_platform, host_name, 216);
AT(tally_platform, random_bytes, 224);
AT(tally_platform, sleep_ns, 232);
AT(tally_platform, allocate, 240);
AT(tally_platform, resize, 248);
AT(tally_platform, release, 256);
AT(tally_platform, allocate_locked, 264);
AT(tally_platform, release_locked, 272);
AT(tally_platform, protect, 280);
AT(tally_platform, start_thread, 288);
AT(tally_platform, join_thread, 296);
AT(tally_platform, mutex_init, 304);
AT(tally_platform, mutex_destroy, 312);
AT(tally_platform, mutex_lock, 320);
AT(tally_platform, mutex_unlock, 328);
AT(tally_platform, condition_init, 336);
AT(tally_platform, condition_destroy, 344);
AT(tally_platform, condition_wait, 352);
AT(tally_platform, condition_wake_all, 360);
AT(tally_platform, once, 368);
AT(tally_platform, process_barrier_prepare, 376);
AT(tally_platform, process_barrier, 384);
AT(tally_platform, thread_exit_hook, 392);
AT(tally_platform, thread_exit_arm, 400);
AT(tally_platform, fork_hooks, 408);

SIZE(tally_log_record, 32);
AT(tally_log_record, what, 0);
AT(tally_log_record, reserved, 4);
AT(tally_log_record, registry, 8);
AT(tally_log_record, message, 16);
AT(tally_log_record, failure, 24);

SIZE(tally_registry_host, 40);
AT(tally_registry_host, size, 0);
AT(tally_registry_host, user_data, 8);
AT(tally_registry_host, leave, 16);
AT(tally_registry_host, enter, 24);
AT(tally_registry_host, log, 32);

SIZE(tally_registry_options, 40);
AT(tally_registry_options, size, 0);
AT(tally_registry_options, policy, 8);
AT(tally_registry_options, flags, 12);
AT(tally_registry_options, capacity, 16);
AT(tally_registry_options, reserved, 20);
AT(tally_registry_options, platform, 24);
AT(tally_registry_options, host, 32);

SIZE(tally_notified, 16);
AT(tally_notified, fired, 0);
AT(tally_notified, failed, 4);
AT(tally_notified, skipped, 8);
AT(tally_notified, flags, 12);

SIZE(tally_handler_options, 64);
AT(tally_handler_options, size, 0);
AT(tally_handler_options, priority, 8);
AT(tally_handler_options, flags, 12);
AT(tally_handler_options, name, 16);
AT(tally_handler_options, name_length, 24);
AT(tally_handler_options, kinds, 32);
AT(tally_handler_options, kind_count, 40);
AT(tally_handler_options, max_failures, 48);
AT(tally_handler_options, reserved, 52);
AT(tally_handler_options, destructor, 56);

SIZE(tally_edit, 56);
AT(tally_edit, operation, 0);
AT(tally_edit, status, 4);
AT(tally_edit, handler, 8);
AT(tally_edit, user_data, 16);
AT(tally_edit, options, 24);
AT(tally_edit, id, 32);
AT(tally_edit, removed, 48);
AT(tally_edit, reserved, 52);

SIZE(tally_observer, 24);
AT(tally_observer, size, 0);
AT(tally_observer, user_data, 8);
AT(tally_observer, outcome, 16);

SIZE(tally_part, 40);
AT(tally_part, size, 0);
AT(tally_part, order, 8);
AT(tally_part, order_count, 16);
AT(tally_part, first, 24);
AT(tally_part, count, 32);

SIZE(tally_handler_info, 464);
AT(tally_handler_info, id, 0);
AT(tally_handler_info, priority, 16);
AT(tally_handler_info, flags, 20);
AT(tally_handler_info, failed, 24);
AT(tally_handler_info, fired, 32);
AT(tally_handler_info, latency_total_ns, 40);
AT(tally_handler_info, latency_max_ns, 48);
AT(tally_handler_info, user_data, 56);
AT(tally_handler_info, last_code, 64);
AT(tally_handler_info, name_length, 68);
AT(tally_handler_info, last_message_length, 72);
AT(tally_handler_info, reserved, 76);
AT(tally_handler_info, name, 80);
AT(tally_handler_info, last_message, 208);

SIZE(tally_registry_statistics, 64);
AT(tally_registry_statistics, size, 0);
AT(tally_registry_statistics, handlers, 8);
AT(tally_registry_statistics, unreported, 16);
AT(tally_registry_statistics, panics_failed, 24);
AT(tally_registry_statistics, memory_bytes, 32);
AT(tally_registry_statistics, retired_bytes, 40);
AT(tally_registry_statistics, retired_handlers, 48);
AT(tally_registry_statistics, mutes, 56);

SIZE(tally_guard, 24);
AT(tally_guard, registry, 0);
AT(tally_guard, id, 8);

SIZE(tally_ring_options, 40);
AT(tally_ring_options, size, 0);
AT(tally_ring_options, slots, 8);
AT(tally_ring_options, slot_bytes, 12);
AT(tally_ring_options, platform, 16);
AT(tally_ring_options, wake, 24);
AT(tally_ring_options, wake_user_data, 32);

SIZE(tally_ring_counts, 32);
AT(tally_ring_counts, pushed, 0);
AT(tally_ring_counts, drained, 8);
AT(tally_ring_counts, dropped_full, 16);
AT(tally_ring_counts, dropped_long, 24);

SIZE(tally_ring_event, 24);
AT(tally_ring_event, sequence, 0);
AT(tally_ring_event, kind, 8);
AT(tally_ring_event, length, 12);
AT(tally_ring_event, offset, 16);

SIZE(tally_mask_options, 72);
AT(tally_mask_options, size, 0);
AT(tally_mask_options, mask, 8);
AT(tally_mask_options, match, 16);
AT(tally_mask_options, offset, 24);
AT(tally_mask_options, width, 32);
AT(tally_mask_options, reserved, 36);
AT(tally_mask_options, handler, 40);
AT(tally_mask_options, user_data, 48);
AT(tally_mask_options, destructor, 56);
AT(tally_mask_options, platform, 64);

SIZE(tally_api, 168);
AT(tally_api, size, 0);
AT(tally_api, version, 8);
AT(tally_api, reserved, 12);
AT(tally_api, status_name, 16);
AT(tally_api, status_message, 24);
AT(tally_api, kind_intern, 32);
AT(tally_api, kind_name, 40);
AT(tally_api, handler_fail, 48);
AT(tally_api, registry_open, 56);
AT(tally_api, registry_child, 64);
AT(tally_api, registry_close, 72);
AT(tally_api, registry_register, 80);
AT(tally_api, registry_unregister, 88);
AT(tally_api, registry_unregister_wait, 96);
AT(tally_api, registry_edit, 104);
AT(tally_api, registry_clear, 112);
AT(tally_api, registry_notify, 120);
AT(tally_api, registry_on_panic, 128);
AT(tally_api, registry_count, 136);
AT(tally_api, registry_contains, 144);
AT(tally_api, reclaim, 152);
AT(tally_api, handle_generation, 160);

#undef SIZE
#undef AT

#endif
