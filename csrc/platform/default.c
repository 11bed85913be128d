#include "platform/default.h"

#if defined(_WIN32)
/* No backend yet: the rest of the core is compiled for Windows to keep it portable, not to be used. */
static const tally_platform *const system_platform = NULL;
#else
#include "platform/posix.h"
static const tally_platform *const system_platform = &tally_platform_posix;
#endif

static const tally_platform *replacement;

void tally_platform_default_replace(const tally_platform *platform) { replacement = platform; }

const tally_platform *tally_platform_default(void) { return replacement != NULL ? replacement : system_platform; }
