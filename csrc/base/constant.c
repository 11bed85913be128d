/* The one file of base that includes every public header: the table is about all of them. It is
 * written by hand; tests/c/test_base_status.c compares it with what the headers define. */
#include <tallystick/constant.h>

#include <string.h>

#include <tallystick/tallystick.h>

#include "base/abi.h"

/* A conversion to uint64_t extends the sign of the negative ones, as constant.h promises. */
#define ROW(symbol)                 \
    {                               \
#symbol, (uint64_t)(symbol) \
    }

static const struct constant_row {
    const char *name;
    uint64_t value;
} rows[] = {
    /* base.h */
    ROW(TALLY_VERSION_MAJOR),
    ROW(TALLY_VERSION_MINOR),
    ROW(TALLY_VERSION_PATCH),
    ROW(TALLY_VERSION),
    ROW(TALLY_STRUCT_SIZE_MAX),
    ROW(TALLY_WAIT_FOREVER),
    /* status.h */
    ROW(TALLY_CLASS_NONE),
    ROW(TALLY_CLASS_CALLER),
    ROW(TALLY_CLASS_CONFLICT),
    ROW(TALLY_CLASS_TRANSIENT),
    ROW(TALLY_CLASS_DAMAGED),
    ROW(TALLY_CLASS_FATAL),
    ROW(TALLY_CLASS_BUG),
    ROW(TALLY_POSITION_NONE),
    /* kind.h */
    ROW(TALLY_KIND_NONE),
    ROW(TALLY_KIND_PATTERN),
    ROW(TALLY_KIND_NAME_MAX),
    ROW(TALLY_KIND_MAX),
    /* handler.h */
    ROW(TALLY_HANDLER_DONE),
    ROW(TALLY_HANDLER_STOP),
    ROW(TALLY_HANDLER_GONE),
    ROW(TALLY_HANDLER_ABORT),
    ROW(TALLY_HANDLER_MESSAGE_MAX),
    ROW(TALLY_HANDLER_NAME_MAX),
    ROW(TALLY_NATIVE_HANDLER_MAGIC),
    ROW(TALLY_NATIVE_QUICK),
    /* platform.h */
    ROW(TALLY_FILE_NONE),
    ROW(TALLY_OPEN_READ),
    ROW(TALLY_OPEN_WRITE),
    ROW(TALLY_OPEN_CREATE),
    ROW(TALLY_OPEN_EXCLUSIVE),
    /* registry.h */
    ROW(TALLY_REGISTRY_DEPTH_MAX),
    ROW(TALLY_REGISTRY_LEAK_WARNING),
    ROW(TALLY_REGISTRY_HANDLERS_MAX),
    ROW(TALLY_REGISTRY_ANCESTRY_MAX),
    ROW(TALLY_COUNT_UNKNOWN),
    ROW(TALLY_POLICY_ISOLATE),
    ROW(TALLY_POLICY_RAISE),
    ROW(TALLY_POLICY_FAIL_FAST),
    ROW(TALLY_REGISTRY_ALLOW_STOP),
    ROW(TALLY_REGISTRY_COUNT),
    ROW(TALLY_LOG_FAILURE),
    ROW(TALLY_LOG_LEAK),
    ROW(TALLY_LOG_PANIC_FAILED),
    ROW(TALLY_NOTIFIED_STOPPED),
    ROW(TALLY_NOTIFIED_ORPHAN),
    ROW(TALLY_NOTIFIED_RECLAIM),
    ROW(TALLY_HANDLER_ONCE),
    ROW(TALLY_HANDLER_MAY_BLOCK),
    ROW(TALLY_EDIT_REGISTER),
    ROW(TALLY_EDIT_UNREGISTER),
    /* event.h */
    ROW(TALLY_STREAM_MAX),
    ROW(TALLY_TYPE_MAX),
    ROW(TALLY_CONTENT_TYPE_MAX),
    ROW(TALLY_TAG_MAX),
    ROW(TALLY_TAGS_MAX),
    ROW(TALLY_SUBJECT_MAX),
    ROW(TALLY_IDEMPOTENCY_KEY_MAX),
    ROW(TALLY_DATA_MAX),
    ROW(TALLY_BATCH_MAX),
    ROW(TALLY_BATCH_BYTES_MAX),
    ROW(TALLY_CORE_BYTES),
    ROW(TALLY_DRAFT_OCCURRED),
    ROW(TALLY_DRAFT_CAUSE_IN_BATCH),
    ROW(TALLY_EVENT_SYSTEM),
    ROW(TALLY_EVENT_SEALED),
    ROW(TALLY_EVENT_OCCURRED),
    ROW(TALLY_DATA_READABLE),
    ROW(TALLY_DATA_SHREDDED),
    ROW(TALLY_DATA_KEY_MISSING),
    ROW(TALLY_DATA_DAMAGED),
    /* store.h */
    ROW(TALLY_STORE_OPEN_OR_CREATE),
    ROW(TALLY_STORE_EXISTING),
    ROW(TALLY_STORE_NEW),
    ROW(TALLY_STORE_READ_ONLY),
    ROW(TALLY_STORE_NO_THREAD),
    ROW(TALLY_STORE_ALLOW_REMOTE),
    ROW(TALLY_CHECK_FIRST_TOUCH),
    ROW(TALLY_CHECK_ALWAYS),
    ROW(TALLY_CHECK_NEVER),
    ROW(TALLY_MAP_SEALED),
    ROW(TALLY_MAP_NEVER),
    ROW(TALLY_STORE_SHA256),
    ROW(TALLY_STORE_BLAKE2B),
    ROW(TALLY_NO_LIMIT),
    ROW(TALLY_SEGMENT_BYTES_MIN),
    ROW(TALLY_SEGMENT_BYTES_MAX),
    ROW(TALLY_STORE_NAME_MAX),
    ROW(TALLY_DURABILITY_DEFAULT),
    ROW(TALLY_BUFFERED),
    ROW(TALLY_WRITTEN),
    ROW(TALLY_DURABLE),
    /* append.h */
    ROW(TALLY_RECEIPT_REPEATED),
    ROW(TALLY_EXPECT_ANY),
    ROW(TALLY_EXPECT_NO_STREAM),
    ROW(TALLY_EXPECT_EXISTS),
    ROW(TALLY_EXPECT_VERSION),
    ROW(TALLY_CONDITIONS_MAX),
    ROW(TALLY_APPEND_TRY),
    ROW(TALLY_GATES_MAX),
    /* reader.h */
    ROW(TALLY_QUERY_BACKWARDS),
    ROW(TALLY_QUERY_DURABLE_ONLY),
    ROW(TALLY_QUERY_VERSIONS),
    ROW(TALLY_QUERY_NAMES_MAX),
    ROW(TALLY_LIST_STREAMS),
    ROW(TALLY_LIST_TYPES),
    ROW(TALLY_LIST_TAGS),
    ROW(TALLY_LIST_SUBJECTS),
    ROW(TALLY_ANCESTORS_GENESIS),
    ROW(TALLY_ANCESTORS_LIMIT),
    ROW(TALLY_ANCESTORS_DROPPED),
    ROW(TALLY_ANCESTORS_UNREADABLE),
    /* upkeep.h */
    ROW(TALLY_FINDING_NOTE),
    ROW(TALLY_FINDING_INDEX),
    ROW(TALLY_FINDING_EVENT),
    ROW(TALLY_FINDING_STRUCTURE),
    /* proof.h */
    ROW(TALLY_NOTE_BYTES_MAX),
    ROW(TALLY_SIGNATURES_MAX),
    ROW(TALLY_CHECKPOINT_TEXT_MAX),
    ROW(TALLY_PROOF_BYTES_MAX),
    ROW(TALLY_PROOF_HASHES_MAX),
    ROW(TALLY_CONSISTENCY_HASHES_MAX),
    ROW(TALLY_KEY_TEXT_BYTES),
    ROW(TALLY_ORIGIN_MAX),
    ROW(TALLY_KEY_OF_LOG),
    ROW(TALLY_KEY_OF_WITNESS),
    ROW(TALLY_WITNESS_SIGNED),
    ROW(TALLY_WITNESS_BEHIND),
    ROW(TALLY_WITNESS_REFUSED),
    ROW(TALLY_WITNESS_TRY_LATER),
    /* native.h */
    ROW(TALLY_RING_SLOTS_MAX),
    ROW(TALLY_RING_BYTES_MAX),
    /* api.h */
    ROW(TALLY_API_TAG_LOW),
    ROW(TALLY_API_TAG_HIGH),
    ROW(TALLY_NATIVE_HANDLER_TAG_LOW),
    ROW(TALLY_NATIVE_HANDLER_TAG_HIGH),
    ROW(TALLY_REGISTRY_TAG_LOW),
    ROW(TALLY_REGISTRY_TAG_HIGH),
};

#undef ROW
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Looked up when a binding is loaded, so a walk is quick enough. */
tally_status tally_constant_get(const char *name, uint64_t *value)
{
    if (value == NULL) return TALLY_E_NULL;
    *value = 0;
    if (name == NULL) return TALLY_E_NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *value = rows[i].value;
            return TALLY_OK;
        }
    }
    return TALLY_E_NOT_FOUND;
}

tally_status tally_constant_at(size_t index, const char **name, uint64_t *value)
{
    if (name != NULL) *name = NULL;
    if (value != NULL) *value = 0;
    if (name == NULL || value == NULL) return TALLY_E_NULL;
    if (index >= ROW_COUNT) return TALLY_E_RANGE;
    *name = rows[index].name;
    *value = rows[index].value;
    return TALLY_OK;
}
