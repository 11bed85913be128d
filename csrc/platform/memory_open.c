#include <string.h>

#include "platform/memory_world.h"

/* A tally_file of this world is a place in the table of open files and the generation of its use, so
 * that a number used after its close is found out, as the system finds EBADF. */
#define PLACE_BITS 20
#define PLACES_MAX (1u << PLACE_BITS)

memory_open_file *tally_memory_file(memory_world *world, tally_file file, uint32_t flag, tally_status *status)
{
    *status = TALLY_E_HANDLE;
    if (file < 0) return NULL;
    size_t place = (size_t)file % PLACES_MAX;
    if (place >= world->file_count) return NULL;
    memory_open_file *found = &world->files[place];
    if (found->node == NULL || found->generation != (uint64_t)file >> PLACE_BITS) return NULL;
    if ((found->flags & flag) != flag) return NULL;
    *status = TALLY_OK;
    return found;
}

static memory_open_file *free_place(memory_world *world)
{
    for (size_t i = 0; i < world->file_count; i++) {
        if (world->files[i].node == NULL) return &world->files[i];
    }
    size_t count = world->file_count == 0 ? 16 : world->file_count * 2;
    if (count > PLACES_MAX) return NULL;
    memory_open_file *files = tally_memory_allocate(count * sizeof *files);
    if (files == NULL) return NULL;
    memset(files, 0, count * sizeof *files);
    if (world->file_count > 0) memcpy(files, world->files, world->file_count * sizeof *files);
    tally_memory_release(world->files);
    memory_open_file *found = files + world->file_count;
    world->files = files;
    world->file_count = count;
    return found;
}

/* ----------------------------------------------------------------------------------- open and close */

/* The node to open, with a reference for the handle. */
static memory_node *find_or_create(memory_world *world, const char *path, uint32_t flags, uint32_t mode,
                                   tally_status *status)
{
    char name[TALLY_MEMORY_NAME_MAX + 1];
    memory_node *directory = tally_memory_resolve_parent(world, path, name, status);
    if (directory == NULL) return NULL;
    memory_node *node = name[0] == '\0' ? directory : tally_memory_find(&directory->names, name);
    bool create = (flags & TALLY_OPEN_CREATE) != 0;
    if (node != NULL) {
        if (create && (flags & TALLY_OPEN_EXCLUSIVE) != 0) *status = TALLY_E_EXISTS;
        else if (node->is_directory && (create || (flags & TALLY_OPEN_WRITE) != 0)) *status = TALLY_E_ARGUMENT;
        if (*status != TALLY_OK) return NULL;
        tally_memory_node_hold(node);
        return node;
    }
    if (!create) {
        *status = TALLY_E_NOT_FOUND;
        return NULL;
    }
    node = tally_memory_node_new(world, false, mode);
    if (node == NULL) {
        *status = TALLY_E_NO_MEMORY;
        return NULL;
    }
    *status = tally_memory_change_name(world, directory, name, node, NULL, NULL);
    if (*status == TALLY_OK) return node;
    tally_memory_node_drop(world, node);
    return NULL;
}

static tally_status open_file(void *context, const char *path, uint32_t flags, uint32_t mode, tally_file *file,
                              int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *file = TALLY_FILE_NONE;
    *os_error = 0;
    if ((flags & ~(TALLY_OPEN_READ | TALLY_OPEN_WRITE | TALLY_OPEN_CREATE | TALLY_OPEN_EXCLUSIVE)) != 0 ||
        (flags & (TALLY_OPEN_READ | TALLY_OPEN_WRITE)) == 0) {
        return TALLY_E_OPTION;
    }
    tally_memory_lock(world);
    memory_open_file *place = free_place(world);
    memory_node *node = NULL;
    if (place == NULL) status = TALLY_E_NO_MEMORY;
    else node = find_or_create(world, path, flags, mode, &status);
    if (node != NULL) {
        place->node = node;
        place->flags = flags;
        place->generation++;
        *file = (tally_file)((uint64_t)place->generation << PLACE_BITS | (uint64_t)(place - world->files));
    }
    tally_memory_unlock(world);
    return status;
}

static void close_place(memory_world *world, memory_open_file *place, tally_file file)
{
    if (place->node->locked_by == file) place->node->locked_by = TALLY_FILE_NONE;
    tally_memory_node_drop(world, place->node);
    place->node = NULL;
}

static tally_status close_file(void *context, tally_file file, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    /* In a forked child the lock may be held by a thread that is not there, and the world is a copy. */
    if (world->table.process_id(world) != world->process) return TALLY_OK;
    tally_memory_lock(world);
    memory_open_file *place = tally_memory_file(world, file, 0, &status);
    if (place != NULL) close_place(world, place, file);
    tally_memory_unlock(world);
    return status;
}

void tally_memory_end_process(const tally_platform *platform)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    for (size_t i = 0; i < world->file_count; i++) {
        memory_open_file *place = &world->files[i];
        if (place->node != NULL) close_place(world, place, (tally_file)((uint64_t)place->generation << PLACE_BITS | i));
    }
    tally_memory_unlock(world);
}

/* ------------------------------------------------------------------------------------ status and lock */

static tally_status file_status(void *context, tally_file file, tally_file_status *about, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *about = (tally_file_status){0};
    *os_error = 0;
    tally_memory_lock(world);
    const memory_open_file *found = tally_memory_file(world, file, 0, &status);
    if (found != NULL) {
        about->size_bytes = found->node->current.size;
        about->device = world->seed;
        about->inode = found->node->inode;
        about->mode = found->node->mode;
        about->is_directory = found->node->is_directory ? 1 : 0;
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status lock_file(void *context, tally_file file, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    const memory_open_file *found = tally_memory_file(world, file, 0, &status);
    if (found != NULL) {
        tally_file holder = found->node->locked_by;
        if (holder == TALLY_FILE_NONE) found->node->locked_by = file;
        else if (holder != file) status = TALLY_E_LOCKED;
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status unlock_file(void *context, tally_file file, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    const memory_open_file *found = tally_memory_file(world, file, 0, &status);
    if (found != NULL && found->node->locked_by == file) found->node->locked_by = TALLY_FILE_NONE;
    tally_memory_unlock(world);
    return status;
}

void tally_memory_fill_open(tally_platform *table)
{
    table->open_file = open_file;
    table->close_file = close_file;
    table->file_status = file_status;
    table->lock_file = lock_file;
    table->unlock_file = unlock_file;
}
