/* The codecs of format 1 against the golden segment, which an independent program wrote from
 * docs/FORMAT.md (tests/vectors/make_segment.py). */
#include "log/crc32c.h"
#include "log/frame.h"
#include "log/segment.h"
#include "test.h"

#define GOLDEN "tests/vectors/segment-v1.seg"

static uint8_t golden[8192];
static size_t golden_bytes;
static tally_error error;

static void load(void)
{
    FILE *file = fopen(GOLDEN, "rb");
    REQUIRE(file != NULL);
    golden_bytes = fread(golden, 1, sizeof golden, file);
    (void)fclose(file);
    REQUIRE(golden_bytes > TALLY_SEGMENT_HEADER_BYTES && golden_bytes < sizeof golden);
}

/* ------------------------------------------------------------------------------ writing the same */

static const uint8_t salt[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const uint8_t nobody[16];

static void uuid(uint8_t number, uint8_t id[16])
{
    static const uint8_t start[14] = {0x01, 0x90, 0xa0, 0xb0, 0xc0, 0xd0, 0x70, 0x00, 0x80};
    memcpy(id, start, sizeof start);
    id[14] = 0;
    id[15] = number;
}

typedef struct writer {
    uint8_t bytes[8192];
    size_t at;
    uint32_t seed;
    uint32_t frames_crc;
    uint8_t last_hash[32];
} writer;

static tally_text text(const char *bytes) { return (tally_text){bytes, strlen(bytes)}; }

static void put_event(writer *out, tally_core *core, tally_body_view *view, uint8_t number, const void *data,
                      size_t length)
{
    uint8_t id[16], data_salt[16], digest[32], body[TALLY_BODY_MAX], core_bytes[TALLY_CORE_BYTES];
    uint32_t crc_meta, crc_data;
    uuid(number, id);
    memset(data_salt, number, sizeof data_salt);
    tally_digest_two(core->digest_algorithm, TALLY_DOMAIN_DATA, data_salt, 16, data, length, digest);
    view->id = id;
    view->correlation = id;
    if (view->causation == NULL) view->causation = nobody;
    view->schema_version = number;
    view->plain_length = length;
    view->stored_length = length + 16;
    view->data_digest = digest;
    size_t body_length = tally_body_length(view);
    REQUIRE(tally_body_encode(view, body, sizeof body));
    tally_body_digest(core->digest_algorithm, body, body_length, core->body_digest);
    tally_core_encode(core, core_bytes);
    tally_core_event_hash(core_bytes, out->last_hash);
    tally_frame_encode(out->seed, core_bytes, body, body_length, data_salt, 16, data, length, out->bytes + out->at,
                       &crc_meta, &crc_data);
    out->at += tally_frame_length(body_length, length + 16);
    out->frames_crc = tally_mark_add_frame(out->frames_crc, crc_meta, crc_data);
}

static void put_mark(writer *out, tally_mark mark)
{
    mark.frames_crc = tally_crc32c_finish(out->frames_crc);
    out->frames_crc = out->seed;
    tally_mark_encode(out->seed, &mark, out->bytes + out->at);
    out->at += TALLY_MARK_BYTES;
}

static void put_header(writer *out)
{
    tally_segment_header header = {.created_us = 1700000000000000, .name = "example"};
    for (uint8_t i = 0; i < 16; i++) header.lineage[i] = (uint8_t)(32 + i);
    memcpy(header.salt, salt, sizeof salt);
    tally_segment_header_encode(&header, out->bytes);
    out->at = TALLY_SEGMENT_HEADER_BYTES;
    out->seed = tally_frame_seed(salt);
    out->frames_crc = out->seed;
}

static void put_second_commit(writer *out, int64_t when)
{
    uint8_t cause[16], occurred[8], key[16];
    size_t start = out->at;
    uuid(1, cause);
    for (uint8_t i = 0; i < 16; i++) key[i] = i;
    for (size_t i = 0; i < 8; i++) occurred[i] = (uint8_t)((uint64_t)(when - 5) >> (8 * i));
    tally_core core = {.digest_algorithm = 2, .position = 1, .version = 1, .time_us = when + 1, .batch_count = 2};
    memcpy(core.stream_prev, out->last_hash, 32);
    tally_body_view view = {.stream = text("account/42"), .type = text("account.renamed"), .tag_count = 2};
    view.tags[0] = text("actor:ada");
    view.tags[1] = text("region:eu");
    view.causation = cause;
    view.idempotency = key;
    view.occurred = occurred;
    put_event(out, &core, &view, 2, NULL, 0);
    tally_core third = {.digest_algorithm = 1,
                        .position = 2,
                        .time_us = when + 1,
                        .time_logical = 1,
                        .batch_index = 1,
                        .batch_count = 2};
    tally_body_view paid = {
        .stream = text("ordre/\xc3\xa9"), .type = text("order.paid"), .content_type = text("application/octet-stream")};
    static const uint8_t data[7] = {0, 1, 2, 3, 4, 5, 6};
    put_event(out, &third, &paid, 3, data, sizeof data);
    put_mark(out, (tally_mark){.commit = 1,
                               .first_position = 1,
                               .count = 2,
                               .first_offset = start,
                               .durable_position = 1,
                               .writer_epoch = 1});
}

TEST(the_core_writes_the_golden_segment_byte_for_byte)
{
    static writer out;
    const int64_t when = 1700000000000001;
    load();
    put_header(&out);
    tally_core core = {.digest_algorithm = 1, .time_us = when, .batch_count = 1};
    tally_body_view view = {
        .stream = text("account/42"), .type = text("account.opened"), .content_type = text("application/json")};
    put_event(&out, &core, &view, 1, "{\"plan\":\"pro\"}", 14);
    put_mark(&out, (tally_mark){.count = 1, .first_offset = TALLY_SEGMENT_HEADER_BYTES, .writer_epoch = 1});
    put_second_commit(&out, when);
    put_mark(&out, (tally_mark){.flags = TALLY_MARK_CLEAN_CLOSE,
                                .commit = 2,
                                .first_position = 3,
                                .first_offset = out.at,
                                .durable_position = 3,
                                .writer_epoch = 1});
    CHECK_EQ(out.at + 512, golden_bytes);
    CHECK_BYTES(out.bytes, golden, golden_bytes);
}

/* --------------------------------------------------------------------------------------- reading */

/* Reads a segment as far as it is whole; returns how many events and marks it has, or the status. */
static tally_status walk(const uint8_t *bytes, size_t length, uint32_t *events, uint32_t *marks)
{
    tally_segment_header header;
    *events = *marks = 0;
    tally_status status = tally_segment_header_decode(bytes, length, &header, &error);
    if (status != TALLY_OK) return status;
    uint32_t seed = tally_frame_seed(header.salt);
    uint32_t crc = seed;
    size_t at = TALLY_SEGMENT_HEADER_BYTES;
    for (;;) {
        uint32_t kind = tally_frame_kind_at(bytes + at, length - at);
        if (kind == 0) return TALLY_OK;
        if (kind == TALLY_FRAME_MARK) {
            tally_mark mark;
            status = tally_mark_decode(seed, bytes + at, length - at, &mark, &error);
            if (status != TALLY_OK) return status;
            if (mark.frames_crc != tally_crc32c_finish(crc)) return TALLY_E_DAMAGED;
            crc = seed;
            at += TALLY_MARK_BYTES;
            *marks += 1;
            continue;
        }
        tally_frame frame;
        tally_core core;
        tally_body_view body;
        uint8_t digest[32];
        status = tally_frame_decode(seed, bytes + at, length - at, true, &frame, &error);
        if (status == TALLY_OK) status = tally_core_decode(frame.core, &core, &error);
        if (status == TALLY_OK) status = tally_body_decode(frame.body, frame.body_length, &body, &error);
        if (status != TALLY_OK) return status;
        tally_body_digest(core.digest_algorithm, frame.body, frame.body_length, digest);
        if (memcmp(digest, core.body_digest, 32) != 0) return TALLY_E_DAMAGED;
        tally_digest(core.digest_algorithm, TALLY_DOMAIN_DATA, frame.data, frame.data_length, digest);
        if (memcmp(digest, body.data_digest, 32) != 0) return TALLY_E_DAMAGED;
        crc = tally_mark_add_frame(crc, frame.crc_meta, frame.crc_data);
        at += frame.length;
        *events += 1;
    }
}

TEST(the_golden_segment_reads_back)
{
    uint32_t events, marks;
    load();
    CHECK_STATUS(walk(golden, golden_bytes, &events, &marks), TALLY_OK);
    CHECK_EQ(events, 3);
    CHECK_EQ(marks, 3);
}

/* Every bit of every byte up to the last mark is covered by something. */
TEST(no_flipped_bit_goes_unseen)
{
    uint32_t events, marks;
    load();
    for (size_t at = 0; at < golden_bytes - 512; at++) {
        for (int bit = 0; bit < 8; bit++) {
            golden[at] ^= (uint8_t)(1u << bit);
            bool seen = walk(golden, golden_bytes, &events, &marks) != TALLY_OK || events != 3 || marks != 3;
            CHECK(seen);
            if (!seen) (void)fprintf(stderr, "unseen at offset %zu, bit %d\n", at, bit);
            golden[at] ^= (uint8_t)(1u << bit);
        }
    }
}

TEST(a_segment_cut_anywhere_never_shows_more_than_its_whole_commits)
{
    uint32_t events, marks;
    load();
    size_t first_mark_ends = 0;
    for (size_t length = 0; length < golden_bytes; length++) {
        tally_status status = walk(golden, length, &events, &marks);
        if (length < TALLY_SEGMENT_HEADER_BYTES) CHECK_STATUS(status, TALLY_E_TRUNCATED);
        if (marks == 1 && first_mark_ends == 0) first_mark_ends = length;
        CHECK(marks <= 3 && events <= 3);
        CHECK(marks > 0 || length < first_mark_ends || first_mark_ends == 0);
    }
    CHECK(first_mark_ends > TALLY_SEGMENT_HEADER_BYTES);
}

TEST(bytes_of_another_segment_are_not_taken_for_a_frame)
{
    tally_frame frame;
    load();
    uint8_t other[16] = {99};
    CHECK_STATUS(tally_frame_decode(tally_frame_seed(other), golden + 4096, golden_bytes - 4096, true, &frame, &error),
                 TALLY_E_DAMAGED);
    CHECK_EQ(frame.length, 0);
}

TEST(a_newer_format_and_an_unknown_feature_are_refused_by_name)
{
    tally_segment_header header;
    load();
    golden[8] = 2;
    CHECK_STATUS(tally_segment_header_decode(golden, golden_bytes, &header, &error), TALLY_E_FORMAT);
    CHECK_SAYS(error, "format 2");
    load();
    CHECK_STATUS(tally_segment_header_decode(golden, golden_bytes, &header, &error), TALLY_OK);
    header.incompatible = 4;
    tally_segment_header_encode(&header, golden);
    CHECK_STATUS(tally_segment_header_decode(golden, golden_bytes, &header, &error), TALLY_E_FORMAT);
    CHECK_SAYS(error, "0x4");
}

TEST(names_of_stores_are_checked)
{
    CHECK_STATUS(tally_store_name_check("audit/eu-1_x.y", 14, &error), TALLY_OK);
    CHECK_STATUS(tally_store_name_check("", 0, &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_store_name_check("a b", 3, &error), TALLY_E_NAME);
    CHECK_EQ(error.position, 1);
}
