/**
 * @file kind.h
 * @brief Kinds: the numbers that stand for the names of events.
 *
 * A handler that wants only some events should not compare text each time. A name is *interned*
 * once and is a number from then on: the same name gives the same number for the life of the
 * process, in every registry and on every thread. Numbers are not the same in another process, so
 * they are never stored.
 *
 *     uint32_t paid;
 *     tally_kind_intern("order.paid", 10, &paid, NULL);
 *     tally_notice notice = {.kind = paid, .data = bytes, .length = length};
 *
 * Two kinds of number exist. An *exact* kind stands for one name and is what a notice carries. A
 * *pattern* ends in ".*" ("order.*"), stands for every name that begins with the part before the
 * star, at any depth, and is accepted only as a filter of a handler; it has TALLY_KIND_PATTERN set.
 * No filter at all is what other libraries write as "*".
 *
 * Names are 1 to TALLY_KIND_NAME_MAX bytes of UTF-8 without control characters (U+0000 to U+001F,
 * U+007F to U+009F) and, apart from a pattern's last character, without '*'. They are compared byte
 * by byte. Interned names are kept until the process ends, at most TALLY_KIND_MAX of them: intern
 * the names of your program, not text that a stranger sends.
 */
#ifndef TALLYSTICK_KIND_H
#define TALLYSTICK_KIND_H

#include "status.h"

/** No kind: a notice that only unfiltered handlers see. */
#define TALLY_KIND_NONE 0u
/** Set in the number of a pattern, clear in the number of an exact name. */
#define TALLY_KIND_PATTERN 0x80000000u
/** Longest name, in bytes. */
#define TALLY_KIND_NAME_MAX 512
/** Most names that one process can intern, exact ones and patterns together. */
#define TALLY_KIND_MAX 1048576u

/**
 * The number of a name, made now when it is new.
 *
 * @param name    the name or pattern; copied
 * @param length  its length in bytes
 * @param kind    receives the number, never 0
 * @return TALLY_OK;
 *         TALLY_E_NULL, TALLY_E_LENGTH, TALLY_E_UTF8, TALLY_E_NUL  the text is not acceptable;
 *         TALLY_E_NAME    a control character, or a '*' that is not a last one after a dot;
 *         TALLY_E_LIMIT   TALLY_KIND_MAX names exist;
 *         TALLY_E_NO_MEMORY
 */
TALLY_API tally_status tally_kind_intern(const char *name, size_t length, uint32_t *kind, tally_error *error);

/**
 * The name behind a number.
 *
 * @param kind    an exact kind or a pattern
 * @param name    receives a pointer to the name, NUL-terminated, valid until the process ends
 * @param length  receives its length in bytes; may be NULL
 * @return TALLY_OK; TALLY_E_NOT_FOUND no name has this number; TALLY_E_NULL
 */
TALLY_API tally_status tally_kind_name(uint32_t kind, const char **name, size_t *length, tally_error *error);

#endif
