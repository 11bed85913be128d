/* log/heads, log/recent, log/tail: the tables that a commit is looked up in, and the buffers that it goes to. */
#include "test.h"

#include "base/error.h"
#include "log/buffer.h"
#include "log/heads.h"
#include "log/recent.h"
#include "wrap/wrap.h"

static tally_platform *wrapped;
static tally_heads heads;
static const uint8_t secret[TALLY_HEADS_SECRET_BYTES] = {1, 2, 3};

static void begin(void)
{
    wrapped = wrap_open(tally_platform_default());
    tally_heads_init(&heads, wrapped, secret, 0);
}

static void end(void)
{
    tally_heads_destroy(&heads);
    CHECK_EQ(wrap_blocks(wrapped), 0);
    wrap_close(&wrapped);
}

static tally_stream_key key_of(uint64_t number)
{
    char name[32];
    int length = snprintf(name, sizeof name, "stream/%" PRIu64, number);
    return tally_heads_key(&heads, (tally_text){name, (size_t)length});
}

static tally_stream_end *put(uint64_t number, uint64_t last_position)
{
    CHECK_STATUS(tally_heads_reserve(&heads, 1, NULL), TALLY_OK);
    tally_stream_end *place = tally_heads_insert(&heads, key_of(number));
    place->next_version = number;
    place->last_position = last_position;
    return place;
}

TEST(what_was_put_in_is_found)
{
    begin();
    CHECK(tally_heads_find(&heads, key_of(1)) == NULL);
    for (uint64_t i = 0; i < 5000; i++) put(i, i);
    for (uint64_t i = 0; i < 5000; i++) {
        const tally_stream_end *place = tally_heads_find(&heads, key_of(i));
        REQUIRE(place != NULL);
        CHECK_EQ(place->next_version, i);
    }
    CHECK(tally_heads_find(&heads, key_of(5000)) == NULL);
    end();
}

TEST(a_new_stream_has_no_event)
{
    begin();
    CHECK_STATUS(tally_heads_reserve(&heads, 1, NULL), TALLY_OK);
    const tally_stream_end *place = tally_heads_insert(&heads, key_of(7));
    const uint8_t zero[32] = {0};
    CHECK_EQ(place->next_version, 0);
    CHECK_EQ(place->last_position, TALLY_POSITION_NONE);
    CHECK_BYTES(place->last_hash, zero, 32);
    end();
}

TEST(another_secret_gives_other_keys)
{
    begin();
    tally_stream_key one = key_of(1);
    heads.secret[0]++;
    CHECK(key_of(1).high != one.high);
    end();
}

TEST(room_that_was_reserved_moves_nothing)
{
    begin();
    CHECK_STATUS(tally_heads_reserve(&heads, 1000, NULL), TALLY_OK);
    tally_stream_end *first = tally_heads_insert(&heads, key_of(0));
    uint64_t blocks = wrap_count(wrapped, WRAP_MEMORY);
    for (uint64_t i = 1; i < 1000; i++) (void)tally_heads_insert(&heads, key_of(i));
    CHECK_EQ(wrap_count(wrapped, WRAP_MEMORY), blocks);
    CHECK(tally_heads_find(&heads, key_of(0)) == first);
    end();
}

TEST(a_large_table_drops_what_lies_in_sealed_segments_before_it_grows)
{
    begin();
    for (uint64_t i = 0; i < 43000; i++) put(i, i);
    size_t bytes = tally_heads_bytes(&heads);
    tally_heads_raise(&heads, 42000);
    for (uint64_t i = 43000; i < 60000; i++) put(i, i);
    CHECK_EQ(tally_heads_bytes(&heads), bytes);
    CHECK(heads.evictions > 0);
    CHECK(tally_heads_find(&heads, key_of(10)) == NULL);
    for (uint64_t i = 42000; i < 60000; i++) CHECK(tally_heads_find(&heads, key_of(i)) != NULL);
    tally_heads_raise(&heads, 5);
    CHECK_EQ(heads.complete_from, 42000);
    end();
}

TEST(without_memory_the_table_stays_as_it_is)
{
    begin();
    put(1, 1);
    wrap_fault_set(wrapped, &(wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL, .for_ever = true});
    CHECK_STATUS(tally_heads_reserve(&heads, 100000, NULL), TALLY_E_NO_MEMORY);
    wrap_fault_set(wrapped, NULL);
    CHECK(tally_heads_find(&heads, key_of(1)) != NULL);
    end();
}

/* ----------------------------------------------------------------------------------------- recent */

static void value_of(uint64_t number, uint8_t value[16])
{
    memset(value, 0, 16);
    memcpy(value, &number, sizeof number);
}

static void add(tally_recent *recent, enum tally_recent_kind kind, uint64_t number, uint64_t droppable)
{
    uint8_t value[16];
    value_of(number, value);
    CHECK_STATUS(tally_recent_reserve(recent, 1, droppable, NULL), TALLY_OK);
    tally_recent_add(recent, kind, value, number);
}

static uint64_t find(const tally_recent *recent, enum tally_recent_kind kind, uint64_t number)
{
    uint8_t value[16];
    value_of(number, value);
    return tally_recent_find(recent, kind, value);
}

TEST(recent_ids_and_keys_are_told_apart)
{
    begin();
    tally_recent recent;
    tally_recent_init(&recent, wrapped, 0);
    CHECK_EQ(find(&recent, TALLY_RECENT_ID, 1), TALLY_POSITION_NONE);
    add(&recent, TALLY_RECENT_ID, 1, 0);
    add(&recent, TALLY_RECENT_KEY, 2, 0);
    CHECK_EQ(find(&recent, TALLY_RECENT_ID, 1), 1);
    CHECK_EQ(find(&recent, TALLY_RECENT_KEY, 1), TALLY_POSITION_NONE);
    CHECK_EQ(find(&recent, TALLY_RECENT_KEY, 2), 2);
    tally_recent_destroy(&recent);
    end();
}

TEST(recent_drops_the_oldest_that_may_go_and_says_from_where_it_is_complete)
{
    begin();
    tally_recent recent;
    tally_recent_init(&recent, wrapped, 0);
    for (uint64_t i = 0; i < 256; i++) add(&recent, TALLY_RECENT_ID, i, 0);
    CHECK_EQ(recent.complete_from, 0);
    for (uint64_t i = 256; i < 3000; i++) {
        add(&recent, TALLY_RECENT_ID, i, i - 10);
        CHECK_EQ(find(&recent, TALLY_RECENT_ID, i), i);
        CHECK_EQ(recent.complete_from, i - 255);
        CHECK_EQ(find(&recent, TALLY_RECENT_ID, i - 256), TALLY_POSITION_NONE);
    }
    CHECK_EQ(recent.capacity, 256);
    for (uint64_t i = 3000; i < 4000; i++) add(&recent, TALLY_RECENT_ID, i, 3000);
    CHECK(recent.capacity > 256); /* none of those may go */
    for (uint64_t i = 3000; i < 4000; i++) CHECK_EQ(find(&recent, TALLY_RECENT_ID, i), i);
    tally_recent_destroy(&recent);
    end();
}

TEST(recent_numbers_do_not_run_out)
{
    begin();
    tally_recent recent;
    tally_recent_init(&recent, wrapped, 0);
    for (uint64_t i = 0; i < 100; i++) add(&recent, TALLY_RECENT_ID, i, 0);
    uint32_t shift = (UINT32_MAX & ~(uint32_t)255) - 256; /* as if so many had come and gone */
    for (uint32_t i = 0; i < recent.capacity; i++) {
        if (recent.buckets[i] != 0) recent.buckets[i] += shift;
        if (i < 100 && recent.entries[i].older != 0) recent.entries[i].older += shift;
    }
    recent.first += shift;
    recent.end += shift;
    for (uint64_t i = 0; i < 100; i++) CHECK_EQ(find(&recent, TALLY_RECENT_ID, i), i);
    for (uint64_t i = 100; i < 1000; i++) add(&recent, TALLY_RECENT_ID, i, 0);
    for (uint64_t i = 0; i < 1000; i++) CHECK_EQ(find(&recent, TALLY_RECENT_ID, i), i);
    tally_recent_destroy(&recent);
    end();
}

/* ------------------------------------------------------------------------------------------- tail */

static uint64_t fill(tally_tail *tail, uint64_t offset, size_t length)
{
    CHECK_STATUS(tally_tail_reserve(tail, offset, length, NULL), TALLY_OK);
    for (size_t i = 0; i < length; i++) tail->last->bytes[tail->last->used + i] = (uint8_t)((offset + i) * 7);
    tail->last->used += length;
    return offset + length;
}

TEST(the_tail_gives_what_is_not_in_the_file)
{
    begin();
    tally_tail tail;
    CHECK_STATUS(tally_tail_init(&tail, wrapped, NULL), TALLY_OK);
    tally_tail_move(&tail, 3);
    uint64_t offset = 4096;
    for (int i = 0; i < 40; i++) offset = fill(&tail, offset, 20000);
    tail.first->written = tail.first->used; /* the first chunk is in the file */
    tally_tail_recycle(&tail);
    uint64_t held = tail.first->offset;
    CHECK(held > 4096);
    static uint8_t bytes[2000000];
    size_t length = (size_t)(offset - 4096);
    size_t copied = tally_tail_copy(&tail, 3, 4096, bytes, length);
    CHECK_EQ(copied, offset - held);
    for (uint64_t at = held; at < offset; at++) {
        if (bytes[at - 4096] != (uint8_t)(at * 7)) CHECK_EQ(at, 0);
    }
    CHECK_EQ(tally_tail_copy(&tail, 2, 4096, bytes, length), 0);
    CHECK_EQ(tally_tail_copy(&tail, 3, 4096, bytes, 1000), 0);
    CHECK_EQ(tally_tail_copy(&tail, 3, offset - 10, bytes, 10), 10);
    tally_tail_destroy(&tail);
    end();
}

TEST(a_large_commit_has_a_chunk_of_its_own_that_is_given_back)
{
    begin();
    tally_tail tail;
    CHECK_STATUS(tally_tail_init(&tail, wrapped, NULL), TALLY_OK);
    uint64_t offset = fill(&tail, 4096, 3u << 20);
    CHECK(tail.bytes > 3u << 20);
    tail.first->written = tail.first->used;
    (void)fill(&tail, offset, 100);
    tally_tail_recycle(&tail);
    CHECK(tail.bytes < 1u << 20);
    tail.first->written = tail.first->used;
    tally_tail_move(&tail, 1);
    CHECK(tail.first == NULL && tail.last == NULL);
    (void)fill(&tail, 4096, 100);
    tally_tail_destroy(&tail);
    end();
}
