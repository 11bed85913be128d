#include "shim.h"

#include <stdlib.h>

/* Handlers that run in C: the objects of this library. Those of other addons are in lending.c. */

static const napi_type_tag object_tag = {0x6a626f2d796c6c61ull, 0x57b1d0c96e3f4a28ull};
static const napi_type_tag native_handler_tag = {TALLY_NATIVE_HANDLER_TAG_LOW, TALLY_NATIVE_HANDLER_TAG_HIGH};

/* ---------------------------------------------------------------------- counters, rings and masks */

/* A type-stable handle of the core: a handler whose object is closed answers with a failure. */
typedef struct node_object {
    enum { OBJECT_COUNTER, OBJECT_RING, OBJECT_MASK } what;
    union {
        tally_counter *counter;
        tally_ring *ring;
        tally_mask *mask;
    } is;
} node_object;

static void object_close(node_object *object)
{
    switch (object->what) {
    case OBJECT_COUNTER: (void)tally_counter_close(&object->is.counter); break;
    case OBJECT_RING: (void)tally_ring_close(&object->is.ring); break;
    case OBJECT_MASK: (void)tally_mask_close(&object->is.mask); break;
    }
}

static void object_collected(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    object_close(data);
    free(data);
}

static napi_value object_external(napi_env env, node_object made)
{
    node_object *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        object_close(&made);
        return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a native handler");
    }
    *copy = made;
    return shim_external(env, copy, &object_tag, object_collected);
}

/* The object behind the first argument, of the right kind; NULL with an exception. */
static node_object *object_of(napi_env env, napi_value external, int what)
{
    node_object *found = shim_external_value(env, external, &object_tag);
    if (found != NULL && (int)found->what == what) return found;
    (void)shim_throw_text(env, TALLY_E_TYPE, "the native object is of another kind");
    return NULL;
}

bool native_target(napi_env env, napi_value handler, node_target *target)
{
    *target = (struct node_target){NULL, NULL, NULL, 0, NULL};
    const tally_native_handler *foreign = shim_external_value(env, handler, &native_handler_tag);
    if (foreign != NULL) return native_borrow(env, handler, foreign, target);
    const node_object *object = shim_external_value(env, handler, &object_tag);
    if (object == NULL) {
        (void)shim_throw_text(
            env, TALLY_E_ARGUMENT,
            "the handler is not a function, a Counter, Ring or Mask, or a native handler of an addon");
        return false;
    }
    switch (object->what) {
    case OBJECT_COUNTER:
        target->function = tally_counter_handler;
        target->user_data = object->is.counter;
        break;
    case OBJECT_RING:
        target->function = tally_ring_handler;
        target->user_data = object->is.ring;
        break;
    case OBJECT_MASK:
        target->function = tally_mask_handler;
        target->user_data = object->is.mask;
        break;
    }
    return true;
}

/* objectClose(external) */
static napi_value close_object(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_object *object = shim_external_value(env, argument, &object_tag);
    if (object != NULL) object_close(object);
    return NULL;
}

/* counterOpen() */
static napi_value counter_open(napi_env env, napi_callback_info info)
{
    (void)info;
    tally_error error;
    node_object made = {.what = OBJECT_COUNTER};
    if (tally_counter_open(NULL, &made.is.counter, &error) != TALLY_OK) return shim_throw(env, &error);
    return object_external(env, made);
}

/* counterRead(counter) → {events, bytes} */
static napi_value counter_read(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value result = NULL;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_object *counter = object_of(env, argument, OBJECT_COUNTER);
    if (counter == NULL) return NULL;
    uint64_t events = 0;
    uint64_t bytes = 0;
    tally_error error;
    if (tally_counter_read(counter->is.counter, &events, &bytes, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &result));
    bool done = shim_set(env, result, "events", shim_number(env, (double)events)) &&
                shim_set(env, result, "bytes", shim_number(env, (double)bytes));
    return done ? result : NULL;
}

/* ringOpen(slots, slotBytes) */
static napi_value ring_open(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    tally_ring_options options = {.size = sizeof options};
    if (!shim_arguments(env, info, 2, arguments, NULL)) return NULL;
    if (!shim_get_uint32(env, arguments[0], &options.slots)) return NULL;
    if (!shim_get_uint32(env, arguments[1], &options.slot_bytes)) return NULL;
    tally_error error;
    node_object made = {.what = OBJECT_RING};
    if (tally_ring_open(&options, &made.is.ring, &error) != TALLY_OK) return shim_throw(env, &error);
    return object_external(env, made);
}

/* ringDrain(ring, bytes, offsets, lengths, kinds, sequences) → how many */
static napi_value ring_drain(napi_env env, napi_callback_info info)
{
    napi_value arguments[6];
    if (!shim_arguments(env, info, 6, arguments, NULL)) return NULL;
    node_object *ring = object_of(env, arguments[0], OBJECT_RING);
    return ring == NULL ? NULL : ring_drain_into(env, ring->is.ring, arguments + 1);
}

static napi_value ring_counts(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_object *ring = object_of(env, argument, OBJECT_RING);
    return ring == NULL ? NULL : ring_counts_object(env, ring->is.ring);
}

/* maskOpen(mask, match, offset, width, handler): the numbers of bits are bigints */
static napi_value mask_open(napi_env env, napi_callback_info info)
{
    napi_value arguments[5];
    bool lossless = false;
    uint32_t offset = 0;
    tally_mask_options options = {.size = sizeof options};
    if (!shim_arguments(env, info, 5, arguments, NULL)) return NULL;
    TRY(env, napi_get_value_bigint_uint64(env, arguments[0], &options.mask, &lossless));
    TRY(env, napi_get_value_bigint_uint64(env, arguments[1], &options.match, &lossless));
    if (!shim_get_uint32(env, arguments[2], &offset)) return NULL;
    if (!shim_get_uint32(env, arguments[3], &options.width)) return NULL;
    options.offset = offset;
    node_target target;
    if (!native_target(env, arguments[4], &target)) return NULL;
    options.handler = target.function;
    options.user_data = target.user_data;
    options.destructor = target.destructor;
    tally_error error;
    node_object made = {.what = OBJECT_MASK};
    if (tally_mask_open(&options, &made.is.mask, &error) != TALLY_OK) {
        native_target_drop(env, &target);
        return shim_throw(env, &error);
    }
    return object_external(env, made);
}

/* maskCounts(mask) → {matched, passedOver} */
static napi_value mask_counts(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value result = NULL;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_object *mask = object_of(env, argument, OBJECT_MASK);
    if (mask == NULL) return NULL;
    uint64_t matched = 0;
    uint64_t passed_over = 0;
    tally_error error;
    if (tally_mask_count(mask->is.mask, &matched, &passed_over, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &result));
    bool done = shim_set(env, result, "matched", shim_number(env, (double)matched)) &&
                shim_set(env, result, "passedOver", shim_number(env, (double)passed_over));
    return done ? result : NULL;
}

bool native_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"objectClose", close_object}, {"counterOpen", counter_open}, {"counterRead", counter_read},
        {"ringOpen", ring_open},       {"ringDrain", ring_drain},     {"ringCounts", ring_counts},
        {"maskOpen", mask_open},       {"maskCounts", mask_counts},
    };
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
