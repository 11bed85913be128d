/* Short words for tests of signed stores. Include test.h and stores.h first.
 *
 * `begin_signed()` makes a store unsigned, makes a key for its origin in the world's file "keys/log", and opens the
 * store again with it. */
#ifndef TALLY_TEST_SIGNS_H
#define TALLY_TEST_SIGNS_H

#include <tallystick/tallystick.h>

#include "stores.h"

static char sign_skey[TALLY_KEY_TEXT_BYTES];
static char sign_vkey[TALLY_KEY_TEXT_BYTES];
static char sign_origin[TALLY_ORIGIN_MAX + 1];
static char sign_note[TALLY_NOTE_BYTES_MAX];
static size_t sign_length;

__attribute__((unused)) static tally_signing signing_with_key(void)
{
    return (tally_signing){.size = sizeof(tally_signing), .key_path = text("keys/log")};
}

/* A file outside of the store, as it is given. */
__attribute__((unused)) static void put_file(const tally_platform *platform, const char *path, const void *bytes,
                                             size_t length)
{
    tally_file file;
    size_t done;
    int32_t os_error;
    CHECK_STATUS(platform->open_file(platform->context, path, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE,
                                     0600, &file, &os_error),
                 TALLY_OK);
    CHECK_STATUS(platform->truncate_file(platform->context, file, 0, &os_error), TALLY_OK);
    if (length != 0)
        CHECK_STATUS(platform->write_at(platform->context, file, bytes, length, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(platform->sync_data(platform->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(platform->close_file(platform->context, file, &os_error), TALLY_OK);
}

/* The content of a file; its length, or SIZE_MAX when there is none. */
__attribute__((unused)) static size_t get_file(const tally_platform *platform, const char *path, void *bytes,
                                               size_t capacity)
{
    tally_file file;
    size_t done = 0;
    int32_t os_error;
    if (platform->open_file(platform->context, path, TALLY_OPEN_READ, 0, &file, &os_error) != TALLY_OK) return SIZE_MAX;
    CHECK_STATUS(platform->read_at(platform->context, file, bytes, capacity, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(platform->close_file(platform->context, file, &os_error), TALLY_OK);
    return done;
}

/* A key for the open store, in the file. */
__attribute__((unused)) static void make_key(const tally_platform *platform, const char *path)
{
    int32_t os_error;
    tally_signing_state state;
    CHECK_STATUS(tally_store_signing_get(store, &state, NULL), TALLY_OK);
    memcpy(sign_origin, state.origin, sizeof sign_origin);
    CHECK_STATUS(tally_key_make(platform, text(sign_origin), TALLY_KEY_OF_LOG, sign_skey, sign_vkey, NULL), TALLY_OK);
    (void)platform->make_directory(platform->context, "keys", 0700, &os_error);
    (void)platform->sync_directory(platform->context, "/", &os_error);
    put_file(platform, path, sign_skey, strlen(sign_skey));
    CHECK_STATUS(platform->sync_directory(platform->context, "keys", &os_error), TALLY_OK);
}

__attribute__((unused)) static tally_status open_signed(const tally_signing *signing)
{
    tally_store_options options = store_options();
    options.signing = signing;
    return open_store(&options);
}

__attribute__((unused)) static void begin_signed(void)
{
    begin();
    make_key(wrapped, "keys/log");
    tally_signing signing = signing_with_key();
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    REQUIRE_STATUS(open_signed(&signing), TALLY_OK);
}

/* The newest checkpoint into sign_note; what it says. */
__attribute__((unused)) static tally_checkpoint checkpoint_now(void)
{
    tally_checkpoint checkpoint = {.size = 0};
    tally_error error = {.status = TALLY_OK};
    tally_status status = tally_store_checkpoint(store, sign_note, sizeof sign_note, &sign_length, &error);
    if (status != TALLY_OK) printf("# checkpoint: %s\n", error.message);
    CHECK_STATUS(status, TALLY_OK);
    if (status == TALLY_OK) CHECK_STATUS(tally_checkpoint_read(sign_note, sign_length, &checkpoint, NULL), TALLY_OK);
    return checkpoint;
}

/* Whether a proof of the event verifies with the key alone, with its data. */
__attribute__((unused)) static tally_status check_event(uint64_t position, const char *vkey)
{
    static char proof[TALLY_PROOF_BYTES_MAX];
    static char room[65536];
    static uint8_t stored[65536];
    size_t length, stored_length;
    tally_proven proven;
    tally_error error = {.status = TALLY_OK};
    tally_text key = text(vkey);
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    tally_status status = tally_store_prove(store, position, proof, sizeof proof, &length, &error);
    if (status != TALLY_OK) printf("# prove %" PRIu64 ": %s\n", position, error.message);
    if (status != TALLY_OK) return status;
    status = tally_store_get_stored(store, position, stored, sizeof stored, &stored_length, &error);
    if (status != TALLY_OK) return status;
    status = tally_proof_verify(proof, length, stored, stored_length, &policy, room, sizeof room, &proven, &error);
    if (status != TALLY_OK) printf("# verify %" PRIu64 ": %s\n", position, error.message);
    if (status == TALLY_OK) CHECK_EQ(proven.position, position);
    return status;
}

#endif
