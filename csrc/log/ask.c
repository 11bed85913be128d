#include "log/ask.h"

#include "base/error.h"
#include "log/sealed.h"

static bool has_sections(const tally_segment *segment)
{
    return segment->sealed && !atomic_load_explicit(&segment->distrusted, memory_order_acquire);
}

tally_status tally_ask_key(tally_segment *segment, const tally_key *key, bool *found, tally_entry *entry,
                           tally_error *error)
{
    if (has_sections(segment)) {
        enum tally_answer answer = tally_sealed_find(segment, key, entry);
        *found = answer == TALLY_ANSWER_YES;
        if (answer != TALLY_ANSWER_DAMAGED) return TALLY_OK;
        tally_ask_distrust(segment);
    }
    tally_status status = tally_index_catch_up(segment->index, segment, error);
    *found = status == TALLY_OK && tally_index_find(segment->index, key, entry) == TALLY_ANSWER_YES;
    return status;
}

static tally_status no_event(const tally_segment *segment, uint32_t ordinal, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_RANGE, segment->header.first_position + ordinal, "there is no such event yet");
}

tally_status tally_ask_place(tally_segment *segment, uint32_t ordinal, uint64_t *offset, uint64_t *limit,
                             tally_error *error)
{
    if (has_sections(segment)) {
        enum tally_answer answer = tally_sealed_place(segment, ordinal, offset, limit);
        if (answer == TALLY_ANSWER_YES) return TALLY_OK;
        if (answer == TALLY_ANSWER_NO) return no_event(segment, ordinal, error);
        tally_ask_distrust(segment);
    }
    if (tally_index_place(segment->index, ordinal, offset, limit) == TALLY_ANSWER_YES) return TALLY_OK;
    tally_status status = tally_index_catch_up(segment->index, segment, error);
    if (status != TALLY_OK) return status;
    if (tally_index_place(segment->index, ordinal, offset, limit) == TALLY_ANSWER_YES) return TALLY_OK;
    return no_event(segment, ordinal, error);
}

tally_status tally_ask_time(tally_segment *segment, uint32_t ordinal, int64_t *time_us, tally_error *error)
{
    if (has_sections(segment)) {
        enum tally_answer answer = tally_sealed_time(segment, ordinal, time_us);
        if (answer == TALLY_ANSWER_YES) return TALLY_OK;
        if (answer == TALLY_ANSWER_NO) return no_event(segment, ordinal, error);
        tally_ask_distrust(segment);
    }
    tally_status status = tally_index_catch_up(segment->index, segment, error);
    if (status != TALLY_OK) return status;
    if (tally_index_time(segment->index, ordinal, time_us) == TALLY_ANSWER_YES) return TALLY_OK;
    return no_event(segment, ordinal, error);
}

tally_status tally_ask_candidate(tally_segment *segment, bool idempotency, const uint8_t value[16], uint32_t before,
                                 bool *found, uint32_t *ordinal, tally_error *error)
{
    if (has_sections(segment)) {
        enum tally_answer answer = tally_sealed_candidate(segment, idempotency, value, before, ordinal);
        *found = answer == TALLY_ANSWER_YES;
        if (answer != TALLY_ANSWER_DAMAGED) return TALLY_OK;
        tally_ask_distrust(segment);
    }
    tally_status status = tally_index_catch_up(segment->index, segment, error);
    *found = status == TALLY_OK &&
             tally_index_candidate(segment->index, idempotency, value, before, ordinal) == TALLY_ANSWER_YES;
    return status;
}

/* After damage was met behind an entry: the entry in the index, which knows all that the sections did. */
static tally_status ask_again(tally_segment *segment, const tally_key *key, tally_entry *entry, tally_error *error)
{
    bool found;
    tally_ask_distrust(segment);
    tally_status status = tally_ask_key(segment, key, &found, entry, error);
    if (status == TALLY_OK && !found) {
        status = tally_fail(error, TALLY_E_DAMAGED, "the indexes of %s name what is not in its events", segment->name);
    }
    return status;
}

tally_status tally_ask_posting(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t number,
                               uint32_t *ordinal, tally_error *error)
{
    tally_postings postings = {segment, *entry, number};
    if (tally_postings_at(&postings, number, ordinal) == TALLY_ANSWER_YES) return TALLY_OK;
    tally_status status = ask_again(segment, key, entry, error);
    if (status != TALLY_OK) return status;
    postings.entry = *entry;
    if (tally_postings_at(&postings, number, ordinal) == TALLY_ANSWER_YES) return TALLY_OK;
    return tally_fail(error, TALLY_E_DAMAGED, "the indexes of %s count more than its events", segment->name);
}

tally_status tally_ask_count(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t before,
                             uint32_t *count, tally_error *error)
{
    tally_postings postings = {segment, *entry, entry->count};
    if (tally_postings_count(&postings, before, count) == TALLY_ANSWER_YES) return TALLY_OK;
    tally_status status = ask_again(segment, key, entry, error);
    if (status != TALLY_OK) return status;
    postings.entry = *entry;
    (void)tally_postings_count(&postings, before, count);
    return TALLY_OK;
}

tally_status tally_ask_last(tally_segment *segment, const tally_key *key, tally_entry *entry, uint32_t before,
                            uint32_t *ordinal, tally_error *error)
{
    tally_postings postings = {segment, *entry, entry->count};
    if (tally_postings_before(&postings, before, ordinal) == TALLY_ANSWER_YES) return TALLY_OK;
    tally_status status = ask_again(segment, key, entry, error);
    if (status != TALLY_OK) return status;
    postings.entry = *entry;
    if (tally_postings_before(&postings, before, ordinal) == TALLY_ANSWER_YES) return TALLY_OK;
    return tally_fail(error, TALLY_E_DAMAGED, "the indexes of %s count more than its events", segment->name);
}
