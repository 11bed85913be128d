/* Pages of content with their checksums: written once, checked at first touch, never followed outside. */
#include "base/bytes.h"
#include "log/frame.h"
#include "log/section.h"
#include "log/trailer.h"
#include "test.h"
#include "wrap/wrap.h"

#define FILE_NAME "00000000.00.seg"

static const uint32_t seed = 0x89abcdef;
static tally_platform *world;
static tally_platform *wrapped;
static tally_folder folder;
static tally_file file;
static tally_error error;
static uint8_t bytes[64 * 1024]; /* the file, read back */
static _Atomic(uint32_t) checked[8];

static void begin(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    REQUIRE(wrapped != NULL);
    REQUIRE_STATUS(tally_folder_init(&folder, wrapped, "/", 1, 0600, &error), TALLY_OK);
    REQUIRE_STATUS(
        tally_file_open(&folder, FILE_NAME, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, &error),
        TALLY_OK);
    for (size_t i = 0; i < 8; i++) atomic_store(&checked[i], 0);
}

static void end(void)
{
    tally_file_close(&folder, &file);
    CHECK_EQ(wrap_open_files(wrapped), 0);
    CHECK_EQ(wrap_blocks(wrapped), 0);
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static uint8_t content_at(uint64_t at) { return (uint8_t)(at * 31 + at / 251 + 7); }

/* Writes `length` bytes in pieces of changing size. */
static tally_status write_content(uint64_t offset, uint64_t length, uint64_t *file_end)
{
    static uint8_t piece[5000];
    tally_section_writer writer;
    tally_status status = tally_section_begin(&writer, &folder, FILE_NAME, file, offset, seed, &error);
    uint64_t at = 0;
    for (size_t step = 1; status == TALLY_OK && at < length; step = step * 3 % sizeof piece + 1) {
        size_t part = length - at < step ? (size_t)(length - at) : step;
        for (size_t i = 0; i < part; i++) piece[i] = content_at(at + i);
        tally_section_write(&writer, piece, part);
        at += part;
    }
    return tally_section_end(&writer, file_end, &error);
}

static tally_section section_over(uint64_t offset, uint64_t length, bool mapped, bool remembers)
{
    size_t done;
    tally_section section = {.folder = &folder,
                             .name = FILE_NAME,
                             .file = file,
                             .offset = offset,
                             .length = length,
                             .seed = seed,
                             .checked = remembers ? checked : NULL};
    CHECK_STATUS(tally_file_read(&folder, FILE_NAME, file, offset, bytes, sizeof bytes, &done, &error), TALLY_OK);
    if (mapped) section.pages = bytes;
    return section;
}

static bool reads_right(const tally_section *section, uint64_t at, size_t length)
{
    static uint8_t back[32 * 1024];
    if (!tally_section_read(section, at, back, length)) return false;
    for (size_t i = 0; i < length; i++) {
        if (back[i] != content_at(at + i)) return false;
    }
    return true;
}

TEST(content_of_any_length_reads_back_mapped_and_from_the_file)
{
    static const uint64_t lengths[] = {0, 1, 4, 4091, 4092, 4093, 8184, 8185, 20000};
    begin();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint64_t length = lengths[i];
        uint64_t file_end;
        CHECK_STATUS(write_content(8192, length, &file_end), TALLY_OK);
        CHECK_EQ(file_end, 8192 + tally_section_file_bytes(length));
        for (unsigned kind = 0; kind < 4; kind++) {
            for (size_t word = 0; word < 8; word++) atomic_store(&checked[word], 0);
            tally_section section = section_over(8192, length, (kind & 1u) != 0, (kind & 2u) != 0);
            for (int round = 0; round < 2; round++) {
                CHECK(reads_right(&section, 0, length));
                CHECK(reads_right(&section, length / 2, length - length / 2));
                CHECK(reads_right(&section, length, 0));
            }
        }
    }
    end();
}

TEST(more_than_a_buffer_is_written_in_order)
{
    uint64_t file_end;
    uint64_t size;
    const uint64_t length = 300 * 1024;
    begin();
    CHECK_STATUS(write_content(4096, length, &file_end), TALLY_OK);
    CHECK_STATUS(tally_file_size(&folder, FILE_NAME, file, &size, &error), TALLY_OK);
    CHECK_EQ(size, file_end);
    tally_section section = section_over(4096, length, false, false);
    for (uint64_t at = 0; at + 1000 <= length; at += 9973) CHECK(reads_right(&section, at, 1000));
    end();
}

TEST(numbers_read_back_also_across_a_page)
{
    tally_section_writer writer;
    uint64_t file_end;
    begin();
    REQUIRE_STATUS(tally_section_begin(&writer, &folder, FILE_NAME, file, 0, seed, &error), TALLY_OK);
    for (uint32_t i = 0; i < 1022; i++) tally_section_write_u32(&writer, i * 3); /* 4 bytes are left in the page */
    for (uint64_t i = 0; i < 4; i++) tally_section_write_u64(&writer, UINT64_MAX / 3 - i);
    CHECK_EQ(writer.length, 4088 + 32);
    CHECK_STATUS(tally_section_end(&writer, &file_end, &error), TALLY_OK);
    for (int mapped = 0; mapped < 2; mapped++) {
        uint32_t small;
        uint64_t large;
        tally_section section = section_over(0, 4088 + 32, mapped == 1, true);
        CHECK(tally_section_u32(&section, 4084, &small));
        CHECK_EQ(small, 1021 * 3);
        for (uint64_t i = 0; i < 4; i++) {
            CHECK(tally_section_u64(&section, 4088 + 8 * i, &large));
            CHECK_EQ(large, UINT64_MAX / 3 - i);
        }
        CHECK(!tally_section_u64(&section, 4088 + 32 - 4, &large));
        CHECK_EQ(large, 0);
        CHECK(!tally_section_u32(&section, 4088 + 32, &small));
        CHECK_EQ(small, 0);
    }
    end();
}

TEST(nothing_outside_the_content_is_read)
{
    uint8_t byte[2];
    uint64_t file_end;
    begin();
    CHECK_STATUS(write_content(0, 5000, &file_end), TALLY_OK);
    for (int mapped = 0; mapped < 2; mapped++) {
        tally_section section = section_over(0, 5000, mapped == 1, false);
        CHECK(tally_section_read(&section, 4999, byte, 1));
        CHECK(!tally_section_read(&section, 4999, byte, 2)); /* padding is there, and is none of it */
        CHECK(!tally_section_read(&section, 5000, byte, 1));
        CHECK(!tally_section_read(&section, UINT64_MAX, byte, 1));
        CHECK(!tally_section_read(&section, UINT64_MAX, byte, 2));
        CHECK(!tally_section_read(&section, 0, byte, SIZE_MAX));
    }
    end();
}

TEST(no_flipped_bit_goes_unseen_but_in_pages_that_were_checked)
{
    uint64_t file_end;
    begin();
    CHECK_STATUS(write_content(4096, 4100, &file_end), TALLY_OK);
    tally_section section = section_over(4096, 4100, true, false);
    for (size_t bit = 0; bit < (size_t)8192 * 8; bit += bit % 8 == 7 ? 25 : 1) { /* all bits of every fourth byte */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!reads_right(&section, bit / 8 / 4096 * 4092, 4));
        CHECK(reads_right(&section, bit / 8 < 4096 ? 4092 : 0, 4)); /* the other page */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    section.checked = checked;
    CHECK(reads_right(&section, 0, 4));
    CHECK_EQ(atomic_load(&checked[0]), 1);
    bytes[4095] ^= 1;
    CHECK(reads_right(&section, 4, 4)); /* once per process is the promise */
    bytes[8191] ^= 1;
    CHECK(!reads_right(&section, 4092, 4));
    CHECK_EQ(atomic_load(&checked[0]), 1);
    end();
}

TEST(a_page_in_the_place_of_another_one_does_not_check)
{
    static uint8_t page[4096];
    uint64_t file_end;
    begin();
    CHECK_STATUS(write_content(0, 8184, &file_end), TALLY_OK);
    tally_section section = section_over(0, 8184, true, false);
    memcpy(page, bytes, sizeof page);
    memcpy(bytes, bytes + 4096, 4096);
    memcpy(bytes + 4096, page, sizeof page);
    CHECK(!reads_right(&section, 0, 4));
    CHECK(!reads_right(&section, 4092, 4));
    section = section_over(0, 8184, true, false);
    CHECK(reads_right(&section, 0, 8184));
    section.seed ^= 1;
    CHECK(!reads_right(&section, 0, 4));
    section.seed ^= 1;
    section.offset = 4096;
    CHECK(!reads_right(&section, 0, 4));
    end();
}

TEST(a_file_that_became_shorter_is_unreadable_not_followed)
{
    uint64_t file_end;
    begin();
    CHECK_STATUS(write_content(0, 8184, &file_end), TALLY_OK);
    tally_section section = section_over(0, 8184, false, true);
    CHECK(reads_right(&section, 0, 8184));
    for (uint64_t size = 8191; size > 4096; size -= 455) {
        CHECK_STATUS(tally_file_truncate(&folder, FILE_NAME, file, size, &error), TALLY_OK);
        CHECK(reads_right(&section, 0, 4092));
        CHECK(!reads_right(&section, 4092, 4092) || size >= 4096 + 4092);
        section.checked = NULL;
        CHECK(!reads_right(&section, 4092, 4));
        section.checked = checked;
    }
    end();
}

TEST(short_reads_and_writes_change_nothing)
{
    uint64_t file_end;
    begin();
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_DISK, .kind = WRAP_SHORT, .for_ever = true, .bytes = 700});
    CHECK_STATUS(write_content(0, 9000, &file_end), TALLY_OK);
    tally_section section = section_over(0, 9000, false, false);
    CHECK(reads_right(&section, 0, 9000));
    wrap_fault_set(wrapped, NULL);
    end();
}

static void write_and_read(const tally_platform *platform, void *user_data)
{
    uint64_t file_end = 1;
    uint64_t *good = user_data;
    (void)platform; /* the folder has it */
    tally_status status = write_content(0, 270000, &file_end);
    if (status != TALLY_OK) {
        CHECK_EQ(file_end, 0);
        CHECK_STATUS(error.status, status);
        return;
    }
    tally_section section = {.folder = &folder, .name = FILE_NAME, .file = file, .length = 270000, .seed = seed};
    uint32_t value;
    bool read = tally_section_u32(&section, 269996, &value);
    CHECK_EQ(value != 0, read);
    *good += read;
}

TEST(each_failing_call_is_reported_and_leaks_nothing)
{
    uint64_t leaks = 0;
    uint64_t good = 0;
    begin();
    wrap_fault fault = {.calls = WRAP_READS | WRAP_WRITES | WRAP_MEMORY, .kind = WRAP_FAIL};
    CHECK(wrap_each_failure(wrapped, fault, write_and_read, &good, &leaks) >= 8);
    CHECK_EQ(leaks, 0);
    CHECK(good >= 2);
    tally_section_writer writer;
    uint64_t file_end = 1;
    CHECK_STATUS(tally_section_begin(&writer, &folder, FILE_NAME, file, 100, seed, &error), TALLY_E_ALIGNMENT);
    tally_section_write_u64(&writer, 1);
    CHECK_STATUS(tally_section_end(&writer, &file_end, &error), TALLY_E_ALIGNMENT);
    CHECK_EQ(file_end, 0);
    end();
}

TEST(sizes_in_the_file_do_not_overflow)
{
    CHECK_EQ(tally_section_file_bytes(0), 0);
    CHECK_EQ(tally_section_file_bytes(1), 4096);
    CHECK_EQ(tally_section_file_bytes(4092), 4096);
    CHECK_EQ(tally_section_file_bytes(4093), 8192);
    CHECK_EQ(tally_section_file_bytes(UINT64_MAX), UINT64_MAX);
}
