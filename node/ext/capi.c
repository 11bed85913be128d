#include "shim.h"

/* What other addons get: the table of functions, and the registry's handle. And kinds, in both directions. */

static const napi_type_tag api_tag = {TALLY_API_TAG_LOW, TALLY_API_TAG_HIGH};
static const napi_type_tag registry_tag = {TALLY_REGISTRY_TAG_LOW, TALLY_REGISTRY_TAG_HIGH};

/* An external carries a pointer that is not const; nobody writes through this one. */
static napi_value constant_external(napi_env env, const void *value, const napi_type_tag *tag)
{
    return shim_external(env, (void *)(uintptr_t)value, tag, NULL);
}

static napi_value capi(napi_env env, napi_callback_info info)
{
    (void)info;
    return constant_external(env, tally_api_table(), &api_tag);
}

/* partHandle(part): the tally_registry. It owns nothing: a stale handle is an error in the core, no crash. */
static napi_value handle(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    return part == NULL ? NULL : constant_external(env, part->registry, &registry_tag);
}

/* kindNumber(name) */
static napi_value kind_number(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value result = NULL;
    char name[TALLY_KIND_NAME_MAX + 8];
    size_t length = 0;
    uint32_t kind = TALLY_KIND_NONE;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    if (!shim_get_text(env, argument, name, sizeof name, &length)) return NULL;
    if (tally_kind_intern(name, length, &kind, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_uint32(env, kind, &result));
    return result;
}

/* kindName(number) */
static napi_value kind_name(napi_env env, napi_callback_info info)
{
    napi_value argument;
    uint32_t kind = TALLY_KIND_NONE;
    const char *name = NULL;
    size_t length = 0;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL) || !shim_get_uint32(env, argument, &kind)) return NULL;
    if (tally_kind_name(kind, &name, &length, &error) != TALLY_OK) return shim_throw(env, &error);
    return shim_text(env, name, length);
}

bool capi_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"capi", capi}, {"partHandle", handle}, {"kindNumber", kind_number}, {"kindName", kind_name}};
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
