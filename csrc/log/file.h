/* Files of one store: the platform's calls made whole, with errors that name file and offset.
 *
 * Short reads and writes are gone on with. A folder is a directory's path and how its files are made; all
 * files of a store are named relative to it, and no name comes from an event. */
#ifndef TALLY_LOG_FILE_H
#define TALLY_LOG_FILE_H

#include <stdbool.h>

#include <tallystick/platform.h>

#define TALLY_PATH_MAX 512
/* Of a folder: each name of a store fits behind it. */
#define TALLY_FOLDER_PATH_MAX 400

typedef struct tally_folder {
    const tally_platform *platform;
    uint32_t file_mode; /* of new files; directories get x where r is set */
    char path[TALLY_PATH_MAX];
} tally_folder;

/* Sets `folder` up; touches no file. TALLY_E_LENGTH, E_NUL, E_UTF8. */
tally_status tally_folder_init(tally_folder *folder, const tally_platform *platform, const char *path, size_t length,
                               uint32_t file_mode, tally_error *error);
/* The full path of a name in it. TALLY_E_LENGTH. */
tally_status tally_folder_join(const tally_folder *folder, const char *name, char path[TALLY_PATH_MAX],
                               tally_error *error);
/* Makes a directory in it, with its mode; "" is the folder itself. One that exists is no failure. */
tally_status tally_folder_make(const tally_folder *folder, const char *name, tally_error *error);
tally_status tally_folder_sync(const tally_folder *folder, tally_error *error);
/* Of the directory that holds it, so that its own name survives. */
tally_status tally_folder_sync_parent(const tally_folder *folder, tally_error *error);

/* `flags` as of tally_platform.open_file. */
tally_status tally_file_open(const tally_folder *folder, const char *name, uint32_t flags, tally_file *file,
                             tally_error *error);
void tally_file_close(const tally_folder *folder, tally_file *file); /* sets it to TALLY_FILE_NONE */
/* `*done` is less than `length` only at the end of the file. */
tally_status tally_file_read(const tally_folder *folder, const char *name, tally_file file, uint64_t offset, void *to,
                             size_t length, size_t *done, tally_error *error);
/* All of it, or a failure: then any part of the range may have been written. */
tally_status tally_file_write(const tally_folder *folder, const char *name, tally_file file, uint64_t offset,
                              const void *from, size_t length, tally_error *error);
tally_status tally_file_sync(const tally_folder *folder, const char *name, tally_file file, tally_error *error);
tally_status tally_file_size(const tally_folder *folder, const char *name, tally_file file, uint64_t *size,
                             tally_error *error);
tally_status tally_file_truncate(const tally_folder *folder, const char *name, tally_file file, uint64_t size,
                                 tally_error *error);
tally_status tally_file_allocate(const tally_folder *folder, const char *name, tally_file file, uint64_t size,
                                 tally_error *error);
tally_status tally_file_remove(const tally_folder *folder, const char *name, tally_error *error);

/* A small file as a whole: written as "NAME.new", synced, renamed, its directory synced. A name of
 * at most TALLY_NAME_BYTES. After a failure the old one is there, or the new one, whole. */
tally_status tally_file_replace(const tally_folder *folder, const char *name, const void *bytes, size_t length,
                                tally_error *error);

#endif
