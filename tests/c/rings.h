/* Short forms for the tests of rings. Include handlers.h first. */
#ifndef TALLY_TEST_RINGS_H
#define TALLY_TEST_RINGS_H

#include "handlers.h"

static uint32_t wakes;

static inline void wake(void *user_data)
{
    (void)user_data;
    wakes++;
}

static inline tally_ring *open_ring(uint32_t slots, uint32_t slot_bytes)
{
    tally_ring_options options = {.size = sizeof options, .slots = slots, .slot_bytes = slot_bytes, .wake = wake};
    tally_ring *ring = NULL;
    wakes = 0;
    CHECK_STATUS(tally_ring_open(&options, &ring, NULL), TALLY_OK);
    return ring;
}

static inline void shut_ring(tally_ring **ring) { CHECK_STATUS(tally_ring_close(ring), TALLY_OK); }

static inline int32_t push(tally_ring *ring, const char *text)
{
    tally_notice notice = {.data = text, .length = strlen(text)};
    return tally_ring_handler(ring, &notice);
}

/* All that is there, with a bar behind each event. */
static inline const char *drain(tally_ring *ring)
{
    static char text[4096];
    tally_ring_event events[4];
    char data[1024];
    size_t count = 0;
    size_t used = 0;
    text[0] = 0;
    do {
        CHECK_STATUS(tally_ring_drain(ring, events, 4, data, sizeof data, &count, NULL), TALLY_OK);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQ(events[i].offset % 8, 0);
            used += (size_t)snprintf(text + used, sizeof text - used, "%.*s|", (int)events[i].length,
                                     data + events[i].offset);
        }
    } while (count != 0);
    return text;
}

static inline tally_ring_counts counts_of(tally_ring *ring)
{
    tally_ring_counts counts;
    CHECK_STATUS(tally_ring_count(ring, &counts, NULL), TALLY_OK);
    return counts;
}

#endif
