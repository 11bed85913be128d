#define __USE_MINGW_ANSI_STDIO 1

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "verify/bad.h"

const char *tally_reason_name(uint32_t reason)
{
    static const char *const names[] = {
        [TALLY_REASON_NONE] = "none",
        [TALLY_REASON_DATA_CHANGED] = "data_changed",
        [TALLY_REASON_BODY_CHANGED] = "body_changed",
        [TALLY_REASON_CORE_CHANGED] = "core_changed",
        [TALLY_REASON_LINK_BROKEN] = "link_broken",
        [TALLY_REASON_ORDER_CHANGED] = "order_changed",
        [TALLY_REASON_EVENT_MISSING] = "event_missing",
        [TALLY_REASON_EVENT_ADDED] = "event_added",
        [TALLY_REASON_TAIL_TRUNCATED] = "tail_truncated",
        [TALLY_REASON_CHECKPOINT_NOT_REACHED] = "checkpoint_not_reached",
        [TALLY_REASON_BAD_SIGNATURE] = "bad_signature",
        [TALLY_REASON_UNKNOWN_KEY] = "unknown_key",
        [TALLY_REASON_WRONG_ORIGIN] = "wrong_origin",
        [TALLY_REASON_ROLLED_BACK] = "rolled_back",
        [TALLY_REASON_SPLIT_VIEW] = "split_view",
        [TALLY_REASON_WRONG_KEY_ID] = "wrong_key_id",
        [TALLY_REASON_INDEX_WRONG] = "index_wrong",
        [TALLY_REASON_UNREADABLE] = "unreadable",
    };
    return reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

void tally_bad_set(tally_bad *bad, uint32_t reason, uint64_t place, uint64_t position, const char *file,
                   uint64_t offset, const char *format, ...)
{
    va_list arguments;
    *bad = (tally_bad){.reason = reason, .place = place, .position = position, .offset = offset};
    (void)tally_text_copy(bad->file, sizeof bad->file, file, strlen(file));
    va_start(arguments, format);
    (void)vsnprintf(bad->message, sizeof bad->message, format, arguments);
    va_end(arguments);
}
