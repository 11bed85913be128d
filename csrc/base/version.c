#include <tallystick/base.h>

uint32_t tally_version(void) { return TALLY_VERSION; }

const char *tally_version_text(void) { return TALLY_VERSION_TEXT; }
