/* proof/key.c: texts of keys, and the Ed25519 that they are for. */
#include <sodium.h>

#include "base/error.h"
#include "platform/memory.h"
#include "proof/key.h"
#include "proof/note.h"
#include "proofs.h"

static tally_status read_public(const char *text, size_t length, tally_public_key *key)
{
    char *copy = exactly(text, length);
    memset(&error, 0, sizeof error);
    tally_status status = tally_public_key_read((tally_text){copy, length}, key, &error);
    if (status == TALLY_OK) key->name.bytes = text; /* as the copy, which goes */
    free(copy);
    return status;
}

TEST(rfc_8032_answers_as_it_says)
{
    for (const json *row = vectors("ed25519")->first; row != NULL; row = row->next) {
        uint8_t seed[32], public_key[32], message[64], signature[64];
        tally_private_key key = {.public_key = {.algorithm = TALLY_KEY_ED25519}};
        (void)json_hex(row, "seed", seed, sizeof seed);
        (void)json_hex(row, "public", public_key, sizeof public_key);
        size_t length = json_hex(row, "message", message, sizeof message);
        (void)crypto_sign_seed_keypair(key.public_key.bytes, key.secret, seed);
        CHECK_BYTES(key.public_key.bytes, public_key, 32);
        uint8_t wanted[64];
        (void)json_hex(row, "signature", wanted, sizeof wanted);
        tally_note_sign(&key, (tally_text){(const char *)message, length}, signature);
        CHECK_BYTES(signature, wanted, 64);
    }
}

TEST(keys_of_the_vectors_are_read_and_written_again)
{
    for (const json *row = vectors("keys")->first; row != NULL; row = row->next) {
        tally_text text = json_text(row, "text");
        char vkey[TALLY_KEY_TEXT_BYTES];
        memset(vkey, 0xA5, sizeof vkey);
        if (json_number(row, "private") != 0) {
            char *copy = exactly(text.bytes, text.length);
            expect(row, tally_key_public((tally_text){copy, text.length}, vkey, &error));
            free(copy);
            CHECK_TEXT(vkey, json_get(row, "vkey")->text);
            continue;
        }
        tally_public_key key;
        tally_status status = read_public(text.bytes, text.length, &key);
        expect(row, status);
        if (status != TALLY_OK) continue;
        CHECK_STATUS(tally_public_key_write(&key, vkey, &error), TALLY_OK);
        CHECK_TEXT(vkey, text.bytes);
    }
}

TEST(a_message_about_a_key_quotes_nothing_of_it)
{
    const char *secret = signer("log", "skey");
    char broken[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    for (size_t at = 0; secret[at] != '\0'; at++) {
        (void)snprintf(broken, sizeof broken, "%s", secret);
        broken[at] = broken[at] == 'B' ? 'C' : 'B';
        tally_status status = tally_key_public(text_of(broken), vkey, &error);
        CHECK(status == TALLY_E_KEY);
        for (size_t from = 0; from + 6 < strlen(secret); from++) {
            char piece[8];
            memcpy(piece, broken + from, 7);
            piece[7] = '\0';
            if (strncmp(piece, "PRIVATE", 7) == 0 || strncmp(piece, "RIVATE+", 7) == 0 ||
                strncmp(piece, "IVATE+K", 7) == 0 || strncmp(piece, "VATE+KE", 7) == 0 ||
                strncmp(piece, "ATE+KEY", 7) == 0 || strncmp(piece, "TE+KEY+", 7) == 0)
                continue;
            CHECK(strstr(error.message, piece) == NULL);
        }
    }
}

TEST(a_text_that_is_cut_or_has_a_byte_changed_is_no_key)
{
    const char *whole = signer("one", "vkey");
    size_t length = strlen(whole);
    tally_public_key key;
    for (size_t cut = 0; cut < length; cut++) CHECK_STATUS(read_public(whole, cut, &key), TALLY_E_KEY);
    char text[TALLY_KEY_TEXT_BYTES];
    for (size_t at = 0; at < length; at++)
        for (uint32_t bit = 0; bit < 8; bit++) {
            memcpy(text, whole, length + 1);
            text[at] = (char)((uint8_t)text[at] ^ (1u << bit));
            CHECK_STATUS(read_public(text, length, &key), TALLY_E_KEY);
        }
}

TEST(a_key_that_is_made_has_random_bytes_of_its_platform)
{
    tally_platform *world;
    char first[TALLY_KEY_TEXT_BYTES], second[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    REQUIRE_STATUS(tally_platform_memory_open(5, &world, &error), TALLY_OK);
    CHECK_STATUS(tally_key_make(world, text_of("a/b"), TALLY_KEY_OF_LOG, first, vkey, &error), TALLY_OK);
    CHECK_STATUS(tally_key_make(world, text_of("a/b"), TALLY_KEY_OF_LOG, second, vkey, &error), TALLY_OK);
    CHECK(strcmp(first, second) != 0);
    CHECK(strncmp(first, "PRIVATE+KEY+a/b+", 16) == 0);
    CHECK(strncmp(vkey, "a/b+", 4) == 0);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static tally_status no_bytes(void *context, void *bytes, size_t length, int32_t *os_error)
{
    (void)context;
    memset(bytes, 0x11, length);
    *os_error = 5;
    return TALLY_E_IO;
}

TEST(without_randomness_there_is_no_key)
{
    tally_platform broken = *tally_platform_default();
    char skey[TALLY_KEY_TEXT_BYTES], vkey[TALLY_KEY_TEXT_BYTES];
    static const char zero[TALLY_KEY_TEXT_BYTES];
    memset(skey, 1, sizeof skey);
    memset(vkey, 1, sizeof vkey);
    broken.random_bytes = no_bytes;
    CHECK_STATUS(tally_key_make(&broken, text_of("a"), TALLY_KEY_OF_WITNESS, skey, vkey, &error), TALLY_E_IO);
    CHECK_EQ(error.os_error, 5);
    CHECK_BYTES(skey, zero, sizeof zero);
    CHECK_BYTES(vkey, zero, sizeof zero);
}

/* Points of small order by whose keys a signature of zeros may check, for any message. */
TEST(a_signature_by_a_key_of_small_order_is_never_believed)
{
    static const char *const points[] = {"0100000000000000000000000000000000000000000000000000000000000000",
                                         "0000000000000000000000000000000000000000000000000000000000000000",
                                         "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                         "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        tally_public_key key = {.name = text_of("a"), .algorithm = TALLY_KEY_ED25519};
        (void)json_bytes(points[i], key.bytes, 32);
        tally_key_id(key.name, key.algorithm, key.bytes, key.id);
        char vkey[TALLY_KEY_TEXT_BYTES], note[512];
        REQUIRE_STATUS(tally_public_key_write(&key, vkey, &error), TALLY_OK);
        uint8_t signature[64] = {1};
        tally_lines_writer writer = {note, sizeof note, 0};
        tally_hash root = {{0}};
        tally_checkpoint_put(&writer, key.name, 1, &root);
        tally_lines_put_text(&writer, "\n");
        tally_note_put_line(&writer, &key, signature, sizeof signature);
        tally_text keys = text_of(vkey);
        tally_policy policy = {.size = sizeof policy, .keys = &keys, .key_count = 1};
        tally_checkpoint checkpoint;
        CHECK_STATUS(tally_checkpoint_verify(note, writer.needed, &policy, &checkpoint, NULL, &error), TALLY_E_KEY);
        /* Even if a key like that came to where signatures are checked. */
        tally_note read;
        uint64_t time_s;
        REQUIRE_STATUS(tally_note_read(note, writer.needed, false, &read, &error), TALLY_OK);
        CHECK_EQ(tally_note_line_verify(&read.lines[0], read.text, &key, &time_s), TALLY_LINE_BAD);
    }
}

TEST(no_space_of_unicode_is_part_of_a_name)
{
    static const char *const spaces[] = {" ",
                                         "\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE2\x80\x80",
                                         "\xE2\x80\x85",
                                         "\xE2\x80\x8A",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xA9",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F",
                                         "\xE3\x80\x80",
                                         "+",
                                         "\n",
                                         "\xFF"};
    static const char *const letters[] = {"\xE2\x80\x8B", "\xE2\x81\xA0", "\xEF\xBB\xBF", "-",
                                          "\xC3\xA9",     "\xE1\x9A\x81"};
    char name[8];
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        (void)snprintf(name, sizeof name, "a%sb", spaces[i]);
        CHECK(!tally_key_name_is_plain(text_of(name)));
        CHECK(tally_key_name_check(text_of(name), &error) != TALLY_OK);
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        (void)snprintf(name, sizeof name, "a%sb", letters[i]);
        CHECK(tally_key_name_is_plain(text_of(name)));
        CHECK_STATUS(tally_key_name_check(text_of(name), &error), TALLY_OK);
    }
    CHECK(!tally_key_name_is_plain((tally_text){NULL, 0}));
}

TEST(room_for_both_keys_is_needed)
{
    char text[TALLY_KEY_TEXT_BYTES] = "x";
    CHECK_STATUS(tally_key_make(NULL, text_of("a"), TALLY_KEY_OF_LOG, text, NULL, &error), TALLY_E_NULL);
    CHECK_TEXT(text, "");
    text[0] = 'x';
    CHECK_STATUS(tally_key_make(NULL, text_of("a"), TALLY_KEY_OF_LOG, NULL, text, &error), TALLY_E_NULL);
    CHECK_TEXT(text, "");
    CHECK_STATUS(tally_key_make(NULL, text_of("a b"), TALLY_KEY_OF_LOG, text, text, &error), TALLY_E_NAME);
    tally_public_key key;
    CHECK_STATUS(tally_public_key_read((tally_text){NULL, 3}, &key, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_public_key_read((tally_text){NULL, 0}, &key, &error), TALLY_E_KEY);
}
