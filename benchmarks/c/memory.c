/* Memory, counted where the core asks for it: through a platform whose allocator counts. */
#include "harness.h"

#include <pthread.h>
#include <stdlib.h>

#include "handle/slab.h"

#define HANDLERS 1000
#define NOTIFIES 100000

static struct {
    _Atomic(int64_t) live_bytes;
    _Atomic(uint64_t) allocations;
    _Atomic(uint64_t) frees;
} heap;

/* The size lies before the block. */
typedef union block_header {
    size_t size;
    max_align_t align;
} block_header;

static void *count_allocate(void *context, size_t size)
{
    (void)context;
    block_header *header = malloc(sizeof *header + size);
    if (header == NULL) return NULL;
    header->size = size;
    atomic_fetch_add(&heap.live_bytes, (int64_t)size);
    atomic_fetch_add(&heap.allocations, 1);
    return header + 1;
}

static void count_release(void *context, void *memory)
{
    (void)context;
    if (memory == NULL) return;
    block_header *header = (block_header *)memory - 1;
    atomic_fetch_sub(&heap.live_bytes, (int64_t)header->size);
    atomic_fetch_add(&heap.frees, 1);
    free(header);
}

static void *count_resize(void *context, void *memory, size_t size)
{
    if (memory == NULL) return count_allocate(context, size);
    block_header *header = (block_header *)memory - 1;
    int64_t before = (int64_t)header->size;
    header = realloc(header, sizeof *header + size);
    if (header == NULL) return NULL;
    header->size = size;
    atomic_fetch_add(&heap.live_bytes, (int64_t)size - before);
    atomic_fetch_add(&heap.allocations, 1);
    return header + 1;
}

static void *notify_a_lot(void *argument)
{
    ours *mine = argument;
    (void)ours_notify(mine, 1);
    uint64_t allocations = atomic_load(&heap.allocations);
    uint64_t frees = atomic_load(&heap.frees);
    (void)ours_notify(mine, NOTIFIES);
    figure_print("memory/allocations of 100000 notifies", "calls", "ours",
                 (double)(atomic_load(&heap.allocations) - allocations));
    figure_print("memory/frees of 100000 notifies", "calls", "ours", (double)(atomic_load(&heap.frees) - frees));
    return NULL;
}

void bench_memory(void)
{
    tally_platform counting = *tally_platform_default();
    counting.allocate = count_allocate;
    counting.resize = count_resize;
    counting.release = count_release;
    tally_registry_options options = {.size = sizeof options, .platform = &counting};

    int64_t before = atomic_load(&heap.live_bytes);
    ours *mine = ours_new(NULL, 0, WORK_OWN_COUNTER, &options, NULL);
    int64_t empty = atomic_load(&heap.live_bytes) - before;
    figure_print("memory/empty registry, its slot of the slab included", "bytes", "ours",
                 (double)empty + (double)sizeof(tally_slot));
    for (size_t i = 0; i < HANDLERS; i++) {
        tally_handler_id id;
        must(tally_registry_register(mine->registry, work_function(WORK_THREAD_COUNTER), NULL, NULL, &id, NULL) ==
                 TALLY_OK,
             "register");
    }
    must(tally_registry_reclaim(mine->registry, NULL, NULL) == TALLY_OK, "reclaim");
    int64_t full = atomic_load(&heap.live_bytes) - before - empty;
    figure_print("memory/per handler of 1000", "bytes", "ours", (double)full / HANDLERS);

    pthread_t thread;
    must(pthread_create(&thread, NULL, notify_a_lot, mine) == 0, "thread");
    (void)pthread_join(thread, NULL);
    ours_free(mine);
    must(atomic_load(&heap.live_bytes) == before, "giving all memory back");
}
