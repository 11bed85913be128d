/* The files of the signer, each alone: CHECKPOINTS, its memory, files outside of the store. */
#define _GNU_SOURCE

#include "test.h"

#include "base/bytes.h"
#include "log/crc32c.h"
#include "sign/notes.h"
#include "sign/state.h"
#include "sign/tree.h"
#include "signs.h"

static tally_folder folder;

static void make_world(void)
{
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    wrapped = wrap_open(world);
    REQUIRE_STATUS(tally_folder_init(&folder, wrapped, "store", 5, 0600, NULL), TALLY_OK);
    REQUIRE_STATUS(tally_folder_make(&folder, "", NULL), TALLY_OK);
}

static void end_world(void)
{
    CHECK_EQ(wrap_blocks(wrapped), 0);
    CHECK_EQ(wrap_open_files(wrapped), 0);
    wrap_close(&wrapped);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

/* ------------------------------------------------------------------------------------- CHECKPOINTS */

static size_t write_note(uint64_t size, char *note, size_t capacity)
{
    return (size_t)snprintf(note, capacity, "log/x\n%" PRIu64 "\n%s\n", size,
                            size == 0 ? "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
                                      : "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

static tally_status add_note(tally_notes *notes, uint64_t size, uint32_t flags)
{
    char note[256];
    size_t length = write_note(size, note, sizeof note);
    return tally_notes_append(notes, note, length, flags, NULL);
}

static void make_notes(uint64_t count)
{
    tally_notes notes;
    CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_OK);
    for (uint64_t i = 1; i <= count; i++) CHECK_STATUS(add_note(&notes, i, 0), TALLY_OK);
    CHECK_STATUS(tally_notes_sync(&notes, NULL), TALLY_OK);
    tally_notes_close(&notes);
}

TEST(notes_are_read_back_in_order)
{
    char note[TALLY_NOTE_BYTES_MAX], is[256];
    tally_notes notes;
    make_world();
    make_notes(5);
    CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_OK);
    CHECK_EQ(notes.count, 5);
    CHECK_EQ(notes.newest, 4);
    for (size_t i = 0; i < 5; i++) {
        CHECK_EQ(notes.kept[i].size, i + 1);
        CHECK_EQ(notes.kept[i].length, write_note(i + 1, is, sizeof is));
        CHECK_STATUS(tally_notes_read(&notes, i, note, NULL), TALLY_OK);
        CHECK_BYTES(note, is, notes.kept[i].length);
    }
    tally_notes_close(&notes);
    end_world();
}

TEST(a_torn_last_note_is_what_a_crash_leaves)
{
    static uint8_t whole[4096];
    tally_notes notes;
    make_world();
    make_notes(3);
    size_t length = get_file(wrapped, "store/CHECKPOINTS", whole, sizeof whole);
    size_t record = length / 3;
    for (size_t kept = 2 * record; kept < length; kept++) {
        put_file(wrapped, "store/CHECKPOINTS", whole, kept);
        CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_OK);
        CHECK_EQ(notes.count, 2);
        CHECK_STATUS(add_note(&notes, 9, 0), TALLY_OK);
        tally_notes_close(&notes);
        CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_OK);
        CHECK_EQ(notes.count, 3);
        CHECK_EQ(notes.kept[2].size, 9);
        tally_notes_close(&notes);
    }
    end_world();
}

TEST(damage_before_the_last_note_is_refused_and_in_the_last_costs_it_alone)
{
    static uint8_t whole[4096], bad[4096];
    tally_notes notes;
    tally_error error;
    make_world();
    make_notes(3);
    size_t length = get_file(wrapped, "store/CHECKPOINTS", whole, sizeof whole);
    for (size_t at = 0; at < length; at++) {
        memcpy(bad, whole, length);
        bad[at] ^= 0x10;
        put_file(wrapped, "store/CHECKPOINTS", bad, length);
        tally_status status = tally_notes_open(&notes, &folder, true, &error);
        bool last = at >= length / 3 * 2;
        CHECK_STATUS(status, last ? TALLY_OK : TALLY_E_DAMAGED);
        if (status == TALLY_OK) CHECK_EQ(notes.count, 2);
        else CHECK_EQ(error.position, at / (length / 3) * (length / 3));
        if (status == TALLY_OK) tally_notes_close(&notes);
    }
    end_world();
}

TEST(a_record_that_checks_and_is_no_checkpoint_is_damage)
{
    uint8_t record[32] = {0};
    tally_notes notes;
    make_world();
    tally_store_u32(record, 12);
    memcpy(record + 8, "no note at\n\n", 12); /* NOLINT(bugprone-not-null-terminated-result) */
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, record, 4);
    tally_store_u32(record + 4, tally_crc32c_finish(tally_crc32c_update(crc, record + 8, 12)));
    put_file(wrapped, "store/CHECKPOINTS", record, 24);
    CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_E_DAMAGED);
    end_world();
}

TEST(a_failure_of_any_call_leaves_notes_that_open)
{
    make_world();
    for (uint64_t k = 1; k < 40; k++) {
        tally_notes notes;
        wrap_fault fault = {.calls = WRAP_FALLIBLE & ~WRAP_BIT(WRAP_FILE_STATUS), .skip = k - 1, .kind = WRAP_FAIL};
        wrap_fault_set(wrapped, &fault);
        tally_status status = tally_notes_open(&notes, &folder, true, NULL);
        for (uint64_t i = 1; status == TALLY_OK && i <= 3; i++) (void)add_note(&notes, i + k, 0);
        if (status == TALLY_OK) tally_notes_close(&notes);
        wrap_fault_set(wrapped, NULL);
        CHECK_STATUS(tally_notes_open(&notes, &folder, true, NULL), TALLY_OK);
        tally_notes_close(&notes);
    }
    end_world();
}

/* -------------------------------------------------------------------------------------- its memory */

static tally_status open_state(tally_state_file *state, const char *path, const char *origin, tally_error *error)
{
    tally_outside place;
    tally_status status = tally_outside_init(&place, &folder, text(path), "the signer's memory", error);
    return status == TALLY_OK ? tally_state_open(state, &place, origin, error) : status;
}

TEST(the_signer_remembers_what_it_signed_last)
{
    tally_state_file state;
    tally_hash root = {{1, 2, 3}};
    make_world();
    for (uint64_t size = 1; size < 10; size++) {
        CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_OK);
        CHECK_EQ(state.last.size, size - 1); /* NOLINT(clang-analyzer-core.CallAndMessage) */
        root.bytes[5] = (uint8_t)size;
        CHECK_STATUS(tally_state_write(&state, size, &root, NULL), TALLY_OK);
        tally_state_close(&state);
    }
    CHECK_STATUS(open_state(&state, "memory", "log/y", NULL), TALLY_E_ORIGIN);
    CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_OK);
    CHECK_BYTES(state.last.root.bytes, root.bytes, 32);
    tally_state_file second;
    CHECK_STATUS(open_state(&second, "memory", "log/x", NULL), TALLY_E_LOCKED);
    tally_state_close(&state);
    end_world();
}

TEST(one_bad_slot_costs_one_head_and_two_are_refused)
{
    static uint8_t whole[4096], bad[4096];
    tally_state_file state;
    tally_hash root = {{1}};
    make_world();
    CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_OK);
    CHECK_STATUS(tally_state_write(&state, 4, &root, NULL), TALLY_OK);
    CHECK_STATUS(tally_state_write(&state, 7, &root, NULL), TALLY_OK);
    tally_state_close(&state);
    CHECK_EQ(get_file(wrapped, "memory", whole, sizeof whole), 4096);
    for (size_t at = 0; at < 512; at++) {
        memcpy(bad, whole, sizeof bad);
        bad[at] ^= 1; /* slot 0 has the second head */
        put_file(wrapped, "memory", bad, sizeof bad);
        CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_OK);
        CHECK_EQ(state.last.size, 4);
        tally_state_close(&state);
        bad[2048 + at] ^= 1;
        put_file(wrapped, "memory", bad, sizeof bad);
        CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_E_DAMAGED);
    }
    put_file(wrapped, "memory", whole, 0);
    CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_E_DAMAGED); /* it is never made in place */
    end_world();
}

TEST(a_failure_of_any_call_forgets_nothing_that_was_remembered)
{
    tally_hash root = {{1}};
    uint64_t remembered = 0;
    make_world();
    for (uint64_t k = 1; k < 30; k++) {
        tally_state_file state;
        wrap_fault fault = {.calls = WRAP_FALLIBLE & ~WRAP_BIT(WRAP_FILE_STATUS), .skip = k - 1, .kind = WRAP_FAIL};
        wrap_fault_set(wrapped, &fault);
        tally_status status = open_state(&state, "memory", "log/x", NULL);
        if (status == TALLY_OK) {
            if (tally_state_write(&state, remembered + 1, &root, NULL) == TALLY_OK) remembered++;
            tally_state_close(&state);
        }
        wrap_fault_set(wrapped, NULL);
        CHECK_STATUS(open_state(&state, "memory", "log/x", NULL), TALLY_OK);
        CHECK(state.last.size >= remembered); /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        remembered = state.last.size;
        tally_state_close(&state);
    }
    CHECK(remembered > 5);
    end_world();
}

/* ------------------------------------------------------------------------------------------ outside */

TEST(a_key_that_others_may_read_is_refused)
{
    tally_outside place;
    tally_file file;
    char bytes[64];
    size_t length;
    int32_t os_error;
    make_world();
    put_file(wrapped, "mine", "secret", 6);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("mine"), "the key", NULL), TALLY_OK);
    CHECK_STATUS(tally_outside_read(&place, true, bytes, sizeof bytes, &length, NULL), TALLY_OK);
    CHECK_EQ(length, 6);
    CHECK_STATUS(tally_outside_read(&place, true, bytes, 5, &length, NULL), TALLY_E_LENGTH);
    CHECK_STATUS(
        wrapped->open_file(wrapped->context, "theirs", TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0640, &file, &os_error),
        TALLY_OK);
    CHECK_STATUS(wrapped->close_file(wrapped->context, file, &os_error), TALLY_OK);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("theirs"), "the key", NULL), TALLY_OK);
    CHECK_STATUS(tally_outside_read(&place, true, bytes, sizeof bytes, &length, NULL), TALLY_E_DENIED);
    end_world();
}

TEST(paths_that_are_none_are_refused)
{
    tally_outside place;
    make_world();
    CHECK_STATUS(tally_outside_init(&place, &folder, text(""), "x", NULL), TALLY_E_LENGTH);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("a/"), "x", NULL), TALLY_E_LENGTH);
    CHECK_STATUS(tally_outside_init(&place, &folder, (tally_text){NULL, 3}, "x", NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_outside_init(&place, &folder, (tally_text){"a\0b", 3}, "x", NULL), TALLY_E_NUL);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("\xff"), "x", NULL), TALLY_E_UTF8);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("store/x"), "x", NULL), TALLY_E_DENIED);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("store/tree/x"), "x", NULL), TALLY_E_DENIED);
    CHECK_STATUS(tally_outside_init(&place, &folder, text("store2"), "x", NULL), TALLY_OK);
    end_world();
}

#if !defined(_WIN32)
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static void make_directory(const char *name) { CHECK_EQ(mkdir(in_scratch(name), 0700), 0); }

TEST(no_link_and_no_way_up_leads_into_the_store)
{
    tally_outside place;
    scratch_make();
    make_directory("store");
    make_directory("store/tree");
    make_directory("keys");
    const char *store_path = in_scratch("store");
    REQUIRE_STATUS(tally_folder_init(&folder, tally_platform_default(), store_path, strlen(store_path), 0600, NULL),
                   TALLY_OK);
    CHECK_EQ(symlink(in_scratch("store/tree"), in_scratch("link")), 0);
    const char *const inside[] = {"store/key",      "keys/../store/key", "link/key",
                                  "store/tree/key", "link/../key",       "store/../store/key"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        CHECK_STATUS(tally_outside_init(&place, &folder, text(in_scratch(inside[i])), "the key", NULL), TALLY_E_DENIED);
    }
    CHECK_STATUS(tally_outside_init(&place, &folder, text(in_scratch("keys/key")), "the key", NULL), TALLY_OK);
    CHECK_STATUS(tally_outside_init(&place, &folder, text(in_scratch("key")), "the key", NULL), TALLY_OK);
    CHECK_EQ(unlink(in_scratch("link")), 0);
    CHECK_EQ(rmdir(in_scratch("keys")), 0);
    CHECK_EQ(rmdir(in_scratch("store/tree")), 0);
    scratch_remove();
}
#endif
