#include <string.h>

#include <tallystick/native.h>

#include "handle/closing.h"
#include "handle/process.h"

/* Stripes of a cache line each: threads with different record numbers do not share one, up to this
 * many; beyond that they share by remainder, and the additions are atomic. */
#define STRIPES 32

typedef struct stripe {
    _Alignas(64) _Atomic(uint64_t) events;
    _Atomic(uint64_t) bytes;
} stripe;

typedef struct counter_body {
    const tally_platform *platform;
    stripe *stripes; /* aligned, inside this block */
} counter_body;

static void release_body(void *memory)
{
    counter_body *body = memory;
    body->platform->release(body->platform->context, body);
}

static enum tally_finish finish(tally_slot *slot) { return tally_close_when_quiet(slot, release_body); }

static const tally_close_steps steps = {NULL, finish, NULL};

tally_status tally_counter_open(const tally_platform *platform, tally_counter **counter, tally_error *error)
{
    tally_error_clear(error);
    if (counter == NULL) return tally_fail(error, TALLY_E_NULL, "counter is NULL; it receives the handle");
    *counter = NULL;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK && platform != NULL) status = tally_platform_check(platform, error);
    if (status != TALLY_OK) return status;
    if (platform == NULL) platform = tally_platform_default();
    size_t bytes = sizeof(counter_body) + (STRIPES + 1) * sizeof(stripe);
    counter_body *body = platform->allocate(platform->context, bytes);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a counter");
    memset(body, 0, bytes);
    body->platform = platform;
    body->stripes = (stripe *)(((uintptr_t)(body + 1) + 63) & ~(uintptr_t)63);
    tally_slot *slot;
    status = tally_gate_new(&slot, TALLY_HANDLE_COUNTER, body, 0, &steps, error);
    if (status != TALLY_OK) {
        release_body(body);
        return status;
    }
    tally_gate_open(slot);
    *counter = (tally_counter *)slot;
    return TALLY_OK;
}

tally_status tally_counter_close(tally_counter **counter) { return tally_close(counter, TALLY_HANDLE_COUNTER, true); }

int32_t tally_counter_handler(void *counter, const tally_notice *notice)
{
    tally_hold hold;
    counter_body *body = tally_gate_hold(&hold, counter, TALLY_HANDLE_COUNTER);
    if (body == NULL) return tally_handler_fail(TALLY_E_CLOSED, "the counter is closed", 21, NULL);
    stripe *mine = &body->stripes[tally_thread_now->index % STRIPES];
    atomic_fetch_add_explicit(&mine->events, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&mine->bytes, notice == NULL ? 0 : notice->length, memory_order_relaxed);
    tally_gate_drop(&hold);
    return TALLY_HANDLER_DONE;
}

tally_status tally_counter_read(tally_counter *counter, uint64_t *events, uint64_t *bytes, tally_error *error)
{
    if (events != NULL) *events = 0;
    if (bytes != NULL) *bytes = 0;
    tally_call call;
    tally_status status = tally_gate_enter(&call, counter, TALLY_HANDLE_COUNTER, error);
    if (status != TALLY_OK) return status;
    counter_body *body = call.slot->body;
    for (uint32_t i = 0; i < STRIPES; i++) {
        if (events != NULL) *events += atomic_load_explicit(&body->stripes[i].events, memory_order_relaxed);
        if (bytes != NULL) *bytes += atomic_load_explicit(&body->stripes[i].bytes, memory_order_relaxed);
    }
    tally_gate_leave(&call);
    return TALLY_OK;
}
