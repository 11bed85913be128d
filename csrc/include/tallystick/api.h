/**
 * @file api.h
 * @brief The functions of this library as a table, for extensions that do not link it.
 *
 * A Python or Node extension that wants to register C handlers, or notify from its own threads, must
 * use the very library that the binding has loaded, not a second copy. It gets it as a pointer:
 *
 * - Python: `PyCapsule_Import("tallystick._core.C_API", 0)` is a `const tally_api *`;
 *   `tallystick.get_include()` is the folder to compile with.
 * - Node: `require('tallystick').capi()` is an external with type tag TALLY_API_TAG_LOW, TALLY_API_TAG_HIGH whose
 *   value is a `const tally_api *`.
 *
 * The table is static and never freed. Functions are only ever added at its end, so an extension that
 * was compiled against an older header works; one that wants a newer function compares `size` with the
 * offset of what it needs. Each member is documented at the function of the same name.
 *
 *     static const tally_api *tally;                             // of this extension, set once
 *
 *     tally = PyCapsule_Import("tallystick._core.C_API", 0);      // in the module's exec function
 *     if (tally == NULL) return -1;
 *     if (tally->size < offsetof(tally_api, registry_notify) + sizeof tally->registry_notify) return too_old();
 *
 *     tally_registry *registry = PyCapsule_GetPointer(capsule, "tallystick.registry.v1");
 *
 *     tally_notice notice = {.data = bytes, .length = length};    // on any thread, without the GIL
 *     tally->registry_notify(registry, &notice, NULL, NULL);
 *
 * The capsule or external of a registry keeps it alive, not open: after a close the calls answer
 * TALLY_E_CLOSED, and handle_generation tells whether the slot serves another registry by now.
 */
#ifndef TALLYSTICK_API_H
#define TALLYSTICK_API_H

#include "native.h"

/** The type tag of the external that Node's capi() returns (napi_type_tag {lower, upper}). */
#define TALLY_API_TAG_LOW 0x6970617974746c61ull
#define TALLY_API_TAG_HIGH 0x9f0c6c1ab1d44a57ull
/** The type tag of an external that carries a tally_native_handler. */
#define TALLY_NATIVE_HANDLER_TAG_LOW 0x6c646e6879746c61ull
#define TALLY_NATIVE_HANDLER_TAG_HIGH 0x8d3a57e0c2b94f11ull
/** The type tag of the external that handle() of a registry in Node returns: a tally_registry *. */
#define TALLY_REGISTRY_TAG_LOW 0x7274736779746c61ull
#define TALLY_REGISTRY_TAG_HIGH 0xb1c7602f4e8d93a5ull

typedef struct tally_api {
    size_t size;      /**< sizeof(tally_api) of the library */
    uint32_t version; /**< TALLY_VERSION of the library */
    uint32_t reserved;
    const char *(*status_name)(tally_status status);
    const char *(*status_message)(tally_status status);
    tally_status (*kind_intern)(const char *name, size_t length, uint32_t *kind, tally_error *error);
    tally_status (*kind_name)(uint32_t kind, const char **name, size_t *length, tally_error *error);
    int32_t (*handler_fail)(int32_t code, const char *message, size_t length, void *payload);
    tally_status (*registry_open)(const tally_registry_options *options, tally_registry **registry, tally_error *error);
    tally_status (*registry_child)(tally_registry *parent, const tally_registry_options *options,
                                   tally_registry **child, tally_error *error);
    tally_status (*registry_close)(tally_registry **registry);
    tally_status (*registry_register)(tally_registry *registry, tally_handler handler, void *user_data,
                                      const tally_handler_options *options, tally_handler_id *id, tally_error *error);
    tally_status (*registry_unregister)(tally_registry *registry, tally_handler_id id, int32_t *removed,
                                        tally_error *error);
    tally_status (*registry_unregister_wait)(tally_registry *registry, tally_handler_id id, uint32_t timeout_ms,
                                             int32_t *removed, tally_error *error);
    tally_status (*registry_edit)(tally_registry *registry, tally_edit *edits, size_t count, tally_error *error);
    tally_status (*registry_clear)(tally_registry *registry, uint64_t *removed, tally_error *error);
    tally_status (*registry_notify)(tally_registry *registry, const tally_notice *notice, tally_notified *out,
                                    tally_error *error);
    tally_status (*registry_on_panic)(tally_registry *registry, tally_panic_handler on_panic, void *user_data,
                                      tally_destructor destructor, tally_error *error);
    tally_status (*registry_count)(tally_registry *registry, uint64_t *count, tally_error *error);
    tally_status (*registry_contains)(tally_registry *registry, tally_handler_id id, int32_t *contains,
                                      tally_error *error);
    tally_status (*reclaim)(uint64_t *pending, tally_error *error);
    uint32_t (*handle_generation)(const void *handle);
} tally_api;

/** The table of the loaded library; static, never freed. */
TALLY_API const tally_api *tally_api_table(void);

#endif
