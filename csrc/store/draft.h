/* Drafts and append options as callers give them: every member is checked here, once. */
#ifndef TALLY_STORE_DRAFT_H
#define TALLY_STORE_DRAFT_H

#include <stdbool.h>

#include <tallystick/append.h>

/* The draft number `index` of an array, whose elements are as long as the first one says; read into `storage` when
 * its size is not this library's. The `size` of the first has been checked by reading it. */
tally_status tally_draft_at(const tally_draft *drafts, size_t index, tally_draft *storage, const tally_draft **draft,
                            tally_error *error);

/* That there are drafts to look at: TALLY_E_NULL, E_ALIGNMENT, E_RANGE. */
tally_status tally_drafts_check(const tally_draft *drafts, size_t count, tally_error *error);

/* All that can be said about one draft by itself. TALLY_E_NULL, E_LENGTH, E_UTF8, E_NUL, E_NAME, E_RANGE, E_LIMIT,
 * E_OPTION, E_ARGUMENT, E_UNSUPPORTED. `system`: names of the library are accepted. */
tally_status tally_draft_check(const tally_draft *draft, size_t index, bool system, tally_error *error);

/* A name of a caller: tally_name_check, and not one of the library's. */
tally_status tally_caller_name_check(tally_text name, size_t max, const char *what, tally_error *error);

/* Fills `known` from a caller's options (NULL: defaults) and checks all of it. */
tally_status tally_append_options_read(const tally_append_options *options, tally_append_options *known,
                                       tally_error *error);

/* In a batch of `count`: puts the draft's number before the message. */
void tally_draft_name(size_t index, size_t count, tally_error *error);

/* Sorts tags by their bytes and drops those that come twice; returns how many are left. */
size_t tally_tags_sort(tally_text *tags, size_t count);

#endif
