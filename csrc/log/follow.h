/* Following: the view of a process that only reads, while another one may be writing. Scans forward over
 * whole commits of the unsealed segments; takes new and sealed segments when the directory shows them. */
#ifndef TALLY_LOG_FOLLOW_H
#define TALLY_LOG_FOLLOW_H

#include "log/recover.h"

typedef struct tally_follow tally_follow;

/* Opens read-only. Damage that recovery would refuse does not refuse here: the view is the whole prefix before
 * it. `found` as by tally_recover, nothing written. */
tally_status tally_follow_open(const tally_folder *folder, uint32_t check, uint32_t map, tally_follow **follow,
                               tally_found *found, tally_error *error);
/* Looks for more. `*view` is a new held view when the set of segments changed, else NULL. One pread when nothing
 * changed. One thread at a time. */
tally_status tally_follow_refresh(tally_follow *follow, tally_view **view, uint64_t *end, uint64_t *durable,
                                  tally_error *error);
void tally_follow_close(tally_follow *follow);

#endif
