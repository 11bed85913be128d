#include "sign/notes.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"
#include "log/frame.h"

/* More than so many that need not be kept, and the file is written anew. */
#define DROPPABLE_MAX 64u
#define LENGTH_BITS 24u
#define RECORD_MAX tally_pad8(TALLY_NOTE_HEADER_BYTES + TALLY_NOTE_BYTES_MAX)

static size_t record_bytes(size_t length) { return tally_pad8(TALLY_NOTE_HEADER_BYTES + length); }

/* ------------------------------------------------------------------------------------------ reading */

static tally_status add_kept(tally_notes *notes, const tally_kept_note *kept, tally_error *error)
{
    if (notes->count == notes->capacity) {
        size_t capacity = notes->capacity == 0 ? 64 : 2 * notes->capacity;
        void *larger = notes->platform->resize(notes->platform->context, notes->kept, capacity * sizeof *notes->kept);
        if (larger == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of checkpoints");
        notes->kept = larger;
        notes->capacity = capacity;
    }
    if (notes->newest == SIZE_MAX || kept->size >= notes->kept[notes->newest].size) notes->newest = notes->count;
    notes->kept[notes->count++] = *kept;
    notes->untidy++;
    return TALLY_OK;
}

/* A record at `bytes`: its length and flags when all of it is there and checks. */
static bool read_record(const uint8_t *bytes, size_t available, uint32_t *length, uint32_t *flags)
{
    if (available < TALLY_NOTE_HEADER_BYTES) return false;
    uint32_t word = tally_load_u32(bytes);
    *length = word & ((1u << LENGTH_BITS) - 1);
    *flags = word >> LENGTH_BITS;
    if (*length == 0 || *length > TALLY_NOTE_BYTES_MAX || record_bytes(*length) > available) return false;
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, bytes, 4);
    crc = tally_crc32c_finish(tally_crc32c_update(crc, bytes + TALLY_NOTE_HEADER_BYTES, *length));
    for (size_t i = TALLY_NOTE_HEADER_BYTES + *length; i < record_bytes(*length); i++)
        if (bytes[i] != 0) return false;
    return crc == tally_load_u32(bytes + 4);
}

/* What does not check is a torn last record only when no record stands behind it. */
static bool is_last(const uint8_t *bytes, size_t available)
{
    uint32_t length, flags;
    if (available > RECORD_MAX) return false;
    for (size_t at = 8; at < available; at += 8)
        if (read_record(bytes + at, available - at, &length, &flags)) return false;
    return true;
}

static tally_status damaged(const tally_notes *notes, uint64_t offset, const char *why, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    (void)tally_folder_join(notes->folder, TALLY_NAME_CHECKPOINTS, path, NULL);
    (void)tally_fail_os(error, TALLY_E_DAMAGED, 0, path, "%s; what had been signed is not known", why);
    if (error != NULL) error->position = offset;
    return TALLY_E_DAMAGED;
}

static tally_status take_record(tally_notes *notes, const uint8_t *bytes, uint32_t length, uint32_t flags,
                                tally_error *error)
{
    tally_checkpoint checkpoint;
    const char *text = (const char *)bytes + TALLY_NOTE_HEADER_BYTES;
    tally_kept_note kept = {notes->end + TALLY_NOTE_HEADER_BYTES, length, flags, 0};
    if (tally_checkpoint_read(text, length, &checkpoint, NULL) != TALLY_OK)
        return damaged(notes, notes->end, "a note in CHECKPOINTS is no checkpoint", error);
    kept.size = checkpoint.size;
    tally_status status = add_kept(notes, &kept, error);
    if (status == TALLY_OK) notes->end += record_bytes(length);
    return status;
}

/* From the end of the last whole record on. */
static tally_status read_all(tally_notes *notes, uint8_t *window, size_t window_bytes, tally_error *error)
{
    for (;;) {
        size_t done;
        size_t at = 0;
        uint32_t length, flags;
        uint64_t from = notes->end;
        tally_status status = tally_file_read(notes->folder, TALLY_NAME_CHECKPOINTS, notes->file, from, window,
                                              window_bytes, &done, error);
        while (status == TALLY_OK && read_record(window + at, done - at, &length, &flags)) {
            status = take_record(notes, window + at, length, flags, error);
            at = (size_t)(notes->end - from);
        }
        if (status != TALLY_OK || at == done) {
            if (status == TALLY_OK && done == window_bytes) continue;
            notes->file_end = from + done;
            return status;
        }
        if (done == window_bytes && done - at <= RECORD_MAX && at != 0) continue;
        notes->file_end = from + done;
        if (is_last(window + at, done - at)) return TALLY_OK;
        return damaged(notes, notes->end, "CHECKPOINTS does not check here, and goes on behind", error);
    }
}

static tally_status load(tally_notes *notes, tally_error *error)
{
    const tally_platform *platform = notes->platform;
    size_t bytes = 4 * RECORD_MAX;
    uint8_t *window = platform->allocate(platform->context, bytes);
    if (window == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read CHECKPOINTS");
    tally_status status = read_all(notes, window, bytes, error);
    platform->release(platform->context, window);
    return status;
}

static tally_status open_file(tally_notes *notes, uint32_t more, tally_error *error)
{
    uint32_t flags = TALLY_OPEN_READ | more;
    if (notes->writable) flags |= TALLY_OPEN_WRITE;
    return tally_file_open(notes->folder, TALLY_NAME_CHECKPOINTS, flags, &notes->file, error);
}

tally_status tally_notes_open(tally_notes *notes, const tally_folder *folder, bool writable, tally_error *error)
{
    memset(notes, 0, sizeof *notes);
    notes->platform = folder->platform;
    notes->folder = folder;
    notes->writable = writable;
    notes->file = TALLY_FILE_NONE;
    notes->newest = SIZE_MAX;
    /* The writer before may have been killed between writing and syncing. */
    notes->unsynced = true;
    tally_status status = open_file(notes, 0, error);
    if (status == TALLY_E_NOT_FOUND) {
        tally_error_clear(error);
        return TALLY_OK;
    }
    if (status == TALLY_OK) status = load(notes, error);
    if (status != TALLY_OK) tally_notes_close(notes);
    return status;
}

void tally_notes_close(tally_notes *notes)
{
    if (notes->platform == NULL) return;
    tally_file_close(notes->folder, &notes->file);
    notes->platform->release(notes->platform->context, notes->kept);
    notes->kept = NULL;
    notes->count = notes->capacity = 0;
    notes->newest = SIZE_MAX;
}

tally_status tally_notes_refresh(tally_notes *notes, tally_error *error)
{
    /* The writer puts a new file in its place now and then. */
    const tally_folder *folder = notes->folder;
    tally_notes again;
    tally_status status = tally_notes_open(&again, folder, false, error);
    if (status != TALLY_OK) return status;
    tally_notes_close(notes);
    *notes = again;
    return TALLY_OK;
}

tally_status tally_notes_read(const tally_notes *notes, size_t i, char *text, tally_error *error)
{
    size_t done;
    const tally_kept_note *kept = &notes->kept[i];
    tally_status status = tally_file_read(notes->folder, TALLY_NAME_CHECKPOINTS, notes->file, kept->offset, text,
                                          kept->length, &done, error);
    if (status != TALLY_OK || done == kept->length) return status;
    return damaged(notes, kept->offset, "CHECKPOINTS has become shorter", error);
}

/* ------------------------------------------------------------------------------------------ writing */

tally_status tally_notes_sync(tally_notes *notes, tally_error *error)
{
    if (!notes->unsynced || notes->file == TALLY_FILE_NONE) return TALLY_OK;
    tally_status status = tally_file_sync(notes->folder, TALLY_NAME_CHECKPOINTS, notes->file, error);
    if (status == TALLY_OK) notes->unsynced = false;
    return status;
}

static tally_status make_ready(tally_notes *notes, tally_error *error)
{
    tally_status status = TALLY_OK;
    if (notes->file == TALLY_FILE_NONE) {
        status = open_file(notes, TALLY_OPEN_CREATE, error);
        if (status == TALLY_OK) status = tally_folder_sync(notes->folder, error);
        if (status != TALLY_OK) tally_file_close(notes->folder, &notes->file);
        return status;
    }
    if (notes->file_end > notes->end) {
        status = tally_file_truncate(notes->folder, TALLY_NAME_CHECKPOINTS, notes->file, notes->end, error);
        if (status != TALLY_OK) return status;
        notes->file_end = notes->end;
        notes->unsynced = true;
    }
    return tally_notes_sync(notes, error);
}

static size_t put_record(uint8_t *to, const char *text, size_t length, uint32_t flags)
{
    size_t bytes = record_bytes(length);
    memset(to, 0, bytes);
    tally_store_u32(to, (uint32_t)length | flags << LENGTH_BITS);
    memcpy(to + TALLY_NOTE_HEADER_BYTES, text, length);
    uint32_t crc = tally_crc32c_update(TALLY_CRC_START, to, 4);
    tally_store_u32(to + 4, tally_crc32c_finish(tally_crc32c_update(crc, text, length)));
    return bytes;
}

tally_status tally_notes_append(tally_notes *notes, const char *text, size_t length, uint32_t flags, tally_error *error)
{
    tally_checkpoint checkpoint;
    const tally_platform *platform = notes->platform;
    tally_status status = tally_checkpoint_read(text, length, &checkpoint, error);
    if (status == TALLY_OK) status = make_ready(notes, error);
    if (status != TALLY_OK) return status;
    uint8_t *record = platform->allocate(platform->context, record_bytes(length));
    if (record == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a checkpoint");
    size_t bytes = put_record(record, text, length, flags);
    tally_kept_note kept = {notes->end + TALLY_NOTE_HEADER_BYTES, (uint32_t)length, flags, checkpoint.size};
    notes->unsynced = true;
    notes->file_end = notes->end + bytes; /* also when only a part of it comes there */
    status = tally_file_write(notes->folder, TALLY_NAME_CHECKPOINTS, notes->file, notes->end, record, bytes, error);
    platform->release(platform->context, record);
    if (status == TALLY_OK) status = add_kept(notes, &kept, error);
    if (status == TALLY_OK) notes->end += bytes;
    return status;
}

/* ------------------------------------------------------------------------------------------- tidying */

/* The newest of all, the newest of its segment, or pinned. `end` is behind the segment's last event; the last
 * segment is still growing. */
static bool is_needed(const tally_notes *notes, const tally_view *view, size_t i)
{
    const tally_kept_note *kept = &notes->kept[i];
    if (i == notes->newest || (kept->flags & TALLY_NOTE_PINNED) != 0) return true;
    if (kept->size == 0) return false;
    size_t segment = tally_view_find(view, kept->size - 1);
    if (segment + 1 >= view->segment_count) return false;
    uint64_t end = view->segments[segment + 1]->header.first_position;
    for (size_t later = i + 1; later < notes->count; later++) {
        if (notes->kept[later].size >= kept->size && notes->kept[later].size <= end) return false;
    }
    return true;
}

/* Behind the records that are needed; their flags mark them. */
static tally_status copy_needed(const tally_notes *notes, const bool *needed, uint8_t *bytes, size_t *length,
                                tally_error *error)
{
    char *text = (char *)notes->platform->allocate(notes->platform->context, TALLY_NOTE_BYTES_MAX);
    if (text == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a checkpoint");
    tally_status status = TALLY_OK;
    for (size_t i = 0; status == TALLY_OK && i < notes->count; i++) {
        if (!needed[i]) continue;
        status = tally_notes_read(notes, i, text, error);
        if (status == TALLY_OK)
            *length += put_record(bytes + *length, text, notes->kept[i].length, notes->kept[i].flags);
    }
    notes->platform->release(notes->platform->context, text);
    return status;
}

static tally_status replace(tally_notes *notes, const bool *needed, size_t bytes, tally_error *error)
{
    const tally_platform *platform = notes->platform;
    const tally_folder *folder = notes->folder;
    size_t length = 0;
    uint8_t *content = platform->allocate(platform->context, bytes);
    if (content == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the checkpoints");
    tally_status status = copy_needed(notes, needed, content, &length, error);
    if (status == TALLY_OK) status = tally_file_replace(folder, TALLY_NAME_CHECKPOINTS, content, length, error);
    platform->release(platform->context, content);
    if (status != TALLY_OK) return status;
    tally_notes again;
    status = tally_notes_open(&again, folder, true, error);
    if (status != TALLY_OK) return status;
    tally_notes_close(notes);
    *notes = again;
    notes->untidy = 0;
    return TALLY_OK;
}

tally_status tally_notes_tidy(tally_notes *notes, const tally_view *view, tally_error *error)
{
    const tally_platform *platform = notes->platform;
    size_t bytes = 0;
    size_t droppable = 0;
    if (view == NULL || notes->untidy <= DROPPABLE_MAX) return TALLY_OK;
    notes->untidy = 0;
    bool *needed = platform->allocate(platform->context, notes->count * sizeof *needed);
    if (needed == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the checkpoints");
    for (size_t i = 0; i < notes->count; i++) {
        needed[i] = is_needed(notes, view, i);
        droppable += !needed[i];
        if (needed[i]) bytes += record_bytes(notes->kept[i].length);
    }
    tally_status status = TALLY_OK;
    if (droppable > DROPPABLE_MAX) status = replace(notes, needed, bytes, error);
    platform->release(platform->context, needed);
    return status;
}

tally_status tally_notes_copy(const tally_notes *notes, const tally_folder *to, uint64_t size, uint64_t *bytes,
                              tally_error *error)
{
    const tally_platform *platform = notes->platform;
    size_t length = 0;
    size_t room = 0;
    *bytes = 0;
    if (notes->count == 0) return TALLY_OK;
    bool *needed = platform->allocate(platform->context, notes->count * sizeof *needed);
    if (needed == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the checkpoints");
    for (size_t i = 0; i < notes->count; i++) {
        needed[i] = notes->kept[i].size <= size;
        if (needed[i]) room += record_bytes(notes->kept[i].length);
    }
    uint8_t *content = room == 0 ? NULL : platform->allocate(platform->context, room);
    tally_status status = TALLY_OK;
    if (content == NULL && room != 0) status = tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the checkpoints");
    if (content != NULL) status = copy_needed(notes, needed, content, &length, error);
    if (content != NULL && status == TALLY_OK)
        status = tally_file_replace(to, TALLY_NAME_CHECKPOINTS, content, length, error);
    if (status == TALLY_OK) *bytes = length;
    platform->release(platform->context, content);
    platform->release(platform->context, needed);
    return status;
}
