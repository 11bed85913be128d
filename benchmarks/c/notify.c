/* notify with handlers that never fail: the fast path, in the static and the shared library. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "peer.h"

static void notify_cell(const tally_api *shared, bare_function shared_loop, size_t handlers)
{
    char name[64];
    (void)snprintf(name, sizeof name, "notify/%zu", handlers);
    ours *mine = ours_new(NULL, handlers, WORK_OWN_COUNTER, NULL, NULL);
    bare *loop = bare_new(bare_notify, handlers, WORK_OWN_COUNTER);
    cell row = {.name = name, .unit = "ns", .rounds = 31};
    row.contestants[row.count++] = (contestant){"ours", ours_notify, mine};
    row.contestants[row.count++] = (contestant){"bare loop", bare_run, loop};
    ours *theirs_shared = NULL;
    if (shared != NULL) {
        theirs_shared = ours_new(shared, handlers, WORK_OWN_COUNTER, NULL, NULL);
        row.contestants[row.count++] = (contestant){"ours, shared library", ours_notify, theirs_shared};
    }
    bare *far_loop = bare_new(shared_loop, handlers, WORK_OWN_COUNTER);
    if (shared_loop != NULL)
        row.contestants[row.count++] = (contestant){"bare loop, shared library", bare_run_shared, far_loop};
#ifdef WITH_PEER
    peer *rust = peer_new(handlers, WORK_OWN_COUNTER);
    row.contestants[row.count++] = (contestant){PEER_NAME, peer_run, rust};
#endif
    cell_run(&row);

    /* All handlers of all contestants ran, and equally often. */
    uint64_t ran = handlers == 0 ? 0 : atomic_load(&mine->counters[handlers - 1].value);
    for (size_t i = 0; i < handlers; i++) must(atomic_load(&mine->counters[i].value) == ran && ran > 0, "counting");
#ifdef WITH_PEER
    must((peer_free(rust) > 0) == (handlers > 0), "counting of the peer");
#endif
    if (theirs_shared != NULL) ours_free(theirs_shared);
    bare_free(loop);
    bare_free(far_loop);
    ours_free(mine);
}

void bench_notify(const tally_api *shared, bare_function shared_loop)
{
    static const size_t sizes[] = {0, 1, 4, 16, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) notify_cell(shared, shared_loop, sizes[i]);
}
