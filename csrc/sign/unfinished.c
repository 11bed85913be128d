/* Functions that nobody has written yet: each owner deletes his own. The file goes when it is empty. */
#include <string.h>

#include <tallystick/tallystick.h>

#include "base/error.h"

#define UNFINISHED tally_fail(error, TALLY_E_UNSUPPORTED, "not written yet")

tally_status tally_store_signing_get(tally_store *store, tally_signing_state *state, tally_error *error)
{
    (void)store;
    if (state != NULL) memset(state, 0, sizeof *state);
    return UNFINISHED;
}

tally_status tally_store_checkpoint(tally_store *store, char *note, size_t capacity, size_t *needed, tally_error *error)
{
    (void)store, (void)note, (void)capacity;
    if (needed != NULL) *needed = 0;
    return UNFINISHED;
}

tally_status tally_store_prove(tally_store *store, uint64_t position, char *proof, size_t capacity, size_t *needed,
                               tally_error *error)
{
    (void)store, (void)position, (void)proof, (void)capacity;
    if (needed != NULL) *needed = 0;
    return UNFINISHED;
}

tally_status tally_store_consistency(tally_store *store, uint64_t old_size, uint64_t new_size, tally_hash *hashes,
                                     size_t capacity, size_t *count, tally_hash roots[2], tally_error *error)
{
    (void)store, (void)old_size, (void)new_size, (void)hashes, (void)capacity;
    if (count != NULL) *count = 0;
    if (roots != NULL) memset(roots, 0, 2 * sizeof *roots);
    return UNFINISHED;
}

tally_status tally_store_get_stored(tally_store *store, uint64_t position, void *buffer, size_t capacity,
                                    size_t *needed, tally_error *error)
{
    (void)store, (void)position, (void)buffer, (void)capacity;
    if (needed != NULL) *needed = 0;
    return UNFINISHED;
}

tally_status tally_store_keep_note(tally_store *store, const char *note, size_t length, const tally_text *witnesses,
                                   size_t witness_count, tally_error *error)
{
    (void)store, (void)note, (void)length, (void)witnesses, (void)witness_count;
    return UNFINISHED;
}

tally_status tally_store_rotate_key(tally_store *store, const tally_signing *signing, tally_error *error)
{
    (void)store, (void)signing;
    return UNFINISHED;
}

const char *tally_reason_name(uint32_t reason)
{
    (void)reason;
    return "unknown";
}

tally_status tally_store_verify(tally_store *store, const tally_verify_options *options, tally_verify_report *report,
                                tally_error *error)
{
    (void)store, (void)options;
    if (report != NULL) memset(report, 0, sizeof *report);
    return UNFINISHED;
}

tally_status tally_verify(const char *path, size_t path_length, const tally_verify_options *options,
                          tally_verify_report *report, tally_error *error)
{
    (void)path, (void)path_length, (void)options;
    if (report != NULL) memset(report, 0, sizeof *report);
    return UNFINISHED;
}
