/* The platform of the process. */
#ifndef TALLY_PLATFORM_DEFAULT_H
#define TALLY_PLATFORM_DEFAULT_H

#include <tallystick/platform.h>

/* For tests, before any other thread runs: what is process-wide (slab, thread records, names) takes no
 * platform from its caller, and its failing paths want to be tested too. NULL restores the system's. */
void tally_platform_default_replace(const tally_platform *platform);

/* How many threads run at once here; at least 1. */
uint32_t tally_platform_processors(void);

#endif
