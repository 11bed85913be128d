/* The trailer and the table of sections of a sealed segment. */
#include "base/bytes.h"
#include "log/crc32c.h"
#include "log/frame.h"
#include "log/trailer.h"
#include "test.h"

static const uint32_t seed = 0x1234567;
static const uint64_t file_size = 4096 + 8000 + 4096 * 8 + 128;
static tally_error error;

static tally_trailer sample(void)
{
    return (tally_trailer){.data_end = 4096 + 8000,
                           .table_offset = 4096 * 6,
                           .table_count = 3,
                           .table_crc = 77,
                           .first_position = 100,
                           .last_position = 119,
                           .commits = 4,
                           .first_time_us = 1000,
                           .last_time_us = 2000,
                           .new_streams = 5};
}

static tally_status decode(const tally_trailer *trailer, uint64_t size, tally_trailer *read)
{
    uint8_t bytes[TALLY_TRAILER_BYTES];
    tally_trailer_encode(seed, trailer, bytes);
    return tally_trailer_decode(seed, bytes, size, read, &error);
}

TEST(a_trailer_reads_back)
{
    tally_trailer read;
    tally_trailer trailer = sample();
    CHECK_STATUS(decode(&trailer, file_size, &read), TALLY_OK);
    CHECK_EQ(read.data_end, 12096);
    CHECK_EQ(read.table_offset, 24576);
    CHECK_EQ(read.table_count, 3);
    CHECK_EQ(read.table_crc, 77);
    CHECK_EQ(read.first_position, 100);
    CHECK_EQ(read.last_position, 119);
    CHECK_EQ(read.commits, 4);
    CHECK_EQ(read.first_time_us, 1000);
    CHECK_EQ(read.last_time_us, 2000);
    CHECK_EQ(read.new_streams, 5);
}

TEST(a_segment_without_events_has_a_trailer_too)
{
    tally_trailer read;
    tally_trailer trailer = {.data_end = 4096 + 64, .table_offset = 8192, .last_position = UINT64_MAX, .commits = 1};
    CHECK_STATUS(decode(&trailer, 8192 + 128, &read), TALLY_OK);
    CHECK_EQ(read.last_position - read.first_position + 1, 0);
    trailer.first_time_us = trailer.last_time_us = 5;
    CHECK_STATUS(decode(&trailer, 8192 + 128, &read), TALLY_E_DAMAGED);
}

TEST(bytes_that_are_no_trailer_are_told_from_a_damaged_one)
{
    uint8_t bytes[TALLY_TRAILER_BYTES] = {0};
    tally_trailer read;
    tally_trailer trailer = sample();
    CHECK_STATUS(tally_trailer_decode(seed, bytes, file_size, &read, &error), TALLY_E_FORMAT);
    CHECK_SAYS(error, "not sealed");
    tally_trailer_encode(seed, &trailer, bytes);
    CHECK_STATUS(tally_trailer_decode(seed + 1, bytes, file_size, &read, &error), TALLY_E_DAMAGED);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_STATUS(tally_trailer_decode(seed, bytes, file_size, &read, NULL),
                     bit < 64 ? TALLY_E_FORMAT : TALLY_E_DAMAGED);
        CHECK_EQ(read.data_end, 0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes[100] = 1;
    tally_store_u32(bytes + 124, tally_crc32c(seed, bytes, 124));
    CHECK_STATUS(tally_trailer_decode(seed, bytes, file_size, &read, &error), TALLY_E_FORMAT);
}

/* Checksums agree in all of these: only the numbers lie. */
static tally_status with(void (*change)(tally_trailer *, uint64_t), uint64_t value)
{
    tally_trailer read;
    tally_trailer trailer = sample();
    change(&trailer, value);
    tally_status status = decode(&trailer, file_size, &read);
    if (status != TALLY_OK) CHECK_EQ(read.table_count, 0);
    return status;
}

static void set_data_end(tally_trailer *trailer, uint64_t value) { trailer->data_end = value; }
static void set_table_offset(tally_trailer *trailer, uint64_t value) { trailer->table_offset = value; }
static void set_table_count(tally_trailer *trailer, uint64_t value) { trailer->table_count = (uint32_t)value; }
static void set_last(tally_trailer *trailer, uint64_t value) { trailer->last_position = value; }
static void set_commits(tally_trailer *trailer, uint64_t value) { trailer->commits = value; }
static void set_first_time(tally_trailer *trailer, uint64_t value) { trailer->first_time_us = (int64_t)value; }
static void set_new_streams(tally_trailer *trailer, uint64_t value) { trailer->new_streams = value; }

static void set_both(tally_trailer *trailer, uint64_t value)
{
    trailer->first_position = value;
    trailer->last_position = value + 19;
}

TEST(places_that_lie_outside_the_file_are_refused)
{
    const uint64_t end = file_size - 128;
    CHECK_STATUS(with(set_data_end, 4096), TALLY_E_DAMAGED); /* no room for the events */
    CHECK_STATUS(with(set_data_end, 4088), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_data_end, 12097), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_data_end, end + 8), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_data_end, UINT64_MAX - 7), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_offset, 12096), TALLY_OK);
    CHECK_STATUS(with(set_table_offset, 12088), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_offset, 24577), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_offset, end - 96), TALLY_OK);
    CHECK_STATUS(with(set_table_offset, end - 88), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_offset, UINT64_MAX - 7), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_count, TALLY_SECTIONS_MAX), TALLY_OK);
    CHECK_STATUS(with(set_table_count, TALLY_SECTIONS_MAX + 1), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_table_count, UINT32_MAX), TALLY_E_DAMAGED);
}

TEST(a_file_that_was_cut_does_not_fit_its_trailer)
{
    tally_trailer read;
    tally_trailer trailer = sample();
    for (uint64_t size = 0; size < 24576 + 96 + 128; size += 8) {
        CHECK_STATUS(decode(&trailer, size, &read), TALLY_E_DAMAGED);
    }
    CHECK_STATUS(decode(&trailer, 24576 + 96 + 128, &read), TALLY_OK);
    trailer.data_end = (UINT64_C(8) << 32) + 8; /* more than offsets of 32 bits reach */
    trailer.table_offset = trailer.data_end;
    CHECK_STATUS(decode(&trailer, UINT64_C(1) << 40, &read), TALLY_E_DAMAGED);
}

TEST(counts_that_the_bytes_have_no_room_for_are_refused)
{
    CHECK_STATUS(with(set_last, 99), TALLY_E_DAMAGED); /* no event, but new streams */
    CHECK_STATUS(with(set_last, 98), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_last, 100 + 8000 / 64), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_last, UINT64_MAX), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_both, UINT64_MAX - 20), TALLY_OK);
    CHECK_STATUS(with(set_both, UINT64_MAX - 19), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_commits, 0), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_commits, 8000 / 64 + 1), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_new_streams, 20), TALLY_OK);
    CHECK_STATUS(with(set_new_streams, 21), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_first_time, 2001), TALLY_E_DAMAGED);
    CHECK_STATUS(with(set_first_time, UINT64_MAX), TALLY_E_DAMAGED);
}

/* ----------------------------------------------------------------------------------- section table */

static tally_section_entry entry_sample(void)
{
    return (tally_section_entry){
        .tag = {'O', 'F', 'F', 'S'}, .version = 1, .flags = 2, .offset = 16384, .length = 4092 + 1};
}

static tally_status decode_entry(const tally_section_entry *entry, uint64_t size, tally_section_entry *read)
{
    uint8_t bytes[TALLY_SECTION_ENTRY_BYTES];
    tally_section_entry_encode(seed, entry, bytes);
    return tally_section_entry_decode(seed, bytes, size, read, &error);
}

TEST(an_entry_reads_back)
{
    tally_section_entry read;
    tally_section_entry entry = entry_sample();
    CHECK_STATUS(decode_entry(&entry, file_size, &read), TALLY_OK);
    CHECK_BYTES(read.tag, "OFFS", 4);
    CHECK_EQ(read.version, 1);
    CHECK_EQ(read.flags, 2);
    CHECK_EQ(read.offset, 16384);
    CHECK_EQ(read.length, 4093);
}

TEST(no_flipped_bit_in_an_entry_goes_unseen)
{
    uint8_t bytes[TALLY_SECTION_ENTRY_BYTES];
    tally_section_entry read;
    tally_section_entry entry = entry_sample();
    tally_section_entry_encode(seed, &entry, bytes);
    CHECK_STATUS(tally_section_entry_decode(seed + 1, bytes, file_size, &read, &error), TALLY_E_DAMAGED);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_STATUS(tally_section_entry_decode(seed, bytes, file_size, &read, NULL),
                     bit < (size_t)28 * 8 ? TALLY_E_DAMAGED : TALLY_E_FORMAT);
        CHECK_EQ(read.offset | read.length, 0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(an_entry_never_leads_out_of_the_file)
{
    static const struct {
        uint64_t offset, length, size;
        tally_status wanted;
    } cases[] = {
        {4096, 0, 4096 + 128, TALLY_OK},
        {4096, 1, 4096 + 128, TALLY_E_DAMAGED},
        {4096, 4092, 8192 + 128, TALLY_OK},
        {4096, 4093, 8192 + 128, TALLY_E_DAMAGED},
        {4096, 4092, 8192 + 127, TALLY_E_DAMAGED},
        {4096, 1, 100, TALLY_E_DAMAGED},
        {0, 1, 1 << 20, TALLY_E_DAMAGED},
        {4100, 1, 1 << 20, TALLY_E_DAMAGED},
        {4096, UINT64_MAX, 1 << 20, TALLY_E_DAMAGED},
        {4096, UINT64_MAX / 4096 * 4092, 1 << 20, TALLY_E_DAMAGED},
        {4096, UINT64_MAX - 4095, UINT64_MAX, TALLY_E_DAMAGED},
        {UINT64_MAX - 4095, 1, 1 << 20, TALLY_E_DAMAGED},
        {UINT64_MAX - 4095, 1, UINT64_MAX, TALLY_E_DAMAGED},
    };
    tally_section_entry read;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tally_section_entry entry = {.tag = {'X', 'X', 'X', 'X'}, .offset = cases[i].offset, .length = cases[i].length};
        CHECK_STATUS(decode_entry(&entry, cases[i].size, &read), cases[i].wanted);
    }
}
