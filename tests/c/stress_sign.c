/* Threads that append, ask for heads and proofs, rotate keys and close, over a store that signs in the background. */
#include "stress.h"

#include "signs.h"

#define APPENDERS 2
#define ASKERS 3

static _Atomic(uint64_t) proofs;
static _Atomic(bool) over;

static bool is_gone(tally_status status) { return status == TALLY_E_CLOSED || status == TALLY_E_NULL; }

static void *append_events(void *argument)
{
    dice mine = dice_of((uint64_t)(uintptr_t)argument);
    while (!atomic_load(&over) && !test_has_failed()) {
        tally_draft one = draft("a/1", "some data");
        tally_append_options options = at_level(1 + roll(&mine, 3));
        tally_status status = tally_store_append(store, &one, &options, NULL, NULL);
        if (is_gone(status)) break;
        CHECK_STATUS(status, TALLY_OK);
    }
    return NULL;
}

/* Each head extends the one that this thread saw before. */
static bool ask_head(tally_checkpoint *before)
{
    char note[4096];
    size_t length, count;
    tally_hash hashes[TALLY_CONSISTENCY_HASHES_MAX];
    tally_checkpoint checkpoint;
    tally_status status = tally_store_checkpoint(store, note, sizeof note, &length, NULL);
    if (is_gone(status)) return false;
    CHECK_STATUS(status, TALLY_OK);
    if (status != TALLY_OK) return false;
    CHECK_STATUS(tally_checkpoint_read(note, length, &checkpoint, NULL), TALLY_OK);
    CHECK(checkpoint.size >= before->size);
    status = tally_store_consistency(store, before->size, checkpoint.size, hashes, 65, &count, NULL, NULL);
    if (is_gone(status)) return false;
    CHECK_STATUS(status, TALLY_OK);
    if (before->size != 0) {
        CHECK_STATUS(tally_consistency_verify(before->size, &before->root, checkpoint.size, &checkpoint.root, hashes,
                                              count, NULL),
                     TALLY_OK);
    }
    *before = checkpoint;
    return true;
}

static bool ask_proof(dice *mine)
{
    char proof[16384], room[8192];
    size_t length;
    tally_proven proven;
    tally_watermarks marks;
    if (tally_store_watermarks(store, &marks, NULL) != TALLY_OK) return false;
    if (marks.buffered == 0) return true;
    uint64_t position = roll(mine, (uint32_t)marks.buffered);
    tally_status status = tally_store_prove(store, position, proof, sizeof proof, &length, NULL);
    if (is_gone(status)) return false;
    CHECK_STATUS(status, TALLY_OK);
    tally_text key = text(sign_vkey);
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    if (status == TALLY_OK) {
        CHECK_STATUS(tally_proof_verify(proof, length, NULL, 0, &policy, room, sizeof room, &proven, NULL), TALLY_OK);
        CHECK_EQ(proven.position, position);
    }
    atomic_fetch_add(&proofs, 1);
    return true;
}

static void *ask(void *argument)
{
    dice mine = dice_of(500 + (uint64_t)(uintptr_t)argument);
    tally_checkpoint before = {.size = 0};
    while (!atomic_load(&over) && !test_has_failed()) {
        tally_signing_state state;
        bool goes_on = roll(&mine, 4) == 0 ? ask_head(&before) : ask_proof(&mine);
        if (!goes_on || tally_store_signing_get(store, &state, NULL) != TALLY_OK) break;
        CHECK_EQ(state.failures, 0);
    }
    return NULL;
}

static void run(bool close_in_between)
{
    pthread_t threads[APPENDERS + ASKERS];
    atomic_store(&over, false);
    atomic_store(&proofs, 0);
    for (uintptr_t i = 0; i < APPENDERS; i++) (void)pthread_create(&threads[i], NULL, append_events, (void *)i);
    for (uintptr_t i = 0; i < ASKERS; i++) (void)pthread_create(&threads[APPENDERS + i], NULL, ask, (void *)i);
    uint64_t wanted = stress_load(5000);
    if (close_in_between) wanted /= 5;
    stress_begin();
    while (atomic_load(&proofs) < wanted && !stress_is_over() && !test_has_failed())
        tally_platform_default()->sleep_ns(NULL, 1000000);
    tally_store *same = store;
    if (close_in_between) CHECK_STATUS(tally_store_close(&same), TALLY_OK);
    atomic_store(&over, true);
    for (size_t i = 0; i < APPENDERS + ASKERS; i++) (void)pthread_join(threads[i], NULL);
}

static void begin_in_background(void)
{
    begin();
    make_key(wrapped, "keys/log");
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    static tally_signing signing;
    signing = signing_with_key();
    tally_store_options options = store_options();
    options.flags = 0;
    options.signing = &signing;
    CHECK_STATUS(open_store(&options), TALLY_OK);
}

TEST(heads_and_proofs_hold_while_threads_append)
{
    begin_in_background();
    run(false);
    uint64_t end_position = marks_now().buffered;
    CHECK_EQ(checkpoint_now().size, end_position);
    end();
}

TEST(a_store_is_closed_while_threads_ask_for_proofs)
{
    begin_in_background();
    run(true);
    store = NULL;
    tally_signing signing = signing_with_key();
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
    tally_signing_state state;
    CHECK_STATUS(tally_store_signing_get(store, &state, NULL), TALLY_OK);
    CHECK_EQ(state.signed_size, marks_now().durable);
    end();
}
