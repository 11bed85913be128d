/* Heads on request: the calls of checkpoint.h that make no proof of an event. */
#include <string.h>

#include "base/error.h"
#include "log/log.h"
#include "store/append.h"
#include "store/proofs.h"

tally_status tally_store_signing_get(tally_store *store, tally_signing_state *state, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (state != NULL) memset(state, 0, sizeof *state);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    if (state == NULL) {
        status = tally_fail(error, TALLY_E_NULL, "state is NULL; it receives how the heads stand");
    } else {
        const tally_platform *platform = body->platform;
        platform->mutex_lock(platform->context, &body->signing->mutex);
        *state = body->signing->state;
        platform->mutex_unlock(platform->context, &body->signing->mutex);
    }
    tally_gate_leave(&call);
    return status;
}

/* ----------------------------------------------------------------------------------------- heads */

tally_status tally_proofs_sync(tally_store_body *body, tally_error *error)
{
    tally_log *log = body->log;
    tally_log_lock(log);
    tally_status status = tally_log_check(log, error);
    if (status == TALLY_OK) status = tally_log_reach(log, TALLY_DURABLE, log->next_position, error);
    tally_log_unlock(log);
    return status;
}

tally_status tally_proofs_newest(tally_store_body *body, bool wanted, tally_error *error)
{
    tally_head_signer *signer = &body->signing->signer;
    tally_view *view;
    tally_error why = {.status = TALLY_OK};
    if (body->read_only) {
        tally_status status = tally_signer_refresh(signer, error);
        if (status != TALLY_OK || signer->newest_length != 0 || !wanted) return status;
        return tally_fail(error, TALLY_E_NOT_FOUND, "the store has no checkpoint yet, and was opened for reading only");
    }
    if (!tally_signer_is_set(signer)) return TALLY_OK;
    uint64_t durable = tally_store_signing_look(body, &view);
    tally_status status = tally_signer_make(signer, view, durable, &why);
    tally_view_release(view);
    tally_signer_failed(signer, status, &why);
    if (status != TALLY_OK && error != NULL) *error = why;
    return status;
}

static tally_status give_note(tally_store_body *body, char *note, size_t capacity, size_t *needed, tally_error *error)
{
    tally_head_signer *signer = &body->signing->signer;
    if (body->read_only || tally_signer_is_set(signer)) {
        tally_lines_writer writer = {note, capacity, 0};
        tally_lines_put(&writer, signer->newest, signer->newest_length);
        return tally_lines_done(&writer, needed, error);
    }
    tally_view *view;
    uint64_t durable = tally_store_signing_look(body, &view);
    tally_status status = tally_signer_make_unsigned(signer, view, durable, note, capacity, needed, error);
    tally_view_release(view);
    return status;
}

static tally_status checkpoint(tally_store_body *body, char *note, size_t capacity, size_t *needed, tally_error *error)
{
    tally_status status = tally_append_may(body, TALLY_DURABLE, error);
    if (status == TALLY_OK && !body->read_only) status = tally_proofs_sync(body, error);
    if (status == TALLY_OK) status = tally_store_signing_take(body, error);
    if (status != TALLY_OK) return status;
    status = tally_proofs_newest(body, true, error);
    if (status == TALLY_OK) status = give_note(body, note, capacity, needed, error);
    tally_store_signing_leave(body);
    return status;
}

tally_status tally_proofs_check_buffer(const void *buffer, size_t capacity, const size_t *needed, tally_error *error)
{
    if (needed == NULL || (buffer == NULL && capacity != 0))
        return tally_fail(error, TALLY_E_NULL, "needed, or the buffer, is NULL");
    if (capacity <= PTRDIFF_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "the buffer has %zu bytes, more than there can be", capacity);
}

tally_status tally_store_checkpoint(tally_store *store, char *note, size_t capacity, size_t *needed, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (needed != NULL) *needed = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_proofs_check_buffer(note, capacity, needed, error);
    if (status == TALLY_OK) status = checkpoint(body, note, capacity, needed, error);
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

/* ------------------------------------------------------------------------------------ consistency */

tally_status tally_proofs_cover(tally_store_body *body, const tally_view *view, uint64_t size, tally_error *error)
{
    tally_tree *tree = &body->signing->signer.tree;
    return tally_tree_update(tree, view, size, UINT64_MAX, error);
}

static tally_status consistency(tally_store_body *body, uint64_t old_size, uint64_t new_size, tally_hash *hashes,
                                size_t capacity, size_t *count, tally_hash *roots, tally_error *error)
{
    tally_view *view;
    tally_hash all[TALLY_CONSISTENCY_HASHES_MAX];
    tally_hash both[2];
    size_t made = 0;
    uint64_t durable = tally_store_signing_look(body, &view);
    tally_status status = TALLY_OK;
    if (new_size > durable) {
        status = tally_fail_at(error, TALLY_E_RANGE, new_size, "the log has %llu durable events",
                               (unsigned long long)durable);
    }
    if (status == TALLY_OK) status = tally_proofs_cover(body, view, new_size, error);
    if (status == TALLY_OK) {
        status = tally_tree_consistency(&body->signing->signer.tree, view, old_size, new_size, all, &made, both, error);
    }
    if (view != NULL) tally_view_release(view);
    if (status != TALLY_OK) return status;
    *count = made;
    if (made > capacity) return tally_fail_at(error, TALLY_E_SPACE, made, "the proof has %zu hashes", made);
    if (made != 0) memcpy(hashes, all, made * sizeof *all);
    if (roots != NULL) memcpy(roots, both, sizeof both);
    return TALLY_OK;
}

tally_status tally_store_consistency(tally_store *store, uint64_t old_size, uint64_t new_size, tally_hash *hashes,
                                     size_t capacity, size_t *count, tally_hash roots[2], tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (count != NULL) *count = 0;
    if (roots != NULL) memset(roots, 0, 2 * sizeof *roots);
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_proofs_check_buffer(hashes, capacity, count, error);
    if (status == TALLY_OK && old_size > new_size)
        status = tally_fail_at(error, TALLY_E_RANGE, old_size, "the older tree is larger than the newer one");
    if (status == TALLY_OK && body->read_only) status = tally_store_refresh(body, error);
    if (status == TALLY_OK) status = tally_store_signing_take(body, error);
    if (status == TALLY_OK) {
        status = consistency(body, old_size, new_size, hashes, capacity, count, roots, error);
        tally_store_signing_leave(body);
    }
    tally_gate_leave(&call);
    return status;
}
