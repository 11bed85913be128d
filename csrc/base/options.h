/* Option structs: the size rule of base.h, in one place. */
#ifndef TALLY_BASE_OPTIONS_H
#define TALLY_BASE_OPTIONS_H

#include <stddef.h>

#include <tallystick/status.h>

/* Copies a caller's option struct into this library's newest form of it.
 *
 * `to` has `known_bytes` bytes; `first_bytes` is the size of the struct's first version. Members that
 * the caller's header did not know become 0, the documented default; `from` NULL makes all of them 0.
 * The `size` member of the copy is `known_bytes`. `to` is all zero, size included, on failure.
 *
 * `what` names the struct in the message ("tally_ring_options"). TALLY_E_ALIGNMENT; TALLY_E_STRUCT_SIZE
 * when the size is below first_bytes or above TALLY_STRUCT_SIZE_MAX (nothing else was read), or a part
 * that this library does not know is not zero: it would be an option silently ignored. */
tally_status tally_options_read(void *to, size_t known_bytes, size_t first_bytes, const void *from, const char *what,
                                tally_error *error);

#endif
