#include "registry/kinds.h"

#include <stdatomic.h>
#include <string.h>

#include <tallystick/platform.h>

#include "base/error.h"
#include "base/text.h"
#include "handle/process.h"

#define NAMES_PER_CHUNK 1024u
#define CHUNKS (TALLY_KIND_MAX / NAMES_PER_CHUNK)

/* Written once, before its number is given out; never freed. */
typedef struct kind_name {
    const char *text;
    uint32_t length;
    uint32_t number;
    uint64_t hash;
} kind_name;

/* invariant: names [0, count) are complete; readers without the lock look only at those */
static _Atomic(kind_name *) chunks[CHUNKS];
static _Atomic(uint32_t) count;

/* Open addressing over indexes + 1; guarded by TALLY_LOCK_KINDS. */
static uint32_t *table;
static uint32_t table_size;

static kind_name *name_at(uint32_t index)
{
    /* index < TALLY_KIND_MAX; the remainder tells the compiler. */
    uint32_t chunk = index / NAMES_PER_CHUNK % CHUNKS;
    return &atomic_load_explicit(&chunks[chunk], memory_order_acquire)[index % NAMES_PER_CHUNK];
}

/* FNV-1a with a final mix; names come from the program, not from strangers, and the count is bounded. */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3ull;
    return hash ^ (hash >> 29);
}

static uint32_t *place_of(uint64_t hash, const char *text, size_t length)
{
    uint32_t at = (uint32_t)hash & (table_size - 1);
    while (table[at] != 0) {
        const kind_name *name = name_at(table[at] - 1);
        if (name->hash == hash && name->length == length && memcmp(name->text, text, length) == 0) break;
        at = (at + 1) & (table_size - 1);
    }
    return &table[at];
}

static bool grow_table(void)
{
    const tally_platform *platform = tally_platform_default();
    uint32_t used = atomic_load_explicit(&count, memory_order_relaxed);
    if (table_size != 0 && used < table_size / 2) return true;
    uint32_t size = table_size == 0 ? 256 : table_size * 2;
    uint32_t *bigger = platform->allocate(platform->context, (size_t)size * sizeof *bigger);
    if (bigger == NULL) return false;
    memset(bigger, 0, (size_t)size * sizeof *bigger);
    platform->release(platform->context, table);
    table = bigger;
    table_size = size;
    for (uint32_t i = 0; i < used; i++) {
        const kind_name *name = name_at(i);
        *place_of(name->hash, name->text, name->length) = i + 1;
    }
    return true;
}

static bool room_for(uint32_t index)
{
    if (atomic_load_explicit(&chunks[index / NAMES_PER_CHUNK], memory_order_relaxed) != NULL) return true;
    const tally_platform *platform = tally_platform_default();
    kind_name *chunk = platform->allocate(platform->context, NAMES_PER_CHUNK * sizeof *chunk);
    if (chunk == NULL) return false;
    memset(chunk, 0, NAMES_PER_CHUNK * sizeof *chunk);
    atomic_store_explicit(&chunks[index / NAMES_PER_CHUNK], chunk, memory_order_release);
    return true;
}

/* Under the lock: the number of a name that passed its checks. */
static tally_status intern(const char *text, size_t length, uint32_t *kind)
{
    uint64_t hash = hash_of(text, length);
    if (table_size != 0) {
        uint32_t found = *place_of(hash, text, length);
        if (found != 0) {
            *kind = name_at(found - 1)->number;
            return TALLY_OK;
        }
    }
    uint32_t index = atomic_load_explicit(&count, memory_order_relaxed);
    if (index == TALLY_KIND_MAX) return TALLY_E_LIMIT;
    const tally_platform *platform = tally_platform_default();
    if (!grow_table() || !room_for(index)) return TALLY_E_NO_MEMORY;
    char *copy = platform->allocate(platform->context, length + 1);
    if (copy == NULL) return TALLY_E_NO_MEMORY;
    memcpy(copy, text, length);
    copy[length] = 0;
    kind_name *name = name_at(index);
    name->text = copy;
    name->length = (uint32_t)length;
    name->hash = hash;
    name->number = (index + 1) | (text[length - 1] == '*' ? TALLY_KIND_PATTERN : 0);
    *place_of(hash, text, length) = index + 1;
    atomic_store_explicit(&count, index + 1, memory_order_release);
    *kind = name->number;
    return TALLY_OK;
}

static tally_status check_stars(const char *name, size_t length, tally_error *error)
{
    const char *star = memchr(name, '*', length);
    if (star == NULL) return TALLY_OK;
    size_t at = (size_t)(star - name);
    if (at == length - 1 && at >= 2 && name[at - 1] == '.') return TALLY_OK;
    return tally_fail_at(error, TALLY_E_NAME, at,
                         "a '*' in the name of a kind must be its last character and follow a dot, as in \"order.*\"");
}

tally_status tally_kind_intern(const char *name, size_t length, uint32_t *kind, tally_error *error)
{
    tally_error_clear(error);
    if (kind == NULL) return tally_fail(error, TALLY_E_NULL, "kind is NULL; it receives the number");
    *kind = TALLY_KIND_NONE;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK)
        status = tally_name_check(name, length, 1, TALLY_KIND_NAME_MAX, "the name of a kind", error);
    if (status == TALLY_OK) status = check_stars(name, length, error);
    if (status != TALLY_OK) return status;
    tally_process_lock(TALLY_LOCK_KINDS);
    status = intern(name, length, kind);
    tally_process_unlock(TALLY_LOCK_KINDS);
    if (status == TALLY_E_LIMIT) {
        return tally_fail(error, status, "%u names are interned; intern the names of your program, not of your data",
                          TALLY_KIND_MAX);
    }
    if (status != TALLY_OK) return tally_fail(error, status, "no memory for another name");
    return TALLY_OK;
}

bool tally_kind_exists(uint32_t kind)
{
    uint32_t index = (kind & ~TALLY_KIND_PATTERN) - 1;
    return index < atomic_load_explicit(&count, memory_order_acquire) && name_at(index)->number == kind;
}

bool tally_kind_matches(uint32_t pattern, uint32_t kind)
{
    if (kind == TALLY_KIND_NONE || !tally_kind_exists(kind)) return false;
    const kind_name *prefix = name_at((pattern & ~TALLY_KIND_PATTERN) - 1);
    const kind_name *name = name_at(kind - 1);
    size_t prefix_length = prefix->length - 1; /* without the star, with the dot */
    return name->length > prefix_length && memcmp(name->text, prefix->text, prefix_length) == 0;
}

tally_status tally_kind_name(uint32_t kind, const char **name, size_t *length, tally_error *error)
{
    tally_error_clear(error);
    if (length != NULL) *length = 0;
    if (name == NULL) return tally_fail(error, TALLY_E_NULL, "name is NULL; it receives the text");
    *name = NULL;
    if (!tally_kind_exists(kind)) {
        return tally_fail(error, TALLY_E_NOT_FOUND, "no name has the number %u; tally_kind_intern gives numbers", kind);
    }
    const kind_name *found = name_at((kind & ~TALLY_KIND_PATTERN) - 1);
    *name = found->text;
    if (length != NULL) *length = found->length;
    return TALLY_OK;
}
