#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Reading by a query, page by page. */

/* A page ends behind the event that fills it: keeping one event keeps its page, so pages are small. */
#define PAGE_BYTES 65536
#define READ_MAX 128
/* So many events are looked at by one job at most: then the loop may stop it. */
#define WORK_LIMIT 200000

/* invariant: at most one job uses it at a time (`busy`), and only that one touches what is below it. */
typedef struct node_reader {
    node_store *store;
    uint32_t references; /* the function, and a job */
    bool busy;
    bool closing; /* close it when the job is over */
    tally_reader *reader;
    uint32_t generation;
    tally_query query;
    tally_text *names; /* of the query */
    char *text;
    tally_event *events; /* READ_MAX of them, lent by the reader */
    size_t count;
    size_t used;
} node_reader;

static void reader_close(node_reader *reader)
{
    if (reader->reader != NULL && tally_handle_generation(reader->reader) == reader->generation) {
        (void)tally_reader_close(&reader->reader);
    }
    reader->reader = NULL;
    reader->count = reader->used = 0;
    /* Nearly 100 KiB, which would wait for the collector with the function. */
    free(reader->events);
    reader->events = NULL;
}

static void reader_drop(node_reader *reader)
{
    if (--reader->references != 0) return;
    reader_close(reader);
    store_drop(reader->store);
    free(reader->names);
    free(reader->text);
    free(reader);
}

/* --------------------------------------------------------------------------------------------- pages */

typedef struct read_job {
    node_job job;
    node_reader *reader;
    bool refreshes; /* at the end the view is moved on */
    bool is_end;
    uint64_t end; /* of the view, at its end */
    node_page page;
} read_job;

static tally_status open_reader(read_job *reading)
{
    node_reader *reader = reading->reader;
    tally_error *error = &reading->job.error;
    if (reader->reader != NULL) return TALLY_OK;
    if (reader->events == NULL) reader->events = malloc(READ_MAX * sizeof *reader->events);
    if (reader->events == NULL) {
        job_fail(&reading->job, TALLY_E_NO_MEMORY, "no memory for a reader");
        return TALLY_E_NO_MEMORY;
    }
    tally_status status = tally_reader_open(reading->job.handle.store, &reader->query, &reader->reader, error);
    if (status == TALLY_OK) reader->generation = tally_handle_generation(reader->reader);
    return status;
}

static tally_status read_more(read_job *reading)
{
    node_reader *reader = reading->reader;
    tally_error *error = &reading->job.error;
    reader->used = reader->count = 0;
    tally_status status = tally_reader_next(reader->reader, reader->events, READ_MAX, &reader->count, error);
    if (status != TALLY_OK || reader->count != 0 || !reading->refreshes) return status;
    status = tally_reader_refresh(reader->reader, error);
    if (status != TALLY_OK) return status;
    return tally_reader_next(reader->reader, reader->events, READ_MAX, &reader->count, error);
}

/* At least one event, however long; the others stay lent until the next page. */
static tally_status fill_page(read_job *reading)
{
    node_reader *reader = reading->reader;
    while (reader->used < reader->count && reading->page.used < PAGE_BYTES) {
        if (!page_add(&reading->page, &reader->events[reader->used])) {
            if (reading->page.used != 0) return TALLY_OK;
            job_fail(&reading->job, TALLY_E_NO_MEMORY, "no memory for a page of events");
            return TALLY_E_NO_MEMORY;
        }
        reader->used++;
    }
    return TALLY_OK;
}

static void read_run(node_job *job)
{
    read_job *reading = (read_job *)job;
    job->status = open_reader(reading);
    if (job->status == TALLY_OK && reading->reader->used == reading->reader->count) job->status = read_more(reading);
    if (job->status == TALLY_E_WORK_LIMIT) {
        job->status = TALLY_OK;
        return;
    }
    if (job->status == TALLY_OK) job->status = fill_page(reading);
    reading->is_end = job->status == TALLY_OK && reading->page.used == 0;
    tally_reader_place place;
    if (!reading->is_end) return;
    job->status = tally_reader_place_get(reading->reader->reader, &place, &job->error);
    reading->end = place.end_position;
}

/* A page; at the end the end's position; or undefined when nothing was found yet */
static napi_value read_done(napi_env env, node_job *job)
{
    read_job *reading = (read_job *)job;
    if (reading->page.used != 0) return page_value(env, &reading->page);
    return reading->is_end ? shim_count(env, reading->end) : shim_undefined(env);
}

static void read_drop(napi_env env, node_job *job)
{
    (void)env;
    read_job *reading = (read_job *)job;
    node_reader *reader = reading->reader;
    page_free(&reading->page);
    reader->busy = false;
    if (reader->closing) reader_close(reader);
    reader_drop(reader);
}

#define NEXT_ASYNC 1u
#define NEXT_REFRESHES 2u
#define NEXT_CLOSES 4u

/* next(what to do): a page, or its promise */
static napi_value next(napi_env env, napi_callback_info info)
{
    napi_value argument;
    void *data = NULL;
    uint32_t what = 0;
    if (!shim_arguments(env, info, 1, &argument, &data) || !shim_get_uint32(env, argument, &what)) return NULL;
    node_reader *reader = data;
    if ((what & NEXT_CLOSES) != 0) {
        reader->closing = true;
        if (!reader->busy) reader_close(reader);
        return NULL;
    }
    if (reader->busy) return shim_throw_text(env, TALLY_E_BUSY, "the reader is reading a page");
    if (reader->closing || reader->store->handle.store == NULL) {
        return shim_throw_text(env, TALLY_E_CLOSED, "the store, or its reader, is closed");
    }
    if (reader->reader != NULL && tally_handle_generation(reader->reader) != reader->generation) {
        return shim_throw_text(env, TALLY_E_CLOSED, "the reader is closed");
    }
    read_job *reading = job_open(env, sizeof *reading, reader->store);
    if (reading == NULL) return NULL;
    reader->references++;
    reader->busy = true;
    reading->reader = reader;
    reading->refreshes = (what & NEXT_REFRESHES) != 0;
    reading->job.run = read_run;
    reading->job.done = read_done;
    reading->job.drop = read_drop;
    return job_go(env, &reading->job, (what & NEXT_ASYNC) != 0);
}

/* --------------------------------------------------------------------------------------------- queries */

/* words {flags, stream, prefix, subject (lengths), types, tags, from and to of position, version and time
 * (2 words each), lengths of types and tags} */
static bool read_query(napi_env env, node_reader *reader, node_packed *packed)
{
    tally_query *query = &reader->query;
    query->size = sizeof *query;
    query->work_limit = WORK_LIMIT;
    query->flags = packed_word(packed);
    query->type_count = packed_word(packed);
    query->tag_count = packed_word(packed);
    query->from_position = packed_long(packed);
    query->to_position = packed_long(packed);
    query->from_version = packed_long(packed);
    query->to_version = packed_long(packed);
    query->from_time_us = (int64_t)packed_long(packed);
    query->to_time_us = (int64_t)packed_long(packed);
    query->stream = packed_text(packed);
    query->stream_prefix = packed_text(packed);
    query->subject = packed_text(packed);
    if (query->type_count + query->tag_count > packed->word_count) packed->broken = true;
    if (packed->broken) return packed_is_whole(env, packed);
    reader->names = malloc((query->type_count + query->tag_count + 1) * sizeof *reader->names);
    if (reader->names == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a reader");
        return false;
    }
    packed_texts(packed, reader->names, query->type_count + query->tag_count);
    query->types = query->type_count == 0 ? NULL : reader->names;
    query->tags = query->tag_count == 0 ? NULL : reader->names + query->type_count;
    return packed_is_whole(env, packed);
}

static void reader_collected(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    reader_drop(data);
}

static napi_value reader_function(napi_env env, node_reader *reader)
{
    napi_value function = NULL;
    TRY(env, napi_create_function(env, "next", NAPI_AUTO_LENGTH, next, reader, &function));
    TRY(env, napi_add_finalizer(env, function, reader, reader_collected, NULL, NULL));
    reader->references++;
    return function;
}

/* reader(words, text) → next */
static napi_value make_reader(napi_env env, napi_callback_info info)
{
    napi_value arguments[2];
    void *words = NULL;
    node_packed packed = {NULL};
    node_store *store = store_arguments(env, info, 2, arguments);
    if (store == NULL || !shim_array(env, arguments[0], napi_uint32_array, &words, &packed.word_count)) return NULL;
    node_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) return shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a reader");
    reader->store = store;
    reader->references = 1;
    store->references++;
    packed.words = words;
    napi_value function = NULL;
    reader->text = shim_copy_text(env, arguments[1], &packed.text_length);
    packed.text = reader->text;
    if (reader->text != NULL && read_query(env, reader, &packed)) function = reader_function(env, reader);
    reader_drop(reader);
    return function;
}

bool reading_bind(napi_env env, node_store *store, napi_value object)
{
    return store_bind(env, store, object, "reader", make_reader);
}
