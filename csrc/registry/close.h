/* The end of a registry. */
#ifndef TALLY_REGISTRY_CLOSE_H
#define TALLY_REGISTRY_CLOSE_H

#include "handle/closing.h"
#include "registry/body.h"

extern const tally_close_steps tally_registry_close_steps;

#endif
