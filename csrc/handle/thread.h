/* Thread records and hazards: how a reader says what it uses, without a lock.
 *
 * Each thread has a record with a stack of hazards. Before it uses a snapshot (or another object that
 * is reclaimed this way) it writes the address into its next hazard, then looks again whether the
 * address is still the current one. A writer first takes the object out of reach, then makes every
 * thread pass a barrier (tally_fence_all), then reads all hazards: who had published before the barrier
 * is seen, who publishes after it finds the object gone. So the reader's store is a plain one
 * ("asymmetric"). Where the system has no such barrier, and under ThreadSanitizer, which does not know
 * it, readers publish with an atomic exchange ("portable").
 *
 * A hazard also says which entry of the snapshot is running: that is what unregister_wait looks at.
 * One thread that is stuck inside a handler keeps one snapshot alive and nothing else. */
#ifndef TALLY_HANDLE_THREAD_H
#define TALLY_HANDLE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tallystick/registry.h>

#include "handle/slab.h"

/* Depth limit of notify (64) plus room for ancestors, native objects and on_panic in use. */
#define TALLY_HAZARDS 96
/* Records without allocation; threads beyond them allocate, and share pins when that fails. */
#define TALLY_THREADS_STATIC 128

typedef struct tally_hazard {
    _Atomic(const void *) running; /* the entry of a snapshot whose handler runs now; perhaps TALLY_RUN_SAID */
    _Atomic(const void *) object;  /* what must not be freed; NULL when the hazard is free */
} tally_hazard;

/* Set in the address of the entry that runs: its handler has called tally_handler_fail. It goes with the
 * run, because the next one writes its own entry there. */
#define TALLY_RUN_SAID ((uintptr_t)1)

/* A call that is inside the gate of an object, or a pin on its slot; those of one thread form a chain
 * each, for fork. */
typedef struct tally_call {
    tally_slot *slot;
    struct tally_call *outer;
} tally_call;

/* A registry whose on_panic runs on this thread; a chain on the C stack. */
typedef struct tally_reporting {
    const void *registry;
    struct tally_reporting *outer;
} tally_reporting;

typedef struct tally_thread {
    /* Private to the thread. invariant: hazards from `next` on have object NULL */
    tally_hazard *next;
    /* A plain notify may take a hazard below this one: it was used before, so that writers know it, and it
     * is not beyond the depth limit. The one test of the fast path for depth, room and first use. */
    tally_hazard *plain_end;
    /* A plain notify takes one hazard and writes nothing else here. All others keep the difference, so
     * that the number of nested notifies is the hazards taken - surplus (see tally_thread_depth). */
    uint32_t surplus;
    _Atomic(uint32_t) high; /* hazards that were ever used; read by writers */
    uint32_t callbacks;     /* destructors and logs that run on this thread */
    uint32_t orphan;        /* a record on the C stack of a thread that could not get one */
    _Atomic(uint32_t) owned;
    uint32_t index; /* for stripes of counters */
    struct tally_thread *next_allocated;
    tally_call *calls;
    tally_call *pins;
    tally_reporting *reporting;
    const void *pinned_entry; /* what runs without a hazard to say so, as in `running`; NULL: nothing does */
    /* What tally_handler_fail said, and for which run of which entry. */
    const void *failing_entry;
    int32_t failing_code;
    uint32_t failing_length;
    void *failing_payload;
    char failing_message[TALLY_HANDLER_MESSAGE_MAX + 1];
    tally_hazard hazards[TALLY_HAZARDS];
} tally_thread;

/* The record of this thread; a shared one with no room until the first use. */
extern TALLY_HIDDEN TALLY_THREAD_LOCAL tally_thread *tally_thread_now;
extern tally_thread tally_thread_unattached;

struct tally_callback {
    bool is_orphan;
    tally_thread orphan;
};

/* The record of this thread, made now if need be; NULL when there is no memory for one. */
tally_thread *tally_thread_attach(void);

/* Runs at the end of a thread: gives its record back. */
void tally_thread_leave(void *value);

/* Makes a record on the stack the thread's for a while; its hazards are not seen, so it uses pins. */
void tally_thread_adopt_orphan(tally_thread *record);
void tally_thread_drop_orphan(void);

/* Around a callback that is no handler: a destructor, a log, a wake. Inside one this thread does not wait
 * for others, since it could wait for itself. A thread that can get no record has `orphan` for one. */
typedef struct tally_callback tally_callback;
void tally_callback_enter(tally_callback *callback);
void tally_callback_leave(tally_callback *callback);

/* How many notifies this thread is inside of. */
static inline uint32_t tally_thread_depth(const tally_thread *self)
{
    return (uint32_t)(self->next - self->hazards) - self->surplus;
}

/* Whether this thread is inside any callback, and so must not wait and must run no destructor. */
bool tally_thread_in_handler(void);
bool tally_thread_in_callback(void);

/* Calls `visit` for every hazard that some thread has published. */
void tally_threads_each_hazard(void (*visit)(const tally_hazard *hazard, const void *object, void *user_data),
                               void *user_data);

void tally_threads_after_fork(void);

/* ---------------------------------------------------------------------------------------- fences */

enum tally_fence_mode { TALLY_FENCE_UNDECIDED = 0, TALLY_FENCE_ASYMMETRIC = 1, TALLY_FENCE_PORTABLE = 2 };

extern _Atomic(int32_t) tally_fence_mode;

/* Decides the mode, once: at the first registration of a handler, since it may cost milliseconds. */
void tally_fence_prepare(void);

/* The writer's side. TALLY_E_UNSUPPORTED, from then on for ever, when the system refuses: nothing may
 * be reclaimed any more. */
tally_status tally_fence_all(void);

/* The reader's side: `value` is visible to a writer that passes tally_fence_all after this. */
static inline void tally_hazard_publish(_Atomic(const void *) *where, const void *value, bool portable)
{
    if (portable) {
        (void)atomic_exchange_explicit(where, value, memory_order_seq_cst);
    } else {
        atomic_store_explicit(where, value, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
    }
}

static inline bool tally_fence_is_portable(void)
{
    return atomic_load_explicit(&tally_fence_mode, memory_order_acquire) != TALLY_FENCE_ASYMMETRIC;
}

/* Takes the next hazard, or NULL when the stack is full or the record an orphan. It does not count as a
 * notify: tally_thread_enter_notify does. */
static inline tally_hazard *tally_hazard_push(tally_thread *self)
{
    if (TALLY_UNLIKELY(self->next == self->hazards + TALLY_HAZARDS)) return NULL;
    tally_hazard *hazard = self->next++;
    self->surplus++;
    atomic_store_explicit(&hazard->running, NULL, memory_order_relaxed);
    uint32_t used = (uint32_t)(self->next - self->hazards);
    if (TALLY_UNLIKELY(used > atomic_load_explicit(&self->high, memory_order_relaxed))) {
        atomic_store_explicit(&self->high, used, memory_order_release);
        if (used <= TALLY_REGISTRY_DEPTH_MAX) self->plain_end = self->next;
    }
    return hazard;
}

static inline void tally_hazard_pop(tally_thread *self, tally_hazard *hazard)
{
    atomic_store_explicit(&hazard->object, NULL, memory_order_release);
    self->next--;
    self->surplus--;
}

/* One level deeper, whatever hazards it has. */
static inline void tally_thread_enter_notify(tally_thread *self) { self->surplus--; }
static inline void tally_thread_leave_notify(tally_thread *self) { self->surplus++; }

#endif
