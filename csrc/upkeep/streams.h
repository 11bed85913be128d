/* The head of every stream met so far: its last version, and that event's hash. About 100 bytes for each. */
#ifndef TALLY_UPKEEP_STREAMS_H
#define TALLY_UPKEEP_STREAMS_H

#include <stdbool.h>

#include <tallystick/event.h>
#include <tallystick/platform.h>

typedef struct tally_stream_at {
    uint8_t key[16]; /* of the name: a part of its SHA-256 */
    bool used;
    bool certain; /* false: events of it may have been lost before the last one */
    uint64_t next_version;
    uint8_t last_hash[32];
} tally_stream_at;

/* Zero-filled but for `platform` is empty. */
typedef struct tally_streams {
    const tally_platform *platform;
    tally_stream_at *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    bool doubted; /* events have been lost: a stream that is new here may have begun before */
} tally_streams;

/* The place of a stream, made when it is new; lent until the next call. NULL: no memory. */
tally_stream_at *tally_streams_at(tally_streams *streams, tally_text name);
/* Events have been lost: no stream's next event is known any more. */
void tally_streams_doubt(tally_streams *streams);
void tally_streams_free(tally_streams *streams);

#endif
