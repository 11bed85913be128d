/* A platform whose `release` writes over the memory and keeps it for a while, so that whoever still uses what
 * was freed reads 0xDD, follows it and crashes; natively and at full speed, where no sanitizer looks. It also
 * knows how many bytes are out. */
#ifndef TALLY_TEST_SCRIBBLE_H
#define TALLY_TEST_SCRIBBLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/platform.h>

#define SCRIBBLE_KEPT 4096
#define SCRIBBLE_LIVE UINT64_C(0x5c21bb1e5c21bb1e)
#define SCRIBBLE_DEAD UINT64_C(0xdeaddeaddeaddead)

typedef struct scribble_block {
    size_t size;
    uint64_t mark;
    struct scribble_block *next; /* of those that are out: what a test leaks on purpose can be found */
    struct scribble_block *before;
} scribble_block;

typedef struct scribble_state {
    tally_platform table; /* first */
    pthread_mutex_t mutex;
    scribble_block *out;
    scribble_block *kept[SCRIBBLE_KEPT]; /* freed, not yet given back */
    size_t next;
    _Atomic(int64_t) bytes;
    _Atomic(int64_t) blocks;
    _Atomic(uint64_t) allocations;
    _Atomic(uint64_t) releases;
    _Atomic(bool) spoiled;                    /* a block was released twice, or written to after its release */
    void (*during_allocate)(void *user_data); /* runs once, before the next allocation */
    void *during_user_data;
    struct scribble_state *left_before; /* platforms that tests have left */
} scribble_state;

static scribble_state *scribble_left __attribute__((unused));

static inline scribble_state *scribble_of(const tally_platform *platform) { return platform->context; }

static inline void *scribble_allocate(void *context, size_t size)
{
    scribble_state *state = context;
    if (state->during_allocate != NULL) {
        void (*run)(void *user_data) = state->during_allocate;
        state->during_allocate = NULL;
        run(state->during_user_data);
    }
    scribble_block *block = malloc(sizeof *block + size);
    if (block == NULL) return NULL;
    block->size = size;
    block->mark = SCRIBBLE_LIVE;
    memset(block + 1, 0xCC, size); /* nobody may count on zeros */
    (void)pthread_mutex_lock(&state->mutex);
    block->before = NULL;
    block->next = state->out;
    if (block->next != NULL) block->next->before = block;
    state->out = block;
    (void)pthread_mutex_unlock(&state->mutex);
    atomic_fetch_add(&state->bytes, (int64_t)size);
    atomic_fetch_add(&state->blocks, 1);
    atomic_fetch_add(&state->allocations, 1);
    return block + 1;
}

static inline void scribble_give_back(scribble_state *state, scribble_block *block)
{
    const unsigned char *bytes = (const unsigned char *)(block + 1);
    if (block->mark != SCRIBBLE_DEAD) atomic_store(&state->spoiled, true);
    for (size_t i = 0; i < block->size; i++) {
        if (bytes[i] != 0xDD) atomic_store(&state->spoiled, true);
    }
    free(block);
}

static inline void scribble_release(void *context, void *memory)
{
    scribble_state *state = context;
    if (memory == NULL) return;
    scribble_block *block = (scribble_block *)memory - 1;
    if (block->mark != SCRIBBLE_LIVE) abort();
    block->mark = SCRIBBLE_DEAD;
    memset(memory, 0xDD, block->size);
    atomic_fetch_sub(&state->bytes, (int64_t)block->size);
    atomic_fetch_sub(&state->blocks, 1);
    atomic_fetch_add(&state->releases, 1);
    (void)pthread_mutex_lock(&state->mutex);
    if (block->before != NULL) block->before->next = block->next;
    else state->out = block->next;
    if (block->next != NULL) block->next->before = block->before;
    scribble_block *oldest = state->kept[state->next];
    state->kept[state->next] = block;
    state->next = (state->next + 1) % SCRIBBLE_KEPT;
    (void)pthread_mutex_unlock(&state->mutex);
    if (oldest != NULL) scribble_give_back(state, oldest);
}

static inline void *scribble_resize(void *context, void *memory, size_t size)
{
    void *bigger = scribble_allocate(context, size);
    if (bigger == NULL || memory == NULL) return bigger;
    size_t old = ((scribble_block *)memory - 1)->size;
    memcpy(bigger, memory, old < size ? old : size);
    scribble_release(context, memory);
    return bigger;
}

static inline tally_platform *scribble_open(void)
{
    scribble_state *state = calloc(1, sizeof *state);
    if (state == NULL) abort();
    state->table = *tally_platform_default();
    state->table.name = "scribbling";
    state->table.context = state;
    state->table.allocate = scribble_allocate;
    state->table.resize = scribble_resize;
    state->table.release = scribble_release;
    (void)pthread_mutex_init(&state->mutex, NULL);
    return &state->table;
}

/* Whether nothing was spoiled. What is still out is the caller's business (see `blocks`); a test that leaks
 * on purpose keeps the platform with scribble_leave. */
static inline bool scribble_leave(tally_platform **platform)
{
    scribble_state *state = scribble_of(*platform);
    *platform = NULL;
    state->left_before = scribble_left;
    scribble_left = state;
    for (size_t i = 0; i < SCRIBBLE_KEPT; i++) {
        if (state->kept[i] != NULL) scribble_give_back(state, state->kept[i]);
        state->kept[i] = NULL;
    }
    return !atomic_load(&state->spoiled);
}

/* Whether nothing was spoiled and nothing is out; frees the platform. */
static inline bool scribble_close(tally_platform **platform)
{
    scribble_state *state = scribble_of(*platform);
    bool good = scribble_leave(platform) && atomic_load(&state->blocks) == 0;
    scribble_left = state->left_before;
    free(state);
    return good;
}

#endif
