/* Functions that nobody has written yet: each owner deletes his own. The file goes when it is empty. */
#include <tallystick/tallystick.h>

#include "base/error.h"

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
