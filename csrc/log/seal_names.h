/* The names of an index in the order in which they are stored, and their postings in the form in which they are. */
#ifndef TALLY_LOG_SEAL_NAMES_H
#define TALLY_LOG_SEAL_NAMES_H

#include "log/index_body.h"
#include "log/sort.h"

/* The keys that have events, sorted by kind and bytes, as `items` (their values are the keys' numbers). Both have
 * room for key_count. Returns how many. */
uint32_t tally_seal_sort_names(const tally_index *index, tally_sorted *items, tally_sorted *scratch);

/* What each one's record says; `*units` counts the u32 of POST that are taken. */
tally_entry tally_seal_entry(const tally_index *index, const tally_index_key *key, uint64_t *units);

#endif
