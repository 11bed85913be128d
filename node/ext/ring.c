#include "shim.h"

#include <stdlib.h>

/* Draining a ring of the core into arrays that JavaScript made. */

/* The arrays, as they are right now: a handler may have transferred one away since the last time, and then it
 * has length 0. */
typedef struct drain_memory {
    void *bytes;
    uint32_t *offsets;
    uint32_t *lengths;
    uint32_t *kinds;
    double *sequences; /* or NULL */
    size_t byte_capacity;
    size_t capacity;
} drain_memory;

static bool find_memory(napi_env env, const napi_value *arrays, drain_memory *memory)
{
    void *found[4];
    size_t length = 0;
    memory->capacity = UINT32_MAX;
    for (size_t i = 0; i < 3; i++) {
        if (!shim_array(env, arrays[i + 1], napi_uint32_array, &found[i], &length)) return false;
        if (length < memory->capacity) memory->capacity = length;
    }
    memory->sequences = NULL;
    if (!shim_is_undefined(env, arrays[4])) {
        if (!shim_array(env, arrays[4], napi_float64_array, &found[3], &length)) return false;
        memory->sequences = found[3];
        if (length < memory->capacity) memory->capacity = length;
    }
    memory->offsets = found[0];
    memory->lengths = found[1];
    memory->kinds = found[2];
    return shim_array(env, arrays[0], napi_uint8_array, &memory->bytes, &memory->byte_capacity);
}

#define ROWS 256

/* Some rows at a time, so that no memory is needed: rows are larger than what is handed on. */
static tally_status drain_rows(tally_ring *ring, const drain_memory *memory, size_t *total, tally_error *error)
{
    tally_ring_event rows[ROWS];
    size_t used = 0;
    *total = 0;
    while (*total < memory->capacity) {
        size_t wanted = memory->capacity - *total < ROWS ? memory->capacity - *total : ROWS;
        size_t count = 0;
        uint8_t *bytes = (uint8_t *)memory->bytes + used;
        tally_status status = tally_ring_drain(ring, rows, wanted, bytes, memory->byte_capacity - used, &count, error);
        /* No room for one event more is a failure only when there was none at all. */
        if (status == TALLY_E_SPACE && *total != 0) return TALLY_OK;
        if (status != TALLY_OK || count == 0) return status;
        for (size_t i = 0; i < count; i++) {
            size_t at = *total + i;
            memory->offsets[at] = (uint32_t)(used + rows[i].offset);
            memory->lengths[at] = rows[i].length;
            memory->kinds[at] = rows[i].kind;
            if (memory->sequences != NULL) memory->sequences[at] = (double)rows[i].sequence;
        }
        *total += count;
        size_t end = rows[count - 1].offset + ((rows[count - 1].length + (size_t)7) & ~(size_t)7);
        used = end > memory->byte_capacity - used ? memory->byte_capacity : used + end;
    }
    return TALLY_OK;
}

napi_value ring_drain_into(napi_env env, tally_ring *ring, const napi_value *arrays)
{
    drain_memory memory;
    size_t count = 0;
    tally_error error;
    if (!find_memory(env, arrays, &memory)) return NULL;
    if (memory.capacity == 0) return shim_number(env, 0);
    tally_status status = drain_rows(ring, &memory, &count, &error);
    return status == TALLY_OK ? shim_number(env, (double)count) : shim_throw(env, &error);
}

napi_value ring_counts_object(napi_env env, tally_ring *ring)
{
    napi_value result = NULL;
    tally_ring_counts counts;
    tally_error error;
    if (tally_ring_count(ring, &counts, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &result));
    bool done = shim_set(env, result, "pushed", shim_number(env, (double)counts.pushed)) &&
                shim_set(env, result, "drained", shim_number(env, (double)counts.drained)) &&
                shim_set(env, result, "droppedFull", shim_number(env, (double)counts.dropped_full)) &&
                shim_set(env, result, "droppedLong", shim_number(env, (double)counts.dropped_long));
    return done ? result : NULL;
}
