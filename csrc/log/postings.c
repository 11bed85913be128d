#include "log/postings.h"

#include "base/bytes.h"
#include "log/index.h"

/* ------------------------------------------------------------------------------------------ arrays */

static bool array_at(const tally_postings *postings, uint32_t number, uint32_t *ordinal)
{
    const tally_section *section = postings->segment->known.postings;
    return section != NULL && tally_section_u32(section, ((uint64_t)postings->entry.at + number) * 4, ordinal);
}

/* The number of postings below `ordinal`, looked for from the last place on: near it in a few steps, far from it
 * in the logarithm of the distance. */
static bool array_below(tally_postings *postings, uint32_t ordinal, uint32_t *count)
{
    uint32_t low = 0;
    uint32_t high = postings->entry.count;
    uint32_t at = postings->hint < high ? postings->hint : high;
    uint32_t value;
    for (uint32_t step = 1; at < high; step *= 2) { /* upwards */
        if (!array_at(postings, at, &value)) return false;
        if (value >= ordinal) {
            high = at;
            break;
        }
        low = at + 1;
        at = step < high - low ? low + step : high;
    }
    for (uint32_t step = 1; low == 0 && at == high && at != 0; step *= 2) { /* downwards: the last place is too far */
        at = step < high - low ? high - step : low;
        if (!array_at(postings, at, &value)) return false;
        if (value < ordinal) low = at + 1;
        else high = at;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!array_at(postings, middle, &value)) return false;
        if (value < ordinal) low = middle + 1;
        else high = middle;
    }
    postings->hint = low;
    *count = low;
    return true;
}

static bool array_fill(tally_postings *postings, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    enum { PIECE = 64 };
    uint8_t piece[PIECE * 4];
    const tally_section *section = postings->segment->known.postings;
    uint32_t at;
    if (section == NULL || !array_below(postings, base, &at)) return false;
    while (at < postings->entry.count) {
        uint32_t left = postings->entry.count - at;
        uint32_t count = left < PIECE ? left : PIECE;
        if (!tally_section_read(section, ((uint64_t)postings->entry.at + at) * 4, piece, count * 4u)) return false;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t bit = tally_load_u32(piece + i * 4u) - base;
            if (bit >= TALLY_BLOCK_EVENTS) {
                postings->hint = at + i;
                return true;
            }
            bits[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
        at += count;
    }
    postings->hint = at;
    return true;
}

/* ----------------------------------------------------------------------------------------- bitmaps */

static bool bitmap_word(const tally_postings *postings, uint32_t word, uint64_t *bits)
{
    const tally_section *section = postings->segment->known.postings;
    return section != NULL && tally_section_u64(section, ((uint64_t)postings->entry.at + word * 2u) * 4, bits);
}

static enum tally_answer bitmap_next(const tally_postings *postings, uint32_t from, uint32_t *ordinal)
{
    uint64_t mask = UINT64_MAX << (from % 64);
    for (uint32_t word = from / 64; word <= postings->entry.last / 64; word++, mask = UINT64_MAX) {
        uint64_t bits;
        if (!bitmap_word(postings, word, &bits)) return TALLY_ANSWER_DAMAGED;
        bits &= mask;
        if (bits == 0) continue;
        *ordinal = word * 64 + (uint32_t)__builtin_ctzll(bits);
        return *ordinal <= postings->entry.last ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
    }
    return TALLY_ANSWER_NO;
}

static enum tally_answer bitmap_before(const tally_postings *postings, uint32_t before, uint32_t *ordinal)
{
    if (before > postings->entry.last) before = postings->entry.last + 1;
    uint64_t mask = UINT64_MAX >> (63 - (before - 1) % 64);
    for (uint32_t word = (before - 1) / 64 + 1; word-- > postings->entry.first / 64; mask = UINT64_MAX) {
        uint64_t bits;
        if (!bitmap_word(postings, word, &bits)) return TALLY_ANSWER_DAMAGED;
        bits &= mask;
        if (bits == 0) continue;
        *ordinal = word * 64 + 63 - (uint32_t)__builtin_clzll(bits);
        return TALLY_ANSWER_YES;
    }
    return TALLY_ANSWER_NO;
}

static bool bitmap_count(const tally_postings *postings, uint32_t before, uint32_t *count)
{
    uint64_t bits;
    *count = 0;
    for (uint32_t word = 0; word < before / 64; word++) {
        if (!bitmap_word(postings, word, &bits)) return false;
        *count += (uint32_t)__builtin_popcountll(bits);
    }
    if (before % 64 == 0) return true;
    if (!bitmap_word(postings, before / 64, &bits)) return false;
    *count += (uint32_t)__builtin_popcountll(bits & ~(UINT64_MAX << (before % 64)));
    return true;
}

static bool bitmap_fill(const tally_postings *postings, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    uint8_t block[TALLY_BLOCK_WORDS * 8];
    const tally_section *section = postings->segment->known.postings;
    if (base > postings->entry.last) return true;
    uint32_t words = (postings->entry.last - base) / 64 + 1;
    if (words > TALLY_BLOCK_WORDS) words = TALLY_BLOCK_WORDS;
    uint64_t at = ((uint64_t)postings->entry.at + base / 32) * 4;
    if (section == NULL || !tally_section_read(section, at, block, words * 8u)) return false;
    for (uint32_t i = 0; i < words; i++) bits[i] |= tally_load_u64(block + i * 8u);
    return true;
}

/* --------------------------------------------------------------------------------------- all forms */

enum tally_answer tally_postings_next(tally_postings *postings, uint32_t from, uint32_t *ordinal)
{
    const tally_entry *entry = &postings->entry;
    uint32_t number;
    if (entry->form == TALLY_FORM_MEMORY) return tally_index_next(postings->segment->index, entry->at, from, ordinal);
    if (from > entry->last) return TALLY_ANSWER_NO;
    if (from <= entry->first) {
        *ordinal = entry->first;
        return TALLY_ANSWER_YES;
    }
    if (entry->form == TALLY_FORM_BITMAP) return bitmap_next(postings, from, ordinal);
    if (entry->form == TALLY_FORM_INLINE) {
        *ordinal = entry->last;
        return TALLY_ANSWER_YES;
    }
    if (!array_below(postings, from, &number) || !array_at(postings, number, ordinal)) return TALLY_ANSWER_DAMAGED;
    return *ordinal >= from && *ordinal <= entry->last ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_postings_before(tally_postings *postings, uint32_t before, uint32_t *ordinal)
{
    const tally_entry *entry = &postings->entry;
    uint32_t number;
    if (entry->form == TALLY_FORM_MEMORY) {
        return tally_index_before(postings->segment->index, entry->at, before, ordinal);
    }
    if (before <= entry->first) return TALLY_ANSWER_NO;
    if (before > entry->last) {
        *ordinal = entry->last;
        return TALLY_ANSWER_YES;
    }
    if (entry->form == TALLY_FORM_BITMAP) return bitmap_before(postings, before, ordinal);
    if (entry->form == TALLY_FORM_INLINE) {
        *ordinal = entry->first;
        return TALLY_ANSWER_YES;
    }
    if (!array_below(postings, before, &number) || number == 0) return TALLY_ANSWER_DAMAGED;
    if (!array_at(postings, number - 1, ordinal)) return TALLY_ANSWER_DAMAGED;
    return *ordinal < before && *ordinal >= entry->first ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

static void set(uint32_t ordinal, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    uint32_t bit = ordinal - base;
    if (bit < TALLY_BLOCK_EVENTS) bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

enum tally_answer tally_postings_fill(tally_postings *postings, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    const tally_entry *entry = &postings->entry;
    bool whole = true;
    if (entry->form == TALLY_FORM_MEMORY) {
        tally_index_fill(postings->segment->index, entry->at, base, bits);
    } else if (entry->form == TALLY_FORM_INLINE) {
        set(entry->first, base, bits);
        set(entry->last, base, bits);
    } else if (entry->last >= base && entry->first < (uint64_t)base + TALLY_BLOCK_EVENTS) {
        whole = entry->form == TALLY_FORM_BITMAP ? bitmap_fill(postings, base, bits) : array_fill(postings, base, bits);
    }
    return whole ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_postings_at(const tally_postings *postings, uint32_t number, uint32_t *ordinal)
{
    const tally_entry *entry = &postings->entry;
    if (entry->form == TALLY_FORM_MEMORY) return tally_index_at(postings->segment->index, entry->at, number, ordinal);
    if (number >= entry->count) return TALLY_ANSWER_NO;
    if (number == 0 || number == entry->count - 1) {
        *ordinal = number == 0 ? entry->first : entry->last;
        return TALLY_ANSWER_YES;
    }
    if (entry->form != TALLY_FORM_ARRAY || !array_at(postings, number, ordinal)) return TALLY_ANSWER_DAMAGED;
    return *ordinal > entry->first && *ordinal < entry->last ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_postings_count(tally_postings *postings, uint32_t before, uint32_t *count)
{
    const tally_entry *entry = &postings->entry;
    if (entry->form == TALLY_FORM_MEMORY) {
        *count = tally_index_count(postings->segment->index, entry->at, before);
        return TALLY_ANSWER_YES;
    }
    if (before > entry->last || before <= entry->first) {
        *count = before > entry->last ? entry->count : 0;
        return TALLY_ANSWER_YES;
    }
    if (entry->form == TALLY_FORM_INLINE) {
        *count = 1;
        return TALLY_ANSWER_YES;
    }
    bool whole =
        entry->form == TALLY_FORM_BITMAP ? bitmap_count(postings, before, count) : array_below(postings, before, count);
    return whole ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}
