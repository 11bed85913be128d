#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* Registering and removing handlers in C. */

/* -------------------------------------------------------------------------------------- register */

/* One registration as JavaScript gives it: handler, priority, flags, name, kinds or undefined, maxFailures. */
typedef struct node_registration {
    node_target target;
    tally_handler_options options;
    char name[TALLY_HANDLER_NAME_MAX + 8];
} node_registration;

#define REGISTRATION_VALUES 6

static bool read_registration(napi_env env, const napi_value *values, node_registration *made)
{
    size_t name_length = 0;
    memset(made, 0, sizeof *made);
    made->options.size = sizeof made->options;
    if (!shim_get_int32(env, values[1], &made->options.priority)) return false;
    if (!shim_get_uint32(env, values[2], &made->options.flags)) return false;
    if (!shim_get_text(env, values[3], made->name, sizeof made->name, &name_length)) return false;
    if (!shim_get_uint32(env, values[5], &made->options.max_failures)) return false;
    if (!shim_is_undefined(env, values[4])) {
        void *kinds = NULL;
        if (!shim_array(env, values[4], napi_uint32_array, &kinds, &made->options.kind_count)) return false;
        made->options.kinds = kinds;
    }
    if (!native_target(env, values[0], &made->target)) return false;
    made->options.name = made->name;
    made->options.name_length = name_length;
    made->options.flags |= made->target.flags;
    made->options.destructor = made->target.destructor;
    return true;
}

void shim_sweep(napi_env env)
{
    void *data = NULL;
    if (napi_get_instance_data(env, &data) == napi_ok && data != NULL) yard_sweep(env, ((node_shim *)data)->yard);
}

/* partRegister(part, handler, priority, flags, name, kinds, maxFailures) → number */
static napi_value register_one(napi_env env, napi_callback_info info)
{
    napi_value arguments[1 + REGISTRATION_VALUES];
    node_registration registration;
    tally_handler_id id;
    tally_error error;
    if (!shim_arguments(env, info, 1 + REGISTRATION_VALUES, arguments, NULL)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL || !read_registration(env, arguments + 1, &registration)) return NULL;
    tally_status status = tally_registry_register(part->registry, registration.target.function,
                                                  registration.target.user_data, &registration.options, &id, &error);
    shim_sweep(env);
    if (status == TALLY_OK) return shim_number(env, (double)id.handler);
    native_target_drop(env, &registration.target);
    return shim_throw(env, &error);
}

/* ------------------------------------------------------------------------------------------- edit */

typedef struct node_batch {
    tally_edit *edits;
    node_registration *registrations;
    uint32_t added;
    uint32_t removed;
    uint32_t taken; /* registrations that were read */
} node_batch;

static bool read_added(napi_env env, napi_value array, node_batch *batch)
{
    for (uint32_t i = 0; i < batch->added; i++) {
        napi_value item = NULL;
        napi_value values[REGISTRATION_VALUES];
        node_registration *registration = &batch->registrations[i];
        TRY_OR_FALSE(env, napi_get_element(env, array, i, &item));
        for (uint32_t k = 0; k < REGISTRATION_VALUES; k++)
            TRY_OR_FALSE(env, napi_get_element(env, item, k, &values[k]));
        if (!read_registration(env, values, registration)) return false;
        batch->taken++;
        batch->edits[batch->removed + i] = (tally_edit){.operation = TALLY_EDIT_REGISTER,
                                                        .handler = registration->target.function,
                                                        .user_data = registration->target.user_data,
                                                        .options = &registration->options};
    }
    return true;
}

static bool read_removed(napi_env env, napi_value array, uint64_t registry, node_batch *batch)
{
    for (uint32_t i = 0; i < batch->removed; i++) {
        napi_value item = NULL;
        tally_handler_id id = {registry, 0};
        TRY_OR_FALSE(env, napi_get_element(env, array, i, &item));
        if (!shim_get_id(env, item, &id.handler)) return false;
        batch->edits[i] = (tally_edit){.operation = TALLY_EDIT_UNREGISTER, .id = id};
    }
    return true;
}

static napi_value numbers_of(napi_env env, const node_batch *batch)
{
    napi_value numbers = NULL;
    TRY(env, napi_create_array_with_length(env, batch->added, &numbers));
    for (uint32_t i = 0; i < batch->added; i++) {
        napi_value number = shim_number(env, (double)batch->edits[batch->removed + i].id.handler);
        if (number == NULL) return NULL;
        TRY(env, napi_set_element(env, numbers, i, number));
    }
    return numbers;
}

static napi_value apply(napi_env env, node_part *part, node_batch *batch, napi_value added, napi_value removed)
{
    tally_error error;
    bool done =
        read_removed(env, removed, tally_registry_number(part->registry), batch) && read_added(env, added, batch);
    if (done) {
        tally_status status =
            tally_registry_edit(part->registry, batch->edits, (size_t)batch->added + batch->removed, &error);
        done = status == TALLY_OK;
        if (!done) (void)shim_throw(env, &error);
    }
    for (uint32_t i = 0; !done && i < batch->taken; i++) native_target_drop(env, &batch->registrations[i].target);
    return done ? numbers_of(env, batch) : NULL;
}

/* partEdit(part, [registration, …], [number, …]) → numbers of the new ones */
static napi_value edit(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    node_batch batch = {NULL, NULL, 0, 0, 0};
    if (!shim_arguments(env, info, 3, arguments, NULL)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL) return NULL;
    TRY(env, napi_get_array_length(env, arguments[1], &batch.added));
    TRY(env, napi_get_array_length(env, arguments[2], &batch.removed));
    batch.edits = calloc((size_t)batch.added + batch.removed + 1, sizeof *batch.edits);
    batch.registrations = calloc((size_t)batch.added + 1, sizeof *batch.registrations);
    napi_value result = NULL;
    if (batch.edits == NULL || batch.registrations == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for an edit");
    } else {
        result = apply(env, part, &batch, arguments[1], arguments[2]);
    }
    free(batch.edits);
    free(batch.registrations);
    shim_sweep(env);
    return result;
}

/* ------------------------------------------------------------------------------------------ remove */

/* A part and the id of one of its handlers, from (part, number). */
static node_part *part_and_id(napi_env env, napi_callback_info info, tally_handler_id *id)
{
    napi_value arguments[2];
    if (!shim_arguments(env, info, 2, arguments, NULL)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL || !shim_get_id(env, arguments[1], &id->handler)) return NULL;
    id->registry = tally_registry_number(part->registry);
    return part;
}

static napi_value boolean(napi_env env, bool answer)
{
    napi_value value = NULL;
    TRY(env, napi_get_boolean(env, answer, &value));
    return value;
}

/* partUnregister(part, number) → whether it was there */
static napi_value unregister(napi_env env, napi_callback_info info)
{
    tally_handler_id id;
    int32_t removed = 0;
    tally_error error;
    node_part *part = part_and_id(env, info, &id);
    if (part == NULL) return NULL;
    if (tally_registry_unregister(part->registry, id, &removed, &error) != TALLY_OK) return shim_throw(env, &error);
    shim_sweep(env);
    return boolean(env, removed != 0);
}

/* partLook(part, number) → whether no thread is inside that handler, which was removed. Does not wait. */
static napi_value look(napi_env env, napi_callback_info info)
{
    tally_handler_id id;
    tally_error error;
    node_part *part = part_and_id(env, info, &id);
    if (part == NULL) return NULL;
    tally_status status = tally_registry_unregister_wait(part->registry, id, 0, NULL, &error);
    shim_sweep(env);
    if (status == TALLY_OK) return boolean(env, true);
    if (status == TALLY_E_TIMEOUT || status == TALLY_E_WOULD_BLOCK) return boolean(env, false);
    return shim_throw(env, &error);
}

static napi_value contains(napi_env env, napi_callback_info info)
{
    tally_handler_id id;
    int32_t answer = 0;
    tally_error error;
    node_part *part = part_and_id(env, info, &id);
    if (part == NULL) return NULL;
    if (tally_registry_contains(part->registry, id, &answer, &error) != TALLY_OK) return shim_throw(env, &error);
    return boolean(env, answer != 0);
}

/* The ring is a handler of the core that JavaScript does not know of: lowest, so after all native ones. */
static tally_status register_ring(node_part *part, tally_error *error)
{
    static const char name[] = "javascript";
    tally_handler_id id;
    tally_handler_options options = {.size = sizeof options, .priority = INT32_MIN};
    options.name = name;
    options.name_length = sizeof name - 1;
    tally_status status =
        tally_registry_register(part->registry, tally_ring_handler, outpost_ring(part->outpost), &options, &id, error);
    part->ring_id = status == TALLY_OK ? id.handler : 0;
    return status;
}

/* partClear(part) */
static napi_value clear(napi_env env, napi_callback_info info)
{
    napi_value argument;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    tally_status status = tally_registry_clear(part->registry, NULL, &error);
    if (status == TALLY_OK && part->ring_id != 0) status = register_ring(part, &error);
    shim_sweep(env);
    return status == TALLY_OK ? NULL : shim_throw(env, &error);
}

/* partOpenRing(part, slots, slotBytes, woken) */
static napi_value open_ring(napi_env env, napi_callback_info info)
{
    napi_value arguments[4];
    uint32_t slots = 0;
    uint32_t slot_bytes = 0;
    tally_error error;
    if (!shim_arguments(env, info, 4, arguments, NULL)) return NULL;
    if (!shim_get_uint32(env, arguments[1], &slots) || !shim_get_uint32(env, arguments[2], &slot_bytes)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL || part->ring_id != 0) return NULL;
    if (!outpost_open_ring(env, part->outpost, slots, slot_bytes, arguments[3])) return NULL;
    return register_ring(part, &error) == TALLY_OK ? NULL : shim_throw(env, &error);
}

bool register_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"partRegister", register_one}, {"partEdit", edit},   {"partUnregister", unregister}, {"partLook", look},
        {"partContains", contains},     {"partClear", clear}, {"partOpenRing", open_ring},
    };
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
