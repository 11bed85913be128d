/* LOCK: held by the process that has a store open for writing; says by its text which one that is. */
#ifndef TALLY_LOG_LOCKFILE_H
#define TALLY_LOG_LOCKFILE_H

#include "log/file.h"

/* TALLY_E_LOCKED, naming process and host of who has it. */
tally_status tally_lockfile_take(const tally_folder *folder, tally_file *file, tally_error *error);
void tally_lockfile_drop(const tally_folder *folder, tally_file *file);

#endif
