#include "store/completions.h"

#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "handle/closing.h"
#include "handle/process.h"

static void lock(tally_completions_body *body) { body->platform->mutex_lock(body->platform->context, &body->mutex); }
static void unlock(tally_completions_body *body)
{
    body->platform->mutex_unlock(body->platform->context, &body->mutex);
}

static void free_body(tally_completions_body *body)
{
    const tally_platform *platform = body->platform;
    while (body->first != NULL) {
        tally_report *next = body->first->next;
        platform->release(platform->context, body->first);
        body->first = next;
    }
    platform->mutex_destroy(platform->context, &body->mutex);
    platform->release(platform->context, body);
}

/* Called with the lock, returns without it. */
static void let_go(tally_completions_body *body)
{
    bool last = --body->holders == 0;
    unlock(body);
    if (last) free_body(body);
}

/* ----------------------------------------------------------------------------------------- reports */

tally_report *tally_report_new(tally_completions_body *body, uint64_t token)
{
    tally_report *report = body->platform->allocate(body->platform->context, sizeof *report);
    if (report == NULL) return NULL;
    memset(report, 0, sizeof *report);
    report->completion.token = token;
    lock(body);
    body->holders++;
    unlock(body);
    return report;
}

void tally_report_drop(tally_completions_body *body, tally_report *report)
{
    body->platform->release(body->platform->context, report);
    lock(body);
    let_go(body);
}

static void run_wake(const tally_completions_body *body)
{
    tally_callback callback;
    tally_callback_enter(&callback);
    body->wake(body->user_data);
    tally_callback_leave(&callback);
}

void tally_report_put(tally_completions_body *body, tally_report *report)
{
    lock(body);
    if (body->closed) {
        unlock(body);
        tally_report_drop(body, report);
        return;
    }
    bool was_empty = body->first == NULL;
    report->next = NULL;
    if (was_empty) body->first = report;
    else body->last->next = report;
    body->last = report;
    if (was_empty && body->wake != NULL) {
        body->waking++;
        unlock(body);
        run_wake(body);
        lock(body);
        body->waking--;
    }
    let_go(body);
}

/* ------------------------------------------------------------------------------------ open, close */

/* `wake` is not called any more once this is done. */
static enum tally_finish finish(tally_slot *slot)
{
    tally_completions_body *body = slot->body;
    if (atomic_load(&slot->forks) != tally_process_forks()) return TALLY_FINISH_NEVER;
    if (tally_fence_all() != TALLY_OK) return TALLY_FINISH_NEVER;
    if (!tally_gate_is_quiet(slot)) return TALLY_FINISH_LATER;
    lock(body);
    body->closed = true;
    bool busy = body->waking != 0;
    if (busy) unlock(body);
    else let_go(body);
    if (busy) return TALLY_FINISH_LATER;
    tally_slab_give(slot);
    return TALLY_FINISH_DONE;
}

static const tally_close_steps close_steps = {NULL, finish, NULL};

tally_status tally_completions_close(tally_completions **completions)
{
    return tally_close(completions, TALLY_HANDLE_COMPLETIONS, true);
}

static tally_status make(const tally_completions_options *options, tally_completions_body **out, tally_error *error)
{
    const tally_platform *platform = options->platform != NULL ? options->platform : tally_platform_default();
    int32_t os_error = 0;
    tally_completions_body *body = platform->allocate(platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for completions");
    memset(body, 0, sizeof *body);
    body->platform = platform;
    body->wake = options->wake;
    body->user_data = options->user_data;
    body->holders = 1;
    tally_status status = platform->mutex_init(platform->context, &body->mutex, &os_error);
    if (status != TALLY_OK) {
        platform->release(platform->context, body);
        return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    }
    /* The reports would come from a thread that a fork leaves behind. */
    status = tally_gate_new(&body->slot, TALLY_HANDLE_COMPLETIONS, body, TALLY_SLOT_OWNS_FILES, &close_steps, error);
    if (status != TALLY_OK) {
        free_body(body);
        return status;
    }
    *out = body;
    return TALLY_OK;
}

tally_status tally_completions_open(const tally_completions_options *options, tally_completions **completions,
                                    tally_error *error)
{
    tally_completions_options known;
    tally_completions_body *body = NULL;
    tally_error_clear(error);
    if (completions == NULL) return tally_fail(error, TALLY_E_NULL, "completions is NULL; it receives the handle");
    *completions = NULL;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK) {
        status = tally_options_read(&known, sizeof known, sizeof(tally_completions_options), options,
                                    "tally_completions_options", error);
    }
    if (status == TALLY_OK && known.platform != NULL) status = tally_platform_check(known.platform, error);
    if (status == TALLY_OK) status = make(&known, &body, error);
    if (status != TALLY_OK || body == NULL) return status;
    tally_gate_open(body->slot);
    *completions = (tally_completions *)body->slot;
    return TALLY_OK;
}

/* -------------------------------------------------------------------------------------------- take */

static size_t take(tally_completions_body *body, tally_completion *items, size_t capacity)
{
    size_t count = 0;
    tally_report *taken = NULL;
    tally_report **link = &taken;
    lock(body);
    while (count < capacity && body->first != NULL) {
        *link = body->first;
        link = &body->first->next;
        body->first = body->first->next;
        count++;
    }
    *link = NULL;
    unlock(body);
    for (size_t i = 0; taken != NULL; i++) {
        tally_report *next = taken->next;
        items[i] = taken->completion;
        body->platform->release(body->platform->context, taken);
        taken = next;
    }
    return count;
}

tally_status tally_completions_take(tally_completions *completions, tally_completion *items, size_t capacity,
                                    size_t *count, tally_error *error)
{
    tally_call call;
    tally_error_clear(error);
    if (count == NULL) return tally_fail(error, TALLY_E_NULL, "count is NULL; it receives how many");
    *count = 0;
    if (items == NULL) return tally_fail(error, TALLY_E_NULL, "items is NULL; it receives the completions");
    if (capacity > PTRDIFF_MAX) return tally_fail(error, TALLY_E_LENGTH, "capacity is more than there can be");
    if (capacity == 0) return tally_fail(error, TALLY_E_RANGE, "capacity is 0; make room for at least one completion");
    tally_status status = tally_gate_enter(&call, completions, TALLY_HANDLE_COMPLETIONS, error);
    if (status != TALLY_OK) return status;
    *count = take(call.slot->body, items, capacity);
    tally_gate_leave(&call);
    return TALLY_OK;
}
