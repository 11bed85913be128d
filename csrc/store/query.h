/* A query as a reader keeps it: checked, copied, with the range of positions that its bounds come down to. */
#ifndef TALLY_STORE_QUERY_H
#define TALLY_STORE_QUERY_H

#include <tallystick/reader.h>

#include "log/match.h"

typedef struct tally_bounds {
    uint64_t from_position;
    uint64_t to_position; /* 0: none */
    uint64_t from_version;
    uint64_t to_version;
    int64_t from_time_us;
    int64_t to_time_us;
    bool versions; /* of `stream` */
    size_t stream_length;
    char stream[TALLY_STREAM_MAX];
} tally_bounds;

/* The query as this library knows it, whole and free of contradictions. Errors as tally_reader_open. */
tally_status tally_query_read(const tally_query *from, tally_query *query, tally_error *error);

void tally_bounds_take(const tally_query *query, tally_bounds *bounds);
/* The positions [*low, *high) of a view's events below `end` that lie within the bounds. */
tally_status tally_bounds_settle(const tally_bounds *bounds, const tally_view *view, uint64_t end, uint64_t *low,
                                 uint64_t *high, tally_error *error);

#endif
