/* A platform around another one, that makes the world go wrong on purpose.
 *
 *     tally_platform *wrapped = wrap_open(inner);
 *     wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_MEMORY, .skip = 3, .kind = WRAP_FAIL});
 *     … use `wrapped`: its fourth allocation fails …
 *     CHECK_EQ(wrap_blocks(wrapped), 0);
 *     wrap_close(&wrapped);
 *
 * It counts every call, and can make the k-th of some set of calls fail, come short, be torn, or cut the
 * power; once, or for ever after. Everything else goes through to the inner platform. All of it may be
 * used from any thread, but a fault is set while nobody else calls.
 *
 * What belongs to no handle (slab, thread records, names) uses the process's own platform; to make that
 * one fail, give the wrapper to tally_platform_default_replace (platform/default.h).
 *
 * Power cuts. With a world in memory inside, WRAP_POWER freezes its disk at the k-th call: from then on
 * every call that would touch the disk answers TALLY_E_IO and reaches nothing. Build the disks that may
 * be found afterwards with wrap_each_image (images.h) or tally_memory_power_cut.
 *
 * Failed syncs. When sync_data of a world in memory is made to fail, its unsynced bytes stay readable
 * and are lost at the next power cut, as they are on a real system; when it is torn, the oldest of them
 * had reached the device before, with SIZE_MAX all of them. */
#ifndef TALLY_TEST_WRAP_H
#define TALLY_TEST_WRAP_H

#include <stdbool.h>
#include <stdint.h>

#include <tallystick/platform.h>

/* The functions of the table, in its order. */
typedef enum wrap_call {
    WRAP_OPEN_FILE,
    WRAP_CLOSE_FILE,
    WRAP_READ_AT,
    WRAP_WRITE_AT,
    WRAP_WRITE_SLICES_AT,
    WRAP_SYNC_DATA,
    WRAP_SYNC_DIRECTORY,
    WRAP_FILE_STATUS,
    WRAP_TRUNCATE_FILE,
    WRAP_ALLOCATE_SPACE,
    WRAP_RENAME_FILE,
    WRAP_REMOVE_FILE,
    WRAP_MAKE_DIRECTORY,
    WRAP_REMOVE_DIRECTORY,
    WRAP_LIST_DIRECTORY,
    WRAP_IS_REMOTE,
    WRAP_LOCK_FILE,
    WRAP_UNLOCK_FILE,
    WRAP_MAP_FILE,
    WRAP_UNMAP,
    WRAP_WALL_CLOCK_US,
    WRAP_MONOTONIC_NS,
    WRAP_BOOT_ID,
    WRAP_PROCESS_ID,
    WRAP_HOST_NAME,
    WRAP_RANDOM_BYTES,
    WRAP_SLEEP_NS,
    WRAP_ALLOCATE,
    WRAP_RESIZE,
    WRAP_RELEASE,
    WRAP_ALLOCATE_LOCKED,
    WRAP_RELEASE_LOCKED,
    WRAP_PROTECT,
    WRAP_START_THREAD,
    WRAP_JOIN_THREAD,
    WRAP_MUTEX_INIT,
    WRAP_MUTEX_DESTROY,
    WRAP_MUTEX_LOCK,
    WRAP_MUTEX_UNLOCK,
    WRAP_CONDITION_INIT,
    WRAP_CONDITION_DESTROY,
    WRAP_CONDITION_WAIT,
    WRAP_CONDITION_WAKE_ALL,
    WRAP_ONCE,
    WRAP_PROCESS_BARRIER_PREPARE,
    WRAP_PROCESS_BARRIER,
    WRAP_THREAD_EXIT_HOOK,
    WRAP_THREAD_EXIT_ARM,
    WRAP_FORK_HOOKS,
    WRAP_CALL_COUNT
} wrap_call;

/* Sets of calls. */
#define WRAP_BIT(call) (UINT64_C(1) << (call))
#define WRAP_MEMORY (WRAP_BIT(WRAP_ALLOCATE) | WRAP_BIT(WRAP_RESIZE) | WRAP_BIT(WRAP_ALLOCATE_LOCKED))
#define WRAP_READS \
    (WRAP_BIT(WRAP_READ_AT) | WRAP_BIT(WRAP_FILE_STATUS) | WRAP_BIT(WRAP_LIST_DIRECTORY) | WRAP_BIT(WRAP_MAP_FILE))
#define WRAP_WRITES (WRAP_BIT(WRAP_WRITE_AT) | WRAP_BIT(WRAP_WRITE_SLICES_AT))
#define WRAP_SIZES (WRAP_BIT(WRAP_TRUNCATE_FILE) | WRAP_BIT(WRAP_ALLOCATE_SPACE))
#define WRAP_SYNCS (WRAP_BIT(WRAP_SYNC_DATA) | WRAP_BIT(WRAP_SYNC_DIRECTORY))
#define WRAP_NAMES                                                                        \
    (WRAP_BIT(WRAP_OPEN_FILE) | WRAP_BIT(WRAP_RENAME_FILE) | WRAP_BIT(WRAP_REMOVE_FILE) | \
     WRAP_BIT(WRAP_MAKE_DIRECTORY) | WRAP_BIT(WRAP_REMOVE_DIRECTORY))
/* All that change what is, or what will be, on the disk: the moments between which a crash differs. */
#define WRAP_CHANGES (WRAP_WRITES | WRAP_SIZES | WRAP_SYNCS | WRAP_NAMES)
/* All that touch the disk. */
#define WRAP_DISK (WRAP_CHANGES | WRAP_READS | WRAP_BIT(WRAP_LOCK_FILE) | WRAP_BIT(WRAP_IS_REMOTE))
/* All that may fail. condition_wait is left out: a wait that fails is a lock lost, no test of anybody. */
#define WRAP_FALLIBLE                                                                                                  \
    (WRAP_DISK | WRAP_MEMORY | WRAP_BIT(WRAP_CLOSE_FILE) | WRAP_BIT(WRAP_UNLOCK_FILE) | WRAP_BIT(WRAP_WALL_CLOCK_US) | \
     WRAP_BIT(WRAP_BOOT_ID) | WRAP_BIT(WRAP_HOST_NAME) | WRAP_BIT(WRAP_RANDOM_BYTES) | WRAP_BIT(WRAP_PROTECT) |        \
     WRAP_BIT(WRAP_START_THREAD) | WRAP_BIT(WRAP_MUTEX_INIT) | WRAP_BIT(WRAP_CONDITION_INIT) |                         \
     WRAP_BIT(WRAP_PROCESS_BARRIER_PREPARE) | WRAP_BIT(WRAP_PROCESS_BARRIER) | WRAP_BIT(WRAP_THREAD_EXIT_HOOK) |       \
     WRAP_BIT(WRAP_FORK_HOOKS))

/* What happens at the chosen call. */
#define WRAP_NONE 0u
#define WRAP_FAIL 1u  /* it does nothing and answers `status`; an allocation answers NULL */
#define WRAP_SHORT 2u /* a read or write does at most `bytes` bytes (at least 1) and says so; no error */
#define WRAP_TEAR 3u  /* a write, or a sync of data, does at most `bytes` bytes and then answers `status` */
#define WRAP_POWER 4u /* the disk is gone from here on, whatever `for_ever` says; other calls go on */

typedef struct wrap_fault {
    uint64_t calls;      /* which calls are meant: WRAP_BITs */
    uint64_t skip;       /* how many of them go through before: 0 hits the first */
    uint32_t kind;       /* WRAP_FAIL, … */
    bool for_ever;       /* every later call of the set as well, not this one alone */
    tally_status status; /* of FAIL and TEAR; 0: TALLY_E_IO */
    int32_t os_error;
    size_t bytes; /* of SHORT and TEAR */
} wrap_fault;

/* NULL without memory. The inner platform is borrowed. */
tally_platform *wrap_open(const tally_platform *inner);
/* Sets the pointer to NULL. */
void wrap_close(tally_platform **platform);
const tally_platform *wrap_inner(const tally_platform *platform);

/* Sets what will go wrong, and begins to count calls towards it; NULL: nothing, and the power is back. */
void wrap_fault_set(tally_platform *platform, const wrap_fault *fault);
/* Whether the fault has happened. */
bool wrap_fault_hit(const tally_platform *platform);

/* How many calls of a set were made since the beginning, failed ones included. */
uint64_t wrap_count(const tally_platform *platform, uint64_t calls);
/* What was taken through this wrapper and not given back: blocks of memory (locked ones too), open
 * files, maps, running threads. */
int64_t wrap_blocks(const tally_platform *platform);
int64_t wrap_open_files(const tally_platform *platform);
int64_t wrap_maps(const tally_platform *platform);
int64_t wrap_threads(const tally_platform *platform);

/* `watch` runs before each call of a set, under no lock: to stop time, or to look at the disk. */
void wrap_watch(tally_platform *platform, uint64_t calls, void (*watch)(void *user_data, wrap_call call),
                void *user_data);

/* Runs a scenario with its first call of `fault->calls` failing, then the second, and so on until a run
 * meets no fault; each time once, then for ever after. Between runs the wrapper must hold nothing more
 * than before, or `leaks` counts up. Returns how many runs met a fault.
 *
 * The scenario opens and closes everything it uses, and checks what it can: with a fault anything may
 * fail, but nothing may crash, hang or lie. */
uint64_t wrap_each_failure(tally_platform *platform, wrap_fault fault,
                           void (*scenario)(const tally_platform *platform, void *user_data), void *user_data,
                           uint64_t *leaks);

/* The name of a call, for messages. */
const char *wrap_call_name(wrap_call call);

#endif
