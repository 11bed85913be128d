/* The inside of a run. Layout: docs/FORMAT.md, "Runs". */
#ifndef TALLY_LOG_RUN_BODY_H
#define TALLY_LOG_RUN_BODY_H

#include "log/hashed.h"
#include "log/run.h"

#define TALLY_RUN_HEADER_BYTES 4096
#define TALLY_RUN_FORMAT 1
#define TALLY_RUN_RECORD_BYTES 24
#define TALLY_RUN_REFERENCE_BYTES 8

enum tally_run_part {
    TALLY_RUN_REFERENCES, /* u32 segment, u32 record */
    TALLY_RUN_RECORDS,    /* sorted by kind and name */
    TALLY_RUN_TEXT,
    TALLY_RUN_HASHES,
    TALLY_RUN_PARTS
};

typedef struct tally_run_header {
    uint8_t salt[16];
    uint64_t first_segment;
    uint64_t first_position;
    uint64_t end_position;
    uint32_t segment_count;
    uint32_t identity; /* of the segments: a checksum over their salts */
    uint64_t offsets[TALLY_RUN_PARTS];
    uint64_t lengths[TALLY_RUN_PARTS];
} tally_run_header;

struct tally_run {
    _Atomic(uint32_t) references;
    _Atomic(bool) distrusted;
    const tally_folder *folder; /* outlives it */
    char name[TALLY_NAME_BYTES];
    tally_run_header header;
    uint64_t file_bytes;
    tally_file file; /* TALLY_FILE_NONE when mapped */
    const uint8_t *map;
    size_t map_bytes;
    uint32_t name_count;
    tally_section parts[TALLY_RUN_PARTS];
    _Atomic(uint32_t) *checked;
};

void tally_run_header_encode(const tally_run_header *header, uint8_t bytes[TALLY_RUN_HEADER_BYTES]);
/* Every member is within bounds then. TALLY_E_FORMAT, TALLY_E_DAMAGED. */
tally_status tally_run_header_decode(const uint8_t bytes[TALLY_RUN_HEADER_BYTES], uint64_t file_bytes,
                                     tally_run_header *header, tally_error *error);
uint32_t tally_run_identity(tally_segment *const *segments, size_t count);

/* Opens the file with that name; it must be over `segments[0 .. count)`. */
tally_status tally_run_open(const tally_folder *folder, const char *name, tally_segment *const *segments, size_t count,
                            tally_run **run, tally_error *error);

/* A name by its number, in the order of kind and bytes. NO behind the last. */
typedef struct tally_run_name {
    uint32_t kind;
    size_t length;
    char name[TALLY_STREAM_MAX];
    tally_run_entry entry;
} tally_run_name;
enum tally_answer tally_run_name_at(const tally_run *run, uint32_t number, tally_run_name *name);

#endif
