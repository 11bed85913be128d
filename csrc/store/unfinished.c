/* Functions that nobody has written yet: each owner deletes his own. The file goes when it is empty. */
#include <tallystick/tallystick.h>

#include "base/error.h"

#include "store/store.h"

__attribute__((weak)) void tally_readers_close(tally_store_body *body) { (void)body; }
