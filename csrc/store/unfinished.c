/* Functions that nobody has written yet: each owner deletes his own. The file goes when it is empty. */
#include <tallystick/tallystick.h>

#include "base/error.h"

tally_status tally_store_tick(tally_store *store, int32_t *more, tally_error *error)
{
    (void)store;
    (void)more;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_watermarks(tally_store *store, tally_watermarks *watermarks, tally_error *error)
{
    (void)store;
    (void)watermarks;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_sync(tally_store *store, tally_error *error)
{
    (void)store;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_wait(tally_store *store, uint32_t level, uint64_t position, uint32_t timeout_ms, tally_error *error)
{
    (void)store;
    (void)level;
    (void)position;
    (void)timeout_ms;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_on(tally_store *store, tally_text type, tally_handler handler, void *user_data, const tally_handler_options *options, tally_handler_id *id, tally_error *error)
{
    (void)store;
    (void)type;
    (void)handler;
    (void)user_data;
    (void)options;
    (void)id;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_registry(tally_store *store, tally_registry **registry, tally_error *error)
{
    (void)store;
    (void)registry;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_info_get(tally_store *store, tally_store_info *info, tally_error *error)
{
    (void)store;
    (void)info;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_statistics_get(tally_store *store, tally_store_statistics *statistics, tally_error *error)
{
    (void)store;
    (void)statistics;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_gate_add(tally_store *store, tally_gate gate, void *user_data, const tally_gate_options *options, uint64_t *number, tally_error *error)
{
    (void)store;
    (void)gate;
    (void)user_data;
    (void)options;
    (void)number;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_gate_remove(tally_store *store, uint64_t number, tally_error *error)
{
    (void)store;
    (void)number;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_completions_open(const tally_completions_options *options, tally_completions **completions, tally_error *error)
{
    (void)options;
    (void)completions;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_completions_take(tally_completions *completions, tally_completion *items, size_t capacity, size_t *count, tally_error *error)
{
    (void)completions;
    (void)items;
    (void)capacity;
    (void)count;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_completions_close(tally_completions **completions)
{
    (void)completions;
    return TALLY_E_UNSUPPORTED;
}

tally_status tally_store_append_async(tally_store *store, const tally_draft *drafts, size_t count, const tally_append_options *options, tally_completions *completions, uint64_t token, tally_receipt *receipts, tally_error *error)
{
    (void)store;
    (void)drafts;
    (void)count;
    (void)options;
    (void)completions;
    (void)token;
    (void)receipts;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

tally_status tally_store_wait_async(tally_store *store, uint32_t level, uint64_t position, tally_completions *completions, uint64_t token, tally_error *error)
{
    (void)store;
    (void)level;
    (void)position;
    (void)completions;
    (void)token;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet");
}

#include "store/store.h"

__attribute__((weak)) void tally_readers_close(tally_store_body *body) { (void)body; }
