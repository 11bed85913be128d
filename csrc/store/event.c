#include <tallystick/event.h>

#include <string.h>

#include "base/error.h"
#include "base/uuid.h"
#include "proof/core.h"

tally_status tally_event_hash(const tally_event *event, tally_hash *hash)
{
    if (hash == NULL) return TALLY_E_NULL;
    memset(hash, 0, sizeof *hash);
    if (event == NULL || event->core == NULL) return TALLY_E_NULL;
    tally_core_event_hash(event->core, hash->bytes);
    return TALLY_OK;
}

tally_status tally_uuid_format(const tally_uuid *id, char text[37])
{
    if (text == NULL) return TALLY_E_NULL;
    memset(text, 0, 37);
    if (id == NULL) return TALLY_E_NULL;
    tally_uuid_print(id->bytes, text);
    return TALLY_OK;
}

tally_status tally_uuid_read(const char *text, size_t length, tally_uuid *id, tally_error *error)
{
    tally_error_clear(error);
    if (id == NULL) return tally_fail(error, TALLY_E_NULL, "id is NULL; it receives the UUID");
    return tally_uuid_parse(text, length, id->bytes, error);
}
