/* What came since a commit's caller looked into the log: its ids, keys and conditions are compared with that
 * under the mutex, in memory only. */
#ifndef TALLY_LOG_SINCE_H
#define TALLY_LOG_SINCE_H

#include "log/log.h"

/* TALLY_E_EXISTS, E_CONFLICT at that event's position. `*outdated`: what came since is not in memory any more,
 * or commit->repeated names an event with the same key; the caller looks again. */
tally_status tally_since_check(const tally_log *log, tally_commit *commit, bool *outdated, tally_error *error);
/* Room for what the commit's ids and keys add. TALLY_E_NO_MEMORY. */
tally_status tally_since_reserve(tally_log *log, const tally_commit *commit, tally_error *error);
/* Remembers them, once it is staged. */
void tally_since_note(tally_log *log, const tally_commit *commit);

/* Whether an event is one that a condition is about. */
bool tally_condition_matches(const tally_append_condition *condition, const tally_body_view *body);

#endif
