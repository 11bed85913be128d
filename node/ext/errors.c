#include "shim.h"

#include <stdio.h>
#include <string.h>

/* Errors of the core become JavaScript errors of the classes that node/lib/errors.js makes from the core's
 * own table. */

void shim_failed(napi_env env, napi_status status, const char *call)
{
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
    /* The environment is going down: nothing can be thrown there. */
    if (status == napi_cannot_run_js || status == napi_closing) return;
    const napi_extended_error_info *info = NULL;
    char text[256];
    const char *reason = "unknown";
    if (napi_get_last_error_info(env, &info) == napi_ok && info != NULL && info->error_message != NULL) {
        reason = info->error_message;
    }
    (void)snprintf(text, sizeof text, "Node-API answered %d (%s) to %.120s", (int)status, reason, call);
    IGNORE(napi_throw_error(env, "TALLY_E_PANIC", text));
}

static napi_value shim_throw_plain(napi_env env, const tally_error *error)
{
    IGNORE(napi_throw_error(env, tally_status_name(error->status), error->message));
    return NULL;
}

napi_value shim_throw(napi_env env, const tally_error *error)
{
    void *data = NULL;
    TRY(env, napi_get_instance_data(env, &data));
    node_shim *shim = data;
    napi_value factory = NULL;
    if (shim == NULL || shim->error_factory == NULL) return shim_throw_plain(env, error);
    TRY(env, napi_get_reference_value(env, shim->error_factory, &factory));
    napi_value arguments[5];
    TRY(env, napi_create_int32(env, error->status, &arguments[0]));
    TRY(env, napi_create_string_utf8(env, error->message, NAPI_AUTO_LENGTH, &arguments[1]));
    TRY(env, napi_create_int32(env, error->os_error, &arguments[2]));
    TRY(env, napi_create_string_utf8(env, error->path, NAPI_AUTO_LENGTH, &arguments[3]));
    arguments[4] = NULL;
    if (error->position == TALLY_POSITION_NONE) TRY(env, napi_get_undefined(env, &arguments[4]));
    else TRY(env, napi_create_double(env, (double)error->position, &arguments[4]));
    napi_value undefined = NULL;
    napi_value made = NULL;
    TRY(env, napi_get_undefined(env, &undefined));
    TRY(env, napi_call_function(env, undefined, factory, 5, arguments, &made));
    TRY(env, napi_throw(env, made));
    return NULL;
}

napi_value shim_throw_text(napi_env env, tally_status status, const char *text)
{
    tally_error error;
    memset(&error, 0, sizeof error);
    error.status = status;
    error.position = TALLY_POSITION_NONE;
    (void)snprintf(error.message, sizeof error.message, "%s", text);
    return shim_throw(env, &error);
}

/* setErrorFactory(makes an error of (status, message, osError, path, position)) */
static napi_value set_error_factory(napi_env env, napi_callback_info info)
{
    napi_value factory;
    void *data = NULL;
    if (!shim_arguments(env, info, 1, &factory, NULL)) return NULL;
    TRY(env, napi_get_instance_data(env, &data));
    node_shim *shim = data;
    if (shim->error_factory != NULL) TRY(env, napi_delete_reference(env, shim->error_factory));
    shim->error_factory = NULL;
    TRY(env, napi_create_reference(env, factory, 1, &shim->error_factory));
    return NULL;
}

static napi_value status_row(napi_env env, tally_status status)
{
    napi_value row = NULL;
    napi_value cells[4];
    TRY(env, napi_create_array_with_length(env, 4, &row));
    TRY(env, napi_create_int32(env, status, &cells[0]));
    TRY(env, napi_create_string_utf8(env, tally_status_name(status), NAPI_AUTO_LENGTH, &cells[1]));
    TRY(env, napi_create_int32(env, tally_status_class_of(status), &cells[2]));
    TRY(env, napi_create_string_utf8(env, tally_status_message(status), NAPI_AUTO_LENGTH, &cells[3]));
    for (uint32_t i = 0; i < 4; i++) TRY(env, napi_set_element(env, row, i, cells[i]));
    return row;
}

/* statuses() → [[status, symbol, class, message], …] */
static napi_value statuses(napi_env env, napi_callback_info info)
{
    (void)info;
    napi_value rows = NULL;
    TRY(env, napi_create_array(env, &rows));
    tally_status status = TALLY_OK;
    for (uint32_t i = 0; tally_status_at(i, &status) == TALLY_OK; i++) {
        napi_value row = status_row(env, status);
        if (row == NULL) return NULL;
        TRY(env, napi_set_element(env, rows, i, row));
    }
    return rows;
}

bool errors_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"statuses", statuses}, {"setErrorFactory", set_error_factory}};
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
