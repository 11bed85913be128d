/* Signing over crashes: what a signed head covers survives every one, and no signer signs two histories. */
#include "test.h"

#include "images.h"
#include "signs.h"

#define HEADS_MAX 64

/* The heads that were given away, in the order in which they were. */
static struct {
    uint64_t size;
    tally_hash root;
} heads[HEADS_MAX];
static uint64_t head_count;
static wrap_recording *recorded;

static int32_t note_head(void *user_data, const char *note, size_t length)
{
    tally_checkpoint checkpoint;
    (void)user_data;
    CHECK_STATUS(tally_checkpoint_read(note, length, &checkpoint, NULL), TALLY_OK);
    if (head_count < HEADS_MAX) {
        heads[head_count].size = checkpoint.size;
        heads[head_count].root = checkpoint.root;
        head_count++;
    }
    if (recorded != NULL) wrap_note(recorded, 0, head_count);
    return 0;
}

static tally_signing signing_with_mirror(void)
{
    tally_signing signing = signing_with_key();
    signing.mirror = note_head;
    return signing;
}

/* A world with a store and its key, both on the device. */
static void begin_world(void)
{
    begin();
    make_key(wrapped, "keys/log");
    (void)append_one("a", "first", TALLY_DURABLE);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    head_count = 0;
}

static void end_world(void)
{
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

/* Two lives of a writer, with heads on request, at close and over events of all levels. */
static void sign_some(const tally_platform *platform, wrap_recording *recording, void *user_data)
{
    (void)user_data;
    tally_platform *before = wrapped;
    char data[32];
    wrapped = (tally_platform *)(uintptr_t)platform;
    recorded = recording;
    for (uint64_t life = 0; life < 2; life++) {
        tally_signing signing = signing_with_mirror();
        if (open_signed(&signing) != TALLY_OK) break;
        for (uint64_t i = 0; i < 3; i++) {
            (void)snprintf(data, sizeof data, "%" PRIu64 " of %" PRIu64, i, life);
            (void)append_one("a", data, i == 1 ? TALLY_DURABLE : TALLY_WRITTEN);
            if (i != 0) (void)checkpoint_now();
        }
        (void)append_one("b", "written", TALLY_WRITTEN);
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    }
    recorded = NULL;
    wrapped = before;
}

static void check_heads(uint64_t count)
{
    tally_hash roots[2];
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    size_t hash_count;
    for (uint64_t i = 0; i < count; i++) {
        tally_error error = {.status = TALLY_OK};
        tally_status status =
            tally_store_consistency(store, heads[i].size, heads[i].size, hashes, 65, &hash_count, roots, &error);
        CHECK_STATUS(status, TALLY_OK);
        if (status != TALLY_OK) printf("# head %" PRIu64 " over %" PRIu64 ": %s\n", i, heads[i].size, error.message);
        CHECK_BYTES(roots[1].bytes, heads[i].root.bytes, 32);
    }
}

static bool heads_hold(void *user_data, tally_platform *disk, const wrap_image *image)
{
    tally_platform *before = wrapped;
    uint64_t given = image->notes[0];
    uint64_t *opened = user_data;
    uint64_t all = head_count;
    wrapped = disk;
    tally_signing signing = signing_with_mirror();
    tally_status status = open_signed(&signing);
    CHECK_STATUS(status, TALLY_OK);
    if (status == TALLY_OK) {
        ++*opened;
        if (given != 0) CHECK(marks_now().durable >= heads[given - 1].size);
        check_heads(given);
        (void)append_one("c", "after the crash", TALLY_DURABLE);
        tally_checkpoint checkpoint = checkpoint_now();
        CHECK_EQ(checkpoint.size, marks_now().durable);
        check_heads(given);
        CHECK_STATUS(check_event(checkpoint.size - 1, sign_vkey), TALLY_OK);
        CHECK_STATUS(check_event(0, sign_vkey), TALLY_OK);
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    }
    head_count = all; /* those of this image are another world's */
    wrapped = before;
    return atomic_load(&test_problems) == 0;
}

TEST(what_a_signed_head_covers_survives_every_crash)
{
    uint64_t opened = 0;
    begin_world();
    wrap_images how = {.seed = 7, .random_count = 6, .exhaustive_up_to = 3};
    uint64_t images = wrap_each_crash(world, &how, sign_some, heads_hold, &opened);
    CHECK(images > 200);
    CHECK_EQ(opened, images);
    CHECK(head_count >= 4);
    printf("# %" PRIu64 " images, %" PRIu64 " heads\n", images, head_count);
    end_world();
}

/* ----------------------------------------------------------------------------------------- restores */

#define FILES_MAX 16

/* The files of a world that make up a store, or the signer's memory, as they were. */
typedef struct copy {
    size_t count;
    char names[FILES_MAX][64];
    uint8_t *bytes[FILES_MAX];
    size_t lengths[FILES_MAX];
} copy;

static int32_t copy_one(void *user_data, const char *name)
{
    copy *made = user_data;
    if (made->count == FILES_MAX) return 1;
    if (strcmp(name, "tree") == 0 || strcmp(name, "runs") == 0) return 0; /* what is made again stays */
    size_t i = made->count;
    (void)snprintf(made->names[i], sizeof made->names[i], "store/%s", name);
    made->bytes[i] = malloc(1 << 21);
    made->lengths[i] = get_file(wrapped, made->names[i], made->bytes[i], 1 << 21);
    if (made->lengths[i] == SIZE_MAX) free(made->bytes[i]);
    else made->count++;
    return 0;
}

static int32_t remove_one(void *user_data, const char *name)
{
    char path[64];
    int32_t os_error;
    (void)user_data;
    (void)snprintf(path, sizeof path, "store/%s", name);
    (void)wrapped->remove_file(wrapped->context, path, &os_error);
    return 0;
}

static void take_copy(copy *made)
{
    int32_t os_error;
    made->count = 0;
    CHECK_STATUS(wrapped->list_directory(wrapped->context, "store", copy_one, made, &os_error), TALLY_OK);
}

static void put_back(const copy *made)
{
    int32_t os_error;
    CHECK_STATUS(wrapped->list_directory(wrapped->context, "store", remove_one, NULL, &os_error), TALLY_OK);
    for (size_t i = 0; i < made->count; i++) {
        const char *name = made->names[i];
        put_file(wrapped, name, made->bytes[i], made->lengths[i]);
    }
}

static void free_copy(copy *made)
{
    for (size_t i = 0; i < made->count; i++) free(made->bytes[i]);
    made->count = 0;
}

static void live(uint64_t count, const char *data)
{
    tally_signing signing = signing_with_key();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    for (uint64_t i = 0; i < count; i++) (void)append_one("a", data, TALLY_BUFFERED);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

TEST(a_restored_older_directory_is_a_rollback)
{
    copy older;
    tally_store_options options;
    begin_world();
    live(3, "x");
    take_copy(&older);
    live(4, "y");
    put_back(&older);
    tally_signing signing = signing_with_key();
    CHECK_STATUS(open_signed(&signing), TALLY_E_ROLLBACK);
    /* Nothing was changed: without the key it opens, read-only too. */
    options = store_options();
    options.mode = TALLY_STORE_READ_ONLY;
    options.platform = wrapped;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    CHECK_EQ(marks_now().written, 4);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    /* Another history of the same length, or longer, is none that this key goes on with. */
    options.mode = TALLY_STORE_EXISTING;
    CHECK_STATUS(open_store(&options), TALLY_OK);
    for (int i = 0; i < 9; i++) (void)append_one("a", "z", TALLY_BUFFERED);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(open_signed(&signing), TALLY_E_ROLLBACK);
    free_copy(&older);
    end_world();
}

TEST(a_restored_older_memory_does_not_make_the_signer_forget)
{
    uint8_t older[4096];
    begin_world();
    live(3, "x");
    CHECK_EQ(get_file(wrapped, "keys/log.signed", older, sizeof older), 4096);
    live(4, "y");
    put_file(wrapped, "keys/log.signed", older, sizeof older);
    tally_signing signing = signing_with_mirror();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK); /* CHECKPOINTS remembers what the memory has forgotten */
    (void)append_one("a", "z", TALLY_BUFFERED);
    CHECK_EQ(checkpoint_now().size, 9);
    CHECK_EQ(head_count, 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    end_world();
}

TEST(a_remembered_head_guards_what_has_no_memory)
{
    copy older;
    begin_world();
    tally_signing signing = {
        .size = sizeof signing, .key_text = text(sign_skey), .remembered_path = text("keys/remembered")};
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    tally_signing_state state;
    CHECK_STATUS(tally_store_signing_get(store, &state, NULL), TALLY_OK);
    CHECK_EQ(state.is_guarded, 0);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    take_copy(&older);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    (void)append_one("a", "later", TALLY_BUFFERED);
    (void)checkpoint_now();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    put_back(&older);
    CHECK_STATUS(open_signed(&signing), TALLY_E_ROLLBACK);
    tally_store_options options = store_options();
    signing = (tally_signing){.size = sizeof signing, .remembered = {sign_note, sign_length}};
    options.mode = TALLY_STORE_READ_ONLY;
    options.signing = &signing;
    CHECK_STATUS(open_store(&options), TALLY_E_ROLLBACK);
    free_copy(&older);
    end_world();
}

TEST(a_lost_end_that_was_signed_is_not_cut)
{
    begin_world();
    live(3, "x");
    static uint8_t segment[1 << 20];
    size_t length = get_file(wrapped, "store/00000000.00.seg", segment, sizeof segment);
    put_file(wrapped, "store/00000000.00.seg", segment, length - 300);
    tally_signing signing = signing_with_key();
    tally_status status = open_signed(&signing);
    CHECK(status == TALLY_E_ROLLBACK || status == TALLY_E_DAMAGED);
    tally_store_options options = store_options();
    options.platform = wrapped;
    CHECK_STATUS(open_store(&options), TALLY_E_DAMAGED); /* unsigned: CHECKPOINTS says so */
    CHECK_EQ(get_file(wrapped, "store/00000000.00.seg", segment, sizeof segment), length - 300);
    end_world();
}

/* -------------------------------------------------------------------------------------- every failure */

TEST(a_failure_of_any_call_signs_no_second_history)
{
    uint64_t refused = 0;
    begin_world();
    for (uint64_t k = 0; k < 400; k++) {
        tally_signing signing = signing_with_mirror();
        wrap_fault fault = {.calls = WRAP_FALLIBLE, .skip = k, .kind = WRAP_FAIL, .for_ever = k % 2 != 0};
        wrap_fault_set(wrapped, &fault);
        tally_store_options options = store_options();
        options.signing = &signing;
        if (tally_store_open("store", 5, &options, &store, NULL) == TALLY_OK) {
            tally_draft one = draft("a", "x");
            if (tally_store_append(store, &one, NULL, NULL, NULL) != TALLY_OK) refused++;
            (void)tally_store_checkpoint(store, sign_note, sizeof sign_note, &sign_length, NULL);
            CHECK_STATUS(tally_store_close(&store), TALLY_OK);
        } else {
            refused++;
        }
        wrap_fault_set(wrapped, NULL);
        CHECK_EQ(wrap_open_files(wrapped), 0);
        CHECK_EQ(wrap_blocks(wrapped), 0);
        if (k % 16 != 15) continue;
        REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
        check_heads(head_count);
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
        head_count = 0;
    }
    CHECK(refused > 50);
    end_world();
}
