/* Writers: one more handler in 1000, one less, and an id that is not there. */
#include "harness.h"

#include "peer.h"

#define HANDLERS 1000
#define EDITS 64
#define MISSES 1000
#define ROUNDS 101

typedef struct edit_times {
    double registered[ROUNDS];
    double unregistered[ROUNDS];
    double missed[ROUNDS];
} edit_times;

static void our_edit(ours *mine, uint64_t *registered, uint64_t *unregistered)
{
    static tally_handler_id ids[EDITS];
    static counter counters[EDITS];
    uint64_t start = now_ns();
    for (size_t i = 0; i < EDITS; i++)
        must(tally_registry_register(mine->registry, work_function(WORK_OWN_COUNTER), &counters[i], NULL, &ids[i],
                                     NULL) == TALLY_OK,
             "register");
    uint64_t middle = now_ns();
    for (size_t i = 0; i < EDITS; i++) {
        int32_t removed = 0;
        must(tally_registry_unregister(mine->registry, ids[i], &removed, NULL) == TALLY_OK && removed, "unregister");
    }
    *registered = middle - start;
    *unregistered = now_ns() - middle;
}

static void our_miss(ours *mine, uint64_t count)
{
    tally_handler_id id;
    must(tally_registry_register(mine->registry, work_function(WORK_OWN_COUNTER), NULL, NULL, &id, NULL) == TALLY_OK,
         "register");
    must(tally_registry_unregister(mine->registry, id, NULL, NULL) == TALLY_OK, "unregister");
    for (uint64_t i = 0; i < count; i++) {
        int32_t removed = 1;
        must(tally_registry_unregister(mine->registry, id, &removed, NULL) == TALLY_OK && !removed, "miss");
    }
}

static edit_times our_times;
#ifdef WITH_PEER
static edit_times peer_times;
#endif

static void print_times(const char *name, size_t offset)
{
    samples_begin(name, "ns");
    samples_add("ours", (const double *)(const void *)((const char *)&our_times + offset), ROUNDS);
#ifdef WITH_PEER
    samples_add(PEER_NAME, (const double *)(const void *)((const char *)&peer_times + offset), ROUNDS);
#endif
    samples_end();
}

void bench_edit(void)
{
    ours *mine = ours_new(NULL, HANDLERS, WORK_OWN_COUNTER, NULL, NULL);
    /* The first notify makes this thread known: from then on writers have somebody to look at. */
    (void)ours_notify(mine, 10);
#ifdef WITH_PEER
    peer *rust = peer_new(HANDLERS, WORK_OWN_COUNTER);
    peer_notify(rust, 10);
#endif
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t registered = 0;
        uint64_t unregistered = 0;
        our_edit(mine, &registered, &unregistered);
        our_times.registered[round] = (double)registered / EDITS;
        our_times.unregistered[round] = (double)unregistered / EDITS;
        uint64_t start = now_ns();
        our_miss(mine, MISSES);
        our_times.missed[round] = (double)(now_ns() - start) / MISSES;
#ifdef WITH_PEER
        peer_edit(rust, EDITS, now_ns, &registered, &unregistered);
        peer_times.registered[round] = (double)registered / EDITS;
        peer_times.unregistered[round] = (double)unregistered / EDITS;
        start = now_ns();
        peer_miss(rust, MISSES);
        peer_times.missed[round] = (double)(now_ns() - start) / MISSES;
#endif
    }
    print_times("register/into 1000", offsetof(edit_times, registered));
    print_times("unregister/from 1000", offsetof(edit_times, unregistered));
    print_times("unregister/miss in 1000", offsetof(edit_times, missed));
#ifdef WITH_PEER
    (void)peer_free(rust);
#endif
    ours_free(mine);
}
