#if !defined(_WIN32)
#include "platform/posix.h"

#include <unistd.h>
#endif
#include "platform/default.h"

#if defined(_WIN32)
uint32_t tally_platform_processors(void) { return 1; }
#else
uint32_t tally_platform_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}
#endif
