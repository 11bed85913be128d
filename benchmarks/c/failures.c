/* What a failure costs, and what each feature that leaves the fast path costs. */
#include "harness.h"

#include <string.h>

#include "peer.h"

static ours *failing(work_kind work, counter *failures)
{
    ours *mine = ours_new(NULL, 1, work, NULL, NULL);
    must(tally_registry_on_panic(mine->registry, count_failure, failures, NULL, NULL) == TALLY_OK, "on_panic");
    return mine;
}

void bench_failures(void)
{
    static counter failures;
    ours *good = failing(WORK_OWN_COUNTER, &failures);
    ours *bad = failing(WORK_FAIL, &failures);
    ours *silent = failing(WORK_FAIL_SILENT, &failures);
    cell row = {.name = "failure/1", .unit = "ns"};
    row.contestants[row.count++] = (contestant){"good", ours_notify, good};
    row.contestants[row.count++] = (contestant){"ours", ours_notify, bad};
    row.contestants[row.count++] = (contestant){"ours, without a message", ours_notify, silent};
#ifdef WITH_PEER
    peer *rust = peer_new(1, WORK_FAIL);
    peer_count_panics(rust);
    row.contestants[row.count++] = (contestant){PEER_NAME, peer_run, rust};
#endif
    cell_run(&row);
    must(atomic_load(&failures.value) > 0, "counting failures");
#ifdef WITH_PEER
    must(peer_panics(rust) > 0, "counting the peer's panics");
    (void)peer_free(rust);
#endif
    ours_free(good);
    ours_free(bad);
    ours_free(silent);
}

static const tally_api *const linked = NULL;

static ours *with_registry_flags(uint32_t flags, uint32_t policy)
{
    tally_registry_options options = {.size = sizeof options, .flags = flags, .policy = policy};
    return ours_new(linked, 4, WORK_OWN_COUNTER, &options, NULL);
}

static uint32_t kind_of(const char *name)
{
    uint32_t kind = 0;
    must(tally_kind_intern(name, strlen(name), &kind, NULL) == TALLY_OK, "intern");
    return kind;
}

static uint32_t notified_kind;

static double notify_of_kind(void *state, uint64_t count)
{
    ours *mine = state;
    for (uint64_t event = 0; event < count; event++) {
        tally_notice notice = {.kind = notified_kind, .data = &event, .length = sizeof event};
        tally_notified result;
        (void)tally_registry_notify(mine->registry, &notice, &result, NULL);
    }
    return 0;
}

static void add_handler(ours *mine, const tally_handler_options *options)
{
    tally_handler_id id;
    must(tally_registry_register(mine->registry, work_function(WORK_THREAD_COUNTER), NULL, options, &id, NULL) ==
             TALLY_OK,
         "register");
}

static void general_cell(const char *name, ours *special, block run)
{
    ours *plain = ours_new(linked, 4, WORK_OWN_COUNTER, NULL, NULL);
    cell row = {.name = name, .unit = "ns"};
    row.contestants[row.count++] = (contestant){"ours", run, special};
    row.contestants[row.count++] = (contestant){"ours, plain", ours_notify, plain};
    cell_run(&row);
    ours_free(special);
    ours_free(plain);
}

/* A once handler is gone after its first event: each operation registers it anew. */
static double register_and_notify_once(void *state, uint64_t count)
{
    ours *mine = state;
    tally_handler_options options = {.size = sizeof options, .flags = TALLY_HANDLER_ONCE};
    for (uint64_t event = 0; event < count; event++) {
        add_handler(mine, &options);
        tally_notice notice = {.data = &event, .length = sizeof event};
        (void)tally_registry_notify(mine->registry, &notice, NULL, NULL);
    }
    return 0;
}

void bench_general(void)
{
    notified_kind = kind_of("bench.paid");
    uint32_t other = kind_of("bench.other");
    uint32_t pattern = kind_of("bench.*");

    /* Four plain handlers and one that waits, once, for an event that does not come. */
    tally_handler_options waiting = {
        .size = sizeof waiting, .flags = TALLY_HANDLER_ONCE, .kinds = &other, .kind_count = 1};
    ours *once = ours_new(linked, 4, WORK_OWN_COUNTER, NULL, NULL);
    add_handler(once, &waiting);
    general_cell("general/once waiting", once, notify_of_kind);
    general_cell("general/once registered and claimed", ours_new(linked, 4, WORK_OWN_COUNTER, NULL, NULL),
                 register_and_notify_once);

    tally_handler_options exact = {.size = sizeof exact, .kinds = &notified_kind, .kind_count = 1};
    tally_handler_options prefix = {.size = sizeof prefix, .kinds = &pattern, .kind_count = 1};
    tally_handler_options none = {.size = sizeof none, .kinds = &other, .kind_count = 1};
    general_cell("general/filter exact, all match", ours_new(linked, 4, WORK_OWN_COUNTER, NULL, &exact),
                 notify_of_kind);
    general_cell("general/filter pattern, all match", ours_new(linked, 4, WORK_OWN_COUNTER, NULL, &prefix),
                 notify_of_kind);
    general_cell("general/filter exact, none match", ours_new(linked, 4, WORK_OWN_COUNTER, NULL, &none),
                 notify_of_kind);
    general_cell("general/count", with_registry_flags(TALLY_REGISTRY_COUNT, 0), ours_notify);
    general_cell("general/stop allowed", with_registry_flags(TALLY_REGISTRY_ALLOW_STOP, 0), ours_notify);
    general_cell("general/raise", with_registry_flags(0, TALLY_POLICY_RAISE), ours_notify);

    ours *parent = ours_new(linked, 2, WORK_OWN_COUNTER, NULL, NULL);
    ours *child = ours_new(linked, 0, WORK_OWN_COUNTER, NULL, NULL);
    must(tally_registry_close(&child->registry) == TALLY_OK, "close");
    must(tally_registry_child(parent->registry, NULL, &child->registry, NULL) == TALLY_OK, "child");
    add_handler(child, NULL);
    add_handler(child, NULL);
    general_cell("general/child 2 and parent 2", child, ours_notify);
    ours_free(parent);
}
