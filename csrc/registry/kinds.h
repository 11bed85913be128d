/* Interned names of events; see tallystick/kind.h. */
#ifndef TALLY_REGISTRY_KINDS_H
#define TALLY_REGISTRY_KINDS_H

#include <stdbool.h>

#include <tallystick/kind.h>

/* Whether a number was given out by tally_kind_intern. */
bool tally_kind_exists(uint32_t kind);

/* Whether an exact kind is among the names that a pattern stands for. No lock, no allocation. */
bool tally_kind_matches(uint32_t pattern, uint32_t kind);

#endif
