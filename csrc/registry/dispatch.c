#include "registry/dispatch.h"

#include <string.h>

#include "registry/answer.h"
#include "registry/kinds.h"
#include "registry/snapshot.h"

/* One registry of the chain from child to oldest ancestor. */
typedef struct level {
    tally_slot *slot;
    tally_snapshot *snapshot;
    tally_hazard *hazard; /* NULL: the slot is pinned instead */
    tally_call pin;
    uint32_t registered; /* handlers of the snapshot that were registered when the notify began */
    bool portable;
} level;

/* -------------------------------------------------------------------------------- one handler */

/* The host's interpreter lock is given up once before a run of handlers that may block, and taken
 * again before the next one that needs it. */
static void go_away(tally_run *run, const tally_body *body)
{
    if (run->away || run->notice->context == NULL) return;
    run->host = body->host;
    run->token = body->host->leave(body->host->user_data);
    run->away = true;
}

static void come_back(tally_run *run)
{
    if (!run->away) return;
    run->away = false;
    if (run->host->enter != NULL) run->host->enter(run->host->user_data, run->token);
}

static int32_t call_counted(tally_run *run, const tally_body *body, tally_extra *extra, tally_handler function,
                            void *user_data)
{
    if (extra == NULL || extra->stripes == NULL) return function(user_data, run->notice);
    const tally_platform *platform = body->platform;
    uint64_t began = platform->monotonic_ns(platform->context);
    int32_t code = function(user_data, run->notice);
    uint64_t took = platform->monotonic_ns(platform->context) - began;
    tally_stripe *stripe = &extra->stripes[run->self->index % STRIPES];
    atomic_fetch_add_explicit(&stripe->fired, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stripe->total_ns, took, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&stripe->max_ns, memory_order_relaxed);
    while (took > max && !atomic_compare_exchange_weak_explicit(&stripe->max_ns, &max, took, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
    return code;
}

static bool pattern_matches(const tally_extra *extra, uint32_t kind)
{
    for (uint32_t i = 0; i < extra->pattern_count; i++) {
        if (tally_kind_matches(extra->kinds[extra->exact_count + i], kind)) return true;
    }
    return false;
}

/* Counted before it is claimed, so that a writer that finds it claimed finds it counted. */
static bool claim(tally_body *body, tally_extra *extra)
{
    if (atomic_load(&extra->claimed) != 0) return false;
    atomic_fetch_add(&body->claimed, 1);
    if (atomic_exchange(&extra->claimed, 1) == 0) return true;
    atomic_fetch_sub(&body->claimed, 1);
    return false;
}

/* `found` says that the handler was found by its exact kind, so that its patterns do not matter. */
static void run_entry(tally_run *run, const level *at, uint32_t index, bool found)
{
    tally_snapshot *snapshot = at->snapshot;
    tally_body *body = snapshot->body;
    tally_entry *entry = &snapshot->entries[index];
    tally_record *record = tally_record_at(snapshot->chunks, snapshot->records[index]);
    tally_extra *extra = tally_record_extra(record);
    bool filtered = extra != NULL && !found && extra->exact_count + extra->pattern_count != 0;
    if (filtered && !pattern_matches(extra, run->notice->kind)) return;
    if (at->hazard != NULL) tally_hazard_publish(&at->hazard->running, entry, at->portable);
    tally_handler function = atomic_load(&entry->function);
    if (function == tally_handler_removed) return;
    if (extra != NULL && (extra->flags & TALLY_HANDLER_ONCE) != 0) {
        if (!claim(body, extra)) return;
        run->done.flags |= TALLY_NOTIFIED_RECLAIM;
    }
    if (snapshot->flags & SNAPSHOT_HOST_RUNS) {
        if (extra != NULL && (extra->flags & TALLY_HANDLER_MAY_BLOCK) != 0) go_away(run, body);
        else come_back(run);
    }
    run->done.fired++;
    const void *outer = run->self->pinned_entry;
    if (at->hazard == NULL) run->self->pinned_entry = entry;
    int32_t code = call_counted(run, body, extra, function, entry->user_data);
    if (code != TALLY_HANDLER_DONE) {
        tally_answer(run, snapshot, entry, code);
    } else if (run->observer != NULL) {
        tally_handler_id id = {body->number, record->id};
        come_back(run);
        run->observer->outcome(run->observer->user_data, id, code, NULL);
    }
    run->self->pinned_entry = outer;
}

/* --------------------------------------------------------------------------------- one registry */

/* Two ascending lists: handlers that name this very kind, and those that must be looked at always. */
static void run_filtered(tally_run *run, const level *at)
{
    const tally_snapshot *snapshot = at->snapshot;
    const tally_kind_list *list = tally_snapshot_kind(snapshot, run->notice->kind);
    const uint32_t *exact = list == NULL ? NULL : snapshot->members + list->start;
    const uint32_t *exact_end = list == NULL ? NULL : exact + list->count;
    const uint32_t *always = snapshot->always;
    const uint32_t *always_end = always + snapshot->always_count;
    while (!run->stop && (exact < exact_end || always < always_end)) {
        bool found = exact < exact_end && (always == always_end || *exact <= *always);
        uint32_t index = found ? *exact++ : *always;
        if (always < always_end && *always == index) always++;
        run_entry(run, at, index, found);
    }
}

/* fired + skipped of a level is the number of handlers that were registered when the notify began: `once`
 * handlers that had been claimed by then are not. Looked at one by one: the body's count is of its newest
 * list. */
static uint32_t registered_in(const tally_snapshot *snapshot)
{
    if ((snapshot->flags & SNAPSHOT_ONCE) == 0) return snapshot->count;
    uint32_t registered = 0;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (!tally_is_claimed(tally_record_at(snapshot->chunks, snapshot->records[i]))) registered++;
    }
    return registered;
}

/* From entry `first` on; `fired` handlers of this level ran already. */
static void run_level(tally_run *run, const level *at, uint32_t first, uint32_t fired)
{
    const tally_snapshot *snapshot = at->snapshot;
    uint32_t fired_before = run->done.fired - fired;
    if ((snapshot->flags & SNAPSHOT_MUTED) == 0) {
        if (snapshot->flags & SNAPSHOT_FILTERED) run_filtered(run, at);
        else
            for (uint32_t i = first; i < snapshot->count && !run->stop; i++) run_entry(run, at, i, true);
    }
    come_back(run);
    fired = run->done.fired - fired_before;
    run->done.skipped += at->registered - fired;
    if (at->hazard != NULL) atomic_store_explicit(&at->hazard->running, NULL, memory_order_release);
}

/* -------------------------------------------------------------------------------------- the chain */

/* Takes the present snapshot of a slot so that it is not freed. False when there is none: `*word` is
 * then LIVE_EMPTY or another odd word. */
static bool protect(tally_thread *self, tally_slot *slot, level *at, uintptr_t *word)
{
    at->slot = slot;
    at->portable = tally_fence_is_portable();
    at->hazard = tally_hazard_push(self);
    if (at->hazard == NULL) {
        tally_gate_pin(&at->pin, self, slot);
        *word = atomic_load(&slot->live);
        if (!tally_live_is_snapshot(*word)) tally_gate_unpin(&at->pin, self);
    } else {
        *word = atomic_load(&slot->live);
        while (tally_live_is_snapshot(*word)) {
            tally_hazard_publish(&at->hazard->object, (const void *)(*word & ~LIVE_TAGS), at->portable);
            uintptr_t again = atomic_load(&slot->live);
            if (again == *word) break;
            *word = again;
        }
        if (!tally_live_is_snapshot(*word)) tally_hazard_pop(self, at->hazard);
    }
    at->snapshot = (tally_snapshot *)(*word & ~LIVE_TAGS);
    return tally_live_is_snapshot(*word);
}

static void unprotect(tally_thread *self, const level *at)
{
    if (at->hazard != NULL) tally_hazard_pop(self, at->hazard);
    else tally_gate_unpin(&at->pin, self);
}

static tally_status closed_or_worse(const tally_slot *slot, tally_error *error)
{
    tally_status status = tally_gate_check(slot, TALLY_HANDLE_REGISTRY, error);
    if (status != TALLY_OK) return status;
    return tally_fail(error, TALLY_E_CLOSED, "the registry is being opened or closed by another thread");
}

/* The snapshots of a registry and of its ancestors, all as of now. */
static tally_status collect(tally_run *run, tally_slot *slot, level *levels, uint32_t *count)
{
    *count = 0;
    while (slot != NULL && *count < TALLY_REGISTRY_ANCESTRY_MAX) {
        uintptr_t word;
        if (!protect(run->self, slot, &levels[*count], &word)) {
            if (word == LIVE_EMPTY) return TALLY_OK;
            if (*count == 0) return closed_or_worse(slot, run->error);
            run->done.flags |= TALLY_NOTIFIED_ORPHAN;
            return TALLY_OK;
        }
        const tally_snapshot *snapshot = levels[*count].snapshot;
        levels[*count].registered = registered_in(snapshot);
        *count += 1;
        slot = (snapshot->flags & SNAPSHOT_PARENT) != 0 ? snapshot->body->parent->slot : NULL;
    }
    return TALLY_OK;
}

static tally_status run_chain(tally_run *run, tally_slot *slot)
{
    level levels[TALLY_REGISTRY_ANCESTRY_MAX];
    uint32_t count = 0;
    tally_status status = collect(run, slot, levels, &count);
    if (status != TALLY_OK) return status;
    tally_thread_enter_notify(run->self);
    for (uint32_t i = 0; i < count; i++) run_level(run, &levels[i], 0, 0);
    tally_thread_leave_notify(run->self);
    for (uint32_t i = count; i > 0; i--) unprotect(run->self, &levels[i - 1]);
    return run->status;
}

/* ------------------------------------------------------------------------------------------- a part */

static bool is_named(const tally_snapshot *snapshot, uint32_t index, uint32_t kind)
{
    if ((snapshot->flags & SNAPSHOT_FILTERED) == 0) return true;
    const tally_kind_list *list = tally_snapshot_kind(snapshot, kind);
    uint32_t low = 0;
    uint32_t high = list == NULL ? 0 : list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t there = snapshot->members[list->start + middle];
        if (there == index) return true;
        if (there < index) low = middle + 1;
        else high = middle;
    }
    return false;
}

/* Snapshot and order are sorted alike; each may have handlers that the other lacks. */
static void run_members(tally_run *run, const level *at, const tally_part *part)
{
    const tally_snapshot *snapshot = at->snapshot;
    size_t end = part->first + part->count;
    size_t next = 0;
    for (uint32_t i = 0; i < snapshot->count && next < end && !run->stop; i++) {
        uint64_t id = tally_record_at(snapshot->chunks, snapshot->records[i])->id;
        size_t place = next;
        while (place < part->order_count && part->order[place] != id) place++;
        if (place == part->order_count) continue;
        next = place + 1;
        if (place >= part->first && place < end) run_entry(run, at, i, is_named(snapshot, i, run->notice->kind));
    }
}

static tally_status run_part(tally_run *run, tally_slot *slot, const tally_part *part)
{
    level at;
    uintptr_t word;
    if (!protect(run->self, slot, &at, &word)) {
        if (word != LIVE_EMPTY) return closed_or_worse(slot, run->error);
        run->done.skipped = (uint32_t)part->count;
        return TALLY_OK;
    }
    tally_thread_enter_notify(run->self);
    if ((at.snapshot->flags & SNAPSHOT_MUTED) == 0) run_members(run, &at, part);
    come_back(run);
    run->done.skipped = (uint32_t)part->count - run->done.fired;
    if (at.hazard != NULL) atomic_store_explicit(&at.hazard->running, NULL, memory_order_release);
    tally_thread_leave_notify(run->self);
    unprotect(run->self, &at);
    return run->status;
}

/* -------------------------------------------------------------------------------------- whole notify */

/* `part` NULL: the registry and its ancestors. */
static tally_status dispatch(tally_slot *slot, const tally_notice *notice, const tally_part *part,
                             const tally_observer *observer, tally_notified *out, tally_error *error)
{
    tally_run run;
    memset(&run, 0, sizeof run);
    run.notice = notice;
    run.observer = observer;
    run.error = error;
    run.self = tally_thread_attach();
    tally_thread orphan;
    bool is_orphan = run.self == NULL;
    if (is_orphan) {
        /* No memory for a record: this thread's notify works all the same, with pins. */
        tally_thread_adopt_orphan(&orphan);
        run.self = &orphan;
    }
    tally_status status;
    if (tally_thread_depth(run.self) >= TALLY_REGISTRY_DEPTH_MAX) {
        status = tally_fail(error, TALLY_E_DEPTH,
                            "notify is nested %d deep on this thread; does a handler notify its own registry?",
                            TALLY_REGISTRY_DEPTH_MAX);
    } else {
        status = part == NULL ? run_chain(&run, slot) : run_part(&run, slot, part);
    }
    if (is_orphan) tally_thread_drop_orphan();
    if (out != NULL) *out = run.done;
    return status;
}

TALLY_NOINLINE tally_status tally_dispatch(tally_slot *slot, const tally_notice *notice, const tally_observer *observer,
                                           tally_notified *out, tally_error *error)
{
    return dispatch(slot, notice, NULL, observer, out, error);
}

TALLY_NOINLINE tally_status tally_dispatch_part(tally_slot *slot, const tally_notice *notice, const tally_part *part,
                                                const tally_observer *observer, tally_notified *out, tally_error *error)
{
    return dispatch(slot, notice, part, observer, out, error);
}

TALLY_NOINLINE tally_status tally_dispatch_rest(tally_thread *self, tally_hazard *hazard, tally_entry *entry,
                                                int32_t code, const tally_notice *notice, tally_notified *out,
                                                tally_error *error)
{
    tally_run run;
    memset(&run, 0, sizeof run);
    run.self = self;
    run.notice = notice;
    run.error = error;
    tally_snapshot *snapshot = (tally_snapshot *)(uintptr_t)atomic_load_explicit(&hazard->object, memory_order_relaxed);
    uint32_t index = (uint32_t)(entry - snapshot->entries);
    level at = {.slot = snapshot->body->slot, .snapshot = snapshot, .hazard = hazard, .registered = snapshot->count};
    run.done.fired = index + 1;
    tally_answer(&run, snapshot, entry, code);
    run_level(&run, &at, index + 1, run.done.fired);
    if (out != NULL) *out = run.done;
    return run.status;
}
