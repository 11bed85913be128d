#include "log/match.h"

#include <string.h>

#include "base/error.h"
#include "log/locate.h"

typedef struct match_term {
    tally_locator locator; /* of its key */
    bool present;          /* in the segment that is looked at */
    tally_postings postings;
} match_term;

/* Terms next to each other, any of which will do. */
typedef struct match_group {
    size_t first;
    size_t count;
    uint64_t events; /* of its terms, in the segment */
} match_group;

/* invariant: the texts of filter and terms lie in the same block of memory, behind the struct */
struct tally_match {
    const tally_platform *platform;
    tally_filter filter;
    bool residual;
    match_term *terms;
    size_t term_count;
    match_group *groups;
    size_t group_count;
    const tally_segment *segment; /* which the terms were looked up in; NULL: none */
    bool possible;                /* every group has a term in it */
    bool backwards;               /* the direction in which they were */
    size_t next;                  /* when it is not possible: where it may be; see tally_locate */
    size_t leader;                /* the group with the fewest events */
};

/* ---------------------------------------------------------------------------------------- compiling */

static bool is_pattern(tally_text type)
{
    return type.length >= 2 && type.bytes[type.length - 1] == '*' && type.bytes[type.length - 2] == '.';
}

/* The longest prefix of `name` that is a key. */
static tally_text indexed_prefix(tally_text name, bool stream)
{
    size_t length = 0;
    size_t found = 0;
    for (size_t i = 0; i < name.length && found < TALLY_KEY_PREFIXES_MAX; i++) {
        if (name.bytes[i] != '.' && !(stream && name.bytes[i] == '/')) continue;
        length = i + 1;
        found++;
    }
    return (tally_text){name.bytes, length};
}

static void add_term(tally_match *match, uint32_t kind, tally_text name)
{
    match->terms[match->term_count++] = (match_term){.locator = {.key = {kind, name}}};
    match->groups[match->group_count - 1].count++;
}

static void add_group(tally_match *match) { match->groups[match->group_count++].first = match->term_count; }

/* A prefix that is no key is narrowed down by the longest one that is. */
static void add_prefix(tally_match *match, uint32_t kind, tally_text prefix)
{
    tally_text key = indexed_prefix(prefix, kind == TALLY_KEY_STREAM_PREFIX);
    if (key.length != prefix.length) match->residual = true;
    add_term(match, kind, key);
}

static void compile(tally_match *match)
{
    const tally_filter *filter = &match->filter;
    if (filter->stream.length != 0) {
        add_group(match);
        add_term(match, TALLY_KEY_STREAM, filter->stream);
    }
    if (indexed_prefix(filter->stream_prefix, true).length != 0) {
        add_group(match);
        add_prefix(match, TALLY_KEY_STREAM_PREFIX, filter->stream_prefix);
    } else if (filter->stream_prefix.length != 0) {
        match->residual = true;
    }
    if (filter->type_count != 0) add_group(match);
    for (size_t i = 0; i < filter->type_count; i++) {
        tally_text type = filter->types[i];
        if (is_pattern(type)) add_prefix(match, TALLY_KEY_TYPE_PREFIX, (tally_text){type.bytes, type.length - 1});
        else add_term(match, TALLY_KEY_TYPE, type);
    }
    for (size_t i = 0; i < filter->tag_count; i++) {
        add_group(match);
        add_term(match, TALLY_KEY_TAG, filter->tags[i]);
    }
}

static tally_text copy_text(tally_text text, char **to)
{
    tally_text copy = {*to, text.length};
    if (text.length != 0) memcpy(*to, text.bytes, text.length);
    *to += text.length;
    return copy;
}

static size_t text_bytes(const tally_filter *filter)
{
    size_t bytes = filter->stream.length + filter->stream_prefix.length;
    for (size_t i = 0; i < filter->type_count; i++) bytes += filter->types[i].length;
    for (size_t i = 0; i < filter->tag_count; i++) bytes += filter->tags[i].length;
    return bytes;
}

tally_status tally_match_new(const tally_platform *platform, const tally_filter *filter, tally_match **match,
                             tally_error *error)
{
    size_t names = filter->type_count + filter->tag_count;
    size_t terms = names + 2;
    size_t bytes = sizeof(tally_match) + terms * (sizeof(match_term) + sizeof(match_group)) +
                   names * sizeof(tally_text) + text_bytes(filter);
    tally_match *made = platform->allocate(platform->context, bytes);
    *match = NULL;
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a query");
    memset(made, 0, bytes);
    made->platform = platform;
    made->terms = (match_term *)(made + 1);
    made->groups = (match_group *)(made->terms + terms);
    tally_text *texts = (tally_text *)(made->groups + terms);
    char *bytes_of_texts = (char *)(texts + names);
    made->filter = *filter;
    made->filter.stream = copy_text(filter->stream, &bytes_of_texts);
    made->filter.stream_prefix = copy_text(filter->stream_prefix, &bytes_of_texts);
    made->filter.types = texts;
    made->filter.tags = texts + filter->type_count;
    for (size_t i = 0; i < filter->type_count; i++) texts[i] = copy_text(filter->types[i], &bytes_of_texts);
    for (size_t i = 0; i < filter->tag_count; i++) {
        texts[filter->type_count + i] = copy_text(filter->tags[i], &bytes_of_texts);
    }
    compile(made);
    *match = made;
    return TALLY_OK;
}

void tally_match_free(tally_match *match)
{
    if (match != NULL) match->platform->release(match->platform->context, match);
}

void tally_match_forget(tally_match *match)
{
    match->segment = NULL;
    for (size_t i = 0; i < match->term_count; i++) match->terms[i].locator.run = NULL;
}

/* ----------------------------------------------------------------------------------- one by one */

bool tally_match_is_residual(const tally_match *match) { return match->residual; }

static bool has_type(const tally_filter *filter, tally_text type)
{
    for (size_t i = 0; i < filter->type_count; i++) {
        tally_text wanted = filter->types[i];
        if (is_pattern(wanted)) {
            wanted.length--;
            if (tally_text_begins(type, wanted)) return true;
        } else if (tally_text_compare(type, wanted) == 0) {
            return true;
        }
    }
    return filter->type_count == 0;
}

static bool has_tag(const tally_event *event, tally_text tag)
{
    for (uint32_t i = 0; i < event->tag_count; i++) {
        if (tally_text_compare(event->tags[i], tag) == 0) return true;
    }
    return false;
}

bool tally_match_fits(const tally_match *match, const tally_event *event)
{
    const tally_filter *filter = &match->filter;
    if (filter->stream.length != 0 && tally_text_compare(event->stream, filter->stream) != 0) return false;
    if (!tally_text_begins(event->stream, filter->stream_prefix) || !has_type(filter, event->type)) return false;
    for (size_t i = 0; i < filter->tag_count; i++) {
        if (!has_tag(event, filter->tags[i])) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------- a segment */

/* Looks the group's terms up in segment number `i`. When none is there, `*next` is where one may be, as by
 * tally_locate. */
static tally_status find_terms(match_group *group, match_term *terms, const tally_view *view, size_t i, bool backwards,
                               size_t *next, tally_error *error)
{
    group->events = 0;
    *next = backwards ? 0 : SIZE_MAX;
    for (size_t t = 0; t < group->count; t++) {
        match_term *term = &terms[group->first + t];
        size_t its;
        term->postings = (tally_postings){.segment = view->segments[i]};
        tally_status status =
            tally_locate(&term->locator, view, i, backwards, &term->present, &term->postings.entry, &its, error);
        if (status != TALLY_OK) return status;
        if (term->present) group->events += term->postings.entry.count;
        else if (backwards ? its > *next : its < *next) *next = its;
    }
    return TALLY_OK;
}

/* Looks all up in a segment. What cannot match in it is passed over up to `match->next`. */
static tally_status enter(tally_match *match, const tally_view *view, size_t i, bool backwards, tally_error *error)
{
    if (match->segment == view->segments[i]) return TALLY_OK;
    match->segment = NULL;
    match->possible = true;
    match->leader = 0;
    for (size_t g = 0; g < match->group_count && match->possible; g++) {
        match_group *group = &match->groups[g];
        tally_status status = find_terms(group, match->terms, view, i, backwards, &match->next, error);
        if (status != TALLY_OK) return status;
        match->possible = group->events != 0;
        if (group->events < match->groups[match->leader].events) match->leader = g;
    }
    match->segment = view->segments[i];
    match->backwards = backwards;
    return TALLY_OK;
}

/* The leader's next ordinal, or the one before; without groups every event leads. */
static enum tally_answer lead(tally_match *match, bool backwards, uint32_t place, uint32_t *ordinal)
{
    bool found = false;
    if (match->group_count == 0) {
        *ordinal = backwards ? place - 1 : place;
        return TALLY_ANSWER_YES;
    }
    const match_group *group = &match->groups[match->leader];
    for (size_t i = 0; i < group->count; i++) {
        match_term *term = &match->terms[group->first + i];
        uint32_t its;
        if (!term->present) continue;
        enum tally_answer answer = backwards ? tally_postings_before(&term->postings, place, &its)
                                             : tally_postings_next(&term->postings, place, &its);
        if (answer == TALLY_ANSWER_DAMAGED) return answer;
        if (answer == TALLY_ANSWER_NO || (found && (backwards ? its < *ordinal : its > *ordinal))) continue;
        *ordinal = its;
        found = true;
    }
    return found ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

static bool unite(tally_match *match, const match_group *group, uint32_t base, uint64_t bits[TALLY_BLOCK_WORDS])
{
    memset(bits, 0, TALLY_BLOCK_WORDS * sizeof *bits);
    for (size_t i = 0; i < group->count; i++) {
        match_term *term = &match->terms[group->first + i];
        if (term->present && tally_postings_fill(&term->postings, base, bits) != TALLY_ANSWER_YES) return false;
    }
    return true;
}

/* Leaves the bits from `low` up to before `high`. */
static void clip(uint64_t bits[TALLY_BLOCK_WORDS], uint32_t low, uint32_t high)
{
    if (low == 0 && high >= TALLY_BLOCK_EVENTS) return;
    for (uint32_t word = 0; word < TALLY_BLOCK_WORDS; word++) {
        uint32_t start = word * 64;
        if (start + 64 <= low || start >= high) {
            bits[word] = 0;
            continue;
        }
        if (start < low) bits[word] &= UINT64_MAX << (low - start);
        if (high - start < 64) bits[word] &= ~(UINT64_MAX << (high - start));
    }
}

/* Without the processor's instruction, which not all have; of sparse blocks most words are empty. */
static uint32_t count_bits(uint64_t bits)
{
    if (bits == 0) return 0;
    bits -= (bits >> 1) & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + ((bits >> 2) & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)((bits * UINT64_C(0x0101010101010101)) >> 56);
}

/* Takes the leader's bits within [*low, *high) off the work, as far as there is work; what is too much is cut off
 * at the far end. */
static void pay(const uint64_t led[TALLY_BLOCK_WORDS], bool backwards, uint64_t *work, uint32_t *low, uint32_t *high)
{
    for (uint32_t i = 0; i < TALLY_BLOCK_WORDS; i++) {
        uint32_t word = backwards ? TALLY_BLOCK_WORDS - 1 - i : i;
        uint64_t bits = led[word];
        uint32_t count = count_bits(bits);
        if (count <= *work) {
            *work -= count;
            continue;
        }
        for (; *work > 0; (*work)--) bits &= backwards ? ~(UINT64_C(1) << (63 - __builtin_clzll(bits))) : bits - 1;
        if (backwards) *low = word * 64 + 64 - (uint32_t)__builtin_clzll(bits);
        else *high = word * 64 + (uint32_t)__builtin_ctzll(bits);
        return;
    }
}

/* The candidates of one block within [*low, *high) of its bits; false when a section proves damaged. */
static bool intersect(tally_match *match, uint32_t base, bool backwards, uint64_t *work, uint32_t *low, uint32_t *high,
                      uint64_t bits[TALLY_BLOCK_WORDS])
{
    uint64_t other[TALLY_BLOCK_WORDS];
    if (match->group_count == 0) memset(bits, 0xff, TALLY_BLOCK_WORDS * sizeof *bits);
    else if (!unite(match, &match->groups[match->leader], base, bits)) return false;
    clip(bits, *low, *high);
    uint64_t before = *work;
    uint32_t old_low = *low;
    uint32_t old_high = *high;
    pay(bits, backwards, work, low, high);
    for (size_t i = 0; i < match->group_count; i++) {
        if (i == match->leader) continue;
        if (!unite(match, &match->groups[i], base, other)) {
            *work = before; /* it is done again */
            *low = old_low;
            *high = old_high;
            return false;
        }
        for (uint32_t word = 0; word < TALLY_BLOCK_WORDS; word++) bits[word] &= other[word];
    }
    if (*low != old_low || *high != old_high) clip(bits, *low, *high);
    return true;
}

static bool is_empty(const uint64_t bits[TALLY_BLOCK_WORDS])
{
    uint64_t any = 0;
    for (uint32_t word = 0; word < TALLY_BLOCK_WORDS; word++) any |= bits[word];
    return any == 0;
}

/* The next block within ordinals [*low, *high) of a segment: it leaves there what is not looked at yet. NO: no
 * candidate in the whole range. */
static enum tally_answer step(tally_match *match, uint64_t segment_first, bool backwards, uint32_t *low, uint32_t *high,
                              uint64_t *work, tally_block *block)
{
    uint32_t ordinal;
    if (!match->possible) return TALLY_ANSWER_NO;
    enum tally_answer answer = lead(match, backwards, backwards ? *high : *low, &ordinal);
    if (answer != TALLY_ANSWER_YES) return answer;
    if (ordinal < *low || ordinal >= *high) return TALLY_ANSWER_NO;
    uint32_t base = ordinal - ordinal % TALLY_BLOCK_EVENTS;
    uint32_t block_low = *low > base ? *low - base : 0;
    uint32_t block_high = *high - base < TALLY_BLOCK_EVENTS ? *high - base : TALLY_BLOCK_EVENTS;
    if (!intersect(match, base, backwards, work, &block_low, &block_high, block->bits)) return TALLY_ANSWER_DAMAGED;
    block->first = segment_first + base;
    if (backwards) *high = base + block_low;
    else *low = base + block_high;
    return TALLY_ANSWER_YES;
}

/* ---------------------------------------------------------------------------------------- the view */

/* What lies in one segment of [from, end), at the near end. */
typedef struct match_part {
    size_t segment;
    uint64_t first; /* position of the segment's first event */
    uint64_t start;
    uint64_t stop;
} match_part;

static match_part near_part(const tally_view *view, bool backwards, uint64_t from, uint64_t end)
{
    size_t i = tally_view_find(view, backwards ? end - 1 : from);
    uint64_t first = view->segments[i]->header.first_position;
    match_part part = {i, first, from > first ? from : first, end};
    if (i + 1 < view->segment_count && view->segments[i + 1]->header.first_position < end) {
        part.stop = view->segments[i + 1]->header.first_position;
    }
    return part;
}

/* Where to go on when nothing in the part matches. */
static void pass_over(const tally_match *match, const tally_view *view, bool backwards, const match_part *part,
                      uint64_t *from, uint64_t *end)
{
    bool jump = !match->possible && match->backwards == backwards;
    if (backwards) {
        uint64_t target = part->start;
        if (jump && match->next < part->segment) target = view->segments[match->next]->header.first_position;
        *end = target > *from ? target : *from;
    } else {
        uint64_t target = part->stop;
        if (jump && match->next > part->segment) {
            target = match->next < view->segment_count ? view->segments[match->next]->header.first_position : *end;
        }
        *from = target < *end ? target : *end;
    }
}

/* Looks at that part, or at as much of it as one block holds. */
static tally_status look(tally_match *match, const tally_view *view, bool backwards, uint64_t *from, uint64_t *end,
                         uint64_t *work, tally_block *block, tally_error *error)
{
    match_part part = near_part(view, backwards, *from, *end);
    tally_segment *segment = view->segments[part.segment];
    uint32_t low = (uint32_t)(part.start - part.first);
    uint32_t high = (uint32_t)(part.stop - part.first);
    enum tally_answer answer;
    do {
        tally_status status = enter(match, view, part.segment, backwards, error);
        if (status != TALLY_OK) return status;
        answer = step(match, part.first, backwards, &low, &high, work, block);
        if (answer == TALLY_ANSWER_DAMAGED) {
            if (!segment->sealed) {
                return tally_fail(error, TALLY_E_DAMAGED, "the index of %s does not agree with itself", segment->name);
            }
            tally_ask_distrust(segment);
            match->segment = NULL;
        }
    } while (answer == TALLY_ANSWER_DAMAGED);
    if (answer == TALLY_ANSWER_NO) {
        memset(block->bits, 0, sizeof block->bits);
        pass_over(match, view, backwards, &part, from, end);
    } else if (backwards) {
        *end = part.first + high;
    } else {
        *from = part.first + low;
    }
    return TALLY_OK;
}

static tally_status look_on(tally_match *match, const tally_view *view, bool backwards, uint64_t *from, uint64_t *end,
                            uint64_t *work, tally_block *block, tally_error *error)
{
    memset(block, 0, sizeof *block);
    while (*from<*end && * work> 0) {
        tally_status status = look(match, view, backwards, from, end, work, block, error);
        if (status != TALLY_OK || !is_empty(block->bits)) return status;
    }
    return TALLY_OK;
}

tally_status tally_match_next(tally_match *match, const tally_view *view, uint64_t *from, uint64_t end, uint64_t *work,
                              tally_block *block, tally_error *error)
{
    return look_on(match, view, false, from, &end, work, block, error);
}

tally_status tally_match_before(tally_match *match, const tally_view *view, uint64_t from, uint64_t *end,
                                uint64_t *work, tally_block *block, tally_error *error)
{
    return look_on(match, view, true, &from, end, work, block, error);
}

uint32_t tally_block_first(const tally_block *block)
{
    for (uint32_t word = 0; word < TALLY_BLOCK_WORDS; word++) {
        if (block->bits[word] != 0) return word * 64 + (uint32_t)__builtin_ctzll(block->bits[word]);
    }
    return TALLY_BLOCK_EVENTS;
}

uint32_t tally_block_last(const tally_block *block)
{
    for (uint32_t word = TALLY_BLOCK_WORDS; word-- > 0;) {
        if (block->bits[word] != 0) return word * 64 + 63 - (uint32_t)__builtin_clzll(block->bits[word]);
    }
    return TALLY_BLOCK_EVENTS;
}
