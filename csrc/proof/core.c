#include "proof/core.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

/* Offsets of docs/FORMAT.md, "Core". */
enum {
    AT_FORMAT = 0,
    AT_ALGORITHM = 1,
    AT_FLAGS = 2,
    AT_LANE = 4,
    AT_POSITION = 8,
    AT_VERSION = 16,
    AT_TIME = 24,
    AT_LOGICAL = 32,
    AT_BATCH_INDEX = 36,
    AT_BATCH_COUNT = 40,
    AT_RESERVED = 44,
    AT_STREAM_PREV = 48,
    AT_BODY_DIGEST = 80
};

void tally_core_encode(const tally_core *core, uint8_t bytes[TALLY_CORE_BYTES])
{
    bytes[AT_FORMAT] = TALLY_CORE_FORMAT;
    bytes[AT_ALGORITHM] = core->digest_algorithm;
    tally_store_u16(bytes + AT_FLAGS, core->flags);
    tally_store_u32(bytes + AT_LANE, 0);
    tally_store_u64(bytes + AT_POSITION, core->position);
    tally_store_u64(bytes + AT_VERSION, core->version);
    tally_store_u64(bytes + AT_TIME, (uint64_t)core->time_us);
    tally_store_u32(bytes + AT_LOGICAL, core->time_logical);
    tally_store_u32(bytes + AT_BATCH_INDEX, core->batch_index);
    tally_store_u32(bytes + AT_BATCH_COUNT, core->batch_count);
    tally_store_u32(bytes + AT_RESERVED, 0);
    memcpy(bytes + AT_STREAM_PREV, core->stream_prev, TALLY_DIGEST_BYTES);
    memcpy(bytes + AT_BODY_DIGEST, core->body_digest, TALLY_DIGEST_BYTES);
}

static tally_status check_known(const uint8_t *bytes, tally_error *error)
{
    if (bytes[AT_FORMAT] != TALLY_CORE_FORMAT) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_FORMAT, "the core has format %u; this library reads 1",
                             bytes[AT_FORMAT]);
    }
    if (bytes[AT_ALGORITHM] != TALLY_DIGEST_SHA256 && bytes[AT_ALGORITHM] != TALLY_DIGEST_BLAKE2B) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_ALGORITHM, "the core has the unknown digest algorithm %u",
                             bytes[AT_ALGORITHM]);
    }
    if (tally_load_u16(bytes + AT_FLAGS) & ~TALLY_CORE_FLAGS_KNOWN) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_FLAGS, "the core has unknown flags (0x%x)",
                             tally_load_u16(bytes + AT_FLAGS));
    }
    if (tally_load_u32(bytes + AT_LANE) != 0 || tally_load_u32(bytes + AT_RESERVED) != 0) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_LANE, "the core uses reserved members");
    }
    return TALLY_OK;
}

static tally_status check_invariants(const tally_core *core, tally_error *error)
{
    static const uint8_t zero[TALLY_DIGEST_BYTES];
    if (core->version > core->position) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_VERSION, "the core's version is beyond its position");
    }
    if (core->time_us < 0) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_TIME, "the core's time is before 1970");
    }
    if (core->batch_count == 0 || core->batch_count > TALLY_BATCH_MAX || core->batch_index >= core->batch_count) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_BATCH_INDEX, "the core is number %u of a batch of %u",
                             core->batch_index, core->batch_count);
    }
    if (core->version == 0 && memcmp(core->stream_prev, zero, sizeof zero) != 0) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_STREAM_PREV,
                             "the core is the first of its stream but names an event before it");
    }
    return TALLY_OK;
}

tally_status tally_core_decode(const uint8_t bytes[TALLY_CORE_BYTES], tally_core *core, tally_error *error)
{
    memset(core, 0, sizeof *core);
    tally_status status = check_known(bytes, error);
    if (status != TALLY_OK) return status;
    tally_core read;
    read.digest_algorithm = bytes[AT_ALGORITHM];
    read.flags = tally_load_u16(bytes + AT_FLAGS);
    read.position = tally_load_u64(bytes + AT_POSITION);
    read.version = tally_load_u64(bytes + AT_VERSION);
    read.time_us = (int64_t)tally_load_u64(bytes + AT_TIME);
    read.time_logical = tally_load_u32(bytes + AT_LOGICAL);
    read.batch_index = tally_load_u32(bytes + AT_BATCH_INDEX);
    read.batch_count = tally_load_u32(bytes + AT_BATCH_COUNT);
    memcpy(read.stream_prev, bytes + AT_STREAM_PREV, TALLY_DIGEST_BYTES);
    memcpy(read.body_digest, bytes + AT_BODY_DIGEST, TALLY_DIGEST_BYTES);
    status = check_invariants(&read, error);
    if (status == TALLY_OK) *core = read;
    return status;
}

void tally_core_event_hash(const uint8_t bytes[TALLY_CORE_BYTES], uint8_t hash[TALLY_DIGEST_BYTES])
{
    tally_digest(TALLY_DIGEST_SHA256, TALLY_DOMAIN_LEAF, bytes, TALLY_CORE_BYTES, hash);
}
