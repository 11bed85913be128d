/* Following: the view of a process that only reads, while another one may be writing. Scans forward over
 * whole commits of the unsealed segments; takes new and sealed segments when HEAD or the directory shows them.
 *
 * What was seen stays. The one exception: a writer's machine lost power (the reader's did not: a shared disk), or
 * a writer's write failed, and the next writer's recovery cut commits that had been whole in the file and seen
 * here. Then positions that were seen may come to hold other events, so the follower ends: it notices that the
 * last commit that it took is not there any more, and answers TALLY_E_DAMAGED from then on, with the position up
 * to which it had seen the log. Who follows opens the store again and compares event hashes.
 *
 * A follower holds no lock, writes nothing, and never waits for the writer. */
#ifndef TALLY_LOG_FOLLOW_H
#define TALLY_LOG_FOLLOW_H

#include "log/recover.h"

typedef struct tally_follow tally_follow;

/* Opens read-only. Damage that recovery would refuse does not refuse here: the view is the whole prefix before
 * it. `found` as by tally_recover, nothing written, the report empty; found->durable is what is proven.
 * TALLY_E_FORMAT a later version; E_NOT_FOUND no directory; E_IO, E_NO_MEMORY, E_DENIED. */
tally_status tally_follow_open(const tally_folder *folder, uint32_t check, uint32_t map, tally_follow **follow,
                               tally_found *found, tally_error *error);
/* Looks for more. `*view` is a new held view when the set of segments changed, else NULL. HEAD, one pread and a look for
 * the next segment's name when nothing changed. One thread at a time. TALLY_E_DAMAGED: what was seen was cut, see above; E_FORMAT. */
tally_status tally_follow_refresh(tally_follow *follow, tally_view **view, uint64_t *end, uint64_t *durable,
                                  tally_error *error);
void tally_follow_close(tally_follow *follow);

#endif
