#include "handle/slab.h"

#include <string.h>

#include <tallystick/platform.h>

#include "handle/process.h"

/* Later chunks double, so that a few pointers cover any number of slots. */
#define LATER_CHUNKS 16

tally_slot tally_slab_first[TALLY_SLAB_FIRST];

typedef struct slab_chunk {
    _Atomic(tally_slot *) slots; /* aligned to a slot; never freed */
    void *memory;                /* where it lies; for leak checkers */
    size_t count;
} slab_chunk;

/* invariant: guarded by TALLY_LOCK_SLAB, but for the atomics */
static struct {
    slab_chunk later[LATER_CHUNKS];
    uint32_t used_first; /* slots of the first chunk that were ever used */
    size_t used_last;    /* of the newest later chunk */
    uint32_t later_count;
    tally_slot *free_head; /* used longest ago: taken first, so reuse comes as late as possible */
    tally_slot *free_tail;
} slab;

bool tally_slab_holds_later(const void *handle)
{
    for (uint32_t i = 0; i < LATER_CHUNKS; i++) {
        const tally_slot *slots = atomic_load_explicit(&slab.later[i].slots, memory_order_acquire);
        if (slots == NULL) return false;
        uintptr_t offset = (uintptr_t)handle - (uintptr_t)slots;
        if (offset < slab.later[i].count * sizeof(tally_slot)) return offset % TALLY_SLOT_BYTES == 0;
    }
    return false;
}

static tally_slot *take_from_later(void)
{
    if (slab.later_count > 0) {
        slab_chunk *chunk = &slab.later[slab.later_count - 1];
        if (slab.used_last < chunk->count) return &chunk->slots[slab.used_last++];
    }
    if (slab.later_count == LATER_CHUNKS) return NULL;
    slab_chunk *chunk = &slab.later[slab.later_count];
    const tally_platform *platform = tally_platform_default();
    size_t count = (size_t)TALLY_SLAB_FIRST << slab.later_count;
    char *memory = platform->allocate(platform->context, (count + 1) * sizeof(tally_slot));
    if (memory == NULL) return NULL;
    uintptr_t start = ((uintptr_t)memory + TALLY_SLOT_BYTES - 1) & ~(uintptr_t)(TALLY_SLOT_BYTES - 1);
    memset((void *)start, 0, count * sizeof(tally_slot));
    chunk->count = count;
    chunk->memory = memory;
    atomic_store_explicit(&chunk->slots, (tally_slot *)start, memory_order_release);
    slab.later_count++;
    slab.used_last = 1;
    return (tally_slot *)start;
}

tally_slot *tally_slab_take(void)
{
    tally_slot *slot = NULL;
    tally_process_lock(TALLY_LOCK_SLAB);
    if (slab.used_first < TALLY_SLAB_FIRST) {
        /* Fresh slots first: a closed one is reused last. */
        slot = &tally_slab_first[slab.used_first++];
    } else if (slab.free_head != NULL) {
        slot = slab.free_head;
        slab.free_head = slot->next;
        if (slab.free_head == NULL) slab.free_tail = NULL;
    } else {
        slot = take_from_later();
    }
    if (slot != NULL) {
        uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;
        slot->next = NULL;
        /* 0 means "never used", so the wrap after 2^32 uses of one slot steps over it. */
        atomic_store_explicit(&slot->generation, generation == 0 ? 1 : generation, memory_order_release);
        atomic_store_explicit(&slot->poisoned, 0, memory_order_relaxed);
    }
    tally_process_unlock(TALLY_LOCK_SLAB);
    return slot;
}

void tally_slab_give(tally_slot *slot)
{
    tally_process_lock(TALLY_LOCK_SLAB);
    slot->body = NULL;
    slot->next = NULL;
    atomic_store_explicit(&slot->state, TALLY_SLOT_FREE, memory_order_release);
    if (slab.free_tail == NULL) slab.free_head = slot;
    else slab.free_tail->next = slot;
    slab.free_tail = slot;
    tally_process_unlock(TALLY_LOCK_SLAB);
}

void tally_slab_each(void (*visit)(tally_slot *slot, void *user_data), void *user_data)
{
    tally_process_lock(TALLY_LOCK_SLAB);
    uint32_t used_first = slab.used_first;
    uint32_t later_count = slab.later_count;
    size_t used_last = slab.used_last;
    tally_process_unlock(TALLY_LOCK_SLAB);
    for (uint32_t i = 0; i < used_first; i++) visit(&tally_slab_first[i], user_data);
    for (uint32_t c = 0; c < later_count; c++) {
        size_t used = c + 1 == later_count ? used_last : slab.later[c].count;
        for (size_t i = 0; i < used; i++) visit(&slab.later[c].slots[i], user_data);
    }
}

uint32_t tally_handle_generation(const void *handle)
{
    if (!tally_slab_holds(handle)) return 0;
    const tally_slot *slot = handle;
    return atomic_load_explicit(&slot->generation, memory_order_acquire);
}
