#include <string.h>

#include <tallystick/native.h>

#include "base/options.h"
#include "handle/closing.h"
#include "handle/process.h"

/* A bounded queue for many producers: each slot carries a turn number that says whose move it is
 * (Dmitry Vyukov's bounded MPMC queue). A producer claims a slot by moving the tail, fills it, then
 * passes the turn; the drain takes slots in order and stops at the first whose turn has not come.
 * Turn 2n: free for event n; 2n + 1: holds event n. Doubled, because with one slot "holds n" and "free
 * for n + 1" would be the same number. */
typedef struct cell {
    _Atomic(uint64_t) turn;
    uint32_t kind;
    uint32_t length;
    /* the data follow, slot_bytes long */
} cell;

typedef struct ring_body {
    const tally_platform *platform;
    uint8_t *cells;
    size_t cell_bytes;
    uint64_t mask;
    uint32_t slot_bytes;
    void (*wake)(void *user_data);
    void *wake_user_data;
    uint64_t head;             /* under the slot's lock */
    _Atomic(uint64_t) drained; /* == head, for counts */
    uint8_t apart[64];         /* what producers write is on another cache line */
    _Atomic(uint64_t) tail;
    _Atomic(uint32_t) awake; /* a wake was sent and the ring not found empty since */
    _Atomic(uint64_t) dropped_full;
    _Atomic(uint64_t) dropped_long;
} ring_body;

static cell *cell_at(const ring_body *body, uint64_t number)
{
    return (cell *)(void *)(body->cells + (number & body->mask) * body->cell_bytes);
}

static void release_body(void *memory)
{
    ring_body *body = memory;
    const tally_platform *platform = body->platform;
    platform->release(platform->context, body->cells);
    platform->release(platform->context, body);
}

static enum tally_finish finish(tally_slot *slot) { return tally_close_when_quiet(slot, release_body); }

static const tally_close_steps steps = {NULL, finish, NULL};

/* ------------------------------------------------------------------------------------------- open */

static tally_status read_options(const tally_ring_options *from, tally_ring_options *options, tally_error *error)
{
    tally_status status =
        tally_options_read(options, sizeof *options, sizeof(tally_ring_options), from, "tally_ring_options", error);
    if (status != TALLY_OK) return status;
    if (options->slots == 0) options->slots = 1024;
    if (options->slot_bytes == 0) options->slot_bytes = 256;
    if (options->slots > TALLY_RING_SLOTS_MAX) {
        return tally_fail(error, TALLY_E_RANGE, "slots is %u; at most %u", options->slots, TALLY_RING_SLOTS_MAX);
    }
    uint32_t rounded = 1;
    while (rounded < options->slots) rounded *= 2;
    options->slots = rounded;
    if (options->slot_bytes > TALLY_RING_BYTES_MAX || (uint64_t)rounded * options->slot_bytes > TALLY_RING_BYTES_MAX) {
        return tally_fail(error, TALLY_E_RANGE, "%u slots of %u bytes are more than %u bytes", rounded,
                          options->slot_bytes, TALLY_RING_BYTES_MAX);
    }
    options->slot_bytes = (options->slot_bytes + 7u) & ~7u;
    if (options->platform == NULL) options->platform = tally_platform_default();
    else status = tally_platform_check(options->platform, error);
    return status;
}

static tally_status make(const tally_ring_options *options, ring_body **out, tally_error *error)
{
    const tally_platform *platform = options->platform;
    ring_body *body = platform->allocate(platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a ring");
    memset(body, 0, sizeof *body);
    body->platform = platform;
    body->cell_bytes = sizeof(cell) + options->slot_bytes;
    body->mask = options->slots - 1;
    body->slot_bytes = options->slot_bytes;
    body->wake = options->wake;
    body->wake_user_data = options->wake_user_data;
    body->cells = platform->allocate(platform->context, options->slots * body->cell_bytes);
    if (body->cells == NULL) {
        platform->release(platform->context, body);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a ring of %u slots of %u bytes", options->slots,
                          options->slot_bytes);
    }
    for (uint64_t i = 0; i <= body->mask; i++) atomic_init(&cell_at(body, i)->turn, 2 * i);
    *out = body;
    return TALLY_OK;
}

tally_status tally_ring_open(const tally_ring_options *options, tally_ring **ring, tally_error *error)
{
    tally_error_clear(error);
    if (ring == NULL) return tally_fail(error, TALLY_E_NULL, "ring is NULL; it receives the handle");
    *ring = NULL;
    tally_ring_options known;
    ring_body *body = NULL;
    tally_slot *slot = NULL;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK) status = read_options(options, &known, error);
    if (status == TALLY_OK) status = make(&known, &body, error);
    if (status == TALLY_OK) status = tally_gate_new(&slot, TALLY_HANDLE_RING, body, 0, &steps, error);
    if (status != TALLY_OK) {
        if (body != NULL) release_body(body);
        return status;
    }
    tally_gate_open(slot);
    *ring = (tally_ring *)slot;
    return TALLY_OK;
}

tally_status tally_ring_close(tally_ring **ring) { return tally_close(ring, TALLY_HANDLE_RING, true); }

/* ------------------------------------------------------------------------------------------- push */

/* A slot to fill, or NULL when the ring is full. */
static cell *claim(ring_body *body, uint64_t *number)
{
    uint64_t tail = atomic_load_explicit(&body->tail, memory_order_relaxed);
    for (;;) {
        cell *there = cell_at(body, tail);
        uint64_t turn = atomic_load_explicit(&there->turn, memory_order_acquire);
        if (turn == 2 * tail) {
            if (atomic_compare_exchange_weak(&body->tail, &tail, tail + 1)) {
                *number = tail;
                return there;
            }
        } else if (turn < 2 * tail) {
            return NULL; /* still holds the event of one round ago */
        } else {
            tail = atomic_load_explicit(&body->tail, memory_order_relaxed);
        }
    }
}

static TALLY_NOINLINE void send_wake(const ring_body *body)
{
    tally_callback callback;
    tally_callback_enter(&callback);
    body->wake(body->wake_user_data);
    tally_callback_leave(&callback);
}

static void push(ring_body *body, const tally_notice *notice)
{
    if (notice->length > body->slot_bytes) {
        atomic_fetch_add_explicit(&body->dropped_long, 1, memory_order_relaxed);
        return;
    }
    uint64_t number;
    cell *mine = claim(body, &number);
    if (mine == NULL) {
        atomic_fetch_add_explicit(&body->dropped_full, 1, memory_order_relaxed);
        return;
    }
    mine->kind = notice->kind;
    mine->length = (uint32_t)notice->length;
    if (notice->length != 0) memcpy(mine + 1, notice->data, notice->length);
    atomic_store(&mine->turn, 2 * number + 1);
    /* The plain look first: a busy ring costs no exchange. Sequentially consistent, so that either this
     * thread sees the drain's reset or the drain sees this event. */
    if (body->wake != NULL && atomic_load(&body->awake) == 0 && atomic_exchange(&body->awake, 1) == 0) send_wake(body);
}

int32_t tally_ring_handler(void *ring, const tally_notice *notice)
{
    tally_hold hold;
    ring_body *body = tally_gate_hold(&hold, ring, TALLY_HANDLE_RING);
    if (body == NULL) return tally_handler_fail(TALLY_E_CLOSED, "the ring is closed", 18, NULL);
    if (notice != NULL) push(body, notice);
    tally_gate_drop(&hold);
    return TALLY_HANDLER_DONE;
}

/* ------------------------------------------------------------------------------------------ drain */

static bool is_ready(const ring_body *body)
{
    return atomic_load(&cell_at(body, body->head)->turn) == 2 * body->head + 1;
}

/* The caller's buffers, as far as they are filled. */
typedef struct taking {
    tally_ring_event *events;
    size_t capacity;
    size_t count;
    uint8_t *data;
    size_t data_capacity;
    size_t used;
    size_t needed; /* set when not even the first event fits */
} taking;

/* Takes the next event; false when there is none, or no room for it. */
static bool take_one(ring_body *body, taking *to)
{
    if (to->count == to->capacity || !is_ready(body)) return false;
    cell *there = cell_at(body, body->head);
    if (there->length > to->data_capacity - to->used) {
        if (to->count == 0) to->needed = there->length;
        return false;
    }
    if (there->length != 0) memcpy(to->data + to->used, there + 1, there->length);
    size_t offset = there->length == 0 ? 0 : to->used;
    to->events[to->count++] = (tally_ring_event){body->head, there->kind, there->length, offset};
    size_t padded = (there->length + (size_t)7) & ~(size_t)7;
    to->used = padded > to->data_capacity - to->used ? to->data_capacity : to->used + padded;
    atomic_store_explicit(&there->turn, 2 * (body->head + body->mask + 1), memory_order_release);
    body->head++;
    return true;
}

/* Under the lock. Whenever the ring is found empty, the next push shall wake; then it looks again,
 * for the event whose push did not see that yet. */
static void take(ring_body *body, taking *to)
{
    do {
        while (take_one(body, to)) {
        }
        if (is_ready(body)) break;
        atomic_store(&body->awake, 0);
    } while (is_ready(body) && atomic_exchange(&body->awake, 1) == 0);
    atomic_store_explicit(&body->drained, body->head, memory_order_relaxed);
}

tally_status tally_ring_drain(tally_ring *ring, tally_ring_event *events, size_t capacity, void *data,
                              size_t data_capacity, size_t *count, tally_error *error)
{
    tally_error_clear(error);
    if (count == NULL) return tally_fail(error, TALLY_E_NULL, "count is NULL; it receives how many events were taken");
    *count = 0;
    if (events == NULL) return tally_fail(error, TALLY_E_NULL, "events is NULL; it receives the events");
    if (capacity == 0) return tally_fail(error, TALLY_E_RANGE, "capacity is 0; make room for one event at least");
    if (data == NULL && data_capacity != 0) {
        return tally_fail(error, TALLY_E_NULL, "data is NULL with data_capacity %zu", data_capacity);
    }
    if (capacity > PTRDIFF_MAX || data_capacity > PTRDIFF_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "capacity is %zu, data_capacity %zu; is one a negative number?",
                          capacity, data_capacity);
    }
    tally_call call;
    tally_status status = tally_gate_enter(&call, ring, TALLY_HANDLE_RING, error);
    if (status != TALLY_OK) return status;
    ring_body *body = call.slot->body;
    taking to = {.events = events, .capacity = capacity, .data = data, .data_capacity = data_capacity};
    tally_gate_lock(call.slot);
    take(body, &to);
    tally_gate_unlock(call.slot);
    tally_gate_leave(&call);
    *count = to.count;
    if (to.needed == 0) return TALLY_OK;
    return tally_fail_at(error, TALLY_E_SPACE, to.needed, "the next event has %zu bytes but only %zu fit", to.needed,
                         data_capacity);
}

tally_status tally_ring_count(tally_ring *ring, tally_ring_counts *counts, tally_error *error)
{
    tally_error_clear(error);
    if (counts == NULL) return tally_fail(error, TALLY_E_NULL, "counts is NULL; it receives the numbers");
    *counts = (tally_ring_counts){0, 0, 0, 0};
    tally_call call;
    tally_status status = tally_gate_enter(&call, ring, TALLY_HANDLE_RING, error);
    if (status != TALLY_OK) return status;
    ring_body *body = call.slot->body;
    counts->drained = atomic_load(&body->drained);
    counts->pushed = atomic_load(&body->tail);
    counts->dropped_full = atomic_load(&body->dropped_full);
    counts->dropped_long = atomic_load(&body->dropped_long);
    tally_gate_leave(&call);
    return TALLY_OK;
}
