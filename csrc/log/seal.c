#include "log/seal.h"

#include "base/error.h"

tally_status tally_seal(tally_segment *segment, uint32_t map, tally_segment **sealed, tally_error *error)
{
    (void)segment, (void)map;
    *sealed = NULL;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "not yet");
}
