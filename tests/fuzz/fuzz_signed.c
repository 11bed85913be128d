/* sign/notes.c, state.c: files of what was signed, as anybody may have left them. What opens can be read, written to
 * and opened again; what had been kept is still there then. The first byte says which file. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "log/crc32c.h"
#include "sign/notes.h"
#include "sign/state.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

static const char note[] = "log/x\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static char text[TALLY_NOTE_BYTES_MAX];
static uint8_t mended[TALLY_STATE_BYTES + 65536];

static void put(const tally_folder *folder, const char *name, const uint8_t *data, size_t size)
{
    tally_file file;
    holds(tally_file_open(folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, &file, NULL) ==
          TALLY_OK);
    holds(size == 0 || tally_file_write(folder, name, file, 0, data, size, NULL) == TALLY_OK);
    tally_file_close(folder, &file);
}

/* So that what lies behind a record's checksum is reached. */
static void mend_records(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + TALLY_NOTE_HEADER_BYTES <= size;) {
        size_t length = tally_load_u32(bytes + at) & 0xffffff;
        if (length > size - at - TALLY_NOTE_HEADER_BYTES) return;
        uint32_t crc = tally_crc32c_update(TALLY_CRC_START, bytes + at, 4);
        crc = tally_crc32c_update(crc, bytes + at + TALLY_NOTE_HEADER_BYTES, length);
        tally_store_u32(bytes + at + 4, tally_crc32c_finish(crc));
        at += (TALLY_NOTE_HEADER_BYTES + length + 7) & ~(size_t)7;
    }
}

static void read_notes(const tally_folder *folder)
{
    tally_notes notes;
    tally_error error = {.status = TALLY_OK};
    tally_status status = tally_notes_open(&notes, folder, true, &error);
    if (status != TALLY_OK) {
        holds(status == TALLY_E_DAMAGED && error.message[0] != '\0');
        return;
    }
    size_t count = notes.count;
    for (size_t i = 0; i < count; i++) {
        tally_checkpoint checkpoint;
        holds(tally_notes_read(&notes, i, text, NULL) == TALLY_OK);
        holds(tally_checkpoint_read(text, notes.kept[i].length, &checkpoint, NULL) == TALLY_OK);
        holds(checkpoint.size == notes.kept[i].size && checkpoint.size <= notes.kept[notes.newest].size);
    }
    holds(tally_notes_append(&notes, note, sizeof note - 1, 0, NULL) == TALLY_OK);
    tally_notes_close(&notes);
    holds(tally_notes_open(&notes, folder, true, NULL) == TALLY_OK);
    holds(notes.count == count + 1 && notes.file_end == notes.end);
    tally_notes_close(&notes);
}

static void read_state(const tally_folder *folder)
{
    tally_outside place;
    tally_state_file state;
    tally_hash root = {{7}};
    holds(tally_outside_init(&place, folder, (tally_text){"memory", 6}, "the memory", NULL) == TALLY_OK);
    tally_status status = tally_state_open(&state, &place, "log/x", NULL);
    if (status != TALLY_OK) {
        holds(status == TALLY_E_DAMAGED || status == TALLY_E_ORIGIN);
        return;
    }
    holds(tally_state_write(&state, 9, &root, NULL) == TALLY_OK);
    tally_state_close(&state);
    holds(tally_state_open(&state, &place, "log/x", NULL) == TALLY_OK);
    tally_state_close(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tally_platform *world = NULL;
    tally_folder folder, root;
    if (size == 0 || size > sizeof mended) return 0;
    holds(tally_platform_memory_open(1, &world, NULL) == TALLY_OK);
    holds(tally_folder_init(&folder, world, "store", 5, 0600, NULL) == TALLY_OK);
    holds(tally_folder_init(&root, world, "/", 1, 0600, NULL) == TALLY_OK);
    holds(tally_folder_make(&folder, "", NULL) == TALLY_OK);
    memcpy(mended, data + 1, size - 1);
    if (data[0] % 2 == 0) {
        if (data[0] % 4 == 0) mend_records(mended, size - 1);
        put(&folder, TALLY_NAME_CHECKPOINTS, mended, size - 1);
        read_notes(&folder);
    } else {
        put(&root, "memory", mended, size - 1);
        read_state(&folder);
    }
    holds(tally_platform_memory_close(&world) == TALLY_OK);
    return 0;
}
