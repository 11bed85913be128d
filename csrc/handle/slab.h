/* The slab: type-stable memory for the slots that handles point to.
 *
 * A handle is the address of a slot. Slots are never given back to the system, so a pointer is
 * believed after a test of its range and stride, which follows nothing; only then is the slot read.
 * Garbage, a closed handle, a handle of another kind are told apart, and none is a crash. */
#ifndef TALLY_HANDLE_SLAB_H
#define TALLY_HANDLE_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tallystick/base.h>

#include "base/compiler.h"

#define TALLY_SLOT_BYTES 64
#define TALLY_SLOT_BITS 6
/* Slots of the first chunk, in .bss: pages that are never touched cost nothing. */
#define TALLY_SLAB_FIRST 4096

enum tally_slot_state {
    TALLY_SLOT_FREE = 0, /* never opened, or closed and free for a new object */
    TALLY_SLOT_OPEN = 1,
    TALLY_SLOT_CLOSING = 2, /* no call enters any more; some may still be inside */
    TALLY_SLOT_CLOSED = 3   /* the object is gone, but somebody (a child registry) keeps the slot */
};

enum tally_kind_of_handle {
    TALLY_HANDLE_NONE = 0,
    TALLY_HANDLE_REGISTRY = 1,
    TALLY_HANDLE_COUNTER = 2,
    TALLY_HANDLE_RING = 3,
    TALLY_HANDLE_MASK = 4,
    TALLY_HANDLE_TEST = 5, /* the tests of this layer */
    TALLY_HANDLE_STORE = 6,
    TALLY_HANDLE_READER = 7,
    TALLY_HANDLE_COMPLETIONS = 8
};

/* Objects that own files or keys are dead in a forked child. */
#define TALLY_SLOT_OWNS_FILES 1u
/* In the list of closes that wait for a quiet moment; see closing.h. */
#define TALLY_SLOT_DEFERRED 2u

/* `live` of a slot that is no registry with handlers; see registry/snapshot.h for the others. Bit 0
 * set means: not a snapshot. */
#define TALLY_LIVE_NONE ((uintptr_t)0x01)

typedef struct tally_slot {
    /* The one word that notify reads. Owned by registry/; TALLY_LIVE_NONE for all other objects. */
    _Alignas(TALLY_SLOT_BYTES) _Atomic(uintptr_t) live;
    void *body;                   /* the object; valid while OPEN or CLOSING */
    _Atomic(uint32_t) state;      /* enum tally_slot_state */
    _Atomic(uint32_t) kind;       /* enum tally_kind_of_handle; kept after the close, for the error */
    _Atomic(uint32_t) generation; /* of the present or last object; 0 = never used */
    _Atomic(uint32_t) calls;      /* calls inside the gate */
    _Atomic(uint32_t) pins;       /* notifies that run without a hazard slot; see thread.h */
    _Atomic(uint32_t) poisoned;
    _Atomic(uint32_t) flags; /* TALLY_SLOT_OWNS_FILES, TALLY_SLOT_DEFERRED; a stale handle may look at any time */
    _Atomic(uint32_t) forks; /* tally_process_forks() when it was opened */
    struct tally_slot *next; /* in the free list, or in the list of deferred closes */
    const struct tally_close_steps *steps;
} tally_slot;

_Static_assert(sizeof(tally_slot) == TALLY_SLOT_BYTES, "a slot is one cache line");

extern TALLY_HIDDEN tally_slot tally_slab_first[TALLY_SLAB_FIRST];

bool tally_slab_holds_later(const void *handle);

/* Whether a pointer is the address of a slot of the first chunk: range and stride in one comparison, since
 * the rotation makes a large number of an offset that is no multiple of a slot. */
static inline bool tally_slab_holds_first(const void *handle)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)tally_slab_first;
    uintptr_t index = offset / TALLY_SLOT_BYTES | offset << (8 * sizeof offset - TALLY_SLOT_BITS);
    return index < TALLY_SLAB_FIRST;
}

/* Whether a pointer is the address of a slot. Follows nothing. */
static inline bool tally_slab_holds(const void *handle)
{
    return tally_slab_holds_first(handle) || tally_slab_holds_later(handle);
}

/* A slot in state FREE for a new object, the one that has been free longest; NULL without memory.
 * Its generation is raised; the caller fills it in and stores `state` last. */
tally_slot *tally_slab_take(void);

/* Gives a slot back. The caller has set `live` and emptied the body. */
void tally_slab_give(tally_slot *slot);

/* Calls `visit` for every slot that was ever used, in no order. */
void tally_slab_each(void (*visit)(tally_slot *slot, void *user_data), void *user_data);

#endif
