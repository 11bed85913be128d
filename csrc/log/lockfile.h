/* LOCK: held by the process that has a store open for writing; says by its text which one that is. */
#ifndef TALLY_LOG_LOCKFILE_H
#define TALLY_LOG_LOCKFILE_H

#include "log/file.h"

/* TALLY_E_LOCKED, naming process and host of who has it. */
tally_status tally_lockfile_take(const tally_folder *folder, tally_file *file, tally_error *error);
/* A second lock, on the first segment, which nobody takes for a leftover: LOCK may have been removed under an open
 * writer. Leaves TALLY_FILE_NONE when there is no segment yet, or when it has one already. */
tally_status tally_lockfile_take_segment(const tally_folder *folder, tally_file *file, tally_error *error);
void tally_lockfile_drop(const tally_folder *folder, tally_file *file);

#endif
