/* What lies in the directory of a store: the numbers of its segments, and whether there is anything else. */
#ifndef TALLY_LOG_DIRECTORY_H
#define TALLY_LOG_DIRECTORY_H

#include <stddef.h>

#include "log/file.h"
#include "log/names.h"

typedef struct tally_directory {
    const tally_platform *platform;
    uint64_t *numbers; /* of segments, ascending */
    size_t count;
    size_t capacity;
    size_t names;                   /* of all kinds */
    bool later;                     /* a segment of a generation that this library does not write */
    char foreign[TALLY_NAME_BYTES]; /* the first name that is none of ours, cut to fit; "" none */
    char later_name[TALLY_NAME_BYTES];
} tally_directory;

/* TALLY_E_NOT_FOUND no directory; TALLY_E_NO_MEMORY. Zero-fill or reuse `directory`; free it in any case. */
tally_status tally_directory_list(const tally_folder *folder, tally_directory *directory, tally_error *error);
void tally_directory_free(tally_directory *directory);

#endif
