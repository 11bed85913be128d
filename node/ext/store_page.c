#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Events as JavaScript reads them (node/lib/storeEvent.js): a piece of memory with one record after the other,
 * each at a multiple of 8. Nothing of an event is made a value of JavaScript before somebody asks for it.
 *
 *   words   0 bytes of the record   1 flags        2–3 position     4–5 version    6–7 time
 *           8 logical               9 schema      10 data state    11 batch index  12 batch count
 *          13 tags             14–15 occurred     16 stream        17 type         18 content type  19 data
 *          20–23 id            24–27 correlation  28–31 causation  32–59 core      60 … lengths of the tags
 *   bytes   stream, type, content type, tags, then, at a multiple of 8, the data */

#define FIXED_WORDS 60
/* From here on a page is handed over and not copied. */
#define EXTERNAL_BYTES 262144

static size_t up(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

static size_t texts_end(const tally_event *event)
{
    size_t bytes = (FIXED_WORDS + (size_t)event->tag_count) * 4;
    bytes += event->stream.length + event->type.length + event->content_type.length;
    for (uint32_t i = 0; i < event->tag_count; i++) bytes += event->tags[i].length;
    return up(bytes);
}

static bool page_reserve(node_page *page, size_t more)
{
    if (page->capacity - page->used >= more) return true;
    size_t capacity = page->capacity * 2 > page->used + more ? page->capacity * 2 : page->used + more;
    uint8_t *grown = realloc(page->bytes, capacity);
    if (grown == NULL) return false;
    page->bytes = grown;
    page->capacity = capacity;
    return true;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t length)
{
    if (length != 0) memcpy(at, bytes, length);
    return at + length;
}

static void fill_words(uint32_t *words, const tally_event *event, size_t bytes)
{
    words[0] = (uint32_t)bytes;
    words[1] = event->flags;
    memcpy(words + 2, &event->position, 8);
    memcpy(words + 4, &event->version, 8);
    memcpy(words + 6, &event->time_us, 8);
    words[8] = event->time_logical;
    words[9] = event->schema_version;
    words[10] = event->data_state;
    words[11] = event->batch_index;
    words[12] = event->batch_count;
    words[13] = event->tag_count;
    memcpy(words + 14, &event->occurred_us, 8);
    words[16] = (uint32_t)event->stream.length;
    words[17] = (uint32_t)event->type.length;
    words[18] = (uint32_t)event->content_type.length;
    words[19] = (uint32_t)event->length;
    memcpy(words + 20, &event->id, 16);
    memcpy(words + 24, &event->correlation, 16);
    memcpy(words + 28, &event->causation, 16);
    if (event->core != NULL) memcpy(words + 32, event->core, TALLY_CORE_BYTES);
    else memset(words + 32, 0, TALLY_CORE_BYTES);
    for (uint32_t i = 0; i < event->tag_count; i++) words[FIXED_WORDS + i] = (uint32_t)event->tags[i].length;
}

bool page_add(node_page *page, const tally_event *event)
{
    size_t data = texts_end(event);
    size_t bytes = data + up(event->length);
    if (!page_reserve(page, bytes)) return false;
    uint8_t *record = page->bytes + page->used;
    fill_words((uint32_t *)(void *)record, event, bytes);
    uint8_t *at = record + (FIXED_WORDS + (size_t)event->tag_count) * 4;
    at = put(at, event->stream.bytes, event->stream.length);
    at = put(at, event->type.bytes, event->type.length);
    at = put(at, event->content_type.bytes, event->content_type.length);
    for (uint32_t i = 0; i < event->tag_count; i++) at = put(at, event->tags[i].bytes, event->tags[i].length);
    memset(at, 0, (size_t)(record + data - at));
    at = put(record + data, event->data, event->length);
    memset(at, 0, (size_t)(record + bytes - at));
    page->used += bytes;
    return true;
}

void page_free(node_page *page)
{
    free(page->bytes);
    *page = (node_page){NULL, 0, 0};
}

static void page_collected(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

/* Some hosts of Node-API allow no memory of others: then it is copied. */
static napi_value hand_over(napi_env env, node_page *page)
{
    napi_value buffer = NULL;
    if (page->used < EXTERNAL_BYTES) return NULL;
    napi_status status = napi_create_external_arraybuffer(env, page->bytes, page->used, page_collected, NULL, &buffer);
    if (status != napi_ok) return NULL;
    *page = (node_page){NULL, 0, 0};
    return buffer;
}

napi_value page_value(napi_env env, node_page *page)
{
    void *memory = NULL;
    napi_value buffer = hand_over(env, page);
    if (buffer != NULL) return buffer;
    TRY(env, napi_create_arraybuffer(env, page->used, &memory, &buffer));
    if (page->used != 0) memcpy(memory, page->bytes, page->used);
    page->used = 0;
    return buffer;
}
