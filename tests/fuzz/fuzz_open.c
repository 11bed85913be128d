/* A store whose files were changed: opened to read and to write, read from end to end, looked up in, checked,
 * salvaged. Nothing may crash or hang, and what is read twice is the same. */
#include "damage.h"

static tally_event events[64];
static volatile uint8_t touched; /* so that reading is not left out */

/* All that a handle gives; the number of events that came whole. */
static uint64_t read_all(tally_store *store, const tally_query *query)
{
    tally_reader *reader = NULL;
    uint64_t whole = 0;
    if (tally_reader_open(store, query, &reader, NULL) != TALLY_OK) return 0;
    for (uint32_t damaged = 0; damaged < 2000;) {
        size_t count = 0;
        tally_status status = tally_reader_next(reader, events, 64, &count, NULL);
        if (status == TALLY_E_DAMAGED || status == TALLY_E_WORK_LIMIT) {
            damaged++;
            continue;
        }
        if (status != TALLY_OK || count == 0) break;
        for (size_t i = 0; i < count; i++) {
            tally_hash hash;
            uint8_t sum = 0;
            holds(tally_event_hash(&events[i], &hash) == TALLY_OK);
            /* Every byte that is lent can be read. */
            for (size_t j = 0; j < events[i].length; j++) sum ^= ((const uint8_t *)events[i].data)[j];
            for (size_t j = 0; j < events[i].stream.length; j++) sum ^= (uint8_t)events[i].stream.bytes[j];
            for (uint32_t t = 0; t < events[i].tag_count; t++) sum ^= (uint8_t)events[i].tags[t].bytes[0];
            touched = sum;
            whole++;
        }
    }
    holds(tally_reader_close(&reader) == TALLY_OK);
    return whole;
}

static void look_around(tally_store *store)
{
    static uint8_t buffer[16384];
    static char text[4096];
    tally_text b = {"b", 1}, k = {"k:1", 3}, thing = {"thing.*", 7};
    tally_query stream = {.size = sizeof stream, .stream = b};
    tally_query tagged = {.size = sizeof tagged, .tags = &k, .tag_count = 1, .flags = TALLY_QUERY_BACKWARDS};
    tally_query both = {
        .size = sizeof both, .stream_prefix = {"a/", 2}, .types = &thing, .type_count = 1, .tags = &k, .tag_count = 1};
    tally_stream_head head;
    tally_listed listed[16];
    tally_event event;
    size_t needed, count;
    uint64_t positions[64];
    uint32_t ended;
    uint64_t whole = read_all(store, NULL);
    holds(read_all(store, NULL) >= whole); /* an index that lied is left out from then on */
    (void)read_all(store, &stream);
    (void)read_all(store, &tagged);
    (void)read_all(store, &both);
    (void)tally_store_stream_head(store, b, &head, NULL);
    (void)tally_store_list(store, TALLY_LIST_STREAMS, (tally_text){0}, (tally_text){0}, listed, 16, text, sizeof text,
                           &count, NULL);
    for (uint64_t position = 0; position < 200; position += 7) {
        if (tally_store_get(store, position, buffer, sizeof buffer, &needed, &event, NULL) != TALLY_OK) continue;
        uint64_t found;
        (void)tally_store_find_id(store, &event.id, &found, NULL);
        (void)tally_store_ancestors(store, position, positions, 64, &count, &ended, NULL);
    }
}

static void open_as(const tally_platform *world, uint32_t mode)
{
    tally_store *store = NULL;
    tally_error error;
    tally_store_options options = damage_options(world, mode);
    tally_status status = tally_store_open("/s", 2, &options, &store, &error);
    holds(status != TALLY_E_PANIC);
    if (status != TALLY_OK) {
        holds(error.message[0] != '\0');
        return;
    }
    look_around(store);
    if (mode != TALLY_STORE_READ_ONLY) {
        uint64_t before = damage_events;
        tally_draft draft = {.size = sizeof draft, .stream = {"b", 1}, .type = {"t", 1}, .data = "x", .length = 1};
        for (int i = 0; i < 3; i++) (void)tally_store_append(store, &draft, NULL, NULL, NULL);
        int32_t more = 1;
        for (int i = 0; i < 8 && more != 0; i++) (void)tally_store_tick(store, &more, NULL);
        damage_events = before;
    }
    holds(tally_store_close(&store) == TALLY_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tally_platform *world = damage_apply(data, size, 5);
    tally_fsck_report report;
    tally_salvage_report salvaged;
    tally_upkeep_options options = {.size = sizeof options, .platform = world};
    open_as(world, TALLY_STORE_READ_ONLY);
    (void)tally_fsck("/s", 2, &options, NULL, &report, NULL);
    if (tally_salvage("/s", 2, "/t", 2, &options, &salvaged, NULL) == TALLY_OK) {
        /* What salvage makes is whole. */
        holds(tally_fsck("/t", 2, &options, NULL, &report, NULL) == TALLY_OK);
        holds(report.structure == 0 && report.bad_events == 0);
        holds(report.events == salvaged.copied + !salvaged.same_lineage);
    }
    open_as(world, TALLY_STORE_OPEN_OR_CREATE);
    open_as(world, TALLY_STORE_EXISTING);
    holds(tally_platform_memory_close(&world) == TALLY_OK);
    return 0;
}
