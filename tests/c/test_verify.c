/* Verification of stores that are whole, of all shapes; and how it ends when it cannot go on. */
#include "test.h"

#include "log/frame.h"
#include "log/segment.h"
#include "verifies.h"

TEST(an_empty_store_is_intact)
{
    begin();
    check_open_intact(0);
    reopen();
    check_open_intact(0);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(0);
    end();
}

TEST(an_unsealed_store_is_intact_while_it_is_open_and_at_rest)
{
    begin();
    append_many(0, 50);
    check_open_intact(50);
    check_intact(50);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(50);
    CHECK_EQ(verified.covered, 0);
    CHECK_EQ(verified.signed_heads, 0);
    end();
}

TEST(a_store_of_many_segments_with_runs_is_intact)
{
    begin();
    append_many(0, 4000);
    while (figures_now().sealed_segments < 9) work();
    work();
    check_open_intact(4000);
    check_intact(4000);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(4000);
    end();
}

TEST(a_signed_store_is_intact_and_covered)
{
    begin_signed();
    append_many(0, 3000);
    while (figures_now().sealed_segments < 5) work();
    (void)checkpoint_now();
    append_many(3000, 10);
    check_open_intact(3010);
    check_intact(3010);
    CHECK_EQ(verified.covered, 3000);
    CHECK(verified.signed_heads >= 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(3010);
    CHECK_EQ(verified.covered, 3010);
    end();
}

TEST(a_read_only_store_verifies_what_it_shows)
{
    begin_signed();
    append_many(0, 700);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(open_store(&options), TALLY_OK);
    check_open_intact(700);
    CHECK_EQ(verified.covered, 700);
    end();
}

TEST(stores_whose_key_was_rotated_are_intact_by_either_key)
{
    char old_key[TALLY_KEY_TEXT_BYTES], skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    begin_signed();
    append_many(0, 6);
    (void)checkpoint_now();
    memcpy(old_key, sign_vkey, sizeof old_key);
    CHECK_STATUS(tally_key_make(wrapped, text(sign_origin), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    put_file(world, "keys/new", skey, strlen(skey));
    tally_signing rotated = {.size = sizeof rotated, .key_path = text("keys/new")};
    CHECK_STATUS(tally_store_rotate_key(store, &rotated, NULL), TALLY_OK);
    for (uint64_t i = 0; i < 4; i++) {
        append_many(10 + i, 1);
        (void)checkpoint_now();
    }
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(11);
    CHECK_EQ(verified.covered, 11);
    memcpy(sign_vkey, vkey, sizeof vkey);
    check_intact(11);
    CHECK_EQ(verified.covered, 11);
    tally_text both[] = {{old_key, strlen(old_key)}, {vkey, strlen(vkey)}};
    tally_verify_options options = verify_options();
    options.keys = both;
    options.key_count = 2;
    CHECK_EQ(verify_with(&options)->intact, 1);
    end();
}

TEST(without_keys_signatures_are_not_looked_at_and_the_report_says_so)
{
    begin_signed();
    append_many(0, 6);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_verify_options options = verify_options();
    options.keys = NULL;
    options.key_count = 0;
    CHECK_EQ(verify_with(&options)->intact, 1);
    CHECK_EQ(verified.covered, 0);
    CHECK_EQ(verified.signed_heads, 0);
    CHECK(strstr(verified.message, "no signature was looked at") != NULL);
    end();
}

TEST(since_a_head_only_what_follows_is_verified)
{
    static char note[TALLY_NOTE_BYTES_MAX];
    begin_signed();
    append_many(0, 1200);
    (void)checkpoint_now();
    size_t length = sign_length;
    memcpy(note, sign_note, length);
    append_many(1200, 300);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    for (int without_tree = 0; without_tree < 2; without_tree++) {
        tally_verify_options options = verify_options();
        options.since = (tally_text){note, length};
        for (options.threads = 1; options.threads < 4; options.threads++) {
            CHECK_EQ(verify_with(&options)->intact, 1);
            if (verified.intact == 0) printf("# %s\n", verified.message);
            CHECK_EQ(verified.events, 300);
            CHECK_EQ(verified.covered, 300);
        }
        options.mode = TALLY_VERIFY_QUICK;
        CHECK_EQ(verify_with(&options)->intact, 1);
        int32_t os_error;
        (void)world->remove_file(world->context, "store/tree/0.tile", &os_error);
    }
    /* Of another log. */
    note[0] = 'S';
    tally_verify_options options = verify_options();
    options.since = (tally_text){note, length};
    CHECK_EQ(verify_with(&options)->reason, TALLY_REASON_WRONG_ORIGIN);
    end();
}

TEST(the_root_is_that_of_the_checkpoint)
{
    begin_signed();
    append_many(0, 333);
    tally_checkpoint checkpoint = checkpoint_now();
    check_open_intact(333);
    CHECK_BYTES(&verified.root, &checkpoint.root, sizeof checkpoint.root);
    end();
}

/* Whoever guesses where a commit begins finds this one. */
TEST(a_mark_inside_of_data_leads_nobody_astray)
{
    static uint8_t data[40000];
    begin();
    append_many(0, 1);
    /* A mark as it would stand in this segment, many times. */
    uint8_t header[4096], mark_bytes[64];
    tally_segment_header decoded;
    REQUIRE(get_file(world, "store/00000000.00.seg", header, sizeof header) == sizeof header);
    REQUIRE_STATUS(tally_segment_header_decode(header, sizeof header, &decoded, NULL), TALLY_OK);
    tally_mark mark = {.commit = 3, .first_position = 5, .count = 1, .first_offset = 4096};
    tally_mark_encode(tally_frame_seed(decoded.salt), &mark, mark_bytes);
    for (size_t i = 0; i + 64 <= sizeof data; i += 64) memcpy(data + i, mark_bytes, 64);
    tally_append_options options = at_level(TALLY_DURABLE);
    tally_draft one = draft("a", "");
    one.data = data;
    one.length = sizeof data;
    CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
    append_many(1, 40);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    sign_vkey[0] = '\0';
    check_intact(42);
    end();
}

/* ---------------------------------------------------------------------------------------- progress */

typedef struct watcher {
    uint64_t calls, last, stop_at;
    bool closes;
} watcher;

static int32_t watch(void *user_data, uint64_t done, uint64_t total)
{
    watcher *at = user_data;
    CHECK(done >= at->last && done <= total);
    at->last = done;
    if (at->closes) (void)tally_store_close(&store);
    return ++at->calls == at->stop_at;
}

TEST(progress_is_told_and_its_answer_cancels)
{
    watcher at = {.stop_at = 0};
    begin();
    append_many(0, 12000);
    tally_verify_options options = verify_options();
    options.progress = watch;
    options.user_data = &at;
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_OK);
    CHECK(at.calls >= 2);
    for (options.threads = 1; options.threads < 4; options.threads++) {
        at = (watcher){.stop_at = 2};
        CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_INTERRUPTED);
        CHECK_EQ(at.calls, 2);
        CHECK_EQ(verified.events, 0);
    }
    at = (watcher){.closes = true};
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_CLOSED);
    CHECK(store == NULL);
    end();
}

/* ---------------------------------------------------------------------------------------- arguments */

TEST(arguments_are_checked)
{
    begin();
    tally_verify_options options = verify_options();
    tally_text bad_key = text("no key");
    CHECK_STATUS(tally_store_verify(store, &options, NULL, NULL), TALLY_E_NULL);
    options.mode = 3;
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_OPTION);
    options = verify_options();
    options.keys = &bad_key;
    options.key_count = 1;
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_KEY);
    options.keys = NULL;
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_NULL);
    options = verify_options();
    options.since = text("no note");
    CHECK_STATUS(tally_store_verify(store, &options, &verified, NULL), TALLY_E_FORMAT);
    options = verify_options();
    CHECK_STATUS(tally_verify("nothing", 7, &options, &verified, NULL), TALLY_E_NOT_FOUND);
    CHECK_STATUS(tally_verify("store", 5, &options, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_verify(NULL, 5, &options, &verified, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_store_verify(store, NULL, &verified, NULL), TALLY_OK);
    CHECK_EQ(verified.intact, 1);
    end();
}

TEST(reasons_have_names)
{
    CHECK_TEXT(tally_reason_name(TALLY_REASON_NONE), "none");
    CHECK_TEXT(tally_reason_name(TALLY_REASON_WRONG_KEY_ID), "wrong_key_id");
    CHECK_TEXT(tally_reason_name(TALLY_REASON_UNREADABLE), "unreadable");
    for (uint32_t i = 0; i <= TALLY_REASON_UNREADABLE; i++) CHECK(strcmp(tally_reason_name(i), "unknown") != 0);
    CHECK_TEXT(tally_reason_name(TALLY_REASON_UNREADABLE + 1), "unknown");
    CHECK_TEXT(tally_reason_name(UINT32_MAX), "unknown");
}

/* ----------------------------------------------------------------------------------------- failures */

static uint32_t failing_threads;

static void verify_once(const tally_platform *platform, void *user_data)
{
    tally_verify_options options = verify_options();
    options.threads = failing_threads;
    (void)platform, (void)user_data;
    memset(&verify_error, 0, sizeof verify_error);
    tally_status status = tally_verify("store", 5, &options, &verified, &verify_error);
    /* Never "intact" but when it is; never a reason that is a lie. */
    if (status == TALLY_OK && !verified.intact) {
        /* Pages that cannot be read do not check. */
        bool good = verified.reason == TALLY_REASON_UNREADABLE || verified.reason == TALLY_REASON_INDEX_WRONG;
        if (!good) printf("# %s: %s\n", tally_reason_name(verified.reason), verified.message);
        CHECK(good);
    }
    if (status == TALLY_OK && verified.intact) CHECK_EQ(verified.events, 700);
}

TEST(each_call_that_fails_is_an_error_or_unreadable_and_never_a_lie)
{
    begin_signed();
    append_many(0, 700);
    while (figures_now().sealed_segments < 2) work();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    for (failing_threads = 1; failing_threads <= 2; failing_threads++) {
        uint64_t leaks = 0;
        wrap_fault fault = {
            .calls = WRAP_FALLIBLE & ~WRAP_BIT(WRAP_CLOSE_FILE), .kind = WRAP_FAIL, .status = TALLY_E_IO};
        uint64_t count = wrap_each_failure(wrapped, fault, verify_once, NULL, &leaks);
        CHECK_EQ(leaks, 0);
        CHECK(count > 50);
    }
    verify_once(wrapped, NULL);
    CHECK_EQ(verified.intact, 1);
    end();
}

TEST(each_allocation_that_fails_in_an_open_store_is_told)
{
    begin_signed();
    append_many(0, 700);
    while (figures_now().sealed_segments < 2) work();
    for (uint64_t skip = 0; skip < 60; skip++) {
        tally_verify_options options = verify_options();
        wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_MEMORY, .skip = skip, .kind = WRAP_FAIL});
        tally_status status = tally_store_verify(store, &options, &verified, NULL);
        bool hit = wrap_fault_hit(wrapped);
        wrap_fault_set(wrapped, NULL);
        if (!hit) break;
        CHECK(status == TALLY_E_NO_MEMORY || (status == TALLY_OK && verified.intact));
    }
    check_open_intact(700);
    end();
}

/* ----------------------------------------------------------------------------------- while appending */

static void append_in_background(void *user_data)
{
    (void)user_data;
    for (uint64_t i = 0; i < 12; i++) append_many(i * 100, 100);
}

TEST(a_store_is_verified_while_others_append_and_seal)
{
    tally_thread_id thread;
    int32_t os_error;
    sign_vkey[0] = '\0';
    begin_threaded();
    append_many(0, 10);
    REQUIRE_STATUS(world->start_thread(world->context, append_in_background, NULL, &thread, &os_error), TALLY_OK);
    uint64_t last = 0;
    while (last < 1000) {
        tally_verify_options options = verify_options();
        options.threads = 2;
        CHECK_STATUS(tally_store_verify(store, &options, &verified, &verify_error), TALLY_OK);
        if (!verified.intact) printf("# open: %s\n", verified.message);
        CHECK_EQ(verified.intact, 1);
        CHECK(verified.events >= last);
        last = verified.events;
        CHECK_EQ(verify_with(&options)->intact, 1);
        if (!verified.intact) printf("# directory: %s\n", verified.message);
        if (test_has_failed()) break;
    }
    world->join_thread(world->context, thread);
    end();
}
