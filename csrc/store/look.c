/* What a call on a store may see: the log as it is now. */
#include <string.h>

#include "base/error.h"
#include "store/store.h"

#define LOOK_EVERY_NS 1000000u

tally_status tally_store_enter(tally_call *call, tally_store *store, tally_store_body **body, tally_error *error)
{
    tally_status status = tally_gate_enter(call, store, TALLY_HANDLE_STORE, error);
    if (status == TALLY_OK) *body = call->slot->body;
    return status;
}

tally_status tally_store_refresh(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    tally_view *view = NULL;
    uint64_t end = 0;
    uint64_t durable = 0;
    uint64_t now_ns = platform->monotonic_ns(platform->context);
    platform->mutex_lock(platform->context, &body->follow_mutex);
    tally_status status = TALLY_OK;
    if (body->followed_ns == 0 || now_ns - body->followed_ns >= LOOK_EVERY_NS) {
        status = tally_follow_refresh(body->follow, &view, &end, &durable, error);
        /* A failure does not hide what was found before it. */
        if (view != NULL) tally_shown_replace(&body->followed, view);
        tally_shown_publish(&body->followed, (tally_watermarks){end, end, durable}, end);
        if (status == TALLY_OK) body->followed_ns = now_ns;
    }
    platform->mutex_unlock(platform->context, &body->follow_mutex);
    if (status == TALLY_OK) tally_error_clear(error); /* of what looking met and passed over */
    return status;
}

tally_status tally_store_view_now(tally_store_body *body, tally_look *look, tally_error *error)
{
    memset(look, 0, sizeof *look);
    if (body->read_only) {
        tally_status status = tally_store_refresh(body, error);
        if (status != TALLY_OK) return status;
    }
    look->durable = tally_shown_marks(body->shown).durable;
    look->end = tally_shown_end(body->shown);
    look->view = tally_shown_hold(body->shown);
    if (look->durable > look->end) look->durable = look->end;
    return TALLY_OK;
}
