/* Behind the last event: whether the log ended there. */
#ifndef TALLY_VERIFY_ENDING_H
#define TALLY_VERIFY_ENDING_H

#include "upkeep/work.h"
#include "verify/joining.h"

/* Sets joining->bad when what lies behind, or says so elsewhere, shows that there were more events. */
tally_status tally_ending_check(tally_joining *joining, const tally_work_found *found, tally_error *error);
/* The same of a directory whose first segment is no segment. */
void tally_ending_nothing(tally_bad *bad, const tally_work_found *found);

#endif
