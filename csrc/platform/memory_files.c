#include <string.h>

#include "base/checked.h"
#include "platform/memory_world.h"

/* An open file with bytes: a directory has none. */
static memory_node *find_bytes(memory_world *world, tally_file file, uint32_t flag, tally_status *status)
{
    memory_open_file *found = tally_memory_file(world, file, flag, status);
    if (found == NULL) return NULL;
    if (!found->node->is_directory) return found->node;
    *status = TALLY_E_ARGUMENT;
    return NULL;
}

/* ------------------------------------------------------------------------------------ read and write */

static tally_status read_at(void *context, tally_file file, void *data, size_t length, uint64_t offset, size_t *done,
                            int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *done = 0;
    *os_error = 0;
    tally_memory_lock(world);
    const memory_node *node = find_bytes(world, file, TALLY_OPEN_READ, &status);
    if (node != NULL && offset < node->current.size) {
        uint64_t left = node->current.size - offset;
        *done = left < length ? (size_t)left : length;
        tally_memory_bytes_read(&node->current, offset, data, *done);
    }
    tally_memory_unlock(world);
    return status;
}

/* Brings a changed range into the maps: no more, since others may read the rest of them now. What lies
 * behind the end of the file stays as it was; there the system would kill the reader. */
static void refresh_maps(memory_world *world, const memory_node *node, uint64_t offset, uint64_t end)
{
    if (end > node->current.size) end = node->current.size;
    for (memory_map *map = world->maps; map != NULL; map = map->next) {
        if (map->node != node) continue;
        uint64_t from = offset > map->offset ? offset : map->offset;
        uint64_t to = end < map->offset + map->length ? end : map->offset + map->length;
        if (from < to) tally_memory_bytes_read(&node->current, from, map->data + (from - map->offset), to - from);
    }
}

/* The longest size that the disk has room for, of a file that would like to have `size`. */
static uint64_t size_with_room(const memory_world *world, const memory_node *node, uint64_t size)
{
    if (size <= node->current.size) return size;
    uint64_t room = world->space_bytes > world->used_bytes ? world->space_bytes - world->used_bytes : 0;
    uint64_t more = size - node->current.size;
    return node->current.size + (more < room ? more : room);
}

/* Changes what the file is now and notes the change for the device. */
static tally_status change_bytes(memory_world *world, memory_node *node, uint64_t size, uint64_t offset,
                                 const void *data, size_t length)
{
    size_t total;
    if (!tally_add_size(sizeof(memory_change), length, &total)) return TALLY_E_NO_MEMORY;
    memory_change *change = tally_memory_allocate(total);
    if (change == NULL) return TALLY_E_NO_MEMORY;
    uint64_t size_before = node->current.size;
    if (!tally_memory_bytes_resize(&node->current, size)) {
        tally_memory_release(change);
        return TALLY_E_NO_SPACE;
    }
    if (!tally_memory_bytes_write(&node->current, offset, data, length)) {
        (void)tally_memory_bytes_resize(&node->current, size_before);
        tally_memory_release(change);
        return TALLY_E_NO_MEMORY;
    }
    world->used_bytes = world->used_bytes - size_before + size;
    change->next = NULL;
    change->operation = world->next_operation++;
    change->size = size;
    change->offset = offset;
    change->length = length;
    if (length > 0) memcpy(change->data, data, length);
    if (node->last_change == NULL) node->first_change = change;
    else node->last_change->next = change;
    node->last_change = change;
    refresh_maps(world, node, offset, offset + length);
    refresh_maps(world, node, size_before, size);
    return TALLY_OK;
}

static tally_status write_at(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                             size_t *done, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    uint64_t end;
    *done = 0;
    *os_error = 0;
    if (!tally_add_u64(offset, length, &end) || end > INT64_MAX) return TALLY_E_RANGE;
    if (end > TALLY_MEMORY_SIZE_MAX) return TALLY_E_NO_SPACE;
    tally_memory_lock(world);
    memory_node *node = find_bytes(world, file, TALLY_OPEN_WRITE, &status);
    if (node != NULL && length > 0) {
        uint64_t room = size_with_room(world, node, end);
        if (room <= offset) {
            status = TALLY_E_NO_SPACE;
        } else {
            if (end > room) length = (size_t)(room - offset); /* a full disk first writes short */
            uint64_t size = offset + length > node->current.size ? offset + length : node->current.size;
            status = change_bytes(world, node, size, offset, data, length);
            if (status == TALLY_OK) *done = length;
        }
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status write_slices_at(void *context, tally_file file, const tally_slice *slices, size_t count,
                                    uint64_t offset, size_t *done, int32_t *os_error)
{
    size_t total = 0;
    *done = 0;
    *os_error = 0;
    if (count > 1024) return TALLY_E_RANGE;
    for (size_t i = 0; i < count; i++) {
        if (!tally_add_size(total, slices[i].length, &total)) return TALLY_E_OVERFLOW;
    }
    if (total == 0) return TALLY_OK;
    /* One write, so that a power cut may take any part of the whole. */
    unsigned char *joined = tally_memory_allocate(total);
    if (joined == NULL) return TALLY_E_NO_MEMORY;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (slices[i].length > 0) memcpy(joined + at, slices[i].data, slices[i].length);
        at += slices[i].length;
    }
    tally_status status = write_at(context, file, joined, total, offset, done, os_error);
    tally_memory_release(joined);
    return status;
}

static tally_status change_size(void *context, tally_file file, uint64_t size_bytes, bool only_grow, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    if (size_bytes > INT64_MAX) return TALLY_E_RANGE;
    if (size_bytes > TALLY_MEMORY_SIZE_MAX) return TALLY_E_NO_SPACE;
    tally_memory_lock(world);
    memory_node *node = find_bytes(world, file, TALLY_OPEN_WRITE, &status);
    if (node != NULL && size_bytes != node->current.size && !(only_grow && size_bytes < node->current.size)) {
        bool room = size_with_room(world, node, size_bytes) == size_bytes;
        status = room ? change_bytes(world, node, size_bytes, 0, NULL, 0) : TALLY_E_NO_SPACE;
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status truncate_file(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    return change_size(context, file, size_bytes, false, os_error);
}

static tally_status allocate_space(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    return change_size(context, file, size_bytes, true, os_error);
}

/* ------------------------------------------------------------------------------------------- sync */

/* Puts the first `length` bytes of a change on the device. */
static bool make_durable(memory_node *node, const memory_change *change, size_t length)
{
    return tally_memory_bytes_resize(&node->durable, change->size) &&
           tally_memory_bytes_write(&node->durable, change->offset, change->data, length);
}

static tally_status sync_data(void *context, tally_file file, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    memory_open_file *found = tally_memory_file(world, file, 0, &status);
    if (found != NULL && found->node->first_change != NULL) world->syncs++;
    while (found != NULL && found->node->first_change != NULL) {
        memory_node *node = found->node;
        memory_change *change = node->first_change;
        if (!make_durable(node, change, change->length)) {
            status = TALLY_E_NO_MEMORY;
            break;
        }
        node->first_change = change->next;
        if (node->first_change == NULL) node->last_change = NULL;
        tally_memory_release(change);
    }
    tally_memory_unlock(world);
    return status;
}

/* Without memory less has reached the device, which may happen as well. */
static void reach_device(memory_node *node, uint64_t reached_bytes)
{
    for (const memory_change *change = node->first_change; change != NULL; change = change->next) {
        if (reached_bytes == 0) return;
        size_t length = change->length;
        if (length > reached_bytes) {
            uint64_t border = (change->offset + reached_bytes) / TALLY_MEMORY_SECTOR * TALLY_MEMORY_SECTOR;
            length = border > change->offset ? (size_t)(border - change->offset) : 0;
            reached_bytes = length; /* the last change of which anything has */
        }
        if (!make_durable(node, change, length)) return;
        reached_bytes -= length;
    }
}

void tally_memory_sync_failed(const tally_platform *platform, tally_file file, uint64_t reached_bytes)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_status status;
    tally_memory_lock(world);
    memory_open_file *found = tally_memory_file(world, file, 0, &status);
    if (found != NULL && found->node->first_change != NULL) world->syncs++;
    if (found != NULL) {
        reach_device(found->node, reached_bytes);
        tally_memory_changes_drop(found->node);
    }
    tally_memory_unlock(world);
}

/* ------------------------------------------------------------------------------------------- maps */

static tally_status map_file(void *context, tally_file file, uint64_t offset, size_t length, const void **address,
                             int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    uint64_t end;
    size_t total;
    *address = NULL;
    *os_error = 0;
    if (length == 0) return TALLY_E_LENGTH;
    if (offset % 4096 != 0) return TALLY_E_ALIGNMENT;
    if (!tally_add_u64(offset, length, &end)) return TALLY_E_RANGE;
    if (!tally_add_size(sizeof(memory_map), length, &total)) return TALLY_E_RANGE;
    tally_memory_lock(world);
    memory_node *node = find_bytes(world, file, TALLY_OPEN_READ, &status);
    if (node != NULL && end > node->current.size) status = TALLY_E_RANGE;
    memory_map *map = status == TALLY_OK ? tally_memory_allocate(total) : NULL;
    if (map != NULL) {
        tally_memory_node_hold(node);
        map->node = node;
        map->offset = offset;
        map->length = length;
        map->next = world->maps;
        world->maps = map;
        tally_memory_bytes_read(&node->current, offset, map->data, length);
        *address = map->data;
    } else if (status == TALLY_OK) {
        status = TALLY_E_NO_MEMORY;
    }
    tally_memory_unlock(world);
    return status;
}

static void unmap(void *context, const void *address, size_t length)
{
    memory_world *world = tally_memory_world(context);
    (void)length;
    tally_memory_lock(world);
    for (memory_map **link = &world->maps; *link != NULL; link = &(*link)->next) {
        memory_map *map = *link;
        if (map->data != address) continue;
        *link = map->next;
        tally_memory_node_drop(world, map->node);
        tally_memory_release(map);
        break;
    }
    tally_memory_unlock(world);
}

void tally_memory_fill_files(tally_platform *table)
{
    table->read_at = read_at;
    table->write_at = write_at;
    table->write_slices_at = write_slices_at;
    table->sync_data = sync_data;
    table->truncate_file = truncate_file;
    table->allocate_space = allocate_space;
    table->map_file = map_file;
    table->unmap = unmap;
}
