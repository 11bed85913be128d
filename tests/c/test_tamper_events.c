/* Tampering with events, by somebody who makes every checksum right again: docs and specification call it "the tamper
 * suite"; one test for each line. Each store is one unsealed segment with some commits of several streams; the heads
 * are signed unless it is said. */
#include "test.h"

#include "tampers.h"

#define EVENTS 12u

static void append_event(uint64_t i)
{
    static const char *const streams[] = {"a/1", "b", "c"};
    static const char *const types[] = {"one.made", "two.made"};
    static const tally_text tag = {"k:v", 3};
    char data[32];
    (void)snprintf(data, sizeof data, "data of event %" PRIu64, i);
    tally_draft one = draft(streams[i % 3], data);
    one.type = text(types[i % 2]);
    one.tags = &tag;
    one.tag_count = 1;
    tally_append_options options = at_level(TALLY_DURABLE);
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(world, 1000), TALLY_OK);
}

static void make_events(void)
{
    for (uint64_t i = 0; i < EVENTS; i++) append_event(i);
}

static void made_unsigned(void)
{
    sign_vkey[0] = '\0';
    begin();
    make_events();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tamper_load(0);
    CHECK_EQ(tamper_count, EVENTS);
}

static void made_signed(void)
{
    begin_signed();
    make_events();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    CHECK_EQ(verified.covered, EVENTS);
    tamper_load(0);
    CHECK_EQ(tamper_count, EVENTS);
}

/* Somebody who tampers removes what can be made again. */
static void remove_tree(void) { tamper_remove_file("store/tree/0.tile"); }

/* ----------------------------------------------------------------------------------------- helpers */

TEST(what_is_written_back_unchanged_is_intact)
{
    made_signed();
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_NONE));
    tamper_store(0, TAMPER_DIGESTS | TAMPER_RELINK | TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_NONE));
    end();
}

/* ------------------------------------------------------------------------------------------- edits */

TEST(data_that_were_changed_are_told_with_position_file_and_offset)
{
    made_unsigned();
    tamper_events[5].data[20] ^= 1;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_DATA_CHANGED));
    CHECK_EQ(verified.position, 5);
    CHECK_EQ(verified.events, 5);
    CHECK_TEXT(verified.file, "00000000.00.seg");
    CHECK(verified.offset > 4096);
    CHECK(strstr(verified.message, "position 5") != NULL);
    end();
}

TEST(data_that_were_changed_with_their_digest_change_the_body)
{
    made_unsigned();
    tamper_events[5].data[20] ^= 1;
    tally_digest(tamper_events[5].core.digest_algorithm, TALLY_DOMAIN_DATA, tamper_events[5].data,
                 tamper_events[5].data_length, tamper_events[5].body + 72);
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_BODY_CHANGED));
    CHECK_EQ(verified.position, 5);
    end();
}

static void check_edit(void (*edit)(tamper_event *event), uint32_t plain)
{
    for (int with_digests = 0; with_digests < 2; with_digests++) {
        made_signed();
        edit(&tamper_events[4]);
        tamper_store(0, with_digests ? TAMPER_DIGESTS : 0);
        /* With digests the next event of its stream does not link to it any more, and the tree has another leaf. */
        CHECK(is_found(with_digests ? TALLY_REASON_CORE_CHANGED : plain));
        CHECK_EQ(verified.position, 4);
        if (with_digests) {
            remove_tree();
            CHECK(is_found(TALLY_REASON_LINK_BROKEN));
            CHECK_EQ(verified.position, 7);
        }
        end();
    }
}

static void edit_time(tamper_event *event) { event->core.time_us += 3; }
static void edit_text(tamper_event *event, const char *from, const char *to)
{
    size_t length = strlen(from);
    for (size_t i = 112; i + length <= event->body_length; i++)
        if (memcmp(event->body + i, from, length) == 0) memcpy(event->body + i, to, length);
}
static void edit_type(tamper_event *event) { edit_text(event, "one.made", "one.paid"); }
static void edit_tag(tamper_event *event) { edit_text(event, "k:v", "k:w"); }
static void edit_stream(tamper_event *event) { edit_text(event, "b", "d"); }
static void edit_id(tamper_event *event) { event->body[0] ^= 1; }
/* A key id where there was none: 32 bytes more, and the counts that say so. */
static void edit_key_id(tamper_event *event)
{
    memmove(event->body + 144, event->body + 112, event->body_length - 112);
    memset(event->body + 112, 0x77, 32);
    event->body[55] = 1;
    event->body_length += 32;
}

TEST(an_edited_type_is_found) { check_edit(edit_type, TALLY_REASON_BODY_CHANGED); }
TEST(an_edited_tag_is_found) { check_edit(edit_tag, TALLY_REASON_BODY_CHANGED); }
TEST(an_edited_id_is_found) { check_edit(edit_id, TALLY_REASON_BODY_CHANGED); }
TEST(an_edited_key_id_is_found) { check_edit(edit_key_id, TALLY_REASON_BODY_CHANGED); }

TEST(an_edited_time_is_found)
{
    made_signed();
    edit_time(&tamper_events[4]);
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_CORE_CHANGED));
    CHECK_EQ(verified.position, 4);
    remove_tree();
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    end();
}

TEST(a_time_that_goes_back_is_another_order)
{
    made_unsigned();
    tamper_events[4].core.time_us = tamper_events[3].core.time_us - 1;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_ORDER_CHANGED));
    CHECK_EQ(verified.position, 4);
    end();
}

TEST(an_edited_stream_is_found)
{
    made_unsigned();
    edit_stream(&tamper_events[4]);
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_BODY_CHANGED));
    tamper_store(0, TAMPER_DIGESTS);
    /* Version 1 of a stream that has no version 0. */
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    CHECK_EQ(verified.position, 4);
    end();
}

TEST(an_event_that_is_moved_to_another_stream_is_found)
{
    made_unsigned();
    edit_text(&tamper_events[4], "b", "c");
    tamper_store(0, TAMPER_DIGESTS);
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    CHECK_EQ(verified.position, 4);
    end();
}

TEST(an_edit_with_all_later_links_made_again_is_found_by_any_earlier_checkpoint)
{
    made_signed();
    edit_type(&tamper_events[4]);
    tamper_store(0, TAMPER_RELINK);
    CHECK(is_found(TALLY_REASON_CORE_CHANGED));
    CHECK_EQ(verified.position, 4);
    remove_tree();
    CHECK(is_found(TALLY_REASON_SPLIT_VIEW));
    CHECK_TEXT(verified.file, "CHECKPOINTS");
    /* Without the checkpoints it is only found by somebody who remembers one. */
    static char note[TALLY_NOTE_BYTES_MAX];
    size_t length = get_file(world, "store/CHECKPOINTS", note, sizeof note);
    CHECK(length != SIZE_MAX && length > 8);
    length = tally_load_u32(note) & 0xffffff;
    tamper_remove_file("store/CHECKPOINTS");
    CHECK(is_found(TALLY_REASON_NONE));
    CHECK_EQ(verified.covered, 0);
    tally_verify_options options = verify_options();
    options.since = (tally_text){note + 8, length};
    (void)verify_with(&options);
    CHECK_EQ(verified.reason, TALLY_REASON_SPLIT_VIEW);
    end();
}

TEST(an_edit_with_all_later_links_made_again_is_not_found_in_an_unsigned_store_without_its_tree)
{
    made_unsigned();
    edit_type(&tamper_events[4]);
    tamper_store(0, TAMPER_RELINK);
    remove_tree();
    CHECK(is_found(TALLY_REASON_NONE)); /* what signing is for */
    end();
}

/* ---------------------------------------------------------------------------------------- deletion */

TEST(the_last_event_that_is_deleted_is_found_by_the_checkpoint)
{
    made_signed();
    tamper_count--;
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_CHECKPOINT_NOT_REACHED));
    end();
}

TEST(a_last_event_that_is_deleted_from_its_commit_is_missing)
{
    made_unsigned();
    tamper_count--;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    CHECK_EQ(verified.position, 11);
    end();
}

TEST(a_middle_event_that_is_deleted_is_missing)
{
    made_unsigned();
    tamper_remove(5);
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    CHECK_EQ(verified.position, 5);
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    CHECK_EQ(verified.position, 5);
    end();
}

TEST(a_middle_event_that_is_deleted_and_linked_over_is_found_by_the_checkpoint)
{
    made_signed();
    tamper_remove(5);
    tamper_store(0, TAMPER_RELINK);
    remove_tree();
    CHECK(is_found(TALLY_REASON_CHECKPOINT_NOT_REACHED));
    end();
}

TEST(positions_that_are_made_dense_over_a_deleted_event_break_the_links)
{
    made_unsigned();
    tamper_remove(5);
    for (size_t i = 5; i < tamper_count; i++) tamper_events[i].core.position--;
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    CHECK_EQ(verified.position, 7); /* version 2 of a stream that has lost version 1 */
    end();
}

TEST(a_whole_stream_that_is_deleted_is_found)
{
    made_signed();
    for (size_t i = tamper_count; i-- > 0;)
        if (i % 3 == 1) tamper_remove(i);
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    tamper_store(0, TAMPER_RELINK);
    remove_tree();
    CHECK(is_found(TALLY_REASON_CHECKPOINT_NOT_REACHED));
    end();
}

/* ------------------------------------------------------------------------------------------- order */

static void swap_events(size_t a, size_t b)
{
    static tamper_event kept;
    uint32_t commit_a = tamper_events[a].commit, commit_b = tamper_events[b].commit;
    kept = tamper_events[a];
    tamper_events[a] = tamper_events[b];
    tamper_events[b] = kept;
    tamper_events[a].commit = commit_a;
    tamper_events[b].commit = commit_b;
}

TEST(two_events_that_are_swapped_are_found)
{
    made_signed();
    swap_events(4, 5);
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_ORDER_CHANGED));
    CHECK_EQ(verified.position, 4);
    /* With their positions and times changed places, the links name other hashes. */
    tally_core core = tamper_events[4].core;
    tamper_events[4].core.position = tamper_events[5].core.position;
    tamper_events[4].core.time_us = tamper_events[5].core.time_us;
    tamper_events[5].core.position = core.position;
    tamper_events[5].core.time_us = core.time_us;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_CORE_CHANGED));
    CHECK_EQ(verified.position, 4);
    remove_tree();
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    tamper_store(0, TAMPER_RELINK);
    CHECK(is_found(TALLY_REASON_SPLIT_VIEW));
    end();
}

/* ----------------------------------------------------------------------------------------- adding */

TEST(a_duplicated_event_is_found)
{
    made_signed();
    memmove(&tamper_events[6], &tamper_events[5], (tamper_count - 5) * sizeof *tamper_events);
    tamper_count++;
    tamper_store(0, 0); /* two events, alike, in one commit */
    CHECK(is_found(TALLY_REASON_EVENT_ADDED));
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_EVENT_ADDED));
    CHECK_EQ(verified.position, 5);
    tamper_store(0, TAMPER_RELINK);
    CHECK(is_found(TALLY_REASON_CORE_CHANGED)); /* the batch is another one */
    remove_tree();
    CHECK(is_found(TALLY_REASON_SPLIT_VIEW));
    end();
}

TEST(an_event_that_is_added_to_a_commit_is_found)
{
    made_unsigned();
    tamper_events[tamper_count] = tamper_events[tamper_count - 1];
    tamper_events[tamper_count].core.position++;
    tamper_events[tamper_count].core.version++;
    tamper_count++;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_ORDER_CHANGED) || verified.reason == TALLY_REASON_EVENT_ADDED);
    end();
}

/* A mark alone says how many events its commit has. */
TEST(a_mark_that_counts_fewer_events_is_found)
{
    made_unsigned();
    tamper_marks[5].count = 0;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_EVENT_ADDED));
    tamper_marks[5].count = 2;
    tamper_store(0, 0);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    end();
}

/* ------------------------------------------------------------------------------------------ system */

TEST(a_caller_cannot_append_a_system_event)
{
    begin_signed();
    tally_draft forged = draft("$keys", "{\"first\":1,\"vkey\":\"x\"}");
    forged.type = text("tally.key.rotated");
    CHECK(tally_store_append(store, &forged, NULL, NULL, NULL) != TALLY_OK);
    forged.stream = text("a");
    CHECK(tally_store_append(store, &forged, NULL, NULL, NULL) != TALLY_OK);
    end();
}

/* The file is written to say that the attacker's key signs from here on; his heads follow. */
TEST(a_forged_rotation_does_not_make_its_key_believed)
{
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    begin_signed();
    make_events();
    CHECK_STATUS(tally_key_make(wrapped, text(sign_origin), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    tally_signing signing = {.size = sizeof signing, .key_text = text(skey)};
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tamper_remove_file("store/CHECKPOINTS");
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_event(99);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_UNKNOWN_KEY));
    CHECK_EQ(verified.covered, 0);
    end();
}
