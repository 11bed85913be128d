#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* The part of a registry that is in C: opening and closing. Registering is in register.c, looking in looking.c. */

const napi_type_tag part_tag = {0x747261702d796c6cull, 0xe1a94d5f0b3762c8ull};

node_part *part_of(napi_env env, napi_value external)
{
    node_part *found = shim_external_value(env, external, &part_tag);
    if (found == NULL) (void)shim_throw_text(env, TALLY_E_TYPE, "this is not the part of a registry");
    else if (found->registry == NULL) (void)shim_throw_text(env, TALLY_E_CLOSED, "the registry is closed");
    else return found;
    return NULL;
}

void part_drop(node_part *part)
{
    if (--part->references == 0) free(part);
}

void part_close(node_part *part)
{
    if (part->registry == NULL) return;
    /* When this returns no other thread writes to the words any more, and no handler starts. */
    (void)tally_registry_abandon(&part->registry);
    part->registry = NULL;
    outpost_close(part->outpost);
    part->outpost = NULL;
}

static void unlink_part(node_part *part)
{
    *part->link = part->next;
    if (part->next != NULL) part->next->link = part->link;
    part->link = NULL;
}

static void part_release_references(napi_env env, node_part *part)
{
    if (part->words_array != NULL) IGNORE(napi_delete_reference(env, part->words_array));
    if (part->told != NULL) IGNORE(napi_delete_reference(env, part->told));
    part->words_array = part->told = NULL;
}

static void part_collected(napi_env env, void *data, void *hint)
{
    (void)hint;
    node_part *part = data;
    part_close(part);
    /* Without an environment its references and its list are gone already. */
    if (part->env != NULL) {
        unlink_part(part);
        part_release_references(env, part);
        shim_sweep(env);
    }
    part->env = NULL;
    part_drop(part);
}

/* -------------------------------------------------------------------------------------------- open */

static void link_part(node_shim *shim, node_part *part)
{
    part->next = shim->parts;
    part->link = &shim->parts;
    if (shim->parts != NULL) shim->parts->link = &part->next;
    shim->parts = part;
}

static tally_status open_registry(node_part *part, node_part *parent, const tally_registry_options *given,
                                  tally_error *error)
{
    tally_registry_options options = *given;
    tally_registry_host host;
    outpost_host(part->outpost, &host);
    options.size = sizeof options;
    options.host = &host;
    tally_status status = parent != NULL ? tally_registry_child(parent->registry, &options, &part->registry, error)
                                         : tally_registry_open(&options, &part->registry, error);
    if (status != TALLY_OK) return status;
    outpost_watch(part->outpost, tally_registry_number(part->registry));
    status = tally_registry_on_panic(part->registry, outpost_panic(), part->outpost, NULL, error);
    if (status == TALLY_OK) status = tally_registry_watch(part->registry, &part->words[WORD_GUARD], error);
    if (status != TALLY_OK) {
        tally_error ignored;
        (void)tally_registry_abandon(&part->registry);
        (void)ignored;
    }
    return status;
}

static bool hold_values(napi_env env, node_part *part, napi_value words, napi_value told)
{
    size_t length = 0;
    void *memory = NULL;
    if (!shim_array(env, words, napi_uint32_array, &memory, &length)) return false;
    if (length < WORDS) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "too few words");
        return false;
    }
    part->words = memory;
    TRY_OR_FALSE(env, napi_create_reference(env, words, 1, &part->words_array));
    TRY_OR_FALSE(env, napi_create_reference(env, told, 1, &part->told));
    return true;
}

static napi_value open_part(napi_env env, node_shim *shim, node_part *parent, const tally_registry_options *options,
                            const napi_value *values)
{
    tally_error error;
    node_part *made = calloc(1, sizeof *made);
    if (made != NULL) made->outpost = outpost_open(made);
    if (made == NULL || made->outpost == NULL) {
        free(made);
        return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for the part of a registry in C");
    }
    made->env = env;
    made->policy = options->policy;
    made->references = 1;
    napi_value external = NULL;
    if (hold_values(env, made, values[0], values[1])) {
        if (open_registry(made, parent, options, &error) != TALLY_OK) (void)shim_throw(env, &error);
        else external = shim_external(env, made, &part_tag, part_collected);
    }
    if (external != NULL) {
        link_part(shim, made);
        return external;
    }
    (void)tally_registry_abandon(&made->registry);
    outpost_close(made->outpost);
    part_release_references(env, made);
    free(made);
    return NULL;
}

/* partOpen(policy, flags, capacity, words, parent or undefined, told) */
static napi_value part_open(napi_env env, napi_callback_info info)
{
    napi_value arguments[6];
    tally_registry_options options = {.size = sizeof options};
    void *data = NULL;
    node_part *parent = NULL;
    if (!shim_arguments(env, info, 6, arguments, NULL)) return NULL;
    if (!shim_get_uint32(env, arguments[0], &options.policy)) return NULL;
    if (!shim_get_uint32(env, arguments[1], &options.flags)) return NULL;
    if (!shim_get_uint32(env, arguments[2], &options.capacity)) return NULL;
    if (!shim_is_undefined(env, arguments[4]) && (parent = part_of(env, arguments[4])) == NULL) return NULL;
    TRY(env, napi_get_instance_data(env, &data));
    const napi_value values[2] = {arguments[3], arguments[5]};
    return open_part(env, data, parent, &options, values);
}

/* partClose(part) */
static napi_value close_part(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = shim_external_value(env, argument, &part_tag);
    if (part != NULL) part_close(part);
    shim_sweep(env);
    return NULL;
}

bool registry_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"partOpen", part_open},
        {"partClose", close_part},
    };
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
