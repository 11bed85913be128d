/* A new store written from whole events of another one: salvage's writing half. Bodies, data, ids and times are the
 * old ones; positions, versions and hashes are new. */
#ifndef TALLY_UPKEEP_REBUILD_H
#define TALLY_UPKEEP_REBUILD_H

#include "upkeep/inspect.h"
#include "upkeep/streams.h"
#include "upkeep/work.h"

typedef struct tally_rebuild {
    tally_work *work;
    tally_folder folder;
    tally_file file;
    char name[TALLY_NAME_BYTES];
    tally_segment_header header;
    uint32_t seed;
    uint64_t offset; /* in the file: where the commit that is being made begins */
    uint64_t position;
    uint64_t commit;
    uint8_t last_hash[32];
    tally_moment last_time;
    tally_streams streams;
    /* the commit that is being made */
    uint8_t *buffer;
    size_t used;
    size_t capacity;
    uint32_t frames_crc;
    uint32_t count;
    uint32_t batch_count;
} tally_rebuild;

/* Makes the directory. A store of a new lineage with the old one's name. */
tally_status tally_rebuild_begin(tally_rebuild *rebuild, tally_work *work, const char *path, size_t length,
                                 const char *store_name, tally_error *error);
/* A commit: its number of events, then each of them, then its end. `length` is that of the frames together, so that
 * the commit is not split over segments. */
tally_status tally_rebuild_commit(tally_rebuild *rebuild, uint32_t batch_count, uint64_t length, tally_error *error);
tally_status tally_rebuild_add(tally_rebuild *rebuild, const tally_core *core, const uint8_t *body, size_t body_length,
                               tally_text stream, const void *data, size_t data_length, tally_error *error);
tally_status tally_rebuild_commit_end(tally_rebuild *rebuild, uint8_t flags, tally_error *error);
/* Closes cleanly. With `failed` the directory is removed instead. */
tally_status tally_rebuild_end(tally_rebuild *rebuild, bool failed, tally_error *error);

#endif
