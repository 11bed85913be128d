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

SIZE(tally_text, 16);
AT(tally_text, bytes, 0);
AT(tally_text, length, 8);

SIZE(tally_uuid, 16);
AT(tally_uuid, bytes, 0);

SIZE(tally_hash, 32);
AT(tally_hash, bytes, 0);

SIZE(tally_draft, 192);
AT(tally_draft, size, 0);
AT(tally_draft, stream, 8);
AT(tally_draft, type, 24);
AT(tally_draft, content_type, 40);
AT(tally_draft, data, 56);
AT(tally_draft, length, 64);
AT(tally_draft, tags, 72);
AT(tally_draft, tag_count, 80);
AT(tally_draft, subject, 88);
AT(tally_draft, idempotency_key, 104);
AT(tally_draft, id, 120);
AT(tally_draft, correlation, 136);
AT(tally_draft, causation, 152);
AT(tally_draft, occurred_us, 168);
AT(tally_draft, schema_version, 176);
AT(tally_draft, flags, 180);
AT(tally_draft, cause_index, 184);
AT(tally_draft, reserved, 188);

SIZE(tally_event, 712);
AT(tally_event, position, 0);
AT(tally_event, version, 8);
AT(tally_event, time_us, 16);
AT(tally_event, time_logical, 24);
AT(tally_event, schema_version, 28);
AT(tally_event, flags, 32);
AT(tally_event, data_state, 36);
AT(tally_event, batch_index, 40);
AT(tally_event, batch_count, 44);
AT(tally_event, id, 48);
AT(tally_event, correlation, 64);
AT(tally_event, causation, 80);
AT(tally_event, occurred_us, 96);
AT(tally_event, stream, 104);
AT(tally_event, type, 120);
AT(tally_event, content_type, 136);
AT(tally_event, data, 152);
AT(tally_event, length, 160);
AT(tally_event, tag_count, 168);
AT(tally_event, reserved, 172);
AT(tally_event, tags, 176);
AT(tally_event, core, 688);
AT(tally_event, body, 696);
AT(tally_event, body_length, 704);

SIZE(tally_store_options, 128);
AT(tally_store_options, size, 0);
AT(tally_store_options, mode, 8);
AT(tally_store_options, flags, 12);
AT(tally_store_options, name, 16);
AT(tally_store_options, digest, 32);
AT(tally_store_options, check, 36);
AT(tally_store_options, map, 40);
AT(tally_store_options, mode_of_files, 44);
AT(tally_store_options, segment_bytes, 48);
AT(tally_store_options, queue_bytes, 56);
AT(tally_store_options, sync_events, 64);
AT(tally_store_options, sync_bytes, 72);
AT(tally_store_options, sync_interval_ms, 80);
AT(tally_store_options, idempotency_events, 88);
AT(tally_store_options, idempotency_age_s, 96);
AT(tally_store_options, platform, 104);
AT(tally_store_options, host, 112);
AT(tally_store_options, signing, 120);

SIZE(tally_watermarks, 24);
AT(tally_watermarks, buffered, 0);
AT(tally_watermarks, written, 8);
AT(tally_watermarks, durable, 16);

SIZE(tally_recovery, 56);
AT(tally_recovery, happened, 0);
AT(tally_recovery, cut, 4);
AT(tally_recovery, cut_position, 8);
AT(tally_recovery, cut_segment, 16);
AT(tally_recovery, cut_offset, 24);
AT(tally_recovery, cut_bytes, 32);
AT(tally_recovery, scanned_bytes, 40);
AT(tally_recovery, rewritten_bytes, 48);

SIZE(tally_store_info, 216);
AT(tally_store_info, lineage, 0);
AT(tally_store_info, name, 16);
AT(tally_store_info, reserved, 137);
AT(tally_store_info, mode, 144);
AT(tally_store_info, digest, 148);
AT(tally_store_info, writer_epoch, 152);
AT(tally_store_info, recovery, 160);

SIZE(tally_store_statistics, 200);
AT(tally_store_statistics, size, 0);
AT(tally_store_statistics, events, 8);
AT(tally_store_statistics, commits, 16);
AT(tally_store_statistics, segments, 24);
AT(tally_store_statistics, sealed_segments, 32);
AT(tally_store_statistics, runs, 40);
AT(tally_store_statistics, file_bytes, 48);
AT(tally_store_statistics, log_bytes, 56);
AT(tally_store_statistics, data_bytes, 64);
AT(tally_store_statistics, heap_bytes, 72);
AT(tally_store_statistics, mapped_bytes, 80);
AT(tally_store_statistics, appends, 88);
AT(tally_store_statistics, appended_events, 96);
AT(tally_store_statistics, repeats, 104);
AT(tally_store_statistics, conflicts, 112);
AT(tally_store_statistics, writes, 120);
AT(tally_store_statistics, written_bytes, 128);
AT(tally_store_statistics, syncs, 136);
AT(tally_store_statistics, sync_ns_total, 144);
AT(tally_store_statistics, sync_ns_max, 152);
AT(tally_store_statistics, seals, 160);
AT(tally_store_statistics, seal_ns_total, 168);
AT(tally_store_statistics, notified_events, 176);
AT(tally_store_statistics, queue_bytes, 184);
AT(tally_store_statistics, readers, 192);

SIZE(tally_receipt, 88);
AT(tally_receipt, position, 0);
AT(tally_receipt, version, 8);
AT(tally_receipt, time_us, 16);
AT(tally_receipt, time_logical, 24);
AT(tally_receipt, durability, 28);
AT(tally_receipt, flags, 32);
AT(tally_receipt, reserved, 36);
AT(tally_receipt, id, 40);
AT(tally_receipt, event_hash, 56);

SIZE(tally_expectation, 32);
AT(tally_expectation, stream, 0);
AT(tally_expectation, expect, 16);
AT(tally_expectation, reserved, 20);
AT(tally_expectation, version, 24);

SIZE(tally_append_condition, 40);
AT(tally_append_condition, types, 0);
AT(tally_append_condition, type_count, 8);
AT(tally_append_condition, tags, 16);
AT(tally_append_condition, tag_count, 24);
AT(tally_append_condition, from_position, 32);

SIZE(tally_append_options, 48);
AT(tally_append_options, size, 0);
AT(tally_append_options, durability, 8);
AT(tally_append_options, flags, 12);
AT(tally_append_options, expectations, 16);
AT(tally_append_options, expectation_count, 24);
AT(tally_append_options, conditions, 32);
AT(tally_append_options, condition_count, 40);

SIZE(tally_refusal, 256);
AT(tally_refusal, code, 0);
AT(tally_refusal, message, 4);

SIZE(tally_gate_options, 40);
AT(tally_gate_options, size, 0);
AT(tally_gate_options, name, 8);
AT(tally_gate_options, record, 24);
AT(tally_gate_options, reserved, 28);
AT(tally_gate_options, destructor, 32);

SIZE(tally_completion, 888);
AT(tally_completion, token, 0);
AT(tally_completion, status, 8);
AT(tally_completion, count, 12);
AT(tally_completion, receipt, 16);
AT(tally_completion, error, 104);

SIZE(tally_completions_options, 32);
AT(tally_completions_options, size, 0);
AT(tally_completions_options, wake, 8);
AT(tally_completions_options, user_data, 16);
AT(tally_completions_options, platform, 24);

SIZE(tally_checkpoint, 56);
AT(tally_checkpoint, origin, 0);
AT(tally_checkpoint, size, 16);
AT(tally_checkpoint, root, 24);

SIZE(tally_policy, 64);
AT(tally_policy, size, 0);
AT(tally_policy, keys, 8);
AT(tally_policy, key_count, 16);
AT(tally_policy, witnesses, 24);
AT(tally_policy, witness_count, 32);
AT(tally_policy, witnesses_needed, 40);
AT(tally_policy, origin, 48);

SIZE(tally_signed, 24);
AT(tally_signed, by_log, 0);
AT(tally_signed, by_witnesses, 4);
AT(tally_signed, unknown, 8);
AT(tally_signed, key_index, 12);
AT(tally_signed, witnessed_s, 16);

SIZE(tally_proven, 824);
AT(tally_proven, position, 0);
AT(tally_proven, tree_size, 8);
AT(tally_proven, root, 16);
AT(tally_proven, event_hash, 48);
AT(tally_proven, has_event, 80);
AT(tally_proven, data_given, 84);
AT(tally_proven, signatures, 88);
AT(tally_proven, event, 112);

SIZE(tally_upkeep_options, 32);
AT(tally_upkeep_options, size, 0);
AT(tally_upkeep_options, progress, 8);
AT(tally_upkeep_options, user_data, 16);
AT(tally_upkeep_options, platform, 24);

SIZE(tally_backup_report, 24);
AT(tally_backup_report, events, 0);
AT(tally_backup_report, segments, 8);
AT(tally_backup_report, bytes, 16);

SIZE(tally_finding, 40);
AT(tally_finding, status, 0);
AT(tally_finding, severity, 4);
AT(tally_finding, position, 8);
AT(tally_finding, offset, 16);
AT(tally_finding, file, 24);
AT(tally_finding, reason, 32);

SIZE(tally_fsck_report, 64);
AT(tally_fsck_report, segments, 0);
AT(tally_fsck_report, commits, 8);
AT(tally_fsck_report, events, 16);
AT(tally_fsck_report, bytes, 24);
AT(tally_fsck_report, notes, 32);
AT(tally_fsck_report, indexes, 40);
AT(tally_fsck_report, bad_events, 48);
AT(tally_fsck_report, structure, 56);

SIZE(tally_salvage_report, 32);
AT(tally_salvage_report, copied, 0);
AT(tally_salvage_report, lost, 8);
AT(tally_salvage_report, gaps, 16);
AT(tally_salvage_report, same_lineage, 24);
AT(tally_salvage_report, reserved, 28);

SIZE(tally_sign_request, 112);
AT(tally_sign_request, note, 0);
AT(tally_sign_request, old_size, 16);
AT(tally_sign_request, old_root, 24);
AT(tally_sign_request, new_size, 56);
AT(tally_sign_request, new_root, 64);
AT(tally_sign_request, consistency, 96);
AT(tally_sign_request, consistency_count, 104);

SIZE(tally_signing, 176);
AT(tally_signing, size, 0);
AT(tally_signing, key_path, 8);
AT(tally_signing, key_text, 24);
AT(tally_signing, signer, 40);
AT(tally_signing, user_data, 48);
AT(tally_signing, signer_key, 56);
AT(tally_signing, state_path, 72);
AT(tally_signing, verify_keys, 88);
AT(tally_signing, verify_key_count, 96);
AT(tally_signing, remembered, 104);
AT(tally_signing, remembered_path, 120);
AT(tally_signing, mirror_path, 136);
AT(tally_signing, mirror, 152);
AT(tally_signing, mirror_data, 160);
AT(tally_signing, flags, 168);
AT(tally_signing, reserved, 172);

SIZE(tally_signing_state, 968);
AT(tally_signing_state, is_signed, 0);
AT(tally_signing_state, is_guarded, 4);
AT(tally_signing_state, tree_size, 8);
AT(tally_signing_state, signed_size, 16);
AT(tally_signing_state, failures, 24);
AT(tally_signing_state, mirror_failures, 32);
AT(tally_signing_state, origin, 40);
AT(tally_signing_state, vkey, 194);
AT(tally_signing_state, failure, 706);
AT(tally_signing_state, reserved, 962);

SIZE(tally_verify_options, 72);
AT(tally_verify_options, size, 0);
AT(tally_verify_options, mode, 8);
AT(tally_verify_options, threads, 12);
AT(tally_verify_options, keys, 16);
AT(tally_verify_options, key_count, 24);
AT(tally_verify_options, since, 32);
AT(tally_verify_options, progress, 48);
AT(tally_verify_options, user_data, 56);
AT(tally_verify_options, platform, 64);

SIZE(tally_verify_report, 856);
AT(tally_verify_report, intact, 0);
AT(tally_verify_report, reason, 4);
AT(tally_verify_report, position, 8);
AT(tally_verify_report, events, 16);
AT(tally_verify_report, covered, 24);
AT(tally_verify_report, signed_heads, 32);
AT(tally_verify_report, bytes, 40);
AT(tally_verify_report, root, 48);
AT(tally_verify_report, message, 80);
AT(tally_verify_report, file, 336);
AT(tally_verify_report, offset, 848);

SIZE(tally_query, 152);
AT(tally_query, size, 0);
AT(tally_query, stream, 8);
AT(tally_query, stream_prefix, 24);
AT(tally_query, types, 40);
AT(tally_query, type_count, 48);
AT(tally_query, tags, 56);
AT(tally_query, tag_count, 64);
AT(tally_query, subject, 72);
AT(tally_query, from_position, 88);
AT(tally_query, to_position, 96);
AT(tally_query, from_version, 104);
AT(tally_query, to_version, 112);
AT(tally_query, from_time_us, 120);
AT(tally_query, to_time_us, 128);
AT(tally_query, work_limit, 136);
AT(tally_query, flags, 144);
AT(tally_query, reserved, 148);

SIZE(tally_reader_place, 32);
AT(tally_reader_place, next_position, 0);
AT(tally_reader_place, end_position, 8);
AT(tally_reader_place, examined, 16);
AT(tally_reader_place, returned, 24);

SIZE(tally_stream_head, 16);
AT(tally_stream_head, next_version, 0);
AT(tally_stream_head, last_position, 8);

SIZE(tally_listed, 40);
AT(tally_listed, name, 0);
AT(tally_listed, count, 16);
AT(tally_listed, first_position, 24);
AT(tally_listed, last_position, 32);

#undef SIZE
#undef AT

#endif
