/* Short words for tests of stores. Include test.h first.
 *
 * `begin()` opens a store in a new world in memory (`world`) behind a wrapper (`wrapped`) that can make it go
 * wrong; `end()` closes all of it and says what was left behind. */
#ifndef TALLY_TEST_STORES_H
#define TALLY_TEST_STORES_H

#include <tallystick/tallystick.h>

#include "wrap/wrap.h"

static tally_platform *world;
static tally_platform *wrapped;
static tally_store *store;

__attribute__((unused)) static tally_store_options store_options(void)
{
    return (tally_store_options){.size = sizeof(tally_store_options),
                                 .platform = wrapped,
                                 .flags = TALLY_STORE_NO_THREAD,
                                 .segment_bytes = TALLY_SEGMENT_BYTES_MIN};
}

__attribute__((unused)) static tally_status open_store(const tally_store_options *options)
{
    tally_error error;
    tally_status status = tally_store_open("store", 5, options, &store, &error);
    if (status != TALLY_OK) printf("# open: %s: %s (%s)\n", tally_status_name(status), error.message, error.path);
    return status;
}

__attribute__((unused)) static void begin_with(const tally_store_options *options)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    tally_store_options mine = *options;
    mine.platform = wrapped;
    CHECK_STATUS(open_store(&mine), TALLY_OK);
}

__attribute__((unused)) static void begin(void)
{
    tally_store_options options = store_options();
    begin_with(&options);
}

__attribute__((unused)) static void begin_threaded(void)
{
    tally_store_options options = store_options();
    options.flags = 0;
    begin_with(&options);
}

__attribute__((unused)) static void end(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_EQ(wrap_blocks(wrapped), 0);
    CHECK_EQ(wrap_open_files(wrapped), 0);
    CHECK_EQ(wrap_maps(wrapped), 0);
    CHECK_EQ(wrap_threads(wrapped), 0);
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

__attribute__((unused)) static void reopen_with(const tally_store_options *options)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_store_options mine = *options;
    mine.platform = wrapped;
    CHECK_STATUS(open_store(&mine), TALLY_OK);
}

__attribute__((unused)) static void reopen(void)
{
    tally_store_options options = store_options();
    reopen_with(&options);
}

__attribute__((unused)) static tally_text text(const char *string) { return (tally_text){string, strlen(string)}; }

__attribute__((unused)) static tally_draft draft(const char *stream, const char *data)
{
    return (tally_draft){.size = sizeof(tally_draft),
                         .stream = text(stream),
                         .type = text("thing.happened"),
                         .data = data,
                         .length = strlen(data)};
}

__attribute__((unused)) static tally_append_options at_level(uint32_t level)
{
    return (tally_append_options){.size = sizeof(tally_append_options), .durability = level};
}

/* The position of one appended event, or TALLY_POSITION_NONE. */
__attribute__((unused)) static uint64_t append_one(const char *stream, const char *data, uint32_t level)
{
    tally_draft one = draft(stream, data);
    tally_append_options options = at_level(level);
    tally_receipt receipt;
    tally_error error;
    tally_status status = tally_store_append(store, &one, &options, &receipt, &error);
    CHECK_STATUS(status, TALLY_OK);
    if (status == TALLY_OK) return receipt.position;
    printf("# append: %s\n", error.message);
    return TALLY_POSITION_NONE;
}

__attribute__((unused)) static tally_watermarks marks_now(void)
{
    tally_watermarks marks = {0, 0, 0};
    CHECK_STATUS(tally_store_watermarks(store, &marks, NULL), TALLY_OK);
    return marks;
}

__attribute__((unused)) static tally_store_statistics figures_now(void)
{
    tally_store_statistics figures = {.size = sizeof figures};
    CHECK_STATUS(tally_store_statistics_get(store, &figures, NULL), TALLY_OK);
    return figures;
}

/* Reads one event; lent until the next call. */
__attribute__((unused)) static tally_status get_event(uint64_t position, tally_event *event)
{
    static _Thread_local uint8_t buffer[1 << 17];
    size_t needed;
    return tally_store_get(store, position, buffer, sizeof buffer, &needed, event, NULL);
}

__attribute__((unused)) static bool has_data(const tally_event *event, const char *data)
{
    return event->length == strlen(data) && memcmp(event->data, data, event->length) == 0;
}

/* Does all of the background's work. */
__attribute__((unused)) static void work(void)
{
    int32_t more = 1;
    while (more != 0 && tally_store_tick(store, &more, NULL) == TALLY_OK) continue;
}

#endif
