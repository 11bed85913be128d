#include "registry/answer.h"

#include "registry/failure.h"
#include "registry/records.h"
#include "registry/writer.h"

/* Takes a handler off the list from inside a notify: nothing is freed and no destructor runs here. */
static void detach(tally_run *run, tally_body *body, uint32_t index)
{
    tally_body_lock(body);
    tally_record *record = tally_record_at(body->chunks, index);
    bool open = tally_gate_check(body->slot, TALLY_HANDLE_REGISTRY, NULL) == TALLY_OK; /* not poisoned either */
    if (open && record->state == RECORD_LIVE) {
        run->done.flags |= TALLY_NOTIFIED_RECLAIM;
        record->state = RECORD_LEAVING;
        (void)tally_retire_leaving(body);
        tally_publish_live(body);
    }
    tally_body_unlock(body);
}

static void keep_first_error(tally_run *run, const tally_failure *failure)
{
    if (run->status != TALLY_OK) return;
    run->status = tally_fail(run->error, TALLY_E_HANDLER, "handler %llu%s%s%s failed with code %d%s%s",
                             (unsigned long long)failure->id.handler, failure->name_length != 0 ? " (" : "",
                             failure->name, failure->name_length != 0 ? ")" : "", failure->code,
                             failure->message_length != 0 ? ": " : "", failure->message);
    if (run->error != NULL) {
        run->error->os_error = failure->code;
        run->error->position = failure->id.handler;
    }
}

static void fail(tally_run *run, tally_snapshot *snapshot, tally_entry *entry, int32_t code)
{
    tally_body *body = snapshot->body;
    uint32_t index = snapshot->records[entry - snapshot->entries];
    tally_record *record = tally_record_at(snapshot->chunks, index);
    tally_failure failure;
    run->done.failed++;
    tally_failure_describe(&failure, run->self, snapshot, entry, code, run->notice);
    uint32_t failed = tally_failure_record(body, record, &failure);
    if (body->policy == TALLY_POLICY_ISOLATE) {
        tally_failure_report(body, run->self, &failure);
    } else {
        keep_first_error(run, &failure);
        if (body->policy == TALLY_POLICY_FAIL_FAST) {
            run->stop = true;
            run->done.flags |= TALLY_NOTIFIED_STOPPED;
        }
    }
    if (run->observer != NULL) run->observer->outcome(run->observer->user_data, failure.id, code, &failure);
    const tally_extra *extra = tally_record_extra(record);
    if (extra != NULL && extra->max_failures != 0 && failed >= extra->max_failures) detach(run, body, index);
}

TALLY_NOINLINE void tally_answer(tally_run *run, tally_snapshot *snapshot, tally_entry *entry, int32_t code)
{
    tally_body *body = snapshot->body;
    if (run->away) {
        /* Reports and observers belong to the host: it gets its lock back first. */
        run->away = false;
        if (run->host->enter != NULL) run->host->enter(run->host->user_data, run->token);
    }
    if (code == TALLY_HANDLER_GONE) {
        /* A weak handler whose target is gone, or what a removed one was overwritten with. */
        run->done.fired--;
        detach(run, body, snapshot->records[entry - snapshot->entries]);
    } else if (code == TALLY_HANDLER_ABORT) {
        run->status = tally_fail(run->error, TALLY_E_ABORTED, "a handler ended the fan-out on behalf of its host");
        run->stop = true;
        run->done.flags |= TALLY_NOTIFIED_STOPPED;
    } else if (code == TALLY_HANDLER_STOP && (body->flags & TALLY_REGISTRY_ALLOW_STOP) != 0) {
        run->stop = true;
        run->done.flags |= TALLY_NOTIFIED_STOPPED;
        if (run->observer == NULL) return;
        tally_handler_id id = {body->number,
                               tally_record_at(snapshot->chunks, snapshot->records[entry - snapshot->entries])->id};
        run->observer->outcome(run->observer->user_data, id, code, NULL);
    } else {
        fail(run, snapshot, entry, code);
    }
}
