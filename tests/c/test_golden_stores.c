/* The golden stores, tests/vectors/stores: what this library writes is still what it wrote, and what it wrote
 * is still read.
 *
 * Each store is made by a recipe in a world in memory whose clock and random bytes are always the same.
 * TALLY_GOLDEN_WRITE=tests/vectors/stores writes the files anew: only when the format changes knowingly, before 1.0. */
#include <stdlib.h>
#include <sys/stat.h>

#include <tallystick/append.h>
#include <tallystick/reader.h>

#include "base/bytes.h"
#include "log/file.h"
#include "log/frame.h"
#include "log/names.h"
#include "log/segment.h"
#include "log/trailer.h"
#include "test.h"

#define GOLDEN "tests/vectors/stores"

static tally_error error;
static tally_platform *world;

/* --------------------------------------------------------------------------------------- sentences */

static uint32_t told; /* events so far: ids and data come from it */

static tally_text text(const char *bytes) { return (tally_text){bytes, strlen(bytes)}; }

static tally_uuid id_of(uint32_t number)
{
    tally_uuid id = {{0x01, 0x6f, 0x5e, 0x66, 0xe8, 0x00, 0x70, 0x00, 0x80}};
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

static tally_draft draft_of(const char *stream, const char *type, const void *data, size_t length)
{
    tally_draft draft = {.size = sizeof draft, .stream = text(stream), .type = text(type)};
    draft.id = id_of(++told);
    draft.data = data;
    draft.length = length;
    return draft;
}

static tally_store *open_with(tally_store_options options)
{
    tally_store *store = NULL;
    options.size = sizeof options;
    options.flags = TALLY_STORE_NO_THREAD;
    options.segment_bytes = TALLY_SEGMENT_BYTES_MIN;
    options.platform = world;
    options.sync_interval_ms = 3600000; /* no sync depends on how fast the machine is */
    CHECK_STATUS(tally_store_open("/store", 6, &options, &store, &error), TALLY_OK);
    CHECK_STATUS(error.status, TALLY_OK);
    if (error.status != TALLY_OK) printf("#   %s\n", error.message);
    return store;
}

static void later(int64_t microseconds) { CHECK_STATUS(tally_platform_memory_advance(world, microseconds), TALLY_OK); }

static void tell(tally_store *store, tally_draft *drafts, size_t count, uint32_t durability)
{
    tally_append_options options = {.size = sizeof options, .durability = durability};
    CHECK_STATUS(tally_store_append_many(store, drafts, count, &options, NULL, &error), TALLY_OK);
    CHECK_STATUS(error.status, TALLY_OK);
    if (error.status != TALLY_OK) printf("#   %s\n", error.message);
}

static void do_background_work(tally_store *store)
{
    int32_t more = 1;
    for (int i = 0; more != 0 && i < 1000; i++) CHECK_STATUS(tally_store_tick(store, &more, &error), TALLY_OK);
    CHECK_EQ(more, 0);
}

/* ----------------------------------------------------------------------------------------- recipes */

/* Made and closed; nothing was said. */
static void make_empty(void)
{
    tally_store *store = open_with((tally_store_options){.name = text("golden/empty")});
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

/* A batch, a lone event that is durable, one that is only written; the writer was killed. */
static void tell_little(tally_store *store)
{
    tally_text tags[3] = {text("region:eu"), text("actor:ada"), text("region:eu")};
    tally_draft drafts[3];
    drafts[0] = draft_of("account/42", "account.opened", "{\"plan\":\"pro\"}", 14);
    drafts[0].content_type = text("application/json");
    drafts[0].schema_version = 3;
    drafts[1] = draft_of("account/42", "account.renamed", NULL, 0);
    drafts[1].tags = tags;
    drafts[1].tag_count = 3;
    drafts[1].flags = TALLY_DRAFT_CAUSE_IN_BATCH | TALLY_DRAFT_OCCURRED;
    drafts[1].occurred_us = -1;
    drafts[2] = draft_of("ordre/\xc3\xa9", "order.paid", "\0\1\2\3\4\5\6", 7);
    drafts[2].causation = id_of(99);
    drafts[2].correlation = id_of(98);
    tell(store, drafts, 3, TALLY_DURABLE);
    later(1500);
    drafts[0] = draft_of("account/42", "account.closed", "bye", 3);
    drafts[0].idempotency_key = text("close 42");
    tell(store, drafts, 1, TALLY_DURABLE);
    drafts[0] = draft_of("account/43", "account.opened", "", 0);
    tell(store, drafts, 1, TALLY_WRITTEN);
}

static tally_store *left_open; /* by a recipe whose writer is killed */

static void make_unsealed(void)
{
    left_open = open_with((tally_store_options){.name = text("golden/unsealed")});
    tell_little(left_open);
}

/* Bytes of a commit that was never finished are cut at the next open, which says so. */
static void make_recovered(void)
{
    tally_file file;
    tally_folder folder;
    tally_store *store = open_with((tally_store_options){.name = text("golden/recovered")});
    tell_little(store);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_folder_init(&folder, world, "/store", 6, 0600, &error), TALLY_OK);
    CHECK_STATUS(tally_file_open(&folder, "00000000.00.seg", TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, &error),
                 TALLY_OK);
    uint64_t size;
    CHECK_STATUS(tally_file_size(&folder, "00000000.00.seg", file, &size, &error), TALLY_OK);
    CHECK_STATUS(tally_file_write(&folder, "00000000.00.seg", file, size, "\1\2\3\4tF\1torn", 11, &error), TALLY_OK);
    tally_file_close(&folder, &file);
    later(1000000);
    store = open_with((tally_store_options){0});
    tally_draft draft = draft_of("account/43", "account.closed", "again", 5);
    tell(store, &draft, 1, TALLY_DURABLE);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

/* `count` events in batches of changing size, with names of all kinds, over several segments. */
static void tell_much(tally_store *store, uint32_t count)
{
    static const char *const streams[5] = {"account/1", "account/2", "order/eu/7", "order/us/8", "log.app.main"};
    static const char *const types[4] = {"account.opened", "account.renamed", "order.paid", "note"};
    static char data[7][3000];
    tally_draft drafts[7];
    tally_text tags[7][2];
    char keys[7][16];
    char colours[7][16];
    for (uint32_t done = 0; done < count;) {
        uint32_t batch = done % 7 + 1 < count - done ? done % 7 + 1 : count - done;
        for (uint32_t i = 0; i < batch; i++, done++) {
            size_t length = done * 37 % sizeof data[0];
            memset(data[i], (int)('a' + done % 26), length);
            drafts[i] = draft_of(streams[(done * 7 + done / 3) % 5], types[done % 4], data[i], length);
            drafts[i].content_type = text(done % 3 == 0 ? "text/plain" : "");
            (void)snprintf(keys[i], sizeof keys[i], "key %u", told);
            (void)snprintf(colours[i], sizeof colours[i], "number:%u", done % 11);
            tags[i][0] = text(colours[i]);
            tags[i][1] = text("all");
            drafts[i].tags = tags[i];
            drafts[i].tag_count = done % 3;
            if (batch == 4) drafts[i].idempotency_key = text(keys[i]);
            if (done % 5 == 0) drafts[i].flags = TALLY_DRAFT_OCCURRED;
            drafts[i].occurred_us = (int64_t)done * 1000;
        }
        tell(store, drafts, batch, done % 2 == 0 ? TALLY_DURABLE : TALLY_WRITTEN);
        later(777);
        do_background_work(store);
    }
}

static void make_sealed(void)
{
    tally_store *store = open_with((tally_store_options){.name = text("golden/sealed")});
    tell_much(store, 100);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    later(60000000);
    store = open_with((tally_store_options){0});
    tell_much(store, 20);
    do_background_work(store);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

static void make_blake2b(void)
{
    tally_store *store =
        open_with((tally_store_options){.name = text("golden/blake2b"), .digest = TALLY_STORE_BLAKE2B});
    tell_much(store, 60);
    do_background_work(store);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

static const struct recipe {
    const char *name;
    void (*make)(void);
} recipes[] = {{"empty", make_empty},
               {"unsealed", make_unsealed},
               {"recovered", make_recovered},
               {"sealed", make_sealed},
               {"blake2b", make_blake2b}};
#define RECIPES (sizeof recipes / sizeof *recipes)

static void begin(const struct recipe *recipe)
{
    printf("# %s\n", recipe->name);
    REQUIRE_STATUS(tally_platform_memory_open(20, &world, &error), TALLY_OK);
    told = 0;
    left_open = NULL;
    recipe->make();
}

static void end(void)
{
    if (left_open != NULL) (void)tally_store_close(&left_open);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

/* ------------------------------------------------------------------------------------------- files */

static uint8_t is[1 << 20];
static uint8_t was[1 << 20];

static size_t read_all(const tally_platform *platform, const char *folder_path, const char *name, uint8_t *to)
{
    tally_folder folder;
    tally_file file;
    size_t done = 0;
    CHECK_STATUS(tally_folder_init(&folder, platform, folder_path, strlen(folder_path), 0600, &error), TALLY_OK);
    if (tally_file_open(&folder, name, TALLY_OPEN_READ, &file, NULL) != TALLY_OK) return 0;
    CHECK_STATUS(tally_file_read(&folder, name, file, 0, to, sizeof is, &done, &error), TALLY_OK);
    CHECK(done < sizeof is);
    tally_file_close(&folder, &file);
    return done;
}

static void write_all(const char *store, const char *name, const uint8_t *bytes, size_t length)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("TALLY_GOLDEN_WRITE"), store);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", getenv("TALLY_GOLDEN_WRITE"), store, name);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL);
    CHECK_EQ(fwrite(bytes, 1, length, file), length);
    CHECK_EQ(fclose(file), 0);
}

/* What is kept for ever of a segment: all before its sections, and what the trailer says about it. */
static size_t frozen_bytes(const uint8_t *bytes, size_t length, tally_trailer *trailer)
{
    tally_segment_header header;
    memset(trailer, 0, sizeof *trailer);
    if (length < TALLY_SEGMENT_HEADER_BYTES + TALLY_TRAILER_BYTES) return length;
    if (tally_segment_header_decode(bytes, length, &header, NULL) != TALLY_OK) return length;
    tally_status status = tally_trailer_decode(tally_frame_seed(header.salt), bytes + length - TALLY_TRAILER_BYTES,
                                               length, trailer, NULL);
    if (status != TALLY_OK) return length;
    trailer->table_offset = trailer->table_count = trailer->table_crc = 0; /* sections may change */
    return (size_t)trailer->data_end;
}

static void compare_file(const char *store, const char *name)
{
    char path[256];
    tally_trailer now;
    tally_trailer then;
    size_t length = read_all(world, "/store", name, is);
    if (getenv("TALLY_GOLDEN_WRITE") != NULL) {
        write_all(store, name, is, length);
        return;
    }
    (void)snprintf(path, sizeof path, "%s/%s", GOLDEN, store);
    size_t golden_length = read_all(tally_platform_default(), path, name, was);
    size_t frozen = frozen_bytes(is, length, &now);
    CHECK_EQ(frozen, frozen_bytes(was, golden_length, &then));
    CHECK(memcmp(&now, &then, sizeof now) == 0);
    for (size_t i = 0; i < frozen && i < golden_length; i++) {
        if (is[i] == was[i]) continue;
        CHECK_BYTES(is, was, frozen);
        printf("#   %s/%s differs at offset %zu\n", store, name, i);
        return;
    }
}

static uint64_t segments_seen;

static uint64_t count_segments(const tally_platform *platform, const char *path)
{
    char name[TALLY_NAME_BYTES];
    for (uint64_t number = 0;; number++) {
        tally_name_segment(number, 0, name);
        if (read_all(platform, path, name, was) == 0) return number;
    }
}

TEST(what_is_frozen_is_written_as_it_was_byte_by_byte)
{
    char name[TALLY_NAME_BYTES];
    char path[256];
    for (size_t i = 0; i < RECIPES; i++) {
        begin(&recipes[i]);
        uint64_t count = count_segments(world, "/store");
        (void)snprintf(path, sizeof path, "%s/%s", GOLDEN, recipes[i].name);
        for (uint64_t number = 0; number < count; number++) {
            tally_name_segment(number, 0, name);
            compare_file(recipes[i].name, name);
        }
        CHECK_EQ(count_segments(tally_platform_default(), path), count);
        segments_seen += count;
        end();
    }
    CHECK(segments_seen >= 8);
}

/* ----------------------------------------------------------------------------------------- reading */

static tally_reader *reader_of(const char *path, const tally_platform *platform, tally_store **store)
{
    tally_store_options options = {.size = sizeof options, .mode = TALLY_STORE_READ_ONLY, .platform = platform};
    tally_reader *reader = NULL;
    CHECK_STATUS(tally_store_open(path, strlen(path), &options, store, &error), TALLY_OK);
    if (*store == NULL) printf("#   %s\n", error.message);
    else CHECK_STATUS(tally_reader_open(*store, NULL, &reader, &error), TALLY_OK);
    return reader;
}

static bool same(const tally_event *a, const tally_event *b)
{
    return memcmp(a->core, b->core, TALLY_CORE_BYTES) == 0 && a->body_length == b->body_length &&
           memcmp(a->body, b->body, a->body_length) == 0 && a->length == b->length && a->data_state == b->data_state &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

TEST(golden_stores_read_back_as_what_was_told)
{
    char path[256];
    tally_event golden;
    tally_event told_now;
    for (size_t i = 0; i < RECIPES; i++) {
        tally_store *stores[2] = {NULL, NULL};
        size_t counts[2];
        uint64_t events = 0;
        begin(&recipes[i]);
        (void)snprintf(path, sizeof path, "%s/%s", GOLDEN, recipes[i].name);
        tally_reader *old = reader_of(path, tally_platform_default(), &stores[0]);
        tally_reader *now = reader_of("/store", world, &stores[1]);
        while (old != NULL && now != NULL) {
            CHECK_STATUS(tally_reader_next(old, &golden, 1, &counts[0], &error), TALLY_OK);
            CHECK_STATUS(tally_reader_next(now, &told_now, 1, &counts[1], &error), TALLY_OK);
            CHECK_EQ(counts[0], counts[1]);
            if (counts[0] != 1 || counts[1] != 1) break;
            CHECK_EQ(golden.position, events);
            CHECK(same(&golden, &told_now));
            events++;
        }
        CHECK(events != 0 || i == 0);
        CHECK_STATUS(tally_reader_close(&old), TALLY_OK);
        CHECK_STATUS(tally_reader_close(&now), TALLY_OK);
        for (int k = 0; k < 2; k++) CHECK_STATUS(tally_store_close(&stores[k]), TALLY_OK);
        end();
    }
}
