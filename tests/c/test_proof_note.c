/* proof/note.c, lines.c, checkpoint.c: notes and checkpoints, of the golden vectors and altered. */
#include <sodium.h>

#include "base/error.h"
#include "proof/note.h"
#include "proofs.h"

static uint8_t note_bytes[TALLY_NOTE_BYTES_MAX * 2];

static size_t note_of(const json *row)
{
    const json *text = json_find(row, "note");
    if (text == NULL) return json_hex(row, "note_hex", note_bytes, sizeof note_bytes);
    memcpy(note_bytes, text->text, text->length);
    return text->length;
}

static void check_read(const json *row, const tally_checkpoint *checkpoint, const tally_signed *counted)
{
    uint8_t root[32];
    tally_text origin = json_text(row, "origin_read");
    (void)json_hex(row, "root", root, sizeof root);
    CHECK(tally_text_equal(origin, checkpoint->origin));
    CHECK_EQ(checkpoint->size, json_number(row, "size"));
    CHECK_BYTES(checkpoint->root.bytes, root, 32);
    CHECK_EQ(counted->by_log, json_number(row, "by_log"));
    CHECK_EQ(counted->by_witnesses, json_number(row, "by_witnesses"));
    CHECK_EQ(counted->unknown, json_number(row, "unknown"));
    CHECK_EQ(counted->witnessed_s, json_number(row, "witnessed"));
}

TEST(checkpoints_of_the_vectors)
{
    static const tally_checkpoint none;
    static const tally_signed nobody;
    for (const json *row = vectors("checkpoints")->first; row != NULL; row = row->next) {
        asking asked;
        tally_checkpoint checkpoint, again;
        tally_signed counted;
        size_t length = note_of(row);
        char *note = exactly(note_bytes, length);
        policy_of(row, &asked);
        memset(&checkpoint, 0xA5, sizeof checkpoint);
        memset(&counted, 0xA5, sizeof counted);
        tally_status status = tally_checkpoint_verify(note, length, &asked.policy, &checkpoint, &counted, &error);
        expect(row, status);
        CHECK_STATUS(error.status, status);
        if (status == TALLY_OK) {
            check_read(row, &checkpoint, &counted);
            CHECK_STATUS(tally_checkpoint_read(note, length, &again, &error), TALLY_OK);
            CHECK(memcmp(&again, &checkpoint, sizeof again) == 0);
        } else {
            CHECK_BYTES(&checkpoint, &none, sizeof none);
            CHECK_BYTES(&counted, &nobody, sizeof nobody);
            CHECK(error.position == TALLY_POSITION_NONE || error.position <= length);
        }
        free(note);
    }
}

TEST(the_note_in_the_documentation_of_go)
{
    for (const json *row = vectors("published")->first; row != NULL; row = row->next) {
        tally_text text = json_text(row, "note");
        tally_note note;
        uint64_t time_s;
        size_t line = 0;
        REQUIRE_STATUS(tally_note_read(text.bytes, text.length, false, &note, &error), TALLY_OK);
        for (const json *item = json_get(row, "keys")->first; item != NULL; item = item->next, line++) {
            tally_public_key key;
            REQUIRE_STATUS(tally_public_key_read(text_of(item->text), &key, &error), TALLY_OK);
            REQUIRE(line < note.count);
            CHECK_EQ(tally_note_line_verify(&note.lines[line], note.text, &key, &time_s), TALLY_LINE_GOOD);
            CHECK_EQ(tally_note_line_verify(&note.lines[1 - line], note.text, &key, &time_s), TALLY_LINE_OTHER);
        }
        CHECK_EQ(line, note.count);
    }
}

TEST(what_is_signed_here_is_the_line_of_the_vectors)
{
    tally_text good = {vectors("good_note")->text, vectors("good_note")->length};
    tally_private_key key;
    tally_note note;
    tally_checkpoint checkpoint;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    char text[1024];
    REQUIRE_STATUS(tally_private_key_read(text_of(signer("log", "skey")), &key, &error), TALLY_OK);
    REQUIRE_STATUS(tally_note_read(good.bytes, good.length, false, &note, &error), TALLY_OK);
    REQUIRE_STATUS(tally_checkpoint_read_text(note.text, &checkpoint, &error), TALLY_OK);
    tally_lines_writer writer = {text, sizeof text, 0};
    tally_checkpoint_put(&writer, checkpoint.origin, checkpoint.size, &checkpoint.root);
    tally_note_sign(&key, (tally_text){text, writer.needed}, signature);
    tally_lines_put_text(&writer, "\n");
    tally_note_put_line(&writer, &key.public_key, signature, sizeof signature);
    REQUIRE(writer.needed == good.length);
    CHECK_BYTES(text, good.bytes, good.length);
}

static tally_status verify_good(const char *note, size_t length)
{
    tally_text key = text_of(signer("log", "vkey"));
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    tally_checkpoint checkpoint;
    char *copy = exactly(note, length);
    tally_status status = tally_checkpoint_verify(copy, length, &policy, &checkpoint, NULL, &error);
    free(copy);
    return status;
}

TEST(no_byte_of_a_checkpoint_can_be_changed)
{
    const json *good = vectors("good_note");
    char note[1024];
    for (size_t at = 0; at < good->length; at++)
        for (uint32_t bit = 0; bit < 8; bit++) {
            memcpy(note, good->text, good->length);
            note[at] = (char)((uint8_t)note[at] ^ (1u << bit));
            CHECK(verify_good(note, good->length) != TALLY_OK);
        }
}

TEST(no_byte_of_a_checkpoint_can_be_removed_or_added)
{
    static const char added[] = "\n =A0\r\t\x80+/";
    const json *good = vectors("good_note");
    char note[1024];
    for (size_t at = 0; at <= good->length; at++) {
        CHECK((verify_good(good->text, at) == TALLY_OK) == (at == good->length));
        for (size_t i = 0; i < sizeof added; i++) {
            memcpy(note, good->text, at);
            note[at] = added[i];
            memcpy(note + at + 1, good->text + at, good->length - at);
            CHECK(verify_good(note, good->length + 1) != TALLY_OK);
        }
        if (at == good->length) continue;
        memcpy(note, good->text, at);
        memcpy(note + at, good->text + at + 1, good->length - at - 1);
        CHECK(verify_good(note, good->length - 1) != TALLY_OK);
    }
}

/* --------------------------------------------------------------------------------------------- base64 */

static bool reads(const char *text)
{
    uint8_t bytes[16];
    size_t length = strlen(text), decoded;
    char *copy = exactly(text, length);
    bool whole = tally_base64_read((tally_text){copy, length}, bytes, sizeof bytes, &decoded);
    CHECK(whole == tally_base64_check((tally_text){copy, length}));
    free(copy);
    return whole;
}

TEST(base64_has_one_spelling)
{
    static const char *const good[] = {"AA==", "AAA=", "AAAA", "AAAAAA==", "+/+/", "Zm9vYmFy"};
    static const char *const bad[] = {
        "",         "A",        "AA",   "AAA",   "=",        "====",       "A===",       "AB==",
        "AAB=",     "AA=A",     "AAA ", " AAA",  "AA\nA",    "AA-A",       "AA_A",       "AA.A",
        "AA==AAAA", "AAAAA===", "AA=",  "AAAA=", "AAAA====", "\303\251AA", "AA\xFF\xFF", "\x80\x80\x80\x80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(reads(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!reads(bad[i]));
}

TEST(every_letter_and_no_other_byte_is_base64)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint32_t byte = 1; byte < 256; byte++) {
        char text[5] = {(char)byte, 'A', 'A', 'A', '\0'};
        CHECK(reads(text) == (strchr(letters, (int)byte) != NULL));
        char last[5] = {'A', 'A', 'A', (char)byte, '\0'};
        CHECK(reads(last) == (byte == '=' || strchr(letters, (int)byte) != NULL));
    }
}

TEST(long_base64_is_checked_in_pieces_and_written_in_pieces)
{
    static uint8_t bytes[1000], back[1000];
    static char text[2000];
    for (size_t length = 1; length < sizeof bytes; length += 7) {
        size_t read;
        for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 31 + length);
        tally_lines_writer writer = {text, sizeof text, 0};
        tally_lines_put_base64(&writer, bytes, length);
        CHECK_EQ(writer.needed, (length + 2) / 3 * 4);
        REQUIRE(tally_base64_check((tally_text){text, writer.needed}));
        REQUIRE(tally_base64_read((tally_text){text, writer.needed}, back, sizeof back, &read));
        CHECK_EQ(read, length);
        CHECK_BYTES(back, bytes, length);
        if (writer.needed > 300) {
            text[255] = '=';
            CHECK(!tally_base64_check((tally_text){text, writer.needed}));
        }
    }
}

/* --------------------------------------------------------------------------------------------- numbers */

TEST(numbers_have_one_spelling)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t number;
    } rows[] = {{"0", true, 0},
                {"1", true, 1},
                {"9223372036854775807", true, INT64_MAX},
                {"9223372036854775808", false, 0},
                {"", false, 0},
                {"00", false, 0},
                {"01", false, 0},
                {"-1", false, 0},
                {"+1", false, 0},
                {" 1", false, 0},
                {"1 ", false, 0},
                {"1e3", false, 0},
                {"0x1", false, 0},
                {"99999999999999999999", false, 0},
                {"18446744073709551617", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t number;
        CHECK(tally_line_number(text_of(rows[i].text), &number) == rows[i].good);
        CHECK_EQ(number, rows[i].number);
    }
}

TEST(numbers_are_written_as_they_are_read)
{
    static const uint64_t numbers[] = {0, 9, 10, 4294967295u, INT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[32], wanted[32];
        tally_lines_writer writer = {text, sizeof text, 0};
        tally_lines_put_number(&writer, numbers[i]);
        (void)snprintf(wanted, sizeof wanted, "%" PRIu64, numbers[i]);
        text[writer.needed] = '\0';
        CHECK_TEXT(text, wanted);
    }
}

/* --------------------------------------------------------------------------------------------- policies */

TEST(a_policy_needs_keys_and_has_bounds)
{
    const json *good = vectors("good_note");
    tally_text keys[TALLY_SIGNATURES_MAX + 1];
    for (size_t i = 0; i <= TALLY_SIGNATURES_MAX; i++) keys[i] = text_of(signer("log", "vkey"));
    tally_policy policy = {.size = sizeof policy, .keys = keys, .key_count = TALLY_SIGNATURES_MAX};
    tally_checkpoint checkpoint;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_OK);
    policy.key_count++;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_E_LIMIT);
    policy.key_count = 0;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error),
                 TALLY_E_ARGUMENT);
    policy.key_count = 1;
    policy.witnesses_needed = 1;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_E_RANGE);
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, NULL, &checkpoint, NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, NULL, NULL, &error), TALLY_E_NULL);
}

TEST(the_first_key_that_signed_is_told)
{
    const json *good = vectors("good_note");
    tally_text keys[] = {text_of(signer("other", "vkey")), text_of(signer("next", "vkey")),
                         text_of(signer("log", "vkey"))};
    tally_policy policy = {.size = sizeof policy, .keys = keys, .key_count = 3};
    tally_checkpoint checkpoint;
    tally_signed counted;
    REQUIRE_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, &counted, &error), TALLY_OK);
    CHECK_EQ(counted.key_index, 2);
    CHECK_EQ(counted.by_log, 1);
}

TEST(an_origin_of_any_length_fits_a_message)
{
    char note[4096];
    tally_text key = text_of(signer("log", "vkey"));
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    tally_checkpoint checkpoint;
    tally_hash root = {{0}};
    for (size_t length = 1; length < 300; length++) {
        tally_lines_writer writer = {note, sizeof note, 0};
        char origin[604];
        for (size_t i = 0; i < 2 * length; i++) origin[i] = "\xC3\xA9"[i % 2];
        tally_checkpoint_put(&writer, (tally_text){origin, 2 * length}, 5, &root);
        tally_lines_put_text(&writer, "\n" TALLY_NOTE_DASH "x AAAAAAAA\n");
        CHECK_STATUS(tally_checkpoint_verify(note, writer.needed, &policy, &checkpoint, NULL, &error),
                     TALLY_E_UNKNOWN_KEY);
        CHECK(strlen(error.message) < sizeof error.message);
    }
}

TEST(a_policy_bounds_its_witnesses_too)
{
    const json *good = vectors("good_note");
    tally_text key = text_of(signer("log", "vkey")), witnesses[TALLY_SIGNATURES_MAX + 1];
    for (size_t i = 0; i <= TALLY_SIGNATURES_MAX; i++) witnesses[i] = text_of(signer("one", "vkey"));
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1, .witnesses = witnesses};
    policy.witness_count = TALLY_SIGNATURES_MAX;
    tally_checkpoint checkpoint;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_OK);
    policy.witness_count++;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_E_LIMIT);
    policy.witnesses = NULL;
    policy.witness_count = 1;
    CHECK_STATUS(tally_checkpoint_verify(good->text, good->length, &policy, &checkpoint, NULL, &error), TALLY_E_NULL);
}

TEST(a_note_may_be_as_long_as_it_may_be)
{
    const json *good = vectors("good_note");
    static char note[TALLY_NOTE_BYTES_MAX + 4];
    size_t at = good->length;
    memcpy(note, good->text, at);
    size_t dash = sizeof TALLY_NOTE_DASH - 1, left = TALLY_NOTE_BYTES_MAX - at;
    size_t name = 1 + (left - dash - 3) % 4; /* so that the rest is whole groups */
    memcpy(note + at, TALLY_NOTE_DASH, dash);
    memset(note + at + dash, 'x', name);
    note[at + dash + name] = ' ';
    memset(note + at + dash + name + 1, 'A', left - dash - name - 2);
    note[TALLY_NOTE_BYTES_MAX - 1] = '\n';
    CHECK_STATUS(verify_good(note, TALLY_NOTE_BYTES_MAX), TALLY_OK);
    memmove(note + at + dash + 4, note + at + dash, left - dash);
    CHECK_STATUS(verify_good(note, TALLY_NOTE_BYTES_MAX + 4), TALLY_E_LENGTH);
}
