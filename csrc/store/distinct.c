#include "store/distinct.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

/* A table of event numbers + 1 by 16 bytes of theirs; half of it stays empty. */
typedef struct seen {
    uint32_t *places;
    size_t capacity; /* a power of two */
    const tally_ready *events;
    bool keys;
} seen;

static const uint8_t *value_of(const seen *table, size_t i)
{
    const tally_ready *event = &table->events[i];
    if (table->keys) return event->idempotency;
    return event->id_given ? event->body : NULL;
}

/* Whether the value of event `i` was there before. */
static bool add(seen *table, size_t i)
{
    const uint8_t *value = value_of(table, i);
    if (value == NULL) return false;
    uint64_t mixed = (tally_load_u64(value) ^ tally_load_u64(value + 8)) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(mixed >> 32) & (table->capacity - 1);
    while (table->places[at] != 0) {
        if (memcmp(value_of(table, table->places[at] - 1), value, 16) == 0) return true;
        at = (at + 1) & (table->capacity - 1);
    }
    table->places[at] = (uint32_t)i + 1;
    return false;
}

static tally_status check(seen *table, size_t count, tally_error *error)
{
    memset(table->places, 0, table->capacity * sizeof *table->places);
    for (size_t i = 0; i < count; i++) {
        if (!add(table, i)) continue;
        return tally_fail_at(error, TALLY_E_ARGUMENT, i, "draft %zu has the %s of an earlier draft", i,
                             table->keys ? "idempotency key" : "id");
    }
    return TALLY_OK;
}

tally_status tally_prepared_distinct(const tally_store_body *body, const tally_prepared *prepared, tally_error *error)
{
    const tally_platform *platform = body->platform;
    size_t count = prepared->commit.count;
    if (count == 1 || !(prepared->has_ids || prepared->has_keys)) return TALLY_OK;
    seen table = {.capacity = 4, .events = prepared->commit.events};
    while (table.capacity < 2 * count) table.capacity *= 2;
    table.places = platform->allocate(platform->context, table.capacity * sizeof *table.places);
    if (table.places == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to compare %zu ids", count);
    tally_status status = prepared->has_ids ? check(&table, count, error) : TALLY_OK;
    table.keys = true;
    if (status == TALLY_OK && prepared->has_keys) status = check(&table, count, error);
    platform->release(platform->context, table.places);
    return status;
}
