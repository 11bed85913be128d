#include "contest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct mine {
    tally_store *store;
    size_t data_bytes;
    tally_append_options options;
    tally_draft drafts[4096];
    _Alignas(8) uint8_t buffer[16384];
} mine;

static const uint32_t levels[] = {
    [PROMISE_BUFFERED] = TALLY_BUFFERED,
    [PROMISE_WRITTEN] = TALLY_WRITTEN,
    [PROMISE_NORMAL] = TALLY_WRITTEN,
    [PROMISE_DURABLE] = TALLY_DURABLE,
};

static void ok(tally_status status, const tally_error *error)
{
    if (status == TALLY_OK) return;
    (void)fprintf(stderr, "%s: %s\n", tally_status_name(status), error->message);
    stop("a store");
}

static void *open_ours(const char *directory, promise wanted, size_t data_bytes)
{
    mine *log = calloc(1, sizeof *log);
    must(log != NULL, "memory");
    tally_error error;
    ok(tally_store_open(directory, strlen(directory), NULL, &log->store, &error), &error);
    log->data_bytes = data_bytes;
    log->options.size = sizeof log->options;
    log->options.durability = levels[wanted];
    return log;
}

static void fill(tally_draft *draft, uint64_t number, size_t data_bytes)
{
    draft->size = sizeof *draft;
    draft->stream.bytes = event_stream(number, &draft->stream.length);
    draft->type = (tally_text){EVENT_TYPE, sizeof EVENT_TYPE - 1};
    draft->data = event_data(number);
    draft->length = data_bytes;
}

static void append_ours(void *state, uint64_t first, size_t count)
{
    mine *log = state;
    tally_error error;
    if (count == 1) {
        tally_receipt receipt;
        tally_draft draft = {0};
        fill(&draft, first, log->data_bytes);
        ok(tally_store_append(log->store, &draft, &log->options, &receipt, &error), &error);
        return;
    }
    for (size_t i = 0; i < count; i++) fill(&log->drafts[i], first + i, log->data_bytes);
    ok(tally_store_append_many(log->store, log->drafts, count, &log->options, NULL, &error), &error);
}

static void close_ours(void *state)
{
    mine *log = state;
    (void)tally_store_close(&log->store);
    free(log);
}

static size_t read_ours(void *state, uint64_t position)
{
    mine *log = state;
    tally_event event;
    tally_error error;
    size_t needed;
    ok(tally_store_get(log->store, position, log->buffer, sizeof log->buffer, &needed, &event, &error), &error);
    return event.length;
}

static size_t page_ours(void *state, size_t stream, uint64_t from)
{
    mine *log = state;
    tally_query query = {.size = sizeof query, .from_position = from};
    if (stream < STREAMS) query.stream.bytes = event_stream(stream, &query.stream.length);
    tally_reader *reader = NULL;
    tally_event events[100];
    tally_error error;
    size_t count;
    ok(tally_reader_open(log->store, &query, &reader, &error), &error);
    ok(tally_reader_next(reader, events, 100, &count, &error), &error);
    (void)tally_reader_close(&reader);
    return count;
}

const log_kind log_ours = {"ours", open_ours, append_ours, close_ours, read_ours, page_ours};
