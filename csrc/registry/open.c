#include <string.h>

#include <tallystick/registry.h>

#include "base/options.h"
#include "handle/process.h"
#include "registry/close.h"
#include "registry/records.h"
#include "registry/snapshot.h"
#include "registry/writer.h"

static _Atomic(uint64_t) last_registry_number;

static tally_status read_host(const tally_registry_host *from, tally_registry_host *host, tally_error *error)
{
    return tally_options_read(host, sizeof *host, sizeof(tally_registry_host), from, "tally_registry_host", error);
}

static tally_status read_options(const tally_registry_options *from, tally_registry_options *options,
                                 tally_registry_host *host, tally_error *error)
{
    tally_status status = tally_options_read(options, sizeof *options, sizeof(tally_registry_options), from,
                                             "tally_registry_options", error);
    if (status != TALLY_OK) return status;
    if (options->policy > TALLY_POLICY_FAIL_FAST) {
        return tally_fail(error, TALLY_E_OPTION, "policy is %u; it is one of TALLY_POLICY_ISOLATE, RAISE, FAIL_FAST",
                          options->policy);
    }
    if (options->flags & ~(TALLY_REGISTRY_ALLOW_STOP | TALLY_REGISTRY_COUNT)) {
        return tally_fail(error, TALLY_E_OPTION, "flags is 0x%x; known are TALLY_REGISTRY_ALLOW_STOP and _COUNT",
                          options->flags);
    }
    if (options->reserved != 0)
        return tally_fail(error, TALLY_E_OPTION, "reserved is %u; it must be 0", options->reserved);
    if (options->capacity > TALLY_REGISTRY_HANDLERS_MAX) {
        return tally_fail(error, TALLY_E_RANGE, "capacity is %u; at most %u handlers fit", options->capacity,
                          TALLY_REGISTRY_HANDLERS_MAX);
    }
    if (options->platform != NULL) status = tally_platform_check(options->platform, error);
    if (status == TALLY_OK && options->host != NULL) status = read_host(options->host, host, error);
    return status;
}

static tally_registry_host *copy_host(tally_body *body, const tally_registry_host *host)
{
    tally_lent *lent = tally_body_allocate(body, sizeof *lent);
    if (lent == NULL) return NULL;
    *lent = (tally_lent){*host, NULL};
    return &lent->host;
}

/* Everything but the parent. On failure nothing is left. */
static tally_status make(const tally_registry_options *options, const tally_registry_host *host, tally_body **out,
                         tally_error *error)
{
    const tally_platform *platform = options->platform != NULL ? options->platform : tally_platform_default();
    tally_body *body = platform->allocate(platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a registry");
    memset(body, 0, sizeof *body);
    body->platform = platform;
    body->memory_bytes = sizeof *body + sizeof(tally_slot);
    body->free_record = RECORD_NONE;
    body->removed = RECORD_NONE;
    body->policy = (uint8_t)options->policy;
    body->flags = (uint8_t)options->flags;
    body->number = atomic_fetch_add(&last_registry_number, 1) + 1;
    tally_status status = TALLY_OK;
    if (options->capacity != 0) status = tally_records_reserve(body, options->capacity);
    if (status == TALLY_OK && host != NULL) {
        body->host = copy_host(body, host);
        if (body->host == NULL) status = TALLY_E_NO_MEMORY;
    }
    if (status == TALLY_OK) {
        status = tally_gate_new(&body->slot, TALLY_HANDLE_REGISTRY, body, 0, &tally_registry_close_steps, error);
    } else {
        (void)tally_fail(error, status, "no memory for a registry with room for %u handlers", options->capacity);
    }
    if (status == TALLY_OK) {
        *out = body;
        return TALLY_OK;
    }
    tally_records_destroy(body);
    platform->release(platform->context, body->host);
    platform->release(platform->context, body);
    return status;
}

static void discard(tally_body *body)
{
    const tally_platform *platform = body->platform;
    tally_slab_give(body->slot);
    tally_records_destroy(body);
    platform->release(platform->context, body->host);
    platform->release(platform->context, body);
}

tally_status tally_registry_open(const tally_registry_options *options, tally_registry **registry, tally_error *error)
{
    tally_error_clear(error);
    if (registry == NULL) return tally_fail(error, TALLY_E_NULL, "registry is NULL; it receives the handle");
    *registry = NULL;
    tally_registry_options known;
    tally_registry_host host;
    tally_body *body = NULL;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK) status = read_options(options, &known, &host, error);
    if (status == TALLY_OK) status = make(&known, known.host == NULL ? NULL : &host, &body, error);
    if (status != TALLY_OK) return status;
    atomic_store(&body->slot->live, LIVE_EMPTY);
    tally_gate_open(body->slot);
    *registry = (tally_registry *)body->slot;
    return TALLY_OK;
}

/* ----------------------------------------------------------------------------------------- children */

static uint32_t ancestry(const tally_body *body)
{
    uint32_t length = 0;
    for (; body != NULL; body = body->parent) length++;
    return length;
}

/* Under the parent's stripe. */
static tally_status make_child(tally_body *parent, const tally_registry_options *options,
                               const tally_registry_host *host, tally_registry **child, tally_error *error)
{
    if (ancestry(parent) >= TALLY_REGISTRY_ANCESTRY_MAX) {
        return tally_fail(error, TALLY_E_LIMIT, "the chain of parents is %d long already", TALLY_REGISTRY_ANCESTRY_MAX);
    }
    tally_body *body = NULL;
    tally_status status = make(options, host, &body, error);
    if (status != TALLY_OK || body == NULL) return status;
    body->parent = parent;
    tally_snapshot *snapshot = tally_snapshot_merge(body, NULL, 0);
    if (snapshot == NULL) {
        discard(body);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a child registry");
    }
    parent->children++;
    tally_publish(body, snapshot);
    tally_gate_open(body->slot);
    *child = (tally_registry *)body->slot;
    return TALLY_OK;
}

tally_status tally_registry_child(tally_registry *parent, const tally_registry_options *options, tally_registry **child,
                                  tally_error *error)
{
    tally_error_clear(error);
    if (child == NULL) return tally_fail(error, TALLY_E_NULL, "child is NULL; it receives the handle");
    *child = NULL;
    tally_registry_options known;
    tally_registry_host host;
    tally_status status = read_options(options, &known, &host, error);
    if (status != TALLY_OK) return status;
    tally_fence_prepare(); /* even without handlers a child has a snapshot that leads to its parent */
    tally_writer writer;
    status = tally_writer_begin(&writer, parent, error);
    if (status != TALLY_OK) return status;
    if (known.platform == NULL) known.platform = writer.body->platform;
    status = make_child(writer.body, &known, known.host != NULL ? &host : writer.body->host, child, error);
    tally_writer_end(&writer);
    return status;
}

uint64_t tally_registry_number(const tally_registry *registry)
{
    tally_call call;
    if (tally_gate_enter(&call, registry, TALLY_HANDLE_REGISTRY, NULL) != TALLY_OK) return 0;
    uint64_t number = ((const tally_body *)call.slot->body)->number;
    tally_gate_leave(&call);
    return number;
}
