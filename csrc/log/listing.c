#include "log/listing.h"

#include <string.h>

#include "base/error.h"
#include "log/sealed.h"

/* Names of an index in memory that are looked for at once. */
#define NUMBERS 64u

/* One segment's next name.
 *
 * invariant: `present` when name and entry are those of the first name behind what was given out */
typedef struct listing_source {
    tally_segment *segment;
    uint32_t limit; /* events of it that count */
    bool present;
    bool sorted; /* from its sections: `number` is the record's */
    bool started;
    uint32_t number; /* or the place in `numbers` */
    uint32_t count;
    uint32_t *numbers; /* of an index in memory; NUMBERS of them */
    size_t length;
    tally_entry entry;
    char name[TALLY_STREAM_MAX];
} listing_source;

struct tally_listing {
    const tally_platform *platform;
    uint32_t kind;
    size_t source_count;
    listing_source *sources;
    tally_text prefix;
    tally_text after; /* what was given out last */
    char prefix_bytes[TALLY_STREAM_MAX];
    char after_bytes[TALLY_STREAM_MAX];
};

/* ------------------------------------------------------------------------------------------ sources */

static tally_text name_of(const listing_source *source) { return (tally_text){source->name, source->length}; }

/* The source's next name from its sections. */
static enum tally_answer load_sorted(const tally_listing *listing, listing_source *source)
{
    uint32_t kind;
    if (!source->started) {
        bool behind = listing->after.length != 0 && tally_text_compare(listing->after, listing->prefix) >= 0;
        tally_key key = {listing->kind, behind ? listing->after : listing->prefix};
        if (tally_sealed_search(source->segment, &key, behind, &source->number) != TALLY_ANSWER_YES) {
            return TALLY_ANSWER_DAMAGED;
        }
        source->started = true;
    } else {
        source->number++;
    }
    enum tally_answer answer = tally_sealed_name(source->segment, source->number, &kind, source->name, &source->length);
    if (answer != TALLY_ANSWER_YES) return answer;
    if (kind != listing->kind || !tally_text_begins(name_of(source), listing->prefix)) return TALLY_ANSWER_NO;
    return tally_sealed_record(source->segment, source->number, &source->entry);
}

static tally_status load_index(const tally_listing *listing, listing_source *source, tally_error *error)
{
    tally_segment *segment = source->segment;
    if (source->numbers == NULL) {
        source->numbers = listing->platform->allocate(listing->platform->context, NUMBERS * sizeof *source->numbers);
        if (source->numbers == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a list of names");
        tally_status status = tally_index_catch_up(segment->index, segment, error);
        if (status != TALLY_OK) return status;
        source->number = UINT32_MAX;
        source->count = 0;
    }
    if (++source->number >= source->count) {
        source->number = 0;
        source->count =
            tally_index_list(segment->index, listing->kind, listing->prefix, listing->after, source->numbers, NUMBERS);
    }
    source->present = source->count != 0;
    if (source->present) {
        tally_index_describe(segment->index, source->numbers[source->number], source->name, &source->length,
                             &source->entry);
    }
    return TALLY_OK;
}

static tally_status load(const tally_listing *listing, listing_source *source, tally_error *error)
{
    tally_segment *segment = source->segment;
    if (source->sorted && !atomic_load(&segment->distrusted)) {
        enum tally_answer answer = load_sorted(listing, source);
        source->present = answer == TALLY_ANSWER_YES;
        if (answer != TALLY_ANSWER_DAMAGED) return TALLY_OK;
        tally_ask_distrust(segment);
    }
    source->sorted = false;
    return load_index(listing, source, error);
}

/* ----------------------------------------------------------------------------------------- the list */

static void take_text(tally_text from, char *bytes, tally_text *to)
{
    *to = (tally_text){bytes, from.length};
    if (from.length != 0) memcpy(bytes, from.bytes, from.length);
}

tally_status tally_listing_new(const tally_view *view, uint64_t end, uint32_t kind, tally_text prefix, tally_text after,
                               tally_listing **listing, tally_error *error)
{
    size_t bytes = sizeof(tally_listing) + view->segment_count * sizeof(listing_source);
    tally_listing *made = view->platform->allocate(view->platform->context, bytes);
    *listing = NULL;
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a list of names");
    memset(made, 0, bytes);
    made->platform = view->platform;
    made->kind = kind;
    made->sources = (listing_source *)(made + 1);
    take_text(prefix, made->prefix_bytes, &made->prefix);
    take_text(after, made->after_bytes, &made->after);
    tally_status status = TALLY_OK;
    for (size_t i = 0; i < view->segment_count && status == TALLY_OK; i++) {
        tally_segment *segment = view->segments[i];
        if (segment->header.first_position >= end) break;
        listing_source *source = &made->sources[made->source_count++];
        uint64_t limit = end - segment->header.first_position;
        source->segment = segment;
        source->sorted = segment->sealed;
        source->limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
        status = load(made, source, error);
    }
    if (status == TALLY_OK) *listing = made;
    else tally_listing_free(made);
    return status;
}

void tally_listing_free(tally_listing *listing)
{
    if (listing == NULL) return;
    for (size_t i = 0; i < listing->source_count; i++) {
        listing->platform->release(listing->platform->context, listing->sources[i].numbers);
    }
    listing->platform->release(listing->platform->context, listing);
}

/* Adds what one segment knows of the name. */
static tally_status add_figures(const tally_listing *listing, listing_source *source, tally_name_figures *figures,
                                tally_error *error)
{
    uint32_t count;
    uint32_t last;
    tally_key key = {listing->kind, name_of(source)};
    uint64_t first = source->segment->header.first_position;
    tally_status status = tally_ask_count(source->segment, &key, &source->entry, source->limit, &count, error);
    if (status != TALLY_OK || count == 0) return status;
    status = tally_ask_last(source->segment, &key, &source->entry, source->limit, &last, error);
    if (status != TALLY_OK) return status;
    if (figures->count == 0) figures->first_position = first + source->entry.first;
    figures->last_position = first + last;
    figures->count += count;
    return TALLY_OK;
}

static const listing_source *least(const tally_listing *listing)
{
    const listing_source *found = NULL;
    for (size_t i = 0; i < listing->source_count; i++) {
        const listing_source *source = &listing->sources[i];
        if (!source->present) continue;
        if (found == NULL || tally_text_compare(name_of(source), name_of(found)) < 0) found = source;
    }
    return found;
}

/* Sums the figures of a name over the segments that have it next, and moves those on. */
static tally_status take_name(tally_listing *listing, tally_name_figures *figures, tally_error *error)
{
    *figures = (tally_name_figures){.name = listing->after, .first_position = TALLY_POSITION_NONE};
    for (size_t i = 0; i < listing->source_count; i++) {
        listing_source *source = &listing->sources[i];
        if (!source->present || tally_text_compare(name_of(source), listing->after) != 0) continue;
        tally_status status = add_figures(listing, source, figures, error);
        if (status == TALLY_OK) status = load(listing, source, error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

tally_status tally_listing_next(tally_listing *listing, bool *found, tally_name_figures *figures, tally_error *error)
{
    for (;;) {
        const listing_source *next = least(listing);
        *found = next != NULL;
        if (next == NULL) return TALLY_OK;
        take_text(name_of(next), listing->after_bytes, &listing->after);
        tally_status status = take_name(listing, figures, error);
        if (status != TALLY_OK || figures->count != 0) return status; /* 0: all of its events are too new */
    }
}
