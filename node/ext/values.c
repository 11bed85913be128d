#include "shim.h"

#include <math.h>

/* Values of JavaScript in and out. */

bool shim_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, void **data)
{
    size_t given = count;
    TRY_OR_FALSE(env, napi_get_cb_info(env, info, &given, values, NULL, data));
    return true;
}

napi_value shim_undefined(napi_env env)
{
    napi_value value = NULL;
    TRY(env, napi_get_undefined(env, &value));
    return value;
}

napi_value shim_number(napi_env env, double number)
{
    napi_value value = NULL;
    TRY(env, napi_create_double(env, number, &value));
    return value;
}

napi_value shim_text(napi_env env, const char *text, size_t length)
{
    napi_value value = NULL;
    TRY(env, napi_create_string_utf8(env, text, length, &value));
    return value;
}

bool shim_set(napi_env env, napi_value object, const char *name, napi_value value)
{
    if (value == NULL) return false;
    TRY_OR_FALSE(env, napi_set_named_property(env, object, name, value));
    return true;
}

bool shim_get_uint32(napi_env env, napi_value value, uint32_t *number)
{
    TRY_OR_FALSE(env, napi_get_value_uint32(env, value, number));
    return true;
}

bool shim_get_int32(napi_env env, napi_value value, int32_t *number)
{
    TRY_OR_FALSE(env, napi_get_value_int32(env, value, number));
    return true;
}

bool shim_get_bool(napi_env env, napi_value value, bool *answer)
{
    TRY_OR_FALSE(env, napi_get_value_bool(env, value, answer));
    return true;
}

bool shim_get_id(napi_env env, napi_value value, uint64_t *number)
{
    double given = 0;
    TRY_OR_FALSE(env, napi_get_value_double(env, value, &given));
    *number = given >= 0 && given < 9007199254740992.0 && floor(given) == given ? (uint64_t)given : 0;
    return true;
}

bool shim_is_undefined(napi_env env, napi_value value)
{
    napi_valuetype type = napi_undefined;
    return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

bool shim_get_text(napi_env env, napi_value value, char *text, size_t capacity, size_t *length)
{
    TRY_OR_FALSE(env, napi_get_value_string_utf8(env, value, text, capacity, length));
    return true;
}

/* ------------------------------------------------------------------------------------------- bytes */

static size_t element_bytes(napi_typedarray_type type)
{
    switch (type) {
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: return 8;
    default: return 1;
    }
}

static bool view_bytes(napi_env env, napi_value value, void **data, size_t *length)
{
    bool is = false;
    if (napi_is_typedarray(env, value, &is) == napi_ok && is) {
        napi_typedarray_type type = napi_int8_array;
        if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) != napi_ok) return false;
        *length *= element_bytes(type);
        return true;
    }
    if (napi_is_dataview(env, value, &is) == napi_ok && is) {
        return napi_get_dataview_info(env, value, length, data, NULL, NULL) == napi_ok;
    }
    if (napi_is_arraybuffer(env, value, &is) == napi_ok && is) {
        return napi_get_arraybuffer_info(env, value, data, length) == napi_ok;
    }
    return false;
}

void shim_bytes(napi_env env, napi_value value, const void **data, size_t *length)
{
    napi_valuetype type = napi_undefined;
    void *found = NULL;
    size_t size = 0;
    bool has =
        napi_typeof(env, value, &type) == napi_ok && type == napi_object && view_bytes(env, value, &found, &size);
    /* An empty array may have no memory, and a detached one has none. */
    bool some = has && found != NULL && size != 0 && size <= PTRDIFF_MAX;
    *data = some ? found : NULL;
    *length = some ? size : 0;
}

bool shim_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length)
{
    napi_typedarray_type found = napi_int8_array;
    *data = NULL;
    *length = 0;
    TRY_OR_FALSE(env, napi_get_typedarray_info(env, value, &found, length, data, NULL, NULL));
    if (found == type && (*data != NULL || *length == 0)) return true;
    (void)shim_throw_text(env, TALLY_E_ARGUMENT, "an array is of another type than expected");
    return false;
}

/* --------------------------------------------------------------------------------------- externals */

napi_value shim_external(napi_env env, void *value, const napi_type_tag *tag, napi_finalize finalize)
{
    napi_value external = NULL;
    TRY(env, napi_create_external(env, value, finalize, NULL, &external));
    TRY(env, napi_type_tag_object(env, external, tag));
    return external;
}

void *shim_external_value(napi_env env, napi_value external, const napi_type_tag *tag)
{
    napi_valuetype type = napi_undefined;
    bool is = false;
    void *value = NULL;
    if (napi_typeof(env, external, &type) != napi_ok || type != napi_external) return NULL;
    if (napi_check_object_type_tag(env, external, tag, &is) != napi_ok || !is) return NULL;
    return napi_get_value_external(env, external, &value) == napi_ok ? value : NULL;
}

bool shim_define(napi_env env, napi_value exports, const shim_function *functions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        napi_value function = NULL;
        TRY_OR_FALSE(env, napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL,
                                               &function));
        if (!shim_set(env, exports, functions[i].name, function)) return false;
    }
    return true;
}
