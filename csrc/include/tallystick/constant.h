/**
 * @file constant.h
 * @brief Every constant of the headers by its name, for bindings that cannot read macros.
 *
 * A binding that repeats `#define TALLY_POLICY_RAISE 1` in its own language has two places to keep
 * true. It asks instead, once, when it is loaded:
 *
 *     uint64_t raise;
 *     tally_constant_get("TALLY_POLICY_RAISE", &raise);
 *
 * The table holds every numeric macro of the public headers; a test compares the two. Status codes
 * are listed by tally_status_at.
 */
#ifndef TALLYSTICK_CONSTANT_H
#define TALLYSTICK_CONSTANT_H

#include "status.h"

/**
 * The value of a numeric macro of these headers.
 *
 * @param name   NUL-terminated, such as "TALLY_WAIT_FOREVER"
 * @param value  receives it; a negative constant is sign-extended (cast it to int64_t)
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_NOT_FOUND
 */
TALLY_API tally_status tally_constant_get(const char *name, uint64_t *value);

/**
 * Walks the table.
 *
 * @param index  from 0   @param name receives a static text   @param value as above
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_RANGE behind the last one
 */
TALLY_API tally_status tally_constant_at(size_t index, const char **name, uint64_t *value);

#endif
