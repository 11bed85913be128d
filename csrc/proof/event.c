#include "proof/event.h"

#include <string.h>

#include "base/bytes.h"

static void take_core(const tally_core *core, tally_event *event)
{
    event->position = core->position;
    event->version = core->version;
    event->time_us = core->time_us;
    event->time_logical = core->time_logical;
    event->batch_index = core->batch_index;
    event->batch_count = core->batch_count;
    event->flags = (core->flags & TALLY_CORE_SYSTEM ? TALLY_EVENT_SYSTEM : 0) |
                   (core->flags & TALLY_CORE_SEALED ? TALLY_EVENT_SEALED : 0);
}

static void take_body(const tally_body_view *body, tally_event *event)
{
    event->schema_version = body->schema_version;
    memcpy(event->id.bytes, body->id, sizeof event->id.bytes);
    memcpy(event->correlation.bytes, body->correlation, sizeof event->correlation.bytes);
    memcpy(event->causation.bytes, body->causation, sizeof event->causation.bytes);
    event->occurred_us = 0;
    if (body->occurred != NULL) {
        event->occurred_us = (int64_t)tally_load_u64(body->occurred);
        event->flags |= TALLY_EVENT_OCCURRED;
    }
    event->stream = body->stream;
    event->type = body->type;
    event->content_type = body->content_type;
    event->tag_count = body->tag_count;
    event->reserved = 0;
    for (uint32_t i = 0; i < body->tag_count; i++) event->tags[i] = body->tags[i];
}

void tally_event_fill(const tally_core *core, const uint8_t *core_bytes, const tally_body_view *body,
                      const uint8_t *body_bytes, size_t body_length, tally_event *event)
{
    take_core(core, event);
    take_body(body, event);
    event->core = core_bytes;
    event->body = body_bytes;
    event->body_length = body_length;
}
