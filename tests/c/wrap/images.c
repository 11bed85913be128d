#include "wrap/images.h"

#include <stdbool.h>
#include <stdlib.h>

#include "platform/memory.h"

#define SUBSETS_UP_TO 8

typedef struct operations {
    uint64_t *numbers; /* of the unsynced changes, rising */
    size_t count;
    size_t capacity;
    bool failed;
} operations;

/* Which changes survive. */
typedef struct choice {
    const operations *all;
    uint64_t first; /* KEEP_FIRST: how many; ALL_BUT, ONLY: which; SUBSET: bits */
    uint64_t random;
    enum { NOTHING, EVERYTHING, KEEP_FIRST, ALL_BUT, ONLY, SUBSET, TORN } sort;
} choice;

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void note(void *user_data, const tally_memory_piece *piece)
{
    operations *all = user_data;
    if (all->count > 0 && all->numbers[all->count - 1] == piece->operation) return; /* another piece of it */
    if (all->count == all->capacity) {
        size_t capacity = all->capacity == 0 ? 64 : all->capacity * 2;
        uint64_t *numbers = realloc(all->numbers, capacity * sizeof *numbers);
        if (numbers == NULL) {
            all->failed = true;
            return;
        }
        all->numbers = numbers;
        all->capacity = capacity;
    }
    all->numbers[all->count++] = piece->operation;
}

static uint64_t place_of(const operations *all, uint64_t number)
{
    if (all->count == 0) return UINT64_MAX;
    const uint64_t *found = bsearch(&number, all->numbers, all->count, sizeof number, compare);
    return found == NULL ? UINT64_MAX : (uint64_t)(found - all->numbers);
}

static bool survives(void *user_data, const tally_memory_piece *piece)
{
    choice *chosen = user_data;
    uint64_t place = place_of(chosen->all, piece->operation);
    switch (chosen->sort) {
    case NOTHING: return false;
    case EVERYTHING: return true;
    case KEEP_FIRST: return place < chosen->first;
    case ALL_BUT: return place != chosen->first;
    case ONLY: return place == chosen->first;
    case SUBSET: return (chosen->first >> place & 1) != 0;
    case TORN: break;
    }
    /* xorshift64*: its state is never 0 */
    chosen->random ^= chosen->random >> 12;
    chosen->random ^= chosen->random << 25;
    chosen->random ^= chosen->random >> 27;
    return (chosen->random * UINT64_C(2685821657736338717) >> 63) != 0;
}

typedef struct visiting {
    const tally_platform *world;
    wrap_image_visitor visit;
    void *user_data;
    uint64_t visited;
    bool failed;
} visiting;

static void visit_one(visiting *to, choice chosen, const char *what, uint64_t number)
{
    tally_platform *after = NULL;
    wrap_image image = {what, number};
    if (to->failed) return;
    if (tally_memory_power_cut(to->world, survives, &chosen, &after, NULL) != TALLY_OK) {
        to->failed = true;
        return;
    }
    to->visit(to->user_data, after, &image);
    to->visited++;
    (void)tally_platform_memory_close(&after);
}

uint64_t wrap_each_image(const tally_platform *world, uint64_t seed, uint32_t random_count, wrap_image_visitor visit,
                         void *user_data)
{
    operations all = {0};
    visiting to = {world, visit, user_data, 0, false};
    tally_memory_unsynced(world, note, &all);
    if (all.count > 0) qsort(all.numbers, all.count, sizeof *all.numbers, compare);
    visit_one(&to, (choice){&all, 0, 0, NOTHING}, "nothing", 0);
    if (all.count > 0) visit_one(&to, (choice){&all, 0, 0, EVERYTHING}, "everything", 0);
    for (uint64_t i = 1; i < all.count; i++) visit_one(&to, (choice){&all, i, 0, KEEP_FIRST}, "the first", i);
    if (all.count > 1) {
        for (uint64_t i = 0; i < all.count; i++) visit_one(&to, (choice){&all, i, 0, ALL_BUT}, "all but", i);
        for (uint64_t i = 0; i < all.count; i++) visit_one(&to, (choice){&all, i, 0, ONLY}, "only", i);
    }
    if (all.count <= SUBSETS_UP_TO) {
        uint64_t subsets = UINT64_C(1) << all.count;
        for (uint64_t i = 1; i + 1 < subsets; i++) visit_one(&to, (choice){&all, i, 0, SUBSET}, "subset", i);
    }
    for (uint32_t i = 0; i < random_count && all.count > 0; i++) {
        uint64_t random = (seed + i + 1) * UINT64_C(0x9E3779B97F4A7C15);
        visit_one(&to, (choice){&all, 0, random == 0 ? 1 : random, TORN}, "torn", i);
    }
    free(all.numbers);
    return to.failed || all.failed ? 0 : to.visited;
}
