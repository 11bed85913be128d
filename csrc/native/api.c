#include <tallystick/api.h>

static const tally_api table = {
    .size = sizeof(tally_api),
    .version = TALLY_VERSION,
    .status_name = tally_status_name,
    .status_message = tally_status_message,
    .kind_intern = tally_kind_intern,
    .kind_name = tally_kind_name,
    .handler_fail = tally_handler_fail,
    .registry_open = tally_registry_open,
    .registry_child = tally_registry_child,
    .registry_close = tally_registry_close,
    .registry_register = tally_registry_register,
    .registry_unregister = tally_registry_unregister,
    .registry_unregister_wait = tally_registry_unregister_wait,
    .registry_edit = tally_registry_edit,
    .registry_clear = tally_registry_clear,
    .registry_notify = tally_registry_notify,
    .registry_on_panic = tally_registry_on_panic,
    .registry_count = tally_registry_count,
    .registry_contains = tally_registry_contains,
    .reclaim = tally_reclaim,
    .handle_generation = tally_handle_generation,
};

const tally_api *tally_api_table(void) { return &table; }
