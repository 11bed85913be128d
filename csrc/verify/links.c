#include "verify/links.h"

#include <string.h>

#include "base/error.h"
#include "log/hash.h"

#define WAYS 8u
#define SETS_MIN 64u
#define SETS_MAX (UINT64_C(1) << 15) /* 16 MiB */

tally_stream_key tally_stream_key_of(const uint8_t secret[32], uint32_t kind, tally_text name)
{
    return (tally_stream_key){tally_hash_name(secret, kind, name.bytes, name.length),
                              tally_hash_name(secret + 16, kind, name.bytes, name.length)};
}

static bool is_same(tally_stream_key a, tally_stream_key b) { return a.a == b.a && a.b == b.b; }

/* ---------------------------------------------------------------------------------------- of a chunk */

void tally_links_begin(tally_links *links, const tally_platform *platform)
{
    links->platform = platform;
    links->count = 0;
    links->round++;
    if (links->round != 0) return;
    for (size_t i = 0; i < links->capacity; i++) links->slots[i].round = 0;
    links->round = 1;
}

void tally_links_free(tally_links *links)
{
    if (links->platform != NULL) links->platform->release(links->platform->context, links->slots);
    links->slots = NULL;
    links->capacity = links->count = 0;
}

static tally_link *find(const tally_links *links, tally_stream_key key)
{
    size_t at = (size_t)key.a & (links->capacity - 1);
    while (links->slots[at].round == links->round && !is_same(links->slots[at].key, key))
        at = (at + 1) & (links->capacity - 1);
    return &links->slots[at];
}

static bool grow(tally_links *links)
{
    const tally_platform *platform = links->platform;
    tally_links larger = *links;
    larger.capacity = links->capacity == 0 ? 256 : 2 * links->capacity;
    larger.slots = platform->allocate(platform->context, larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) return false;
    for (size_t i = 0; i < larger.capacity; i++) larger.slots[i].round = links->round - 1;
    for (size_t i = 0; i < links->capacity; i++)
        if (links->slots[i].round == links->round) *find(&larger, links->slots[i].key) = links->slots[i];
    platform->release(platform->context, links->slots);
    *links = larger;
    return true;
}

tally_link *tally_links_at(tally_links *links, tally_stream_key key, bool *is_new)
{
    if (links->count * 4 >= links->capacity * 3 && !grow(links)) return NULL;
    tally_link *link = find(links, key);
    *is_new = link->round != links->round;
    if (!*is_new) return link;
    link->key = key;
    link->round = links->round;
    links->count++;
    return link;
}

/* ------------------------------------------------------------------------------------- between chunks */

tally_status tally_link_heads_open(tally_link_heads *heads, const tally_platform *platform, uint64_t streams,
                                   bool complete, tally_error *error)
{
    size_t sets = SETS_MIN;
    while (sets < SETS_MAX && sets * (WAYS / 2) < streams) sets *= 2;
    size_t bytes = sets * WAYS * sizeof *heads->heads;
    *heads = (tally_link_heads){.platform = platform, .sets = sets, .complete = complete};
    heads->heads = platform->allocate(platform->context, bytes);
    if (heads->heads == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the heads of streams");
    memset(heads->heads, 0, bytes);
    return TALLY_OK;
}

void tally_link_heads_close(tally_link_heads *heads)
{
    if (heads->platform != NULL) heads->platform->release(heads->platform->context, heads->heads);
    heads->heads = NULL;
}

static tally_link_head *set_of(tally_link_heads *heads, tally_stream_key key)
{
    return heads->heads + (size_t)(key.b & (heads->sets - 1)) * WAYS;
}

tally_link_head *tally_link_heads_find(tally_link_heads *heads, tally_stream_key key)
{
    tally_link_head *set = set_of(heads, key);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].next_version != 0 && is_same(set[i].key, key)) return &set[i];
    return NULL;
}

void tally_link_heads_put(tally_link_heads *heads, tally_stream_key key, uint64_t next_version,
                          const uint8_t last_hash[TALLY_DIGEST_BYTES])
{
    tally_link_head *set = set_of(heads, key);
    tally_link_head *at = tally_link_heads_find(heads, key);
    for (size_t i = 0; at == NULL && i < WAYS; i++)
        if (set[i].next_version == 0) at = &set[i];
    if (at == NULL) {
        at = &set[0];
        for (size_t i = 1; i < WAYS; i++)
            if (heads->clock - set[i].used > heads->clock - at->used) at = &set[i];
        heads->complete = false;
    }
    at->key = key;
    at->next_version = next_version;
    memcpy(at->last_hash, last_hash, TALLY_DIGEST_BYTES);
    at->used = heads->clock++;
}
