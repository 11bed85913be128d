/* Keys and their postings: for a name of a kind, the events of one segment that have it, as ordinals (the
 * event's number within the segment), rising.
 *
 * An entry says what a segment knows of a key; where its postings lie depends on the form. The same
 * functions serve sealed segments (sections NAME and POST, docs/FORMAT.md) and indexes in memory. */
#ifndef TALLY_LOG_POSTINGS_H
#define TALLY_LOG_POSTINGS_H

#include <string.h>

#include "log/segment_file.h"

enum tally_key_kind {
    TALLY_KEY_STREAM = 1,
    TALLY_KEY_STREAM_PREFIX = 2, /* of a stream, ending in '/' or '.' */
    TALLY_KEY_TYPE = 3,
    TALLY_KEY_TYPE_PREFIX = 4, /* of a type, ending in '.' */
    TALLY_KEY_TAG = 5,
    TALLY_KEY_SUBJECT = 6 /* a key id of 32 bytes; with erasure */
};

/* How many prefixes of one name are keys, the shortest ones: a stream of 512 slashes costs no more than others. */
#define TALLY_KEY_PREFIXES_MAX 16

typedef struct tally_key {
    uint32_t kind;
    tally_text name;
} tally_key;

/* By bytes, as memcmp; a prefix comes first. */
static inline int tally_text_compare(tally_text a, tally_text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    if (order != 0) return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static inline bool tally_text_begins(tally_text text, tally_text prefix)
{
    return text.length >= prefix.length && (prefix.length == 0 || memcmp(text.bytes, prefix.bytes, prefix.length) == 0);
}

enum tally_form {
    TALLY_FORM_INLINE = 0, /* one or two events: `first` and `last` */
    TALLY_FORM_ARRAY = 1,  /* u32 each in POST, `at` in units of 4 bytes */
    TALLY_FORM_BITMAP = 2, /* a bit per event of the segment in POST, in words of 64, `at` in units of 4 bytes */
    TALLY_FORM_MEMORY = 3  /* in the segment's index; `at` is the key's number there */
};

/* invariant: count > 0; first <= last < events of the segment, equal when count is 1 */
typedef struct tally_entry {
    uint64_t first_version; /* of streams: the version of `first`; others 0 */
    uint32_t count;
    uint32_t first;
    uint32_t last;
    uint32_t at;
    enum tally_form form;
} tally_entry;

/* What an index says; damage makes the caller distrust the segment and ask again. */
enum tally_answer { TALLY_ANSWER_YES, TALLY_ANSWER_NO, TALLY_ANSWER_DAMAGED };

/* Ordinals are looked at in blocks. */
#define TALLY_BLOCK_EVENTS 4096u
#define TALLY_BLOCK_WORDS 64u

/* A place in an entry's postings; `hint` only makes looking near the last place fast. */
typedef struct tally_postings {
    const tally_segment *segment;
    tally_entry entry;
    uint32_t hint;
} tally_postings;

/* The smallest ordinal >= `from`, or the largest < `before`. */
enum tally_answer tally_postings_next(tally_postings *postings, uint32_t from, uint32_t *ordinal);
enum tally_answer tally_postings_before(tally_postings *postings, uint32_t before, uint32_t *ordinal);
/* Sets the bits of the ordinals in [base, base + TALLY_BLOCK_EVENTS); `base` is a multiple of that. Only YES or
 * DAMAGED. */
enum tally_answer tally_postings_fill(tally_postings *postings, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS]);
/* Of streams, whose postings are no bitmaps: the ordinal of posting `number`. */
enum tally_answer tally_postings_at(const tally_postings *postings, uint32_t number, uint32_t *ordinal);
/* How many are below one; of a bitmap all words before it are looked at. */
enum tally_answer tally_postings_count(tally_postings *postings, uint32_t before, uint32_t *count);

#endif
