/* UTF-8 text: checked when it comes in, copied without ever being cut inside a character.
 *
 * UTF-8 here is that of RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef TALLY_BASE_TEXT_H
#define TALLY_BASE_TEXT_H

#include <stddef.h>

#include <tallystick/status.h>

/* The length in bytes (1 to 4) of the character that `bytes` begins with; 0 when no whole, legal one
 * lies within `available`. */
size_t tally_text_character(const char *bytes, size_t available);

/* Checks a caller's text of `min` to `max` bytes. NULL with length 0 is the empty text.
 *
 * `what` names it in the message ("the stream"). The byte index of what is wrong is in
 * error->position. TALLY_E_NULL, TALLY_E_LENGTH (also beyond PTRDIFF_MAX: a sign-extended -1),
 * TALLY_E_NUL, TALLY_E_UTF8: whichever byte comes first decides. */
tally_status tally_text_check(const char *text, size_t length, size_t min, size_t max, const char *what,
                              tally_error *error);

/* The same for names, which people read in lists and logs: control characters (U+0000 to U+001F,
 * U+007F to U+009F) are TALLY_E_NAME. NUL keeps its own error. */
tally_status tally_name_check(const char *text, size_t length, size_t min, size_t max, const char *what,
                              tally_error *error);

/* Copies as many whole characters as fit into `capacity` bytes together with a terminating NUL, and
 * returns their length. Each byte that is no UTF-8, and each NUL (the length and the terminator of the
 * copy have to agree), becomes '?'. With capacity 0 nothing is written. */
size_t tally_text_copy(char *to, size_t capacity, const char *from, size_t length);

#endif
