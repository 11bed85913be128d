#include "verify/rotation.h"

#include <string.h>

#include "proof/lines.h"

static bool is_text(tally_text text, const char *wanted)
{
    return tally_text_equal(text, (tally_text){wanted, strlen(wanted)});
}

static bool take(tally_text *rest, const char *wanted)
{
    size_t length = strlen(wanted);
    if (rest->length < length || memcmp(rest->bytes, wanted, length) != 0) return false;
    rest->bytes += length;
    rest->length -= length;
    return true;
}

/* {"first":n,"vkey":"…"}; a vkey has no character that JSON escapes. */
static bool read_json(tally_text rest, tally_rotation *rotation)
{
    size_t digits = 0;
    if (!take(&rest, "{\"first\":")) return false;
    while (digits < rest.length && rest.bytes[digits] >= '0' && rest.bytes[digits] <= '9') digits++;
    if (!tally_line_number((tally_text){rest.bytes, digits}, &rotation->first)) return false;
    rest.bytes += digits;
    rest.length -= digits;
    if (!take(&rest, ",\"vkey\":\"") || rest.length < 3) return false;
    size_t length = rest.length - 2;
    if (length >= sizeof rotation->vkey || memcmp(rest.bytes + length, "\"}", 2) != 0) return false;
    memcpy(rotation->vkey, rest.bytes, length);
    rotation->vkey[length] = '\0';
    return true;
}

bool tally_rotation_read(const tally_core *core, const tally_body_view *body, const uint8_t *data, size_t length,
                         tally_rotation *rotation)
{
    if ((core->flags & TALLY_CORE_SYSTEM) == 0 || body->seal_algorithm != TALLY_SEAL_NONE) return false;
    if (!is_text(body->stream, "$keys") || !is_text(body->type, "tally.key.rotated")) return false;
    if (length < TALLY_SALT_BYTES) return false;
    rotation->position = core->position;
    rotation->confirmed = false;
    return read_json((tally_text){(const char *)data + TALLY_SALT_BYTES, length - TALLY_SALT_BYTES}, rotation) &&
           rotation->first > core->position;
}
