/* The names of the files of a store. Layout: docs/FORMAT.md, "Directory". */
#ifndef TALLY_LOG_NAMES_H
#define TALLY_LOG_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_NAME_LOCK "LOCK"
#define TALLY_NAME_HEAD "HEAD"
#define TALLY_NAME_RUNS "runs"
/* Behind the name of a file that is being made; what a crash left of one is removed, never read. */
#define TALLY_NAME_NEW ".new"

/* "NNNNNNNN.GG.seg": eight or more decimal digits of the number, two or more of the generation. */
#define TALLY_NAME_BYTES 64
void tally_name_segment(uint64_t number, uint64_t generation, char name[TALLY_NAME_BYTES]);
bool tally_name_is_segment(const char *name, uint64_t *number, uint64_t *generation);

/* "runs/FIRST-LAST.run": numbers of the first and last segment that the run covers. */
void tally_name_run(uint64_t first, uint64_t last, char name[TALLY_NAME_BYTES]);
bool tally_name_is_run(const char *name_in_runs, uint64_t *first, uint64_t *last);

#endif
