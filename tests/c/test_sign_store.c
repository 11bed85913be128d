/* Stores whose heads are signed: keys, heads, proofs, what is refused at open. */
#include "test.h"

#include "signs.h"

static void append_some(uint64_t count)
{
    char data[32];
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(data, sizeof data, "event %" PRIu64, i);
        (void)append_one(i % 2 == 0 ? "a/1" : "b/2", data, TALLY_BUFFERED);
    }
}

static tally_signing_state state_now(void)
{
    tally_signing_state state;
    CHECK_STATUS(tally_store_signing_get(store, &state, NULL), TALLY_OK);
    return state;
}

TEST(an_unsigned_store_says_its_origin_and_that_it_is_unsigned)
{
    begin();
    tally_signing_state state = state_now();
    CHECK_EQ(state.is_signed, 0);
    CHECK_EQ(strlen(state.origin), strlen("store/") + 32);
    CHECK_TEXT(state.vkey, "");
    append_some(3);
    tally_checkpoint checkpoint = checkpoint_now();
    CHECK_EQ(checkpoint.size, 3);
    CHECK(memchr(sign_note, 0xE2, sign_length) == NULL); /* no signature line */
    CHECK_STATUS(tally_store_prove(store, 0, sign_note, sizeof sign_note, &sign_length, NULL), TALLY_E_UNSIGNED);
    end();
}

TEST(a_checkpoint_of_a_signed_store_is_signed_by_its_key)
{
    begin_signed();
    append_some(5);
    tally_checkpoint checkpoint = checkpoint_now();
    CHECK_EQ(checkpoint.size, 5);
    tally_text key = text(sign_vkey);
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    tally_signed signatures;
    CHECK_STATUS(tally_checkpoint_verify(sign_note, sign_length, &policy, &checkpoint, &signatures, NULL), TALLY_OK);
    CHECK_EQ(signatures.by_log, 1);
    tally_signing_state state = state_now();
    CHECK_EQ(state.is_signed, 1);
    CHECK_EQ(state.is_guarded, 1);
    CHECK_EQ(state.signed_size, 5);
    CHECK_EQ(state.tree_size, 5);
    CHECK_TEXT(state.vkey, sign_vkey);
    end();
}

TEST(every_event_is_proven_with_nothing_but_the_key)
{
    begin_signed();
    for (uint64_t size = 1; size <= 70; size++) {
        append_some(1);
        if (size % 7 != 0) continue;
        (void)checkpoint_now();
        for (uint64_t i = 0; i < size; i++) CHECK_STATUS(check_event(i, sign_vkey), TALLY_OK);
    }
    CHECK_STATUS(check_event(70, sign_vkey), TALLY_E_RANGE);
    end();
}

TEST(proofs_outlive_rotation_reopening_and_read_only)
{
    begin_signed();
    tally_signing signing = signing_with_key();
    append_some(2000); /* some segments of 64 KiB */
    while (figures_now().sealed_segments < 3) work();
    (void)checkpoint_now();
    for (uint64_t i = 0; i < 2000; i += 37) CHECK_STATUS(check_event(i, sign_vkey), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 2000);
    CHECK_EQ(state_now().tree_size, 2000); /* the files were believed: they fold to the root that was signed */
    for (uint64_t i = 0; i < 2000; i += 41) CHECK_STATUS(check_event(i, sign_vkey), TALLY_OK);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(open_store(&options), TALLY_OK);
    CHECK_EQ(state_now().is_signed, 1);
    for (uint64_t i = 0; i < 2000; i += 401) CHECK_STATUS(check_event(i, sign_vkey), TALLY_OK);
    end();
}

TEST(consistency_holds_between_any_two_sizes)
{
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    tally_hash roots[2];
    size_t count;
    begin_signed();
    append_some(40);
    (void)checkpoint_now();
    for (uint64_t new_size = 0; new_size <= 40; new_size++) {
        for (uint64_t old_size = 0; old_size <= new_size; old_size++) {
            CHECK_STATUS(tally_store_consistency(store, old_size, new_size, hashes, TALLY_CONSISTENCY_HASHES_MAX,
                                                 &count, roots, NULL),
                         TALLY_OK);
            CHECK_STATUS(tally_consistency_verify(old_size, &roots[0], new_size, &roots[1], hashes, count, NULL),
                         TALLY_OK);
        }
    }
    CHECK_STATUS(tally_store_consistency(store, 2, 1, hashes, 65, &count, NULL, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_consistency(store, 2, 41, hashes, 65, &count, NULL, NULL), TALLY_E_RANGE);
    CHECK_STATUS(tally_store_consistency(store, 7, 40, hashes, 1, &count, NULL, NULL), TALLY_E_SPACE);
    CHECK(count > 1);
    end();
}

TEST(the_last_head_is_made_at_close)
{
    begin_signed();
    tally_signing signing = signing_with_key();
    append_some(9);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 9);
    end();
}

TEST(the_background_signs_soon_after_a_durable_commit)
{
    begin_signed();
    tally_signing signing = signing_with_key();
    tally_store_options options = store_options();
    options.flags = 0;
    options.signing = &signing;
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_store(&options), TALLY_OK);
    (void)append_one("a", "x", TALLY_DURABLE);
    uint64_t before = wrapped->monotonic_ns(wrapped->context);
    uint64_t limit = before + UINT64_C(2000000000);
    while (state_now().signed_size == 0 && wrapped->monotonic_ns(wrapped->context) < limit)
        wrapped->sleep_ns(wrapped->context, 1000000);
    CHECK_EQ(state_now().signed_size, 1);
    end();
}

TEST(a_restored_older_directory_is_a_rollback)
{
    begin_signed();
    tally_signing signing = signing_with_key();
    append_some(5);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    uint8_t older[4096];
    size_t length = get_file(wrapped, "keys/log.signed", older, sizeof older);
    CHECK_EQ(length, 4096);
    /* Another copy of the log goes on elsewhere: here, a memory that has seen more. */
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_some(3);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 8);
    end();
}

TEST(a_wrong_key_is_refused)
{
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = {.size = sizeof signing, .key_text = text("PRIVATE+KEY+nonsense")};
    CHECK_STATUS(open_signed(&signing), TALLY_E_KEY);
    CHECK_STATUS(tally_key_make(wrapped, text("another/log"), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    signing.key_text = text(skey);
    CHECK_STATUS(open_signed(&signing), TALLY_E_ORIGIN);
    CHECK_STATUS(tally_key_make(wrapped, text(sign_origin), TALLY_KEY_OF_WITNESS, skey, vkey, NULL), TALLY_OK);
    signing.key_text = text(skey);
    CHECK_STATUS(open_signed(&signing), TALLY_E_KEY);
    signing.key_text = (tally_text){NULL, 0};
    signing.key_path = text("keys/missing");
    CHECK_STATUS(open_signed(&signing), TALLY_E_NOT_FOUND);
    signing = (tally_signing){.size = sizeof signing, .flags = TALLY_SIGNING_REQUIRED};
    CHECK_STATUS(open_signed(&signing), TALLY_E_UNSIGNED);
    signing = signing_with_key();
    CHECK_STATUS(open_signed(&signing), TALLY_OK);
    end();
}

TEST(a_key_inside_the_store_is_refused)
{
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    put_file(wrapped, "store/key.new", sign_skey, strlen(sign_skey));
    tally_signing signing = {.size = sizeof signing, .key_path = text("store/key.new")};
    CHECK_STATUS(open_signed(&signing), TALLY_E_DENIED);
    signing = signing_with_key();
    signing.state_path = text("/store/state");
    CHECK_STATUS(open_signed(&signing), TALLY_E_DENIED);
    signing = signing_with_key();
    signing.mirror_path = text("store//mirror");
    CHECK_STATUS(open_signed(&signing), TALLY_E_DENIED);
    signing = signing_with_key();
    CHECK_STATUS(open_signed(&signing), TALLY_OK);
    end();
}

TEST(a_new_store_cannot_have_a_key_yet)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    CHECK_STATUS(tally_key_make(wrapped, text("store/x"), TALLY_KEY_OF_LOG, skey, vkey, NULL), TALLY_OK);
    tally_signing signing = {.size = sizeof signing, .key_text = text(skey)};
    CHECK_STATUS(open_signed(&signing), TALLY_E_ORIGIN);
    signing = (tally_signing){.size = sizeof signing, .flags = TALLY_SIGNING_REQUIRED};
    CHECK_STATUS(open_signed(&signing), TALLY_E_UNSIGNED);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_EXISTING;
    CHECK_STATUS(open_store(&options), TALLY_E_NOT_FOUND); /* nothing was made */
    end();
}

