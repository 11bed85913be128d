/* The inside of a merge, shared by its course (run_merge.c), its names (merge_names.c) and hashes (merge_hashes.c). */
#ifndef TALLY_LOG_MERGE_BODY_H
#define TALLY_LOG_MERGE_BODY_H

#include "log/run_body.h"
#include "log/sort.h"

#define TALLY_MERGE_FAN 4u

/* One unit, with the name that it has next. */
typedef struct tally_merge_unit {
    const tally_segment *segment; /* or */
    const tally_run *run;
    uint32_t first; /* its first segment, counted from the merged run's first */
    uint32_t number;
    bool present;
    tally_run_name name;
} tally_merge_unit;

enum tally_merge_step { MERGE_BEGIN, MERGE_NAMES, MERGE_HASHES, MERGE_VALUES, MERGE_HEADER, MERGE_OPEN };

struct tally_merging {
    const tally_folder *folder;
    tally_view *view; /* held: the units are in it */
    const tally_platform *platform;
    tally_file file;
    tally_segment *const *segments; /* those that the units cover */
    tally_merge_unit units[TALLY_MERGE_FAN];
    size_t unit_count;
    tally_run_header header;
    tally_section_writer references;
    tally_section_writer records;
    tally_section_writer text;
    uint64_t end;     /* of the part before the one at hand */
    uint32_t *hashes; /* of the names, in their order */
    enum tally_merge_step step;
    uint32_t seed;
    uint32_t hash_capacity;
    uint32_t names;
    uint32_t reference_count;
    /* the hashes, a range of them at a time */
    tally_section_writer writer;
    tally_sorted *items;
    tally_sorter sorter;
    uint32_t capacity; /* of items, and of as much scratch memory behind them */
    uint32_t range;
    uint32_t ranges;
    uint32_t taken;     /* names that were looked at for the range */
    uint32_t count;     /* of items */
    uint32_t given;     /* … that are written */
    bool writes;        /* references, records and text have begun */
    bool has_file;      /* of the temporary name */
    bool writes_hashes; /* `writer` has begun */
    bool sorts;
    char name[TALLY_NAME_BYTES];
    char temporary[TALLY_NAME_BYTES + sizeof TALLY_NAME_NEW];
};

/* Loads the unit's next name. A unit that is damaged ends the merge. */
enum tally_answer tally_merge_load(tally_merge_unit *unit);
/* The unit with the least name; NULL: all names are merged. */
tally_merge_unit *tally_merge_least(tally_merging *merge);
/* Writes one name with the references of all units that have it, and moves those on. False: a unit is damaged. */
bool tally_merge_name(tally_merging *merge, const tally_merge_unit *first);

/* When all names are merged: begins the part of their hashes. */
tally_status tally_merge_hashes_begin(tally_merging *merge, tally_error *error);
/* Writes a piece of it; in the end goes to MERGE_HEADER. */
tally_status tally_merge_hashes_go_on(tally_merging *merge, tally_error *error);

#endif
