#include "harness.h"

#include <stdlib.h>

/* Compiled by itself and with the release flags, so that the call into it costs what a call into the
 * library costs, and its loop is aligned as the library's is. */
__attribute__((visibility("default"))) tally_status bare_notify(const bare *list, const tally_notice *notice,
                                                                tally_notified *out, tally_error *error)
{
    (void)out;
    (void)error;
    for (size_t i = 0; i < list->count; i++) (void)list->entries[i].function(list->entries[i].user_data, notice);
    return TALLY_OK;
}

#ifndef BARE_ALONE
bare *bare_new(bare_function notify, size_t handlers, work_kind work)
{
    bare *list = malloc(sizeof *list + handlers * sizeof list->entries[0]);
    must(list != NULL, "memory");
    list->count = handlers;
    list->notify = notify;
    list->counters = aligned_alloc(64, (handlers + 1) * sizeof(counter));
    must(list->counters != NULL, "memory");
    for (size_t i = 0; i < handlers; i++) {
        atomic_init(&list->counters[i].value, 0);
        list->entries[i] = (bare_entry){.function = work_function(work), .user_data = &list->counters[i]};
    }
    return list;
}

void bare_free(bare *list)
{
    free(list->counters);
    free(list);
}
#endif
