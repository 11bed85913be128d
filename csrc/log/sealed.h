/* What the sections of a sealed segment answer. Layout: docs/FORMAT.md, "Sections". DAMAGED when a page does not
 * check, or says what cannot be. */
#ifndef TALLY_LOG_SEALED_H
#define TALLY_LOG_SEALED_H

#include "log/postings.h"

#define TALLY_NAME_RECORD_BYTES 32

/* As of index.h. */
enum tally_answer tally_sealed_place(const tally_segment *segment, uint32_t ordinal, uint64_t *offset, uint64_t *limit);
enum tally_answer tally_sealed_time(const tally_segment *segment, uint32_t ordinal, int64_t *time_us);
enum tally_answer tally_sealed_candidate(const tally_segment *segment, bool idempotency, const uint8_t value[16],
                                         uint32_t before, uint32_t *ordinal);
enum tally_answer tally_sealed_find(const tally_segment *segment, const tally_key *key, tally_entry *entry);

/* Names by their numbers in the order of kind and bytes; NO behind the last. `name` has TALLY_STREAM_MAX bytes. */
enum tally_answer tally_sealed_record(const tally_segment *segment, uint32_t number, tally_entry *entry);
/* What the bytes of one say. */
enum tally_answer tally_sealed_entry(const tally_segment *segment, const uint8_t record[TALLY_NAME_RECORD_BYTES],
                                     tally_entry *entry);
enum tally_answer tally_sealed_name(const tally_segment *segment, uint32_t number, uint32_t *kind, char *name,
                                    size_t *length);
/* The number of the first name that is not less than a key (or behind it, with `behind`). */
enum tally_answer tally_sealed_search(const tally_segment *segment, const tally_key *key, bool behind,
                                      uint32_t *number);

#endif
