/* platform/memory*.c: that a world in memory behaves as the system does (files.h), and what it does
 * that the system does not. */
#include "files.h"

#include "platform/default.h"
#include "platform/memory.h"
#include "wrap/wrap.h"

static tally_platform *world;

static const tally_platform *files_begin(void)
{
    if (tally_platform_memory_open(1, &world, NULL) != TALLY_OK) abort();
    return world;
}

static void files_end(void) { CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK); }

static const char *at(const char *name)
{
    static char buffers[4][512];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    (void)snprintf(buffer, sizeof buffers[0], "/%s", name);
    return buffer;
}

/* ------------------------------------------------------------------------------------------- paths */

FILE_TEST(slashes_and_dots_in_paths_mean_nothing)
{
    CHECK_STATUS(p->make_directory(p->context, "d", 0700, &os_error), TALLY_OK);
    tally_file file;
    CHECK_STATUS(p->open_file(p->context, ".//d/./f", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error),
                 TALLY_OK);
    close_it(file);
    close_it(open_with("d/f", TALLY_OPEN_READ, TALLY_OK));
    CHECK_STATUS(p->open_file(p->context, "d/../d/f", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_E_UNSUPPORTED);
}

FILE_TEST(the_root_can_be_neither_made_nor_removed_nor_renamed)
{
    CHECK_STATUS(p->make_directory(p->context, "/", 0700, &os_error), TALLY_E_DENIED);
    CHECK_STATUS(p->remove_directory(p->context, "/", &os_error), TALLY_E_DENIED);
    CHECK_STATUS(p->rename_file(p->context, "/", "/x", &os_error), TALLY_E_DENIED);
    close_it(make("f"));
    CHECK_STATUS(p->rename_file(p->context, "/f", "/", &os_error), TALLY_E_DENIED);
}

FILE_TEST(a_directory_does_not_move_to_another)
{
    CHECK_STATUS(p->make_directory(p->context, "/a", 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->make_directory(p->context, "/b", 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->rename_file(p->context, "/a", "/b/a", &os_error), TALLY_E_UNSUPPORTED);
    CHECK_STATUS(p->rename_file(p->context, "/a", "/a/a", &os_error), TALLY_E_UNSUPPORTED);
}

FILE_TEST(a_file_number_used_again_does_not_serve_the_old_holder)
{
    tally_file old = make("a");
    close_it(old);
    tally_file new = make("b");
    size_t done;
    CHECK(old != new);
    CHECK_STATUS(p->write_at(p->context, old, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    close_it(new);
}

FILE_TEST(a_made_up_file_number_is_no_handle)
{
    size_t done;
    tally_file file = make("f");
    for (tally_file bit = 1; bit > 0 && bit < INT64_MAX / 2; bit *= 2) {
        CHECK_STATUS(p->write_at(p->context, file ^ bit, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
        if (bit == file) continue;
        CHECK_STATUS(p->write_at(p->context, bit, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    }
    CHECK_STATUS(p->write_at(p->context, INT64_MAX, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->write_at(p->context, INT64_MIN, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    CHECK_STATUS(p->write_at(p->context, 0, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    close_it(file);
}

FILE_TEST(many_files_can_be_open_at_once)
{
    tally_file files[100];
    for (int i = 0; i < 100; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%d", i);
        files[i] = make(name);
        put(files[i], name, 0);
    }
    for (int i = 0; i < 100; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%d", i);
        check_content(files[i], name, strlen(name));
        close_it(files[i]);
    }
}

FILE_TEST(what_is_open_and_mapped_is_freed_with_the_world)
{
    const void *address;
    tally_file file = make("f");
    put(file, "abc", 0);
    CHECK_STATUS(p->map_file(p->context, file, 0, 3, &address, &os_error), TALLY_OK);
    CHECK_STATUS(p->map_file(p->context, file, 0, 2, &address, &os_error), TALLY_OK);
    p->unmap(p->context, "no map", 3); /* does nothing */
}

FILE_TEST(a_sparse_file_costs_nothing_but_has_a_limit)
{
    tally_file file = make("f");
    size_t done;
    CHECK_STATUS(p->allocate_space(p->context, file, UINT64_C(1) << 30, &os_error), TALLY_OK);
    put(file, "end", (UINT64_C(1) << 30) - 3);
    CHECK_EQ(size_of(file), UINT64_C(1) << 30);
    CHECK_STATUS(p->truncate_file(p->context, file, UINT64_C(1) << 50, &os_error), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->write_at(p->context, file, "x", 1, UINT64_C(1) << 40, &done, &os_error), TALLY_E_NO_SPACE);
    close_it(file);
}

/* ------------------------------------------------------------------------------------- clock, random */

TEST(a_world_begins_in_2020_and_time_stands_until_it_is_moved)
{
    tally_platform *own = NULL;
    int64_t now_us = 0;
    REQUIRE_STATUS(tally_platform_memory_open(1, &own, NULL), TALLY_OK);
    CHECK_STATUS(own->wall_clock_us(own->context, &now_us, &os_error), TALLY_OK);
    CHECK_EQ(now_us, INT64_C(1577836800000000));
    CHECK_STATUS(tally_platform_memory_advance(own, 5), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(own, -7), TALLY_OK);
    CHECK_STATUS(own->wall_clock_us(own->context, &now_us, &os_error), TALLY_OK);
    CHECK_EQ(now_us, INT64_C(1577836799999998));
    CHECK_STATUS(tally_platform_memory_advance(own, INT64_MAX), TALLY_E_RANGE);
    CHECK_STATUS(own->wall_clock_us(own->context, &now_us, &os_error), TALLY_OK);
    CHECK_EQ(now_us, INT64_C(1577836799999998));
    CHECK_STATUS(tally_platform_memory_close(&own), TALLY_OK);
}

TEST(the_same_seed_gives_the_same_random_bytes)
{
    tally_platform *worlds[3] = {NULL, NULL, NULL};
    uint8_t bytes[3][19];
    uint8_t ids[3][16];
    for (int i = 0; i < 3; i++) {
        REQUIRE_STATUS(tally_platform_memory_open(i == 2 ? 8 : 7, &worlds[i], NULL), TALLY_OK);
        CHECK_STATUS(worlds[i]->random_bytes(worlds[i]->context, bytes[i], 19, &os_error), TALLY_OK);
        CHECK_STATUS(worlds[i]->boot_id(worlds[i]->context, ids[i], &os_error), TALLY_OK);
    }
    CHECK_BYTES(bytes[0], bytes[1], 19);
    CHECK_BYTES(ids[0], ids[1], 16);
    CHECK(memcmp(bytes[0], bytes[2], 19) != 0);
    CHECK(memcmp(ids[0], ids[2], 16) != 0);
    CHECK_STATUS(worlds[0]->random_bytes(worlds[0]->context, bytes[0], 19, &os_error), TALLY_OK);
    CHECK(memcmp(bytes[0], bytes[1], 19) != 0); /* and goes on */
    for (int i = 0; i < 3; i++) CHECK_STATUS(tally_platform_memory_close(&worlds[i]), TALLY_OK);
}

TEST(opening_and_closing_worlds_takes_any_argument)
{
    tally_platform *none = NULL;
    tally_error error;
    CHECK_STATUS(tally_platform_memory_open(1, NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(error.status, TALLY_E_NULL);
    CHECK_STATUS(tally_platform_memory_close(NULL), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&none), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(NULL, 1), TALLY_E_NULL);
    tally_platform copy = *tally_platform_default();
    tally_platform *stranger = &copy;
    CHECK_STATUS(tally_platform_memory_close(&stranger), TALLY_E_TYPE);
    CHECK(stranger == &copy);
    CHECK_STATUS(tally_platform_memory_advance(&copy, 1), TALLY_E_TYPE);
    CHECK_STATUS(tally_memory_power_cut(&copy, NULL, NULL, &none, &error), TALLY_E_TYPE);
    CHECK(!tally_memory_is_world(NULL));
}

TEST(a_copy_of_a_worlds_table_is_not_the_world)
{
    tally_platform *own = NULL;
    REQUIRE_STATUS(tally_platform_memory_open(1, &own, NULL), TALLY_OK);
    tally_platform copy = *own;
    tally_platform *pointer = &copy;
    CHECK(tally_memory_is_world(own));
    CHECK(!tally_memory_is_world(&copy));
    CHECK_STATUS(tally_platform_memory_close(&pointer), TALLY_E_TYPE);
    CHECK_STATUS(tally_platform_memory_close(&own), TALLY_OK);
    CHECK(own == NULL);
}

/* -------------------------------------------------------------------------------------- disk is full */

FILE_TEST(a_full_disk_writes_short_then_not_at_all_and_recovers)
{
    size_t done = 7;
    tally_memory_set_space(p, 10);
    tally_file file = make("f");
    put(file, "12345678", 0);
    CHECK_EQ(tally_memory_used_space(p), 8);
    CHECK_STATUS(p->write_at(p->context, file, "abcd", 4, 8, &done, &os_error), TALLY_OK);
    CHECK_EQ(done, 2);
    CHECK_STATUS(p->write_at(p->context, file, "cd", 2, 10, &done, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->allocate_space(p->context, file, 11, &os_error), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->truncate_file(p->context, file, 11, &os_error), TALLY_E_NO_SPACE);
    put(file, "over", 0); /* needs no new space */
    check_content(file, "over5678ab", 10);
    tally_file other = make("g");
    CHECK_STATUS(p->write_at(p->context, other, "x", 1, 0, &done, &os_error), TALLY_E_NO_SPACE);
    CHECK_STATUS(p->truncate_file(p->context, file, 4, &os_error), TALLY_OK);
    put(other, "x", 0);
    CHECK_EQ(tally_memory_used_space(p), 5);
    close_it(other);
    CHECK_STATUS(p->remove_file(p->context, "/g", &os_error), TALLY_OK);
    close_it(file);
}

/* ----------------------------------------------------------------------------------------- power cut */

/* The content of a file in an image; NULL when it has no such name. */
static const char *content_in(const tally_platform *image, const char *path)
{
    static char text[64];
    tally_file file;
    size_t done = 0;
    memset(text, 0, sizeof text);
    if (image->open_file(image->context, path, TALLY_OPEN_READ, 0, &file, &os_error) != TALLY_OK) return NULL;
    CHECK_STATUS(image->read_at(image->context, file, text, sizeof text - 1, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(image->close_file(image->context, file, &os_error), TALLY_OK);
    for (size_t i = 0; i < done; i++) {
        if (text[i] == '\0') text[i] = '_';
    }
    return text;
}

static bool everything(void *user_data, const tally_memory_piece *piece)
{
    (void)user_data;
    (void)piece;
    return true;
}

static tally_platform *cut_power(tally_memory_survives survives, void *user_data)
{
    tally_platform *after = NULL;
    CHECK_STATUS(tally_memory_power_cut(world, survives, user_data, &after, NULL), TALLY_OK);
    return after;
}

static void check_after_cut(tally_memory_survives survives, void *user_data, const char *path, const char *wanted)
{
    tally_platform *after = cut_power(survives, user_data);
    if (after == NULL) return;
    CHECK_TEXT(content_in(after, path), wanted);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
}

static void sync_both(tally_file file)
{
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
}

FILE_TEST(what_was_synced_survives_and_what_was_not_does_not)
{
    tally_file file = make("f");
    put(file, "durable", 0);
    sync_both(file);
    put(file, "WRITTEN and more", 0);
    check_after_cut(NULL, NULL, "/f", "durable");
    check_after_cut(everything, NULL, "/f", "WRITTEN and more");
    check_content(file, "WRITTEN and more", 16); /* the old world goes on */
    close_it(file);
    check_after_cut(NULL, NULL, "/f", "durable"); /* a close is no sync */
}

FILE_TEST(names_and_bytes_are_synced_separately)
{
    tally_file file = make("f");
    put(file, "bytes", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", NULL);
    close_it(file);
    file = make("g");
    put(file, "bytes", 0);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", "bytes");
    check_after_cut(NULL, NULL, "/g", "");
    close_it(file);
}

FILE_TEST(a_rename_that_was_not_synced_may_leave_the_old_name)
{
    tally_file file = make("a");
    put(file, "a", 0);
    sync_both(file);
    close_it(file);
    CHECK_STATUS(p->rename_file(p->context, "/a", "/b", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/a", "a");
    check_after_cut(NULL, NULL, "/b", NULL);
    check_after_cut(everything, NULL, "/a", NULL);
    check_after_cut(everything, NULL, "/b", "a");
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/b", "a");
}

/* The bug that every program that replaces files has had once. */
FILE_TEST(a_rename_over_a_file_without_a_sync_before_may_leave_it_empty)
{
    tally_file file = make("f");
    put(file, "old", 0);
    sync_both(file);
    close_it(file);
    file = make("f.new");
    put(file, "new", 0);
    CHECK_STATUS(p->rename_file(p->context, "/f.new", "/f", &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", "");
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", "new");
    close_it(file);
}

FILE_TEST(a_rename_between_directories_is_one_step)
{
    CHECK_STATUS(p->make_directory(p->context, "/d", 0700, &os_error), TALLY_OK);
    tally_file file = make("f");
    put(file, "f", 0);
    sync_both(file);
    close_it(file);
    CHECK_STATUS(p->rename_file(p->context, "/f", "/d/f", &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/d", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", NULL);
    check_after_cut(NULL, NULL, "/d/f", "f");
}

FILE_TEST(syncing_a_rename_syncs_what_came_before_it_in_the_other_directory)
{
    CHECK_STATUS(p->make_directory(p->context, "/d", 0700, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    close_it(make("d/f"));
    CHECK_STATUS(p->rename_file(p->context, "/d/f", "/g", &os_error), TALLY_OK);
    close_it(make("d/later"));
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(everything, NULL, "/d/f", NULL);
    check_after_cut(everything, NULL, "/g", "");
    check_after_cut(NULL, NULL, "/g", "");
    check_after_cut(NULL, NULL, "/d/later", NULL); /* but not what came after it */
    check_after_cut(everything, NULL, "/d/later", "");
}

FILE_TEST(a_removed_file_may_come_back)
{
    tally_file file = make("f");
    put(file, "key", 0);
    sync_both(file);
    close_it(file);
    CHECK_STATUS(p->remove_file(p->context, "/f", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", "key");
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", NULL);
}

FILE_TEST(a_directory_that_was_not_synced_takes_its_files_with_it)
{
    CHECK_STATUS(p->make_directory(p->context, "/d", 0700, &os_error), TALLY_OK);
    tally_file file = make("d/f");
    put(file, "f", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/d", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/d/f", NULL);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/d/f", "f");
    close_it(file);
}

FILE_TEST(a_failed_sync_leaves_bytes_that_only_seem_to_be_there)
{
    tally_file file = make("f");
    put(file, "old bytes", 0);
    sync_both(file);
    put(file, "new", 0);
    tally_memory_sync_failed(p, file, 0);
    check_content(file, "new bytes", 9);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK); /* says yes, and lies */
    check_after_cut(NULL, NULL, "/f", "old bytes");
    check_after_cut(everything, NULL, "/f", "old bytes");
    put(file, "n", 0); /* written again, it is synced again */
    sync_both(file);
    check_after_cut(NULL, NULL, "/f", "nld bytes");
    close_it(file);
    tally_memory_sync_failed(p, file, 0); /* closed: does nothing */
}

static bool only_sizes(void *user_data, const tally_memory_piece *piece)
{
    (void)user_data;
    return piece->kind != TALLY_MEMORY_BYTES;
}

static bool only_bytes(void *user_data, const tally_memory_piece *piece)
{
    (void)user_data;
    return piece->kind != TALLY_MEMORY_SIZE;
}

FILE_TEST(a_size_can_survive_without_its_bytes_and_bytes_without_their_size_do_not)
{
    tally_file file = make("f");
    put(file, "ab", 0);
    sync_both(file);
    put(file, "XYZ", 1);
    check_after_cut(only_sizes, NULL, "/f", "ab__");
    check_after_cut(only_bytes, NULL, "/f", "aX");
    CHECK_STATUS(p->truncate_file(p->context, file, 1, &os_error), TALLY_OK);
    check_after_cut(only_bytes, NULL, "/f", "aX");
    check_after_cut(everything, NULL, "/f", "a");
    close_it(file);
}

static bool one_sector(void *user_data, const tally_memory_piece *piece)
{
    return piece->kind != TALLY_MEMORY_BYTES || piece->offset / TALLY_MEMORY_SECTOR == *(const uint64_t *)user_data;
}

FILE_TEST(a_write_is_torn_at_sectors)
{
    static char text[1600];
    char is[1600];
    size_t done;
    tally_file file = make("f");
    memset(text, 'x', sizeof text);
    CHECK_STATUS(p->write_at(p->context, file, text, sizeof text, 0, &done, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    for (uint64_t sector = 0; sector < 4; sector++) {
        tally_platform *after = cut_power(one_sector, &sector);
        REQUIRE(after != NULL);
        tally_file torn;
        CHECK_STATUS(after->open_file(after->context, "/f", TALLY_OPEN_READ, 0, &torn, &os_error), TALLY_OK);
        CHECK_STATUS(after->read_at(after->context, torn, is, sizeof is, 0, &done, &os_error), TALLY_OK);
        CHECK_EQ(done, sizeof is);
        for (size_t i = 0; i < sizeof is; i++) CHECK_EQ(is[i], i / 512 == sector ? 'x' : 0);
        CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    }
    close_it(file);
}

typedef struct piece_list {
    tally_memory_piece pieces[16];
    size_t count;
} piece_list;

static void add_piece(void *user_data, const tally_memory_piece *piece)
{
    piece_list *list = user_data;
    if (list->count < 16) list->pieces[list->count++] = *piece;
}

FILE_TEST(the_unsynced_pieces_can_be_listed)
{
    piece_list list = {.count = 0};
    static const char text[700];
    size_t done;
    tally_memory_unsynced(p, add_piece, &list);
    CHECK_EQ(list.count, 0);
    tally_file file = make("f");
    CHECK_STATUS(p->write_at(p->context, file, text, sizeof text, 500, &done, &os_error), TALLY_OK);
    put(file, "x", 0);
    tally_memory_unsynced(p, add_piece, &list);
    REQUIRE(list.count == 6); /* size, sectors 0, 1, 2; the byte; the name */
    tally_file_status about;
    CHECK_STATUS(p->file_status(p->context, file, &about, &os_error), TALLY_OK);
    const tally_memory_piece *pieces = list.pieces;
    size_t name = pieces[0].kind == TALLY_MEMORY_NAME ? 0 : 5;
    CHECK_EQ(pieces[name].kind, TALLY_MEMORY_NAME);
    const tally_memory_piece *of_file = name == 0 ? pieces + 1 : pieces;
    CHECK_EQ(of_file[0].kind, TALLY_MEMORY_SIZE);
    CHECK_EQ(of_file[0].offset, 1200);
    CHECK_EQ(of_file[1].offset, 500);
    CHECK_EQ(of_file[1].length, 12);
    CHECK_EQ(of_file[2].offset, 512);
    CHECK_EQ(of_file[2].length, 512);
    CHECK_EQ(of_file[3].length, 176);
    CHECK_EQ(of_file[4].length, 1);
    CHECK(pieces[name].operation < of_file[0].operation);
    CHECK(of_file[0].operation == of_file[3].operation && of_file[3].operation < of_file[4].operation);
    CHECK_EQ(of_file[0].inode, about.inode);
    close_it(file);
}

FILE_TEST(after_a_power_cut_the_machine_has_started_again)
{
    uint8_t before[16];
    uint8_t now[16];
    tally_file_status old;
    tally_file_status new;
    tally_file file = make("f");
    put(file, "x", 0);
    sync_both(file);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, file, &old, &os_error), TALLY_OK);
    CHECK_STATUS(p->boot_id(p->context, before, &os_error), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_advance(world, 1000), TALLY_OK);
    tally_platform *after = cut_power(NULL, NULL);
    REQUIRE(after != NULL);
    CHECK_STATUS(after->boot_id(after->context, now, &os_error), TALLY_OK);
    CHECK(memcmp(before, now, 16) != 0);
    int64_t wall_us;
    CHECK_STATUS(after->wall_clock_us(after->context, &wall_us, &os_error), TALLY_OK);
    CHECK_EQ(wall_us, INT64_C(1577836800001000));
    tally_file again;
    CHECK_STATUS(after->open_file(after->context, "/f", TALLY_OPEN_READ, 0, &again, &os_error), TALLY_OK);
    CHECK_STATUS(after->file_status(after->context, again, &new, &os_error), TALLY_OK);
    CHECK(old.inode == new.inode &&old.device == new.device &&old.mode == new.mode);
    CHECK_STATUS(after->lock_file(after->context, again, &os_error), TALLY_OK);
    CHECK_EQ(tally_memory_used_space(after), 1);
    tally_file other;
    CHECK_STATUS(after->open_file(after->context, "/g", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &other, &os_error),
                 TALLY_OK);
    CHECK_STATUS(after->file_status(after->context, other, &new, &os_error), TALLY_OK);
    CHECK(new.inode != old.inode);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    close_it(file);
}

FILE_TEST(a_file_made_after_a_power_cut_is_not_taken_for_an_old_one)
{
    for (int i = 0; i < 20; i++) { /* numbers that nothing has any more */
        close_it(make("gone"));
        CHECK_STATUS(p->remove_file(p->context, "/gone", &os_error), TALLY_OK);
    }
    for (int i = 0; i < 5; i++) close_it(make(&"vwxyz"[i]));
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    tally_file_status old;
    tally_file file = open_with("z", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->file_status(p->context, file, &old, &os_error), TALLY_OK);
    close_it(file);
    tally_platform *after = cut_power(NULL, NULL);
    REQUIRE(after != NULL);
    for (int i = 0; i < 5; i++) {
        tally_file_status new;
        CHECK_STATUS(after->open_file(after->context, at(&"abcde"[i]), TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600,
                                      &file, &os_error),
                     TALLY_OK);
        CHECK_STATUS(after->file_status(after->context, file, &new, &os_error), TALLY_OK);
        CHECK(new.inode > old.inode);
    }
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
}

FILE_TEST(images_do_not_share_what_is_written_later)
{
    tally_file file = make("f");
    put(file, "shared", 0);
    sync_both(file);
    tally_platform *after = cut_power(NULL, NULL);
    REQUIRE(after != NULL);
    put(file, "FIRST!", 0);
    tally_file copy;
    size_t done;
    CHECK_STATUS(after->open_file(after->context, "/f", TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0, &copy, &os_error),
                 TALLY_OK);
    CHECK_STATUS(after->write_at(after->context, copy, "S", 1, 0, &done, &os_error), TALLY_OK);
    CHECK_TEXT(content_in(after, "/f"), "Shared");
    check_content(file, "FIRST!", 6);
    /* and a cut of the image goes back to what it began with */
    tally_platform *second = NULL;
    CHECK_STATUS(tally_memory_power_cut(after, NULL, NULL, &second, NULL), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    CHECK_TEXT(content_in(second, "/f"), "shared");
    CHECK_STATUS(tally_platform_memory_close(&second), TALLY_OK);
    close_it(file);
}

FILE_TEST(a_killed_process_loses_its_handles_and_locks_but_no_bytes)
{
    size_t done;
    tally_file file = make("f");
    put(file, "written", 0);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    tally_memory_end_process(p);
    CHECK_STATUS(p->write_at(p->context, file, "x", 1, 0, &done, &os_error), TALLY_E_HANDLE);
    file = open_with("f", TALLY_OPEN_READ, TALLY_OK);
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    check_content(file, "written", 7);
    check_after_cut(NULL, NULL, "/f", NULL); /* and nothing was synced by dying */
    close_it(file);
}

/* ------------------------------------------------------------------------------------- a store's needs */

FILE_TEST(a_world_can_say_that_it_is_remote)
{
    int32_t remote = 7;
    tally_memory_set_remote(p, true);
    CHECK_STATUS(p->is_remote(p->context, "/", &remote, &os_error), TALLY_OK);
    CHECK_EQ(remote, 1);
    CHECK_STATUS(p->is_remote(p->context, "/missing", &remote, &os_error), TALLY_E_NOT_FOUND);
    CHECK_EQ(remote, 0);
    tally_platform *after = cut_power(NULL, NULL);
    REQUIRE(after != NULL);
    CHECK_STATUS(after->is_remote(after->context, "/", &remote, &os_error), TALLY_OK);
    CHECK_EQ(remote, 1);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    tally_memory_set_remote(p, false);
    CHECK_STATUS(p->is_remote(p->context, "/", &remote, &os_error), TALLY_OK);
    CHECK_EQ(remote, 0);
}

FILE_TEST(on_a_full_disk_reserved_space_can_be_written_and_growth_leaves_the_file_as_it_was)
{
    size_t done = 7;
    tally_memory_set_space(p, 4096);
    tally_file file = make("f");
    tally_file other = make("g");
    CHECK_STATUS(p->allocate_space(p->context, file, 4096, &os_error), TALLY_OK);
    CHECK_STATUS(p->allocate_space(p->context, other, 1, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(size_of(other), 0);
    put(file, "first", 0);
    put(file, "last", 4092);
    CHECK_STATUS(p->allocate_space(p->context, file, 8192, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(size_of(file), 4096);
    CHECK_STATUS(p->write_at(p->context, file, "x", 1, 4096, &done, &os_error), TALLY_E_NO_SPACE);
    CHECK_EQ(done, 0);
    CHECK_STATUS(p->write_slices_at(p->context, file, &(tally_slice){"x", 1}, 1, 4096, &done, &os_error),
                 TALLY_E_NO_SPACE);
    tally_memory_set_space(p, 100); /* somebody else has taken the rest: what is reserved stays */
    put(file, "middle", 2000);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    tally_memory_set_space(p, 8192);
    CHECK_STATUS(p->allocate_space(p->context, other, 4096, &os_error), TALLY_OK);
    tally_platform *after = cut_power(NULL, NULL);
    REQUIRE(after != NULL);
    CHECK_BYTES(content_in(after, "/f"), "first_", 6);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    close_it(file);
    close_it(other);
}

FILE_TEST(a_removed_file_gives_its_space_back)
{
    tally_memory_set_space(p, 4096);
    tally_file file = make("f");
    tally_file other = make("g");
    CHECK_STATUS(p->allocate_space(p->context, file, 4096, &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_file(p->context, "/f", &os_error), TALLY_OK);
    CHECK_STATUS(p->sync_directory(p->context, "/", &os_error), TALLY_OK);
    CHECK_STATUS(p->allocate_space(p->context, other, 1, &os_error), TALLY_E_NO_SPACE);
    close_it(file);
    CHECK_STATUS(p->allocate_space(p->context, other, 4096, &os_error), TALLY_OK);
    close_it(other);
}

FILE_TEST(bytes_that_a_failed_sync_lost_are_durable_when_they_are_written_again)
{
    tally_file file = make("f");
    sync_both(file);
    put(file, "lost", 0);
    tally_memory_sync_failed(p, file, 0);
    check_content(file, "lost", 4);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK); /* writes nothing */
    check_after_cut(everything, NULL, "/f", "");
    put(file, "lost", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    check_after_cut(NULL, NULL, "/f", "lost");
    close_it(file);
}

FILE_TEST(a_failed_sync_may_have_written_the_oldest_bytes)
{
    static const struct {
        uint64_t reached;
        const char *first;
        const char *second;
    } rows[] = {{0, NULL, NULL},  {3, "", NULL},   {512, "a", NULL},
                {600, "a", NULL}, {601, "a", "b"}, {UINT64_MAX, "a", "b"}};
    static char text[600];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t done;
        char byte[2] = "";
        tally_platform *own = NULL;
        tally_platform *after = NULL;
        tally_file file;
        REQUIRE_STATUS(tally_platform_memory_open(1, &own, NULL), TALLY_OK);
        void *c = own->context;
        CHECK_STATUS(own->open_file(c, "/f", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error), TALLY_OK);
        CHECK_STATUS(own->sync_directory(c, "/", &os_error), TALLY_OK);
        CHECK_STATUS(own->write_at(c, file, text, 600, 0, &done, &os_error), TALLY_OK);
        CHECK_STATUS(own->write_at(c, file, "b", 1, 1000, &done, &os_error), TALLY_OK);
        tally_memory_sync_failed(own, file, rows[i].reached);
        CHECK_STATUS(own->sync_data(c, file, &os_error), TALLY_OK);
        REQUIRE_STATUS(tally_memory_power_cut(own, everything, NULL, &after, NULL), TALLY_OK);
        CHECK_STATUS(after->open_file(after->context, "/f", TALLY_OPEN_READ, 0, &file, &os_error), TALLY_OK);
        CHECK_STATUS(after->read_at(after->context, file, byte, 1, 511, &done, &os_error), TALLY_OK);
        CHECK_EQ(done, rows[i].first == NULL ? 0 : 1);
        CHECK_TEXT(byte, rows[i].first == NULL ? "" : rows[i].first);
        CHECK_STATUS(after->read_at(after->context, file, byte, 1, 1000, &done, &os_error), TALLY_OK);
        CHECK_EQ(done, rows[i].second == NULL ? 0 : 1);
        CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
        CHECK_STATUS(tally_platform_memory_close(&own), TALLY_OK);
    }
}

FILE_TEST(progress_is_a_change_or_a_sync_that_wrote)
{
    uint64_t changes[2];
    uint64_t syncs[2];
    tally_file file = make("f");
    sync_both(file);
    tally_memory_progress(p, &changes[0], &syncs[0]);
    sync_both(file);
    CHECK_EQ(size_of(file), 0);
    tally_memory_progress(p, &changes[1], &syncs[1]);
    CHECK(changes[0] == changes[1] && syncs[0] == syncs[1]);
    put(file, "x", 0);
    tally_memory_progress(p, &changes[1], &syncs[1]);
    CHECK(changes[0] + 1 == changes[1] && syncs[0] == syncs[1]);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    tally_memory_progress(p, &changes[0], &syncs[0]);
    CHECK(changes[0] == changes[1] && syncs[0] == syncs[1] + 1);
    put(file, "y", 0);
    tally_memory_sync_failed(p, file, 0);
    tally_memory_progress(p, &changes[0], &syncs[0]);
    CHECK(changes[0] == changes[1] + 1 && syncs[0] == syncs[1] + 2);
    close_it(file);
}

/* --------------------------------------------------------------------------------------------- copies */

FILE_TEST(a_copy_is_the_same_boot_with_everything_written_and_nothing_more_synced)
{
    uint8_t ids[2][16];
    tally_file file = make("f");
    put(file, "synced", 0);
    sync_both(file);
    put(file, "writte", 0);
    CHECK_STATUS(p->make_directory(p->context, "/d", 0700, &os_error), TALLY_OK);
    close_it(make("d/g"));
    CHECK_STATUS(p->lock_file(p->context, file, &os_error), TALLY_OK);
    tally_platform *copy = NULL;
    REQUIRE_STATUS(tally_memory_copy(p, &copy, NULL), TALLY_OK);
    CHECK_STATUS(p->boot_id(p->context, ids[0], &os_error), TALLY_OK);
    CHECK_STATUS(copy->boot_id(copy->context, ids[1], &os_error), TALLY_OK);
    CHECK_BYTES(ids[0], ids[1], 16);
    CHECK_TEXT(content_in(copy, "/f"), "writte");
    CHECK_TEXT(content_in(copy, "/d/g"), "");
    CHECK_EQ(tally_memory_used_space(copy), tally_memory_used_space(p));
    tally_file copied;
    size_t done;
    CHECK_STATUS(copy->open_file(copy->context, "/f", TALLY_OPEN_READ | TALLY_OPEN_WRITE, 0, &copied, &os_error),
                 TALLY_OK);
    CHECK_STATUS(copy->lock_file(copy->context, copied, &os_error), TALLY_OK); /* its holder was killed */
    CHECK_STATUS(copy->write_at(copy->context, copied, "COPY", 4, 0, &done, &os_error), TALLY_OK);
    CHECK_TEXT(content_in(p, "/f"), "writte"); /* nothing is shared that is written later */
    tally_platform *after = NULL;
    REQUIRE_STATUS(tally_memory_power_cut(copy, NULL, NULL, &after, NULL), TALLY_OK);
    CHECK_TEXT(content_in(after, "/f"), "synced");
    CHECK(content_in(after, "/d/g") == NULL);
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    REQUIRE_STATUS(tally_memory_power_cut(copy, everything, NULL, &after, NULL), TALLY_OK);
    CHECK_TEXT(content_in(after, "/f"), "COPYte");
    CHECK_TEXT(content_in(after, "/d/g"), "");
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&copy), TALLY_OK);
    close_it(file);
}

FILE_TEST(a_copy_has_removed_files_that_may_come_back_but_none_that_were_only_open)
{
    tally_file open_only = make("o");
    tally_file file = make("f");
    put(open_only, "gone", 0);
    put(file, "again", 0);
    CHECK_STATUS(p->remove_file(p->context, "/o", &os_error), TALLY_OK);
    sync_both(file);
    CHECK_STATUS(p->rename_file(p->context, "/f", "/r", &os_error), TALLY_OK);
    CHECK_STATUS(p->remove_file(p->context, "/r", &os_error), TALLY_OK);
    tally_platform *copy = NULL;
    REQUIRE_STATUS(tally_memory_copy(p, &copy, NULL), TALLY_OK);
    CHECK_EQ(tally_memory_used_space(copy), 5);
    CHECK(content_in(copy, "/f") == NULL && content_in(copy, "/r") == NULL);
    tally_platform *after = NULL;
    REQUIRE_STATUS(tally_memory_power_cut(copy, NULL, NULL, &after, NULL), TALLY_OK);
    CHECK_TEXT(content_in(after, "/f"), "again");
    CHECK_STATUS(tally_platform_memory_close(&after), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&copy), TALLY_OK);
    close_it(open_only);
    close_it(file);
    CHECK_STATUS(tally_memory_copy(tally_platform_default(), &copy, NULL), TALLY_E_TYPE);
    CHECK(copy == NULL);
}

/* --------------------------------------------------------------------------------------- k-th failure */

static int32_t try_to_remove(void *user_data, const char *name)
{
    const tally_platform *platform = user_data;
    if (strcmp(name, "g") != 0) (void)platform->remove_file(platform->context, at(name), &os_error);
    return 0;
}

/* The same files under all the names that the scenario may have left. */
static void check_same(const tally_platform *first, const tally_platform *second)
{
    static const char *const paths[] = {"/d/f", "/g", "/d/n", "/e/k", "/k"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        static char bytes[2][32768];
        size_t done[2] = {0, 0};
        const tally_platform *both[2] = {first, second};
        bool there[2];
        for (size_t w = 0; w < 2; w++) {
            tally_file file;
            void *c = both[w]->context;
            tally_status status = both[w]->open_file(c, paths[i], TALLY_OPEN_READ, 0, &file, &os_error);
            if (status == TALLY_E_NO_MEMORY) return; /* here it was that the fault hit */
            there[w] = status == TALLY_OK;
            if (!there[w]) continue;
            CHECK_STATUS(both[w]->read_at(c, file, bytes[w], sizeof bytes[w], 0, &done[w], &os_error), TALLY_OK);
            CHECK_STATUS(both[w]->close_file(c, file, &os_error), TALLY_OK);
        }
        CHECK(there[0] == there[1]);
        CHECK_EQ(done[0], done[1]);
        if (done[0] == done[1]) CHECK_BYTES(bytes[0], bytes[1], done[0]);
    }
}

static void touch(const tally_platform *platform, const char *path)
{
    tally_file file;
    void *c = platform->context;
    if (platform->open_file(c, path, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error) != TALLY_OK) return;
    CHECK_STATUS(platform->close_file(c, file, &os_error), TALLY_OK);
}

static void busy_scenario(const tally_platform *platform, void *user_data)
{
    tally_platform_default_replace(platform);
    tally_platform *own = NULL;
    tally_platform *after = NULL;
    tally_file file = TALLY_FILE_NONE;
    const void *address = NULL;
    size_t done = 0;
    tally_error error;
    (void)user_data;
    tally_status status = tally_platform_memory_open(1, &own, &error);
    if (status == TALLY_OK) {
        void *c = own->context;
        char text[5000];
        memset(text, 'x', sizeof text);
        (void)own->make_directory(c, "/d", 0700, &os_error);
        status =
            own->open_file(c, "/d/f", TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error);
        if (status == TALLY_OK) {
            tally_file_status about = {0};
            tally_status wrote = own->write_at(c, file, text, sizeof text, 10, &done, &os_error);
            CHECK_EQ(done, wrote == TALLY_OK ? 5000 : 0);
            CHECK_STATUS(own->file_status(c, file, &about, &os_error), TALLY_OK);
            CHECK_EQ(about.size_bytes, wrote == TALLY_OK ? 5010 : 0); /* all or nothing */
            char back[5000];
            CHECK_STATUS(own->read_at(c, file, back, sizeof back, 10, &done, &os_error), TALLY_OK);
            if (wrote == TALLY_OK) CHECK_BYTES(back, text, 5000);
            tally_status grown = own->allocate_space(c, file, 20000, &os_error);
            (void)own->write_slices_at(c, file, &(tally_slice){"y", 1}, 1, 6000, &done, &os_error);
            (void)own->truncate_file(c, file, 100, &os_error);
            if (grown == TALLY_OK) (void)own->map_file(c, file, 0, 50, &address, &os_error);
            (void)own->sync_data(c, file, &os_error);
            (void)own->rename_file(c, "/d/f", "/g", &os_error);
            touch(own, "/h");
            touch(own, "/d/n");
            (void)own->sync_directory(c, "/d", &os_error);
            (void)own->sync_directory(c, "/", &os_error);
            (void)own->list_directory(c, "/", try_to_remove, own, &os_error);
            (void)own->write_at(c, file, "zz", 2, 4095, &done, &os_error);
            (void)own->make_directory(c, "/e", 0700, &os_error);
            touch(own, "/e/k");
            touch(own, "/k");
            (void)own->make_directory(c, "/gone", 0700, &os_error);
            touch(own, "/gone/n");
            (void)own->remove_file(c, "/gone/n", &os_error);
            (void)own->remove_directory(c, "/gone", &os_error);
            (void)own->sync_directory(c, "/", &os_error); /* its own changes stay, and nothing leads to them */
        }
        status = tally_memory_copy(own, &after, &error);
        CHECK((after != NULL) == (status == TALLY_OK));
        if (after != NULL) check_same(own, after);
        if (status != TALLY_OK) CHECK_STATUS(status, TALLY_E_NO_MEMORY);
        (void)tally_platform_memory_close(&after);
        status = tally_memory_power_cut(own, everything, NULL, &after, &error);
        CHECK((after != NULL) == (status == TALLY_OK));
        if (after != NULL) check_same(own, after);
        if (status != TALLY_OK) CHECK_STATUS(status, TALLY_E_NO_MEMORY);
        (void)tally_platform_memory_close(&after);
        CHECK_STATUS(tally_platform_memory_close(&own), TALLY_OK);
    } else {
        CHECK_STATUS(status, TALLY_E_NO_MEMORY);
        CHECK_STATUS(error.status, status);
        CHECK(own == NULL);
    }
    tally_platform_default_replace(NULL);
}

TEST(a_world_that_runs_out_of_memory_says_so_and_leaks_nothing)
{
    uint64_t leaks = 0;
    tally_platform *wrapped = wrap_open(tally_platform_default());
    REQUIRE(wrapped != NULL);
    p = tally_platform_default();
    world = NULL;
    wrap_fault fault = {.calls = WRAP_MEMORY | WRAP_BIT(WRAP_MUTEX_INIT), .kind = WRAP_FAIL};
    uint64_t runs = wrap_each_failure(wrapped, fault, busy_scenario, NULL, &leaks);
    CHECK(runs > 40);
    CHECK_EQ(leaks, 0);
    CHECK_EQ(wrap_blocks(wrapped), 0);
    wrap_close(&wrapped);
}

static bool only_operation(void *user_data, const tally_memory_piece *piece)
{
    return piece->operation == *(const uint64_t *)user_data;
}

/* a was renamed away and made again; when only the second rename survives, the first file keeps a. */
FILE_TEST(a_rename_that_survives_alone_takes_no_other_files_name)
{
    uint64_t last = 0;
    piece_list list = {.count = 0};
    tally_file file = make("a");
    put(file, "1", 0);
    sync_both(file);
    close_it(file);
    CHECK_STATUS(p->rename_file(p->context, "/a", "/b", &os_error), TALLY_OK);
    file = make("a");
    put(file, "2", 0);
    CHECK_STATUS(p->sync_data(p->context, file, &os_error), TALLY_OK);
    close_it(file);
    CHECK_STATUS(p->rename_file(p->context, "/a", "/c", &os_error), TALLY_OK);
    tally_memory_unsynced(p, add_piece, &list);
    REQUIRE(list.count == 3);
    last = list.pieces[2].operation;
    check_after_cut(only_operation, &last, "/a", "1");
    check_after_cut(only_operation, &last, "/c", "2");
}
