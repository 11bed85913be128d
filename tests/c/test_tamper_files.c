/* Tampering with files: cut, swapped, replaced by older ones, by those of other stores and other keys; indexes that
 * lie. */
#include "test.h"

#include "log/segment_file.h"
#include "proof/note.h"
#include "tampers.h"

static saved_store saved;

/* Some sealed segments and one that is not, signed. */
static void made_long(void)
{
    begin_signed();
    append_many(0, 1500);
    while (figures_now().sealed_segments + 1 < figures_now().segments) work();
    work();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    CHECK_EQ(verified.events, 1500);
}

static void made_short(void)
{
    begin_signed();
    append_many(0, 6);
    (void)checkpoint_now();
    append_many(6, 4);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    CHECK_EQ(verified.covered, 10);
}

static void swap_files(const char *a, const char *b)
{
    static uint8_t first[TAMPER_BYTES];
    char path[128];
    (void)snprintf(path, sizeof path, "%s", a);
    size_t length = get_file(world, path, first, sizeof first);
    read_whole(b);
    put_file(world, path, tamper_file, tamper_length);
    put_file(world, b, first, length);
}

/* ------------------------------------------------------------------------------------------ cutting */

TEST(a_signed_store_that_is_cut_at_any_length_is_found)
{
    made_short();
    save_store(&saved);
    read_whole(tamper_path(0));
    size_t length = tamper_length;
    uint64_t tried = 0, found[32] = {0};
    for (size_t cut = 0; cut < length; cut += cut < 4000 ? 61 : 1) {
        put_file(world, tamper_path(0), tamper_file, cut);
        tally_verify_options options = verify_options();
        tally_status status = tally_verify("store", 5, &options, &verified, &verify_error);
        if (status == TALLY_OK && verified.intact) {
            /* Only the mark of the clean close may go: all events are there. */
            CHECK_EQ(verified.events, 10);
            CHECK_EQ(verified.covered, 10);
        } else {
            CHECK_STATUS(status, TALLY_OK);
            found[verified.reason]++;
        }
        tried++;
    }
    CHECK(found[TALLY_REASON_CHECKPOINT_NOT_REACHED] > 3700);
    CHECK(found[TALLY_REASON_UNREADABLE] < 200); /* in the header */
    printf("# %" PRIu64 " lengths tried\n", tried);
    put_store(&saved);
    CHECK(is_found(TALLY_REASON_NONE));
    forget_store(&saved);
    end();
}

TEST(a_tail_that_no_head_covers_is_found_when_the_log_says_that_it_was_durable)
{
    begin_signed();
    append_many(0, 6);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tamper_remove_file("store/CHECKPOINTS");
    tamper_load(0);
    tamper_count -= 2;
    tamper_store(0, TAMPER_NUMBERS);
    CHECK(is_found(TALLY_REASON_TAIL_TRUNCATED)); /* says HEAD, under the boot that wrote it */
    tamper_remove_file("store/HEAD");
    CHECK(is_found(TALLY_REASON_NONE)); /* unsigned tails can be cut */
    end();
}

TEST(a_sealed_segment_that_is_missing_is_found)
{
    made_long();
    tamper_remove_file(tamper_path(1));
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    CHECK_TEXT(verified.file, "00000001.00.seg");
    tamper_remove_file(tamper_path(0));
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    CHECK_EQ(verified.events, 0);
    end();
}

TEST(the_last_segment_that_is_missing_is_found)
{
    made_long();
    for (uint64_t last = 20; last > 0; last--) {
        if (get_file(world, tamper_path(last), tamper_file, sizeof tamper_file) == SIZE_MAX) continue;
        tamper_remove_file(tamper_path(last));
        break;
    }
    CHECK(is_found(TALLY_REASON_CHECKPOINT_NOT_REACHED));
    end();
}

/* --------------------------------------------------------------------------------------- swapping */

TEST(two_segments_that_are_swapped_are_found)
{
    made_long();
    swap_files("store/00000001.00.seg", "store/00000002.00.seg");
    CHECK(!verify_now()->intact);
    CHECK(is_found(TALLY_REASON_ORDER_CHANGED));
    /* With headers that name the other number. */
    for (uint64_t number = 1; number <= 2; number++) {
        read_whole(tamper_path(number));
        CHECK_STATUS(tally_segment_header_decode(tamper_file, tamper_length, &tamper_header, NULL), TALLY_OK);
        tamper_header.number = number;
        tally_segment_header_encode(&tamper_header, tamper_file);
        patch_file(tamper_path(number), 0, tamper_file, TALLY_SEGMENT_HEADER_BYTES);
    }
    CHECK(!verify_now()->intact);
    CHECK(is_found(TALLY_REASON_EVENT_MISSING));
    end();
}

TEST(a_segment_of_another_store_is_found)
{
    made_long();
    read_whole(tamper_path(1));
    CHECK_STATUS(tally_segment_header_decode(tamper_file, tamper_length, &tamper_header, NULL), TALLY_OK);
    tamper_header.lineage[3] ^= 1;
    tally_segment_header_encode(&tamper_header, tamper_file);
    patch_file(tamper_path(1), 0, tamper_file, TALLY_SEGMENT_HEADER_BYTES);
    CHECK(is_found(TALLY_REASON_WRONG_ORIGIN));
    end();
}

TEST(a_segment_that_goes_on_from_another_event_is_found)
{
    made_long();
    read_whole(tamper_path(1));
    CHECK_STATUS(tally_segment_header_decode(tamper_file, tamper_length, &tamper_header, NULL), TALLY_OK);
    tamper_header.event_before[3] ^= 1;
    tally_segment_header_encode(&tamper_header, tamper_file);
    patch_file(tamper_path(1), 0, tamper_file, TALLY_SEGMENT_HEADER_BYTES);
    CHECK(is_found(TALLY_REASON_LINK_BROKEN));
    CHECK_TEXT(verified.file, "00000001.00.seg");
    end();
}

/* ----------------------------------------------------------------------------------- other histories */

TEST(an_older_copy_of_the_directory_is_found_by_a_remembered_head)
{
    begin_signed();
    append_many(0, 6);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    save_store(&saved);
    tally_signing signing = signing_with_key();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_many(6, 4);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    put_store(&saved);
    CHECK(is_found(TALLY_REASON_NONE)); /* alone it is a whole store */
    tally_verify_options options = verify_options();
    options.since = (tally_text){sign_note, sign_length};
    (void)verify_with(&options);
    CHECK_EQ(verified.reason, TALLY_REASON_ROLLED_BACK);
    /* The signer remembers, too. */
    CHECK_STATUS(open_signed(&signing), TALLY_E_ROLLBACK);
    forget_store(&saved);
    end();
}

TEST(two_copies_that_diverge_are_refused_by_the_signer_and_shown_by_their_heads)
{
    static char other[TALLY_NOTE_BYTES_MAX];
    begin_signed();
    append_many(0, 6);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    save_store(&saved);
    tally_signing signing = signing_with_key();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_many(100, 4);
    (void)checkpoint_now();
    size_t length = sign_length;
    memcpy(other, sign_note, length);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    put_store(&saved);
    CHECK_STATUS(open_signed(&signing), TALLY_E_ROLLBACK);
    /* A second signer that does not know of the first one is tricked. */
    tally_signing tricked = {.size = sizeof tricked, .key_text = text(sign_skey)};
    REQUIRE_STATUS(open_signed(&tricked), TALLY_OK);
    append_many(200, 4);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_NONE));
    tally_verify_options options = verify_options();
    options.since = (tally_text){other, length};
    (void)verify_with(&options);
    CHECK_EQ(verified.reason, TALLY_REASON_SPLIT_VIEW);
    forget_store(&saved);
    end();
}

/* ------------------------------------------------------------------------------------------- heads */

/* CHECKPOINTS with this one note. */
static void put_note(const char *note, size_t length)
{
    static uint8_t record[TALLY_NOTE_BYTES_MAX + 16];
    memset(record, 0, sizeof record);
    tally_store_u32(record, (uint32_t)length);
    memcpy(record + 8, note, length);
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, record, 4);
    tally_store_u32(record + 4, tally_crc32c_finish(tally_crc32c_update(crc, note, length)));
    put_file(world, "store/CHECKPOINTS", record, tally_pad8(8 + length));
}

/* The newest head, into sign_note. */
static void take_note(void)
{
    tally_signing signing = signing_with_key();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

TEST(a_checkpoint_of_another_store_is_found)
{
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES], origin[TALLY_ORIGIN_MAX + 1];
    made_short();
    take_note();
    memcpy(origin, sign_origin, sizeof origin);
    origin[strlen(origin) - 1] ^= 1;
    /* The same text under another origin, signed by that one's key. */
    CHECK_STATUS(tally_key_make(wrapped, text(origin), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    sign_note[strlen(sign_origin) - 1] ^= 1;
    put_note(sign_note, sign_length);
    CHECK(is_found(TALLY_REASON_WRONG_ORIGIN));
    CHECK_TEXT(verified.file, "CHECKPOINTS");
    end();
}

TEST(a_signature_by_another_key_is_an_unknown_key)
{
    char vkey[TALLY_KEY_TEXT_BYTES], skey[TALLY_KEY_TEXT_BYTES];
    made_short();
    CHECK_STATUS(tally_key_make(wrapped, text(sign_origin), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    memcpy(sign_vkey, vkey, sizeof sign_vkey);
    CHECK(is_found(TALLY_REASON_UNKNOWN_KEY));
    CHECK_EQ(verified.covered, 0);
    end();
}

TEST(a_signature_that_was_changed_is_bad)
{
    made_short();
    take_note();
    char *line = strstr(sign_note, TALLY_NOTE_DASH);
    REQUIRE(line != NULL);
    char *base64 = strchr(line + strlen(TALLY_NOTE_DASH), ' ') + 20;
    *base64 = *base64 == 'A' ? 'B' : 'A';
    put_note(sign_note, sign_length);
    CHECK(is_found(TALLY_REASON_BAD_SIGNATURE));
    end();
}

TEST(a_root_that_was_changed_has_a_bad_signature)
{
    made_short();
    take_note();
    char *root = strchr(strchr(sign_note, '\n') + 1, '\n') + 1;
    *root = *root == 'A' ? 'B' : 'A';
    put_note(sign_note, sign_length);
    CHECK(is_found(TALLY_REASON_BAD_SIGNATURE));
    end();
}

TEST(a_signature_under_another_key_id_is_found)
{
    made_short();
    take_note();
    char *line = strstr(sign_note, TALLY_NOTE_DASH);
    REQUIRE(line != NULL);
    char *base64 = strchr(line + strlen(TALLY_NOTE_DASH), ' ') + 1;
    base64[1] = base64[1] == 'A' ? 'B' : 'A'; /* within the four bytes */
    put_note(sign_note, sign_length);
    CHECK(is_found(TALLY_REASON_WRONG_KEY_ID));
    end();
}

TEST(a_head_by_the_old_key_after_a_rotation_is_an_unknown_key)
{
    char old_key[TALLY_KEY_TEXT_BYTES], skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    begin_signed();
    append_many(0, 6);
    (void)checkpoint_now();
    memcpy(old_key, sign_skey, sizeof old_key);
    CHECK_STATUS(tally_key_make(wrapped, text(sign_origin), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    put_file(world, "keys/new", skey, strlen(skey));
    tally_signing rotated = {.size = sizeof rotated, .key_path = text("keys/new")};
    CHECK_STATUS(tally_store_rotate_key(store, &rotated, NULL), TALLY_OK);
    for (uint64_t i = 0; i < 3; i++) {
        append_many(10 + i, 1);
        (void)checkpoint_now();
    }
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(10); /* the key of before is enough: it has confirmed the new one */
    CHECK_EQ(verified.covered, 10);
    /* Whoever has stolen the old key goes on with it. */
    tally_signing stolen = {.size = sizeof stolen, .key_text = text(old_key)};
    tally_text believed = text(vkey);
    stolen.verify_keys = &believed;
    stolen.verify_key_count = 1;
    REQUIRE_STATUS(open_signed(&stolen), TALLY_OK);
    append_many(20, 1);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(is_found(TALLY_REASON_UNKNOWN_KEY));
    CHECK_EQ(verified.events, 11);
    end();
}

TEST(a_checkpoints_file_that_does_not_check_is_unreadable)
{
    made_short();
    uint8_t byte = 0xff;
    patch_file("store/CHECKPOINTS", 30, &byte, 1);
    CHECK(is_found(TALLY_REASON_UNREADABLE));
    CHECK_TEXT(verified.file, "CHECKPOINTS");
    end();
}

/* ----------------------------------------------------------------------------------------- indexes */

static void fix_page(uint32_t seed, uint64_t offset)
{
    uint8_t place[8];
    tally_store_u64(place, offset);
    uint32_t crc = tally_crc32c_update(seed, place, sizeof place);
    tally_store_u32(tamper_file + offset + 4092, tally_crc32c(crc, tamper_file + offset, 4092));
}

/* Whether a reader finds an event by its id. */
static tally_status find_by_id(const tally_uuid *id)
{
    uint64_t position;
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    tally_status status = tally_store_find_id(store, id, &position, NULL);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    return status;
}

TEST(a_forged_index_that_hides_an_event_from_a_query_is_found)
{
    made_long();
    tally_folder folder;
    tally_segment *segment;
    tally_event event;
    tally_uuid id;
    CHECK_STATUS(tally_folder_init(&folder, world, "store", 5, 0600, NULL), TALLY_OK);
    REQUIRE_STATUS(tally_segment_open(&folder, 0, 0, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, false, &segment, NULL),
                   TALLY_OK);
    uint64_t ids = segment->known.ids->offset;
    uint32_t seed = segment->seed;
    tally_segment_release(segment);
    read_whole(tamper_path(0));
    uint32_t count = tally_load_u32(tamper_file + ids);
    CHECK(36 + 8 * count < 4092);
    uint32_t ordinal = tally_load_u32(tamper_file + ids + 36 + 4 * count + 4);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(open_store(&options), TALLY_OK);
    REQUIRE_STATUS(get_event(ordinal, &event), TALLY_OK);
    id = event.id;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(find_by_id(&id), TALLY_OK);
    tamper_file[ids + 36 + 4] ^= 1;
    fix_page(seed, ids);
    patch_file(tamper_path(0), ids, tamper_file + ids, 4096);
    CHECK_STATUS(find_by_id(&id), TALLY_E_NOT_FOUND);
    CHECK(is_found(TALLY_REASON_INDEX_WRONG));
    CHECK(strstr(verified.message, "IDIX") != NULL);
    end();
}

/* One bit of each section, with its page's checksum. */
TEST(each_forged_index_is_found)
{
    made_long();
    tally_folder folder;
    tally_segment *segment;
    CHECK_STATUS(tally_folder_init(&folder, world, "store", 5, 0600, NULL), TALLY_OK);
    REQUIRE_STATUS(tally_segment_open(&folder, 0, 0, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, false, &segment, NULL),
                   TALLY_OK);
    CHECK(segment->sealed);
    uint64_t names = segment->known.names->offset;
    uint64_t offsets = segment->known.offsets->offset;
    uint64_t postings = segment->known.postings->offset;
    uint64_t ids = segment->known.ids->offset;
    uint64_t times = segment->known.times->offset;
    uint32_t seed = segment->seed;
    tally_segment_release(segment);
    read_whole(tamper_path(0));
    struct {
        uint64_t page;
        uint64_t offset;
        const char *name;
    } forgeries[] = {{names, names + 8 + 16, "NAME"},   {names, names + 8 + 8, "NAME"}, {offsets, offsets + 8, "OFFS"},
                     {postings, postings + 12, "POST"}, {ids, ids + 40, "IDIX"},        {times, times + 8, "TIME"},
                     {names, names + 8 + 24, "NAME"}};
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        uint8_t page[4096];
        memcpy(page, tamper_file + forgeries[i].page, sizeof page);
        tamper_file[forgeries[i].offset] ^= 1;
        fix_page(seed, forgeries[i].page);
        patch_file(tamper_path(0), forgeries[i].page, tamper_file + forgeries[i].page, 4096);
        if (!is_found(TALLY_REASON_INDEX_WRONG)) printf("# forgery %zu of %s\n", i, forgeries[i].name);
        CHECK_EQ(verified.reason, TALLY_REASON_INDEX_WRONG);
        CHECK_TEXT(verified.file, "00000000.00.seg");
        memcpy(tamper_file + forgeries[i].page, page, sizeof page);
        patch_file(tamper_path(0), forgeries[i].page, page, sizeof page);
    }
    CHECK(is_found(TALLY_REASON_NONE));
    end();
}

TEST(a_tree_that_lies_is_a_wrong_index_when_a_head_was_signed)
{
    made_long();
    uint8_t byte;
    read_whole("store/tree/0.tile");
    byte = tamper_file[32 * 77] ^ 1;
    patch_file("store/tree/0.tile", 32 * 77, &byte, 1);
    CHECK(is_found(TALLY_REASON_INDEX_WRONG));
    CHECK_TEXT(verified.file, "tree/0.tile");
    CHECK_EQ(verified.offset, 32 * 77);
    patch_file("store/tree/0.tile", 32 * 77, tamper_file + 32 * 77, 1);
    read_whole("store/tree/4.tile");
    byte = tamper_file[32 * 5] ^ 1;
    patch_file("store/tree/4.tile", 32 * 5, &byte, 1);
    CHECK(is_found(TALLY_REASON_INDEX_WRONG));
    CHECK_TEXT(verified.file, "tree/4.tile");
    end();
}

TEST(quick_finds_an_event_that_is_not_the_one_in_the_tree)
{
    sign_vkey[0] = '\0';
    begin();
    append_many(0, 6);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tamper_load(0);
    tamper_events[3].core.time_us++;
    tamper_events[3].core.time_logical = 0;
    tamper_store(0, 0);
    CHECK_EQ(verify_all_ways(TALLY_VERIFY_QUICK), TALLY_REASON_CORE_CHANGED);
    CHECK_EQ(verified.position, 3);
    end();
}
