/* Proofs of an event, and its data as they are bound. */
#include <string.h>

#include "base/error.h"
#include "log/lookup.h"
#include "proof/tlog_proof.h"
#include "store/append.h"
#include "store/proofs.h"

/* --------------------------------------------------------------------------------------- the event */

/* The frame of an event; what it lends is in the map, or in `scratch`. */
typedef struct framed {
    const tally_platform *platform;
    tally_frame frame;
    uint8_t *scratch;
} framed;

static tally_status find_frame(const tally_view *view, uint64_t position, bool with_data, framed *event,
                               tally_error *error)
{
    tally_place place;
    tally_core core;
    tally_error why;
    const uint8_t *bytes;
    const tally_platform *platform = view->platform;
    event->platform = platform;
    event->scratch = NULL;
    tally_status status = tally_lookup_place(view, position, &place, error);
    if (status != TALLY_OK) return status;
    if (place.segment->map == NULL) {
        event->scratch = platform->allocate(platform->context, place.length);
        if (event->scratch == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read the event");
    }
    status = tally_segment_bytes(place.segment, place.offset, place.length, event->scratch, &bytes, error);
    if (status == TALLY_OK) {
        status = tally_frame_decode(place.segment->seed, bytes, place.length, with_data, &event->frame, &why);
        if (status == TALLY_OK) status = tally_core_decode(event->frame.core, &core, &why);
        if (status == TALLY_OK && core.position != position)
            status = tally_fail(&why, TALLY_E_DAMAGED, "it holds another event");
        if (status != TALLY_OK) status = tally_segment_damaged(place.segment, position, place.offset, &why, error);
    }
    if (status != TALLY_OK) platform->release(platform->context, event->scratch);
    return status;
}

static void release_frame(framed *event) { event->platform->release(event->platform->context, event->scratch); }

static tally_status no_such(uint64_t position, uint64_t events, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_RANGE, position,
                         "the event is not in this log: it has %llu, the first is number 0",
                         (unsigned long long)events);
}

/* ---------------------------------------------------------------------------------------- proving */

/* NOLINTBEGIN(readability-non-const-parameter) */
static tally_status write_proof(const tally_head_signer *signer, const tally_frame *frame, uint64_t position,
                                const tally_hash *hashes, size_t count, char *proof, size_t capacity, size_t *needed,
                                tally_error *error)
{ /* NOLINTEND(readability-non-const-parameter) */
    tally_lines_writer writer = {proof, capacity, 0};
    tally_text note = {signer->newest, signer->newest_length};
    tally_tlog_proof_put(&writer, frame->core, frame->body, frame->body_length, position, hashes, count, note);
    return tally_lines_done(&writer, needed, error);
}

static tally_status prove_from(tally_store_body *body, const tally_view *view, uint64_t position, char *proof,
                               size_t capacity, size_t *needed, tally_error *error)
{
    tally_head_signer *signer = &body->signing->signer;
    tally_hash hashes[TALLY_PROOF_HASHES_MAX];
    tally_hash leaf;
    size_t count;
    framed event = {.scratch = NULL};
    tally_status status = find_frame(view, position, false, &event, error);
    if (status != TALLY_OK) return status;
    tally_core_event_hash(event.frame.core, leaf.bytes);
    status = tally_proofs_cover(body, view, signer->newest_size, error);
    if (status == TALLY_OK) {
        status = tally_tree_inclusion(&signer->tree, view, &leaf, position, signer->newest_size, &signer->newest_root,
                                      hashes, &count, error);
    }
    if (status == TALLY_OK)
        status = write_proof(signer, &event.frame, position, hashes, count, proof, capacity, needed, error);
    release_frame(&event);
    return status;
}

static bool is_covered(const tally_store_body *body, uint64_t position)
{
    const tally_head_signer *signer = &body->signing->signer;
    return signer->newest_length != 0 && position < signer->newest_size;
}

/* With the signer taken. */
static tally_status cover(tally_store_body *body, uint64_t position, tally_error *error)
{
    if (is_covered(body, position)) return TALLY_OK;
    if (!body->read_only && !tally_signer_is_set(&body->signing->signer))
        return tally_fail(error, TALLY_E_UNSIGNED, "the store has no signing key: there is no head to prove it by");
    tally_status status = tally_proofs_newest(body, true, error);
    if (status != TALLY_OK || is_covered(body, position)) return status;
    return tally_fail_at(error, TALLY_E_NOT_FOUND, position, "no checkpoint covers the event yet");
}

static tally_status prove(tally_store_body *body, uint64_t position, char *proof, size_t capacity, size_t *needed,
                          tally_error *error)
{
    tally_look look;
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    uint64_t covered = atomic_load_explicit(&body->signing->signed_size, memory_order_acquire);
    if (position >= look.end) status = no_such(position, look.end, error);
    else if (position >= covered && !body->read_only) status = tally_append_may(body, TALLY_DURABLE, error);
    if (status == TALLY_OK && position >= covered && !body->read_only) status = tally_proofs_sync(body, error);
    if (status == TALLY_OK) status = tally_store_signing_take(body, error);
    if (status == TALLY_OK) {
        status = cover(body, position, error);
        if (status == TALLY_OK) {
            tally_view *view;
            (void)tally_store_signing_look(body, &view);
            status = prove_from(body, view, position, proof, capacity, needed, error);
            tally_view_release(view);
        }
        tally_store_signing_leave(body);
    }
    tally_view_release(look.view);
    return status;
}

tally_status tally_store_prove(tally_store *store, uint64_t position, char *proof, size_t capacity, size_t *needed,
                               tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (needed != NULL) *needed = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_proofs_check_buffer(proof, capacity, needed, error);
    if (status == TALLY_OK) status = prove(body, position, proof, capacity, needed, error);
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}

/* ----------------------------------------------------------------------------------- data as stored */

static tally_status get_stored(tally_store_body *body, uint64_t position, void *buffer, size_t capacity, size_t *needed,
                               tally_error *error)
{
    tally_look look;
    framed event = {.scratch = NULL};
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    if (position >= look.end) status = no_such(position, look.end, error);
    if (status == TALLY_OK) status = find_frame(look.view, position, true, &event, error);
    if (status == TALLY_OK) {
        *needed = event.frame.data_length; /* NOLINT(clang-analyzer-core.NullDereference) */
        if (event.frame.data_length > capacity) {
            status = tally_fail_at(error, TALLY_E_SPACE, position, "the data need a buffer of %zu bytes",
                                   event.frame.data_length);
        } else {
            memcpy(buffer, event.frame.data, event.frame.data_length);
        }
        release_frame(&event);
    }
    if (look.view != NULL) tally_view_release(look.view);
    return status;
}

tally_status tally_store_get_stored(tally_store *store, uint64_t position, void *buffer, size_t capacity,
                                    size_t *needed, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_error_clear(error);
    if (needed != NULL) *needed = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_proofs_check_buffer(buffer, capacity, needed, error);
    if (status == TALLY_OK) status = get_stored(body, position, buffer, capacity, needed, error);
    tally_gate_leave(&call);
    return status;
}
