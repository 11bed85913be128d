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
