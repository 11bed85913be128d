#include "verify/index.h"

#include <string.h>

#include "log/postings.h"

uint64_t tally_index_hash_name(const tally_index_secret *secret, uint32_t kind, const char *name, size_t length)
{
    return tally_hash_name(secret->names, kind, name, length);
}

uint64_t tally_index_hash_stream(const tally_index_secret *secret, const char *name, size_t length)
{
    return tally_hash_name(secret->streams, 0, name, length);
}

/* A name and its prefixes that are keys: docs/FORMAT.md, "Sections". */
static uint64_t hash_prefixes(const tally_index_secret *secret, uint32_t kind, tally_text name)
{
    uint64_t sum = tally_index_hash_name(secret, kind, name.bytes, name.length);
    uint32_t count = 0;
    for (size_t i = 0; i < name.length && count < TALLY_KEY_PREFIXES_MAX; i++) {
        char byte = name.bytes[i];
        if (byte != '.' && (byte != '/' || kind != TALLY_KEY_STREAM)) continue;
        sum += tally_index_hash_name(secret, kind + 1, name.bytes, i + 1);
        count++;
    }
    return sum;
}

tally_index_stream tally_index_stream_of(const tally_index_secret *secret, tally_text stream)
{
    return (tally_index_stream){hash_prefixes(secret, TALLY_KEY_STREAM, stream),
                                tally_index_hash_stream(secret, stream.bytes, stream.length)};
}

static uint64_t hash_type(tally_index_types *types, const tally_index_secret *secret, tally_text type)
{
    if (type.length > sizeof types->types[0].name) return hash_prefixes(secret, TALLY_KEY_TYPE, type);
    size_t at = (type.length * 7 + (uint8_t)type.bytes[0] + (uint8_t)type.bytes[type.length - 1] * 3u +
                 (uint8_t)type.bytes[type.length / 2]) %
                TALLY_INDEX_TYPES;
    bool known = types->types[at].length == type.length && memcmp(types->types[at].name, type.bytes, type.length) == 0;
    if (!known) {
        types->types[at].length = (uint32_t)type.length;
        memcpy(types->types[at].name, type.bytes, type.length);
        types->types[at].sum = hash_prefixes(secret, TALLY_KEY_TYPE, type);
    }
    return types->types[at].sum;
}

static void bound(uint8_t least[16], uint8_t most[16], bool first, const uint8_t value[16])
{
    if (first || memcmp(value, least, 16) < 0) memcpy(least, value, 16);
    if (first || memcmp(value, most, 16) > 0) memcpy(most, value, 16);
}

void tally_index_add(tally_index_sums *sums, tally_index_types *types, const tally_index_secret *secret,
                     const uint8_t salt[16], const tally_index_event *event)
{
    const tally_body_view *body = event->body;
    uint64_t names = event->stream.names + hash_type(types, secret, body->type);
    for (uint32_t i = 0; i < body->tag_count; i++)
        names += tally_index_hash_name(secret, TALLY_KEY_TAG, body->tags[i].bytes, body->tags[i].length);
    sums->names += names * tally_index_mix(secret->events, event->ordinal);
    sums->versions += tally_index_mix(event->stream.version, event->version);
    sums->offsets += tally_index_mix_pair(secret->values, event->ordinal, event->offset);
    if (event->ordinal % 64 == 0)
        sums->times += tally_index_mix_pair(secret->values, event->ordinal / 64, (uint64_t)event->time_us);
    sums->ids += tally_index_mix(secret->values, (uint64_t)tally_hash_value(salt, body->id) << 32 | event->ordinal);
    bound(sums->least_id, sums->most_id, !sums->any_id, body->id);
    sums->any_id = true;
    if (body->idempotency == NULL) return;
    sums->digests +=
        tally_index_mix(secret->values, (uint64_t)tally_hash_value(salt, body->idempotency) << 32 | event->ordinal);
    bound(sums->least_digest, sums->most_digest, sums->digest_count == 0, body->idempotency);
    sums->digest_count++;
}

void tally_index_join(tally_index_sums *sums, const tally_index_sums *more)
{
    sums->names += more->names;
    sums->versions += more->versions;
    sums->ids += more->ids;
    sums->digests += more->digests;
    sums->offsets += more->offsets;
    sums->times += more->times;
    if (more->any_id) {
        bound(sums->least_id, sums->most_id, !sums->any_id, more->least_id);
        bound(sums->least_id, sums->most_id, false, more->most_id);
        sums->any_id = true;
    }
    if (more->digest_count != 0) {
        bound(sums->least_digest, sums->most_digest, sums->digest_count == 0, more->least_digest);
        bound(sums->least_digest, sums->most_digest, false, more->most_digest);
        sums->digest_count += more->digest_count;
    }
}
