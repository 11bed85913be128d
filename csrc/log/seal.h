/* Sealing: a full segment, whose bytes are durable, gets its indexes as sections, and a trailer. In the
 * background, piece by piece, so that nobody waits for the whole; a crash in the middle leaves an unsealed segment. */
#ifndef TALLY_LOG_SEAL_H
#define TALLY_LOG_SEAL_H

#include "log/view.h"

typedef struct tally_sealing tally_sealing;

/* Holds the segment until it is ended. TALLY_E_ARGUMENT: it is sealed already. */
tally_status tally_seal_begin(tally_segment *segment, uint32_t map, tally_sealing **sealing, tally_error *error);
/* Does a piece, about a millisecond of work or one sync: catches the index up, writes sections and trailer behind
 * `segment->end`, cuts the file there, syncs it, and opens it as a sealed segment: `*sealed` is NULL until then. The
 * caller puts it into a new view. After a failure it can only be ended. One thread at a time. */
tally_status tally_seal_go_on(tally_sealing *sealing, tally_segment **sealed, tally_error *error);
/* Frees, also in the middle: the segment stays unsealed. Accepts NULL. */
void tally_seal_end(tally_sealing *sealing);

/* All of it at once. */
tally_status tally_seal(tally_segment *segment, uint32_t map, tally_segment **sealed, tally_error *error);

#endif
