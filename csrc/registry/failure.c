#include "registry/failure.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/records.h"
#include "registry/writer.h"

/* --------------------------------------------------------------------------------- what was said */

/* What runs innermost on this thread, and the hazard that says so. What runs without one (on an orphan, or
 * when the stack is full) is inside all that have one. */
static uintptr_t running_now(tally_thread *self, tally_hazard **where)
{
    *where = NULL;
    if (self->pinned_entry != NULL) return (uintptr_t)self->pinned_entry;
    for (tally_hazard *hazard = self->next; hazard != self->hazards; hazard--) {
        const void *running = atomic_load_explicit(&hazard[-1].running, memory_order_relaxed);
        if (running == NULL) continue;
        *where = &hazard[-1];
        return (uintptr_t)running;
    }
    return 0;
}

/* Remembers that it was the present run that said something. */
static const void *mark_run(tally_thread *self)
{
    tally_hazard *where;
    uintptr_t running = running_now(self, &where);
    const void *marked = (const void *)(running | TALLY_RUN_SAID);
    if (where != NULL) atomic_store_explicit(&where->running, marked, memory_order_release);
    else if (running != 0) self->pinned_entry = marked;
    return (const void *)(running & ~TALLY_RUN_SAID);
}

static bool has_said(tally_thread *self, const tally_entry *entry, int32_t code)
{
    tally_hazard *where;
    if (self->failing_code != code || self->failing_entry != entry) return false;
    return running_now(self, &where) == ((uintptr_t)entry | TALLY_RUN_SAID);
}

int32_t tally_handler_fail(int32_t code, const char *message, size_t length, void *payload)
{
    bool reserved = code == TALLY_HANDLER_DONE || code == TALLY_HANDLER_STOP || code == TALLY_HANDLER_GONE ||
                    code == TALLY_HANDLER_ABORT;
    if (reserved) code = -1;
    tally_thread *self = tally_thread_now;
    if (tally_thread_depth(self) == 0) return code; /* not inside a handler: nobody will ask */
    if (message == NULL || length > PTRDIFF_MAX) length = 0;
    self->failing_entry = mark_run(self);
    self->failing_code = code;
    self->failing_payload = payload;
    self->failing_length =
        (uint32_t)tally_text_copy(self->failing_message, sizeof self->failing_message, message, length);
    return code;
}

void tally_failure_describe(tally_failure *failure, tally_thread *self, const tally_snapshot *snapshot,
                            const tally_entry *entry, int32_t code, const tally_notice *notice)
{
    tally_record *record = tally_record_at(snapshot->chunks, snapshot->records[entry - snapshot->entries]);
    const tally_extra *extra = tally_record_extra(record);
    memset(failure, 0, sizeof *failure);
    failure->id.registry = snapshot->body->number;
    failure->id.handler = record->id;
    failure->code = code;
    failure->kind = notice->kind;
    failure->name = extra == NULL ? "" : extra->name;
    failure->name_length = extra == NULL ? 0 : extra->name_length;
    failure->message = "";
    failure->user_data = entry->user_data;
    failure->notice = notice;
    if (has_said(self, entry, code)) {
        failure->message = self->failing_message;
        failure->message_length = self->failing_length;
        failure->payload = self->failing_payload;
    }
    self->failing_code = 0;
    self->failing_payload = NULL;
}

/* -------------------------------------------------------------------------------------- the record */

/* Under the stripe. Without memory the message is lost, never the count. */
static void keep_message(tally_body *body, tally_record *record, const tally_failure *failure)
{
    tally_extra *extra = tally_record_extra(record);
    if (extra == NULL) {
        extra = tally_extra_make(body, NULL, NULL);
        if (extra == NULL) return;
        atomic_store_explicit(&record->extra, extra, memory_order_release);
    }
    if (extra->last_failure == NULL) {
        extra->last_failure = tally_body_allocate(body, sizeof *extra->last_failure);
        if (extra->last_failure == NULL) return;
    }
    tally_last_failure *last = extra->last_failure;
    last->code = failure->code;
    last->length = (uint32_t)failure->message_length;
    memcpy(last->message, failure->message, failure->message_length + 1);
}

uint32_t tally_failure_record_locked(tally_body *body, tally_record *record, const tally_failure *failure)
{
    uint32_t failed = atomic_fetch_add_explicit(&record->failed, 1, memory_order_relaxed) + 1;
    keep_message(body, record, failure);
    return failed;
}

uint32_t tally_failure_record(tally_body *body, tally_record *record, const tally_failure *failure)
{
    tally_body_lock(body);
    uint32_t failed = tally_failure_record_locked(body, record, failure);
    tally_body_unlock(body);
    return failed;
}

/* ----------------------------------------------------------------------------------------- report */

static bool log_to_host(tally_body *body, tally_thread *self, uint32_t what, const char *message,
                        const tally_failure *failure)
{
    if (body->host == NULL || body->host->log == NULL) return false;
    tally_log_record record = {what, 0, body->number, message, failure};
    self->callbacks++;
    body->host->log(body->host->user_data, &record);
    self->callbacks--;
    return true;
}

/* on_panic in a hazard, so that its user_data outlives the call; a pin when there is no hazard. */
static tally_panic *take_panic(tally_body *body, tally_thread *self, tally_hazard **hazard, tally_call *pin)
{
    tally_panic *panic = atomic_load(&body->panic);
    *hazard = NULL;
    if (panic == NULL) return NULL;
    *hazard = tally_hazard_push(self);
    if (*hazard == NULL) {
        tally_gate_pin(pin, self, body->slot);
        panic = atomic_load(&body->panic);
        if (panic == NULL) tally_gate_unpin(pin, self);
        return panic;
    }
    bool portable = tally_fence_is_portable();
    for (;;) {
        tally_hazard_publish(&(*hazard)->object, panic, portable);
        tally_panic *again = atomic_load(&body->panic);
        if (again == panic) return panic;
        panic = again;
        if (panic == NULL) {
            tally_hazard_pop(self, *hazard);
            return NULL;
        }
    }
}

static void drop_panic(tally_thread *self, tally_hazard *hazard, const tally_call *pin)
{
    if (hazard != NULL) tally_hazard_pop(self, hazard);
    else tally_gate_unpin(pin, self);
}

static bool is_reporting(const tally_thread *self, const tally_body *body)
{
    const tally_reporting *frame = self->reporting;
    while (frame != NULL && frame->registry != body) frame = frame->outer;
    return frame != NULL;
}

static void call_panic(tally_body *body, tally_thread *self, tally_panic *panic, const tally_failure *failure)
{
    /* What on_panic does may fail again and overwrite the thread's message: it gets its own copy. */
    char message[TALLY_HANDLER_MESSAGE_MAX + 1];
    tally_failure copy = *failure;
    memcpy(message, failure->message, failure->message_length + 1);
    copy.message = message;
    tally_reporting frame = {body, self->reporting};
    self->reporting = &frame;
    int32_t answer = panic->function(panic->user_data, &copy);
    self->reporting = frame.outer;
    if (answer == 0) return;
    atomic_fetch_add_explicit(&body->panics_failed, 1, memory_order_relaxed);
    (void)log_to_host(body, self, TALLY_LOG_PANIC_FAILED, "on_panic itself failed", &copy);
}

void tally_failure_report(tally_body *body, tally_thread *self, const tally_failure *failure)
{
    if (!is_reporting(self, body)) {
        tally_hazard *hazard;
        tally_call pin;
        tally_panic *panic = take_panic(body, self, &hazard, &pin);
        if (panic != NULL) {
            call_panic(body, self, panic, failure);
            drop_panic(self, hazard, &pin);
            return;
        }
    } else {
        atomic_fetch_add_explicit(&body->unreported, 1, memory_order_relaxed);
        (void)log_to_host(body, self, TALLY_LOG_FAILURE, "a handler failed inside on_panic", failure);
        return;
    }
    if (!log_to_host(body, self, TALLY_LOG_FAILURE, "a handler failed and there is no on_panic", failure)) {
        atomic_fetch_add_explicit(&body->unreported, 1, memory_order_relaxed);
    }
}

void tally_log_leak(tally_body *body)
{
    tally_callback callback;
    tally_callback_enter(&callback);
    char message[128];
    (void)snprintf(message, sizeof message,
                   "%d handlers are registered in one registry; is a handler registered on every call?",
                   TALLY_REGISTRY_LEAK_WARNING);
    (void)log_to_host(body, tally_thread_now, TALLY_LOG_LEAK, message, NULL);
    tally_callback_leave(&callback);
}

/* --------------------------------------------------------------------------------------- on_panic */

tally_status tally_registry_on_panic(tally_registry *registry, tally_panic_handler on_panic, void *user_data,
                                     tally_destructor destructor, tally_error *error)
{
    tally_error_clear(error);
    if (on_panic == NULL && (user_data != NULL || destructor != NULL)) {
        return tally_fail(error, TALLY_E_ARGUMENT, "on_panic is NULL but user_data or destructor is not");
    }
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_panic *panic = NULL;
    if (on_panic != NULL) {
        panic = tally_body_allocate(body, sizeof *panic);
        if (panic == NULL) {
            tally_writer_end(&writer);
            return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for on_panic; the present one stays");
        }
        *panic = (tally_panic){on_panic, user_data, destructor, NULL, 0};
    }
    tally_panic *old = atomic_exchange(&body->panic, panic);
    if (old != NULL) {
        bool destructor_waits = old->destructor != NULL;
        old->next = body->retired_panics;
        body->retired_panics = old;
        tally_reclaim_if_due(&writer, destructor_waits);
    }
    tally_writer_end(&writer);
    return TALLY_OK;
}
