#include "store/compare.h"

#include <inttypes.h>

#include "base/error.h"
#include "log/lookup.h"
#include "store/draft.h"
#include "store/idempotency.h"

/* Which is what was hoped for. */
static tally_status nothing_found(tally_error *error)
{
    tally_error_clear(error);
    return TALLY_OK;
}

static tally_status compare_id(const tally_look *look, const tally_ready *event, tally_error *error)
{
    uint64_t position;
    if (!event->id_given) return TALLY_OK;
    tally_status status = tally_lookup_id(look->view, 0, look->end, event->body, &position, error);
    if (status == TALLY_E_NOT_FOUND) return nothing_found(error);
    if (status != TALLY_OK) return status;
    return tally_fail_at(error, TALLY_E_EXISTS, position, "the id exists, at position %" PRIu64, position);
}

static tally_status compare_condition(const tally_look *look, const tally_append_condition *condition, size_t index,
                                      tally_error *error)
{
    uint64_t position;
    if (condition->from_position >= look->end) return TALLY_OK;
    tally_status status =
        tally_lookup_match(look->view, condition->from_position, look->end, condition->types, condition->type_count,
                           condition->tags, condition->tag_count, &position, error);
    if (status == TALLY_E_NOT_FOUND) return nothing_found(error);
    if (status != TALLY_OK) return status;
    return tally_fail_at(error, TALLY_E_CONFLICT, position, "the event at position %" PRIu64 " matches condition %zu",
                         position, index);
}

static tally_status compare(const tally_look *look, const tally_prepared *prepared, tally_error *error)
{
    const tally_commit *commit = &prepared->commit;
    tally_status status = TALLY_OK;
    for (size_t i = 0; i < commit->count && prepared->has_ids && status == TALLY_OK; i++) {
        status = compare_id(look, &commit->events[i], error);
        if (status != TALLY_OK) tally_draft_name(i, commit->count, error);
    }
    for (size_t i = 0; i < commit->condition_count && status == TALLY_OK; i++) {
        status = compare_condition(look, &commit->conditions[i], i, error);
    }
    return status;
}

tally_status tally_compare(tally_store_body *body, tally_prepared *prepared, tally_receipt *receipts, bool *repeated,
                           tally_error *error)
{
    *repeated = false;
    tally_look look;
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    if (prepared->has_keys) {
        uint64_t *last = &prepared->commit.first_position;
        status = tally_idempotency_compare(body, prepared, &look, receipts, repeated, last, error);
    }
    if (status == TALLY_OK && !*repeated) status = compare(&look, prepared, error);
    prepared->commit.checked_end = look.end;
    tally_view_release(look.view);
    return status;
}
