#include "store/settings.h"

#include <stddef.h>

#include "base/error.h"
#include "base/options.h"

#define MIB UINT64_C(1048576)
#define DEFAULT_SEGMENT_BYTES (64 * MIB)
#define DEFAULT_QUEUE_BYTES (16 * MIB)
#define DEFAULT_SYNC_EVENTS 10000u
#define DEFAULT_SYNC_BYTES (16 * MIB)
#define DEFAULT_SYNC_INTERVAL_MS 1000u
#define DEFAULT_IDEMPOTENCY_EVENTS 1000000u
#define DEFAULT_IDEMPOTENCY_AGE_S (UINT64_C(7) * 24 * 60 * 60)
#define DEFAULT_FILE_MODE 0600u

static void fill_in(tally_store_options *known)
{
    if (known->digest == 0) known->digest = TALLY_STORE_SHA256;
    if (known->mode_of_files == 0) known->mode_of_files = DEFAULT_FILE_MODE;
    if (known->segment_bytes == 0) known->segment_bytes = DEFAULT_SEGMENT_BYTES;
    if (known->queue_bytes == 0) known->queue_bytes = DEFAULT_QUEUE_BYTES;
    if (known->sync_events == 0) known->sync_events = DEFAULT_SYNC_EVENTS;
    if (known->sync_bytes == 0) known->sync_bytes = DEFAULT_SYNC_BYTES;
    if (known->sync_interval_ms == 0) known->sync_interval_ms = DEFAULT_SYNC_INTERVAL_MS;
    if (known->idempotency_events == 0) known->idempotency_events = DEFAULT_IDEMPOTENCY_EVENTS;
    if (known->idempotency_age_s == 0) known->idempotency_age_s = DEFAULT_IDEMPOTENCY_AGE_S;
    if (known->platform == NULL) known->platform = tally_platform_default();
}

static tally_status check_values(const tally_store_options *known, tally_error *error)
{
    const uint32_t flags = TALLY_STORE_NO_THREAD | TALLY_STORE_ALLOW_REMOTE;
    if (known->mode > TALLY_STORE_READ_ONLY)
        return tally_fail(error, TALLY_E_OPTION, "mode is %u; see TALLY_STORE_EXISTING", known->mode);
    if (known->flags & ~flags)
        return tally_fail(error, TALLY_E_OPTION, "flags is 0x%x; see TALLY_STORE_NO_THREAD", known->flags);
    if (known->digest > TALLY_STORE_BLAKE2B)
        return tally_fail(error, TALLY_E_OPTION, "digest is %u; see TALLY_STORE_SHA256", known->digest);
    if (known->check > TALLY_CHECK_NEVER)
        return tally_fail(error, TALLY_E_OPTION, "check is %u; see TALLY_CHECK_ALWAYS", known->check);
    if (known->map > TALLY_MAP_NEVER)
        return tally_fail(error, TALLY_E_OPTION, "map is %u; see TALLY_MAP_NEVER", known->map);
    if (known->mode_of_files > 0777) {
        return tally_fail(error, TALLY_E_OPTION, "mode_of_files is 0%o; it has permission bits only",
                          known->mode_of_files);
    }
    if (known->segment_bytes != 0 &&
        (known->segment_bytes < TALLY_SEGMENT_BYTES_MIN || known->segment_bytes > TALLY_SEGMENT_BYTES_MAX)) {
        return tally_fail(error, TALLY_E_RANGE, "segment_bytes is out of range: 64 KiB to 32 GiB");
    }
    if (known->name.length == 0) return TALLY_OK;
    if (known->name.bytes == NULL) return tally_fail(error, TALLY_E_NULL, "name is NULL, but its length is not 0");
    return tally_store_name_check(known->name.bytes, known->name.length, error);
}

tally_status tally_store_options_read(const tally_store_options *options, tally_store_options *known,
                                      tally_error *error)
{
    tally_status status = tally_options_read(known, sizeof *known, offsetof(tally_store_options, signing), options,
                                             "tally_store_options", error);
    if (status == TALLY_OK) status = check_values(known, error);
    if (status == TALLY_OK && known->platform != NULL) status = tally_platform_check(known->platform, error);
    if (status == TALLY_OK) fill_in(known);
    return status;
}

tally_log_settings tally_log_settings_of(const tally_store_options *options, uint32_t digest)
{
    uint64_t interval_ms = options->sync_interval_ms;
    tally_log_settings settings = {.segment_bytes = options->segment_bytes,
                                   .queue_bytes = options->queue_bytes,
                                   .sync_events = options->sync_events,
                                   .sync_bytes = options->sync_bytes,
                                   .check = options->check,
                                   .map = options->map,
                                   .digest = digest,
                                   .threaded = !(options->flags & TALLY_STORE_NO_THREAD)};
    settings.sync_interval_ns = interval_ms > UINT64_MAX / 1000000 ? UINT64_MAX : interval_ms * 1000000;
    return settings;
}
