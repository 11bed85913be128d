#include "shim.h"

#include <stdlib.h>

/* Looking at the part of a registry that is in C, and muting it. */

/* ----------------------------------------------------------------------------------------- looking */

/* All rows, to be freed by the caller. They are many and large, and only looked at when asked for. */
static tally_handler_info *rows_of(node_part *part, size_t *count, tally_error *error)
{
    tally_handler_info *rows = NULL;
    size_t capacity = 0;
    for (;;) {
        tally_status status = tally_registry_handlers(part->registry, rows, capacity, count, error);
        if (status == TALLY_OK && rows != NULL) return rows;
        if (status != TALLY_OK && status != TALLY_E_SPACE) break;
        free(rows);
        capacity = *count + 8;
        rows = malloc(capacity * sizeof *rows);
        if (rows != NULL) continue;
        error->status = TALLY_E_NO_MEMORY;
        return NULL;
    }
    free(rows);
    return NULL;
}

/* [number, priority, flags, name] */
static napi_value short_row(napi_env env, const tally_handler_info *info)
{
    napi_value row = NULL;
    napi_value cells[4];
    cells[0] = shim_number(env, (double)info->id.handler);
    cells[1] = shim_number(env, info->priority);
    cells[2] = shim_number(env, info->flags);
    cells[3] = shim_text(env, info->name, info->name_length);
    TRY(env, napi_create_array_with_length(env, 4, &row));
    for (uint32_t i = 0; i < 4; i++) {
        if (cells[i] == NULL) return NULL;
        TRY(env, napi_set_element(env, row, i, cells[i]));
    }
    return row;
}

static napi_value last_error(napi_env env, const tally_handler_info *info)
{
    napi_value error = NULL;
    if (info->last_code == 0) return shim_undefined(env);
    TRY(env, napi_create_object(env, &error));
    bool done = shim_set(env, error, "message", shim_text(env, info->last_message, info->last_message_length)) &&
                shim_set(env, error, "code", shim_number(env, info->last_code));
    return done ? error : NULL;
}

static napi_value count_or_undefined(napi_env env, uint64_t count)
{
    return count == TALLY_COUNT_UNKNOWN ? shim_undefined(env) : shim_number(env, (double)count);
}

/* What `handlers()` shows of it. */
static napi_value long_row(napi_env env, const tally_handler_info *info)
{
    napi_value row = NULL;
    TRY(env, napi_create_object(env, &row));
    bool done = shim_set(env, row, "number", shim_number(env, (double)info->id.handler)) &&
                shim_set(env, row, "failed", shim_number(env, (double)info->failed)) &&
                shim_set(env, row, "fired", count_or_undefined(env, info->fired)) &&
                shim_set(env, row, "latencyTotalNs", count_or_undefined(env, info->latency_total_ns)) &&
                shim_set(env, row, "latencyMaxNs", count_or_undefined(env, info->latency_max_ns)) &&
                shim_set(env, row, "lastError", last_error(env, info));
    return done ? row : NULL;
}

static napi_value rows_array(napi_env env, napi_callback_info info,
                             napi_value (*make_row)(napi_env env, const tally_handler_info *info))
{
    napi_value argument;
    napi_value array = NULL;
    size_t count = 0;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    tally_handler_info *rows = rows_of(part, &count, &error);
    if (rows == NULL) return shim_throw(env, &error);
    napi_status status = napi_create_array(env, &array);
    uint32_t at = 0;
    for (size_t i = 0; status == napi_ok && i < count; i++) {
        if (part->ring_id != 0 && rows[i].id.handler == part->ring_id) continue;
        napi_value row = make_row(env, &rows[i]);
        status = row == NULL ? napi_pending_exception : napi_set_element(env, array, at++, row);
    }
    free(rows);
    if (status == napi_ok) return array;
    shim_failed(env, status, "napi_set_element");
    return NULL;
}

static napi_value list(napi_env env, napi_callback_info info) { return rows_array(env, info, short_row); }
static napi_value rows(napi_env env, napi_callback_info info) { return rows_array(env, info, long_row); }

/* partStatistics(part) */
static napi_value statistics(napi_env env, napi_callback_info info)
{
    napi_value argument;
    napi_value result = NULL;
    tally_error error;
    tally_registry_statistics numbers = {.size = sizeof numbers};
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    if (tally_registry_statistics_get(part->registry, &numbers, &error) != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &result));
    bool done = shim_set(env, result, "unreported", shim_number(env, (double)numbers.unreported)) &&
                shim_set(env, result, "memoryBytes", shim_number(env, (double)numbers.memory_bytes)) &&
                shim_set(env, result, "retiredHandlers", shim_number(env, (double)numbers.retired_handlers));
    return done ? result : NULL;
}

/* partRingCounts(part) */
static napi_value part_ring_counts(napi_env env, napi_callback_info info)
{
    napi_value argument;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    return part == NULL ? NULL : ring_counts_object(env, outpost_ring(part->outpost));
}

/* partCount(part): how many are registered, without the ring; `once` handlers that ran are not */
static napi_value part_count(napi_env env, napi_callback_info info)
{
    napi_value argument;
    uint64_t count = 0;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    if (tally_registry_count(part->registry, &count, &error) != TALLY_OK) return shim_throw(env, &error);
    return shim_number(env, (double)count - (part->ring_id != 0 ? 1 : 0));
}

/* partMute(part, whether) */
static napi_value mute(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    bool on = false;
    tally_error error;
    if (!shim_arguments(env, info, 2, arguments, NULL) || !shim_get_bool(env, arguments[1], &on)) return NULL;
    node_part *part = part_of(env, arguments[0]);
    if (part == NULL) return NULL;
    tally_status status =
        on ? tally_registry_mute(part->registry, &error) : tally_registry_unmute(part->registry, &error);
    return status == TALLY_OK ? NULL : shim_throw(env, &error);
}

/* partReclaim(part): inside a handler it does nothing, and somebody will do it later */
static napi_value reclaim(napi_env env, napi_callback_info info)
{
    napi_value argument;
    tally_error error;
    if (!shim_arguments(env, info, 1, &argument, NULL)) return NULL;
    node_part *part = part_of(env, argument);
    if (part == NULL) return NULL;
    tally_status status = tally_registry_reclaim(part->registry, NULL, &error);
    shim_sweep(env);
    if (status == TALLY_OK || status == TALLY_E_WOULD_BLOCK || status == TALLY_E_UNSUPPORTED) return NULL;
    return shim_throw(env, &error);
}

bool looking_define(napi_env env, napi_value exports)
{
    static const shim_function functions[] = {
        {"partList", list},
        {"partRows", rows},
        {"partStatistics", statistics},
        {"partRingCounts", part_ring_counts},
        {"partCount", part_count},
        {"partMute", mute},
        {"partReclaim", reclaim},
    };
    return shim_define(env, exports, functions, sizeof functions / sizeof *functions);
}
