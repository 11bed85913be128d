#include <string.h>

#include <tallystick/registry.h>

#include "registry/edit.h"
#include "registry/records.h"

#define EDITS_MAX 1048576u

/* Many changes, one snapshot: check all, take all records, build the list, and only then let go of what
 * leaves. Whatever fails before that is rolled back. */

/* Each item says why it is refused; the first refusal is the call's. Options are kept for later. */
static tally_status check_edits(tally_body *body, tally_edit *edits, size_t count, uint32_t *additions,
                                tally_error *error)
{
    tally_status first = TALLY_OK;
    tally_handler_options known;
    for (size_t i = 0; i < count; i++) {
        tally_edit *edit = &edits[i];
        tally_error *detail = first == TALLY_OK ? error : NULL;
        tally_status status = TALLY_OK;
        edit->removed = 0;
        if (edit->operation == TALLY_EDIT_REGISTER) {
            edit->id = (tally_handler_id){0, 0};
            if (edit->handler == NULL) status = tally_fail(detail, TALLY_E_NULL, "handler of edit %zu is NULL", i);
            else status = tally_handler_options_read(edit->options, &known, detail);
            *additions += 1;
        } else if (edit->operation == TALLY_EDIT_UNREGISTER) {
            status = tally_check_id(body, edit->id, detail);
        } else {
            status =
                tally_fail(detail, TALLY_E_OPTION,
                           "operation of edit %zu is %u; it is TALLY_EDIT_REGISTER or _UNREGISTER", i, edit->operation);
        }
        if (status == TALLY_OK && edit->reserved != 0) {
            status = tally_fail(detail, TALLY_E_OPTION, "reserved of edit %zu is %d; it must be 0", i, edit->reserved);
        }
        edit->status = status;
        if (status == TALLY_OK || first != TALLY_OK) continue;
        first = status;
        if (error != NULL) error->position = i;
    }
    return first;
}

/* Higher priority first, then the order of registration: a total order, by merging runs. `spare` is as
 * large as `additions`. */
static void sort_additions(tally_addition *additions, tally_addition *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = middle + width < count ? middle + width : count;
            size_t left = start;
            size_t right = middle;
            for (size_t to = start; to < end; to++) {
                bool take_left =
                    left < middle && (right == end || additions[left].priority >= additions[right].priority);
                spare[to] = take_left ? additions[left++] : additions[right++];
            }
        }
        memcpy(additions, spare, count * sizeof *additions);
    }
}

static void roll_back(tally_body *body, tally_edit *edits, size_t count, const tally_addition *additions,
                      uint32_t taken)
{
    for (uint32_t i = taken; i > 0; i--) tally_addition_untake(body, additions[i - 1].record);
    for (uint32_t i = 0; body->current != NULL && i < body->current->count; i++) {
        tally_record *record = tally_record_at(body->chunks, body->current->records[i]);
        if (record->state == RECORD_LEAVING) record->state = RECORD_LIVE;
    }
    for (size_t i = 0; i < count; i++) {
        edits[i].removed = 0;
        if (edits[i].operation == TALLY_EDIT_REGISTER) edits[i].id = (tally_handler_id){0, 0};
    }
}

/* Says for each `once` handler whether this call removes it or a notify was faster; none can claim it
 * afterwards. */
static void claim_leaving(tally_body *body, tally_edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (edits[i].operation != TALLY_EDIT_UNREGISTER || edits[i].removed == 0) continue;
        uint32_t record = tally_records_find(body, edits[i].id.handler);
        if (record == RECORD_NONE || tally_record_at(body->chunks, record)->state != RECORD_LEAVING) continue;
        tally_extra *extra = tally_record_extra(tally_record_at(body->chunks, record));
        if (extra == NULL || (extra->flags & TALLY_HANDLER_ONCE) == 0) continue;
        atomic_fetch_add(&body->claimed, 1);
        if (atomic_exchange(&extra->claimed, 1) == 0) continue;
        atomic_fetch_sub(&body->claimed, 1);
        edits[i].removed = 0;
    }
}

static void mark_leaving(tally_body *body, tally_edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (edits[i].operation != TALLY_EDIT_UNREGISTER) continue;
        uint32_t record = tally_records_find(body, edits[i].id.handler);
        if (record == RECORD_NONE || tally_record_at(body->chunks, record)->state != RECORD_LIVE) continue;
        tally_record_at(body->chunks, record)->state = RECORD_LEAVING;
        edits[i].removed = 1;
    }
}

static tally_status take_additions(tally_body *body, tally_edit *edits, size_t count, tally_addition *additions,
                                   uint32_t adding, uint32_t *taken)
{
    for (size_t i = 0; i < count; i++) {
        if (edits[i].operation != TALLY_EDIT_REGISTER) continue;
        tally_handler handler = edits[i].handler;
        tally_handler_options known;
        if (*taken == adding || handler == NULL) return TALLY_E_ARGUMENT;
        tally_status status = tally_handler_options_read(edits[i].options, &known, NULL);
        if (status != TALLY_OK) return status;
        status = tally_addition_take(body, handler, edits[i].user_data, &known, &additions[*taken], &edits[i].id);
        if (status != TALLY_OK) return status;
        *taken += 1;
    }
    return TALLY_OK;
}

/* The items have passed their checks and there is room for the records. What is in the caller's memory is
 * read again here, and may have been changed by another thread: it is checked again, or not relied on.
 * Removals first, so that none can name an addition. */
static tally_status apply(tally_body *body, tally_edit *edits, size_t count, tally_addition *additions, uint32_t adding)
{
    uint32_t taken = 0;
    mark_leaving(body, edits, count);
    tally_status status = take_additions(body, edits, count, additions, adding, &taken);
    tally_snapshot *snapshot = NULL;
    if (status == TALLY_OK) {
        sort_additions(additions, additions + adding, taken);
        snapshot = tally_snapshot_merge(body, additions, taken);
    }
    if (snapshot == NULL) {
        roll_back(body, edits, count, additions, taken);
        return status != TALLY_OK ? status : TALLY_E_NO_MEMORY;
    }
    claim_leaving(body, edits, count);
    (void)tally_retire_leaving(body);
    snapshot->flags = tally_snapshot_flags(body);
    tally_publish(body, snapshot);
    tally_warn_of_leak(body);
    return TALLY_OK;
}

tally_status tally_registry_edit(tally_registry *registry, tally_edit *edits, size_t count, tally_error *error)
{
    tally_error_clear(error);
    if (edits == NULL && count != 0) return tally_fail(error, TALLY_E_NULL, "edits is NULL with count %zu", count);
    if (count > EDITS_MAX) return tally_fail(error, TALLY_E_LENGTH, "count is %zu; at most %u edits", count, EDITS_MAX);
    tally_fence_prepare();
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    uint32_t adding = 0;
    status = check_edits(body, edits, count, &adding, error);
    if (status == TALLY_OK) status = tally_addition_reserve(body, adding, error);
    if (status == TALLY_OK && count != 0) {
        tally_sweep_claimed(body);
        size_t bytes = (2 * (size_t)adding + 1) * sizeof(tally_addition);
        tally_addition *additions = tally_body_allocate(body, bytes);
        status = additions == NULL ? TALLY_E_NO_MEMORY : apply(body, edits, count, additions, adding);
        tally_body_release(body, additions, bytes);
        if (status != TALLY_OK) (void)tally_fail(error, status, "%zu edits were not made; nothing was changed", count);
    }
    tally_reclaim_if_due(&writer, status == TALLY_OK && count != adding);
    tally_writer_end(&writer);
    return status;
}
