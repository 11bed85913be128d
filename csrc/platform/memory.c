#include <string.h>

#include "base/error.h"
#include "platform/memory_world.h"

/* 2020-01-01 00:00:00 UTC */
#define WALL_START_US INT64_C(1577836800000000)

void *tally_memory_allocate(size_t size_bytes)
{
    const tally_platform *platform = tally_platform_default();
    return platform->allocate(platform->context, size_bytes);
}

void tally_memory_release(void *memory)
{
    const tally_platform *platform = tally_platform_default();
    platform->release(platform->context, memory);
}

memory_world *tally_memory_world(const void *context) { return (memory_world *)(uintptr_t)context; }

void tally_memory_lock(memory_world *world) { world->table.mutex_lock(world, &world->mutex); }

void tally_memory_unlock(memory_world *world) { world->table.mutex_unlock(world, &world->mutex); }

/* ----------------------------------------------------------------------------- clock, identity, random */

/* SplitMix64: eight lines, and every seed is a good one. */
static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static void fill_random(uint64_t *state, uint8_t *to, size_t length)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        if (i % 8 == 0) bits = next_random(state);
        to[i] = (uint8_t)(bits >> (i % 8 * 8));
    }
}

static tally_status wall_clock_us(void *context, int64_t *now_us, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    *os_error = 0;
    tally_memory_lock(world);
    *now_us = world->wall_us;
    tally_memory_unlock(world);
    return TALLY_OK;
}

static tally_status boot_id(void *context, uint8_t id[16], int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    *os_error = 0;
    tally_memory_lock(world);
    memcpy(id, world->boot_id, sizeof world->boot_id);
    tally_memory_unlock(world);
    return TALLY_OK;
}

static tally_status host_name(void *context, char *name, size_t capacity, int32_t *os_error)
{
    static const char own[] = "memory";
    (void)context;
    *os_error = 0;
    if (capacity == 0) return TALLY_E_LENGTH;
    size_t length = sizeof own - 1 < capacity - 1 ? sizeof own - 1 : capacity - 1;
    memcpy(name, own, length);
    name[length] = '\0';
    return TALLY_OK;
}

static tally_status random_bytes(void *context, void *data, size_t length, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    *os_error = 0;
    tally_memory_lock(world);
    fill_random(&world->random_state, data, length);
    tally_memory_unlock(world);
    return TALLY_OK;
}

void tally_memory_new_boot(memory_world *world)
{
    fill_random(&world->random_state, world->boot_id, sizeof world->boot_id);
}

/* ----------------------------------------------------------------------------------- open and close */

memory_world *tally_memory_world_new(uint64_t seed)
{
    const tally_platform *platform = tally_platform_default();
    int32_t os_error;
    memory_world *world = tally_memory_allocate(sizeof *world);
    if (world == NULL) return NULL;
    memset(world, 0, sizeof *world);
    world->table.size = sizeof world->table;
    world->table.name = "memory";
    world->table.context = world;
    world->process = platform->process_id(platform->context);
    world->space_bytes = UINT64_MAX;
    world->wall_us = WALL_START_US;
    world->seed = seed;
    world->random_state = seed;
    world->next_inode = 1;
    world->next_operation = 1;
    tally_memory_new_boot(world);
    world->root = tally_memory_node_new(world, true, 0700);
    if (world->root == NULL || platform->mutex_init(platform->context, &world->mutex, &os_error) != TALLY_OK) {
        if (world->root != NULL) tally_memory_node_drop(world, world->root);
        tally_memory_release(world);
        return NULL;
    }
    world->table.wall_clock_us = wall_clock_us;
    world->table.boot_id = boot_id;
    world->table.host_name = host_name;
    world->table.random_bytes = random_bytes;
    tally_memory_fill_system(&world->table); /* allocation, threads and the monotonic clock */
    tally_memory_fill_open(&world->table);
    tally_memory_fill_files(&world->table);
    tally_memory_fill_names(&world->table);
    return world;
}

void tally_memory_world_free(memory_world *world)
{
    const tally_platform *platform = tally_platform_default();
    for (size_t i = 0; i < world->file_count; i++) {
        if (world->files[i].node != NULL) tally_memory_node_drop(world, world->files[i].node);
    }
    while (world->maps != NULL) {
        memory_map *map = world->maps;
        world->maps = map->next;
        tally_memory_node_drop(world, map->node);
        tally_memory_release(map);
    }
    tally_memory_name_changes_free(world, &world->first_name_change);
    tally_memory_node_drop(world, world->root);
    tally_memory_release(world->files);
    platform->mutex_destroy(platform->context, &world->mutex);
    tally_memory_release(world);
}

bool tally_memory_is_world(const tally_platform *platform)
{
    /* A wrapper's table has other functions, a copy of ours another address. */
    return platform != NULL && platform->wall_clock_us == wall_clock_us && platform->context == (const void *)platform;
}

tally_status tally_platform_memory_open(uint64_t seed, tally_platform **platform, tally_error *error)
{
    tally_error_clear(error);
    if (platform == NULL) return tally_fail(error, TALLY_E_NULL, "platform is NULL; it receives the new world");
    *platform = NULL;
    memory_world *world = tally_memory_world_new(seed);
    if (world == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a world in memory");
    *platform = &world->table;
    return TALLY_OK;
}

tally_status tally_platform_memory_close(tally_platform **platform)
{
    if (platform == NULL || *platform == NULL) return TALLY_OK;
    if (!tally_memory_is_world(*platform)) return TALLY_E_TYPE;
    memory_world *world = tally_memory_world((*platform)->context);
    *platform = NULL;
    tally_memory_world_free(world);
    return TALLY_OK;
}

tally_status tally_platform_memory_advance(tally_platform *platform, int64_t microseconds)
{
    if (platform == NULL) return TALLY_E_NULL;
    if (!tally_memory_is_world(platform)) return TALLY_E_TYPE;
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    int64_t moved;
    bool fits = !__builtin_add_overflow(world->wall_us, microseconds, &moved);
    if (fits) world->wall_us = moved;
    tally_memory_unlock(world);
    return fits ? TALLY_OK : TALLY_E_RANGE;
}
