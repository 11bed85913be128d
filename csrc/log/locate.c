#include "log/locate.h"

#include "log/sealed.h"

/* The first reference of the entry whose segment is not before `segment`; `*number` is the count when none is. */
static enum tally_answer find_reference(const tally_locator *locator, uint32_t segment, uint32_t *number,
                                        uint32_t *its_segment, uint32_t *record)
{
    uint32_t low = 0;
    uint32_t high = locator->entry.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tally_run_reference(locator->run, &locator->entry, middle, its_segment, record) != TALLY_ANSWER_YES) {
            return TALLY_ANSWER_DAMAGED;
        }
        if (*its_segment < segment) low = middle + 1;
        else high = middle;
    }
    *number = low;
    if (low == locator->entry.count) return TALLY_ANSWER_NO;
    return tally_run_reference(locator->run, &locator->entry, low, its_segment, record);
}

/* That the record is the key's, so that a run that lies costs time and nothing else. */
static bool is_record_of(const tally_segment *segment, const tally_key *key, uint32_t record)
{
    char name[TALLY_STREAM_MAX];
    size_t length;
    uint32_t kind;
    return tally_sealed_name(segment, record, &kind, name, &length) == TALLY_ANSWER_YES && kind == key->kind &&
           tally_text_compare((tally_text){name, length}, key->name) == 0;
}

/* DAMAGED: the run does not agree with itself, or with its segments. */
static enum tally_answer locate_in_run(tally_locator *locator, const tally_view *view, const tally_run *run, size_t i,
                                       bool backwards, tally_entry *entry, size_t *next)
{
    tally_segment *segment = view->segments[i];
    size_t start = i - (size_t)(segment->header.number - tally_run_first_segment(run));
    uint32_t wanted = (uint32_t)(i - start);
    uint32_t number;
    uint32_t its_segment;
    uint32_t record;
    if (locator->run != run) {
        enum tally_answer answer = tally_run_find(run, &locator->key, &locator->entry);
        if (answer == TALLY_ANSWER_DAMAGED) return answer;
        locator->run = run;
        locator->known = answer == TALLY_ANSWER_YES;
    }
    *next = backwards ? start : start + tally_run_segment_count(run);
    if (!locator->known) return TALLY_ANSWER_NO;
    enum tally_answer answer = find_reference(locator, wanted, &number, &its_segment, &record);
    if (answer == TALLY_ANSWER_DAMAGED) return answer;
    if (answer == TALLY_ANSWER_YES && its_segment == wanted) {
        if (!is_record_of(segment, &locator->key, record)) return TALLY_ANSWER_DAMAGED;
        return tally_sealed_record(segment, record, entry);
    }
    if (!backwards && answer == TALLY_ANSWER_YES) *next = start + its_segment;
    if (backwards && number > 0) {
        answer = tally_run_reference(run, &locator->entry, number - 1, &its_segment, &record);
        if (answer != TALLY_ANSWER_YES) return TALLY_ANSWER_DAMAGED;
        *next = start + its_segment + 1;
    }
    return TALLY_ANSWER_NO;
}

tally_status tally_locate(tally_locator *locator, const tally_view *view, size_t i, bool backwards, bool *found,
                          tally_entry *entry, size_t *next, tally_error *error)
{
    uint32_t number = view->run_of[i];
    tally_segment *segment = view->segments[i];
    bool whole = !atomic_load_explicit(&segment->distrusted, memory_order_acquire);
    if (number != TALLY_RUN_NONE && whole && tally_run_is_trusted(view->runs[number])) {
        enum tally_answer answer = locate_in_run(locator, view, view->runs[number], i, backwards, entry, next);
        *found = answer == TALLY_ANSWER_YES;
        if (answer != TALLY_ANSWER_DAMAGED) return TALLY_OK;
        tally_run_distrust(view->runs[number]);
    }
    *next = backwards ? i : i + 1;
    return tally_ask_key(segment, &locator->key, found, entry, error);
}
