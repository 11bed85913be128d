#include "store.h"

#include <stdlib.h>

/* The module: once per environment, with nothing static but the core itself. */

/* The environment goes down: other threads find nobody from here on. Nothing waits, but for stores
 * that are written out. */
static void going_down(void *data)
{
    node_shim *shim = data;
    stores_going_down(shim);
    for (node_part *part = shim->parts; part != NULL; part = part->next) {
        part_close(part);
        part->env = NULL;
    }
    yard_close(shim->yard);
    shim->yard = NULL;
}

static void free_shim(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static napi_value version(napi_env env, napi_callback_info info)
{
    (void)info;
    return shim_text(env, tally_version_text(), NAPI_AUTO_LENGTH);
}

static bool define_all(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {{"version", version}};
    return shim_define(env, exports, functions, 1) && errors_define(env, exports) && native_define(env, exports) &&
           registry_define(env, exports) && register_define(env, exports) && looking_define(env, exports) &&
           run_define(env, exports) && wakeup_define(env, exports) && capi_define(env, exports) &&
           store_define(env, exports);
}

NAPI_MODULE_INIT()
{
    node_shim *made = calloc(1, sizeof *made);
    if (made == NULL) return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for the addon");
    made->env = env;
    made->yard = yard_open();
    napi_status status = made->yard == NULL ? napi_generic_failure : napi_set_instance_data(env, made, free_shim, NULL);
    if (status != napi_ok) {
        if (made->yard != NULL) yard_close(made->yard);
        free(made);
        shim_failed(env, status, "napi_set_instance_data");
        return NULL;
    }
    TRY(env, napi_add_env_cleanup_hook(env, going_down, made));
    return define_all(env, exports) ? exports : NULL;
}
