/* proof/tlog_proof.c and event.c: proofs of events, of the golden vectors and altered. */
#include <sodium.h>

#include "base/error.h"
#include "proof/merkle.h"
#include "proof/tlog_proof.h"
#include "proofs.h"

#define ROOM 65536

static char room[ROOM];

static tally_status verify(const json *row, const char *proof, size_t length, const tally_policy *policy,
                           tally_proven *proven)
{
    uint8_t stored[1024];
    const json *data = json_find(row, "stored"), *known = json_find(row, "event_hash");
    char *text = exactly(proof, length);
    tally_status status;
    if (known != NULL) {
        tally_hash hash;
        (void)json_bytes(known->text, hash.bytes, 32);
        status = tally_proof_verify_hash(text, length, &hash, policy, proven, &error);
    } else {
        size_t bytes = data == NULL ? 0 : json_bytes(data->text, stored, sizeof stored);
        status =
            tally_proof_verify(text, length, data == NULL ? NULL : stored, bytes, policy, room, ROOM, proven, &error);
    }
    free(text);
    return status;
}

static void check_event(const json *row, const tally_proven *proven)
{
    const json *stream = json_find(row, "stream");
    CHECK_EQ(proven->has_event, stream != NULL);
    CHECK_EQ(proven->data_given, json_find(row, "stored") != NULL);
    if (stream == NULL) return;
    const tally_event *event = &proven->event;
    CHECK(tally_text_equal(event->stream, (tally_text){stream->text, stream->length}));
    CHECK(tally_text_equal(event->type, json_text(row, "type")));
    CHECK_EQ(event->position, json_number(row, "index"));
    CHECK_EQ(event->version, json_number(row, "version"));
    CHECK_EQ(event->time_us, json_number(row, "time_us"));
    CHECK_EQ(event->data_state, proven->data_given ? TALLY_DATA_READABLE : TALLY_DATA_KEY_MISSING);
    CHECK_EQ(event->length != 0, proven->data_given);
    uint32_t tags = 0;
    for (const json *tag = json_get(row, "tags")->first; tag != NULL; tag = tag->next, tags++)
        CHECK(tally_text_equal(event->tags[tags], (tally_text){tag->text, tag->length}));
    CHECK_EQ(event->tag_count, tags);
    /* Lent by the buffer, all of it. */
    CHECK((const char *)event->core == room && (const char *)event->body == room + TALLY_CORE_BYTES);
    CHECK(event->stream.bytes > room && event->stream.bytes < room + ROOM);
}

TEST(proofs_of_the_vectors)
{
    static const tally_proven nothing;
    for (const json *row = vectors("proofs")->first; row != NULL; row = row->next) {
        asking asked;
        tally_proven proven;
        tally_text text = json_text(row, "proof");
        policy_of(row, &asked);
        memset(&proven, 0xA5, sizeof proven);
        tally_status status = verify(row, text.bytes, text.length, &asked.policy, &proven);
        expect(row, status);
        CHECK_STATUS(error.status, status);
        if (status != TALLY_OK) {
            CHECK_BYTES(&proven, &nothing, sizeof nothing);
            continue;
        }
        uint8_t leaf[32], root[32];
        (void)json_hex(row, "leaf", leaf, 32);
        (void)json_hex(row, "root", root, 32);
        CHECK_EQ(proven.position, json_number(row, "index"));
        CHECK_EQ(proven.tree_size, json_number(row, "size"));
        CHECK_BYTES(proven.event_hash.bytes, leaf, 32);
        CHECK_BYTES(proven.root.bytes, root, 32);
        CHECK_EQ(proven.signatures.by_log, 1);
        check_event(row, &proven);
    }
}

static const json *good_case(void)
{
    for (const json *row = vectors("proofs")->first; row != NULL; row = row->next)
        if (strcmp(json_get(row, "name")->text, "with its data") == 0) return row;
    json_die("the case of a good proof");
    return NULL;
}

TEST(no_byte_of_a_proof_can_be_changed_and_none_can_be_missing)
{
    const json *row = good_case();
    tally_text good = json_text(row, "proof");
    char *text = exactly(good.bytes, good.length);
    asking asked;
    tally_proven proven;
    policy_of(row, &asked);
    for (size_t at = 0; at < good.length && !test_has_failed(); at++) {
        uint32_t bit = (uint32_t)(at % 8);
        text[at] = (char)((uint8_t)good.bytes[at] ^ (1u << bit));
        CHECK(verify(row, text, good.length, &asked.policy, &proven) != TALLY_OK);
        text[at] = (char)((uint8_t)good.bytes[at] ^ (1u << (bit + 3) % 8));
        CHECK(verify(row, text, good.length, &asked.policy, &proven) != TALLY_OK);
        text[at] = good.bytes[at];
        CHECK(verify(row, text, at, &asked.policy, &proven) != TALLY_OK);
    }
    CHECK_STATUS(verify(row, text, good.length, &asked.policy, &proven), TALLY_OK);
    free(text);
}

/* --------------------------------------------------------------------------------------------- writing */

static tally_hash leaves[16];
static size_t leaf_count;

static tally_status node_of(void *context, uint32_t level, uint64_t index, uint8_t node[32], tally_error *why)
{
    (void)context;
    (void)why;
    tally_hash root;
    (void)tally_merkle_root(leaves + (index << level), (size_t)1 << level, &root);
    memcpy(node, root.bytes, 32);
    return TALLY_OK;
}

/* The row of the vectors with the event at an index. */
static void event_at(uint64_t index, uint8_t *core, uint8_t *body, size_t *body_length)
{
    const json *event = vectors("events")->first;
    for (uint64_t i = 0; i < index; i++) event = event->next;
    (void)json_hex(event, "core", core, TALLY_CORE_BYTES);
    *body_length = json_hex(event, "body", body, 1024);
}

TEST(a_proof_that_is_written_is_the_text_of_the_vectors)
{
    leaf_count = 0;
    for (const json *leaf = vectors("leaves")->first; leaf != NULL; leaf = leaf->next)
        (void)json_bytes(leaf->text, leaves[leaf_count++].bytes, 32);
    size_t compared = 0;
    for (const json *row = vectors("proofs")->first; row != NULL; row = row->next) {
        const json *name = json_get(row, "name");
        bool bare = strcmp(name->text, "for a hash, without extra") == 0;
        if (!bare && (strstr(name->text, " of 11") == NULL || strcmp(json_get(row, "status")->text, "OK") != 0))
            continue;
        uint8_t core[TALLY_CORE_BYTES], body[1024];
        size_t body_length, count;
        static char text[ROOM];
        tally_hash hashes[TALLY_PROOF_HASHES_MAX];
        uint64_t index = json_number(row, "index");
        event_at(index, core, body, &body_length);
        REQUIRE_STATUS(tally_merkle_inclusion(node_of, NULL, index, leaf_count, hashes, &count, &error), TALLY_OK);
        tally_text note = {vectors("good_note")->text, vectors("good_note")->length};
        tally_lines_writer writer = {text, sizeof text, 0};
        tally_tlog_proof_put(&writer, bare ? NULL : core, body, body_length, index, hashes, count, note);
        tally_text wanted = json_text(row, "proof");
        REQUIRE(writer.needed == wanted.length);
        CHECK_BYTES(text, wanted.bytes, wanted.length);
        if (bare) CHECK(writer.needed <= 2048);
        compared++;
    }
    CHECK(compared >= 5);
}

TEST(a_text_that_does_not_fit_is_counted_and_not_written_behind_the_end)
{
    tally_text note = {vectors("good_note")->text, vectors("good_note")->length};
    size_t needed = 0;
    tally_lines_writer all = {room, ROOM, 0};
    tally_lines_put(&all, note.bytes, note.length);
    for (size_t capacity = 0; capacity <= note.length; capacity++) {
        char *text = exactly(note.bytes, capacity);
        tally_lines_writer writer = {text, capacity, 0};
        tally_lines_put(&writer, note.bytes, 7);
        tally_lines_put(&writer, note.bytes + 7, note.length - 7);
        tally_status status = tally_lines_done(&writer, &needed, &error);
        CHECK_STATUS(status, capacity < note.length ? TALLY_E_SPACE : TALLY_OK);
        CHECK_EQ(needed, note.length);
        if (status == TALLY_E_SPACE && capacity != 0) CHECK_EQ(text[0], 0);
        free(text);
    }
}

TEST(a_buffer_that_is_too_small_is_refused_with_the_size)
{
    const json *row = good_case();
    tally_text text = json_text(row, "proof");
    asking asked;
    tally_proven proven;
    policy_of(row, &asked);
    char *small = exactly(room, 64);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 0, &asked.policy, small, 64, &proven, &error),
                 TALLY_E_SPACE);
    free(small);
    size_t needed = (size_t)error.position;
    REQUIRE(needed > 224 && needed < 1024);
    small = exactly(room, needed);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 0, &asked.policy, small, needed, &proven, &error),
                 TALLY_OK);
    CHECK_STATUS(
        tally_proof_verify(text.bytes, text.length, NULL, 0, &asked.policy, small, needed - 1, &proven, &error),
        TALLY_E_SPACE);
    free(small);
}

TEST(what_is_wrong_has_its_place_in_the_whole_text)
{
    const json *row = good_case();
    tally_text good = json_text(row, "proof");
    char *text = exactly(good.bytes, good.length);
    size_t note = (size_t)(strstr(good.bytes, "\n\n") - good.bytes) + 2;
    asking asked;
    tally_proven proven;
    policy_of(row, &asked);
    text[note + 2] = 1;
    CHECK_STATUS(verify(row, text, good.length, &asked.policy, &proven), TALLY_E_FORMAT);
    CHECK_EQ(error.position, note + 2);
    text[note + 2] = '\xFF';
    CHECK_STATUS(verify(row, text, good.length, &asked.policy, &proven), TALLY_E_UTF8);
    CHECK_EQ(error.position, note + 2);
    text[note + 2] = good.bytes[note + 2];
    text[good.length - 1] = ' ';
    CHECK_STATUS(verify(row, text, good.length, &asked.policy, &proven), TALLY_E_FORMAT);
    CHECK_EQ(error.position, good.length);
    free(text);
}

TEST(arguments_that_cannot_be_are_refused)
{
    const json *row = good_case();
    tally_text text = json_text(row, "proof");
    asking asked;
    tally_proven proven;
    tally_hash hash = {{0}};
    policy_of(row, &asked);
    CHECK_STATUS(tally_proof_verify(NULL, 5, NULL, 0, &asked.policy, room, ROOM, &proven, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 1, &asked.policy, room, ROOM, &proven, &error),
                 TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 0, &asked.policy, NULL, 0, &proven, &error),
                 TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 0, NULL, room, ROOM, &proven, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify(text.bytes, text.length, NULL, 0, &asked.policy, room, ROOM, NULL, &error),
                 TALLY_E_NULL);
    CHECK_STATUS(
        tally_proof_verify(text.bytes, TALLY_PROOF_BYTES_MAX + 1, NULL, 0, &asked.policy, room, ROOM, &proven, &error),
        TALLY_E_LENGTH);
    CHECK_STATUS(tally_proof_verify_hash(text.bytes, text.length, NULL, &asked.policy, &proven, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify_hash(text.bytes, text.length, &hash, &asked.policy, NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_proof_verify_hash(text.bytes, text.length, &hash, &asked.policy, &proven, &error),
                 TALLY_E_PROOF);
}
