/* Stores whose heads are signed: keys, heads, proofs, what is refused at open. */
#include "test.h"

#include "proof/note.h"
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

/* ------------------------------------------------------------------------------------------- the tree */

static void break_tile(const char *path, size_t at)
{
    static uint8_t tile[1 << 20];
    size_t length = get_file(wrapped, path, tile, sizeof tile);
    if (length == SIZE_MAX || at >= length) return;
    tile[at] ^= 1;
    put_file(wrapped, path, tile, length);
}

static void remove_tiles(void)
{
    int32_t os_error;
    (void)wrapped->remove_file(wrapped->context, "store/tree/0.tile", &os_error);
    (void)wrapped->remove_file(wrapped->context, "store/tree/4.tile", &os_error);
    (void)wrapped->remove_file(wrapped->context, "store/tree/8.tile", &os_error);
}

static void check_all(uint64_t count)
{
    for (uint64_t i = 0; i < count; i += 3) CHECK_STATUS(check_event(i, sign_vkey), TALLY_OK);
}

TEST(a_tree_that_is_damaged_or_missing_is_made_again)
{
    begin_signed();
    tally_signing signing = signing_with_key();
    append_some(300);
    (void)checkpoint_now();
    for (size_t at = 0; at < 300 * 32; at += 331) {
        break_tile("store/tree/0.tile", at);
        CHECK_STATUS(check_event(at / 32 ^ 1, sign_vkey), TALLY_OK);
        check_all(300);
    }
    for (size_t at = 0; at < 18 * 32; at += 31) {
        break_tile(at % 2 == 0 ? "store/tree/4.tile" : "store/tree/8.tile", at);
        check_all(300);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
        if (i == 0) remove_tiles();
        if (i == 1) break_tile("store/tree/4.tile", 5);
        if (i == 2) put_file(wrapped, "store/tree/0.tile", "short", 5);
        REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
        append_some(1);
        check_all(300 + (uint64_t)i);
    }
    /* Who only reads makes nothing, and proves all the same. */
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    remove_tiles();
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(open_store(&options), TALLY_OK);
    CHECK_STATUS(check_event(0, sign_vkey), TALLY_OK);
    CHECK_STATUS(check_event(301, sign_vkey), TALLY_OK);
    CHECK_EQ(get_file(wrapped, "store/tree/0.tile", sign_note, 1), SIZE_MAX);
    end();
}

/* ------------------------------------------------------------------- callbacks, mirrors, more signatures */

static uint64_t requests;
static bool signer_fails;

static int32_t sign_elsewhere(void *user_data, const tally_sign_request *request, uint8_t signature[64])
{
    (void)user_data;
    requests++;
    CHECK_STATUS(tally_consistency_verify(request->old_size, &request->old_root, request->new_size, &request->new_root,
                                          request->consistency, request->consistency_count, NULL),
                 TALLY_OK);
    CHECK_STATUS(tally_store_checkpoint(store, sign_note, sizeof sign_note, &sign_length, NULL),
                 store == NULL ? TALLY_E_NULL : TALLY_E_WOULD_BLOCK);
    if (signer_fails) return 7;
    tally_private_key key;
    CHECK_STATUS(tally_private_key_read(text(sign_skey), &key, NULL), TALLY_OK);
    tally_note_sign(&key, request->note, signature);
    return 0;
}

TEST(a_callback_signs_and_may_check_the_same)
{
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = {.size = sizeof signing, .signer = sign_elsewhere, .signer_key = text(sign_vkey)};
    requests = 0;
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(state_now().is_guarded, 0);
    append_some(4);
    (void)checkpoint_now();
    append_some(4);
    signer_fails = true;
    CHECK_STATUS(tally_store_checkpoint(store, sign_note, sizeof sign_note, &sign_length, NULL), TALLY_E_SIGNATURE);
    CHECK_EQ(state_now().failures, 1);
    CHECK(strstr(state_now().failure, "callback") != NULL);
    CHECK_EQ(state_now().signed_size, 4);
    signer_fails = false;
    CHECK_EQ(checkpoint_now().size, 8);
    CHECK_EQ(requests, 3);
    check_all(8);
    end();
}

static uint64_t mirrored;

static int32_t count_note(void *user_data, const char *note, size_t length)
{
    tally_checkpoint checkpoint;
    (void)user_data;
    CHECK_STATUS(tally_checkpoint_read(note, length, &checkpoint, NULL), TALLY_OK);
    mirrored++;
    return mirrored == 2 ? 5 : 0;
}

TEST(mirrors_get_each_head_and_their_failures_are_counted)
{
    char mirror[4096];
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = signing_with_key();
    signing.mirror = count_note;
    mirrored = 0;
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    for (int i = 0; i < 3; i++) {
        append_some(1);
        (void)checkpoint_now();
    }
    CHECK_EQ(mirrored, 3);
    CHECK_EQ(state_now().mirror_failures, 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    signing = signing_with_key();
    signing.mirror_path = text("keys/mirror");
    signing.remembered_path = text("keys/remembered");
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_some(1);
    (void)checkpoint_now();
    CHECK_EQ(get_file(wrapped, "keys/mirror", mirror, sizeof mirror), sign_length);
    CHECK_BYTES(mirror, sign_note, sign_length);
    CHECK_EQ(get_file(wrapped, "keys/remembered", mirror, sizeof mirror), sign_length);
    end();
}

TEST(a_note_with_cosignatures_is_kept_and_is_the_newest)
{
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES], line[512];
    size_t line_length;
    begin_signed();
    append_some(6);
    (void)checkpoint_now();
    CHECK_STATUS(tally_key_make(wrapped, text("witness.example/w"), TALLY_KEY_OF_WITNESS, skey, vkey, NULL), TALLY_OK);
    CHECK_STATUS(
        tally_witness_cosign(sign_note, sign_length, text(skey), 1700000000, line, sizeof line, &line_length, NULL),
        TALLY_OK);
    memcpy(sign_note + sign_length, line, line_length);
    size_t cosigned = sign_length + line_length;
    tally_text witness = text(vkey);
    CHECK_STATUS(tally_store_keep_note(store, sign_note, cosigned, &witness, 1, NULL), TALLY_OK);
    sign_note[cosigned - 5] ^= 1;
    tally_status bad = tally_store_keep_note(store, sign_note, cosigned, &witness, 1, NULL);
    CHECK(bad == TALLY_E_SIGNATURE || bad == TALLY_E_FORMAT);
    CHECK_EQ(checkpoint_now().size, 6);
    CHECK_EQ(sign_length, cosigned);
    CHECK_STATUS(check_event(2, sign_vkey), TALLY_OK);
    tally_signing signing = signing_with_key();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(checkpoint_now().size, 6);
    CHECK_EQ(sign_length, cosigned);
    CHECK_STATUS(tally_store_keep_note(store, "store/x\n0\nxx\n\n", 14, NULL, 0, NULL), TALLY_E_FORMAT);
    end();
}

/* ------------------------------------------------------------------------------------------- rotation */

static uint32_t signatures_by(const char *vkey)
{
    tally_checkpoint checkpoint;
    tally_signed signatures = {.by_log = 0};
    tally_text key = text(vkey);
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    (void)tally_checkpoint_verify(sign_note, sign_length, &policy, &checkpoint, &signatures, NULL);
    return signatures.by_log;
}

TEST(a_rotation_is_recorded_and_two_heads_carry_both_signatures)
{
    char old_vkey[TALLY_KEY_TEXT_BYTES];
    tally_event event;
    begin_signed();
    append_some(3);
    memcpy(old_vkey, sign_vkey, sizeof old_vkey);
    make_key(wrapped, "keys/second");
    tally_signing next = {.size = sizeof next, .key_path = text("keys/second")};
    CHECK_STATUS(tally_store_rotate_key(store, &next, NULL), TALLY_OK);
    CHECK_STATUS(tally_store_rotate_key(store, &next, NULL), TALLY_E_KEY); /* it signs already */
    CHECK_TEXT(state_now().vkey, sign_vkey);
    CHECK_EQ(checkpoint_now().size, 4);
    CHECK_EQ(signatures_by(old_vkey), 1);
    CHECK_EQ(signatures_by(sign_vkey), 1);
    CHECK_STATUS(get_event(3, &event), TALLY_OK);
    CHECK(event.stream.length == 5 && memcmp(event.stream.bytes, "$keys", 5) == 0);
    char json[TALLY_KEY_TEXT_BYTES + 64];
    (void)snprintf(json, sizeof json, "{\"first\":4,\"vkey\":\"%s\"}", sign_vkey);
    CHECK(has_data(&event, json));
    append_some(1);
    (void)checkpoint_now();
    CHECK_EQ(signatures_by(old_vkey), 1);
    append_some(1);
    (void)checkpoint_now();
    CHECK_EQ(signatures_by(old_vkey), 0);
    CHECK_EQ(signatures_by(sign_vkey), 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = {.size = sizeof signing, .key_path = text("keys/log"), .flags = TALLY_SIGNING_REQUIRED};
    CHECK_STATUS(open_signed(&signing), TALLY_E_UNKNOWN_KEY); /* the old key does not go on */
    signing.key_path = text("keys/second");
    CHECK_STATUS(open_signed(&signing), TALLY_OK);
    check_all(6);
    end();
}

TEST(an_unsigned_store_has_no_key_to_rotate)
{
    begin();
    make_key(wrapped, "keys/log");
    tally_signing signing = signing_with_key();
    CHECK_STATUS(tally_store_rotate_key(store, &signing, NULL), TALLY_E_UNSUPPORTED);
    end();
}

/* -------------------------------------------------------------------------------------- every commit */

TEST(durable_appends_wait_for_their_head_when_asked_for)
{
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = signing_with_key();
    signing.flags = TALLY_SIGNING_EVERY_COMMIT;
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    for (uint64_t i = 0; i < 5; i++) {
        (void)append_one("a", "x", TALLY_DURABLE);
        CHECK_EQ(state_now().signed_size, i + 1);
    }
    make_key(wrapped, "keys/second");
    tally_signing next = {.size = sizeof next, .key_path = text("keys/second")};
    CHECK_STATUS(tally_store_rotate_key(store, &next, NULL), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 6);
    end();
}

TEST(heads_that_need_not_be_kept_are_dropped_and_the_rest_stays_small)
{
    tally_signing signing = signing_with_key();
    begin_signed();
    for (uint64_t i = 0; i < 300; i++) {
        append_some(1);
        (void)checkpoint_now();
    }
    static uint8_t notes[1 << 20];
    CHECK(get_file(wrapped, "store/CHECKPOINTS", notes, sizeof notes) < 140 * 320);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 300);
    end();
}

TEST(a_backup_has_the_heads_that_it_reaches_and_goes_on_under_its_key)
{
    begin_signed();
    append_some(20);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_backup(store, "copy", 4, NULL, NULL, NULL), TALLY_OK);
    append_some(5);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_store_options options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    REQUIRE_STATUS(tally_store_open("copy", 4, &options, &store, NULL), TALLY_OK);
    CHECK_EQ(state_now().signed_size, 20);
    check_all(20);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = signing_with_key();
    options.mode = TALLY_STORE_EXISTING;
    options.signing = &signing;
    CHECK_STATUS(tally_store_open("copy", 4, &options, &store, NULL), TALLY_E_ROLLBACK); /* the store has gone on */
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    end();
}

static int32_t close_store(void *user_data, const char *note, size_t length)
{
    (void)user_data, (void)note, (void)length;
    tally_store *same = store;
    CHECK_STATUS(tally_store_close(&same), TALLY_OK); /* marked: the rest follows */
    return 0;
}

TEST(a_mirror_may_close_the_store)
{
    begin_signed();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_signing signing = signing_with_key();
    signing.mirror = close_store;
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    append_some(2);
    CHECK_EQ(checkpoint_now().size, 2);
    tally_signing_state state;
    CHECK_STATUS(tally_store_signing_get(store, &state, NULL), TALLY_E_CLOSED);
    store = NULL;
    end();
}
