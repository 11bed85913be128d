/* base/bytes.h */
#include "test.h"

#include "base/bytes.h"

static const uint8_t counting[16] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                     0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10};

TEST(numbers_are_little_endian_at_any_address)
{
    CHECK_EQ(tally_load_u16(counting), 0x0201);
    CHECK_EQ(tally_load_u32(counting + 1), 0x05040302);
    CHECK_EQ(tally_load_u64(counting + 3), UINT64_C(0x0B0A090807060504));
    const uint8_t high[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    CHECK_EQ(tally_load_u16(high), 0xFFFF);
    CHECK_EQ(tally_load_u32(high), UINT32_MAX);
    CHECK_EQ(tally_load_u64(high), UINT64_MAX);
}

TEST(what_is_stored_is_loaded_again)
{
    uint8_t bytes[10] = {0};
    tally_store_u16(bytes + 1, 0xBEEF);
    CHECK_BYTES(bytes, "\x00\xEF\xBE\x00", 4);
    tally_store_u32(bytes + 1, 0x80000001);
    CHECK_BYTES(bytes, "\x00\x01\x00\x00\x80\x00", 6);
    tally_store_u64(bytes + 1, UINT64_C(0x8877665544332211));
    CHECK_BYTES(bytes, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x00", 10);
    CHECK_EQ(tally_load_u64(bytes + 1), UINT64_C(0x8877665544332211));
}

TEST(a_reader_reads_one_after_the_other)
{
    tally_bytes_reader in = tally_bytes_reader_over(counting, 16);
    CHECK_EQ(tally_bytes_read_u8(&in), 0x01);
    CHECK_EQ(tally_bytes_read_u16(&in), 0x0302);
    CHECK_EQ(tally_bytes_read_u32(&in), 0x07060504);
    CHECK_EQ(tally_bytes_read_position(&in), 7);
    CHECK_EQ(tally_bytes_read_u64(&in), UINT64_C(0x0F0E0D0C0B0A0908));
    CHECK_EQ(tally_bytes_read_left(&in), 1);
    CHECK(!tally_bytes_read_complete(&in));
    CHECK(tally_bytes_read(&in, 1) == counting + 15);
    CHECK(tally_bytes_read_complete(&in));
}

TEST(a_reader_never_passes_its_end_and_stays_failed)
{
    tally_bytes_reader in = tally_bytes_reader_over(counting, 3);
    CHECK_EQ(tally_bytes_read_u32(&in), 0);
    CHECK(in.failed);
    CHECK_EQ(tally_bytes_read_position(&in), 0); /* where it was wrong */
    CHECK_EQ(tally_bytes_read_u8(&in), 0);       /* though there are three bytes */
    CHECK(tally_bytes_read(&in, 0) == NULL);
    CHECK_EQ(tally_bytes_read_left(&in), 0);
    CHECK(!tally_bytes_read_complete(&in));
}

TEST(each_width_is_refused_when_one_byte_is_missing)
{
    tally_bytes_reader in = tally_bytes_reader_over(counting, 0);
    CHECK_EQ(tally_bytes_read_u8(&in), 0);
    CHECK(in.failed);
    in = tally_bytes_reader_over(counting, 1);
    CHECK_EQ(tally_bytes_read_u16(&in), 0);
    CHECK(in.failed);
    in = tally_bytes_reader_over(counting, 7);
    CHECK_EQ(tally_bytes_read_u64(&in), 0);
    CHECK(in.failed);
}

TEST(a_length_that_would_overflow_is_refused)
{
    tally_bytes_reader in = tally_bytes_reader_over(counting, 16);
    (void)tally_bytes_read_u8(&in);
    CHECK(tally_bytes_read(&in, SIZE_MAX) == NULL);
    CHECK(in.failed);
    uint8_t space[4];
    tally_bytes_writer out = tally_bytes_writer_over(space, 4);
    tally_bytes_write_u8(&out, 1);
    CHECK(tally_bytes_reserve(&out, SIZE_MAX) == NULL);
    CHECK(out.failed);
    CHECK_EQ(out.at, 1);
}

TEST(the_empty_range_over_null_can_be_read)
{
    tally_bytes_reader in = tally_bytes_reader_over(NULL, 0);
    CHECK(tally_bytes_read(&in, 0) != NULL);
    CHECK(tally_bytes_read_complete(&in));
    CHECK_EQ(tally_bytes_read_u8(&in), 0);
    CHECK(in.failed);
}

TEST(padding_must_be_zero_and_says_where_it_is_not)
{
    const uint8_t padded[6] = {0, 0, 0, 7, 0, 0};
    tally_bytes_reader in = tally_bytes_reader_over(padded, 6);
    CHECK(tally_bytes_read_zeros(&in, 3));
    CHECK_EQ(tally_bytes_read_position(&in), 3);
    CHECK(!tally_bytes_read_zeros(&in, 3));
    CHECK(in.failed);
    CHECK_EQ(tally_bytes_read_position(&in), 3);
    in = tally_bytes_reader_over(padded, 6);
    CHECK(!tally_bytes_read_zeros(&in, 6));
    CHECK_EQ(tally_bytes_read_position(&in), 3);
    in = tally_bytes_reader_over(padded, 2);
    CHECK(!tally_bytes_read_zeros(&in, 3));
    CHECK(tally_bytes_read_zeros(&(tally_bytes_reader){padded, 2, 2, false}, 0));
}

TEST(a_writer_writes_what_a_reader_reads)
{
    uint8_t space[32];
    memset(space, 0xAA, sizeof space);
    tally_bytes_writer out = tally_bytes_writer_over(space, sizeof space);
    tally_bytes_write_u8(&out, 1);
    tally_bytes_write_u16(&out, 0x0203);
    tally_bytes_write_u32(&out, 0x04050607);
    tally_bytes_write_u64(&out, UINT64_C(0x08090A0B0C0D0E0F));
    tally_bytes_write(&out, "text", 4);
    tally_bytes_write(&out, NULL, 0);
    tally_bytes_write_zeros(&out, 2);
    tally_bytes_write_zeros(&out, 0);
    CHECK(!out.failed);
    CHECK_EQ(out.at, 21);
    CHECK_EQ(space[21], 0xAA);
    tally_bytes_reader in = tally_bytes_reader_over(space, out.at);
    CHECK_EQ(tally_bytes_read_u8(&in), 1);
    CHECK_EQ(tally_bytes_read_u16(&in), 0x0203);
    CHECK_EQ(tally_bytes_read_u32(&in), 0x04050607);
    CHECK_EQ(tally_bytes_read_u64(&in), UINT64_C(0x08090A0B0C0D0E0F));
    CHECK_BYTES(tally_bytes_read(&in, 4), "text", 4);
    CHECK(tally_bytes_read_zeros(&in, 2));
    CHECK(tally_bytes_read_complete(&in));
}

TEST(a_writer_never_passes_its_end_and_writes_no_part)
{
    uint8_t space[8];
    for (size_t capacity = 0; capacity < 8; capacity++) {
        memset(space, 0xAA, sizeof space);
        tally_bytes_writer out = tally_bytes_writer_over(space, capacity);
        tally_bytes_write_u64(&out, 0);
        CHECK(out.failed);
        tally_bytes_write_u8(&out, 0);
        tally_bytes_write_u16(&out, 0);
        tally_bytes_write_u32(&out, 0);
        tally_bytes_write(&out, counting, 1);
        tally_bytes_write_zeros(&out, 1);
        CHECK_EQ(out.at, 0);
        for (size_t i = 0; i < 8; i++) CHECK_EQ(space[i], 0xAA);
    }
    tally_bytes_writer out = tally_bytes_writer_over(NULL, 0);
    tally_bytes_write_u8(&out, 0);
    CHECK(out.failed);
}
