/* CHECKPOINTS: the notes that are kept, in the order in which they were made. Layout: docs/FORMAT.md, "CHECKPOINTS".
 *
 * The file says what had been signed, so it is believed or refused, never passed over: a torn last record is what a
 * crash leaves, anything else that does not check is damage. Each record is synced before the next one is written.
 *
 * One thread at a time. */
#ifndef TALLY_SIGN_NOTES_H
#define TALLY_SIGN_NOTES_H

#include <stdbool.h>

#include <tallystick/proof.h>

#include "log/file.h"
#include "log/view.h"

#define TALLY_NAME_CHECKPOINTS "CHECKPOINTS"
#define TALLY_NOTE_HEADER_BYTES 8u

/* The note is never dropped: it was given away, or carries cosignatures. */
#define TALLY_NOTE_PINNED 1u

typedef struct tally_kept_note {
    uint64_t offset; /* of the note's text */
    uint32_t length;
    uint32_t flags;
    uint64_t size; /* that it states */
} tally_kept_note;

typedef struct tally_notes {
    const tally_platform *platform;
    const tally_folder *folder;
    bool writable;
    bool unsynced;     /* the last record may not be on the device */
    tally_file file;   /* TALLY_FILE_NONE: there is none */
    uint64_t end;      /* behind the last whole record */
    uint64_t file_end; /* of the file: what is behind `end` is torn */
    size_t count;
    size_t capacity;
    tally_kept_note *kept;
    size_t untidy; /* records that nobody has looked at whether they are needed */
    size_t newest; /* index of the last one with the largest size; SIZE_MAX: none */
} tally_notes;

/* Reads all of the file; changes nothing. No file: no notes. TALLY_E_DAMAGED with the offset; TALLY_E_FORMAT a note
 * that is none. */
tally_status tally_notes_open(tally_notes *notes, const tally_folder *folder, bool writable, tally_error *error);
void tally_notes_close(tally_notes *notes);

/* The text of one, not NUL-terminated: kept[i].length bytes. */
tally_status tally_notes_read(const tally_notes *notes, size_t i, char *text, tally_error *error);
/* Reads the newest note again in a read-only store, when there are more. */
tally_status tally_notes_refresh(tally_notes *notes, tally_error *error);

/* Adds one that was read by tally_checkpoint_read. */
tally_status tally_notes_append(tally_notes *notes, const char *text, size_t length, uint32_t flags,
                                tally_error *error);
/* Drops what need not be kept, when that is much: all but the newest of each segment, and those that are pinned. */
tally_status tally_notes_tidy(tally_notes *notes, const tally_view *view, tally_error *error);
/* Writes those over at most `size` events into another store's folder, synced. */
tally_status tally_notes_copy(const tally_notes *notes, const tally_folder *to, uint64_t size, uint64_t *bytes,
                              tally_error *error);
/* Everything is on the device. */
tally_status tally_notes_sync(tally_notes *notes, tally_error *error);

#endif
