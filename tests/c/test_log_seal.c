/* log/seal, sealed, hashed, sort: the sections hold what the index held, whatever fails while they are written, and
 * bytes that were never written by anybody are no crash. */
#include "log_world.h"

#include "log/crc32c.h"
#include "log/hashed.h"
#include "log/index_body.h"
#include "log/seal_names.h"
#include "log/sealed.h"

static log_world world;
static tally_error error;

/* ---------------------------------------------------------------------------------------------- sort */

TEST(numbers_are_sorted_and_equals_keep_their_order)
{
    static tally_sorted items[3000];
    static tally_sorted scratch[3000];
    dice random = dice_of(1);
    for (uint32_t count = 0; count < 3000; count = count * 2 + 1) {
        for (uint32_t range = 2; range < 3000000; range *= 11) {
            for (uint32_t i = 0; i < count; i++) items[i] = (tally_sorted){roll(&random, range), i, 0};
            tally_sorter sorter;
            tally_sort_begin(&sorter, items, scratch, count);
            while (!tally_sort_go_on(&sorter, 1 + roll(&random, 500))) continue;
            for (uint32_t i = 1; i < count; i++) {
                CHECK(items[i - 1].key < items[i].key ||
                      (items[i - 1].key == items[i].key && items[i - 1].value < items[i].value));
            }
        }
    }
}

TEST(names_are_sorted_by_kind_and_bytes)
{
    static tally_sorted items[20000];
    static tally_sorted scratch[20000];
    world_open(&world, 1);
    tally_index *index = world.segments[0]->index;
    dice random = dice_of(7);
    for (uint32_t i = 0; i < 5000; i++) {
        char name[60];
        uint32_t number;
        uint32_t length = 1 + roll(&random, roll(&random, 2) == 0 ? 6 : 59);
        for (uint32_t j = 0; j < length; j++)
            name[j] = (char)(roll(&random, 8) == 0 ? 'b' : roll(&random, 30) == 0 ? '\xc3' : 'a');
        REQUIRE(tally_index_add_key(index, 1 + roll(&random, 5), (tally_text){name, length}, &number));
        if (i % 9 != 0) REQUIRE(tally_index_add_posting(index, number, i));
    }
    tally_name_sort sort;
    tally_name_sort_begin(&sort, index, items, scratch);
    size_t pieces = 1;
    while (!tally_name_sort_go_on(&sort, 500)) pieces++;
    CHECK(pieces > 20);
    uint32_t count = sort.count;
    CHECK(count > 100);
    for (uint32_t i = 1; i < count; i++) {
        const tally_index_key *a = &index->keys[items[i - 1].value];
        const tally_index_key *b = &index->keys[items[i].value];
        int order = a->kind != b->kind ? (a->kind < b->kind ? -1 : 1)
                                       : tally_text_compare((tally_text){index->text + a->name, a->length},
                                                            (tally_text){index->text + b->name, b->length});
        CHECK(order < 0);
        CHECK(a->count > 0 && b->count > 0);
    }
    world_close(&world);
}

/* ------------------------------------------------------------------------------------------- sections */

TEST(a_sealed_segment_says_what_was_in_it)
{
    world_open(&world, 2);
    world_fill(&world, 2, 500, 1);
    const tally_segment *sealed = world.segments[0];
    CHECK(sealed->sealed && sealed->map != NULL && sealed->file == TALLY_FILE_NONE);
    CHECK_EQ(sealed->section_count, 7);
    CHECK_EQ(tally_segment_events(sealed), 500);
    CHECK_EQ(sealed->trailer.last_position, 499);
    CHECK_EQ(sealed->trailer.first_time_us, world.events[0].time_us);
    CHECK_EQ(sealed->trailer.last_time_us, world.events[499].time_us);
    uint32_t streams = 0;
    for (uint32_t i = 0; i < 500; i++) streams += world.events[i].version == 0;
    CHECK_EQ(sealed->trailer.new_streams, streams);
    tally_segment *again;
    CHECK_STATUS(tally_seal(world.segments[0], TALLY_MAP_SEALED, &again, &error), TALLY_E_ARGUMENT);
    world_close(&world);
}

TEST(an_empty_segment_is_sealed_too)
{
    world_open(&world, 3);
    world_seal(&world, 0);
    CHECK(world.segments[0]->sealed);
    CHECK_EQ(tally_segment_events(world.segments[0]), 0);
    tally_view *view = world_view(&world);
    uint64_t next;
    uint64_t position;
    CHECK_STATUS(tally_lookup_stream(view, 0, world_stream(1), &next, &position, &error), TALLY_OK);
    CHECK_EQ(next, 0);
    CHECK(world_is_trusted(&world));
    tally_view_release(view);
    world_close(&world);
}

TEST(every_name_has_its_record_and_postings)
{
    world_open(&world, 4);
    world_fill(&world, 1, 3000, 1);
    const tally_segment *sealed = world.segments[0];
    tally_index *index;
    REQUIRE_STATUS(tally_index_new(world.platform, 0, &index, &error), TALLY_OK);
    REQUIRE_STATUS(tally_index_catch_up(index, sealed, &error), TALLY_OK);
    uint32_t forms[4] = {0};
    for (uint32_t i = 0; i < index->key_count && !test_has_failed(); i++) {
        uint32_t both[2];
        tally_entry entry;
        const tally_index_key *its = &index->keys[i];
        tally_key key = {its->kind, {index->text + its->name, its->length}};
        REQUIRE(tally_sealed_find(sealed, &key, &entry) == TALLY_ANSWER_YES);
        CHECK_EQ(entry.count, its->count);
        CHECK_EQ(entry.first, its->first);
        CHECK_EQ(entry.last, its->last);
        CHECK_EQ(entry.first_version, its->first_version);
        forms[entry.form]++;
        const uint32_t *postings = tally_index_postings(index, its, both);
        tally_postings walk = {sealed, entry, 0};
        uint32_t at = 0;
        uint32_t ordinal;
        for (uint32_t from = 0; at < its->count; from = ordinal + 1, at++) {
            REQUIRE(tally_postings_next(&walk, from, &ordinal) == TALLY_ANSWER_YES);
            CHECK_EQ(ordinal, postings[at]);
        }
        CHECK(tally_postings_next(&walk, entry.last + 1, &ordinal) == TALLY_ANSWER_NO);
        for (uint32_t before = UINT32_MAX; at > 0; before = ordinal, at--) {
            REQUIRE(tally_postings_before(&walk, before, &ordinal) == TALLY_ANSWER_YES);
            CHECK_EQ(ordinal, postings[at - 1]);
        }
        CHECK(tally_postings_before(&walk, entry.first, &ordinal) == TALLY_ANSWER_NO);
        for (uint32_t i_far = 0; i_far < 20; i_far++) { /* any place, far from the last one */
            uint32_t place = roll(&world.random, 3100);
            uint32_t below = 0;
            uint32_t count;
            while (below < its->count && postings[below] < place) below++;
            CHECK(tally_postings_count(&walk, place, &count) == TALLY_ANSWER_YES);
            CHECK_EQ(count, below);
        }
    }
    CHECK(forms[TALLY_FORM_INLINE] > 0 && forms[TALLY_FORM_ARRAY] > 0 && forms[TALLY_FORM_BITMAP] > 0);
    tally_key nobody = {TALLY_KEY_STREAM, {"nobody", 6}};
    tally_entry entry;
    CHECK(tally_sealed_find(sealed, &nobody, &entry) == TALLY_ANSWER_NO);
    tally_index_free(index);
    world_close(&world);
}

/* ----------------------------------------------------------------------------------------- failures */

static void seal_and_read(const tally_platform *platform, void *user_data)
{
    tally_segment *sealed;
    tally_segment *segment = world.segments[0];
    (void)platform;
    (void)user_data;
    tally_status status = tally_seal(segment, TALLY_MAP_SEALED, &sealed, &error);
    CHECK((status == TALLY_OK) == (sealed != NULL));
    if (sealed == NULL) return;
    CHECK_EQ(tally_segment_events(sealed), 200);
    tally_segment_release(sealed);
}

TEST(a_seal_that_fails_leaves_an_unsealed_segment_and_can_be_tried_again)
{
    const uint64_t kinds[] = {WRAP_MEMORY,
                              WRAP_WRITES,
                              WRAP_SIZES,
                              WRAP_SYNCS,
                              WRAP_BIT(WRAP_OPEN_FILE),
                              WRAP_READS,
                              WRAP_BIT(WRAP_MUTEX_INIT)};
    world_open(&world, 5);
    world_append(&world, 200);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t leaks = 0;
        /* The index of the segment itself may grow. */
        CHECK_STATUS(tally_index_catch_up(world.segments[0]->index, world.segments[0], &error), TALLY_OK);
        wrap_fault fault = {.calls = kinds[i], .kind = WRAP_FAIL};
        CHECK(wrap_each_failure(world.platform, fault, seal_and_read, NULL, &leaks) > 0);
        CHECK_EQ(leaks, 0);
        wrap_fault torn = {.calls = kinds[i] & WRAP_WRITES, .kind = WRAP_TEAR, .bytes = 1000};
        if (torn.calls != 0) CHECK(wrap_each_failure(world.platform, torn, seal_and_read, NULL, &leaks) > 0);
    }
    world_seal(&world, 0);
    CHECK_EQ(tally_segment_events(world.segments[0]), 200);
    world_close(&world);
}

/* -------------------------------------------------------------------------------------- hostile bytes */

/* Gives page `page` of a section a right checksum over whatever is in it. */
static void mend_page(const tally_section *section, uint64_t page, uint8_t bytes[TALLY_PAGE_BYTES])
{
    uint8_t place[8];
    uint64_t offset = section->offset + page * TALLY_PAGE_BYTES;
    tally_store_u64(place, offset);
    uint32_t crc = tally_crc32c(tally_crc32c_update(section->seed, place, 8), bytes, TALLY_PAGE_CONTENT);
    tally_store_u32(bytes + TALLY_PAGE_CONTENT, crc);
}

/* Other numbers in some page, with a checksum that agrees: somebody wrote it on purpose. */
static void lie(tally_segment *segment, tally_file file)
{
    uint8_t bytes[TALLY_PAGE_BYTES];
    size_t done;
    const tally_section *section = &segment->sections[roll(&world.random, (uint32_t)segment->section_count)];
    uint64_t pages = tally_section_file_bytes(section->length) / TALLY_PAGE_BYTES;
    if (pages == 0) return;
    uint64_t page = roll(&world.random, (uint32_t)pages);
    uint64_t offset = section->offset + page * TALLY_PAGE_BYTES;
    CHECK_STATUS(tally_file_read(&world.folder, segment->name, file, offset, bytes, sizeof bytes, &done, &error),
                 TALLY_OK);
    for (uint32_t i = 0; i < 4; i++) {
        static const uint32_t odd[] = {0, 1, 199, 200, 201, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 64, 4096};
        uint32_t value = roll(&world.random, 2) == 0 ? odd[roll(&world.random, 11)] : roll(&world.random, 100000);
        tally_store_u32(bytes + 4 * (size_t)roll(&world.random, page == 0 && i == 0 ? 10 : 1023), value);
    }
    mend_page(section, page, bytes);
    CHECK_STATUS(tally_file_write(&world.folder, segment->name, file, offset, bytes, sizeof bytes, &error), TALLY_OK);
}

static void ask_everything(const tally_view *view)
{
    uint64_t position;
    uint64_t next;
    for (uint64_t i = 0; i < world.event_count; i += 3) {
        static uint8_t scratch[65536];
        tally_place place;
        tally_event event;
        const known_event *known = &world.events[i];
        tally_status status = tally_lookup_place(view, i, &place, &error);
        if (status == TALLY_OK && place.length <= sizeof scratch) {
            status = tally_lookup_event(&place, i, true, scratch, &event, &error);
            if (status == TALLY_OK) CHECK_BYTES(event.id.bytes, known->id, 16); /* it says its own position */
        }
        (void)tally_lookup_stream(view, world.event_count, world_stream(known->stream), &next, &position, &error);
        (void)tally_lookup_version(view, world.event_count, world_stream(known->stream), known->version, &position,
                                   &error);
        status = tally_lookup_id(view, 0, world.event_count, known->id, &position, &error);
        if (status == TALLY_OK) CHECK_EQ(position, i); /* compared with the event itself */
        (void)tally_lookup_time(view, 0, world.event_count, known->time_us, &position, &error);
        tally_text type = world_type(known->type);
        tally_text tag = world_tag(3);
        (void)tally_lookup_match(view, i, world.event_count, &type, 1, &tag, 1, &position, &error);
    }
}

TEST(sections_that_lie_are_no_crash)
{
    for (uint64_t seed = 1; seed < 25 && !test_has_failed(); seed++) {
        world_open(&world, seed);
        world.map = seed % 4 == 0 ? TALLY_MAP_NEVER : TALLY_MAP_SEALED;
        world_fill(&world, 5, 200, 5);
        world_merge(&world);
        for (uint32_t round = 0; round < 10; round++) {
            tally_file file;
            uint32_t number = roll(&world.random, 5);
            REQUIRE_STATUS(tally_file_open(&world.folder, world.segments[number]->name,
                                           TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, &error),
                           TALLY_OK);
            lie(world.segments[number], file);
            tally_file_close(&world.folder, &file);
            world_reopen(&world, number);
            tally_view *view = world_view(&world);
            ask_everything(view);
            tally_view_release(view);
        }
        world_close(&world);
    }
}

TEST(a_table_or_trailer_that_is_damaged_costs_only_time)
{
    world_open(&world, 9);
    world_fill(&world, 1, 200, 1);
    tally_file file;
    uint8_t byte = 0x5a;
    tally_segment *segment = world.segments[0];
    REQUIRE_STATUS(tally_file_open(&world.folder, segment->name, TALLY_OPEN_WRITE, &file, &error), TALLY_OK);
    CHECK_STATUS(
        tally_file_write(&world.folder, segment->name, file, segment->trailer.table_offset + 9, &byte, 1, &error),
        TALLY_OK);
    tally_file_close(&world.folder, &file);
    world_reopen(&world, 0);
    CHECK(world.segments[0]->sealed);
    CHECK(atomic_load(&world.segments[0]->distrusted));
    tally_view *view = world_view(&world);
    uint64_t position;
    CHECK_STATUS(tally_lookup_id(view, 0, 200, world.events[77].id, &position, &error), TALLY_OK);
    CHECK_EQ(position, 77);
    tally_view_release(view);
    world_close(&world);
}
