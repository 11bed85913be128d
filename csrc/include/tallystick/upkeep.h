/**
 * @file upkeep.h
 * @brief Looking after a store: backup while it runs, fsck, salvage.
 *
 * None of these repairs anything in place. fsck reads and reports; salvage copies what is whole into a new
 * directory. Both work on a directory that nobody can open any more. All can be stopped from their
 * progress callback.
 *
 * Copying a store with other tools while it is open is safe in this order: sealed segments, then the
 * unsealed ones by rising number; leave out LOCK and HEAD. What is missing at the end is what a crash at
 * that moment would have cost. backup does this, and keeps to what is durable.
 */
#ifndef TALLYSTICK_UPKEEP_H
#define TALLYSTICK_UPKEEP_H

#include "store.h"

/**
 * Told about progress now and then, on the thread of the call, under no lock.
 * @return 0 to go on; anything else ends the work with TALLY_E_INTERRUPTED
 */
typedef int32_t (*tally_progress)(void *user_data, uint64_t done, uint64_t total);

typedef struct tally_upkeep_options {
    size_t size;
    tally_progress progress; /**< may be NULL */
    void *user_data;
    const tally_platform *platform; /**< NULL: the default; backup uses the store's */
} tally_upkeep_options;

/** What a backup copied. */
typedef struct tally_backup_report {
    uint64_t events; /**< the durable watermark when it began */
    uint64_t segments;
    uint64_t bytes;
} tally_backup_report;

/**
 * Copies the durable part of an open store into a new directory, while others append. No keys leave with
 * it. The copy is synced, opens as a store of the same lineage, and reads the same bytes. On failure the
 * directory is removed again.
 *
 * @param path    a directory that does not exist yet
 * @param report  may be NULL
 * @return TALLY_OK; TALLY_E_EXISTS; TALLY_E_INTERRUPTED; TALLY_E_NO_SPACE; TALLY_E_DENIED; TALLY_E_IO
 */
TALLY_API tally_status tally_store_backup(tally_store *store, const char *path, size_t path_length,
                                          const tally_upkeep_options *options, tally_backup_report *report,
                                          tally_error *error);

/** What is wrong in one place. */
typedef struct tally_finding {
    tally_status status; /**< TALLY_E_DAMAGED, TALLY_E_TRUNCATED, TALLY_E_FORMAT, TALLY_E_IO */
    uint32_t severity;   /**< TALLY_FINDING_… */
    uint64_t position;   /**< of the event, or TALLY_POSITION_NONE */
    uint64_t offset;     /**< in the file, or TALLY_POSITION_NONE */
    const char *file;    /**< name in the directory, NUL-terminated */
    const char *reason;  /**< one sentence, NUL-terminated */
} tally_finding;

#define TALLY_FINDING_NOTE 1u      /**< nothing is lost: a tail that was never durable, a missing index */
#define TALLY_FINDING_INDEX 2u     /**< a regenerable file or section is damaged: rebuilt by the next writer */
#define TALLY_FINDING_EVENT 3u     /**< an event, or its data, is damaged */
#define TALLY_FINDING_STRUCTURE 4u /**< events are missing, or the store does not open for writing */

typedef struct tally_fsck_report {
    uint64_t segments;
    uint64_t commits;
    uint64_t events; /**< whole ones */
    uint64_t bytes;
    uint64_t notes; /**< findings by severity */
    uint64_t indexes;
    uint64_t bad_events;
    uint64_t structure;
} tally_fsck_report;

/**
 * Reads every byte of a store and compares everything that can be compared: checksums, digests of data and
 * body, positions, versions, times, links within streams, marks, headers, indexes against frames. Writes
 * nothing and takes no lock; on a store that is being written it sees a prefix.
 *
 * @param finding  told of each problem; may be NULL; its answer is like that of a progress callback
 * @param report   receives the counts
 * @return TALLY_OK when the whole was read, whatever was found; TALLY_E_NOT_FOUND, TALLY_E_FORMAT no store;
 *         TALLY_E_INTERRUPTED; TALLY_E_NO_MEMORY; TALLY_E_DENIED
 */
TALLY_API tally_status tally_fsck(const char *path, size_t path_length, const tally_upkeep_options *options,
                                  int32_t (*finding)(void *user_data, const tally_finding *finding),
                                  tally_fsck_report *report, tally_error *error);

typedef struct tally_salvage_report {
    uint64_t copied;       /**< events that are whole */
    uint64_t lost;         /**< positions that are not, as far as they are known */
    uint64_t gaps;         /**< runs of lost positions */
    uint32_t same_lineage; /**< 1: nothing was lost before the end, the copy continues the old store */
    uint32_t reserved;
} tally_salvage_report;

/**
 * Copies what is whole into a new store. When everything before the first damage is one prefix and nothing
 * whole lies behind it, the copy is that prefix, byte by byte, in the same lineage. Otherwise the copy is a
 * store of a new lineage: its first event, in stream "$log", names the old lineage and each gap, and the
 * whole events follow with their ids, times and bodies; positions and hashes are new, and each old position
 * can be computed from the gaps. Nothing is invented.
 *
 * @param from, to  directories; `to` does not exist yet
 * @param report    may be NULL
 * @return TALLY_OK; TALLY_E_NOT_FOUND; TALLY_E_EXISTS; TALLY_E_FORMAT; TALLY_E_INTERRUPTED; as fsck
 */
TALLY_API tally_status tally_salvage(const char *from, size_t from_length, const char *to, size_t to_length,
                                     const tally_upkeep_options *options, tally_salvage_report *report,
                                     tally_error *error);

#endif
