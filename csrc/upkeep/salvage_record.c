#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/uuid.h"
#include "upkeep/salvage.h"

/* {"gaps":[[from,to],...],"lineage":"hex"}: positions of the old store. */
static char *describe(const tally_salvage_run *at, size_t *length)
{
    const tally_platform *platform = at->work->platform;
    size_t capacity = 128 + at->gap_count * 44;
    char *text = platform->allocate(platform->context, capacity);
    if (text == NULL) return NULL;
    size_t used = (size_t)snprintf(text, capacity, "{\"gaps\":[");
    for (size_t i = 0; i < at->gap_count; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%s[%" PRIu64 ",%" PRIu64 "]", i == 0 ? "" : ",",
                                 at->gaps[i].from, at->gaps[i].to);
    }
    used += (size_t)snprintf(text + used, capacity - used, "],\"lineage\":\"");
    for (size_t i = 0; i < 16; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%02x", at->header.lineage[i]);
    }
    used += (size_t)snprintf(text + used, capacity - used, "\"}");
    *length = used;
    return text;
}

static tally_status add_record(const tally_salvage_run *at, const uint8_t *stored, size_t stored_length,
                               tally_error *error)
{
    static const uint8_t nobody[16];
    const tally_platform *platform = at->work->platform;
    uint8_t random[TALLY_UUID_RANDOM], id[16], digest[32], bytes[1024];
    tally_uuid_generator generator = {0};
    tally_moment time = at->first_time;
    int32_t os_error;
    tally_core core = {.digest_algorithm = (uint8_t)at->digest, .flags = TALLY_CORE_SYSTEM};
    tally_status status = platform->random_bytes(platform->context, random, sizeof random, &os_error);
    if (status == TALLY_OK && !at->any_time)
        status = platform->wall_clock_us(platform->context, &time.time_us, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system gives no clock or salt");
    status = tally_uuid_next(&generator, (uint64_t)time.time_us / 1000, random, id, error);
    if (status != TALLY_OK) return status;
    core.time_us = time.time_us; /* not after the first event that follows */
    core.time_logical = time.logical;
    tally_digest(at->digest, TALLY_DOMAIN_DATA, stored, stored_length, digest);
    tally_body_view body = {.id = id,
                            .correlation = id,
                            .causation = nobody,
                            .plain_length = stored_length - TALLY_SALT_BYTES,
                            .stored_length = stored_length,
                            .data_digest = digest,
                            .stream = {"$log", 4},
                            .type = {"tally.salvaged", 14},
                            .content_type = {"application/json", 16}};
    size_t body_length = tally_body_length(&body);
    if (!tally_body_encode(&body, bytes, sizeof bytes))
        return tally_fail(error, TALLY_E_PANIC, "the body does not fit");
    tally_body_digest(at->digest, bytes, body_length, core.body_digest);
    status = tally_rebuild_commit(at->rebuild, 1, tally_frame_length(body_length, stored_length), error);
    if (status == TALLY_OK) {
        status = tally_rebuild_add(at->rebuild, &core, bytes, body_length, body.stream, stored, stored_length, error);
    }
    return status == TALLY_OK ? tally_rebuild_commit_end(at->rebuild, 0, error) : status;
}

tally_status tally_salvage_record(const tally_salvage_run *at, tally_error *error)
{
    const tally_platform *platform = at->work->platform;
    size_t length;
    int32_t os_error;
    char *text = describe(at, &length);
    if (text == NULL) return tally_salvage_no_memory(error);
    uint8_t *stored = platform->allocate(platform->context, TALLY_SALT_BYTES + length);
    tally_status status = stored == NULL ? tally_salvage_no_memory(error) : TALLY_OK;
    if (status == TALLY_OK && length > TALLY_DATA_MAX)
        status = tally_fail(error, TALLY_E_LIMIT, "there are too many gaps");
    if (status == TALLY_OK && stored != NULL) {
        memcpy(stored + TALLY_SALT_BYTES, text, length);
        status = platform->random_bytes(platform->context, stored, TALLY_SALT_BYTES, &os_error);
        if (status != TALLY_OK) (void)tally_fail_os(error, status, os_error, NULL, "the system gives no salt");
    }
    if (status == TALLY_OK) status = add_record(at, stored, TALLY_SALT_BYTES + length, error);
    platform->release(platform->context, stored);
    platform->release(platform->context, text);
    return status;
}
