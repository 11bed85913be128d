#include "store/reader.h"

#include <string.h>

#include "base/error.h"
#include "handle/process.h"

/* ------------------------------------------------------------------------------------------- closing */

static void leave_list(tally_reader_body *body)
{
    tally_store_body *store = body->store;
    store->platform->mutex_lock(store->platform->context, &store->readers_mutex);
    if (body->next != NULL) body->next->previous = body->previous;
    if (body->previous != NULL) body->previous->next = body->next;
    else store->readers = body->next;
    (void)atomic_fetch_sub(&store->reader_count, 1);
    store->platform->mutex_unlock(store->platform->context, &store->readers_mutex);
}

static void free_body(tally_reader_body *body)
{
    const tally_platform *platform = body->platform;
    tally_match_free(body->match);
    tally_view_release(body->view);
    platform->release(platform->context, body->memory);
    platform->release(platform->context, body);
}

/* The list is left last: when the store finds it empty, nobody needs the store any more. In a forked child the locks
 * may be held by threads that do not exist. */
static enum tally_finish finish(tally_slot *slot)
{
    tally_reader_body *body = slot->body;
    if (atomic_load(&slot->forks) != tally_process_forks()) return TALLY_FINISH_NEVER;
    if (tally_fence_all() != TALLY_OK) return TALLY_FINISH_NEVER;
    if (!tally_gate_is_quiet(slot)) return TALLY_FINISH_LATER;
    tally_view_release(body->view);
    body->view = NULL;
    tally_match_free(body->match);
    body->match = NULL;
    leave_list(body);
    tally_slab_give(slot);
    free_body(body);
    return TALLY_FINISH_DONE;
}

static const tally_close_steps steps = {NULL, finish, NULL};

tally_status tally_reader_close(tally_reader **reader) { return tally_close(reader, TALLY_HANDLE_READER, true); }

/* Those that this thread shut are its own to close; others are being closed by somebody. */
static tally_reader_body *shut_all(tally_store_body *body)
{
    tally_reader_body *mine = NULL;
    body->platform->mutex_lock(body->platform->context, &body->readers_mutex);
    for (tally_reader_body *reader = body->readers; reader != NULL; reader = reader->next) {
        if (!tally_gate_shut(reader->slot)) continue;
        reader->closing = mine;
        mine = reader;
    }
    body->platform->mutex_unlock(body->platform->context, &body->readers_mutex);
    return mine;
}

/* Who finishes deferred closes may not wait: those of the readers may be the next ones of his list. */
void tally_readers_close(tally_store_body *body, bool may_wait)
{
    uint32_t round = 0;
    do {
        for (tally_reader_body *reader = shut_all(body); reader != NULL;) {
            tally_reader_body *next = reader->closing;
            tally_close_shut(reader->slot, may_wait);
            reader = next;
        }
        if (!may_wait || tally_thread_in_callback()) return;
        tally_close_deferred();
        if (atomic_load(&body->reader_count) != 0) tally_gate_backoff(&round);
    } while (atomic_load(&body->reader_count) != 0);
}

/* ------------------------------------------------------------------------------------------- opening */

/* A view on the log as it is now, and what of it lies within the bounds. */
static tally_status look(tally_reader_body *body, tally_error *error)
{
    tally_look look;
    uint64_t low = 0;
    uint64_t high = 0;
    tally_status status = tally_store_view_now(body->store, &look, error);
    if (status != TALLY_OK) return status;
    uint64_t end = body->flags & TALLY_QUERY_DURABLE_ONLY ? look.durable : look.end;
    if (look.view != NULL) status = tally_bounds_settle(&body->bounds, look.view, end, &low, &high, error);
    if (status != TALLY_OK) {
        tally_view_release(look.view);
        return status;
    }
    tally_view_release(body->view);
    body->view = look.view;
    body->view_end = end;
    body->from = low > body->from ? low : body->from;
    body->end = high;
    if (body->from > body->end) body->from = body->end;
    tally_match_forget(body->match);
    return TALLY_OK;
}

static tally_status make(tally_store_body *store, const tally_query *query, tally_reader_body **out, tally_error *error)
{
    const tally_platform *platform = store->platform;
    tally_reader_body *body = platform->allocate(platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a reader");
    memset(body, 0, sizeof *body);
    body->platform = platform;
    body->store = store;
    body->flags = query->flags;
    body->work_limit = query->work_limit;
    tally_bounds_take(query, &body->bounds);
    tally_filter filter = {query->stream,     query->stream_prefix, query->types,
                           query->type_count, query->tags,          query->tag_count};
    tally_status status = tally_match_new(platform, &filter, &body->match, error);
    if (status == TALLY_OK) status = look(body, error);
    if (status == TALLY_OK) *out = body;
    else free_body(body);
    return status;
}

static tally_status open_reader(tally_store_body *store, const tally_query *query, tally_reader **reader,
                                tally_error *error)
{
    tally_reader_body *body = NULL;
    tally_status status = make(store, query, &body, error);
    if (body == NULL) return status;
    status = tally_gate_new(&body->slot, TALLY_HANDLE_READER, body, TALLY_SLOT_OWNS_FILES, &steps, error);
    if (status != TALLY_OK) {
        free_body(body);
        return status;
    }
    store->platform->mutex_lock(store->platform->context, &store->readers_mutex);
    body->next = store->readers;
    if (body->next != NULL) body->next->previous = body;
    store->readers = body;
    (void)atomic_fetch_add(&store->reader_count, 1);
    tally_gate_open(body->slot);
    store->platform->mutex_unlock(store->platform->context, &store->readers_mutex);
    *reader = (tally_reader *)body->slot;
    return TALLY_OK;
}

tally_status tally_reader_open(tally_store *store, const tally_query *query, tally_reader **reader, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_query known;
    tally_error_clear(error);
    if (reader == NULL) return tally_fail(error, TALLY_E_NULL, "reader is NULL; it receives the handle");
    *reader = NULL;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_query_read(query, &known, error);
    if (status == TALLY_OK) status = open_reader(body, &known, reader, error);
    tally_gate_leave(&call);
    return status;
}

/* ------------------------------------------------------------------------------------------- calling */

static tally_status enter(tally_call *call, tally_reader *reader, tally_reader_body **body, tally_error *error)
{
    tally_status status = tally_gate_enter(call, reader, TALLY_HANDLE_READER, error);
    if (status != TALLY_OK) return status;
    *body = call->slot->body;
    if (atomic_exchange_explicit(&(*body)->busy, 1, memory_order_acquire) == 0) return TALLY_OK;
    tally_gate_leave(call);
    return tally_fail(error, TALLY_E_BUSY, "another thread uses this reader; open one for each");
}

static void leave(tally_call *call, tally_reader_body *body)
{
    atomic_store_explicit(&body->busy, 0, memory_order_release);
    tally_gate_leave(call);
}

tally_status tally_reader_next(tally_reader *reader, tally_event *events, size_t capacity, size_t *count,
                               tally_error *error)
{
    tally_call call;
    tally_reader_body *body;
    if (count != NULL) *count = 0;
    tally_status status = enter(&call, reader, &body, error);
    if (status != TALLY_OK) return status;
    if (events == NULL || count == NULL) {
        status = tally_fail(error, TALLY_E_NULL, "events or count is NULL; they receive the page");
    } else if (capacity == 0 || capacity > TALLY_BATCH_MAX) {
        status = tally_fail(error, TALLY_E_RANGE, "the page is of %zu events; 1 to %u are possible", capacity,
                            TALLY_BATCH_MAX);
    } else {
        status = tally_page_fill(body, events, capacity, count, error);
    }
    leave(&call, body);
    return status;
}

tally_status tally_reader_place_get(tally_reader *reader, tally_reader_place *place, tally_error *error)
{
    tally_call call;
    tally_reader_body *body;
    if (place != NULL) memset(place, 0, sizeof *place);
    tally_status status = enter(&call, reader, &body, error);
    if (status != TALLY_OK) return status;
    bool backwards = (body->flags & TALLY_QUERY_BACKWARDS) != 0;
    uint32_t bit = backwards ? tally_block_last(&body->block) : tally_block_first(&body->block);
    uint64_t next = backwards ? body->end : body->from;
    if (bit != TALLY_BLOCK_EVENTS) next = body->block.first + bit + (backwards ? 1 : 0);
    if (place != NULL) *place = (tally_reader_place){next, body->view_end, body->examined, body->returned};
    else status = tally_fail(error, TALLY_E_NULL, "place is NULL; it receives the place");
    leave(&call, body);
    return status;
}

tally_status tally_reader_refresh(tally_reader *reader, tally_error *error)
{
    tally_call call;
    tally_reader_body *body;
    tally_status status = enter(&call, reader, &body, error);
    if (status != TALLY_OK) return status;
    if (body->flags & TALLY_QUERY_BACKWARDS || body->bounds.to_position != 0) {
        status = tally_fail(error, TALLY_E_ARGUMENT,
                            "a backward reader, or one with a to_position, has an end that stays; open a new one");
    } else {
        body->memory_used = 0; /* what was lent is gone */
        status = look(body, error);
    }
    leave(&call, body);
    return status;
}
