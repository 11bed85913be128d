#include "base/options.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"

tally_status tally_options_read(void *to, size_t known_bytes, size_t first_bytes, const void *from, const char *what,
                                tally_error *error)
{
    memset(to, 0, known_bytes);
    if (from == NULL) {
        memcpy(to, &known_bytes, sizeof known_bytes);
        return TALLY_OK;
    }
    if ((uintptr_t)from % _Alignof(size_t) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "%s is at an address that is no multiple of %zu", what,
                          _Alignof(size_t));
    }
    size_t size;
    memcpy(&size, from, sizeof size); /* read once: another thread may write it meanwhile */
    if (size < first_bytes || size > TALLY_STRUCT_SIZE_MAX) {
        return tally_fail(error, TALLY_E_STRUCT_SIZE, "%s.size is %zu; set it to sizeof(%s), which is %zu here", what,
                          size, what, known_bytes);
    }
    for (size_t i = known_bytes; i < size; i++) {
        if (((const unsigned char *)from)[i] != 0) {
            return tally_fail_at(error, TALLY_E_STRUCT_SIZE, i,
                                 "%s uses a member at byte %zu that this library (%s) does not know; use a newer one",
                                 what, i, TALLY_VERSION_TEXT);
        }
    }
    memcpy(to, from, size < known_bytes ? size : known_bytes);
    memcpy(to, &known_bytes, sizeof known_bytes);
    return TALLY_OK;
}
