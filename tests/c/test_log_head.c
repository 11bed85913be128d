/* HEAD: two slots, of which the newer whole one counts. */
#include "base/bytes.h"
#include "log/crc32c.h"
#include "log/head.h"
#include "test.h"

static uint8_t page[TALLY_HEAD_BYTES];

static tally_head sample(uint64_t sequence)
{
    tally_head head = {.sequence = sequence,
                       .writer_epoch = 3,
                       .process_id = 4711,
                       .state = TALLY_HEAD_OPEN,
                       .manifest_generation = 5,
                       .shred_counter = 6,
                       .segment = 7,
                       .generation = 8,
                       .end_offset = 4096 + 9 * 8,
                       .written = 11 + sequence,
                       .durable = 10};
    for (uint8_t i = 0; i < 16; i++) head.boot_id[i] = (uint8_t)(i + 1);
    return head;
}

static void put(const tally_head *head) { tally_head_encode(head, page + head->sequence % 2 * TALLY_HEAD_SLOT_BYTES); }

static bool same(const tally_head *a, const tally_head *b)
{
    uint8_t x[TALLY_HEAD_SLOT_USED];
    uint8_t y[TALLY_HEAD_SLOT_USED];
    tally_head_encode(a, x);
    tally_head_encode(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

TEST(what_is_written_reads_back)
{
    tally_head read;
    tally_head head = sample(9);
    memset(page, 0, sizeof page);
    put(&head);
    CHECK(tally_head_decode(page, sizeof page, &read));
    CHECK_EQ(read.sequence, 9);
    CHECK_EQ(read.writer_epoch, 3);
    CHECK_BYTES(read.boot_id, head.boot_id, 16);
    CHECK_EQ(read.process_id, 4711);
    CHECK_EQ(read.state, TALLY_HEAD_OPEN);
    CHECK_EQ(read.manifest_generation, 5);
    CHECK_EQ(read.shred_counter, 6);
    CHECK_EQ(read.segment, 7);
    CHECK_EQ(read.generation, 8);
    CHECK_EQ(read.end_offset, 4168);
    CHECK_EQ(read.written, 20);
    CHECK_EQ(read.durable, 10);
}

TEST(the_newer_slot_counts_whichever_it_is)
{
    tally_head read;
    memset(page, 0, sizeof page);
    CHECK(!tally_head_decode(page, sizeof page, &read));
    for (uint64_t sequence = 0; sequence < 6; sequence++) {
        tally_head head = sample(sequence);
        put(&head);
        CHECK(tally_head_decode(page, sizeof page, &read));
        CHECK(same(&read, &head));
    }
}

TEST(a_torn_slot_leaves_the_other_one)
{
    tally_head read;
    tally_head old = sample(4);
    tally_head next = sample(5);
    uint8_t slot[TALLY_HEAD_SLOT_USED];
    tally_head_encode(&next, slot);
    for (size_t kept = 0; kept < sizeof slot; kept++) {
        tally_head before = sample(3);
        memset(page, 0, sizeof page);
        put(&old);
        put(&before);
        memcpy(page + TALLY_HEAD_SLOT_BYTES, slot, kept);
        CHECK(tally_head_decode(page, sizeof page, &read));
        bool complete = memcmp(page + TALLY_HEAD_SLOT_BYTES, slot, sizeof slot) == 0;
        CHECK(same(&read, complete ? &next : &old));
    }
}

TEST(no_flipped_bit_in_a_slot_goes_unseen)
{
    tally_head read;
    tally_head head = sample(4);
    memset(page, 0, sizeof page);
    put(&head);
    for (size_t bit = 0; bit < TALLY_HEAD_BYTES * (size_t)8; bit++) {
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool valid = tally_head_decode(page, sizeof page, &read);
        if (bit < TALLY_HEAD_SLOT_USED * (size_t)8) CHECK(!valid);
        else CHECK(valid && same(&read, &head)); /* nobody looks at the rest of the page */
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(a_file_cut_anywhere_shows_the_slots_that_are_whole)
{
    tally_head read;
    tally_head first = sample(4);
    tally_head second = sample(5);
    memset(page, 0, sizeof page);
    put(&first);
    put(&second);
    for (size_t length = 0; length <= sizeof page; length++) {
        uint8_t *cut = malloc(length == 0 ? 1 : length); /* of its own, so that sanitizers see what lies behind it */
        if (cut == NULL) break;
        memcpy(cut, page, length);
        bool valid = tally_head_decode(cut, length, &read);
        CHECK_EQ(valid, length >= TALLY_HEAD_SLOT_USED);
        if (valid) CHECK(same(&read, length >= TALLY_HEAD_SLOT_BYTES + TALLY_HEAD_SLOT_USED ? &second : &first));
        free(cut);
    }
}

/* With a checksum that agrees: what a later layout, or a liar, would write. */
static bool accepts(size_t at, uint32_t value)
{
    tally_head read;
    tally_head head = sample(4);
    memset(page, 0, sizeof page);
    put(&head);
    tally_store_u32(page + at, value);
    tally_store_u32(page + 124, tally_crc32c(TALLY_CRC_START, page, 124));
    return tally_head_decode(page, sizeof page, &read);
}

TEST(a_slot_of_another_layout_or_one_that_contradicts_itself_does_not_count)
{
    CHECK(accepts(32, 99)); /* the process */
    CHECK(!accepts(44, 2)); /* the layout */
    CHECK(!accepts(40, 0)); /* the state */
    CHECK(!accepts(40, 4));
    CHECK(!accepts(0, 5));    /* a sequence of the other slot */
    CHECK(!accepts(96, 100)); /* durable, before it is written */
    CHECK(!accepts(120, 1));  /* reserved */
}
