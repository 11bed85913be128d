/* Matching: which events have all the names that are asked for, found by their postings.
 *
 * Names make groups: the stream, the prefix, each tag is one; all types together are one. An event matches
 * when it is in some posting of every group. Within a segment the rarest group leads: only blocks of ordinals
 * in which it has something are looked at, and there the groups' bits are united and intersected.
 *
 * For one thread at a time. */
#ifndef TALLY_LOG_MATCH_H
#define TALLY_LOG_MATCH_H

#include "log/ask.h"
#include "log/view.h"

/* Empty members do not restrict. */
typedef struct tally_filter {
    tally_text stream;
    tally_text stream_prefix;
    const tally_text *types; /* any of them; "a.*" all that begin with "a." */
    size_t type_count;
    const tally_text *tags; /* all of them */
    size_t tag_count;
} tally_filter;

typedef struct tally_match tally_match;

/* Copies the names. TALLY_E_NO_MEMORY. */
tally_status tally_match_new(const tally_platform *platform, const tally_filter *filter, tally_match **match,
                             tally_error *error);
void tally_match_free(tally_match *match); /* accepts NULL */
/* Before it is used with another view, or a larger end. */
void tally_match_forget(tally_match *match);

/* Whether a candidate has to be compared itself, because no index has the whole of a name; and whether it fits. */
bool tally_match_is_residual(const tally_match *match);
bool tally_match_fits(const tally_match *match, const tally_event *event);

/* Candidates: bit b of word w stands for position first + 64 w + b. */
typedef struct tally_block {
    uint64_t first;
    uint64_t bits[TALLY_BLOCK_WORDS];
} tally_block;

/* The next block with candidates in [*from, end), and moves *from behind what was looked at; or (backwards) the
 * last one in [from, *end), and moves *end before it. `*work` falls by the number of events looked at, and when it
 * is used up the block may be empty. An empty block with work left: there are no more. */
tally_status tally_match_next(tally_match *match, const tally_view *view, uint64_t *from, uint64_t end, uint64_t *work,
                              tally_block *block, tally_error *error);
tally_status tally_match_before(tally_match *match, const tally_view *view, uint64_t from, uint64_t *end,
                                uint64_t *work, tally_block *block, tally_error *error);

/* Bits of a block: the first or last one that is set, TALLY_BLOCK_EVENTS when none is. */
uint32_t tally_block_first(const tally_block *block);
uint32_t tally_block_last(const tally_block *block);
static inline void tally_block_clear(tally_block *block, uint32_t bit)
{
    block->bits[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

#endif
