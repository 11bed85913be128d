#include "harness.h"

#include <stdlib.h>

#include "peer.h"

counter shared_counter;
_Thread_local uint64_t thread_counter;

static int32_t count_own(void *user_data, const tally_notice *notice)
{
    (void)notice;
    counter *own = user_data;
    atomic_store_explicit(&own->value, atomic_load_explicit(&own->value, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return TALLY_HANDLER_DONE;
}

static int32_t count_shared(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    atomic_fetch_add_explicit(&shared_counter.value, 1, memory_order_relaxed);
    return TALLY_HANDLER_DONE;
}

static int32_t count_of_thread(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    thread_counter++;
    return TALLY_HANDLER_DONE;
}

static int32_t fail(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return tally_handler_fail(-7, "refused", 7, NULL);
}

static int32_t fail_silently(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return -7;
}

tally_handler work_function(work_kind work)
{
    static const tally_handler functions[] = {count_own, count_shared, count_of_thread, fail, fail_silently};
    return functions[work];
}

int32_t count_failure(void *user_data, const tally_failure *failure)
{
    (void)failure;
    return count_own(user_data, NULL);
}

ours *ours_new(const tally_api *api, size_t handlers, work_kind work, const tally_registry_options *options,
               const tally_handler_options *handler_options)
{
    ours *mine = malloc(sizeof *mine);
    must(mine != NULL, "memory");
    *mine = (ours){.handlers = handlers, .api = api};
    mine->notify = api != NULL ? api->registry_notify : tally_registry_notify;
    mine->counters = aligned_alloc(64, (handlers + 1) * sizeof(counter));
    must(mine->counters != NULL, "memory");
    must((api != NULL ? api->registry_open : tally_registry_open)(options, &mine->registry, NULL) == TALLY_OK, "open");
    for (size_t i = 0; i < handlers; i++) {
        tally_handler_id id;
        atomic_init(&mine->counters[i].value, 0);
        must((api != NULL ? api->registry_register : tally_registry_register)(
                 mine->registry, work_function(work), &mine->counters[i], handler_options, &id, NULL) == TALLY_OK,
             "register");
    }
    return mine;
}

void ours_free(ours *mine)
{
    must((mine->api != NULL ? mine->api->registry_close : tally_registry_close)(&mine->registry) == TALLY_OK, "close");
    free(mine->counters);
    free(mine);
}

double ours_notify(void *state, uint64_t count)
{
    ours *mine = state;
    tally_registry *registry = mine->registry;
    if (mine->api != NULL) {
        for (uint64_t event = 0; event < count; event++) {
            tally_notice notice = {.data = &event, .length = sizeof event};
            tally_notified result;
            (void)mine->notify(registry, &notice, &result, NULL);
        }
    } else {
        for (uint64_t event = 0; event < count; event++) {
            tally_notice notice = {.data = &event, .length = sizeof event};
            tally_notified result;
            (void)tally_registry_notify(registry, &notice, &result, NULL);
        }
    }
    return 0;
}

double bare_run(void *state, uint64_t count)
{
    const bare *list = state;
    for (uint64_t event = 0; event < count; event++) {
        tally_notice notice = {.data = &event, .length = sizeof event};
        tally_notified result;
        (void)bare_notify(list, &notice, &result, NULL);
    }
    return 0;
}

double bare_run_shared(void *state, uint64_t count)
{
    const bare *list = state;
    for (uint64_t event = 0; event < count; event++) {
        tally_notice notice = {.data = &event, .length = sizeof event};
        tally_notified result;
        (void)list->notify(list, &notice, &result, NULL);
    }
    return 0;
}

#ifdef WITH_PEER
bool has_peer(void) { return true; }
double peer_run(void *state, uint64_t count)
{
    peer_notify(state, count);
    return 0;
}
#else
bool has_peer(void) { return false; }
double peer_run(void *state, uint64_t count)
{
    (void)state;
    (void)count;
    return 0;
}
#endif
