/* A world in memory, and what tests do to it besides using it: cut its power, kill its process, fill
 * its disk.
 *
 * Everything exists twice: as it is now, which is what reads see, and as it is on the device. A change
 * to a file's bytes or size stands between the two until the file is synced, a change to a name until
 * its directory is synced; names and bytes are separate. A power cut keeps of these changes any part
 * that the test chooses. */
#ifndef TALLY_PLATFORM_MEMORY_H
#define TALLY_PLATFORM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <tallystick/platform.h>

/* What a device writes whole or not at all. */
#define TALLY_MEMORY_SECTOR 512u

/* Whether a platform is a world in memory itself, not a wrapper around one. NULL is none. */
bool tally_memory_is_world(const tally_platform *platform);

/* Counts up with every change, and with every sync that had something to write (`*syncs`, failed ones
 * too): between two moments with the same numbers nothing has happened to the disk. */
void tally_memory_progress(const tally_platform *platform, uint64_t *changes, uint64_t *syncs);

/* ----------------------------------------------------------------------------------------- power cut */

#define TALLY_MEMORY_NAME 1u  /* a name made, removed or renamed: all of it or nothing */
#define TALLY_MEMORY_SIZE 2u  /* a file's new size: alone, without its bytes, new parts read as zeros */
#define TALLY_MEMORY_BYTES 3u /* the part of a write that lies in one sector */

/* One thing that reaches the device or does not. */
typedef struct tally_memory_piece {
    uint32_t kind;
    uint32_t reserved;
    uint64_t operation; /* the change it is a part of; they count up in the order of the calls */
    uint64_t inode;     /* of the file, or of the directory that has the name */
    uint64_t offset;    /* BYTES: where; SIZE: the new size */
    size_t length;      /* BYTES: how many */
} tally_memory_piece;

/* Answers for each unsynced piece whether it had reached the device. Asked once for each, file by file
 * and then for the names; `operation` says in which order they were made. Must not use the world. */
typedef bool (*tally_memory_survives)(void *user_data, const tally_memory_piece *piece);

/* The world after a power cut now, as a new world with a new boot id; the old one stays as it is, so
 * that one moment gives many images. Bytes behind the end that their file has after the cut are lost.
 *
 * `survives` NULL: nothing that is not synced survives. TALLY_E_TYPE, TALLY_E_NO_MEMORY. */
tally_status tally_memory_power_cut(const tally_platform *platform, tally_memory_survives survives, void *user_data,
                                    tally_platform **after, tally_error *error);

/* Tells a visitor of every unsynced piece, in the same order. Must not use the world. */
void tally_memory_unsynced(const tally_platform *platform, void (*visit)(void *user_data, const tally_memory_piece *),
                           void *user_data);

/* ------------------------------------------------------------------------------------- other accidents */

/* What the kernel does when a sync fails: the unsynced bytes stay readable, but count as clean. No
 * later sync writes them, and a power cut loses them. All but those that had reached the device before
 * it failed: the oldest `reached_bytes` of what was written, whole sectors of them, and the sizes on the
 * way; 0 is nothing at all. Does nothing for a file that is not open. */
void tally_memory_sync_failed(const tally_platform *platform, tally_file file, uint64_t reached_bytes);

/* The world after its process was killed now, as a new world in the same boot; the old one goes on as it
 * is. No file is open or locked in it, everything written is there, and what was not synced is still not.
 * Pages are shared until one of the two writes: a copy of a small disk costs microseconds.
 *
 * TALLY_E_TYPE, TALLY_E_NO_MEMORY. */
tally_status tally_memory_copy(const tally_platform *platform, tally_platform **copy, tally_error *error);

/* The process is killed: every file is closed and unlocked, everything written stays. Its handles are
 * TALLY_E_HANDLE from now on. */
void tally_memory_end_process(const tally_platform *platform);

/* The disk has room for that many bytes of files in all; UINT64_MAX is the beginning. A file takes its
 * size, written or not, so that what lies within it can always be written; a removed file gives its room
 * back when nothing has it open, its removal is synced, and no unsynced change of names is about it. */
void tally_memory_set_space(const tally_platform *platform, uint64_t size_bytes);
uint64_t tally_memory_used_space(const tally_platform *platform);

/* What is_remote answers from now on, in images and copies too; false is the beginning. */
void tally_memory_set_remote(const tally_platform *platform, bool remote);

#endif
