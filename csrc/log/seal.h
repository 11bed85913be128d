/* Sealing: a full segment, whose bytes are durable, gets its indexes as sections, and a trailer. In the
 * background; a crash in the middle leaves an unsealed segment. */
#ifndef TALLY_LOG_SEAL_H
#define TALLY_LOG_SEAL_H

#include "log/view.h"

/* Catches the index up, writes sections and trailer behind `segment->end`, cuts the file there, syncs it, and
 * opens it as a sealed segment. The caller puts `*sealed` into a new view. */
tally_status tally_seal(tally_segment *segment, uint32_t map, tally_segment **sealed, tally_error *error);

#endif
