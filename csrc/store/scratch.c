#include "store/scratch.h"

#include <string.h>

#include <sodium.h>

#include "base/error.h"

/* The system is asked again after so many buffers: 1 MiB. */
#define BUFFERS_PER_KEY 512u
/* More than this is given back after the append that needed it. */
#define BODIES_KEPT (1u << 20)
#define EVENTS_KEPT 4096u

/* ----------------------------------------------------------------------------------------- random */

static tally_status refill(tally_random *random, const tally_platform *platform, tally_error *error)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    if (random->buffers == 0) {
        int32_t os_error = 0;
        tally_status status = platform->random_bytes(platform->context, random->key, sizeof random->key, &os_error);
        if (status != TALLY_OK) {
            return tally_fail_os(error, status, os_error, NULL,
                                 "the system gave no random bytes; nothing was appended");
        }
        random->buffers = BUFFERS_PER_KEY;
    }
    uint8_t stream[TALLY_RANDOM_KEY_BYTES + TALLY_RANDOM_BUFFER_BYTES];
    (void)crypto_stream_chacha20(stream, sizeof stream, nonce, random->key);
    memcpy(random->key, stream, sizeof random->key);
    memcpy(random->bytes, stream + sizeof random->key, sizeof random->bytes);
    sodium_memzero(stream, sizeof random->key);
    random->used = 0;
    random->buffers--;
    return TALLY_OK;
}

tally_status tally_scratch_random(tally_scratch *scratch, size_t length, const uint8_t **bytes, tally_error *error)
{
    tally_random *random = &scratch->random;
    if (TALLY_RANDOM_BUFFER_BYTES - random->used < length) {
        tally_status status = refill(random, scratch->platform, error);
        if (status != TALLY_OK) return status;
    }
    *bytes = random->bytes + random->used;
    random->used += length;
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- memory */

static bool grow(const tally_platform *platform, void **memory, size_t *capacity, size_t wanted, size_t item_bytes)
{
    if (*capacity >= wanted) return true;
    platform->release(platform->context, *memory);
    *memory = NULL;
    *capacity = 0;
    if (wanted > PTRDIFF_MAX / item_bytes) return false;
    *memory = platform->allocate(platform->context, wanted * item_bytes);
    if (*memory == NULL) return false;
    *capacity = wanted;
    return true;
}

tally_status tally_scratch_reserve(tally_scratch *scratch, size_t events, size_t expected, size_t body_bytes,
                                   tally_error *error)
{
    const tally_platform *platform = scratch->platform;
    void *bodies = scratch->bodies;
    void *ready = scratch->events;
    void *expectations = scratch->expected;
    bool fits = grow(platform, &bodies, &scratch->bodies_capacity, body_bytes, 1);
    fits = grow(platform, &ready, &scratch->events_capacity, events, sizeof(tally_ready)) && fits;
    fits = grow(platform, &expectations, &scratch->expected_capacity, expected, sizeof(tally_expected)) && fits;
    scratch->bodies = bodies;
    scratch->events = ready;
    scratch->expected = expectations;
    if (fits) return TALLY_OK;
    return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to prepare %zu events", events);
}

static void trim(tally_scratch *scratch)
{
    const tally_platform *platform = scratch->platform;
    if (scratch->bodies_capacity > BODIES_KEPT) {
        platform->release(platform->context, scratch->bodies);
        scratch->bodies = NULL;
        scratch->bodies_capacity = 0;
    }
    if (scratch->events_capacity > EVENTS_KEPT) {
        platform->release(platform->context, scratch->events);
        scratch->events = NULL;
        scratch->events_capacity = 0;
    }
}

/* ------------------------------------------------------------------------------------------ list */

static tally_scratch *make(const tally_platform *platform, tally_error *error)
{
    tally_scratch *scratch = platform->allocate(platform->context, sizeof *scratch);
    if (scratch == NULL) {
        (void)tally_fail(error, TALLY_E_NO_MEMORY, "no memory to prepare an append");
        return NULL;
    }
    memset(scratch, 0, sizeof *scratch);
    scratch->platform = platform;
    scratch->random.used = TALLY_RANDOM_BUFFER_BYTES;
    atomic_init(&scratch->taken, 1);
    return scratch;
}

static void destroy(tally_scratch *scratch)
{
    const tally_platform *platform = scratch->platform;
    platform->release(platform->context, scratch->bodies);
    platform->release(platform->context, scratch->events);
    platform->release(platform->context, scratch->expected);
    sodium_memzero(&scratch->random, sizeof scratch->random);
    platform->release(platform->context, scratch);
}

void tally_scratches_init(tally_scratches *scratches, const tally_platform *platform)
{
    scratches->platform = platform;
    for (uint32_t i = 0; i < TALLY_SCRATCHES; i++) atomic_init(&scratches->list[i], NULL);
}

void tally_scratches_destroy(tally_scratches *scratches)
{
    for (uint32_t i = 0; i < TALLY_SCRATCHES; i++) {
        tally_scratch *scratch = atomic_load(&scratches->list[i]);
        if (scratch != NULL) destroy(scratch);
    }
}

size_t tally_scratches_bytes(const tally_scratches *scratches)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < TALLY_SCRATCHES; i++) {
        const tally_scratch *scratch = atomic_load(&scratches->list[i]);
        if (scratch != NULL) bytes += sizeof *scratch;
    }
    return bytes;
}

static bool try_take(tally_scratch *scratch)
{
    if (atomic_load_explicit(&scratch->taken, memory_order_relaxed) != 0) return false;
    return atomic_exchange_explicit(&scratch->taken, 1, memory_order_acquire) == 0;
}

tally_status tally_scratch_take(tally_scratches *scratches, uint32_t hint, tally_scratch **scratch, tally_error *error)
{
    for (uint32_t i = 0; i < TALLY_SCRATCHES; i++) {
        _Atomic(tally_scratch *) *place = &scratches->list[(hint + i) % TALLY_SCRATCHES];
        tally_scratch *found = atomic_load_explicit(place, memory_order_acquire);
        if (found != NULL) {
            if (!try_take(found)) continue;
            *scratch = found;
            return TALLY_OK;
        }
        *scratch = make(scratches->platform, error);
        if (*scratch == NULL) return TALLY_E_NO_MEMORY;
        if (atomic_compare_exchange_strong(place, &found, *scratch)) return TALLY_OK;
        destroy(*scratch);
    }
    *scratch = make(scratches->platform, error);
    if (*scratch == NULL) return TALLY_E_NO_MEMORY;
    (*scratch)->is_extra = true;
    return TALLY_OK;
}

void tally_scratch_give(tally_scratch *scratch)
{
    if (scratch->is_extra) {
        destroy(scratch);
        return;
    }
    trim(scratch);
    atomic_store_explicit(&scratch->taken, 0, memory_order_release);
}
