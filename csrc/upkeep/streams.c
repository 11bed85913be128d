#include "upkeep/streams.h"

#include <string.h>

#include "base/bytes.h"
#include "proof/digest.h"

static tally_stream_at *find(const tally_streams *streams, const uint8_t key[16])
{
    size_t at = (size_t)tally_load_u64(key) & (streams->capacity - 1);
    while (streams->slots[at].used && memcmp(streams->slots[at].key, key, 16) != 0) {
        at = (at + 1) & (streams->capacity - 1);
    }
    return &streams->slots[at];
}

static bool grow(tally_streams *streams)
{
    const tally_platform *platform = streams->platform;
    tally_streams larger = {platform, NULL, streams->capacity == 0 ? 1024 : streams->capacity * 2, streams->count,
                            streams->doubted};
    larger.slots = platform->allocate(platform->context, larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) return false;
    memset(larger.slots, 0, larger.capacity * sizeof *larger.slots);
    for (size_t i = 0; i < streams->capacity; i++) {
        if (streams->slots[i].used) *find(&larger, streams->slots[i].key) = streams->slots[i];
    }
    platform->release(platform->context, streams->slots);
    *streams = larger;
    return true;
}

tally_stream_at *tally_streams_at(tally_streams *streams, tally_text name)
{
    uint8_t digest[TALLY_DIGEST_BYTES];
    if (streams->count * 4 >= streams->capacity * 3 && !grow(streams)) return NULL;
    /* A private use: the domain only has to be some. */
    tally_digest(TALLY_DIGEST_SHA256, TALLY_DOMAIN_KEY_ID, name.bytes, name.length, digest);
    tally_stream_at *at = find(streams, digest);
    if (!at->used) {
        memset(at, 0, sizeof *at);
        memcpy(at->key, digest, sizeof at->key);
        at->used = true;
        at->certain = !streams->doubted;
        streams->count++;
    }
    return at;
}

void tally_streams_doubt(tally_streams *streams)
{
    streams->doubted = true;
    for (size_t i = 0; i < streams->capacity; i++) streams->slots[i].certain = false;
}

void tally_streams_free(tally_streams *streams)
{
    if (streams->platform != NULL) streams->platform->release(streams->platform->context, streams->slots);
    streams->slots = NULL;
    streams->capacity = streams->count = 0;
}
