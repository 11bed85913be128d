/* proof/witness.c: cosignatures, requests and answers. */
#include <sodium.h>

#include "base/error.h"
#include "proof/note.h"
#include "proofs.h"

static char room[8192];

static tally_text good_note(void)
{
    const json *note = vectors("good_note");
    return (tally_text){note->text, note->length};
}

TEST(a_cosignature_is_the_line_of_the_vectors)
{
    const json *lines = vectors("witness_lines");
    static const char *const names[][2] = {{"one", "one_time"}, {"two", "two_time"}};
    for (size_t i = 0; i < 2; i++) {
        tally_text note = good_note(), wanted = json_text(lines, names[i][0]);
        size_t needed;
        REQUIRE_STATUS(tally_witness_cosign(note.bytes, note.length, text_of(signer(names[i][0], "skey")),
                                            json_number(lines, names[i][1]), room, sizeof room, &needed, &error),
                       TALLY_OK);
        REQUIRE(needed == wanted.length);
        CHECK_BYTES(room, wanted.bytes, needed);
    }
}

TEST(what_is_cosigned_is_believed_with_its_time)
{
    tally_text note = good_note(), key = text_of(signer("log", "vkey")), witness = text_of(signer("one", "vkey"));
    static const uint64_t times[] = {0, 1, 1700000000, INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        size_t needed;
        memcpy(room, note.bytes, note.length);
        REQUIRE_STATUS(tally_witness_cosign(note.bytes, note.length, text_of(signer("one", "skey")), times[i],
                                            room + note.length, sizeof room - note.length, &needed, &error),
                       TALLY_OK);
        tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
        policy.witnesses = &witness;
        policy.witness_count = policy.witnesses_needed = 1;
        tally_checkpoint checkpoint;
        tally_signed counted;
        CHECK_STATUS(tally_checkpoint_verify(room, note.length + needed, &policy, &checkpoint, &counted, &error),
                     TALLY_OK);
        CHECK_EQ(counted.by_witnesses, 1);
        CHECK_EQ(counted.witnessed_s, times[i]);
    }
}

TEST(a_text_without_signatures_is_cosigned_the_same)
{
    tally_text note = good_note(), line = json_text(vectors("witness_lines"), "one");
    size_t needed, length = (size_t)(strstr(note.bytes, "\n\n") - note.bytes) + 1;
    REQUIRE_STATUS(tally_witness_cosign(note.bytes, length, text_of(signer("one", "skey")),
                                        json_number(vectors("witness_lines"), "one_time"), room, sizeof room, &needed,
                                        &error),
                   TALLY_OK);
    REQUIRE(needed == line.length);
    CHECK_BYTES(room, line.bytes, needed);
}

TEST(only_checkpoints_are_cosigned_and_only_by_witnesses)
{
    static const char text[] = "not\na\ncheckpoint\n";
    tally_text note = good_note();
    size_t needed = 7;
    CHECK_STATUS(tally_witness_cosign(text, sizeof text - 1, text_of(signer("one", "skey")), 1, room, sizeof room,
                                      &needed, &error),
                 TALLY_E_FORMAT);
    CHECK_EQ(needed, 0);
    CHECK_STATUS(tally_witness_cosign(note.bytes, note.length, text_of(signer("log", "skey")), 1, room, sizeof room,
                                      &needed, &error),
                 TALLY_E_KEY);
    CHECK_STATUS(tally_witness_cosign(note.bytes, note.length, text_of(signer("one", "vkey")), 1, room, sizeof room,
                                      &needed, &error),
                 TALLY_E_KEY);
    CHECK_STATUS(tally_witness_cosign(note.bytes, note.length, text_of(signer("one", "skey")), UINT64_C(1) << 63, room,
                                      sizeof room, &needed, &error),
                 TALLY_E_RANGE);
}

TEST(answers_of_the_vectors)
{
    tally_text note = good_note();
    for (const json *row = vectors("answers")->first; row != NULL; row = row->next) {
        texts witnesses;
        uint32_t outcome = 99;
        uint64_t old_size = 99;
        size_t needed = 99;
        tally_text body = json_text(row, "body");
        texts_of(row, "witnesses", &witnesses);
        char *copy = exactly(body.bytes, body.length);
        expect(row, tally_witness_answer((uint32_t)json_number(row, "http"), copy, body.length, note.bytes, note.length,
                                         witnesses.items, witnesses.count, &outcome, &old_size, room, sizeof room,
                                         &needed, &error));
        free(copy);
        CHECK_EQ(outcome, json_number(row, "outcome"));
        CHECK_EQ(old_size, json_number(row, "old"));
        tally_text added = json_text(row, "added");
        REQUIRE(needed == (added.length == 0 ? 0 : note.length + added.length));
        if (needed == 0) continue;
        CHECK_BYTES(room, note.bytes, note.length);
        CHECK_BYTES(room + note.length, added.bytes, added.length);
    }
}

TEST(a_line_that_is_there_is_not_added_again)
{
    const json *lines = vectors("witness_lines");
    tally_text note = good_note(), line = json_text(lines, "one"), key = text_of(signer("one", "vkey"));
    char whole[2048];
    uint32_t outcome;
    uint64_t old_size;
    size_t needed;
    memcpy(whole, note.bytes, note.length);
    memcpy(whole + note.length, line.bytes, line.length);
    REQUIRE_STATUS(tally_witness_answer(200, line.bytes, line.length, whole, note.length + line.length, &key, 1,
                                        &outcome, &old_size, room, sizeof room, &needed, &error),
                   TALLY_OK);
    CHECK_EQ(outcome, TALLY_WITNESS_SIGNED);
    CHECK_EQ(needed, note.length + line.length);
    CHECK_BYTES(room, whole, needed);
}

TEST(a_note_that_would_grow_too_long_is_refused)
{
    const json *lines = vectors("witness_lines");
    tally_text note = good_note(), line = json_text(lines, "one"), key = text_of(signer("one", "vkey"));
    static char whole[TALLY_NOTE_BYTES_MAX], signed_note[2 * TALLY_NOTE_BYTES_MAX];
    uint32_t outcome;
    uint64_t old_size;
    size_t needed;
    tally_lines_writer writer = {whole, sizeof whole, 0};
    tally_lines_put(&writer, note.bytes, note.length);
    for (size_t i = 1; i < TALLY_SIGNATURES_MAX; i++) tally_lines_put_text(&writer, TALLY_NOTE_DASH "x AAAAAAAA\n");
    CHECK_STATUS(tally_witness_answer(200, line.bytes, line.length, whole, writer.needed, &key, 1, &outcome, &old_size,
                                      signed_note, sizeof signed_note, &needed, &error),
                 TALLY_E_LIMIT);
    /* Few lines, and as long as a note may be. */
    writer.needed = 0;
    tally_lines_put(&writer, note.bytes, note.length);
    tally_lines_put_text(&writer, TALLY_NOTE_DASH "x ");
    while (writer.needed + 4 < sizeof whole - 8) tally_lines_put_text(&writer, "AAAA");
    tally_lines_put_text(&writer, "\n");
    CHECK_STATUS(tally_witness_answer(200, line.bytes, line.length, whole, writer.needed, &key, 1, &outcome, &old_size,
                                      signed_note, sizeof signed_note, &needed, &error),
                 TALLY_E_LIMIT);
    CHECK_EQ(needed, 0);
    CHECK_EQ(outcome, 0);
}

TEST(a_request_is_refused_where_it_would_mean_nothing)
{
    tally_hash hashes[64];
    tally_text note = good_note();
    size_t needed = 9;
    memset(hashes, 0, sizeof hashes);
    CHECK_STATUS(tally_witness_request(12, NULL, 0, note.bytes, note.length, room, sizeof room, &needed, &error),
                 TALLY_E_RANGE);
    CHECK_EQ(needed, 0);
    CHECK_STATUS(tally_witness_request(0, hashes, 1, note.bytes, note.length, room, sizeof room, &needed, &error),
                 TALLY_E_RANGE);
    CHECK_STATUS(tally_witness_request(11, hashes, 1, note.bytes, note.length, room, sizeof room, &needed, &error),
                 TALLY_E_RANGE);
    CHECK_STATUS(tally_witness_request(7, hashes, 64, note.bytes, note.length, room, sizeof room, &needed, &error),
                 TALLY_E_LIMIT);
    CHECK_STATUS(tally_witness_request(7, hashes, 63, note.bytes, note.length - 1, room, sizeof room, &needed, &error),
                 TALLY_E_FORMAT);
    REQUIRE_STATUS(tally_witness_request(7, hashes, 63, note.bytes, note.length, room, sizeof room, &needed, &error),
                   TALLY_OK);
    CHECK_EQ(needed, 6 + 63 * 45 + 1 + note.length);
    CHECK(memcmp(room, "old 7\n", 6) == 0 && room[6 + 63 * 45] == '\n');
    CHECK_BYTES(room + 7 + 63 * 45, note.bytes, note.length);
    CHECK_STATUS(tally_witness_request(7, hashes, 63, note.bytes, note.length, room, needed - 1, &needed, &error),
                 TALLY_E_SPACE);
}
