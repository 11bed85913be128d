#include <string.h>

#include <tallystick/registry.h>

#include "base/text.h"
#include "registry/dispatch.h"
#include "registry/edit.h"
#include "registry/failure.h"
#include "registry/records.h"

/* Failures that come after the handler has returned. What notify does in one go is two steps here: the
 * count is a write like any other, the report is made behind the gate but under no lock. */

/* Texts that the failure borrows. */
typedef struct late_texts {
    char name[TALLY_HANDLER_NAME_MAX + 1];
    char message[TALLY_HANDLER_MESSAGE_MAX + 1];
} late_texts;

static tally_status count_at_handler(tally_writer *writer, tally_failure *failure, late_texts *texts,
                                     tally_error *error)
{
    tally_body *body = writer->body;
    tally_status status = tally_check_id(body, failure->id, error);
    if (status != TALLY_OK) return status;
    uint32_t index = tally_records_find(body, failure->id.handler);
    if (index == RECORD_NONE) return TALLY_OK;
    tally_record *record = tally_record_at(body->chunks, index);
    uint32_t failed = tally_failure_record_locked(body, record, failure);
    const tally_extra *extra = tally_record_extra(record);
    if (extra == NULL) return TALLY_OK;
    memcpy(texts->name, extra->name, extra->name_length);
    failure->name_length = extra->name_length;
    if (extra->max_failures == 0 || failed < extra->max_failures) return TALLY_OK;
    return tally_unregister_in(writer, failure->id, NULL, error);
}

static tally_status report_behind_gate(tally_registry *registry, const tally_failure *failure, tally_error *error)
{
    tally_call call;
    tally_status status = tally_gate_enter(&call, registry, TALLY_HANDLE_REGISTRY, error);
    if (status != TALLY_OK) return status;
    tally_callback callback; /* on_panic may close the registry, and must not wait for this very call */
    tally_callback_enter(&callback);
    tally_failure_report(call.slot->body, tally_thread_now, failure);
    tally_callback_leave(&callback);
    tally_gate_leave(&call);
    return TALLY_OK;
}

static tally_status check_message(const char *message, size_t length, tally_error *error)
{
    if (message == NULL && length != 0)
        return tally_fail(error, TALLY_E_NULL, "message is NULL with length %zu", length);
    if (length <= PTRDIFF_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "the message's length is %zu; is it a negative number?", length);
}

tally_status tally_registry_report(tally_registry *registry, tally_handler_id id, const tally_notice *notice,
                                   int32_t code, const char *message, size_t length, void *payload, tally_error *error)
{
    tally_error_clear(error);
    tally_status status = tally_notice_check(notice, error);
    if (status == TALLY_OK) status = check_message(message, length, error);
    if (status != TALLY_OK) return status;
    bool reserved = code == TALLY_HANDLER_DONE || code == TALLY_HANDLER_STOP || code == TALLY_HANDLER_GONE ||
                    code == TALLY_HANDLER_ABORT;
    late_texts texts;
    memset(&texts, 0, sizeof texts);
    tally_failure failure = {
        .id = id,
        .code = reserved ? -1 : code,
        .kind = notice->kind,
        .name = texts.name,
        .message = texts.message,
        .message_length = tally_text_copy(texts.message, sizeof texts.message, message, length),
        .payload = payload,
        .notice = notice,
    };
    tally_writer writer;
    status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    status = count_at_handler(&writer, &failure, &texts, error);
    tally_writer_end(&writer);
    if (status != TALLY_OK) return status;
    return report_behind_gate(registry, &failure, error);
}
