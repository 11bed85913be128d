#include "store/query.h"

#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "log/lookup.h"

#define FLAGS_KNOWN (TALLY_QUERY_BACKWARDS | TALLY_QUERY_DURABLE_ONLY | TALLY_QUERY_VERSIONS)

/* ----------------------------------------------------------------------------------------- checking */

/* As for handlers: a star is the end of a pattern, behind a dot. */
static tally_status check_type(tally_text type, tally_error *error)
{
    tally_status status = tally_name_check(type.bytes, type.length, 1, TALLY_TYPE_MAX, "a type of the query", error);
    if (status != TALLY_OK) return status;
    const char *star = memchr(type.bytes, '*', type.length);
    if (star == NULL) return TALLY_OK;
    size_t at = (size_t)(star - type.bytes);
    if (at > 0 && at == type.length - 1 && type.bytes[at - 1] == '.') return TALLY_OK;
    return tally_fail_at(error, TALLY_E_NAME, at, "a type of the query has a '*' that is not its end behind a dot");
}

static tally_status check_names(const tally_query *query, tally_error *error)
{
    if (query->type_count > TALLY_QUERY_NAMES_MAX || query->tag_count > TALLY_QUERY_NAMES_MAX) {
        return tally_fail(error, TALLY_E_LIMIT, "a query has at most %u types and %u tags", TALLY_QUERY_NAMES_MAX,
                          TALLY_QUERY_NAMES_MAX);
    }
    if ((query->types == NULL && query->type_count != 0) || (query->tags == NULL && query->tag_count != 0)) {
        return tally_fail(error, TALLY_E_NULL, "the query counts types or tags, but has none");
    }
    tally_status status =
        tally_name_check(query->stream.bytes, query->stream.length, 0, TALLY_STREAM_MAX, "the query's stream", error);
    if (status == TALLY_OK) {
        status = tally_name_check(query->stream_prefix.bytes, query->stream_prefix.length, 0, TALLY_STREAM_MAX,
                                  "the query's stream_prefix", error);
    }
    for (size_t i = 0; i < query->type_count && status == TALLY_OK; i++) status = check_type(query->types[i], error);
    for (size_t i = 0; i < query->tag_count && status == TALLY_OK; i++) {
        status = tally_name_check(query->tags[i].bytes, query->tags[i].length, 1, TALLY_TAG_MAX, "a tag of the query",
                                  error);
    }
    return status;
}

static tally_status check_members(const tally_query *query, tally_error *error)
{
    if (query->flags & ~FLAGS_KNOWN || query->reserved != 0) {
        return tally_fail(error, TALLY_E_OPTION, "the query has unknown flags (0x%x)", query->flags);
    }
    if (query->stream.length != 0 && query->stream_prefix.length != 0) {
        return tally_fail(error, TALLY_E_ARGUMENT, "a query has a stream or a stream_prefix, not both");
    }
    bool versions = (query->flags & TALLY_QUERY_VERSIONS) != 0;
    if (versions && query->stream.length == 0) {
        return tally_fail(error, TALLY_E_ARGUMENT, "versions are those of a stream; the query has none");
    }
    if (!versions && (query->from_version != 0 || query->to_version != 0)) {
        return tally_fail(error, TALLY_E_ARGUMENT, "from_version and to_version need TALLY_QUERY_VERSIONS");
    }
    if (query->subject.length != 0) {
        return tally_fail(error, TALLY_E_UNSUPPORTED, "the store has no keyring, so no event has a subject");
    }
    return TALLY_OK;
}

tally_status tally_query_read(const tally_query *from, tally_query *query, tally_error *error)
{
    tally_status status = tally_options_read(query, sizeof *query, sizeof(tally_query), from, "tally_query", error);
    if (status == TALLY_OK) status = check_members(query, error);
    if (status == TALLY_OK) status = check_names(query, error);
    return status;
}

/* ------------------------------------------------------------------------------------------- bounds */

void tally_bounds_take(const tally_query *query, tally_bounds *bounds)
{
    bounds->from_position = query->from_position;
    bounds->to_position = query->to_position;
    bounds->from_version = query->from_version;
    bounds->to_version = query->to_version;
    bounds->from_time_us = query->from_time_us;
    bounds->to_time_us = query->to_time_us;
    bounds->versions = (query->flags & TALLY_QUERY_VERSIONS) != 0;
    bounds->stream_length = bounds->versions ? query->stream.length : 0;
    if (bounds->stream_length != 0) memcpy(bounds->stream, query->stream.bytes, bounds->stream_length);
}

/* A version that does not exist yet lies behind everything. */
static tally_status version_position(const tally_bounds *bounds, const tally_view *view, uint64_t end, uint64_t version,
                                     uint64_t *position, tally_error *error)
{
    tally_text stream = {bounds->stream, bounds->stream_length};
    tally_status status = tally_lookup_version(view, end, stream, version, position, error);
    if (status != TALLY_E_NOT_FOUND) return status;
    *position = end;
    tally_error_clear(error);
    return TALLY_OK;
}

static tally_status settle_versions(const tally_bounds *bounds, const tally_view *view, uint64_t end, uint64_t *low,
                                    uint64_t *high, tally_error *error)
{
    uint64_t position;
    tally_status status = TALLY_OK;
    if (bounds->from_version != 0) {
        status = version_position(bounds, view, end, bounds->from_version, &position, error);
        if (status == TALLY_OK && position > *low) *low = position;
    }
    if (status == TALLY_OK && bounds->to_version != 0) {
        status = version_position(bounds, view, end, bounds->to_version, &position, error);
        if (status == TALLY_OK && position < *high) *high = position;
    }
    return status;
}

tally_status tally_bounds_settle(const tally_bounds *bounds, const tally_view *view, uint64_t end, uint64_t *low,
                                 uint64_t *high, tally_error *error)
{
    tally_status status = TALLY_OK;
    *low = bounds->from_position < end ? bounds->from_position : end;
    *high = bounds->to_position != 0 && bounds->to_position < end ? bounds->to_position : end;
    if (bounds->versions && *low < *high) status = settle_versions(bounds, view, end, low, high, error);
    if (status == TALLY_OK && bounds->from_time_us > 0 && *low < *high) {
        status = tally_lookup_time(view, *low, *high, bounds->from_time_us, low, error);
    }
    if (status == TALLY_OK && bounds->to_time_us != 0 && *low < *high) {
        status = tally_lookup_time(view, *low, *high, bounds->to_time_us, high, error);
    }
    if (*low > *high) *low = *high;
    return status;
}
